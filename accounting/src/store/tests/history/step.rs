//! One step of a history: an operation of the ledger, its ids by number so that they come again.

use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any as every},
    prop_oneof,
};

/// How many ids of each kind there are; one more than are opened, so that some are unknown.
const FUNDS: usize = 3;
const POOLS: usize = 4;
const GRANTS: usize = 7;
const HOLDS: usize = 10;
const EXTENSIONS: usize = 8;
const ATTEMPTS: usize = 8;
const TRANSFERS: usize = 14;
const RUNS: usize = 24;
const CLEARINGS: usize = 6;
pub(super) const PEOPLE: usize = 3;

/// Time and money, as plain figures.
pub(super) type Figures = (i64, i64);

/// A hold to place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) hold: usize,
    pub(super) attempt: usize,
    pub(super) project: usize,
    pub(super) grants: Vec<usize>,
    pub(super) time: i64,
    pub(super) rate: usize,
}

/// More time for a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct More {
    pub(super) extension: usize,
    pub(super) hold: usize,
    pub(super) grants: Vec<usize>,
    pub(super) time: i64,
}

/// A clearing to propose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proposal {
    pub(super) clearing: usize,
    pub(super) grant: usize,
    pub(super) time: i64,
    /// How far the proposed money is from the ledger's own figure.
    pub(super) off_by: i64,
    pub(super) pays: bool,
    pub(super) by: usize,
}

/// A run to settle a hold with.
pub(super) type Ran = (usize, i64, bool);

/// A step as it was drawn; an aimed one is fitted to what there is when it is taken.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    pub(super) aimed: bool,
    pub(super) step: Step,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    OpenFund { fund: usize, ceiling: i64 },
    OpenPool { pool: usize, size: i64 },
    OverAllocate { pool: usize, transfer: usize, extra: i64 },
    OpenGrant { grant: usize, pool: usize, fund: usize, figures: Figures },
    TopUp { transfer: usize, grant: usize, figures: Figures },
    GiveBack { transfer: usize, grant: usize, figures: Figures },
    Expire { transfer: usize, grant: usize },
    Transfer { transfer: usize, from: usize, to: usize, figures: Figures },
    CarryOver { transfer: usize, from: usize, to: usize, figures: Figures },
    Place(Ask),
    Replace { old: usize, ask: Ask },
    Extend(More),
    Shorten { extension: usize },
    Settle { hold: usize, runs: Vec<Ran> },
    Release { hold: usize, cancelled: bool },
    Propose(Proposal),
    Confirm { clearing: usize, by: usize },
    Reject { clearing: usize, by: usize },
}

impl Step {
    /// What kind of step it is.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::OpenFund { .. } => "open fund",
            Self::OpenPool { .. } => "open pool",
            Self::OverAllocate { .. } => "over-allocate",
            Self::OpenGrant { .. } => "open grant",
            Self::TopUp { .. } => "top up",
            Self::GiveBack { .. } => "give back",
            Self::Expire { .. } => "expire",
            Self::Transfer { .. } => "transfer",
            Self::CarryOver { .. } => "carry over",
            Self::Place(_) => "place",
            Self::Replace { .. } => "replace",
            Self::Extend(_) => "extend",
            Self::Shorten { .. } => "shorten",
            Self::Settle { .. } => "settle",
            Self::Release { .. } => "release",
            Self::Propose(_) => "propose",
            Self::Confirm { .. } => "confirm",
            Self::Reject { .. } => "reject",
        }
    }
}

/// Two funds, three pools and four grants, so that the rest of a history has something to do.
pub(super) fn opening() -> impl Strategy<Value = Vec<Drawn>> {
    let grant = |grant, pool, fund| {
        (20..150_i64, 30..400_i64).prop_map(move |figures| Step::OpenGrant {
            grant,
            pool,
            fund,
            figures,
        })
    };
    let fund = |fund| (300..1_500_i64).prop_map(move |ceiling| Step::OpenFund { fund, ceiling });
    let pool = |pool| (150..500_i64).prop_map(move |size| Step::OpenPool { pool, size });
    let first = (fund(0), fund(1), pool(0), pool(1), pool(2));
    let then = (grant(0, 0, 0), grant(1, 0, 0), grant(2, 1, 0), grant(3, 2, 1));
    (first, then).prop_map(|((a, b, c, d, e), (f, g, h, i))| {
        let steps = [a, b, c, d, e, f, g, h, i];
        steps.into_iter().map(|step| Drawn { aimed: false, step }).collect()
    })
}

/// Any operation, aimed three times out of four.
pub(super) fn any() -> impl Strategy<Value = Drawn> {
    (0..4_u8, operation()).prop_map(|(chance, step)| Drawn { aimed: chance > 0, step })
}

/// Any operation, those that matter most the most often.
fn operation() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => ask().prop_map(Step::Place),
        6 => (0..HOLDS, vec((0..RUNS, 0..150_i64, every::<u8>()), 0..4)).prop_map(|(hold, runs)| {
            let runs = runs.into_iter().map(|(run, time, chance)| (run, time, chance > 30));
            Step::Settle { hold, runs: runs.collect() }
        }),
        3 => (0..HOLDS, every::<bool>())
            .prop_map(|(hold, cancelled)| Step::Release { hold, cancelled }),
        5 => more().prop_map(Step::Extend),
        2 => (0..EXTENSIONS).prop_map(|extension| Step::Shorten { extension }),
        2 => (0..HOLDS, ask()).prop_map(|(old, ask)| Step::Replace { old, ask }),
        4 => proposal().prop_map(Step::Propose),
        5 => (0..CLEARINGS, 0..PEOPLE)
            .prop_map(|(clearing, by)| Step::Confirm { clearing, by }),
        1 => (0..CLEARINGS, 0..PEOPLE).prop_map(|(clearing, by)| Step::Reject { clearing, by }),
        8 => moving(),
        3 => opening_more(),
    ]
}

fn moving() -> impl Strategy<Value = Step> {
    let one = || (0..TRANSFERS, 0..GRANTS, figures(80, 250));
    let two = || (0..TRANSFERS, 0..GRANTS, 0..GRANTS, figures(40, 120));
    prop_oneof![
        2 => one().prop_map(|(transfer, grant, figures)| Step::TopUp { transfer, grant, figures }),
        2 => one()
            .prop_map(|(transfer, grant, figures)| Step::GiveBack { transfer, grant, figures }),
        1 => (0..TRANSFERS, 0..GRANTS)
            .prop_map(|(transfer, grant)| Step::Expire { transfer, grant }),
        2 => two().prop_map(|(transfer, from, to, figures)| {
            Step::Transfer { transfer, from, to, figures }
        }),
        2 => two().prop_map(|(transfer, from, to, figures)| {
            Step::CarryOver { transfer, from, to, figures }
        }),
    ]
}

fn opening_more() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..FUNDS, 1..3_i64).prop_map(|(fund, tenth)| Step::OpenFund { fund, ceiling: tenth * 10 }),
        (0..POOLS, 1..3_i64).prop_map(|(pool, tenth)| Step::OpenPool { pool, size: tenth * 10 }),
        (0..POOLS, 0..TRANSFERS, 0..60_i64)
            .prop_map(|(pool, transfer, extra)| Step::OverAllocate { pool, transfer, extra }),
        (0..GRANTS, 0..POOLS, 0..FUNDS, figures(60, 200)).prop_map(
            |(grant, pool, fund, figures)| Step::OpenGrant { grant, pool, fund, figures }
        ),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    let project = prop_oneof![9 => Just(0_usize), 1 => Just(1_usize)];
    let rate = prop_oneof![12 => 0..2_usize, 1 => Just(2_usize)];
    (0..HOLDS, 0..ATTEMPTS, project, vec(0..GRANTS - 1, 0..4), 0..100_i64, rate).prop_map(
        |(hold, attempt, project, grants, time, rate)| Ask {
            hold,
            attempt,
            project,
            grants,
            time,
            rate,
        },
    )
}

fn more() -> impl Strategy<Value = More> {
    (0..EXTENSIONS, 0..HOLDS, vec(0..GRANTS - 1, 0..3), 0..40_i64)
        .prop_map(|(extension, hold, grants, time)| More { extension, hold, grants, time })
}

fn proposal() -> impl Strategy<Value = Proposal> {
    let off_by = prop_oneof![9 => Just(0_i64), 1 => Just(1_i64)];
    (0..CLEARINGS, 0..GRANTS, 0..60_i64, off_by, every::<bool>(), 0..PEOPLE).prop_map(
        |(clearing, grant, time, off_by, pays, by)| Proposal {
            clearing,
            grant,
            time,
            off_by,
            pays,
            by,
        },
    )
}

fn figures(time: i64, money: i64) -> impl Strategy<Value = Figures> {
    (0..time, 0..money)
}
