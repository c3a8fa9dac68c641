//! What the fake refuses: the same rules as the real gateway's bounds file, by the same codes.

use std::ops::RangeInclusive;

use slurm_wire::{JobSpec, Refusal, RefusalCode};

/// Longest script that Slurm takes.
const LONGEST_SCRIPT_BYTES: usize = 4 * 1024 * 1024;

/// Longest key.
const LONGEST_KEY_BYTES: usize = 255;

/// Below this are the system's own users.
const FIRST_PERSON: u32 = 1_000;

/// The bounds of the fake.
#[derive(Clone, Debug)]
pub struct FakeBounds {
    /// uids that jobs may run as.
    pub uids: RangeInclusive<u32>,
    /// The root of the broker's accounts; itself and everything that begins with a prefix.
    pub account_prefix: String,
    /// Partitions.
    pub partitions: Vec<String>,
    /// QOS.
    pub qos: Vec<String>,
    /// Job ids.
    pub job_ids: RangeInclusive<u32>,
    /// Working directories lie under this; none is looked at.
    pub work_dir_prefix: String,
    /// GPUs per job.
    pub max_gpus: u32,
    /// Minutes per job.
    pub max_wall_time_min: u32,
}

impl Default for FakeBounds {
    fn default() -> Self {
        Self {
            uids: 61_001..=61_099,
            account_prefix: "pub_".into(),
            partitions: vec!["gpu".into(), "confidential".into()],
            qos: vec!["normal".into()],
            job_ids: 1..=9_999_999,
            work_dir_prefix: "/".into(),
            max_gpus: 8,
            max_wall_time_min: 7 * 24 * 60,
        }
    }
}

impl FakeBounds {
    /// The first rule that the job breaks.
    pub(crate) fn check(&self, job: &JobSpec) -> Result<(), Refusal> {
        use RefusalCode as Code;
        let rules = [
            (job.uid == 0 || job.gid == 0, Code::RootUser),
            (job.uid < FIRST_PERSON || job.gid < FIRST_PERSON, Code::SystemUser),
            (!self.uids.contains(&job.uid), Code::UidOutOfRange),
            (!job.account.starts_with(&self.account_prefix), Code::ForeignAccount),
            (!self.partitions.contains(&job.partition), Code::ForeignPartition),
            (job.qos.as_ref().is_some_and(|qos| !self.qos.contains(qos)), Code::ForeignQos),
            (!self.job_ids.contains(&job.job_id), Code::JobIdOutOfRange),
            (!self.allows_work_dir(&job.work_dir), Code::WorkDirOutsidePrefix),
            (!(1..=self.max_gpus).contains(&job.gpu_count), Code::TooManyGpus),
            (job.gpu_type.is_empty(), Code::TooManyGpus),
            (!(1..=self.max_wall_time_min).contains(&job.time_limit_min), Code::TimeLimitTooLong),
            (!is_script(&job.script), Code::BadScript),
            (!is_key(&job.key), Code::BadKey),
        ];
        match rules.into_iter().find(|(broken, _)| *broken) {
            Some((_, code)) => {
                Err(refusal(code, "the simulated gateway's bounds do not allow this"))
            }
            None => Ok(()),
        }
    }

    fn allows_work_dir(&self, work_dir: &str) -> bool {
        let dir = std::path::Path::new(work_dir);
        let climbs = dir.components().any(|part| part == std::path::Component::ParentDir);
        dir.is_absolute() && dir.starts_with(&self.work_dir_prefix) && !climbs
    }
}

/// A refusal without an error number of Slurm's.
pub(crate) fn refusal(code: RefusalCode, sentence: &str) -> Refusal {
    Refusal { code, sentence: sentence.into(), slurm_errno: None }
}

fn is_script(script: &str) -> bool {
    script.starts_with("#!")
        && script.len() <= LONGEST_SCRIPT_BYTES
        && !script.contains("\r\n")
        && !script.contains('\0')
}

fn is_key(key: &str) -> bool {
    (1..=LONGEST_KEY_BYTES).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}
