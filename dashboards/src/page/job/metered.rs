//! What the GPUs of one attempt did, with how much of it was seen.

use crate::text::Say as _;
use maud::{Markup, html};
use record::GpuSeconds;

use super::super::part::{self, KeyFigure, Tone, badge};
use crate::{
    Language, figure,
    read::{job::AttemptView, metering::Metered},
    text::{frame as shared, job as text, word},
};

/// Draws the metered use, or says why there is none.
pub(super) fn render(l: Language, attempt: &AttemptView) -> Markup {
    let metered = &attempt.metered;
    html! {
        @if metered.simulated {
            p { (badge(Tone::Warn, l.say(shared::SIMULATED))) " " (l.say(text::METER_SIMULATED)) }
        }
        @if metered.assigned_ms == 0 {
            p.quiet { (l.say(text::NO_ASSIGNMENT)) }
        } @else if metered.segment_count == 0 {
            p.quiet { (l.say(text::NOTHING_METERED)) }
        } @else {
            p.quiet { (l.say(text::METERED_LEAD)) }
            (part::key_figures(&[
                energy(l, metered),
                utilization(l, metered),
                idle(l, attempt),
                coverage(l, metered),
            ]))
        }
        (missing(l, metered))
    }
}

fn energy(l: Language, metered: &Metered) -> KeyFigure {
    let label = l.say(text::ENERGY);
    if metered.energy_measured_ms == 0 {
        return not_measured(l, label);
    }
    let seen = metered.energy_measured_ms.min(metered.assigned_ms);
    let note = if seen == metered.assigned_ms {
        String::new()
    } else {
        let share = figure::percent(seen, metered.assigned_ms, l).unwrap_or_default();
        l.fill(text::ENERGY_PARTLY, &[("share", &share)])
    };
    KeyFigure { label, value: figure::energy(metered.energy_mj, l), note }
}

fn utilization(l: Language, metered: &Metered) -> KeyFigure {
    let label = l.say(text::UTILIZATION);
    let share = metered.utilization().and_then(|(part, whole)| figure::percent(part, whole, l));
    match share {
        Some(value) => KeyFigure { label, value, note: String::new() },
        None => not_measured(l, label),
    }
}

/// Idle time in hours and in kronor at the attempt's own price.
fn idle(l: Language, attempt: &AttemptView) -> KeyFigure {
    let label = l.say(text::IDLE_GPUS);
    let Some(idle) = attempt.metered.idle() else {
        let note = l.say(text::IDLE_UNKNOWN).to_owned();
        return KeyFigure { note, ..not_measured(l, label) };
    };
    KeyFigure { label, value: part::hours_fine(l, idle), note: cost(l, attempt, idle) }
}

fn cost(l: Language, attempt: &AttemptView, time: GpuSeconds) -> String {
    attempt
        .hold
        .as_ref()
        .and_then(|hold| {
            let price = hold.price_usek_per_gpu_hour.get();
            accounting::rate::cost(time, price, hold.factor_ppm)
        })
        .map_or_else(String::new, |usek| part::kronor(l, usek))
}

fn coverage(l: Language, metered: &Metered) -> KeyFigure {
    let share = figure::percent(metered.covered_ms(), metered.assigned_ms, l).unwrap_or_default();
    KeyFigure {
        label: l.say(text::COVERAGE),
        value: share,
        note: l.say(text::COVERAGE_MEANING).to_owned(),
    }
}

fn not_measured(l: Language, label: &'static str) -> KeyFigure {
    KeyFigure { label, value: l.say(shared::NOT_MEASURED).to_owned(), note: String::new() }
}

fn missing(l: Language, metered: &Metered) -> Markup {
    let reasons: Vec<String> = metered
        .missing
        .iter()
        .map(|(counter, reason)| {
            format!("{} ({})", l.word(word::COUNTER, counter), l.word(word::MISSING, reason))
        })
        .collect();
    html! {
        @if !reasons.is_empty() {
            p.quiet { (l.fill(text::COUNTERS_MISSING, &[("reasons", &reasons.join(", "))])) }
        }
    }
}
