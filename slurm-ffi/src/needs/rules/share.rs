//! What the public sector's share needs: jobs that give way, and a priority that counts.

use super::{ControllerSettings, ENFORCE, SettingFault, fault, listed};

const SHARE: &str = "guaranteed share and crisis mode";
const FIRST_IN_LINE: &str = "crisis mode's priority";

/// Jobs of one QOS make way for jobs of another, at once, and the GPUs come free.
pub(super) fn preemption(controller: &ControllerSettings) -> Vec<SettingFault> {
    let found = [way(controller), end(controller), grace(controller), obeyed(controller)];
    found.into_iter().flatten().collect()
}

fn way(controller: &ControllerSettings) -> Option<SettingFault> {
    (controller.preempt_type != "preempt/qos").then(|| {
        fault(
            "PreemptType",
            "preempt/qos",
            &controller.preempt_type,
            SHARE,
            "Set PreemptType=preempt/qos in slurm.conf and restart slurmctld: otherwise no job makes \
             way for another by its QOS.",
        )
    })
}

fn end(controller: &ControllerSettings) -> Option<SettingFault> {
    (!["REQUEUE", "CANCEL"].contains(&controller.preempt_mode.as_str())).then(|| {
        fault(
            "PreemptMode",
            "REQUEUE or CANCEL",
            &controller.preempt_mode,
            SHARE,
            "Set PreemptMode=REQUEUE in slurm.conf and restart slurmctld: a job that is only \
             suspended keeps its GPUs' memory, and with OFF no job makes way at all.",
        )
    })
}

fn grace(controller: &ControllerSettings) -> Option<SettingFault> {
    (controller.preempt_exempt_s != 0).then(|| {
        fault(
            "PreemptExemptTime",
            "0",
            format!("{} s", controller.preempt_exempt_s),
            SHARE,
            "Take PreemptExemptTime out of slurm.conf, or accept that a guaranteed share and crisis \
             mode wait that long for each job in their way.",
        )
    })
}

fn obeyed(controller: &ControllerSettings) -> Option<SettingFault> {
    let present = ENFORCE.iter().filter(|(bit, _)| controller.enforce & bit != 0);
    let words: Vec<&str> = present.map(|(_, word)| *word).collect();
    (!words.contains(&"qos")).then(|| {
        fault(
            "AccountingStorageEnforce",
            "qos",
            listed(&words),
            SHARE,
            "Add qos to AccountingStorageEnforce in slurm.conf and restart slurmctld: otherwise \
             anybody may ask for the QOS that others make way for.",
        )
    })
}

/// The QOS of a crisis goes before the others in the queue.
pub(super) fn priority(controller: &ControllerSettings) -> Vec<SettingFault> {
    let mut found = Vec::new();
    if controller.priority_type != "priority/multifactor" {
        found.push(fault(
            "PriorityType",
            "priority/multifactor",
            &controller.priority_type,
            FIRST_IN_LINE,
            "Set PriorityType=priority/multifactor in slurm.conf and restart slurmctld: without it \
             the priority of a QOS means nothing.",
        ));
    }
    if controller.priority_weight_qos == 0 {
        found.push(fault(
            "PriorityWeightQOS",
            "above 0",
            "0",
            FIRST_IN_LINE,
            "Set PriorityWeightQOS in slurm.conf above the site's other weights and reconfigure: \
             with 0 the priority of a QOS means nothing.",
        ));
    }
    found
}

/// Each GPU type of the nodes has its own count, which the limit of one class is kept by.
pub(super) fn counted_types(controller: &ControllerSettings) -> Option<SettingFault> {
    let counted = |wanted: &String| {
        controller.accounting_storage_tres.split(',').any(|tres| tres.trim() == wanted)
    };
    let wanted: Vec<String> =
        controller.gpu_types.iter().map(|gpu_type| format!("gres/gpu:{gpu_type}")).collect();
    let missing: Vec<&String> = wanted.iter().filter(|it| !counted(it)).collect();
    let missing = missing.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(",");
    (!missing.is_empty()).then(|| {
        fault(
            "AccountingStorageTRES",
            &wanted.join(","),
            &controller.accounting_storage_tres,
            "Slurm's own limit for each class",
            format!(
                "Add {missing} to AccountingStorageTRES in slurm.conf and restart slurmctld: \
                 otherwise Slurm cannot keep a limit on GPUs of one type."
            ),
        )
    })
}
