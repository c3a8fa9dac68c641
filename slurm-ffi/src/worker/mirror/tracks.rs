//! Rows, and the step at which each changed: what a caller has not seen yet is found by number.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use slurm_wire::{Changes, Cursor, JobRow};

/// Most ids remembered of rows that are gone; who missed older ones gets everything.
const MOST_GONE: usize = 20_000;

/// The rows as they are, numbered by when they came to be so.
#[derive(Debug)]
pub(super) struct Tracks {
    life: u64,
    step: u64,
    rows: BTreeMap<u32, Seen>,
    gone: BTreeMap<u32, u64>,
    /// Who has not seen this step yet cannot be told everything that is gone.
    forgotten: u64,
}

#[derive(Debug)]
struct Seen {
    row: JobRow,
    step: u64,
}

impl Tracks {
    /// With nothing in them, in a life that no cursor is of.
    pub(super) fn begin() -> Self {
        Self::in_life(RandomState::new().build_hasher().finish())
    }

    fn in_life(life: u64) -> Self {
        Self { life, step: 0, rows: BTreeMap::new(), gone: BTreeMap::new(), forgotten: 0 }
    }

    /// Takes in all rows as they are now; what is not among them is gone.
    pub(super) fn take_in(&mut self, rows: Vec<JobRow>) {
        let step = self.step + 1;
        let mut before = std::mem::take(&mut self.rows);
        for row in rows {
            let same = before.remove(&row.job_id).filter(|seen| seen.row == row);
            let seen_at = same.as_ref().map_or(step, |seen| seen.step);
            self.gone.remove(&row.job_id);
            self.rows.insert(row.job_id, Seen { row, step: seen_at });
        }
        self.gone.extend(before.into_keys().map(|job_id| (job_id, step)));
        let changed = self.rows.values().any(|seen| seen.step == step)
            || self.gone.values().any(|at| *at == step);
        if changed {
            self.step = step;
        }
        self.forget_what_is_long_gone();
    }

    fn forget_what_is_long_gone(&mut self) {
        if self.gone.len() <= MOST_GONE {
            return;
        }
        let mut steps: Vec<u64> = self.gone.values().copied().collect();
        steps.sort_unstable();
        self.forgotten = steps[steps.len() - MOST_GONE / 2];
        self.gone.retain(|_, step| *step > self.forgotten);
    }

    /// What a caller at `cursor` has not seen; everything if that cannot be told.
    pub(super) fn since(&self, cursor: Option<Cursor>) -> Changes {
        let known = cursor
            .filter(|it| it.life == self.life && (self.forgotten..=self.step).contains(&it.step));
        let whole = known.is_none();
        let unseen = |step: u64| known.is_none_or(|it| step > it.step);
        let jobs = self.rows.values().filter(|seen| unseen(seen.step));
        let gone = self.gone.iter().filter(|(_, step)| !whole && unseen(**step));
        Changes {
            cursor: Cursor { life: self.life, step: self.step },
            whole,
            jobs: jobs.map(|seen| seen.row.clone()).collect(),
            gone: gone.map(|(job_id, _)| *job_id).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use slurm_wire::JobState;

    fn row(job_id: u32, state: JobState) -> JobRow {
        JobRow { job_id, state, ..example::row() }
    }

    fn waiting(ids: std::ops::Range<u32>) -> Vec<JobRow> {
        ids.map(|job_id| row(job_id, JobState::Pending)).collect()
    }

    fn ids(changes: &Changes) -> Vec<u32> {
        changes.jobs.iter().map(|row| row.job_id).collect()
    }

    #[test]
    fn only_what_changed_is_told() {
        let mut tracks = Tracks::in_life(7);
        tracks.take_in(waiting(1..4));
        let first = tracks.since(None);
        assert_eq!((ids(&first), first.whole), (vec![1, 2, 3], true));
        tracks.take_in(waiting(1..4));
        let nothing = tracks.since(Some(first.cursor));
        assert_eq!(nothing, Changes { jobs: vec![], gone: vec![], whole: false, ..first.clone() });

        let changed = vec![row(1, JobState::Pending), row(2, JobState::Running)];
        tracks.take_in(changed);
        let second = tracks.since(Some(first.cursor));
        assert_eq!((ids(&second), second.gone.clone()), (vec![2], vec![3]));
        assert!(!second.whole && second.jobs[0].state == JobState::Running);
        assert!(tracks.since(Some(second.cursor)).jobs.is_empty());
        // Who saw nothing in between is told both, once.
        assert_eq!(tracks.since(Some(nothing.cursor)), second);
    }

    #[test]
    fn an_id_that_comes_back_is_not_gone() {
        let mut tracks = Tracks::in_life(7);
        tracks.take_in(waiting(1..3));
        let cursor = tracks.since(None).cursor;
        tracks.take_in(waiting(1..2));
        tracks.take_in(waiting(1..3));
        let changes = tracks.since(Some(cursor));
        assert_eq!((ids(&changes), changes.gone.len()), (vec![2], 0));
    }

    #[test]
    fn another_life_is_told_everything() {
        let mut tracks = Tracks::in_life(7);
        tracks.take_in(waiting(1..3));
        for cursor in [Cursor { life: 8, step: 1 }, Cursor { life: 7, step: 2 }] {
            let changes = tracks.since(Some(cursor));
            assert!(changes.whole, "{cursor:?}");
            assert_eq!((ids(&changes), changes.cursor), (vec![1, 2], Cursor { life: 7, step: 1 }));
        }
        assert_ne!(Tracks::begin().life, Tracks::begin().life);
    }

    #[test]
    fn who_stayed_away_too_long_is_told_everything() {
        let mut tracks = Tracks::in_life(7);
        let most = u32::try_from(MOST_GONE).unwrap();
        tracks.take_in(waiting(1..most));
        let long_ago = tracks.since(None).cursor;
        tracks.take_in(waiting(most / 2..most + 10));
        tracks.take_in(vec![]);
        let lately = tracks.since(None).cursor;
        assert!(tracks.gone.len() <= MOST_GONE);
        let changes = tracks.since(Some(long_ago));
        assert!(changes.whole && changes.gone.is_empty());
        assert!(!tracks.since(Some(lately)).whole);
    }
}
