//! What one unit of a pool's class is, and how much a pool promises of it.
//!
//! Holds, requests to Slurm and charges are whole units, never parts of one.

use record::GpuSeconds;
use serde::{Deserialize, Serialize};

use super::NOT_OVER_ALLOCATED_PPM;

/// What is allocated as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "unit", rename_all = "snake_case", deny_unknown_fields)]
pub enum AllocationUnit {
    /// One GPU.
    Gpu,
    /// One MIG instance, typed by the pool's GPU type.
    MigInstance {
        /// What it is of a GPU, in parts per million.
        share_ppm: i64,
    },
    /// A whole node with all its GPUs; time is counted per GPU all the same.
    Node,
}

/// The unit as the database keeps it, without its figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "quotas.allocation_unit", rename_all = "snake_case")]
pub(crate) enum UnitKind {
    Gpu,
    MigInstance,
    Node,
}

impl AllocationUnit {
    /// The unit in the two columns of the database.
    pub(super) const fn kept(self) -> (UnitKind, Option<i64>) {
        match self {
            Self::Gpu => (UnitKind::Gpu, None),
            Self::MigInstance { share_ppm } => (UnitKind::MigInstance, Some(share_ppm)),
            Self::Node => (UnitKind::Node, None),
        }
    }

    /// The unit from the two columns of the database.
    pub(crate) const fn from_kept(kind: UnitKind, share_ppm: Option<i64>) -> Option<Self> {
        match (kind, share_ppm) {
            (UnitKind::Gpu, None) => Some(Self::Gpu),
            (UnitKind::MigInstance, Some(share_ppm)) => Some(Self::MigInstance { share_ppm }),
            (UnitKind::Node, None) => Some(Self::Node),
            (UnitKind::Gpu | UnitKind::Node, Some(_)) | (UnitKind::MigInstance, None) => None,
        }
    }
}

/// What a pool of this size promises beyond it, whole seconds; `None` if it cannot be written down.
pub(super) fn extra(gpu_seconds: GpuSeconds, over_allocation_ppm: i64) -> Option<GpuSeconds> {
    let beyond = over_allocation_ppm.checked_sub(NOT_OVER_ALLOCATED_PPM)?;
    let whole = i128::from(NOT_OVER_ALLOCATED_PPM);
    let seconds = i128::from(gpu_seconds.get()) * i128::from(beyond) / whole;
    i64::try_from(seconds).ok().and_then(GpuSeconds::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_promises_whole_seconds_by_its_factor() {
        let size = GpuSeconds::new(999).unwrap();
        assert_eq!(extra(size, 1_000_000), Some(GpuSeconds::ZERO));
        assert_eq!(extra(size, 1_250_000), GpuSeconds::new(249));
        assert_eq!(extra(size, 2_000_000), Some(size));
        assert_eq!(extra(size, 999_999), Some(GpuSeconds::ZERO), "cut towards nought");
        assert_eq!(extra(size, i64::MIN), None);
    }

    #[test]
    fn a_unit_comes_back_as_it_was_kept() {
        let share = AllocationUnit::MigInstance { share_ppm: 142_857 };
        for unit in [AllocationUnit::Gpu, share, AllocationUnit::Node] {
            let (kind, share_ppm) = unit.kept();
            assert_eq!(AllocationUnit::from_kept(kind, share_ppm), Some(unit));
        }
        assert_eq!(AllocationUnit::from_kept(UnitKind::MigInstance, None), None);
        assert_eq!(AllocationUnit::from_kept(UnitKind::Node, Some(1)), None);
    }
}
