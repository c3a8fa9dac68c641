//! `/funds/{fund_id}`: terms, envelope and pools of a fund, and the proof that it did not mix.

use crate::text::Say as _;
use maud::{Markup, html};
use record::MicroSek;

use super::{
    frame::{Frame, Page, Section, document},
    part::{self, KeyFigure, figures, words},
};
use crate::{
    Language, figure, moment,
    read::fund::{AccessMode, EnvelopeView, FundPool, FundView},
    text::{frame as shared, fund as text, word},
};

mod proof;

/// Draws the fund's page.
pub fn render(view: &FundView, frame: &Frame) -> Markup {
    let l = frame.language;
    let body = html! {
        h1 { (view.fund.name) }
        p.lead { (l.say(text::LEAD)) }
        (terms(l, view))
        (money(l, view))
        @if let Some(envelope) = &view.envelope { (self::envelope(l, envelope, view)) }
        (pools(l, &view.pools))
        (access_modes(l, &view.access_modes))
        (proof::render(l, view))
    };
    let trail = [("/".to_owned(), l.say(shared::HOME).to_owned())];
    let title = &view.fund.name;
    document(frame, &Page { title, section: Section::Outside, trail: &trail, body })
}

fn terms(l: Language, view: &FundView) -> Markup {
    let part = figure::percent(view.carry_over_ppm, 1_000_000, l).unwrap_or_default();
    html! {
        dl.facts {
            div { dt { (l.say(text::PURPOSE)) } dd { (l.word(word::PURPOSE, &view.purpose)) } }
            div { dt { (l.say(text::PERIOD)) } dd { (moment::window(view.valid_from, view.valid_until)) } }
            div {
                dt { (l.say(text::CARRY_OVER)) }
                dd {
                    @if view.carry_over_ppm > 0 {
                        (l.fill(text::CARRY_OVER_PART, &[("share", &part)]))
                    } @else {
                        (l.say(text::CARRY_OVER_NONE))
                    }
                }
            }
        }
        p.notice {
            @if view.conditions.trim().is_empty() {
                (l.say(text::NO_CONDITIONS))
            } @else {
                strong { (l.say(text::CONDITIONS)) ": " } (view.conditions)
            }
        }
    }
}

fn money(l: Language, view: &FundView) -> Markup {
    let granted = view.ceiling.checked_sub(view.left).unwrap_or(MicroSek::ZERO);
    let key = |label, amount: MicroSek| KeyFigure {
        label: l.say(label),
        value: part::kronor(l, amount),
        note: figure::percent(amount.get(), view.ceiling.get(), l).unwrap_or_default(),
    };
    part::key_figures(&[
        KeyFigure { note: String::new(), ..key(text::CEILING, view.ceiling) },
        key(text::GRANTED, granted),
        key(text::SETTLED, view.settled),
        key(text::LEFT, view.left),
    ])
}

fn envelope(l: Language, envelope: &EnvelopeView, view: &FundView) -> Markup {
    let (low, high) = (part::kronor(l, envelope.low), part::kronor(l, envelope.high));
    let caption = l.fill(text::ENVELOPE_IN_HOURS, &[("day", &moment::day(view.now))]);
    let head = [
        words(l, shared::CLASS),
        words(l, shared::PARTITION),
        words(l, text::CARD),
        figures(l, text::PRICE),
        figures(l, text::FACTOR),
        figures(l, text::LOW),
        figures(l, text::HIGH),
    ];
    html! {
        section aria-labelledby="envelope" {
            h2 #envelope { (l.say(text::ENVELOPE)) }
            p.big { (l.fill(text::ENVELOPE_RANGE, &[("low", &low), ("high", &high)])) }
            p.quiet { (l.say(text::ENVELOPE_MEANING)) }
            @if envelope.bought.is_empty() {
                p { (l.say(text::NO_PRICE)) }
            } @else {
                (part::table("envelope-caption", &caption, &head, html! {
                    tbody { @for line in &envelope.bought { tr {
                        th scope="row" { (line.class) }
                        td { (line.partition) }
                        td { (line.rate_card_name) }
                        td.n { (figure::kronor_exact(line.price_usek_per_gpu_hour, l)) }
                        td.n { (figure::factor(line.factor_ppm, l)) }
                        td.n { (part::hours(l, line.low)) }
                        td.n { (part::hours(l, line.high)) }
                    } } }
                }))
            }
        }
    }
}

fn pools(l: Language, pools: &[FundPool]) -> Markup {
    let head = [
        words(l, text::POOL),
        words(l, shared::PARTITION),
        words(l, shared::VALID),
        figures(l, shared::RESERVED),
        figures(l, text::NOT_GRANTED),
        figures(l, shared::USED),
    ];
    html! {
        section aria-labelledby="pools" {
            h2 #pools { (l.say(text::POOLS)) }
            @if pools.is_empty() {
                p.quiet { (l.say(text::NO_POOLS)) }
            } @else {
                (part::table("pools-caption", l.say(text::POOLS), &head, html! {
                    tbody { @for pool in pools { tr {
                        th scope="row" { (pool.class) span.note { (pool.cluster) } }
                        td { (pool.partition) }
                        td { (moment::window(pool.valid_from, pool.valid_until)) }
                        td.n { (part::hours(l, pool.reserved)) }
                        td.n { (part::hours(l, pool.left)) }
                        td.n { (part::hours(l, pool.used)) }
                    } } }
                }))
            }
        }
    }
}

fn access_modes(l: Language, modes: &[AccessMode]) -> Markup {
    let head = [
        words(l, text::ACCESS_MODE),
        figures(l, text::LOW),
        figures(l, text::HIGH),
        figures(l, text::LONGEST),
    ];
    html! {
        @if !modes.is_empty() {
            section aria-labelledby="modes" {
                h2 #modes { (l.say(text::ACCESS_MODES)) }
                (part::table("modes-caption", l.say(text::ACCESS_MODES), &head, html! {
                    tbody { @for mode in modes { tr {
                        th scope="row" { (mode.name) }
                        td.n { (part::hours(l, mode.least)) }
                        td.n { (part::hours(l, mode.most)) }
                        td.n { (l.fill(text::DAYS, &[("count", &figure::whole(mode.max_days))])) }
                    } } }
                }))
            }
        }
    }
}
