//! `mimer why`: what stands in the way of a project's next job, or of a plan.

use serde::Deserialize;
use uuid::Uuid;

use crate::failure::Failure;
use crate::project;
use crate::reference::Reference;
use crate::session::{Ending, Session, read};
use crate::table::{list, words};

/// Say why a job cannot run, and what to do: from your login to the node.
#[derive(clap::Args)]
pub(crate) struct Why {
    /// A project's short name or id, or the id of a job plan.
    #[arg(value_name = "PROJECT|PLAN")]
    about: Reference,
}

#[derive(Deserialize)]
struct Finding {
    title: String,
    verdict: String,
    expected: String,
    actual: String,
    fix: Option<String>,
}

impl Why {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        let answer = match &self.about {
            // An id may be a plan's or a project's; plans are asked about more often.
            Reference::Id(id) => match session.client.get(&of_plan(*id)).await {
                Err(Failure::Refused(refusal)) if refusal.status == 404 => {
                    session.client.get(&of_project(*id)).await?
                }
                outcome => outcome?,
            },
            Reference::Name(_) => {
                let id = project::find(session, &self.about).await?;
                session.client.get(&of_project(id)).await?
            }
        };
        let findings: Vec<Finding> = read(&answer)?;
        let clear = findings.iter().all(|finding| finding.verdict != "in_the_way");
        session.show(&answer, table)?;
        Ok(Ending::well_if(clear))
    }
}

fn of_plan(id: Uuid) -> String {
    format!("/v1/job-plans/{id}/why")
}

fn of_project(id: Uuid) -> String {
    format!("/v1/projects/{id}/why")
}

fn table(findings: Vec<Finding>) -> String {
    let columns = [words(""), words("station"), words("found"), words("what to do")];
    let rows = findings.into_iter().map(|finding| {
        let mark = match finding.verdict.as_str() {
            "good" => "ok",
            "in_the_way" => "STOP",
            "not_known" => "?",
            _ => "-",
        };
        let told = finding.fix.unwrap_or_else(|| finding.expected.clone());
        [mark.to_owned(), finding.title, finding.actual, told]
    });
    list(columns, rows, "there is nothing to look at")
}
