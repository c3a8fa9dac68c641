//! The checked queries: `.sqlx` against a database that all migrations have made.

use std::path::Path;
use std::process::ExitCode;

use crate::postgres::Postgres;
use crate::{Fault, Outcome, step, tools};

/// The crates that own a schema, in the order of their migrations.
const SCHEMAS: [&str; 5] = ["record", "accounting", "quotas", "staging", "broker"];

/// `prepare`: writes `.sqlx` anew.
pub(crate) fn run() -> Outcome {
    with_database(&[])?;
    Ok(ExitCode::SUCCESS)
}

/// Fails if `.sqlx` is not what a database says.
pub(crate) fn check() -> Result<(), Fault> {
    with_database(&["--check"])
}

fn with_database(options: &[&str]) -> Result<(), Fault> {
    tools::SQLX.install()?;
    let postgres = Postgres::start()?;
    for schema in SCHEMAS.iter().filter(|schema| Path::new(schema).join("migrations").is_dir()) {
        let mut migrate = step::cargo(&["sqlx", "migrate", "run"]);
        migrate.current_dir(step::root().join(schema)).env("DATABASE_URL", postgres.url());
        step::must(migrate)?;
    }
    let mut prepare = step::cargo(&["sqlx", "prepare", "--workspace"]);
    prepare.args(options).args(["--", "--workspace", "--all-targets"]);
    // The workspace asks for offline checks by default; here the database is the judge.
    prepare.env("DATABASE_URL", postgres.url()).env("SQLX_OFFLINE", "false");
    step::must(prepare)
}
