//! What bindgen made of `shim.h` and of the site's Slurm constants.
//!
//! Nothing here leaves the crate. `docs/SAFETY.md` lists what is assumed about the other side.
#![expect(
    non_camel_case_types,
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "generated: the names are C's, the only unsafe is bindgen's zeroing of plain structs"
)]

include!(concat!(env!("OUT_DIR"), "/sys.rs"));
