//! `mimer cluster diff` and `apply`: what Slurm should have and has not, line by line.

use serde::Deserialize;

use crate::table::{list, plain, words};

/// What differs, and what mimerd does about it.
#[derive(Deserialize)]
pub(super) struct Differences {
    keep: String,
    pub(super) lines: Vec<Line>,
}

/// One field of one object.
#[derive(Deserialize)]
pub(super) struct Line {
    object: String,
    name: String,
    field: String,
    expected: Option<String>,
    actual: Option<String>,
    drift: bool,
    can_apply: bool,
    decides: String,
    sentence: String,
}

/// What became of the differences.
#[derive(Deserialize)]
pub(super) struct Outcome {
    applied: Vec<Line>,
    pub(super) failed: Vec<Failed>,
    pub(super) left: Vec<Line>,
}

#[derive(Deserialize)]
pub(super) struct Failed {
    #[serde(flatten)]
    line: Line,
    error: String,
}

/// The differences as a table, and below it what can be done.
pub(super) fn text(differences: Differences) -> String {
    let Differences { keep, lines } = differences;
    if lines.is_empty() {
        return "Slurm has what it should have".to_owned();
    }
    let pending = lines.iter().any(|line| !line.drift && line.can_apply);
    let drift = lines.iter().any(|line| line.drift && line.can_apply);
    let mut parts = vec![table(&lines), sentences(&lines)];
    if pending && keep == "apply" {
        parts.push("What is pending is written by mimerd within seconds.".to_owned());
    }
    if drift || (pending && keep != "apply") {
        parts.push("`mimer cluster apply --why TEXT` sets Slurm as it should be.".to_owned());
    }
    parts.join("\n\n")
}

/// What was done, what was not, and why.
pub(super) fn outcome(outcome: Outcome) -> String {
    let Outcome { applied, failed, left } = outcome;
    if applied.is_empty() && failed.is_empty() && left.is_empty() {
        return "Slurm has what it should have; nothing was written".to_owned();
    }
    let mut parts = vec![match applied.len() {
        0 => "nothing was written".to_owned(),
        _ => format!("written:\n{}", table(&applied)),
    }];
    for Failed { line, error } in &failed {
        let what = format!("{} {}, {}: {error}", line.object, line.name, line.field);
        parts.push(format!("failed: {}", plain(&what)));
    }
    if !left.is_empty() {
        parts.push(format!("left:\n{}\n\n{}", table(&left), sentences(&left)));
    }
    parts.join("\n\n")
}

fn table(lines: &[Line]) -> String {
    let columns = [
        words("object"),
        words("name"),
        words("field"),
        words("should be"),
        words("is"),
        words("how"),
        words("decides"),
    ];
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let rows = lines.iter().map(|line| {
        [
            line.object.clone(),
            line.name.clone(),
            line.field.clone(),
            value(&line.expected),
            value(&line.actual),
            if line.drift { "by hand" } else { "pending" }.to_owned(),
            line.decides.clone(),
        ]
    });
    list(columns, rows, "nothing differs")
}

/// Each different sentence once, in the order of the lines.
fn sentences(lines: &[Line]) -> String {
    let mut said: Vec<String> = Vec::new();
    for line in lines {
        let sentence = plain(&line.sentence);
        if !said.contains(&sentence) {
            said.push(sentence);
        }
    }
    said.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drifted() -> Line {
        Line {
            object: "qos".to_owned(),
            name: "mimer_public_stroke".to_owned(),
            field: "minutes gres/gpu".to_owned(),
            expected: Some("6000".to_owned()),
            actual: None,
            drift: true,
            can_apply: true,
            decides: "decider".to_owned(),
            sentence: "Somebody changed the budget.".to_owned(),
        }
    }

    #[test]
    fn a_difference_says_who_decides_and_what_mends_it() {
        let differences = Differences { keep: "apply".to_owned(), lines: vec![drifted()] };
        let text = text(differences);
        for said in
            ["6000       -  ", "by hand", "decider", "Somebody changed", "cluster apply --why"]
        {
            assert!(text.contains(said), "{said}: {text}");
        }
        let none = Differences { keep: "show".to_owned(), lines: vec![] };
        assert_eq!(super::text(none), "Slurm has what it should have");
    }

    #[test]
    fn what_failed_is_told_with_its_reason() {
        let failed = vec![Failed { line: drifted(), error: "no such TRES".to_owned() }];
        let text = outcome(Outcome { applied: vec![], failed, left: vec![] });
        assert!(text.contains("minutes gres/gpu: no such TRES"), "{text}");
    }
}
