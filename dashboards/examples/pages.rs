//! Writes every page, from views made by hand, to a folder: `cargo run --example pages -- FOLDER`.
//!
//! For looking at a change of style or wording without a broker. Open `index.html` in the folder.

#[path = "../tests/sample/mod.rs"]
mod sample;

use std::{fs, io, path::Path};

use dashboards::{ICON, Language, STYLE, page};
use maud::Markup;
use page::{login::LoginView, problem::ProblemView};

fn main() -> io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "target/pages".to_owned());
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    fs::write(folder.join("style.css"), STYLE)?;
    fs::write(folder.join("icon.svg"), ICON)?;
    let mut index = String::from("<!doctype html><title>Pages</title><ul>");
    for language in Language::ALL {
        for (name, page) in pages(language) {
            let file = format!("{name}.{}.html", language.tag());
            // Served from "/" by the broker, from the folder here.
            let html = page.into_string().replace("\"/style.css\"", "\"style.css\"");
            fs::write(folder.join(&file), html.replace("\"/icon.svg\"", "\"icon.svg\""))?;
            index.push_str(&format!("<li><a href=\"{file}\">{file}</a>"));
        }
    }
    fs::write(folder.join("index.html"), index)
}

fn pages(language: Language) -> Vec<(&'static str, Markup)> {
    let member = sample::frame(language, &["agency_member", "decider"]);
    let operator = sample::frame(language, &["operator"]);
    let finance = sample::frame(language, &["finance"]);
    let mut outside = sample::frame(language, &[]);
    outside.person_name = None;
    let failed = LoginView { login: "astrid".to_owned(), failed: true };
    let problem = ProblemView {
        status: 404,
        code: "no_such_page".to_owned(),
        detail: None,
        request_id: sample::id(99).to_string(),
    };
    vec![
        ("login", page::login::render(&LoginView::default(), &outside)),
        ("login-failed", page::login::render(&failed, &outside)),
        ("home", page::home::render(&sample::home(), &member)),
        ("project", page::project::render(&sample::project(), &member)),
        ("job", page::job::render(&sample::confidential_job(), &member)),
        ("job-waiting", page::job::render(&sample::running_job(), &member)),
        ("job-array", page::job::render(&sample::array_job(), &operator)),
        ("job-refused", page::job::render(&sample::refused_job(), &operator)),
        ("operator", page::operator::render(&sample::operator(), &operator)),
        ("operator-quiet", page::operator::render(&sample::quiet_operator(), &operator)),
        ("finance", page::finance::render(&sample::finance(), &finance)),
        ("why", page::why::render(&sample::why_project(), &member)),
        ("why-nothing", page::why::render(&sample::why_job(), &member)),
        ("agency", page::agency::render(&sample::agency(), &member)),
        ("agency-dry-run", page::agency::render(&sample::agency_in_dry_run(), &member)),
        ("agency-new", page::agency::render(&sample::new_agency(), &member)),
        ("fund", page::fund::render(&sample::fund(), &finance)),
        ("fund-broken", page::fund::render(&sample::broken_fund(), &finance)),
        ("crisis", page::crisis::render(&sample::crisis(), &operator)),
        ("crisis-proposed", page::crisis::render(&sample::proposed_crisis(), &operator)),
        ("problem", page::problem::render(&problem, &member)),
    ]
}
