//! A pool's share as Slurm is to keep it: nodes set aside, GPUs guaranteed, or only a cap.

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::failure::Failure;
use crate::session::Session;
use crate::table::Sheet;

/// A pool and the one mode of its share.
#[derive(clap::Args)]
pub(crate) struct SetShare {
    /// Id of the pool.
    pool: Uuid,
    #[command(flatten)]
    mode: Mode,
    /// Id to give the setting; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Mode {
    /// No share of its own: its jobs wait among all others.
    #[arg(long)]
    none: bool,
    /// Nodes reserved whole, by name, as node01,node02; Slurm 22.05 cannot reserve less.
    #[arg(long, value_name = "NODES", value_delimiter = ',')]
    set_aside: Option<Vec<String>>,
    /// GPUs that research makes way for when the pool's jobs need them.
    #[arg(long, value_name = "GPUS")]
    guaranteed: Option<u32>,
    /// The most GPUs at once; nothing is kept free.
    #[arg(long, value_name = "GPUS")]
    capped: Option<u32>,
}

impl Mode {
    /// As the API has it.
    fn of_api(&self) -> Value {
        match (&self.set_aside, self.guaranteed, self.capped) {
            (Some(nodes), _, _) => json!({ "mode": "set_aside", "nodes": nodes }),
            (None, Some(gpus), _) => json!({ "mode": "guaranteed", "gpus": gpus }),
            (None, None, Some(gpus)) => json!({ "mode": "capped", "gpus": gpus }),
            (None, None, None) => json!({ "mode": "none" }),
        }
    }
}

/// A share as the API shows it.
#[derive(Deserialize)]
pub(crate) struct ShareShown {
    pool_id: Uuid,
    share: Value,
    meaning: String,
}

impl ShareShown {
    pub(crate) fn text(self) -> String {
        Sheet::default()
            .line("pool", self.pool_id)
            .line("share", show(&self.share))
            .line("meaning", self.meaning)
            .text()
    }
}

/// A share in words; a mode that this program does not know is shown by its word.
fn show(share: &Value) -> String {
    let mode = share["mode"].as_str().unwrap_or_default().replace('_', " ");
    if let Some(nodes) = share["nodes"].as_array() {
        let names: Vec<&str> = nodes.iter().filter_map(Value::as_str).collect();
        return format!("{mode}: {}", names.join(", "));
    }
    match share["gpus"].as_i64() {
        Some(gpus) => format!("{mode}: {gpus} GPUs"),
        None => mode,
    }
}

impl SetShare {
    pub(crate) async fn run(self, session: &Session) -> Result<(), Failure> {
        let pool_share_id = self.id.unwrap_or_else(record::id::fresh);
        let body = json!({ "pool_share_id": pool_share_id, "share": self.mode.of_api() });
        let path = format!("/v1/pools/{}/share", self.pool);
        let answer = session.client.post(&path, &body, &[("--id", pool_share_id)]).await?;
        session.show(&answer, ShareShown::text)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        set: SetShare,
    }

    fn typed(flags: &[&str]) -> Result<Value, clap::Error> {
        let pool = Uuid::nil().to_string();
        let line = ["set-share", &pool].into_iter().chain(flags.iter().copied());
        Line::try_parse_from(line).map(|line| line.set.mode.of_api())
    }

    #[test]
    fn each_mode_is_a_flag_and_shown_in_words() {
        for (flags, of_api, words) in [
            (&["--none"][..], json!({ "mode": "none" }), "none"),
            (
                &["--set-aside", "n1,n2"][..],
                json!({ "mode": "set_aside", "nodes": ["n1", "n2"] }),
                "set aside: n1, n2",
            ),
            (
                &["--guaranteed", "16"][..],
                json!({ "mode": "guaranteed", "gpus": 16 }),
                "guaranteed: 16 GPUs",
            ),
            (&["--capped", "8"][..], json!({ "mode": "capped", "gpus": 8 }), "capped: 8 GPUs"),
        ] {
            assert_eq!(typed(flags).unwrap(), of_api);
            assert_eq!(show(&of_api), words);
        }
    }

    #[test]
    fn a_share_has_exactly_one_mode() {
        assert!(typed(&[]).is_err());
        assert!(typed(&["--none", "--capped", "8"]).is_err());
    }
}
