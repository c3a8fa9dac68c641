//! Whether the permits allow this person these data.
//!
//! A confidential project needs at least one valid permit that names the person, whether or not the
//! job brings data; each dataset that a link brings needs the permit its link was opened under. A
//! permit must last until the job would be over if it started at once.

use chrono::{DateTime, Utc};

use super::{Ask, Reason, Snapshot, StagedDataset};
use crate::{
    permit::{self, Permit, PermitRefusal},
    project::DataClass,
};

/// Everything the permits say against the job, each reason once.
pub(super) fn faults(ask: &Ask, data_class: DataClass, snapshot: &Snapshot) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let about_person = match data_class {
        DataClass::Open => None,
        DataClass::Confidential => person_fault(ask, &snapshot.permits),
    };
    let about_datasets =
        snapshot.staged.iter().filter_map(|staged| dataset_fault(ask, staged, &snapshot.permits));
    for reason in about_person.into_iter().chain(about_datasets) {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons
}

/// Why no permit lets the person compute at all: told of the permit that is nearest to it.
fn person_fault(ask: &Ask, permits: &[Permit]) -> Option<Reason> {
    let question =
        permit::Ask { person_id: ask.person_id, dataset: None, environment: None, now: ask.now };
    let mut nearest: Option<PermitRefusal> = None;
    for permit in permits {
        match permit::check(permit, &question) {
            Ok(()) => return None,
            Err(refusal) => {
                if nearest.as_ref().is_none_or(|other| distance(&refusal) < distance(other)) {
                    nearest = Some(refusal);
                }
            }
        }
    }
    Some(nearest.map_or(Reason::PermitMissing { dataset: None }, Reason::from))
}

/// How far a permit is from allowing it: what can be mended soonest comes first.
const fn distance(refusal: &PermitRefusal) -> u8 {
    match refusal {
        PermitRefusal::EnvironmentNotNamed { .. } | PermitRefusal::DatasetNotNamed { .. } => 0,
        PermitRefusal::PersonNotNamed { .. } => 1,
        PermitRefusal::NotYetValid { .. } => 2,
        PermitRefusal::Expired { .. } => 3,
        PermitRefusal::Revoked { .. } => 4,
        PermitRefusal::Missing { .. } => 5,
    }
}

/// Why a link's permit does not let the person use what the link brings.
fn dataset_fault(ask: &Ask, staged: &StagedDataset, permits: &[Permit]) -> Option<Reason> {
    let Some(permit) = permits.iter().find(|permit| permit.permit_id == staged.permit_id) else {
        return Some(Reason::PermitMissing { dataset: Some(staged.dataset.clone()) });
    };
    let question = permit::Ask {
        person_id: ask.person_id,
        dataset: Some(&staged.dataset),
        environment: staged.environment.as_deref(),
        now: ask.now,
    };
    permit::check(permit, &question).err().map(Reason::from)
}

/// The permits that hold now and end before the job would, each once.
///
/// Of the permits that let the person compute, one that lasts is enough; a dataset's own must last.
pub(super) fn ends_too_soon(
    ask: &Ask,
    over_at: DateTime<Utc>,
    data_class: DataClass,
    snapshot: &Snapshot,
) -> Vec<Reason> {
    let question =
        permit::Ask { person_id: ask.person_id, dataset: None, environment: None, now: ask.now };
    let of_person = match data_class {
        DataClass::Open => None,
        DataClass::Confidential => snapshot
            .permits
            .iter()
            .filter(|permit| permit::check(permit, &question).is_ok())
            .max_by_key(|permit| permit.valid_until),
    };
    let of_datasets = snapshot.staged.iter().filter_map(|staged| {
        let is_its = |permit: &&Permit| permit.permit_id == staged.permit_id;
        snapshot
            .permits
            .iter()
            .find(is_its)
            .filter(|_| dataset_fault(ask, staged, &snapshot.permits).is_none())
    });
    let mut reasons = Vec::new();
    for permit in of_person.into_iter().chain(of_datasets) {
        let (permit_id, ends_at) = (permit.permit_id, permit.valid_until);
        let reason = Reason::PermitEndsTooSoon { permit_id, ends_at, asked_s: ask.wall_time_s };
        if ends_at < over_at && !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons
}

impl From<PermitRefusal> for Reason {
    fn from(refusal: PermitRefusal) -> Self {
        match refusal {
            PermitRefusal::Missing { .. } => Self::PermitMissing { dataset: None },
            PermitRefusal::Revoked { permit_id, revoked_at } => {
                Self::PermitRevoked { permit_id, revoked_at }
            }
            PermitRefusal::NotYetValid { permit_id, valid_from } => {
                Self::PermitNotYetValid { permit_id, begins_at: valid_from }
            }
            PermitRefusal::Expired { permit_id, valid_until } => {
                Self::PermitExpired { permit_id, expired_at: valid_until }
            }
            PermitRefusal::PersonNotNamed { permit_id, .. } => {
                Self::PersonNotInPermit { permit_id }
            }
            PermitRefusal::DatasetNotNamed { permit_id, dataset } => {
                Self::DatasetNotInPermit { permit_id, dataset }
            }
            PermitRefusal::EnvironmentNotNamed { permit_id, environment } => {
                Self::EnvironmentNotInPermit { permit_id, environment }
            }
        }
    }
}
