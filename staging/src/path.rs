//! Paths that are safe to join to a directory of ours and to name to `sftp`.
//!
//! A path comes from a manifest or a form, so it is foreign. It is relative, has no `..`, and is
//! made of characters that neither a shell-like command line, a glob pattern nor a terminal reads
//! as anything but themselves.

use std::fmt;
use std::str::FromStr;

/// The longest path, in bytes.
pub const MAX_PATH_BYTES: usize = 1024;

/// The longest name between two slashes, in bytes. Linux file systems end at 255.
pub const MAX_NAME_BYTES: usize = 200;

/// The deepest nesting.
pub const MAX_DEPTH: usize = 32;

/// A relative path that cannot leave the directory it is joined to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafePath(String);

/// Why a path is not safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// Nothing there.
    #[error("the path is empty; name a file")]
    Empty,
    /// Begins at the root.
    #[error("the path is absolute; write it relative to the dataset's directory")]
    Absolute,
    /// A `.`, a `..` or nothing between two slashes.
    #[error("the path has `.`, `..` or an empty name in it; write it plainly")]
    Dots,
    /// A name that begins with a dot, which is where we keep what is not verified.
    #[error("the path has a hidden name in it; rename it without the leading dot")]
    Hidden,
    /// A character outside the allowed ones.
    #[error(
        "the path has the character {0:?}; use letters, digits, spaces and any of . _ - + = , @ ( ) : / only"
    )]
    Character(char),
    /// A name that begins or ends with a space.
    #[error("the path has a name that begins or ends with a space; remove the space")]
    OuterSpace,
    /// Longer than [`MAX_PATH_BYTES`], [`MAX_NAME_BYTES`] or deeper than [`MAX_DEPTH`].
    #[error("the path is too long: at most 1024 bytes, 200 per name, 32 names deep")]
    TooLong,
}

impl SafePath {
    /// Accepts `text` if it is safe.
    pub fn new(text: &str) -> Result<Self, PathFault> {
        if text.is_empty() {
            return Err(PathFault::Empty);
        }
        if text.starts_with('/') {
            return Err(PathFault::Absolute);
        }
        if text.len() > MAX_PATH_BYTES || text.split('/').count() > MAX_DEPTH {
            return Err(PathFault::TooLong);
        }
        text.split('/').try_for_each(check_name)?;
        Ok(Self(text.to_owned()))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The directory the path lies in; empty for one that lies at the top.
    pub fn directory(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(directory, _)| directory)
    }

    /// Every directory above the path, from the top, without the empty one.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }
}

fn check_name(name: &str) -> Result<(), PathFault> {
    if name.is_empty() || name == "." || name == ".." {
        return Err(PathFault::Dots);
    }
    if name.starts_with('.') {
        return Err(PathFault::Hidden);
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(PathFault::TooLong);
    }
    if let Some(odd) = name.chars().find(|character| !allowed(*character)) {
        return Err(PathFault::Character(odd));
    }
    if name.starts_with(' ') || name.ends_with(' ') {
        return Err(PathFault::OuterSpace);
    }
    Ok(())
}

fn allowed(character: char) -> bool {
    character.is_alphanumeric() || " ._-+=,@():".contains(character)
}

impl fmt::Display for SafePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SafePath {
    type Err = PathFault;

    fn from_str(text: &str) -> Result<Self, PathFault> {
        Self::new(text)
    }
}

impl serde::Serialize for SafePath {
    fn serialize<S: serde::Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for SafePath {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_with_swedish_letters_and_spaces_are_safe() {
        for text in ["a", "år 2027/län (stockholm).csv", "x/y/z-1_2+3=4,5@6:7.tar.gz"] {
            assert_eq!(SafePath::new(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn every_way_out_is_refused_by_name() {
        let refused = |text: &str| SafePath::new(text).unwrap_err();
        assert_eq!(refused(""), PathFault::Empty);
        assert_eq!(refused("/etc/passwd"), PathFault::Absolute);
        for text in ["..", "a/../b", "./a", "a//b", "a/"] {
            assert_eq!(refused(text), PathFault::Dots, "{text}");
        }
        assert_eq!(refused("a/.incoming"), PathFault::Hidden);
        for odd in ['\n', '\0', '\\', '"', '\'', '*', '?', '[', '~', '$', '\u{202e}'] {
            assert_eq!(refused(&format!("a{odd}b")), PathFault::Character(odd));
        }
        assert_eq!(refused("a /b"), PathFault::OuterSpace);
        assert_eq!(refused(&"a".repeat(201)), PathFault::TooLong);
        assert_eq!(refused(&"a/".repeat(40)), PathFault::TooLong);
    }

    #[test]
    fn ancestors_go_from_the_top() {
        let path = SafePath::new("a/b/c").unwrap();
        assert_eq!(path.ancestors().collect::<Vec<_>>(), ["a", "a/b"]);
        assert_eq!(path.directory(), "a/b");
    }
}
