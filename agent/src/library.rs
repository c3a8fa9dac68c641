//! NVML as the agent uses it: opened by path, read only, re-opened after the driver went away.
//!
//! Of the calls used here only the process list is dear; see [`crate::look`].

use std::path::{Path, PathBuf};

use agent_wire::Reading;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

use crate::clock::Moment;
use crate::gpu::{Gpu, Part, Sample, reason};
use crate::look::Look;

const MIB: u64 = 1_024 * 1_024;

/// The loaded library.
pub struct Library {
    nvml: Nvml,
    path: PathBuf,
}

/// Why NVML cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// dlopen failed.
    #[error(
        "cannot load NVML from `{path}`: install NVIDIA's driver, or set `nvml_library` to the \
         path of libnvidia-ml.so.1"
    )]
    Missing {
        /// What was tried.
        path: PathBuf,
        /// The loader's reason.
        source: NvmlError,
    },
    /// The library is there and says that the driver is not.
    #[error(
        "`{path}` is loaded but does not start: check that the NVIDIA kernel driver is loaded and \
         that this user may open /dev/nvidiactl"
    )]
    NotStarted {
        /// The library.
        path: PathBuf,
        /// NVML's reason.
        source: NvmlError,
    },
    /// The count of GPUs could not be read.
    #[error("`{path}` does not say how many GPUs there are")]
    NoCount {
        /// The library.
        path: PathBuf,
        /// NVML's reason.
        source: NvmlError,
    },
    /// Nothing to meter.
    #[error("`{path}` finds no usable GPU on this node: the agent has nothing to meter")]
    NoGpu {
        /// The library.
        path: PathBuf,
    },
    /// The label in the configuration and the names of the GPUs disagree.
    #[error(
        "GPU `{name}` is {actual}, but the configuration says `simulated = {configured}`: nothing \
         simulated may pass for real, nor the other way round; correct the line or `nvml_library`"
    )]
    WrongLabel {
        /// Name the driver reports.
        name: String,
        /// `simulated` or `not simulated`.
        actual: &'static str,
        /// What the configuration says.
        configured: bool,
    },
}

/// A GPU that could not be taken into the inventory.
#[derive(Debug, thiserror::Error)]
#[error("GPU at NVML index {index} does not tell its {what}; it is not metered")]
pub struct Unreadable {
    /// NVML's index, which is all there is to say about it.
    pub index: u32,
    /// What it did not tell.
    pub what: &'static str,
    /// NVML's reason.
    pub source: NvmlError,
}

/// The GPUs of the node, and those that could not be read.
pub struct Inventory<'nvml> {
    /// To be metered.
    pub handles: Vec<Handle<'nvml>>,
    /// Not to be metered, with the reason.
    pub unreadable: Vec<Unreadable>,
}

/// A GPU with its NVML handle.
pub struct Handle<'nvml> {
    /// Which GPU.
    pub gpu: Gpu,
    device: Device<'nvml>,
}

impl Library {
    /// Loads NVML from `path` and starts it.
    pub fn open(path: &Path) -> Result<Self, LibraryError> {
        let path = path.to_owned();
        match Nvml::builder().lib_path(path.as_os_str()).init() {
            Ok(nvml) => Ok(Self { nvml, path }),
            Err(source @ (NvmlError::LibloadingError(_) | NvmlError::FailedToLoadSymbol(_))) => {
                Err(LibraryError::Missing { path, source })
            }
            Err(source) => Err(LibraryError::NotStarted { path, source }),
        }
    }

    /// The driver's version, or the reason why it is not known.
    pub fn driver_version(&self) -> String {
        self.nvml.sys_driver_version().unwrap_or_else(|error| format!("unknown ({error})"))
    }

    /// Finds every GPU, and every MIG instance where MIG is on.
    ///
    /// # Errors
    /// `NoCount` and `NoGpu` end the agent at its start; `WrongLabel` always.
    pub fn inventory(&self, simulated: bool) -> Result<Inventory<'_>, LibraryError> {
        let path = || self.path.clone();
        let count = self
            .nvml
            .device_count()
            .map_err(|source| LibraryError::NoCount { path: path(), source })?;
        let mut inventory = Inventory { handles: Vec::new(), unreadable: Vec::new() };
        for index in 0..count {
            match self.board(index) {
                Ok(board) => {
                    let instances = instances(&board);
                    inventory.handles.push(board);
                    inventory.handles.extend(instances);
                }
                Err(unreadable) => inventory.unreadable.push(unreadable),
            }
        }
        if inventory.handles.is_empty() {
            return Err(LibraryError::NoGpu { path: path() });
        }
        for Handle { gpu, .. } in &inventory.handles {
            if gpu.is_simulated() != simulated {
                let actual = if simulated { "not simulated" } else { "simulated" };
                let name = gpu.name.clone();
                return Err(LibraryError::WrongLabel { name, actual, configured: simulated });
            }
        }
        Ok(inventory)
    }

    fn board(&self, index: u32) -> Result<Handle<'_>, Unreadable> {
        let missing = |what| move |source| Unreadable { index, what, source };
        let device = self.nvml.device_by_index(index).map_err(missing("handle"))?;
        let uuid = device.uuid().map_err(missing("UUID"))?;
        // Without it a GPU cannot be joined to what Slurm calls it.
        let minor = device.minor_number().map_err(missing("minor number"))?;
        let name = device.name().map_err(missing("name"))?;
        Ok(Handle { gpu: Gpu { uuid, minor, name, part: Part::Board }, device })
    }
}

/// The MIG instances of a board. NVML gives the most there may be, so absent ones are skipped.
fn instances<'nvml>(board: &Handle<'nvml>) -> Vec<Handle<'nvml>> {
    let mig_is_on = board.device.mig_mode().is_ok_and(|mode| mode.current != 0);
    let most = if mig_is_on { board.device.mig_device_count().unwrap_or(0) } else { 0 };
    let instance = |index| {
        let device = board.device.mig_device_by_index(index).ok()?;
        let uuid = device.uuid().ok()?;
        let name = device.name().unwrap_or_else(|_| format!("{} MIG", board.gpu.name));
        Some(Handle {
            gpu: Gpu { uuid, minor: board.gpu.minor, name, part: Part::MigInstance },
            device,
        })
    };
    (0..most).filter_map(instance).collect()
}

impl Handle<'_> {
    /// Reads the GPU once.
    pub fn sample(&self, at: Moment, look: &mut Look) -> Sample {
        let memory_mib = self.memory_mib();
        let utilization_pct = self.utilization_pct();
        let look_now = look.is_due(at.boot_ms, memory_mib, utilization_pct);
        Sample {
            at,
            energy_mj: self.energy_mj(),
            utilization_pct,
            memory_mib,
            power_mw: self.power_mw(),
            process_count: look_now.then(|| self.process_count()),
        }
    }

    /// The energy counter, in millijoules.
    pub fn energy_mj(&self) -> Reading {
        reading(self.device.total_energy_consumption())
    }

    /// Utilization, in percent.
    pub fn utilization_pct(&self) -> Reading {
        reading(self.device.utilization_rates().map(|rates| rates.gpu.into()))
    }

    /// Memory in use, in MiB, rounded up.
    pub fn memory_mib(&self) -> Reading {
        reading(self.device.memory_info().map(|memory| memory.used.div_ceil(MIB)))
    }

    /// Power, in milliwatts.
    pub fn power_mw(&self) -> Reading {
        reading(self.device.power_usage().map(u64::from))
    }

    /// Compute processes. Only their number: whose they are is not this agent's to read here.
    pub fn process_count(&self) -> Reading {
        reading(self.device.running_compute_processes_count().map(u64::from))
    }
}

fn reading(result: Result<u64, NvmlError>) -> Reading {
    result.map_or_else(|error| reason(&error), Reading::Value)
}
