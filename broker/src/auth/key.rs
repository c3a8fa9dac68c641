//! Access keys and session tokens: 256 random bits each; only digests are kept.

use aws_lc_rs::{digest as sha, rand};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// A secret shown once to the person it belongs to.
pub struct AccessKey(String);

/// How long a session lasts.
const SESSION_LIFE: TimeDelta = TimeDelta::hours(8);

impl AccessKey {
    /// Draws a new key.
    pub fn draw() -> Self {
        let mut bits = [0_u8; 32];
        rand::fill(&mut bits).expect("the kernel gives random bytes");
        Self(hex::encode(bits))
    }

    /// The key itself, to show once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Keeps the key as a person's access key until `expires_at`.
    pub async fn keep_for_person(
        &self,
        tx: &mut PgConnection,
        person_id: Uuid,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        sqlx::query!(
            "insert into broker.access_key (digest, person_id, made_at, expires_at)
             values ($1, $2, $3, $4)",
            digest(&self.0),
            person_id,
            now,
            expires_at,
        )
        .execute(tx)
        .await?;
        Ok(())
    }

    /// Keeps the key as a browser session.
    pub async fn keep_for_session(
        &self,
        tx: &mut PgConnection,
        person_id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        sqlx::query!(
            "insert into broker.session (digest, person_id, made_at, expires_at)
             values ($1, $2, $3, $4)",
            digest(&self.0),
            person_id,
            now,
            now + SESSION_LIFE,
        )
        .execute(tx)
        .await?;
        Ok(())
    }

    /// Keeps the key as a node's token; a new token replaces the node's old one. Names of nodes are
    /// unique among all clusters: their metered use is told apart by them. Returns the cluster that
    /// the node was on until now.
    pub async fn keep_for_node(
        &self,
        tx: &mut PgConnection,
        (cluster, node): (&str, &str),
        now: DateTime<Utc>,
    ) -> Result<Option<String>, sqlx::Error> {
        let replaced = sqlx::query_scalar!(
            "delete from broker.node_token where node = $1 returning cluster",
            node
        )
        .fetch_optional(&mut *tx)
        .await?;
        sqlx::query!(
            "insert into broker.node_token (digest, node, made_at, cluster) values ($1, $2, $3, $4)",
            digest(&self.0),
            node,
            now,
            cluster,
        )
        .execute(tx)
        .await?;
        Ok(replaced.flatten())
    }
}

/// What the database keeps of a secret. Plain SHA-256 is enough: the secret has 256 random bits.
pub fn digest(secret: &str) -> Vec<u8> {
    sha::digest(&sha::SHA256, secret.trim().as_bytes()).as_ref().to_vec()
}
