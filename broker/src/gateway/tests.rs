//! The client against a small server of its own: kept, dead and slow connections, and refusals.

use std::sync::atomic::{AtomicUsize, Ordering};

use slurm_wire::{OurJob, PROTOCOL_VERSION, RefusalCode, Welcome};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::*;

/// What a scripted gateway does on one connection.
#[derive(Clone, Copy)]
enum Does {
    /// Welcomes, answers one call and hangs up.
    AnswersOnce,
    /// Welcomes and never says another word.
    FallsSilent,
    /// Refuses the caller's version.
    RefusesVersion,
}

/// A gateway behind a socket of its own that does this on its connections, in turn.
fn scripted(script: &'static [Does], deadline: Duration) -> (tempfile::TempDir, Gateway) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("gateway.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        for does in script {
            let (stream, _) = listener.accept().await.unwrap();
            follow(*does, stream).await;
        }
    });
    (dir, Gateway::new(socket, deadline))
}

async fn follow(does: Does, stream: UnixStream) {
    let (read, mut out) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    lines.next_line().await.unwrap().unwrap();
    if matches!(does, Does::RefusesVersion) {
        let code = RefusalCode::VersionMismatch;
        let refusal = Refusal { code, sentence: "upgrade".to_owned(), slurm_errno: None };
        let line = serde_json::to_string(&Answer::Refused(refusal)).unwrap() + "\n";
        out.write_all(line.as_bytes()).await.unwrap();
        return;
    }
    out.write_all(welcome().as_bytes()).await.unwrap();
    lines.next_line().await.unwrap();
    if matches!(does, Does::FallsSilent) {
        lines.next_line().await.unwrap(); // Until the caller hangs up.
        return;
    }
    let line = serde_json::to_string(&Answer::Pong).unwrap() + "\n";
    out.write_all(line.as_bytes()).await.unwrap();
}

fn welcome() -> String {
    let welcome = Welcome {
        version: PROTOCOL_VERSION,
        cluster: "mimer".to_owned(),
        slurm_version: "22.05.8".to_owned(),
        explicit_ids: true,
    };
    serde_json::to_string(&welcome).unwrap() + "\n"
}

#[tokio::test]
async fn a_connection_that_died_with_its_gateway_is_replaced() {
    let script = &[Does::AnswersOnce, Does::AnswersOnce, Does::AnswersOnce];
    let (_dir, gateway) = scripted(script, Duration::from_secs(5));
    for _ in 0..3 {
        assert_eq!(gateway.call(&Call::Ping).await.unwrap(), Answer::Pong);
    }
}

#[tokio::test]
async fn a_silent_gateway_is_given_up_with_the_outcome_open() {
    let script = &[Does::FallsSilent, Does::AnswersOnce];
    let (_dir, gateway) = scripted(script, Duration::from_millis(200));
    let error = gateway.call(&Call::Ping).await.unwrap_err();
    assert!(matches!(error, GatewayError::Deadline(_)), "{error}");
    assert!(error.retry_helps());
    // The answer that never came is not mistaken for the next call's.
    assert_eq!(gateway.call(&Call::Ping).await.unwrap(), Answer::Pong);
}

#[tokio::test]
async fn another_version_is_refused_by_name_and_nothing_asked_is_given_up_for_it() {
    let (_dir, gateway) = scripted(&[Does::RefusesVersion], Duration::from_secs(5));
    let error = gateway.call(&Call::Ping).await.unwrap_err();
    let GatewayError::Refused(refusal) = &error else { panic!("{error}") };
    assert_eq!(refusal.code, RefusalCode::VersionMismatch);
    assert!(error.retry_helps());
}

/// What a gateway was asked before it died with the answer is not known to have been left undone.
#[tokio::test]
async fn a_requeue_is_sent_once_and_everything_else_may_be_sent_again() {
    let job = || OurJob { job_id: 100_001, key: "mimer:1".to_owned() };
    for (call, sent) in [(Call::Requeue(job()), 1), (Call::Suspend(job()), 2)] {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("gateway.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(dies_with_the_answer(stream, Arc::clone(&counted)));
            }
        });
        let gateway = Gateway::new(socket, Duration::from_secs(5));
        gateway.call(&Call::Ping).await.unwrap(); // From here on a connection is kept.
        let error = gateway.call(&call).await.unwrap_err();
        assert!(matches!(error, GatewayError::Unreachable(_)), "{error}");
        assert_eq!(asked.load(Ordering::Relaxed), sent, "{call:?}");
    }
}

/// Answers pings, and hangs up on anything else once it has read it.
async fn dies_with_the_answer(stream: UnixStream, asked: Arc<AtomicUsize>) {
    let (read, mut out) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    lines.next_line().await.unwrap();
    out.write_all(welcome().as_bytes()).await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.contains("ping") {
            let pong = serde_json::to_string(&Answer::Pong).unwrap() + "\n";
            out.write_all(pong.as_bytes()).await.unwrap();
            continue;
        }
        asked.fetch_add(1, Ordering::Relaxed);
        return;
    }
}

/// A gateway that hangs as a whole is waited for once, not by everybody.
#[tokio::test]
async fn a_gateway_that_hangs_is_known_to_until_it_answers() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("gateway.sock");
    // Nobody accepts: connecting works and nothing is ever said.
    let listener = UnixListener::bind(&socket).unwrap();
    let gateway = Gateway::new(socket, Duration::from_millis(300));
    let error = gateway.call(&Call::ReadStrangers).await.unwrap_err();
    assert!(matches!(error, GatewayError::Deadline(_)), "{error}");
    let known = async || loop {
        match gateway.call(&Call::ReadStrangers).await {
            Err(GatewayError::Silent(_)) => return,
            Err(GatewayError::Deadline(_)) => {}
            other => panic!("{other:?}"),
        }
    };
    tokio::time::timeout(Duration::from_secs(20), known()).await.unwrap();

    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(follow(Does::AnswersOnce, stream));
        }
    });
    let back = async || {
        while gateway.call(&Call::ReadStrangers).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), back()).await.unwrap();
}

/// Calls that wait for slurmdbd leave room for those that do not.
#[tokio::test]
async fn what_stalls_one_kind_of_call_leaves_the_others_room() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("gateway.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(stalls_on_slurmdbd(stream));
        }
    });
    let gateway = Gateway::new(socket, Duration::from_secs(60));
    let mut stalled = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let gateway = gateway.clone();
        stalled.spawn(async move { gateway.call(&Call::ReadPolicy).await.map(drop) });
    }
    tokio::task::yield_now().await;
    let other = tokio::time::timeout(Duration::from_secs(10), gateway.call(&Call::ReadStrangers));
    assert_eq!(other.await.unwrap().unwrap(), Answer::Pong);
}

async fn stalls_on_slurmdbd(stream: UnixStream) {
    let (read, mut out) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    lines.next_line().await.unwrap();
    out.write_all(welcome().as_bytes()).await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.contains("read_policy") {
            continue;
        }
        let pong = serde_json::to_string(&Answer::Pong).unwrap() + "\n";
        out.write_all(pong.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn no_gateway_is_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::new(dir.path().join("none.sock"), Duration::from_secs(5));
    let error = gateway.call(&Call::Ping).await.unwrap_err();
    assert!(matches!(error, GatewayError::Unreachable(_)), "{error}");
}
