//! `/projects/{project_id}`: what a project was granted, who is in it, and what it has run.

use crate::text::Say as _;
use maud::{Markup, html};

use super::{
    frame::{Frame, Page, Section, document},
    part::{self, Tone, badge, figures, words},
};
use crate::{
    Language, moment,
    read::project::{JOBS_SHOWN, LinkLine, PermitLine, PersonLine, ProjectView, RequestLine},
    text::{frame as shared, home as home_text, project as text, why as why_text, word},
};

mod grants;

/// Draws the project page.
pub fn render(view: &ProjectView, frame: &Frame) -> Markup {
    let l = frame.language;
    let body = html! {
        h1 { (view.project.title) " " (part::data_class(l, &view.project)) }
        dl.facts {
            div { dt { (l.say(shared::AGENCY)) } dd { (agency(view, frame)) } }
            div { dt { (l.say(text::SLURM_ACCOUNT)) } dd { code { (view.slurm_account) } } }
        }
        (grants::standing(l, view))
        p {
            a.button.plain href={ "/projects/" (view.project.project_id) "/why" } {
                (l.say(why_text::TITLE))
            }
        }
        (grants::render(l, view, frame))
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

/// The agency, with a link for those who may follow it.
fn agency(view: &ProjectView, frame: &Frame) -> Markup {
    html! {
        @if frame.opens_agency(view.agency_id) {
            a href={ "/agencies/" (view.agency_id) } { (view.agency_name) }
        } @else {
            (view.agency_name)
        }
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
