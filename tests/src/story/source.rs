//! The source side: data with a signed manifest in an SFTP store, a permit, and the link.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;
use record::{Clock, id};
use serde_json::json;
use uuid::Uuid;

use super::{DATASET, ENVIRONMENT, Granted, People};
use crate::site::{Site, program};

/// Puts data into the store, signs it, records the permit and opens the link.
pub(super) async fn open_link(
    site: &Site,
    people: &People,
    granted: &Granted,
    permit_id: Uuid,
) -> Result<Uuid> {
    let manifest_key = make_source(site)?;
    let environment_id = id::fresh();
    let environment = json!({
        "environment_id": environment_id,
        "name": ENVIRONMENT,
        "operator": "Stand-in operator",
        "host_organisation": "Stand-in host",
        "sftp": {
            "host": site.sftp().host(),
            "port": site.sftp().port(),
            "user": site.sftp().user(),
            "root": site.sftp().root(),
        },
        "manifest_key": manifest_key,
        "data_classes": ["confidential"],
    });
    people.operator.post("/v1/environments", &environment).await?;
    let now = Clock::System.now();
    let permit = json!({
        "permit_id": permit_id,
        "issuer": "Stand-in health data access body",
        "reference": "HDAB 2026/117",
        "purpose": "Earlier stroke diagnosis",
        "datasets": [DATASET],
        "persons": [people.anna.login],
        "environments": [ENVIRONMENT],
        "valid_from": now - TimeDelta::days(1),
        "valid_until": now + TimeDelta::days(60),
    });
    let path = format!("/v1/projects/{}/permits", granted.project_id);
    people.controller.post(&path, &permit).await?;
    let link_id = id::fresh();
    let link = json!({
        "link_id": link_id,
        "permit_id": permit_id,
        "dataset": DATASET,
        "environment_id": environment_id,
        "source_path": DATASET,
        "allowed_types": ["csv", "txt"],
        "max_bytes": 1_000_000_000_i64,
    });
    let path = format!("/v1/projects/{}/links", granted.project_id);
    people.anna.post(&path, &link).await?;
    Ok(link_id)
}

/// Makes a few files at the source and signs their manifest; returns the public key.
fn make_source(site: &Site) -> Result<String> {
    let dir = site.sftp().root().join(DATASET);
    fs::create_dir_all(&dir)?;
    let rows: String = (0..20_000).map(|n| format!("{n};{}\n", n * 7 % 101)).collect();
    fs::write(dir.join("scans.csv"), rows)?;
    fs::write(dir.join("readme.txt"), "Synthetic rows, made by the testbed.\n")?;
    let key_file = site.dir().join("source.key");
    let public = mover(&["keygen", "--key", text(&key_file)?])?;
    mover(&[
        "sign",
        "--key",
        text(&key_file)?,
        "--dir",
        text(&dir)?,
        "--environment",
        ENVIRONMENT,
        "--dataset",
        DATASET,
        "--chunk-bytes",
        "65536",
    ])?;
    Ok(public.trim().to_owned())
}

fn mover(arguments: &[&str]) -> Result<String> {
    let output = Command::new(program("mimer-mover")?).args(arguments).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "mimer-mover {} failed: {stderr}", arguments[0]);
    Ok(String::from_utf8(output.stdout)?)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is not UTF-8")
}
