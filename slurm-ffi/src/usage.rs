//! Slurm's own sums of use, as `sreport cluster AccountUtilizationByUser` shows them.
//!
//! slurmdbd adds up whole hours of its local time, some minutes after each has passed. An account's
//! sum includes the accounts below it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::ptr::{self, NonNull};

use slurm_wire::AccountUsage;

use crate::database::Database;
use crate::error::SlurmError;
use crate::sys;
use crate::text::Lender;
use crate::tres::{TresNames, retried};

const CALL: &str = "slurmdb_report_cluster_account_by_user";

/// Reads what some accounts used from `from` on and before `until`, in seconds since the epoch.
/// An account without any use is left out.
pub(crate) fn read(
    database: &Database,
    cluster: &str,
    from: i64,
    until: i64,
    accounts: &[String],
    names: &mut TresNames,
) -> Result<Vec<AccountUsage>, SlurmError> {
    let reply = UsageReply::fetch(database, cluster, from, until)?;
    let wanted: BTreeSet<&str> = accounts.iter().map(String::as_str).collect();
    retried(database, names, |names| added_up(reply.cells(), &wanted, names))
}

/// One number of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cell {
    account: String,
    user: Option<String>,
    tres: u32,
    seconds: u64,
}

/// The rows of the accounts themselves; `None` when a TRES has a number that is not known yet.
fn added_up(
    cells: impl Iterator<Item = Cell>,
    wanted: &BTreeSet<&str>,
    names: &TresNames,
) -> Option<Vec<AccountUsage>> {
    let mut rows: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for cell in cells {
        if cell.user.is_some() || !wanted.contains(cell.account.as_str()) {
            continue;
        }
        let name = names.name(cell.tres)?.to_owned();
        *rows.entry(cell.account).or_default().entry(name).or_default() += cell.seconds;
    }
    let row = |(account, tres_seconds)| AccountUsage { account, tres_seconds };
    Some(rows.into_iter().map(row).collect())
}

/// A report whose memory belongs to libslurm's allocator.
///
/// Invariant: `raw` came from `shim_db_usage`, which succeeded, and has not been freed.
struct UsageReply {
    raw: NonNull<sys::shim_usage_reply>,
}

impl UsageReply {
    fn fetch(
        database: &Database,
        cluster: &str,
        from: i64,
        until: i64,
    ) -> Result<Self, SlurmError> {
        let cluster =
            CString::new(cluster).map_err(|_| SlurmError::NulInside { field: "cluster" })?;
        let mut raw = ptr::null_mut();
        // SAFETY: the connection is open and of this thread; the string is live for the call, and
        // `raw` is a live out-pointer.
        let code =
            unsafe { sys::shim_db_usage(database.raw(), cluster.as_ptr(), from, until, &mut raw) };
        SlurmError::check(CALL, code)?;
        Ok(Self { raw: NonNull::new(raw).ok_or(SlurmError::NullReply { call: CALL })? })
    }

    fn cells(&self) -> impl Iterator<Item = Cell> + '_ {
        // SAFETY: by the invariant the reply is live, and `&self` keeps `Drop` from running.
        let count = unsafe { sys::shim_usage_count(self.raw.as_ptr()) };
        (0..count).map(|index| self.cell(index))
    }

    fn cell(&self, index: usize) -> Cell {
        let mut view = sys::shim_usage::default();
        // SAFETY: the reply is live, and `cells` calls with indexes below its count only.
        unsafe { sys::shim_usage_view(self.raw.as_ptr(), index, &mut view) };
        // SAFETY: the strings of the view belong to the reply, which outlives the lender.
        let lender = unsafe { Lender::of(self) };
        Cell {
            account: lender.copy(view.account).unwrap_or_default(),
            user: lender.copy(view.user),
            tres: view.tres,
            seconds: view.seconds,
        }
    }
}

impl Drop for UsageReply {
    fn drop(&mut self) {
        // SAFETY: by the invariant this is the only owner, and it is freed only here.
        unsafe { sys::shim_free_usage(self.raw.as_ptr()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(account: &str, user: Option<&str>, tres: u32, seconds: u64) -> Cell {
        Cell { account: account.to_owned(), user: user.map(ToOwned::to_owned), tres, seconds }
    }

    #[test]
    fn an_accounts_own_row_counts_and_its_users_rows_do_not() {
        let names = TresNames::from([(1, "cpu"), (1001, "gres/gpu")]);
        let cells = vec![
            cell("public", None, 1001, 500),
            cell("register", None, 1, 30),
            cell("register", None, 1001, 60),
            cell("register", Some("p-0001"), 1001, 60),
            cell("research", None, 1001, 900),
        ];
        let wanted = BTreeSet::from(["public", "register"]);
        let rows = added_up(cells.into_iter(), &wanted, &names).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].account.as_str(), rows[0].tres_seconds["gres/gpu"]), ("public", 500));
        assert_eq!(rows[1].tres_seconds.values().copied().collect::<Vec<_>>(), [30, 60]);
    }

    #[test]
    fn a_tres_nobody_has_named_is_not_dropped_in_silence() {
        let cells = vec![cell("register", None, 1099, 1)];
        assert_eq!(added_up(cells.into_iter(), &BTreeSet::from(["register"]), &[].into()), None);
    }
}
