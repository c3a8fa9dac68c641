//! `mimer audit`: is the record whole?

use serde::Deserialize;
use uuid::Uuid;

use crate::client::VERDICT_LIMIT;
use crate::failure::Failure;
use crate::session::{Ending, Session, read};
use crate::table::{Sheet, figures, list, words};

/// The record: ledger and audit trail, sealed into a chain.
#[derive(clap::Subcommand)]
pub(crate) enum AuditCommand {
    /// Walk the chain and recompute every balance; exit code 1 if anything does not fit.
    Verify,
}

#[derive(Deserialize)]
struct Verdict {
    whole: bool,
    seal_count: i64,
    unsealed_count: i64,
    faults: Vec<Fault>,
    imbalances: Vec<Imbalance>,
}

#[derive(Deserialize)]
struct Fault {
    table: String,
    row_id: Uuid,
    what: String,
}

#[derive(Deserialize)]
struct Imbalance {
    mismatch: String,
    account_id: Uuid,
    owner_id: Uuid,
    kind: String,
    unit: String,
    recorded: Option<i64>,
    recomputed: i64,
}

impl AuditCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        let Self::Verify = self;
        let answer = session.client.get_within("/v1/audit/verdict", VERDICT_LIMIT).await?;
        // The exit code rests on this for programs too.
        let verdict: Verdict = read(&answer)?;
        session.show(&answer, text)?;
        Ok(Ending::well_if(verdict.is_whole()))
    }
}

impl Verdict {
    /// Whole only if the server says so and names nothing.
    fn is_whole(&self) -> bool {
        self.whole && self.faults.is_empty() && self.imbalances.is_empty()
    }
}

fn text(verdict: Verdict) -> String {
    let says = if verdict.is_whole() { "whole" } else { "NOT WHOLE" };
    let mut parts = vec![
        Sheet::default()
            .line("the record is", says)
            .line("sealed rows", verdict.seal_count)
            .line("not sealed yet", verdict.unsealed_count)
            .text(),
    ];
    if !verdict.faults.is_empty() {
        parts.push(faults(verdict.faults));
    }
    if !verdict.imbalances.is_empty() {
        parts.push(imbalances(verdict.imbalances));
    }
    parts.join("\n\n")
}

fn faults(faults: Vec<Fault>) -> String {
    let rows = faults.into_iter().map(|fault| [fault.table, fault.row_id.to_string(), fault.what]);
    list([words("table"), words("row"), words("what is wrong")], rows, "")
}

fn imbalances(imbalances: Vec<Imbalance>) -> String {
    let columns = [
        words("account"),
        words("owner"),
        words("kind"),
        words("unit"),
        words("differs from its"),
        figures("recorded"),
        figures("recomputed"),
    ];
    let rows = imbalances.into_iter().map(|found| {
        [
            found.account_id.to_string(),
            found.owner_id.to_string(),
            found.kind,
            found.unit,
            found.mismatch,
            found.recorded.map_or_else(|| "-".to_owned(), |amount| amount.to_string()),
            found.recomputed.to_string(),
        ]
    });
    list(columns, rows, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(body: serde_json::Value) -> Verdict {
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn each_fault_names_its_table_and_row() {
        let row_id = Uuid::from_u128(7);
        let text = text(verdict(serde_json::json!({
            "whole": false,
            "seal_count": 2,
            "unsealed_count": 0,
            "faults": [{ "table": "accounting.entry", "row_id": row_id, "what": "was changed" }],
            "imbalances": [],
        })));
        assert!(text.contains("NOT WHOLE"), "{text}");
        assert!(text.contains(&format!("accounting.entry  {row_id}  was changed")), "{text}");
    }

    #[test]
    fn a_fault_outweighs_a_server_that_says_whole() {
        let verdict = verdict(serde_json::json!({
            "whole": true,
            "seal_count": 2,
            "unsealed_count": 0,
            "faults": [{ "table": "record.audit", "row_id": Uuid::nil(), "what": "is missing" }],
            "imbalances": [],
        }));
        assert!(!verdict.is_whole());
    }
}
