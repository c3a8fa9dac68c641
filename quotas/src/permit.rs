//! Permits: an authority's decision that named persons may compute on named datasets.
//!
//! The broker records permits and checks them; it never issues one. The check is pure: it is made
//! again at every step that touches data, so it must cost nothing and answer the same everywhere.
//! A revocation is a row of its own and acts from the instant it is written.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

mod refusal;
mod store;

pub use refusal::{PermitError, PermitRefusal};
pub use store::{by_id, list_for_project, record, revoke};

/// How long a running job goes on while a permit cannot be checked, unless the permit says else.
pub const DEFAULT_GRACE_S: i64 = 15 * 60;

/// A permit as the authority wrote it (the fields of article 68(10) of the EHDS regulation).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Permit {
    /// Chosen by the client.
    pub permit_id: Uuid,
    /// The project it is for.
    pub project_id: Uuid,
    /// The authority that issued it.
    pub issuer: String,
    /// The authority's own reference: its case number.
    pub reference: String,
    /// What the data may be used for.
    pub purpose: String,
    /// The datasets it covers.
    pub datasets: Vec<String>,
    /// The natural persons it names.
    pub person_ids: Vec<Uuid>,
    /// The environments it names.
    pub environment_names: Vec<String>,
    /// The first instant it holds.
    pub valid_from: DateTime<Utc>,
    /// The instant it expires.
    pub valid_until: DateTime<Utc>,
    /// How long a running job goes on while the permit cannot be checked.
    pub grace_s: i64,
    /// When it was recorded here.
    pub recorded_at: DateTime<Utc>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A permit to record.
#[derive(Clone, Debug)]
pub struct NewPermit {
    /// Chosen by the client; repeating a request with the same id changes nothing.
    pub permit_id: Uuid,
    /// The project it is for.
    pub project_id: Uuid,
    /// The authority that issued it.
    pub issuer: String,
    /// The authority's own reference: its case number.
    pub reference: String,
    /// What the data may be used for.
    pub purpose: String,
    /// The datasets it covers; at least one.
    pub datasets: Vec<String>,
    /// The natural persons it names; at least one.
    pub person_ids: Vec<Uuid>,
    /// The environments it names; at least one.
    pub environment_names: Vec<String>,
    /// The first instant it holds.
    pub valid_from: DateTime<Utc>,
    /// The instant it expires.
    pub valid_until: DateTime<Utc>,
    /// See [`DEFAULT_GRACE_S`]; 0 or more.
    pub grace_s: i64,
}

/// Where a permit stands at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PermitStatus {
    /// Its period has not begun.
    NotYetValid,
    /// It holds.
    Valid,
    /// Its period is over.
    Expired,
    /// The authority or the controller withdrew it.
    Revoked,
}

/// What somebody wants to do under a permit.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Who.
    pub person_id: Uuid,
    /// On which dataset; `None` asks only whether the person may compute at all.
    pub dataset: Option<&'a str>,
    /// From or in which environment; `None` where none is involved.
    pub environment: Option<&'a str>,
    /// When.
    pub now: DateTime<Utc>,
}

impl Permit {
    /// Where the permit stands at `now`. A revocation outlasts everything else.
    pub fn status(&self, now: DateTime<Utc>) -> PermitStatus {
        if self.revoked_at.is_some() {
            PermitStatus::Revoked
        } else if now < self.valid_from {
            PermitStatus::NotYetValid
        } else if now >= self.valid_until {
            PermitStatus::Expired
        } else {
            PermitStatus::Valid
        }
    }
}

/// Whether `permit` allows what is asked.
///
/// # Errors
/// The permit's own standing comes before the person, the person before the dataset: who a permit
/// does not name learns nothing of what it covers.
pub fn check(permit: &Permit, ask: &Ask<'_>) -> Result<(), PermitRefusal> {
    let permit_id = permit.permit_id;
    if let Some(revoked_at) = permit.revoked_at {
        return Err(PermitRefusal::Revoked { permit_id, revoked_at });
    }
    if ask.now < permit.valid_from {
        return Err(PermitRefusal::NotYetValid { permit_id, valid_from: permit.valid_from });
    }
    if ask.now >= permit.valid_until {
        return Err(PermitRefusal::Expired { permit_id, valid_until: permit.valid_until });
    }
    if !permit.person_ids.contains(&ask.person_id) {
        return Err(PermitRefusal::PersonNotNamed { permit_id, person_id: ask.person_id });
    }
    if let Some(dataset) = ask.dataset
        && !permit.datasets.iter().any(|named| named == dataset)
    {
        return Err(PermitRefusal::DatasetNotNamed { permit_id, dataset: dataset.to_owned() });
    }
    if let Some(environment) = ask.environment
        && !permit.environment_names.iter().any(|named| named == environment)
    {
        let environment = environment.to_owned();
        return Err(PermitRefusal::EnvironmentNotNamed { permit_id, environment });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERSON: Uuid = Uuid::from_u128(1);

    fn at(day: u32) -> DateTime<Utc> {
        format!("2027-03-{day:02}T00:00:00Z").parse().unwrap()
    }

    /// Valid from the 10th until the 20th, for one person and one dataset in one environment.
    fn permit() -> Permit {
        Permit {
            permit_id: Uuid::nil(),
            project_id: Uuid::nil(),
            issuer: "Health data access body".to_owned(),
            reference: "HDAB 2027/17".to_owned(),
            purpose: "stroke research".to_owned(),
            datasets: vec!["stroke-register".to_owned()],
            person_ids: vec![PERSON],
            environment_names: vec!["MONA".to_owned()],
            valid_from: at(10),
            valid_until: at(20),
            grace_s: DEFAULT_GRACE_S,
            recorded_at: at(1),
            revoked_at: None,
        }
    }

    fn ask(day: u32) -> Ask<'static> {
        Ask {
            person_id: PERSON,
            dataset: Some("stroke-register"),
            environment: Some("MONA"),
            now: at(day),
        }
    }

    #[test]
    fn a_named_person_may_use_a_named_dataset_in_time() {
        assert_eq!(check(&permit(), &ask(10)), Ok(()));
        assert_eq!(permit().status(at(10)), PermitStatus::Valid);
    }

    #[test]
    fn a_permit_does_not_hold_before_its_day() {
        let refused = check(&permit(), &ask(9));
        assert!(matches!(refused, Err(PermitRefusal::NotYetValid { .. })));
        assert_eq!(permit().status(at(9)), PermitStatus::NotYetValid);
    }

    #[test]
    fn a_permit_expires_at_its_last_instant() {
        assert!(matches!(check(&permit(), &ask(20)), Err(PermitRefusal::Expired { .. })));
        assert_eq!(permit().status(at(20)), PermitStatus::Expired);
    }

    #[test]
    fn a_revoked_permit_stays_revoked_whatever_the_day() {
        let permit = Permit { revoked_at: Some(at(12)), ..permit() };
        for day in [9, 12, 25] {
            assert!(matches!(check(&permit, &ask(day)), Err(PermitRefusal::Revoked { .. })));
            assert_eq!(permit.status(at(day)), PermitStatus::Revoked);
        }
    }

    #[test]
    fn a_person_not_named_is_refused_before_the_dataset_is_looked_at() {
        let stranger = Ask { person_id: Uuid::from_u128(2), dataset: Some("other"), ..ask(10) };
        let refused = check(&permit(), &stranger);
        assert!(matches!(refused, Err(PermitRefusal::PersonNotNamed { .. })));
    }

    #[test]
    fn a_dataset_not_named_is_refused() {
        let refused = check(&permit(), &Ask { dataset: Some("stroke"), ..ask(10) });
        assert!(matches!(refused, Err(PermitRefusal::DatasetNotNamed { .. })));
    }

    #[test]
    fn an_environment_not_named_is_refused() {
        let refused = check(&permit(), &Ask { environment: Some("BIANCA"), ..ask(10) });
        assert!(matches!(refused, Err(PermitRefusal::EnvironmentNotNamed { .. })));
    }

    #[test]
    fn a_missing_permit_has_a_code_of_its_own() {
        let missing = PermitRefusal::Missing { permit_id: Uuid::nil() };
        assert_eq!(missing.code(), "permit_missing");
    }
}
