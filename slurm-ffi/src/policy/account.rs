//! Accounts and their limits.

use std::ptr;

use slurm_wire::{AccountLimits, NewAccount};

use super::{PolicyError, Writing, Written};
use crate::database::Rows;
use crate::error::SlurmError;
use crate::limits::Difference;
use crate::qos::QosTable;
use crate::sys;
use crate::text::Loan;

impl Writing<'_> {
    /// Makes an account, or moves it here from `from`.
    pub(crate) fn put_account(
        self,
        new: &NewAccount,
        from: Option<&str>,
    ) -> Result<(), PolicyError> {
        self.carry_out(|it| {
            // The QOS of an account are not looked at.
            match it.own_association(&new.name, &QosTable::default())? {
                None => it.add_account(new),
                Some(there) if there.parent.as_deref() == Some(&new.parent) => Ok(Written::Nothing),
                Some(there) if there.parent.as_deref() == from => it.move_account(new),
                Some(there) => Err(PolicyError::AccountElsewhere {
                    account: new.name.clone(),
                    parent: there.parent.unwrap_or_default(),
                }),
            }
        })
    }

    /// Sets the limits of an account's own association.
    pub(crate) fn put_account_limits(self, wanted: &AccountLimits) -> Result<(), PolicyError> {
        self.carry_out(|it| {
            let there = it.own_association(&wanted.account, &QosTable::default())?;
            let account = wanted.account.clone();
            let there = there.ok_or(PolicyError::UnknownAccount { account })?;
            let difference = Difference::between(&there.limits, &wanted.limits, it.names)?;
            if difference == Difference::NONE {
                return Ok(Written::Nothing);
            }
            let mut loan = Loan::default();
            let change = sys::shim_association_change {
                limits: difference.lend(&mut loan)?,
                ..it.unchanged(&mut loan, &wanted.account, None)?
            };
            it.modify(&change)
        })
    }

    fn add_account(&mut self, new: &NewAccount) -> Result<Written, PolicyError> {
        let mut loan = Loan::default();
        let name = loan.lend("account", new.name.as_str())?;
        let known = Rows::read("slurmdb_accounts_get", |rows| {
            // SAFETY: the connection is open and of this thread; `loan` keeps the string alive.
            unsafe { sys::shim_db_accounts(self.database.raw(), name, rows) }
        })?;
        // Another cluster of this slurmdbd may have made the record; the association is ours.
        if known.count() == 0 {
            let description = loan.lend("description", new.description.as_str())?;
            // SAFETY: as above.
            let code = unsafe { sys::shim_db_add_account(self.database.raw(), name, description) };
            SlurmError::check("slurmdb_accounts_add", code)?;
        }
        let change = sys::shim_association_change {
            parent: loan.lend("parent", new.parent.as_str())?,
            ..self.unchanged(&mut loan, &new.name, None)?
        };
        self.add(&change)
    }

    fn move_account(&mut self, new: &NewAccount) -> Result<Written, PolicyError> {
        let mut loan = Loan::default();
        let change = sys::shim_association_change {
            parent: loan.lend("parent", new.parent.as_str())?,
            ..self.unchanged(&mut loan, &new.name, None)?
        };
        self.modify(&change)
    }

    /// A change of one association that changes nothing yet.
    pub(super) fn unchanged(
        &self,
        loan: &mut Loan,
        account: &str,
        user: Option<&str>,
    ) -> Result<sys::shim_association_change, SlurmError> {
        Ok(sys::shim_association_change {
            cluster: loan.lend("cluster", self.cluster)?,
            account: loan.lend("account", account)?,
            user: loan.lend_option("user", user)?,
            parent: ptr::null(),
            limits: Difference::NONE.lend(loan)?,
            qos: ptr::null(),
            qos_count: 0,
            default_qos: sys::NO_VAL,
            is_default: 0,
        })
    }

    pub(super) fn add(
        &self,
        change: &sys::shim_association_change,
    ) -> Result<Written, PolicyError> {
        // SAFETY: the connection is open and of this thread; whoever made the change keeps its
        // strings alive until it returns.
        let code = unsafe { sys::shim_db_add_association(self.database.raw(), change) };
        SlurmError::check("slurmdb_associations_add", code)?;
        Ok(Written::Difference)
    }

    pub(super) fn modify(
        &self,
        change: &sys::shim_association_change,
    ) -> Result<Written, PolicyError> {
        // SAFETY: as in `add`.
        let code = unsafe { sys::shim_db_modify_association(self.database.raw(), change) };
        SlurmError::check("slurmdb_associations_modify", code)?;
        Ok(Written::Difference)
    }
}
