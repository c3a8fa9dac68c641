//! Taking the row lock away, for the tests that must show what it is for.
//!
//! Exists in test builds only. A task in [`without_the_lock`] gives the rows it locked free again at
//! once, by going back to a savepoint from before the lock: the production queries stay as they are.

use std::future::Future;

use sqlx::PgConnection;

tokio::task_local! {
    static WITHOUT: ();
}

/// Runs a future whose holds are placed and closed without the lock of their grants' rows.
pub(crate) async fn without_the_lock<T>(future: impl Future<Output = T>) -> T {
    WITHOUT.scope((), future).await
}

/// Comes before the lock.
pub(crate) async fn before(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    if WITHOUT.try_with(|()| ()).is_ok() {
        sqlx::query("savepoint before_the_lock").execute(tx).await?;
    }
    Ok(())
}

/// Comes after the lock and what was read under it.
pub(crate) async fn after(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    if WITHOUT.try_with(|()| ()).is_ok() {
        sqlx::query("rollback to savepoint before_the_lock").execute(tx).await?;
    }
    Ok(())
}
