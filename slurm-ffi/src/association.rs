//! Accounts and associations of one cluster, as slurmdbd has them.

use std::collections::BTreeSet;
use std::ffi::CString;

use serde::{Deserialize, Serialize};
use slurm_wire::{AccountRow, AssociationRow, Limits};

use crate::database::{Database, Rows};
use crate::error::SlurmError;
use crate::sys;
use crate::text::Lender;

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

/// Reads every association of `cluster`.
pub fn read(database: &Database, cluster: &str) -> Result<Vec<Association>, SlurmError> {
    let cluster = CString::new(cluster).map_err(|_| SlurmError::NulInside { field: "cluster" })?;
    let rows = Rows::read("slurmdb_associations_get", |rows| {
        // SAFETY: the connection is open and of this thread; the string is live for the call.
        unsafe { sys::shim_db_associations(database.raw(), cluster.as_ptr(), rows) }
    })?;
    // SAFETY: every pointer copied below comes from a view of `rows`.
    let lender = unsafe { Lender::of(&rows) };
    let copy = |index: usize| {
        let mut view = sys::shim_association::default();
        // SAFETY: the rows were made by `shim_db_associations`, and `index` is below their count.
        unsafe { sys::shim_association_view(rows.raw(), index, &mut view) };
        Some(Association {
            cluster: lender.copy(view.cluster)?,
            account: lender.copy(view.account)?,
            parent: lender.copy(view.parent),
            user: lender.copy(view.user),
            partition: lender.copy(view.partition),
            ..Association::default()
        })
    };
    Ok((0..rows.count()).filter_map(copy).collect())
}
