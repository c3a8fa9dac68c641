//! One look: what Slurm should have, what it has, what is remembered, and how they differ.

use record::Stamp;
use serde_json::json;
use slurm_wire::{Answer, Call};
use sqlx::PgConnection;

use super::actual::Actual;
use super::diff::{Memory, diff};
use super::line::Line;
use super::memory;
use super::object::{Body, Key};
use super::read::{self, FactsError};
use super::wanted::{Wanted, wanted};
use crate::app::App;
use crate::gateway::GatewayError;

/// Everything one look found.
#[derive(Clone, Debug)]
pub struct View {
    /// What Slurm should have.
    pub wanted: Wanted,
    /// What it has.
    pub actual: Actual,
    /// What is remembered.
    pub memory: Memory,
    /// How they differ.
    pub lines: Vec<Line>,
}

/// Why nothing could be told.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// What Slurm should have cannot be computed.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// Slurm cannot be read.
    #[error("reading what Slurm has")]
    Gateway(#[from] GatewayError),
    /// The memory cannot be read.
    #[error("reading what was set in Slurm before")]
    Database(#[from] sqlx::Error),
}

/// Looks; changes nothing.
pub async fn look(app: &App) -> Result<View, LookError> {
    let now = app.clock.now();
    // In this order, what another mimerd writes meanwhile, or a person decides, is told as pending
    // or not at all, and never as somebody's doing by hand.
    let memory = memory::read(&mut *app.db.acquire().await?, &app.cluster.name).await?;
    let Answer::Policy(policy) = app.gateway.call(&Call::ReadPolicy).await? else {
        return Err(GatewayError::OutOfTurn.into());
    };
    let actual = Actual::from_policy(*policy, now);
    let mut connection = app.db.acquire().await?;
    let facts = read::facts(&mut connection, (&app.config, &app.cluster), now).await?;
    drop(connection);
    let wanted = wanted(&facts);
    let lines = diff(&wanted, &actual, &memory);
    Ok(View { wanted, actual, memory, lines })
}

impl View {
    /// Remembers what Slurm has just as it is wanted, and forgets what is gone and not wanted.
    ///
    /// An object that was about to be set when mimerd died is told in the audit trail now.
    pub async fn keep_in_mind(
        &self,
        tx: &mut PgConnection,
        cluster: &str,
        stamp: &Stamp<'_>,
    ) -> Result<(), sqlx::Error> {
        let as_wanted: Vec<(&Key, &Body)> = self
            .wanted
            .objects
            .iter()
            .filter(|(key, body)| self.actual.objects.get(*key) == Some(*body))
            .filter(|(key, body)| {
                self.memory.get(*key).is_none_or(|known| {
                    known.applied.as_ref() != Some(*body) || known.intended.is_some()
                })
            })
            .collect();
        for (key, body) in &as_wanted {
            let was_open = self.memory.get(*key).is_some_and(|known| {
                known.intended.as_ref() == Some(*body) && known.applied.as_ref() != Some(*body)
            });
            if was_open {
                let details = json!({ "object": key.kind, "name": self.wanted.told(key) });
                stamp.audit(tx, "cluster.found_applied", self.wanted.subject(key), details).await?;
            }
        }
        if !as_wanted.is_empty() {
            memory::remember(tx, cluster, &as_wanted, stamp.now).await?;
        }
        let gone: Vec<&Key> = self
            .memory
            .keys()
            .filter(|key| !self.wanted.objects.contains_key(*key))
            .filter(|key| !self.actual.objects.contains_key(*key))
            .collect();
        if !gone.is_empty() {
            memory::forget(tx, cluster, &gone).await?;
        }
        Ok(())
    }
}
