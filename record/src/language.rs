//! The two languages of everything people read, and how a browser's wish is read.

/// A language that pages and refusals are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Swedish.
    Swedish,
}

impl Language {
    /// Both, in the order they are offered.
    pub const ALL: [Self; 2] = [Self::English, Self::Swedish];

    /// The tag of BCP 47, as `lang` attributes, cookies and addresses carry it.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Swedish => "sv",
        }
    }

    /// The language's name in itself.
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Swedish => "Svenska",
        }
    }

    /// The language with this tag; `sv-SE` counts as `sv`.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next()?.trim();
        Self::ALL.into_iter().find(|language| primary.eq_ignore_ascii_case(language.tag()))
    }

    /// The first language of an `Accept-Language` header that we have, by its weights.
    ///
    /// English if there is none: every person of the broker reads one of the two.
    pub fn from_header(accept_language: &str) -> Self {
        let mut best: Option<(u32, Self)> = None;
        for wish in accept_language.split(',') {
            let mut parts = wish.split(';');
            let Some(language) = parts.next().and_then(Self::from_tag) else { continue };
            let weight =
                parts.find_map(|part| part.trim().strip_prefix("q=")).map_or(1000, thousandths);
            if weight > 0 && best.is_none_or(|(heaviest, _)| weight > heaviest) {
                best = Some((weight, language));
            }
        }
        best.map_or(Self::English, |(_, language)| language)
    }
}

/// A weight of RFC 9110 (`0.8`) in thousandths; what cannot be read weighs nothing.
fn thousandths(weight: &str) -> u32 {
    let (whole, fraction) = weight.trim().split_once('.').unwrap_or((weight.trim(), ""));
    let fraction = format!("{fraction:0<3}");
    match (whole.parse::<u32>(), fraction.get(..3).and_then(|digits| digits.parse::<u32>().ok())) {
        (Ok(whole), Some(fraction)) if whole <= 1 => (whole * 1000 + fraction).min(1000),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_wish_that_we_have_wins() {
        for (header, expected) in [
            ("sv-SE,sv;q=0.9,en;q=0.8", Language::Swedish),
            ("fi,en;q=0.5,sv;q=0.7", Language::Swedish),
            ("en-GB", Language::English),
            ("sv;q=0, en;q=0.1", Language::English),
            ("de, fr;q=0.5", Language::English),
            ("", Language::English),
            ("sv;q=junk", Language::English),
        ] {
            assert_eq!(Language::from_header(header), expected, "{header}");
        }
    }
}
