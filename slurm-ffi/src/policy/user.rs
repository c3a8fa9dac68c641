//! Who may run under an account.

use slurm_wire::UserAssociation;

use super::{PolicyError, Writing, Written};
use crate::association::{Association, Wanted};
use crate::database::Rows;
use crate::error::SlurmError;
use crate::qos::QosTable;
use crate::sys;
use crate::text::Loan;

impl Writing<'_> {
    /// Lets a user run under an account, with just these QOS.
    pub(crate) fn put_user(self, wanted: &UserAssociation) -> Result<(), PolicyError> {
        self.carry_out(|it| {
            let qos = it.qos()?;
            let ids = qos.numbers_of(&wanted.qos)?;
            if it.own_association(&wanted.account, &qos)?.is_none() {
                return Err(PolicyError::UnknownAccount { account: wanted.account.clone() });
            }
            let all = it.associations(Wanted { account: None, user: Some(&wanted.user) }, &qos)?;
            match all.iter().find(|there| is_that(there, &wanted.account)) {
                Some(there) if is_so(there, wanted) => Ok(Written::Nothing),
                Some(_) => it.put_association(wanted, &ids, Put::Modify),
                None => {
                    it.make_user(&wanted.user, &wanted.account)?;
                    let is_first = !all.iter().any(|there| there.is_default);
                    it.put_association(wanted, &ids, Put::Add { is_first })
                }
            }
        })
    }

    /// No longer lets a user run under an account.
    pub(crate) fn remove_user(self, account: &str, user: &str) -> Result<(), PolicyError> {
        self.carry_out(|it| {
            // The QOS of the association are not looked at.
            let qos = QosTable::default();
            let all = it.associations(Wanted { account: None, user: Some(user) }, &qos)?;
            let Some(there) = all.iter().find(|there| is_that(there, account)) else {
                return Ok(Written::Nothing);
            };
            let other = all.iter().find(|it| it.partition.is_none() && it.account != account);
            // slurmdbd keeps a user's default account while the user has others.
            if let Some(other) = other.filter(|_| there.is_default) {
                it.make_default(&other.account, user)?;
            }
            it.remove(account, user)
        })
    }

    /// slurmdbd's record of the user, without which no association is taken.
    fn make_user(&self, user: &str, account: &str) -> Result<(), PolicyError> {
        let mut loan = Loan::default();
        let name = loan.lend("user", user)?;
        let known = Rows::read("slurmdb_users_get", |rows| {
            // SAFETY: the connection is open and of this thread; `loan` keeps the string alive.
            unsafe { sys::shim_db_users(self.database.raw(), name, rows) }
        })?;
        if known.count() > 0 {
            return Ok(());
        }
        let account = loan.lend("account", account)?;
        // SAFETY: as above.
        let code = unsafe { sys::shim_db_add_user(self.database.raw(), name, account) };
        Ok(SlurmError::check("slurmdb_users_add", code)?)
    }

    fn put_association(
        &self,
        wanted: &UserAssociation,
        ids: &[u32],
        put: Put,
    ) -> Result<Written, PolicyError> {
        let mut loan = Loan::default();
        let texts = loan.lend_numbers("qos", ids)?;
        let change = sys::shim_association_change {
            qos: texts.as_ptr(),
            qos_count: texts.len(),
            default_qos: ids.first().copied().unwrap_or(sys::NO_VAL),
            is_default: u32::from(put == Put::Add { is_first: true }),
            ..self.unchanged(&mut loan, &wanted.account, Some(&wanted.user))?
        };
        match put {
            Put::Add { .. } => self.add(&change),
            Put::Modify => self.modify(&change),
        }
    }

    fn make_default(&self, account: &str, user: &str) -> Result<Written, PolicyError> {
        let mut loan = Loan::default();
        let change = sys::shim_association_change {
            is_default: 1,
            ..self.unchanged(&mut loan, account, Some(user))?
        };
        self.modify(&change)
    }

    fn remove(&self, account: &str, user: &str) -> Result<Written, PolicyError> {
        let mut loan = Loan::default();
        let cluster_name = loan.lend("cluster", self.cluster)?;
        let account_name = loan.lend("account", account)?;
        let user_name = loan.lend("user", user)?;
        // SAFETY: the connection is open and of this thread; `loan` keeps the strings alive.
        let code = unsafe {
            sys::shim_db_remove_association(
                self.database.raw(),
                cluster_name,
                account_name,
                user_name,
            )
        };
        match SlurmError::check("slurmdb_associations_remove", code) {
            Ok(()) => Ok(Written::Difference),
            Err(error) if error.is(sys::ESLURM_JOBS_RUNNING_ON_ASSOC) => {
                let (account, user) = (account.to_owned(), user.to_owned());
                Err(PolicyError::JobsThere { account, user })
            }
            Err(error) => Err(error.into()),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Put {
    /// A new one; the user's first becomes the default.
    Add { is_first: bool },
    /// One that is there.
    Modify,
}

/// The one that counts: an association in one partition only is somebody else's idea.
fn is_that(there: &Association, account: &str) -> bool {
    there.account == account && there.user.is_some() && there.partition.is_none()
}

fn is_so(there: &Association, wanted: &UserAssociation) -> bool {
    there.qos.iter().eq(wanted.qos.iter().collect::<std::collections::BTreeSet<_>>())
        && there.default_qos.as_ref() == wanted.qos.first()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(qos: &[&str], default_qos: Option<&str>) -> Association {
        Association {
            account: "register".to_owned(),
            user: Some("p-0001".to_owned()),
            qos: qos.iter().map(|name| (*name).to_owned()).collect(),
            default_qos: default_qos.map(ToOwned::to_owned),
            ..Association::default()
        }
    }

    fn wanted(qos: &[&str]) -> UserAssociation {
        UserAssociation {
            account: "register".to_owned(),
            user: "p-0001".to_owned(),
            qos: qos.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn the_first_qos_is_the_default_and_the_order_of_the_others_is_nothing() {
        assert!(is_so(&there(&["a", "b", "c"], Some("b")), &wanted(&["b", "c", "a"])));
        assert!(!is_so(&there(&["a", "b", "c"], Some("a")), &wanted(&["b", "c", "a"])));
        assert!(!is_so(&there(&["a"], Some("a")), &wanted(&["a", "b"])));
        assert!(!is_so(&there(&["a"], None), &wanted(&["a"])));
    }

    #[test]
    fn an_association_in_one_partition_is_not_the_one() {
        let partial = Association { partition: Some("gpu".to_owned()), ..there(&[], None) };
        assert!(!is_that(&partial, "register"));
        assert!(is_that(&there(&[], None), "register") && !is_that(&there(&[], None), "other"));
    }
}
