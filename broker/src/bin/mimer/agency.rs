//! `mimer agency`: who asks and pays.

use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::failure::Failure;
use crate::reference::Named;
use crate::session::{Ending, Session};
use crate::table::{Sheet, list, words};

/// Agencies, which ask and pay.
#[derive(clap::Subcommand)]
pub(crate) enum AgencyCommand {
    /// Register an agency (operator).
    Create(Create),
    /// List the agencies.
    List,
}

#[derive(clap::Args)]
pub(crate) struct Create {
    /// Registered name.
    #[arg(long)]
    name: String,
    /// Ten digits with a right check digit, as 202100-0837.
    #[arg(long, value_name = "NUMBER")]
    organisation_number: String,
    /// What kind of applicant it is; it decides which fund may pay.
    #[arg(long)]
    category: Category,
    /// Id to give it; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

#[derive(Clone, Copy, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Category {
    /// A public authority, region or municipality.
    PublicBody,
    /// A small or medium-sized enterprise.
    Sme,
    /// A university or research institute.
    Academia,
}

#[derive(Deserialize)]
pub(crate) struct AgencyRow {
    agency_id: Uuid,
    name: String,
    organisation_number: String,
    category: String,
}

impl Named for AgencyRow {
    const NOUN: (&'static str, &'static str) = ("agency", "agencies");
    const LIST: &'static str = "/v1/agencies";

    fn id(&self) -> Uuid {
        self.agency_id
    }

    fn is_called(&self, name: &str) -> bool {
        let digits = |number: &str| number.replace('-', "");
        self.name == name || digits(&self.organisation_number) == digits(name)
    }
}

impl AgencyCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        match self {
            Self::Create(create) => create.run(session).await?,
            Self::List => {
                let answer = session.client.get(AgencyRow::LIST).await?;
                session.show(&answer, table)?;
            }
        }
        Ok(Ending::Well)
    }
}

impl Create {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let agency_id = self.id.unwrap_or_else(record::id::fresh);
        let body = json!({
            "agency_id": agency_id,
            "name": self.name,
            "organisation_number": self.organisation_number,
            "category": self.category,
        });
        let answer = session.client.post("/v1/agencies", &body, &[("--id", agency_id)]).await?;
        session.show(&answer, |agency: AgencyRow| {
            Sheet::default()
                .line("agency", agency.agency_id)
                .line("name", agency.name)
                .line("organisation number", agency.organisation_number)
                .line("category", agency.category)
                .text()
        })
    }
}

fn table(agencies: Vec<AgencyRow>) -> String {
    let rows = agencies.into_iter().map(|agency| {
        [agency.agency_id.to_string(), agency.organisation_number, agency.category, agency.name]
    });
    let columns = [words("agency"), words("number"), words("category"), words("name")];
    list(columns, rows, "there are no agencies yet; `mimer agency create` registers one")
}
