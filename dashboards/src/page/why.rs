//! `/projects/{project_id}/why` and `/jobs/{job_plan_id}/why`: one walk from login to node, and
//! what to do where it stops.

use crate::text::Say as _;
use maud::{Markup, html};

use super::{
    frame::{Frame, Page, Section, document},
    part::{self, Tone, badge},
};
use crate::{
    Language,
    read::why::{Finding, PlannedJob, Verdict, WhyView},
    text::{Text, frame as shared, why as text},
};

/// Draws the page.
pub fn render(view: &WhyView, frame: &Frame) -> Markup {
    let l = frame.language;
    let lead = if view.subject.job.is_some() { text::LEAD_JOB } else { text::LEAD_PROJECT };
    let body = html! {
        h1 { (l.say(text::TITLE)) }
        p.lead { (l.say(lead)) }
        (about(l, view))
        (summary(l, view))
        section aria-labelledby="stations" {
            h2 #stations { (l.say(text::STATIONS)) }
            ol.stations { @for finding in &view.findings { (station(l, finding)) } }
        }
        p.quiet { (l.say(text::SAME_AT_THE_SHELL)) " " code { (command(view)) } }
    };
    let project = &view.subject.project;
    let mut trail = vec![
        ("/".to_owned(), l.say(shared::HOME).to_owned()),
        (format!("/projects/{}", project.project_id), project.title.clone()),
    ];
    if let Some(job) = &view.subject.job {
        trail.push((format!("/jobs/{}", job.job_plan_id), job_name(l, job)));
    }
    let title = l.say(text::TITLE);
    document(frame, &Page { title, section: Section::Home, trail: &trail, body })
}

fn job_name(l: Language, job: &PlannedJob) -> String {
    job.name.clone().unwrap_or_else(|| l.say(shared::JOB).to_owned())
}

fn about(l: Language, view: &WhyView) -> Markup {
    html! {
        dl.facts {
            div { dt { (l.say(shared::PROJECT)) } dd { (part::project_link(&view.subject.project)) } }
            @if let Some(job) = &view.subject.job {
                div {
                    dt { (l.say(shared::JOB)) }
                    dd { a href={ "/jobs/" (job.job_plan_id) } { (job_name(l, job)) } }
                }
                div {
                    dt { (l.say(text::FOR_WHOM)) }
                    dd { (part::person(l, &job.person)) span.note { (l.say(text::AS_PLANNER)) } }
                }
            }
        }
    }
}

/// What stands in the way, before the whole walk.
fn summary(l: Language, view: &WhyView) -> Markup {
    let blocked = view.stations(Verdict::InTheWay);
    let unknown = view.stations(Verdict::NotKnown);
    let class = match (blocked.is_empty(), unknown.is_empty()) {
        (false, _) => "notice bad",
        (true, false) => "notice warn",
        (true, true) => "notice good",
    };
    html! {
        div class=(class) {
            @if !blocked.is_empty() {
                p { strong { (l.fill(text::STANDS_IN_THE_WAY, &[("titles", &blocked.join(", "))])) } }
            }
            @if !unknown.is_empty() {
                p { (l.fill(text::UNKNOWN_STATIONS, &[("titles", &unknown.join(", "))])) }
            }
            @if blocked.is_empty() && unknown.is_empty() { p { (l.say(text::NOTHING)) } }
        }
    }
}

fn station(l: Language, finding: &Finding) -> Markup {
    let (class, tone, word) = look(finding.verdict);
    html! {
        li class=(class) {
            h3 { (finding.title) " " (badge(tone, l.say(word))) }
            dl.way {
                div { dt { (l.say(text::EXPECTED)) } dd { (finding.expected) } }
                div { dt { (l.say(text::ACTUAL)) } dd { (finding.actual) } }
                @if let Some(fix) = &finding.fix {
                    div.fix { dt { (l.say(text::FIX)) } dd { (fix) } }
                }
                @if let Some(code) = &finding.code {
                    div { dt { (l.say(text::CODE)) } dd { code { (code) } } }
                }
            }
        }
    }
}

/// The class of a station, and its badge.
const fn look(verdict: Verdict) -> (&'static str, Tone, Text) {
    match verdict {
        Verdict::Good => ("good", Tone::Good, text::GOOD),
        Verdict::InTheWay => ("bad", Tone::Bad, text::IN_THE_WAY),
        Verdict::NotKnown => ("warn", Tone::Warn, text::NOT_KNOWN),
        Verdict::NotChecked => ("unchecked", Tone::Plain, text::NOT_CHECKED),
    }
}

fn command(view: &WhyView) -> String {
    match &view.subject.job {
        Some(job) => format!("mimer why {}", job.job_plan_id),
        None => format!("mimer why {}", view.subject.project.slug),
    }
}
