//! What the store tests begin with: a database with every schema, and an agency that has asked.

use chrono::{DateTime, Utc};
use record::{Actor, GpuSeconds, MicroSek, Stamp, id};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    agency::{self, Category, NewAgency},
    decision::{self, Approve, Criterion, NewGrant, Score},
    fund::{self, FundPurpose, NewFund},
    grant::Grant,
    permit::NewPermit,
    pool::{self, AllocationUnit, NOT_OVER_ALLOCATED_PPM, NewPool},
    project::{self, DataClass, NewProject},
    request::{self, NewRequest, Pattern},
};

/// Organisation numbers with a right check digit, for agencies that must differ.
pub(crate) const NUMBERS: [&str; 2] = ["202100-0837", "212000-0142"];

/// The second half of 2027, in days of its months: `day(7, 1)` is the first of July at noon.
pub(crate) fn day(month: u32, day: u32) -> DateTime<Utc> {
    format!("2027-{month:02}-{day:02}T12:00:00Z").parse().unwrap()
}

/// The instant the tests live at.
pub(crate) fn now() -> DateTime<Utc> {
    day(7, 1)
}

/// A stamp of `person_id` with a reason.
pub(crate) fn by(person_id: Uuid) -> Stamp<'static> {
    Stamp {
        actor: Actor::Person(person_id),
        now: now(),
        why: Some("it serves the patients of the region"),
        trace_id: Uuid::nil(),
    }
}

/// Migrates an empty database.
pub(crate) async fn migrate(db: &PgPool) {
    for migrator in [&record::MIGRATOR, &accounting::MIGRATOR, &crate::MIGRATOR] {
        migrator.run(db).await.unwrap();
    }
}

/// The people and things of one confidential project of a public body with an open request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    pub(crate) operator: Uuid,
    pub(crate) requester: Uuid,
    pub(crate) member: Uuid,
    pub(crate) decider: Uuid,
    pub(crate) controller: Uuid,
    pub(crate) agency_id: Uuid,
    pub(crate) project_id: Uuid,
    pub(crate) fund_id: Uuid,
    pub(crate) pool_id: Uuid,
    pub(crate) request_id: Uuid,
}

impl Site {
    /// Lays out a fund and a pool until the end of the year, and a request for 100 GPU-hours.
    pub(crate) async fn lay_out(db: &PgPool, category: Category) -> Self {
        migrate(db).await;
        let site = Self {
            operator: id::fresh(),
            requester: id::fresh(),
            member: id::fresh(),
            decider: id::fresh(),
            controller: id::fresh(),
            agency_id: id::fresh(),
            project_id: id::fresh(),
            fund_id: id::fresh(),
            pool_id: id::fresh(),
            request_id: id::fresh(),
        };
        let mut tx = db.begin().await.unwrap();
        let (operator, requester) = (by(site.operator), by(site.requester));
        fund::create(&mut tx, &site.new_fund(), &operator).await.unwrap();
        pool::create(&mut tx, &site.new_pool(), &operator).await.unwrap();
        agency::create(&mut tx, &site.new_agency(category), &operator).await.unwrap();
        project::create(&mut tx, &site.new_project(), &requester).await.unwrap();
        site.joins(&mut tx, site.member).await;
        request::submit(&mut tx, &site.new_request(), &requester).await.unwrap();
        tx.commit().await.unwrap();
        site
    }

    pub(crate) async fn joins(&self, tx: &mut PgConnection, person_id: Uuid) {
        project::add_member(tx, self.project_id, person_id, &by(self.requester)).await.unwrap();
    }

    pub(crate) fn new_agency(&self, category: Category) -> NewAgency {
        NewAgency {
            agency_id: self.agency_id,
            name: "Region Mitt".to_owned(),
            organisation_number: NUMBERS[0].parse().unwrap(),
            category,
        }
    }

    /// 1 000 SEK for the public sector until the end of the year.
    pub(crate) fn new_fund(&self) -> NewFund {
        NewFund {
            fund_id: self.fund_id,
            name: "Public sector 2027".to_owned(),
            purpose: FundPurpose::PublicSector,
            ceiling: MicroSek::new(1_000 * MicroSek::KRONA.get()).unwrap(),
            conditions: "For authorities, regions and municipalities.".to_owned(),
            envelope: None,
            carry_over_ppm: 0,
            valid_from: day(2, 1),
            valid_until: day(12, 31),
        }
    }

    /// 1 000 GPU-hours until the end of November.
    pub(crate) fn new_pool(&self) -> NewPool {
        NewPool {
            pool_id: self.pool_id,
            fund_id: self.fund_id,
            cluster: "mimer".to_owned(),
            class: "h200".to_owned(),
            gpu_type: "h200".to_owned(),
            gpus_per_node: 8,
            partition: "confidential".to_owned(),
            gpu_seconds: GpuSeconds::new(1_000 * 3_600).unwrap(),
            unit: AllocationUnit::Gpu,
            over_allocation_ppm: NOT_OVER_ALLOCATED_PPM,
            valid_from: day(2, 1),
            valid_until: day(11, 30),
            opens_at: Some(day(3, 1)),
        }
    }

    pub(crate) fn new_project(&self) -> NewProject {
        NewProject {
            project_id: self.project_id,
            agency_id: self.agency_id,
            slug: "stroke-2027".parse().unwrap(),
            title: "Stroke prediction".to_owned(),
            data_class: DataClass::Confidential,
            controller_person_id: self.controller,
            slurm_account: "public_stroke".parse().unwrap(),
        }
    }

    pub(crate) fn new_request(&self) -> NewRequest {
        NewRequest {
            request_id: self.request_id,
            project_id: self.project_id,
            requested_by: self.requester,
            purpose: "Train a model that predicts stroke".to_owned(),
            class: "h200".to_owned(),
            gpu_seconds: GpuSeconds::new(100 * 3_600).unwrap(),
            gpus_at_once: 4,
            longest_run_s: 24 * 3_600,
            from: day(7, 1),
            until: day(9, 30),
            pattern: Pattern::DataToCompute,
            access_mode_id: None,
        }
    }

    pub(crate) fn new_permit(&self) -> NewPermit {
        NewPermit {
            permit_id: id::fresh(),
            project_id: self.project_id,
            issuer: "Health data access body".to_owned(),
            reference: "HDAB 2027/17".to_owned(),
            purpose: "stroke prediction".to_owned(),
            datasets: vec!["stroke-register".to_owned()],
            person_ids: vec![self.member],
            environment_names: vec!["MONA".to_owned()],
            valid_from: day(6, 1),
            valid_until: day(12, 1),
            grace_s: 900,
        }
    }

    /// Another agency with a project and a request of its own; operator, decider and pool are shared.
    pub(crate) async fn beside(&self, tx: &mut PgConnection) -> Self {
        let other = Self {
            requester: id::fresh(),
            member: id::fresh(),
            controller: id::fresh(),
            agency_id: id::fresh(),
            project_id: id::fresh(),
            request_id: id::fresh(),
            ..*self
        };
        let organisation_number = NUMBERS[1].parse().unwrap();
        let agency = NewAgency { organisation_number, ..other.new_agency(Category::PublicBody) };
        let project = NewProject {
            slug: "other-2027".parse().unwrap(),
            slurm_account: "public_other".parse().unwrap(),
            ..other.new_project()
        };
        agency::create(tx, &agency, &by(other.operator)).await.unwrap();
        project::create(tx, &project, &by(other.requester)).await.unwrap();
        other.joins(tx, other.member).await;
        request::submit(tx, &other.new_request(), &by(other.requester)).await.unwrap();
        other
    }

    /// A further grant of the project, of 100 GPU-hours and 200 SEK unless `change` makes it another;
    /// the request asks for the pool's class.
    pub(crate) async fn granted(
        &self,
        tx: &mut PgConnection,
        change: impl FnOnce(&mut NewGrant),
    ) -> Grant {
        let mut approval = Approve { request_id: id::fresh(), ..self.approval() };
        approval.grant.usek = MicroSek::new(200 * MicroSek::KRONA.get()).unwrap();
        change(&mut approval.grant);
        let pool = pool::by_id(tx, approval.grant.pool_id).await.unwrap().unwrap();
        let request_id = approval.request_id;
        let asked = NewRequest { request_id, class: pool.class, ..self.new_request() };
        request::submit(tx, &asked, &by(self.requester)).await.unwrap();
        decision::approve(tx, &approval, &by(self.decider)).await.unwrap()
    }

    /// An approval that nothing speaks against.
    pub(crate) fn approval(&self) -> Approve {
        let score = |criterion| Score { criterion, points: 4 };
        Approve {
            decision_id: id::fresh(),
            request_id: self.request_id,
            decided_by: self.decider,
            scores: vec![score(Criterion::SocietalBenefit), score(Criterion::Security)],
            grant: NewGrant {
                grant_id: id::fresh(),
                pool_id: self.pool_id,
                gpu_seconds: GpuSeconds::new(100 * 3_600).unwrap(),
                usek: MicroSek::new(500 * MicroSek::KRONA.get()).unwrap(),
                valid_from: day(7, 1),
                valid_until: day(9, 30),
                max_wall_time_s: 24 * 3_600,
                max_gpus: 4,
            },
        }
    }
}

/// The actions in the audit trail about one subject, oldest first.
pub(crate) async fn trail(tx: &mut PgConnection, subject_id: Uuid) -> Vec<String> {
    sqlx::query_scalar("select action from record.audit where subject_id = $1 order by audit_id")
        .bind(subject_id)
        .fetch_all(tx)
        .await
        .unwrap()
}

/// The name of the constraint that refused, where one did.
pub(crate) fn constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().and_then(|error| error.constraint())
}
