//! `mimerd config-check`: a file that cannot work is refused in words, before anything starts.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Result, ensure};
use testbed::Workspace;
use testbed::site::program;

const GOOD: &str = r#"
state_dir = "/var/lib/mimer"
listen.address = "127.0.0.1:8443"
accounts.file = "/etc/mimer/accounts.toml"
[[clusters]]
name = "mimer"
gateway_socket = "/run/mimer/gateway.sock"
job_ids = [100000, 9999999]
open_partition = "gpu"
confidential_partition = "confidential"
[staging]
mover = "/usr/bin/mimer-mover"
sftp_key_file = "/etc/mimer/sftp"
known_hosts_file = "/etc/mimer/known_hosts"
[duties]
outbox_workers = 8
"#;

/// One line of the good file, what stands there instead, and what the refusal must say.
const BAD: [(&str, &str, &[&str]); 11] = [
    ("[[clusters]]", "[cluster]", &["write [[clusters]] in place of [cluster]"]),
    ("[[clusters]]", "[[clusters", &["line 5", "column"]),
    ("[duties]", "colour = 'red'\n[duties]", &["unknown field `colour`", "line 15"]),
    ("name = \"mimer\"", "", &["missing field `name`"]),
    ("outbox_workers = 8", "outbox_workers = 'many'", &["line 16", "expected"]),
    ("127.0.0.1:8443", "mimer.example.se", &["line 3", "socket address"]),
    ("[100000, 9999999]", "[9, 5]", &["clusters.job_ids", "first <= last"]),
    ("[100000, 9999999]", "[1, 99999999]", &["clusters.job_ids", "67108864"]),
    ("\"/var/lib/mimer\"", "\"state\"", &["state_dir", "absolute path"]),
    ("outbox_workers = 8", "outbox_workers = 0", &["duties.outbox_workers", "at least 1"]),
    ("outbox_workers = 8", "database_connections = 8", &["outbox_workers + 4"]),
];

#[test]
fn a_file_that_cannot_work_is_refused_in_words() -> Result<()> {
    let dir = Workspace::create("configuration")?;
    let file = dir.path().join("mimerd.toml");
    let good = check(&file, GOOD)?;
    ensure!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    let shown = String::from_utf8(good.stdout)?;
    ensure!(shown.contains("outbox_tries = 200"), "the defaults are not shown: {shown}");

    for (line, instead, words) in BAD {
        ensure!(GOOD.contains(line), "the good file has no {line}");
        let refused = check(&file, &GOOD.replace(line, instead))?;
        let said = String::from_utf8(refused.stderr)?;
        ensure!(refused.status.code() == Some(1), "{instead} was taken: {said}");
        ensure!(refused.stdout.is_empty(), "{instead} printed a configuration");
        let file = file.display().to_string();
        for word in words.iter().copied().chain([file.as_str()]) {
            ensure!(said.contains(word), "{instead}: nothing says {word:?}: {said}");
        }
    }
    fs::remove_file(&file)?;
    let missing = mimerd(&file)?;
    let said = String::from_utf8(missing.stderr)?;
    ensure!(missing.status.code() == Some(1) && said.contains("check that it exists"), "{said}");
    Ok(())
}

fn check(file: &Path, text: &str) -> Result<Output> {
    fs::write(file, text)?;
    mimerd(file)
}

fn mimerd(file: &Path) -> Result<Output> {
    let mut command = Command::new(program("mimerd")?);
    Ok(command.arg("--config").arg(file).arg("config-check").output()?)
}
