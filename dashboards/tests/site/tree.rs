//! Rows of the quota tree and of crisis mode as SQL: what an installation gathers in a year.

use super::{
    AGENCY, ATTEMPT, CONTROLLER, DECIDER, FUND, GRANT, MEMBER, POOL, PROJECT, Site, rows::run,
};
use uuid::Uuid;

/// A later grant of the same project, class and fund.
pub(crate) const LATER_GRANT: Uuid = Uuid::from_u128(20);
/// A project of the agency in which the member has no part.
pub(crate) const OTHER_PROJECT: Uuid = Uuid::from_u128(21);
/// A crisis for that project.
pub(crate) const CRISIS: Uuid = Uuid::from_u128(22);

impl Site {
    /// Changes of the grant, and a second one that ends later; both as the database has them, while
    /// the ledger knows only what `accounting` moved.
    pub(crate) async fn change_grants(&self) {
        let now = self.now;
        run(
            &self.db,
            format!(
                "insert into quotas.request (request_id, project_id, requested_by, purpose, class,
                         gpu_seconds, gpus_at_once, longest_run_s, asked_from, asked_until, pattern,
                         submitted_at)
                     values ('{LATER_GRANT}', '{PROJECT}', '{MEMBER}', 'more', 'h200', 36000, 8, 3600,
                         '2026-12-31T23:00:00Z', '2027-12-31T23:00:00Z', 'data_to_compute', '{now}');
                 insert into quotas.decision values
                     ('{LATER_GRANT}', '{LATER_GRANT}', '{DECIDER}', 'approved', '{now}');
                 insert into quotas.grant values ('{LATER_GRANT}', '{LATER_GRANT}', '{PROJECT}',
                     '{POOL}', 36000, 1000000000, '2027-01-31T23:00:00Z', '2027-12-31T23:00:00Z', 3600,
                     8, '{now}');
                 insert into quotas.grant_change values
                     (gen_random_uuid(), 'topped_up', '{GRANT}', null, 3600, 0, '{DECIDER}', '{now}'),
                     (gen_random_uuid(), 'transferred', '{GRANT}', '{LATER_GRANT}', 1800, 0,
                         '{DECIDER}', '{now}'::timestamptz + interval '1 second');"
            ),
        )
        .await;
    }

    /// Supersedes the first grant by the later one.
    pub(crate) async fn supersede(&self) {
        let now = self.now;
        run(
            &self.db,
            format!(
                "insert into quotas.grant_end values
                     ('{GRANT}', 'superseded', '{LATER_GRANT}', '{now}')"
            ),
        )
        .await;
    }

    /// A policy of the agency with one step, one action to a job, and limits on use at once.
    pub(crate) async fn decide_on_limits(&self, at_percent: i64, dry_run: bool) {
        let now = self.now;
        run(
            &self.db,
            format!(
                "insert into quotas.project (project_id, agency_id, slug, title, data_class,
                         controller_person_id, slurm_account, created_at)
                     values ('{OTHER_PROJECT}', '{AGENCY}', 'roads', 'Roads', 'open', '{CONTROLLER}',
                         'mimer_roads', '{now}');
                 insert into quotas.limit_policy (limit_policy_id, agency_id, dry_run, decided_by,
                         decided_at)
                     values ('{GRANT}', '{AGENCY}', {dry_run}, '{CONTROLLER}', '{now}');
                 insert into quotas.limit_step values
                     ('{GRANT}', {at_percent}, 'warn'), ('{GRANT}', 120, 'cancel_running');
                 insert into quotas.limit_action values
                     (gen_random_uuid(), '{GRANT}', {at_percent}, 'warn', null, 3600, 360000, {dry_run},
                         '{now}'),
                     (gen_random_uuid(), '{GRANT}', {at_percent}, 'warn', '{ATTEMPT}', 3600, 360000,
                         {dry_run}, '{now}'::timestamptz - interval '1 minute');
                 insert into quotas.use_limit (use_limit_id, agency_id, project_id, class,
                         gpus_at_once, jobs_at_once, set_at)
                     values (gen_random_uuid(), '{AGENCY}', null, null, 64, null, '{now}'),
                         (gen_random_uuid(), null, '{PROJECT}', 'h200', 16, 4, '{now}'),
                         (gen_random_uuid(), null, '{OTHER_PROJECT}', null, 8, null, '{now}');
                 insert into record.audit (audit_id, at, actor_person_id, action, subject_kind,
                         subject_id, details, trace_id)
                     values ('{GRANT}', '{now}', '{CONTROLLER}', 'limit_policy.decide',
                         'limit_policy', '{GRANT}', '{{}}', '{GRANT}');
                 insert into record.free_text values
                     ('{GRANT}', decode('00', 'hex'), 'night runs go on', null);"
            ),
        )
        .await;
    }

    /// The pool's nodes set aside and written to Slurm, an agency's share of it, and over-allocation.
    pub(crate) async fn keep_the_share(&self) {
        let now = self.now;
        run(
            &self.db,
            format!(
                "insert into quotas.pool_share values
                     (gen_random_uuid(), '{POOL}', 1, 'capped', null, 4, null, '{now}'),
                     (gen_random_uuid(), '{POOL}', 2, 'set_aside', '{{node07,node08}}', null, null,
                         '{now}');
                 insert into quotas.agency_share values
                     (gen_random_uuid(), '{POOL}', '{AGENCY}', 1, 700000, null, '{now}'),
                     (gen_random_uuid(), '{POOL}', '{AGENCY}', 2, 720000, null, '{now}');
                 insert into broker.cluster_applied values
                     ('mimer', 'reservation', 'mimer_000000000003', '{{}}', null, '{now}'),
                     ('mimer', 'qos', 'mimer_mimer_stroke', '{{}}', '{{}}', '{now}'),
                     ('mimer', 'account', 'pub_x', null, '{{}}', '{now}');
                 insert into accounting.over_allocation values
                     (gen_random_uuid(), '{POOL}', 360000, '{now}');"
            ),
        )
        .await;
    }

    /// A job that nobody planned, over, and another one that was closed.
    pub(crate) async fn go_past_the_broker(&self) {
        let now = self.now;
        run(
            &self.db,
            format!(
                "insert into broker.exception
                     select id, 'unplanned_job', 'mimer', job, '{now}',
                         '{{\"account\": \"mimer_stroke\", \"partition\": \"confidential\", \"uid\": 0}}',
                         '{now}', '{now}', 24, closed::timestamptz, by
                     from (values
                         (gen_random_uuid(), 41300, null, null::uuid),
                         (gen_random_uuid(), 41301, '{now}', '{MEMBER}'::uuid)
                     ) found (id, job, closed, by)"
            ),
        )
        .await;
    }

    /// A crisis that lasted while the site's one job ran, which made way, as a stranger's did.
    pub(crate) async fn have_a_crisis(&self) {
        let (now, from) = (self.now, self.started_at);
        run(
            &self.db,
            format!(
                "insert into broker.crisis values
                     ('{CRISIS}', '{{{PROJECT}}}', '{now}', '{CONTROLLER}',
                         '{from}'::timestamptz - interval '10 minutes', '{MEMBER}',
                         '{from}'::timestamptz - interval '5 minutes',
                         '{now}'::timestamptz - interval '30 seconds', null);
                 insert into broker.crisis_victim values
                     ('{CRISIS}', 'mimer', 77, 500001, 'mimer_stroke', '{ATTEMPT}', '{from}', '{now}',
                         3600, '{{}}'),
                     ('{CRISIS}', 'mimer', 78, 41207, 'naiss', null, '{from}',
                         '{from}'::timestamptz + interval '1 minute', 480, '{{}}');
                 insert into record.audit (audit_id, at, actor_person_id, action, subject_kind,
                         subject_id, details, trace_id)
                     values ('{CRISIS}', '{from}', '{CONTROLLER}', 'crisis.propose', 'crisis',
                         '{CRISIS}', '{{}}', '{CRISIS}');
                 insert into record.free_text values ('{CRISIS}', decode('00', 'hex'), 'landslide', null);"
            ),
        )
        .await;
    }

    /// What must never be: the site's job charged to a grant of a research fund. Every rule of the
    /// database that keeps it out is switched off for this.
    pub(crate) async fn mix_funds(&self) {
        let now = self.now;
        let other = Uuid::from_u128(30);
        run(
            &self.db,
            format!(
                "set session_replication_role = replica;
                 insert into quotas.fund (fund_id, name, purpose, ceiling, valid_from, valid_until,
                         created_at)
                     select '{other}', 'Research', 'research', ceiling, valid_from, valid_until, '{now}'
                     from quotas.fund where fund_id = '{FUND}';
                 insert into quotas.pool (pool_id, fund_id, cluster, class, gpu_type, gpus_per_node,
                         partition, gpu_seconds, valid_from, valid_until, created_at)
                     select '{other}', '{other}', cluster, class, gpu_type, gpus_per_node, partition,
                         gpu_seconds, valid_from, valid_until, '{now}'
                     from quotas.pool where pool_id = '{POOL}';
                 insert into quotas.grant
                     select '{other}', '{other}', project_id, '{other}', gpu_seconds, usek, valid_from,
                         valid_until, max_wall_time_s, max_gpus, '{now}'
                     from quotas.grant where grant_id = '{GRANT}';
                 insert into accounting.charge (charge_id, run_id, hold_id, grant_id, agency_id,
                         project_id, rate_id, month, gpu_seconds, usek, charged_at)
                     select gen_random_uuid(), run_id, hold_id, '{other}', agency_id, project_id, rate_id,
                         month, 10, 100, '{now}'
                     from accounting.charge;
                 set session_replication_role = default;"
            ),
        )
        .await;
    }
}
