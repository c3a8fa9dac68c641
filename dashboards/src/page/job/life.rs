//! What happens to a job between its submission and its end: who keeps it, more time, its tasks.

use crate::text::{Say as _, Text};
use maud::{Markup, html};

use crate::{
    Language, figure, moment,
    page::part::{self, Tone, badge, figures, words},
    read::job::{AttemptView, ExtensionLine, JobView, Kept, NeedLine},
    text::{frame as shared, job as text},
};

/// What was asked for besides GPUs and time: facts of the plan.
pub(super) fn asked(l: Language, view: &JobView) -> Markup {
    let count = view.task_count.to_string();
    let tasks = match view.tasks_at_once {
        Some(most) => {
            let figures = [("count", count.as_str()), ("most", &most.to_string())];
            l.fill(text::TASKS_AT_ONCE, &figures)
        }
        None => count,
    };
    html! {
        @if view.task_count > 1 {
            div { dt { (l.say(text::TASKS)) } dd { (tasks) } }
        }
        @if let Some(begin_at) = view.begin_at {
            div { dt { (l.say(text::BEGINS)) } dd { (moment::at_minute(begin_at)) } }
        }
        @if !view.needs.is_empty() {
            div {
                dt { (l.say(text::WAITS_FOR)) }
                dd { ul { @for need in &view.needs { li { (needed(l, need)) } } } }
            }
        }
    }
}

fn needed(l: Language, need: &NeedLine) -> Markup {
    let condition = match need.condition.as_str() {
        "succeeded" => text::MUST_SUCCEED,
        "failed" => text::MUST_FAIL,
        _ => text::MUST_END,
    };
    let id = need.job_plan_id.to_string();
    let name = need.name.as_deref().unwrap_or(&id);
    html! {
        a href={ "/jobs/" (need.job_plan_id) } { (name) } " " (l.say(condition)) " "
        (part::attempt_state(l, &need.state, need.slurm_state.as_deref()))
    }
}

/// Why an attempt does not go on although nothing is wrong with it.
pub(super) fn kept(l: Language, view: &JobView, attempt: &AttemptView, waits: bool) -> Markup {
    let is_over =
        |need: &NeedLine| matches!(need.state.as_str(), "settled" | "cancelled" | "refused");
    let held = matches!(attempt.state.as_str(), "admitted" | "submitted");
    html! {
        @if let Some(kept) = &attempt.life.kept {
            @let word = if kept.by_operator { text::KEPT_BY_OPERATOR } else { text::KEPT_BY_MEMBER };
            @if waits { (by(l, word, kept)) }
        }
        @if let Some(suspended) = &attempt.life.suspended {
            (by(l, text::SUSPENDED, suspended))
        }
        @if held && view.needs.iter().any(|need| !is_over(need)) {
            p.notice { (l.say(text::WAITS_FOR_JOBS)) }
        }
    }
}

fn by(l: Language, word: Text, kept: &Kept) -> Markup {
    html! {
        p.notice.warn {
            (l.say(word)) " " (moment::at_minute(kept.since))
            @if let Some(why) = &kept.why { ": " (why) }
        }
    }
}

/// More time that was asked for, and what became of it.
pub(super) fn extensions(l: Language, attempt: &AttemptView) -> Markup {
    let state = |extension: &ExtensionLine| match (&extension.refusal, extension.granted_at) {
        (Some(_), _) => (Tone::Warn, text::EXTENSION_REFUSED),
        (None, Some(_)) => (Tone::Plain, text::EXTENSION_IN_FORCE),
        (None, None) => (Tone::Plain, text::EXTENSION_ON_ITS_WAY),
    };
    html! {
        @if !attempt.life.extensions.is_empty() {
            h4 { (l.say(text::EXTENSIONS)) }
            ul {
                @for extension in &attempt.life.extensions {
                    @let (tone, word) = state(extension);
                    li {
                        (l.say(text::EXTENDED_BY)) " " (figure::duration(extension.extra_s)) ", "
                        (part::hours_fine(l, extension.gpu_seconds)) ", "
                        (part::kronor(l, extension.usek)) ". "
                        (l.say(text::ASKED_AT)) " " (moment::at_minute(extension.wanted_at)) " "
                        (badge(tone, l.say(word)))
                        @if let Some(refusal) = &extension.refusal {
                            " " span lang="en" { (refusal) }
                        }
                    }
                }
            }
        }
    }
}

/// The tasks of an array that Slurm has told of.
pub(super) fn tasks(l: Language, attempt: &AttemptView, number: usize) -> Markup {
    let head = [
        figures(l, text::TASK),
        figures(l, shared::SLURM_JOB_ID),
        words(l, shared::STATE),
        words(l, text::RUN_STARTED),
        words(l, text::RUN_ENDED),
    ];
    let caption = format!("tasks-{number}");
    html! {
        @if !attempt.life.tasks.is_empty() {
            h3 { (l.say(text::TASKS)) }
            (part::table(&caption, l.say(text::TASKS_SEEN), &head, html! {
                tbody { @for task in &attempt.life.tasks { tr {
                    th.n scope="row" { (task.task_no) }
                    td.n { (task.slurm_job_id) }
                    td { (task.slurm_state) }
                    td { @if let Some(at) = task.started_at { (moment::at_second(at)) } }
                    td { @if let Some(at) = task.ended_at { (moment::at_second(at)) } }
                } } }
            }))
        }
    }
}
