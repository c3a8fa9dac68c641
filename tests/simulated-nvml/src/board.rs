//! One simulated board: what runs on it, and its energy counter.

use nvml_wrapper_sys::bindings as nvml;

/// What a simulated H200 draws with nothing on it, in milliwatts. Invented, not measured.
pub(crate) const IDLE_POWER_MW: u64 = 75_000;

/// The most a simulated H200 draws, in milliwatts: the board limit on NVIDIA's data sheet.
pub(crate) const MAX_POWER_MW: u64 = 700_000;

/// Memory of a simulated H200, in MiB.
pub(crate) const MEMORY_MIB: u64 = 143_771;

/// One simulated process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) memory_mib: u64,
}

/// What the state directory says about one board at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) processes: Vec<Process>,
    pub(crate) utilization_pct: u64,
    pub(crate) memory_mib: u64,
    pub(crate) power_mw: u64,
}

impl Load {
    /// Nothing runs.
    pub(crate) const IDLE: Self =
        Self { processes: Vec::new(), utilization_pct: 0, memory_mib: 0, power_mw: IDLE_POWER_MW };
}

/// What a board answers instead of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The board has fallen off the bus.
    Lost,
    /// The board has no energy counter.
    NoEnergy,
    /// Utilization and processes may not be read.
    NoPermission,
}

impl Fault {
    /// Reads the word in a `fault-N` file.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word.trim() {
            "lost" => Some(Self::Lost),
            "no_energy" => Some(Self::NoEnergy),
            "no_permission" => Some(Self::NoPermission),
            _ => None,
        }
    }
}

/// One simulated board.
#[derive(Debug)]
pub(crate) struct Board {
    /// N of `/dev/nvidiaN`.
    pub(crate) minor: u32,
    /// MIG instances; none means that MIG is off.
    pub(crate) mig_instances: u32,
    /// What it answers instead of values.
    pub(crate) fault: Option<Fault>,
    load: Load,
    energy_uj: u64,
    observed_ms: u64,
}

impl Board {
    /// A board that has idled from the kernel's boot until `now_ms` after it.
    pub(crate) fn idle_since_boot(minor: u32, mig_instances: u32, now_ms: u64) -> Self {
        Self {
            minor,
            mig_instances,
            fault: None,
            load: Load::IDLE,
            energy_uj: now_ms * IDLE_POWER_MW,
            observed_ms: now_ms,
        }
    }

    /// Adds the energy of what ran until now, then takes over what runs from now on.
    pub(crate) fn observe(&mut self, now_ms: u64, load: Load) {
        let elapsed_ms = now_ms.saturating_sub(self.observed_ms);
        self.energy_uj += elapsed_ms * self.load.power_mw; // mW × ms = µJ.
        self.observed_ms = now_ms;
        self.load = load;
    }

    /// What runs, as of the last look.
    pub(crate) fn load(&self) -> &Load {
        &self.load
    }

    /// The counter, in millijoules.
    pub(crate) fn energy_mj(&self) -> u64 {
        self.energy_uj / 1_000
    }

    /// The code that `fault` makes every call on the board answer, if it does.
    pub(crate) fn refusal(&self) -> Option<nvml::nvmlReturn_t> {
        (self.fault == Some(Fault::Lost)).then_some(nvml::nvmlReturn_enum_NVML_ERROR_GPU_IS_LOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_is_power_over_time() {
        let mut board = Board::idle_since_boot(4, 0, 1_000);
        assert_eq!(board.energy_mj(), 75_000);
        let busy = Load { power_mw: 400_000, ..Load::IDLE };
        board.observe(2_000, busy);
        assert_eq!(board.energy_mj(), 150_000, "idle until the look");
        board.observe(12_000, Load::IDLE);
        assert_eq!(board.energy_mj(), 150_000 + 4_000_000, "400 W for 10 s");
    }
}
