//! Connections that nobody uses just now.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::connection::Connection;

/// The gateway lets go of a caller who says nothing for five minutes; by then we have long let go.
const AT_MOST: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct Kept {
    /// The one used last is taken first, so that those no longer needed grow old.
    connections: Mutex<Vec<(Instant, Connection)>>,
}

impl Kept {
    pub(super) fn take(&self) -> Option<Connection> {
        let mut connections = self.connections();
        connections.retain(|(since, _)| since.elapsed() < AT_MOST);
        connections.pop().map(|(_, connection)| connection)
    }

    pub(super) fn keep(&self, connection: Connection) {
        self.connections().push((Instant::now(), connection));
    }

    pub(super) fn clear(&self) {
        self.connections().clear();
    }

    fn connections(&self) -> MutexGuard<'_, Vec<(Instant, Connection)>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
