//! Funds, pools, modes and grants of a history.

use sqlx::PgConnection;

use super::{CLASSES, Made, Operation, Played, Player, Who, money, place, time};
use crate::{
    access_mode::{self, NewAccessMode},
    decision::{self, Approve, Criterion, NewGrant, Score},
    fixture::day,
    fund::{self, NewFund},
    pool::{self, AllocationUnit, NewPool},
    request::{self, NewRequest, Pattern},
};

impl Player<'_> {
    pub(super) async fn lay_out(&self, tx: &mut PgConnection, step: &Operation) -> Played {
        let stamp = self.stamp(Who::Operator);
        match *step {
            Operation::Fund { purpose, ceiling, carry_over_ppm, days } => {
                let new = NewFund {
                    fund_id: self.ids[0],
                    name: "A fund".to_owned(),
                    purpose,
                    ceiling: money(ceiling),
                    conditions: String::new(),
                    envelope: None,
                    carry_over_ppm,
                    valid_from: day(2, 1),
                    valid_until: self.on_day(days),
                };
                let created = fund::create(tx, &new, &stamp).await;
                created.map(|_| Made::Fund).map_err(|refused| refused.code())
            }
            Operation::Pool { fund, class, size, factor_ppm, days } => {
                let new = NewPool {
                    pool_id: self.ids[0],
                    fund_id: place(&self.funds, fund),
                    cluster: "mimer".to_owned(),
                    class: CLASSES[class].to_owned(),
                    gpu_type: CLASSES[class].to_owned(),
                    gpus_per_node: 8,
                    partition: "gpu".to_owned(),
                    gpu_seconds: time(size),
                    unit: AllocationUnit::Gpu,
                    over_allocation_ppm: factor_ppm,
                    valid_from: day(2, 1),
                    valid_until: self.on_day(days),
                    opens_at: None,
                };
                let created = pool::create(tx, &new, &stamp).await;
                created.map(|_| Made::Pool).map_err(|refused| refused.code())
            }
            Operation::Mode { fund, least, most, days } => {
                let new = NewAccessMode {
                    access_mode_id: self.ids[0],
                    fund_id: place(&self.funds, fund),
                    name: self.ids[0].to_string(),
                    min_gpu_seconds: time(least),
                    max_gpu_seconds: time(most),
                    max_days: days,
                };
                let created = access_mode::create(tx, &new, &stamp).await;
                created.map(|_| Made::Mode).map_err(|refused| refused.code())
            }
            _ => unreachable!("{step:?} lays nothing out"),
        }
    }

    /// Asks for a grant and decides on it.
    pub(super) async fn grant(&self, tx: &mut PgConnection, step: &Operation) -> Played {
        let Operation::Grant { project, pool, mode, amount, days, who } = *step else {
            unreachable!("{step:?} grants nothing");
        };
        let [grant_id, request_id, decision_id] = self.ids;
        let (pool_id, gpu_seconds) = (place(&self.pools, pool), time(amount.0));
        let (from, until) = (self.now(), self.on_day(days));
        let offered = pool::by_id(tx, pool_id).await.unwrap();
        let asked = NewRequest {
            request_id,
            project_id: self.world.project_ids[project],
            requested_by: self.world.requester,
            purpose: "A model".to_owned(),
            class: offered.map_or(CLASSES[0].to_owned(), |pool| pool.class),
            gpu_seconds: time(amount.0),
            gpus_at_once: 1,
            longest_run_s: 1,
            from,
            until,
            pattern: Pattern::ComputeToData,
            access_mode_id: mode.map(|mode| place(&self.modes, mode)),
        };
        let mut stamp = self.stamp(who);
        let of_requester =
            record::Stamp { actor: record::Actor::Person(self.world.requester), ..stamp };
        request::submit(tx, &asked, &of_requester).await.map_err(|refused| refused.code())?;
        let score = |criterion| Score { criterion, points: 4 };
        let decided_by = self.person(who);
        stamp.actor = record::Actor::Person(decided_by);
        let approval = Approve {
            decision_id,
            request_id,
            decided_by,
            scores: vec![score(Criterion::SocietalBenefit), score(Criterion::Security)],
            grant: NewGrant {
                grant_id,
                pool_id,
                gpu_seconds,
                usek: money(amount.1),
                valid_from: from,
                valid_until: until,
                max_wall_time_s: 1,
                max_gpus: 1,
            },
        };
        let granted = decision::approve(tx, &approval, &stamp).await;
        granted.map(|_| Made::Grant { project, pool_id }).map_err(|refused| refused.code())
    }
}
