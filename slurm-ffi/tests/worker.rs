//! The program as a worker: it starts without a cluster, and says why when it cannot.
#![expect(clippy::unwrap_used, reason = "a test's helpers may stop the test")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Enough for libslurm to initialise; nobody listens there.
const SLURM_CONF: &str = "ClusterName=nowhere\nSlurmctldHost=localhost(127.0.0.1)\n\
    SlurmctldPort=1\nMessageTimeout=2\nTCPTimeout=1\nNodeName=n1\nPartitionName=p Nodes=n1\n";

fn worker(conf: &Path, variables: &[(&str, &str)], order: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mimer-slurm-gateway"))
        .args(["worker", "ctl", "--cluster", "nowhere"])
        .env_clear()
        .env("SLURM_CONF", conf)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), order.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn conf(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// This start includes the check that plugins find the stubs, without which a broken connection
/// to slurmdbd ends the process with exit code 127.
#[test]
fn a_worker_starts_and_ends_with_its_input() {
    let output = worker(conf(SLURM_CONF).path(), &[], "");
    assert!(output.status.success(), "{}", errors(&output));
}

#[test]
fn a_missing_configuration_is_named_and_not_waited_for() {
    let output = worker(Path::new("/nonexistent/slurm.conf"), &[], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("/nonexistent/slurm.conf cannot be read"));
}

/// libslurm itself ends the process here: the reason the worker is a process of its own.
#[test]
fn a_line_that_libslurm_does_not_know_ends_the_worker_with_a_reason() {
    let output = worker(conf(&format!("{SLURM_CONF}NoSuchKey=1\n")).path(), &[], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("NoSuchKey"), "{}", errors(&output));
}

#[test]
fn a_worker_with_anything_else_in_its_environment_refuses_to_start() {
    let output = worker(conf(SLURM_CONF).path(), &[("SLURM_JWT", "x")], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("SLURM_CONF and nothing else"));
}
