//! Job plans that admission refuses.

use anyhow::{Result, ensure};
use chrono::TimeDelta;
use record::id;
use serde_json::{Value, json};
use testbed::site::until_some;
use testbed::story::{Plan, TERMS, Terms};

use crate::stage::{BOUND, Stage, job_plans, post};

/// Nobody submits to a project that is not there or not theirs.
pub(crate) async fn whose_project_it_is(stage: &mut Stage) -> Result<()> {
    let people = stage.story.people.clone();
    let nowhere = format!("/v1/projects/{}/job-plans", id::fresh());
    // With a link as people have it in their plans: the project is still what is wrong first.
    for plan in [stage.plan(), stage.plan_with_data()] {
        let sent = post(&people.anna, &nowhere, plan.body);
        stage.refuses(sent, 404, "unknown_project", &["no such project"]).await?;
    }
    let plan = stage.plan_with_data();
    let sent = post(&people.bertil, plan.path(&stage.story), plan.body);
    stage.refuses(sent, 403, "not_a_member", &["not a member"]).await
}

/// What no grant could allow, and what no Slurm would take.
pub(crate) async fn what_is_asked(stage: &mut Stage) -> Result<()> {
    let too_long = format!("#!/bin/sh\n{}", "#".repeat(4 * 1024 * 1024));
    let admission: [(Value, u16, &str, &[&str]); 8] = [
        (json!({ "gpu_count": 9 }), 409, "too_many_gpus_for_node", &["9 GPUs", "at most 8"]),
        (json!({ "gpu_count": i64::MAX }), 409, "too_many_gpus_for_node", &["at most 8"]),
        (json!({ "gpu_count": 0 }), 422, "nothing_asked", &["at least 1 GPU"]),
        (json!({ "gpu_count": -1 }), 422, "nothing_asked", &["at least 1 GPU"]),
        (json!({ "wall_time_s": 0 }), 422, "nothing_asked", &["1 second"]),
        (json!({ "wall_time_s": 5 * 3600 }), 409, "wall_time_above_grant", &["5 h", "4 h"]),
        (json!({ "wall_time_s": i64::MAX }), 409, "wall_time_above_grant", &["4 h"]),
        (json!({ "class": "b200" }), 409, "no_grant", &["class b200", "send a request"]),
    ];
    let slurm: [(Value, u16, &str, &[&str]); 7] = [
        (json!({ "script": "echo hello\n" }), 422, "bad_script", &["#!/bin/bash"]),
        (json!({ "script": "#!/bin/sh\r\nls\r\n" }), 422, "bad_script", &["Unix line ends"]),
        (json!({ "script": "#!/bin/sh\n\0" }), 422, "bad_script", &["NUL"]),
        (json!({ "script": too_long }), 422, "bad_script", &["4 MiB"]),
        (json!({ "name": "" }), 422, "bad_job_name", &["1 to 64"]),
        (json!({ "name": "två ord" }), 422, "bad_job_name", &["letters, digits"]),
        (json!({ "link_ids": [id::fresh()] }), 404, "no_such_link", &["list the project's links"]),
    ];
    let anna = stage.story.people.anna.clone();
    let granted = stage.story.granted.clone();
    let quotes = format!("/v1/projects/{}/quotes", granted.project_id);
    for (change, status, code, words) in &admission {
        let sent = post(&anna, &quotes, changed(stage.plan(), change));
        stage.refuses(sent, *status, code, words).await?;
    }
    for (change, status, code, words) in admission.iter().chain(&slurm) {
        let sent = post(&anna, job_plans(&granted), changed(stage.plan(), change));
        stage.refuses(sent, *status, code, words).await?;
    }
    Ok(())
}

/// A grant that is absent, small, cheap or over.
pub(crate) async fn what_is_left(stage: &mut Stage) -> Result<()> {
    let anna = stage.story.people.anna.clone();
    let an_hour = stage.plan().with("wall_time_s", json!(3600));
    // Two GPUs for an hour and its minute of grace: 7 320 GPU-seconds at 25 kronor per GPU-hour.
    let short: [(&str, Option<Terms>, &str, &[&str]); 4] = [
        ("without-grant", None, "no_grant", &["class h200", "send a request"]),
        (
            "short-of-time",
            Some(Terms { gpu_seconds: 3600, ..TERMS }),
            "not_enough_gpu_seconds",
            &["2 h 2 min", "1 h left"],
        ),
        (
            "short-of-money",
            Some(Terms { usek: 10_000_000, ..TERMS }),
            "not_enough_money",
            &["50.84 SEK", "10.00 SEK"],
        ),
        (
            "few-at-once",
            Some(Terms { max_gpus: 1, ..TERMS }),
            "too_many_gpus_for_grant",
            &["2 GPUs", "at most 1"],
        ),
    ];
    for (slug, terms, code, words) in short {
        let project = match terms {
            Some(terms) => stage.story.granted_beside(slug, "open", &terms).await?,
            None => stage.story.project_beside(slug, "open").await?,
        };
        let sent = post(&anna, job_plans(&project), an_hour.body.clone());
        stage.refuses(sent, 409, code, words).await?;
    }
    an_expired_grant(stage).await
}

async fn an_expired_grant(stage: &mut Stage) -> Result<()> {
    let anna = stage.story.people.anna.clone();
    let terms = Terms { valid_for: TimeDelta::seconds(3), ..TERMS };
    let project = stage.story.granted_beside("soon-over", "open", &terms).await?;
    let plan = stage.plan();
    let sent = post(&anna, job_plans(&project), plan.body.clone());
    stage.refuses(sent, 409, "grant_ends_too_soon", &["2 min", "shorter wall time"]).await?;
    until_some(&stage.site, "the grant to be over", BOUND, async || {
        let refused = anna.refused(&job_plans(&project), &plan.body).await?;
        ensure!(refused.status == 409, "{refused}");
        Ok((refused.code == "grant_expired").then_some(()))
    })
    .await?;
    let sent = post(&anna, job_plans(&project), plan.body);
    stage.refuses(sent, 409, "grant_expired", &["ended on 20", "send a new request"]).await
}

/// The plan's body with some fields of it changed.
fn changed(plan: Plan, change: &Value) -> Value {
    let mut body = plan.body;
    for (field, value) in change.as_object().into_iter().flatten() {
        body[field] = value.clone();
    }
    body
}
