//! `mimer rate-card`: dated prices, from a TOML file that people can read.

use std::fmt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use record::MicroSek;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::amount::{self, WHOLE_PPM};
use crate::failure::Failure;
use crate::instant;
use crate::session::{Ending, Session};
use crate::table::{Sheet, figures, list, words};

/// An example, shown by `--help`.
const EXAMPLE: &str = "\
The file is TOML:

  name = \"Public sector 2027\"
  valid_from = \"2027-02-01\"
  valid_until = \"2028-01-01\"        # may be left out
  charges_node_failure = false      # may be left out: runs that a node's fault ends are free

  [[rate]]
  class = \"h200\"
  partition = \"confidential\"
  kronor_per_gpu_hour = \"31,50\"
  factor = \"1,25\"                   # may be left out: 1
  category = \"sme\"                  # or public_body, academia; may be left out: any

Amounts with decimals are quoted, so that nothing is rounded on the way.
`rate_card_id` and a `rate_id` per rate may be given; with them the command can be repeated.";

/// Rate cards: dated prices; a published card never changes.
#[derive(clap::Subcommand)]
pub(crate) enum RateCardCommand {
    /// Publish a rate card (finance).
    #[command(after_help = EXAMPLE)]
    Publish {
        /// The card's TOML file.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
}

/// Why a card's file could not be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "{}, line {line}: {message}; `mimer rate-card publish --help` shows how a card is written",
    path.display()
)]
pub(crate) struct CardError {
    path: PathBuf,
    line: usize,
    message: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CardFile {
    rate_card_id: Option<Uuid>,
    name: String,
    #[serde(deserialize_with = "date")]
    valid_from: DateTime<Utc>,
    #[serde(default, deserialize_with = "some_date")]
    valid_until: Option<DateTime<Utc>>,
    #[serde(default)]
    charges_node_failure: bool,
    rate: Vec<RateEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RateEntry {
    rate_id: Option<Uuid>,
    class: String,
    partition: String,
    #[serde(deserialize_with = "price")]
    kronor_per_gpu_hour: MicroSek,
    #[serde(default = "whole", deserialize_with = "factor")]
    factor: i64,
    #[serde(default)]
    category: Category,
}

/// Which kind of applicant a price is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Category {
    #[default]
    Any,
    PublicBody,
    Sme,
    Academia,
}

#[derive(Deserialize)]
struct Card {
    rate_card_id: Uuid,
    name: String,
    valid_from: DateTime<Utc>,
    valid_until: Option<DateTime<Utc>>,
    charges_node_failure: bool,
    rates: Vec<Rate>,
}

#[derive(Deserialize)]
struct Rate {
    rate_id: Uuid,
    class: String,
    partition: String,
    category: String,
    price_usek_per_gpu_hour: MicroSek,
    factor_ppm: i64,
}

impl RateCardCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        let Self::Publish { file } = self;
        let text = std::fs::read_to_string(&file)
            .map_err(|cause| Failure::File { path: file.clone(), cause })?;
        let card = parse(&file, &text)?;
        // Fresh ids make a repeat another card, which the ledger refuses as priced twice.
        let answer = session.client.post("/v1/rate-cards", &body(card), &[]).await?;
        session.show(&answer, sheet)?;
        Ok(Ending::Well)
    }
}

fn parse(path: &Path, text: &str) -> Result<CardFile, CardError> {
    toml::from_str(text).map_err(|cause| {
        let before = cause.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        CardError {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            message: cause.message().to_owned(),
        }
    })
}

fn body(card: CardFile) -> Value {
    let rates: Vec<Value> = card
        .rate
        .into_iter()
        .map(|rate| {
            json!({
                "rate_id": rate.rate_id.unwrap_or_else(record::id::fresh),
                "class": rate.class,
                "partition": rate.partition,
                "category": rate.category,
                "price_usek_per_gpu_hour": rate.kronor_per_gpu_hour,
                "factor_ppm": rate.factor,
            })
        })
        .collect();
    json!({
        "rate_card_id": card.rate_card_id.unwrap_or_else(record::id::fresh),
        "name": card.name,
        "valid_from": card.valid_from,
        "valid_until": card.valid_until,
        "charges_node_failure": card.charges_node_failure,
        "rates": rates,
    })
}

fn sheet(card: Card) -> String {
    let sheet = Sheet::default()
        .line("rate card", card.rate_card_id)
        .line("name", card.name)
        .line("valid from", instant::show(card.valid_from))
        .line_if("valid until", card.valid_until.map(instant::show))
        .line("runs ended by a node", if card.charges_node_failure { "charged" } else { "free" });
    let columns = [
        words("rate"),
        words("class"),
        words("partition"),
        words("category"),
        figures("price per GPU-hour"),
        figures("factor"),
    ];
    let rows = card.rates.into_iter().map(|rate| {
        [
            rate.rate_id.to_string(),
            rate.class,
            rate.partition,
            rate.category,
            amount::show_kronor(rate.price_usek_per_gpu_hour),
            amount::show_factor(rate.factor_ppm),
        ]
    });
    format!("{}\n\n{}", sheet.text(), list(columns, rows, "it prices nothing"))
}

fn whole() -> i64 {
    WHOLE_PPM
}

fn price<'de, D: Deserializer<'de>>(input: D) -> Result<MicroSek, D::Error> {
    amount::kronor(&input.deserialize_any(Written)?).map_err(de::Error::custom)
}

fn factor<'de, D: Deserializer<'de>>(input: D) -> Result<i64, D::Error> {
    amount::factor_ppm(&input.deserialize_any(Written)?).map_err(de::Error::custom)
}

fn date<'de, D: Deserializer<'de>>(input: D) -> Result<DateTime<Utc>, D::Error> {
    instant::instant(&String::deserialize(input)?).map_err(de::Error::custom)
}

fn some_date<'de, D: Deserializer<'de>>(input: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    date(input).map(Some)
}

/// An amount as it was written: text or a whole number, never a float.
struct Written;

impl de::Visitor<'_> for Written {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount: a whole number, or decimals in quotes as \"31,50\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = r#"
        name = "Public sector 2027"
        valid_from = "2027-02-01"

        [[rate]]
        class = "h200"
        partition = "confidential"
        kronor_per_gpu_hour = "31,50"
        factor = "1,25"

        [[rate]]
        class = "h200"
        partition = "gpu"
        kronor_per_gpu_hour = 20
    "#;

    #[test]
    fn a_card_in_kronor_becomes_one_in_whole_units() {
        let body = body(parse(Path::new("card.toml"), CARD).unwrap());
        assert_eq!(body["valid_from"], "2027-01-31T23:00:00Z");
        assert_eq!(body["rates"][0]["price_usek_per_gpu_hour"], 31_500_000);
        assert_eq!(body["rates"][0]["factor_ppm"], 1_250_000);
        assert_eq!(body["rates"][1]["price_usek_per_gpu_hour"], 20_000_000);
        assert_eq!(body["rates"][1]["factor_ppm"], 1_000_000);
        assert_eq!(body["rates"][1]["category"], "any");
        assert_eq!(body["charges_node_failure"], false);
    }

    #[test]
    fn the_example_in_the_help_is_a_card() {
        let example: Vec<&str> =
            EXAMPLE.lines().filter_map(|line| line.strip_prefix("  ")).collect();
        assert!(parse(Path::new("card.toml"), &example.join("\n")).is_ok());
    }

    #[test]
    fn a_float_is_refused_with_a_sentence() {
        let card = CARD.replace("kronor_per_gpu_hour = 20", "kronor_per_gpu_hour = 20.5");
        let error = parse(Path::new("card.toml"), &card).unwrap_err().to_string();
        assert!(error.contains("line 14") && error.contains("decimals in quotes"), "{error}");
    }

    #[test]
    fn an_unknown_word_is_refused() {
        let card = CARD.replace("partition = \"gpu\"", "queue = \"gpu\"");
        let error = parse(Path::new("card.toml"), &card).unwrap_err().to_string();
        assert!(error.contains("queue"), "{error}");
    }
}
