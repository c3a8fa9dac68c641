//! The names that the broker's accounts, QOS and reservations have in Slurm.
//!
//! A name follows from ids and from names that never change, so that a job submitted today and the
//! account made for it a year ago agree. Anything else that begins as these do is not the broker's
//! doing, and is shown.

use uuid::Uuid;

/// What every account of a fund begins with; `job_submit.lua` guards accounts by it.
pub const FUND_PREFIX: &str = "pub_";

/// What every QOS and every reservation of the broker's begins with; the gateway's bounds file
/// says the same.
pub const PREFIX: &str = "mimer_";

/// Most characters of a fund's name in its account.
const FUND_NAME_CHARS: usize = 30;

/// The account of a fund: `pub_`, its name as far as Slurm can spell it, four digits of its id.
pub fn fund_account(name: &str, fund_id: Uuid) -> String {
    let mut word = String::new();
    for letter in name.chars().flat_map(char::to_lowercase).map(plain) {
        if word.len() == FUND_NAME_CHARS {
            break;
        }
        if letter != '_' || !(word.is_empty() || word.ends_with('_')) {
            word.push(letter);
        }
    }
    let word = word.trim_end_matches('_');
    let word = if word.is_empty() { "fund" } else { word };
    format!("{FUND_PREFIX}{word}_{}", last_hex(fund_id, 4))
}

/// The account of a project under a fund: its own name under its first fund, and its own name with
/// four digits of the fund's id under every later one.
pub fn project_account(slurm_account: &str, fund_id: Uuid, first: bool) -> String {
    if first {
        slurm_account.to_owned()
    } else {
        format!("{slurm_account}_{}", last_hex(fund_id, 4))
    }
}

/// The QOS of a project's account: its budget in Slurm.
pub fn qos(account: &str) -> String {
    format!("{PREFIX}{account}")
}

/// The reservation of a pool whose nodes are set aside.
pub fn reservation(pool_id: Uuid) -> String {
    format!("{PREFIX}{}", last_hex(pool_id, 12))
}

fn last_hex(id: Uuid, count: usize) -> String {
    let hex = id.simple().to_string();
    hex[hex.len() - count..].to_owned()
}

/// The letter as Slurm can spell it.
fn plain(letter: char) -> char {
    match letter {
        'a'..='z' | '0'..='9' => letter,
        'å' | 'ä' | 'à' | 'á' | 'æ' => 'a',
        'ö' | 'ø' | 'ó' => 'o',
        'é' | 'è' | 'ë' => 'e',
        'ü' => 'u',
        _ => '_',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);

    #[test]
    fn a_fund_is_named_by_its_name_and_its_id() {
        for (name, account) in [
            ("Public sector 2027", "pub_public_sector_2027_cdef"),
            ("  Västra Götaland – år 1 ", "pub_vastra_gotaland_ar_1_cdef"),
            ("…", "pub_fund_cdef"),
        ] {
            assert_eq!(fund_account(name, ID), account);
        }
        let long = fund_account(&"ab ".repeat(40), ID);
        assert_eq!(long.len(), FUND_PREFIX.len() + 29 + "_cdef".len(), "{long}");
    }

    #[test]
    fn only_the_first_fund_of_a_project_has_its_plain_name() {
        assert_eq!(project_account("public_stroke", ID, true), "public_stroke");
        assert_eq!(project_account("public_stroke", ID, false), "public_stroke_cdef");
        assert_eq!(qos("public_stroke"), "mimer_public_stroke");
    }

    #[test]
    fn a_reservation_is_named_by_its_pool() {
        assert_eq!(reservation(ID), "mimer_456789abcdef");
    }
}
