//! How Slurm keeps one pool, in words, and what single agencies may have of it.

use crate::text::Say as _;
use maud::{Markup, html};

use super::super::part::{self, Tone, badge, drawn, figures, words};
use crate::{
    Language,
    chart::{self, Kind},
    figure, moment,
    read::operator::{AgencyShareLine, PoolLine, ShareMode},
    text::{frame as shared, operator as text, word},
};

/// The mode, what Slurm keeps, and what that means for everybody else.
pub(super) fn render(l: Language, pool: &PoolLine) -> Markup {
    let mode = &pool.share.mode;
    let tone = if *mode == ShareMode::None { Tone::Warn } else { Tone::Good };
    html! {
        div.keep {
            p {
                strong { (l.say(text::SHARE)) ": " }
                (badge(tone, l.word(word::SHARE, mode.code()))) " "
                (sentence(l, mode))
                @if let Some(at) = pool.share.set_at {
                    span.note { (l.say(text::SHARE_SET)) " " (moment::at_minute(at)) }
                }
            }
            @if let ShareMode::SetAside { written_at, reservation, .. } = mode {
                p {
                    @match written_at {
                        Some(at) => {
                            (l.say(text::RESERVATION_WRITTEN)) " " (moment::at_second(*at)) ": "
                        },
                        None => { (badge(Tone::Warn, l.say(text::RESERVATION_MISSING))) " " },
                    }
                    code { (reservation) }
                }
                p.notice.warn { (l.say(text::WHOLE_NODES)) }
            }
        }
    }
}

fn sentence(l: Language, mode: &ShareMode) -> String {
    let count = |gpus: i64| figure::whole(gpus);
    match mode {
        ShareMode::None => l.say(text::NONE_KEEPS).to_owned(),
        ShareMode::SetAside { nodes, .. } => {
            l.fill(text::SET_ASIDE_KEEPS, &[("nodes", &nodes.join(", "))])
        }
        ShareMode::Guaranteed { gpus } => {
            l.fill(text::GUARANTEED_KEEPS, &[("count", &count(*gpus))])
        }
        ShareMode::Capped { gpus } => l.fill(text::CAPPED_KEEPS, &[("count", &count(*gpus))]),
    }
}

/// What single agencies may have of the pool; `place` tells the pools of one page apart.
pub(super) fn agencies(l: Language, pool: &PoolLine, (caption, place): (&str, usize)) -> Markup {
    let head = [
        words(l, shared::AGENCY),
        figures(l, text::AT_MOST),
        drawn(l, shared::GRANTED, Kind::Granted),
        words(l, shared::BAR),
    ];
    let full = pool.agency_shares.iter().map(|line| line.share.get()).max().unwrap_or_default();
    let name = format!("{}: {caption}", l.say(text::AGENCY_SHARES));
    html! {
        @if pool.agency_shares.is_empty() {
            p.quiet { (l.say(text::NO_AGENCY_SHARES)) }
        } @else {
            h4 { (l.say(text::AGENCY_SHARES)) }
            (part::table(&format!("agencies-{place}-caption"), &name, &head, html! {
                tbody { @for line in &pool.agency_shares { (row(l, line, full)) } }
            }))
        }
    }
}

fn row(l: Language, line: &AgencyShareLine, full: i64) -> Markup {
    let left = line.share.get().saturating_sub(line.granted.get());
    html! {
        tr {
            th scope="row" { (part::agency_link(&line.agency)) }
            td.n { (part::hours(l, line.share)) }
            td.n {
                (part::hours(l, line.granted))
                span.note { (figure::percent(line.granted.get(), line.share.get(), l).unwrap_or_default()) }
            }
            td.bars { (chart::bar(&[(Kind::Granted, line.granted.get()), (Kind::Free, left)], full)) }
        }
    }
}
