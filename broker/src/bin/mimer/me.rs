//! `mimer me`: who the key belongs to.

use serde::Deserialize;
use uuid::Uuid;

use crate::failure::Failure;
use crate::session::{Ending, Session};
use crate::table::{Sheet, plain};

/// The person behind the key.
#[derive(Deserialize)]
pub(crate) struct Me {
    person_id: Uuid,
    login: Option<String>,
    name: Option<String>,
    roles: Vec<RoleHeld>,
}

#[derive(Deserialize)]
struct RoleHeld {
    role: String,
    agency_id: Option<Uuid>,
}

impl Me {
    /// The login, or the id of a person whose name was erased.
    pub(crate) fn called(&self) -> String {
        self.login.as_deref().map_or_else(|| self.person_id.to_string(), plain)
    }

    fn text(&self, server: &str) -> String {
        let mut sheet = Sheet::default()
            .line_if("login", self.login.as_ref())
            .line_if("name", self.name.as_ref())
            .line("person", self.person_id)
            .line("server", server);
        for held in &self.roles {
            sheet = match held.agency_id {
                Some(agency_id) => sheet.line("role", format!("{} of {agency_id}", held.role)),
                None => sheet.line("role", &held.role),
            };
        }
        sheet.text()
    }
}

/// Shows who is logged in.
pub(crate) async fn me(session: &Session) -> Result<Ending, Failure> {
    let answer = session.client.get("/v1/me").await?;
    session.show(&answer, |me: Me| me.text(session.client.server()))?;
    Ok(Ending::Well)
}
