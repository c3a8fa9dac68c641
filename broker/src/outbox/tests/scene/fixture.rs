//! What the scenes begin with: attempts that somebody wants something of, and links with a mover.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use quotas::permit::NewPermit;
use quotas::project::DataClass;
use record::{Stamp, id};
use slurm_wire::JobState;
use sqlx::PgConnection;
use staging::environment::{self, NewEnvironment, SftpAddress};
use staging::link::{self, Direction, OpenLink};
use staging::manifest::Bounds;
use staging::signature::ManifestKey;
use uuid::Uuid;

use super::super::cancel;
use super::wanted;
use crate::app::App;
use crate::exception;
use crate::outbox::Effect;
use crate::plan::attempt::{self, Attempt, AttemptState};
use crate::plan::wish::{self, Newest};
use crate::plan::{Ask, extend, keep, suspend};
use crate::stage::{Stage, by, day, job_row};

/// Lets an operator do something with the newest attempt of a plan, as the API does.
async fn wish(
    stage: &Stage,
    attempt: &Attempt,
    act: impl AsyncFnOnce(&mut PgConnection, &Newest, &Stamp<'_>),
) {
    let stamp = by(stage.controller, stage.app.clock.now());
    let mut tx = stage.app.db.begin().await.unwrap();
    let newest = wish::lock(&mut tx, attempt.job_plan_id).await.unwrap();
    act(&mut tx, &newest, &stamp).await;
    tx.commit().await.unwrap();
}

pub(super) async fn cancelled(stage: &Stage, attempt: &Attempt) -> Effect {
    cancel(stage, attempt.attempt_id).await;
    Effect::Cancel { attempt_id: attempt.attempt_id }
}

/// A released attempt that a person keeps waiting after all.
pub(super) async fn kept(stage: &Stage) -> Effect {
    let attempt = stage.attempt_at(AttemptState::Released).await;
    let keeper = keep::Keeper::Operator(stage.controller);
    wish(stage, &attempt, async |tx, newest, stamp| {
        keep::hold(tx, newest, keeper, stamp).await.unwrap();
    })
    .await;
    Effect::Hold { attempt_id: attempt.attempt_id }
}

/// A running attempt that is to have ten minutes more.
pub(super) async fn extended(stage: &Stage) -> Effect {
    let attempt = stage.attempt_at(AttemptState::Running).await;
    let extension_id = id::fresh();
    wish(stage, &attempt, async |tx, newest, stamp| {
        extend::extend(tx, newest, (extension_id, 600), stamp).await.unwrap();
    })
    .await;
    Effect::SetTimeLimit { attempt_id: attempt.attempt_id, extension_id }
}

/// A running attempt that is to be suspended.
pub(super) async fn suspended(stage: &Stage) -> Effect {
    let attempt = stage.attempt_at(AttemptState::Running).await;
    let operator = stage.controller;
    wish(stage, &attempt, async |tx, newest, stamp| {
        suspend::suspend(tx, newest, operator, stamp).await.unwrap();
    })
    .await;
    Effect::Suspend { attempt_id: attempt.attempt_id }
}

/// A suspended attempt that is to go on.
pub(super) async fn resumed(stage: &Stage) -> Effect {
    let Effect::Suspend { attempt_id } = suspended(stage).await else { unreachable!() };
    all_done(stage).await;
    let mut connection = stage.app.db.acquire().await.unwrap();
    let attempt = attempt::by_id(&mut connection, attempt_id).await.unwrap();
    drop(connection);
    wish(stage, &attempt, async |tx, newest, stamp| {
        suspend::resume(tx, newest, stamp).await.unwrap();
    })
    .await;
    Effect::Resume { attempt_id }
}

/// An attempt that is to be released and has lost its permit.
pub(super) async fn without_permit(stage: &Stage) -> Effect {
    let link_id = open_link(stage).await;
    let ask = Ask { link_ids: vec![link_id], ..stage.ask() };
    let attempt_id = stage.submit(&ask).await.unwrap().attempt_id;
    let mut connection = stage.app.db.acquire().await.unwrap();
    attempt::queued(&mut connection, attempt_id, stage.app.clock.now()).await.unwrap();
    drop(connection);
    all_done(stage).await;
    revoke_permits(stage).await;
    wanted(stage, Effect::Release { attempt_id }).await
}

async fn all_done(stage: &Stage) {
    let done = "update broker.outbox set done_at = $1 where done_at is null";
    sqlx::query(done).bind(stage.app.clock.now()).execute(&stage.app.db).await.unwrap();
}

/// Lets the cancellation be taken up first, also by the next mimerd.
pub(super) async fn submissions_later(stage: &Stage) {
    sqlx::query(
        "update broker.outbox set next_at = next_at + interval '1 d'
         where effect->>'effect' = 'submit' and done_at is null",
    )
    .execute(&stage.app.db)
    .await
    .unwrap();
}

async fn revoke_permits(stage: &Stage) {
    let now = stage.app.clock.now();
    let mut tx = stage.app.db.begin().await.unwrap();
    for permit in quotas::permit::list_for_project(&mut tx, stage.project_id).await.unwrap() {
        quotas::permit::revoke(&mut tx, permit.permit_id, &by(stage.controller, now))
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
}

/// A job that nobody planned, found and kept as an exception.
pub(super) async fn stranger(stage: &Stage) -> Effect {
    let attempt = stage.attempt_at(AttemptState::Released).await;
    let job = job_row(&attempt, JobState::Running);
    let mut tx = stage.app.db.begin().await.unwrap();
    let stamp = by(stage.person_id, stage.app.clock.now());
    let kept = exception::keep_unplanned(&mut tx, "mimer", &job, &stamp).await.unwrap();
    tx.commit().await.unwrap();
    wanted(stage, Effect::CancelStranger { exception_id: kept.unwrap() }).await
}

/// A link of the project under a permit of its own.
pub(super) async fn open_link(stage: &Stage) -> Uuid {
    let (permit_id, environment_id, link_id) = (id::fresh(), id::fresh(), id::fresh());
    let name = format!("MONA {environment_id}");
    let now = stage.app.clock.now();
    let mut tx = stage.app.db.begin().await.unwrap();
    let new = NewPermit {
        permit_id,
        project_id: stage.project_id,
        issuer: "Health data access body".to_owned(),
        reference: format!("HDAB 2027/{permit_id}"),
        purpose: "stroke prediction".to_owned(),
        datasets: vec!["stroke-register".to_owned()],
        person_ids: vec![stage.person_id],
        environment_names: vec![name.clone()],
        valid_from: day(6, 1),
        valid_until: day(8, 1),
        grace_s: 900,
    };
    quotas::permit::record(&mut tx, &new, &by(stage.controller, now)).await.unwrap();
    let anna = by(stage.person_id, now);
    let new = NewEnvironment {
        environment_id,
        name,
        operator: "SCB".to_owned(),
        host_organisation: "SCB".to_owned(),
        sftp: SftpAddress {
            host: "127.0.0.1".to_owned(),
            port: 22,
            user: "mimer".to_owned(),
            root: "/data".to_owned(),
        },
        manifest_key: ManifestKey::new([7; 32]),
        data_classes: vec![DataClass::Open],
    };
    environment::create(&mut tx, &new, &anna).await.unwrap();
    let new = OpenLink {
        link_id,
        project_id: stage.project_id,
        permit_id,
        dataset: "stroke-register".to_owned(),
        environment_id,
        direction: Direction::In,
        source_path: "stroke".to_owned(),
        area: format!("/srv/stroke/{link_id}").into(),
        bounds: Bounds { allowed_types: vec!["csv".to_owned()], max_bytes: 1 << 20 },
        person_id: stage.person_id,
    };
    link::open(&mut tx, &new, &anna).await.unwrap();
    tx.commit().await.unwrap();
    link_id
}

/// A mover that finds everything as it was signed, after a while; or one that breaks off.
pub(super) fn with_mover(stage: &Stage, well: bool) -> App {
    let dir = &stage.app.config.state_dir;
    let file = dir.join(if well { "mover" } else { "broken-mover" });
    let (pause, outcome) = if well {
        ("sleep 1", r#""verified""#)
    } else {
        ("true", r#"{"failed":{"code":"broken","message":"it broke","retry":true}}"#)
    };
    let digest = "00".repeat(32);
    let script = format!(
        r#"#!/bin/sh
read -r order
field() {{ echo "$order" | grep -o "\"$1\":\"[^\"]*\"" | head -1 | cut -d'"' -f4; }}
{pause}
printf '{{"report":{{"transfer_id":"%s","link_id":"%s","outcome":{outcome},"manifest_sha256":"{digest}","files":[],"chunks":[],"fetched_bytes":0,"kept_bytes":0,"batch_count":0,"operator_note":""}}}}\n' "$(field transfer_id)" "$(field link_id)"
cat > /dev/null
"#
    );
    std::fs::write(&file, script).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut config = (*stage.app.config).clone();
    config.staging.mover = file;
    App { config: Arc::new(config), ..stage.app.clone() }
}
