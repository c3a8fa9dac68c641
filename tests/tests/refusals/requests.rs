//! Requests that the API cannot read, or that no database could keep.

use anyhow::{Result, ensure};
use record::id;
use reqwest::Method;
use serde_json::{Value, json};
use testbed::site::Response;

use crate::stage::{Stage, get, is_refused, post};

/// Bodies that are not JSON, or not the JSON that was asked for.
pub(crate) async fn what_is_not_json(stage: &mut Stage) -> Result<()> {
    let operator = stage.story.people.operator.clone();
    let before = stage.tables().await?;
    let raw: [(&'static str, &[&str]); 3] = [
        ("{\"agency_id\": ", &["line 1 column 14"]),
        ("{\n  \"name\": Region Exempel\n}", &["line 2 column 11"]),
        ("", &["line 1 column 0"]),
    ];
    for (body, words) in raw {
        let response = operator.send_raw("/v1/agencies", body).await?;
        stage.note(is_refused(body, &response, 400, "malformed_json", words));
    }
    stage.nothing_changed_since(&before, "what is not JSON").await?;

    let fund = json!({
        "fund_id": id::fresh(),
        "name": "Public sector 2028",
        "purpose": "public_sector",
        "ceiling_usek": 1_000_000,
        "valid_from": "2028-01-01T00:00:00Z",
        "valid_until": "2029-01-01T00:00:00Z",
    });
    let fields: [(&str, Value, &[&str]); 6] = [
        ("colour", json!("red"), &["unknown field `colour`", "ceiling_usek"]),
        ("fund_id", json!("public-2028"), &["fund_id", "UUID"]),
        ("purpose", json!("charity"), &["`charity`", "`research`"]),
        ("ceiling_usek", json!(-1), &["ceiling_usek"]),
        ("ceiling_usek", json!(0.5), &["ceiling_usek", "0.5"]),
        ("valid_from", json!("next year"), &["valid_from"]),
    ];
    for (field, value, words) in fields {
        let mut body = fund.clone();
        body[field] = value;
        let sent = post(&operator, "/v1/funds", body);
        stage.refuses(sent, 422, "malformed_json", words).await?;
    }
    let sent = post(&operator, "/v1/funds", json!({ "name": "Public sector 2028" }));
    stage.refuses(sent, 422, "malformed_json", &["missing field `fund_id`"]).await
}

/// Addresses and queries that name nothing.
pub(crate) async fn what_is_not_an_address(stage: &mut Stage) -> Result<()> {
    let people = stage.story.people.clone();
    let agency = people.agency_id;
    let asked: [(String, u16, &str, &[&str]); 6] = [
        ("/v1/charges?month=2027-13".into(), 422, "not_a_month", &["`2027-13`", "2027-03"]),
        (format!("/v1/invoice-drafts/{agency}/mars"), 422, "not_a_month", &["`mars`", "2027-03"]),
        ("/v1/invoice-drafts/exempel/2027-03".into(), 400, "malformed_address", &["UUID"]),
        ("/v1/charges?year=2027".into(), 400, "malformed_query", &["`year`", "month"]),
        ("/v1/charges?agency_id=exempel".into(), 400, "malformed_query", &["UUID"]),
        (format!("/v1/invoice-drafts/{}/2027-03", id::fresh()), 404, "no_such_agency", &[]),
    ];
    for (path, status, code, words) in asked {
        stage.refuses(get(&people.finance, path), status, code, words).await?;
    }
    for path in ["/v1/projets", "/v1/projects/", "/nothing"] {
        stage.refuses(get(&people.anna, path), 404, "no_such_route", &["address"]).await?;
    }
    let sent = post(&people.anna, "/v1/me", json!({}));
    stage.refuses(sent, 405, "method_not_allowed", &["GET"]).await?;
    let sent = get(&people.anna, "/v1/projects/stroke-ai");
    stage.refuses(sent, 400, "malformed_address", &["UUID"]).await?;
    let sent = get(&people.anna, format!("/v1/job-plans/{}", id::fresh()));
    stage.refuses(sent, 404, "not_found", &["no such job plan"]).await
}

/// Text that PostgreSQL cannot hold and instants it does not know are the sender's to mend, not an
/// internal error.
pub(crate) async fn what_no_database_can_keep(stage: &mut Stage) -> Result<()> {
    let people = stage.story.people.clone();
    let granted = stage.story.project_beside("odd-letters", "open").await?;
    let path = format!("/v1/projects/{}/requests", granted.project_id);
    for (field, value) in [
        ("purpose", json!("Train\u{0} a model")),
        ("class", json!("h200\u{0}")),
        ("from", json!("-9999-01-01T00:00:00Z")),
    ] {
        let mut body = stage.story.request_body(&granted);
        body[field] = value;
        let before = stage.tables().await?;
        let response = people.anna.send(Method::POST, &path, Some(&body)).await?;
        let what = format!("a request with such a {field}");
        stage.note(is_the_senders(&what, &response));
        stage.nothing_changed_since(&before, &what).await?;
    }
    Ok(())
}

fn is_the_senders(what: &str, response: &Response) -> Result<()> {
    ensure!(
        (400..500).contains(&response.status),
        "{what} is not told as the sender's: {response:?}"
    );
    Ok(())
}
