//! Crises, active and past, each leading to its report.

use crate::text::Say as _;
use maud::{Markup, html};

use super::super::{
    crisis,
    part::{self, words},
};
use crate::{
    Language, moment,
    read::crisis::{CrisisLine, Stage},
    text::{crisis as text, frame as shared},
};

/// What the operator must know of at once.
pub(super) fn attention(l: Language, crises: &[CrisisLine]) -> Vec<String> {
    [(Stage::Active, text::ATTENTION_ACTIVE), (Stage::Proposed, text::ATTENTION_PROPOSED)]
        .into_iter()
        .filter_map(|(stage, sentence)| {
            let count = crises.iter().filter(|line| line.stage == stage).count();
            (count > 0).then(|| l.fill(sentence, &[("count", &count.to_string())]))
        })
        .collect()
}

/// Draws the latest crises.
pub(super) fn render(l: Language, crises: &[CrisisLine]) -> Markup {
    let head = [
        words(l, text::CRISIS),
        words(l, shared::STATE),
        words(l, text::PROJECTS_FIRST),
        words(l, text::PROPOSED_BY),
        words(l, text::CONFIRMED_BY),
        words(l, text::ENDS),
    ];
    html! {
        section aria-labelledby="crises" {
            h2 #crises { (l.say(text::CRISES)) }
            @if crises.is_empty() {
                p.quiet { (l.say(text::NO_CRISES)) }
            } @else {
                (part::table("crises-caption", l.say(text::CRISES), &head, html! {
                    tbody { @for line in crises { tr {
                        th scope="row" {
                            a href={ "/crises/" (line.crisis_id) } { (moment::at_minute(line.proposed_at)) }
                        }
                        td { (crisis::stage(l, line.stage)) }
                        td.text { (crisis::projects(line)) }
                        td { (part::person(l, &line.proposed_by)) }
                        td {
                            @if let Some(person) = &line.confirmed_by { (part::person(l, person)) }
                        }
                        td { (crisis::end(l, line)) }
                    } } }
                }))
            }
        }
    }
}
