//! A site where all is well, spoiled one setting at a time.

use super::*;

fn good() -> (ControllerSettings, DatabaseSettings, Expectation) {
    let controller = ControllerSettings {
        release: "22.05.8".to_owned(),
        cluster: "mimer".to_owned(),
        accounting_storage_tres: "cpu,mem,gres/gpu,gres/gpu:h200".to_owned(),
        mcs_plugin: "mcs/account".to_owned(),
        mcs_parameters: "enforced,ondemandselect,privatedata".to_owned(),
        job_submit_plugins: "lua".to_owned(),
        enforce: 0x1b,
        enforce_part_limits_all: true,
        private_data: PRIVATE.map(ToOwned::to_owned).into(),
        prolog_at_allocation: true,
        first_job_id: 10_000_000,
        max_job_id: 60_000_000,
        min_job_age_s: 300,
        slurm_user_id: 64030,
        own_uid: 0,
        preempt_type: "preempt/qos".to_owned(),
        preempt_mode: "REQUEUE".to_owned(),
        preempt_exempt_s: 0,
        priority_type: "priority/multifactor".to_owned(),
        priority_weight_qos: 10_000,
        gpu_types: ["h200".to_owned()].into(),
    };
    let database =
        Ok("DbdHost  = localhost\nPrivateData   = accounts,jobs,reservations,usage,users\n"
            .to_owned());
    let expected = Expectation {
        cluster: "Mimer".to_owned(),
        release: "22.05.3".to_owned(),
        last_job_id: 9_999_999,
        explicit_ids: true,
        needs: Need::ALL.into(),
    };
    (controller, database, expected)
}

/// The settings that are named when `spoil` has been at the good site.
fn named(spoil: impl FnOnce(&mut ControllerSettings, &mut DatabaseSettings)) -> Vec<String> {
    let (mut controller, mut database, expected) = good();
    spoil(&mut controller, &mut database);
    faults(&controller, &database, &expected).into_iter().map(|fault| fault.setting).collect()
}

#[test]
fn a_good_site_has_no_faults() {
    assert_eq!(named(|_, _| ()), [] as [&str; 0]);
}

#[test]
fn every_setting_is_missed_by_its_own_name() {
    assert_eq!(named(|site, _| site.release = "24.11.5".into()), ["slurmctld's release"]);
    assert_eq!(named(|site, _| site.cluster = "other".into()), ["ClusterName"]);
    assert_eq!(named(|site, _| site.own_uid = 1000), ["SlurmUser"]);
    assert_eq!(named(|site, _| site.enforce = 0x0b), ["AccountingStorageEnforce"]);
    assert_eq!(named(|site, _| site.enforce_part_limits_all = false), ["EnforcePartLimits"]);
    assert_eq!(named(|site, _| site.private_data.clear()), ["PrivateData"]);
    assert_eq!(named(|site, _| site.mcs_plugin = "mcs/none".into()), ["MCSPlugin"]);
    assert_eq!(named(|site, _| site.job_submit_plugins = "partition".into()), ["JobSubmitPlugins"]);
    assert_eq!(named(|site, _| site.first_job_id = 9_999_999), ["FirstJobId"]);
    assert_eq!(named(|site, _| site.prolog_at_allocation = false), ["PrologFlags"]);
}

#[test]
fn typed_gpus_alone_are_not_counted_gpus() {
    let spoiled = named(|site, _| site.accounting_storage_tres = "cpu,gres/gpu:h200".into());
    assert_eq!(spoiled, ["AccountingStorageTRES"]);
}

#[test]
fn every_type_of_the_nodes_is_counted_by_itself() {
    let (mut controller, database, expected) = good();
    controller.gpu_types.insert("a40".to_owned());
    let found = faults(&controller, &database, &expected);
    assert_eq!(found.len(), 1);
    assert!(found[0].sentence.starts_with("Add gres/gpu:a40 to"), "{}", found[0].sentence);
    assert_eq!(found[0].feature, "Slurm's own limit for each class");
}

#[test]
fn a_share_without_preemption_is_a_fault_of_that_feature_alone() {
    let share = "guaranteed share and crisis mode";
    let feature = |spoil: fn(&mut ControllerSettings)| {
        let (mut controller, database, expected) = good();
        spoil(&mut controller);
        let found = faults(&controller, &database, &expected);
        assert_eq!(found.len(), 1, "{found:?}");
        (found[0].setting.clone(), found[0].feature.clone())
    };
    let one = |setting: &str, feature: &str| (setting.to_owned(), feature.to_owned());
    assert_eq!(feature(|it| it.preempt_type = "preempt/none".into()), one("PreemptType", share));
    assert_eq!(feature(|it| it.preempt_mode = "SUSPEND".into()), one("PreemptMode", share));
    assert_eq!(feature(|it| it.preempt_exempt_s = 60), one("PreemptExemptTime", share));
    let priority = "crisis mode's priority";
    assert_eq!(
        feature(|it| it.priority_type = "priority/basic".into()),
        one("PriorityType", priority)
    );
    assert_eq!(feature(|it| it.priority_weight_qos = 0), one("PriorityWeightQOS", priority));
}

#[test]
fn a_qos_that_is_not_enforced_is_named_for_the_share_too() {
    let spoiled = named(|site, _| site.enforce = 0x13);
    assert_eq!(spoiled, ["AccountingStorageEnforce", "AccountingStorageEnforce"]);
}

#[test]
fn the_spelling_of_mcs_that_leaks_is_a_fault() {
    let spoiled =
        named(|site, _| site.mcs_parameters = "ondemand,ondemandselect,privatedata".into());
    assert_eq!(spoiled, ["MCSParameters"]);
}

#[test]
fn private_data_is_wanted_of_slurmdbd_too() {
    assert_eq!(named(|_, dbd| *dbd = Ok(String::new())), ["PrivateData (slurmdbd.conf)"]);
    assert_eq!(named(|_, dbd| *dbd = Err("down".into())), ["PrivateData (slurmdbd.conf)"]);
}

#[test]
fn what_the_site_does_not_need_is_not_checked() {
    let (mut controller, database, mut expected) = good();
    controller.job_submit_plugins.clear();
    expected.needs.retain(|need| *need != Need::ClosedDoor);
    assert_eq!(faults(&controller, &database, &expected), []);
}

#[test]
fn every_sentence_says_what_to_do() {
    let (_, _, expected) = good();
    let nothing_right = ControllerSettings { own_uid: 1, ..ControllerSettings::default() };
    let found = faults(&nothing_right, &Ok(String::new()), &expected);
    // PrivateData, labels and priority have two settings each, preemption three here; of no node
    // there is no type to count.
    assert_eq!(found.len(), Need::ALL.len() + 1 + 1 + 1 + 2 - 1, "{found:?}");
    for fault in found {
        assert!(fault.sentence.ends_with('.'), "{}", fault.setting);
        assert!(!fault.feature.is_empty(), "{}", fault.setting);
    }
}
