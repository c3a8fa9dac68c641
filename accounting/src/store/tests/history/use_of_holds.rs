//! The model's holds: use is spent one second at a time.

use super::{
    model::{Answer, Hold, Model, PRICES, State, cost, minus, plus},
    step::{Ask, Figures, Ran},
};

/// Where a second is taken from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purse {
    Held,
    Free,
    Overrun,
}

/// So much of one run, from one purse of one grant.
struct Spent {
    run: usize,
    purse: Purse,
    grant: usize,
    figures: Figures,
}

/// Spends runs second by second: the first room with time and money for it, never going back.
fn spend(
    rate: usize,
    before: i64,
    runs: &[(usize, i64)],
    rooms: &[(Purse, usize, Figures)],
) -> Vec<Spent> {
    let mut rooms = rooms.to_vec();
    let last = rooms[rooms.len() - 1].1;
    let mut current = 0;
    let mut used = before;
    let mut spent: Vec<Spent> = Vec::new();
    for &(run, time) in runs {
        for _ in 0..time {
            let money = cost(used + 1, rate) - cost(used, rate);
            while rooms.get(current).is_some_and(|(_, _, room)| room.0 < 1 || room.1 < money) {
                current += 1;
            }
            let (purse, grant) = match rooms.get_mut(current) {
                Some((purse, grant, room)) => {
                    *room = minus(*room, (1, money));
                    (*purse, *grant)
                }
                None => (Purse::Overrun, last),
            };
            used += 1;
            match spent.last_mut() {
                Some(same) if (same.run, same.purse, same.grant) == (run, purse, grant) => {
                    same.figures = plus(same.figures, (1, money));
                }
                _ => spent.push(Spent { run, purse, grant, figures: (1, money) }),
            }
        }
    }
    spent
}

impl Model {
    pub(super) fn place(&mut self, ask: &Ask) -> Answer {
        let parts = self.parts(ask);
        if let Some(earlier) = self.holds.get(&ask.hold) {
            return if earlier.ask == *ask { Ok(()) } else { Err("hold_id_reused") };
        }
        let parts = parts?;
        let taken = |hold: &Hold| hold.state == State::Open && hold.ask.attempt == ask.attempt;
        if self.holds.values().any(taken) {
            return Err("hold_attempt_has_hold");
        }
        for &(grant, figures) in &parts {
            let grant = self.grants.get_mut(&grant).unwrap();
            grant.free = minus(grant.free, figures);
            grant.held = plus(grant.held, figures);
        }
        let hold = Hold { ask: ask.clone(), parts, more: Vec::new(), state: State::Open, used: 0 };
        self.holds.insert(ask.hold, hold);
        Ok(())
    }

    /// What a hold would set aside of which grant.
    fn parts(&self, ask: &Ask) -> Result<Vec<(usize, Figures)>, &'static str> {
        if ask.grants.is_empty() {
            return Err("hold_no_grant");
        }
        for (place, grant) in ask.grants.iter().enumerate() {
            self.grants.get(grant).ok_or("hold_grant_unknown")?;
            if ask.grants[..place].contains(grant) {
                return Err("hold_grant_named_twice");
            }
        }
        if ask.time == 0 {
            return Err("hold_nothing_wanted");
        }
        if ask.rate >= PRICES.len() {
            return Err("hold_rate");
        }
        if ask.grants.iter().map(|grant| self.grants[grant].free.0).sum::<i64>() < ask.time {
            return Err("hold_not_enough_gpu_seconds");
        }
        let rooms = self.free(&ask.grants);
        let spent = spend(ask.rate, 0, &[(0, ask.time)], &rooms);
        if spent.iter().any(|spent| spent.purse == Purse::Overrun) {
            return Err("hold_not_enough_money");
        }
        let funds: Vec<_> = spent.iter().map(|spent| self.grants[&spent.grant].fund).collect();
        if funds.iter().any(|fund| *fund != funds[0]) {
            return Err("hold_funds_never_mix");
        }
        Ok(spent.into_iter().map(|spent| (spent.grant, spent.figures)).collect())
    }

    fn free(&self, grants: &[usize]) -> Vec<(Purse, usize, Figures)> {
        grants.iter().map(|&grant| (Purse::Free, grant, self.grants[&grant].free)).collect()
    }

    pub(super) fn release(&mut self, hold: usize, state: State) -> Answer {
        let stored = self.holds.get_mut(&hold).ok_or("release_hold_unknown")?;
        if stored.state == state {
            return Ok(());
        }
        if stored.state != State::Open {
            return Err("release_hold_closed");
        }
        stored.state = state;
        for (grant, figures) in stored.all() {
            let grant = self.grants.get_mut(&grant).unwrap();
            grant.held = minus(grant.held, figures);
            grant.free = plus(grant.free, figures);
        }
        Ok(())
    }

    pub(super) fn replace(&mut self, old: usize, ask: &Ask) -> Answer {
        if old == ask.hold {
            return Err("hold_id_reused");
        }
        let stored = self.holds.get(&old).ok_or("release_hold_unknown")?;
        if stored.ask.project != ask.project {
            return Err("hold_replaces_another");
        }
        self.release(old, State::Expired)?;
        self.place(ask)
    }

    pub(super) fn settle(&mut self, hold: usize, runs: &[Ran]) -> Answer {
        let stored = self.holds.get(&hold).ok_or("settle_hold_unknown")?.clone();
        if runs.is_empty() {
            return Err("settle_no_runs");
        }
        let mut runs = runs.to_vec();
        runs.sort_by_key(|run| run.0);
        let mut news = Vec::new();
        for (run, time, chargeable) in runs {
            match self.runs.insert(run, (hold, time, chargeable)) {
                None => news.push((run, time, chargeable)),
                Some(earlier) if earlier == (hold, time, chargeable) => {}
                Some(_) => return Err("settle_run_differs"),
            }
        }
        if news.is_empty() && stored.state != State::Open {
            return Ok(());
        }
        let held = stored.all();
        let mut paid_by: Vec<usize> = Vec::new();
        for &(grant, _) in &held {
            if !paid_by.contains(&grant) {
                paid_by.push(grant);
            }
        }
        for (_, time, chargeable) in &news {
            if !chargeable {
                self.grants.get_mut(&paid_by[0]).unwrap().not_charged += time;
            }
        }
        let mut rooms = self.free(&paid_by);
        if stored.state == State::Open {
            rooms.splice(0..0, held.iter().map(|&(grant, figures)| (Purse::Held, grant, figures)));
            for (grant, figures) in held {
                // All of it goes back; what its runs take is then taken from what is free.
                let grant = self.grants.get_mut(&grant).unwrap();
                grant.held = minus(grant.held, figures);
                grant.free = plus(grant.free, figures);
            }
        }
        let charged: Vec<_> =
            news.iter().filter(|run| run.2).map(|&(run, time, _)| (run, time)).collect();
        for Spent { run, purse, grant, figures } in
            spend(stored.ask.rate, stored.used, &charged, &rooms)
        {
            let grant = self.grants.get_mut(&grant).unwrap();
            if purse == Purse::Overrun {
                grant.overruns.push((run, figures));
            } else {
                grant.free = minus(grant.free, figures);
                grant.settled = plus(grant.settled, figures);
            }
        }
        let stored = self.holds.get_mut(&hold).unwrap();
        stored.used += charged.iter().map(|run| run.1).sum::<i64>();
        if stored.state == State::Open {
            stored.state = State::Settled;
        }
        Ok(())
    }
}
