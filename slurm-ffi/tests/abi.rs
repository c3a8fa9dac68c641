//! The ABI between the shim and Rust, and between the shim and the library that was loaded.

use slurm_ffi::{abi, session};

/// bindgen renames what is a keyword in Rust.
fn c_name(name: &str) -> String {
    name.trim_end_matches('_').to_owned()
}

#[test]
fn the_c_compiler_and_bindgen_agree_on_every_struct_and_field() {
    let rust: Vec<_> = abi::as_rust_sees_it()
        .into_iter()
        .map(|place| abi::Place { name: c_name(&place.name), ..place })
        .collect();
    assert_eq!(abi::as_c_sees_it(), rust);
}

#[test]
fn the_loaded_library_belongs_to_the_headers() {
    assert_eq!(
        session::library_api_major(),
        session::built_for_api_major(),
        "headers of Slurm {}",
        session::release()
    );
}
