//! `mimer grant`: what is changed on a grant after it was decided.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::amount;
use crate::failure::Failure;
use crate::instant;
use crate::session::{Ending, Session};
use crate::table::{Sheet, figures, list, words};

/// Grants: what is changed on one after it was decided; `mimer project show` lists them.
#[derive(clap::Subcommand)]
pub(crate) enum GrantCommand {
    /// Give a grant more time, more money, or both (decider).
    TopUp(TopUp),
    /// Give back time and money that the project will not use (member).
    GiveBack(GiveBack),
    /// Move what is free to another grant of the same fund (decider).
    Transfer(Transfer),
    /// Carry the fund's stated part of what expired over to another grant (decider).
    CarryOver(ToAnother),
    /// End a grant in favour of a newer one of the same project (decider).
    Supersede(ToAnother),
    /// List what was changed on a grant.
    Changes {
        /// Id of the grant.
        grant: Uuid,
    },
}

#[derive(clap::Args)]
struct Amount {
    /// GPU time, in hours, as 100 or 0,5.
    #[arg(long, value_name = "HOURS", default_value = "0", value_parser = amount::gpu_hours)]
    gpu_hours: GpuSeconds,
    /// Money, in kronor, as 50000 or 12,50.
    #[arg(long, value_name = "AMOUNT", default_value = "0", value_parser = amount::kronor)]
    kronor: MicroSek,
}

#[derive(clap::Args)]
pub(crate) struct TopUp {
    /// Id of the grant.
    grant: Uuid,
    #[command(flatten)]
    amount: Amount,
    /// The reason, which the project reads.
    #[arg(long, value_name = "TEXT")]
    motivation: String,
    /// Id to give the change; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

#[derive(clap::Args)]
pub(crate) struct GiveBack {
    /// Id of the grant.
    grant: Uuid,
    #[command(flatten)]
    amount: Amount,
    /// Why, if there is something to say.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Id to give the change; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

#[derive(clap::Args)]
pub(crate) struct Transfer {
    /// Id of the grant that gives.
    grant: Uuid,
    /// Id of the grant that gets.
    #[arg(long, value_name = "ID")]
    to: Uuid,
    #[command(flatten)]
    amount: Amount,
    /// The reason, which both projects read.
    #[arg(long, value_name = "TEXT")]
    motivation: String,
    /// Id to give the change; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

#[derive(clap::Args)]
pub(crate) struct ToAnother {
    /// Id of the grant that is over, or is to be.
    grant: Uuid,
    /// Id of the grant that comes after it.
    #[arg(long, value_name = "ID")]
    to: Uuid,
    /// The reason, which the project reads.
    #[arg(long, value_name = "TEXT")]
    motivation: String,
    /// Id to give the change; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

/// A change as the API shows it.
#[derive(Deserialize)]
struct Change {
    change_id: Uuid,
    kind: String,
    grant_id: Uuid,
    other_grant_id: Option<Uuid>,
    gpu_seconds: GpuSeconds,
    usek: MicroSek,
    decided_by: Option<Uuid>,
    changed_at: DateTime<Utc>,
}

impl GrantCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        let answer = match self {
            Self::TopUp(top_up) => top_up.send(session).await?,
            Self::GiveBack(give_back) => give_back.send(session).await?,
            Self::Transfer(transfer) => transfer.send(session).await?,
            Self::CarryOver(to) => to.send(session, "carry-over", "to_grant_id").await?,
            Self::Supersede(to) => to.send(session, "supersede", "new_grant_id").await?,
            Self::Changes { grant } => {
                let answer = session.client.get(&format!("/v1/grants/{grant}/changes")).await?;
                session.show(&answer, table)?;
                return Ok(Ending::Well);
            }
        };
        session.show(&answer, sheet)?;
        Ok(Ending::Well)
    }
}

async fn send(
    session: &Session,
    (grant, verb): (Uuid, &str),
    id: Option<Uuid>,
    mut body: Value,
) -> Result<Value, Failure> {
    let change_id = id.unwrap_or_else(record::id::fresh);
    body["change_id"] = json!(change_id);
    let path = format!("/v1/grants/{grant}/{verb}");
    session.client.post(&path, &body, &[("--id", change_id)]).await
}

impl TopUp {
    async fn send(self, session: &Session) -> Result<Value, Failure> {
        let body = json!({
            "gpu_seconds": self.amount.gpu_hours,
            "usek": self.amount.kronor,
            "motivation": self.motivation,
        });
        send(session, (self.grant, "top-up"), self.id, body).await
    }
}

impl GiveBack {
    async fn send(self, session: &Session) -> Result<Value, Failure> {
        let body = json!({
            "gpu_seconds": self.amount.gpu_hours,
            "usek": self.amount.kronor,
            "why": self.why,
        });
        send(session, (self.grant, "give-back"), self.id, body).await
    }
}

impl Transfer {
    async fn send(self, session: &Session) -> Result<Value, Failure> {
        let body = json!({
            "to_grant_id": self.to,
            "gpu_seconds": self.amount.gpu_hours,
            "usek": self.amount.kronor,
            "motivation": self.motivation,
        });
        send(session, (self.grant, "transfer"), self.id, body).await
    }
}

impl ToAnother {
    async fn send(self, session: &Session, verb: &str, to: &str) -> Result<Value, Failure> {
        let mut body = json!({ "motivation": self.motivation });
        body[to] = json!(self.to);
        send(session, (self.grant, verb), self.id, body).await
    }
}

fn sheet(change: Change) -> String {
    Sheet::default()
        .line("change", change.change_id)
        .line("kind", change.kind)
        .line("grant", change.grant_id)
        .line_if("other grant", change.other_grant_id)
        .line("GPU time", amount::show_gpu_time(change.gpu_seconds))
        .line("money", amount::show_kronor(change.usek))
        .line_if("decided by", change.decided_by)
        .line("changed", instant::show(change.changed_at))
        .text()
}

fn table(changes: Vec<Change>) -> String {
    let columns = [
        words("changed"),
        words("kind"),
        figures("GPU time"),
        figures("money"),
        words("other grant"),
        words("decided by"),
        words("change"),
    ];
    let id_if = |id: Option<Uuid>| id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    let rows = changes.into_iter().map(|change| {
        [
            instant::show(change.changed_at),
            change.kind,
            amount::show_gpu_time(change.gpu_seconds),
            amount::show_kronor(change.usek),
            id_if(change.other_grant_id),
            id_if(change.decided_by),
            change.change_id.to_string(),
        ]
    });
    list(columns, rows, "nothing was changed since the grant was decided")
}
