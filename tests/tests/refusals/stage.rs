//! What every refusal is tried on: an installation with the story's grant, permit and verified
//! link, and a look at every row before and after.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use record::Clock;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgConnection;
use testbed::site::{Person, Response, Site, until_some};
use testbed::story::{Granted, Plan, Story, Terms};

use crate::database;

/// How long anything here may take.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// A digest of each of the broker's tables. Left out are the tables that move by themselves (seals,
/// metered segments, what the keeper remembers of Slurm, how far the watcher has read) and what the
/// outbox notes about its tries.
const TABLES: &str = r#"
    select table_schema || '.' || table_name,
        md5(query_to_xml(
            format('select to_jsonb(t) - array[''tries'', ''next_at'', ''last_error'', ''done_at'']
                    from %I.%I t order by t::text', table_schema, table_name),
            true, true, '')::text)
    from information_schema.tables
    where table_schema in ('record', 'accounting', 'quotas', 'staging', 'broker')
        and table_schema || '.' || table_name
            not in ('record.seal', 'broker.segment', 'broker.segment_mark',
                'broker.cluster_applied', 'broker.records_mark')"#;

/// How much mimerd's own duties have done: the keeper, the end of grants and holds.
const DONE_BY_PROGRAMS: &str = "select count(*) from record.audit where actor_program is not null";

/// How often a refusal is tried again because a duty did something at the same time.
const TRIES: usize = 10;

/// An installation with the story told up to its verified link.
pub(crate) struct Stage {
    pub(crate) site: Site,
    pub(crate) story: Story,
    superuser: PgConnection,
    faults: Vec<String>,
}

/// What a person sends.
pub(crate) struct Sent<'a> {
    by: &'a Person,
    method: Method,
    path: String,
    body: Option<Value>,
}

/// A change sent by somebody.
pub(crate) fn post<'a>(by: &'a Person, path: impl Into<String>, body: Value) -> Sent<'a> {
    Sent { by, method: Method::POST, path: path.into(), body: Some(body) }
}

/// A question asked by somebody.
pub(crate) fn get<'a>(by: &'a Person, path: impl Into<String>) -> Sent<'a> {
    Sent { by, method: Method::GET, path: path.into(), body: None }
}

impl Stage {
    /// Tells the story up to its verified link, so that nothing moves any more by itself.
    pub(crate) async fn set(terms: &Terms) -> Result<Self> {
        let site = Site::fake().await?;
        let story = Story::begin(&site, terms).await?;
        let superuser = database::connect(&site, "postgres").await?;
        let stage = Self { site, story, superuser, faults: Vec::new() };
        until_some(&stage.site, "the link to be verified", BOUND, async || {
            let link = format!("/v1/links/{}", stage.story.link_id);
            let link = stage.story.people.anna.get(&link).await?;
            Ok((link["state"] == "verified").then_some(()))
        })
        .await?;
        Ok(stage)
    }

    /// Ends the installation, and tells every refusal that was not as it should be.
    pub(crate) async fn end(self) -> Result<()> {
        let log = self.site.mimerd_log();
        self.site.stop().await?;
        ensure!(self.faults.is_empty(), "{}\nmimerd's log ends:\n{log}", self.faults.join("\n"));
        Ok(())
    }

    /// The database connection of a superuser.
    pub(crate) fn superuser(&mut self) -> &mut PgConnection {
        &mut self.superuser
    }

    /// A plan that would be admitted as it is: without links, two GPUs for two minutes.
    pub(crate) fn plan(&self) -> Plan {
        self.plan_with_data().with("link_ids", json!([]))
    }

    /// The same with the story's link.
    pub(crate) fn plan_with_data(&self) -> Plan {
        self.story.plan(&self.site).with("gpu_count", json!(2)).with("wall_time_s", json!(120))
    }

    /// Expects a refusal with this status and code, whose sentence says all of `words`, and that
    /// it changed nothing. What is not so is told at the end, with everything else.
    pub(crate) async fn refuses(
        &mut self,
        sent: Sent<'_>,
        status: u16,
        code: &str,
        words: &[&str],
    ) -> Result<()> {
        let Sent { by, method, path, body } = sent;
        let what = format!("{method} {path} by {}", by.login);
        for tries_left in (0..TRIES).rev() {
            let done = self.done_by_programs().await?;
            let before = self.tables().await?;
            let response = by.send(method.clone(), &path, body.as_ref()).await;
            let checked =
                response.and_then(|answer| is_refused(&what, &answer, status, code, words));
            let changed = self.changed_since(&before).await?;
            // A duty may do something meanwhile, which is not this request's doing.
            let disturbed = !changed.is_empty() && self.done_by_programs().await? != done;
            if checked.is_err() || !disturbed || tries_left == 0 {
                self.note(checked);
                self.note(nothing_changed(&changed, &what));
                break;
            }
        }
        Ok(())
    }

    async fn done_by_programs(&mut self) -> Result<i64> {
        Ok(sqlx::query_scalar(DONE_BY_PROGRAMS).fetch_one(&mut self.superuser).await?)
    }

    /// Expects that no table differs from `before`.
    pub(crate) async fn nothing_changed_since(
        &mut self,
        before: &BTreeMap<String, String>,
        what: &str,
    ) -> Result<()> {
        let changed = self.changed_since(before).await?;
        self.note(nothing_changed(&changed, what));
        Ok(())
    }

    async fn changed_since(&mut self, before: &BTreeMap<String, String>) -> Result<Vec<String>> {
        let mut after = self.tables().await?;
        after.retain(|table, digest| before.get(table) != Some(digest));
        Ok(after.into_keys().collect())
    }

    /// Keeps a fault for the end.
    pub(crate) fn note(&mut self, checked: Result<()>) {
        self.faults.extend(checked.err().map(|fault| format!("{fault:#}")));
    }

    /// A digest of every table.
    pub(crate) async fn tables(&mut self) -> Result<BTreeMap<String, String>> {
        let tables: Vec<(String, String)> =
            sqlx::query_as(TABLES).fetch_all(&mut self.superuser).await?;
        ensure!(tables.len() > 30, "only {} tables were found", tables.len());
        Ok(tables.into_iter().collect())
    }

    /// Expects, by the API, that the story's grant is whole: nothing is held, nothing was used.
    pub(crate) async fn nothing_was_held(&mut self) -> Result<()> {
        let path = format!("/v1/projects/{}", self.story.granted.project_id);
        let project = self.story.people.anna.get(&path).await?;
        self.note(is_whole(&project["grants"][0]["balance"]));
        Ok(())
    }
}

fn nothing_changed(changed: &[String], what: &str) -> Result<()> {
    ensure!(changed.is_empty(), "{what} was refused but left something in {changed:?}");
    Ok(())
}

fn is_whole(balance: &Value) -> Result<()> {
    ensure!(balance["granted"].as_i64() > Some(0), "nothing was granted: {balance}");
    for (free, all) in [("available", "granted"), ("available_usek", "granted_usek")] {
        ensure!(balance[free] == balance[all], "the grant is not whole: {balance}");
    }
    Ok(())
}

/// Expects an answer to be this refusal.
pub(crate) fn is_refused(
    what: &str,
    response: &Response,
    status: u16,
    code: &str,
    words: &[&str],
) -> Result<()> {
    let error = &response.body["error"];
    ensure!(
        response.status == status && error["code"] == code,
        "{what} should be answered {status} {code}: {response:?}"
    );
    let sentence = error["message"].as_str().unwrap_or_default();
    ensure!(sentence.len() > 20, "{what}: {code} says too little: {sentence:?}");
    for word in words {
        ensure!(sentence.contains(word), "{what}: {code} does not say {word:?}: {sentence}");
    }
    Ok(())
}

/// Where plans of a project are submitted.
pub(crate) fn job_plans(of: &Granted) -> String {
    format!("/v1/projects/{}/job-plans", of.project_id)
}

/// An instant so many seconds from now, or before it.
pub(crate) fn in_seconds(seconds: i64) -> DateTime<Utc> {
    Clock::System.now() + TimeDelta::seconds(seconds)
}
