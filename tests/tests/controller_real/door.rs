//! The door past the broker: proven closed, and found when it is open.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use slurm_wire::{Answer, Call, SettingFault};

use crate::rig::Rig;

async fn faults(rig: &mut Rig) -> Vec<SettingFault> {
    match rig.ask(Call::CheckSettings).await {
        Answer::Settings(faults) => faults,
        other => panic!("no settings: {other:?}"),
    }
}

/// Writes other rules for `job_submit.lua` and has slurmctld read them.
fn guard(rig: &Rig, partitions: &str, prefixes: &str) {
    let dir = rig.cluster.dir();
    let settings = format!(
        "return {{ gateway_uids = {{ 0 }}, partitions = {{ {partitions} }}, accounts = {{ \"public\" }}, \
         account_prefixes = {{ {prefixes} }}, typed_gpus_everywhere = true }}\n"
    );
    std::fs::write(dir.join("job_submit_settings.lua"), settings).unwrap();
    // The script is read again when its own time changes, and times are compared by the second.
    let script = std::fs::File::options().append(true).open(dir.join("job_submit.lua")).unwrap();
    let then = script.metadata().unwrap().modified().unwrap();
    script.set_modified(then + std::time::Duration::from_secs(2)).unwrap();
}

#[tokio::test]
async fn a_closed_door_is_proven_and_an_open_one_is_named_without_a_job() {
    let mut rig = Rig::start(1).await;
    assert_eq!(faults(&mut rig).await, [], "the testbed's settings are as the broker needs them");

    guard(&rig, "\"gpu\"", "\"pub_\"");
    let found = faults(&mut rig).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].setting, "closed_door");
    assert_eq!(found[0].expected, "access denied");
    assert!(found[0].actual.starts_with("partition confidential: "), "{}", found[0].actual);
    assert_eq!(found[0].feature, "nobody goes around the broker");

    guard(&rig, "\"gpu\", \"confidential\"", "\"none_\"");
    let found = faults(&mut rig).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].actual.starts_with("account pub_demo: "), "{}", found[0].actual);

    guard(&rig, "\"gpu\", \"confidential\"", "\"pub_\"");
    assert_eq!(faults(&mut rig).await, []);
    assert!(rig.cluster.squeue().await.unwrap().is_empty(), "asking makes no job");
    let all = rig.cluster.output("sacct", &["-a", "-n", "-X", "-o", "jobid"]).await.unwrap();
    assert_eq!(all.trim(), "", "and leaves no record");
    rig.stop().await;
}

#[tokio::test]
async fn a_door_that_cannot_be_tried_is_not_called_closed() {
    let mut rig = Rig::start(1).await;
    let conf = rig.cluster.gateway_slurm_conf();
    std::fs::set_permissions(&conf, Permissions::from_mode(0o600)).unwrap();
    let found = faults(&mut rig).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].setting.as_str(), found[0].expected.as_str()), ("closed_door", "proven"));
    assert!(found[0].actual.contains("could not be proven"), "{}", found[0].actual);
    assert!(found[0].actual.contains("cannot be read"), "{}", found[0].actual);
    assert!(found[0].sentence.contains("65534"), "{}", found[0].sentence);
    rig.stop().await;
}
