//! No GPU slips past a typed limit, whoever asks and however.

use std::process::Command;

use slurm_wire::{Call, RefusalCode};

use crate::rig::{ACCOUNT, Rig, ours};

/// `sbatch` as root for the project's user, past the broker.
fn past_the_broker(rig: &Rig, arguments: &[&str]) -> (bool, String) {
    let uid = format!("--uid={}", rig.project.uid);
    let gid = format!("--gid={}", rig.project.gid);
    let ours = ["-A", ACCOUNT, "-p", "gpu", "-t", "1", "-D", "/tmp", "--wrap=id", "--test-only"];
    said(rig.cluster.command("sbatch").args([&uid, &gid]).args(ours).args(arguments))
}

fn said(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn every_way_to_ask_for_untyped_gpus_is_refused_to_root_too() {
    let mut rig = Rig::start(1).await;
    for form in [
        &["--gres=gpu:2"][..],
        &["--gres=gpu"],
        &["--gpus=2"],
        &["-G", "2"],
        &["--gpus-per-node=2"],
        &["--gpus-per-task=1", "-n1"],
        &["--gpus-per-socket=1", "--sockets-per-node=1"],
        &["--ntasks-per-gpu=1", "-n4"],
        &["--gres=gpu:02"],
        &["--gres=gpu:2K"],
    ] {
        let (taken, said) = past_the_broker(&rig, form);
        assert!(!taken && said.contains("GPUs must be asked for by type"), "{form:?}: {said}");
    }
    // Slurm hands an exclusive job every GPU of the node and counts only those it asked for.
    for form in [&["--exclusive"][..], &["--exclusive", "--gres=gpu:h200:1"]] {
        let (taken, said) = past_the_broker(&rig, form);
        assert!(!taken && said.contains("gets every GPU of its node"), "{form:?}: {said}");
    }
    for form in [
        &["--gres=gpu:h200:2"][..],
        &["--gres=gpu:h200"],
        &["--gpus=h200:2"],
        &["--gpus-per-task=h200:1", "-n2"],
        &["--ntasks-per-gpu=1", "-n4", "--gpus=h200:4"],
        &["--exclusive", "--gres=gpu:h200:8"],
    ] {
        let (taken, said) = past_the_broker(&rig, form);
        assert!(taken, "{form:?}: {said}");
    }

    let spec = rig.spec();
    let job_id = rig.submits(spec).await;
    let job = format!("job={job_id}");
    for change in ["gres=gpu:2", "OverSubscribe=NO"] {
        let (changed, said) = said(rig.cluster.command("scontrol").args(["update", &job, change]));
        assert!(!changed && said.contains("Invalid generic resource"), "{change}: {said}");
    }
    rig.does(Call::Cancel(ours(job_id))).await;

    let part_of_a_node = rig.spec();
    let call = Call::Submit(Box::new(slurm_wire::JobSpec { whole_node: true, ..part_of_a_node }));
    assert_eq!(rig.refused(call).await, (RefusalCode::SlurmRefused, Some(2072)));
    rig.stop().await;
}

#[tokio::test]
async fn a_part_of_a_heterogeneous_job_and_an_allocation_are_submissions_too() {
    let rig = Rig::start(1).await;
    for (program, arguments) in [
        (
            "sbatch",
            &["-A", "research", "-p", "research", "--wrap=id", ":", "-A", ACCOUNT, "-p", "gpu"][..],
        ),
        ("srun", &["-A", "research", "-p", "gpu", "id"]),
        ("salloc", &["-A", "research", "-p", "research,confidential", "id"]),
        ("sbatch", &["-A", "research", "-p", "gpu", "--wrap=id", "--test-only"]),
    ] {
        let mut command = rig.cluster.command_as(&rig.researcher, program);
        let (taken, said) = said(command.args(arguments));
        assert!(
            !taken && said.contains("Access/permission denied"),
            "{program} {arguments:?}: {said}"
        );
    }
    rig.stop().await;
}
