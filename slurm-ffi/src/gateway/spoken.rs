//! What a worker says on standard error, line by line: how grave it is and which jobs it names.
//!
//! libslurm explains itself there and nowhere else, as "PROGRAM: error: TEXT". The last grave lines
//! are kept: when it ends the process, they are the reason.

use std::collections::VecDeque;

use crate::frame::WorkerKind;

/// Lines kept as a worker's last words.
const LAST_WORDS: usize = 4;

/// Longest line that is passed on, in characters.
const LINE_LENGTH: usize = 2000;

/// How grave a line is, by the words that libslurm puts before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gravity {
    /// The process ends: libslurm's "fatal", the dynamic linker's "symbol lookup error", a panic.
    Fatal,
    /// A call did not go well.
    Error,
    /// Something to know.
    Plain,
    /// Only with a debug level in the gateway's slurm.conf.
    Debug,
}

impl Gravity {
    /// As in metrics.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Fatal => "fatal",
            Self::Error => "error",
            Self::Plain => "plain",
            Self::Debug => "debug",
        }
    }
}

/// One line, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spoken {
    pub(super) gravity: Gravity,
    /// The line without the program's name and the word for its gravity.
    pub(super) text: String,
    /// Slurm's ids of the jobs it names.
    pub(super) job_ids: Vec<u32>,
}

impl Spoken {
    pub(super) fn read(line: &str) -> Self {
        let line = match line.split_once(": ") {
            Some((program, rest)) if program.starts_with("mimer-slurm-gateway") => rest,
            _ => line,
        };
        let (gravity, text) = weigh(line.trim_end());
        let text: String = text.chars().take(LINE_LENGTH).collect();
        Self { gravity, job_ids: job_ids(&text), text }
    }

    /// Writes it to the log: `error` where somebody must act.
    pub(super) fn log(&self, kind: WorkerKind, pid: u32) {
        let (worker, jobs, text) = (kind.name(), &self.job_ids, &self.text);
        match self.gravity {
            Gravity::Fatal => {
                tracing::error!(worker, worker.pid = pid, job.ids = ?jobs, "libslurm: {text}");
            }
            Gravity::Error => {
                tracing::warn!(worker, worker.pid = pid, job.ids = ?jobs, "libslurm: {text}");
            }
            Gravity::Plain => {
                tracing::info!(worker, worker.pid = pid, job.ids = ?jobs, "libslurm: {text}");
            }
            Gravity::Debug => {
                tracing::debug!(worker, worker.pid = pid, job.ids = ?jobs, "libslurm: {text}");
            }
        }
    }
}

fn weigh(line: &str) -> (Gravity, &str) {
    if let Some(text) = line.strip_prefix("fatal: ") {
        return (Gravity::Fatal, text);
    }
    if let Some(text) = line.strip_prefix("error: ") {
        return (Gravity::Error, text);
    }
    if line.starts_with("symbol lookup error") || line.contains("panicked at") {
        return (Gravity::Fatal, line);
    }
    // "debug: ", "debug2: " … "debug5: "
    let is_debug = |word: &str| word.trim_end_matches(|it: char| it.is_ascii_digit()) == "debug";
    match line.split_once(": ") {
        Some((word, text)) if is_debug(word) => (Gravity::Debug, text.trim_start()),
        _ => (Gravity::Plain, line),
    }
}

/// Job ids as Slurm writes them: "JobId=7", "job_id=7", "job 7".
fn job_ids(text: &str) -> Vec<u32> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for mark in ["jobid=", "jobid ", "job_id=", "job_id ", "job ", "jobs "] {
        for (at, _) in lower.match_indices(mark) {
            let rest = &lower[at + mark.len()..];
            let digits = rest.find(|it: char| !it.is_ascii_digit()).unwrap_or(rest.len());
            found.extend(rest[..digits].parse::<u32>());
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The last grave lines of one process, as one sentence.
#[derive(Debug, Default)]
pub(super) struct LastWords {
    lines: VecDeque<String>,
}

impl LastWords {
    pub(super) fn hear(&mut self, spoken: &Spoken) {
        match spoken.gravity {
            Gravity::Fatal | Gravity::Error => {}
            // What this program itself says before it ends has no mark.
            Gravity::Plain if !spoken.text.is_empty() => {}
            Gravity::Plain | Gravity::Debug => return,
        }
        if self.lines.len() == LAST_WORDS {
            self.lines.pop_front();
        }
        self.lines.push_back(spoken.text.clone());
    }

    pub(super) fn sentence(&self) -> String {
        self.lines.iter().map(String::as_str).collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(line: &str) -> (Gravity, String, Vec<u32>) {
        let spoken = Spoken::read(line);
        (spoken.gravity, spoken.text, spoken.job_ids)
    }

    #[test]
    fn libslurms_words_for_gravity_are_read() {
        let (gravity, text, _) =
            heard("mimer-slurm-gateway-ctl: fatal: Unable to process configuration file");
        assert_eq!(gravity, Gravity::Fatal);
        assert_eq!(text, "Unable to process configuration file");
        let line =
            "mimer-slurm-gateway-ctl: error: Parse error in file /x/slurm.conf line 3: \"A=1\"";
        assert_eq!(heard(line).0, Gravity::Error);
        assert_eq!(heard("mimer-slurm-gateway-dbd: debug2:   sent").0, Gravity::Debug);
        assert_eq!(heard("mimer-slurm-gateway-dbd: debug:  sent").1, "sent");
        assert_eq!(heard("mimer-slurm-gateway-dbd: debugging: on").0, Gravity::Plain);
    }

    #[test]
    fn the_linkers_and_our_own_ends_are_grave() {
        let trap = "mimer-slurm-gateway-dbd: symbol lookup error: /x/accounting_storage_slurmdbd.so: \
                    undefined symbol: slurmdbd_msg_type_2_str";
        assert_eq!(heard(trap).0, Gravity::Fatal);
        assert_eq!(heard("thread 'main' (7) panicked at src/x.rs:1:1:").0, Gravity::Fatal);
    }

    #[test]
    fn jobs_are_found_by_their_ids() {
        assert_eq!(heard("p: slurm_suspend error for JobId=100001").2, [100_001]);
        assert_eq!(heard("error: job 7 and job_id 8, JobId=7").2, [7, 8]);
        assert!(heard("error: no jobs here, job none").2.is_empty());
    }

    #[test]
    fn last_words_are_the_grave_ones_and_few() {
        let mut words = LastWords::default();
        for line in ["error: 1", "debug: x", "error: 2", "error: 3", "error: 4", "fatal: 5"] {
            words.hear(&Spoken::read(line));
        }
        assert_eq!(words.sentence(), "2; 3; 4; 5");
    }
}
