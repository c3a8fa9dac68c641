//! Where an answer meets the caller's memory: read the node first, write once, in a checked place.

use std::ffi::{c_char, c_uint};

use nvml::{nvmlDevice_t, nvmlReturn_t};
use nvml_wrapper_sys::bindings as nvml;

use crate::board::Board;
use crate::node::{self, Device};

pub(crate) const SUCCESS: nvmlReturn_t = nvml::nvmlReturn_enum_NVML_SUCCESS;
pub(crate) const INVALID_ARGUMENT: nvmlReturn_t = nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT;
pub(crate) const NOT_SUPPORTED: nvmlReturn_t = nvml::nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED;
pub(crate) const NOT_FOUND: nvmlReturn_t = nvml::nvmlReturn_enum_NVML_ERROR_NOT_FOUND;
pub(crate) const NO_PERMISSION: nvmlReturn_t = nvml::nvmlReturn_enum_NVML_ERROR_NO_PERMISSION;
pub(crate) const INSUFFICIENT_SIZE: nvmlReturn_t =
    nvml::nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE;
pub(crate) const VERSION_MISMATCH: nvmlReturn_t =
    nvml::nvmlReturn_enum_NVML_ERROR_ARGUMENT_VERSION_MISMATCH;

/// Looks up a handle and reads something of its board, unless the board is lost.
pub(crate) fn of_board<T>(
    handle: nvmlDevice_t,
    reading: impl FnOnce(&Board, Device) -> Result<T, nvmlReturn_t>,
) -> Result<T, nvmlReturn_t> {
    node::read(|node| {
        let device = node.device(handle).ok_or(INVALID_ARGUMENT)?;
        let board = &node.boards()[device.board_index()];
        board.refusal().map_or(Ok(()), Err)?;
        reading(board, device)
    })
}

/// As [`of_board`], for what only a whole board has.
pub(crate) fn of_whole_board<T>(
    handle: nvmlDevice_t,
    reading: impl FnOnce(&Board) -> Result<T, nvmlReturn_t>,
) -> Result<T, nvmlReturn_t> {
    of_board(handle, |board, device| match device {
        Device::Board(_) => reading(board),
        Device::Instance(..) => Err(NOT_SUPPORTED),
    })
}

/// Writes an answer through a caller's out-pointer.
///
/// # Safety
/// `out` is null or valid for one write of `T`.
pub(crate) unsafe fn put<T>(out: *mut T, answer: Result<T, nvmlReturn_t>) -> nvmlReturn_t {
    match answer {
        Err(code) => code,
        Ok(_) if out.is_null() => INVALID_ARGUMENT,
        Ok(value) => {
            // SAFETY: not null, so by this function's contract valid for one write.
            unsafe { out.write(value) };
            SUCCESS
        }
    }
}

/// Writes a NUL-terminated answer into a caller's buffer, or nothing if it does not fit.
///
/// # Safety
/// `out` is null or valid for writes of `length` bytes.
pub(crate) unsafe fn put_text(
    out: *mut c_char,
    length: c_uint,
    answer: Result<String, nvmlReturn_t>,
) -> nvmlReturn_t {
    let text = match answer {
        Ok(text) => text,
        Err(code) => return code,
    };
    if out.is_null() {
        return INVALID_ARGUMENT;
    }
    if text.len() >= length as usize {
        return INSUFFICIENT_SIZE;
    }
    // SAFETY: not null, and shorter than the `length` bytes the caller vouches for; a fresh
    // `String` cannot overlap the caller's buffer.
    unsafe { std::ptr::copy_nonoverlapping(text.as_ptr().cast(), out, text.len()) };
    // SAFETY: `text.len()` is below `length`, so the place of the NUL is inside the buffer.
    let end = unsafe { out.add(text.len()) };
    // SAFETY: `end` is inside the buffer, see above.
    unsafe { end.write(0) };
    SUCCESS
}
