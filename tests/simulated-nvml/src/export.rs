//! The C functions about the system and its boards, SIMULATED.

use std::ffi::{CStr, c_char, c_uint, c_ulonglong};
use std::mem::size_of;

use nvml::{nvmlDevice_t, nvmlMemory_v2_t, nvmlReturn_t, nvmlUtilization_t};
use nvml_wrapper_sys::bindings as nvml;

use crate::answer::{
    INVALID_ARGUMENT, NO_PERMISSION, NOT_FOUND, NOT_SUPPORTED, SUCCESS, VERSION_MISMATCH, of_board,
    of_whole_board, put, put_text,
};
use crate::board::{Fault, MEMORY_MIB};
use crate::node::{self, Device, Node};

const MIB: u64 = 1_024 * 1_024;
const NAME: &str = "SIMULATED NVIDIA H200";
const INSTANCE_NAME: &str = "SIMULATED NVIDIA H200 MIG 1g.18gb";
const INSTANCE_MEMORY_MIB: u64 = 16_384;
const VERSION: &str = "0.0-SIMULATED";

/// Starts the library.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlInit_v2() -> nvmlReturn_t {
    node::init();
    SUCCESS
}

/// Starts the library; no flag changes anything here.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlInitWithFlags(_flags: c_uint) -> nvmlReturn_t {
    nvmlInit_v2()
}

/// Ends one use of the library.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlShutdown() -> nvmlReturn_t {
    node::shutdown()
}

/// A text for any code.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlErrorString(_result: nvmlReturn_t) -> *const c_char {
    const TEXT: &CStr = c"SIMULATED NVML answered with a code";
    TEXT.as_ptr()
}

/// # Safety
/// As the NVML manual: `version` has room for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetDriverVersion(
    version: *mut c_char,
    length: c_uint,
) -> nvmlReturn_t {
    // SAFETY: the caller keeps this function's contract, which is `put_text`'s.
    unsafe { put_text(version, length, node::read(|_| Ok(VERSION.to_owned()))) }
}

/// # Safety
/// As the NVML manual: `version` has room for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetNVMLVersion(
    version: *mut c_char,
    length: c_uint,
) -> nvmlReturn_t {
    // SAFETY: the caller keeps this function's contract, which is `put_text`'s.
    unsafe { put_text(version, length, node::read(|_| Ok(VERSION.to_owned()))) }
}

/// # Safety
/// As the NVML manual: `count` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetCount_v2(count: *mut c_uint) -> nvmlReturn_t {
    let answer = node::read(|node| Ok(node.boards().len() as c_uint));
    // SAFETY: the caller keeps this function's contract, which is `put`'s.
    unsafe { put(count, answer) }
}

/// # Safety
/// As the NVML manual: `device` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByIndex_v2(
    index: c_uint,
    device: *mut nvmlDevice_t,
) -> nvmlReturn_t {
    let handle = Device::Board(index as usize).handle();
    let answer = of_board(handle, |_, device| Ok(device.handle()));
    // SAFETY: the caller keeps this function's contract, which is `put`'s.
    unsafe { put(device, answer) }
}

/// # Safety
/// As the NVML manual: `uuid` is a NUL-terminated string, `device` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByUUID(
    uuid: *const c_char,
    device: *mut nvmlDevice_t,
) -> nvmlReturn_t {
    if uuid.is_null() {
        return INVALID_ARGUMENT;
    }
    // SAFETY: not null, and by this function's contract NUL-terminated.
    let uuid = unsafe { CStr::from_ptr(uuid) };
    let by_uuid = |node: &Node| uuid.to_str().ok().and_then(|uuid| node.by_uuid(uuid));
    let answer = node::read(|node| by_uuid(node).map(Device::handle).ok_or(NOT_FOUND));
    // SAFETY: the caller keeps this function's contract, which is `put`'s.
    unsafe { put(device, answer) }
}

/// # Safety
/// As the NVML manual: `uuid` has room for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetUUID(
    device: nvmlDevice_t,
    uuid: *mut c_char,
    length: c_uint,
) -> nvmlReturn_t {
    let answer = node::read(|node| {
        node.device(device).map(|device| node.uuid(device)).ok_or(INVALID_ARGUMENT)
    });
    // SAFETY: the caller keeps this function's contract, which is `put_text`'s.
    unsafe { put_text(uuid, length, answer) }
}

/// # Safety
/// As the NVML manual: `name` has room for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetName(
    device: nvmlDevice_t,
    name: *mut c_char,
    length: c_uint,
) -> nvmlReturn_t {
    let answer = of_board(device, |_, device| match device {
        Device::Board(_) => Ok(NAME.to_owned()),
        Device::Instance(..) => Ok(INSTANCE_NAME.to_owned()),
    });
    // SAFETY: the caller keeps this function's contract, which is `put_text`'s.
    unsafe { put_text(name, length, answer) }
}

/// # Safety
/// As the NVML manual: `index` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetIndex(
    device: nvmlDevice_t,
    index: *mut c_uint,
) -> nvmlReturn_t {
    let answer = of_board(device, |_, device| Ok(device.board_index() as c_uint));
    // SAFETY: the caller keeps this function's contract, which is `put`'s.
    unsafe { put(index, answer) }
}

/// # Safety
/// As the NVML manual: `minor` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMinorNumber(
    device: nvmlDevice_t,
    minor: *mut c_uint,
) -> nvmlReturn_t {
    let answer = of_whole_board(device, |board| Ok(board.minor));
    // SAFETY: the caller keeps this function's contract, which is `put`'s.
    unsafe { put(minor, answer) }
}

/// # Safety
/// As the NVML manual: `utilization` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetUtilizationRates(
    device: nvmlDevice_t,
    utilization: *mut nvmlUtilization_t,
) -> nvmlReturn_t {
    let answer = of_whole_board(device, |board| match board.fault {
        Some(Fault::NoPermission) => Err(NO_PERMISSION),
        _ if board.mig_instances > 0 => Err(NOT_SUPPORTED),
        _ => Ok(nvmlUtilization_t { gpu: board.load().utilization_pct as c_uint, memory: 0 }),
    });
    // SAFETY: the caller keeps this function's contract, which is `put`'s.
    unsafe { put(utilization, answer) }
}

/// # Safety
/// As the NVML manual: `memory` is readable and writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMemoryInfo_v2(
    device: nvmlDevice_t,
    memory: *mut nvmlMemory_v2_t,
) -> nvmlReturn_t {
    const VERSION_2: usize = size_of::<nvmlMemory_v2_t>() | (2 << 24);
    if memory.is_null() {
        return INVALID_ARGUMENT;
    }
    // SAFETY: not null, and by this function's contract readable.
    let asked = unsafe { memory.read() };
    if asked.version as usize != VERSION_2 {
        return VERSION_MISMATCH;
    }
    let answer = of_board(device, |board, device| {
        let (total, used) = match device {
            Device::Board(_) => (MEMORY_MIB * MIB, board.load().memory_mib * MIB),
            Device::Instance(..) => (INSTANCE_MEMORY_MIB * MIB, 0),
        };
        Ok(nvmlMemory_v2_t { version: asked.version, total, reserved: 0, free: total - used, used })
    });
    // SAFETY: the caller keeps this function's contract, which is `put`'s.
    unsafe { put(memory, answer) }
}

/// # Safety
/// As the NVML manual: `power` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetPowerUsage(
    device: nvmlDevice_t,
    power: *mut c_uint,
) -> nvmlReturn_t {
    let answer = of_whole_board(device, |board| Ok(board.load().power_mw as c_uint));
    // SAFETY: the caller keeps this function's contract, which is `put`'s.
    unsafe { put(power, answer) }
}

/// # Safety
/// As the NVML manual: `energy` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetTotalEnergyConsumption(
    device: nvmlDevice_t,
    energy: *mut c_ulonglong,
) -> nvmlReturn_t {
    let answer = of_whole_board(device, |board| match board.fault {
        Some(Fault::NoEnergy) => Err(NOT_SUPPORTED),
        _ => Ok(board.energy_mj()),
    });
    // SAFETY: the caller keeps this function's contract, which is `put`'s.
    unsafe { put(energy, answer) }
}
