//! The chunk ledger: insert only.

use quotas::Inconsistency;
use record::Stamp;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::digest::Sha256;
use crate::transfer::{ChunkRecord, Origin, Report, Verdict};

/// Rows written by one statement.
const ROWS_PER_INSERT: usize = 5000;

/// How the chunks of one transfer came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ChunkCount {
    /// Chunks that are what the source signed.
    pub verified: i64,
    /// Chunks that are not.
    pub wrong: i64,
}

/// Appends every chunk of a report.
pub(super) async fn append(
    tx: &mut PgConnection,
    report: &Report,
    stamp: &Stamp<'_>,
) -> Result<(), sqlx::Error> {
    for chunks in report.chunks.chunks(ROWS_PER_INSERT) {
        let chunk_ids: Vec<Uuid> = chunks.iter().map(|_| record::id::fresh()).collect();
        let file_nos: Vec<i64> = chunks.iter().map(|chunk| bigint(chunk.file_no)).collect();
        let chunk_nos: Vec<i64> = chunks.iter().map(|chunk| bigint(chunk.chunk_no)).collect();
        let sizes: Vec<i64> = chunks.iter().map(|chunk| bigint(chunk.size_bytes)).collect();
        let digests: Vec<Vec<u8>> =
            chunks.iter().map(|chunk| chunk.sha256.as_bytes().to_vec()).collect();
        let origins: Vec<Origin> = chunks.iter().map(|chunk| chunk.origin).collect();
        let verdicts: Vec<Verdict> = chunks.iter().map(|chunk| chunk.verdict).collect();
        sqlx::query!(
            "insert into staging.chunk (chunk_id, transfer_id, file_no, chunk_no, size_bytes,
                 sha256, origin, verdict, at)
             select chunk_id, $2, file_no, chunk_no, size_bytes, sha256, origin, verdict, $3
             from unnest($1::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[],
                 $8::staging.chunk_origin[], $9::staging.chunk_verdict[])
                 as chunk(chunk_id, file_no, chunk_no, size_bytes, sha256, origin, verdict)",
            &chunk_ids,
            report.transfer_id,
            stamp.now,
            &file_nos,
            &chunk_nos,
            &sizes,
            &digests,
            &origins as &[Origin],
            &verdicts as &[Verdict],
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// The ledger of one transfer, by file and chunk.
pub async fn list(
    tx: &mut PgConnection,
    transfer_id: Uuid,
) -> Result<Vec<ChunkRecord>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select chunk_id, file_no, chunk_no, size_bytes, sha256, origin as "origin: Origin",
               verdict as "verdict: Verdict"
           from staging.chunk where transfer_id = $1 order by file_no, chunk_no, chunk_id"#,
        transfer_id
    )
    .fetch_all(tx)
    .await?;
    let records = rows.into_iter().map(|row| {
        let odd = |column| Inconsistency { table: "staging.chunk", column, row: row.chunk_id };
        Ok(ChunkRecord {
            file_no: row.file_no.try_into().map_err(|_| odd("file_no"))?,
            chunk_no: row.chunk_no.try_into().map_err(|_| odd("chunk_no"))?,
            size_bytes: row.size_bytes.try_into().map_err(|_| odd("size_bytes"))?,
            sha256: Sha256::from_slice(&row.sha256).ok_or(odd("sha256"))?,
            origin: row.origin,
            verdict: row.verdict,
        })
    });
    records.collect::<Result<_, Inconsistency>>().map_err(sqlx::Error::from)
}

/// How many chunks of one transfer came out right and wrong.
pub async fn count(tx: &mut PgConnection, transfer_id: Uuid) -> Result<ChunkCount, sqlx::Error> {
    sqlx::query_as!(
        ChunkCount,
        r#"select count(*) filter (where verdict = 'verified') as "verified!",
               count(*) filter (where verdict = 'wrong') as "wrong!"
           from staging.chunk where transfer_id = $1"#,
        transfer_id
    )
    .fetch_one(tx)
    .await
}

/// A count or size for the database. Bounds of links are below 2^63, so nothing larger gets here;
/// a figure that did would break the table's own check, not wrap around.
pub(super) fn bigint(figure: u64) -> i64 {
    i64::try_from(figure).unwrap_or(-1)
}
