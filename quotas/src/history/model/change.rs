//! The model's changes of grants.

use super::{AGENCY_OF_PROJECT, Amount, Answer, Ending, Model, Operation, Who};

impl Model {
    pub(super) fn change(&mut self, operation: &Operation) -> Answer {
        match *operation {
            Operation::TopUp { grant, amount, who } => self.top_up(grant, amount, who),
            Operation::GiveBack { grant, amount } => self.give_back(grant, amount),
            Operation::Transfer { from, to, amount, who } => self.transfer(from, to, amount, who),
            Operation::CarryOver { from, to, who } => self.carry_over(from, to, who),
            Operation::Supersede { old, new, who } => self.supersede(old, new, who),
            Operation::Expire => {
                self.expire();
                Ok(())
            }
            _ => unreachable!("{operation:?} changes no grant"),
        }
    }

    fn top_up(&mut self, grant: usize, amount: Amount, who: Who) -> Answer {
        moves_something(amount)?;
        self.exist(&[grant])?;
        self.may_decide(&[grant], who)?;
        self.is_open(grant)?;
        self.has_room(grant, amount.0, 0)?;
        self.take(self.grants[grant].pool, amount)?;
        self.add(grant, amount);
        Ok(())
    }

    fn give_back(&mut self, grant: usize, amount: Amount) -> Answer {
        moves_something(amount)?;
        self.exist(&[grant])?;
        self.has_not_ended(grant)?;
        self.remove(grant, amount)?;
        self.give(self.grants[grant].pool, amount);
        Ok(())
    }

    fn transfer(&mut self, from: usize, to: usize, amount: Amount, who: Who) -> Answer {
        moves_something(amount)?;
        self.are_two(from, to)?;
        self.exist(&[from, to])?;
        self.may_decide(&[from, to], who)?;
        self.is_open(from)?;
        self.is_open(to)?;
        self.may_give(from, to)?;
        let (one, two) = (&self.grants[from], &self.grants[to]);
        let (of_one, of_two) = (one.pool, two.pool);
        let is_one_agency = AGENCY_OF_PROJECT[one.project] == AGENCY_OF_PROJECT[two.project];
        let stays = if of_one == of_two && is_one_agency { amount.0 } else { 0 };
        self.has_room(to, amount.0, stays)?;
        // What is short is told before anything moves: the store would roll back.
        let free = self.grants[from].free;
        if free.0 < amount.0 {
            return Err("ledger_grant_short");
        }
        if free.1 < amount.1 {
            return Err("ledger_grant_short_of_money");
        }
        if of_one != of_two && self.pools[of_two].left < amount.0 {
            return Err("pool_exhausted");
        }
        self.remove(from, amount)?;
        if of_one != of_two {
            self.give(of_one, amount);
            self.take(of_two, amount)?;
        }
        self.add(to, amount);
        Ok(())
    }

    fn carry_over(&mut self, from: usize, to: usize, who: Who) -> Answer {
        self.are_two(from, to)?;
        self.exist(&[from, to])?;
        self.may_decide(&[from, to], who)?;
        self.is_open(to)?;
        self.may_give(from, to)?;
        let (one, two) = (&self.grants[from], &self.grants[to]);
        let (of_two, ppm) = (two.pool, self.funds[self.pools[one.pool].fund].carry_over_ppm);
        if one.project != two.project {
            return Err("project_differs");
        }
        if one.end != Some(Ending::Expired) {
            return Err("grant_not_expired");
        }
        if ppm == 0 {
            return Err("carry_over_not_allowed");
        }
        if one.is_carried_over {
            return Err("already_carried_over");
        }
        let amount = (one.lost.0 * ppm / 1_000_000, one.lost.1 * ppm / 1_000_000);
        if amount == (0, 0) {
            return Err("nothing_to_carry_over");
        }
        self.has_room(to, amount.0, 0)?;
        self.take(of_two, amount)?;
        self.add(to, amount);
        self.grants[from].is_carried_over = true;
        Ok(())
    }

    fn supersede(&mut self, old: usize, new: usize, who: Who) -> Answer {
        self.are_two(old, new)?;
        self.exist(&[old, new])?;
        self.may_decide(&[old, new], who)?;
        self.has_not_ended(old)?;
        self.is_open(new)?;
        let (one, two) = (&self.grants[old], &self.grants[new]);
        if one.project != two.project {
            return Err("project_differs");
        }
        if self.pools[one.pool].class != self.pools[two.pool].class {
            return Err("class_differs");
        }
        self.empty(old);
        self.grants[old].end = Some(Ending::Superseded);
        Ok(())
    }

    fn expire(&mut self) {
        for grant in 0..self.grants.len() {
            let is_over = self.grants[grant].until <= self.today;
            if self.grants[grant].end.is_some() || is_over {
                let lost = self.empty(grant);
                let one = &mut self.grants[grant];
                one.lost = (one.lost.0 + lost.0, one.lost.1 + lost.1);
                one.end = one.end.or(Some(Ending::Expired));
            }
        }
    }

    fn exist(&self, grants: &[usize]) -> Answer {
        if grants.iter().any(|grant| *grant >= self.grants.len()) {
            return Err("no_such_grant");
        }
        Ok(())
    }

    /// Two that are nobody's have one name.
    fn are_two(&self, one: usize, two: usize) -> Answer {
        let nobodys = self.grants.len();
        if one.min(nobodys) == two.min(nobodys) {
            return Err("change_of_one_grant");
        }
        Ok(())
    }

    fn may_decide(&self, grants: &[usize], who: Who) -> Answer {
        for grant in grants {
            if who == Who::Insider && self.grants[*grant].project == 0 {
                return Err("self_approval");
            }
            if who == Who::Operator {
                return Err("operator_cannot_decide");
            }
        }
        if who == Who::Mute {
            return Err("motivation_missing");
        }
        Ok(())
    }

    fn has_not_ended(&self, grant: usize) -> Answer {
        self.grants[grant].end.map_or(Ok(()), |_| Err("grant_ended"))
    }

    fn is_open(&self, grant: usize) -> Answer {
        self.has_not_ended(grant)?;
        if self.grants[grant].until <= self.today {
            return Err("grant_over");
        }
        Ok(())
    }

    fn may_give(&self, from: usize, to: usize) -> Answer {
        let (one, two) = (&self.pools[self.grants[from].pool], &self.pools[self.grants[to].pool]);
        if one.fund != two.fund {
            return Err("funds_never_mix");
        }
        if one.class != two.class {
            return Err("class_differs");
        }
        Ok(())
    }

    fn has_room(&self, grant: usize, more: i64, stays: i64) -> Answer {
        let one = &self.grants[grant];
        let most = one.mode.map(|mode| self.modes[mode].most);
        if most.is_some_and(|most| one.free.0 + one.held.0 + more > most) {
            return Err("beyond_access_mode");
        }
        self.within_share(one.pool, AGENCY_OF_PROJECT[one.project], more - stays)
    }

    fn add(&mut self, grant: usize, (time, money): Amount) {
        let free = &mut self.grants[grant].free;
        *free = (free.0 + time, free.1 + money);
    }

    fn remove(&mut self, grant: usize, (time, money): Amount) -> Answer {
        let free = &mut self.grants[grant].free;
        if free.0 < time {
            return Err("ledger_grant_short");
        }
        if free.1 < money {
            return Err("ledger_grant_short_of_money");
        }
        *free = (free.0 - time, free.1 - money);
        Ok(())
    }

    /// Returns everything that is free.
    fn empty(&mut self, grant: usize) -> Amount {
        let free = std::mem::take(&mut self.grants[grant].free);
        self.give(self.grants[grant].pool, free);
        free
    }
}

fn moves_something(amount: Amount) -> Answer {
    if amount == (0, 0) { Err("change_empty") } else { Ok(()) }
}
