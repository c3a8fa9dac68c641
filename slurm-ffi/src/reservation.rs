//! Reservations: whole nodes set aside, read and kept.
//!
//! Only nodes by name: Slurm 22.05 ignores a count of GPUs without a word and takes the node.

use std::collections::BTreeSet;
use std::ffi::{CString, c_char};
use std::ptr::{self, NonNull};

use slurm_wire::{NewReservation, ReservationRow};

use crate::error::SlurmError;
use crate::session::Session;
use crate::sys;
use crate::text::{Lender, Loan};

/// Reads every reservation of the cluster.
pub fn load(_session: Session) -> Result<Vec<ReservationRow>, SlurmError> {
    ReservationsReply::fetch()?.rows()
}

/// Makes a reservation, or gives the one of that name this shape; `now` is the time.
///
/// Jobs that are on the nodes already end undisturbed. A start in the past means now, and the start
/// of a reservation that has begun stays as it was: slurmctld lets nobody change it.
pub fn put(session: Session, wanted: &NewReservation, now: i64) -> Result<(), SlurmError> {
    let there = load(session)?.into_iter().find(|there| there.name == wanted.name);
    match there {
        None => send(session, wanted, wanted.starts_at.max(now), Change::Create),
        Some(there) if is_as_wanted(&there, wanted, now) => Ok(()),
        Some(there) if there.starts_at <= now => send(session, wanted, 0, Change::Update),
        Some(_) => send(session, wanted, wanted.starts_at.max(now), Change::Update),
    }
}

/// Ends a reservation; one that is gone is well.
///
/// Slurm refuses while a job is in it or waits for it (ESLURM_RESERVATION_BUSY). To bring its end
/// forward instead would kill the jobs that run in it.
pub fn remove(session: Session, name: &str) -> Result<(), SlurmError> {
    if !load(session)?.iter().any(|there| there.name == name) {
        return Ok(());
    }
    let mut loan = Loan::default();
    let name = loan.lend("name", name)?;
    // SAFETY: libslurm is initialised. The name is lent by `loan`, which outlives the call.
    let code = unsafe { sys::shim_delete_reservation(name) };
    match SlurmError::check("slurm_delete_reservation", code) {
        Err(error) if error.is(sys::ESLURM_RESERVATION_INVALID) => Ok(()),
        outcome => outcome,
    }
}

fn is_as_wanted(there: &ReservationRow, wanted: &NewReservation, now: i64) -> bool {
    let same_start = there.starts_at == wanted.starts_at;
    let both_began = there.starts_at <= now;
    there.nodes == wanted.nodes
        && there.accounts == wanted.accounts
        && there.partition == wanted.partition
        && there.ends_at == wanted.ends_at
        && (same_start || both_began)
}

#[derive(Clone, Copy)]
enum Change {
    Create,
    Update,
}

fn send(
    _session: Session,
    wanted: &NewReservation,
    starts_at: i64,
    change: Change,
) -> Result<(), SlurmError> {
    let mut loan = Loan::default();
    let reservation = sys::shim_reservation {
        starts_at,
        ends_at: wanted.ends_at,
        name: loan.lend("name", wanted.name.as_str())?,
        nodes: loan.lend("nodes", joined(&wanted.nodes))?,
        accounts: loan.lend("accounts", joined(&wanted.accounts))?,
        partition: loan.lend_option("partition", wanted.partition.as_deref())?,
    };
    let reservation = ptr::from_ref(&reservation);
    match change {
        Change::Create => {
            // SAFETY: libslurm is initialised. Every pointer is null or lent by `loan`, which
            // outlives the call, and libslurm keeps none of them (docs/SAFETY.md, 5).
            let code = unsafe { sys::shim_create_reservation(reservation) };
            SlurmError::check("slurm_create_reservation", code)
        }
        Change::Update => {
            // SAFETY: as above.
            let code = unsafe { sys::shim_update_reservation(reservation) };
            SlurmError::check("slurm_update_reservation", code)
        }
    }
}

fn joined(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(",")
}

/// Invariant: `raw` came from `shim_load_reservations` and has not been freed.
struct ReservationsReply {
    raw: NonNull<sys::shim_reservations_reply>,
}

impl ReservationsReply {
    fn fetch() -> Result<Self, SlurmError> {
        const CALL: &str = "slurm_load_reservations";
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` is a live out-pointer; libslurm is initialised: the only caller holds a
        // `Session`.
        let code = unsafe { sys::shim_load_reservations(&mut raw) };
        SlurmError::check(CALL, code)?;
        Ok(Self { raw: NonNull::new(raw).ok_or(SlurmError::NullReply { call: CALL })? })
    }

    fn rows(&self) -> Result<Vec<ReservationRow>, SlurmError> {
        // SAFETY: by the invariant the reply is live, and `&self` keeps `Drop` from running.
        let count = unsafe { sys::shim_reservation_count(self.raw.as_ptr()) };
        (0..count).map(|index| self.row(index)).collect()
    }

    fn row(&self, index: u32) -> Result<ReservationRow, SlurmError> {
        let mut view = sys::shim_reservation::default();
        // SAFETY: the reply is live, and `rows` calls with indexes below its count only.
        unsafe { sys::shim_reservation_view(self.raw.as_ptr(), index, &mut view) };
        // SAFETY: the strings of the view belong to the reply, which outlives the lender.
        let lender = unsafe { Lender::of(self) };
        let accounts = lender.copy(view.accounts).unwrap_or_default();
        Ok(ReservationRow {
            name: lender.copy(view.name).unwrap_or_default(),
            nodes: hosts(&lender.copy(view.nodes).unwrap_or_default())?,
            accounts: accounts.split(',').filter(|it| !it.is_empty()).map(Into::into).collect(),
            partition: lender.copy(view.partition),
            starts_at: view.starts_at,
            ends_at: view.ends_at,
        })
    }
}

impl Drop for ReservationsReply {
    fn drop(&mut self) {
        // SAFETY: by the invariant this is the only owner; freed once, by Slurm's own function.
        unsafe { sys::shim_free_reservations(self.raw.as_ptr()) }
    }
}

/// The names in a node list such as `gpu[01-04,07]`.
fn hosts(nodes: &str) -> Result<BTreeSet<String>, SlurmError> {
    let nodes = CString::new(nodes).map_err(|_| SlurmError::NulInside { field: "nodes" })?;
    let mut names: *mut c_char = ptr::null_mut();
    // SAFETY: `nodes` is NUL-terminated and `names` is a live out-pointer.
    let code = unsafe { sys::shim_expand_hosts(nodes.as_ptr(), &mut names) };
    SlurmError::check("slurm_hostlist_create", code)?;
    // SAFETY: on success `names` is a NUL-terminated text of ours until it is freed below, which
    // is after the last use of the lender.
    let lender = unsafe { Lender::of(&nodes) };
    let text = lender.copy(names).unwrap_or_default();
    // SAFETY: made by the shim, freed once, by the shim.
    unsafe { sys::shim_free_text(names) };
    Ok(text.lines().map(ToOwned::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_list_names_every_node_once() {
        let names = hosts("gpu[01-03,07],cpu1").unwrap();
        assert_eq!(Vec::from_iter(names), ["cpu1", "gpu01", "gpu02", "gpu03", "gpu07"]);
        assert!(hosts("").unwrap().is_empty());
    }

    #[test]
    fn a_start_that_is_over_is_no_difference() {
        let set = |name: &str| BTreeSet::from([name.to_owned()]);
        let there = ReservationRow {
            name: "mimer_a".to_owned(),
            nodes: set("node01"),
            accounts: set("pub_a"),
            partition: None,
            starts_at: 900,
            ends_at: 5_000,
        };
        let wanted = NewReservation {
            name: there.name.clone(),
            nodes: there.nodes.clone(),
            accounts: there.accounts.clone(),
            partition: None,
            starts_at: 100,
            ends_at: 5_000,
        };
        assert!(is_as_wanted(&there, &wanted, 1_000), "it began, whenever that was");
        assert!(!is_as_wanted(&there, &wanted, 800), "it has not begun and should have");
        let later = NewReservation { ends_at: 6_000, ..wanted };
        assert!(!is_as_wanted(&there, &later, 1_000));
    }
}
