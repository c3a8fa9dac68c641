//! The gateway trusts nobody: a test that plays a hostile broker, with the right uid and protocol.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, bail, ensure};
use slurm_wire::{Answer, Call, Hello, JobSpec, OurJob, PROTOCOL_VERSION, RefusalCode, Welcome};
use testbed::site::{ACCOUNT, Site};

struct HostileBroker {
    lines: BufReader<UnixStream>,
    out: UnixStream,
}

impl HostileBroker {
    fn connect(site: &Site) -> Result<Self> {
        let out = UnixStream::connect(site.gateway_socket())?;
        let mut broker = Self { lines: BufReader::new(out.try_clone()?), out };
        broker.say(&Hello { version: PROTOCOL_VERSION })?;
        let _welcome: Welcome = serde_json::from_str(&broker.hear()?)?;
        Ok(broker)
    }

    fn say(&mut self, value: &impl serde::Serialize) -> Result<()> {
        writeln!(self.out, "{}", serde_json::to_string(value)?).context("writing to the gateway")
    }

    fn hear(&mut self) -> Result<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        Ok(line)
    }

    /// Makes a call that must be refused and returns by which name.
    fn refused(&mut self, call: &Call) -> Result<RefusalCode> {
        self.say(call)?;
        match serde_json::from_str(&self.hear()?)? {
            Answer::Refused(refusal) => {
                ensure!(!refusal.sentence.is_empty(), "{refusal:?} has no sentence");
                Ok(refusal.code)
            }
            answer => bail!("{call:?} was carried out: {answer:?}"),
        }
    }
}

#[tokio::test]
async fn every_bound_is_refused_by_name() -> Result<()> {
    let site = Site::kept_by_hand(1).await?;
    let mut broker = HostileBroker::connect(&site)?;
    let good = good_job(&site);
    type Change = fn(&mut JobSpec);
    let cases: [(Change, RefusalCode); 14] = [
        (|job| job.uid = 0, RefusalCode::RootUser),
        (|job| job.gid = 0, RefusalCode::RootUser),
        (|job| job.uid = 33, RefusalCode::SystemUser),
        (|job| job.uid = 65_000, RefusalCode::UidOutOfRange),
        (|job| job.account = "research".to_owned(), RefusalCode::ForeignAccount),
        (|job| job.account = "root".to_owned(), RefusalCode::ForeignAccount),
        (|job| job.partition = "debug".to_owned(), RefusalCode::ForeignPartition),
        (|job| job.job_id = 20_000_000, RefusalCode::JobIdOutOfRange),
        (|job| job.work_dir = "/etc".to_owned(), RefusalCode::WorkDirOutsidePrefix),
        (|job| job.work_dir.push_str("/../../.."), RefusalCode::WorkDirOutsidePrefix),
        (|job| job.gpu_count = 9, RefusalCode::TooManyGpus),
        (|job| job.time_limit_min = 100_000, RefusalCode::TimeLimitTooLong),
        (|job| job.script = "echo no interpreter".to_owned(), RefusalCode::BadScript),
        (|job| job.key = "not ours".to_owned(), RefusalCode::BadKey),
    ];
    for (change, code) in cases {
        let mut job = good.clone();
        change(&mut job);
        let refused = broker.refused(&Call::Submit(Box::new(job.clone())))?;
        ensure!(refused == code, "{job:?} was refused as {refused:?}, not {code:?}");
    }
    let elsewhere = OurJob { job_id: 20_000_000, key: "mimer:test:hostile".to_owned() };
    for call in [Call::Cancel(elsewhere.clone()), Call::Release(elsewhere)] {
        ensure!(broker.refused(&call)? == RefusalCode::JobIdOutOfRange, "{call:?}");
    }
    let rows = site.cluster()?.sacct_rows_of_account(ACCOUNT).await?;
    ensure!(rows.is_empty(), "nothing of all that reached Slurm: {rows:?}");
    site.stop().await
}

/// A job that the gateway would take.
fn good_job(site: &Site) -> JobSpec {
    let user = site.project_user();
    JobSpec {
        job_id: 100_001,
        key: "mimer:test:hostile".to_owned(),
        uid: user.uid,
        gid: user.gid,
        account: ACCOUNT.to_owned(),
        partition: "confidential".to_owned(),
        qos: None,
        name: "hostile".to_owned(),
        time_limit_min: 1,
        gpu_count: 1,
        gpu_type: "h200".to_owned(),
        cpu_count: 1,
        memory_mib: None,
        work_dir: site.area().join("work").display().to_string(),
        script: "#!/bin/sh\ntrue\n".to_owned(),
        environment: [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into(),
        deadline: None,
        reservation: None,
        whole_node: false,
        begin_at: None,
        array: None,
    }
}
