//! What the fake refuses: the same rules as the real gateway's bounds file, by the same codes.

mod policy;

use std::ops::RangeInclusive;

use slurm_wire::{JobSpec, Refusal, RefusalCode};

pub(crate) use policy::{bad_policy, check_description, check_limits, check_name};

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
    /// The root of the broker's accounts.
    pub account_root: String,
    /// Partitions.
    pub partitions: Vec<String>,
    /// QOS of the site that a job may ask for, besides the broker's own.
    pub qos: Vec<String>,
    /// What the names of the broker's own QOS begin with.
    pub qos_prefix: String,
    /// What the names of the broker's reservations begin with.
    pub reservation_prefix: String,
    /// QOS of the site that may make way for the broker's.
    pub may_preempt: Vec<String>,
    /// Highest priority of a QOS of the broker's.
    pub max_priority: u32,
    /// Nodes that may be set aside, all of them at once at most.
    pub max_set_aside_nodes: usize,
    /// Whether the whole cluster may be read.
    pub import: bool,
    /// Job ids.
    pub job_ids: RangeInclusive<u32>,
    /// Working directories lie under this; none is looked at.
    pub work_dir_prefix: String,
    /// GPUs per job.
    pub max_gpus: u32,
    /// Minutes per job.
    pub max_wall_time_min: u32,
    /// Tasks per array.
    pub max_tasks: u32,
}

impl Default for FakeBounds {
    fn default() -> Self {
        Self {
            uids: 61_001..=61_099,
            account_root: "public".into(),
            partitions: vec!["gpu".into(), "confidential".into()],
            qos: vec!["normal".into()],
            qos_prefix: "mimer_".into(),
            reservation_prefix: "mimer_".into(),
            may_preempt: vec!["normal".into()],
            max_priority: 1_000_000,
            max_set_aside_nodes: 99,
            import: true,
            job_ids: 1..=9_999_999,
            work_dir_prefix: "/".into(),
            max_gpus: 8,
            max_wall_time_min: 7 * 24 * 60,
            max_tasks: 1_000,
        }
    }
}

impl FakeBounds {
    /// The first rule that the job breaks.
    pub(crate) fn check(&self, job: &JobSpec) -> Result<(), Refusal> {
        use RefusalCode as Code;
        let foreign_reservation = |name: &String| !name.starts_with(&self.reservation_prefix);
        let rules = [
            (job.uid == 0 || job.gid == 0, Code::RootUser),
            (job.uid < FIRST_PERSON || job.gid < FIRST_PERSON, Code::SystemUser),
            (!self.uids.contains(&job.uid), Code::UidOutOfRange),
            (!self.partitions.contains(&job.partition), Code::ForeignPartition),
            (job.qos.as_ref().is_some_and(|qos| !self.may_ask_for(qos)), Code::ForeignQos),
            (!self.allows_work_dir(&job.work_dir), Code::WorkDirOutsidePrefix),
            (!(1..=self.max_gpus).contains(&job.gpu_count), Code::TooManyGpus),
            (job.gpu_type.is_empty(), Code::TooManyGpus),
            (self.has_too_many_tasks(job), Code::TooManyTasks),
            (!(1..=self.max_wall_time_min).contains(&job.time_limit_min), Code::TimeLimitTooLong),
            (!is_script(&job.script), Code::BadScript),
            (!is_key(&job.key), Code::BadKey),
            (job.reservation.as_ref().is_some_and(foreign_reservation), Code::ForeignReservation),
        ];
        match rules.into_iter().find(|(broken, _)| *broken) {
            Some((_, code)) => {
                Err(refusal(code, "the simulated gateway's bounds do not allow this"))
            }
            None => Ok(()),
        }
    }

    /// Refuses a job id that is not the broker's to name.
    pub(crate) fn check_job_id(&self, job_id: u32) -> Result<(), Refusal> {
        if self.job_ids.contains(&job_id) {
            return Ok(());
        }
        let sentence = format!("job id {job_id} lies outside {:?}", self.job_ids);
        Err(refusal(RefusalCode::JobIdOutOfRange, &sentence))
    }

    /// True for a QOS of the broker's, and for those that the site lets its jobs use.
    pub(crate) fn may_ask_for(&self, qos: &str) -> bool {
        qos.starts_with(&self.qos_prefix) || self.qos.iter().any(|name| name == qos)
    }

    fn has_too_many_tasks(&self, job: &JobSpec) -> bool {
        job.array.is_some_and(|array| !(1..=self.max_tasks).contains(&array.task_count))
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

/// A refusal that Slurm gave a number to.
pub(crate) fn numbered(code: RefusalCode, slurm_errno: i32, sentence: &str) -> Refusal {
    Refusal { code, sentence: sentence.into(), slurm_errno: Some(slurm_errno) }
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
