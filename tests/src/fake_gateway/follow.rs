//! Following the simulated slurmctld: what has changed since a caller last asked.

use std::collections::BTreeMap;

use slurm_wire::{Changes, Cursor, JobRow};

/// Every row as it was last told, with the number of the telling in which it changed.
#[derive(Debug)]
pub(crate) struct Followed {
    life: u64,
    telling: u64,
    rows: BTreeMap<u32, (u64, JobRow)>,
    gone: BTreeMap<u32, u64>,
}

impl Default for Followed {
    fn default() -> Self {
        Self { life: 1, telling: 0, rows: BTreeMap::new(), gone: BTreeMap::new() }
    }
}

impl Followed {
    /// A worker that was started anew: cursors of the one before tell it nothing.
    pub(crate) fn begin_anew(&mut self) {
        *self = Self { life: self.life + 1, ..Self::default() };
    }

    /// What differs from what `cursor` has seen, given the rows as they are now.
    pub(crate) fn changes(&mut self, now: Vec<JobRow>, cursor: Option<Cursor>) -> Changes {
        let next = self.telling + 1;
        let is_there = |id: &u32| now.iter().any(|row| row.job_id == *id);
        let vanished: Vec<u32> = self.rows.keys().copied().filter(|id| !is_there(id)).collect();
        let mut changed = !vanished.is_empty();
        for id in vanished {
            self.rows.remove(&id);
            self.gone.insert(id, next);
        }
        for row in now {
            let as_before = self.rows.get(&row.job_id).is_some_and(|(_, before)| *before == row);
            if !as_before {
                changed = true;
                self.gone.remove(&row.job_id);
                self.rows.insert(row.job_id, (next, row));
            }
        }
        if changed {
            self.telling = next;
        }
        self.after(cursor.filter(|cursor| cursor.life == self.life && cursor.step <= self.telling))
    }

    fn after(&self, cursor: Option<Cursor>) -> Changes {
        let seen = cursor.map_or(0, |cursor| cursor.step);
        let jobs = self.rows.values().filter(|(telling, _)| cursor.is_none() || *telling > seen);
        let gone = self.gone.iter().filter(|(_, telling)| cursor.is_some() && **telling > seen);
        Changes {
            cursor: Cursor { life: self.life, step: self.telling },
            whole: cursor.is_none(),
            jobs: jobs.map(|(_, row)| row.clone()).collect(),
            gone: gone.map(|(id, _)| *id).collect(),
        }
    }
}
