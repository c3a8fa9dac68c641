//! The crash matrix: mimerd dies at every step of every effect, and what comes out in the end is what
//! would have come out without.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgPool;

use super::doomed::until_death;
use super::scene::{Scene, scenes_of};
use super::work_off;
use crate::app::App;
use crate::outbox::crash::{Pass, Step, point};
use crate::outbox::worker::one;
use crate::outbox::{Effect, LEASE, Takes};
use crate::plan;
use crate::stage::{Stage, by};

/// What is there in the end: everything that must not depend on who died when.
#[derive(Debug, PartialEq, Eq)]
struct End {
    /// State of the attempt or of the link.
    state: Option<String>,
    /// Held and settled GPU-seconds of the grant.
    balance: (i64, i64),
    /// Rows of the audit trail by action.
    audit: BTreeMap<String, i64>,
    /// Effects by name, and whether they are done.
    outbox: BTreeMap<(String, bool), i64>,
    /// Jobs in Slurm, each by its own id and mark.
    submitted: usize,
    /// Which calls Slurm has heard, however often.
    calls: BTreeSet<String>,
}

impl End {
    async fn of(stage: &Stage, scene: Scene, effect: &Effect) -> Self {
        let db = &stage.app.db;
        let subject = serde_json::json!(effect);
        let subject = ["attempt_id", "link_id"]
            .iter()
            .find_map(|field| subject[field].as_str())
            .unwrap_or_default();
        let state = sqlx::query_scalar(
            "select state::text from broker.attempt where attempt_id::text = $1
             union all select state::text from staging.link where link_id::text = $1",
        )
        .bind(subject)
        .fetch_optional(db)
        .await
        .unwrap();
        let audit: Vec<(String, i64)> =
            sqlx::query_as("select action, count(*) from record.audit group by action")
                .fetch_all(db)
                .await
                .unwrap();
        let outbox: Vec<(String, bool, i64)> = sqlx::query_as(
            "select effect->>'effect', done_at is not null, count(*) from broker.outbox
             group by 1, 2",
        )
        .fetch_all(db)
        .await
        .unwrap();
        let submitted = stage.slurm.submitted();
        let ids: BTreeSet<u32> = submitted.iter().map(|spec| spec.job_id).collect();
        assert_eq!(ids.len(), submitted.len(), "one id was submitted with two specifications");
        Self {
            state,
            balance: stage.held_and_settled().await,
            audit: audit
                .into_iter()
                .filter(|(action, _)| !scene.tells_of_tries().contains(&action.as_str()))
                .collect(),
            outbox: outbox.into_iter().map(|(name, done, count)| ((name, done), count)).collect(),
            submitted: submitted.len(),
            calls: stage.slurm.calls().into_iter().collect(),
        }
    }
}

/// Plays the scene with a mimerd that dies at that point, and lets the next mimerd finish it.
async fn play(db: &PgPool, scene: Scene, dies_at: Option<Pass>) -> (Vec<Pass>, End) {
    empty(db).await;
    let stage = Stage::set(db).await;
    let mut app = stage.app.clone();
    let effect = scene.set(&stage, &mut app).await;
    let died = until_death(&app, dies_at, async |app: App| {
        assert!(one(&app, Takes::Everything).await.unwrap(), "its effect is due");
    })
    .await;
    assert_eq!(died.in_the_middle, dies_at.is_some(), "{scene:?} never came to {dies_at:?}");
    scene.mend(&stage, &mut app);
    // At first the lease of the dead one holds everybody else off; then the next takes over.
    for _ in 0..2 {
        stage.app.clock.advance(LEASE);
        work_off(&app).await;
    }
    let end = End::of(&stage, scene, &effect).await;
    (died.passed, end)
}

/// Empties the database, so that every play begins alike without being migrated anew.
async fn empty(db: &PgPool) {
    let tables: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', schemaname, tablename) from pg_tables
         where schemaname in ('record', 'accounting', 'quotas', 'staging', 'broker')
             and tablename not like '%sqlx%' and tablename <> 'installation'",
    )
    .fetch_all(db)
    .await
    .unwrap();
    if !tables.is_empty() {
        let truncate = format!("truncate {} restart identity cascade", tables.join(", "));
        sqlx::query(sqlx::AssertSqlSafe(truncate)).execute(db).await.unwrap();
    }
}

/// Renewals are passed as often as it takes: the first of each counts.
fn counted(passed: Vec<Pass>) -> Vec<Pass> {
    let renewal = |pass: &Pass| matches!(pass.step, Step::Renewing | Step::Renewed);
    passed.into_iter().filter(|pass| pass.time == 1 || !renewal(pass)).collect()
}

/// Dies at each point of the scene in turn.
async fn walk(db: PgPool, scene: Scene) {
    let (passed, undisturbed) = play(&db, scene, None).await;
    let mut passes = scene.passes();
    let mut passed = counted(passed);
    // A call that took longer than usual has its lease renewed, in any scene.
    if !passes.iter().any(|pass| pass.step == Step::Renewing) {
        passed.retain(|pass| !matches!(pass.step, Step::Renewing | Step::Renewed));
    }
    passes.sort_unstable();
    passed.sort_unstable();
    assert_eq!(passed, passes, "{scene:?} does not pass the points that are listed for it");
    assert!(undisturbed.outbox.keys().all(|(_, done)| *done), "{undisturbed:?}");
    for pass in passes {
        let (_, end) = play(&db, scene, Some(pass)).await;
        assert_eq!(end, undisturbed, "{scene:?}, dead at {pass:?}");
    }
}

macro_rules! walks {
    ($($name:ident: $scene:ident,)*) => {
        $(
            #[sqlx::test(migrations = false)]
            async fn $name(db: PgPool) {
                walk(db, Scene::$scene).await;
            }
        )*
        /// Scenes that are walked.
        const WALKED: &[Scene] = &[$(Scene::$scene),*];
    };
}

walks! {
    dying_while_a_job_is_submitted: SubmissionTaken,
    dying_while_slurm_refuses_a_job: SubmissionRefused,
    dying_while_a_submission_is_put_off: SubmissionPutOff,
    dying_while_a_job_is_released: Release,
    dying_while_a_permit_stops_a_release: ReleaseWithoutPermit,
    dying_while_a_job_is_cancelled: Cancel,
    dying_while_a_job_is_cancelled_that_was_never_sent: CancelNeverSent,
    dying_while_a_job_is_cancelled_that_is_gone: CancelGone,
    dying_while_a_stranger_is_cancelled: CancelStranger,
    dying_while_an_orphan_is_cancelled: CancelOrphan,
    dying_while_a_job_is_held: Hold,
    dying_while_a_job_is_held_too_late: HoldTooLate,
    dying_while_a_job_gets_more_time: MoreTime,
    dying_while_slurm_refuses_more_time: MoreTimeRefused,
    dying_while_a_job_is_suspended: Suspend,
    dying_while_slurm_refuses_to_suspend: SuspendRefused,
    dying_while_a_job_goes_on: Resume,
    dying_while_a_job_is_nudged: Nudge,
    dying_while_a_link_is_fetched: Fetch,
    dying_while_a_fetch_is_put_off: FetchPutOff,
}

/// Every effect there is, by the only list of their names: what serde says to one it does not know.
fn names_of_all_effects() -> BTreeSet<String> {
    let unknown = serde_json::json!({ "effect": "" });
    let sentence = serde_json::from_value::<Effect>(unknown).unwrap_err().to_string();
    let (_, names) = sentence.split_once("expected one of").unwrap();
    names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// An effect of that name, with whatever it names.
fn effect_called(name: &str) -> Effect {
    let id = uuid::Uuid::nil();
    let named = [
        serde_json::json!({ "attempt_id": id }),
        serde_json::json!({ "attempt_id": id, "extension_id": id }),
        serde_json::json!({ "exception_id": id }),
        serde_json::json!({ "link_id": id }),
        serde_json::json!({ "job_id": 1, "key": "" }),
    ];
    let read = |mut effect: serde_json::Value| {
        effect["effect"] = name.into();
        serde_json::from_value(effect).ok()
    };
    let effect = named.into_iter().find_map(read);
    effect.unwrap_or_else(|| panic!("the effect {name} names something else: extend this list"))
}

#[test]
fn every_effect_is_walked() {
    for name in names_of_all_effects() {
        let effect = effect_called(&name);
        assert_eq!(effect.name(), name);
        let scenes = scenes_of(&effect);
        assert!(!scenes.is_empty(), "the effect {name} has no scene");
        for scene in scenes {
            assert!(WALKED.contains(scene), "{scene:?} of the effect {name} is not walked");
        }
    }
}

/// Files of effects reach Slurm and the database by the two doors that have crash points.
#[test]
fn no_effect_goes_past_the_crash_points() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/outbox");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".rs") || ["worker.rs", "tests.rs"].contains(&name.as_str()) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for past in ["gateway.call(", "gateway\n", ".commit()"] {
            assert!(
                !text.contains(past),
                "{name} uses `{past}` instead of worker::ask or ::commit"
            );
        }
    }
}

/// The transaction that admits a plan wants its submission: either both are there, or neither.
#[sqlx::test(migrations = false)]
async fn dying_before_the_commit_of_an_admission_leaves_nothing(db: PgPool) {
    let stage = Stage::set(&db).await;
    let before = told(&db).await;
    let ask = stage.ask();
    let (mine, person_id) = (ask.clone(), stage.person_id);
    let at_commit = Pass { step: Step::Committing, time: 1 };
    let died = until_death(&stage.app, Some(at_commit), async move |app: App| {
        let mut tx = app.db.begin().await.unwrap();
        let stamp = by(person_id, app.clock.now());
        let rules = (&*app.config, &app.clusters);
        plan::submit(&mut tx, rules, &mine, &stamp).await.unwrap();
        point(Step::Committing).await;
        tx.commit().await.unwrap();
    })
    .await;
    assert!(died.in_the_middle);
    assert_eq!(told(&db).await, before, "plans, attempts, effects and rows of the audit trail");
    assert_eq!(stage.held_and_settled().await, (0, 0));

    // The client, which was never answered, sends the same again.
    let admission = stage.submit(&ask).await.unwrap();
    assert!(!admission.repeated);
    assert!(stage.submit(&ask).await.unwrap().repeated);
    assert_eq!(stage.waiting("submit").await, 1);
    assert_eq!(stage.held_and_settled().await, (2 * 660, 0));
}

async fn told(db: &PgPool) -> [i64; 4] {
    let mut counts = [0; 4];
    let tables = ["broker.job_plan", "broker.attempt", "broker.outbox", "record.audit"];
    for (count, table) in counts.iter_mut().zip(tables) {
        let ask = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
        *count = sqlx::query_scalar(ask).fetch_one(db).await.unwrap();
    }
    counts
}

/// An effect that kills whoever touches it is given up like any other, and a person retries it.
#[sqlx::test(migrations = false)]
async fn an_effect_that_kills_every_worker_becomes_a_dead_letter(db: PgPool) {
    let stage = Stage::set(&db).await;
    let mut app = stage.app.clone();
    let mut config = (*app.config).clone();
    config.duties.outbox_tries = 3;
    app.config = std::sync::Arc::new(config);
    Scene::SubmissionTaken.set(&stage, &mut app).await;
    let asking = Pass { step: Step::Asking, time: 1 };
    for _ in 0..3 {
        let work = async |app: App| assert!(one(&app, Takes::Everything).await.unwrap());
        assert!(until_death(&app, Some(asking), work).await.in_the_middle);
        stage.app.clock.advance(LEASE);
    }
    work_off(&app).await;
    let (gave_up, said): (bool, String) =
        sqlx::query_as("select gave_up_at is not null, last_error from broker.outbox")
            .fetch_one(&db)
            .await
            .unwrap();
    assert!(gave_up && said.contains("never said how it went"), "{said}");
    assert_eq!(stage.slurm.submitted().len(), 0);
}
