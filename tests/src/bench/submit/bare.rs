//! libslurm alone: a small C program, built for the bench against the site's own headers.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::JOBS;
use crate::site::{ACCOUNT, Site};

const SOURCE: &str = include_str!("bare_submit.c");

/// The built program.
pub(super) struct BareLibslurm {
    program: PathBuf,
}

impl BareLibslurm {
    pub(super) fn build(site: &Site) -> Result<Self> {
        let (source, program) = (site.dir().join("bare_submit.c"), site.dir().join("bare_submit"));
        std::fs::write(&source, SOURCE)?;
        let output = Command::new("cc")
            .args(["-O2", "-Wall", "-pthread", "-o"])
            .args([&program, &source])
            .arg("-lslurm")
            .output()
            .context("running cc; is the package build-essential installed?")?;
        ensure!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
        Ok(Self { program })
    }

    /// Seconds for [`JOBS`] submissions by so many threads, each held afterwards if `and_hold`.
    pub(super) fn submit(
        &self,
        site: &Site,
        threads: u32,
        first_id: u32,
        and_hold: bool,
    ) -> Result<f64> {
        let user = site.project_user();
        let numbers = [threads, first_id, JOBS, user.uid, user.gid].map(|n| n.to_string());
        let output = Command::new(&self.program)
            .args(numbers)
            .args([ACCOUNT, "confidential"])
            .arg(site.area().join("work"))
            .arg(if and_hold { "1" } else { "0" })
            .env("SLURM_CONF", site.cluster()?.slurm_conf())
            .output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout)?.trim().parse().context("the seconds it took")
    }
}
