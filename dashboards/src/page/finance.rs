//! `/finance?month=2027-03`: what every agency owes, made to be printed as well as read.

use crate::text::Say as _;
use maud::{Markup, html};
use record::Month;

use super::{
    frame::{Frame, Page, Section, document},
    part::{self, KeyFigure, Tone, badge, figures, words},
};
use crate::{
    Language, figure, moment,
    read::finance::{AgencyBill, ChargeLine, FinanceView},
    text::{finance as text, frame as shared},
};

/// Draws the finance page; its form asks for another month with `GET /finance?month=`.
pub fn render(view: &FinanceView, frame: &Frame) -> Markup {
    let l = frame.language;
    let month = view.month.to_string();
    let title = l.fill(text::TITLE, &[("month", &month)]);
    let body = html! {
        h1 {
            (title) " "
            @if view.provisional { (badge(Tone::Warn, l.say(text::PROVISIONAL))) }
        }
        p.lead { (l.say(text::LEAD)) }
        (months(l, view.month))
        @if view.provisional { p.notice { (l.say(text::PROVISIONAL_WHY)) } }
        @if view.agencies.is_empty() {
            p { (l.say(text::NOTHING)) }
        } @else {
            (summary(l, view))
            @for (place, bill) in view.agencies.iter().enumerate() { (agency(l, bill, place)) }
        }
    };
    document(frame, &Page { title: &title, section: Section::Finance, trail: &[], body })
}

/// The month before, the month after, and any other.
fn months(l: Language, month: Month) -> Markup {
    let step = |name, month: Option<Month>| {
        html! { @if let Some(month) = month {
            a href={ "/finance?month=" (month) } { (l.say(name)) span.note { (month) } }
        } }
    };
    html! {
        form.months method="get" action="/finance" {
            (step(text::PREVIOUS, previous(month)))
            div.field {
                label for="month" { (l.say(text::MONTH)) span.hint { (l.say(text::MONTH_HINT)) } }
                input #month name="month" type="month" value=(month) required
                    pattern="[0-9]{4}-[0-9]{2}";
            }
            button type="submit" { (l.say(text::SHOW)) }
            (step(text::NEXT, Some(month.next())))
        }
    }
}

fn previous(month: Month) -> Option<Month> {
    month.first_day().checked_sub_months(chrono::Months::new(1)).and_then(Month::starting)
}

fn summary(l: Language, view: &FinanceView) -> Markup {
    let runs: i64 =
        view.agencies.iter().flat_map(|bill| &bill.lines).map(|line| line.run_count).sum();
    part::key_figures(&[
        KeyFigure {
            label: l.say(text::TOTAL_ALL),
            value: figure::kronor_from_ore(view.total_ore(), l),
            note: l.say(text::WITHOUT_VAT).to_owned(),
        },
        KeyFigure {
            label: l.say(text::AGENCIES),
            value: view.agencies.len().to_string(),
            note: String::new(),
        },
        KeyFigure {
            label: l.say(text::JOBS_CHARGED),
            value: figure::whole(runs),
            note: String::new(),
        },
    ])
}

fn agency(l: Language, bill: &AgencyBill, place: usize) -> Markup {
    let heading = format!("agency-{place}");
    html! {
        section.bill aria-labelledby=(heading) {
            h2 id=(heading) { (bill.name) }
            dl.facts {
                div {
                    dt { (l.say(text::ORGANISATION_NUMBER)) }
                    dd { (figure::organisation_number(&bill.organisation_number)) }
                }
                div {
                    dt { (l.say(text::DRAFT)) }
                    dd { strong { (figure::kronor_from_ore(bill.total_ore, l)) } " " (l.say(text::WITHOUT_VAT)) }
                }
            }
            h3 { (l.say(text::DRAFT)) }
            (draft(l, bill, place))
            p.quiet { (l.say(text::ROUNDING_MEANING)) }
            h3 { (l.say(text::CHARGES)) }
            (charges(l, bill, place))
        }
    }
}

fn draft(l: Language, bill: &AgencyBill, place: usize) -> Markup {
    let head = [
        words(l, shared::PROJECT),
        words(l, shared::CLASS),
        words(l, shared::PARTITION),
        words(l, text::CARD),
        figures(l, text::RUNS),
        figures(l, shared::GPU_SECONDS),
        figures(l, shared::GPU_HOURS),
        figures(l, text::PRICE),
        figures(l, text::FACTOR),
        figures(l, shared::AMOUNT),
    ];
    part::table(
        &format!("draft-{place}"),
        l.say(text::DRAFT),
        &head,
        html! {
            tbody { @for line in &bill.lines { tr {
                th scope="row" { (part::project_link(&line.project)) }
                td { (line.class) }
                td { (line.partition) }
                td { (line.rate_card_name) }
                td.n { (figure::whole(line.run_count)) }
                td.n { (figure::whole(line.gpu_seconds.get())) }
                td.n { (figure::gpu_hours(line.gpu_seconds, l)) }
                td.n { (figure::kronor_exact(line.price_usek_per_gpu_hour, l)) }
                td.n { (figure::factor(line.factor_ppm, l)) }
                td.n { (figure::kronor_from_ore(line.ore, l)) }
            } } }
            tfoot {
                (total_row(l.say(shared::TOTAL), &figure::kronor_from_ore(bill.total_ore, l), 9))
                (total_row(l.say(text::ROUNDING), &figure::kronor_signed(bill.rounding_usek, l), 9))
            }
        },
    )
}

fn charges(l: Language, bill: &AgencyBill, place: usize) -> Markup {
    let head = [
        words(l, text::ENDED),
        words(l, shared::PROJECT),
        words(l, shared::JOB),
        figures(l, shared::SLURM_JOB_ID),
        words(l, shared::STATE),
        figures(l, shared::GPUS),
        figures(l, shared::GPU_SECONDS),
        figures(l, shared::GPU_HOURS),
        figures(l, text::LEDGER_AMOUNT),
    ];
    part::table(
        &format!("charges-{place}"),
        l.say(text::CHARGES),
        &head,
        html! {
            tbody { @for charge in &bill.charges { (charge_row(l, charge)) } }
            tfoot {
                (total_row(l.say(text::LEDGER_TOTAL), &figure::kronor_exact(bill.ledger_total(), l), 8))
            }
        },
    )
}

/// One charge. The job's own name is not here: it may say what the data are about.
fn charge_row(l: Language, charge: &ChargeLine) -> Markup {
    html! {
        tr {
            th scope="row" { (moment::at_minute(charge.ended_at)) }
            td { (part::project_link(&charge.project)) }
            td {
                @match charge.job_plan_id {
                    Some(id) => { a href={ "/jobs/" (id) } { (part::short_id(id)) } },
                    None => { span.quiet { (l.say(text::UNPLANNED)) } },
                }
            }
            td.n { (charge.slurm_job_id) }
            td { (charge.state) }
            td.n { (charge.gpu_count) }
            td.n { (figure::whole(charge.gpu_seconds.get())) }
            td.n { (figure::gpu_hours_fine(charge.gpu_seconds, l)) }
            td.n { (figure::kronor_exact(charge.usek, l)) }
        }
    }
}

fn total_row(name: &str, amount: &str, columns_before: usize) -> Markup {
    html! {
        tr {
            th scope="row" colspan=(columns_before) { (name) }
            td.n { (amount) }
        }
    }
}
