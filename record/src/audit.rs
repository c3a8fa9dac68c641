//! The audit trail: who changed what, on whose behalf, why, and under which trace.
//!
//! A row is written in the transaction of the change it tells of. Rows are insert-only and sealed,
//! so they carry opaque ids only: never a login, a name, a path with a person's name or free text.
//! The reason a person typed goes to `record.free_text`, and only its salted digest into the row.

use aws_lc_rs::{digest, rand};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::id;

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person who logged in.
    Person(Uuid),
    /// The broker itself: the named duty ("outbox", "sealer", "watcher").
    Program(&'static str),
}

/// Who, when, why and under which trace: given to every function that changes something.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// Who does it.
    pub actor: Actor,
    /// When; from the caller's [`crate::Clock`].
    pub now: DateTime<Utc>,
    /// The reason a person gave, in their words.
    pub why: Option<&'a str>,
    /// Ties the change to one request from outside to invoice.
    pub trace_id: Uuid,
}

impl Stamp<'_> {
    /// Appends the audit row of one change, inside the caller's transaction.
    pub async fn audit(
        &self,
        tx: &mut PgConnection,
        action: &'static str,
        subject: (&'static str, Uuid),
        details: serde_json::Value,
    ) -> Result<(), sqlx::Error> {
        let (subject_kind, subject_id) = subject;
        let Self { actor, now, why, trace_id } = *self;
        append(
            tx,
            now,
            AuditRow { actor, action, subject_kind, subject_id, details, why, trace_id },
        )
        .await
    }
}

/// One change, told for the auditor.
#[derive(Clone, Debug)]
pub struct AuditRow<'a> {
    /// Who did it.
    pub actor: Actor,
    /// What was done, as `noun.verb` ("grant.create").
    pub action: &'static str,
    /// What kind of thing it was done to ("grant").
    pub subject_kind: &'static str,
    /// Which one.
    pub subject_id: Uuid,
    /// Figures and ids that explain the change; no names and no free text.
    pub details: serde_json::Value,
    /// The reason a person gave, in their words.
    pub why: Option<&'a str>,
    /// Ties the row to one request from outside to invoice.
    pub trace_id: Uuid,
}

/// Appends one row to the trail, inside the caller's transaction.
pub async fn append(
    tx: &mut PgConnection,
    at: DateTime<Utc>,
    row: AuditRow<'_>,
) -> Result<(), sqlx::Error> {
    let audit_id = id::fresh();
    let why_digest = match row.why {
        Some(body) => Some(keep_free_text(tx, audit_id, body).await?),
        None => None,
    };
    let (person, program) = match row.actor {
        Actor::Person(person_id) => (Some(person_id), None),
        Actor::Program(name) => (None, Some(name)),
    };
    sqlx::query!(
        "insert into record.audit (audit_id, at, actor_person_id, actor_program, action,
             subject_kind, subject_id, details, why_digest, trace_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        audit_id,
        at,
        person,
        program,
        row.action,
        row.subject_kind,
        row.subject_id,
        row.details,
        why_digest,
        row.trace_id,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Keeps free text where it can be erased and returns the salted digest that stays.
async fn keep_free_text(
    tx: &mut PgConnection,
    audit_id: Uuid,
    body: &str,
) -> Result<Vec<u8>, sqlx::Error> {
    let mut salt = [0_u8; 16];
    rand::fill(&mut salt).expect("the kernel gives random bytes");
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&salt);
    context.update(body.as_bytes());
    let digest = context.finish().as_ref().to_vec();
    sqlx::query!(
        "insert into record.free_text (free_text_id, salt, body) values ($1, $2, $3)",
        audit_id,
        &salt[..],
        body,
    )
    .execute(tx)
    .await?;
    Ok(digest)
}
