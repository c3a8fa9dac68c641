//! The witness: the newest seal, remembered in a file outside the database.
//!
//! Whoever controls PostgreSQL could cut the end of the chain off together with its rows, and the
//! rest would still be whole. The witness lies in mimerd's state directory, which the database's
//! server cannot write, and verification asks whether the chain still holds what it remembers.

use std::path::{Path, PathBuf};

use anyhow::Context;
use record::seal::{self, Tip};
use sqlx::{PgConnection, PgPool};

/// Remembers the chain's newest seal. A tip that the chain has lost is never overwritten.
pub async fn remember(pool: &PgPool, state_dir: &Path) -> anyhow::Result<()> {
    let mut connection = pool.acquire().await?;
    let Some(tip) = seal::tip(&mut connection).await? else { return Ok(()) };
    if let Some(before) = read(state_dir)? {
        if before == tip {
            return Ok(());
        }
        anyhow::ensure!(
            seal::still_holds(&mut connection, &before).await?,
            "the chain has lost seal {}, which was remembered outside the database: \
             run `mimer audit verify`",
            before.seal_no
        );
    }
    let (file, new) = (file(state_dir), state_dir.join("seal-witness.new"));
    std::fs::write(&new, serde_json::to_vec(&tip)?)
        .and_then(|()| std::fs::rename(&new, &file))
        .with_context(|| format!("writing {}", file.display()))
}

/// The remembered seal that the chain has lost; `None` when all is well or nothing is remembered.
pub async fn lost(tx: &mut PgConnection, state_dir: &Path) -> anyhow::Result<Option<Tip>> {
    let Some(remembered) = read(state_dir)? else { return Ok(None) };
    let holds = seal::still_holds(tx, &remembered).await?;
    Ok((!holds).then_some(remembered))
}

fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("seal-witness.json")
}

fn read(state_dir: &Path) -> anyhow::Result<Option<Tip>> {
    let file = file(state_dir);
    match std::fs::read(&file) {
        Ok(text) => {
            let tip = serde_json::from_slice(&text)
                .with_context(|| format!("{} is not a remembered seal", file.display()))?;
            Ok(Some(tip))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", file.display())),
    }
}
