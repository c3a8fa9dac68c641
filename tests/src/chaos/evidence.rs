//! What the jobs themselves say: each writes a line when it starts and one when it is done, and has
//! it on disk before it goes on. Nobody's account of a job is better than its own.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

/// A script of the job called `name` that runs so many seconds and ends with that exit code.
pub(super) fn script(name: &str, sleep_s: u64, exit_code: u8) -> String {
    format!(
        "#!/bin/sh\n\
         mark() {{\n\
         \x20   echo \"$1 $SLURM_JOB_ID $(date +%s.%3N) {name}\" >> \"$HOME/evidence\"\n\
         \x20   sync \"$HOME/evidence\"\n\
         }}\n\
         mark start\n\
         sleep {sleep_s}\n\
         mark end\n\
         exit {exit_code}\n"
    )
}

/// What one Slurm job said.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Said {
    /// Its name, which no other plan has.
    pub(super) name: String,
    /// When it started, each time.
    pub(super) starts: Vec<f64>,
    /// How often it came to its end.
    pub(super) ends: usize,
}

/// What all jobs said, by Slurm's job id.
pub(super) type Evidence = BTreeMap<u32, Said>;

/// Reads the file in a project's area; nothing if no job has started yet.
pub(super) fn read(area: &Path) -> Result<Evidence> {
    let file = area.join("work/evidence");
    match std::fs::read_to_string(&file) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Evidence::new()),
        Err(error) => Err(error).with_context(|| format!("reading {}", file.display())),
    }
}

fn parse(text: &str) -> Result<Evidence> {
    let mut evidence = Evidence::new();
    for line in text.lines() {
        let unknown = || format!("a job wrote an unexpected line: {line:?}");
        let words: Vec<&str> = line.split(' ').collect();
        let [what, job_id, at, name] = words[..] else { anyhow::bail!(unknown()) };
        let said: &mut Said = evidence.entry(job_id.parse().with_context(unknown)?).or_default();
        name.clone_into(&mut said.name);
        match what {
            "start" => said.starts.push(at.parse().with_context(unknown)?),
            "end" => said.ends += 1,
            _ => anyhow::bail!(unknown()),
        }
    }
    Ok(evidence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_started_twice_has_two_lines() {
        let text = "start 100 1.5 chaos-0\nstart 101 2.0 chaos-1\nend 101 3.0 chaos-1\n\
                    start 100 9.0 chaos-0\nend 100 12.0 chaos-0\n";
        let evidence = parse(text).unwrap();
        assert_eq!(evidence[&100].starts, [1.5, 9.0]);
        assert_eq!((evidence[&100].ends, evidence[&101].starts.len()), (1, 1));
        assert!(parse("start 100\n").is_err());
    }
}
