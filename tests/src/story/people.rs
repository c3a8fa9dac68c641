//! Who is in the story. Each has one role; deciding, operating and asking are kept apart.

use std::time::Duration;

use anyhow::{Context, Result};
use record::id;
use serde_json::json;
use uuid::Uuid;

use crate::site::{Person, Site, until_some};

/// The people, each with a key.
#[derive(Clone, Debug)]
pub struct People {
    /// The agency.
    pub agency_id: Uuid,
    /// Runs the cluster.
    pub operator: Person,
    /// Works at the agency; has a POSIX account in the project.
    pub anna: Person,
    /// Works at the agency too, but is not a member of the project at first.
    pub bertil: Person,
    /// Decides requests.
    pub decider: Person,
    /// Prices and invoices.
    pub finance: Person,
    /// Answers for the data.
    pub controller: Person,
}

impl People {
    /// Makes the operator, who registers the agency, and then everybody else.
    pub async fn gather(site: &Site) -> Result<Self> {
        let operator = site.person("oskar", "operator", None).await?;
        let agency_id = id::fresh();
        let agency = json!({
            "agency_id": agency_id,
            "name": "Region Exempel",
            "organisation_number": "202100-0837",
            "category": "public_body",
        });
        operator.post("/v1/agencies", &agency).await?;
        let agency = agency_id.to_string();
        Ok(Self {
            agency_id,
            operator,
            anna: site.person("anna", "agency_member", Some(&agency)).await?,
            bertil: site.person("bertil", "agency_member", Some(&agency)).await?,
            decider: site.person("dagny", "decider", None).await?,
            finance: site.person("frida", "finance", None).await?,
            controller: site.person("cecilia", "controller", None).await?,
        })
    }

    /// Waits until Slurm is as the broker wants it: the diff of the site's own cluster is empty.
    pub async fn until_kept(&self, site: &Site, bound: Duration) -> Result<()> {
        until_some(site, "Slurm to be as the broker wants it", bound, async || {
            let diff = self.operator.get("/v1/cluster/diff").await?;
            let lines = diff["lines"].as_array().context("the diff has lines")?;
            Ok(lines.is_empty().then_some(()))
        })
        .await
    }

    /// Everybody with the word for their role, for tests that go through the roles.
    pub fn by_role(&self) -> [(&'static str, &Person); 5] {
        [
            ("agency_member", &self.anna),
            ("decider", &self.decider),
            ("operator", &self.operator),
            ("finance", &self.finance),
            ("controller", &self.controller),
        ]
    }
}
