//! The clients: each sends its plans over HTTPS under ids of its own choosing, again and again until
//! it is answered. That an equal request may be repeated is the promise it relies on.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use record::id;
use reqwest::Method;
use serde_json::{Value, json};

use super::dice::Dice;
use super::evidence;
use crate::site::{Person, number};

/// How long one request may take before the client hangs up and repeats it.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long a plan may go without an answer, whatever is down meanwhile.
const BOUND: Duration = Duration::from_secs(180);
/// Minutes more than any job needs: a job whose end slurmctld does not hear of at once runs on in
/// Slurm's eyes, and must not be ended for that.
const WALL_TIME_S: i64 = 300;

/// One plan, answered.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    /// The job's name in Slurm, which no other plan has.
    pub(super) name: String,
    pub(super) slurm_job_id: u32,
    /// The exit code that its script ends with.
    pub(super) exit_code: u8,
}

/// One client.
pub(super) struct Client {
    /// The same person at each mimerd.
    pub(super) doors: Vec<Person>,
    /// Where plans are sent.
    pub(super) path: String,
    /// Numbers of its plans.
    pub(super) numbers: Vec<usize>,
    /// Longest pause between two plans, in milliseconds.
    pub(super) pause_ms: u64,
    /// Whether one script in ten ends with an error, as it was written to.
    pub(super) some_fail: bool,
    pub(super) dice: Dice,
}

impl Client {
    /// Sends every plan, in its own time; returns them with the number of requests that it took.
    pub(super) async fn send_all(mut self) -> Result<(Vec<Answered>, usize)> {
        let (mut answered, mut requests) = (Vec::new(), 0);
        for number in std::mem::take(&mut self.numbers) {
            tokio::time::sleep(Duration::from_millis(self.dice.below(self.pause_ms))).await;
            let fails = self.some_fail && number % 10 == 3;
            let (sleep_s, exit_code) = (1 + self.dice.below(5), if fails { 7 } else { 0 });
            let name = format!("chaos-{number}");
            let plan = json!({
                "job_plan_id": id::fresh(), "name": name,
                "script": evidence::script(&name, sleep_s, exit_code),
                "gpu_count": 1, "wall_time_s": WALL_TIME_S, "class": "h200", "link_ids": [],
            });
            let slurm_job_id = self.until_answered(&plan, &mut requests).await?;
            // An answer may be lost after it was sent: some repeat what was answered long ago.
            if self.dice.below(4) == 0 {
                let again = self.until_answered(&plan, &mut requests).await?;
                ensure!(again == slurm_job_id, "{name} was {slurm_job_id}, repeated it is {again}");
            }
            answered.push(Answered { name, slurm_job_id, exit_code });
        }
        Ok((answered, requests))
    }

    /// Repeats one request, at any mimerd, until it is answered; returns Slurm's job id.
    async fn until_answered(&mut self, plan: &Value, requests: &mut usize) -> Result<u32> {
        let begun = Instant::now();
        loop {
            *requests += 1;
            let count = u64::try_from(self.doors.len())?;
            let door = &self.doors[usize::try_from(self.dice.below(count))?];
            let sent = door.send(Method::POST, &self.path, Some(plan));
            let said = match tokio::time::timeout(PATIENCE, sent).await {
                Ok(Ok(answer)) if answer.status < 300 => {
                    return Ok(u32::try_from(number(&answer.body, "slurm_job_id")?)?);
                }
                // A refusal is an answer too, and none of these plans deserves one.
                Ok(Ok(answer)) if answer.status < 500 && answer.status != 429 => {
                    bail!("{} was refused: {} {}", plan["name"], answer.status, answer.body)
                }
                Ok(Ok(answer)) => format!("{} {}", answer.status, answer.body),
                Ok(Err(error)) => format!("{error:#}"),
                Err(_) => "nothing".to_owned(),
            };
            ensure!(begun.elapsed() < BOUND, "{} went unanswered: {said}", plan["name"]);
            let pause = Duration::from_millis(100 + self.dice.below(400));
            tokio::time::sleep(pause).await;
        }
    }
}
