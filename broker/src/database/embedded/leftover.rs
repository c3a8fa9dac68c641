//! A server that an earlier mimerd left behind, running or only in name.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

/// Ends what still runs in `data` below `dir` and takes away what a server that was killed left of
/// itself.
///
/// The caller owns `dir`, so no server that anybody uses can be there.
pub(super) async fn end(dir: &Path, data: &Path, bound: Duration) -> anyhow::Result<()> {
    if !data.exists() {
        return Ok(());
    }
    let pid_file = data.join("postmaster.pid");
    let text = std::fs::read_to_string(&pid_file).unwrap_or_default();
    let server = text.lines().next().and_then(|line| line.trim().parse().ok());
    let living = living_in(data)?;
    if let Some(server) = server.filter(|server| living.contains(server)) {
        tracing::warn!(pid = server, "ending the PostgreSQL that an earlier mimerd left behind");
        if let Some(server) = Pid::from_raw(server) {
            // An error means that it is gone by now.
            let _gone = kill_process(server, Signal::INT);
        }
    }
    // A killed server's own children see its end and go too.
    let ended = tokio::time::timeout(bound, async {
        while !living_in(data)?.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::Ok(())
    });
    ended.await.with_context(|| {
        format!("the PostgreSQL in {} does not end; end it by hand", data.display())
    })??;
    // A killed server leaves its files. Their number may be another process's by now, after a
    // reboot say, and PostgreSQL would then refuse to start. Nobody lives here, so they are stale.
    for stale in [pid_file, dir.join(".s.PGSQL.5432.lock")] {
        match std::fs::remove_file(&stale) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("removing {}", stale.display()))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The processes at work in `data`: a server and all of its children live in their directory.
fn living_in(data: &Path) -> anyhow::Result<Vec<i32>> {
    let data = data.canonicalize().with_context(|| format!("finding {}", data.display()))?;
    let processes = std::fs::read_dir("/proc").context("reading /proc")?;
    Ok(processes
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let pid = entry.file_name().to_str()?.parse().ok()?;
            (entry.path().join("cwd").read_link().ok()? == data).then_some(pid)
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_killed_server_s_file_goes_and_another_process_of_its_number_stays() {
        let data = tempfile::tempdir().unwrap();
        let pid_file = data.path().join("postmaster.pid");
        std::fs::write(&pid_file, format!("{}\n/elsewhere\n", std::process::id())).unwrap();
        end(data.path(), data.path(), Duration::from_secs(1)).await.unwrap();
        assert!(!pid_file.exists()); // And this process is still here to say so.
    }

    #[tokio::test]
    async fn a_server_that_still_runs_is_ended_first() {
        let data = tempfile::tempdir().unwrap();
        let mut server = tokio::process::Command::new("sleep")
            .arg("60")
            .current_dir(data.path())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let pid_file = data.path().join("postmaster.pid");
        std::fs::write(&pid_file, format!("{}\n", server.id().unwrap())).unwrap();
        end(data.path(), data.path(), Duration::from_secs(10)).await.unwrap();
        assert!(!pid_file.exists());
        assert!(!server.wait().await.unwrap().success(), "it was ended by a signal");
    }
}
