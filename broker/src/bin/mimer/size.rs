//! Sizes as people write them: `500MB`, `10GiB`.

/// The units of a size with their bytes; the longer endings first, because `B` ends them all.
const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// The text is not a size.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size; write a whole number and B, kB, MB, GB, TB, KiB, MiB, GiB or TiB")]
pub(crate) struct NotASize(String);

/// Reads a size into bytes.
pub(crate) fn bytes(text: &str) -> Result<u64, NotASize> {
    let read = || {
        let (number, unit_bytes) = UNITS
            .iter()
            .find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?.trim_end(), *bytes)))?;
        let digits_only = number.bytes().all(|byte| byte.is_ascii_digit());
        let count: u64 = number.parse().ok().filter(|_| digits_only)?;
        count.checked_mul(unit_bytes)
    };
    read().ok_or_else(|| NotASize(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole_numbers_with_a_unit() {
        for (text, size) in [
            ("1B", 1),
            ("500MB", 500_000_000),
            ("10 GiB", 10_737_418_240),
            ("2TB", 2_000_000_000_000),
            ("64KiB", 65_536),
        ] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "5", "GB", "-1GB", "+1GB", "1.5GB", "1gb", "99999999999TB"] {
            assert_eq!(bytes(text), Err(NotASize(text.to_owned())), "{text}");
        }
    }
}
