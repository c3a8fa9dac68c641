//! The main job, told once: from an agency's request to a line on an invoice draft.
//!
//! The demo, the tests on the real cluster and the tests on the simulated one all run this story.
//! It knows the broker only by its API and `mimerd`'s commands, as people do.

mod beside;
mod capacity;
mod open;
mod people;
mod request;
mod run;
mod source;

use anyhow::Result;
use record::id;
use uuid::Uuid;

pub use capacity::Gpus;
pub use open::WIDE_TERMS;
pub use people::People;
pub use request::{Granted, PRICE_USEK, TERMS, Terms};
pub use run::{Outcome, Plan, sealed_verdict};

use crate::site::Site;

/// A story as far as it has come; every step returns what the next ones need.
pub struct Story {
    /// The people, logged in.
    pub people: People,
    /// Project, pool, fund and grant.
    pub granted: Granted,
    /// The staging link that brought the data.
    pub link_id: Uuid,
    /// The permit it rests on.
    pub permit_id: Uuid,
}

/// The dataset of the story, as its permit names it.
pub const DATASET: &str = "stroke-registry-2026";
/// The environment of the story.
pub const ENVIRONMENT: &str = "Vesta (stand-in)";

impl Story {
    /// Sets the stage: people, fund, pool, prices, project, request, decision, permit and link.
    pub async fn begin(site: &Site, terms: &Terms) -> Result<Self> {
        let people = People::gather(site).await?;
        let granted = request::until_granted(site, &people, terms).await?;
        let permit_id = id::fresh();
        let link_id = source::open_link(site, &people, &granted, permit_id).await?;
        Ok(Self { people, granted, link_id, permit_id })
    }

    /// The plain plan: one node, a few seconds, the story's link.
    pub fn plan(&self, site: &Site) -> Plan {
        Plan::new(site, self.link_id)
    }
}
