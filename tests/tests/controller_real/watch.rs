//! Following jobs: only changes pass, none is missed, and a lost worker costs one whole answer.

use std::collections::BTreeMap;

use slurm_wire::{Answer, Call, Changes, JobRow, JobSpec, JobState, RefusalCode};
use testbed::poll;

use crate::rig::{BOUND, Rig, now_s, ours};

/// What a caller who follows has.
#[derive(Default)]
struct Picture(BTreeMap<u32, JobRow>);

impl Picture {
    fn take_in(&mut self, changes: &Changes) {
        if changes.whole {
            self.0.clear();
        }
        self.0.extend(changes.jobs.iter().map(|row| (row.job_id, row.clone())));
        self.0.retain(|job_id, _| !changes.gone.contains(job_id));
    }

    fn count(&self, state: JobState) -> usize {
        self.0.values().filter(|row| row.state == state).count()
    }
}

#[tokio::test]
async fn who_follows_sees_every_change_and_nothing_else_and_survives_a_lost_worker() {
    let mut rig = Rig::start(1).await;
    let first = rig.changes(None).await;
    assert!(first.whole && first.jobs.is_empty());
    let research = rig.researches(&[]);
    let spec = rig.spec();
    let stays = rig.submits(spec).await;
    let (mut picture, mut cursor) = (Picture::default(), first.cursor);
    poll::until("the new job to be told", BOUND, async || {
        let changes = rig.changes(Some(cursor)).await;
        assert!(!changes.whole);
        picture.take_in(&changes);
        cursor = changes.cursor;
        Ok(picture.0.contains_key(&stays))
    })
    .await
    .unwrap();
    assert!(!picture.0.contains_key(&research), "others' jobs are none of the broker's business");

    // Many short lives at once: every change may fall into the second of an answer.
    for _ in 0..40 {
        let spec = JobSpec { script: "#!/bin/sh\nexit 0\n".to_owned(), ..rig.spec() };
        rig.runs(spec).await;
    }
    let (mut told, mut answers) = (0, 0);
    poll::until("the picture to be complete", BOUND, async || {
        let changes = rig.changes(Some(cursor)).await;
        assert!(!changes.whole);
        (told, answers) = (told + changes.jobs.len(), answers + 1);
        picture.take_in(&changes);
        cursor = changes.cursor;
        Ok(picture.count(JobState::Completed) == 40)
    })
    .await
    .unwrap();
    println!("40 jobs ended in {answers} answers with {told} rows");
    let rows = match rig.ask(Call::ReadJobs { job_ids: vec![] }).await {
        Answer::Jobs(rows) => rows,
        other => panic!("{other:?}"),
    };
    let last = rig.changes(Some(cursor)).await;
    picture.take_in(&last);
    let truth = rows.into_iter().map(|row| (row.job_id, row)).collect();
    assert_eq!(picture.0, truth);

    rig.crash_worker();
    let whole = poll::until_some("the gateway to answer again", BOUND, async || {
        Ok(match rig.ask(Call::WatchJobs { since: Some(last.cursor) }).await {
            Answer::Changes(changes) => Some(changes),
            Answer::Refused(refusal) => {
                assert!(refusal.code.retry_helps(), "{refusal:?}");
                None
            }
            other => panic!("{other:?}"),
        })
    })
    .await
    .unwrap();
    assert!(whole.whole && whole.gone.is_empty() && whole.cursor.life != last.cursor.life);
    assert_eq!(whole.jobs.len(), 41);
    rig.stop().await;
}

#[tokio::test]
async fn every_run_that_ended_is_found_one_that_never_began_too() {
    let mut rig = Rig::start(1).await;
    let from = now_s();
    let held = rig.spec();
    let held = rig.submits(held).await;
    rig.does(Call::Cancel(ours(held))).await;
    let failed = JobSpec { script: "#!/bin/sh\nexit 3\n".to_owned(), ..rig.spec() };
    let failed = rig.runs(failed).await;
    rig.until(failed, JobState::Failed).await;
    let running = rig.spec();
    let running = rig.runs(running).await;
    rig.until(running, JobState::Running).await;
    let research = rig.researches(&["--time=1"]);
    rig.until_squeue(research, "RUNNING").await;
    rig.cluster.output("scancel", &[&research.to_string()]).await.unwrap();
    // An account of the subtree is the broker's whatever the id is.
    let (uid, gid) = (format!("--uid={}", rig.project.uid), format!("--gid={}", rig.project.gid));
    let past = ["--parsable", &uid, &gid, "-A", crate::rig::ACCOUNT, "-p", "research", "-t", "1"];
    let past = [&past[..], &["-D", "/tmp", "-o", "/dev/null", "--wrap=true"]].concat();
    let stranger = rig.cluster.output("sbatch", &past).await.unwrap();
    let stranger: u32 = stranger.trim().parse().unwrap();

    let records = poll::until_some("slurmdbd to have the ends", BOUND, async || {
        let records = rig.ended(from).await;
        Ok((records.len() == 3).then_some(records))
    })
    .await
    .unwrap();
    let mut found: Vec<_> = records.iter().map(|it| (it.job_id, it.state, it.exit_code)).collect();
    found.sort_by_key(|it| it.0);
    let expected = [
        (held, JobState::Cancelled, Some(0)),
        (failed, JobState::Failed, Some(3)),
        (stranger, JobState::Completed, Some(0)),
    ];
    assert_eq!(found, expected);
    assert_eq!(records.iter().find(|it| it.job_id == held).unwrap().started_at, None);
    for record in &records {
        let sacct = rig.cluster.sacct_rows(record.job_id).await.unwrap();
        assert_eq!(sacct.len(), 1);
        assert_eq!(sacct[0].db_index, record.db_index.to_string());
        let seconds = record.ended_at.zip(record.started_at).map_or(0, |(end, start)| end - start);
        assert_eq!(sacct[0].elapsed_s, seconds);
    }
    // The window's end is not in it.
    let last = records.iter().filter_map(|it| it.ended_at).max().unwrap();
    match rig.ask(Call::ReadEnded { from, until: last }).await {
        Answer::Records(records) => assert!(records.iter().all(|it| it.ended_at < Some(last))),
        other => panic!("{other:?}"),
    }

    let day = 24 * 3600;
    for (from, until) in [(from, from), (from, from - 1), (-5, 5), (from, from + day + 1)] {
        let refused = rig.refused(Call::ReadEnded { from, until }).await;
        assert_eq!(refused.0, RefusalCode::MalformedCall, "{from} to {until}");
    }
    let hour = now_s() / 3600 * 3600;
    let odd = Call::ReadUsage { from: hour - 3600, until: hour + 1 };
    assert_eq!(rig.refused(odd).await.0, RefusalCode::MalformedCall);
    let usage = rig.ask(Call::ReadUsage { from: hour - 3600, until: hour }).await;
    assert_eq!(usage, Answer::Usage(vec![]), "nothing was used before this cluster was");
    rig.stop().await;
}

#[tokio::test]
async fn slurmdbd_is_asked_no_more_often_than_the_bounds_file_allows() {
    let mut rig = Rig::start_with(1, "dbd_queries_per_min = 8\n").await;
    let spec = rig.spec();
    let job_id = rig.submits(spec).await;
    let mut refused = 0;
    for _ in 0..6 {
        match rig.ask(Call::ReadRecords { job_ids: vec![job_id] }).await {
            Answer::Records(_) => assert_eq!(refused, 0),
            Answer::Refused(refusal) => {
                assert_eq!(refusal.code, RefusalCode::AskedTooOften);
                assert!(refusal.code.retry_helps());
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(refused >= 4, "{refused} of 6");
    // A job is changed all the same: the accounts are remembered.
    rig.does(Call::Release(ours(job_id))).await;
    rig.does(Call::Cancel(ours(job_id))).await;
    rig.stop().await;
}
