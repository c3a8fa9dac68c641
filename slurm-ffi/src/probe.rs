//! The proof that the door is closed: somebody without any right asks to be let in.
//!
//! A process of its own becomes the bounds file's `probe_uid` and asks slurmctld whether it would
//! run a job there (`slurm_job_will_run2`, what `sbatch --test-only` sends). The job-submit plugin
//! hears such a question like a submission, and no job is ever made. A door is closed when the
//! answer is "access denied" there and something else at a place that does not exist: so it is the
//! place that is guarded, and not this one visitor that is refused everywhere.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::error::SlurmError;
use crate::session::Session;
use crate::sys;
use crate::text::Loan;
use crate::worker::WorkerError;

/// A name that no partition and no account has.
const NOWHERE: &str = "no-such-place";

/// The visitor stops asking after this, so that the worker's own deadline is not reached.
const PATIENCE: Duration = Duration::from_secs(5);

/// Accounts tried by turns, beside those tried each time.
const BY_TURNS: usize = 20;

/// Most accounts tried each time.
const MOST_STEMS: usize = 200;

/// Where somebody tries to get in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doors {
    /// Who tries; never root.
    pub uid: u32,
    /// Partitions of the broker's.
    pub partitions: Vec<String>,
    /// Accounts of the broker's.
    pub accounts: Vec<String>,
}

/// What slurmctld said to one question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Access denied: what the broker's `job_submit.lua` says.
    Denied,
    /// Refused for another reason: the plugin had nothing against it.
    Refused(String),
    /// It would run the job.
    Welcome,
}

/// What was heard at every door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// At a partition and an account that do not exist.
    pub nowhere: Reply,
    /// At each partition, for an account that does not exist.
    pub partitions: Vec<(String, Reply)>,
    /// At each account, for a partition that does not exist.
    pub accounts: Vec<(String, Reply)>,
    /// Doors for which there was no time.
    pub left_out: usize,
}

/// The visit, or why it could not be made.
pub type Proof = Result<Visit, String>;

/// The accounts to try in the `round`-th look: one of each stem, and some more by turns.
///
/// The script guards accounts by name and by prefix, so those that agree up to the first `_` stand
/// for each other; the turns bring every account up all the same. All of them each time would be
/// thousands of questions, and as many lines in slurmctld's log.
pub fn chosen(accounts: &[String], round: u64) -> Vec<String> {
    let mut stems = BTreeSet::new();
    let (mut chosen, others): (Vec<_>, Vec<_>) = accounts.iter().cloned().partition(|account| {
        let stem = account.split_inclusive('_').next().unwrap_or_default().to_owned();
        stems.len() < MOST_STEMS && stems.insert(stem)
    });
    let rounds = others.len().div_ceil(BY_TURNS).max(1);
    let turn = usize::try_from(round % rounds as u64).unwrap_or_default();
    chosen.extend(others.into_iter().skip(turn * BY_TURNS).take(BY_TURNS));
    chosen
}

/// Sends the visitor, as a process of its own, and waits for it.
pub fn send(doors: &Doors) -> Proof {
    let uid = doors.uid;
    if uid == 0 {
        return Err("root passes every door: name another probe_uid in the bounds file".to_owned());
    }
    let failed = |what: &str, error: io::Error| format!("{what} as uid {uid}: {error}");
    let question = serde_json::to_vec(doors).map_err(|error| error.to_string())?;
    // This very program; its environment is SLURM_CONF and nothing else, as its worker's.
    let mut visitor = Command::new("/proc/self/exe")
        .arg0("mimer-slurm-gateway-probe")
        .arg("probe")
        .uid(uid)
        .gid(uid)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed("the gateway cannot start a process", error))?;
    // The question fits into a pipe's buffer or the visitor reads it: neither side waits for ever.
    let told = visitor.stdin.take().map_or(Ok(()), |mut input| input.write_all(&question));
    let output = visitor.wait_with_output().map_err(|error| failed("no word came back", error))?;
    if output.status.success() && told.is_ok() {
        return serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("the visitor spoke in riddles: {error}"));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("nothing was said");
    Err(last.trim().to_owned())
}

/// The visitor's own process: doors on standard input, the visit on standard output.
pub fn run(conf: &Path) -> Result<(), WorkerError> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(io::Error::from)?;
    let mut output = crate::worker::take_standard_output()?;
    let mut question = Vec::new();
    io::stdin().read_to_end(&mut question)?;
    let doors: Doors = serde_json::from_slice(&question).map_err(io::Error::from)?;
    let session = Session::start(conf)?;
    let visit = visit(session, &doors)?;
    output.write_all(&serde_json::to_vec(&visit).map_err(io::Error::from)?)?;
    Ok(())
}

fn visit(session: Session, doors: &Doors) -> Result<Visit, SlurmError> {
    let begun = Instant::now();
    let nowhere = ask(session, doors.uid, NOWHERE, NOWHERE)?;
    let mut visit = Visit { nowhere, partitions: Vec::new(), accounts: Vec::new(), left_out: 0 };
    for partition in &doors.partitions {
        let reply = ask(session, doors.uid, partition, NOWHERE)?;
        visit.partitions.push((partition.clone(), reply));
    }
    for account in &doors.accounts {
        if begun.elapsed() > PATIENCE {
            visit.left_out += 1;
            continue;
        }
        let reply = ask(session, doors.uid, NOWHERE, account)?;
        visit.accounts.push((account.clone(), reply));
    }
    Ok(visit)
}

/// One question. An error means that slurmctld gave no verdict at all.
fn ask(_session: Session, uid: u32, partition: &str, account: &str) -> Result<Reply, SlurmError> {
    let mut loan = Loan::default();
    let (partition, account) = (loan.lend("partition", partition)?, loan.lend("account", account)?);
    // SAFETY: libslurm is initialised. Both names are lent by `loan`, which outlives the call, and
    // libslurm keeps neither (docs/SAFETY.md, 5).
    let code = unsafe { sys::shim_ask(uid, uid, partition, account) };
    match SlurmError::check("slurm_job_will_run2", code) {
        Ok(()) => Ok(Reply::Welcome),
        Err(error) if error.is(sys::ESLURM_ACCESS_DENIED) => Ok(Reply::Denied),
        Err(error) if error.retry() => Err(error),
        Err(error) => Ok(Reply::Refused(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_account_of_each_stem_is_tried_each_time_and_every_account_in_its_turn() {
        let mut accounts: Vec<String> = (0..45).map(|number| format!("pub_{number:02}")).collect();
        accounts.push("public".to_owned());
        let rounds: Vec<_> = (0..3).map(|round| chosen(&accounts, round)).collect();
        for round in &rounds {
            assert_eq!(round[..2], ["pub_00", "public"]);
        }
        assert_eq!(rounds.iter().map(Vec::len).collect::<Vec<_>>(), [22, 22, 6]);
        let tried: BTreeSet<_> = rounds.concat().into_iter().collect();
        assert_eq!(tried.len(), accounts.len());
        assert_eq!(chosen(&accounts, 3), rounds[0]);
        assert!(chosen(&[], 7).is_empty());
    }
}
