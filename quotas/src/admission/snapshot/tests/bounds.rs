//! Limits at once and the agency's own policy, as the snapshot reads them.

use accounting::hold::{NewRun, Settle};

use super::*;
use crate::{
    admission::InUse,
    limit::{
        policy::{self, Action, NewLimitPolicy, Step},
        use_limit::{self, NewUseLimit, Scope},
    },
};

/// The hold's job ran as long as it was held.
fn used_up(place: &Place) -> Settle {
    let run = NewRun {
        run_id: id::fresh(),
        cluster: "mimer".to_owned(),
        slurm_job_id: 1_000_001,
        db_index: 1,
        started_at: now(),
        ended_at: now() + chrono::TimeDelta::seconds(place.gpu_seconds.get()),
        gpu_count: 1,
        gpu_seconds: place.gpu_seconds,
        state: "COMPLETED".to_owned(),
        chargeable: true,
        observation_id: id::fresh(),
    };
    Settle { hold_id: place.hold_id, runs: vec![run] }
}

#[sqlx::test(migrations = false)]
async fn a_limit_at_once_is_read_and_wants_the_use_counted(db: PgPool) {
    let (site, staged) = granted(&db).await;
    let mut tx = db.begin().await.unwrap();
    sqlx::query("set local role mimer_app").execute(&mut *tx).await.unwrap();
    let new = NewUseLimit {
        use_limit_id: id::fresh(),
        scope: Scope::Agency(site.agency_id),
        class: None,
        gpus_at_once: Some(3),
        jobs_at_once: None,
    };
    let limit = use_limit::set(&mut tx, &new, &by(site.operator)).await.unwrap();
    let mut taken =
        snapshot(&mut tx, site.project_id, site.member, &[staged], now()).await.unwrap();
    assert_eq!(taken.limits, [limit]);
    let refusal = decide(&ask(site.member), &taken).unwrap_err();
    assert_eq!(refusal.reasons, [Reason::UseNotCounted]);

    let used = |gpus| InUse { project_id: Uuid::nil(), class: "h200".to_owned(), gpus, jobs: 1 };
    taken.in_use = Some(vec![used(1)]);
    assert!(decide(&ask(site.member), &taken).is_ok());
    taken.in_use = Some(vec![used(2)]);
    let refusal = decide(&ask(site.member), &taken).unwrap_err();
    assert!(matches!(refusal.reasons[..], [Reason::GpusAtOnceReached { in_use: 2, .. }]));
}

#[sqlx::test(migrations = false)]
async fn an_agency_that_stops_new_jobs_at_its_share_is_obeyed_at_once(db: PgPool) {
    let (site, staged) = granted(&db).await;
    let mut tx = db.begin().await.unwrap();
    sqlx::query("set local role mimer_app").execute(&mut *tx).await.unwrap();
    let at_two_percent = Step { at_percent: 2, action: Action::StopNew };
    let decided = |dry_run| NewLimitPolicy {
        limit_policy_id: id::fresh(),
        agency_id: site.agency_id,
        steps: vec![at_two_percent],
        dry_run,
        decided_by: site.requester,
    };
    let (dry, real) = (decided(true), decided(false));
    let taken = async |tx: &mut PgConnection| {
        snapshot(tx, site.project_id, site.member, std::slice::from_ref(&staged), now())
            .await
            .unwrap()
    };
    // 7 320 of 360 000 GPU-seconds are used: 2.03 %.
    let place = Place {
        hold_id: id::fresh(),
        attempt_id: id::fresh(),
        payer: Payer { agency_id: site.agency_id, project_id: site.project_id },
        grant_ids: decide(&ask(site.member), &taken(&mut tx).await).unwrap().grant_ids,
        gpu_seconds: GpuSeconds::new(7_320).unwrap(),
        rate_id: taken(&mut tx).await.grants[0].rate.as_ref().unwrap().rate_id,
        expires_at: day(7, 2),
    };
    hold::place(&mut tx, &place, &by(site.member)).await.unwrap();
    policy::decide(&mut tx, &dry, &by(site.requester)).await.unwrap();
    assert_eq!(taken(&mut tx).await.stopped, None);
    policy::decide(&mut tx, &real, &by(site.requester)).await.unwrap();
    assert_eq!(taken(&mut tx).await.stopped, None, "what is held is not used");
    hold::settle(&mut tx, &used_up(&place), &by(site.member)).await.unwrap();
    let stopped = taken(&mut tx).await.stopped.unwrap();
    assert_eq!((stopped.limit_policy_id, stopped.step), (real.limit_policy_id, at_two_percent));
    let refusal = decide(&ask(site.member), &taken(&mut tx).await).unwrap_err();
    assert!(matches!(refusal.reasons[..], [Reason::NewJobsStopped { percent: 2, .. }]));
}
