//! The pages of Mimer Broker: read queries, and HTML rendered on the server.
//!
//! Each page is two files of the same name. `read/NAME.rs` has the page's view, a struct of plain
//! data, and the function that reads it from PostgreSQL; it changes nothing and decides no right:
//! the caller has authorized the person before. `page/NAME.rs` turns a view into HTML, needs no
//! database and works without JavaScript.
//!
//! Read queries may join across the schemas of other crates, which nothing else in the product
//! does. What a job wrote is in no view, so no page can show it; the script only reaches a view
//! whose [`read::Reader`] is a member of the project.

pub mod chart;
pub mod figure;
pub mod moment;
pub mod page;
pub mod read;
mod text;

pub use page::frame::Frame;
pub use record::Language;

/// True if pages have a word for `code` among the words for `family` ("attempt", "link").
///
/// For the test that compares the words with the database's enums.
pub fn has_word(family: &str, code: &str) -> bool {
    text::word::family(family).is_some_and(|words| words.iter().any(|(known, _)| *known == code))
}

/// The style sheet, served as `/style.css` with type `text/css`.
pub const STYLE: &str = include_str!("style.css");

/// The icon, served as `/icon.svg` with type `image/svg+xml`.
pub const ICON: &str = include_str!("icon.svg");

/// The content security policy that every page keeps: no script, no frame, nothing from elsewhere.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
