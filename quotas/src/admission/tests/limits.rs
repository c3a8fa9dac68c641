//! Limits at once, and the agency that stops new jobs.

use super::*;
use crate::limit::{policy::Action, use_limit::Scope};

const THEIRS: Scope = Scope::Agency(AGENCY);
const ITS: Scope = Scope::Project(Uuid::nil());

fn limit(scope: Scope, gpus_at_once: Option<i64>, jobs_at_once: Option<i64>) -> UseLimit {
    UseLimit {
        use_limit_id: Uuid::from_u128(400),
        scope,
        class: None,
        gpus_at_once,
        jobs_at_once,
        set_by: None,
        set_at: at(1),
    }
}

/// Three GPUs in two jobs of the project, one of them of another class; one GPU of a sister project.
fn in_use() -> Vec<InUse> {
    let used = |project_id, class: &str, gpus, jobs| InUse {
        project_id,
        class: class.to_owned(),
        gpus,
        jobs,
    };
    vec![
        used(Uuid::nil(), "h200", 2, 1),
        used(Uuid::nil(), "a100", 1, 1),
        used(OTHER, "h200", 1, 1),
    ]
}

fn bounded(limits: Vec<UseLimit>) -> Snapshot {
    Snapshot { limits, in_use: Some(in_use()), ..snapshot() }
}

#[test]
fn gpus_at_once_reached() {
    let two = Ask { gpu_count: 2, ..ask() };
    let refused = reasons(&two, &bounded(vec![limit(ITS, Some(4), None)]));
    let told = Reason::GpusAtOnceReached { scope: ITS, asked: 2, in_use: 3, limit: 4 };
    assert_eq!(refused, [told]);
    // The last GPU may be taken.
    assert!(decide(&ask(), &bounded(vec![limit(ITS, Some(4), None)])).is_ok());
}

#[test]
fn jobs_at_once_reached() {
    let refused = reasons(&ask(), &bounded(vec![limit(THEIRS, None, Some(3))]));
    assert_eq!(refused, [Reason::JobsAtOnceReached { scope: THEIRS, in_use: 3, limit: 3 }]);
    assert!(decide(&ask(), &bounded(vec![limit(THEIRS, None, Some(4))])).is_ok());
    // The sister project's job does not count against the project.
    assert!(decide(&ask(), &bounded(vec![limit(ITS, None, Some(3))])).is_ok());
}

#[test]
fn a_limit_of_a_class_counts_that_class_alone() {
    let of = |class: &str, most| UseLimit {
        class: Some(class.to_owned()),
        ..limit(THEIRS, Some(most), None)
    };
    assert!(decide(&ask(), &bounded(vec![of("h200", 4), of("a100", 1)])).is_ok());
    let refused = reasons(&ask(), &bounded(vec![of("h200", 3), of("a100", 1)]));
    let told = Reason::GpusAtOnceReached { scope: THEIRS, asked: 1, in_use: 3, limit: 3 };
    assert_eq!(refused, [told]);
}

#[test]
fn every_limit_that_is_reached_is_told_once() {
    let limits = vec![
        limit(ITS, Some(1), Some(1)),
        UseLimit { use_limit_id: OTHER, ..limit(ITS, Some(1), None) },
        limit(THEIRS, Some(1), None),
    ];
    let codes: Vec<_> = reasons(&ask(), &bounded(limits)).iter().map(Reason::code).collect();
    assert_eq!(codes, ["gpus_at_once_reached", "jobs_at_once_reached", "gpus_at_once_reached"]);
}

#[test]
fn figures_beyond_all_numbers_do_not_wrap_around() {
    let endless = InUse { project_id: OTHER, class: "h200".to_owned(), gpus: i64::MAX, jobs: 1 };
    let mut snapshot = bounded(vec![limit(THEIRS, Some(i64::MAX - 1), None)]);
    snapshot.in_use = Some(vec![endless.clone(), endless]);
    assert!(matches!(reasons(&ask(), &snapshot)[..], [Reason::GpusAtOnceReached { .. }]));
}

#[test]
fn use_not_counted() {
    let snapshot = Snapshot { in_use: None, ..bounded(vec![limit(ITS, Some(100), None)]) };
    assert!(snapshot.needs_count("h200"));
    assert_eq!(reasons(&ask(), &snapshot), [Reason::UseNotCounted], "missing is not none");

    let of_another = UseLimit { class: Some("a100".to_owned()), ..limit(ITS, Some(1), None) };
    let snapshot = Snapshot { limits: vec![of_another], ..snapshot };
    assert!(!snapshot.needs_count("h200"));
    assert!(decide(&ask(), &snapshot).is_ok());
}

#[test]
fn new_jobs_stopped() {
    let step = Step { at_percent: 100, action: Action::StopNew };
    let stopped = Some(Stopped { limit_policy_id: OTHER, step });
    let refused = reasons(&ask(), &Snapshot { stopped, ..snapshot() });
    assert_eq!(refused, [Reason::NewJobsStopped { percent: 100, policy: OTHER }]);
}
