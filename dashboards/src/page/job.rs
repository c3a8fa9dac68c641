//! `/jobs/{job_plan_id}`: one job from plan to charge, with what its GPUs did.
//!
//! For every class of data the page has figures about the job and never a word of what it wrote.

mod life;
mod metered;
mod walk;

use crate::text::Say as _;
use maud::{Markup, html};

use super::{
    frame::{Frame, Page, Section, document},
    part::{self, KeyFigure, Tone, badge, figures, words},
};
use crate::{
    Language, figure, moment,
    read::job::{AttemptView, HoldLine, JobView, RunLine},
    text::{frame as shared, job as text, why as why_text, word},
};

/// Draws the job page.
pub fn render(view: &JobView, frame: &Frame) -> Markup {
    let l = frame.language;
    let title = title(l, view);
    let body = html! {
        h1 {
            (title) " "
            @if let Some(latest) = view.attempts.first() { (part::attempt_state(l, &latest.state, latest.slurm_state.as_deref())) }
            " " (part::data_class(l, &view.project))
        }
        @if view.project.confidential { p.notice { (l.say(text::STAYS_IN_AREA)) } }
        (key_figures(l, view))
        (facts(l, view))
        @if view.attempts.is_empty() {
            p.quiet { (l.say(text::NO_ATTEMPT)) }
            p { a href={ "/jobs/" (view.job_plan_id) "/why" } { (l.say(why_text::TITLE)) } }
        }
        @for (place, attempt) in view.attempts.iter().enumerate() {
            (attempt_section(l, view, attempt, view.attempts.len() - place))
        }
        (links(l, view))
        @if let Some(script) = &view.script {
            section aria-labelledby="script" {
                h2 #script { (l.say(text::SCRIPT)) }
                pre tabindex="0" role="region" aria-labelledby="script" { code { (script) } }
            }
        }
    };
    let trail = [
        ("/".to_owned(), l.say(shared::HOME).to_owned()),
        (format!("/projects/{}", view.project.project_id), view.project.title.clone()),
    ];
    document(frame, &Page { title: &title, section: Section::Home, trail: &trail, body })
}

/// The job's name, or its number in Slurm for those who may not see the name.
fn title(l: Language, view: &JobView) -> String {
    let number = view.attempts.first().map(|attempt| attempt.slurm_job_id.to_string());
    match (&view.name, number) {
        (Some(name), _) => name.clone(),
        (None, Some(number)) => format!("{} {number}", l.say(shared::JOB)),
        (None, None) => l.say(shared::JOB).to_owned(),
    }
}

fn key_figures(l: Language, view: &JobView) -> Markup {
    let (time, money) = view.charged();
    let charged = view.attempts.iter().any(|attempt| !attempt.runs.is_empty());
    let or_not_yet = |value: String| if charged { value } else { l.say(text::NOT_YET).to_owned() };
    let held = view.attempts.iter().find_map(|attempt| attempt.hold.as_ref());
    let mut figures = vec![
        KeyFigure {
            label: l.say(text::GPU_HOURS_CHARGED),
            value: or_not_yet(part::hours_fine(l, time)),
            note: if charged { seconds(l, time.get()) } else { String::new() },
        },
        KeyFigure {
            label: l.say(text::MONEY_CHARGED),
            value: or_not_yet(part::kronor(l, money)),
            note: String::new(),
        },
    ];
    if let Some(hold) = held {
        figures.push(KeyFigure {
            label: l.say(text::GPU_HOURS_HELD),
            value: part::hours_fine(l, hold.gpu_seconds),
            note: part::kronor(l, hold.usek),
        });
    }
    part::key_figures(&figures)
}

fn seconds(l: Language, amount: i64) -> String {
    format!("{}\u{a0}{}", figure::whole(amount), l.say(shared::GPU_SECONDS))
}

fn facts(l: Language, view: &JobView) -> Markup {
    let latest = view.attempts.first();
    html! {
        dl.facts {
            div { dt { (l.say(shared::PROJECT)) } dd { (part::project_link(&view.project)) } }
            div { dt { (l.say(text::PLANNED_BY)) } dd { (part::person(l, &view.person)) } }
            @if let Some(latest) = latest {
                div { dt { (l.say(shared::SLURM_JOB_ID)) } dd { (latest.slurm_job_id) } }
                div { dt { (l.say(shared::CLUSTER)) } dd { (latest.cluster) } }
            }
            div { dt { (l.say(shared::PARTITION)) } dd { (view.partition) } }
            div { dt { (l.say(shared::CLASS)) } dd { (view.class) } }
            div { dt { (l.say(shared::GPUS)) } dd { (view.gpu_count) } }
            div { dt { (l.say(text::WALL_TIME)) } dd { (figure::duration(view.wall_time_s)) } }
            (life::asked(l, view))
            div { dt { (l.say(text::JOB_PLAN)) } dd { code { (view.job_plan_id) } } }
        }
    }
}

fn attempt_section(l: Language, view: &JobView, attempt: &AttemptView, number: usize) -> Markup {
    let heading = format!("attempt-{number}");
    html! {
        section.attempt aria-labelledby=(heading) {
            h2 id=(heading) {
                (l.fill(text::ATTEMPT, &[("number", &number.to_string())]))
                " " (part::attempt_state(l, &attempt.state, attempt.slurm_state.as_deref()))
            }
            (walk::render(l, view, attempt))
            (life::tasks(l, attempt, number))
            h3 { (l.say(text::HOLD)) }
            @match &attempt.hold {
                Some(hold) => { (hold_facts(l, hold)) },
                None => { p.quiet { (l.say(text::NO_HOLD)) } },
            }
            (life::extensions(l, attempt))
            h3 { (l.say(text::CHARGES)) }
            @if attempt.runs.is_empty() {
                p.quiet { (l.say(text::NO_CHARGES)) }
            } @else {
                (runs(l, attempt, number))
            }
            h3 { (l.say(text::METERED)) }
            (metered::render(l, attempt))
        }
    }
}

fn hold_facts(l: Language, hold: &HoldLine) -> Markup {
    html! {
        dl.facts {
            div { dt { (l.say(shared::STATE)) } dd { (l.word(word::HOLD, &hold.state)) } }
            div { dt { (l.say(shared::GPU_HOURS)) } dd { (figure::gpu_hours_fine(hold.gpu_seconds, l)) } }
            div { dt { (l.say(shared::AMOUNT)) } dd { (part::kronor(l, hold.usek)) } }
            @if hold.state == "open" {
                div { dt { (l.say(text::EXPIRES)) } dd { (moment::at_minute(hold.expires_at)) } }
            }
            div { dt { (l.say(text::RATE_CARD)) } dd { (hold.rate_card_name) } }
            div { dt { (l.say(text::PRICE)) } dd { (figure::kronor_exact(hold.price_usek_per_gpu_hour, l)) } }
            div { dt { (l.say(text::FACTOR)) } dd { (figure::factor(hold.factor_ppm, l)) } }
        }
    }
}

fn runs(l: Language, attempt: &AttemptView, number: usize) -> Markup {
    let head = [
        words(l, text::DB_INDEX),
        words(l, shared::STATE),
        words(l, text::RUN_STARTED),
        words(l, text::RUN_ENDED),
        figures(l, shared::GPUS),
        figures(l, shared::GPU_SECONDS),
        figures(l, shared::GPU_HOURS),
        figures(l, text::MONEY_CHARGED),
    ];
    let caption = format!("runs-{number}");
    html! {
        (part::table(&caption, l.say(text::RUNS), &head, html! {
            tbody { @for run in &attempt.runs { tr {
                th scope="row" {
                    (run.db_index.cast_unsigned())
                    @if let Some(task_no) = run.task_no {
                        " · " (l.fill(text::TASK_NO, &[("number", &task_no.to_string())]))
                    }
                }
                td { (run.state) }
                td { (moment::at_second(run.started_at)) }
                td { (moment::at_second(run.ended_at)) }
                td.n { (run.gpu_count) }
                td.n { (figure::whole(run.gpu_seconds.get())) }
                td.n { (figure::gpu_hours_fine(run.charged, l)) }
                td.n { (part::kronor(l, run.charged_usek)) }
            } } }
        }))
        @for run in &attempt.runs { (explained(l, attempt, run)) }
    }
}

/// The sum that led to a run's charge, or why there is none.
fn explained(l: Language, attempt: &AttemptView, run: &RunLine) -> Markup {
    html! {
        @if !run.chargeable {
            p { (badge(Tone::Plain, l.say(text::NOT_CHARGEABLE))) }
        } @else if let Some(hold) = &attempt.hold {
            p.sum {
                (l.fill(text::SUM_EXPLAINED, &[
                    ("seconds", &figure::whole(run.charged.get())),
                    ("price", &figure::kronor_exact(hold.price_usek_per_gpu_hour, l)),
                    ("factor", &figure::factor(hold.factor_ppm, l)),
                    ("amount", &figure::kronor_exact(run.charged_usek, l)),
                ]))
            }
        }
        @if run.cleared.get() > 0 {
            p {
                (l.fill(text::CLEARED, &[
                    ("seconds", &seconds(l, run.cleared.get())),
                    ("amount", &figure::kronor_exact(run.cleared_usek, l)),
                ]))
            }
        }
        @if run.overrun.get() > 0 {
            p { (badge(Tone::Warn, l.say(text::OVERRUN_POSTED))) " " (seconds(l, run.overrun.get())) }
        }
    }
}

fn links(l: Language, view: &JobView) -> Markup {
    html! {
        section aria-labelledby="links" {
            h2 #links { (l.say(text::LINKS)) }
            @if view.links.is_empty() {
                p.quiet { (l.say(text::NO_LINKS)) }
            } @else {
                (part::link_table(l, "links-caption", l.say(text::LINKS), &view.links))
            }
        }
    }
}
