//! The SIMULATED library as `nvml-wrapper` sees it: loaded by path, as the agent does it.
//!
//! One test, because the library keeps one node per process and reads its environment once.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;

/// Cargo puts the library beside the test, or one folder up.
fn library() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let deps = test.parent().unwrap();
    let found = [deps, deps.parent().unwrap()].map(|dir| dir.join("libsimulated_nvml.so"));
    found.into_iter().find(|path| path.exists()).expect("cargo builds the library before its tests")
}

#[test]
fn the_wrapper_finds_eight_boards_that_say_simulated() {
    let library = library();
    let load = || Nvml::builder().lib_path(library.as_os_str()).init();
    let nvml = load().unwrap();
    assert!(nvml.sys_driver_version().unwrap().contains("SIMULATED"));
    assert_eq!(nvml.device_count().unwrap(), 8);
    for index in 0..8 {
        let device = nvml.device_by_index(index).unwrap();
        let minor = device.minor_number().unwrap();
        assert_eq!(minor, (index + 4) % 8, "index and minor differ, as on real nodes");
        assert_eq!(device.name().unwrap(), "SIMULATED NVIDIA H200");
        let uuid = device.uuid().unwrap();
        assert_eq!(uuid, format!("GPU-SIMULATED-node-{minor}"));
        assert_eq!(nvml.device_by_uuid(uuid.as_str()).unwrap().index().unwrap(), index);
        assert_eq!(device.utilization_rates().unwrap().gpu, 0);
        assert_eq!(device.power_usage().unwrap(), 75_000);
        assert_eq!(device.memory_info().unwrap().used, 0);
        assert!(device.total_energy_consumption().unwrap() > 0);
        assert_eq!(device.running_compute_processes().unwrap().len(), 0);
        assert_eq!(device.mig_mode().unwrap().current, 0);
        assert!(matches!(device.mig_device_by_index(0), Err(NvmlError::NotFound)));
    }
    assert!(matches!(nvml.device_by_index(8), Err(NvmlError::InvalidArg)));

    // Init is counted: the second user's end does not take the library from the first.
    drop(load().unwrap());
    assert_eq!(nvml.device_count().unwrap(), 8);
}
