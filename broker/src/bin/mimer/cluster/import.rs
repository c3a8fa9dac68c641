//! `mimer cluster import`: what the broker would make of what Slurm has.

use serde::Deserialize;

use crate::table::{figures, list, plain, words};

/// One account or QOS.
#[derive(Deserialize)]
pub(super) struct Found {
    object: String,
    name: String,
    parent: Option<String>,
    users: Vec<String>,
    becomes: String,
    advice: Vec<String>,
}

pub(super) fn text(found: Vec<Found>) -> String {
    let columns =
        [words("object"), words("name"), words("parent"), figures("users"), words("becomes")];
    let rows = found.iter().map(|found| {
        [
            found.object.clone(),
            found.name.clone(),
            found.parent.clone().unwrap_or_default(),
            found.users.len().to_string(),
            found.becomes.replace('_', " "),
        ]
    });
    let mut parts = vec![list(columns, rows, "Slurm has no accounts")];
    for found in &found {
        let mut lines = vec![plain(&format!("{} {}", found.object, found.name))];
        lines.extend(found.advice.iter().map(|advice| format!("  {}", plain(advice))));
        parts.push(lines.join("\n"));
    }
    parts.join("\n\n")
}
