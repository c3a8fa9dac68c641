//! What somebody has to look at, and the alarm over jobs that nobody planned.

use crate::text::Say as _;
use maud::{Markup, html};

use super::super::part::{self, words};
use crate::{
    Language, moment,
    read::{
        JobRef,
        operator::{Exception, ExceptionLine, METERED_DAYS, Place},
    },
    text::{frame as shared, operator as text, word},
};

/// The alarm: somebody ran past the broker.
pub(super) fn alarm(l: Language, exceptions: &[ExceptionLine]) -> Markup {
    let unplanned = |line: &&ExceptionLine| matches!(line.exception, Exception::Unplanned { .. });
    let count = exceptions.iter().filter(unplanned).count();
    html! {
        @if count > 0 {
            section.notice.bad role="alert" aria-labelledby="alarm" {
                h2 #alarm { (l.fill(text::ALARM, &[("count", &count.to_string())])) }
                p { a href="#exceptions" { (l.say(text::ALARM_WHY)) } }
            }
        }
    }
}

/// Draws the exceptions that are open.
pub(super) fn render(l: Language, exceptions: &[ExceptionLine]) -> Markup {
    let head = [
        words(l, shared::JOB),
        words(l, text::EXCEPTION),
        words(l, shared::REASON),
        words(l, shared::SINCE),
    ];
    html! {
        section aria-labelledby="exceptions" {
            h2 #exceptions { (l.say(text::EXCEPTIONS)) }
            p.quiet { (l.fill(text::EXCEPTIONS_LEAD, &[("days", &METERED_DAYS.to_string())])) }
            @if exceptions.is_empty() {
                p { (l.say(text::NO_EXCEPTIONS)) }
            } @else {
                (part::table("exceptions-caption", l.say(text::EXCEPTIONS), &head, html! {
                    tbody { @for line in exceptions { tr {
                        th scope="row" {
                            @match line.job_plan_id {
                                Some(job_plan_id) => {
                                    (part::job_link(JobRef { job_plan_id, slurm_job_id: line.slurm_job_id }))
                                },
                                None => { (line.slurm_job_id) },
                            }
                            span.note { (line.cluster) }
                        }
                        (cells(l, &line.exception))
                        td { (moment::at_minute(line.since)) }
                    } } }
                }))
            }
        }
    }
}

/// The two cells that say what happened.
fn cells(l: Language, exception: &Exception) -> Markup {
    html! {
        @match exception {
            Exception::Unplanned { exception_id, kind, place, gpu_seconds } => {
                td { (part::badge(part::Tone::Bad, l.word(word::EXCEPTION, kind))) }
                td.text {
                    (where_it_ran(l, place)) " "
                    @match gpu_seconds {
                        Some(taken) => {
                            (l.fill(text::UNPLANNED_TOOK, &[("hours", &part::hours_fine(l, *taken))]))
                            " " code { "mimer exception close " (exception_id) }
                        },
                        None => { (l.say(text::UNPLANNED_STILL_THERE)) },
                    }
                }
            },
            Exception::OfAttempt { exception_id, kind } => {
                td { (part::badge(part::Tone::Warn, l.word(word::EXCEPTION, kind))) }
                td.text {
                    (why(l, kind)) " " (l.say(text::CLOSE_IT)) " "
                    code { "mimer exception close " (exception_id) }
                }
            },
            Exception::Overrun { gpu_seconds, usek } => {
                td { (l.say(text::OVERRUN)) }
                td.text {
                    (l.fill(text::OVERRUN_WHY, &[
                        ("hours", &part::hours_fine(l, *gpu_seconds)),
                        ("amount", &part::kronor(l, *usek)),
                    ]))
                }
            },
            Exception::Refused { why } => {
                td { (l.say(text::REFUSED)) }
                td.text {
                    (l.say(text::REFUSED_WHY))
                    @if let Some(why) = why { " " span lang="en" { (why) } }
                }
            },
        }
    }
}

/// What a kind of exception means, and what to do about it.
fn why(l: Language, kind: &str) -> &'static str {
    match kind {
        "second_start" => l.say(text::SECOND_START_WHY),
        "runaway_record" => l.say(text::RUNAWAY_RECORD_WHY),
        "lost_job" => l.say(text::LOST_JOB_WHY),
        "edited_record" => l.say(text::EDITED_RECORD_WHY),
        _ => "",
    }
}

fn where_it_ran(l: Language, place: &Place) -> String {
    let known = |word: &Option<String>| word.clone().unwrap_or_else(|| "–".to_owned());
    l.fill(
        text::UNPLANNED_WHERE,
        &[
            ("uid", &known(&place.uid)),
            ("account", &known(&place.account)),
            ("partition", &known(&place.partition)),
        ],
    )
}
