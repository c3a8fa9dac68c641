//! Slurm's settings as slurmctld reports them.

use std::collections::BTreeSet;
use std::ptr::{self, NonNull};

use serde::{Deserialize, Serialize};

use crate::error::SlurmError;
use crate::session::Session;
use crate::text::Lender;
use crate::{gres, sys};

/// What of slurm.conf the broker depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControllerSettings {
    /// slurmctld's release.
    pub release: String,
    /// ClusterName.
    pub cluster: String,
    /// AccountingStorageTRES, as written.
    pub accounting_storage_tres: String,
    /// MCSPlugin.
    pub mcs_plugin: String,
    /// MCSParameters.
    pub mcs_parameters: String,
    /// JobSubmitPlugins.
    pub job_submit_plugins: String,
    /// AccountingStorageEnforce, as its bits.
    pub enforce: u32,
    /// EnforcePartLimits=ALL.
    pub enforce_part_limits_all: bool,
    /// PrivateData, as its words.
    pub private_data: Vec<String>,
    /// PrologFlags has Alloc.
    pub prolog_at_allocation: bool,
    /// FirstJobId.
    pub first_job_id: u32,
    /// MaxJobId.
    pub max_job_id: u32,
    /// MinJobAge in seconds.
    pub min_job_age_s: u32,
    /// SlurmUser's uid.
    pub slurm_user_id: u32,
    /// The uid this worker runs as.
    pub own_uid: u32,
    /// PreemptType.
    pub preempt_type: String,
    /// PreemptMode for the whole cluster, as its words.
    pub preempt_mode: String,
    /// PreemptExemptTime in seconds; 0 when not set.
    pub preempt_exempt_s: u32,
    /// PriorityType.
    pub priority_type: String,
    /// PriorityWeightQOS.
    pub priority_weight_qos: u32,
    /// GPU types of the nodes, each once.
    pub gpu_types: BTreeSet<String>,
}

/// Reads the settings from slurmctld.
pub fn load(session: Session) -> Result<ControllerSettings, SlurmError> {
    let reply = SettingsReply::fetch()?;
    let mut view = sys::shim_settings::default();
    // SAFETY: the reply is live (owned above) and `view` is a live out-pointer.
    unsafe { sys::shim_settings_view(reply.raw.as_ptr(), &mut view) };
    // SAFETY: the strings of the view belong to the reply, which outlives the lender.
    let lender = unsafe { Lender::of(&reply) };
    let copy = |field| lender.copy(field).unwrap_or_default();
    let exempt_s = view.preempt_exempt_s;
    Ok(ControllerSettings {
        release: copy(view.release),
        cluster: copy(view.cluster),
        accounting_storage_tres: copy(view.accounting_storage_tres),
        mcs_plugin: copy(view.mcs_plugin),
        mcs_parameters: copy(view.mcs_parameters),
        job_submit_plugins: copy(view.job_submit_plugins),
        enforce: view.accounting_storage_enforce,
        enforce_part_limits_all: view.enforce_part_limits == sys::PARTITION_ENFORCE_ALL,
        private_data: private_data(view.private_data),
        prolog_at_allocation: view.prolog_flags & sys::PROLOG_FLAG_ALLOC != 0,
        first_job_id: view.first_job_id,
        max_job_id: view.max_job_id,
        min_job_age_s: view.min_job_age_s,
        slurm_user_id: view.slurm_user_id,
        own_uid: rustix::process::geteuid().as_raw(),
        preempt_type: copy(view.preempt_type),
        preempt_mode: preempt_mode(view.preempt_mode),
        preempt_exempt_s: if exempt_s >= sys::NO_VAL { 0 } else { exempt_s },
        priority_type: copy(view.priority_type),
        priority_weight_qos: view.priority_weight_qos,
        gpu_types: gpu_types(session)?,
    })
}

/// The word of slurm.conf(5).
fn preempt_mode(bits: u32) -> String {
    let words = [
        (sys::PREEMPT_MODE_REQUEUE, "REQUEUE"),
        (sys::PREEMPT_MODE_CANCEL, "CANCEL"),
        (sys::PREEMPT_MODE_SUSPEND, "SUSPEND"),
    ];
    let word = words.iter().find(|(bit, _)| bits & bit != 0).map_or("OFF", |(_, word)| *word);
    word.to_owned()
}

/// The GPU types of every node.
fn gpu_types(_session: Session) -> Result<BTreeSet<String>, SlurmError> {
    let nodes = NodesReply::fetch()?;
    // SAFETY: the reply is live (owned above).
    let count = unsafe { sys::shim_node_count(nodes.raw.as_ptr()) };
    // SAFETY: the strings belong to the reply, which outlives the lender.
    let lender = unsafe { Lender::of(&nodes) };
    let types = (0..count).flat_map(|index| {
        // SAFETY: the reply is live, and the index is below its count.
        let gres = unsafe { sys::shim_node_gres(nodes.raw.as_ptr(), index) };
        gres::gpu_types(&lender.copy(gres).unwrap_or_default())
    });
    Ok(types.collect())
}

/// The words of slurm.conf(5) for the bits that the broker cares about.
fn private_data(bits: u32) -> Vec<String> {
    let words = [
        (sys::PRIVATE_DATA_ACCOUNTS, "accounts"),
        (sys::PRIVATE_DATA_JOBS, "jobs"),
        (sys::PRIVATE_DATA_RESERVATIONS, "reservations"),
        (sys::PRIVATE_DATA_USAGE, "usage"),
        (sys::PRIVATE_DATA_USERS, "users"),
    ];
    words.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, word)| (*word).to_owned()).collect()
}

/// Invariant: `raw` came from `shim_load_settings` and has not been freed.
struct SettingsReply {
    raw: NonNull<sys::shim_settings_reply>,
}

impl SettingsReply {
    fn fetch() -> Result<Self, SlurmError> {
        const CALL: &str = "slurm_load_ctl_conf";
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` is a live out-pointer; libslurm is initialised: the only caller holds a
        // `Session`.
        let code = unsafe { sys::shim_load_settings(&mut raw) };
        SlurmError::check(CALL, code)?;
        Ok(Self { raw: NonNull::new(raw).ok_or(SlurmError::NullReply { call: CALL })? })
    }
}

impl Drop for SettingsReply {
    fn drop(&mut self) {
        // SAFETY: by the invariant this is the only owner; freed once, by Slurm's own function.
        unsafe { sys::shim_free_settings(self.raw.as_ptr()) }
    }
}

/// Invariant: `raw` came from `shim_load_nodes` and has not been freed.
struct NodesReply {
    raw: NonNull<sys::shim_nodes_reply>,
}

impl NodesReply {
    fn fetch() -> Result<Self, SlurmError> {
        const CALL: &str = "slurm_load_node";
        let mut raw = ptr::null_mut();
        // SAFETY: as for the settings.
        let code = unsafe { sys::shim_load_nodes(&mut raw) };
        SlurmError::check(CALL, code)?;
        Ok(Self { raw: NonNull::new(raw).ok_or(SlurmError::NullReply { call: CALL })? })
    }
}

impl Drop for NodesReply {
    fn drop(&mut self) {
        // SAFETY: by the invariant this is the only owner; freed once, by Slurm's own function.
        unsafe { sys::shim_free_nodes(self.raw.as_ptr()) }
    }
}
