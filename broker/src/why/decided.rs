//! What the admission decision says, sorted along the walk: membership, permit, grant, limit.

use quotas::pool::{self, AllocationUnit};
use quotas::{grant, project};
use uuid::Uuid;

use super::{Finding, Station, Walker, text};
use crate::app::App;
use crate::plan::{self, Ask, PlanError};

/// The four stations that the decision knows about.
const STATIONS: [Station; 4] =
    [Station::Membership, Station::Permit, Station::Grant, Station::Limit];

pub(super) async fn walk(app: &App, walker: &Walker) -> anyhow::Result<Vec<Finding>> {
    let mut connection = app.db.acquire().await?;
    let blank = |station| Finding::of(station, walker.language);
    let asked = match walker.job_plan_id {
        Some(job_plan_id) => plan::ask_of(&mut connection, job_plan_id).await?,
        None => smallest(&mut connection, walker).await?,
    };
    let Some(ask) = asked else {
        let member =
            project::is_member(&mut connection, walker.project_id, walker.person_id).await?;
        let membership = blank(Station::Membership);
        let no_grant = text::NO_GRANT.say(walker.language);
        return Ok(vec![
            if member {
                membership.good(text::MEMBER.say(walker.language))
            } else {
                membership.not_known(text::HIDDEN)
            },
            blank(Station::Permit).not_known(text::HIDDEN),
            blank(Station::Grant).told("no_grant", "–", no_grant),
            blank(Station::Limit).not_known(text::HIDDEN),
        ]);
    };
    let refused = match plan::would_be_refused(&mut connection, &ask, walker.now).await {
        Ok(()) => Vec::new(),
        Err(PlanError::Refused(refusal)) => refusal.reasons,
        Err(PlanError::NoSuchLink(link_id)) => {
            let sentence = PlanError::NoSuchLink(link_id).to_string();
            return Ok(STATIONS
                .map(|station| match station {
                    Station::Permit => blank(station).told("no_such_link", &sentence, &sentence),
                    _ => blank(station).not_known(text::HIDDEN),
                })
                .into());
        }
        Err(error) => return Err(error.into()),
    };
    let mut findings = Vec::new();
    // A stranger to the project is told nothing of what is in it.
    let hidden = refused.iter().any(|reason| station_of(reason.code()) == Station::Membership);
    for station in STATIONS {
        let here: Vec<_> =
            refused.iter().filter(|reason| station_of(reason.code()) == station).collect();
        for reason in &here {
            let sentence = reason.sentence(walker.language);
            findings.push(blank(station).told(reason.code(), reason.code(), &sentence));
        }
        if here.is_empty() && hidden {
            findings.push(blank(station).not_known(text::HIDDEN));
        } else if here.is_empty() {
            findings.push(blank(station).good(text::NOTHING_IN_THE_WAY.say(walker.language)));
        }
    }
    Ok(findings)
}

/// Where on the way a reason belongs.
pub(super) fn station_of(code: &str) -> Station {
    match code {
        "unknown_project" | "not_a_member" => Station::Membership,
        "permit_missing"
        | "permit_expired"
        | "permit_not_yet_valid"
        | "permit_revoked"
        | "permit_ends_too_soon"
        | "person_not_in_permit"
        | "environment_not_in_permit"
        | "dataset_not_in_permit" => Station::Permit,
        "nothing_asked"
        | "too_many_gpus_for_node"
        | "too_many_gpus_for_grant"
        | "whole_nodes_only"
        | "wall_time_above_grant"
        | "gpus_at_once_reached"
        | "jobs_at_once_reached"
        | "new_jobs_stopped"
        | "use_not_counted" => Station::Limit,
        _ => Station::Grant,
    }
}

/// The smallest job the project could ask for: one GPU, or one node, for a minute, of the class of its newest
/// grant. `None` if it has no grant.
async fn smallest(tx: &mut sqlx::PgConnection, walker: &Walker) -> anyhow::Result<Option<Ask>> {
    let grants = grant::list_for_project(&mut *tx, walker.project_id).await?;
    let newest = grants.into_iter().max_by_key(|standing| standing.grant.valid_until);
    let Some(standing) = newest else { return Ok(None) };
    let pool = pool::by_id(tx, standing.grant.pool_id).await?;
    let whole_node = pool.filter(|pool| pool.unit == AllocationUnit::Node);
    Ok(Some(Ask {
        job_plan_id: Uuid::nil(),
        project_id: walker.project_id,
        person_id: walker.person_id,
        name: "why".to_owned(),
        script: "#!/bin/sh\n".to_owned(),
        gpu_count: whole_node.map_or(1, |pool| pool.gpus_per_node),
        wall_time_s: 60,
        class: standing.grant.class,
        link_ids: Vec::new(),
        task_count: 1,
        tasks_at_once: None,
        begin_at: None,
        after: Vec::new(),
    }))
}
