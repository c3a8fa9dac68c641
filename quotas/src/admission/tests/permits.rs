//! Every reason of permits by name.

use super::*;

#[test]
fn permit_missing() {
    let refused = reasons(&ask(), &Snapshot { permits: vec![], staged: vec![], ..snapshot() });
    assert_eq!(refused, [Reason::PermitMissing { dataset: None }]);

    let foreign = StagedDataset { permit_id: OTHER, ..staged() };
    let refused = reasons(&ask(), &Snapshot { staged: vec![foreign], ..snapshot() });
    assert_eq!(refused, [Reason::PermitMissing { dataset: Some("stroke-register".to_owned()) }]);
}

#[test]
fn permit_expired() {
    let refused = reasons(&ask(), &with_permit(Permit { valid_until: at(10), ..permit() }));
    assert_eq!(refused, [Reason::PermitExpired { permit_id: PERMIT, expired_at: at(10) }]);
}

#[test]
fn permit_not_yet_valid() {
    let refused = reasons(&ask(), &with_permit(Permit { valid_from: at(11), ..permit() }));
    assert_eq!(refused, [Reason::PermitNotYetValid { permit_id: PERMIT, begins_at: at(11) }]);
}

#[test]
fn permit_revoked() {
    let refused = reasons(&ask(), &with_permit(Permit { revoked_at: Some(at(9)), ..permit() }));
    assert_eq!(refused, [Reason::PermitRevoked { permit_id: PERMIT, revoked_at: at(9) }]);
}

#[test]
fn person_not_in_permit() {
    let refused = reasons(&ask(), &with_permit(Permit { person_ids: vec![OTHER], ..permit() }));
    assert_eq!(refused, [Reason::PersonNotInPermit { permit_id: PERMIT }]);
}

#[test]
fn dataset_not_in_permit() {
    let dataset = "cancer-register".to_owned();
    let other = StagedDataset { dataset: dataset.clone(), ..staged() };
    let refused = reasons(&ask(), &Snapshot { staged: vec![other], ..snapshot() });
    assert_eq!(refused, [Reason::DatasetNotInPermit { permit_id: PERMIT, dataset }]);
}

#[test]
fn environment_not_in_permit() {
    let environment = "BIANCA".to_owned();
    let other = StagedDataset { environment: Some(environment.clone()), ..staged() };
    let refused = reasons(&ask(), &Snapshot { staged: vec![other], ..snapshot() });
    assert_eq!(refused, [Reason::EnvironmentNotInPermit { permit_id: PERMIT, environment }]);
}

#[test]
fn permit_ends_too_soon() {
    let ends_at = at(10) + TimeDelta::minutes(59);
    let reason = Reason::PermitEndsTooSoon { permit_id: PERMIT, ends_at, asked_s: HOUR_S };
    // The person and the dataset stand on the same permit; it is told once.
    let refused = reasons(&ask(), &with_permit(Permit { valid_until: ends_at, ..permit() }));
    assert_eq!(refused, std::slice::from_ref(&reason));

    // For a dataset its own permit must last, whatever else lasts longer.
    let open = ProjectFacts { data_class: DataClass::Open, ..project() };
    let short = Permit { valid_until: ends_at, ..permit() };
    let longer = Permit { permit_id: OTHER, ..permit() };
    let permits = vec![short.clone(), longer.clone()];
    let refused = reasons(&ask(), &Snapshot { project: Some(open), permits, ..snapshot() });
    assert_eq!(refused, [reason]);

    // Without a dataset, one permit that lasts is enough.
    let without_data = Snapshot { permits: vec![short, longer], staged: vec![], ..snapshot() };
    assert!(decide(&ask(), &without_data).is_ok());
}

#[test]
fn a_permit_may_end_just_when_the_job_does() {
    let ends_at = at(10) + TimeDelta::hours(1);
    assert!(decide(&ask(), &with_permit(Permit { valid_until: ends_at, ..permit() })).is_ok());
}
