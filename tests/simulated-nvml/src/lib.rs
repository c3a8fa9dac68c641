//! A SIMULATED `libnvidia-ml.so.1`, for nodes without a GPU. It measures nothing.
//!
//! `mimer-agent` loads it by path instead of NVIDIA's library. Every name, UUID and version it
//! reports says SIMULATED. It has eight boards unless a file says otherwise, and the minor number
//! of a board is never its index, because on real nodes it need not be either.
//!
//! | where | what |
//! |---|---|
//! | environment `MIMER_SIMULATED_NVML_NODE` | the node's name, part of every UUID; default `node` |
//! | environment `MIMER_SIMULATED_NVML_DIR` | the state directory; without it every board is idle |
//! | `count` in the state directory, at load | how many boards, 1 to 16; default 8 |
//! | `mig-N` in the state directory, at load | MIG instances of minor N, 1 to 7; they stay idle |
//! | `gpu-N.json`, `gpu-N.ANYTHING.json` | one process on minor N, see below; gone with its pid |
//! | `fault-N` | `lost`, `no_energy` or `no_permission`: what minor N answers from now on |
//!
//! A process file is `{"pid":123,"utilization_pct":90,"memory_mib":20000,"power_mw":400000}`.
//! `load.sh` beside this crate writes such files for the GPUs that Slurm gave a job. Several
//! processes on one board add up. A board without a living process is idle: 75 W, 0 %.
//!
//! The energy counter starts as if the board had idled since the kernel booted, and then adds the
//! simulated power over real time. The function signatures are those of `nvml-wrapper-sys`, and a
//! difference does not compile; version words of structures are checked as the driver checks them.

mod answer;
mod board;
mod export;
mod export_mig;
mod node;
mod process_file;
mod signature;
