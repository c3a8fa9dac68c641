//! A user's number, as the system the gateway runs on knows it.

use std::ffi::CString;
use std::io;

use slurm_wire::{Refusal, RefusalCode};

use super::refusal;
use crate::sys;

/// The uid behind a name; `None` when the system knows no such user.
///
/// Asks the system's own sources (passwd, directory), so it may take as long as they do.
pub(crate) fn uid_of(name: &str) -> Result<Option<u32>, Refusal> {
    let Ok(name) = CString::new(name) else {
        return Ok(None);
    };
    let mut uid = 0;
    // SAFETY: the name is NUL-terminated and live for the call; `uid` is a live out-pointer.
    let code = unsafe { sys::shim_uid_of(name.as_ptr(), &mut uid) };
    match code {
        0 => Ok(Some(uid)),
        sys::SHIM_NO_USER => Ok(None),
        // Not knowing is not the same as knowing that there is none.
        code => Err(refusal(
            RefusalCode::Busy,
            format!(
                "the system could not be asked for the user {name:?} ({}): send the same call again",
                io::Error::from_raw_os_error(code)
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_knows_root_and_not_just_anybody() {
        assert_eq!(uid_of("root"), Ok(Some(0)));
        assert_eq!(uid_of("mimer-nobody-has-this-name"), Ok(None));
        assert_eq!(uid_of("a\0b"), Ok(None));
    }
}
