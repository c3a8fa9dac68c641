//! Names that reach slurmdbd: plain, because slurmdbd writes them into SQL as they come.

use slurm_wire::{Refusal, RefusalCode};

use super::refusal;

/// Longest name of an account, a user, a QOS or a reservation.
const NAME_BYTES: usize = 100;

/// Longest line for people.
const DESCRIPTION_BYTES: usize = 200;

/// Refuses a name that Slurm would fold, split or read as a list.
pub(super) fn plain(kind: &str, name: &str) -> Result<(), Refusal> {
    let inner =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.".contains(&byte);
    let first = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let begins_well = name.as_bytes().first().is_some_and(first);
    if begins_well && name.len() <= NAME_BYTES && name.bytes().all(inner) {
        return Ok(());
    }
    Err(bad(format!(
        "{name:?} is not a name of {kind}: small letters a to z, digits, '_', '-' and '.', the first a \
         letter or a digit, at most {NAME_BYTES}"
    )))
}

/// Refuses a description that slurmdbd could take for something else, or would not give back.
pub(super) fn description(text: &str) -> Result<(), Refusal> {
    let calm =
        |letter: char| (letter.is_ascii_graphic() || letter == ' ') && !"'\"\\`%".contains(letter);
    let is_line = !text.is_empty() && text.trim() == text && text.len() <= DESCRIPTION_BYTES;
    if is_line && text.chars().all(calm) {
        return Ok(());
    }
    Err(bad(format!(
        "{text:?} is not a description: one line of plain ASCII without quotes, backslash or percent \
         sign, at most {DESCRIPTION_BYTES} characters"
    )))
}

/// A refusal of what makes no sense.
pub(super) fn bad(sentence: impl Into<String>) -> Refusal {
    refusal(RefusalCode::BadPolicy, sentence)
}
