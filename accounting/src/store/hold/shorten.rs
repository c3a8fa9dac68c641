//! Shortening a hold: one extension goes back, because Slurm refused the longer limit.

use record::{GpuSeconds, MicroSek, Stamp};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    hold::{HoldError, HoldPart, HoldState},
    ledger::AccountKind,
    store::{
        Inconsistency,
        book::{Book, EntryKind, Movement},
        gpu_seconds,
        hold::row,
        micro_sek,
    },
};

/// What went back to the grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct HoldShortened {
    /// The time.
    pub gpu_seconds: GpuSeconds,
    /// The money.
    pub usek: MicroSek,
}

/// Why an extension was not given back.
#[derive(Debug, thiserror::Error)]
pub enum ShortenError {
    /// The id names no extension.
    #[error("extension {0} does not exist; it may not have been committed")]
    NoSuchExtension(Uuid),
    /// The hold has closed, and what its runs did not take has gone back with it.
    #[error("the hold refused")]
    Closed(#[source] HoldError),
    /// The database failed.
    #[error("reading or writing extensions")]
    Database(#[from] sqlx::Error),
}

impl ShortenError {
    /// The stable code of the refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchExtension(_) => "shorten_extension_unknown",
            Self::Closed(_) => "shorten_hold_closed",
            Self::Database(_) => "shorten_database",
        }
    }
}

/// An extension as it is kept.
struct Stored {
    hold_id: Uuid,
    is_ended: bool,
    answer: HoldShortened,
}

/// Gives one extension of an open hold back to its grants, whichever came after it.
///
/// The same again changes nothing.
pub async fn shorten(
    tx: &mut PgConnection,
    extension_id: Uuid,
    stamp: &Stamp<'_>,
) -> Result<HoldShortened, ShortenError> {
    let unknown = || ShortenError::NoSuchExtension(extension_id);
    let hold_id = find(tx, extension_id).await?.ok_or_else(unknown)?.hold_id;
    let hold = row::lock(tx, hold_id).await?.ok_or_else(unknown)?.hold;
    // Again, under the lock of the hold: somebody may have given it back meanwhile.
    let extension = find(tx, extension_id).await?.ok_or_else(unknown)?;
    if extension.is_ended {
        return Ok(extension.answer);
    }
    if hold.state() != HoldState::Open {
        let closed = HoldError::AlreadyClosed { hold_id, state: hold.state() };
        return Err(ShortenError::Closed(closed));
    }
    let parts = parts_of(tx, extension_id).await?;
    let grant_ids: Vec<Uuid> = parts.iter().map(|part| part.grant_id).collect();
    let book = Book::lock(tx, &grant_ids).await?;
    end(tx, extension_id, stamp).await?;
    let back = parts.iter().map(|&HoldPart { grant_id, gpu_seconds, usek }| {
        let (held, free) = ((grant_id, AccountKind::Held), (grant_id, AccountKind::Free));
        Movement {
            gpu_seconds,
            usek,
            hold_id: Some(hold_id),
            ..Movement::new(EntryKind::Shortened, extension_id, held, free)
        }
    });
    book.post_all(tx, &back.collect::<Vec<_>>(), stamp).await?;
    let HoldShortened { gpu_seconds, usek } = extension.answer;
    let details = json!({ "extension_id": extension_id, "gpu_seconds": gpu_seconds, "usek": usek });
    stamp.audit(tx, "hold.shorten", ("hold", hold_id), details).await?;
    Ok(extension.answer)
}

async fn find(tx: &mut PgConnection, extension_id: Uuid) -> Result<Option<Stored>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        select hold_id, gpu_seconds, usek, exists(
            select from accounting.extension_end x where x.extension_id = e.extension_id
        ) as "is_ended!"
        from accounting.extension e where extension_id = $1
        "#,
        extension_id,
    )
    .fetch_optional(tx)
    .await?;
    let place = |column| Inconsistency { table: "accounting.extension", column, row: extension_id };
    let stored = row.map(|row| {
        Ok(Stored {
            hold_id: row.hold_id,
            is_ended: row.is_ended,
            answer: HoldShortened {
                gpu_seconds: gpu_seconds(row.gpu_seconds, place("gpu_seconds"))?,
                usek: micro_sek(row.usek, place("usek"))?,
            },
        })
    });
    stored.transpose().map_err(|fault: Inconsistency| fault.into())
}

async fn parts_of(tx: &mut PgConnection, extension_id: Uuid) -> Result<Vec<HoldPart>, sqlx::Error> {
    let rows = sqlx::query!(
        "select grant_id, gpu_seconds, usek
         from accounting.extension_part where extension_id = $1 order by part_no",
        extension_id,
    )
    .fetch_all(tx)
    .await?;
    let place =
        |column| Inconsistency { table: "accounting.extension_part", column, row: extension_id };
    let parts = rows.into_iter().map(|row| {
        Ok(HoldPart {
            grant_id: row.grant_id,
            gpu_seconds: gpu_seconds(row.gpu_seconds, place("gpu_seconds"))?,
            usek: micro_sek(row.usek, place("usek"))?,
        })
    });
    parts.collect::<Result<_, Inconsistency>>().map_err(sqlx::Error::from)
}

/// Writes the end of an extension, and the hold's sums without it.
async fn end(
    tx: &mut PgConnection,
    extension_id: Uuid,
    stamp: &Stamp<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "with ended as (
             insert into accounting.extension_end (extension_id, shortened_at) values ($1, $2)
             returning extension_id
         ), gone as (
             select e.hold_id, e.gpu_seconds, e.usek,
                 (select max(other.expires_at) from accounting.extension other
                     where other.hold_id = e.hold_id and other.extension_id <> e.extension_id
                         and not exists (select from accounting.extension_end x
                             where x.extension_id = other.extension_id)) as extended_until
             from ended join accounting.extension e on e.extension_id = ended.extension_id
         )
         update accounting.hold h
         set extended_gpu_seconds = h.extended_gpu_seconds - g.gpu_seconds,
             extended_usek = h.extended_usek - g.usek,
             extended_until = g.extended_until
         from gone g
         where h.hold_id = g.hold_id",
        extension_id,
        stamp.now,
    )
    .execute(tx)
    .await?;
    Ok(())
}
