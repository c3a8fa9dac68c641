//! `/agencies/{agency_id}`: what happens at the agency's limits in words, where use stands, and what
//! was done.

use crate::text::Say as _;
use maud::{Markup, html};

use super::{
    frame::{Frame, Page, Section, document},
    part::{self, figures, words},
};
use crate::{
    Language, figure, moment,
    read::agency::{ACTIONS_SHOWN, ActionLine, AgencyView, DoneTo, UseLimitLine},
    text::{agency as text, frame as shared, word},
};

mod policy;

/// Draws the agency's page.
pub fn render(view: &AgencyView, frame: &Frame) -> Markup {
    let l = frame.language;
    let body = html! {
        h1 { (view.name) }
        p.lead { (l.say(text::LEAD)) }
        dl.facts {
            div {
                dt { (l.say(text::ORGANISATION_NUMBER)) }
                dd { (figure::organisation_number(&view.organisation_number)) }
            }
            div { dt { (l.say(text::CATEGORY)) } dd { (l.word(word::CATEGORY, &view.category)) } }
        }
        (policy::standing(l, view))
        (policy::render(l, view))
        (actions(l, &view.actions))
        (limits(l, &view.limits))
    };
    let trail = [("/".to_owned(), l.say(shared::HOME).to_owned())];
    document(frame, &Page { title: &view.name, section: Section::Outside, trail: &trail, body })
}

fn actions(l: Language, actions: &[ActionLine]) -> Markup {
    let head = [
        words(l, text::TAKEN_AT),
        words(l, text::ACTION_TAKEN),
        words(l, text::DONE_TO),
        figures(l, text::USE_THEN),
        words(l, shared::STATE),
    ];
    let full = i64::try_from(actions.len()).is_ok_and(|shown| shown >= ACTIONS_SHOWN);
    let caption = if full {
        l.fill(text::ACTIONS_SHOWN, &[("count", &ACTIONS_SHOWN.to_string())])
    } else {
        l.say(text::ACTIONS).to_owned()
    };
    html! {
        section aria-labelledby="actions" {
            h2 #actions { (l.say(text::ACTIONS)) }
            @if actions.is_empty() {
                p.quiet { (l.say(text::NO_ACTIONS)) }
            } @else {
                (part::table("actions-caption", &caption, &head, html! {
                    tbody { @for action in actions { tr {
                        th scope="row" { (moment::at_minute(action.taken_at)) }
                        td {
                            (policy::share(action.step.at_percent)) ": "
                            (l.word(word::LIMIT_ACTION, &action.step.action))
                        }
                        td { (done_to(l, action.done_to)) }
                        td.n {
                            (policy::percent(l, action.standing))
                            span.note {
                                (figure::gpu_hours(action.standing.used, l)) " / "
                                (part::hours(l, action.standing.granted))
                            }
                        }
                        td { (policy::done(l, action.dry_run)) }
                    } } }
                }))
            }
        }
    }
}

fn done_to(l: Language, done_to: DoneTo) -> Markup {
    html! {
        @match done_to {
            DoneTo::Agency => { (l.say(text::THE_AGENCY)) },
            DoneTo::Job(job) => { (l.say(shared::JOB)) " " (part::job_link(job)) },
            DoneTo::OtherJob => { span.quiet { (l.say(text::OTHER_JOB)) } },
        }
    }
}

fn limits(l: Language, limits: &[UseLimitLine]) -> Markup {
    let head = [
        words(l, text::HOLDER),
        words(l, shared::CLASS),
        figures(l, text::GPUS_AT_ONCE),
        figures(l, text::JOBS_AT_ONCE),
        words(l, text::SET_AT),
    ];
    let most = |figure: Option<i64>| {
        html! {
            @match figure {
                Some(most) => { (figure::whole(most)) },
                None => { span.quiet { (l.say(text::NOT_LIMITED)) } },
            }
        }
    };
    html! {
        section aria-labelledby="limits" {
            h2 #limits { (l.say(text::LIMITS)) }
            @if limits.is_empty() {
                p.quiet { (l.say(text::NO_LIMITS)) }
            } @else {
                p.quiet { (l.say(text::LIMITS_LEAD)) }
                (part::table("limits-caption", l.say(text::LIMITS), &head, html! {
                    tbody { @for limit in limits { tr {
                        th scope="row" {
                            @match &limit.project {
                                Some(project) => { (part::project_link(project)) },
                                None => { (l.say(text::THE_AGENCY)) },
                            }
                        }
                        td {
                            @match &limit.class {
                                Some(class) => { (class) },
                                None => { (l.say(text::ALL_CLASSES)) },
                            }
                        }
                        td.n { (most(limit.gpus_at_once)) }
                        td.n { (most(limit.jobs_at_once)) }
                        td { (moment::at_minute(limit.set_at)) }
                    } } }
                }))
            }
        }
    }
}
