//! The C functions about processes and MIG instances, SIMULATED.

use std::ffi::c_uint;

use nvml::{nvmlDevice_t, nvmlProcessInfo_t, nvmlReturn_t};
use nvml_wrapper_sys::bindings as nvml;

use crate::answer::{
    INSUFFICIENT_SIZE, INVALID_ARGUMENT, NO_PERMISSION, NOT_FOUND, SUCCESS, of_board,
    of_whole_board, put,
};
use crate::board::{Fault, Process};
use crate::node::Device;

/// What NVML writes for "not in an instance".
const NO_INSTANCE: c_uint = c_uint::MAX;

/// Count-then-fill: the caller's room in, the number of processes out, and the processes if the
/// room is enough.
///
/// # Safety
/// As the NVML manual: `count` is readable and writable, `infos` has room for `*count` entries.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetComputeRunningProcesses_v3(
    device: nvmlDevice_t,
    count: *mut c_uint,
    infos: *mut nvmlProcessInfo_t,
) -> nvmlReturn_t {
    if count.is_null() {
        return INVALID_ARGUMENT;
    }
    let answer = of_board(device, |board, device| match (board.fault, device) {
        (Some(Fault::NoPermission), _) => Err(NO_PERMISSION),
        (_, Device::Board(_)) => Ok(board.load().processes.clone()),
        (_, Device::Instance(..)) => Ok(Vec::new()),
    });
    let processes = match answer {
        Ok(processes) => processes,
        Err(code) => return code,
    };
    // SAFETY: not null, and by this function's contract readable.
    let room = unsafe { count.read() } as usize;
    // SAFETY: not null, and by this function's contract writable.
    unsafe { count.write(processes.len() as c_uint) };
    if processes.len() > room {
        return INSUFFICIENT_SIZE;
    }
    if processes.is_empty() {
        return SUCCESS;
    }
    if infos.is_null() {
        return INVALID_ARGUMENT;
    }
    for (place, process) in processes.iter().enumerate() {
        // SAFETY: `place` is below `processes.len()`, which is at most the caller's room.
        let entry = unsafe { infos.add(place) };
        // SAFETY: `entry` is one of the entries that the caller made room for.
        unsafe { entry.write(process_info(process)) };
    }
    SUCCESS
}

fn process_info(process: &Process) -> nvmlProcessInfo_t {
    nvmlProcessInfo_t {
        pid: process.pid,
        usedGpuMemory: process.memory_mib * 1_024 * 1_024,
        gpuInstanceId: NO_INSTANCE,
        computeInstanceId: NO_INSTANCE,
    }
}

/// # Safety
/// As the NVML manual: `current` and `pending` are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMigMode(
    device: nvmlDevice_t,
    current: *mut c_uint,
    pending: *mut c_uint,
) -> nvmlReturn_t {
    let answer = of_whole_board(device, |board| Ok(c_uint::from(board.mig_instances > 0)));
    // SAFETY: the caller keeps this function's contract, which is `put`'s.
    let code = unsafe { put(current, answer) };
    if code != SUCCESS {
        return code;
    }
    // SAFETY: the caller keeps this function's contract, which is `put`'s.
    unsafe { put(pending, answer) }
}

/// The *most* instances a board may have, as in NVML, not how many it has.
///
/// # Safety
/// As the NVML manual: `count` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMaxMigDeviceCount(
    device: nvmlDevice_t,
    count: *mut c_uint,
) -> nvmlReturn_t {
    // SAFETY: the caller keeps this function's contract, which is `put`'s.
    unsafe { put(count, of_whole_board(device, |_| Ok(7))) }
}

/// # Safety
/// As the NVML manual: `instance` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMigDeviceHandleByIndex(
    device: nvmlDevice_t,
    index: c_uint,
    instance: *mut nvmlDevice_t,
) -> nvmlReturn_t {
    let answer = of_board(device, |board, device| match device {
        Device::Board(board_index) if index < board.mig_instances => {
            Ok(Device::Instance(board_index, index).handle())
        }
        Device::Board(_) => Err(NOT_FOUND),
        Device::Instance(..) => Err(INVALID_ARGUMENT),
    });
    // SAFETY: the caller keeps this function's contract, which is `put`'s.
    unsafe { put(instance, answer) }
}

/// # Safety
/// As the NVML manual: `is_instance` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceIsMigDeviceHandle(
    device: nvmlDevice_t,
    is_instance: *mut c_uint,
) -> nvmlReturn_t {
    let answer = of_board(device, |_, device| match device {
        Device::Board(_) => Ok(0),
        Device::Instance(..) => Ok(1),
    });
    // SAFETY: the caller keeps this function's contract, which is `put`'s.
    unsafe { put(is_instance, answer) }
}

/// # Safety
/// As the NVML manual: `parent` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetDeviceHandleFromMigDeviceHandle(
    device: nvmlDevice_t,
    parent: *mut nvmlDevice_t,
) -> nvmlReturn_t {
    let answer = of_board(device, |_, device| Ok(Device::Board(device.board_index()).handle()));
    // SAFETY: the caller keeps this function's contract, which is `put`'s.
    unsafe { put(parent, answer) }
}
