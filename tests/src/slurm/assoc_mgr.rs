//! Reading the limits that slurmctld really enforces, and the use it counts against them, with
//! `scontrol show assoc_mgr`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::cluster::Cluster;

/// One limit: what it is, if there is one, and what is used of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bound {
    /// `None` is "no limit".
    pub limit: Option<u64>,
    /// Used so far, or now.
    pub used: f64,
}

/// The limits of one QOS or of one account's association.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LimitFacts {
    /// GrpTRES, by TRES.
    pub at_once: BTreeMap<String, Bound>,
    /// GrpTRESMins, by TRES.
    pub minutes: BTreeMap<String, Bound>,
    /// GrpJobs.
    pub running_jobs: Bound,
    /// GrpSubmitJobs.
    pub submitted_jobs: Bound,
}

impl Cluster {
    /// What slurmctld has of a QOS; `None` if it has no such.
    pub async fn qos_facts(&self, name: &str) -> Result<Option<LimitFacts>> {
        let text = self.output("scontrol", &["show", "assoc_mgr", "flags=qos"]).await?;
        parse(&text, |line| line.starts_with(&format!("QOS={name}(")))
    }

    /// What slurmctld has of an account's own association; `None` if it has no such.
    pub async fn account_facts(&self, account: &str) -> Result<Option<LimitFacts>> {
        let text = self.output("scontrol", &["show", "assoc_mgr", "flags=assoc"]).await?;
        let own = format!(" Account={account} UserName= ");
        parse(&text, |line| line.contains(&own))
    }
}

/// Reads the record whose first line `is_it`; its other lines are indented.
fn parse(text: &str, is_it: impl Fn(&str) -> bool) -> Result<Option<LimitFacts>> {
    let mut lines = text.lines().skip_while(|line| !is_it(line)).skip(1);
    let record: Vec<&str> = lines.by_ref().take_while(|line| line.starts_with(' ')).collect();
    if record.is_empty() {
        return Ok(None);
    }
    let mut facts = LimitFacts::default();
    for word in record.iter().flat_map(|line| line.split_whitespace()) {
        let Some((name, value)) = word.split_once('=') else { continue };
        match name {
            "GrpTRES" => facts.at_once = by_tres(value)?,
            "GrpTRESMins" => facts.minutes = by_tres(value)?,
            "GrpJobs" => facts.running_jobs = bound(value)?,
            "GrpSubmitJobs" => facts.submitted_jobs = bound(value)?,
            _ => {}
        }
    }
    Ok(Some(facts))
}

/// `cpu=N(0),gres/gpu=8(2)`.
fn by_tres(text: &str) -> Result<BTreeMap<String, Bound>> {
    let pairs = text.split(',').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) =
                pair.rsplit_once('=').with_context(|| format!("no TRES in {pair:?}"))?;
            Ok((name.to_owned(), bound(value)?))
        })
        .collect()
}

/// `8(2)`, or `N(2)` when there is no limit.
fn bound(text: &str) -> Result<Bound> {
    let unknown = || format!("{text:?} is not LIMIT(USED)");
    let (limit, used) =
        text.strip_suffix(')').and_then(|text| text.split_once('(')).with_context(unknown)?;
    let limit = (limit != "N").then(|| limit.parse().with_context(unknown)).transpose()?;
    Ok(Bound { limit, used: used.parse().with_context(unknown)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const QOS: &str = "\
QOS Records

QOS=normal(1)
    UsageRaw=0.000000
    GrpJobs=N(1) GrpJobsAccrue=N(0) GrpSubmitJobs=N(1) GrpWall=N(0.00)
    GrpTRES=cpu=N(1),gres/gpu=N(8),gres/gpu:h200=N(8)
    GrpTRESMins=cpu=N(0),gres/gpu=N(0),gres/gpu:h200=N(0)
QOS=mimer_demo(2)
    UsageRaw=0.000000
    GrpJobs=3(1) GrpJobsAccrue=N(0) GrpSubmitJobs=N(1) GrpWall=N(0.00)
    GrpTRES=cpu=N(1),gres/gpu=8(2),gres/gpu:h200=N(2)
    GrpTRESMins=cpu=N(0),gres/gpu=120(7),gres/gpu:h200=120(7)
";

    #[test]
    fn limits_and_use_are_read_from_the_right_record() {
        let facts = parse(QOS, |line| line.starts_with("QOS=mimer_demo(")).unwrap().unwrap();
        assert_eq!(facts.running_jobs, Bound { limit: Some(3), used: 1.0 });
        assert_eq!(facts.submitted_jobs.limit, None);
        assert_eq!(facts.at_once["gres/gpu"], Bound { limit: Some(8), used: 2.0 });
        assert_eq!(facts.minutes["gres/gpu:h200"], Bound { limit: Some(120), used: 7.0 });
        assert_eq!(parse(QOS, |line| line.starts_with("QOS=none(")).unwrap(), None);
    }
}
