//! SHA-256: what a piece of data is, in 32 bytes, written as 64 hexadecimal digits.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use aws_lc_rs::digest::{Context, SHA256};

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256([u8; 32]);

/// The text is not a SHA-256 digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 digest is written as 64 hexadecimal digits")]
pub struct NotADigest;

impl Sha256 {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The digest of the next `size_bytes` of `input`, or of less where the input ends before.
    /// Also tells how many bytes there were.
    pub fn of_next(input: &mut impl Read, size_bytes: u64) -> io::Result<(Self, u64)> {
        let mut hasher = Hasher::new();
        let found = each_block(input, size_bytes, |block| hasher.update(block))?;
        Ok((hasher.finish(), found))
    }

    /// The digest a database row holds, or `None` if it is not 32 bytes long.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A digest in the making.
pub(crate) struct Hasher(Context);

impl Hasher {
    pub(crate) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Sha256 {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.finish().as_ref());
        Sha256(bytes)
    }
}

/// Reads at most `size_bytes` in blocks and tells how many bytes there were.
pub(crate) fn each_block(
    input: &mut impl Read,
    size_bytes: u64,
    mut take: impl FnMut(&[u8]),
) -> io::Result<u64> {
    let mut block = vec![0; 256 * 1024];
    let mut input = input.take(size_bytes);
    let mut found = 0;
    loop {
        match input.read(&mut block) {
            Ok(0) => return Ok(found),
            Ok(length) => {
                take(&block[..length]);
                found += length as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl FromStr for Sha256 {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotADigest)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

impl serde::Serialize for Sha256 {
    fn serialize<S: serde::Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Sha256 {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second test vector of FIPS 180-2.
    #[test]
    fn the_digest_of_abc_is_the_published_one() {
        let published = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Sha256::of(b"abc").to_string(), published);
        assert_eq!(published.parse(), Ok(Sha256::of(b"abc")));
    }

    #[test]
    fn a_digest_of_another_length_is_refused() {
        assert_eq!("ba78".parse::<Sha256>(), Err(NotADigest));
    }

    #[test]
    fn reading_past_the_end_tells_how_much_there_was() {
        let (digest, found) = Sha256::of_next(&mut &b"abc"[..], 10).unwrap();
        assert_eq!((digest, found), (Sha256::of(b"abc"), 3));
    }
}
