//! TLS: the site's certificate, or a development one made at first start.
//!
//! rustls is the only TLS stack and aws-lc-rs its only provider of cryptography.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use axum_server::tls_rustls::RustlsConfig;

use crate::config::Listen;

/// Certificate files to serve with.
pub struct Files {
    /// PEM chain.
    pub chain: PathBuf,
    /// PEM key.
    pub key: PathBuf,
    /// PEM certificate that clients must trust; `None` for the site's own certificate.
    pub development_ca: Option<PathBuf>,
}

/// Makes aws-lc-rs the process's provider of cryptography. Call once, before any TLS.
pub fn install_provider() {
    // An error means that it was installed before, which is what we want.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// The certificate to serve with; makes the development one if the site gave none.
pub fn files(listen: &Listen, state_dir: &Path) -> anyhow::Result<Files> {
    if let Some(certificate) = &listen.certificate {
        return Ok(Files {
            chain: certificate.chain_file.clone(),
            key: certificate.key_file.clone(),
            development_ca: None,
        });
    }
    let dir = state_dir.join("tls");
    let files = Files {
        chain: dir.join("cert.pem"),
        key: dir.join("key.pem"),
        development_ca: Some(dir.join("ca.pem")),
    };
    if !files.key.exists() {
        make_development_certificate(&dir, &listen.names)
            .context("making the development certificate")?;
    }
    Ok(files)
}

/// Loads the files for axum-server.
pub async fn server_config(files: &Files) -> anyhow::Result<RustlsConfig> {
    RustlsConfig::from_pem_file(&files.chain, &files.key)
        .await
        .with_context(|| format!("loading the certificate {} and its key", files.chain.display()))
}

/// A certificate authority of this installation alone, and one server certificate under it.
/// The authority's key is not kept: nothing else can be signed with it.
fn make_development_certificate(dir: &Path, names: &[String]) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir)?;
    let authority_key = rcgen::KeyPair::generate()?;
    let mut authority = rcgen::CertificateParams::new(Vec::new())?;
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    authority.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    authority
        .distinguished_name
        .push(rcgen::DnType::CommonName, "Mimer Broker development authority");
    let authority_certificate = authority.self_signed(&authority_key)?;
    let issuer = rcgen::Issuer::new(authority, authority_key);

    let key = rcgen::KeyPair::generate()?;
    let mut server = rcgen::CertificateParams::new(names.to_vec())?;
    server.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    server.distinguished_name.push(rcgen::DnType::CommonName, "mimerd (development)");
    let certificate = server.signed_by(&key, &issuer)?;

    std::fs::write(dir.join("ca.pem"), authority_certificate.pem())?;
    std::fs::write(dir.join("cert.pem"), certificate.pem())?;
    let key_file = dir.join("key.pem");
    std::fs::write(&key_file, "")?;
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600))?;
    std::fs::write(&key_file, key.serialize_pem())?;
    Ok(())
}
