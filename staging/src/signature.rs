//! Ed25519 keys and detached signatures for manifests.
//!
//! Plain Ed25519 (RFC 8032) over the exact bytes of `manifest.json`; the private key is PKCS #8 DER.
//! A source that does not want our program can sign with
//! `openssl pkeyutl -sign -rawin -keyform DER -inkey KEY -in manifest.json -out manifest.sig`.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

/// Length of a detached signature, in bytes.
pub const SIGNATURE_BYTES: usize = 64;

/// The public key an environment signs its manifests with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ManifestKey([u8; 32]);

/// The private key at the source.
pub struct SigningKey(Ed25519KeyPair);

/// Why a key is not usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// A public key is not 64 hexadecimal digits.
    #[error("a manifest key is written as 64 hexadecimal digits (32 bytes, Ed25519)")]
    NotAPublicKey,
    /// The file is not a private key we read.
    #[error(
        "this is not an Ed25519 private key in PKCS #8 DER; make one with `mimer-mover keygen`"
    )]
    NotAPrivateKey,
    /// The cryptographic library refused.
    #[error("no key could be made; the cryptographic library refused")]
    NotMade,
}

impl ManifestKey {
    /// Takes the 32 bytes of an Ed25519 public key.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `signature` is this key's over exactly `message`.
    pub fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

impl SigningKey {
    /// A new key from the system's random source.
    pub fn generate() -> Result<Self, KeyFault> {
        Ed25519KeyPair::generate().map(Self).map_err(|_| KeyFault::NotMade)
    }

    /// Reads a key from PKCS #8 DER, version 1 or 2.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyFault> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
            .map(Self)
            .map_err(|_| KeyFault::NotAPrivateKey)
    }

    /// The key as PKCS #8 DER, version 1, which OpenSSL reads too.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, KeyFault> {
        let der = self.0.to_pkcs8v1().map_err(|_| KeyFault::NotMade)?;
        Ok(der.as_ref().to_vec())
    }

    /// The public half.
    pub fn public(&self) -> ManifestKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        ManifestKey(bytes)
    }

    /// The detached signature over exactly `message`.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {})", self.public())
    }
}

impl fmt::Display for ManifestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ManifestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManifestKey({self})")
    }
}

impl FromStr for ManifestKey {
    type Err = KeyFault;

    fn from_str(text: &str) -> Result<Self, KeyFault> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| KeyFault::NotAPublicKey)?;
        Ok(Self(bytes))
    }
}

impl serde::Serialize for ManifestKey {
    fn serialize<S: serde::Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for ManifestKey {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test 2 of RFC 8032, section 7.1.
    #[test]
    fn the_published_signature_of_rfc_8032_is_accepted_and_any_other_is_not() {
        let key: ManifestKey =
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c".parse().unwrap();
        let mut signature = hex::decode(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        )
        .unwrap();
        assert!(key.accepts(&[0x72], &signature));
        assert!(!key.accepts(&[0x73], &signature));
        signature[0] ^= 1;
        assert!(!key.accepts(&[0x72], &signature));
        assert!(!key.accepts(&[0x72], &[]));
    }

    #[test]
    fn a_key_survives_its_file() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(again.public(), key.public());
        assert!(key.public().accepts(b"manifest", &again.sign(b"manifest")));
        assert_eq!(SigningKey::from_pkcs8(b"nonsense").unwrap_err(), KeyFault::NotAPrivateKey);
    }
}
