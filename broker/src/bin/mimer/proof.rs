//! `mimer fund proof`: that a fund paid for its own kind of applicant and nothing else.

use record::{GpuSeconds, MicroSek};
use serde::Deserialize;
use uuid::Uuid;

use crate::amount;
use crate::failure::Failure;
use crate::session::{Ending, Session, read};
use crate::table::{Sheet, figures, list, words};

#[derive(Deserialize)]
struct Proof {
    whole: bool,
    granted: Granted,
    charged: Sum,
    mixed: Sum,
    charged_elsewhere: Sum,
}

#[derive(Deserialize)]
struct Granted {
    fund_id: Uuid,
    name: String,
    purpose: String,
    by_category: Vec<CategoryGrants>,
    mixed: i64,
    moved_across: i64,
    outside_period: i64,
}

#[derive(Deserialize)]
struct CategoryGrants {
    category: String,
    grant_count: i64,
    gpu_seconds: GpuSeconds,
    usek: MicroSek,
}

#[derive(Deserialize)]
struct Sum {
    charge_count: i64,
    gpu_seconds: GpuSeconds,
    usek: MicroSek,
}

/// Shows the proof; not well if something is there that must not be.
pub(crate) async fn show(session: &Session, fund_id: Uuid) -> Result<Ending, Failure> {
    let answer = session.client.get(&format!("/v1/funds/{fund_id}/proof")).await?;
    let proof: Proof = read(&answer)?;
    session.show(&answer, Proof::text)?;
    Ok(Ending::well_if(proof.whole))
}

impl Proof {
    fn text(self) -> String {
        let Granted { fund_id, name, purpose, mixed, moved_across, outside_period, .. } =
            &self.granted;
        let verdict = match self.whole {
            true => "funds did not mix: all that must be nothing is nothing",
            false => "FUNDS MIXED: a line below that must be 0 is not",
        };
        let head = Sheet::default()
            .line("fund", fund_id)
            .line("name", name)
            .line("purpose", purpose)
            .line("verdict", verdict)
            .line("charged for its own projects", self.charged.text())
            .line("charged for others, must be 0", self.mixed.text())
            .line("its projects on other funds, must be 0", self.charged_elsewhere.text())
            .line("grants to others, must be 0", mixed)
            .line("moved to or from other funds, must be 0", moved_across)
            .line("grants outside its period, must be 0", outside_period);
        let columns =
            [words("granted to"), figures("grants"), figures("GPU time"), figures("money")];
        let rows = self.granted.by_category.into_iter().map(|grants| {
            [
                grants.category,
                grants.grant_count.to_string(),
                amount::show_gpu_time(grants.gpu_seconds),
                amount::show_kronor(grants.usek),
            ]
        });
        format!("{}\n\n{}", head.text(), list(columns, rows, "it granted nothing"))
    }
}

impl Sum {
    fn text(&self) -> String {
        let (time, money) = (self.gpu_seconds, self.usek);
        let charges = self.charge_count;
        format!("{charges} ({}, {})", amount::show_gpu_time(time), amount::show_kronor(money))
    }
}
