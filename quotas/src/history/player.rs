//! Plays a history on the store, each step in a savepoint, and reads where everything stands.

use std::collections::HashMap;

use accounting::hold::{self, Payer, Place, ReleaseReason};
use chrono::{DateTime, TimeDelta, Utc};
use record::{Actor, GpuSeconds, MicroSek, Stamp, id};
use sqlx::{Acquire, PgConnection, Row};
use uuid::Uuid;

use super::{
    model::{Answer, Ending, Standing},
    operation::{Operation, Who},
    world::{AGENCY_OF_PROJECT, CLASSES, World},
};
use crate::{
    agency_share::{self, NewAgencyShare},
    fixture::now,
    grant_change, pool,
};

mod laying_out;
mod moving;

/// Ids of the things a history made, in the order it made them.
pub(super) struct Player<'a> {
    world: &'a World,
    today: i64,
    /// The ids of the step being played, and of the step that can be played again.
    ids: [Uuid; 3],
    last: Option<Operation>,
    funds: Vec<Uuid>,
    pools: Vec<Uuid>,
    modes: Vec<Uuid>,
    grants: Vec<(Uuid, usize, Uuid)>,
    holds: Vec<Uuid>,
}

/// What a step created, to be remembered if it was not refused.
enum Made {
    Nothing,
    Fund,
    Pool,
    Mode,
    Grant { project: usize, pool_id: Uuid },
    Hold,
}

type Played = Result<Made, &'static str>;

impl<'a> Player<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        let (ids, last) = ([Uuid::nil(); 3], None);
        let (funds, pools, modes) = (Vec::new(), Vec::new(), Vec::new());
        let (grants, holds) = (Vec::new(), Vec::new());
        Self { world, today: 0, ids, last, funds, pools, modes, grants, holds }
    }

    /// Plays one step and tells the code of the refusal, if it was refused.
    pub(super) async fn play(&mut self, tx: &mut PgConnection, operation: &Operation) -> Answer {
        let is_again = matches!(operation, Operation::Again);
        let step = match (is_again, self.last.clone()) {
            (true, None | Some(Operation::Days(_))) => return Ok(()),
            (true, Some(last)) => last,
            (false, _) => {
                self.ids = [(); 3].map(|()| id::fresh());
                operation.clone()
            }
        };
        self.last = Some(step.clone());
        let mut inner = tx.begin().await.unwrap();
        let played = self.step(&mut inner, &step).await;
        match played {
            Err(code) => {
                inner.rollback().await.unwrap();
                Err(code)
            }
            Ok(made) => {
                inner.commit().await.unwrap();
                if !is_again {
                    self.remember(&made);
                }
                Ok(())
            }
        }
    }

    async fn step(&mut self, tx: &mut PgConnection, step: &Operation) -> Played {
        match *step {
            Operation::Fund { .. } | Operation::Pool { .. } | Operation::Mode { .. } => {
                self.lay_out(tx, step).await
            }
            Operation::Grant { .. } => self.grant(tx, step).await,
            Operation::Share { pool, agency, most } => {
                let new = NewAgencyShare {
                    agency_share_id: self.ids[0],
                    pool_id: place(&self.pools, pool),
                    agency_id: self.world.agency_ids[agency],
                    gpu_seconds: time(most),
                };
                let set = agency_share::set(tx, &new, &self.stamp(Who::Operator)).await;
                set.map(|_| Made::Nothing).map_err(|refused| refused.code())
            }
            Operation::Expire => {
                let (now, limit) = (self.now(), 1_000);
                let stamp = Stamp { actor: Actor::Program("test"), ..self.stamp(Who::Mute) };
                let expired = grant_change::expire_due(tx, now, limit, &stamp).await;
                expired.map(|_| Made::Nothing).map_err(|refused| refused.code())
            }
            Operation::Hold { grant, time } => self.hold(tx, grant, time).await,
            Operation::Release { hold } => {
                let Some(hold_id) = self.holds.get(hold) else { return Ok(Made::Nothing) };
                let (reason, stamp) = (ReleaseReason::Cancelled, self.stamp(Who::Decider));
                hold::release(tx, *hold_id, reason, &stamp).await.unwrap();
                Ok(Made::Nothing)
            }
            Operation::Days(days) => {
                self.today += days;
                Ok(Made::Nothing)
            }
            Operation::TopUp { .. }
            | Operation::GiveBack { .. }
            | Operation::Transfer { .. }
            | Operation::CarryOver { .. }
            | Operation::Supersede { .. } => self.change(tx, step).await,
            Operation::Again => unreachable!("it was replaced by the step before"),
        }
    }

    async fn hold(&self, tx: &mut PgConnection, grant: usize, seconds: i64) -> Played {
        let Some(&(grant_id, project, pool_id)) = self.grants.get(grant) else {
            return Ok(Made::Nothing);
        };
        let ended = crate::grant::by_id(tx, grant_id).await.unwrap().unwrap().end;
        if ended.is_some() {
            return Ok(Made::Nothing); // The admission refuses.
        }
        let class = pool::by_id(tx, pool_id).await.unwrap().unwrap().class;
        let class = CLASSES.iter().position(|known| *known == class).unwrap();
        let payer = Payer {
            agency_id: self.world.agency_ids[AGENCY_OF_PROJECT[project]],
            project_id: self.world.project_ids[project],
        };
        let place = Place {
            hold_id: self.ids[0],
            attempt_id: self.ids[1],
            payer,
            grant_ids: vec![grant_id],
            gpu_seconds: time(seconds),
            rate_id: self.world.rate_ids[class],
            expires_at: self.now() + TimeDelta::days(1_000),
        };
        let placed = hold::place(tx, &place, &self.stamp(Who::Insider)).await;
        placed.map(|_| Made::Hold).map_err(|refused| refused.code())
    }

    fn remember(&mut self, made: &Made) {
        match *made {
            Made::Nothing => {}
            Made::Fund => self.funds.push(self.ids[0]),
            Made::Pool => self.pools.push(self.ids[0]),
            Made::Mode => self.modes.push(self.ids[0]),
            Made::Grant { project, pool_id } => self.grants.push((self.ids[0], project, pool_id)),
            Made::Hold => self.holds.push(self.ids[0]),
        }
    }

    /// Where everything that the history made stands now.
    pub(super) async fn standing(&self, tx: &mut PgConnection) -> Standing {
        let grant_ids: Vec<Uuid> = self.grants.iter().map(|grant| grant.0).collect();
        let owner_ids = [&self.funds[..], &self.pools, &grant_ids].concat();
        let rows = sqlx::query(
            "select a.owner_id, a.kind::text, a.unit::text, b.amount
             from accounting.account a join accounting.balance b using (account_id)
             where a.owner_id = any($1)",
        )
        .bind(&owner_ids)
        .fetch_all(&mut *tx)
        .await
        .unwrap();
        let amounts: HashMap<(Uuid, String, String), i64> =
            rows.iter().map(|row| ((row.get(0), row.get(1), row.get(2)), row.get(3))).collect();
        let amount = |owner_id: &Uuid, kind: &str, unit: &str| {
            amounts[&(*owner_id, kind.to_owned(), unit.to_owned())]
        };
        let both = |owner_id: &Uuid, kind| {
            (amount(owner_id, kind, "gpu_seconds"), amount(owner_id, kind, "micro_sek"))
        };
        let ends = self.ends(tx, &grant_ids).await;
        let grant = |grant_id: &Uuid| {
            (both(grant_id, "free"), both(grant_id, "held"), ends.get(grant_id).copied())
        };
        Standing {
            funds: self.funds.iter().map(|fund| amount(fund, "fund", "micro_sek")).collect(),
            pools: self.pools.iter().map(|pool| amount(pool, "pool", "gpu_seconds")).collect(),
            grants: grant_ids.iter().map(grant).collect(),
            agencies: self.agencies(tx).await,
        }
    }

    async fn ends(&self, tx: &mut PgConnection, grant_ids: &[Uuid]) -> HashMap<Uuid, Ending> {
        let rows = sqlx::query(
            "select grant_id, ending = 'expired' from quotas.grant_end where grant_id = any($1)",
        )
        .bind(grant_ids)
        .fetch_all(tx)
        .await
        .unwrap();
        let ending = |is_expired| if is_expired { Ending::Expired } else { Ending::Superseded };
        rows.iter().map(|row| (row.get(0), ending(row.get(1)))).collect()
    }

    /// What the second defence of the shares reckons, without the ledger.
    async fn agencies(&self, tx: &mut PgConnection) -> Vec<[i64; 3]> {
        let [one, two, three] = self.world.agency_ids;
        let rows = sqlx::query(
            "select quotas.granted_to_agency(p, $2), quotas.granted_to_agency(p, $3),
                 quotas.granted_to_agency(p, $4)
             from unnest($1::uuid[]) with ordinality as pool (p, place) order by place",
        )
        .bind(&self.pools)
        .bind(one)
        .bind(two)
        .bind(three)
        .fetch_all(tx)
        .await
        .unwrap();
        rows.iter().map(|row| [row.get(0), row.get(1), row.get(2)]).collect()
    }

    fn now(&self) -> DateTime<Utc> {
        self.on_day(0)
    }

    /// So many days from today.
    fn on_day(&self, days: i64) -> DateTime<Utc> {
        now() + TimeDelta::days(self.today + days)
    }

    fn person(&self, who: Who) -> Uuid {
        match who {
            Who::Decider | Who::Mute => self.world.decider,
            Who::Operator => self.world.operator,
            Who::Insider => self.world.insider,
        }
    }

    fn stamp(&self, who: Who) -> Stamp<'static> {
        Stamp {
            actor: Actor::Person(self.person(who)),
            now: self.now(),
            why: (who != Who::Mute).then_some("it serves the patients of the region"),
            trace_id: Uuid::nil(),
        }
    }
}

/// The id at a place, or nobody's.
fn place(ids: &[Uuid], place: usize) -> Uuid {
    ids.get(place).copied().unwrap_or(Uuid::nil())
}

fn time(seconds: i64) -> GpuSeconds {
    GpuSeconds::new(seconds).unwrap()
}

fn money(usek: i64) -> MicroSek {
    MicroSek::new(usek).unwrap()
}
