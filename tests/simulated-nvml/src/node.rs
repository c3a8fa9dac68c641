//! The simulated node: its boards, and the count of those who initialised the library.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nvml_wrapper_sys::bindings as nvml;
use rustix::time::{ClockId, clock_gettime};

use crate::board::{Board, Load};
use crate::process_file;

/// How often the simulated sensors change, in milliseconds; about as often as the real ones.
const REFRESH_MS: u64 = 100;

/// A device handle, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    /// A whole board, by index.
    Board(usize),
    /// One MIG instance of a board.
    Instance(usize, u32),
}

impl Device {
    /// The handle as callers hold it: a number in a pointer's clothes that nobody dereferences.
    pub(crate) fn handle(self) -> nvml::nvmlDevice_t {
        let number = match self {
            Self::Board(index) => (index + 1) << 8,
            Self::Instance(index, instance) => ((index + 1) << 8) + 1 + instance as usize,
        };
        std::ptr::without_provenance_mut(number)
    }

    fn from_handle(handle: nvml::nvmlDevice_t) -> Option<Self> {
        let number = handle.addr();
        let index = (number >> 8).checked_sub(1)?;
        match u32::try_from(number & 0xff).ok()? {
            0 => Some(Self::Board(index)),
            part => Some(Self::Instance(index, part - 1)),
        }
    }

    /// The index of the board.
    pub(crate) fn board_index(self) -> usize {
        match self {
            Self::Board(index) | Self::Instance(index, _) => index,
        }
    }
}

/// The node and its boards.
#[derive(Debug)]
pub(crate) struct Node {
    name: String,
    dir: Option<PathBuf>,
    boards: Vec<Board>,
    refreshed_ms: u64,
}

impl Node {
    fn from_environment() -> Self {
        let name = std::env::var_os("MIMER_SIMULATED_NVML_NODE")
            .and_then(|name| name.into_string().ok())
            .unwrap_or_else(|| "node".to_owned());
        let dir = std::env::var_os("MIMER_SIMULATED_NVML_DIR").map(PathBuf::from);
        let number = |file: String| process_file::number(&dir.as_ref()?.join(file));
        let count = number("count".to_owned()).unwrap_or(8).clamp(1, 16);
        let now_ms = boot_ms();
        let boards = (0..count)
            .map(|index| {
                let minor = (index + count / 2) % count;
                let mig_instances = number(format!("mig-{minor}")).unwrap_or(0).min(7);
                Board::idle_since_boot(minor, mig_instances, now_ms)
            })
            .collect();
        Self { name, dir, boards, refreshed_ms: 0 }
    }

    fn refresh(&mut self) {
        let now_ms = boot_ms();
        if now_ms < self.refreshed_ms + REFRESH_MS {
            return;
        }
        self.refreshed_ms = now_ms;
        let mut seen = self.dir.as_deref().map(process_file::look).unwrap_or_default();
        for board in &mut self.boards {
            board.fault = seen.faults.get(&board.minor).copied();
            board.observe(now_ms, seen.loads.remove(&board.minor).unwrap_or(Load::IDLE));
        }
    }

    /// The boards, by index.
    pub(crate) fn boards(&self) -> &[Board] {
        &self.boards
    }

    /// The device that has this UUID.
    pub(crate) fn by_uuid(&self, uuid: &str) -> Option<Device> {
        let boards = (0..self.boards.len()).map(Device::Board);
        let instances = self.boards.iter().enumerate().flat_map(|(index, board)| {
            (0..board.mig_instances).map(move |instance| Device::Instance(index, instance))
        });
        boards.chain(instances).find(|device| self.uuid(*device) == uuid)
    }

    /// The UUID of a device. It says SIMULATED, as everything here does.
    pub(crate) fn uuid(&self, device: Device) -> String {
        let minor = self.boards[device.board_index()].minor;
        match device {
            Device::Board(_) => format!("GPU-SIMULATED-{}-{minor}", self.name),
            Device::Instance(_, instance) => {
                format!("MIG-SIMULATED-{}-{minor}-{instance}", self.name)
            }
        }
    }

    /// The device behind a handle, unless the handle is invented.
    pub(crate) fn device(&self, handle: nvml::nvmlDevice_t) -> Option<Device> {
        let device = Device::from_handle(handle)?;
        let board = self.boards.get(device.board_index())?;
        match device {
            Device::Instance(_, instance) if instance >= board.mig_instances => None,
            Device::Board(_) | Device::Instance(..) => Some(device),
        }
    }
}

/// NVML counts its users: the library works from the first init to the last shutdown.
struct Users {
    count: u32,
    node: Option<Node>,
}

static USERS: Mutex<Users> = Mutex::new(Users { count: 0, node: None });

fn users() -> MutexGuard<'static, Users> {
    USERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One more user.
pub(crate) fn init() {
    let mut users = users();
    users.count += 1;
    // The node outlives the last shutdown, as the driver's energy counter does.
    users.node.get_or_insert_with(Node::from_environment);
}

/// One user fewer, unless there was none.
pub(crate) fn shutdown() -> nvml::nvmlReturn_t {
    let mut users = users();
    let Some(count) = users.count.checked_sub(1) else {
        return nvml::nvmlReturn_enum_NVML_ERROR_UNINITIALIZED;
    };
    users.count = count;
    nvml::nvmlReturn_enum_NVML_SUCCESS
}

/// Reads something of the node, as it is now.
pub(crate) fn read<T>(
    reading: impl FnOnce(&Node) -> Result<T, nvml::nvmlReturn_t>,
) -> Result<T, nvml::nvmlReturn_t> {
    let mut users = users();
    match (users.count, &mut users.node) {
        (1.., Some(node)) => {
            node.refresh();
            reading(node)
        }
        _ => Err(nvml::nvmlReturn_enum_NVML_ERROR_UNINITIALIZED),
    }
}

/// Milliseconds since the kernel booted.
fn boot_ms() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000
        + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000
}
