//! The outbox under load: what fails does not keep what works waiting, what is done costs nothing.

use record::id;
use slurm_wire::RefusalCode;
use sqlx::PgPool;
use uuid::Uuid;

use super::{want_one, work_off};
use crate::outbox::keep::{Waiting, measure, remove_done};
use crate::outbox::worker::one;
use crate::outbox::{Effect, Takes, want};
use crate::plan::attempt::AttemptState;
use crate::stage::{Stage, day, migrate};

/// Fills the outbox with effects that are done, one a second up to the first of July.
async fn done_before(db: &PgPool, count: i64) {
    sqlx::query(
        "insert into broker.outbox (outbox_id, effect, trace_id, next_at, done_at)
         select gen_random_uuid(),
             jsonb_build_object('effect', 'nudge', 'attempt_id', gen_random_uuid()),
             gen_random_uuid(), $1 - n * interval '1 s', $1 - n * interval '1 s'
         from generate_series(1, $2) n",
    )
    .bind(day(7, 1))
    .bind(count)
    .execute(db)
    .await
    .unwrap();
    sqlx::query("analyze broker.outbox").execute(db).await.unwrap();
}

/// One worker, one effect that always fails, and many that do not.
#[sqlx::test(migrations = false)]
async fn an_effect_that_always_fails_keeps_no_other_waiting(db: PgPool) {
    let stage = Stage::set(&db).await;
    let mut nudged = Vec::new();
    for _ in 0..10 {
        nudged.push(stage.attempt_at(AttemptState::Released).await.attempt_id);
    }
    stage.attempt_at(AttemptState::Admitted).await; // Its submission is due first.
    stage.slurm.refuses("submit", Some(RefusalCode::ControllerUnavailable));
    for (round, attempt_id) in nudged.into_iter().enumerate() {
        let (nudge, now) = (Effect::Nudge { attempt_id }, stage.app.clock.now());
        want(&mut db.acquire().await.unwrap(), &nudge, Uuid::nil(), now).await.unwrap();
        let mut turns = 0;
        while stage.slurm.heard("nudge") <= round {
            assert!(one(&stage.app, Takes::Everything).await.unwrap());
            turns += 1;
            assert!(turns <= 2, "round {round}: one turn for what fails, one for what works");
        }
        stage.wait_s(60); // Longer than any pause: what fails is due again, and first.
    }
    assert_eq!((stage.waiting("submit").await, stage.waiting("nudge").await), (1, 0));
    assert!(stage.slurm.heard("submit") >= 9, "it was tried all along");
}

#[derive(serde::Deserialize)]
struct Plan {
    #[serde(rename = "Plan")]
    plan: serde_json::Value,
}

/// Every node of a plan, the inner ones included.
fn nodes(node: &serde_json::Value) -> Vec<&serde_json::Value> {
    let inner = node["Plans"].as_array().into_iter().flatten().flat_map(nodes);
    std::iter::once(node).chain(inner).collect()
}

/// How many rows the database looks at for a claim, when a hundred thousand are done.
#[sqlx::test(migrations = false)]
async fn a_claim_looks_only_at_what_is_due(db: PgPool) {
    migrate(&db).await;
    done_before(&db, 100_000).await;
    for _ in 0..10 {
        want_one(&db, &Effect::Nudge { attempt_id: id::fresh() }).await;
    }
    let explained: serde_json::Value = sqlx::query_scalar(
        "explain (analyze, format json)
         select outbox_id from broker.outbox
         where done_at is null and gave_up_at is null and next_at <= '2027-07-02'
           and (false or effect->>'effect' <> 'fetch_link')
         order by next_at limit 1 for update skip locked",
    )
    .fetch_one(&db)
    .await
    .unwrap();
    let plan = serde_json::from_value::<Vec<Plan>>(explained).unwrap().remove(0).plan;
    let scans: Vec<_> =
        nodes(&plan).into_iter().filter(|node| node["Index Name"].is_string()).collect();
    assert!(scans.iter().any(|scan| scan["Index Name"] == "outbox_due"), "{plan:#}");
    for node in nodes(&plan) {
        assert!(node["Actual Rows"].as_f64().unwrap() <= 10.0, "{plan:#}");
        assert_ne!(node["Node Type"], "Seq Scan", "{plan:#}");
    }
    let measured = measure(&mut db.acquire().await.unwrap(), day(7, 2)).await.unwrap();
    let due_s = 24 * 3600;
    assert_eq!(measured, Waiting { oldest_due_s: due_s, undone: 10, dead_letters: 0 });
}

#[sqlx::test(migrations = false)]
async fn what_was_done_long_ago_is_removed_and_nothing_else(db: PgPool) {
    migrate(&db).await;
    done_before(&db, 2_500).await;
    want_one(&db, &Effect::Nudge { attempt_id: id::fresh() }).await;
    dead_letter(&db).await;
    let mut connection = db.acquire().await.unwrap();
    let before = day(7, 1) - chrono::TimeDelta::seconds(500);
    let mut removed = Vec::new();
    while removed.last() != Some(&0) {
        removed.push(remove_done(&mut connection, before).await.unwrap());
    }
    assert_eq!(removed, [1_000, 1_000, 0]);
    let left: i64 =
        sqlx::query_scalar("select count(*) from broker.outbox").fetch_one(&db).await.unwrap();
    assert_eq!(left, 500 + 2);
    let measured = measure(&mut connection, day(7, 1)).await.unwrap();
    assert_eq!((measured.undone, measured.dead_letters), (1, 1));
}

async fn dead_letter(db: &PgPool) {
    sqlx::query(
        "insert into broker.outbox (outbox_id, effect, trace_id, next_at, gave_up_at)
         values ($1, '{\"effect\": \"fly\"}', $1, '2027-01-01', '2027-01-01')",
    )
    .bind(id::fresh())
    .execute(db)
    .await
    .unwrap();
}

#[sqlx::test(migrations = false)]
async fn the_database_itself_refuses_to_lose_a_wish(db: PgPool) {
    migrate(&db).await;
    want_one(&db, &Effect::Nudge { attempt_id: Uuid::nil() }).await;
    let refused = sqlx::query("delete from broker.outbox").execute(&db).await.unwrap_err();
    let sqlx::Error::Database(refused) = refused else { panic!("{refused}") };
    assert_eq!(refused.constraint(), Some("outbox_keeps_what_is_not_done"));
}

/// Slurm is away for minutes: all of it is done in the end.
#[sqlx::test(migrations = false)]
async fn twenty_that_failed_together_are_all_done_once_slurm_is_back(db: PgPool) {
    let stage = Stage::set(&db).await;
    for _ in 0..20 {
        stage.submit(&stage.ask()).await.unwrap();
    }
    stage.slurm.refuses("submit", Some(RefusalCode::ControllerUnavailable));
    for _ in 0..5 {
        work_off(&stage.app).await;
        stage.wait_s(40);
    }
    assert_eq!(stage.slurm.submitted().len(), 0);
    stage.slurm.refuses("submit", None);
    work_off(&stage.app).await;
    assert_eq!((stage.slurm.submitted().len(), stage.waiting("submit").await), (20, 0));
}
