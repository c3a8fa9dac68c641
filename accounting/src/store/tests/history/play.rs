//! Playing a history on the real ledger, and comparing every account after every step.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use record::{Actor, Stamp, id};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{
    model::{Answer, Model, State},
    step::{Ask, Drawn, Figures, More, Ran, Step},
};
use crate::{
    hold::{self, Extend, NewRun, Payer, Place, ReleaseReason, Settle},
    ledger::{self, GrantMove, GrantTransfer, OpenGrant},
    overrun::{self, Clearing, NewClearing},
    store::tests::{noon, seconds, usek},
};

/// The kinds of ids that a history makes of its numbers.
#[derive(Clone, Copy)]
enum Kind {
    Fund,
    Pool,
    Grant,
    Hold,
    Extension,
    Attempt,
    Project,
    Transfer,
    Run,
    Clearing,
    Person,
}

/// One history's ids and rates.
struct Names {
    history: u128,
    rates: [Uuid; 2],
}

/// Every account of a history: owner, kind, unit, amount.
type Accounts = BTreeMap<(Uuid, String, String), i64>;

/// How often each kind of step was taken, and how often refused.
pub(super) type Tally = BTreeMap<&'static str, (u64, u64)>;

/// Plays the steps on a ledger of their own, and tells the first difference from the model.
pub(super) async fn history(
    db: &PgPool,
    rates: [Uuid; 2],
    steps: &[Drawn],
    tally: &mut Tally,
) -> Result<(), String> {
    let names = Names { history: id::fresh().as_u128() & !0xFFFF_FFFF, rates };
    let mut model = Model::default();
    for (number, drawn) in steps.iter().enumerate() {
        let aimed = drawn.aimed.then(|| model.aim(&drawn.step));
        let step = aimed.as_ref().unwrap_or(&drawn.step);
        let now = noon() + TimeDelta::seconds(i64::try_from(number).unwrap());
        let stamp = Stamp { actor: Actor::Program("test"), now, why: None, trace_id: Uuid::nil() };
        let mut tx = db.begin().await.unwrap();
        let answer = names.take(&mut tx, &model, step, &stamp).await;
        if answer.is_ok() {
            tx.commit().await.unwrap();
        } else {
            tx.rollback().await.unwrap();
        }
        let expected = model.take(step);
        let count = tally.entry(step.name()).or_default();
        *(if answer.is_ok() { &mut count.0 } else { &mut count.1 }) += 1;
        if answer != expected {
            return Err(format!(
                "step {number} {step:?}: the ledger says {answer:?}, the model {expected:?}"
            ));
        }
        let mut tx = db.acquire().await.unwrap();
        let (found, expected) = (names.accounts(&mut tx).await, names.expected(&model));
        if found != expected {
            let off: Vec<_> =
                found.iter().filter(|(key, amount)| expected.get(key) != Some(amount)).collect();
            return Err(format!("after step {number} {step:?} the ledger has {off:?}"));
        }
    }
    names.agree_at_the_end(db, &model).await
}

impl Names {
    fn id(&self, kind: Kind, number: usize) -> Uuid {
        Uuid::from_u128(self.history | (kind as u128) << 16 | number as u128)
    }

    fn grants(&self, numbers: &[usize]) -> Vec<Uuid> {
        numbers.iter().map(|&grant| self.id(Kind::Grant, grant)).collect()
    }

    /// Takes the step on the ledger; a fault of the database fails the history at once.
    async fn take(
        &self,
        tx: &mut PgConnection,
        model: &Model,
        step: &Step,
        stamp: &Stamp<'_>,
    ) -> Answer {
        match step {
            Step::OpenFund { fund, ceiling } => {
                let fund_id = self.id(Kind::Fund, *fund);
                let opened = ledger::open_fund(tx, fund_id, usek(*ceiling), stamp).await;
                opened.map_err(|error| error.code())
            }
            Step::OpenPool { pool, size } => {
                let pool_id = self.id(Kind::Pool, *pool);
                let opened = ledger::open_pool(tx, pool_id, seconds(*size), stamp).await;
                opened.map_err(|error| error.code())
            }
            Step::OverAllocate { pool, transfer, extra } => {
                let pool_id = self.id(Kind::Pool, *pool);
                let transfer_id = self.id(Kind::Transfer, *transfer);
                let extra = seconds(*extra);
                let done = ledger::over_allocate(tx, pool_id, transfer_id, extra, stamp).await;
                done.map_err(|error| error.code())
            }
            Step::OpenGrant { grant, pool, fund, figures } => {
                let request = OpenGrant {
                    grant_id: self.id(Kind::Grant, *grant),
                    pool_id: self.id(Kind::Pool, *pool),
                    fund_id: self.id(Kind::Fund, *fund),
                    gpu_seconds: seconds(figures.0),
                    usek: usek(figures.1),
                };
                ledger::open_grant(tx, &request, stamp).await.map_err(|error| error.code())
            }
            Step::TopUp { transfer, grant, figures } => {
                let request = self.grant_move(*transfer, *grant, *figures);
                ledger::top_up(tx, &request, stamp).await.map_err(|error| error.code())
            }
            Step::GiveBack { transfer, grant, figures } => {
                let request = self.grant_move(*transfer, *grant, *figures);
                ledger::give_back(tx, &request, stamp).await.map_err(|error| error.code())
            }
            Step::Expire { transfer, grant } => {
                let transfer_id = self.id(Kind::Transfer, *transfer);
                let grant_id = self.id(Kind::Grant, *grant);
                let expired = ledger::expire(tx, transfer_id, grant_id, stamp).await;
                expired.map(|_| ()).map_err(|error| error.code())
            }
            Step::Transfer { transfer, from, to, figures } => {
                let request = self.grant_transfer(*transfer, (*from, *to), *figures);
                ledger::transfer(tx, &request, stamp).await.map_err(|error| error.code())
            }
            Step::CarryOver { transfer, from, to, figures } => {
                let request = self.grant_transfer(*transfer, (*from, *to), *figures);
                ledger::carry_over(tx, &request, stamp).await.map_err(|error| error.code())
            }
            Step::Place(ask) => {
                let placed = hold::place(tx, &self.place(ask), stamp).await;
                placed.map(|_| ()).map_err(|error| error.code())
            }
            Step::Replace { old, ask } => {
                let old_hold_id = self.id(Kind::Hold, *old);
                let placed = hold::replace(tx, old_hold_id, &self.place(ask), stamp).await;
                placed.map(|_| ()).map_err(|error| error.code())
            }
            Step::Extend(more) => {
                let extended = hold::extend(tx, &self.more(more), stamp).await;
                extended.map(|_| ()).map_err(|error| error.code())
            }
            Step::Shorten { extension } => {
                let extension_id = self.id(Kind::Extension, *extension);
                let shortened = hold::shorten(tx, extension_id, stamp).await;
                shortened.map(|_| ()).map_err(|error| error.code())
            }
            Step::Settle { hold, runs } => {
                let runs = runs.iter().map(|run| self.run(*run)).collect();
                let request = Settle { hold_id: self.id(Kind::Hold, *hold), runs };
                let settled = hold::settle(tx, &request, stamp).await;
                settled.map(|_| ()).map_err(|error| error.code())
            }
            Step::Release { hold, cancelled } => {
                let reason =
                    if *cancelled { ReleaseReason::Cancelled } else { ReleaseReason::Expired };
                let hold_id = self.id(Kind::Hold, *hold);
                let released = hold::release(tx, hold_id, reason, stamp).await;
                released.map(|_| ()).map_err(|error| error.code())
            }
            Step::Propose(proposal) => {
                let request = NewClearing {
                    clearing_id: self.id(Kind::Clearing, proposal.clearing),
                    grant_id: self.id(Kind::Grant, proposal.grant),
                    gpu_seconds: seconds(proposal.time),
                    usek: usek(model.money_of(proposal)),
                    how: if proposal.pays { Clearing::ChargeGrant } else { Clearing::WriteOff },
                    proposed_by: self.id(Kind::Person, proposal.by),
                };
                overrun::propose(tx, &request, stamp).await.map_err(|error| error.code())
            }
            Step::Confirm { clearing, by } => {
                let (clearing_id, person_id) =
                    (self.id(Kind::Clearing, *clearing), self.id(Kind::Person, *by));
                let confirmed = overrun::confirm(tx, clearing_id, person_id, stamp).await;
                confirmed.map_err(|error| error.code())
            }
            Step::Reject { clearing, by } => {
                let (clearing_id, person_id) =
                    (self.id(Kind::Clearing, *clearing), self.id(Kind::Person, *by));
                let rejected = overrun::reject(tx, clearing_id, person_id, stamp).await;
                rejected.map_err(|error| error.code())
            }
        }
    }

    fn grant_move(&self, transfer: usize, grant: usize, figures: Figures) -> GrantMove {
        GrantMove {
            transfer_id: self.id(Kind::Transfer, transfer),
            grant_id: self.id(Kind::Grant, grant),
            gpu_seconds: seconds(figures.0),
            usek: usek(figures.1),
        }
    }

    fn grant_transfer(
        &self,
        transfer: usize,
        (from, to): (usize, usize),
        figures: Figures,
    ) -> GrantTransfer {
        GrantTransfer {
            transfer_id: self.id(Kind::Transfer, transfer),
            from_grant_id: self.id(Kind::Grant, from),
            to_grant_id: self.id(Kind::Grant, to),
            gpu_seconds: seconds(figures.0),
            usek: usek(figures.1),
        }
    }

    fn place(&self, ask: &Ask) -> Place {
        Place {
            hold_id: self.id(Kind::Hold, ask.hold),
            attempt_id: self.id(Kind::Attempt, ask.attempt),
            payer: Payer {
                agency_id: Uuid::from_u128(self.history),
                project_id: self.id(Kind::Project, ask.project),
            },
            grant_ids: self.grants(&ask.grants),
            gpu_seconds: seconds(ask.time),
            rate_id: self.rates.get(ask.rate).copied().unwrap_or(Uuid::nil()),
            expires_at: noon() + TimeDelta::days(7),
        }
    }

    fn more(&self, more: &More) -> Extend {
        Extend {
            extension_id: self.id(Kind::Extension, more.extension),
            hold_id: self.id(Kind::Hold, more.hold),
            gpu_seconds: seconds(more.time),
            grant_ids: self.grants(&more.grants),
            expires_at: noon() + TimeDelta::days(7),
        }
    }

    fn run(&self, (number, time, chargeable): Ran) -> NewRun {
        let db_index = i64::try_from(number).unwrap();
        let started_at = noon() + TimeDelta::seconds(db_index);
        NewRun {
            run_id: self.id(Kind::Run, number),
            cluster: Uuid::from_u128(self.history).to_string(),
            slurm_job_id: db_index,
            db_index,
            started_at,
            ended_at: started_at + TimeDelta::seconds(time),
            gpu_count: 1,
            gpu_seconds: seconds(time),
            state: "COMPLETED".to_owned(),
            chargeable,
            observation_id: Uuid::nil(),
        }
    }

    /// Every account of this history, in one query.
    async fn accounts(&self, tx: &mut PgConnection) -> Accounts {
        let owners: Vec<Uuid> = [Kind::Fund, Kind::Pool, Kind::Grant]
            .into_iter()
            .flat_map(|kind| (0..8).map(move |number| self.id(kind, number)))
            .collect();
        let rows: Vec<(Uuid, String, String, i64)> = sqlx::query_as(
            "select a.owner_id, a.kind::text, a.unit::text, b.amount
             from accounting.account a
             join accounting.balance b on b.account_id = a.account_id
             where a.owner_id = any($1)",
        )
        .bind(owners)
        .fetch_all(tx)
        .await
        .unwrap();
        rows.into_iter().map(|(owner, kind, unit, amount)| ((owner, kind, unit), amount)).collect()
    }

    /// Every account as the model has it.
    fn expected(&self, model: &Model) -> Accounts {
        let mut accounts = Accounts::new();
        let mut put = |owner: Uuid, kind: &str, (time, money): (Option<i64>, Option<i64>)| {
            for (unit, amount) in [("gpu_seconds", time), ("micro_sek", money)] {
                if let Some(amount) = amount {
                    accounts.insert((owner, kind.to_owned(), unit.to_owned()), amount);
                }
            }
        };
        for (&fund, source) in &model.funds {
            put(self.id(Kind::Fund, fund), "supply", (None, Some(-source.given)));
            put(self.id(Kind::Fund, fund), "fund", (None, Some(source.left)));
        }
        for (&pool, source) in &model.pools {
            put(self.id(Kind::Pool, pool), "supply", (Some(-source.given), None));
            put(self.id(Kind::Pool, pool), "pool", (Some(source.left), None));
        }
        for (&number, grant) in &model.grants {
            let over: Figures = grant
                .overruns
                .iter()
                .fold((0, 0), |sum, (_, figures)| (sum.0 + figures.0, sum.1 + figures.1));
            for (kind, (time, money)) in [
                ("free", grant.free),
                ("held", grant.held),
                ("settled", grant.settled),
                ("overrun", over),
                ("uncovered", (-over.0, -over.1)),
            ] {
                put(self.id(Kind::Grant, number), kind, (Some(time), Some(money)));
            }
        }
        accounts
    }

    /// What is read in bulk, and what verifying recomputes, agree with the model too.
    async fn agree_at_the_end(&self, db: &PgPool, model: &Model) -> Result<(), String> {
        let mut tx = db.acquire().await.unwrap();
        let numbers: Vec<usize> = model.grants.keys().copied().collect();
        let uses = ledger::use_of_grants(&mut tx, &self.grants(&numbers)).await.unwrap();
        for (&number, grant) in &model.grants {
            let found = uses[&self.id(Kind::Grant, number)];
            let granted = grant.free.0 + grant.held.0 + grant.settled.0;
            let expected = (granted, grant.not_charged);
            if (found.granted.get(), found.not_charged.get()) != expected {
                return Err(format!("grant {number}: {found:?}, and the model says {expected:?}"));
            }
        }
        for project in 0..2 {
            let open = hold::open_of(&mut tx, self.id(Kind::Project, project)).await.unwrap();
            let expected = model
                .holds
                .values()
                .filter(|hold| hold.state == State::Open && hold.ask.project == project);
            let mut expected: Vec<Uuid> =
                expected.map(|hold| self.id(Kind::Hold, hold.ask.hold)).collect();
            let mut open: Vec<Uuid> = open.into_iter().map(|open| open.hold_id).collect();
            expected.sort();
            open.sort();
            if open != expected {
                return Err(format!("open holds {open:?}, and the model says {expected:?}"));
            }
        }
        drop(tx);
        match ledger::verify(db).await.unwrap() {
            found if found.is_empty() => Ok(()),
            found => Err(format!("verifying finds {found:?}")),
        }
    }
}
