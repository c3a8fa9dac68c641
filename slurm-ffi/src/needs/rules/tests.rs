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
    };
    let database =
        Ok("DbdHost  = localhost\nPrivateData   = accounts,jobs,reservations,usage,users\n"
            .to_owned());
    let expected = Expectation {
        cluster: "Mimer".to_owned(),
        release: "22.05.3".to_owned(),
        last_job_id: 9_999_999,
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
    assert_eq!(found.len(), Need::ALL.len() + 2, "two needs have two settings each");
    for fault in found {
        assert!(fault.sentence.ends_with('.'), "{}", fault.setting);
        assert!(!fault.feature.is_empty(), "{}", fault.setting);
    }
}
