//! Arrays: one hold over all tasks, and bounds on what may run at once.

use super::*;
use crate::limit::use_limit::{Scope, UseLimit};

const ITS: Scope = Scope::Project(Uuid::nil());

/// An array of `task_count` tasks like the single job.
fn array(task_count: i64, tasks_at_once: Option<i64>) -> Ask {
    Ask { task_count, tasks_at_once, ..ask() }
}

fn limited(gpus_at_once: Option<i64>, jobs_at_once: Option<i64>, in_use: i64) -> Snapshot {
    let limit = UseLimit {
        use_limit_id: Uuid::from_u128(400),
        scope: ITS,
        class: None,
        gpus_at_once,
        jobs_at_once,
        set_by: None,
        set_at: at(1),
    };
    let used =
        InUse { project_id: Uuid::nil(), class: "h200".to_owned(), gpus: in_use, jobs: in_use };
    let wide = GrantFacts { max_gpus: 1_000, ..grant() };
    Snapshot { limits: vec![limit], in_use: Some(vec![used]), ..with_grant(wide) }
}

#[test]
fn an_array_is_held_for_all_its_tasks() {
    let admitted = decide(&array(20, Some(4)), &snapshot()).unwrap();
    assert_eq!(admitted.gpu_seconds, gpu_seconds(20 * (HOUR_S + GRACE_S)));
    assert_eq!(admitted.usek, usek(20 * (HOUR_S + GRACE_S) * MicroSek::ORE.get()));
    assert_eq!((admitted.units, admitted.gpu_count, admitted.task_count), (1, 1, 20));
    assert_eq!((admitted.gpus_at_once, admitted.tasks_at_once), (4, 4));
    // A bound above the array's own size is no bound.
    let admitted = decide(&array(3, Some(9)), &snapshot()).unwrap();
    assert_eq!((admitted.gpus_at_once, admitted.tasks_at_once), (3, 3));
}

#[test]
fn not_enough_gpu_seconds_for_all_tasks() {
    let refused = reasons(&array(100, Some(1)), &snapshot());
    let wanted = gpu_seconds(100 * (HOUR_S + GRACE_S));
    let available = gpu_seconds(100 * HOUR_S);
    assert_eq!(refused, [Reason::NotEnoughGpuSeconds { wanted, available }]);
}

#[test]
fn no_tasks() {
    for ask in [array(0, None), array(-1, None), array(5, Some(0)), array(5, Some(-1))] {
        assert_eq!(reasons(&ask, &snapshot()), [Reason::NoTasks]);
    }
}

#[test]
fn too_many_tasks_for_grant() {
    let refused = reasons(&Ask { gpu_count: 2, ..array(6, Some(3)) }, &snapshot());
    let told = Reason::TooManyTasksForGrant { asked: 6, limit: 4, fitting: 2 };
    assert_eq!(refused, [told]);
    assert!(decide(&Ask { gpu_count: 2, ..array(6, Some(2)) }, &snapshot()).is_ok());
    // Where one task alone is too wide, fewer of them do not help.
    let refused = reasons(&Ask { gpu_count: 5, ..array(6, Some(2)) }, &snapshot());
    assert_eq!(refused, [Reason::TooManyGpusForGrant { asked: 5, limit: 4 }]);
}

#[test]
fn gpus_at_once_reached_by_the_tasks_that_may_run() {
    let snapshot = limited(Some(10), None, 4);
    assert!(decide(&array(20, Some(6)), &snapshot).is_ok());
    let refused = reasons(&array(20, Some(7)), &snapshot);
    let told = Reason::GpusAtOnceReached { scope: ITS, asked: 7, in_use: 4, limit: 10 };
    assert_eq!(refused, [told]);
}

#[test]
fn tasks_at_once_reached() {
    let snapshot = limited(None, Some(10), 4);
    assert!(decide(&array(20, Some(6)), &snapshot).is_ok());
    let refused = reasons(&array(20, Some(7)), &snapshot);
    let told = Reason::TasksAtOnceReached { scope: ITS, asked: 7, in_use: 4, limit: 10 };
    assert_eq!(refused, [told]);
    let refused = reasons(&array(20, None), &snapshot);
    assert!(matches!(refused[..], [Reason::TasksAtOnceReached { asked: 20, .. }]));
    // One at a time is one job like any other.
    let refused = reasons(&array(20, Some(1)), &limited(None, Some(4), 4));
    assert_eq!(refused, [Reason::JobsAtOnceReached { scope: ITS, in_use: 4, limit: 4 }]);
}

#[test]
fn an_array_beyond_all_numbers_is_refused_by_name() {
    let endless = Ask { gpu_count: 4, ..array(i64::MAX, Some(1)) };
    let codes: Vec<_> = reasons(&endless, &snapshot()).iter().map(Reason::code).collect();
    assert_eq!(codes, ["not_enough_gpu_seconds", "not_enough_money"]);
    let wide = array(i64::MAX, None);
    let refused = reasons(&wide, &limited(Some(9), Some(9), 1));
    let codes: Vec<_> = refused.iter().map(Reason::code).collect();
    assert_eq!(
        codes,
        [
            "gpus_at_once_reached",
            "tasks_at_once_reached",
            "too_many_tasks_for_grant",
            "not_enough_gpu_seconds",
            "not_enough_money"
        ]
    );
}
