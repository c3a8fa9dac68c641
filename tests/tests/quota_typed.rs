//! The quota tree as operators, deciders, finance and members type it: every command of the command
//! line against a running mimerd, each shown to people and understood by programs.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use record::id;
use serde_json::{Value, json};
use testbed::site::{Site, program};
use testbed::story::{Story, TERMS};
use tokio::process::Command;

/// A terminal with a profile for each person of the story.
struct Terminal {
    mimer: PathBuf,
    home: PathBuf,
}

impl Terminal {
    fn of(site: &Site, story: &Story) -> Result<Self> {
        let home = site.dir().join("terminal");
        let folder = home.join("mimer");
        std::fs::create_dir_all(&folder)?;
        let people = &story.people;
        let mut text = String::new();
        for person in
            [&people.operator, &people.decider, &people.finance, &people.anna, &people.controller]
        {
            text += &format!(
                "[profile.{}]\nserver = '{}'\nca_file = '{}'\nkey = '{}'\n",
                person.login,
                site.address(),
                site.ca_file().display(),
                person.key
            );
        }
        let file = folder.join("client.toml");
        std::fs::write(&file, text)?;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { mimer: program("mimer")?, home })
    }

    /// Types a command; `LANG` is Swedish, so that refusals are. Returns exit code and both outputs.
    async fn type_in(&self, who: &str, words: &[&str]) -> Result<(i32, String, String)> {
        let output = Command::new(&self.mimer)
            .args(["--profile", who])
            .args(words)
            .env_clear()
            .env("XDG_CONFIG_HOME", &self.home)
            .env("LANG", "sv_SE.UTF-8")
            .stdin(Stdio::null())
            .output()
            .await?;
        let code = output.status.code().context("mimer was killed")?;
        Ok((code, String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?))
    }

    /// Types a command that must be carried out, and returns what people see.
    async fn shows(&self, who: &str, words: &[&str]) -> Result<String> {
        let (code, shown, fault) = self.type_in(who, words).await?;
        ensure!(code == 0, "{who}: {words:?}: {fault}{shown}");
        Ok(shown)
    }

    /// Types it again for a program.
    async fn tells(&self, who: &str, words: &[&str]) -> Result<Value> {
        let shown = self.shows(who, &[words, &["--json"]].concat()).await?;
        Ok(serde_json::from_str(&shown)?)
    }

    /// Types a command that must be refused, and returns the sentence.
    async fn refuses(&self, who: &str, words: &[&str]) -> Result<String> {
        let (code, shown, fault) = self.type_in(who, words).await?;
        ensure!(code == 1, "{who}: {words:?} was answered {code}: {shown}{fault}");
        Ok(fault)
    }
}

#[tokio::test]
async fn operators_type_what_the_cluster_gives() -> Result<()> {
    let site = Site::fake().await?;
    let story = Story::begin(&site, &TERMS).await?;
    let terminal = Terminal::of(&site, &story)?;
    let pool = story.granted.pool_id.to_string();

    let fund = [
        "fund",
        "create",
        "--name",
        "Innovation",
        "--purpose",
        "innovation",
        "--kronor",
        "30000000",
        "--conditions",
        "Only for trials",
        "--envelope-low",
        "20000000",
        "--envelope-high",
        "50000000",
        "--carry-over",
        "0,25",
        "--from",
        "2026-01-01",
        "--until",
        "2030-01-01",
    ];
    let shown = terminal.shows("oskar", &fund).await?;
    for words in ["Only for trials", "20 000 000.00 kr to 50 000 000.00 kr", "0.25 of what expires"]
    {
        ensure!(shown.contains(words), "{words} is not in: {shown}");
    }
    let price = ["--class", "h200", "--partition", "confidential"];
    let envelope = [&["fund", "envelope", "Innovation"][..], &price].concat();
    let shown = terminal.shows("oskar", &envelope).await?;
    // 20 000 000 kr at 25 kr an hour.
    ensure!(shown.contains("800 000:00:00 to 2 000 000:00:00"), "{shown}");
    ensure!(shown.contains("Mimer 2027:1"), "the price list is not named: {shown}");
    ensure!(terminal.shows("frida", &["fund", "list"]).await?.contains("Innovation"));
    let none = ["fund", "envelope", "Public sector 2027"];
    let refusal = terminal.refuses("oskar", &[&none[..], &price].concat()).await?;
    ensure!(refusal.contains("without an envelope"), "{refusal}");

    let mig = [
        "pool",
        "create",
        "--fund",
        "Innovation",
        "--cluster",
        &site.cluster_name(),
        "--class",
        "h200-quarter",
        "--gpu-type",
        "h200_2g.35gb",
        "--gpus-per-node",
        "28",
        "--partition",
        "gpu",
        "--gpu-hours",
        "1000",
        "--unit",
        "mig:0,25",
        "--over-allocation",
        "1,25",
        "--from",
        "2026-01-01",
        "--until",
        "2030-01-01",
    ];
    ensure!(terminal.shows("oskar", &mig).await?.contains("mig:0.25"));
    ensure!(terminal.shows("oskar", &["pool", "list"]).await?.contains("1.25"));
    ensure!(terminal.shows("oskar", &["pool", "share", &pool]).await?.contains("none"));
    let set = ["pool", "set-share", &pool, "--set-aside", "node01,node02"];
    ensure!(terminal.shows("oskar", &set).await?.contains("22.05"));
    let told = terminal.tells("oskar", &["pool", "share", &pool]).await?;
    ensure!(told["share"]["nodes"] == json!(["node01", "node02"]), "{told}");

    let agency = ["--agency", "Region Exempel"];
    let share = ["agency-share", "set", "--pool", &pool, "--gpu-hours", "500"];
    ensure!(terminal.shows("oskar", &[&share[..], &agency].concat()).await?.contains("500:00:00"));
    ensure!(terminal.shows("oskar", &["agency-share", "list", &pool]).await?.contains("500:00:00"));
    let limit = ["limit", "set", "--class", "h200", "--gpus", "8"];
    ensure!(
        terminal.shows("oskar", &[&limit[..], &agency].concat()).await?.contains("not limited")
    );
    ensure!(terminal.shows("dagny", &["limit", "list"]).await?.contains("agency"));

    let mode = [
        "access-mode",
        "create",
        "--fund",
        "Public sector 2027",
        "--name",
        "short",
        "--least",
        "1",
        "--most",
        "50",
        "--days",
        "30",
    ];
    terminal.shows("oskar", &mode).await?;
    let project = story.granted.project_id.to_string();
    let list = ["access-mode", "list", "--project", &project];
    ensure!(terminal.shows("anna", &list).await?.contains("50:00:00"));
    let much = [
        "request",
        "submit",
        "--project",
        &project,
        "--purpose",
        "more",
        "--class",
        "h200",
        "--gpu-hours",
        "51",
        "--gpus",
        "2",
        "--longest-run",
        "2h",
        "--from",
        "2026-12-01",
        "--until",
        "2026-12-20",
        "--pattern",
        "data-to-compute",
        "--access-mode",
        "short",
    ];
    terminal.refuses("anna", &much).await?;
    site.stop().await
}

#[tokio::test]
async fn deciders_and_members_type_what_becomes_of_a_grant() -> Result<()> {
    let site = Site::fake().await?;
    let story = Story::begin(&site, &TERMS).await?;
    let terminal = Terminal::of(&site, &story)?;
    let grant = story.granted.grant_id.to_string();
    let why = ["--motivation", "the region asked"];

    let change_id = id::fresh().to_string();
    let more = ["grant", "top-up", &grant, "--gpu-hours", "10", "--kronor", "250"];
    let more = [&more[..], &why, &["--id", &change_id]].concat();
    for _ in 0..2 {
        ensure!(terminal.shows("dagny", &more).await?.contains("10:00:00"));
    }
    let back = ["grant", "give-back", &grant, "--gpu-hours", "5"];
    ensure!(terminal.shows("anna", &back).await?.contains("given_back"));
    terminal.refuses("anna", &["grant", "give-back", &grant, "--gpu-hours", "5000"]).await?;
    let changes = terminal.tells("anna", &["grant", "changes", &grant]).await?;
    ensure!(changes.as_array().is_some_and(|changes| changes.len() == 2), "{changes}");
    let beside = story.granted_beside("beside", "confidential", &TERMS).await?;
    let beside = beside.grant_id.to_string();
    let move_on = ["grant", "transfer", &grant, "--to", &beside, "--gpu-hours", "1"];
    ensure!(terminal.shows("dagny", &[&move_on[..], &why].concat()).await?.contains("transferred"));
    let carry = ["grant", "carry-over", &grant, "--to", &beside];
    terminal.refuses("dagny", &[&carry[..], &why].concat()).await?;

    let decide = ["limit-policy", "decide", "Region Exempel", "--step", "80=warn"];
    let act = [&decide[..], &["--step", "100=stop-new"], &why].concat();
    ensure!(terminal.refuses("dagny", &act).await?.contains("dry run"));
    ensure!(terminal.shows("dagny", &[&act[..], &["--dry-run"]].concat()).await?.contains("80"));
    ensure!(terminal.shows("dagny", &act).await?.contains("stop_new"));
    let policy = terminal.shows("anna", &["limit-policy", "show", "Region Exempel"]).await?;
    ensure!(policy.contains("stop_new") && policy.contains("used"), "{policy}");
    terminal.shows("anna", &["limit-policy", "actions", "Region Exempel"]).await?;

    for list in ["list", "proposed"] {
        terminal.shows("frida", &["overrun", list]).await?;
    }
    let clear = ["overrun", "propose", &grant, "--gpu-hours", "1", "--kronor", "25"];
    let clear = [&clear[..], &["--how", "write-off"], &why].concat();
    ensure!(terminal.refuses("frida", &clear).await?.contains("0 GPU-seconds"));
    let proof = terminal.shows("dagny", &["fund", "proof", "Public sector 2027"]).await?;
    ensure!(proof.contains("did not mix") && proof.contains("public_body"), "{proof}");

    // The reasons of the rules come in the language of the terminal.
    let project = story.granted.project_id.to_string();
    let job = ["quote", "--project", &project, "--gpus", "8", "--class", "b300", "--time", "1h"];
    let refusal = terminal.refuses("anna", &job).await?;
    ensure!(refusal.contains("Projektet"), "{refusal}");
    site.stop().await
}
