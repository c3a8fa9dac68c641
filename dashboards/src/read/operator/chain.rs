//! The seal of the record: how long the chain is, and which rows still wait for their seal.

use record::SealedTable;
use sqlx::{AssertSqlSafe, PgConnection};

use super::ChainView;

/// Reads the tip of the chain and counts the unsealed rows of each table.
pub(super) async fn chain(
    tx: &mut PgConnection,
    tables: &[SealedTable],
) -> Result<ChainView, sqlx::Error> {
    let tip =
        sqlx::query!("select seal_no, sealed_at from record.seal order by seal_no desc limit 1")
            .fetch_optional(&mut *tx)
            .await?;
    let mut view = tip.map_or_else(ChainView::default, |tip| ChainView {
        seal_count: tip.seal_no,
        last_sealed_at: Some(tip.sealed_at),
        unsealed: Vec::new(),
    });
    for table in tables {
        let count = unsealed(&mut *tx, table).await?;
        if count > 0 {
            view.unsealed.push((table.name.to_owned(), count));
        }
    }
    Ok(view)
}

/// Counts the committed rows of `table` that no seal covers.
///
/// The one query here that is not checked at build time: which tables there are is the sealer's
/// list, whose names are constants of our own crates.
async fn unsealed(tx: &mut PgConnection, table: &SealedTable) -> Result<i64, sqlx::Error> {
    let sql = format!(
        "select count(*) from {name} t where not exists
             (select from record.seal s where s.table_name = $1 and s.row_id = t.{key})",
        name = table.name,
        key = table.key,
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).bind(table.name).fetch_one(tx).await
}
