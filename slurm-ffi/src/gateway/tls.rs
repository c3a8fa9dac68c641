//! TLS with client certificates, for a broker on another machine.
//!
//! TLS 1.3 only. A caller shows a certificate of the site's own authority, and one of the names in
//! it is among the callers of the bounds file, letter by letter: no wildcard opens anything.
//! Certificates are read at the start; after renewing them, start the gateway again.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use slurm_wire::RefusalCode;

use super::admission::{Doorstep, Known};
use super::desk::Desk;
use super::wire::{Bound, Stream};
use crate::bounds::{TlsSection, refusal};

/// The whole of a handshake takes no longer, however the peer behaves.
const HANDSHAKE: Duration = Duration::from_secs(10);

type Encrypted = StreamOwned<ServerConnection, TcpStream>;

/// Why nobody can call over TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not there, or is not PEM of the right kind.
    #[error("{path} ([tls] {setting}) holds nothing to use: it must be a readable PEM file")]
    File {
        /// The file.
        path: PathBuf,
        /// Which setting names it.
        setting: &'static str,
        /// What is wrong with it.
        source: rustls::pki_types::pem::Error,
    },
    /// Others than the gateway could call themselves the gateway.
    #[error(
        "{path} ([tls] key_file) can be read by others (mode {mode:04o}): make it 0600 (chmod 0600)"
    )]
    KeyExposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The certificates, the key and the authority do not fit together.
    #[error("the certificate, the key and the client_ca_file of [tls] cannot be used together")]
    Unusable(#[source] rustls::Error),
    /// Clients could not be checked against the authority.
    #[error("the client_ca_file of [tls] names no authority that clients can be checked against")]
    Authority(#[source] rustls::server::VerifierBuilderError),
    /// The address could not be had.
    #[error("callers over TLS cannot be served on {address}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

pub(super) struct Listener {
    listener: TcpListener,
    settings: Arc<ServerConfig>,
    callers: Arc<[String]>,
}

impl Listener {
    pub(super) fn bind(section: &TlsSection) -> Result<Self, TlsError> {
        let settings = settings(section)?;
        let listener = TcpListener::bind(section.address)
            .map_err(|source| TlsError::Address { address: section.address, source })?;
        Ok(Self { listener, settings: Arc::new(settings), callers: section.callers.clone().into() })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Accepts callers for ever.
    pub(super) fn serve(&self, desk: &Arc<Desk>) -> ! {
        let doorstep = Doorstep::default();
        loop {
            match self.listener.accept() {
                Ok((stream, peer)) => {
                    let (settings, callers) = (Arc::clone(&self.settings), self.callers.clone());
                    let metrics = Arc::clone(&desk.metrics);
                    doorstep.receive(desk, move || {
                        let met = shake_hands(stream, settings, HANDSHAKE);
                        let stream = met.inspect_err(|error| {
                            metrics.callers_refused.inc();
                            tracing::warn!(caller.address = %peer, error = %error,
                                "a caller was turned away before TLS stood");
                        })?;
                        let known = may_call(&stream.conn, &callers, peer);
                        Ok((stream, known))
                    });
                }
                Err(error) => {
                    tracing::error!(error = %error, "a caller could not be accepted");
                    thread::sleep(Duration::from_millis(100));
                }
            }
        }
    }
}

fn settings(section: &TlsSection) -> Result<ServerConfig, TlsError> {
    let mut authority = RootCertStore::empty();
    for certificate in certificates(&section.client_ca_file, "client_ca_file")? {
        authority.add(certificate).map_err(TlsError::Unusable)?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(authority), Arc::clone(&provider))
            .build()
            .map_err(TlsError::Authority)?;
    let key = PrivateKeyDer::from_pem_file(&section.key_file)
        .map_err(|source| unusable_file(&section.key_file, "key_file", source))?;
    let mode = std::fs::metadata(&section.key_file).map_or(0, |about| about.mode() & 0o7777);
    if mode & 0o077 != 0 {
        return Err(TlsError::KeyExposed { path: section.key_file.clone(), mode });
    }
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsError::Unusable)?
        .with_client_cert_verifier(clients)
        .with_single_cert(certificates(&section.certificate_file, "certificate_file")?, key)
        .map_err(TlsError::Unusable)
}

fn certificates(
    path: &Path,
    setting: &'static str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).and_then(|certificates| certificates.collect());
    match found {
        Ok(found) if found.is_empty() => {
            Err(unusable_file(path, setting, rustls::pki_types::pem::Error::NoItemsFound))
        }
        found => found.map_err(|source| unusable_file(path, setting, source)),
    }
}

fn unusable_file(
    path: &Path,
    setting: &'static str,
    source: rustls::pki_types::pem::Error,
) -> TlsError {
    TlsError::File { path: path.to_owned(), setting, source }
}

/// The whole handshake within one bound: a peer that drips does not stretch it.
fn shake_hands(
    mut socket: TcpStream,
    settings: Arc<ServerConfig>,
    patience: Duration,
) -> io::Result<Encrypted> {
    // Lines are short and each is waited for; a lost peer shall be noticed some day.
    socket.set_nodelay(true)?;
    rustix::net::sockopt::set_socket_keepalive(&socket, true)?;
    let mut connection = ServerConnection::new(settings).map_err(io::Error::other)?;
    let bound = Bound::of(patience);
    while connection.is_handshaking() {
        socket.wait_at_most(bound.left()?)?;
        if connection.wants_write() {
            connection.write_tls(&mut socket)?;
        } else if connection.read_tls(&mut socket)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        } else if let Err(error) = connection.process_new_packets() {
            // The peer is told which alert; whether it listens is its own affair.
            let _ = connection.write_tls(&mut socket);
            return Err(io::Error::other(error));
        }
    }
    Ok(StreamOwned::new(connection, socket))
}

fn may_call(connection: &ServerConnection, callers: &[String], peer: SocketAddr) -> Known {
    let names = connection.peer_certificates().and_then(<[_]>::first).map_or_else(Vec::new, names);
    if names.iter().any(|name| callers.contains(name)) {
        return Ok(());
    }
    tracing::warn!(caller.address = %peer, caller.names = ?names, "a caller was turned away");
    let sentence = format!(
        "none of the certificate's names {names:?} is among [tls] callers of the bounds file"
    );
    Err(refusal(RefusalCode::CallerNotAllowed, sentence))
}

/// The DNS names in a certificate's subject alternative name.
fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    webpki::EndEntityCert::try_from(certificate)
        .map(|it| it.valid_dns_names().map(ToOwned::to_owned).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
