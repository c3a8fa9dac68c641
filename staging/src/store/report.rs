//! Keeping the report of a transfer: the ledger first, then the link moves.

use record::Stamp;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::digest::Sha256;
use crate::link::{Link, LinkError, reason_of};
use crate::transfer::{Fault, Outcome, Report};

use super::chunk::{self, bigint};
use super::link::{keep_state, locked};

/// The outcomes, as the database writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "staging.transfer_outcome", rename_all = "snake_case")]
enum OutcomeWord {
    Verified,
    Quarantined,
    Stopped,
    Failed,
}

/// Keeps a report and moves its link. An equal repeat changes nothing.
///
/// The report of a try that another has taken over, or of a link that was revoked meanwhile, is kept
/// too, because bytes were moved; the link stays where it is.
pub async fn record_report(
    tx: &mut PgConnection,
    link_id: Uuid,
    report: &Report,
    stamp: &Stamp<'_>,
) -> Result<Link, LinkError> {
    let before = locked(tx, link_id).await?.ok_or(LinkError::NoSuchLink(link_id))?;
    if report.link_id != link_id {
        let (transfer_id, state) = (report.transfer_id, before.state.word());
        return Err(LinkError::NotFetching { link_id, transfer_id, state });
    }
    if was_kept(tx, link_id, report).await? {
        return Ok(before);
    }
    let link = before.clone().reported(report, stamp.now)?;
    insert_transfer(tx, link_id, report, stamp).await?;
    chunk::append(tx, report, stamp).await?;
    insert_texts(tx, report).await?;
    let action = match report.outcome {
        Outcome::Verified => "link.verified",
        Outcome::Quarantined(_) => "link.quarantined",
        Outcome::Stopped(_) | Outcome::Failed { .. } => "link.failed",
    };
    let moved = link != before;
    if moved {
        keep_state(tx, &link).await?;
    }
    stamp.audit(tx, action, ("link", link_id), told(report, moved)).await?;
    Ok(link)
}

/// What the auditor is told: figures, codes and places in the manifest; never the name of a file.
fn told(report: &Report, link_moved: bool) -> serde_json::Value {
    let faults: Vec<_> = faults_of(report)
        .iter()
        .map(|fault| {
            let file_no =
                report.files.iter().position(|file| Some(&file.path) == fault.path.as_ref());
            json!({ "code": fault.code, "file_no": file_no, "chunk_no": fault.chunk_no })
        })
        .collect();
    json!({
        "transfer_id": report.transfer_id,
        "link_moved": link_moved,
        "reason": reason_of(report),
        "manifest_sha256": report.manifest_sha256,
        "file_count": report.files.len(),
        "size_bytes": report.total_bytes(),
        "fetched_bytes": report.fetched_bytes,
        "kept_bytes": report.kept_bytes,
        "faults": faults,
    })
}

async fn was_kept(
    tx: &mut PgConnection,
    link_id: Uuid,
    report: &Report,
) -> Result<bool, LinkError> {
    let transfer_id = report.transfer_id;
    let kept = sqlx::query!(
        r#"select link_id, outcome as "outcome: OutcomeWord", reason, manifest_sha256,
               fetched_bytes, kept_bytes, batch_count
           from staging.transfer where transfer_id = $1"#,
        transfer_id
    )
    .fetch_optional(tx)
    .await?;
    let Some(kept) = kept else { return Ok(false) };
    let same = kept.link_id == link_id
        && kept.outcome == word(report)
        && kept.reason == reason(report)
        && kept.manifest_sha256.as_deref() == digest(report)
        && kept.fetched_bytes == bigint(report.fetched_bytes)
        && kept.kept_bytes == bigint(report.kept_bytes)
        && kept.batch_count == bigint(report.batch_count);
    if same { Ok(true) } else { Err(LinkError::TransferIdReused(transfer_id)) }
}

async fn insert_transfer(
    tx: &mut PgConnection,
    link_id: Uuid,
    report: &Report,
    stamp: &Stamp<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into staging.transfer (transfer_id, link_id, outcome, reason, manifest_sha256,
             fetched_bytes, kept_bytes, batch_count, at, trace_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        report.transfer_id,
        link_id,
        word(report) as _,
        reason(report),
        digest(report),
        bigint(report.fetched_bytes),
        bigint(report.kept_bytes),
        bigint(report.batch_count),
        stamp.now,
        stamp.trace_id,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What may name a person goes where it can be erased.
async fn insert_texts(tx: &mut PgConnection, report: &Report) -> Result<(), sqlx::Error> {
    let transfer_id = report.transfer_id;
    let paths: Vec<String> = report.files.iter().map(|file| file.path.clone()).collect();
    let sizes: Vec<i64> = report.files.iter().map(|file| bigint(file.size_bytes)).collect();
    let digests: Vec<Vec<u8>> =
        report.files.iter().map(|file| file.sha256.as_bytes().to_vec()).collect();
    sqlx::query!(
        "insert into staging.staged_file (transfer_id, file_no, path, size_bytes, sha256)
         select $1, file_no - 1, path, size_bytes, sha256
         from unnest($2::text[], $3::bigint[], $4::bytea[])
             with ordinality as file(path, size_bytes, sha256, file_no)",
        transfer_id,
        &paths,
        &sizes,
        &digests,
    )
    .execute(&mut *tx)
    .await?;
    for (fault_no, fault) in (0_i64..).zip(faults_of(report)) {
        sqlx::query!(
            "insert into staging.fault (transfer_id, fault_no, code, chunk_no, path, message)
             values ($1, $2, $3, $4, $5, $6)",
            transfer_id,
            fault_no,
            fault.code,
            fault.chunk_no.map(bigint),
            fault.path,
            fault.message,
        )
        .execute(&mut *tx)
        .await?;
    }
    if !report.operator_note.is_empty() {
        sqlx::query!(
            "insert into staging.transfer_note (transfer_id, body) values ($1, $2)",
            transfer_id,
            report.operator_note.replace('\0', ""),
        )
        .execute(tx)
        .await?;
    }
    Ok(())
}

/// Everything that was wrong in a link's last transfer, in the order it was found.
pub async fn faults(tx: &mut PgConnection, link_id: Uuid) -> Result<Vec<Fault>, sqlx::Error> {
    let rows = sqlx::query!(
        "select fault.code, fault.chunk_no, fault.path, fault.message
         from staging.fault join staging.link using (transfer_id)
         where link.link_id = $1 order by fault.fault_no",
        link_id
    )
    .fetch_all(tx)
    .await?;
    let faults = rows.into_iter().map(|row| Fault {
        code: row.code,
        path: row.path,
        chunk_no: row.chunk_no.and_then(|chunk_no| chunk_no.try_into().ok()),
        message: row.message.unwrap_or_default(),
    });
    Ok(faults.collect())
}

/// What the client said in a link's last transfer. For the operator only, never for a person.
pub async fn operator_note(
    tx: &mut PgConnection,
    link_id: Uuid,
) -> Result<Option<String>, sqlx::Error> {
    let note = sqlx::query_scalar!(
        "select note.body from staging.transfer_note as note join staging.link using (transfer_id)
         where link.link_id = $1",
        link_id
    )
    .fetch_optional(tx)
    .await?;
    Ok(note.flatten())
}

fn word(report: &Report) -> OutcomeWord {
    match report.outcome {
        Outcome::Verified => OutcomeWord::Verified,
        Outcome::Quarantined(_) => OutcomeWord::Quarantined,
        Outcome::Stopped(_) => OutcomeWord::Stopped,
        Outcome::Failed { .. } => OutcomeWord::Failed,
    }
}

fn reason(report: &Report) -> Option<String> {
    match report.outcome {
        Outcome::Verified => None,
        Outcome::Quarantined(_) | Outcome::Stopped(_) | Outcome::Failed { .. } => {
            Some(reason_of(report))
        }
    }
}

fn digest(report: &Report) -> Option<&[u8]> {
    report.manifest_sha256.as_ref().map(|digest: &Sha256| &digest.as_bytes()[..])
}

fn faults_of(report: &Report) -> &[Fault] {
    match &report.outcome {
        Outcome::Quarantined(faults) => faults,
        Outcome::Verified | Outcome::Stopped(_) | Outcome::Failed { .. } => &[],
    }
}
