//! Playing the faults: breaks, waits, and puts back together in an order that can work.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::fault::{Deck, Fault, Victim};
use super::ground::Ground;
use super::{operator, say};
use crate::proxy::Wire;

/// Longest quiet between two blows, in milliseconds.
const QUIET_MS: u64 = 4_000;
/// Longest time between faults of one blow, in milliseconds.
const APART_MS: u64 = 1_000;

/// What was done so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Toll {
    /// Kills by victim.
    pub(super) kills: BTreeMap<&'static str, usize>,
    /// Times that the wire was cut or made bad.
    pub(super) wire_faults: usize,
}

/// One blow after another until `enough` says so, never in the middle of a deck.
pub(super) async fn until_enough(
    ground: &mut Ground,
    deck: &mut Deck,
    mut enough: impl FnMut(&Ground) -> Result<bool>,
) -> Result<Toll> {
    let (begun, mut toll) = (Instant::now(), Toll::default());
    loop {
        tokio::time::sleep(Duration::from_millis(200) + deck.pause(QUIET_MS)).await;
        strike(ground, deck, &mut toll, begun).await?;
        if deck.is_even() && enough(ground)? {
            return Ok(toll);
        }
    }
}

/// One blow: some faults, as long as they last, and everything up again.
async fn strike(
    ground: &mut Ground,
    deck: &mut Deck,
    toll: &mut Toll,
    begun: Instant,
) -> Result<()> {
    let (mut down, mut back_at) = (Vec::new(), Instant::now());
    for fault in deck.draw() {
        say(&format!("{:6.1} s  {fault}", begun.elapsed().as_secs_f64()));
        match fault {
            Fault::Kill { victim, .. } => {
                if down.contains(&victim) || !kill(ground, victim, deck)? {
                    continue;
                }
                *toll.kills.entry(victim.name()).or_default() += 1;
                down.push(victim);
            }
            Fault::Cut => {
                ground.proxy.cut();
                toll.wire_faults += 1;
            }
            Fault::Bad { wire, .. } => {
                ground.proxy.set(wire);
                toll.wire_faults += 1;
            }
        }
        back_at = back_at.max(Instant::now() + fault.lasts());
        tokio::time::sleep(deck.pause(APART_MS)).await;
    }
    tokio::time::sleep_until(back_at.into()).await;
    ground.proxy.set(Wire::default());
    for victim in fallen(ground)? {
        if !down.contains(&victim) {
            say(&format!("{} had ended by itself; it is started again", victim.name()));
            down.push(victim);
        }
    }
    down.sort();
    for victim in down {
        start(ground, victim).await?;
    }
    let resumed = operator::resume_nodes(ground.site.cluster()?).await?;
    if resumed > 0 {
        say(&format!("an operator resumes {resumed} nodes that slurmd drained"));
    }
    Ok(())
}

/// Who ended by itself: slurmdbd 22.05 does when MariaDB goes away in the middle of a query
/// ("You haven't inited this storage yet"). A site's service manager starts it again.
fn fallen(ground: &mut Ground) -> Result<Vec<Victim>> {
    let cluster = ground.site.cluster_mut()?;
    let mut fallen = Vec::new();
    for victim in [Victim::Munged, Victim::Mariadb, Victim::Slurmdbd, Victim::Slurmctld] {
        let name = if victim == Victim::Mariadb { "mariadbd" } else { victim.name() };
        if cluster.daemon(name)?.exit_status().is_some() {
            fallen.push(victim);
        }
    }
    Ok(fallen)
}

/// Kills one with -9; false if there was nobody to kill.
fn kill(ground: &mut Ground, victim: Victim, deck: &mut Deck) -> Result<bool> {
    let site = &mut ground.site;
    match victim {
        Victim::Munged => site.cluster_mut()?.daemon("munged")?.crash(),
        Victim::Mariadb => site.cluster_mut()?.daemon("mariadbd")?.crash(),
        Victim::Slurmdbd => site.cluster_mut()?.daemon("slurmdbd")?.crash(),
        Victim::Slurmctld => site.cluster_mut()?.daemon("slurmctld")?.crash(),
        Victim::Postgresql => site.kill_postgres()?,
        Victim::Gateway => site.kill_gateway()?,
        Victim::CtlWorker => return site.crash_gateway_worker("ctl"),
        Victim::DbdWorker => return site.crash_gateway_worker("dbd"),
        Victim::Mimerd => site.kill_mimerd(deck.number(site.mimerd_count()))?,
    }
    Ok(true)
}

/// Starts one again, and waits until it answers.
async fn start(ground: &mut Ground, victim: Victim) -> Result<()> {
    let site = &mut ground.site;
    match victim {
        Victim::Munged => site.cluster_mut()?.start_munged().await,
        Victim::Mariadb => site.cluster_mut()?.start_mariadbd().await,
        Victim::Slurmdbd => site.cluster_mut()?.start_slurmdbd().await,
        Victim::Slurmctld => site.cluster_mut()?.start_slurmctld().await,
        Victim::Postgresql => site.start_postgres().await,
        // These have a supervisor: the testbed's own, and the gateway.
        Victim::Gateway | Victim::CtlWorker | Victim::DbdWorker => Ok(()),
        Victim::Mimerd => {
            for number in 0..site.mimerd_count() {
                if !site.mimerd_runs(number)? {
                    site.start_mimerd(number).await?;
                }
            }
            Ok(())
        }
    }
}
