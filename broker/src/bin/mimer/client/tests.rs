//! The client against servers that behave, misbehave and are not there.

use std::net::{SocketAddr, TcpListener};

use axum::Json;
use axum::http::{HeaderMap, StatusCode as Status};
use axum::response::Redirect;
use axum::routing::{get, post};
use axum_server::tls_rustls::RustlsConfig;
use serde_json::json;

use super::*;
use crate::failure::{REFUSED, UNREACHABLE};

/// A server with a certificate of its own authority, on a port of its own.
struct Server {
    address: SocketAddr,
    ca_file: PathBuf,
    _directory: tempfile::TempDir,
}

impl Server {
    async fn start() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let key = rcgen::KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned()];
        let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let ca_file = directory.path().join("ca.pem");
        std::fs::write(&ca_file, certificate.pem()).unwrap();

        let pem = (certificate.pem().into_bytes(), key.serialize_pem().into_bytes());
        let tls = RustlsConfig::from_pem(pem.0, pem.1).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let server = axum_server::from_tcp_rustls(listener, tls).unwrap();
        tokio::spawn(server.serve(routes().into_make_service()));
        Self { address, ca_file, _directory: directory }
    }

    fn profile(&self) -> Profile {
        Profile {
            server: format!("https://{}", self.address),
            ca_file: Some(self.ca_file.clone()),
            key: "key-of-anna".to_owned(),
        }
    }

    fn client(&self) -> Client {
        Client::new(&self.profile()).unwrap()
    }
}

fn routes() -> axum::Router {
    let refusal = json!({ "error": { "code": "not_a_member", "message": "ask to be added" } });
    axum::Router::new()
        .route("/v1/echo", get(key_shown).post(|body: Json<Value>| async { body }))
        .route("/v1/empty", post(|| async { Status::ACCEPTED }))
        .route("/v1/refused", get(|| async { (Status::FORBIDDEN, Json(refusal)) }))
        .route("/v1/page", get(|| async { "<html>some other server</html>" }))
        .route("/v1/elsewhere", get(|| async { Redirect::temporary("/v1/echo") }))
        .route("/v1/never", get(std::future::pending::<()>).post(std::future::pending::<()>))
}

async fn key_shown(headers: HeaderMap) -> Json<Value> {
    let key = headers.get("authorization").and_then(|value| value.to_str().ok());
    Json(json!({ "authorization": key }))
}

#[tokio::test]
async fn the_key_travels_in_the_header_and_answers_come_back_as_they_are() {
    let client = Server::start().await.client();
    let answer = client.get("/v1/echo").await.unwrap();
    assert_eq!(answer, json!({ "authorization": "Bearer key-of-anna" }));
    let body = json!({ "usek": 9_007_199_254_740_993_i64 });
    assert_eq!(client.post("/v1/echo", &body, &[]).await.unwrap(), body);
    assert_eq!(client.post_empty("/v1/empty").await.unwrap(), Value::Null);
}

#[tokio::test]
async fn a_refusal_is_the_brokers_own() {
    let client = Server::start().await.client();
    let failure = client.get("/v1/refused").await.unwrap_err();
    assert_eq!((failure.code(), failure.exit()), ("not_a_member", REFUSED));
}

#[tokio::test]
async fn who_answers_otherwise_is_not_mimerd_and_redirects_are_not_followed() {
    let client = Server::start().await.client();
    for (path, expected) in [("/v1/page", 200), ("/v1/elsewhere", 307), ("/v1/missing", 404)] {
        let failure = client.get(path).await.unwrap_err();
        assert!(
            matches!(failure, Failure::NotMimerd { status, .. } if status == expected),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused_and_the_file_is_named() {
    let (server, other) = (Server::start().await, Server::start().await);
    let profile = Profile { ca_file: Some(other.ca_file.clone()), ..server.profile() };
    let failure = Client::new(&profile).unwrap().get("/v1/echo").await.unwrap_err();
    assert_eq!((failure.code(), failure.exit()), ("certificate_not_accepted", UNREACHABLE));
    let text = failure.for_people();
    assert!(text.contains(&other.ca_file.display().to_string()), "{text}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let server = Server::start().await;
    let name = format!("https://localhost:{}", server.address.port());
    let profile = Profile { server: name, ..server.profile() };
    let failure = Client::new(&profile).unwrap().get("/v1/echo").await.unwrap_err();
    assert_eq!(failure.code(), "certificate_not_accepted");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let server = Server::start().await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let profile = Profile { server: format!("https://{free}"), ..server.profile() };
    let failure = Client::new(&profile).unwrap().get("/v1/echo").await.unwrap_err();
    assert_eq!((failure.code(), failure.exit()), ("server_unreachable", UNREACHABLE));
    let text = failure.for_people();
    assert!(text.contains(&free.to_string()) && text.contains("refused"), "{text}");
}

#[tokio::test]
async fn silence_after_a_change_says_how_to_repeat_it() {
    let client = Server::start().await.client();
    let soon = Duration::from_millis(300);
    let request = client.request(Method::POST, "/v1/never", soon);
    let failure = client.send(request, Some("--id 7".to_owned())).await.unwrap_err();
    assert_eq!((failure.code(), failure.exit()), ("server_silent", UNREACHABLE));
    assert!(failure.for_people().contains("`--id 7`"));
    let failure = client.get_within("/v1/never", soon).await.unwrap_err();
    assert!(failure.for_people().contains("try again"));
}

#[test]
fn a_file_without_certificates_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    let profile = |ca_file: &Path| Profile {
        server: "https://127.0.0.1:1".to_owned(),
        ca_file: Some(ca_file.to_owned()),
        key: "key".to_owned(),
    };
    assert!(matches!(Client::new(&profile(&file)), Err(Failure::File { .. })));
    std::fs::write(&file, "not pem").unwrap();
    assert!(matches!(Client::new(&profile(&file)), Err(Failure::NoCertificate(_))));
}

#[test]
fn a_server_is_https_and_a_name_and_nothing_else() {
    for good in ["https://127.0.0.1:8443", "https://broker.example.se/", "https://[::1]:1"] {
        assert!(origin(good).is_ok(), "{good}");
    }
    for bad in [
        "http://127.0.0.1:8443",
        "127.0.0.1:8443",
        "https://a/b",
        "https://a?b",
        "https://user:pw@a",
        "",
    ] {
        assert!(matches!(origin(bad), Err(ProfileError::BadServer(_))), "{bad}");
    }
}

#[test]
fn this_machine_is_never_reached_through_a_proxy() {
    for (server, loopback) in [
        ("https://127.0.0.1:1", true),
        ("https://[::1]:1", true),
        ("https://localhost", true),
        ("https://192.0.2.1", false),
        ("https://broker.example.se", false),
    ] {
        assert_eq!(is_loopback(&origin(server).unwrap()), loopback, "{server}");
    }
}
