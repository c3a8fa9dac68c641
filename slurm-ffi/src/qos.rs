//! QOS of slurmdbd: read, with the names behind their numbers.

use std::collections::{BTreeMap, BTreeSet};

use slurm_wire::QosRow;

use crate::database::{Database, Rows};
use crate::error::SlurmError;
use crate::policy::PolicyError;
use crate::text::Lender;
use crate::tres::{TresNames, retried};
use crate::{limits, sys};

/// One QOS as slurmdbd has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Qos {
    pub(crate) id: u32,
    /// Slurm's flags, also those that the broker does not know.
    pub(crate) flags: u64,
    pub(crate) row: QosRow,
}

/// Every QOS of a slurmdbd: they belong to all its clusters.
#[derive(Clone, Debug, Default)]
pub(crate) struct QosTable {
    rows: Vec<Qos>,
    names: BTreeMap<u32, String>,
}

impl QosTable {
    /// Reads all of them.
    pub(crate) fn read(database: &Database, names: &mut TresNames) -> Result<Self, SlurmError> {
        let rows = Rows::read("slurmdb_qos_get", |rows| {
            // SAFETY: the connection is open and of this thread; `rows` is a live out-pointer.
            unsafe { sys::shim_db_qos(database.raw(), rows) }
        })?;
        let known: BTreeMap<u32, String> =
            (0..rows.count()).filter_map(|index| name(&rows, index)).collect();
        let copied = retried(database, names, |names| copy_all(&rows, &known, names))?;
        Ok(Self { rows: copied, names: known })
    }

    /// One by name.
    pub(crate) fn find(&self, name: &str) -> Option<&Qos> {
        self.rows.iter().find(|qos| qos.row.name == name)
    }

    /// The names behind numbers; a number nobody has is left out.
    pub(crate) fn names_of(&self, ids: &[u32]) -> BTreeSet<String> {
        ids.iter().filter_map(|id| self.name_of(*id)).collect()
    }

    /// The name behind a number.
    pub(crate) fn name_of(&self, id: u32) -> Option<String> {
        self.names.get(&id).cloned()
    }

    /// The numbers behind names, in their order.
    pub(crate) fn numbers_of<'names>(
        &self,
        names: impl IntoIterator<Item = &'names String>,
    ) -> Result<Vec<u32>, PolicyError> {
        let number = |name: &String| {
            let found = self.find(name).map(|qos| qos.id);
            found.ok_or_else(|| PolicyError::UnknownQos { qos: name.clone() })
        };
        names.into_iter().map(number).collect()
    }

    /// The rows that the broker sees.
    pub(crate) fn rows(self) -> Vec<QosRow> {
        self.rows.into_iter().map(|qos| qos.row).collect()
    }
}

fn view(rows: &Rows, index: usize) -> sys::shim_qos {
    let mut view = sys::shim_qos::default();
    // SAFETY: the rows were made by `shim_db_qos`, and `index` is below their count.
    unsafe { sys::shim_qos_view(rows.raw(), index, &mut view) };
    view
}

fn name(rows: &Rows, index: usize) -> Option<(u32, String)> {
    let view = view(rows, index);
    // SAFETY: the strings of the view belong to the rows, which outlive the lender.
    let lender = unsafe { Lender::of(rows) };
    Some((view.id, lender.copy(view.name)?))
}

/// `None` when a limit has a TRES number that is not known yet.
fn copy_all(rows: &Rows, known: &BTreeMap<u32, String>, names: &TresNames) -> Option<Vec<Qos>> {
    // SAFETY: the strings of every view belong to the rows, which outlive the lender.
    let lender = unsafe { Lender::of(rows) };
    let copy = |index: usize| {
        let view = view(rows, index);
        // SAFETY: as for the view; the shim only reads the bits.
        let flags = unsafe { sys::shim_qos_flags(view.flags) };
        let victims = rows.numbers(|ids, room| {
            // SAFETY: the rows were made by `shim_db_qos`, `index` is below their count, and `ids`
            // has room for `room` numbers.
            unsafe { sys::shim_qos_victims(rows.raw(), index, ids, room) }
        });
        Some(Qos {
            id: view.id,
            flags: view.flags,
            row: QosRow {
                name: lender.copy(view.name).unwrap_or_default(),
                description: lender.copy(view.description).unwrap_or_default(),
                priority: if view.priority < sys::NO_VAL { view.priority } else { 0 },
                preempts: victims.iter().filter_map(|id| known.get(id).cloned()).collect(),
                no_decay: flags & sys::SHIM_QOS_NO_DECAY != 0,
                deny_on_limit: flags & sys::SHIM_QOS_DENY_ON_LIMIT != 0,
                limits: limits::read(&lender, &view.limits, names)?,
            },
        })
    };
    (0..rows.count()).map(copy).collect()
}
