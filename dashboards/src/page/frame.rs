//! What surrounds every page: document head, header, banner of what is simulated, footer.

use crate::text::Say as _;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use uuid::Uuid;

use crate::{Language, text::frame as text};

/// What every page needs to know about the person and the installation.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// The language to write in.
    pub language: Language,
    /// Who is logged in; `None` before login.
    pub person_name: Option<String>,
    /// The person's roles, by their names in the database ("operator").
    pub roles: Vec<String>,
    /// The agencies they ask for.
    pub agency_ids: Vec<Uuid>,
    /// What is simulated in this installation, one phrase each; empty when nothing is.
    pub simulated: Vec<String>,
}

impl Frame {
    /// True if the person holds `role`.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }

    /// True if the person may open the pages of funds and crises.
    pub(crate) fn oversees(&self) -> bool {
        ["operator", "decider", "finance"].iter().any(|role| self.has_role(role))
    }

    /// True if the person may open the agency's page.
    pub(crate) fn opens_agency(&self, agency_id: Uuid) -> bool {
        self.oversees() || self.agency_ids.contains(&agency_id)
    }
}

/// Which entry of the main navigation the page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// Under the start page.
    Home,
    /// The operator's page.
    Operator,
    /// The finance page.
    Finance,
    /// None of them.
    Outside,
}

/// One page before it is framed.
pub(crate) struct Page<'a> {
    /// Title of the document, without the product's name.
    pub(crate) title: &'a str,
    /// Where it belongs.
    pub(crate) section: Section,
    /// The pages above it: address and name.
    pub(crate) trail: &'a [(String, String)],
    /// What stands in `main`.
    pub(crate) body: Markup,
}

/// Puts `page` into the document.
pub(crate) fn document(frame: &Frame, page: &Page<'_>) -> Markup {
    let l = frame.language;
    html! {
        (DOCTYPE)
        html lang=(l.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (page.title) " – " (l.say(text::PRODUCT)) }
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/style.css";
            }
            body {
                a.skip href="#content" { (l.say(text::SKIP_TO_CONTENT)) }
                (header(frame, page.section))
                (simulated(frame))
                div.wrap {
                    (trail(l, page))
                    main #content tabindex="-1" { (page.body) }
                }
                footer { div.wrap { p { (l.say(text::ABOUT)) } } }
            }
        }
    }
}

fn header(frame: &Frame, section: Section) -> Markup {
    let l = frame.language;
    html! {
        header.top {
            div.wrap {
                a.brand href="/" { (mark()) span { (l.say(text::PRODUCT)) } }
                @if frame.person_name.is_some() {
                    nav aria-label=(l.say(text::MAIN_NAVIGATION)) {
                        ul {
                            li { (entry("/", l.say(text::HOME), section == Section::Home)) }
                            @if frame.has_role("operator") {
                                li { (entry("/operator", l.say(text::OPERATOR), section == Section::Operator)) }
                            }
                            @if frame.has_role("finance") {
                                li { (entry("/finance", l.say(text::FINANCE), section == Section::Finance)) }
                            }
                        }
                    }
                }
                div.person {
                    @if let Some(name) = &frame.person_name {
                        p { span.quiet { (l.say(text::LOGGED_IN_AS)) } " " strong { (name) } }
                        form method="post" action="/logout" {
                            button.plain type="submit" { (l.say(text::LOG_OUT)) }
                        }
                    }
                    (languages(l))
                }
            }
        }
    }
}

fn entry(address: &str, name: &str, here: bool) -> Markup {
    html! { a href=(address) aria-current=[here.then_some("page")] { (name) } }
}

/// Links to the other languages, each named in itself.
fn languages(l: Language) -> Markup {
    html! {
        nav.languages aria-label=(l.say(text::LANGUAGE)) {
            @for other in Language::ALL.into_iter().filter(|other| *other != l) {
                a href={ "/language/" (other.tag()) } hreflang=(other.tag()) lang=(other.tag()) rel="nofollow" {
                    (other.own_name())
                }
            }
        }
    }
}

/// Nobody may take simulated figures for real ones, so this stands above the content of every page.
fn simulated(frame: &Frame) -> Markup {
    let l = frame.language;
    html! {
        @if !frame.simulated.is_empty() {
            aside.simulated aria-label=(l.say(text::SIMULATED)) {
                div.wrap {
                    p {
                        strong { (l.say(text::SIMULATED_HERE)) } " "
                        (frame.simulated.join(", ")) ". "
                        (l.say(text::SIMULATED_MEANING))
                    }
                }
            }
        }
    }
}

fn trail(l: Language, page: &Page<'_>) -> Markup {
    html! {
        @if !page.trail.is_empty() {
            nav.trail aria-label=(l.say(text::BREADCRUMBS)) {
                ol {
                    @for (address, name) in page.trail {
                        li { a href=(address) { (name) } }
                    }
                    li { span aria-current="page" { (page.title) } }
                }
            }
        }
    }
}

/// The mark: a drop above the surface of the well.
fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 32 32" aria-hidden="true" focusable="false" {
            (PreEscaped(r#"<rect width="32" height="32" rx="7"/><path class="drop" d="M16 5c4.6 5.6 7 9.3 7 12.7A7 7 0 0 1 9 17.7C9 14.3 11.4 10.6 16 5Z"/><path class="surface" d="M7 26h18"/>"#))
        }
    }
}
