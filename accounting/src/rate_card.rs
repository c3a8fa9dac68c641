//! Rate cards: dated prices, published once and never changed.
//!
//! A card lists one rate per class, partition and category of applicant; a rate for [`ANY_CATEGORY`]
//! prices everybody who has no rate of their own. A hold names its rate, so a new card never
//! touches a job that was already quoted. A price change is a new card with a later start.

use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use crate::store::rate_card::{publish, rate_by_id, rate_for, rates_for};
use crate::{Inconsistency, rate::Price};

/// The category of a rate that prices whoever has no rate of their own.
pub const ANY_CATEGORY: &str = "any";

/// The price of one class on one partition, with the card it stands on.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Rate {
    /// The rate's id, which holds and charges name.
    pub rate_id: Uuid,
    /// The card it stands on.
    pub rate_card_id: Uuid,
    /// The card's name, as it is printed on the invoice line.
    pub rate_card_name: String,
    /// The class of GPU capacity.
    pub class: String,
    /// The Slurm partition.
    pub partition: String,
    /// Whom it prices: a category of applicant, or [`ANY_CATEGORY`].
    pub category: String,
    /// The price in µSEK per GPU-hour.
    pub price_usek_per_gpu_hour: i64,
    /// The factor on the price, in parts per million; 1 000 000 leaves it as it is.
    pub factor_ppm: i64,
    /// Whether a run that the machine's own fault ended is charged.
    pub charges_node_failure: bool,
}

impl Rate {
    /// The price and factor, as the arithmetic takes them.
    pub fn price(&self) -> Result<Price, Inconsistency> {
        Price::new(self.price_usek_per_gpu_hour, self.factor_ppm).ok_or(Inconsistency {
            table: "accounting.rate",
            column: "price_usek_per_gpu_hour, factor_ppm",
            row: self.rate_id,
        })
    }

    /// Whether a run that ended in this Slurm state is charged.
    ///
    /// `NODE_FAIL` and `BOOT_FAIL` are the machine's own faults; the card says who bears them.
    /// Slurm appends words to some states (`CANCELLED by 1000`), so only the first one counts.
    pub fn charges(&self, slurm_state: &str) -> bool {
        match slurm_state.split_whitespace().next() {
            Some("NODE_FAIL" | "BOOT_FAIL") => self.charges_node_failure,
            _ => true,
        }
    }
}

/// A rate card to publish.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRateCard {
    /// Chosen by the caller.
    pub rate_card_id: Uuid,
    /// The name printed on invoice lines ("Public sector 2027").
    pub name: String,
    /// From when the card quotes.
    pub valid_from: DateTime<Utc>,
    /// Until when the card quotes; `None` for until a later card replaces it.
    pub valid_until: Option<DateTime<Utc>>,
    /// Whether runs that the machine's own fault ended are charged; not unless it says so.
    #[serde(default)]
    pub charges_node_failure: bool,
    /// One rate per class, partition and category.
    pub rates: Vec<NewRate>,
}

/// One line of a rate card to publish.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRate {
    /// Chosen by the caller.
    pub rate_id: Uuid,
    /// The class of GPU capacity.
    pub class: String,
    /// The Slurm partition.
    pub partition: String,
    /// Whom it prices: a category of applicant, or [`ANY_CATEGORY`] when nothing is said.
    #[serde(default = "any_category")]
    pub category: String,
    /// The price in µSEK per GPU-hour.
    pub price_usek_per_gpu_hour: i64,
    /// The factor on the price, in parts per million.
    pub factor_ppm: i64,
}

fn any_category() -> String {
    ANY_CATEGORY.to_owned()
}

/// Why a rate was not published or not found.
#[derive(Debug, thiserror::Error)]
pub enum RateError {
    /// No card that is valid then prices this class on this partition.
    #[error(
        "no rate card prices class {class} on partition {partition} for {category} at {at}; \
         publish one"
    )]
    NoRate {
        /// The class asked for.
        class: String,
        /// The partition asked for.
        partition: String,
        /// The category asked for.
        category: String,
        /// The instant asked for.
        at: DateTime<Utc>,
    },
    /// The id names no rate.
    #[error("rate {0} does not exist")]
    NoSuchRate(Uuid),
    /// The id was used for another card.
    #[error("rate card id {0} was used before for a different card; choose a new id")]
    RateCardIdReused(Uuid),
    /// The id was used for a rate of another card.
    #[error("rate id {0} was used before on another card; choose a new id")]
    RateIdReused(Uuid),
    /// Two cards would both quote, and nothing says which.
    #[error(
        "class {class} on partition {partition} has a rate for {category} from {valid_from} \
         already; let the new card start later"
    )]
    RateTaken {
        /// The class priced twice.
        class: String,
        /// The partition priced twice.
        partition: String,
        /// The category priced twice.
        category: String,
        /// The start of both cards.
        valid_from: DateTime<Utc>,
    },
    /// The card prices nothing, or has a negative price or factor, or ends before it starts.
    #[error("rate card {rate_card_id} cannot be published: {fault}")]
    Malformed {
        /// The card.
        rate_card_id: Uuid,
        /// What is wrong with it, as a sentence.
        fault: &'static str,
    },
    /// The database failed.
    #[error("reading or writing rate cards")]
    Database(#[from] sqlx::Error),
}

impl RateError {
    /// The stable code of the refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoRate { .. } => "rate_none",
            Self::NoSuchRate(_) => "rate_unknown",
            Self::RateCardIdReused(_) => "rate_card_id_reused",
            Self::RateIdReused(_) => "rate_id_reused",
            Self::RateTaken { .. } => "rate_taken",
            Self::Malformed { .. } => "rate_card_malformed",
            Self::Database(_) => "rate_database",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(charges_node_failure: bool) -> Rate {
        Rate {
            rate_id: Uuid::nil(),
            rate_card_id: Uuid::nil(),
            rate_card_name: "2027".to_owned(),
            class: "h200".to_owned(),
            partition: "gpu".to_owned(),
            category: ANY_CATEGORY.to_owned(),
            price_usek_per_gpu_hour: 1,
            factor_ppm: 1_000_000,
            charges_node_failure,
        }
    }

    #[test]
    fn the_machines_own_faults_are_charged_only_if_the_card_says_so() {
        for state in ["NODE_FAIL", "BOOT_FAIL"] {
            assert!(!rate(false).charges(state), "{state}");
            assert!(rate(true).charges(state), "{state}");
        }
    }

    #[test]
    fn a_run_that_its_owner_ended_is_charged() {
        for state in ["COMPLETED", "FAILED", "TIMEOUT", "CANCELLED by 20001", "OUT_OF_MEMORY"] {
            assert!(rate(false).charges(state), "{state}");
        }
    }
}
