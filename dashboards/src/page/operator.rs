//! `/operator`: the pools in figures and bars, and everything that needs somebody.

use crate::text::Say as _;
use maud::{Markup, html};

use super::{
    frame::{Frame, Page, Section, document},
    part::{self, KeyFigure, figures, words},
};
use crate::{
    Language, figure, moment,
    read::operator::{ChainView, DeadLetter, JobCount, OperatorView, SettingFault, SettingsCheck},
    text::{frame as shared, operator as text, word},
};

mod crises;
mod exceptions;
mod kept;
mod pool;
mod share;

/// Draws the operator's page.
pub fn render(view: &OperatorView, frame: &Frame) -> Markup {
    let l = frame.language;
    let body = html! {
        h1 { (l.say(text::TITLE)) }
        p.lead { (l.say(text::LEAD)) }
        p.quiet { (l.say(text::AS_OF)) " " (moment::at_second(view.now)) }
        (exceptions::alarm(l, &view.exceptions))
        (attention(l, view))
        section aria-labelledby="pools" {
            h2 #pools { (l.say(text::POOLS)) }
            @if view.pools.is_empty() { p.quiet { (l.say(text::NO_POOLS)) } }
            @for (place, pool) in view.pools.iter().enumerate() { (pool::render(l, pool, place)) }
        }
        (jobs_now(l, &view.jobs_now))
        (crises::render(l, &view.crises))
        (exceptions::render(l, &view.exceptions))
        (kept::render(l, &view.kept))
        (settings(l, &view.settings))
        (dead_letters(l, &view.dead_letters))
        (chain(l, &view.chain))
    };
    let title = l.say(text::TITLE);
    document(frame, &Page { title, section: Section::Operator, trail: &[], body })
}

/// What needs the operator, at the top, each line leading to its part of the page.
fn attention(l: Language, view: &OperatorView) -> Markup {
    let counted = |text, count: usize| l.fill(text, &[("count", &count.to_string())]);
    let mut lines: Vec<(&str, String)> = Vec::new();
    lines.extend(crises::attention(l, &view.crises).into_iter().map(|line| ("#crises", line)));
    for (cluster, check) in &view.settings {
        let line = match check {
            SettingsCheck::NotChecked(_) => l.say(text::ATTENTION_NOT_CHECKED).to_owned(),
            SettingsCheck::Checked(faults) if faults.is_empty() => continue,
            SettingsCheck::Checked(faults) => counted(text::ATTENTION_SETTINGS, faults.len()),
        };
        let line = if view.settings.len() > 1 { format!("{cluster}: {line}") } else { line };
        lines.push(("#settings", line));
    }
    if !view.exceptions.is_empty() {
        lines.push(("#exceptions", counted(text::ATTENTION_EXCEPTIONS, view.exceptions.len())));
    }
    if !view.dead_letters.is_empty() {
        lines.push(("#letters", counted(text::ATTENTION_LETTERS, view.dead_letters.len())));
    }
    let class = if lines.is_empty() { "notice good" } else { "notice warn" };
    html! {
        section class=(class) aria-labelledby="attention" {
            h2 #attention { (l.say(text::ATTENTION)) }
            @if lines.is_empty() {
                p { (l.say(text::ALL_WELL)) }
            } @else {
                ul { @for (place, line) in lines { li { a href=(place) { (line) } } } }
            }
        }
    }
}

fn jobs_now(l: Language, counts: &[JobCount]) -> Markup {
    let head = [words(l, shared::STATE), figures(l, text::JOB_COUNT), figures(l, shared::GPUS)];
    html! {
        section aria-labelledby="jobs-now" {
            h2 #jobs-now { (l.say(text::JOBS_NOW)) }
            @if counts.is_empty() {
                p.quiet { (l.say(text::NO_JOBS_NOW)) }
            } @else {
                (part::table("jobs-now-caption", l.say(text::JOBS_NOW), &head, html! {
                    tbody { @for line in counts { tr {
                        th scope="row" { (l.word(word::ATTEMPT, &line.state)) }
                        td.n { (figure::whole(line.count)) }
                        td.n { (figure::whole(line.gpu_count)) }
                    } } }
                }))
            }
        }
    }
}

/// What each cluster's settings are; its name stands above where there are several.
fn settings(l: Language, clusters: &[(String, SettingsCheck)]) -> Markup {
    html! {
        section aria-labelledby="settings" {
            h2 #settings { (l.say(text::SETTINGS)) }
            @for (place, (cluster, check)) in clusters.iter().enumerate() {
                @if clusters.len() > 1 { h3 { (cluster) } }
                @match check {
                    SettingsCheck::NotChecked(reason) => {
                        p { (l.fill(text::SETTINGS_NOT_CHECKED, &[("reason", reason)])) }
                    },
                    SettingsCheck::Checked(faults) if faults.is_empty() => {
                        p.quiet { (l.say(text::SETTINGS_GOOD)) }
                    },
                    SettingsCheck::Checked(faults) => { (fault_table(l, faults, place)) },
                }
            }
        }
    }
}

fn fault_table(l: Language, faults: &[SettingFault], place: usize) -> Markup {
    let head = [
        words(l, text::SETTING),
        words(l, text::EXPECTED),
        words(l, text::ACTUAL),
        words(l, text::FEATURE),
        words(l, text::WHAT_TO_DO),
    ];
    let caption = match place {
        0 => "settings-caption".to_owned(),
        _ => format!("settings-caption-{place}"),
    };
    part::table(
        &caption,
        l.say(text::SETTINGS),
        &head,
        html! {
            tbody { @for fault in faults { tr lang="en" {
                th scope="row" { code { (fault.setting) } }
                td.text { (list(&fault.expected)) }
                td.text { (list(&fault.actual)) }
                td.text { (fault.feature) }
                td.text { (fault.sentence) }
            } } }
        },
    )
}

/// A value of slurm.conf, which may be broken after a comma and nowhere else.
fn list(value: &str) -> Markup {
    html! {
        code {
            @for (place, word) in value.split(',').enumerate() {
                @if place > 0 { "," wbr; }
                (word)
            }
        }
    }
}

fn dead_letters(l: Language, letters: &[DeadLetter]) -> Markup {
    let head = [
        words(l, text::EFFECT),
        figures(l, text::TRIES),
        words(l, text::LAST_ERROR),
        words(l, text::GAVE_UP),
    ];
    html! {
        section aria-labelledby="letters" {
            h2 #letters { (l.say(text::LETTERS)) }
            @if letters.is_empty() {
                p.quiet { (l.say(text::NO_LETTERS)) }
            } @else {
                (part::table("letters-caption", l.say(text::LETTERS), &head, html! {
                    tbody { @for letter in letters { tr {
                        th scope="row" { code { (letter.kind) } " " (part::short_id(letter.outbox_id)) }
                        td.n { (letter.tries) }
                        td.text lang="en" { @if let Some(error) = &letter.last_error { (error) } }
                        td { (moment::at_minute(letter.gave_up_at)) }
                    } } }
                }))
            }
        }
    }
}

fn chain(l: Language, chain: &ChainView) -> Markup {
    let head = [words(l, text::TABLE), figures(l, text::ROWS)];
    let sealed = chain.last_sealed_at.map_or_else(|| l.say(text::NEVER).to_owned(), moment::second);
    html! {
        section aria-labelledby="chain" {
            h2 #chain { (l.say(text::CHAIN)) }
            (part::key_figures(&[
                KeyFigure {
                    label: l.say(text::SEALS),
                    value: figure::whole(chain.seal_count),
                    note: l.fill(text::LAST_SEALED, &[("at", &sealed)]),
                },
                KeyFigure {
                    label: l.say(text::TAIL),
                    value: figure::whole(chain.unsealed_count()),
                    note: String::new(),
                },
            ]))
            @if !chain.unsealed.is_empty() {
                (part::table("tail-caption", l.say(text::TAIL), &head, html! {
                    tbody { @for (table, count) in &chain.unsealed { tr {
                        th scope="row" { code { (table) } }
                        td.n { (figure::whole(*count)) }
                    } } }
                }))
            }
            p.quiet { (l.say(text::VERIFY_HINT)) }
        }
    }
}
