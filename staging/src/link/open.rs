//! Opening a link: what is asked, and what must be true before it is granted.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use quotas::permit::{self, Permit};
use quotas::project::DataClass;
use uuid::Uuid;

use crate::environment::Environment;
use crate::manifest::Bounds;
use crate::path::SafePath;
use crate::transfer::is_plain_absolute;

use super::{Direction, Link, LinkState, OpenError};

/// A request to open a link.
#[derive(Clone, Debug)]
pub struct OpenLink {
    /// Chosen by the client.
    pub link_id: Uuid,
    /// Whom the data is for.
    pub project_id: Uuid,
    /// Under which permit.
    pub permit_id: Uuid,
    /// Which dataset, as the permit names it.
    pub dataset: String,
    /// Where it comes from.
    pub environment_id: Uuid,
    /// Which way.
    pub direction: Direction,
    /// The dataset's directory, below the environment's root.
    pub source_path: String,
    /// The absolute directory it goes to.
    pub area: PathBuf,
    /// Which types of files may pass, and how much.
    pub bounds: Bounds,
    /// Who opens it.
    pub person_id: Uuid,
}

impl OpenLink {
    /// The link this opens at `now`, if the permit, the project's class and the paths allow it.
    pub(crate) fn check(
        &self,
        environment: &Environment,
        (project_class, permit): (DataClass, &Permit),
        now: DateTime<Utc>,
    ) -> Result<Link, OpenError> {
        let (permit_id, project_id) = (self.permit_id, self.project_id);
        let link = self.link(environment, now)?;
        if permit.project_id != project_id {
            return Err(OpenError::PermitOfAnotherProject { permit_id, project_id });
        }
        permit::check(permit, &link.asks(now))?;
        if !environment.data_classes.contains(&project_class) {
            let environment = environment.name.clone();
            return Err(OpenError::ClassNotServed { environment, class: project_class });
        }
        Ok(link)
    }

    fn link(&self, environment: &Environment, now: DateTime<Utc>) -> Result<Link, OpenError> {
        let source_path = SafePath::new(&self.source_path).map_err(OpenError::SourcePath)?;
        if !self.area.to_str().is_some_and(is_plain_absolute) {
            return Err(OpenError::AreaPath(self.area.clone()));
        }
        let refuse = |what| Err(OpenError::Bounds { link_id: self.link_id, what });
        if self.bounds.allowed_types.is_empty() {
            return refuse("it lets no type of file through; name at least one, such as csv");
        }
        if !self.bounds.allowed_types.iter().all(|ending| is_ending(ending)) {
            return refuse("a type is written in lower case without the first dot, such as tar.gz");
        }
        if self.bounds.max_bytes == 0 || i64::try_from(self.bounds.max_bytes).is_err() {
            return refuse("the most bytes it lets through must be above zero");
        }
        Ok(Link {
            link_id: self.link_id,
            project_id: self.project_id,
            permit_id: self.permit_id,
            dataset: self.dataset.clone(),
            environment_id: environment.environment_id,
            environment_name: environment.name.clone(),
            direction: self.direction,
            source_path,
            area: self.area.clone(),
            bounds: self.bounds.clone(),
            person_id: self.person_id,
            opened_at: now,
            state: LinkState::Open,
        })
    }
}

fn is_ending(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c);
    !text.is_empty() && text.len() <= 32 && !text.starts_with('.') && text.chars().all(plain)
}
