//! `/crises/{crisis_id}`: who asked for it and who agreed, who made way, who went first, what it cost.

use crate::text::Say as _;
use maud::{Markup, html};
use record::MicroSek;

use super::{
    frame::{Frame, Page, Section, document},
    part::{self, KeyFigure, Tone, badge, figures, words},
};
use crate::{
    Language, figure, moment,
    read::crisis::{CrisisLine, CrisisView, MadeWay, Stage, WentFirst},
    text::{crisis as text, frame as shared},
};

/// Draws the page of a crisis.
pub fn render(view: &CrisisView, frame: &Frame) -> Markup {
    let l = frame.language;
    let title = l.fill(text::TITLE, &[("day", &moment::day(view.crisis.proposed_at))]);
    let body = html! {
        h1 { (title) " " (stage(l, view.crisis.stage)) }
        p.lead { (l.say(text::LEAD)) }
        (facts(l, view))
        // What nobody confirmed changed nothing, so there is nothing to report.
        @if view.confirmed_at.is_some() {
            (report(l, view))
            (made_way(l, &view.made_way))
            (went_first(l, &view.went_first))
        }
    };
    let mut trail = vec![("/".to_owned(), l.say(shared::HOME).to_owned())];
    if frame.has_role("operator") {
        trail.push(("/operator".to_owned(), l.say(shared::OPERATOR).to_owned()));
    }
    document(frame, &Page { title: &title, section: Section::Outside, trail: &trail, body })
}

/// The badge of a stage.
pub(super) fn stage(l: Language, stage: Stage) -> Markup {
    match stage {
        Stage::Proposed => badge(Tone::Warn, l.say(text::PROPOSED)),
        Stage::Active => badge(Tone::Bad, l.say(text::ACTIVE)),
        Stage::Over => badge(Tone::Plain, l.say(text::OVER)),
        Stage::Withdrawn => badge(Tone::Plain, l.say(text::WITHDRAWN)),
    }
}

/// The projects of a crisis, each with its link.
pub(super) fn projects(crisis: &CrisisLine) -> Markup {
    html! {
        @for (place, project) in crisis.projects.iter().enumerate() {
            @if place > 0 { ", " }
            (part::project_link(project))
        }
    }
}

/// When it ended, or will.
pub(super) fn end(l: Language, crisis: &CrisisLine) -> Markup {
    html! {
        @match crisis.ended_at {
            Some(at) => {
                (moment::at_minute(at))
                span.note {
                    @match &crisis.ended_by {
                        Some(person) => { (l.say(text::ENDED_EARLY)) " " (part::person(l, person)) },
                        None => { (l.say(text::BY_ITSELF)) },
                    }
                }
            },
            None => { (moment::at_minute(crisis.ends_at)) },
        }
    }
}

fn facts(l: Language, view: &CrisisView) -> Markup {
    let crisis = &view.crisis;
    let ends = if crisis.ended_at.is_some() { text::ENDED } else { text::ENDS };
    html! {
        p.notice {
            strong { (l.say(text::REASON)) ": " }
            @match &view.reason {
                Some(reason) => { (reason) },
                None => { span.quiet { (l.say(text::REASON_ERASED)) } },
            }
        }
        dl.facts {
            div { dt { (l.say(text::PROJECTS_FIRST)) } dd { (projects(crisis)) } }
            div {
                dt { (l.say(text::PROPOSED_BY)) }
                dd { (part::person(l, &crisis.proposed_by)) span.note { (moment::at_second(crisis.proposed_at)) } }
            }
            div {
                dt { (l.say(text::CONFIRMED_BY)) }
                dd {
                    @match &crisis.confirmed_by {
                        Some(person) => { (part::person(l, person)) },
                        None => { (l.say(text::NOT_CONFIRMED)) },
                    }
                    @if let Some(at) = view.confirmed_at { span.note { (moment::at_second(at)) } }
                }
            }
            div { dt { (l.say(ends)) } dd { (end(l, crisis)) } }
        }
    }
}

fn report(l: Language, view: &CrisisView) -> Markup {
    let (time, money) = view.lost();
    let is_charged = money > MicroSek::ZERO;
    let note = if is_charged { text::CHARGED_SOMETHING } else { text::CHARGED_NOTHING };
    let count = |runs: usize| KeyFigure {
        label: l.say(text::RUNS_MADE_WAY),
        value: runs.to_string(),
        note: String::new(),
    };
    let seconds = format!("{}\u{a0}{}", figure::whole(time.get()), l.say(shared::GPU_SECONDS));
    html! {
        section aria-labelledby="report" {
            h2 #report {
                (l.say(text::REPORT)) " "
                @if view.complete {
                    (badge(Tone::Good, l.say(text::COMPLETE)))
                } @else {
                    (badge(Tone::Warn, l.say(text::NOT_COMPLETE)))
                }
            }
            @if !view.complete { p.quiet { (l.say(text::NOT_COMPLETE_WHY)) } }
            (part::key_figures(&[
                count(view.made_way.len()),
                KeyFigure { label: l.say(text::TIME_LOST), value: part::hours_fine(l, time), note: seconds },
                KeyFigure {
                    label: l.say(text::CHARGED),
                    value: figure::kronor_exact(money, l),
                    note: l.say(note).to_owned(),
                },
                KeyFigure {
                    label: l.say(text::RUNS_WENT_FIRST),
                    ..count(view.went_first.len())
                },
            ]))
            @if is_charged { p.notice.bad { (figure::kronor_exact(money, l)) ": " (l.say(text::CHARGED_SOMETHING)) } }
        }
    }
}

fn made_way(l: Language, runs: &[MadeWay]) -> Markup {
    let head = [
        words(l, shared::SLURM_JOB_ID),
        words(l, text::ACCOUNT),
        words(l, text::STARTED),
        words(l, text::STOPPED),
        figures(l, shared::GPU_SECONDS),
        figures(l, text::CHARGED),
    ];
    html! {
        section aria-labelledby="made-way" {
            h2 #made-way { (l.say(text::MADE_WAY)) }
            @if runs.is_empty() {
                p.quiet { (l.say(text::NOBODY_MADE_WAY)) }
            } @else {
                (part::table("made-way-caption", l.say(text::MADE_WAY), &head, html! {
                    tbody { @for run in runs { tr {
                        th scope="row" {
                            @match run.job {
                                Some(job) => { (part::job_link(job)) },
                                None => {
                                    (run.slurm_job_id)
                                    span.note { (l.say(text::NOT_THE_BROKERS)) }
                                },
                            }
                        }
                        td { code { (run.account) } span.note { (run.cluster) ", " (run.db_index.cast_unsigned()) } }
                        td { (moment::at_second(run.started_at)) }
                        td { (moment::at_second(run.ended_at)) }
                        td.n { (figure::whole(run.gpu_seconds.get())) }
                        td.n { (figure::kronor_exact(run.charged_usek, l)) }
                    } } }
                }))
            }
        }
    }
}

fn went_first(l: Language, runs: &[WentFirst]) -> Markup {
    let head = [
        words(l, shared::SLURM_JOB_ID),
        words(l, shared::PROJECT),
        words(l, text::STARTED),
        words(l, text::RUN_ENDED),
    ];
    html! {
        section aria-labelledby="went-first" {
            h2 #went-first { (l.say(text::WENT_FIRST)) }
            @if runs.is_empty() {
                p.quiet { (l.say(text::NOBODY_WENT_FIRST)) }
            } @else {
                (part::table("went-first-caption", l.say(text::WENT_FIRST), &head, html! {
                    tbody { @for run in runs { tr {
                        th scope="row" { (part::job_link(run.job)) }
                        td { (part::project_link(&run.project)) }
                        td { (moment::at_second(run.started_at)) }
                        td {
                            @match run.ended_at {
                                Some(at) => { (moment::at_second(at)) },
                                None => { span.quiet { (l.say(text::STILL_RUNS)) } },
                            }
                        }
                    } } }
                }))
            }
        }
    }
}
