//! Strangers: jobs on the broker's partitions or accounts that nobody planned.
//!
//! The door is closed by Slurm's own plugin; this is what notices when somebody came in all the
//! same, as root can. Each is kept as an exception, cancelled, and its use posted when it is over.

use record::{Actor, Stamp};
use slurm_wire::{Answer, Call, JobRow};

use crate::app::App;
use crate::exception;
use crate::gateway::GatewayError;
use crate::outbox::{self, Effect};

/// Looks for strangers once.
pub(super) async fn look(app: &App) -> anyhow::Result<()> {
    let Answer::Jobs(jobs) = app.gateway.call(&Call::ReadStrangers).await? else {
        return Err(GatewayError::OutOfTurn.into());
    };
    for job in &jobs {
        take_in(app, job).await?;
    }
    let open = exception::count_open(&mut *app.db.acquire().await?).await?;
    app.metrics.exceptions_open(open);
    Ok(())
}

async fn take_in(app: &App, job: &JobRow) -> anyhow::Result<()> {
    let cluster = &app.cluster.name;
    let stamp = Stamp {
        actor: Actor::Program("watcher"),
        now: app.clock.now(),
        why: None,
        trace_id: record::id::fresh(),
    };
    let mut tx = app.db.begin().await?;
    let found = exception::keep_unplanned(&mut tx, cluster, job, &stamp).await?;
    let over = job.state.is_over() && !job.completing;
    if let Some(exception_id) = found.filter(|_| !over) {
        let effect = Effect::CancelStranger { exception_id };
        outbox::want(&mut tx, &effect, stamp.trace_id, stamp.now).await?;
    }
    if over {
        exception::post_use(&mut tx, cluster, job, &stamp).await?;
    }
    tx.commit().await?;
    if found.is_some() {
        app.outbox_wake.notify_one();
        tracing::error!(
            slurm.job_id = job.job_id,
            account = job.account.as_deref().unwrap_or_default(),
            partition = job.partition.as_deref().unwrap_or_default(),
            uid = job.uid,
            "a job that nobody planned is on the broker's partitions or accounts; it is cancelled"
        );
    }
    Ok(())
}
