//! Where the gateway is: behind a Unix socket, or on another machine behind TLS.
//!
//! TLS 1.3 only, with a certificate of our own to show. The gateway's certificate must be signed by
//! the named authority and carry the named name; no other authority is trusted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::config::{self, RemoteGateway};

/// What calls and answers travel over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A way to the gateway.
pub enum Door {
    /// On this machine; the kernel tells the gateway who we are.
    Socket(PathBuf),
    /// On another machine; our certificate does.
    Tls(Box<TlsDoor>),
}

/// A way over TLS.
pub struct TlsDoor {
    address: String,
    name: ServerName<'static>,
    connector: TlsConnector,
}

/// Why no way to the gateway could be made ready.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The configuration names no way, or two.
    #[error("[[clusters]] needs either gateway_socket or a section [clusters.gateway], not both")]
    NotOne,
    /// A file is not there, or is not PEM of the right kind.
    #[error(
        "{path} (clusters.gateway.{setting}) holds nothing to use: it must be a readable PEM file"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// Which setting names it.
        setting: &'static str,
        /// What is wrong with it.
        source: rustls::pki_types::pem::Error,
    },
    /// The name is no name.
    #[error("clusters.gateway.server_name {0:?} is neither a DNS name nor an address")]
    ServerName(String),
    /// The certificate and the key do not fit together, or the authority is none.
    #[error("the files of [clusters.gateway] cannot be used together")]
    Unusable(#[source] rustls::Error),
}

impl Door {
    /// The way that the configuration names; certificates are read now.
    pub fn of(cluster: &config::Cluster) -> Result<Self, DoorError> {
        match (&cluster.gateway_socket, &cluster.gateway) {
            (Some(socket), None) => Ok(Self::Socket(socket.clone())),
            (None, Some(remote)) => Ok(Self::Tls(Box::new(TlsDoor::of(remote)?))),
            (Some(_), Some(_)) | (None, None) => Err(DoorError::NotOne),
        }
    }

    pub(super) async fn open(&self) -> std::io::Result<Box<dyn Stream>> {
        match self {
            Self::Socket(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Self::Tls(door) => {
                let stream = TcpStream::connect(&door.address).await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(door.connector.connect(door.name.clone(), stream).await?))
            }
        }
    }
}

impl TlsDoor {
    fn of(remote: &RemoteGateway) -> Result<Self, DoorError> {
        let mut authority = RootCertStore::empty();
        for certificate in certificates(&remote.ca_file, "ca_file")? {
            authority.add(certificate).map_err(DoorError::Unusable)?;
        }
        let key = PrivateKeyDer::from_pem_file(&remote.key_file)
            .map_err(|source| unusable_file(&remote.key_file, "key_file", source))?;
        let shown = certificates(&remote.certificate_file, "certificate_file")?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let settings = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(DoorError::Unusable)?
            .with_root_certificates(authority)
            .with_client_auth_cert(shown, key)
            .map_err(DoorError::Unusable)?;
        let name = ServerName::try_from(remote.server_name.clone())
            .map_err(|_| DoorError::ServerName(remote.server_name.clone()))?;
        let connector = TlsConnector::from(Arc::new(settings));
        Ok(Self { address: remote.address.clone(), name, connector })
    }
}

fn certificates(
    path: &Path,
    setting: &'static str,
) -> Result<Vec<CertificateDer<'static>>, DoorError> {
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
) -> DoorError {
    DoorError::File { path: path.to_owned(), setting, source }
}
