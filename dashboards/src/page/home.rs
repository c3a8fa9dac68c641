//! `/`: what a person may go to, and what waits for them.

use crate::text::Say as _;
use maud::{Markup, html};

use super::{
    crisis,
    frame::{Frame, Page, Section, document},
    part::{self, figures, words},
};
use crate::{
    Language, moment,
    read::{
        crisis::CrisisLine,
        home::{HomeView, OpenRequest, ProjectLine},
    },
    text::{crisis as crisis_text, frame as shared, home as text, word},
};

/// Draws the start page.
pub fn render(view: &HomeView, frame: &Frame) -> Markup {
    let l = frame.language;
    let body = html! {
        h1 {
            @match &frame.person_name {
                Some(name) => { (l.fill(text::WELCOME, &[("name", name)])) },
                None => { (l.say(text::WELCOME_NAMELESS)) },
            }
        }
        (roles(frame))
        (crises(l, &view.crises))
        (for_roles(view, frame))
        @if let Some(requests) = &view.open_requests { (open_requests(l, requests)) }
        section aria-labelledby="projects" {
            h2 #projects { (l.say(text::YOUR_PROJECTS)) }
            @if view.projects.is_empty() {
                p.quiet { (l.say(text::NO_PROJECTS)) }
            } @else {
                ul.cards { @for line in &view.projects { li { (project(l, line)) } } }
            }
        }
        section aria-labelledby="jobs" {
            h2 #jobs { (l.say(text::LATEST_JOBS)) }
            @if view.jobs.is_empty() {
                p.quiet { (l.say(text::NO_JOBS)) }
            } @else {
                (part::job_table(l, "jobs-caption", l.say(text::LATEST_JOBS), &view.jobs, true))
            }
        }
    };
    let title = l.say(shared::HOME);
    document(frame, &Page { title, section: Section::Home, trail: &[], body })
}

fn roles(frame: &Frame) -> Markup {
    let l = frame.language;
    html! {
        @if !frame.roles.is_empty() {
            p.quiet {
                (l.say(text::YOUR_ROLES)) ": "
                @for (place, role) in frame.roles.iter().enumerate() {
                    @if place > 0 { ", " }
                    (l.word(word::ROLE, role))
                }
            }
        }
    }
}

/// Crises that somebody should know of, each with what it waits for.
fn crises(l: Language, crises: &[CrisisLine]) -> Markup {
    html! {
        @if !crises.is_empty() {
            section.notice.warn aria-labelledby="crises" {
                h2 #crises { (l.say(crisis_text::CRISES)) }
                ul { @for line in crises { li {
                    a href={ "/crises/" (line.crisis_id) } { (moment::at_minute(line.proposed_at)) } " "
                    (crisis::stage(l, line.stage))
                } } }
            }
        }
    }
}

/// The pages that a role opens, each with what is on it.
fn for_roles(view: &HomeView, frame: &Frame) -> Markup {
    let l = frame.language;
    let (operator, finance) = (frame.has_role("operator"), frame.has_role("finance"));
    let lists = !view.agencies.is_empty() || !view.funds.is_empty();
    html! {
        @if operator || finance || lists {
            section aria-labelledby="also" {
                h2 #also { (l.say(text::ALSO_FOR_YOU)) }
                ul.cards {
                    @if operator {
                        li { div.card {
                            h3 { a href="/operator" { (l.say(shared::OPERATOR)) } }
                            p { (l.say(text::OPERATOR_LEAD)) }
                        } }
                    }
                    @if finance {
                        li { div.card {
                            h3 { a href="/finance" { (l.say(shared::FINANCE)) } }
                            p { (l.say(text::FINANCE_LEAD)) }
                        } }
                    }
                    @for agency in &view.agencies {
                        li { div.card {
                            h3 { (part::agency_link(agency)) }
                            p { (l.say(text::AGENCY_LEAD)) }
                        } }
                    }
                    @if !view.funds.is_empty() {
                        li { div.card {
                            h3 { (l.say(text::FUNDS)) }
                            p { (l.say(text::FUNDS_LEAD)) }
                            ul { @for fund in &view.funds { li { (part::fund_link(fund)) } } }
                        } }
                    }
                }
            }
        }
    }
}

fn project(l: Language, line: &ProjectLine) -> Markup {
    html! {
        div.card {
            h3 { a href={ "/projects/" (line.project.project_id) } { (line.project.title) } }
            p { (line.agency_name) " " (part::data_class(l, &line.project)) }
            p.big { (part::hours(l, line.available)) span.note { (l.say(shared::AVAILABLE)) } }
        }
    }
}

fn open_requests(l: Language, requests: &[OpenRequest]) -> Markup {
    let head = [
        words(l, shared::PROJECT),
        words(l, shared::AGENCY),
        words(l, shared::CLASS),
        figures(l, text::ASKED_FOR),
        words(l, text::SUBMITTED),
    ];
    html! {
        section aria-labelledby="requests" {
            h2 #requests { (l.say(text::OPEN_REQUESTS)) }
            @if requests.is_empty() {
                p.quiet { (l.say(text::NO_OPEN_REQUESTS)) }
            } @else {
                (part::table("requests-caption", l.say(text::OPEN_REQUESTS), &head, html! {
                    tbody { @for request in requests { tr {
                        th scope="row" { (part::project_link(&request.project)) }
                        td { (request.agency_name) }
                        td { (request.class) }
                        td.n { (part::hours(l, request.gpu_seconds)) }
                        td { (moment::at_minute(request.submitted_at)) }
                    } } }
                }))
            }
        }
    }
}
