//! `mimer cluster check`: settings of Slurm that are not as the broker needs them.

use serde::Deserialize;

use crate::table::plain;

#[derive(Deserialize)]
pub(super) struct SettingFault {
    setting: String,
    expected: String,
    actual: String,
    feature: String,
    sentence: String,
}

pub(super) fn text(faults: Vec<SettingFault>) -> String {
    if faults.is_empty() {
        return "Slurm is set up as the broker needs it".to_owned();
    }
    let parts: Vec<String> = faults.iter().map(SettingFault::text).collect();
    parts.join("\n\n")
}

impl SettingFault {
    fn text(&self) -> String {
        let Self { setting, expected, actual, feature, sentence } = self;
        let actual = if actual.is_empty() { "not set" } else { actual };
        format!(
            "{}\n  {}\n  {}",
            plain(&format!("{setting} is {actual} and should be {expected}")),
            plain(sentence),
            plain(&format!("without it: {feature}"))
        )
    }
}
