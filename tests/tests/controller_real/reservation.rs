//! Nodes set aside: whole, by name, around jobs that run on.

use std::collections::BTreeSet;

use slurm_wire::{Answer, Call, JobSpec, JobState, NewReservation, RefusalCode, ReservationRow};

use crate::rig::{ACCOUNT, Rig, now_s, ours};

const NAME: &str = "mimer_0123456789ab";

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn there(rig: &mut Rig) -> Vec<ReservationRow> {
    match rig.ask(Call::ReadPolicy).await {
        Answer::Policy(policy) => policy.reservations,
        other => panic!("no policy: {other:?}"),
    }
}

#[tokio::test]
async fn nodes_are_set_aside_while_others_end_undisturbed() {
    let mut rig = Rig::start(2).await;
    let research = rig.researches(&["-w", "node01", "--gres=gpu:h200:8"]);
    rig.until_squeue(research, "RUNNING").await;

    let wanted = NewReservation {
        name: NAME.to_owned(),
        nodes: names(&["node01", "node02"]),
        accounts: names(&["public"]),
        partition: None,
        starts_at: now_s() - 86_400,
        ends_at: now_s() + 86_400,
    };
    rig.does(Call::PutReservation(wanted.clone())).await;
    rig.does(Call::PutReservation(wanted.clone())).await;
    let rows = there(&mut rig).await;
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0].nodes, &rows[0].accounts), (&wanted.nodes, &wanted.accounts));
    assert_eq!((rows[0].ends_at, &rows[0].partition), (wanted.ends_at, &None));
    assert!((now_s() - 60..=now_s()).contains(&rows[0].starts_at), "a start in the past is now");

    // The account below the named one gets in; the researcher waits outside.
    let inside = JobSpec { reservation: Some(NAME.to_owned()), ..rig.spec() };
    let inside = rig.runs(inside).await;
    rig.until(inside, JobState::Running).await;
    let outside = rig.researches(&["--gres=gpu:h200:1"]);
    rig.until_squeue(research, "RUNNING").await;
    let row = rig.cluster.squeue_row(outside).await.unwrap().unwrap();
    assert_eq!(row.state, "PENDING", "{row:?}");

    // Shaped anew while a job runs in it; the start stays.
    let smaller = NewReservation {
        nodes: names(&["node02"]),
        accounts: names(&[ACCOUNT]),
        partition: Some("gpu".to_owned()),
        ..wanted.clone()
    };
    rig.does(Call::PutReservation(smaller.clone())).await;
    let shaped = there(&mut rig).await.remove(0);
    assert_eq!((&shaped.nodes, &shaped.accounts), (&smaller.nodes, &smaller.accounts));
    assert_eq!(shaped.partition.as_deref(), Some("gpu"));
    assert_eq!(shaped.starts_at, rows[0].starts_at);

    // Slurm does not end it under a job, and it is ended when the job is.
    let end = Call::RemoveReservation { name: NAME.to_owned() };
    assert_eq!(rig.refused(end.clone()).await, (RefusalCode::SlurmRefused, Some(2055)));
    assert_eq!(rig.row(inside).await.state, JobState::Running);
    rig.does(Call::Cancel(ours(inside))).await;
    rig.until(inside, JobState::Cancelled).await;
    while rig.row(inside).await.completing {}
    rig.does(end.clone()).await;
    rig.does(end).await;
    assert_eq!(there(&mut rig).await, []);
    rig.until_squeue(outside, "RUNNING").await;
    rig.until_squeue(research, "RUNNING").await;
    rig.stop().await;
}

#[tokio::test]
async fn a_reservation_of_somebody_else_is_not_taken_over() {
    let mut rig = Rig::start(1).await;
    let theirs = ["create", "reservation", "reservationname=maintenance", "nodes=node01"];
    let times = ["starttime=now", "duration=60", "users=root"];
    rig.cluster.output("scontrol", &[&theirs[..], &times].concat()).await.unwrap();
    let wanted = NewReservation {
        name: NAME.to_owned(),
        nodes: names(&["node01"]),
        accounts: names(&["public"]),
        partition: None,
        starts_at: now_s(),
        ends_at: now_s() + 3600,
    };
    let overlap = rig.refused(Call::PutReservation(wanted.clone())).await;
    assert_eq!(overlap, (RefusalCode::SlurmRefused, Some(2058)));
    assert_eq!(there(&mut rig).await, [], "those of others are not shown");
    let later = NewReservation { starts_at: now_s() + 7200, ends_at: now_s() + 9000, ..wanted };
    rig.does(Call::PutReservation(later.clone())).await;
    let moved = NewReservation { starts_at: later.starts_at + 600, ..later };
    rig.does(Call::PutReservation(moved.clone())).await;
    assert_eq!(there(&mut rig).await[0].starts_at, moved.starts_at);
    rig.stop().await;
}
