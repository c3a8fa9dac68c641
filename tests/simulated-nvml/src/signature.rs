//! Proof, at compile time, that every function has the signature of NVIDIA's header.

use nvml_wrapper_sys::bindings::NvmlLib;

use crate::export::{
    nvmlDeviceGetCount_v2, nvmlDeviceGetHandleByIndex_v2, nvmlDeviceGetHandleByUUID,
    nvmlDeviceGetIndex, nvmlDeviceGetMemoryInfo_v2, nvmlDeviceGetMinorNumber, nvmlDeviceGetName,
    nvmlDeviceGetPowerUsage, nvmlDeviceGetTotalEnergyConsumption, nvmlDeviceGetUUID,
    nvmlDeviceGetUtilizationRates, nvmlErrorString, nvmlInit_v2, nvmlInitWithFlags, nvmlShutdown,
    nvmlSystemGetDriverVersion, nvmlSystemGetNVMLVersion,
};
use crate::export_mig::{
    nvmlDeviceGetComputeRunningProcesses_v3, nvmlDeviceGetDeviceHandleFromMigDeviceHandle,
    nvmlDeviceGetMaxMigDeviceCount, nvmlDeviceGetMigDeviceHandleByIndex, nvmlDeviceGetMigMode,
    nvmlDeviceIsMigDeviceHandle,
};

/// Compiles only if `ours` has the type of the binding's symbol.
fn same<T, E>(_theirs: &Result<T, E>, _ours: T) {}

/// Never called: that it compiles is the proof.
#[expect(dead_code, reason = "the compiler is its only reader")]
fn signatures_agree(lib: &NvmlLib) {
    same(&lib.nvmlInit_v2, nvmlInit_v2);
    same(&lib.nvmlInitWithFlags, nvmlInitWithFlags);
    same(&lib.nvmlShutdown, nvmlShutdown);
    same(&lib.nvmlErrorString, nvmlErrorString);
    same(&lib.nvmlSystemGetDriverVersion, nvmlSystemGetDriverVersion);
    same(&lib.nvmlSystemGetNVMLVersion, nvmlSystemGetNVMLVersion);
    same(&lib.nvmlDeviceGetCount_v2, nvmlDeviceGetCount_v2);
    same(&lib.nvmlDeviceGetHandleByIndex_v2, nvmlDeviceGetHandleByIndex_v2);
    same(&lib.nvmlDeviceGetHandleByUUID, nvmlDeviceGetHandleByUUID);
    same(&lib.nvmlDeviceGetUUID, nvmlDeviceGetUUID);
    same(&lib.nvmlDeviceGetName, nvmlDeviceGetName);
    same(&lib.nvmlDeviceGetIndex, nvmlDeviceGetIndex);
    same(&lib.nvmlDeviceGetMinorNumber, nvmlDeviceGetMinorNumber);
    same(&lib.nvmlDeviceGetUtilizationRates, nvmlDeviceGetUtilizationRates);
    same(&lib.nvmlDeviceGetMemoryInfo_v2, nvmlDeviceGetMemoryInfo_v2);
    same(&lib.nvmlDeviceGetPowerUsage, nvmlDeviceGetPowerUsage);
    same(&lib.nvmlDeviceGetTotalEnergyConsumption, nvmlDeviceGetTotalEnergyConsumption);
    same(&lib.nvmlDeviceGetComputeRunningProcesses_v3, nvmlDeviceGetComputeRunningProcesses_v3);
    same(&lib.nvmlDeviceGetMigMode, nvmlDeviceGetMigMode);
    same(&lib.nvmlDeviceGetMaxMigDeviceCount, nvmlDeviceGetMaxMigDeviceCount);
    same(&lib.nvmlDeviceGetMigDeviceHandleByIndex, nvmlDeviceGetMigDeviceHandleByIndex);
    same(&lib.nvmlDeviceIsMigDeviceHandle, nvmlDeviceIsMigDeviceHandle);
    same(
        &lib.nvmlDeviceGetDeviceHandleFromMigDeviceHandle,
        nvmlDeviceGetDeviceHandleFromMigDeviceHandle,
    );
}
