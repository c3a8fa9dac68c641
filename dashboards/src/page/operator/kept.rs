//! What the broker keeps in Slurm, and where to see what Slurm really has.

use crate::text::Say as _;
use maud::{Markup, html};

use super::super::part::{self, figures, words};
use crate::{
    Language, figure, moment,
    read::operator::KeptLine,
    text::{frame as shared, operator as text, word},
};

/// Draws the objects by kind.
pub(super) fn render(l: Language, kept: &[KeptLine]) -> Markup {
    let head = [
        words(l, text::OBJECTS),
        words(l, shared::CLUSTER),
        figures(l, text::WRITTEN),
        figures(l, text::UNDER_WAY),
        words(l, text::LAST_WRITTEN),
    ];
    html! {
        section aria-labelledby="kept" {
            h2 #kept { (l.say(text::KEPT)) }
            p.quiet { (l.say(text::KEPT_LEAD)) }
            @if kept.is_empty() {
                p { (l.say(text::NOTHING_KEPT)) }
            } @else {
                (part::table("kept-caption", l.say(text::KEPT), &head, html! {
                    tbody { @for line in kept { tr {
                        th scope="row" { (l.word(word::SLURM_OBJECT, &line.kind)) }
                        td { (line.cluster) }
                        td.n { (figure::whole(line.written)) }
                        td.n { (figure::whole(line.under_way)) }
                        td { (moment::at_second(line.changed_at)) }
                    } } }
                }))
            }
            p.quiet {
                (l.say(text::DRIFT_IS_LIVE)) " " code { "mimer cluster diff" } ". "
                (l.say(text::DRIFT_IS_MENDED)) " " code { "mimer cluster apply" } "."
            }
        }
    }
}
