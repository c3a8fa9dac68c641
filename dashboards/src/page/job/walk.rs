//! The steps of one attempt with their times, and why it waits or stopped.

use crate::text::Say as _;
use chrono::{DateTime, Utc};
use maud::{Markup, html};

use crate::{
    Language, moment,
    read::job::{AttemptView, JobView},
    text::{Text, job as text, why as why_text},
};

/// One step of the walk.
struct Step {
    name: Text,
    at: Option<DateTime<Utc>>,
    note: Option<String>,
}

/// Draws the steps as an ordered list; the last one with a time is the current one.
pub(super) fn render(l: Language, view: &JobView, attempt: &AttemptView) -> Markup {
    let steps = steps(l, view, attempt);
    let current = steps.iter().rposition(|step| step.at.is_some());
    html! {
        h3 { (l.say(text::WALK)) }
        ol.walk {
            @for (place, step) in steps.iter().enumerate() {
                li class=[class(step, attempt)] aria-current=[(Some(place) == current).then_some("step")] {
                    strong { (l.say(step.name)) }
                    @match step.at {
                        Some(at) => { (moment::at_second(at)) },
                        None => { span.quiet { (l.say(text::NOT_YET)) } },
                    }
                    @if let Some(note) = &step.note { span.note { (note) } }
                }
            }
        }
        (stopped(l, attempt))
        (waiting(l, view, attempt))
        @if attempt.second_start_count > 0 {
            p.notice.warn {
                (l.fill(text::SECOND_STARTS, &[("count", &attempt.second_start_count.to_string())]))
            }
        } @else if attempt.start_count > 1 {
            p.notice { (l.fill(text::STARTED_AGAIN, &[("count", &attempt.start_count.to_string())])) }
        }
    }
}

fn steps(l: Language, view: &JobView, attempt: &AttemptView) -> Vec<Step> {
    let exit =
        attempt.exit_code.map(|code| l.fill(text::EXIT_CODE, &[("code", &code.to_string())]));
    let ended = match (&attempt.slurm_state, exit) {
        (Some(state), Some(exit)) => Some(format!("{state}, {exit}")),
        (Some(state), None) => Some(state.clone()),
        (None, exit) => exit,
    };
    let all = [
        (text::PLANNED, Some(view.planned_at), None),
        (text::ADMITTED, Some(attempt.admitted_at), None),
        (text::QUEUED, attempt.queued_at, None),
        (text::STARTED, attempt.started_at, None),
        (text::ENDED, attempt.ended_at, attempt.ended_at.and(ended)),
        (text::SETTLED, attempt.settled_at, None),
    ];
    all.into_iter()
        .map(|(name, at, note)| Step { name, at, note })
        // A step that an attempt which stopped early never took is not "not yet".
        .filter(|step| step.at.is_some() || !is_stopped(attempt))
        .collect()
}

fn is_stopped(attempt: &AttemptView) -> bool {
    matches!(attempt.state.as_str(), "cancelled" | "refused")
}

fn class(step: &Step, attempt: &AttemptView) -> Option<&'static str> {
    match (step.at.is_some(), is_stopped(attempt)) {
        (true, false) => Some("done"),
        (true, true) => Some("done stopped"),
        (false, _) => None,
    }
}

fn stopped(l: Language, attempt: &AttemptView) -> Markup {
    let word = if attempt.state == "refused" { text::REFUSED } else { text::CANCELLED };
    html! {
        @if is_stopped(attempt) {
            p.notice.bad {
                strong { (l.say(word)) }
                @if let Some(refusal) = &attempt.refusal { ": " span lang="en" { (refusal) } }
            }
        }
    }
}

/// A job that is held says what it waits for.
fn waiting(l: Language, view: &JobView, attempt: &AttemptView) -> Markup {
    let unverified: Vec<&str> = view
        .links
        .iter()
        .filter(|link| link.state != "verified")
        .map(|link| link.dataset.as_str())
        .collect();
    let held = matches!(attempt.state.as_str(), "admitted" | "submitted");
    let waits = held || attempt.state == "released";
    html! {
        (super::life::kept(l, view, attempt, waits))
        @if attempt.held_back && waits { p.notice.warn { (l.say(text::HELD_BACK)) } }
        @if held && !unverified.is_empty() {
            p.notice { (l.fill(text::WAITS_FOR_LINKS, &[("links", &unverified.join(", "))])) }
        }
        @if let (Some(reason), "released") = (&attempt.slurm_reason, attempt.state.as_str()) {
            p.notice { (l.say(text::SLURM_SAYS)) " " code { (reason) } }
        }
        @if waits {
            p { a href={ "/jobs/" (view.job_plan_id) "/why" } { (l.say(why_text::TITLE)) } }
        }
    }
}
