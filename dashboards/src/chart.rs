//! Bars drawn as SVG from whole numbers, always beside the table they are drawn from.
//!
//! A bar carries no text and is hidden from assistive technology: the figure stands in the cell next
//! to it, so nobody has to see colours to read the page. Colours and patterns come from the style
//! sheet by class, so a strict content security policy needs no exception.

use maud::{Markup, html};

/// What a length of a bar stands for; the style sheet has one look for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Set apart for the public sector.
    Reserved,
    /// Promised to projects.
    Granted,
    /// Set aside for jobs that have not been settled.
    Held,
    /// Settled.
    Used,
    /// Held by jobs while the GPU did nothing.
    Idle,
    /// Still free.
    Free,
}

impl Kind {
    /// The class in the style sheet.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Granted => "granted",
            Self::Held => "held",
            Self::Used => "used",
            Self::Idle => "idle",
            Self::Free => "free",
        }
    }
}

/// The drawing is this many units wide; it is stretched to the width of its cell.
const WIDTH: i64 = 1000;

/// Narrower than this nobody would see it.
const LEAST: i64 = 4;

/// One bar of `parts` laid end to end, the whole width standing for `full`.
///
/// What is more than nothing is at least [`LEAST`] units wide; what would pass the end is cut there.
pub(crate) fn bar(parts: &[(Kind, i64)], full: i64) -> Markup {
    let mut spans = Vec::with_capacity(parts.len());
    let mut from = 0;
    for &(kind, amount) in parts {
        let width = units(amount, full).min(WIDTH - from);
        if width > 0 {
            spans.push((kind, from, width));
            from += width;
        }
    }
    html! {
        svg.bar viewBox={ "0 0 " (WIDTH) " 10" } preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            rect.trough x="0" y="0" width=(WIDTH) height="10" {}
            @for (kind, x, width) in spans {
                rect class=(kind.class()) x=(x) y="0" width=(width) height="10" {}
            }
        }
    }
}

/// The coloured square that ties a word to its part of a bar.
pub(crate) fn swatch(kind: Kind) -> Markup {
    html! {
        svg.swatch viewBox="0 0 10 10" aria-hidden="true" focusable="false" {
            rect class=(kind.class()) x="0" y="0" width="10" height="10" {}
        }
    }
}

fn units(amount: i64, full: i64) -> i64 {
    if amount <= 0 || full <= 0 {
        return 0;
    }
    let units = i128::from(amount) * i128::from(WIDTH) / i128::from(full);
    i64::try_from(units).unwrap_or(WIDTH).clamp(LEAST, WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_end_to_end_and_never_pass_the_end() {
        let drawn = bar(&[(Kind::Used, 30), (Kind::Held, 20), (Kind::Free, 90)], 100).into_string();
        assert!(drawn.contains(r#"class="used" x="0" y="0" width="300""#), "{drawn}");
        assert!(drawn.contains(r#"class="held" x="300" y="0" width="200""#), "{drawn}");
        assert!(drawn.contains(r#"class="free" x="500" y="0" width="500""#), "{drawn}");
    }

    #[test]
    fn a_little_is_seen_and_nothing_is_not() {
        let drawn = bar(&[(Kind::Used, 1), (Kind::Idle, 0)], i64::MAX).into_string();
        assert!(drawn.contains(r#"class="used" x="0" y="0" width="4""#), "{drawn}");
        assert!(!drawn.contains("idle"), "{drawn}");
    }
}
