//! The client against a small server of its own: kept, dead and slow connections, and refusals.

use slurm_wire::RefusalCode;
use tokio::net::UnixListener;

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
    let welcome = Welcome {
        version: PROTOCOL_VERSION,
        cluster: "mimer".to_owned(),
        slurm_version: "22.05.8".to_owned(),
        explicit_ids: true,
    };
    let line = serde_json::to_string(&welcome).unwrap() + "\n";
    out.write_all(line.as_bytes()).await.unwrap();
    lines.next_line().await.unwrap();
    if matches!(does, Does::FallsSilent) {
        lines.next_line().await.unwrap(); // Until the caller hangs up.
        return;
    }
    let line = serde_json::to_string(&Answer::Pong).unwrap() + "\n";
    out.write_all(line.as_bytes()).await.unwrap();
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

#[tokio::test]
async fn no_gateway_is_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::new(dir.path().join("none.sock"), Duration::from_secs(5));
    let error = gateway.call(&Call::Ping).await.unwrap_err();
    assert!(matches!(error, GatewayError::Unreachable(_)), "{error}");
}
