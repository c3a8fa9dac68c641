//! The reasons in English.

use super::Reason;
use crate::{
    admission::words::english::{gpus, jobs, kronor_down, kronor_up, moment, span},
    limit::use_limit::Scope,
};

/// What is wrong and what to do.
pub(super) fn sentence(reason: &Reason) -> String {
    match reason {
        Reason::UnknownProject => {
            "There is no such project; check its short name, or ask your agency for it.".into()
        }
        Reason::NotAMember => {
            "You are not a member of this project; ask your agency to add you.".into()
        }
        Reason::NothingAsked => {
            "The job asks for no GPUs or no time; ask for at least 1 GPU and 1 second.".into()
        }
        Reason::NoTasks => {
            "The array has no task that may run; ask for at least 1 task, and at least 1 at once."
                .into()
        }
        Reason::NoGrant { class } => format!(
            "The project has no grant of class {class}; send a request for one, or choose a class \
             that it has."
        ),
        Reason::GrantExpired { ended_at } => format!(
            "The project's last grant of this class ended on {}; send a new request.",
            moment(*ended_at)
        ),
        Reason::GrantSuperseded { ended_at } => format!(
            "The project's grant of this class was replaced by another on {}; choose that one's \
             class, or send a new request.",
            moment(*ended_at)
        ),
        Reason::GrantNotYetValid { begins_at } => format!(
            "The project's grant begins on {}; submit the job again from then on.",
            moment(*begins_at)
        ),
        Reason::GrantEndsTooSoon { ends_at, asked_s } => format!(
            "The grant ends on {}, before a job of {} could; ask for a shorter wall time or send a \
             new request.",
            moment(*ends_at),
            span(*asked_s)
        ),
        Reason::FundEnded { ended_at } => format!(
            "The money behind the grant ended on {}; ask for a grant from a fund that goes on.",
            moment(*ended_at)
        ),
        Reason::NotOpenYet { opens_at } => format!(
            "The environment opens for users on {}; submit the job again from then on.",
            moment(*opens_at)
        ),
        Reason::NoPrice { class, partition } => format!(
            "There is no price for class {class} on partition {partition} today; tell the \
             operator, who publishes the rate card."
        ),
        Reason::NotEnoughGpuSeconds { wanted, available } => format!(
            "The job needs up to {} of GPU time and the project has {} left; ask for fewer GPUs or \
             a shorter wall time, wait for running jobs to end, or send a request.",
            span(wanted.get()),
            span(available.get())
        ),
        Reason::NotEnoughMoney { wanted, available } => format!(
            "The job would cost up to {} and the project can pay {}; ask for fewer GPUs or a \
             shorter wall time, wait for running jobs to end, or send a request.",
            kronor_up(*wanted),
            kronor_down(*available)
        ),
        Reason::TooManyGpusForNode { asked, per_node } => format!(
            "The job asks for {} and a node of this class has {per_node}; ask for at most \
             {per_node}.",
            gpus(*asked)
        ),
        Reason::WholeNodesOnly { asked, per_node } => format!(
            "The job asks for {} and this class is given out in whole nodes of {per_node}; ask for \
             {per_node}.",
            gpus(*asked)
        ),
        Reason::TooManyGpusForGrant { asked, limit } => format!(
            "The job asks for {} and the grant allows {limit} at once; ask for at most {limit}.",
            gpus(*asked)
        ),
        Reason::TooManyTasksForGrant { asked, limit, fitting } => format!(
            "The array's tasks ask for {} at once and the grant allows {limit}; let at most \
             {fitting} of them run at once.",
            gpus(*asked)
        ),
        Reason::WallTimeAboveGrant { asked_s, limit_s } => format!(
            "The job asks for {} and the grant allows {} per job; ask for a shorter wall time and \
             save checkpoints.",
            span(*asked_s),
            span(*limit_s)
        ),
        Reason::GpusAtOnceReached { scope, asked, in_use, limit } => format!(
            "The job asks for {}, the {}'s waiting and running jobs have {in_use}, and the limit \
             is {limit} at once; wait for jobs to end, or ask for fewer.",
            gpus(*asked),
            of(*scope)
        ),
        Reason::JobsAtOnceReached { scope, in_use, limit } => format!(
            "The {} has {} waiting or running and the limit is {limit} at once; wait for one to \
             end.",
            of(*scope),
            jobs(*in_use)
        ),
        Reason::TasksAtOnceReached { scope, asked, in_use, limit } => format!(
            "The array asks for {asked} tasks at once, the {} has {} waiting or running, and the \
             limit is {limit} at once; let fewer of them run at once, or wait for jobs to end.",
            of(*scope),
            jobs(*in_use)
        ),
        Reason::UseNotCounted => "What is in use now could not be counted, and a limit applies to \
                                  it; submit the job again, and tell the operator if it is refused \
                                  again."
            .into(),
        Reason::NewJobsStopped { percent, .. } => format!(
            "Your agency has used {percent} percent or more of its GPU time and has decided that \
             no new jobs start then; ask your agency to change its rule or to send a request."
        ),
        Reason::PermitMissing { dataset: None } => {
            "The project's data are confidential and it has no permit; have the authority's permit \
             recorded first."
                .into()
        }
        Reason::PermitMissing { dataset: Some(dataset) } => format!(
            "The project has no permit for dataset `{dataset}`; have the authority's permit \
             recorded first."
        ),
        Reason::PermitExpired { permit_id, expired_at } => format!(
            "Permit {permit_id} expired on {}; ask the authority to renew it.",
            moment(*expired_at)
        ),
        Reason::PermitNotYetValid { permit_id, begins_at } => format!(
            "Permit {permit_id} is not valid before {}; submit the job again from then on.",
            moment(*begins_at)
        ),
        Reason::PermitEndsTooSoon { permit_id, ends_at, asked_s } => format!(
            "Permit {permit_id} ends on {}, before a job of {} could; ask for a shorter wall time, \
             or ask the authority to renew it.",
            moment(*ends_at),
            span(*asked_s)
        ),
        Reason::PermitRevoked { permit_id, revoked_at } => format!(
            "Permit {permit_id} was revoked on {}; speak with the data controller before anything \
             else.",
            moment(*revoked_at)
        ),
        Reason::PersonNotInPermit { permit_id } => {
            format!("Permit {permit_id} does not name you; ask the authority to add you to it.")
        }
        Reason::EnvironmentNotInPermit { permit_id, environment } => format!(
            "Permit {permit_id} does not name the environment {environment}; ask the authority to \
             add it, or use one that it names."
        ),
        Reason::DatasetNotInPermit { permit_id, dataset } => format!(
            "Permit {permit_id} does not cover dataset `{dataset}`; remove its link from the job, \
             or ask the authority for a permit."
        ),
    }
}

/// Whose limit it is.
const fn of(scope: Scope) -> &'static str {
    match scope {
        Scope::Agency(_) => "agency",
        Scope::Project(_) => "project",
    }
}
