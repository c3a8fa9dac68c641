//! Real handshakes over loopback, with certificates of authorities made here.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::*;

/// An authority and the certificate it signs itself with.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut about = CertificateParams::new(Vec::new()).unwrap();
        about.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let pem = about.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(about, key), pem }
    }

    /// A certificate for these names, and its key, as PEM.
    fn sign(&self, names: &[&str], usage: ExtendedKeyUsagePurpose) -> (String, String) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let key = KeyPair::generate().unwrap();
        let mut about = CertificateParams::new(names).unwrap();
        about.extended_key_usages = vec![usage];
        (about.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// A section [tls] with its files, and the authority that signs callers.
struct Site {
    dir: tempfile::TempDir,
    section: TlsSection,
    servers: Authority,
    callers: Authority,
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (servers, callers) = (Authority::new(), Authority::new());
        let (certificate, key) = servers.sign(&["gateway"], ExtendedKeyUsagePurpose::ServerAuth);
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            path
        };
        let section = TlsSection {
            address: ([127, 0, 0, 1], 0).into(),
            certificate_file: file("gateway.pem", &certificate),
            key_file: file("gateway.key", &key),
            client_ca_file: file("callers.pem", &callers.pem),
            callers: vec!["mimerd.example.org".to_owned()],
        };
        Self { dir, section, servers, callers }
    }

    /// What the gateway makes of a client that shows this; a client without anything shows `None`.
    fn meets(&self, shown: Option<(String, String)>) -> io::Result<Known> {
        let listener = Listener::bind(&self.section).unwrap();
        let address = listener.address().unwrap();
        let client = self.client(shown);
        let dialled = thread::spawn(move || {
            let name = ServerName::try_from("gateway").unwrap();
            let connection = ClientConnection::new(Arc::new(client), name).unwrap();
            let mut stream = StreamOwned::new(connection, TcpStream::connect(address).unwrap());
            // In TLS 1.3 a client learns at its first read that it is not wanted.
            let said = stream.write_all(b"x").and_then(|()| stream.read(&mut [0; 1]));
            said.map(drop)
        });
        let (socket, peer) = listener.listener.accept().unwrap();
        let met = shake_hands(socket, Arc::clone(&listener.settings), HANDSHAKE)
            .map(|stream| may_call(&stream.conn, &listener.callers, peer));
        let _ = dialled.join().unwrap();
        met
    }

    fn client(&self, shown: Option<(String, String)>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.servers.pem.as_bytes()).unwrap()).unwrap();
        let settings = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let Some((certificate, key)) = shown else {
            return settings.with_no_client_auth();
        };
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        settings.with_client_auth_cert(vec![certificate], key).unwrap()
    }

    fn caller(&self, names: &[&str]) -> Option<(String, String)> {
        Some(self.callers.sign(names, ExtendedKeyUsagePurpose::ClientAuth))
    }
}

#[test]
fn a_caller_is_known_by_a_name_in_the_certificate() {
    let site = Site::new();
    let known = site.meets(site.caller(&["other.example.org", "mimerd.example.org"])).unwrap();
    assert_eq!(known, Ok(()));
}

#[test]
fn other_names_and_wildcards_open_nothing() {
    let site = Site::new();
    for names in [&["other.example.org"][..], &["*.example.org"], &["example.org"], &[]] {
        let refusal = site.meets(site.caller(names)).unwrap().unwrap_err();
        assert_eq!(refusal.code, RefusalCode::CallerNotAllowed, "{names:?}");
    }
}

#[test]
fn nobody_comes_in_without_a_certificate_of_the_callers_authority() {
    let site = Site::new();
    assert!(site.meets(None).is_err());
    let usage = ExtendedKeyUsagePurpose::ClientAuth;
    let strangers = Authority::new().sign(&["mimerd.example.org"], usage);
    assert!(site.meets(Some(strangers)).is_err());
    // The gateway's own authority signs servers, not callers.
    let servers = site.servers.sign(&["mimerd.example.org"], ExtendedKeyUsagePurpose::ClientAuth);
    assert!(site.meets(Some(servers)).is_err());
    let as_server = site.callers.sign(&["mimerd.example.org"], ExtendedKeyUsagePurpose::ServerAuth);
    assert!(site.meets(Some(as_server)).is_err(), "a server's certificate is no caller's");
}

#[test]
fn a_peer_that_says_nothing_is_not_waited_for() {
    let site = Site::new();
    let listener = Listener::bind(&site.section).unwrap();
    let _silent = TcpStream::connect(listener.address().unwrap()).unwrap();
    let (socket, _) = listener.listener.accept().unwrap();
    let patience = Duration::from_millis(100);
    assert!(shake_hands(socket, Arc::clone(&listener.settings), patience).is_err());
}

#[test]
fn files_that_are_no_good_are_named() {
    let mut site = Site::new();
    let key = site.section.key_file.clone();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    let refused = Listener::bind(&site.section).err().unwrap();
    assert!(matches!(refused, TlsError::KeyExposed { mode: 0o640, .. }), "{refused}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    site.section.client_ca_file = site.dir.path().join("nowhere.pem");
    let refused = Listener::bind(&site.section).err().unwrap();
    assert!(matches!(refused, TlsError::File { setting: "client_ca_file", .. }), "{refused}");
}
