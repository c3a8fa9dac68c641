//! The model's extensions: time is added one second at a time, its money rounded up part by part.

use super::{
    model::{Answer, Hold, Model, PRICES, State, minus, plus},
    step::{Figures, More},
};

/// What so much time costs wherever it lies.
fn at_most(time: i64, rate: usize) -> i64 {
    (time * PRICES[rate] + 3_599) / 3_600
}

impl Hold {
    /// All that it sets aside, in the order it is used.
    pub(super) fn all(&self) -> Vec<(usize, Figures)> {
        let more = self.more.iter().map(|&(_, grant, figures)| (grant, figures));
        self.parts.iter().copied().chain(more).collect()
    }
}

impl Model {
    pub(super) fn extend(&mut self, more: &More) -> Answer {
        let hold = self.holds.get(&more.hold).ok_or("extend_hold_unknown")?;
        if let Some((earlier, _)) = self.extensions.get(&more.extension) {
            return if earlier == more { Ok(()) } else { Err("extension_id_reused") };
        }
        if more.grants.is_empty() {
            return Err("extend_no_grant");
        }
        for (place, grant) in more.grants.iter().enumerate() {
            self.grants.get(grant).ok_or("extend_grant_unknown")?;
            if more.grants[..place].contains(grant) {
                return Err("extend_grant_named_twice");
            }
        }
        if more.time == 0 {
            return Err("extend_nothing_wanted");
        }
        if hold.state != State::Open {
            return Err("extend_hold_closed");
        }
        if more.grants.iter().map(|grant| self.grants[grant].free.0).sum::<i64>() < more.time {
            return Err("extend_not_enough_gpu_seconds");
        }
        let fund = self.grants[&hold.parts[0].0].fund;
        let parts = self.added(more, hold.ask.rate)?;
        if parts.iter().any(|(grant, _)| self.grants[grant].fund != fund) {
            return Err("extend_funds_never_mix");
        }
        let hold = self.holds.get_mut(&more.hold).unwrap();
        for (number, figures) in parts {
            let grant = self.grants.get_mut(&number).unwrap();
            grant.free = minus(grant.free, figures);
            grant.held = plus(grant.held, figures);
            hold.more.push((more.extension, number, figures));
        }
        self.extensions.insert(more.extension, (more.clone(), true));
        Ok(())
    }

    /// What an extension sets aside of which grant.
    fn added(&self, more: &More, rate: usize) -> Result<Vec<(usize, Figures)>, &'static str> {
        let mut left = more.time;
        let mut parts = Vec::new();
        for &grant in &more.grants {
            let free = self.grants[&grant].free;
            let mut time = 0;
            while left > 0 && time < free.0 && at_most(time + 1, rate) <= free.1 {
                time += 1;
                left -= 1;
            }
            if time > 0 {
                parts.push((grant, (time, at_most(time, rate))));
            }
        }
        if left == 0 { Ok(parts) } else { Err("extend_not_enough_money") }
    }

    pub(super) fn shorten(&mut self, extension: usize) -> Answer {
        let (more, stands) =
            self.extensions.get_mut(&extension).ok_or("shorten_extension_unknown")?;
        if !*stands {
            return Ok(());
        }
        let hold = self.holds.get_mut(&more.hold).unwrap();
        if hold.state != State::Open {
            return Err("shorten_hold_closed");
        }
        *stands = false;
        for &(_, number, figures) in hold.more.iter().filter(|part| part.0 == extension) {
            let grant = self.grants.get_mut(&number).unwrap();
            grant.held = minus(grant.held, figures);
            grant.free = plus(grant.free, figures);
        }
        hold.more.retain(|part| part.0 != extension);
        Ok(())
    }

    /// A new extension of an open hold, of grants of its fund, for no more time than they have.
    pub(super) fn longer(&self, more: &More) -> Option<More> {
        let hold = self.nth(more.hold, State::Open)?;
        let fund = self.grants[&self.holds[&hold].parts[0].0].fund;
        let rich: Vec<usize> = self
            .grants
            .iter()
            .filter(|(_, grant)| grant.fund == fund && grant.free.0 > 0 && grant.free.1 > 0)
            .map(|(&id, _)| id)
            .take(1 + more.grants.len())
            .collect();
        let free: i64 = rich.iter().map(|grant| self.grants[grant].free.0).sum();
        let extension = self.extensions.keys().max().map_or(0, |last| last + 1);
        let time = 1 + more.time.checked_rem(free)?;
        Some(More { extension, hold, grants: rich, time })
    }

    /// The extension that a number comes down to, of those that stand on an open hold.
    pub(super) fn standing(&self, number: usize) -> Option<usize> {
        let standing: Vec<usize> = self
            .extensions
            .iter()
            .filter(|(_, (more, stands))| *stands && self.holds[&more.hold].state == State::Open)
            .map(|(&id, _)| id)
            .collect();
        standing.get(number.checked_rem(standing.len())?).copied()
    }
}
