//! The colours of the style sheet against the contrast that WCAG 2.1 AA asks for, in both schemes.

use std::collections::BTreeMap;

use dashboards::STYLE;

/// The colours of one scheme by name.
type Palette = BTreeMap<String, [u8; 3]>;

/// The light scheme and the dark one: the first two `:root` blocks of the sheet.
fn palettes() -> Vec<Palette> {
    STYLE.split(":root {").skip(1).take(2).map(palette).collect()
}

fn palette(block: &str) -> Palette {
    let body = block.split('}').next().unwrap_or_default();
    let colour = |line: &str| {
        let (name, value) = line.trim().strip_prefix("--")?.split_once(": #")?;
        let value = u32::from_str_radix(value.trim_end_matches(';'), 16).ok()?;
        let [_, red, green, blue] = value.to_be_bytes();
        Some((name.to_owned(), [red, green, blue]))
    };
    body.lines().filter_map(colour).collect()
}

/// Relative luminance, as WCAG 2.1 defines it.
fn luminance(colour: [u8; 3]) -> f64 {
    let [red, green, blue] = colour.map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.03928 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(palette: &Palette, one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(palette[one]), luminance(palette[other]));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn all_at_least(least: f64, pairs: &[(&str, &[&str])]) {
    let palettes = palettes();
    assert_eq!(palettes.len(), 2);
    for palette in &palettes {
        for &(front, grounds) in pairs {
            for ground in grounds {
                let found = contrast(palette, front, ground);
                assert!(found >= least, "{front} on {ground} has {found:.2} to 1, not {least}");
            }
        }
    }
}

#[test]
fn text_can_be_read_on_every_ground_it_stands_on() {
    let notices = ["accent-soft", "good-soft", "warn-soft", "bad-soft"];
    let grounds = [&["ground", "surface"], notices.as_slice()].concat();
    all_at_least(
        4.5,
        &[
            ("ink", &grounds),
            ("quiet", &grounds),
            ("accent", &grounds),
            ("accent-ink", &["accent"]),
            ("good", &["good-soft"]),
            ("warn", &["warn-soft"]),
            ("bad", &["bad-soft"]),
        ],
    );
}

#[test]
fn edges_and_bars_stand_out_from_what_they_lie_on() {
    let bars = ["reserved", "granted", "held", "used", "idle", "free", "edge"];
    for bar in bars {
        all_at_least(3.0, &[(bar, &["surface", "trough"])]);
    }
    all_at_least(3.0, &[("edge", &["ground"]), ("accent", &["ground", "surface"])]);
}
