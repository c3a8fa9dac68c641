//! What the probe's visit says about the closed door, one sentence per hole.

use super::fault;
use crate::probe::{Doors, Proof, Reply};
use slurm_wire::SettingFault;

const SETTING: &str = "closed_door";
const FEATURE: &str = "nobody goes around the broker";

/// Places named in one sentence; the rest are counted.
const NAMED: usize = 5;

/// Every hole the visit found; empty when the door is proven closed.
pub fn faults(doors: &Doors, proof: &Proof) -> Vec<SettingFault> {
    let uid = doors.uid;
    let visit = match proof {
        Ok(visit) => visit,
        Err(reason) => return vec![unproven(uid, reason)],
    };
    if visit.nowhere == Reply::Denied {
        return vec![unproven(uid, "access is denied to it at places that do not exist too")];
    }
    let mut found = Vec::new();
    found.extend(open("partition", "partitions", uid, &visit.partitions));
    found.extend(open("account", "accounts or account_prefixes", uid, &visit.accounts));
    if visit.left_out > 0 {
        let reason = format!("slurmctld was too slow to be asked about {} places", visit.left_out);
        found.push(unproven(uid, &reason));
    }
    found
}

fn open(kind: &str, list: &str, uid: u32, replies: &[(String, Reply)]) -> Option<SettingFault> {
    let holes: Vec<_> = replies.iter().filter(|(_, reply)| *reply != Reply::Denied).collect();
    let (_, first) = holes.first()?;
    let names: Vec<&str> = holes.iter().take(NAMED).map(|(name, _)| name.as_str()).collect();
    let more = match holes.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let names = format!("{}{more}", names.join(", "));
    let heard = match first {
        Reply::Refused(text) => text.as_str(),
        Reply::Welcome | Reply::Denied => "the job would run",
    };
    Some(fault(
        SETTING,
        "access denied",
        format!("{kind} {names}: {heard}"),
        FEATURE,
        format!(
            "Name {names} under {list} in job_submit_settings.lua beside slurm.conf and touch \
             job_submit.lua: a job of uid {uid} got past the broker's script there."
        ),
    ))
}

fn unproven(uid: u32, reason: &str) -> SettingFault {
    fault(
        SETTING,
        "proven",
        format!("could not be proven: {reason}"),
        FEATURE,
        format!(
            "Let the gateway run as root and its slurm.conf and munge's socket be readable for uid \
             {uid} (probe_uid in the bounds file), a user without any right: only then is it proven \
             that nobody submits past the broker."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Visit;

    fn doors() -> Doors {
        Doors { uid: 65_534, partitions: vec!["gpu".into()], accounts: vec!["pub_a".into()] }
    }

    fn refused() -> Reply {
        Reply::Refused("invalid account (2045)".to_owned())
    }

    fn visit() -> Visit {
        Visit {
            nowhere: refused(),
            partitions: vec![("gpu".into(), Reply::Denied)],
            accounts: vec![("pub_a".into(), Reply::Denied)],
            left_out: 0,
        }
    }

    #[test]
    fn denied_there_and_only_there_is_closed() {
        assert_eq!(faults(&doors(), &Ok(visit())), []);
    }

    #[test]
    fn another_reason_for_refusing_is_a_hole() {
        let found =
            faults(&doors(), &Ok(Visit { partitions: vec![("gpu".into(), refused())], ..visit() }));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].actual, "partition gpu: invalid account (2045)");
        assert!(found[0].sentence.contains("Name gpu under partitions"));
    }

    #[test]
    fn many_holes_are_one_sentence() {
        let accounts = (0..20).map(|number| (format!("pub_{number}"), Reply::Welcome)).collect();
        let found = faults(&doors(), &Ok(Visit { accounts, ..visit() }));
        assert_eq!(found.len(), 1);
        assert!(found[0].actual.ends_with("pub_4 and 15 more: the job would run"), "{found:?}");
    }

    #[test]
    fn who_is_refused_everywhere_proves_nothing() {
        let found = faults(&doors(), &Ok(Visit { nowhere: Reply::Denied, ..visit() }));
        assert!(found[0].actual.starts_with("could not be proven"), "{found:?}");
        let found = faults(&doors(), &Err("slurm.conf cannot be read".to_owned()));
        assert!(found[0].actual.contains("slurm.conf cannot be read"));
        assert_eq!(faults(&doors(), &Ok(Visit { left_out: 3, ..visit() })).len(), 1);
    }
}
