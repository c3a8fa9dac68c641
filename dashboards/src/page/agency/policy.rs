//! What the agency has decided to do at which share of its grants, and which steps are reached.

use crate::text::Say as _;
use maud::{Markup, html};
use record::GpuSeconds;

use super::super::part::{self, KeyFigure, Tone, badge, figures, words};
use crate::{
    Language,
    chart::{self, Kind},
    figure, moment,
    read::agency::{AgencyView, PolicyView, Standing},
    text::{Text, agency as text, frame as shared},
};

/// Where use stands of what is granted now, in figures and as a bar.
pub(super) fn standing(l: Language, view: &AgencyView) -> Markup {
    let Standing { used, granted } = view.standing;
    html! {
        section aria-labelledby="standing" {
            h2 #standing { (l.say(text::STANDING)) }
            @if granted == GpuSeconds::ZERO {
                p.quiet { (l.say(text::NOTHING_OPEN)) }
            } @else {
                p.quiet { (l.say(text::STANDING_LEAD)) }
                (part::key_figures(&[
                    KeyFigure {
                        label: l.say(text::OF_GRANTED),
                        value: percent(l, view.standing),
                        note: String::new(),
                    },
                    KeyFigure {
                        label: l.say(shared::USED),
                        value: part::hours(l, used),
                        note: String::new(),
                    },
                    KeyFigure {
                        label: l.say(shared::GRANTED),
                        value: part::hours(l, granted),
                        note: String::new(),
                    },
                ]))
                (chart::bar(&[(Kind::Used, used.get())], granted.get()))
            }
        }
    }
}

/// Use of what is granted, in per cent; may pass a hundred.
pub(super) fn percent(l: Language, standing: Standing) -> String {
    figure::percent(standing.used.get(), standing.granted.get(), l).unwrap_or_default()
}

/// The share of a step: `80 %`.
pub(super) fn share(at_percent: i64) -> String {
    format!("{}\u{a0}%", figure::whole(at_percent))
}

/// Whether an action was done.
pub(super) fn done(l: Language, dry_run: bool) -> Markup {
    if dry_run {
        badge(Tone::Plain, l.say(text::NOT_DONE))
    } else {
        badge(Tone::Warn, l.say(text::DONE))
    }
}

/// Draws the decision that is in force.
pub(super) fn render(l: Language, view: &AgencyView) -> Markup {
    html! {
        section aria-labelledby="policy" {
            h2 #policy {
                (l.say(text::POLICY)) " "
                @if let Some(policy) = view.policy.as_ref().filter(|policy| !policy.steps.is_empty()) {
                    @if policy.dry_run {
                        (badge(Tone::Warn, l.say(text::DRY_RUN)))
                    } @else {
                        (badge(Tone::Good, l.say(text::IN_FORCE)))
                    }
                }
            }
            @match &view.policy {
                None => { p { (l.say(text::NO_POLICY)) } },
                Some(policy) => { (decided(l, policy)) (steps(l, view.standing, policy)) },
            }
        }
    }
}

fn decided(l: Language, policy: &PolicyView) -> Markup {
    html! {
        @if policy.dry_run && !policy.steps.is_empty() { p.notice.warn { (l.say(text::DRY_RUN_WHY)) } }
        dl.facts {
            div { dt { (l.say(text::DECIDED)) } dd { (part::person(l, &policy.decided_by)) } }
            div { dt { (l.say(text::DECIDED_AT)) } dd { (moment::at_minute(policy.decided_at)) } }
            @if let Some(motivation) = &policy.motivation {
                div { dt { (l.say(text::MOTIVATION)) } dd { (motivation) } }
            }
            @if policy.earlier_count > 0 {
                div { dt { (l.say(text::EARLIER)) } dd { (figure::whole(policy.earlier_count)) } }
            }
        }
    }
}

fn steps(l: Language, standing: Standing, policy: &PolicyView) -> Markup {
    let head = [
        words(l, text::AT),
        figures(l, shared::GPU_HOURS),
        words(l, text::ACTION),
        words(l, shared::STATE),
    ];
    html! {
        @if policy.steps.is_empty() {
            p { (l.say(text::EMPTY_POLICY)) }
        } @else {
            (part::table("steps-caption", l.say(text::STEPS), &head, html! {
                tbody { @for step in &policy.steps { tr {
                    th scope="row" { (share(step.at_percent)) }
                    td.n { (figure::gpu_hours(standing.threshold(step), l)) }
                    td.text { (meaning(l, &step.action)) }
                    td {
                        @if !standing.reaches(step) {
                            span.quiet { (l.say(text::NOT_REACHED)) }
                        } @else if policy.dry_run {
                            (badge(Tone::Plain, l.say(text::REACHED))) " " (done(l, true))
                        } @else {
                            (badge(Tone::Warn, l.say(text::REACHED)))
                        }
                    }
                } } }
            }))
        }
    }
}

/// What an action does, as a sentence; a code that is not known here stands as it is.
fn meaning(l: Language, action: &str) -> String {
    let means: Text = match action {
        "warn" => text::WARN_MEANS,
        "stop_new" => text::STOP_NEW_MEANS,
        "lower_qos" => text::LOWER_QOS_MEANS,
        "hold_pending" => text::HOLD_PENDING_MEANS,
        "cancel_running" => text::CANCEL_RUNNING_MEANS,
        unknown => return unknown.to_owned(),
    };
    l.say(means).to_owned()
}
