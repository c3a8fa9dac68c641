//! Small pieces that several pages share: badges, key figures, tables that may be scrolled.

use crate::text::Say as _;
use maud::{Markup, html};
use record::{GpuSeconds, MicroSek};
use uuid::Uuid;

use crate::{
    Language,
    chart::{self, Kind},
    figure, moment,
    read::{AgencyRef, FundRef, JobLine, JobRef, PersonRef, ProjectRef, project::LinkLine},
    text::{Text, frame as text, project as project_text, word},
};

/// How loud a badge is. The word in it says the same without the colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing to do.
    Plain,
    /// As it should be.
    Good,
    /// Look at this.
    Warn,
    /// Something is wrong.
    Bad,
}

impl Tone {
    const fn class(self) -> &'static str {
        match self {
            Self::Plain => "badge",
            Self::Good => "badge good",
            Self::Warn => "badge warn",
            Self::Bad => "badge bad",
        }
    }
}

/// A word in a frame.
pub(crate) fn badge(tone: Tone, word: &str) -> Markup {
    html! { span class=(tone.class()) { (word) } }
}

/// Confidential or open data.
pub(crate) fn data_class(l: Language, project: &ProjectRef) -> Markup {
    if project.confidential {
        badge(Tone::Warn, l.say(text::CONFIDENTIAL))
    } else {
        badge(Tone::Plain, l.say(text::OPEN))
    }
}

/// The badges of an attempt: where it stands with us and, once it is over, how Slurm ended it.
pub(crate) fn attempt_state(l: Language, state: &str, slurm_state: Option<&str>) -> Markup {
    let tone = match state {
        "refused" => Tone::Bad,
        "cancelled" => Tone::Warn,
        _ => Tone::Plain,
    };
    let ended = slurm_state.filter(|_| matches!(state, "ended" | "settled"));
    html! {
        @if let Some(word) = ended {
            (badge(if word == "COMPLETED" { Tone::Good } else { Tone::Bad }, word)) " "
        }
        (badge(tone, l.word(word::ATTEMPT, state)))
    }
}

/// A person by name, or by what is left of the id when the name has been erased.
pub(crate) fn person(l: Language, person: &PersonRef) -> Markup {
    html! {
        @match &person.name {
            Some(name) => { (name) },
            None => { span.quiet { (l.say(text::NAME_ERASED)) } " " (short_id(person.person_id)) },
        }
    }
}

/// The end of an id, which differs between ids made close together; the whole of it on hover.
pub(crate) fn short_id(id: Uuid) -> Markup {
    let text = id.to_string();
    let tail = text.get(text.len() - 12..).unwrap_or(&text).to_owned();
    html! { code title=(text) { "…" (tail) } }
}

/// A link to the project's page.
pub(crate) fn project_link(project: &ProjectRef) -> Markup {
    html! { a href={ "/projects/" (project.project_id) } { (project.slug) } }
}

/// A link to the fund's page.
pub(crate) fn fund_link(fund: &FundRef) -> Markup {
    html! { a href={ "/funds/" (fund.fund_id) } { (fund.name) } }
}

/// A link to the agency's page.
pub(crate) fn agency_link(agency: &AgencyRef) -> Markup {
    html! { a href={ "/agencies/" (agency.agency_id) } { (agency.name) } }
}

/// A link to the job's page, by its number in Slurm.
pub(crate) fn job_link(job: JobRef) -> Markup {
    html! { a href={ "/jobs/" (job.job_plan_id) } { (job.slurm_job_id) } }
}

/// GPU-hours with their unit.
pub(crate) fn hours(l: Language, amount: GpuSeconds) -> String {
    format!("{}\u{a0}{}", figure::gpu_hours(amount, l), l.say(text::GPU_HOURS))
}

/// GPU-hours of one job with their unit, to a third of a second.
pub(crate) fn hours_fine(l: Language, amount: GpuSeconds) -> String {
    format!("{}\u{a0}{}", figure::gpu_hours_fine(amount, l), l.say(text::GPU_HOURS))
}

/// One of the large figures at the top of a page.
pub(crate) struct KeyFigure {
    /// What it is.
    pub(crate) label: &'static str,
    /// The figure.
    pub(crate) value: String,
    /// A second line: the same in another unit, or why it is not known.
    pub(crate) note: String,
}

/// The large figures, as a list of terms.
pub(crate) fn key_figures(figures: &[KeyFigure]) -> Markup {
    html! {
        dl.figures {
            @for key in figures {
                div {
                    dt { (key.label) }
                    dd { span.value { (key.value) } @if !key.note.is_empty() { span.note { (key.note) } } }
                }
            }
        }
    }
}

/// A table that scrolls inside its frame on a narrow screen, by keyboard too.
///
/// `id` names the caption, which names the scrolling region for people who do not see it.
pub(crate) fn table(id: &str, caption: &str, head: &[Column], body: Markup) -> Markup {
    html! {
        div.scroll role="region" aria-labelledby=(id) tabindex="0" {
            table {
                caption id=(id) { (caption) }
                thead { tr { @for column in head {
                    th scope="col" class=[column.figure.then_some("n")] {
                        @if let Some(kind) = column.kind { (chart::swatch(kind)) }
                        (column.name)
                    }
                } } }
                (body)
            }
        }
    }
}

/// One column of a table.
pub(crate) struct Column {
    name: &'static str,
    figure: bool,
    kind: Option<Kind>,
}

/// A column of words.
pub(crate) fn words(l: Language, name: Text) -> Column {
    Column { name: l.say(name), figure: false, kind: None }
}

/// A column of figures, set to the right.
pub(crate) fn figures(l: Language, name: Text) -> Column {
    Column { name: l.say(name), figure: true, kind: None }
}

/// A column of figures that are drawn as `kind` in the bars of the same row.
pub(crate) fn drawn(l: Language, name: Text, kind: Kind) -> Column {
    Column { name: l.say(name), figure: true, kind: Some(kind) }
}

/// Kronor with öre.
pub(crate) fn kronor(l: Language, amount: MicroSek) -> String {
    figure::kronor(amount, l)
}

/// A list of jobs; `with_project` names each job's project instead of its person.
pub(crate) fn job_table(
    l: Language,
    id: &str,
    caption: &str,
    jobs: &[JobLine],
    with_project: bool,
) -> Markup {
    let head = [
        words(l, text::JOB),
        words(l, if with_project { text::PROJECT } else { text::PERSON }),
        words(l, text::STATE),
        figures(l, text::SLURM_JOB_ID),
        figures(l, text::GPUS),
        words(l, project_text::PLANNED),
        figures(l, text::GPU_HOURS),
        figures(l, project_text::CHARGED),
    ];
    let rows = html! {
        tbody { @for job in jobs { tr {
            th scope="row" { a href={ "/jobs/" (job.job_plan_id) } {
                @match &job.name { Some(name) => { (name) }, None => { (short_id(job.job_plan_id)) } }
            } }
            td { @if with_project { (project_link(&job.project)) } @else { (person(l, &job.person)) } }
            td { @if let Some(state) = &job.state { (attempt_state(l, state, job.slurm_state.as_deref())) } }
            td.n { @if let Some(id) = job.slurm_job_id { (id) } }
            td.n { (job.gpu_count) }
            td { (moment::at_minute(job.planned_at)) }
            @if job.over {
                td.n { (figure::gpu_hours_fine(job.charged, l)) }
                td.n { (kronor(l, job.charged_usek)) }
            } @else {
                td.n.quiet colspan="2" { (l.say(project_text::NOT_CHARGED_YET)) }
            }
        } } }
    };
    table(id, caption, &head, rows)
}

/// A list of staging links.
pub(crate) fn link_table(l: Language, id: &str, caption: &str, links: &[LinkLine]) -> Markup {
    let head = [
        words(l, project_text::DATASET),
        words(l, project_text::ENVIRONMENT),
        words(l, text::STATE),
        words(l, text::SINCE),
        figures(l, project_text::FILES),
        figures(l, project_text::SIZE),
        words(l, project_text::LINK),
    ];
    let rows = html! {
        tbody { @for link in links { tr {
            th scope="row" { (link.dataset) }
            td { (link.environment_name) }
            td { (link_state(l, &link.state)) @if let Some(code) = &link.code { " " code { (code) } } }
            td { (moment::at_minute(link.state_at)) }
            td.n { @if let Some(count) = link.file_count { (figure::whole(count)) } }
            td.n { @if let Some(size) = link.size_bytes { (figure::bytes(size, l)) } }
            td { (short_id(link.link_id)) }
        } } }
    };
    table(id, caption, &head, rows)
}

fn link_state(l: Language, state: &str) -> Markup {
    let tone = match state {
        "verified" => Tone::Good,
        "quarantined" | "failed" | "revoked" => Tone::Bad,
        _ => Tone::Plain,
    };
    badge(tone, l.word(word::LINK, state))
}
