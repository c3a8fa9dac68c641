//! What the broker keeps in Slurm, as it last wrote it.
//!
//! This is the broker's own memory. What Slurm has at this moment only a look at Slurm tells, which
//! `mimer cluster diff` is.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// The objects of one kind on one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptLine {
    /// The cluster.
    pub cluster: String,
    /// `account`, `qos`, `user` or `reservation`.
    pub kind: String,
    /// How many the broker has written and believes to be there.
    pub written: i64,
    /// How many a call is about to change, or was when it was interrupted.
    pub under_way: i64,
    /// When one was last written.
    pub changed_at: DateTime<Utc>,
}

/// Counts the objects by cluster and kind.
pub(super) async fn kept(tx: &mut PgConnection) -> Result<Vec<KeptLine>, sqlx::Error> {
    sqlx::query_as!(
        KeptLine,
        r#"
        select cluster, kind, count(applied) as "written!", count(intended) as "under_way!",
            max(changed_at) as "changed_at!"
        from broker.cluster_applied
        group by cluster, kind
        order by cluster, array_position(array['account', 'qos', 'user', 'reservation'], kind)
        "#,
    )
    .fetch_all(tx)
    .await
}
