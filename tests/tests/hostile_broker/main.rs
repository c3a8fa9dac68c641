//! The gateway trusts nobody: a test that plays a hostile broker, with the right uid and protocol.
//!
//! `table.rs` says for every call and every bound of the gateway's file by which name the call is
//! refused. Both lists are complete: calls by a `match` without `_`, bounds by what the gateway
//! itself prints. Whatever was tried, Slurm is the same afterwards.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

mod dialogue;
mod door;
mod ground;
mod job_cases;
mod policy_cases;
mod sample;
mod table;

use dialogue::Dialogue;
use ground::Ground;

#[tokio::test]
async fn every_bound_is_refused_by_name_in_every_call_and_nothing_reaches_slurm() -> Result<()> {
    let ground = Ground::prepare().await?;
    let before = ground.what_slurm_has().await?;
    let mut broker = Dialogue::begin(&ground.socket())?;
    let mut tried = BTreeSet::new();
    for call in sample::every_call(&ground) {
        for case in table::cases(&call, &ground) {
            let refusal = broker.refused(&case.call)?;
            ensure!(
                refusal.code == case.code && refusal.sentence.contains(case.says),
                "{} of {}: {refusal:?} instead of {:?} ({:?})",
                case.bound,
                sample::name_of(&case.call),
                case.code,
                case.says
            );
            tried.insert((case.bound, sample::name_of(&case.call)));
        }
    }
    // The table is as complete as it says, and it says something about every bound there is.
    let wanted = table::every_pair();
    let missing: Vec<_> = wanted.difference(&tried).collect();
    let unlisted: Vec<_> = tried.difference(&wanted).collect();
    ensure!(missing.is_empty() && unlisted.is_empty(), "missing {missing:?}, extra {unlisted:?}");
    ensure!(table::bounds_listed() == ground.bounds_of_the_gateway().await?, "a bound has no row");

    ground.until_slurmdbd_has_caught_up(&mut broker).await?;
    ensure!(ground.what_slurm_has().await? == before, "something of all that reached Slurm");
    println!("{} pairs of call and bound were refused by name", tried.len());
    ground.stop().await
}
