//! The grants of a project: what is left, which is used first, and what was changed about them.

use crate::text::Say as _;
use maud::{Markup, html};
use record::{GpuSeconds, MicroSek};
use uuid::Uuid;

use super::super::{
    frame::Frame,
    part::{self, KeyFigure, Tone, badge, drawn, figures, words},
};
use crate::{
    Language,
    chart::{self, Kind},
    figure, moment,
    read::{
        FundRef,
        project::{Balance, ChangeLine, GrantLine, ProjectView, is_used_first},
    },
    text::{frame as shared, project as text, word},
};

/// What can be used at this moment: the grants that are valid now, added up.
pub(super) fn standing(l: Language, view: &ProjectView) -> Markup {
    let now: Balance = view
        .grants
        .iter()
        .filter(|grant| grant.is_valid(view.now))
        .fold(Balance::default(), |sum, grant| add(sum, grant.balance));
    let figures = [
        KeyFigure {
            label: l.say(text::LEFT_TO_USE),
            value: part::hours(l, now.available),
            note: part::kronor(l, now.available_usek),
        },
        KeyFigure {
            label: l.say(text::HELD_FOR_JOBS),
            value: part::hours(l, now.held),
            note: part::kronor(l, now.held_usek),
        },
        KeyFigure {
            label: l.say(text::USED_SO_FAR),
            value: part::hours(l, now.settled),
            note: part::kronor(l, now.settled_usek),
        },
    ];
    html! { @if !view.grants.is_empty() { (part::key_figures(&figures)) } }
}

/// Draws the grants and what was changed about them.
pub(super) fn render(l: Language, view: &ProjectView, frame: &Frame) -> Markup {
    html! {
        section aria-labelledby="grants" {
            h2 #grants { (l.say(text::GRANTS)) }
            @if view.grants.is_empty() {
                p.quiet { (l.say(text::NO_GRANTS)) }
            } @else {
                p.quiet {
                    (l.say(text::ONE_LINE))
                    @if view.grants.len() > 1 { " " (l.say(text::ORDER)) }
                }
                (overrun(l, view))
                (grants_in_hours(l, view, frame))
                (grants_in_money(l, view))
                (changes(l, &view.changes))
            }
        }
    }
}

/// Use that nothing paid for is told, not hidden in a sum.
fn overrun(l: Language, view: &ProjectView) -> Markup {
    let all = view.grants.iter().fold(Balance::default(), |sum, grant| add(sum, grant.balance));
    html! {
        @if all.overrun > GpuSeconds::ZERO {
            p.notice.warn {
                (l.fill(text::OVERRUN, &[
                    ("hours", &part::hours_fine(l, all.overrun)),
                    ("amount", &part::kronor(l, all.overrun_usek)),
                ]))
            }
        }
    }
}

fn grants_in_hours(l: Language, view: &ProjectView, frame: &Frame) -> Markup {
    let head = [
        words(l, text::GRANT),
        words(l, shared::VALID),
        words(l, shared::STATE),
        figures(l, shared::GRANTED),
        drawn(l, shared::HELD, Kind::Held),
        drawn(l, shared::USED, Kind::Used),
        drawn(l, shared::AVAILABLE, Kind::Free),
        words(l, shared::BAR),
    ];
    let hours = |amount: GpuSeconds| figure::gpu_hours(amount, l);
    part::table(
        "grants-hours",
        l.say(text::GRANTS_IN_HOURS),
        &head,
        html! {
            tbody { @for grant in &view.grants {
                @let balance = &grant.balance;
                tr {
                    th scope="row" {
                        (grant.class) " " (part::short_id(grant.grant_id))
                        span.note { (fund(&grant.fund, frame)) }
                    }
                    td { (moment::window(grant.valid_from, grant.valid_until)) }
                    td { (grant_state(l, grant, view)) }
                    td.n { (hours(balance.granted)) }
                    td.n { (hours(balance.held)) }
                    td.n { (hours(balance.settled)) }
                    td.n { (hours(balance.available)) }
                    td.bars { (chart::bar(&[
                        (Kind::Used, balance.settled.get()),
                        (Kind::Held, balance.held.get()),
                        (Kind::Free, balance.available.get()),
                    ], balance.granted.get())) }
                }
            } }
        },
    )
}

fn grants_in_money(l: Language, view: &ProjectView) -> Markup {
    let head = [
        words(l, text::GRANT),
        figures(l, shared::GRANTED),
        figures(l, shared::HELD),
        figures(l, shared::USED),
        figures(l, shared::AVAILABLE),
    ];
    let kronor = |amount: MicroSek| part::kronor(l, amount);
    part::table(
        "grants-money",
        l.say(text::GRANTS_IN_MONEY),
        &head,
        html! {
            tbody { @for grant in &view.grants { tr {
                th scope="row" { (grant.class) " " (part::short_id(grant.grant_id)) }
                td.n { (kronor(grant.balance.granted_usek)) }
                td.n { (kronor(grant.balance.held_usek)) }
                td.n { (kronor(grant.balance.settled_usek)) }
                td.n { (kronor(grant.balance.available_usek)) }
            } } }
        },
    )
}

fn fund(fund: &FundRef, frame: &Frame) -> Markup {
    html! {
        @if frame.oversees() {
            (part::fund_link(fund))
        } @else {
            (fund.name)
        }
    }
}

/// Whether it can be used now, and if so whether it is the one that is used first.
fn grant_state(l: Language, grant: &GrantLine, view: &ProjectView) -> Markup {
    if let Some(end) = &grant.end {
        return html! {
            (badge(Tone::Warn, l.word(word::GRANT_ENDING, &end.ending)))
            span.note {
                (moment::at_minute(end.ended_at))
                @if let Some(by) = end.superseded_by { " → " (part::short_id(by)) }
            }
        };
    }
    if grant.is_valid(view.now) {
        html! {
            (badge(Tone::Good, l.say(text::VALID_NOW)))
            @if is_used_first(&view.grants, grant, view.now) {
                " " (badge(Tone::Plain, l.say(text::USED_FIRST)))
            }
        }
    } else if view.now < grant.valid_from {
        badge(Tone::Plain, l.say(text::NOT_YET))
    } else {
        badge(Tone::Warn, l.say(text::OVER))
    }
}

/// What was done to grants after they were given, each with where the time went.
fn changes(l: Language, changes: &[ChangeLine]) -> Markup {
    let head = [
        words(l, text::CHANGED_AT),
        words(l, text::CHANGE),
        words(l, text::FROM),
        words(l, text::TO),
        figures(l, shared::GPU_HOURS),
        figures(l, shared::AMOUNT),
        words(l, text::DECIDED_BY),
    ];
    html! {
        @if !changes.is_empty() {
            (part::table("changes-caption", l.say(text::CHANGES), &head, html! {
                tbody { @for change in changes {
                    @let ends = Ends::of(change);
                    tr {
                        th scope="row" { (moment::at_minute(change.changed_at)) }
                        td {
                            (l.word(word::GRANT_CHANGE, &change.kind))
                            @if let Some(by) = ends.replaced_by {
                                span.note { (l.say(text::REPLACED_BY)) " " (part::short_id(by)) }
                            }
                        }
                        td { (end(l, ends.from)) }
                        td { (end(l, ends.to)) }
                        td.n { (figure::gpu_hours(change.gpu_seconds, l)) }
                        td.n { (part::kronor(l, change.usek)) }
                        td {
                            @match &change.decided_by {
                                Some(person) => { (part::person(l, person)) },
                                None => { span.quiet { (l.say(text::NOBODY_DECIDES)) } },
                            }
                        }
                    }
                } }
            }))
        }
    }
}

/// Where the time of a change came from and where it went; `None` is the fund and its pool.
struct Ends {
    from: Option<Uuid>,
    to: Option<Uuid>,
    replaced_by: Option<Uuid>,
}

impl Ends {
    fn of(change: &ChangeLine) -> Self {
        let (grant, other) = (Some(change.grant_id), change.other_grant_id);
        match change.kind.as_str() {
            "topped_up" => Self { from: None, to: grant, replaced_by: None },
            // What expired lies with the fund until it is carried over.
            "carried_over" => Self { from: None, to: other, replaced_by: None },
            "superseded" => Self { from: grant, to: None, replaced_by: other },
            _ => Self { from: grant, to: other, replaced_by: None },
        }
    }
}

fn end(l: Language, grant_id: Option<Uuid>) -> Markup {
    html! {
        @match grant_id {
            Some(grant_id) => { (part::short_id(grant_id)) },
            None => { (l.say(text::THE_FUND)) },
        }
    }
}

/// The sum of two balances; each is a part of what the ledger keeps in the same `bigint`s.
fn add(a: Balance, b: Balance) -> Balance {
    let time = |a: GpuSeconds, b| a.checked_add(b).unwrap_or(a);
    let money = |a: MicroSek, b| a.checked_add(b).unwrap_or(a);
    Balance {
        granted: time(a.granted, b.granted),
        held: time(a.held, b.held),
        settled: time(a.settled, b.settled),
        available: time(a.available, b.available),
        overrun: time(a.overrun, b.overrun),
        granted_usek: money(a.granted_usek, b.granted_usek),
        held_usek: money(a.held_usek, b.held_usek),
        settled_usek: money(a.settled_usek, b.settled_usek),
        available_usek: money(a.available_usek, b.available_usek),
        overrun_usek: money(a.overrun_usek, b.overrun_usek),
    }
}
