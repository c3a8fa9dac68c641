//! Writes to slurmdbd: accounts, users and QOS become as the broker wants them.
//!
//! Each write looks first and writes only the difference, all of it or nothing; doing it again
//! changes nothing. One at a time: two that both look first could both add the same association,
//! which slurmctld then has twice (measured on 24.11).

use std::sync::{Mutex, PoisonError};

use crate::association::{self, Association, Wanted};
use crate::database::Database;
use crate::error::SlurmError;
use crate::qos::QosTable;
use crate::tres::TresNames;

mod account;
mod error;
mod qos;
mod user;

pub(crate) use error::PolicyError;

/// Held by whoever writes.
static TURN: Mutex<()> = Mutex::new(());

/// Whether there was anything to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// The difference, to be committed.
    Difference,
    /// All was as it shall be.
    Nothing,
}

/// One write, from looking to its end.
pub(crate) struct Writing<'a> {
    database: &'a Database,
    cluster: &'a str,
    names: &'a mut TresNames,
}

impl<'a> Writing<'a> {
    /// Writes on a connection of its own; `names` is the caller's memory of TRES names.
    pub(crate) fn on(database: &'a Database, cluster: &'a str, names: &'a mut TresNames) -> Self {
        Self { database, cluster, names }
    }

    /// Carries out `work`, and keeps what it wrote only if all of it succeeded.
    fn carry_out(
        mut self,
        work: impl Fn(&mut Self) -> Result<Written, PolicyError>,
    ) -> Result<(), PolicyError> {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = match work(&mut self) {
            // Counted since the last look, perhaps. Nothing was written before this was found out.
            Err(PolicyError::UnknownTres { .. }) => {
                *self.names = TresNames::read(self.database)?;
                work(&mut self)
            }
            outcome => outcome,
        };
        match outcome {
            Ok(Written::Nothing) => Ok(()),
            Ok(Written::Difference) => Ok(self.database.commit(true)?),
            Err(error) => {
                // slurmdbd undoes it anyway when the connection closes without a commit.
                let _ = self.database.commit(false);
                Err(error)
            }
        }
    }

    fn qos(&mut self) -> Result<QosTable, SlurmError> {
        QosTable::read(self.database, self.names)
    }

    fn associations(
        &mut self,
        wanted: Wanted<'_>,
        qos: &QosTable,
    ) -> Result<Vec<Association>, SlurmError> {
        association::read(self.database, self.cluster, wanted, qos, self.names)
    }

    /// An account's own association on this cluster.
    fn own_association(
        &mut self,
        account: &str,
        qos: &QosTable,
    ) -> Result<Option<Association>, SlurmError> {
        let wanted = Wanted { account: Some(account), user: None };
        let all = self.associations(wanted, qos)?;
        Ok(all.into_iter().find(|it| it.user.is_none() && it.account == account))
    }
}
