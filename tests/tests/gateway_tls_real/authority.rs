//! A certificate authority of the test's own.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

pub(crate) struct Authority {
    dir: PathBuf,
    file: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes one; its certificate lies in `dir`.
    pub(crate) fn new(dir: &Path, name: &str) -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut about = CertificateParams::new(Vec::new())?;
        about.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let file = dir.join(format!("{name}-ca.pem"));
        std::fs::write(&file, about.self_signed(&key)?.pem())?;
        Ok(Self { dir: dir.to_owned(), file, issuer: Issuer::new(about, key) })
    }

    /// Its own certificate.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Signs a certificate for these names; returns its file and its key's.
    pub(crate) fn sign(&self, name: &str, names: &[&str]) -> Result<[PathBuf; 2]> {
        let key = KeyPair::generate()?;
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut about = CertificateParams::new(names)?;
        about.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let files = [format!("{name}.pem"), format!("{name}.key")].map(|it| self.dir.join(it));
        std::fs::write(&files[0], about.signed_by(&key, &self.issuer)?.pem())?;
        std::fs::write(&files[1], key.serialize_pem())?;
        std::fs::set_permissions(&files[1], std::fs::Permissions::from_mode(0o600))?;
        Ok(files)
    }
}
