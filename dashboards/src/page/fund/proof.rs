//! The proof: what was granted to whom, and what must be nothing.

use crate::text::Say as _;
use maud::{Markup, html};

use super::super::part::{self, Tone, badge, figures, words};
use crate::{
    Language, figure,
    read::fund::{Charged, FundView, Proof},
    text::{Text, frame as shared, fund as text, word},
};

/// Draws the proof.
pub(super) fn render(l: Language, view: &FundView) -> Markup {
    let proof = &view.proof;
    let (class, tone, verdict) = if proof.is_whole() {
        ("notice good", Tone::Good, text::HOLDS)
    } else {
        ("notice bad", Tone::Bad, text::BROKEN)
    };
    let meaning = match (proof.is_whole(), view.purpose.as_str()) {
        (false, _) => text::BROKEN_MEANING,
        (true, "research") => text::WHOLE_MEANING_OTHER,
        (true, _) => text::WHOLE_MEANING,
    };
    html! {
        section aria-labelledby="proof" {
            h2 #proof { (l.say(text::PROOF)) " " (badge(tone, l.say(verdict))) }
            p class=(class) { (l.say(meaning)) }
            p.quiet { (l.say(text::PROOF_HOW)) }
            (checks(l, proof))
            (granted(l, proof))
            p.quiet {
                (l.say(text::SAME_AT_THE_SHELL)) " " code { "mimer fund proof " (view.fund.fund_id) }
            }
        }
    }
}

fn checks(l: Language, proof: &Proof) -> Markup {
    let head = [words(l, text::CHECK), words(l, text::FOUND), words(l, shared::STATE)];
    html! {
        (part::table("checks-caption", l.say(text::CHECKS), &head, html! {
            tbody {
                (check(l, text::MIXED_GRANTS, proof.mixed_grants(), &figure::whole(proof.mixed_grants())))
                (check(l, text::MOVED_ACROSS, proof.moved_across, &figure::whole(proof.moved_across)))
                (check(l, text::OUTSIDE_PERIOD, proof.outside_period, &figure::whole(proof.outside_period)))
                (check(l, text::CHARGED_MIXED, proof.mixed.count, &charged(l, proof.mixed)))
                (check(l, text::CHARGED_ELSEWHERE, proof.elsewhere.count, &charged(l, proof.elsewhere)))
            }
            tfoot {
                tr {
                    th.text scope="row" { (l.say(text::CHARGED_OWN)) }
                    td colspan="2" { (charged(l, proof.charged)) }
                }
            }
        }))
    }
}

fn check(l: Language, name: Text, count: i64, found: &str) -> Markup {
    let (tone, verdict) = if count == 0 {
        (Tone::Good, text::AS_IT_MUST_BE)
    } else {
        (Tone::Bad, text::MUST_BE_NOTHING)
    };
    html! {
        tr {
            th.text scope="row" { (l.say(name)) }
            td { (found) }
            td { (badge(tone, l.say(verdict))) }
        }
    }
}

fn charged(l: Language, charged: Charged) -> String {
    l.fill(
        text::CHARGE_COUNT,
        &[
            ("count", &figure::whole(charged.count)),
            ("hours", &part::hours_fine(l, charged.gpu_seconds)),
            ("amount", &figure::kronor_exact(charged.usek, l)),
        ],
    )
}

fn granted(l: Language, proof: &Proof) -> Markup {
    let head = [
        words(l, text::GRANTED_TO),
        figures(l, text::GRANTS),
        figures(l, shared::GPU_HOURS),
        figures(l, shared::AMOUNT),
    ];
    html! {
        @if proof.by_category.is_empty() {
            p.quiet { (l.say(text::NOTHING_GRANTED)) }
        } @else {
            (part::table("granted-caption", l.say(text::GRANTED_TO), &head, html! {
                tbody { @for line in &proof.by_category { tr {
                    th scope="row" {
                        (l.word(word::CATEGORY, &line.category))
                        span.note { (l.say(if line.is_own { text::OWN } else { text::NOT_OWN })) }
                    }
                    td.n { (figure::whole(line.grant_count)) }
                    td.n { (figure::gpu_hours(line.gpu_seconds, l)) }
                    td.n { (part::kronor(l, line.usek)) }
                } } }
            }))
        }
    }
}
