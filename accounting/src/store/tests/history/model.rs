//! The ledger as it is meant: a few maps and plain figures, refusing by the ledger's own codes.

use std::collections::BTreeMap;

use super::step::{Ask, Figures, More, Proposal, Step};

/// The µSEK of a GPU-hour at each rate: one that is whole by the second and one that is not.
pub(super) const PRICES: [i64; 2] = [3_600, 5_000];

/// The answer to a step: done, or refused with this code.
pub(super) type Answer = Result<(), &'static str>;

#[derive(Clone, Default)]
pub(super) struct Model {
    pub(super) funds: BTreeMap<usize, Source>,
    pub(super) pools: BTreeMap<usize, Source>,
    pub(super) grants: BTreeMap<usize, Grant>,
    pub(super) holds: BTreeMap<usize, Hold>,
    /// The request, and whether it still stands.
    pub(super) extensions: BTreeMap<usize, (More, bool)>,
    pub(super) moves: BTreeMap<usize, Moved>,
    pub(super) over_allocations: BTreeMap<usize, (usize, i64)>,
    /// The hold, the time and whether it may be charged.
    pub(super) runs: BTreeMap<usize, (usize, i64, bool)>,
    pub(super) clearings: BTreeMap<usize, Cleared>,
}

/// A fund or a pool.
#[derive(Clone, Copy)]
pub(super) struct Source {
    pub(super) opened_with: i64,
    /// What came in from outside, over-allocations and all.
    pub(super) given: i64,
    pub(super) left: i64,
    /// The fund of a pool, once a grant has bound it.
    pub(super) fund: Option<usize>,
}

#[derive(Clone)]
pub(super) struct Grant {
    pub(super) pool: usize,
    pub(super) fund: usize,
    pub(super) opened_with: Figures,
    pub(super) free: Figures,
    pub(super) held: Figures,
    pub(super) settled: Figures,
    /// Overrun of each run, the oldest first.
    pub(super) overruns: Vec<(usize, Figures)>,
    pub(super) expired: Figures,
    pub(super) not_charged: i64,
}

#[derive(Clone)]
pub(super) struct Hold {
    pub(super) ask: Ask,
    pub(super) parts: Vec<(usize, Figures)>,
    /// What its standing extensions add: the extension, the grant and the figures.
    pub(super) more: Vec<(usize, usize, Figures)>,
    pub(super) state: State,
    /// The time of the runs posted for it.
    pub(super) used: i64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Settled,
    Cancelled,
    Expired,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    TopUp,
    GiveBack,
    Expire,
    Transfer,
    CarryOver,
}

/// A movement that was made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) way: Way,
    pub(super) from: Option<usize>,
    pub(super) to: Option<usize>,
    pub(super) figures: Figures,
}

/// A clearing that was proposed, and the verdict.
#[derive(Clone, Copy)]
pub(super) struct Cleared {
    pub(super) proposal: Proposal,
    pub(super) money: i64,
    pub(super) end: Option<(bool, usize)>,
}

/// What so much use costs, half up.
pub(super) fn cost(time: i64, rate: usize) -> i64 {
    (time * PRICES[rate] * 2 + 3_600) / 7_200
}

pub(super) fn plus(one: Figures, two: Figures) -> Figures {
    (one.0 + two.0, one.1 + two.1)
}

pub(super) fn minus(one: Figures, two: Figures) -> Figures {
    (one.0 - two.0, one.1 - two.1)
}

impl Model {
    /// Takes a step, or refuses and is as before.
    pub(super) fn take(&mut self, step: &Step) -> Answer {
        let before = self.clone();
        let answer = self.try_take(step);
        if answer.is_err() {
            *self = before;
        }
        answer
    }

    fn try_take(&mut self, step: &Step) -> Answer {
        match step {
            Step::OpenFund { fund, ceiling } => {
                open(&mut self.funds, *fund, *ceiling, "ledger_fund_id_reused")
            }
            Step::OpenPool { pool, size } => {
                open(&mut self.pools, *pool, *size, "ledger_pool_id_reused")
            }
            Step::OverAllocate { pool, transfer, extra } => {
                self.over_allocate(*pool, *transfer, *extra)
            }
            Step::OpenGrant { grant, pool, fund, figures } => {
                self.open_grant(*grant, *pool, *fund, *figures)
            }
            Step::TopUp { transfer, grant, figures } => {
                self.moved(*transfer, Way::TopUp, (None, Some(*grant)), *figures)
            }
            Step::GiveBack { transfer, grant, figures } => {
                self.moved(*transfer, Way::GiveBack, (Some(*grant), None), *figures)
            }
            Step::Expire { transfer, grant } => self.expire(*transfer, *grant),
            Step::Transfer { transfer, from, to, figures } => {
                self.moved(*transfer, Way::Transfer, (Some(*from), Some(*to)), *figures)
            }
            Step::CarryOver { transfer, from, to, figures } => {
                self.moved(*transfer, Way::CarryOver, (Some(*from), Some(*to)), *figures)
            }
            Step::Place(ask) => self.place(ask),
            Step::Replace { old, ask } => self.replace(*old, ask),
            Step::Extend(more) => self.extend(more),
            Step::Shorten { extension } => self.shorten(*extension),
            Step::Settle { hold, runs } => self.settle(*hold, runs),
            Step::Release { hold, cancelled } => {
                let state = if *cancelled { State::Cancelled } else { State::Expired };
                self.release(*hold, state)
            }
            Step::Propose(proposal) => self.propose(proposal),
            Step::Confirm { clearing, by } => self.decide(*clearing, true, *by),
            Step::Reject { clearing, by } => self.decide(*clearing, false, *by),
        }
    }

    fn over_allocate(&mut self, pool: usize, transfer: usize, extra: i64) -> Answer {
        let source = self.pools.get_mut(&pool).ok_or("ledger_pool_unknown")?;
        if let Some(earlier) = self.over_allocations.get(&transfer) {
            return if *earlier == (pool, extra) {
                Ok(())
            } else {
                Err("ledger_transfer_id_reused")
            };
        }
        if extra == 0 {
            return Err("ledger_nothing_to_move");
        }
        source.given += extra;
        source.left += extra;
        self.over_allocations.insert(transfer, (pool, extra));
        Ok(())
    }

    fn open_grant(&mut self, grant: usize, pool: usize, fund: usize, figures: Figures) -> Answer {
        let money = self.funds.get_mut(&fund).ok_or("ledger_fund_unknown")?;
        let time = self.pools.get_mut(&pool).ok_or("ledger_pool_unknown")?;
        if let Some(earlier) = self.grants.get(&grant) {
            let same = (earlier.pool, earlier.fund, earlier.opened_with) == (pool, fund, figures);
            return if same { Ok(()) } else { Err("ledger_grant_id_reused") };
        }
        if *time.fund.get_or_insert(fund) != fund {
            return Err("ledger_funds_never_mix");
        }
        if time.left < figures.0 {
            return Err("ledger_pool_short");
        }
        if money.left < figures.1 {
            return Err("ledger_fund_short");
        }
        time.left -= figures.0;
        money.left -= figures.1;
        let grant_now = Grant {
            pool,
            fund,
            opened_with: figures,
            free: figures,
            held: (0, 0),
            settled: (0, 0),
            overruns: Vec::new(),
            expired: (0, 0),
            not_charged: 0,
        };
        self.grants.insert(grant, grant_now);
        Ok(())
    }
}

fn open(
    sources: &mut BTreeMap<usize, Source>,
    id: usize,
    amount: i64,
    reused: &'static str,
) -> Answer {
    let new = Source { opened_with: amount, given: amount, left: amount, fund: None };
    if sources.entry(id).or_insert(new).opened_with == amount { Ok(()) } else { Err(reused) }
}
