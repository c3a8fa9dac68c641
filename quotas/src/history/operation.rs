//! The operations of a history, with small figures so that limits are met often.
//!
//! Things are named by their place among those created so far. The place after the last is nobody's,
//! and both sides must say so.

use std::ops::Range;

use proptest::{collection::vec, prelude::*};

use crate::fund::FundPurpose;

/// Who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// A person outside everything.
    Decider,
    /// Who laid out every fund and pool.
    Operator,
    /// A member of the first project.
    Insider,
    /// The decider, without a motivation.
    Mute,
}

/// Time and money.
pub(super) type Amount = (i64, i64);

/// How many of each there are.
pub(super) struct Counts {
    pub(super) funds: usize,
    pub(super) pools: usize,
    pub(super) modes: usize,
    pub(super) grants: usize,
    pub(super) holds: usize,
}

/// One step. Days are counted from today, and a window always begins today.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Fund {
        purpose: FundPurpose,
        ceiling: i64,
        carry_over_ppm: i64,
        days: i64,
    },
    Pool {
        fund: usize,
        class: usize,
        size: i64,
        factor_ppm: i64,
        days: i64,
    },
    Share {
        pool: usize,
        agency: usize,
        most: i64,
    },
    Mode {
        fund: usize,
        least: i64,
        most: i64,
        days: i64,
    },
    Grant {
        project: usize,
        pool: usize,
        mode: Option<usize>,
        amount: Amount,
        days: i64,
        who: Who,
    },
    TopUp {
        grant: usize,
        amount: Amount,
        who: Who,
    },
    GiveBack {
        grant: usize,
        amount: Amount,
    },
    Transfer {
        from: usize,
        to: usize,
        amount: Amount,
        who: Who,
    },
    CarryOver {
        from: usize,
        to: usize,
        who: Who,
    },
    Supersede {
        old: usize,
        new: usize,
        who: Who,
    },
    Expire,
    Hold {
        grant: usize,
        time: i64,
    },
    Release {
        hold: usize,
    },
    Days(i64),
    /// The step before once more, under the same ids.
    Again,
}

impl Operation {
    /// The same step with every place brought among those there are, or just after the last.
    pub(super) fn placed(&self, counts: &Counts) -> Self {
        let mut step = self.clone();
        let bring = |place: &mut usize, count: usize| *place %= count + 1;
        match &mut step {
            Self::Fund { .. } | Self::Expire | Self::Days(_) | Self::Again => {}
            Self::Pool { fund, .. } | Self::Mode { fund, .. } => bring(fund, counts.funds),
            Self::Share { pool, .. } => bring(pool, counts.pools),
            Self::Grant { pool, mode, .. } => {
                bring(pool, counts.pools);
                if let Some(mode) = mode {
                    bring(mode, counts.modes);
                }
            }
            Self::TopUp { grant, .. } | Self::GiveBack { grant, .. } | Self::Hold { grant, .. } => {
                bring(grant, counts.grants);
            }
            Self::Transfer { from: one, to: two, .. }
            | Self::CarryOver { from: one, to: two, .. }
            | Self::Supersede { old: one, new: two, .. } => {
                bring(one, counts.grants);
                bring(two, counts.grants);
            }
            Self::Release { hold } => bring(hold, counts.holds),
        }
        step
    }

    /// Its name in the tally.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Fund { .. } => "fund",
            Self::Pool { .. } => "pool",
            Self::Share { .. } => "share",
            Self::Mode { .. } => "mode",
            Self::Grant { .. } => "grant",
            Self::TopUp { .. } => "top up",
            Self::GiveBack { .. } => "give back",
            Self::Transfer { .. } => "transfer",
            Self::CarryOver { .. } => "carry over",
            Self::Supersede { .. } => "supersede",
            Self::Expire => "expire",
            Self::Hold { .. } => "hold",
            Self::Release { .. } => "release",
            Self::Days(_) => "days",
            Self::Again => "again",
        }
    }
}

/// How every history begins: two funds, three pools of two classes, a share, a mode, five grants.
pub(super) fn opening() -> Vec<Operation> {
    let public = FundPurpose::PublicSector;
    let fund = |carry_over_ppm| Operation::Fund {
        purpose: public,
        ceiling: 250,
        carry_over_ppm,
        days: 90,
    };
    let pool =
        |fund, class, size, factor_ppm| Operation::Pool { fund, class, size, factor_ppm, days: 60 };
    let grant = |project, pool, mode, days| Operation::Grant {
        project,
        pool,
        mode,
        amount: (20, 25),
        days,
        who: Who::Decider,
    };
    vec![
        fund(333_333),
        fund(0),
        pool(0, 0, 100, 1_500_000),
        pool(0, 0, 60, 1_000_000),
        pool(1, 1, 60, 1_000_000),
        Operation::Share { pool: 0, agency: 0, most: 80 },
        Operation::Mode { fund: 0, least: 5, most: 40, days: 30 },
        grant(1, 0, None, 5),
        grant(1, 0, Some(0), 30),
        grant(1, 1, None, 40),
        grant(0, 0, None, 10),
        grant(2, 1, None, 20),
    ]
}

/// Up to fifty steps after the opening.
pub(super) fn history() -> impl Strategy<Value = Vec<Operation>> {
    vec(step(), 1..=50)
}

fn step() -> impl Strategy<Value = Operation> {
    prop_oneof![
        2 => laying_out(),
        2 => (place(), 0..3_usize, 0..140_i64)
            .prop_map(|(pool, agency, most)| Operation::Share { pool, agency, most }),
        5 => grant(),
        4 => (place(), amount(), who())
            .prop_map(|(grant, amount, who)| Operation::TopUp { grant, amount, who }),
        3 => (place(), amount())
            .prop_map(|(grant, amount)| Operation::GiveBack { grant, amount }),
        5 => (place(), place(), amount(), who())
            .prop_map(|(from, to, amount, who)| Operation::Transfer { from, to, amount, who }),
        7 => (place(), place(), who())
            .prop_map(|(from, to, who)| Operation::CarryOver { from, to, who }),
        2 => (place(), place(), who())
            .prop_map(|(old, new, who)| Operation::Supersede { old, new, who }),
        4 => Just(Operation::Expire),
        3 => (place(), 1..25_i64).prop_map(|(grant, time)| Operation::Hold { grant, time }),
        2 => place().prop_map(|hold| Operation::Release { hold }),
        3 => (1..12_i64).prop_map(Operation::Days),
        3 => Just(Operation::Again),
    ]
}

fn laying_out() -> impl Strategy<Value = Operation> {
    let purpose = prop_oneof![
        Just(FundPurpose::PublicSector),
        Just(FundPurpose::Research),
        Just(FundPurpose::Innovation),
    ];
    let part = prop_oneof![Just(0_i64), Just(333_333), Just(1_000_000), Just(1_000_001)];
    let factor = prop_oneof![Just(1_000_000_i64), Just(1_234_567), Just(2_000_001)];
    prop_oneof![
        (purpose, 0..200_i64, part, 1..90_i64).prop_map(
            |(purpose, ceiling, carry_over_ppm, days)| Operation::Fund {
                purpose,
                ceiling,
                carry_over_ppm,
                days
            }
        ),
        (place(), 0..2_usize, 0..90_i64, factor, 1..90_i64).prop_map(
            |(fund, class, size, factor_ppm, days)| Operation::Pool {
                fund,
                class,
                size,
                factor_ppm,
                days
            }
        ),
        (place(), 0..12_i64, 0..60_i64, 1..40_i64)
            .prop_map(|(fund, least, most, days)| Operation::Mode { fund, least, most, days }),
    ]
}

fn grant() -> impl Strategy<Value = Operation> {
    let mode = prop_oneof![3 => Just(None), 1 => place().prop_map(Some)];
    (0..4_usize, place(), mode, amount(), 1..50_i64, who()).prop_map(
        |(project, pool, mode, amount, days, who)| Operation::Grant {
            project,
            pool,
            mode,
            amount,
            days,
            who,
        },
    )
}

/// A place, wherever the last one is.
fn place() -> Range<usize> {
    0..60
}

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![8 => (1..30_i64, 1..30_i64), 1 => (0..2_i64, 0..2_i64)]
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![
        14 => Just(Who::Decider),
        1 => Just(Who::Operator),
        2 => Just(Who::Insider),
        1 => Just(Who::Mute),
    ]
}
