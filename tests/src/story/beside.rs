//! Projects beside the story's own, for what its project is not in: without a grant, with a small
//! one, with an open request. They share the story's people, fund, pool and prices.

use anyhow::Result;
use record::{Clock, id};
use serde_json::Value;

use super::request::{self, NewProject, TITLE};
use super::{Granted, Story, TERMS, Terms};

impl Story {
    /// A project of anna's without any grant.
    pub async fn project_beside(&self, slug: &str, data_class: &str) -> Result<Granted> {
        let beside = self.beside();
        let slurm_account = format!("pub_{}", slug.replace('-', "_"));
        let new = NewProject { slug, title: TITLE, data_class, slurm_account: &slurm_account };
        request::create_project(&self.people, beside.project_id, &new).await?;
        Ok(beside)
    }

    /// A project of anna's with a grant on these terms.
    pub async fn granted_beside(
        &self,
        slug: &str,
        data_class: &str,
        terms: &Terms,
    ) -> Result<Granted> {
        let beside = self.project_beside(slug, data_class).await?;
        request::grant(&self.people, &beside, terms, Clock::System.now()).await?;
        Ok(beside)
    }

    /// The body of a request for GPU time that nobody has sent yet.
    pub fn request_body(&self, beside: &Granted) -> Value {
        request::request(beside, &TERMS, Clock::System.now())
    }

    /// The body of an approval of `beside`'s request, on the story's usual terms.
    pub fn approval_body(&self, beside: &Granted) -> Value {
        request::approval(beside, &TERMS, Clock::System.now())
    }

    fn beside(&self) -> Granted {
        Granted {
            project_id: id::fresh(),
            request_id: id::fresh(),
            grant_id: id::fresh(),
            ..self.granted.clone()
        }
    }
}
