//! People: opaque ids that may be chained, and names that may be erased.
//!
//! Sealed rows carry only the id. The login and the name live here, in a table that is not sealed,
//! so that a person can be forgotten while the chain stays whole.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

/// A person the broker knows.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Person {
    /// The opaque id that sealed rows carry.
    pub person_id: Uuid,
    /// The name the person logs in with; `None` once erased.
    pub login: Option<String>,
    /// The name shown to others; `None` once erased.
    pub name: Option<String>,
}

/// Remembers a person.
pub async fn remember(
    tx: &mut PgConnection,
    person_id: Uuid,
    login: &str,
    name: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into record.person (person_id, login, name) values ($1, $2, $3)",
        person_id,
        login,
        name
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Finds a person by login.
pub async fn by_login(tx: &mut PgConnection, login: &str) -> Result<Option<Person>, sqlx::Error> {
    sqlx::query_as!(
        Person,
        "select person_id, login, name from record.person where login = $1",
        login
    )
    .fetch_optional(tx)
    .await
}

/// The logins of these people, but for those that were erased.
pub async fn logins(
    tx: &mut PgConnection,
    person_ids: &[Uuid],
) -> Result<HashMap<Uuid, String>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select person_id, login as "login!" from record.person
           where person_id = any($1) and login is not null"#,
        person_ids
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.person_id, row.login)).collect())
}

/// Finds a person by id.
pub async fn by_id(tx: &mut PgConnection, person_id: Uuid) -> Result<Option<Person>, sqlx::Error> {
    sqlx::query_as!(
        Person,
        "select person_id, login, name from record.person where person_id = $1",
        person_id
    )
    .fetch_optional(tx)
    .await
}
