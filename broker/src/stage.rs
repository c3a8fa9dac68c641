//! What the tests of this crate begin with: every schema, one project with a grant, and a Slurm that
//! says what it is told to say.

mod policy;
mod slurm;

use std::path::PathBuf;

use accounting::ledger;
use accounting::rate_card::{self, NewRate, NewRateCard};
use chrono::{DateTime, TimeDelta, Utc};
use quotas::agency::{self, Category, NewAgency};
use quotas::decision::{self, Approve, Criterion, NewGrant, Score};
use quotas::fund::{self, FundPurpose, NewFund};
use quotas::pool::{self, AllocationUnit, NewPool};
use quotas::project::{self, DataClass, NewProject};
use quotas::request::{self, NewRequest, Pattern};
use record::{Actor, Clock, GpuSeconds, MicroSek, Stamp, id};
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

pub(crate) use policy::account as account_row;
pub(crate) use slurm::{Slurm, job_row, record_of, run_record};

use crate::app::App;
use crate::config::Keep;
use crate::plan::attempt::{self, Attempt, AttemptState};
use crate::plan::{self, Admission, Ask, PlanError};

/// Brings an empty database up to this release.
pub(crate) async fn migrate(db: &PgPool) {
    for migrator in [
        &record::MIGRATOR,
        &accounting::MIGRATOR,
        &quotas::MIGRATOR,
        &staging::MIGRATOR,
        &crate::MIGRATOR,
    ] {
        migrator.run(db).await.unwrap();
    }
}

/// A pool whose `count` connections are open already, so that racers start at one instant.
pub(crate) async fn wide(db: &PgPool, count: u32) -> PgPool {
    let options = PgPoolOptions::new().min_connections(count).max_connections(count);
    options.connect_with((*db.connect_options()).clone()).await.unwrap()
}

/// `day(7, 1)` is the first of July 2027 at noon.
pub(crate) fn day(month: u32, day: u32) -> DateTime<Utc> {
    format!("2027-{month:02}-{day:02}T12:00:00Z").parse().unwrap()
}

/// A stamp of a person, with a reason.
pub(crate) fn by(person_id: Uuid, now: DateTime<Utc>) -> Stamp<'static> {
    Stamp {
        actor: Actor::Person(person_id),
        now,
        why: Some("it serves the patients of the region"),
        trace_id: Uuid::nil(),
    }
}

/// One open project with a grant of 100 GPU-hours, on the first of July 2027.
pub(crate) struct Stage {
    pub(crate) app: App,
    pub(crate) slurm: Slurm,
    pub(crate) person_id: Uuid,
    pub(crate) controller: Uuid,
    pub(crate) project_id: Uuid,
    pub(crate) grant_id: Uuid,
    dir: tempfile::TempDir,
}

impl Stage {
    pub(crate) async fn set(db: &PgPool) -> Self {
        migrate(db).await;
        let dir = tempfile::tempdir().unwrap();
        let slurm = Slurm::listen(&dir.path().join("gateway.sock"));
        let app = app(db, dir.path());
        let stage = Self {
            app,
            slurm,
            person_id: id::fresh(),
            controller: id::fresh(),
            project_id: id::fresh(),
            grant_id: id::fresh(),
            dir,
        };
        let mut tx = db.begin().await.unwrap();
        record::person::remember(&mut tx, stage.person_id, "anna", "Anna").await.unwrap();
        stage.lay_out(&mut tx).await;
        tx.commit().await.unwrap();
        stage
    }

    /// The stage with its Slurm kept so.
    pub(crate) fn keep(&mut self, keep: Keep) {
        let mut config = (*self.app.config).clone();
        config.clusters[0].keep = keep;
        self.app = App::new(config, self.app.db.clone(), self.app.clock.clone()).unwrap();
    }

    /// A second cluster in the configuration, with a gateway that nobody is behind yet.
    pub(crate) fn adds_cluster(&mut self, name: &str) -> PathBuf {
        let mut config = (*self.app.config).clone();
        let socket = self.dir.path().join(format!("{name}.sock"));
        let mut cluster = config.clusters[0].clone();
        (cluster.name, cluster.gateway_socket) = (name.to_owned(), Some(socket.clone()));
        cluster.deadline_s = 600; // Longer than any test: nothing is given up because it is slow.
        config.clusters.push(cluster);
        self.app = App::new(config, self.app.db.clone(), self.app.clock.clone()).unwrap();
        socket
    }

    /// From now on every pool is on that cluster.
    pub(crate) async fn pools_are_on(&self, cluster: &str) {
        let moved = sqlx::query("update quotas.pool set cluster = $1").bind(cluster);
        moved.execute(&self.app.db).await.unwrap();
    }

    async fn lay_out(&self, tx: &mut PgConnection) {
        let (operator, decider) = (by(id::fresh(), day(6, 1)), id::fresh());
        let (fund_id, pool_id, agency_id) = (id::fresh(), id::fresh(), id::fresh());
        let new = NewFund {
            fund_id,
            name: "Public sector 2027".to_owned(),
            purpose: FundPurpose::PublicSector,
            ceiling: MicroSek::new(1_000 * MicroSek::KRONA.get()).unwrap(),
            conditions: String::new(),
            envelope: None,
            carry_over_ppm: 0,
            valid_from: day(2, 1),
            valid_until: day(12, 31),
        };
        fund::create(tx, &new, &operator).await.unwrap();
        let new = NewPool {
            pool_id,
            fund_id,
            cluster: "mimer".to_owned(),
            class: "h200".to_owned(),
            gpu_type: "h200".to_owned(),
            gpus_per_node: 8,
            partition: "gpu".to_owned(),
            gpu_seconds: GpuSeconds::new(1_000 * 3_600).unwrap(),
            unit: AllocationUnit::Gpu,
            over_allocation_ppm: pool::NOT_OVER_ALLOCATED_PPM,
            valid_from: day(2, 1),
            valid_until: day(11, 30),
            opens_at: None,
        };
        pool::create(tx, &new, &operator).await.unwrap();
        let card = NewRateCard {
            rate_card_id: id::fresh(),
            name: "2027".to_owned(),
            valid_from: day(1, 1),
            valid_until: None,
            charges_node_failure: false,
            rates: vec![NewRate {
                rate_id: id::fresh(),
                class: "h200".to_owned(),
                partition: "gpu".to_owned(),
                category: "any".to_owned(),
                price_usek_per_gpu_hour: 3_600_000,
                factor_ppm: 1_000_000,
            }],
        };
        rate_card::publish(tx, &card, &operator).await.unwrap();
        let new = NewAgency {
            agency_id,
            name: "Region Mitt".to_owned(),
            organisation_number: "202100-0837".parse().unwrap(),
            category: Category::PublicBody,
        };
        agency::create(tx, &new, &operator).await.unwrap();
        let anna = by(self.person_id, day(6, 1));
        let new = NewProject {
            project_id: self.project_id,
            agency_id,
            slug: "stroke-2027".parse().unwrap(),
            title: "Stroke prediction".to_owned(),
            data_class: DataClass::Open,
            controller_person_id: self.controller,
            slurm_account: "public_stroke".parse().unwrap(),
        };
        project::create(tx, &new, &anna).await.unwrap();
        project::add_member(tx, self.project_id, self.person_id, &anna).await.unwrap();
        let new = self.request();
        request::submit(tx, &new, &anna).await.unwrap();
        let score = |criterion| Score { criterion, points: 4 };
        let approve = Approve {
            decision_id: id::fresh(),
            request_id: new.request_id,
            decided_by: decider,
            scores: vec![score(Criterion::SocietalBenefit), score(Criterion::Security)],
            grant: NewGrant {
                grant_id: self.grant_id,
                pool_id,
                gpu_seconds: new.gpu_seconds,
                usek: MicroSek::new(500 * MicroSek::KRONA.get()).unwrap(),
                valid_from: new.from,
                valid_until: new.until,
                max_wall_time_s: new.longest_run_s,
                max_gpus: new.gpus_at_once,
            },
        };
        decision::approve(tx, &approve, &by(decider, day(6, 2))).await.unwrap();
    }

    fn request(&self) -> NewRequest {
        NewRequest {
            request_id: id::fresh(),
            project_id: self.project_id,
            requested_by: self.person_id,
            purpose: "Train a model that predicts stroke".to_owned(),
            class: "h200".to_owned(),
            gpu_seconds: GpuSeconds::new(100 * 3_600).unwrap(),
            gpus_at_once: 4,
            longest_run_s: 24 * 3_600,
            from: day(6, 15),
            until: day(9, 30),
            pattern: Pattern::DataToCompute,
            access_mode_id: None,
        }
    }

    /// Two GPUs for ten minutes.
    pub(crate) fn ask(&self) -> Ask {
        Ask {
            job_plan_id: id::fresh(),
            project_id: self.project_id,
            person_id: self.person_id,
            name: "train".to_owned(),
            script: "#!/bin/sh\ntrue\n".to_owned(),
            gpu_count: 2,
            wall_time_s: 600,
            class: "h200".to_owned(),
            link_ids: vec![],
            task_count: 1,
            tasks_at_once: None,
            begin_at: None,
            after: vec![],
        }
    }

    /// Sends a plan as the API would.
    pub(crate) async fn submit(&self, ask: &Ask) -> Result<Admission, PlanError> {
        let mut tx = self.app.db.begin().await?;
        let stamp = by(self.person_id, self.app.clock.now());
        let rules = (&*self.app.config, &self.app.clusters);
        let admission = plan::submit(&mut tx, rules, ask, &stamp).await?;
        tx.commit().await?;
        Ok(admission)
    }

    /// An attempt that stands at `state`, with what Slurm was asked to submit for it.
    pub(crate) async fn attempt_at(&self, state: AttemptState) -> Attempt {
        let admission = self.submit(&self.ask()).await.unwrap();
        let mut connection = self.app.db.acquire().await.unwrap();
        if state > AttemptState::Admitted {
            let now = self.app.clock.now();
            attempt::queued(&mut connection, admission.attempt_id, now).await.unwrap();
            attempt::advance(&mut connection, admission.attempt_id, state).await.unwrap();
            sqlx::query("update broker.outbox set done_at = $1")
                .bind(now)
                .execute(&mut *connection)
                .await
                .unwrap();
        }
        attempt::by_id(&mut connection, admission.attempt_id).await.unwrap()
    }

    pub(crate) async fn state_of(&self, attempt: &Attempt) -> AttemptState {
        let mut connection = self.app.db.acquire().await.unwrap();
        attempt::by_id(&mut connection, attempt.attempt_id).await.unwrap().state
    }

    /// GPU-seconds of the grant that are (held, settled).
    pub(crate) async fn held_and_settled(&self) -> (i64, i64) {
        let mut connection = self.app.db.acquire().await.unwrap();
        let balance = ledger::balance_of_grant(&mut connection, self.grant_id).await.unwrap();
        (balance.held.get(), balance.settled.get())
    }

    /// How many rows of the audit trail tell of `action`.
    pub(crate) async fn told(&self, action: &str) -> i64 {
        sqlx::query_scalar("select count(*) from record.audit where action = $1")
            .bind(action)
            .fetch_one(&self.app.db)
            .await
            .unwrap()
    }

    /// How many effects of that name wait to be carried out.
    pub(crate) async fn waiting(&self, effect: &str) -> i64 {
        sqlx::query_scalar(
            "select count(*) from broker.outbox where effect->>'effect' = $1 and done_at is null",
        )
        .bind(effect)
        .fetch_one(&self.app.db)
        .await
        .unwrap()
    }

    pub(crate) fn wait_s(&self, seconds: i64) {
        self.app.clock.advance(TimeDelta::seconds(seconds));
    }
}

fn app(db: &PgPool, dir: &std::path::Path) -> App {
    let accounts = dir.join("accounts.toml");
    let area = dir.join("area");
    std::fs::write(
        &accounts,
        format!(
            "[[account]]\nlogin = 'anna'\nproject = 'stroke-2027'\nuser = 'm1anna'\nuid = 20001\n\
             gid = 20000\narea = '{}'\n",
            area.display()
        ),
    )
    .unwrap();
    let config = dir.join("mimerd.toml");
    let text = format!(
        "state_dir = '{dir}'\nlisten.address = '127.0.0.1:0'\naccounts.file = '{accounts}'\n\
         duties.settle_after_s = 0\n\
         [[clusters]]\nname = 'mimer'\ngateway_socket = '{dir}/gateway.sock'\ndeadline_s = 5\n\
         job_ids = [100000, 200000]\nopen_partition = 'gpu'\n\
         confidential_partition = 'confidential'\n\
         [staging]\nmover = '/nonexistent'\nsftp_key_file = '/nonexistent'\n\
         known_hosts_file = '/nonexistent'\n",
        dir = dir.display(),
        accounts = accounts.display(),
    );
    std::fs::write(&config, text).unwrap();
    let config = crate::config::Config::read(&config).unwrap();
    App::new(config, db.clone(), Clock::manual(day(7, 1))).unwrap()
}
