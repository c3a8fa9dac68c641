//! A stand-in for the broker: real TLS on loopback, the agent's one endpoint, everything in memory.
//!
//! It keeps what it is sent as the broker does: equal repeats change nothing, and an unequal repeat
//! is remembered as a fault.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent_wire::{Acknowledged, Batch, Segment};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use axum_server::tls_rustls::RustlsConfig;
use tempfile::TempDir;
use uuid::Uuid;

/// The token it wants.
pub(crate) const TOKEN: &str = "token-of-node01";

/// The stand-in, serving until it is dropped.
pub(crate) struct StandInBroker {
    /// Its `https://` address.
    pub(crate) url: String,
    /// Holds the CA and token files.
    pub(crate) dir: TempDir,
    kept: Arc<Mutex<Kept>>,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// What the stand-in has seen.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// By stream and number.
    pub(crate) segments: BTreeMap<(Uuid, u64), Segment>,
    /// Batches that were taken.
    pub(crate) batch_count: usize,
    /// Batches that were refused by order of the test.
    pub(crate) refused_count: usize,
    /// Numbers that came twice with different contents.
    pub(crate) conflicts: Vec<u64>,
    /// Answer this instead of taking batches.
    pub(crate) refuse_with: Option<StatusCode>,
}

impl StandInBroker {
    /// Starts on a free port.
    pub(crate) async fn start() -> Self {
        // Another test of this process may have installed it.
        rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        let dir = TempDir::new().unwrap();
        let certified = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let pem = certified.cert.pem();
        std::fs::write(dir.path().join("ca.pem"), &pem).unwrap();
        std::fs::write(dir.path().join("token"), format!("{TOKEN}\n")).unwrap();
        let key = certified.signing_key.serialize_pem();
        let tls = RustlsConfig::from_pem(pem.into(), key.into()).await.unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let kept = Arc::new(Mutex::new(Kept::default()));
        let router =
            Router::new().route("/v1/agent/segments", post(take)).with_state(Arc::clone(&kept));
        let server = axum_server::from_tcp_rustls(listener, tls).unwrap();
        let server = tokio::spawn(server.serve(router.into_make_service()));
        Self { url, dir, kept, server }
    }

    /// The CA file.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// The token file.
    pub(crate) fn token_file(&self) -> PathBuf {
        self.dir.path().join("token")
    }

    /// Looks at or changes what it keeps.
    pub(crate) fn kept<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.kept.lock().unwrap())
    }

    /// Waits until `look` finds what it wants, for at most half a minute.
    pub(crate) async fn until<T>(&self, what: &str, look: impl Fn(&Kept) -> Option<T>) -> T {
        for _ in 0..600 {
            if let Some(found) = self.kept(|kept| look(kept)) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the broker never saw {what}: {:#?}", self.kept(|kept| format!("{kept:?}")));
    }
}

impl Drop for StandInBroker {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(
    State(kept): State<Arc<Mutex<Kept>>>,
    headers: HeaderMap,
    Json(batch): Json<Batch>,
) -> Result<Json<Acknowledged>, StatusCode> {
    let mut kept = kept.lock().unwrap();
    if headers["authorization"] != format!("Bearer {TOKEN}") {
        return Err(StatusCode::UNAUTHORIZED);
    }
    if let Some(status) = kept.refuse_with {
        kept.refused_count += 1;
        return Err(status);
    }
    kept.batch_count += 1;
    for segment in batch.segments {
        let (seq, key) = (segment.seq, (batch.stream_id, segment.seq));
        let earlier = kept.segments.entry(key).or_insert_with(|| segment.clone());
        if *earlier != segment {
            kept.conflicts.push(seq);
        }
    }
    let has = |seq: &u64| kept.segments.contains_key(&(batch.stream_id, *seq));
    let through_seq = (1..).take_while(has).last().unwrap_or(0);
    Ok(Json(Acknowledged { through_seq }))
}
