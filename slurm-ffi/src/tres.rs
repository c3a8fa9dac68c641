//! TRES: Slurm's numbered resources, given their names.
//!
//! slurmdbd writes what a job was given as `1=2,1001=4`; the numbers are its own and differ from
//! site to site.

use std::collections::BTreeMap;

use crate::database::{Database, Rows};
use crate::error::SlurmError;
use crate::sys;
use crate::text::Lender;

/// The names behind slurmdbd's TRES numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TresNames {
    names: BTreeMap<u32, String>,
}

impl TresNames {
    /// Reads all of them, deleted ones too: an old record may still name one.
    pub(crate) fn read(database: &Database) -> Result<Self, SlurmError> {
        let rows = Rows::read("slurmdb_tres_get", |rows| {
            // SAFETY: the connection is open and belongs to this thread (`Database` is neither
            // Send nor Sync); `rows` is a live out-pointer.
            unsafe { sys::shim_db_tres(database.raw(), rows) }
        })?;
        // SAFETY: every pointer copied below comes from a view of `rows`.
        let lender = unsafe { Lender::of(&rows) };
        let named = |index: usize| {
            let mut view = sys::shim_tres::default();
            // SAFETY: the rows were made by `shim_db_tres`, and `index` is below their count.
            unsafe { sys::shim_tres_view(rows.raw(), index, &mut view) };
            let kind = lender.copy(view.type_)?;
            let name = lender.copy(view.name);
            Some((view.id, name.map_or(kind.clone(), |name| format!("{kind}/{name}"))))
        };
        Ok(Self { names: (0..rows.count()).filter_map(named).collect() })
    }

    /// The name behind a number.
    pub(crate) fn name(&self, number: u32) -> Option<&str> {
        self.names.get(&number).map(String::as_str)
    }

    /// The number behind a name.
    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        self.names.iter().find(|(_, known)| *known == name).map(|(id, _)| *id)
    }

    /// The amounts in `text` by name; `None` when it has a number that is not known (yet).
    ///
    /// A counter that Slurm could not read (18446744073709551614) is left out: missing is not zero.
    pub(crate) fn named(&self, text: &str) -> Option<BTreeMap<String, u64>> {
        let mut amounts = BTreeMap::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (id, amount) = part.split_once('=')?;
            let name = self.names.get(&id.parse().ok()?)?;
            let amount: u64 = amount.parse().ok()?;
            if amount < u64::MAX - 1 {
                amounts.insert(name.clone(), amount);
            }
        }
        Some(amounts)
    }
}

/// Runs `copy`, and once more with the names read anew when it met a number it did not know.
pub(crate) fn retried<T>(
    database: &Database,
    names: &mut TresNames,
    copy: impl Fn(&TresNames) -> Option<T>,
) -> Result<T, SlurmError> {
    if let Some(copied) = copy(names) {
        return Ok(copied);
    }
    *names = TresNames::read(database)?;
    copy(names).ok_or(SlurmError::NullReply { call: "slurmdb_tres_get" })
}

#[cfg(test)]
impl<const COUNT: usize> From<[(u32, &str); COUNT]> for TresNames {
    fn from(names: [(u32, &str); COUNT]) -> Self {
        Self { names: names.map(|(id, name)| (id, name.to_owned())).into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> TresNames {
        [(1, "cpu"), (3, "energy"), (1001, "gres/gpu"), (1002, "gres/gpu:h200")].into()
    }

    #[test]
    fn amounts_get_their_names() {
        let amounts = site().named("1=4,1001=2,1002=2").unwrap();
        assert_eq!(amounts["gres/gpu"], 2);
        assert_eq!(amounts["gres/gpu:h200"], 2);
        assert_eq!(amounts.len(), 3);
    }

    #[test]
    fn a_counter_that_could_not_be_read_is_absent() {
        assert!(site().named("3=18446744073709551614").unwrap().is_empty());
    }

    #[test]
    fn a_number_nobody_has_named_is_not_dropped_in_silence() {
        assert_eq!(site().named("1=1,1099=8"), None);
    }

    #[test]
    fn a_job_that_never_started_was_given_nothing() {
        assert!(site().named("").unwrap().is_empty());
    }
}
