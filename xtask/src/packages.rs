//! The distribution's packages that the product's build, tests and demo need.
//!
//! README repeats this table; the test below compares them.

/// A Debian package and what it is for.
pub(crate) struct Package {
    pub(crate) name: &'static str,
    purpose: &'static str,
}

const fn package(name: &'static str, purpose: &'static str) -> Package {
    Package { name, purpose }
}

/// Every package, in the order of README.
pub(crate) const ALL: [Package; 19] = [
    package("build-essential", "C compiler and headers: the shim over libslurm, aws-lc"),
    package("libclang-dev", "bindgen reads Slurm's headers with it"),
    package("libslurm-dev", "Slurm's headers and library, for the gateway"),
    package("slurmctld", "Slurm's controller, in the testbed"),
    package("slurmd", "Slurm's node daemon, in the testbed"),
    package("slurmdbd", "Slurm's accounting daemon, in the testbed"),
    package("slurm-client", "sbatch, sacct, scontrol: the tests' second opinion"),
    package("slurmrestd", "Slurm's own API, beside which `bench submit` measures"),
    package("slurm-wlm-basic-plugins", "Slurm's plugins: munge, MCS, Lua, GPUs"),
    package("slurm-wlm-mysql-plugin", "slurmdbd's way to its database"),
    package("munge", "Slurm's authentication"),
    package("debootstrap", "newer releases of Slurm, each in a folder, for `test --slurm`"),
    package("mariadb-server", "the database under slurmdbd"),
    package("postgresql", "the broker's database"),
    package("openssh-client", "sftp fetches staged data; ssh-keygen makes test keys"),
    package("openssh-server", "the SFTP server that stands for a secure environment in tests"),
    package("procps", "pgrep: tests look for processes left behind"),
    package("chromium", "the page tests' browser"),
    package("chromium-driver", "drives it"),
];

/// The table as README has it.
pub(crate) fn table() -> String {
    let rows = ALL.map(|package| format!("| `{}` | {} |\n", package.name, package.purpose));
    format!("| Debian package | what it is for |\n|---|---|\n{}", rows.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_lists_every_package() {
        let readme = std::fs::read_to_string(crate::step::root().join("README.md")).unwrap();
        assert!(
            readme.contains(&table()),
            "put the output of `cargo xtask setup --table` into README.md"
        );
    }
}
