//! Decisions that break a rule, and people who would wear two hats.

use anyhow::{Context, Result, ensure};
use record::{Clock, id};
use serde_json::{Value, json};
use testbed::site::Person;

use crate::stage::{Stage, get, in_seconds, post};

/// A grant that its fund, its pool or its project does not allow.
pub(crate) async fn what_a_grant_may_be(stage: &mut Stage) -> Result<()> {
    let decider = stage.story.people.decider.clone();
    let project = stage.story.project_beside("undecided", "confidential").await?;
    let requests = format!("/v1/projects/{}/requests", project.project_id);
    let request = stage.story.request_body(&project);
    stage.story.people.anna.post(&requests, &request).await?;

    let research = capacity(stage, "research", "h200", "confidential").await?;
    let other_class = capacity(stage, "public_sector", "b200", "confidential").await?;
    let open = capacity(stage, "public_sector", "h200", "gpu").await?;
    let nobody = id::fresh();
    let too_late = in_seconds(500 * 86_400);
    let cases: [(&str, Value, u16, &str, &[&str]); 14] = [
        ("/motivation", json!(" "), 422, "motivation_missing", &["write why"]),
        ("/scores", json!([]), 422, "score_missing", &["every approval"]),
        ("/scores/0/points", json!(6), 422, "score_not_valid", &["0 to 5"]),
        ("/scores/1/criterion", json!("societal_benefit"), 422, "score_not_valid", &["twice"]),
        ("/grant/pool_id", json!(nobody), 404, "no_such_pool", &["laid out"]),
        ("/grant/pool_id", json!(research), 409, "funds_never_mix", &["Research", "PublicBody"]),
        ("/grant/pool_id", json!(other_class), 409, "class_differs", &["b200", "h200"]),
        ("/grant/pool_id", json!(open), 409, "partition_not_confidential", &["partition gpu"]),
        ("/grant/gpu_seconds", json!(0), 422, "grant_empty", &["at least 1"]),
        ("/grant/max_gpus", json!(0), 422, "grant_empty", &["at least 1"]),
        ("/grant/gpu_seconds", json!(i64::MAX), 409, "pool_exhausted", &["left", "grant less"]),
        ("/grant/usek", json!(i64::MAX), 409, "fund_exhausted", &["left", "grant less"]),
        ("/grant/valid_until", json!(too_late), 409, "past_the_funds_end", &["past the end"]),
        ("/grant/valid_until", json!(in_seconds(-9)), 422, "grant_window_backward", &["ahead"]),
    ];
    let approval = stage.story.approval_body(&project);
    let path = format!("/v1/requests/{}/approval", project.request_id);
    for (pointer, value, status, code, words) in cases {
        let body = changed(&approval, pointer, value)?;
        stage.refuses(post(&decider, &path, body), status, code, words).await?;
    }
    let unknown = format!("/v1/requests/{nobody}/approval");
    let sent = post(&decider, unknown, approval.clone());
    stage.refuses(sent, 404, "no_such_request", &["does not exist"]).await?;

    // None of the tries decided anything: it still waits, and can be decided once.
    decider.post(&path, &approval).await?;
    let again = changed(&approval, "/decision_id", json!(id::fresh()))?;
    let decision = approval["decision_id"].as_str().context("a decision has an id")?.to_owned();
    stage.refuses(post(&decider, &path, again), 409, "already_decided", &[&decision]).await
}

/// Nobody decides on what they asked for, work in or laid out.
pub(crate) async fn who_may_decide(stage: &mut Stage) -> Result<()> {
    let people = stage.story.people.clone();
    let project = stage.story.project_beside("own-case", "confidential").await?;
    let in_project = format!("/v1/projects/{}", project.project_id);
    people.anna.post(&format!("{in_project}/members"), &json!({ "login": "bertil" })).await?;
    let requests = format!("{in_project}/requests");
    people.bertil.post(&requests, &stage.story.request_body(&project)).await?;
    let annas = testbed::story::Granted { request_id: id::fresh(), ..project.clone() };
    people.anna.post(&requests, &stage.story.request_body(&annas)).await?;

    let approval = stage.story.approval_body(&project);
    let of_bertils = format!("/v1/requests/{}/approval", project.request_id);
    let of_annas = format!("/v1/requests/{}/approval", annas.request_id);
    let sent = post(&people.bertil, &of_bertils, approval.clone());
    stage.refuses(sent, 403, "role_not_allowed", &["decider"]).await?;
    let held = stage.site.person("bertil", "decider", None).await;
    let sentence = held.err().context("bertil asks and decides")?.to_string();
    ensure!(
        sentence.contains("a person who is agency_member cannot also be decider"),
        "{sentence}"
    );

    // Who was one and became the other brings the past along.
    let bertil = becomes_decider(stage, &people.bertil).await?;
    let sent = post(&bertil, &of_bertils, approval.clone());
    stage.refuses(sent, 403, "self_approval", &["Requester", "outside the project"]).await?;
    let sent = post(&bertil, &of_annas, approval.clone());
    stage.refuses(sent, 403, "self_approval", &["Member", "outside the project"]).await?;
    let oskar = becomes_decider(stage, &people.operator).await?;
    let sent = post(&oskar, &of_annas, approval);
    stage.refuses(sent, 403, "operator_cannot_decide", &["does not operate"]).await
}

/// Nobody works in a project whose data or requests they decide over.
pub(crate) async fn who_may_become_a_member(stage: &mut Stage) -> Result<()> {
    let people = stage.story.people.clone();
    let agency = people.agency_id.to_string();
    let members = format!("/v1/projects/{}/members", stage.story.granted.project_id);
    let sent = post(&people.anna, &members, json!({ "login": "dagny" }));
    stage.refuses(sent, 422, "no_such_person", &["`dagny`", "agency_member"]).await?;

    let controller = stage.site.person("cecilia", "agency_member", Some(&agency)).await?;
    let sent = post(&people.anna, &members, json!({ "login": controller.login }));
    stage.refuses(sent, 403, "controller_cannot_be_member", &["another member"]).await?;

    forget_roles(stage, &people.decider).await?;
    let dagny = stage.site.person("dagny", "agency_member", Some(&agency)).await?;
    let sent = post(&people.anna, &members, json!({ "login": dagny.login }));
    stage.refuses(sent, 403, "decider_cannot_be_member", &["decided on a request"]).await?;

    let project = format!("/v1/projects/{}", stage.story.granted.project_id);
    stage.refuses(get(&dagny, project), 404, "not_found", &["not yours to see"]).await
}

/// A fund and a pool beside the story's; returns the pool.
async fn capacity(
    stage: &Stage,
    purpose: &str,
    class: &str,
    partition: &str,
) -> Result<uuid::Uuid> {
    let operator = &stage.story.people.operator;
    let (fund_id, pool_id) = (id::fresh(), id::fresh());
    let (from, until) = (in_seconds(-86_400), in_seconds(365 * 86_400));
    let fund = json!({
        "fund_id": fund_id,
        "name": format!("{purpose} for {class} on {partition}"),
        "purpose": purpose,
        "ceiling_usek": 1_000_000_000_000_i64,
        "valid_from": from,
        "valid_until": until,
    });
    operator.post("/v1/funds", &fund).await?;
    let pool = json!({
        "pool_id": pool_id,
        "fund_id": fund_id,
        "cluster": stage.site.cluster_name(),
        "class": class,
        "gpu_type": class,
        "gpus_per_node": 8,
        "partition": partition,
        "gpu_seconds": 3_600_000,
        "valid_from": from,
        "valid_until": until,
    });
    operator.post("/v1/pools", &pool).await?;
    Ok(pool_id)
}

/// The person changes jobs: their roles end, and they decide from now on.
async fn becomes_decider(stage: &mut Stage, person: &Person) -> Result<Person> {
    forget_roles(stage, person).await?;
    stage.site.person(&person.login, "decider", None).await
}

/// Takes a person's roles away, as nothing in the API does yet.
async fn forget_roles(stage: &mut Stage, person: &Person) -> Result<()> {
    let taken = sqlx::query(
        "delete from broker.person_role
         where person_id = (select person_id from record.person where login = $1)",
    )
    .bind(&person.login)
    .execute(stage.superuser())
    .await?;
    ensure!(taken.rows_affected() > 0, "{} had no role at {}", person.login, Clock::System.now());
    Ok(())
}

fn changed(body: &Value, pointer: &str, value: Value) -> Result<Value> {
    let mut body = body.clone();
    *body.pointer_mut(pointer).with_context(|| format!("there is no {pointer}"))? = value;
    Ok(body)
}
