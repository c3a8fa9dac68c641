//! "Why can't I run?": one walk from the login to the node, with what is expected, what is and what
//! to do.
//!
//! The walk decides nothing. It asks the same admission that a plan meets, the same account list,
//! the same Slurm, and sorts the answers along the way a job goes. What could not be asked is said
//! to be not known; what this installation does not check is said to be not checked.

use chrono::{DateTime, Utc};
use record::Language;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;

mod decided;
mod job;
mod slurm;
#[cfg(test)]
mod tests;
mod text;

use text::Text;

/// A place on the way of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Station {
    /// The person is known and has a role.
    Login,
    /// The person works in the project.
    Membership,
    /// An authority's permit allows the work.
    Permit,
    /// The project has time and money.
    Grant,
    /// The job keeps the limits.
    Limit,
    /// Slurm lets the person run under the project's account.
    Association,
    /// The partition takes the job.
    Partition,
    /// The node has proved what it runs.
    Attestation,
    /// Where the job itself stands.
    Job,
}

/// What was found at a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing is in the way.
    Good,
    /// This is in the way.
    InTheWay,
    /// It could not be asked, or an earlier station hides it.
    NotKnown,
    /// This installation has no such check.
    NotChecked,
}

/// One line of the walk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Finding {
    /// Where.
    pub station: Station,
    /// The station's name in the reader's language.
    pub title: String,
    /// What was found.
    pub verdict: Verdict,
    /// The stable code of the reason, where there is one.
    pub code: Option<String>,
    /// What must be so.
    pub expected: String,
    /// What is.
    pub actual: String,
    /// What to do; absent where nothing is in the way.
    pub fix: Option<String>,
}

/// Whom the walk is about.
#[derive(Clone, Debug)]
pub struct Walker {
    /// The project.
    pub project_id: Uuid,
    /// The person.
    pub person_id: Uuid,
    /// The plan, where it is about one.
    pub job_plan_id: Option<Uuid>,
    /// In which language to answer.
    pub language: Language,
    /// When.
    pub now: DateTime<Utc>,
}

/// Walks the whole way. Changes nothing.
pub async fn walk(app: &App, walker: &Walker) -> anyhow::Result<Vec<Finding>> {
    let mut findings = vec![login(app, walker).await?];
    findings.extend(decided::walk(app, walker).await?);
    findings.extend(slurm::walk(app, walker).await?);
    findings.push(Finding::of(Station::Attestation, walker.language).not_checked());
    if let Some(job_plan_id) = walker.job_plan_id {
        findings.push(job::finding(app, walker, job_plan_id).await?);
    }
    findings.sort_by_key(|finding| finding.station);
    Ok(findings)
}

/// Whether the broker knows the person and what they may do.
async fn login(app: &App, walker: &Walker) -> anyhow::Result<Finding> {
    let mut connection = app.db.acquire().await?;
    let person = record::person::by_id(&mut connection, walker.person_id).await?;
    let held = crate::auth::roles_of(&mut connection, walker.person_id).await?;
    let finding = Finding::of(Station::Login, walker.language);
    let login = person.and_then(|person| person.login);
    Ok(match login {
        Some(login) if held.iter().any(|held| held.role == crate::auth::Role::AgencyMember) => {
            finding.good(&login)
        }
        Some(login) => finding.in_the_way("not_an_agency_member", &login, text::ASK_FOR_A_ROLE),
        None => finding.in_the_way("no_such_person", "–", text::ASK_FOR_A_LOGIN),
    })
}

/// A finding about to be filled in.
#[derive(Clone, Copy, Debug)]
struct Blank {
    station: Station,
    language: Language,
}

impl Finding {
    fn of(station: Station, language: Language) -> Blank {
        Blank { station, language }
    }
}

impl Blank {
    fn fill(self, verdict: Verdict, actual: String) -> Finding {
        let (title, expected) = text::station(self.station);
        Finding {
            station: self.station,
            title: title.say(self.language).to_owned(),
            verdict,
            code: None,
            expected: expected.say(self.language).to_owned(),
            actual,
            fix: None,
        }
    }

    fn good(self, actual: &str) -> Finding {
        self.fill(Verdict::Good, actual.to_owned())
    }

    fn in_the_way(self, code: &str, actual: &str, fix: Text) -> Finding {
        self.told(code, actual, fix.say(self.language))
    }

    /// In the way, with a sentence that says both what is and what to do.
    fn told(self, code: &str, actual: &str, fix: &str) -> Finding {
        let blank = self.fill(Verdict::InTheWay, actual.to_owned());
        Finding { code: Some(code.to_owned()), fix: Some(fix.to_owned()), ..blank }
    }

    fn not_known(self, why: Text) -> Finding {
        self.fill(Verdict::NotKnown, why.say(self.language).to_owned())
    }

    fn not_checked(self) -> Finding {
        self.fill(Verdict::NotChecked, text::NO_ATTESTATION.say(self.language).to_owned())
    }
}
