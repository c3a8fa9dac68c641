//! What the gateway is to Slurm: its administrator, who may choose job ids, or somebody else.
//!
//! slurmctld may be away when the first caller greets, so this is read from the gateway's own
//! slurm.conf. slurmctld's word is compared in `CheckSettings`.

use std::fs;

use rustix::process::geteuid;

use crate::bounds::{SlurmSection, uid_of};

/// True if the broker chooses the ids of its jobs.
pub(super) fn has_explicit_ids(slurm: &SlurmSection) -> bool {
    let own_uid = geteuid().as_raw();
    if own_uid == 0 || !slurm.explicit_ids {
        return slurm.explicit_ids;
    }
    let text = fs::read_to_string(&slurm.conf).unwrap_or_default();
    let name = slurm_user(&text);
    let uid = name.parse().ok().or_else(|| uid_of(name).ok().flatten());
    let is_administrator = uid == Some(own_uid);
    if !is_administrator {
        tracing::error!(
            uid = own_uid,
            slurm_user = name,
            "the gateway is neither root nor SlurmUser: Slurm chooses the ids of its jobs, and lets it \
             submit for nobody else"
        );
    }
    is_administrator
}

/// SlurmUser of a slurm.conf, as a name or a number; root where it is not set (slurm.conf(5)).
fn slurm_user(text: &str) -> &str {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let mut values = lines.rev().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        name.trim().eq_ignore_ascii_case("SlurmUser").then(|| value.trim())
    });
    let value = values.next().unwrap_or("root");
    // As `scontrol show config` writes it: slurm(64030).
    value.split('(').next().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_slurm_user_counts_and_comments_do_not() {
        assert_eq!(slurm_user("ClusterName=mimer\n"), "root");
        assert_eq!(slurm_user("SlurmUser=slurm # was root\n#SlurmUser=x\nSlurmdUser=y\n"), "slurm");
        assert_eq!(slurm_user("slurmuser = a\n SLURMUSER=64030\n"), "64030");
        assert_eq!(slurm_user("SlurmUser=slurm(64030)"), "slurm");
    }
}
