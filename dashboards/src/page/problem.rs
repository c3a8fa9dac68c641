//! The page shown instead of the one asked for: what happened and what to do.

use crate::text::Say as _;
use maud::{Markup, html};

use super::frame::{Frame, Page, Section, document};
use crate::text::{Text, problem as text};

/// Why the page asked for is not shown.
#[derive(Clone, Debug)]
pub struct ProblemView {
    /// The HTTP status it is sent with.
    pub status: u16,
    /// The stable code of the API for the same refusal.
    pub code: String,
    /// A sentence made for this person, in English; `None` shows the general one only.
    pub detail: Option<String>,
    /// Finds the log line of this request.
    pub request_id: String,
}

/// Draws the problem.
pub fn render(view: &ProblemView, frame: &Frame) -> Markup {
    let l = frame.language;
    let (title, why) = texts(view.status);
    let body = html! {
        div.narrow {
            h1 { (l.say(title)) }
            p.lead { (l.say(why)) }
            @if let Some(detail) = &view.detail {
                p lang="en" { (detail) }
            }
            dl.facts {
                div { dt { (l.say(text::CODE)) } dd { code { (view.code) } } }
                div { dt { (l.say(text::REQUEST_ID)) } dd { code { (view.request_id) } } }
            }
            p.quiet { (l.say(text::QUOTE_THE_ID)) }
            p { a.button href="/" { (l.say(text::BACK_HOME)) } }
        }
    };
    let title = l.say(title);
    document(frame, &Page { title, section: Section::Outside, trail: &[], body })
}

const fn texts(status: u16) -> (Text, Text) {
    match status {
        401 => (text::UNAUTHORIZED, text::UNAUTHORIZED_WHY),
        403 => (text::FORBIDDEN, text::FORBIDDEN_WHY),
        404 => (text::NOT_FOUND, text::NOT_FOUND_WHY),
        502..=504 => (text::UNAVAILABLE, text::UNAVAILABLE_WHY),
        400..=499 => (text::BAD_REQUEST, text::BAD_REQUEST_WHY),
        _ => (text::INTERNAL, text::INTERNAL_WHY),
    }
}
