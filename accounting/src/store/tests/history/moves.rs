//! The model's grants after their opening, and its overruns.

use super::{
    model::{Answer, Cleared, Model, Moved, Way, minus, plus},
    step::{Figures, Proposal},
};

impl Model {
    /// Any movement but an expiry, which has no figures of its own.
    pub(super) fn moved(
        &mut self,
        transfer: usize,
        way: Way,
        (from, to): (Option<usize>, Option<usize>),
        figures: Figures,
    ) -> Answer {
        for grant in [from, to].into_iter().flatten() {
            self.grants.get(&grant).ok_or("ledger_grant_unknown")?;
        }
        if from == to {
            return Err("ledger_same_grant");
        }
        if let (Some(from), Some(to)) = (from, to)
            && self.grants[&from].fund != self.grants[&to].fund
        {
            return Err("ledger_transfer_mixes_funds");
        }
        let moved = Moved { way, from, to, figures };
        if let Some(earlier) = self.moves.get(&transfer) {
            return if *earlier == moved { Ok(()) } else { Err("ledger_transfer_id_reused") };
        }
        if figures == (0, 0) {
            return Err("ledger_nothing_to_move");
        }
        if way == Way::CarryOver {
            let before = self.moves.values().any(|moved| moved.way == way && moved.from == from);
            if before {
                return Err("ledger_already_carried_over");
            }
            let expired = self.grants[&from.unwrap()].expired;
            if expired.0 < figures.0 || expired.1 < figures.1 {
                return Err("ledger_carry_over_above_expired");
            }
        }
        match (way, from, to) {
            (Way::TopUp | Way::CarryOver, _, Some(to)) => self.granted_more(to, figures)?,
            (Way::GiveBack, Some(from), _) => {
                self.leave(from, figures)?;
                self.granted_less(from, figures);
            }
            (_, Some(from), Some(to)) => {
                self.leave(from, figures)?;
                let grant = self.grants.get_mut(&to).unwrap();
                grant.free = plus(grant.free, figures);
            }
            _ => unreachable!("a movement has its ends"),
        }
        self.moves.insert(transfer, moved);
        Ok(())
    }

    pub(super) fn expire(&mut self, transfer: usize, grant: usize) -> Answer {
        let figures = self.grants.get(&grant).ok_or("ledger_grant_unknown")?.free;
        if let Some(earlier) = self.moves.get(&transfer) {
            let same = (earlier.way, earlier.from) == (Way::Expire, Some(grant));
            return if same { Ok(()) } else { Err("ledger_transfer_id_reused") };
        }
        self.leave(grant, figures)?;
        self.granted_less(grant, figures);
        let expired = &mut self.grants.get_mut(&grant).unwrap().expired;
        *expired = plus(*expired, figures);
        let moved = Moved { way: Way::Expire, from: Some(grant), to: None, figures };
        self.moves.insert(transfer, moved);
        Ok(())
    }

    fn leave(&mut self, grant: usize, figures: Figures) -> Answer {
        let free = &mut self.grants.get_mut(&grant).unwrap().free;
        if free.0 < figures.0 {
            return Err("ledger_grant_short");
        }
        if free.1 < figures.1 {
            return Err("ledger_grant_short_of_money");
        }
        *free = minus(*free, figures);
        Ok(())
    }

    fn granted_more(&mut self, grant: usize, figures: Figures) -> Answer {
        let grant = self.grants.get_mut(&grant).unwrap();
        let time = &mut self.pools.get_mut(&grant.pool).unwrap().left;
        let money = &mut self.funds.get_mut(&grant.fund).unwrap().left;
        if *time < figures.0 {
            return Err("ledger_pool_short");
        }
        if *money < figures.1 {
            return Err("ledger_fund_short");
        }
        *time -= figures.0;
        *money -= figures.1;
        grant.free = plus(grant.free, figures);
        Ok(())
    }

    fn granted_less(&mut self, grant: usize, figures: Figures) {
        let grant = &self.grants[&grant];
        self.pools.get_mut(&grant.pool).unwrap().left += figures.0;
        self.funds.get_mut(&grant.fund).unwrap().left += figures.1;
    }

    /// What the oldest `time` of a grant's overrun stands for: run by run, the last in proportion.
    pub(super) fn oldest(&self, grant: usize, time: i64) -> Option<Vec<(usize, Figures)>> {
        let mut left = time;
        let mut oldest = Vec::new();
        for &(run, (run_time, run_money)) in &self.grants.get(&grant)?.overruns {
            let taken = left.min(run_time);
            if taken > 0 {
                oldest.push((run, (taken, run_money * taken / run_time)));
            }
            left -= taken;
        }
        (left == 0).then_some(oldest)
    }

    /// The money a proposal names: the ledger's own figure, or so far from it.
    pub(super) fn money_of(&self, proposal: &Proposal) -> i64 {
        let oldest = self.oldest(proposal.grant, proposal.time).unwrap_or_default();
        oldest.iter().map(|(_, figures)| figures.1).sum::<i64>() + proposal.off_by
    }

    pub(super) fn propose(&mut self, proposal: &Proposal) -> Answer {
        let money = self.money_of(proposal);
        if let Some(earlier) = self.clearings.get(&proposal.clearing) {
            let same = |one: &Proposal| (one.grant, one.time, one.pays, one.by);
            let repeated = same(&earlier.proposal) == same(proposal) && earlier.money == money;
            return if repeated { Ok(()) } else { Err("overrun_clearing_id_reused") };
        }
        self.clears(proposal, money)?;
        let cleared = Cleared { proposal: *proposal, money, end: None };
        self.clearings.insert(proposal.clearing, cleared);
        Ok(())
    }

    /// What a proposal would clear now, if it is right.
    fn clears(
        &self,
        proposal: &Proposal,
        money: i64,
    ) -> Result<Vec<(usize, Figures)>, &'static str> {
        self.grants.get(&proposal.grant).ok_or("overrun_grant_unknown")?;
        if proposal.time == 0 {
            return Err("overrun_nothing_to_clear");
        }
        let oldest = self.oldest(proposal.grant, proposal.time).ok_or("overrun_less_than_that")?;
        if oldest.iter().map(|(_, figures)| figures.1).sum::<i64>() != money {
            return Err("overrun_money_differs");
        }
        Ok(oldest)
    }

    pub(super) fn decide(&mut self, clearing: usize, confirmed: bool, by: usize) -> Answer {
        let cleared = *self.clearings.get(&clearing).ok_or("overrun_clearing_unknown")?;
        let Cleared { proposal, money, end } = cleared;
        if confirmed && proposal.by == by {
            return Err("overrun_same_person");
        }
        if let Some(earlier) = end {
            return if earlier == (confirmed, by) {
                Ok(())
            } else {
                Err("overrun_already_decided")
            };
        }
        if confirmed {
            let oldest = self.clears(&proposal, money)?;
            let grant = self.grants.get_mut(&proposal.grant).unwrap();
            let figures = (proposal.time, money);
            if proposal.pays {
                if grant.free.0 < figures.0 {
                    return Err("overrun_grant_short");
                }
                if grant.free.1 < figures.1 {
                    return Err("overrun_grant_short_of_money");
                }
                grant.free = minus(grant.free, figures);
                grant.settled = plus(grant.settled, figures);
            } else {
                grant.not_charged += figures.0;
            }
            for (run, taken) in oldest {
                let of_run = grant.overruns.iter_mut().find(|(other, _)| *other == run).unwrap();
                of_run.1 = minus(of_run.1, taken);
            }
            grant.overruns.retain(|(_, figures)| figures.0 > 0);
        }
        self.clearings.get_mut(&clearing).unwrap().end = Some((confirmed, by));
        Ok(())
    }
}
