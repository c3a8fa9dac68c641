//! The record of a grant's movements: what tells the same request again from another.

use record::{GpuSeconds, MicroSek, Stamp};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    ledger::LedgerError,
    store::{Inconsistency, broke, gpu_seconds, micro_sek},
};

/// What kind of movement a row tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "accounting.move_kind", rename_all = "snake_case")]
pub(super) enum MoveKind {
    TopUp,
    GiveBack,
    Expire,
    Transfer,
    CarryOver,
}

/// One movement of a grant, as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MoveRow {
    pub(super) transfer_id: Uuid,
    pub(super) kind: MoveKind,
    pub(super) fund_id: Uuid,
    pub(super) from_grant_id: Option<Uuid>,
    pub(super) to_grant_id: Option<Uuid>,
    pub(super) gpu_seconds: GpuSeconds,
    pub(super) usek: MicroSek,
}

impl MoveRow {
    /// Whether exactly this movement was made before; another under its id is refused.
    ///
    /// Asked under the locks of the movement, so that the same request at once waits and is found.
    pub(super) async fn is_repeated(&self, tx: &mut PgConnection) -> Result<bool, LedgerError> {
        match find(tx, self.transfer_id).await? {
            None => Ok(false),
            Some(earlier) if earlier == *self => Ok(true),
            Some(_) => Err(LedgerError::TransferIdReused(self.transfer_id)),
        }
    }

    /// Writes the movement down.
    pub(super) async fn insert(
        &self,
        tx: &mut PgConnection,
        stamp: &Stamp<'_>,
    ) -> Result<(), LedgerError> {
        let inserted = sqlx::query!(
            "insert into accounting.grant_move (transfer_id, kind, fund_id, from_grant_id,
                 to_grant_id, gpu_seconds, usek, moved_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
            self.transfer_id,
            self.kind as MoveKind,
            self.fund_id,
            self.from_grant_id,
            self.to_grant_id,
            self.gpu_seconds.get(),
            self.usek.get(),
            stamp.now,
        )
        .execute(tx)
        .await;
        match inserted {
            Ok(_) => Ok(()),
            // The same id at the same time for other grants: the locks did not make them queue.
            Err(error) if broke(&error, "grant_move_pkey") => {
                Err(LedgerError::TransferIdReused(self.transfer_id))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The movement that was made under this id.
pub(super) async fn find(
    tx: &mut PgConnection,
    transfer_id: Uuid,
) -> Result<Option<MoveRow>, LedgerError> {
    let row = sqlx::query!(
        r#"
        select kind as "kind: MoveKind", fund_id, from_grant_id, to_grant_id, gpu_seconds, usek
        from accounting.grant_move where transfer_id = $1
        "#,
        transfer_id,
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let place = |column| Inconsistency { table: "accounting.grant_move", column, row: transfer_id };
    Ok(Some(MoveRow {
        transfer_id,
        kind: row.kind,
        fund_id: row.fund_id,
        from_grant_id: row.from_grant_id,
        to_grant_id: row.to_grant_id,
        gpu_seconds: gpu_seconds(row.gpu_seconds, place("gpu_seconds"))?,
        usek: micro_sek(row.usek, place("usek"))?,
    }))
}
