//! Accounts and associations of one cluster, as slurmdbd has them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use slurm_wire::{AccountRow, AssociationRow, Limits};

use crate::database::{Database, Rows};
use crate::error::SlurmError;
use crate::qos::QosTable;
use crate::text::{Lender, Loan};
use crate::tres::{TresNames, retried};
use crate::{limits, sys};

/// One association; the one without a user is the account's own and knows the parent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Association {
    /// Cluster.
    pub cluster: String,
    /// Account.
    pub account: String,
    /// Parent account, on the account's own association.
    pub parent: Option<String>,
    /// User.
    pub user: Option<String>,
    /// Partition it is limited to.
    pub partition: Option<String>,
    /// Limits of its own.
    pub limits: Limits,
    /// The QOS that may be asked for, by name; empty where the parent's apply.
    pub qos: BTreeSet<String>,
    /// The QOS of jobs that ask for none.
    pub default_qos: Option<String>,
    /// True for the one that its user's jobs run under when they name no account.
    pub is_default: bool,
}

impl Association {
    /// What an account's own association says of the account.
    pub fn account_row(&self) -> AccountRow {
        AccountRow {
            name: self.account.clone(),
            parent: self.parent.clone(),
            limits: self.limits.clone(),
        }
    }

    /// The row that the broker sees.
    pub fn row(&self) -> AssociationRow {
        AssociationRow {
            cluster: self.cluster.clone(),
            account: self.account.clone(),
            user: self.user.clone(),
            partition: self.partition.clone(),
            qos: self.qos.clone(),
            default_qos: self.default_qos.clone(),
        }
    }
}

/// Which associations of a cluster to read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted<'a> {
    /// Those of one account.
    pub(crate) account: Option<&'a str>,
    /// Those of one user.
    pub(crate) user: Option<&'a str>,
}

/// Reads associations of `cluster`. `names` is the caller's memory of TRES names.
pub(crate) fn read(
    database: &Database,
    cluster: &str,
    wanted: Wanted<'_>,
    qos: &QosTable,
    names: &mut TresNames,
) -> Result<Vec<Association>, SlurmError> {
    let mut loan = Loan::default();
    let cluster = loan.lend("cluster", cluster)?;
    let account = loan.lend_option("account", wanted.account)?;
    let user = loan.lend_option("user", wanted.user)?;
    let rows = Rows::read("slurmdb_associations_get", |rows| {
        // SAFETY: the connection is open and of this thread; `loan` keeps the strings alive.
        unsafe { sys::shim_db_associations(database.raw(), cluster, account, user, rows) }
    })?;
    retried(database, names, |names| copy_all(&rows, qos, names))
}

/// `None` when a limit has a TRES number that is not known yet.
fn copy_all(rows: &Rows, qos: &QosTable, names: &TresNames) -> Option<Vec<Association>> {
    // SAFETY: every pointer copied below comes from a view of `rows`.
    let lender = unsafe { Lender::of(rows) };
    let copy = |index: usize| {
        let mut view = sys::shim_association::default();
        // SAFETY: the rows were made by `shim_db_associations`, and `index` is below their count.
        unsafe { sys::shim_association_view(rows.raw(), index, &mut view) };
        let ids = rows.numbers(|ids, room| {
            // SAFETY: as for the view; `ids` has room for `room` numbers.
            unsafe { sys::shim_association_qos(rows.raw(), index, ids, room) }
        });
        Some(Association {
            cluster: lender.copy(view.cluster).unwrap_or_default(),
            account: lender.copy(view.account).unwrap_or_default(),
            parent: lender.copy(view.parent),
            user: lender.copy(view.user),
            partition: lender.copy(view.partition),
            limits: limits::read(&lender, &view.limits, names)?,
            qos: qos.names_of(&ids),
            default_qos: qos.name_of(view.default_qos),
            is_default: view.is_default != 0,
        })
    };
    let mut copied = (0..rows.count()).map(copy).collect::<Option<Vec<_>>>()?;
    copied.retain(|it| !it.cluster.is_empty() && !it.account.is_empty());
    Some(copied)
}
