//! Names that leave the broker: organisation numbers, project slugs and Slurm account names.
//!
//! Each is checked when it is made, so that nothing later has to wonder whether it may stand in a
//! path, in an invoice or on Slurm's command line.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A Swedish organisation number: ten digits, the last one the Luhn check digit.
///
/// Rule and digit count are those that Peppol BIS Billing 3 tests on Swedish invoices (SE-R-003,
/// SE-R-004, SE-R-013). A hyphen after the sixth digit may be written and is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrganisationNumber(String);

/// A project's short name: 2 to 40 characters of `a-z`, `0-9` and inner hyphens, a letter first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

/// A Slurm account: 2 to 60 characters of `a-z`, `0-9`, `_` and `-`, a letter first.
///
/// Slurm itself lowers the case of account names, so a capital letter would make two names of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SlurmAccount(String);

/// The text is not such a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Too short, too long, or something else than digits.
    #[error("`{0}` is not an organisation number; write ten digits, as 202100-0837")]
    NotTenDigits(String),
    /// Ten digits whose last one does not follow from the nine before it.
    #[error("organisation number `{0}` has a wrong check digit; compare it with the registration")]
    WrongCheckDigit(String),
    /// Not a slug.
    #[error(
        "`{0}` cannot be a short name; use 2 to 40 of a-z, 0-9 and hyphen, \
         beginning with a letter and not ending with a hyphen"
    )]
    NotASlug(String),
    /// Not a Slurm account.
    #[error(
        "`{0}` cannot be a Slurm account; use 2 to 60 of a-z, 0-9, _ and -, beginning with a letter"
    )]
    NotASlurmAccount(String),
}

impl NameError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotTenDigits(_) => "organisation_number_not_ten_digits",
            Self::WrongCheckDigit(_) => "organisation_number_check_digit_wrong",
            Self::NotASlug(_) => "slug_not_valid",
            Self::NotASlurmAccount(_) => "slurm_account_not_valid",
        }
    }
}

impl FromStr for OrganisationNumber {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let digits = match text.split_once('-') {
            Some((front, back)) if front.len() == 6 => format!("{front}{back}"),
            Some(_) => return Err(NameError::NotTenDigits(text.to_owned())),
            None => text.to_owned(),
        };
        if digits.len() != 10 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NameError::NotTenDigits(text.to_owned()));
        }
        if !ends_in_luhn_digit(&digits) {
            return Err(NameError::WrongCheckDigit(text.to_owned()));
        }
        Ok(Self(digits))
    }
}

impl FromStr for Slug {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = (2..=40).contains(&text.len())
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && !text.ends_with('-')
            && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if fits { Ok(Self(text.to_owned())) } else { Err(NameError::NotASlug(text.to_owned())) }
    }
}

impl FromStr for SlurmAccount {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = (2..=60).contains(&text.len())
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::NotASlurmAccount(text.to_owned()))
        }
    }
}

macro_rules! text_of {
    ($name:ident) => {
        impl $name {
            /// The checked text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

text_of!(OrganisationNumber);
text_of!(Slug);
text_of!(SlurmAccount);

/// From the right, every second digit counts double, and the digits of the products sum to tens.
fn ends_in_luhn_digit(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0');
            let weighted = if place % 2 == 1 { digit * 2 } else { digit };
            weighted / 10 + weighted % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organisation_number_is_kept_without_its_hyphen() {
        let number: OrganisationNumber = "202100-0837".parse().unwrap();
        assert_eq!(number.as_str(), "2021000837");
    }

    #[test]
    fn a_wrong_check_digit_is_named() {
        let refused = "202100-0838".parse::<OrganisationNumber>();
        assert!(matches!(refused, Err(NameError::WrongCheckDigit(_))));
    }

    #[test]
    fn nine_digits_eleven_digits_and_letters_are_not_ten_digits() {
        for text in ["202100083", "20210008377", "20210O0837", "2021-000837", "", "-"] {
            let refused = text.parse::<OrganisationNumber>();
            assert!(matches!(refused, Err(NameError::NotTenDigits(_))), "{text}");
        }
    }

    #[test]
    fn a_slug_cannot_climb_out_of_a_path() {
        for text in ["..", "a/b", "-a", "a-", "A1", "a", "å-län", "a b", "1a"] {
            assert!(text.parse::<Slug>().is_err(), "{text}");
        }
        assert!("stroke-2027".parse::<Slug>().is_ok());
    }

    #[test]
    fn a_slurm_account_has_no_capital_letters_and_no_commas() {
        for text in ["Stroke", "a,b", "a=b", "_a", ""] {
            assert!(text.parse::<SlurmAccount>().is_err(), "{text}");
        }
        assert!("public_stroke-2027".parse::<SlurmAccount>().is_ok());
    }
}
