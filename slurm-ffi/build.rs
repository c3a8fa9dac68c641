//! Builds the shim against the site's Slurm headers and generates `sys` from them.
//!
//! Headers outside `/usr/include` are named by `MIMER_SLURM_INCLUDE`, a library outside the
//! linker's path by `MIMER_SLURM_LIB`.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Oldest and newest release series whose headers the shim was compiled against, as (major, minor).
const OLDEST: (u32, u32) = (22, 5);
const NEWEST: (u32, u32) = (26, 5);

/// `shim/NAME.c` each.
const C_FILES: [&str; 10] = [
    "shim",
    "job",
    "reservation",
    "shim_db",
    "usage",
    "policy",
    "policy_change",
    "user",
    "layout",
    "stubs",
];

/// The names that a plugin of Slurm expects the program to have: see `shim/stubs.c`. One that a release
/// does without is not there to be exported.
const EXPORTED: [&str; 2] = ["slurmdbd_msg_type_2_str", "slurmdbd_free_conf"];

/// Slurm's constants that Rust uses; everything else stays in the shim.
const CONSTANTS: &str = "NO_VAL|INFINITE|JOB_STATE_BASE|JOB_COMPLETING|JOB_REQUEUE|JOB_(PENDING|RUNNING|\
    SUSPENDED|COMPLETE|CANCELLED|FAILED|TIMEOUT|NODE_FAIL|PREEMPTED|BOOT_FAIL|DEADLINE|OOM)|\
    PARTITION_ENFORCE_ALL|PROLOG_FLAG_ALLOC|PRIVATE_DATA_(JOBS|USAGE|USERS|ACCOUNTS|RESERVATIONS)|\
    SLURM_NO_CHANGE_IN_DATA|ESLURM_(JOBS_RUNNING_ON_ASSOC|DUPLICATE_JOB_ID|INVALID_JOB_ID|ALREADY_DONE|JOB_(HELD|FINISHED)|IN_STANDBY_MODE|\
    IN_STANDBY_USE_BACKUP|SUBMISSIONS_DISABLED|TRANSITION_STATE_NO_UPDATE|ACCESS_DENIED|\
    INVALID_ACCOUNT|INVALID_QOS|PARTITION_ASSOC|RESERVATION_(ACCESS|INVALID|BUSY))|\
    PREEMPT_MODE_(SUSPEND|REQUEUE|CANCEL)|\
    SHIM_UNKNOWN|SHIM_NO_USER|SHIM_QOS_.*";

fn main() {
    println!("cargo:rerun-if-changed=shim");
    println!("cargo:rerun-if-env-changed=MIMER_SLURM_INCLUDE");
    println!("cargo:rerun-if-env-changed=MIMER_SLURM_LIB");
    let include = PathBuf::from(variable("MIMER_SLURM_INCLUDE").unwrap_or("/usr/include".into()));
    let out = PathBuf::from(variable("OUT_DIR").expect("cargo sets OUT_DIR"));
    check_release(&include);
    compile_shim(&include);
    generate_sys(&include, &out);
    link();
}

fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a build script is told everything this way")]
    env::var(name).ok()
}

/// Stops with a sentence when the headers are missing or of a release nobody has tried.
fn check_release(include: &Path) {
    let path = include.join("slurm/slurm_version.h");
    let Ok(header) = fs::read_to_string(&path) else {
        panic!(
            "{} is missing: install Slurm's headers (Debian: libslurm-dev) or name their folder in \
             MIMER_SLURM_INCLUDE. Only the crate slurm-ffi needs them.",
            path.display()
        );
    };
    println!("cargo:rerun-if-changed={}", path.display());
    let release = header
        .lines()
        .filter_map(|line| line.strip_prefix("#define SLURM_VERSION_NUMBER"))
        .find_map(|number| u32::from_str_radix(number.trim().trim_start_matches("0x"), 16).ok())
        .unwrap_or_else(|| panic!("{} has no SLURM_VERSION_NUMBER", path.display()));
    let series = (release >> 16 & 0xff, release >> 8 & 0xff);
    assert!(
        (OLDEST..=NEWEST).contains(&series),
        "{} is Slurm {}.{:02}; slurm-ffi knows {}.{:02} to {}.{:02}. Check shim/*.c against the new \
         headers, then widen the range in build.rs.",
        path.display(),
        series.0,
        series.1,
        OLDEST.0,
        OLDEST.1,
        NEWEST.0,
        NEWEST.1,
    );
}

fn compile_shim(include: &Path) {
    cc::Build::new()
        .files(C_FILES.map(|name| format!("shim/{name}.c")))
        .include(include)
        .include("shim")
        .std("c11")
        .warnings(true)
        .extra_warnings(true)
        .warnings_into_errors(true)
        .compile("mimer_slurm_shim");
}

fn generate_sys(include: &Path, out: &Path) {
    bindgen::Builder::default()
        .header("shim/wrapper.h")
        .clang_arg(format!("-I{}", include.display()))
        .clang_arg("-Ishim")
        .allowlist_function("shim_.*")
        .allowlist_type("shim_.*")
        // The constants of named enums come with their type only.
        .allowlist_type("job_states|slurm_err_t")
        .allowlist_var(CONSTANTS)
        .default_enum_style(bindgen::EnumVariation::Consts)
        .prepend_enum_name(false)
        // Without this every constant written with SLURM_BIT(n) is silently left out.
        .clang_macro_fallback()
        .clang_macro_fallback_build_dir(out)
        .layout_tests(true)
        .derive_default(true)
        .generate_comments(false)
        .generate()
        .expect("bindgen reads Slurm's headers (is libclang installed?)")
        .write_to_file(out.join("sys.rs"))
        .expect("OUT_DIR is writable");
}

fn link() {
    if let Some(folder) = variable("MIMER_SLURM_LIB") {
        println!("cargo:rustc-link-search=native={folder}");
        // Such a library may belong to a newer system, whose symbols this linker cannot find.
        println!("cargo:rustc-link-arg-bins=-Wl,--allow-shlib-undefined");
    }
    println!("cargo:rustc-link-lib=dylib=slurm");
    // These reach the programs of this package only, which is where libslurm is used.
    println!("cargo:rustc-link-arg-bins=-Wl,--undefined={}", EXPORTED[0]);
    for name in EXPORTED {
        println!("cargo:rustc-link-arg-bins=-Wl,--export-dynamic-symbol={name}");
    }
}
