//! `mimer fund`: money with a purpose, conditions and an end.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::amount;
use crate::failure::Failure;
use crate::instant;
use crate::proof;
use crate::reference::{self, Named, Reference};
use crate::session::{Ending, Session};
use crate::table::{Sheet, figures, list, words};
use crate::window::Window;

/// Funds: money with a purpose and a period; funds never mix.
#[derive(clap::Subcommand)]
pub(crate) enum FundCommand {
    /// Open a fund (operator).
    Create(Box<Create>),
    /// List the funds (operator, decider, finance).
    List,
    /// Convert a fund's envelope into GPU time by a dated price (operator, decider, finance).
    Envelope(Envelope),
    /// Prove that the fund paid for nobody else; exit code 1 if it did (operator, decider, finance).
    Proof {
        /// Name or id of the fund.
        fund: Reference,
    },
}

#[derive(clap::Args)]
pub(crate) struct Create {
    /// What people call it, as "Public sector 2027".
    #[arg(long)]
    name: String,
    /// What its money is for.
    #[arg(long)]
    purpose: Purpose,
    /// The most that may ever be granted from it, in kronor, as 30000000 or 12,50.
    #[arg(long, value_name = "AMOUNT", value_parser = amount::kronor)]
    kronor: MicroSek,
    /// What the money may be used for, in the words of whoever gave it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    conditions: String,
    /// Low end of the yearly range it was announced with, in kronor, as 20000000.
    #[arg(long, value_name = "AMOUNT", value_parser = amount::kronor, requires = "envelope_high")]
    envelope_low: Option<MicroSek>,
    /// High end of that range, as 50000000.
    #[arg(long, value_name = "AMOUNT", value_parser = amount::kronor, requires = "envelope_low")]
    envelope_high: Option<MicroSek>,
    /// Part of what expires on a grant that may be carried over to a later one, as 0,25.
    #[arg(long, value_name = "FACTOR", default_value = "0", value_parser = amount::factor_ppm)]
    carry_over: i64,
    #[command(flatten)]
    window: Window,
    /// Id to give it; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

#[derive(Clone, Copy, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Purpose {
    /// The public sector's share.
    PublicSector,
    /// Research.
    Research,
    /// Innovation: what small and medium-sized enterprises use.
    Innovation,
}

#[derive(clap::Args)]
pub(crate) struct Envelope {
    /// Name or id of the fund.
    fund: Reference,
    /// Class of GPU whose price it is.
    #[arg(long, value_name = "NAME")]
    class: String,
    /// Slurm partition whose price it is.
    #[arg(long, value_name = "NAME")]
    partition: String,
    /// By the price of that day; now if it is left out.
    #[arg(long, value_name = "DATE", value_parser = instant::instant)]
    at: Option<DateTime<Utc>>,
}

/// A fund as it was laid out.
#[derive(Deserialize)]
pub(crate) struct Fund {
    fund_id: Uuid,
    name: String,
    purpose: String,
    ceiling: MicroSek,
    #[serde(default)]
    conditions: String,
    envelope: Option<Range>,
    #[serde(default)]
    carry_over_ppm: i64,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Range {
    low: MicroSek,
    high: MicroSek,
}

#[derive(Deserialize)]
struct EnvelopeShown {
    fund_id: Uuid,
    low_usek: MicroSek,
    high_usek: MicroSek,
    low_gpu_seconds: GpuSeconds,
    high_gpu_seconds: GpuSeconds,
    at: DateTime<Utc>,
    rate: NamedRate,
}

#[derive(Deserialize)]
struct NamedRate {
    rate_card_name: String,
    class: String,
    partition: String,
    price_usek_per_gpu_hour: MicroSek,
    factor_ppm: i64,
}

impl Named for Fund {
    const NOUN: (&'static str, &'static str) = ("fund", "funds");
    const LIST: &'static str = "/v1/funds";

    fn id(&self) -> Uuid {
        self.fund_id
    }

    fn is_called(&self, name: &str) -> bool {
        self.name == name
    }
}

/// The fund that is meant.
pub(crate) async fn find(session: &Session, fund: &Reference) -> Result<Uuid, Failure> {
    reference::find::<Fund>(session, fund).await
}

impl FundCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        match self {
            Self::Create(create) => create.run(session).await?,
            Self::List => {
                let answer = session.client.get(Fund::LIST).await?;
                session.show(&answer, table)?;
            }
            Self::Envelope(envelope) => envelope.run(session).await?,
            Self::Proof { fund } => return proof::show(session, find(session, &fund).await?).await,
        }
        Ok(Ending::Well)
    }
}

impl Create {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let fund_id = self.id.unwrap_or_else(record::id::fresh);
        let envelope = self.envelope_low.zip(self.envelope_high);
        let body = json!({
            "fund_id": fund_id,
            "name": self.name,
            "purpose": self.purpose,
            "ceiling_usek": self.kronor,
            "conditions": self.conditions,
            "envelope": envelope.map(|(low, high)| json!({ "low_usek": low, "high_usek": high })),
            "carry_over_ppm": self.carry_over,
            "valid_from": self.window.from,
            "valid_until": self.window.until,
        });
        let answer = session.client.post("/v1/funds", &body, &[("--id", fund_id)]).await?;
        session.show(&answer, sheet)
    }
}

impl Envelope {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let fund_id = find(session, &self.fund).await?;
        let mut query = vec![("class", self.class), ("partition", self.partition)];
        if let Some(at) = self.at {
            query.push(("at", at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)));
        }
        let answer = session.client.ask(&format!("/v1/funds/{fund_id}/envelope"), &query).await?;
        session.show(&answer, |shown: EnvelopeShown| {
            let range = |low: String, high: String| format!("{low} to {high}");
            let (low, high) = (shown.low_usek, shown.high_usek);
            let (from, to) = (shown.low_gpu_seconds, shown.high_gpu_seconds);
            let rate = shown.rate;
            Sheet::default()
                .line("fund", shown.fund_id)
                .line("envelope", range(amount::show_kronor(low), amount::show_kronor(high)))
                .line("GPU time", range(amount::show_gpu_time(from), amount::show_gpu_time(to)))
                .line("class", format!("{}, partition {}", rate.class, rate.partition))
                .line(
                    "price",
                    format!(
                        "{} per GPU-hour, factor {}",
                        amount::show_kronor(rate.price_usek_per_gpu_hour),
                        amount::show_factor(rate.factor_ppm)
                    ),
                )
                .line(
                    "rate card",
                    format!("{}, at {}", rate.rate_card_name, instant::show(shown.at)),
                )
                .text()
        })
    }
}

fn sheet(fund: Fund) -> String {
    Sheet::default()
        .line("fund", fund.fund_id)
        .line("name", &fund.name)
        .line("purpose", &fund.purpose)
        .line("holds", amount::show_kronor(fund.ceiling))
        .line_if("envelope", fund.envelope.as_ref().map(Range::text))
        .line(
            "carried over",
            format!("{} of what expires", amount::show_factor(fund.carry_over_ppm)),
        )
        .line("valid", instant::show_window(fund.valid_from, fund.valid_until))
        .line_if("conditions", Some(&fund.conditions).filter(|text| !text.is_empty()))
        .text()
}

impl Range {
    fn text(&self) -> String {
        format!("{} to {}", amount::show_kronor(self.low), amount::show_kronor(self.high))
    }
}

fn table(funds: Vec<Fund>) -> String {
    let columns = [
        words("fund"),
        words("name"),
        words("purpose"),
        figures("holds"),
        figures("carried over"),
        words("valid"),
    ];
    let rows = funds.into_iter().map(|fund| {
        [
            fund.fund_id.to_string(),
            fund.name,
            fund.purpose,
            amount::show_kronor(fund.ceiling),
            amount::show_factor(fund.carry_over_ppm),
            instant::show_window(fund.valid_from, fund.valid_until),
        ]
    });
    list(columns, rows, "there are no funds yet; `mimer fund create` opens one")
}
