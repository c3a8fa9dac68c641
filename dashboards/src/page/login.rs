//! `/login`: the form for login and access key.

use crate::text::Say as _;
use maud::{Markup, html};

use super::frame::{Frame, Page, Section, document};
use crate::text::home as text;

/// What the login page shows.
#[derive(Clone, Debug, Default)]
pub struct LoginView {
    /// What the person typed before, so that only the key has to be typed again.
    pub login: String,
    /// True after a try that failed. The page does not tell which of the two was wrong.
    pub failed: bool,
}

/// Draws the form; it posts `login` and `access_key` to `/login`.
pub fn render(view: &LoginView, frame: &Frame) -> Markup {
    let l = frame.language;
    let body = html! {
        div.narrow {
            h1 { (l.say(text::LOG_IN)) }
            @if view.failed {
                div.notice.bad role="alert" {
                    h2 { (l.say(text::LOG_IN_FAILED)) }
                    p { (l.say(text::LOG_IN_FAILED_WHY)) }
                }
            }
            p.lead { (l.say(text::LOG_IN_LEAD)) }
            form.card method="post" action="/login" {
                div.field {
                    label for="login" { (l.say(text::LOGIN)) }
                    input #login name="login" type="text" value=(view.login) autocomplete="username"
                        autocapitalize="none" spellcheck="false" required;
                }
                div.field {
                    label for="access_key" { (l.say(text::ACCESS_KEY)) }
                    input #access_key name="access_key" type="password" required
                        autocomplete="current-password" aria-describedby="access_key_hint";
                    p.hint #access_key_hint { (l.say(text::ACCESS_KEY_HINT)) }
                }
                button type="submit" { (l.say(text::LOG_IN)) }
            }
        }
    };
    let title = l.say(text::LOG_IN);
    document(frame, &Page { title, section: Section::Outside, trail: &[], body })
}
