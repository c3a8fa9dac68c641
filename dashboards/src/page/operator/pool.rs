//! One pool: reserved, granted, held, used and idle, each with its bar.

use crate::text::Say as _;
use maud::{Markup, html};
use record::GpuSeconds;

use super::{super::part, share};
use crate::{
    Language,
    chart::{self, Kind},
    figure, moment,
    read::operator::{METERED_DAYS, PoolLine},
    text::{Text, frame as shared, operator as text, word},
};

/// All of something, in parts per million.
const WHOLE_PPM: i64 = 1_000_000;

/// Draws the pool; `place` tells the pools of one page apart.
pub(super) fn render(l: Language, pool: &PoolLine, place: usize) -> Markup {
    let names = [("class", pool.class.as_str()), ("cluster", pool.cluster.as_str())];
    let caption = l.fill(text::POOL_CAPTION, &names);
    let caption_id = format!("pool-{place}-caption");
    let head = [
        part::words(l, text::MEASURE),
        part::figures(l, shared::GPU_HOURS),
        part::figures(l, text::OF_RESERVED),
        part::words(l, shared::BAR),
    ];
    let row =
        |kind, name, meaning, amount| measure(l, pool, &Measure { kind, name, meaning, amount });
    html! {
        div.card.pool {
            h3 { (caption) }
            dl.facts {
                div { dt { (l.say(text::FUND)) } dd { (part::fund_link(&pool.fund)) } }
                div { dt { (l.say(shared::PARTITION)) } dd { (pool.partition) } }
                div { dt { (l.say(shared::VALID)) } dd { (moment::window(pool.valid_from, pool.valid_until)) } }
                div { dt { (l.say(text::UNIT)) } dd { (unit(l, pool)) } }
                div { dt { (l.say(text::OVER_ALLOCATION)) } dd { (over_allocation(l, pool)) } }
            }
            (share::render(l, pool))
            (part::table(&caption_id, &caption, &head, html! {
                tbody {
                    (row(Kind::Reserved, shared::RESERVED, text::RESERVED_MEANING, pool.reserved))
                    (row(Kind::Granted, shared::GRANTED, text::GRANTED_MEANING, pool.granted))
                    (row(Kind::Held, shared::HELD, text::HELD_MEANING, pool.held))
                    (row(Kind::Used, shared::USED, text::USED_MEANING, pool.used))
                    (idle(l, pool))
                }
            }))
            (share::agencies(l, pool, (&caption, place)))
        }
    }
}

/// What is allocated as one.
fn unit(l: Language, pool: &PoolLine) -> Markup {
    html! {
        (l.word(word::UNIT, &pool.unit))
        @if let Some(share) = pool.unit_share_ppm.and_then(|ppm| figure::percent(ppm, WHOLE_PPM, l)) {
            " (" (l.fill(text::UNIT_SHARE, &[("share", &share)])) ")"
        }
    }
}

/// By how much more is promised than there is.
fn over_allocation(l: Language, pool: &PoolLine) -> Markup {
    let factor = figure::factor(pool.over_allocation_ppm, l);
    html! {
        @if pool.over_allocation_ppm == WHOLE_PPM {
            (l.say(text::NOT_OVER_ALLOCATED))
        } @else {
            (l.fill(text::OVER_ALLOCATED, &[
                ("factor", &factor),
                ("hours", &part::hours(l, pool.promised)),
            ]))
        }
    }
}

/// One row of the table.
struct Measure {
    kind: Kind,
    name: Text,
    meaning: Text,
    amount: GpuSeconds,
}

fn measure(l: Language, pool: &PoolLine, measure: &Measure) -> Markup {
    html! {
        tr {
            th scope="row" {
                (chart::swatch(measure.kind)) (l.say(measure.name))
                span.note { (l.say(measure.meaning)) }
            }
            (amount(l, pool, measure.kind, measure.amount))
        }
    }
}

/// The three cells of an amount: figure, share of what is reserved, bar.
fn amount(l: Language, pool: &PoolLine, kind: Kind, amount: GpuSeconds) -> Markup {
    let full = pool.reserved.get();
    html! {
        td.n { (figure::gpu_hours(amount, l)) }
        td.n { (figure::percent(amount.get(), full, l).unwrap_or_default()) }
        td.bars { (chart::bar(&[(kind, amount.get())], full)) }
    }
}

/// Idle time is only claimed when enough was measured; otherwise the row says why not.
fn idle(l: Language, pool: &PoolLine) -> Markup {
    let days = METERED_DAYS.to_string();
    let metered = &pool.metered;
    let coverage = figure::percent(metered.covered_ms(), metered.assigned_ms, l);
    html! {
        tr {
            th scope="row" {
                (chart::swatch(Kind::Idle)) (l.say(shared::IDLE))
                span.note { (l.fill(text::IDLE_MEANING, &[("days", &days)])) }
                @match (metered.idle(), &coverage) {
                    (Some(_), Some(share)) => {
                        @let money = part::kronor(l, pool.idle_usek);
                        span.note {
                            (l.fill(text::IDLE_MONEY, &[("amount", &money)])) "; "
                            (l.fill(text::IDLE_COVERAGE, &[("share", share)]))
                        }
                    },
                    (None, Some(share)) => {
                        span.note { (l.fill(text::IDLE_COVERAGE_LOW, &[("share", share)])) }
                    },
                    (_, None) => {
                        span.note { (l.fill(text::IDLE_NOTHING_RAN, &[("days", &days)])) }
                    },
                }
                @if metered.simulated { (part::badge(part::Tone::Warn, l.say(shared::SIMULATED))) }
            }
            @match metered.idle() {
                Some(idle) => { (amount(l, pool, Kind::Idle, idle)) },
                None => { td.n.quiet colspan="3" { (l.say(shared::NOT_MEASURED)) } },
            }
        }
    }
}
