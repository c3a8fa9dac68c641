//! How a link moves, and how it does not.

use super::*;
use crate::transfer::Fault;

fn noon() -> DateTime<Utc> {
    "2027-03-01T12:00:00Z".parse().unwrap()
}

fn open() -> Link {
    Link {
        link_id: Uuid::from_u128(1),
        project_id: Uuid::from_u128(2),
        permit_id: Uuid::from_u128(3),
        dataset: "stroke".into(),
        environment_id: Uuid::from_u128(4),
        environment_name: "vesta".into(),
        direction: Direction::In,
        source_path: "stroke".parse().unwrap(),
        area: "/area".into(),
        bounds: Bounds { allowed_types: vec!["csv".into()], max_bytes: 1 },
        person_id: Uuid::from_u128(5),
        opened_at: noon(),
        state: LinkState::Open,
    }
}

const TRY: Uuid = Uuid::from_u128(10);
const NEXT_TRY: Uuid = Uuid::from_u128(11);

fn report(transfer_id: Uuid, outcome: Outcome) -> Report {
    Report {
        outcome,
        manifest_sha256: Some(Sha256::of(b"manifest")),
        ..Report::empty(transfer_id, Uuid::from_u128(1))
    }
}

fn stopped() -> Outcome {
    Outcome::Stopped("permit_revoked".into())
}

#[test]
fn a_link_that_was_stopped_is_failed_and_may_be_fetched_again_under_a_new_id() {
    let failed = open().fetch_started(TRY, noon()).unwrap();
    let failed = failed.reported(&report(TRY, stopped()), noon()).unwrap();
    assert!(matches!(&failed.state, LinkState::Failed { code, .. } if code == "permit_revoked"));

    let reused = failed.clone().fetch_started(TRY, noon());
    assert!(matches!(reused, Err(LinkError::TransferIdReused(TRY))));
    let again = failed.fetch_started(NEXT_TRY, noon()).unwrap();
    let verified = again.reported(&report(NEXT_TRY, Outcome::Verified), noon()).unwrap();
    assert!(matches!(verified.state, LinkState::Verified { transfer_id: NEXT_TRY, .. }));
}

#[test]
fn a_quarantined_link_never_moves_again() {
    let fault = Fault::chunk("a.csv", 3);
    let fetching = open().fetch_started(TRY, noon()).unwrap();
    let bad = report(TRY, Outcome::Quarantined(vec![fault]));
    let quarantined = fetching.reported(&bad, noon()).unwrap();
    assert_eq!(quarantined.state.word(), "quarantined");
    let refused = quarantined.fetch_started(NEXT_TRY, noon());
    assert!(matches!(refused, Err(LinkError::NotFetchable { state: "quarantined", .. })));
}

#[test]
fn a_revoked_link_stays_revoked_whatever_a_late_report_says() {
    let revoked = open().fetch_started(TRY, noon()).unwrap().revoked(noon());
    let late = revoked.reported(&report(TRY, Outcome::Verified), noon()).unwrap();
    assert_eq!(late.state, LinkState::Revoked { at: noon() });
}

#[test]
fn the_report_of_a_try_that_was_taken_over_moves_nothing() {
    let taken_over = open().fetch_started(TRY, noon()).unwrap();
    let taken_over = taken_over.fetch_started(NEXT_TRY, noon()).unwrap();
    let still = taken_over.clone().reported(&report(TRY, stopped()), noon()).unwrap();
    assert_eq!(still, taken_over);
}

#[test]
fn a_link_nobody_began_to_fetch_has_nothing_to_report() {
    let refused = open().reported(&report(TRY, Outcome::Verified), noon());
    assert!(matches!(refused, Err(LinkError::NotFetching { state: "open", .. })));
}

#[test]
fn verified_without_a_manifest_is_refused() {
    let fetching = open().fetch_started(TRY, noon()).unwrap();
    let bare = Report { manifest_sha256: None, ..report(TRY, Outcome::Verified) };
    assert!(matches!(fetching.reported(&bare, noon()), Err(LinkError::ReportIncomplete(TRY))));
}
