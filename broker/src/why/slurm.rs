//! What Slurm says: the person's association, and whether the partition may be used.

use quotas::{project, tree};
use slurm_wire::{Answer, AssociationRow, Call};
use sqlx::PgConnection;

use super::{Finding, Station, Walker, text};
use crate::accounts::{self, AccountError};
use crate::app::App;

pub(super) async fn walk(app: &App, walker: &Walker) -> anyhow::Result<Vec<Finding>> {
    let mut connection = app.db.acquire().await?;
    let here = cluster_of(&mut connection, app, walker).await?;
    let app = here.as_ref().unwrap_or(app);
    let project = project::by_id(&mut connection, walker.project_id).await?;
    let person = record::person::by_id(&mut connection, walker.person_id).await?;
    drop(connection);
    let blank = |station| Finding::of(station, walker.language);
    let Some(project) = project else {
        return Ok(vec![
            blank(Station::Association).not_known(text::HIDDEN),
            blank(Station::Partition).not_known(text::HIDDEN),
        ]);
    };
    let login = person.and_then(|person| person.login).unwrap_or_default();
    let association = match accounts::find(&app.config.accounts.file, &login, project.slug.as_str())
    {
        Err(AccountError::NoAccount { .. }) => {
            blank(Station::Association).in_the_way("no_posix_user", "–", text::NO_POSIX_USER)
        }
        Err(error) => return Err(error.into()),
        Ok(account) => {
            let answer = app.gateway.call(&Call::ReadAssociations).await;
            of_association(blank(Station::Association), answer, &account.user, &|row| {
                row.account.starts_with(project.slurm_account.as_str())
            })
        }
    };
    let faults = app.settings.against(project.data_class);
    let partition = if faults.is_empty() {
        blank(Station::Partition).good(text::NOTHING_IN_THE_WAY.say(walker.language))
    } else {
        let fix = format!("{} {}", text::SETTINGS.say(walker.language), faults.join(" "));
        blank(Station::Partition).told("slurm_settings_wrong", &faults.join(" "), &fix)
    };
    Ok(vec![association, partition])
}

/// The App at the cluster where the project's jobs go: that of the plan, or of its newest attempt, or the
/// first that it has a grant on. `None` where none is known, or there is only one.
async fn cluster_of(
    tx: &mut PgConnection,
    app: &App,
    walker: &Walker,
) -> Result<Option<App>, sqlx::Error> {
    if app.clusters.only().is_some() {
        return Ok(None);
    }
    let newest = sqlx::query_scalar!(
        "select a.cluster from broker.attempt a join broker.job_plan p using (job_plan_id)
         where p.project_id = $1 and ($2::uuid is null or p.job_plan_id = $2)
         order by a.created_at desc limit 1",
        walker.project_id,
        walker.job_plan_id,
    );
    if let Some(name) = newest.fetch_optional(&mut *tx).await? {
        return Ok(app.on(&name));
    }
    for here in app.each() {
        let there = tree::on_cluster(&mut *tx, &here.cluster.name).await?;
        if there.iter().any(|project| project.project_id == walker.project_id) {
            return Ok(Some(here));
        }
    }
    Ok(None)
}

/// Whether Slurm has the user under one of the project's accounts.
fn of_association<E>(
    blank: super::Blank,
    answer: Result<Answer, E>,
    user: &str,
    is_projects: &dyn Fn(&AssociationRow) -> bool,
) -> Finding {
    let Ok(Answer::Associations(rows)) = answer else {
        return blank.not_known(text::SLURM_SILENT);
    };
    let found = rows.iter().find(|row| row.user.as_deref() == Some(user) && is_projects(row));
    match found {
        Some(row) => blank.good(&format!("{user} · {}", row.account)),
        None => blank.in_the_way("no_association", user, text::NO_ASSOCIATION),
    }
}
