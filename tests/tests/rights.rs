//! Who may use which route: every route × every role, a node, nobody, and keys that are no good.
//!
//! The broker's own table says what should be. What is, is asked of a running mimerd: by key on the
//! API, by a browser's cookie on the pages.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use broker::auth::Role;
use broker::auth::table::{RULES, Rule, Who};
use record::id;
use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder};
use testbed::site::Site;
use testbed::story::People;

/// What somebody shows at the door.
#[derive(Clone, Debug)]
enum Pass {
    Nothing,
    Key(String),
    Cookie(String),
}

/// How the gate takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    In,
    NotLoggedIn,
    RoleNotAllowed,
}

/// The site's address, as a browser or a program without the testbed's help finds it.
struct Door {
    client: Client,
    address: String,
}

impl Door {
    fn of(site: &Site) -> Result<Self> {
        let authority = reqwest::Certificate::from_pem(&std::fs::read(site.ca_file())?)?;
        let client = Client::builder()
            .tls_certs_only([authority])
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { client, address: site.address() })
    }

    fn request(&self, method: &str, path: &str, pass: &Pass) -> Result<RequestBuilder> {
        let method: Method = method.parse()?;
        let request = self.client.request(method, format!("{}{path}", self.address));
        Ok(match pass {
            Pass::Nothing => request,
            Pass::Key(key) => request.bearer_auth(key),
            Pass::Cookie(cookie) => request.header(COOKIE, cookie),
        })
    }

    /// Tries a route and says how the gate took it.
    async fn knock(&self, rule: &Rule, pass: &Pass) -> Result<Taken> {
        let path = rule
            .path
            .replace("{month}", "2027-03")
            .replace("{tag}", "sv")
            .split('/')
            .map(|part| if part.starts_with('{') { id::fresh().to_string() } else { part.into() })
            .collect::<Vec<String>>()
            .join("/");
        let mut request = self.request(rule.method, &path, pass)?;
        if rule.method == "POST" {
            request = request.header(CONTENT_TYPE, "application/json").body("{}");
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let to_login = answer.headers().get(LOCATION).is_some_and(|to| to == "/login");
        let ends_session = answer.headers().contains_key(SET_COOKIE);
        let body = answer.text().await?;
        let says = |code: &str| body.contains(code);

        let what = format!("{} {path} with {pass:?} was answered {status} {body}", rule.method);
        ensure!(status < 500, "{what}");
        ensure!(!says("route_not_in_table") && !says("no_such_route"), "{what}");
        ensure!(status != 404 || !body.is_empty(), "no handler: {what}");
        let not_logged_in = match path.starts_with("/v1/") {
            true => status == 401 && says("\"not_logged_in\""),
            // The log-out leads to the form too, but takes the cookie away.
            false => status == 303 && to_login && !ends_session,
        };
        Ok(if not_logged_in {
            Taken::NotLoggedIn
        } else if status == 403 && says("role_not_allowed") {
            Taken::RoleNotAllowed
        } else {
            ensure!(status != 401 && status != 403, "{what}");
            Taken::In
        })
    }

    /// Logs in by the form, as a browser does, and returns the cookie.
    async fn log_in(&self, login: &str, key: &str) -> Result<Pass> {
        let form = format!("login={login}&access_key={key}");
        let request = self.request("POST", "/login", &Pass::Nothing)?;
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = request.body(form).send().await?;
        ensure!(answer.status() == 303, "{login} cannot log in: {}", answer.status());
        let cookie = answer.headers().get(SET_COOKIE).context("no cookie was set")?.to_str()?;
        for attribute in ["HttpOnly", "Secure", "SameSite=Strict"] {
            ensure!(
                cookie.contains(attribute),
                "the session's cookie is not {attribute}: {cookie}"
            );
        }
        let (session, _) = cookie.split_once(';').context("a cookie has attributes")?;
        Ok(Pass::Cookie(session.to_owned()))
    }
}

/// How the table says that somebody is taken.
fn expected(who: Who, is_node: bool, role: Option<Role>) -> Taken {
    match (who, role) {
        (Who::Anyone, _) => Taken::In,
        (Who::Node, _) if is_node => Taken::In,
        (Who::AnyPerson, Some(_)) => Taken::In,
        (Who::Roles(roles), Some(role)) if roles.contains(&role) => Taken::In,
        (Who::Roles(_), Some(_)) => Taken::RoleNotAllowed,
        (Who::Node | Who::AnyPerson | Who::Roles(_), _) => Taken::NotLoggedIn,
    }
}

#[tokio::test]
async fn every_route_opens_to_its_roles_and_to_nobody_else() -> Result<()> {
    let site = Site::fake().await?;
    let people = People::gather(&site).await?;
    let door = Door::of(&site)?;
    let over = ["add-person", "--login", "oskar", "--name", "oskar", "--role", "operator"];
    let over = site.mimerd_says(&[&over[..], &["--days", "0"]].concat()).await?;
    let token = std::fs::read_to_string(site.dir().join("agent-node01.token"))?;
    let strangers = [
        ("nobody", Pass::Nothing, false),
        ("a key that nobody has", Pass::Key("0123456789abcdef".repeat(4)), false),
        ("an empty key", Pass::Key(String::new()), false),
        ("a key that is over", Pass::Key(over), false),
        ("a cookie that nobody has", Pass::Cookie("mimer_session=0".to_owned()), false),
        ("a node", Pass::Key(token.trim().to_owned()), true),
    ];
    let mut wrong = Vec::new();
    let mut asked = 0;
    for rule in RULES {
        let mut tries = Vec::new();
        for (name, pass, is_node) in &strangers {
            tries.push(((*name).to_owned(), pass.clone(), expected(rule.who, *is_node, None)));
        }
        for (word, person) in people.by_role() {
            let role = Role::parse(word).context("a role of the story")?;
            // A fresh session each time: one of the pages ends it.
            let pass = match rule.path.starts_with("/v1/") {
                true => Pass::Key(person.key.clone()),
                false => door.log_in(&person.login, &person.key).await?,
            };
            tries.push((word.to_owned(), pass, expected(rule.who, false, Some(role))));
        }
        for (name, pass, expected) in tries {
            let taken = door.knock(rule, &pass).await?;
            if taken != expected {
                let Rule { method, path, .. } = rule;
                wrong.push(format!("{method} {path}: {name} should be {expected:?}, is {taken:?}"));
            }
            asked += 1;
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    ensure!(asked == RULES.len() * 11, "{asked} tries of {} routes", RULES.len());
    site.stop().await
}

#[tokio::test]
async fn a_browsers_cookie_reads_and_never_changes() -> Result<()> {
    let site = Site::fake().await?;
    let people = People::gather(&site).await?;
    let door = Door::of(&site)?;
    for (word, person) in people.by_role() {
        let role = Role::parse(word).context("a role of the story")?;
        let cookie = door.log_in(&person.login, &person.key).await?;
        for rule in RULES.iter().filter(|rule| rule.path.starts_with("/v1/")) {
            let expected = match rule.method {
                "GET" => expected(rule.who, false, Some(role)),
                _ => Taken::NotLoggedIn,
            };
            let taken = door.knock(rule, &cookie).await?;
            let Rule { method, path, .. } = rule;
            ensure!(taken == expected, "{method} {path}: {word}'s cookie is {taken:?}");
        }
        // After the log-out the cookie is worth nothing, whatever the browser keeps.
        let home = Rule { method: "GET", path: "/", who: Who::AnyPerson };
        ensure!(door.knock(&home, &cookie).await? == Taken::In, "{word} is logged in");
        door.request("POST", "/logout", &cookie)?.send().await?;
        ensure!(door.knock(&home, &cookie).await? == Taken::NotLoggedIn, "{word} logged out");
    }
    let form = format!("login=anna&access_key={}", people.bertil.key);
    let request = door.request("POST", "/login", &Pass::Nothing)?;
    let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = request.body(form).send().await?;
    ensure!(answer.status() == 401, "anna logged in with bertil's key: {}", answer.status());
    ensure!(!answer.headers().contains_key(SET_COOKIE), "a session was opened");
    site.stop().await
}

#[tokio::test]
async fn the_api_document_and_the_table_know_the_same_routes() -> Result<()> {
    let site = Site::fake().await?;
    let document = Door::of(&site)?.request("GET", "/openapi.json", &Pass::Nothing)?;
    let document: serde_json::Value = serde_json::from_str(&document.send().await?.text().await?)?;
    let mut documented = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().context("the document has paths")? {
        for method in methods.as_object().context("a path has methods")?.keys() {
            documented.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let of_api = RULES.iter().filter(|rule| rule.path.starts_with("/v1/"));
    let ruled: BTreeSet<String> =
        of_api.map(|rule| format!("{} {}", rule.method, rule.path)).collect();
    ensure!(documented == ruled, "{:?}", documented.symmetric_difference(&ruled));
    ensure!(documented.len() > 30, "{documented:?}");
    let all: BTreeSet<(&str, &str)> = RULES.iter().map(|rule| (rule.method, rule.path)).collect();
    ensure!(all.len() == RULES.len(), "a route has two rules");
    site.stop().await
}

/// The pairs that one person may not hold: asking, deciding, operating, and answering for data.
const APART: [[&str; 2]; 4] = [
    ["agency_member", "decider"],
    ["agency_member", "operator"],
    ["decider", "operator"],
    ["operator", "controller"],
];

#[tokio::test]
async fn asking_deciding_and_operating_are_kept_apart() -> Result<()> {
    let site = Site::fake().await?;
    let agency = People::gather(&site).await?.agency_id.to_string();
    let words: Vec<&str> = Role::ALL.iter().map(|role| role.word()).collect();
    for (place, first) in words.iter().enumerate() {
        for second in &words[place + 1..] {
            let login = format!("{first}-{second}");
            let agency_of = |word: &str| (word == "agency_member").then_some(agency.as_str());
            site.person(&login, first, agency_of(first)).await?;
            let both = site.person(&login, second, agency_of(second)).await;
            let apart = APART.iter().any(|pair| pair.contains(first) && pair.contains(second));
            match both {
                Ok(_) => ensure!(!apart, "{login} holds both"),
                Err(refused) => {
                    let sentence = format!("a person who is {first} cannot also be {second}");
                    let said = refused.to_string();
                    ensure!(apart && said.contains(&sentence), "{login}: {said}");
                }
            }
        }
    }
    site.stop().await
}
