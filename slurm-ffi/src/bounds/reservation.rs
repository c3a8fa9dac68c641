//! What the broker may set aside.

use std::collections::BTreeSet;

use slurm_wire::{NewReservation, Refusal, RefusalCode, ReservationRow};

use super::name::{bad, plain};
use super::{AccountTree, Bounds, refusal};

/// Slurm keeps times in 32 bits here and there; its last values are sentinels.
const LAST_SECOND: i64 = u32::MAX as i64 - 10;

impl Bounds {
    /// Checks a reservation to make or change; `there` are those that Slurm has.
    pub fn check_reservation(
        &self,
        wanted: &NewReservation,
        there: &[ReservationRow],
        tree: &AccountTree,
    ) -> Result<(), Refusal> {
        self.check_reservation_name(&wanted.name)?;
        if wanted.accounts.is_empty() {
            return Err(bad(format!("the reservation {:?} is for no account", wanted.name)));
        }
        wanted.accounts.iter().try_for_each(|it| tree.check(&self.account_root, it))?;
        if let Some(partition) = &wanted.partition {
            self.check_partition(partition)?;
        }
        if !(0 <= wanted.starts_at
            && wanted.starts_at < wanted.ends_at
            && wanted.ends_at <= LAST_SECOND)
        {
            return Err(bad(format!(
                "the reservation {:?} runs from {} to {}: it must end after it starts",
                wanted.name, wanted.starts_at, wanted.ends_at
            )));
        }
        self.nodes_set_aside(wanted, there)
    }

    /// Checks that a reservation is the broker's to change.
    pub fn check_reservation_name(&self, name: &str) -> Result<(), Refusal> {
        if self.is_own_reservation(name) {
            return Ok(());
        }
        Err(refusal(
            RefusalCode::ForeignReservation,
            format!(
                "the reservation {name:?} is not the broker's: those begin with {:?}",
                self.reservation_prefix
            ),
        ))
    }

    /// True for a reservation that is the broker's to change.
    pub fn is_own_reservation(&self, name: &str) -> bool {
        let rest = name.strip_prefix(self.reservation_prefix.as_str());
        rest.is_some_and(|rest| !rest.is_empty()) && plain("a reservation", name).is_ok()
    }

    /// The cap counts every node of the broker's reservations, whenever they run.
    fn nodes_set_aside(
        &self,
        wanted: &NewReservation,
        there: &[ReservationRow],
    ) -> Result<(), Refusal> {
        let foreign = |sentence: String| Err(refusal(RefusalCode::ForeignNode, sentence));
        if wanted.nodes.is_empty() {
            return Err(bad(format!("the reservation {:?} has no nodes", wanted.name)));
        }
        if let Some(node) = wanted.nodes.iter().find(|node| !self.nodes.contains(node)) {
            return foreign(format!(
                "the node {node:?} may not be set aside: nodes in the bounds file names {:?}",
                self.nodes
            ));
        }
        let others = there
            .iter()
            .filter(|it| it.name != wanted.name && self.is_own_reservation(&it.name))
            .flat_map(|it| &it.nodes);
        let count = wanted.nodes.iter().chain(others).collect::<BTreeSet<_>>().len();
        if u32::try_from(count).is_ok_and(|count| count <= self.max_set_aside_nodes) {
            return Ok(());
        }
        foreign(format!(
            "{count} nodes would be set aside with those that are: max_set_aside_nodes in the bounds \
             file is {}",
            self.max_set_aside_nodes
        ))
    }
}
