//! An admission that is refused, told in the language that the caller reads.

use accounting::hold::PlaceError;
use axum::http::StatusCode;
use quotas::admission::{Reason, Refusal};
use record::Language;
use serde_json::json;

use super::ApiError;
use crate::plan::extend::ExtensionError;
use crate::plan::{PlanError, RetryError};

impl ApiError {
    /// The refusal of a job plan. Reasons of the rules are in the caller's language; faults in what
    /// was sent, or in the site, are in English like every other error.
    pub fn of_plan(error: PlanError, language: Language) -> Self {
        let sentence = error.to_string();
        let (status, code) = match error {
            PlanError::Refused(refusal) => return Self::refused(&refusal, language),
            PlanError::Hold(place) => {
                return match raced(&place) {
                    Some(reason) => Self::refused(&Refusal { reasons: vec![reason] }, language),
                    None => Self::domain(place.code(), &place),
                };
            }
            PlanError::Account(account) => return account.into(),
            PlanError::Snapshot(_) | PlanError::Database(_) => {
                return Self::domain("plan_database", &error);
            }
            PlanError::JobPlanIdReused(_) => (StatusCode::CONFLICT, "job_plan_id_reused"),
            PlanError::NoSuchLink(_) => (StatusCode::NOT_FOUND, "no_such_link"),
            PlanError::BadScript(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad_script"),
            PlanError::BadName => (StatusCode::UNPROCESSABLE_ENTITY, "bad_job_name"),
            PlanError::BadTasks => (StatusCode::UNPROCESSABLE_ENTITY, "bad_tasks"),
            PlanError::NoSuchNeed(_) => (StatusCode::NOT_FOUND, "no_such_need"),
            PlanError::BadNeeds => (StatusCode::UNPROCESSABLE_ENTITY, "bad_needs"),
            PlanError::NeverMet(_) => (StatusCode::CONFLICT, "need_never_met"),
            PlanError::BeginsInThePast(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "begins_in_the_past")
            }
            PlanError::BeginsTooLate { .. } => (StatusCode::CONFLICT, "begins_too_late"),
            PlanError::SettingsWrong(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "slurm_settings_wrong")
            }
            PlanError::NoSuchCluster(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "cluster_not_configured")
            }
            PlanError::NoJobIds => (StatusCode::SERVICE_UNAVAILABLE, "no_job_ids"),
        };
        Self::new(status, code, sentence)
    }

    /// The refusal of more time for a job.
    pub fn of_extension(error: ExtensionError, language: Language) -> Self {
        match error {
            ExtensionError::Refused(refusal) => Self::refused(&refusal, language),
            error => Self::domain(error.code(), &error),
        }
    }

    /// The refusal of a further attempt.
    pub fn of_retry(error: RetryError, language: Language) -> Self {
        match error {
            RetryError::Wish(wish) => wish.into(),
            RetryError::Plan(refused) => Self::of_plan(refused, language),
        }
    }

    /// Every reason with its sentence in `language`.
    fn refused(refusal: &Refusal, language: Language) -> Self {
        let told = |reason: &Reason| json!({ "code": reason.code(), "sentence": reason.sentence(language) });
        let reasons = refusal.reasons.iter().map(told).collect();
        let status = match refusal.code() {
            "unknown_project" => StatusCode::NOT_FOUND,
            "not_a_member" => StatusCode::FORBIDDEN,
            "nothing_asked" => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::CONFLICT,
        };
        Self { status, code: refusal.code(), message: refusal.sentence(language), reasons }
    }
}

/// What somebody else took between the decision and the hold is refused in the same words as what
/// was gone before.
fn raced(place: &PlaceError) -> Option<Reason> {
    match *place {
        PlaceError::NotEnoughGpuSeconds { wanted, available } => {
            Some(Reason::NotEnoughGpuSeconds { wanted, available })
        }
        PlaceError::NotEnoughMoney { wanted, available } => {
            Some(Reason::NotEnoughMoney { wanted, available })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use record::GpuSeconds;

    use super::*;

    fn seconds(amount: i64) -> GpuSeconds {
        GpuSeconds::new(amount).unwrap()
    }

    #[test]
    fn a_refusal_is_told_in_the_language_that_is_read() {
        for language in Language::ALL {
            let reasons = vec![Reason::NotAMember, Reason::NothingAsked];
            let sentences: Vec<String> =
                reasons.iter().map(|reason| reason.sentence(language)).collect();
            let error = ApiError::of_plan(PlanError::Refused(Refusal { reasons }), language);
            assert_eq!((error.code(), error.status()), ("not_a_member", StatusCode::FORBIDDEN));
            assert_eq!(error.message(), sentences.join(" "));
        }
        let [english, swedish] =
            Language::ALL.map(|language| Reason::NotAMember.sentence(language));
        assert_ne!(english, swedish);
    }

    #[test]
    fn a_lost_race_for_the_last_gpu_second_reads_like_any_other_lack() {
        let (wanted, available) = (seconds(120), seconds(60));
        let lost = PlaceError::NotEnoughGpuSeconds { wanted, available };
        let lost = ApiError::of_plan(PlanError::Hold(lost), Language::Swedish);
        let lack = Refusal { reasons: vec![Reason::NotEnoughGpuSeconds { wanted, available }] };
        let lack = ApiError::of_plan(PlanError::Refused(lack), Language::Swedish);
        assert_eq!((lost.code(), lost.message()), (lack.code(), lack.message()));
        assert_eq!(lost.into_response().status(), StatusCode::CONFLICT);
    }
}
