//! `mimer member`: who belongs to a project.

use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::failure::Failure;
use crate::project;
use crate::reference::Reference;
use crate::session::{Ending, Session};
use crate::table::Sheet;

/// Members of projects.
#[derive(clap::Subcommand)]
pub(crate) enum MemberCommand {
    /// Add a member to a project of yours (agency member).
    Add {
        /// Short name or id of the project.
        #[arg(long)]
        project: Reference,
        /// Login of an agency member.
        login: String,
    },
}

#[derive(Deserialize)]
struct Member {
    project_id: Uuid,
    person_id: Uuid,
}

impl MemberCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        let Self::Add { project, login } = self;
        let project_id = project::find(session, &project).await?;
        let path = format!("/v1/projects/{project_id}/members");
        let answer = session.client.post(&path, &json!({ "login": login }), &[]).await?;
        session.show(&answer, |member: Member| {
            Sheet::default()
                .line("project", member.project_id)
                .line("member", format!("{} ({login})", member.person_id))
                .text()
        })?;
        Ok(Ending::Well)
    }
}
