//! The reference model: the rules of the quota tree over plain numbers, and nothing else.
//!
//! Written to be read beside the rules, not to share a line with them. Refusals are codes; where
//! several would do, the order is the store's.

use std::collections::BTreeMap;

use super::{
    operation::{Amount, Counts, Operation, Who},
    world::{AGENCY_OF_PROJECT, CATEGORIES},
};
use crate::fund::{FundPurpose, category_purpose};

mod change;

/// Where everything stands: what funds and pools have left, and what each grant has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) funds: Vec<i64>,
    pub(super) pools: Vec<i64>,
    /// Free, held, and how it ended.
    pub(super) grants: Vec<(Amount, Amount, Option<Ending>)>,
    /// What the quotas side alone reckons that each agency has of each pool.
    pub(super) agencies: Vec<[i64; 3]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Superseded,
    Expired,
}

pub(super) type Answer = Result<(), &'static str>;

struct Fund {
    purpose: FundPurpose,
    left: i64,
    carry_over_ppm: i64,
    until: i64,
}

struct Pool {
    fund: usize,
    class: usize,
    left: i64,
    promised: i64,
    until: i64,
}

struct Mode {
    fund: usize,
    least: i64,
    most: i64,
    days: i64,
}

struct Grant {
    project: usize,
    pool: usize,
    mode: Option<usize>,
    until: i64,
    free: Amount,
    held: Amount,
    end: Option<Ending>,
    lost: Amount,
    is_carried_over: bool,
}

struct Hold {
    grant: usize,
    time: i64,
    is_open: bool,
}

pub(super) struct Model {
    today: i64,
    funds: Vec<Fund>,
    pools: Vec<Pool>,
    modes: Vec<Mode>,
    shares: BTreeMap<(usize, usize), i64>,
    grants: Vec<Grant>,
    holds: Vec<Hold>,
    last: Answer,
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            today: 0,
            funds: Vec::new(),
            pools: Vec::new(),
            modes: Vec::new(),
            shares: BTreeMap::new(),
            grants: Vec::new(),
            holds: Vec::new(),
            last: Ok(()),
        }
    }

    /// What the operation should answer; changes what it should change.
    pub(super) fn play(&mut self, operation: &Operation) -> Answer {
        self.last = match *operation {
            Operation::Fund { purpose, ceiling, carry_over_ppm, days } => {
                self.fund(purpose, ceiling, carry_over_ppm, days)
            }
            Operation::Pool { fund, class, size, factor_ppm, days } => {
                self.pool((fund, class), size, factor_ppm, days)
            }
            Operation::Share { pool, agency, most } => self.share(pool, agency, most),
            Operation::Mode { fund, least, most, days } => self.mode(fund, least, most, days),
            Operation::Grant { project, pool, mode, amount, days, who } => {
                let asked = Asked { project, pool, mode, amount, days };
                self.request(&asked).and_then(|()| self.approve(&asked, who))
            }
            Operation::Hold { grant, time } => self.hold(grant, time),
            Operation::Release { hold } => self.release(hold),
            Operation::Days(days) => {
                self.today += days;
                Ok(())
            }
            Operation::Again => self.last,
            _ => self.change(operation),
        };
        self.last
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            funds: self.funds.len(),
            pools: self.pools.len(),
            modes: self.modes.len(),
            grants: self.grants.len(),
            holds: self.holds.len(),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        Standing {
            funds: self.funds.iter().map(|fund| fund.left).collect(),
            pools: self.pools.iter().map(|pool| pool.left).collect(),
            grants: self.grants.iter().map(|it| (it.free, it.held, it.end)).collect(),
            agencies: (0..self.pools.len())
                .map(|pool| [0, 1, 2].map(|agency| self.granted(pool, agency)))
                .collect(),
        }
    }

    fn fund(&mut self, purpose: FundPurpose, left: i64, carry_over_ppm: i64, days: i64) -> Answer {
        if left == 0 {
            return Err("fund_empty");
        }
        if carry_over_ppm > 1_000_000 {
            return Err("fund_carry_over_not_a_part");
        }
        self.funds.push(Fund { purpose, left, carry_over_ppm, until: self.today + days });
        Ok(())
    }

    fn pool(&mut self, of: (usize, usize), size: i64, factor_ppm: i64, days: i64) -> Answer {
        let (fund, class) = of;
        let until = self.today + days;
        let Some(its_fund) = self.funds.get(fund) else { return Err("no_such_fund") };
        if size == 0 {
            return Err("pool_empty");
        }
        if until > its_fund.until {
            return Err("pool_outside_fund");
        }
        if factor_ppm > 2_000_000 {
            return Err("pool_over_allocation_out_of_range");
        }
        let promised = size * factor_ppm / 1_000_000;
        self.pools.push(Pool { fund, class, left: promised, promised, until });
        Ok(())
    }

    fn share(&mut self, pool: usize, agency: usize, most: i64) -> Answer {
        let Some(its_pool) = self.pools.get(pool) else { return Err("no_such_pool") };
        if category_purpose(CATEGORIES[agency]) != self.funds[its_pool.fund].purpose {
            return Err("funds_never_mix");
        }
        if self.granted(pool, agency) > most {
            return Err("agency_share_below_granted");
        }
        let others = self.shares.iter().filter(|((p, a), _)| *p == pool && *a != agency);
        if others.map(|(_, most)| most).sum::<i64>() + most > its_pool.promised {
            return Err("agency_shares_above_pool");
        }
        self.shares.insert((pool, agency), most);
        Ok(())
    }

    fn mode(&mut self, fund: usize, least: i64, most: i64, days: i64) -> Answer {
        if least == 0 || least > most {
            return Err("access_mode_bounds_not_a_range");
        }
        if fund >= self.funds.len() {
            return Err("no_such_fund");
        }
        self.modes.push(Mode { fund, least, most, days });
        Ok(())
    }

    fn request(&self, asked: &Asked) -> Answer {
        if asked.amount.0 == 0 {
            return Err("request_empty");
        }
        let Some(mode) = asked.mode else { return Ok(()) };
        let Some(mode) = self.modes.get(mode) else { return Err("no_such_access_mode") };
        let category = CATEGORIES[AGENCY_OF_PROJECT[asked.project]];
        if category_purpose(category) != self.funds[mode.fund].purpose {
            return Err("access_mode_for_others");
        }
        if asked.amount.0 < mode.least || asked.amount.0 > mode.most {
            return Err("outside_access_mode_time");
        }
        if asked.days > mode.days {
            return Err("beyond_access_mode_length");
        }
        Ok(())
    }

    fn approve(&mut self, asked: &Asked, who: Who) -> Answer {
        let Asked { project, pool, mode, amount: (time, money), days } = *asked;
        let (agency, until) = (AGENCY_OF_PROJECT[project], self.today + days);
        if who == Who::Insider && project == 0 {
            return Err("self_approval");
        }
        if who == Who::Mute {
            return Err("motivation_missing");
        }
        let Some(its_pool) = self.pools.get(pool) else { return Err("no_such_pool") };
        let fund = &self.funds[its_pool.fund];
        if who == Who::Operator {
            return Err("operator_cannot_decide");
        }
        if category_purpose(CATEGORIES[agency]) != fund.purpose {
            return Err("funds_never_mix");
        }
        if money == 0 {
            return Err("grant_empty");
        }
        if until > fund.until {
            return Err("past_the_funds_end");
        }
        if until > its_pool.until {
            return Err("past_the_pools_end");
        }
        if mode.is_some_and(|mode| self.modes[mode].fund != its_pool.fund) {
            return Err("access_mode_of_another_fund");
        }
        self.within_share(pool, agency, time)?;
        self.take(pool, (time, money))?;
        let (free, nothing) = ((time, money), (0, 0));
        let (held, lost, end, is_carried_over) = (nothing, nothing, None, false);
        self.grants.push(Grant {
            project,
            pool,
            mode,
            until,
            free,
            held,
            end,
            lost,
            is_carried_over,
        });
        Ok(())
    }

    /// Sets time aside; what the admission refuses before the ledger is asked is left out.
    fn hold(&mut self, grant: usize, time: i64) -> Answer {
        let Some(drawn) = self.grants.get_mut(grant) else { return Ok(()) };
        if drawn.end.is_some() {
            return Ok(());
        }
        if drawn.free.0 < time {
            return Err("hold_not_enough_gpu_seconds");
        }
        if drawn.free.1 < time {
            return Err("hold_not_enough_money");
        }
        drawn.free = (drawn.free.0 - time, drawn.free.1 - time);
        drawn.held = (drawn.held.0 + time, drawn.held.1 + time);
        self.holds.push(Hold { grant, time, is_open: true });
        Ok(())
    }

    fn release(&mut self, hold: usize) -> Answer {
        let Some(hold) = self.holds.get_mut(hold).filter(|hold| hold.is_open) else {
            return Ok(());
        };
        hold.is_open = false;
        let drawn = &mut self.grants[hold.grant];
        drawn.free = (drawn.free.0 + hold.time, drawn.free.1 + hold.time);
        drawn.held = (drawn.held.0 - hold.time, drawn.held.1 - hold.time);
        Ok(())
    }

    /// What the agency's grants of the pool have in all.
    fn granted(&self, pool: usize, agency: usize) -> i64 {
        let mine = |it: &&Grant| it.pool == pool && AGENCY_OF_PROJECT[it.project] == agency;
        self.grants.iter().filter(mine).map(|it| it.free.0 + it.held.0).sum()
    }

    fn within_share(&self, pool: usize, agency: usize, more: i64) -> Answer {
        let most = self.shares.get(&(pool, agency));
        if most.is_some_and(|most| self.granted(pool, agency) + more > *most) {
            return Err("agency_share_exhausted");
        }
        Ok(())
    }

    /// Takes from a pool and its fund.
    fn take(&mut self, pool: usize, (time, money): Amount) -> Answer {
        let pool = &mut self.pools[pool];
        let fund = &mut self.funds[pool.fund];
        if pool.left < time {
            return Err("pool_exhausted");
        }
        if fund.left < money {
            return Err("fund_exhausted");
        }
        pool.left -= time;
        fund.left -= money;
        Ok(())
    }

    /// Returns to a pool and its fund.
    fn give(&mut self, pool: usize, (time, money): Amount) {
        let pool = &mut self.pools[pool];
        pool.left += time;
        self.funds[pool.fund].left += money;
    }
}

/// A request and the grant that would follow from it.
struct Asked {
    project: usize,
    pool: usize,
    mode: Option<usize>,
    amount: Amount,
    days: i64,
}
