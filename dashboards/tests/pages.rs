//! What every page must have and must never have, on views made by hand.

mod sample;

use dashboards::{CONTENT_SECURITY_POLICY, Frame, Language, STYLE, figure, page};
use maud::Markup;
use page::{login::LoginView, problem::ProblemView};
use sample::frame;

/// Every page of `sample`, by name.
fn pages(frame: &Frame) -> Vec<(&'static str, String)> {
    let problem = |status| ProblemView {
        status,
        code: "some_code".to_owned(),
        detail: Some("<b>detail</b>".to_owned()),
        request_id: "r-1".to_owned(),
    };
    let login = LoginView { login: "\"><script>".to_owned(), failed: true };
    let all: Vec<(&'static str, Markup)> = vec![
        ("login", page::login::render(&login, frame)),
        ("home", page::home::render(&sample::home(), frame)),
        ("project", page::project::render(&sample::project(), frame)),
        ("job", page::job::render(&sample::confidential_job(), frame)),
        ("job that waits", page::job::render(&sample::running_job(), frame)),
        ("job refused", page::job::render(&sample::refused_job(), frame)),
        ("job array", page::job::render(&sample::array_job(), frame)),
        ("operator", page::operator::render(&sample::operator(), frame)),
        ("quiet operator", page::operator::render(&sample::quiet_operator(), frame)),
        ("finance", page::finance::render(&sample::finance(), frame)),
        ("why", page::why::render(&sample::why_project(), frame)),
        ("why not", page::why::render(&sample::why_job(), frame)),
        ("agency", page::agency::render(&sample::agency(), frame)),
        ("agency in a dry run", page::agency::render(&sample::agency_in_dry_run(), frame)),
        ("new agency", page::agency::render(&sample::new_agency(), frame)),
        ("fund", page::fund::render(&sample::fund(), frame)),
        ("broken fund", page::fund::render(&sample::broken_fund(), frame)),
        ("crisis", page::crisis::render(&sample::crisis(), frame)),
        ("proposed crisis", page::crisis::render(&sample::proposed_crisis(), frame)),
        ("not found", page::problem::render(&problem(404), frame)),
        ("our fault", page::problem::render(&problem(500), frame)),
    ];
    all.into_iter().map(|(name, markup)| (name, markup.into_string())).collect()
}

fn in_both_languages() -> Vec<(&'static str, Language, String)> {
    let roles = ["agency_member", "operator", "finance"];
    Language::ALL
        .into_iter()
        .flat_map(|l| pages(&frame(l, &roles)).into_iter().map(move |(name, html)| (name, l, html)))
        .collect()
}

/// The places where `html` has `tag` opened, each up to its `>`.
fn opened<'a>(html: &'a str, tag: &str) -> Vec<&'a str> {
    let start = format!("<{tag}");
    html.match_indices(&start)
        .map(|(at, _)| html[at..].split('>').next().unwrap_or_default())
        .filter(|text| matches!(text[start.len()..].chars().next(), None | Some(' ')))
        .collect()
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    tag.split_once(&format!(" {name}=\"")).and_then(|(_, rest)| rest.split('"').next())
}

#[test]
fn every_page_has_its_language_one_main_one_h1_and_a_way_past_the_header() {
    for (name, language, html) in in_both_languages() {
        assert!(html.contains(&format!("<html lang=\"{}\">", language.tag())), "{name}");
        assert_eq!(opened(&html, "main").len(), 1, "{name}");
        assert_eq!(opened(&html, "h1").len(), 1, "{name}");
        assert!(html.contains("<a class=\"skip\" href=\"#content\">"), "{name}");
        assert!(html.contains("id=\"content\""), "{name}");
    }
}

#[test]
fn headings_never_skip_a_level() {
    for (name, _, html) in in_both_languages() {
        let mut above = 0;
        for (at, _) in html.match_indices("<h") {
            let Some(level) = html[at + 2..].chars().next().and_then(|c| c.to_digit(10)) else {
                continue;
            };
            assert!(level <= above + 1, "{name}: h{level} after h{above}");
            above = level;
        }
    }
}

#[test]
fn every_table_has_a_caption_and_every_header_cell_a_scope() {
    for (name, _, html) in in_both_languages() {
        assert_eq!(opened(&html, "table").len(), opened(&html, "caption").len(), "{name}");
        for cell in opened(&html, "th") {
            assert!(attribute(cell, "scope").is_some(), "{name}: {cell}");
        }
    }
}

#[test]
fn ids_are_unique_and_every_reference_to_one_leads_somewhere() {
    for (name, _, html) in in_both_languages() {
        let mut ids: Vec<&str> = html
            .match_indices(" id=\"")
            .map(|(at, m)| html[at + m.len()..].split('"').next().unwrap())
            .collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{name}: an id is used twice");
        for reference in ["aria-labelledby", "aria-describedby", "for"] {
            for (at, m) in html.match_indices(&format!(" {reference}=\"")) {
                let id = html[at + m.len()..].split('"').next().unwrap();
                assert!(ids.contains(&id), "{name}: {reference} names {id}, which is not there");
            }
        }
    }
}

#[test]
fn every_field_has_a_label() {
    for (name, _, html) in in_both_languages() {
        for field in opened(&html, "input") {
            let id = attribute(field, "id").unwrap_or_default();
            assert!(html.contains(&format!("<label for=\"{id}\">")), "{name}: {field}");
        }
    }
}

#[test]
fn nothing_needs_a_script_and_the_policy_has_no_exception() {
    for (name, _, html) in in_both_languages() {
        assert!(opened(&html, "script").is_empty(), "{name}");
        assert!(!html.contains(" style=\"") && opened(&html, "style").is_empty(), "{name}");
        assert!(!html.contains("javascript:") && !html.contains(" onclick="), "{name}");
    }
    assert!(CONTENT_SECURITY_POLICY.starts_with("default-src 'none'"));
    assert!(!CONTENT_SECURITY_POLICY.contains("unsafe"));
    assert!(!STYLE.contains("http"), "the style sheet fetches nothing from elsewhere");
}

#[test]
fn what_people_typed_is_escaped() {
    for (name, _, html) in in_both_languages() {
        for typed in [
            "<images>",
            "<b>detail",
            "<hospital>",
            "<published>",
            "<Stenungsund>",
            "<sector>",
            "<ended>",
        ] {
            assert!(!html.contains(typed), "{name}: {typed}");
        }
    }
    let job = page::job::render(&sample::confidential_job(), &frame(Language::English, &[]));
    assert!(job.into_string().contains("CT &lt;images&gt;"));
}

#[test]
fn the_job_page_shows_the_job_its_gpu_hours_and_its_kronor() {
    let view = sample::confidential_job();
    for (language, hours, kronor) in [
        (Language::English, "1.2506\u{a0}GPU-hours", "62.53\u{a0}SEK"),
        (Language::Swedish, "1,2506\u{a0}GPU-timmar", "62,53\u{a0}kr"),
    ] {
        let html = page::job::render(&view, &frame(language, &[])).into_string();
        for figure in ["500017", "confidential", hours, kronor, "4\u{a0}502"] {
            assert!(html.contains(figure), "{figure}");
        }
        assert!(html.contains(&figure::kronor_exact(view.charged().1, language)));
    }
}

#[test]
fn a_confidential_job_says_that_its_output_stays_where_it_is() {
    let html = page::job::render(&sample::confidential_job(), &frame(Language::English, &[]));
    assert!(html.into_string().contains("never shown here"));
}

#[test]
fn an_outsider_sees_neither_script_nor_name() {
    let html = page::job::render(&sample::refused_job(), &frame(Language::English, &["operator"]));
    let html = html.into_string();
    assert!(!html.contains("train.py") && !html.contains("train-ct"), "script or name shown");
    assert!(html.contains("<h1>Job 500017"), "{html}");
}

#[test]
fn a_member_sees_the_script_as_text() {
    let html = page::job::render(&sample::confidential_job(), &frame(Language::English, &[]));
    assert!(html.into_string().contains("&gt; &quot;$OUT/log&quot;"));
}

#[test]
fn an_array_tells_its_tasks_what_it_waits_for_who_keeps_it_and_its_extensions() {
    let html =
        page::job::render(&sample::array_job(), &frame(Language::English, &[])).into_string();
    for told in [
        "20, at most 4 at once",
        "Begins no earlier than",
        "prepare",
        "must have succeeded",
        "Waits for other jobs to end",
        "Held by an operator since",
        "a new driver is installed",
        "the cooling fails",
        "In force",
        "Slurm allows 60 minutes at most",
        "task 3",
        "10000002",
    ] {
        assert!(html.contains(told), "{told:?} is not told");
    }
    let single = page::job::render(&sample::running_job(), &frame(Language::English, &[]));
    let single = single.into_string();
    for untold in ["Tasks", "Begins no earlier", "More time", "Suspended by"] {
        assert!(!single.contains(untold), "{untold:?} is told of a single job");
    }
}

#[test]
fn what_was_not_measured_is_not_shown_as_zero() {
    let job = page::job::render(&sample::running_job(), &frame(Language::English, &[]));
    let job = job.into_string();
    assert!(job.contains("Not measured: the attempt has had no GPU."), "{job}");
    assert!(!job.contains("0.00\u{a0}Wh") && !job.contains("0.0\u{a0}%"), "{job}");

    let lost = page::job::render(&sample::refused_job(), &frame(Language::English, &[]));
    assert!(lost.into_string().contains("Cannot be said below 90 % coverage."));

    let operator = page::operator::render(&sample::operator(), &frame(Language::English, &[]));
    let operator = operator.into_string();
    assert!(operator.contains("coverage is 62.0\u{a0}%; idle time is claimed from 90 %"));
    assert!(operator.contains("corresponds to 65\u{a0}550.00\u{a0}SEK"));
}

#[test]
fn a_waiting_job_says_what_it_waits_for() {
    let html = page::job::render(&sample::running_job(), &frame(Language::English, &[]));
    assert!(html.into_string().contains("Not verified yet: ct-2026-a."));
}

#[test]
fn what_is_simulated_is_said_on_every_page_and_beside_the_figures() {
    for (name, language, html) in in_both_languages() {
        let banner = match language {
            Language::English => "Simulated in this installation:",
            Language::Swedish => "Simulerat i den här installationen:",
        };
        assert!(html.contains(banner), "{name}");
    }
    let mut real = frame(Language::English, &[]);
    real.simulated.clear();
    let job = page::job::render(&sample::confidential_job(), &real).into_string();
    assert!(job.contains("These measurements come from a simulated GPU."));
    assert!(!job.contains("Simulated in this installation:"));
}

#[test]
fn finance_sees_the_paper_the_ledger_and_the_difference() {
    let view = sample::finance();
    let html = page::finance::render(&view, &frame(Language::Swedish, &["finance"])).into_string();
    for figure in [
        "Preliminärt",
        "12\u{a0}579,24\u{a0}kr",
        "12\u{a0}579,236111\u{a0}kr",
        "+0,003889\u{a0}kr",
        "905\u{a0}705",
        "232100-1234",
        "/finance?month=2027-02",
        "/finance?month=2027-04",
    ] {
        assert!(html.contains(figure), "{figure}");
    }
    for bill in &view.agencies {
        let paper = bill.total_ore * 10_000;
        assert_eq!(paper - bill.ledger_total().get(), bill.rounding_usek, "{}", bill.name);
    }
}

#[test]
fn the_menu_has_only_what_the_roles_open() {
    let member = page::home::render(&sample::home(), &frame(Language::English, &["decider"]));
    let member = member.into_string();
    assert!(!member.contains("href=\"/operator\"") && !member.contains("href=\"/finance\""));
    let finance = page::home::render(&sample::home(), &frame(Language::English, &["finance"]));
    assert!(finance.into_string().contains("href=\"/finance\""));
}

#[test]
fn why_says_what_is_in_the_way_before_the_walk_and_what_to_do() {
    let html = page::why::render(&sample::why_project(), &frame(Language::English, &[]));
    let html = html.into_string();
    assert!(html.contains("In the way: Permit."), "{html}");
    assert!(html.contains("Could not be looked at: Account in Slurm."));
    assert!(html.contains("Ask the controller to have the permit renewed"));
    assert!(html.contains("mimer why stroke-imaging"));
    let well = page::why::render(&sample::why_job(), &frame(Language::Swedish, &[]));
    assert!(well.into_string().contains("Ingenting står i vägen."));
}

#[test]
fn a_waiting_job_and_a_project_lead_to_why() {
    let job = page::job::render(&sample::running_job(), &frame(Language::English, &[]));
    let job = job.into_string();
    assert!(job.contains("/why\"") && job.contains("Held back by the agency"), "{job}");
    let done = page::job::render(&sample::confidential_job(), &frame(Language::English, &[]));
    assert!(!done.into_string().contains("/why\""), "a settled job waits for nothing");
    let project = page::project::render(&sample::project(), &frame(Language::English, &[]));
    assert!(project.into_string().contains("/why\""));
}

#[test]
fn the_page_says_that_22_05_takes_whole_nodes_in_silence() {
    for (language, sentence) in [
        (
            Language::English,
            "On Slurm 22.05 a reservation takes whole nodes, and does so in silence",
        ),
        (
            Language::Swedish,
            "I Slurm 22.05 tar en reservation hela noder, och gör det utan att säga till",
        ),
    ] {
        let html = page::operator::render(&sample::operator(), &frame(language, &["operator"]));
        let html = html.into_string();
        assert_eq!(html.matches(sentence).count(), 1, "only where nodes are set aside");
    }
}

#[test]
fn jobs_past_the_broker_are_an_alarm_at_the_top() {
    let html =
        page::operator::render(&sample::operator(), &frame(Language::English, &["operator"]));
    let html = html.into_string();
    let (alarm, pools) = (html.find("role=\"alert\""), html.find("id=\"pools\""));
    assert!(alarm.unwrap() < pools.unwrap(), "{html}");
    assert!(html.contains("Jobs past the broker: 1") && html.contains("mimer exception close"));
    let quiet = page::operator::render(&sample::quiet_operator(), &frame(Language::English, &[]));
    assert!(!quiet.into_string().contains("role=\"alert\""));
}

#[test]
fn a_dry_run_says_on_every_step_that_nothing_is_done() {
    let html = page::agency::render(&sample::agency_in_dry_run(), &frame(Language::English, &[]));
    let html = html.into_string();
    assert!(html.contains("A dry run: what each step would do is written down below"));
    let acting = page::agency::render(&sample::agency(), &frame(Language::English, &[]));
    let acting = acting.into_string();
    assert!(acting.contains("83.0\u{a0}%") && !acting.contains("A dry run:"), "{acting}");
    assert!(acting.contains("9\u{a0}600.00"), "80 % of 12 000 hours");
}

#[test]
fn a_broken_proof_is_never_called_whole() {
    let html = page::fund::render(&sample::broken_fund(), &frame(Language::English, &["finance"]));
    let html = html.into_string();
    assert!(!html.contains("Research time was not consumed."), "{html}");
    assert!(html.contains("Something below that must be nothing is not."));
    let whole = page::fund::render(&sample::fund(), &frame(Language::English, &["finance"]));
    assert!(whole.into_string().contains("Research time was not consumed."));
}

#[test]
fn a_crisis_names_both_people_and_what_nobody_paid() {
    let html = page::crisis::render(&sample::crisis(), &frame(Language::English, &["operator"]));
    let html = html.into_string();
    for text in
        ["Bo Ek", "Astrid Lind", "89\u{a0}060\u{a0}GPU-seconds", "0.00\u{a0}SEK", "Complete"]
    {
        assert!(html.contains(text), "{text}");
    }
    let waits = page::crisis::render(&sample::proposed_crisis(), &frame(Language::English, &[]));
    let waits = waits.into_string();
    assert!(waits.contains("it takes a second person"));
    assert!(!waits.contains("id=\"report\""), "nothing has happened that could be reported");
}

#[test]
fn links_lead_only_where_the_reader_may_go() {
    let mut stranger = frame(Language::English, &["controller"]);
    stranger.agency_ids.clear();
    let html = page::project::render(&sample::project(), &stranger).into_string();
    assert!(!html.contains("href=\"/agencies/") && !html.contains("href=\"/funds/"), "{html}");
    let finance = frame(Language::English, &["finance"]);
    let html = page::project::render(&sample::project(), &finance).into_string();
    assert!(html.contains("href=\"/agencies/") && html.contains("href=\"/funds/"), "{html}");
}
