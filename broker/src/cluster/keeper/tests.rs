//! The keeper on a real PostgreSQL and a Slurm that takes what it is told.

use quotas::pool::share::{self, NewShare, ShareMode};
use slurm_wire::RefusalCode;
use sqlx::PgPool;

use super::*;
use crate::outbox::Effect;
use crate::plan::attempt::{self, AttemptState};
use crate::stage::{Stage, account_row, by, day};

/// A stage whose Slurm is kept, with the operator's root account in it.
async fn stage(db: &PgPool, keep: Keep) -> Stage {
    let mut stage = Stage::set(db).await;
    stage.keep(keep);
    stage.slurm.by_hand(|policy| policy.accounts.push(account_row("public", "root")));
    stage
}

async fn one_pass(stage: &Stage) -> Outcome {
    match pass(&stage.app, &mut Seen::default()).await.unwrap() {
        Pass::Done(outcome) => outcome,
        Pass::Busy => panic!("nobody else is at work"),
    }
}

async fn lines(stage: &Stage) -> Vec<Line> {
    look(&stage.app).await.unwrap().lines
}

const QOS: &str = "mimer_public_stroke";

#[sqlx::test(migrations = false)]
async fn slurm_gets_what_it_should_have_and_a_second_pass_writes_nothing(db: PgPool) {
    let stage = stage(&db, Keep::Apply).await;
    let outcome = one_pass(&stage).await;
    assert_eq!((outcome.failed, outcome.left), (vec![], vec![]));
    stage.slurm.by_hand(|policy| {
        let accounts: Vec<&str> = policy.accounts.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(accounts.len(), 3, "{accounts:?}");
        assert!(accounts[1].starts_with("pub_public_sector_2027_"), "{accounts:?}");
        assert_eq!(accounts[2], "public_stroke");
        let [user] = &policy.associations[..] else { panic!("{:?}", policy.associations) };
        assert_eq!(
            (user.user.as_deref(), user.default_qos.as_deref()),
            (Some("m1anna"), Some(QOS))
        );
        let [row] = &policy.qos[..] else { panic!("{:?}", policy.qos) };
        // 100 GPU-hours.
        assert_eq!(row.limits.minutes["gres/gpu"], 6_000);
        assert_eq!(row.limits.minutes["gres/gpu:h200"], 6_000);
    });
    assert_eq!(lines(&stage).await, []);
    let told = stage.told("cluster.apply").await;
    assert_eq!(told, 4, "an account each, a QOS, a user");

    let written = stage.slurm.heard_writes();
    assert_eq!(one_pass(&stage).await, Outcome::default());
    assert_eq!(stage.slurm.heard_writes(), written);
    assert_eq!(stage.told("cluster.apply").await, told);
}

#[sqlx::test(migrations = false)]
async fn what_is_only_shown_is_not_written(db: PgPool) {
    let stage = stage(&db, Keep::Show).await;
    one_pass(&stage).await;
    assert_eq!(stage.slurm.heard_writes(), 0);
    assert_eq!(lines(&stage).await.len(), 4);
    let text = stage.app.metrics.text().unwrap();
    assert!(text.contains("mimerd_cluster_pending_lines{cluster=\"mimer\"} 4"), "{text}");
}

#[sqlx::test(migrations = false)]
async fn a_change_by_hand_is_one_line_that_the_keeper_leaves_and_an_apply_mends(db: PgPool) {
    let stage = stage(&db, Keep::Apply).await;
    one_pass(&stage).await;
    stage.slurm.by_hand(|policy| {
        policy.qos[0].limits.minutes.insert("gres/gpu".to_owned(), 1_000_000);
    });
    let mut seen = Seen::default();
    pass(&stage.app, &mut seen).await.unwrap();
    stage.wait_s(90);
    pass(&stage.app, &mut seen).await.unwrap();
    let found = lines(&stage).await;
    let [line] = &found[..] else { panic!("{found:?}") };
    assert!(line.drift);
    assert_eq!((line.name.as_str(), line.field.to_string().as_str()), (QOS, "minutes gres/gpu"));
    assert_eq!((line.expected.as_deref(), line.actual.as_deref()), (Some("6000"), Some("1000000")));
    let text = stage.app.metrics.text().unwrap();
    assert!(text.contains("mimerd_cluster_drift_lines{cluster=\"mimer\"} 1"), "{text}");
    assert!(text.contains("mimerd_cluster_drift_age_seconds{cluster=\"mimer\"} 90"), "{text}");

    let written = stage.slurm.heard_writes();
    let view = look(&stage.app).await.unwrap();
    let now = stage.app.clock.now();
    let stamp = by(stage.person_id, now);
    apply::apply(&stage.app, &view, &view.lines, &stamp, now + PASS).await.unwrap();
    assert_eq!(stage.slurm.heard_writes(), written + 1);
    assert_eq!(lines(&stage).await, []);
}

#[sqlx::test(migrations = false)]
async fn who_is_no_member_any_more_loses_the_association(db: PgPool) {
    let stage = stage(&db, Keep::Apply).await;
    one_pass(&stage).await;
    let mut tx = db.begin().await.unwrap();
    let stamp = by(stage.person_id, stage.app.clock.now());
    quotas::project::remove_member(&mut tx, stage.project_id, stage.person_id, &stamp)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    one_pass(&stage).await;
    stage.slurm.by_hand(|policy| assert_eq!(policy.associations, []));
    assert_eq!(lines(&stage).await, []);
    let remembered: i64 =
        sqlx::query_scalar("select count(*) from broker.cluster_applied where kind = 'user'")
            .fetch_one(&db)
            .await
            .unwrap();
    assert_eq!(remembered, 0);
    let sealed: i64 =
        sqlx::query_scalar("select count(*) from record.audit where details::text like '%m1anna%'")
            .fetch_one(&db)
            .await
            .unwrap();
    assert_eq!(sealed, 0, "no user's name stands in a sealed row");
}

#[sqlx::test(migrations = false)]
async fn a_raised_budget_nudges_what_waits_for_it(db: PgPool) {
    let stage = stage(&db, Keep::Apply).await;
    one_pass(&stage).await;
    let waits = stage.attempt_at(AttemptState::Released).await;
    assert_eq!(waits.spec.qos.as_deref(), Some(QOS));
    let runs = stage.attempt_at(AttemptState::Running).await;
    // Slurm has less than it should, and the broker knows it for its own doing.
    stage.slurm.by_hand(|policy| {
        policy.qos[0].limits.minutes.insert("gres/gpu".to_owned(), 10);
    });
    sqlx::query(
        "update broker.cluster_applied set applied =
             jsonb_set(applied, '{qos,limits,minutes,gres/gpu}', '10') where kind = 'qos'",
    )
    .execute(&db)
    .await
    .unwrap();
    one_pass(&stage).await;
    let nudges: Vec<serde_json::Value> =
        sqlx::query_scalar("select effect from broker.outbox where effect->>'effect' = 'nudge'")
            .fetch_all(&db)
            .await
            .unwrap();
    let wanted = Effect::Nudge { attempt_id: waits.attempt_id };
    assert_eq!(nudges, [serde_json::json!(wanted)], "and not {}", runs.attempt_id);
}

#[sqlx::test(migrations = false)]
async fn nodes_set_aside_are_reserved_named_by_jobs_and_given_back(db: PgPool) {
    let stage = stage(&db, Keep::Apply).await;
    let pool_id: uuid::Uuid =
        sqlx::query_scalar("select pool_id from quotas.pool").fetch_one(&db).await.unwrap();
    let set = async |mode: ShareMode| {
        let mut tx = db.begin().await.unwrap();
        let new = NewShare { pool_share_id: record::id::fresh(), pool_id, mode };
        let stamp = by(record::id::fresh(), day(6, 30));
        share::set_share(&mut tx, &new, &stamp).await.unwrap();
        tx.commit().await.unwrap();
    };
    set(ShareMode::SetAside { nodes: vec!["node01".to_owned()] }).await;
    one_pass(&stage).await;
    let name = super::super::name::reservation(pool_id);
    stage.slurm.by_hand(|policy| assert_eq!(policy.reservations[0].name, name));
    let attempt = stage.attempt_at(AttemptState::Admitted).await;
    assert_eq!(attempt.spec.reservation, Some(name));
    assert_eq!(lines(&stage).await, []);

    set(ShareMode::None).await;
    one_pass(&stage).await;
    stage.slurm.by_hand(|policy| assert!(policy.reservations.is_empty()));
}

#[sqlx::test(migrations = false)]
async fn one_refusal_holds_up_no_other_and_silence_ends_the_pass(db: PgPool) {
    let stage = stage(&db, Keep::Apply).await;
    stage.slurm.refuses("put_qos", Some(RefusalCode::BadPolicy));
    let outcome = one_pass(&stage).await;
    assert_eq!((outcome.applied.len(), outcome.failed.len(), outcome.left.len()), (3, 1, 0));
    assert_eq!(outcome.failed[0].error, "the test says no");
    stage.slurm.refuses("put_qos", Some(RefusalCode::AccountingUnavailable));
    stage.slurm.by_hand(|policy| policy.associations.clear());
    one_pass(&stage).await;
    stage.slurm.refuses("put_qos", None);
    let outcome = one_pass(&stage).await;
    assert_eq!((outcome.applied.len(), outcome.failed.len()), (1, 0), "pending, not drift");
}

#[sqlx::test(migrations = false)]
async fn a_keeper_that_died_in_a_call_finds_its_own_doing(db: PgPool) {
    let stage = stage(&db, Keep::Apply).await;
    one_pass(&stage).await;
    // Slurm took the QOS; the broker died before it wrote that down.
    sqlx::query(
        "update broker.cluster_applied set intended = applied, applied = null where kind = 'qos'",
    )
    .execute(&db)
    .await
    .unwrap();
    let written = stage.slurm.heard_writes();
    one_pass(&stage).await;
    assert_eq!(stage.slurm.heard_writes(), written);
    assert_eq!(stage.told("cluster.found_applied").await, 1);
    one_pass(&stage).await;
    assert_eq!(stage.told("cluster.found_applied").await, 1);
}

#[sqlx::test(migrations = false)]
async fn two_keepers_never_write_at_once(db: PgPool) {
    let stage = stage(&db, Keep::Apply).await;
    let turn = lock(&stage.app).await.unwrap().unwrap();
    assert!(matches!(pass(&stage.app, &mut Seen::default()).await.unwrap(), Pass::Busy));
    turn.rollback().await.unwrap();
    let passed = pass(&stage.app, &mut Seen::default()).await.unwrap();
    assert!(matches!(passed, Pass::Done(_)));
}

#[sqlx::test(migrations = false)]
async fn without_the_list_of_accounts_nothing_is_concluded(db: PgPool) {
    let stage = stage(&db, Keep::Apply).await;
    one_pass(&stage).await;
    std::fs::remove_file(&stage.app.config.accounts.file).unwrap();
    pass(&stage.app, &mut Seen::default()).await.unwrap_err();
    stage.slurm.by_hand(|policy| assert_eq!(policy.associations.len(), 1));
}

#[sqlx::test(migrations = false)]
async fn a_job_names_its_qos_once_slurm_is_known_to_have_it(db: PgPool) {
    let mut shown = stage(&db, Keep::Show).await;
    let before = shown.attempt_at(AttemptState::Admitted).await;
    assert_eq!((before.spec.account.as_str(), before.spec.qos), ("public_stroke", None));
    assert_eq!(before.spec.deadline, Some(day(9, 30).timestamp()));

    let view = look(&shown.app).await.unwrap();
    let stamp = by(shown.person_id, shown.app.clock.now());
    let until = shown.app.clock.now() + PASS;
    apply::apply(&shown.app, &view, &view.lines, &stamp, until).await.unwrap();
    let after = shown.attempt_at(AttemptState::Admitted).await;
    assert_eq!(after.spec.qos.as_deref(), Some(QOS));

    shown.keep(Keep::Off);
    let off = shown.attempt_at(AttemptState::Admitted).await;
    assert_eq!(off.spec.qos, None);
    let mut connection = db.acquire().await.unwrap();
    assert_eq!(
        attempt::lock(&mut connection, off.attempt_id).await.unwrap(),
        AttemptState::Admitted
    );
}
