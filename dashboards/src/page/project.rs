//! `/projects/{project_id}`: what a project was granted, who is in it, and what it has run.

use crate::text::Say as _;
use maud::{Markup, html};
use record::{GpuSeconds, MicroSek};

use super::{
    frame::{Frame, Page, Section, document},
    part::{self, KeyFigure, Tone, badge, drawn, figures, words},
};
use crate::{
    Language,
    chart::{self, Kind},
    figure, moment,
    read::project::{
        Balance, GrantLine, JOBS_SHOWN, LinkLine, PermitLine, PersonLine, ProjectView, RequestLine,
    },
    text::{frame as shared, home as home_text, project as text, word},
};

/// Draws the project page.
pub fn render(view: &ProjectView, frame: &Frame) -> Markup {
    let l = frame.language;
    let body = html! {
        h1 { (view.project.title) " " (part::data_class(l, &view.project)) }
        dl.facts {
            div { dt { (l.say(shared::AGENCY)) } dd { (view.agency_name) } }
            div { dt { (l.say(text::SLURM_ACCOUNT)) } dd { code { (view.slurm_account) } } }
        }
        (standing(l, view))
        (grants(l, view))
        (jobs(l, view))
        (links(l, &view.links))
        (permits(l, view))
        (people(l, &view.people))
        (requests(l, &view.requests))
    };
    let trail = [("/".to_owned(), l.say(shared::HOME).to_owned())];
    let title = &view.project.title;
    document(frame, &Page { title, section: Section::Home, trail: &trail, body })
}

/// What can be used at this moment: the grants that are valid now, added up.
fn standing(l: Language, view: &ProjectView) -> Markup {
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

fn grants(l: Language, view: &ProjectView) -> Markup {
    html! {
        section aria-labelledby="grants" {
            h2 #grants { (l.say(text::GRANTS)) }
            @if view.grants.is_empty() {
                p.quiet { (l.say(text::NO_GRANTS)) }
            } @else {
                p.quiet { (l.say(text::ONE_LINE)) }
                (overrun(l, view))
                (grants_in_hours(l, view))
                (grants_in_money(l, view))
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

fn grants_in_hours(l: Language, view: &ProjectView) -> Markup {
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
                    th scope="row" { (grant.class) " " (part::short_id(grant.grant_id)) }
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

fn grant_state(l: Language, grant: &GrantLine, view: &ProjectView) -> Markup {
    if grant.is_valid(view.now) {
        badge(Tone::Good, l.say(text::VALID_NOW))
    } else if view.now < grant.valid_from {
        badge(Tone::Plain, l.say(text::NOT_YET))
    } else {
        badge(Tone::Warn, l.say(text::OVER))
    }
}

fn jobs(l: Language, view: &ProjectView) -> Markup {
    let count = JOBS_SHOWN.to_string();
    let full = i64::try_from(view.jobs.len()).is_ok_and(|shown| shown >= JOBS_SHOWN);
    let caption = if full {
        l.fill(text::JOBS_SHOWN, &[("count", &count)])
    } else {
        l.say(text::JOBS).to_owned()
    };
    html! {
        section aria-labelledby="jobs" {
            h2 #jobs { (l.say(text::JOBS)) }
            @if view.jobs.is_empty() {
                p.quiet { (l.say(text::NO_JOBS)) }
            } @else {
                (part::job_table(l, "jobs-caption", &caption, &view.jobs, false))
            }
        }
    }
}

fn links(l: Language, links: &[LinkLine]) -> Markup {
    html! {
        section aria-labelledby="links" {
            h2 #links { (l.say(text::LINKS)) }
            @if links.is_empty() {
                p.quiet { (l.say(text::NO_LINKS)) }
            } @else {
                (part::link_table(l, "links-caption", l.say(text::LINKS), links))
            }
        }
    }
}

fn permits(l: Language, view: &ProjectView) -> Markup {
    let head = [
        words(l, text::REFERENCE),
        words(l, text::ISSUER),
        words(l, text::DATASETS),
        words(l, shared::VALID),
        words(l, shared::STATE),
    ];
    html! {
        section aria-labelledby="permits" {
            h2 #permits { (l.say(text::PERMITS)) }
            @if view.project.confidential { p.quiet { (l.say(text::PERMITS_NEEDED)) } }
            @if view.permits.is_empty() {
                p.quiet { (l.say(text::NO_PERMITS)) }
            } @else {
                (part::table("permits-caption", l.say(text::PERMITS), &head, html! {
                    tbody { @for permit in &view.permits { tr {
                        th scope="row" { (permit.reference) }
                        td { (permit.issuer) }
                        td { (permit.datasets.join(", ")) }
                        td { (moment::window(permit.valid_from, permit.valid_until)) }
                        td { (permit_state(l, permit, view)) }
                    } } }
                }))
            }
        }
    }
}

fn permit_state(l: Language, permit: &PermitLine, view: &ProjectView) -> Markup {
    if let Some(at) = permit.revoked_at {
        badge(Tone::Bad, &l.fill(text::REVOKED, &[("at", &moment::minute(at))]))
    } else if view.now < permit.valid_from {
        badge(Tone::Plain, l.say(text::NOT_YET))
    } else if view.now < permit.valid_until {
        badge(Tone::Good, l.say(text::VALID_NOW))
    } else {
        badge(Tone::Warn, l.say(text::OVER))
    }
}

fn people(l: Language, people: &[PersonLine]) -> Markup {
    let head = [words(l, shared::PERSON), words(l, text::PART)];
    html! {
        section aria-labelledby="people" {
            h2 #people { (l.say(text::PEOPLE)) }
            @if people.is_empty() {
                p.quiet { (l.say(text::NO_PEOPLE)) }
            } @else {
                (part::table("people-caption", l.say(text::PEOPLE), &head, html! {
                    tbody { @for line in people { tr {
                        th scope="row" { (part::person(l, &line.person)) }
                        td {
                            @if line.controller { (l.say(text::CONTROLLER)) }
                            @if line.controller && line.member { ", " }
                            @if line.member { (l.say(text::MEMBER)) }
                        }
                    } } }
                }))
            }
        }
    }
}

fn requests(l: Language, requests: &[RequestLine]) -> Markup {
    let head = [
        words(l, text::ASKED_AT),
        words(l, shared::CLASS),
        figures(l, home_text::ASKED_FOR),
        words(l, text::DECISION),
    ];
    html! {
        section aria-labelledby="requests" {
            h2 #requests { (l.say(text::REQUESTS)) }
            @if requests.is_empty() {
                p.quiet { (l.say(text::NO_REQUESTS)) }
            } @else {
                (part::table("requests-caption", l.say(text::REQUESTS), &head, html! {
                    tbody { @for request in requests { tr {
                        th scope="row" { (moment::at_minute(request.submitted_at)) }
                        td { (request.class) }
                        td.n { (part::hours(l, request.gpu_seconds)) }
                        td { (decision(l, &request.decision)) }
                    } } }
                }))
            }
        }
    }
}

fn decision(l: Language, code: &str) -> Markup {
    let tone = match code {
        "approved" => Tone::Good,
        "rejected" => Tone::Bad,
        _ => Tone::Plain,
    };
    badge(tone, l.word(word::DECISION, code))
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
