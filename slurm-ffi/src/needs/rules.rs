//! The rules themselves: one function per need.

use super::{ControllerSettings, DatabaseSettings, Expectation, Need, SettingFault, fault};

mod share;

/// Bits of AccountingStorageEnforce; no public header of Slurm has them, the numbers are those of
/// its accounting_storage code since 2.6 and were read back from slurmctld 22.05.
const ENFORCE: [(u32, &str); 4] =
    [(0x01, "associations"), (0x02, "limits"), (0x08, "qos"), (0x10, "safe")];

const PRIVATE: [&str; 5] = ["accounts", "jobs", "reservations", "usage", "users"];
const LABELS: [&str; 3] = ["enforced", "ondemandselect", "privatedata"];

/// Every fault of the settings, in the order of [`Need::ALL`]; empty when all is well.
pub fn faults(
    controller: &ControllerSettings,
    database: &DatabaseSettings,
    expected: &Expectation,
) -> Vec<SettingFault> {
    let wanted = Need::ALL.iter().filter(|need| expected.needs.contains(need));
    wanted.flat_map(|need| faults_of(*need, controller, database, expected)).collect()
}

fn faults_of(
    need: Need,
    controller: &ControllerSettings,
    database: &DatabaseSettings,
    expected: &Expectation,
) -> Vec<SettingFault> {
    let one = match need {
        Need::SameRelease => same_release(controller, expected),
        Need::SameCluster => same_cluster(controller, expected),
        Need::Privilege => return privilege(controller, expected),
        Need::EnforcedLimits => enforced_limits(controller),
        Need::CountedGpus => counted_gpus(controller),
        Need::PartitionLimits => partition_limits(controller),
        Need::PrivateData => {
            return private_data_of_slurm(controller)
                .into_iter()
                .chain(private_data_of_database(database))
                .collect();
        }
        Need::ProjectLabels => return project_labels(controller),
        Need::ClosedDoor => closed_door(controller),
        Need::OwnJobIds => own_job_ids(controller, expected),
        Need::EarlyProlog => early_prolog(controller),
        Need::CountedTypes => share::counted_types(controller),
        Need::Preemption => return share::preemption(controller),
        Need::QosPriority => return share::priority(controller),
    };
    one.into_iter().collect()
}

/// `22.05` of `22.05.8`.
fn series(release: &str) -> &str {
    release.rsplit_once('.').map_or(release, |(series, _)| series)
}

fn same_release(controller: &ControllerSettings, expected: &Expectation) -> Option<SettingFault> {
    (series(&controller.release) != series(&expected.release)).then(|| {
        fault(
            "slurmctld's release",
            series(&expected.release),
            &controller.release,
            "everything",
            "Install the gateway that was built for this Slurm release: between releases Slurm's \
             meanings change even where its protocol does not.",
        )
    })
}

fn same_cluster(controller: &ControllerSettings, expected: &Expectation) -> Option<SettingFault> {
    (!controller.cluster.eq_ignore_ascii_case(&expected.cluster)).then(|| {
        fault(
            "ClusterName",
            &expected.cluster,
            &controller.cluster,
            "everything",
            "Make `cluster` and `conf` in the bounds file name the same cluster: job records are \
             read by its name.",
        )
    })
}

fn privilege(controller: &ControllerSettings, expected: &Expectation) -> Vec<SettingFault> {
    administrator(controller).into_iter().chain(chosen_ids(expected)).collect()
}

fn administrator(controller: &ControllerSettings) -> Option<SettingFault> {
    (controller.own_uid != 0 && controller.own_uid != controller.slurm_user_id).then(|| {
        fault(
            "SlurmUser",
            &format!("uid {}", controller.own_uid),
            format!("uid {}", controller.slurm_user_id),
            "submission",
            "Run the gateway as SlurmUser or root: Slurm lets only them submit for others and choose \
             a job's id, whatever AdminLevel slurmdbd gives to somebody else.",
        )
    })
}

fn chosen_ids(expected: &Expectation) -> Option<SettingFault> {
    (!expected.explicit_ids).then(|| {
        fault(
            "[slurm] explicit_ids of the bounds file",
            "true, and a gateway that runs as SlurmUser or root",
            "Slurm chooses the ids",
            "exactly one job per attempt",
            "Let the broker choose job ids, unless this cluster is in a federation: without them \
             nothing in Slurm refuses a second job for the same attempt. A submission whose answer is \
             lost may leave a held job behind, which the broker finds by its mark and cancels, and \
             every submission reads all jobs twice.",
        )
    })
}

fn enforced_limits(controller: &ControllerSettings) -> Option<SettingFault> {
    let has = |(bit, _): &(u32, &str)| controller.enforce & bit != 0;
    if ENFORCE.iter().all(has) {
        return None;
    }
    let present: Vec<&str> = ENFORCE.iter().filter(|one| has(one)).map(|(_, word)| *word).collect();
    Some(fault(
        "AccountingStorageEnforce",
        "associations,limits,qos,safe",
        listed(&present),
        "Slurm's own limits behind the broker's",
        "Set AccountingStorageEnforce=associations,limits,qos,safe in slurm.conf and restart \
         slurmctld: without it anybody may run under any account and no budget holds.",
    ))
}

fn counted_gpus(controller: &ControllerSettings) -> Option<SettingFault> {
    let counted =
        controller.accounting_storage_tres.split(',').any(|tres| tres.trim() == "gres/gpu");
    (!counted).then(|| {
        fault(
            "AccountingStorageTRES",
            "gres/gpu",
            &controller.accounting_storage_tres,
            "charging",
            "Add gres/gpu to AccountingStorageTRES in slurm.conf and restart slurmctld: jobs that ran before are recorded without GPUs.",
        )
    })
}

fn partition_limits(controller: &ControllerSettings) -> Option<SettingFault> {
    (!controller.enforce_part_limits_all).then(|| {
        fault(
            "EnforcePartLimits",
            "ALL",
            "NO or ANY",
            "refusing at submission",
            "Set EnforcePartLimits=ALL in slurm.conf: otherwise a job that breaks a partition's rules \
             waits for ever instead of being refused.",
        )
    })
}

fn private_data_of_slurm(controller: &ControllerSettings) -> Option<SettingFault> {
    let has = |word: &&str| controller.private_data.iter().any(|own| own == word);
    (!PRIVATE.iter().all(has)).then(|| {
        fault(
            "PrivateData",
            &PRIVATE.join(","),
            listed(&PRIVATE.iter().copied().filter(has).collect::<Vec<_>>()),
            "confidential partition",
            format!(
                "Set PrivateData={} in slurm.conf: otherwise everybody sees everybody's jobs.",
                PRIVATE.join(",")
            ),
        )
    })
}

fn private_data_of_database(database: &DatabaseSettings) -> Option<SettingFault> {
    let line = match database {
        Ok(text) => text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            (name.trim() == "PrivateData").then(|| value.trim().to_owned())
        }),
        Err(reason) => Some(format!("not read: {reason}")),
    };
    let actual = line.unwrap_or_else(|| "none".to_owned());
    let words: Vec<&str> = actual.split(',').map(str::trim).collect();
    (!PRIVATE.iter().all(|word| words.contains(word))).then(|| {
        fault(
            "PrivateData (slurmdbd.conf)",
            &PRIVATE.join(","),
            actual.clone(),
            "confidential partition",
            format!(
                "Set PrivateData={} in slurmdbd.conf too and restart slurmdbd: otherwise sacct shows \
                 everybody's jobs.",
                PRIVATE.join(",")
            ),
        )
    })
}

fn project_labels(controller: &ControllerSettings) -> Vec<SettingFault> {
    let mut found = Vec::new();
    if controller.mcs_plugin != "mcs/account" {
        found.push(fault(
            "MCSPlugin",
            "mcs/account",
            &controller.mcs_plugin,
            "confidential partition",
            "Set MCSPlugin=mcs/account in slurm.conf: jobs of different projects may otherwise share \
             a node.",
        ));
    }
    let words: Vec<&str> = controller.mcs_parameters.split(',').map(str::trim).collect();
    if !LABELS.iter().all(|word| words.contains(word)) {
        found.push(fault(
            "MCSParameters",
            &LABELS.join(","),
            &controller.mcs_parameters,
            "confidential partition",
            "Set MCSParameters=enforced,ondemandselect,privatedata in slurm.conf: with `ondemand` \
             jobs without a label are shown to everybody.",
        ));
    }
    found
}

fn closed_door(controller: &ControllerSettings) -> Option<SettingFault> {
    let plugins = &controller.job_submit_plugins;
    (!plugins.split(',').any(|plugin| plugin.trim() == "lua")).then(|| {
        fault(
            "JobSubmitPlugins",
            "lua",
            plugins,
            "nobody goes around the broker",
            "Install the broker's job_submit.lua beside slurm.conf and set JobSubmitPlugins=lua: \
             otherwise anybody may submit to the broker's partitions.",
        )
    })
}

fn own_job_ids(controller: &ControllerSettings, expected: &Expectation) -> Option<SettingFault> {
    let clash = expected.explicit_ids && controller.first_job_id <= expected.last_job_id;
    clash.then(|| {
        let above = expected.last_job_id.saturating_add(1);
        fault(
            "FirstJobId",
            &format!("at least {above}"),
            controller.first_job_id.to_string(),
            "exactly one job per attempt",
            format!(
                "Set FirstJobId={above} (and a MaxJobId above it) in slurm.conf: otherwise Slurm may \
                 give one of the broker's ids to somebody else."
            ),
        )
    })
}

fn early_prolog(controller: &ControllerSettings) -> Option<SettingFault> {
    (!controller.prolog_at_allocation).then(|| {
        fault(
            "PrologFlags",
            "Alloc",
            "without Alloc",
            "GPU scrub and node check before a job",
            "Set PrologFlags=Alloc in slurm.conf: otherwise the prolog runs only with the first step.",
        )
    })
}

fn listed(words: &[&str]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(",") }
}

#[cfg(test)]
mod tests;
