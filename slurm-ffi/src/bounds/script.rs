//! The batch script: what `sbatch` checks on its side, libslurm does not.

use slurm_wire::{Refusal, RefusalCode};

use super::refusal;

const SCRIPT_BYTES: usize = 4 * 1024 * 1024;

pub(super) fn check(script: &str) -> Result<(), Refusal> {
    let fault = if script.trim().is_empty() {
        "it is empty"
    } else if script.len() > SCRIPT_BYTES {
        "it is longer than 4 MiB"
    } else if script.contains('\0') {
        "it contains a NUL byte"
    } else if script.contains("\r\n") {
        "its lines end as on Windows (CRLF); convert them"
    } else if !script.starts_with("#!") {
        "it does not begin with #! and the interpreter"
    } else {
        return Ok(());
    };
    Err(refusal(RefusalCode::BadScript, format!("the script cannot run: {fault}")))
}
