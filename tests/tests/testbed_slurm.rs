//! The testbed's own promises, on a real Slurm; these tests need root and Slurm's packages.

#![expect(clippy::unwrap_used, reason = "a step that fails ends the test")]

use std::process::{Command, Output};
use std::time::Duration;

use testbed::accounts::PosixUser;
use testbed::slurm::{SacctRow, Sbatch};
use testbed::{Cluster, ClusterPlan, poll};

/// slurmdbd lags slurmctld by some seconds.
const BOUND: Duration = Duration::from_secs(60);

/// What `job_submit.lua` says to those who go around the broker.
const REFUSED: &str = "go through the Mimer Broker only";

/// What Slurm says when a change is refused; the sentence itself goes to slurmctld's log only.
const DENIED: &str = "Access/permission denied";

/// A cluster with one project account and its user.
async fn cluster_with_project(plan: &ClusterPlan) -> (Cluster, PosixUser) {
    let cluster = Cluster::start(plan).await.unwrap();
    let user = PosixUser::project(1).unwrap();
    cluster.add_project_account("pub_demo").await.unwrap();
    cluster.add_user("pub_demo", &user).await.unwrap();
    (cluster, user)
}

/// Submits as root on behalf of the user, as the gateway does, and returns the job id.
async fn submit(cluster: &Cluster, user: &PosixUser, script: &str) -> u32 {
    let area = cluster.make_area("pub_demo", user).unwrap();
    let (uid, gid) = (format!("--uid={}", user.uid), format!("--gid={}", user.gid));
    let area = format!("--chdir={}", area.display());
    let wrap = format!("--wrap={script}");
    let options = ["--parsable", &uid, &gid, &area, "--account=pub_demo", "--time=1"];
    let what = ["--partition=confidential", "--gres=gpu:h200:2", "--output=out", &wrap];
    let said = cluster.output("sbatch", &[&options[..], &what[..]].concat()).await.unwrap();
    said.trim().parse().unwrap()
}

async fn ended(cluster: &Cluster, job_id: u32) -> SacctRow {
    poll::until_some("the job's end in slurmdbd", BOUND, async || {
        let rows = cluster.sacct_rows(job_id).await?;
        // A job may end before slurmdbd hears of its start, which then brings the partition.
        let is_whole = |row: &SacctRow| !row.partition.is_empty();
        let is_over = |row: &SacctRow| !["PENDING", "RUNNING"].contains(&row.state.as_str());
        Ok(rows.into_iter().find(|row| is_whole(row) && is_over(row)))
    })
    .await
    .unwrap()
}

/// Runs the command, which must fail, and returns what it said.
fn refusal(mut command: Command, arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = command.args(arguments).output().unwrap();
    assert!(!status.success(), "{arguments:?} was not refused");
    String::from_utf8(stderr).unwrap()
}

/// Pids of Slurm's, munge's and MariaDB's processes that name `dir` or hold a file open in it.
fn processes_in(dir: &std::path::Path) -> Vec<String> {
    let pattern = dir.to_str().unwrap();
    let Output { stdout, .. } = Command::new("sh")
        .args([
            "-c",
            "for p in /proc/[0-9]*; do if tr '\\0' ' ' <$p/cmdline | grep -qF -- \"$0/\" \
               || ls -l $p/fd | grep -qF -- \"$0/\"; then echo ${p#/proc/}; fi; done 2>/dev/null",
        ])
        .arg(pattern)
        .output()
        .unwrap();
    let own = std::process::id().to_string();
    let pids = String::from_utf8(stdout).unwrap();
    // The shell itself names the directory, and is gone by now.
    let alive = |pid: &&str| std::path::Path::new("/proc").join(pid).exists();
    pids.lines().filter(alive).filter(|pid| *pid != own).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_job_on_behalf_of_the_project_user_runs_with_its_gpus() {
    let (cluster, user) = cluster_with_project(&ClusterPlan::with_nodes(2)).await;
    let job_id = submit(&cluster, &user, "sleep 1; echo $CUDA_VISIBLE_DEVICES $(id -un)").await;
    let row = ended(&cluster, job_id).await;

    assert_eq!((row.state.as_str(), row.exit_code.as_str()), ("COMPLETED", "0:0"));
    assert_eq!((row.partition.as_str(), row.account.as_str()), ("confidential", "pub_demo"));
    assert_eq!((row.user.as_str(), row.uid.as_str()), ("mimer-p1", "61001"));
    assert_eq!((row.tres("gres/gpu"), row.tres("gres/gpu:h200")), (Some(2), Some(2)));
    let output = std::fs::read_to_string(cluster.areas_dir().join("pub_demo/out")).unwrap();
    assert_eq!(output, "0,1 mimer-p1\n");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn nobody_but_the_gateway_submits_or_changes_jobs_on_the_brokers_ground() {
    let (cluster, user) = cluster_with_project(&ClusterPlan::default()).await;
    cluster.add_user("research", &user).await.unwrap();
    let sbatch = |arguments: &[&str]| refusal(cluster.command_as(&user, "sbatch"), arguments);

    for (account, partition) in [
        ("pub_demo", "confidential"),
        ("pub_demo", "gpu"),
        ("research", "confidential"),
        ("research", "research,gpu"),
        ("pub_demo", "research"),
        ("PUB_Demo", "research"),
        ("public", "research"),
    ] {
        let said = sbatch(&["-A", account, "-p", partition, "-t", "1", "--wrap=id"]);
        assert!(said.contains(REFUSED), "-A {account} -p {partition}: {said}");
    }
    // The project's account is also the user's default one.
    let said = sbatch(&["-p", "research", "-t", "1", "--wrap=id"]);
    assert!(said.contains(REFUSED), "no account: {said}");

    // A job of the user's own, elsewhere, is nobody's business until it moves here.
    let mut own = cluster.command_as(&user, "sbatch");
    own.args(["--parsable", "--hold", "-D", "/tmp", "-A", "research", "-t", "1", "--wrap=id"]);
    let own = own.output().unwrap();
    assert!(own.status.success(), "{}", String::from_utf8_lossy(&own.stderr));
    let own = String::from_utf8(own.stdout).unwrap().trim().to_owned();
    for change in ["partition=confidential", "account=pub_demo"] {
        let scontrol = cluster.command_as(&user, "scontrol");
        let said = refusal(scontrol, &["update", &format!("job={own}"), change]);
        assert!(said.contains(DENIED), "{change}: {said}");
    }
    // A job of the broker's cannot be changed by the user it runs as.
    let job_id = submit(&cluster, &user, "sleep 100").await.to_string();
    let scontrol = cluster.command_as(&user, "scontrol");
    let said = refusal(scontrol, &["update", &format!("job={job_id}"), "timelimit=5"]);
    assert!(said.contains(DENIED), "{said}");
    let log = std::fs::read_to_string(cluster.dir().join("log/slurmctld.log")).unwrap();
    assert!(log.contains(&format!("refused uid {}: Jobs on the partition confidential", user.uid)));
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn gpus_without_a_type_and_jobs_as_root_are_refused_even_to_the_gateway() {
    let (cluster, user) = cluster_with_project(&ClusterPlan::default()).await;
    let uid = format!("--uid={}", user.uid);
    let ours = ["-A", "pub_demo", "-p", "gpu", "-t", "1", "--wrap=id", "-D", "/tmp"];
    for gpus in ["--gres=gpu", "--gres=gpu:2", "--gpus=2", "--gpus-per-node=1", "--gpus-per-task=1"]
    {
        let arguments = [&ours[..], &["-n1", &uid, gpus]].concat();
        let said = refusal(cluster.command("sbatch"), &arguments);
        assert!(said.contains("GPUs must be asked for by type"), "{gpus}: {said}");
    }
    for gpus in ["--gres=gpu:h200:2", "--gpus=h200:2", "--gres=gpu:h200"] {
        let arguments = [&ours[..], &["--test-only", &uid, gpus]].concat();
        cluster.output("sbatch", &arguments).await.unwrap();
    }
    let said = refusal(cluster.command("sbatch"), &ours);
    assert!(said.contains("No job of the broker runs as root"), "{said}");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn two_clusters_live_side_by_side_and_leave_nothing_behind() {
    let named = |name: &str| ClusterPlan { name: name.into(), ..ClusterPlan::default() };
    let (north, south) = (named("north"), named("south"));
    let (north, south) = tokio::join!(cluster_with_project(&north), cluster_with_project(&south));
    let (north_job, south_job) = tokio::join!(
        // One that leaves its step, and one that is still running when the cluster stops.
        submit(&north.0, &north.1, "setsid -f sleep 1000; true"),
        submit(&south.0, &south.1, "sleep 1000"),
    );
    assert_eq!((north_job, south_job), (10_000_000, 10_000_000));
    assert_eq!(ended(&north.0, north_job).await.state, "COMPLETED");
    poll::until("the other job to run", BOUND, async || {
        let rows = south.0.sacct_rows(south_job).await?;
        Ok(rows.iter().any(|row| row.state == "RUNNING"))
    })
    .await
    .unwrap();

    let dirs = [north.0.dir().to_owned(), south.0.dir().to_owned()];
    let sleeping = || {
        let all = Command::new("pgrep").args(["-x", "-u", "61001", "sleep"]).output().unwrap();
        String::from_utf8(all.stdout).unwrap().lines().count()
    };
    assert!(sleeping() >= 2);
    assert!(dirs.iter().all(|dir| !processes_in(dir).is_empty()));
    let stopped = tokio::join!(north.0.stop(), south.0.stop());
    assert!(stopped.0.is_ok() && stopped.1.is_ok());
    for dir in dirs {
        assert_eq!(processes_in(&dir), Vec::<String>::new());
        assert!(!dir.exists());
    }
}

#[tokio::test]
async fn a_crashed_controller_comes_back_with_its_jobs() {
    let (mut cluster, user) = cluster_with_project(&ClusterPlan::default()).await;
    let job_id = submit(&cluster, &user, "sleep 3").await;
    let state_file = cluster.dir().join("state/job_state");
    // slurmctld acknowledges before it saves.
    poll::until("the state to be saved", BOUND, async || Ok(state_file.exists())).await.unwrap();
    cluster.daemon("slurmctld").unwrap().crash();
    cluster.start_slurmctld().await.unwrap();
    assert_eq!(ended(&cluster, job_id).await.state, "COMPLETED");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn research_fills_every_node_and_makes_way_for_a_qos_that_names_its_own() {
    let (cluster, user) = cluster_with_project(&ClusterPlan::with_nodes(2)).await;
    let research = cluster.fill_with_research().await.unwrap();
    assert_eq!(research.len(), 2);
    let facts = cluster.qos_facts("normal").await.unwrap().unwrap();
    assert_eq!((facts.running_jobs.used, facts.at_once["gres/gpu"].used), (2.0, 16.0));
    assert!(cluster.account_facts("pub_demo").await.unwrap().is_some());

    cluster.output("sacctmgr", &["-i", "add", "qos", "mimer_demo"]).await.unwrap();
    cluster.modify_by_hand(&["qos", "mimer_demo", "set", "preempt=normal"]).await.unwrap();
    cluster.modify_by_hand(&["account", "pub_demo", "set", "qos=mimer_demo"]).await.unwrap();
    let rows = cluster.sacctmgr_rows(&["qos", "mimer_demo"], "name,preempt").await.unwrap();
    assert_eq!(rows, [["mimer_demo", "normal"]]);

    let job = Sbatch {
        account: "pub_demo",
        partition: "confidential",
        qos: Some("mimer_demo"),
        gres: "gpu:h200:2",
        time_limit_min: 1,
        ..Sbatch::default()
    };
    let job_id = cluster.sbatch_as_root_for(&user, &job).await.unwrap();
    cluster.until_state(job_id, "RUNNING").await.unwrap();
    let queue = cluster.squeue().await.unwrap();
    let state = |job_id: u32| queue.iter().find(|row| row.job_id == job_id).unwrap().state.clone();
    let mut states: Vec<String> = research.iter().map(|job_id| state(*job_id)).collect();
    states.sort();
    assert_eq!(states, ["PENDING", "RUNNING"], "one made way and waits again: {queue:?}");
    cluster.stop().await.unwrap();
}
