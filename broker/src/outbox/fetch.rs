//! Bringing a staging link's data in, with `mimer-mover`, and recording what came.

use record::{Actor, Stamp};
use staging::gate::LinkGate;
use staging::link::{self, FetchStarted, LinkError, LinkState};
use staging::transfer::{self, Limits, MoverSite, Order, Outcome as Transferred, Report};
use uuid::Uuid;

use super::Claimed;
use super::crash::{Step, point};
use super::worker::{Outcome, commit, record};
use crate::accounts;
use crate::app::App;

/// Fetches one link. A try that broke off is taken up again where its verified part ends.
pub(super) async fn link(app: &App, claimed: &Claimed, link_id: Uuid) -> anyhow::Result<Outcome> {
    // Each try has its own id; a fetch that another worker took over reports under the old one and
    // is turned away.
    let transfer_id = record::id::fresh();
    let mut tx = app.db.begin().await?;
    let started = match link::start_fetch(&mut tx, link_id, transfer_id, &stamp(app, claimed)).await
    {
        Ok(started) => started,
        // Verified, quarantined or revoked before: there is nothing left to fetch.
        Err(LinkError::NotFetchable { .. }) => return Ok(Outcome::Done),
        Err(refused) => return Err(refused.into()),
    };
    let project = quotas::project::by_id(&mut tx, started.link.project_id).await?;
    commit(tx).await?;
    let slug = project.map(|project| project.slug.as_str().to_owned()).unwrap_or_default();

    let gid = accounts::any_of(&app.config.accounts.file, &slug)?.gid;
    let order = order(app, &started, transfer_id, gid);
    let gate = LinkGate { pool: app.db.clone(), link_id, transfer_id, clock: app.clock.clone() };
    point(Step::Asking).await;
    let report = match transfer::run_mover(&order, &app.config.staging.mover, &gate).await {
        Ok(report) => report,
        Err(broken) => Report::failed(transfer_id, link_id, &broken),
    };
    point(Step::Answered).await;
    keep(app, claimed, &report).await
}

fn stamp(app: &App, claimed: &Claimed) -> Stamp<'static> {
    Stamp {
        actor: Actor::Program("outbox"),
        now: app.clock.now(),
        why: None,
        trace_id: claimed.trace_id,
    }
}

fn order(app: &App, started: &FetchStarted, transfer_id: Uuid, gid: u32) -> Order {
    let staging = &app.config.staging;
    let site = MoverSite {
        identity_file: staging.sftp_key_file.clone(),
        known_hosts_file: staging.known_hosts_file.clone(),
        gid,
        limits: Limits { deadline_s: staging.deadline_s, ..Limits::default() },
    };
    Order::new(transfer_id, &started.link, &started.environment, site)
}

/// Records the report; the effect is over unless the try broke for a reason that may pass.
async fn keep(app: &App, claimed: &Claimed, report: &Report) -> anyhow::Result<Outcome> {
    let stamp = stamp(app, claimed);
    let mut tx = app.db.begin().await?;
    let link = match link::record_report(&mut tx, report.link_id, report, &stamp).await {
        Ok(link) => link,
        Err(LinkError::NotFetching { .. }) => return Ok(Outcome::Done),
        Err(refused) => return Err(refused.into()),
    };
    if matches!(link.state, LinkState::Failed { .. })
        && let Transferred::Failed { message, retry: true, .. } = &report.outcome
    {
        commit(tx).await?;
        return Ok(Outcome::Later(message.clone()));
    }
    let outcome = record(tx, claimed, stamp.now).await?;
    tracing::info!(link.id = %link.link_id, state = link.state.word(), "a link was fetched");
    Ok(outcome)
}
