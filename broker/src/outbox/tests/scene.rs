//! Scenes: each way that an effect can go, with the points it passes. The crash matrix walks them all.

mod fixture;

use slurm_wire::RefusalCode;

use super::want_one;
use crate::app::App;
use crate::outbox::Effect;
use crate::outbox::crash::{Pass, Step};
use crate::plan::attempt::AttemptState;
use crate::stage::Stage;

/// One way that one effect can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scene {
    SubmissionTaken,
    SubmissionRefused,
    SubmissionPutOff,
    Release,
    ReleaseWithoutPermit,
    Cancel,
    CancelNeverSent,
    CancelGone,
    CancelStranger,
    CancelOrphan,
    Hold,
    HoldTooLate,
    Nudge,
    MoreTime,
    MoreTimeRefused,
    Suspend,
    SuspendRefused,
    Resume,
    Fetch,
    FetchPutOff,
}

/// Those that play an effect. A new effect does not compile until it has one here.
pub(super) fn scenes_of(effect: &Effect) -> &'static [Scene] {
    match effect {
        Effect::Submit { .. } => {
            &[Scene::SubmissionTaken, Scene::SubmissionRefused, Scene::SubmissionPutOff]
        }
        Effect::Release { .. } => &[Scene::Release, Scene::ReleaseWithoutPermit],
        Effect::Cancel { .. } => &[Scene::Cancel, Scene::CancelNeverSent, Scene::CancelGone],
        Effect::CancelStranger { .. } => &[Scene::CancelStranger],
        Effect::CancelOrphan { .. } => &[Scene::CancelOrphan],
        Effect::Hold { .. } => &[Scene::Hold, Scene::HoldTooLate],
        Effect::Nudge { .. } => &[Scene::Nudge],
        Effect::SetTimeLimit { .. } => &[Scene::MoreTime, Scene::MoreTimeRefused],
        Effect::Suspend { .. } => &[Scene::Suspend, Scene::SuspendRefused],
        Effect::Resume { .. } => &[Scene::Resume],
        Effect::FetchLink { .. } => &[Scene::Fetch, Scene::FetchPutOff],
    }
}

/// What is asked, and written in one transaction that also marks the effect done.
const RECORDED: [(Step, usize); 5] = [
    (Step::Claimed, 1),
    (Step::Asking, 1),
    (Step::Answered, 1),
    (Step::Committing, 1),
    (Step::Committed, 1),
];

/// What is asked and has nothing to record.
const MARKED: [(Step, usize); 5] = [
    (Step::Claimed, 1),
    (Step::Asking, 1),
    (Step::Answered, 1),
    (Step::Marking, 1),
    (Step::Marked, 1),
];

impl Scene {
    /// Every point this scene passes; a renewal is passed as often as it takes, and counted once.
    pub(super) fn passes(self) -> Vec<Pass> {
        let points: &[(Step, usize)] = match self {
            Self::SubmissionTaken
            | Self::SubmissionRefused
            | Self::Release
            | Self::Cancel
            | Self::HoldTooLate
            | Self::MoreTime
            | Self::MoreTimeRefused
            | Self::Suspend
            | Self::SuspendRefused
            | Self::Resume => &RECORDED,
            Self::CancelGone
            | Self::CancelStranger
            | Self::CancelOrphan
            | Self::Hold
            | Self::Nudge => &MARKED,
            Self::SubmissionPutOff => &[
                (Step::Claimed, 1),
                (Step::Asking, 1),
                (Step::Answered, 1),
                (Step::Postponing, 1),
                (Step::Postponed, 1),
            ],
            // Slurm is not asked: the permit is looked at before.
            Self::ReleaseWithoutPermit => {
                &[(Step::Claimed, 1), (Step::Committing, 1), (Step::Committed, 1)]
            }
            // Slurm is not asked: it has never heard of the job.
            Self::CancelNeverSent => &[
                (Step::Claimed, 1),
                (Step::Committing, 1),
                (Step::Committed, 1),
                (Step::Marking, 1),
                (Step::Marked, 1),
            ],
            // The first transaction begins a try, before the mover; the second keeps its report.
            Self::Fetch => &[
                (Step::Claimed, 1),
                (Step::Committing, 1),
                (Step::Committed, 1),
                (Step::Asking, 1),
                (Step::Renewing, 1),
                (Step::Renewed, 1),
                (Step::Answered, 1),
                (Step::Committing, 2),
                (Step::Committed, 2),
            ],
            Self::FetchPutOff => &[
                (Step::Claimed, 1),
                (Step::Committing, 1),
                (Step::Committed, 1),
                (Step::Asking, 1),
                (Step::Answered, 1),
                (Step::Committing, 2),
                (Step::Committed, 2),
                (Step::Postponing, 1),
                (Step::Postponed, 1),
            ],
        };
        points.iter().map(|&(step, time)| Pass { step, time }).collect()
    }

    /// Rows of the audit trail that tell of a try, so that a try that died leaves one more.
    pub(super) const fn tells_of_tries(self) -> &'static [&'static str] {
        match self {
            Self::Fetch | Self::FetchPutOff => &["link.fetch_started", "link.failed"],
            _ => &[],
        }
    }

    /// Sets the scene so that its effect alone is due, and returns the effect. What mimerd is told of
    /// the mover is in `app`.
    pub(super) async fn set(self, stage: &Stage, app: &mut App) -> Effect {
        let effect = match self {
            Self::SubmissionTaken | Self::SubmissionRefused | Self::SubmissionPutOff => {
                let attempt = stage.attempt_at(AttemptState::Admitted).await;
                Effect::Submit { attempt_id: attempt.attempt_id }
            }
            Self::Release => {
                let attempt = stage.attempt_at(AttemptState::Submitted).await;
                wanted(stage, Effect::Release { attempt_id: attempt.attempt_id }).await
            }
            Self::ReleaseWithoutPermit => fixture::without_permit(stage).await,
            Self::Cancel | Self::CancelGone => {
                let attempt = stage.attempt_at(AttemptState::Released).await;
                fixture::cancelled(stage, &attempt).await
            }
            Self::CancelNeverSent => {
                let attempt = stage.attempt_at(AttemptState::Admitted).await;
                fixture::submissions_later(stage).await;
                fixture::cancelled(stage, &attempt).await
            }
            Self::CancelStranger => fixture::stranger(stage).await,
            Self::CancelOrphan => {
                let attempt = stage.attempt_at(AttemptState::Submitted).await;
                let (job_id, key) = (attempt.spec.job_id + 1, attempt.spec.key);
                wanted(stage, Effect::CancelOrphan { job_id, key }).await
            }
            Self::Hold | Self::HoldTooLate => fixture::kept(stage).await,
            Self::Nudge => {
                let attempt = stage.attempt_at(AttemptState::Released).await;
                wanted(stage, Effect::Nudge { attempt_id: attempt.attempt_id }).await
            }
            Self::MoreTime | Self::MoreTimeRefused => fixture::extended(stage).await,
            Self::Suspend | Self::SuspendRefused => fixture::suspended(stage).await,
            Self::Resume => fixture::resumed(stage).await,
            Self::Fetch | Self::FetchPutOff => {
                *app = fixture::with_mover(stage, self == Self::Fetch);
                let link_id = fixture::open_link(stage).await;
                wanted(stage, Effect::FetchLink { link_id }).await
            }
        };
        self.slurm_says(stage);
        effect
    }

    fn slurm_says(self, stage: &Stage) {
        match self {
            Self::SubmissionRefused => {
                stage.slurm.refuses("submit", Some(RefusalCode::SlurmRefused));
            }
            Self::SubmissionPutOff => {
                stage.slurm.refuses("submit", Some(RefusalCode::ControllerUnavailable));
            }
            Self::CancelGone => stage.slurm.refuses("cancel", Some(RefusalCode::UnknownJob)),
            Self::HoldTooLate => stage.slurm.refuses("hold", Some(RefusalCode::SlurmRefused)),
            Self::MoreTimeRefused => {
                stage.slurm.refuses("set_time_limit", Some(RefusalCode::SlurmRefused));
            }
            Self::SuspendRefused => {
                stage.slurm.refuses("suspend", Some(RefusalCode::SlurmRefused));
            }
            _ => {}
        }
    }

    /// Takes away what made the effect fail, if that was to pass.
    pub(super) fn mend(self, stage: &Stage, app: &mut App) {
        match self {
            Self::SubmissionPutOff => stage.slurm.refuses("submit", None),
            Self::FetchPutOff => *app = fixture::with_mover(stage, true),
            _ => {}
        }
    }
}

async fn wanted(stage: &Stage, effect: Effect) -> Effect {
    want_one(&stage.app.db, &effect).await;
    effect
}
