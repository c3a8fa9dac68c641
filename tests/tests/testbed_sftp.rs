//! The SFTP store's promises, with OpenSSH's own client; these tests need root and OpenSSH.

#![expect(clippy::unwrap_used, reason = "a step that fails ends the test")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use testbed::SftpStore;

/// Runs one line of the `sftp` client's language.
fn sftp(store: &SftpStore, key: &Path, line: &str) -> Output {
    let mut client = Command::new("sftp")
        .args(["-b", "-", "-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"])
        .arg("-o")
        .arg(format!("UserKnownHostsFile={}", store.known_hosts_file().display()))
        .arg("-i")
        .arg(key)
        .args(["-P", &store.port().to_string()])
        .arg(format!("{}@{}", store.user(), store.host()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(client.stdin.take().unwrap(), "{line}").unwrap();
    client.wait_with_output().unwrap()
}

#[tokio::test]
async fn the_store_serves_its_files_to_its_key_and_nobody_writes() {
    let store = SftpStore::start().await.unwrap();
    std::fs::write(store.root().join("cohort.csv"), "id\n1\n").unwrap();
    let here = tempfile::tempdir().unwrap();
    let copy = here.path().join("copy");
    let key = store.private_key_file();

    let fetched = sftp(&store, &key, &format!("get cohort.csv {}", copy.display()));
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), "id\n1\n");

    let written = sftp(&store, &key, &format!("put {} other.csv", copy.display()));
    assert!(!written.status.success() && !store.root().join("other.csv").exists());

    let stranger = here.path().join("stranger");
    let mut make = Command::new("ssh-keygen");
    make.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&stranger);
    assert!(make.status().unwrap().success());
    let refused = sftp(&store, &stranger, "ls");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("Permission denied"), "{said}");
    store.stop().await.unwrap();
}
