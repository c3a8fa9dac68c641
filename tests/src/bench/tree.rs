//! A quota tree of any size: agencies, their projects, and grants from one fund and one pool.

use accounting::rate_card::{self, NewRate, NewRateCard};
use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use quotas::agency::{self, Category, NewAgency};
use quotas::decision::{self, Approve, Criterion, NewGrant, Score};
use quotas::fund::{self, FundPurpose, NewFund};
use quotas::pool::{self, AllocationUnit, NOT_OVER_ALLOCATED_PPM, NewPool};
use quotas::project::{self, DataClass, NewProject};
use quotas::request::{self, NewRequest, Pattern};
use record::{Actor, GpuSeconds, MicroSek, Stamp, id};
use sqlx::PgConnection;
use uuid::Uuid;

use super::ground::{CLUSTER, Ground};

/// The class, its GPU type, and the partition of its pool.
pub(super) const CLASS: &str = "h200";
const PARTITION: &str = "gpu";
const LOGIN: &str = "anna";

/// How large a tree is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) agencies: usize,
    pub(super) projects: usize,
    /// In each project.
    pub(super) grants: usize,
}

/// A tree that stands.
pub(super) struct Tree {
    /// Member of every project.
    pub(super) person_id: Uuid,
    pub(super) project_ids: Vec<Uuid>,
}

/// Who does what while it grows.
struct Gardener {
    now: DateTime<Utc>,
    operator: Uuid,
    decider: Uuid,
    person_id: Uuid,
    controller: Uuid,
    pool_id: Uuid,
}

impl Tree {
    /// Grows a tree; every grant has room for far more than any bench holds.
    pub(super) async fn grow(ground: &Ground, size: Size) -> Result<Self> {
        let gardener = Gardener {
            now: ground.app.clock.now(),
            operator: id::fresh(),
            decider: id::fresh(),
            person_id: id::fresh(),
            controller: id::fresh(),
            pool_id: id::fresh(),
        };
        let mut tx = ground.app.db.begin().await?;
        record::person::remember(&mut tx, gardener.person_id, LOGIN, "Anna").await?;
        gardener.lay_out(&mut tx, size).await?;
        let mut agencies = Vec::new();
        for number in 0..size.agencies {
            agencies.push(gardener.agency(&mut tx, number).await?);
        }
        tx.commit().await?;

        let (mut project_ids, mut slugs) = (Vec::new(), Vec::new());
        for (number, agency_id) in (0..size.projects).zip(agencies.iter().cycle()) {
            let mut tx = ground.app.db.begin().await?;
            let slug = format!("project-{number}");
            let project_id = gardener.project(&mut tx, *agency_id, &slug).await?;
            for _ in 0..size.grants {
                gardener.grant(&mut tx, project_id).await?;
            }
            tx.commit().await?;
            project_ids.push(project_id);
            slugs.push(slug);
        }
        ground.write_accounts(LOGIN, &slugs)?;
        ground.tell_the_planner().await?;
        Ok(Self { person_id: gardener.person_id, project_ids })
    }
}

/// What one grant gives: two million GPU-hours and as many kronor.
const GRANT: i64 = 2_000_000;

impl Gardener {
    fn stamp(&self, person_id: Uuid) -> Stamp<'static> {
        Stamp {
            actor: Actor::Person(person_id),
            now: self.now,
            why: Some("it serves the bench"),
            trace_id: Uuid::nil(),
        }
    }

    fn window(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        (self.now - TimeDelta::days(1), self.now + TimeDelta::days(365))
    }

    async fn lay_out(&self, tx: &mut PgConnection, size: Size) -> Result<()> {
        let grants = i64::try_from(size.projects * size.grants)?;
        let ((valid_from, valid_until), operator) = (self.window(), self.stamp(self.operator));
        let fund_id = id::fresh();
        let new = NewFund {
            fund_id,
            name: "Public sector".to_owned(),
            purpose: FundPurpose::PublicSector,
            ceiling: kronor(GRANT * grants)?,
            conditions: String::new(),
            envelope: None,
            carry_over_ppm: 0,
            valid_from,
            valid_until,
        };
        fund::create(tx, &new, &operator).await?;
        let new = NewPool {
            pool_id: self.pool_id,
            fund_id,
            cluster: CLUSTER.to_owned(),
            class: CLASS.to_owned(),
            gpu_type: CLASS.to_owned(),
            gpus_per_node: 8,
            partition: PARTITION.to_owned(),
            gpu_seconds: hours(GRANT * grants)?,
            unit: AllocationUnit::Gpu,
            over_allocation_ppm: NOT_OVER_ALLOCATED_PPM,
            valid_from,
            valid_until,
            opens_at: None,
        };
        pool::create(tx, &new, &operator).await?;
        let card = NewRateCard {
            rate_card_id: id::fresh(),
            name: "Bench".to_owned(),
            valid_from,
            valid_until: None,
            charges_node_failure: false,
            rates: vec![NewRate {
                rate_id: id::fresh(),
                class: CLASS.to_owned(),
                partition: PARTITION.to_owned(),
                category: "any".to_owned(),
                price_usek_per_gpu_hour: 1_000_000,
                factor_ppm: 1_000_000,
            }],
        };
        rate_card::publish(tx, &card, &operator).await?;
        Ok(())
    }

    async fn agency(&self, tx: &mut PgConnection, number: usize) -> Result<Uuid> {
        // One of ten last digits is the check digit.
        let mut numbers =
            (0..10).filter_map(|digit| format!("21{number:04}-{:03}{digit}", 1).parse().ok());
        let new = NewAgency {
            agency_id: id::fresh(),
            name: format!("Agency {number}"),
            organisation_number: numbers.next().context("one digit is right")?,
            category: Category::PublicBody,
        };
        agency::create(tx, &new, &self.stamp(self.operator)).await?;
        Ok(new.agency_id)
    }

    async fn project(&self, tx: &mut PgConnection, agency_id: Uuid, slug: &str) -> Result<Uuid> {
        let stamp = self.stamp(self.person_id);
        let new = NewProject {
            project_id: id::fresh(),
            agency_id,
            slug: slug.parse()?,
            title: slug.to_owned(),
            data_class: DataClass::Open,
            controller_person_id: self.controller,
            slurm_account: format!("pub_{}", slug.replace('-', "_")).parse()?,
        };
        project::create(tx, &new, &stamp).await?;
        project::add_member(tx, new.project_id, self.person_id, &stamp).await?;
        Ok(new.project_id)
    }

    async fn grant(&self, tx: &mut PgConnection, project_id: Uuid) -> Result<()> {
        let (from, until) = (self.now - TimeDelta::minutes(1), self.now + TimeDelta::days(300));
        let new = NewRequest {
            request_id: id::fresh(),
            project_id,
            requested_by: self.person_id,
            purpose: "Measure".to_owned(),
            class: CLASS.to_owned(),
            gpu_seconds: hours(GRANT)?,
            gpus_at_once: 8,
            longest_run_s: 24 * 3_600,
            from,
            until,
            pattern: Pattern::DataToCompute,
            access_mode_id: None,
        };
        request::submit(tx, &new, &self.stamp(self.person_id)).await?;
        let score = |criterion| Score { criterion, points: 4 };
        let approve = Approve {
            decision_id: id::fresh(),
            request_id: new.request_id,
            decided_by: self.decider,
            scores: vec![score(Criterion::SocietalBenefit), score(Criterion::Security)],
            grant: NewGrant {
                grant_id: id::fresh(),
                pool_id: self.pool_id,
                gpu_seconds: new.gpu_seconds,
                usek: kronor(GRANT)?,
                valid_from: from,
                valid_until: until,
                max_wall_time_s: new.longest_run_s,
                max_gpus: new.gpus_at_once,
            },
        };
        decision::approve(tx, &approve, &self.stamp(self.decider)).await?;
        Ok(())
    }
}

fn hours(hours: i64) -> Result<GpuSeconds> {
    GpuSeconds::new(hours * 3_600).context("an amount is never negative")
}

fn kronor(kronor: i64) -> Result<MicroSek> {
    MicroSek::new(kronor * MicroSek::KRONA.get()).context("an amount is never negative")
}
