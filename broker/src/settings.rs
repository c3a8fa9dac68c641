//! What is known of Slurm's settings, looked at when mimerd starts and every minute after.
//!
//! A wrong setting switches off only what needs it: plans of confidential projects are not admitted
//! while the cluster could not keep them to themselves, and no plan is while Slurm could not charge
//! or accept it. The operator's page lists every fault with the sentence that mends it.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use quotas::project::DataClass;
use slurm_wire::{Answer, Call, SettingFault};
use tokio::sync::watch;

use crate::app::App;

/// How often the settings are looked at again.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Features without which no plan is admitted, as the gateway names them.
const NEEDED_BY_ALL: [&str; 3] = ["everything", "submission", "charging"];
/// Features without which no plan of a confidential project is admitted.
const NEEDED_BY_CONFIDENTIAL: [&str; 2] =
    ["confidential partition", "nobody goes around the broker"];

/// The feature that crisis mode and guaranteed shares need.
const PREEMPTION: &str = "guaranteed share and crisis mode";

/// The faults found at the last look; shared by all of mimerd.
#[derive(Clone, Debug, Default)]
pub struct KnownSettings(Arc<RwLock<Vec<SettingFault>>>);

impl KnownSettings {
    /// The sentences of the faults that stand in the way of a project of this class.
    pub fn against(&self, data_class: DataClass) -> Vec<String> {
        let faults = self.0.read().unwrap_or_else(PoisonError::into_inner);
        faults
            .iter()
            .filter(|fault| stands_in_the_way(&fault.feature, data_class))
            .map(|fault| fault.sentence.clone())
            .collect()
    }

    /// The sentences of the faults that stand in the way of preemption: without it neither crisis
    /// mode nor a guaranteed share would do anything.
    pub fn against_preemption(&self) -> Vec<String> {
        let faults = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let faults = faults.iter().filter(|fault| fault.feature == PREEMPTION);
        faults.map(|fault| fault.sentence.clone()).collect()
    }

    /// Replaces what is known; returns true if it changed.
    fn learn(&self, found: Vec<SettingFault>) -> bool {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let changed = *known != found;
        *known = found;
        changed
    }
}

fn stands_in_the_way(feature: &str, data_class: DataClass) -> bool {
    NEEDED_BY_ALL.contains(&feature)
        || (data_class == DataClass::Confidential && NEEDED_BY_CONFIDENTIAL.contains(&feature))
}

/// Looks at the settings until `stop` turns true. A silent Slurm changes nothing that is known.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Ok(Answer::Settings(faults)) = app.gateway.call(&Call::CheckSettings).await {
            app.metrics.setting_faults(&app.cluster.name, faults.len());
            let sentences: Vec<String> = faults
                .iter()
                .map(|fault| format!("{}: {}", fault.setting, fault.sentence))
                .collect();
            if app.settings.learn(faults) {
                for sentence in sentences {
                    tracing::error!(
                        cluster = app.cluster.name,
                        sentence,
                        "a setting of Slurm is wrong"
                    );
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(feature: &str) -> KnownSettings {
        let settings = KnownSettings::default();
        settings.learn(vec![SettingFault {
            setting: "MCSParameters".to_owned(),
            expected: "enforced,ondemandselect,privatedata".to_owned(),
            actual: "ondemand".to_owned(),
            feature: feature.to_owned(),
            sentence: "Set it.".to_owned(),
        }]);
        settings
    }

    #[test]
    fn a_leaking_cluster_stops_confidential_plans_only() {
        let settings = known("confidential partition");
        assert_eq!(settings.against(DataClass::Confidential), ["Set it."]);
        assert!(settings.against(DataClass::Open).is_empty());
    }

    #[test]
    fn a_cluster_without_preemption_stops_no_plan() {
        let settings = known(PREEMPTION);
        assert_eq!(settings.against_preemption(), ["Set it."]);
        assert!(settings.against(DataClass::Confidential).is_empty());
    }

    #[test]
    fn a_cluster_that_cannot_charge_stops_every_plan() {
        assert!(!known("charging").against(DataClass::Open).is_empty());
        assert!(known("refusing at submission").against(DataClass::Confidential).is_empty());
    }
}
