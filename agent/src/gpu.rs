//! A GPU and one sample of it.

use agent_wire::Reading;
use nvml_wrapper::error::NvmlError;

use crate::clock::Moment;

/// What every name of the simulated NVML begins with.
pub const SIMULATED_PREFIX: &str = "SIMULATED";

/// A GPU, or one MIG instance of it. Known by UUID; the index changes with boot and driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// UUID of the GPU or of the MIG instance.
    pub uuid: String,
    /// The N of /dev/nvidiaN; an instance has its board's.
    pub minor: u32,
    /// Name the driver reports.
    pub name: String,
    /// Whole board or instance.
    pub part: Part,
}

impl Gpu {
    /// True when the driver's name for it says that it is simulated.
    pub fn is_simulated(&self) -> bool {
        self.name.starts_with(SIMULATED_PREFIX)
    }
}

/// Which part of a board a [`Gpu`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Board,
    /// One MIG instance. Energy and utilization exist for the board only.
    MigInstance,
}

/// What was read from one GPU at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub at: Moment,
    /// Energy counter since the driver was loaded, in millijoules.
    pub energy_mj: Reading,
    /// Time with a kernel running, over the last sensor period, in percent.
    pub utilization_pct: Reading,
    /// Memory in use, in MiB, rounded up.
    pub memory_mib: Reading,
    /// Board power, averaged over the last second, in milliwatts.
    pub power_mw: Reading,
    /// Compute processes; `None` when the list was not looked at this time.
    pub process_count: Option<Reading>,
}

impl Sample {
    /// A sample in which nothing could be read, all for the same reason.
    pub fn without_values(at: Moment, reason: Reading) -> Self {
        Self {
            at,
            energy_mj: reason,
            utilization_pct: reason,
            memory_mib: reason,
            power_mw: reason,
            process_count: Some(reason),
        }
    }

    /// True when the GPU gave at least one value.
    pub fn answered(&self) -> bool {
        [self.energy_mj, self.utilization_pct, self.memory_mib, self.power_mw]
            .iter()
            .any(|reading| reading.value().is_some())
    }

    /// True when any reading says that the GPU is gone.
    pub fn lost(&self) -> bool {
        [self.energy_mj, self.utilization_pct, self.memory_mib, self.power_mw]
            .contains(&Reading::GpuLost)
    }
}

/// Why a value is missing, in the words of the wire.
pub fn reason(error: &NvmlError) -> Reading {
    match error {
        NvmlError::NotSupported
        | NvmlError::FunctionNotFound
        | NvmlError::FailedToLoadSymbol(_)
        // A MIG instance's handle is an invalid argument to calls that only a board has.
        | NvmlError::InvalidArg => Reading::Unsupported,
        NvmlError::NoPermission => Reading::NoPermission,
        NvmlError::GpuLost
        | NvmlError::ResetRequired
        | NvmlError::Uninitialized
        | NvmlError::DriverNotLoaded
        | NvmlError::NotFound => Reading::GpuLost,
        // The rest may answer next time: the value of this time is not known.
        _ => Reading::Stale,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_reason_and_none_is_a_value() {
        assert_eq!(reason(&NvmlError::NotSupported), Reading::Unsupported);
        assert_eq!(reason(&NvmlError::NoPermission), Reading::NoPermission);
        assert_eq!(reason(&NvmlError::GpuLost), Reading::GpuLost);
        assert_eq!(reason(&NvmlError::Timeout), Reading::Stale);
        assert_eq!(reason(&NvmlError::Unknown), Reading::Stale);
    }
}
