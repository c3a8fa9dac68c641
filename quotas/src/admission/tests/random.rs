//! Random asks against random grants and limits: a yes can always be paid and keeps every limit, a
//! no is always real.

use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::limit::use_limit::Scope;

/// GPUs in a node of the random grants.
const PER_NODE: i64 = 3;

/// Up to five grants of two funds and two units with small amounts, and an ask of the same size.
fn case() -> impl Strategy<Value = (Ask, Vec<GrantFacts>)> {
    let one = (0..400_i64, 0..400_i64, 1..5_i64, 11..30_u32, any::<bool>(), any::<bool>());
    let grants = vec(one, 0..6).prop_map(|all| {
        (1_u128..)
            .zip(all)
            .map(|(no, (time, ore, max_gpus, last_day, of_other_fund, of_nodes))| {
                let mut grant = grant();
                grant.grant_id = Uuid::from_u128(no);
                grant.available = gpu_seconds(time);
                grant.available_usek = usek(ore * MicroSek::ORE.get());
                grant.max_gpus = max_gpus;
                grant.valid_until = at(last_day);
                grant.pool.fund_id = if of_other_fund { OTHER } else { FUND };
                grant.pool.unit = if of_nodes { AllocationUnit::Node } else { AllocationUnit::Gpu };
                grant.pool.gpus_per_node = PER_NODE;
                grant
            })
            .collect()
    });
    let ask = (1..4_i64, 1..120_i64).prop_map(|(gpu_count, wall_time_s)| Ask {
        gpu_count,
        wall_time_s,
        ..ask()
    });
    (ask, grants)
}

/// What a grant can pay at one öre a second.
fn room(grant: &GrantFacts) -> i64 {
    grant.available.get().min(grant.available_usek.get() / MicroSek::ORE.get())
}

proptest! {
    #[test]
    fn a_yes_can_be_paid_and_a_no_could_not((ask, grants) in case()) {
        let snapshot = Snapshot { grants: grants.clone(), ..snapshot() };
        let wanted = ask.gpu_seconds().get();
        match decide(&ask, &snapshot) {
            Ok(admitted) => {
                let chosen: Vec<&GrantFacts> = admitted
                    .grant_ids
                    .iter()
                    .map(|id| grants.iter().find(|grant| grant.grant_id == *id).unwrap())
                    .collect();
                prop_assert!(chosen.iter().map(|grant| room(grant)).sum::<i64>() >= wanted);
                let all_but_last = &chosen[..chosen.len() - 1];
                prop_assert!(all_but_last.iter().map(|grant| room(grant)).sum::<i64>() < wanted);
                prop_assert!(chosen.is_sorted_by_key(|grant| grant.valid_until));
                let fit = chosen.iter().all(|grant| {
                    grant.pool.fund_id == admitted.pool.fund_id && grant.max_gpus >= ask.gpu_count
                });
                prop_assert!(fit);
                let one_place = |grant: &&GrantFacts| grant.pool == admitted.pool;
                prop_assert!(chosen.iter().all(one_place));
                prop_assert_eq!(admitted.gpu_count, ask.gpu_count);
                let per_unit = if admitted.whole_node { PER_NODE } else { 1 };
                prop_assert_eq!(admitted.units * per_unit, ask.gpu_count, "whole units");
                let is_node = admitted.pool.unit == AllocationUnit::Node;
                prop_assert_eq!(admitted.whole_node, is_node);
                prop_assert_eq!(admitted.usek.get(), wanted * MicroSek::ORE.get());
            }
            Err(refusal) => {
                prop_assert!(!refusal.reasons.is_empty());
                let units = [AllocationUnit::Gpu, AllocationUnit::Node];
                for (fund_id, unit) in [FUND, OTHER].into_iter().flat_map(|id| units.map(|u| (id, u))) {
                    let is_whole = unit == AllocationUnit::Gpu || ask.gpu_count == PER_NODE;
                    let payable: i64 = grants
                        .iter()
                        .filter(|grant| grant.pool.fund_id == fund_id && grant.pool.unit == unit)
                        .filter(|_| is_whole)
                        .filter(|grant| grant.max_gpus >= ask.gpu_count)
                        .map(room)
                        .sum();
                    prop_assert!(payable < wanted);
                }
            }
        }
    }

    #[test]
    fn a_yes_keeps_every_limit_and_a_no_would_break_one(
        asked in 1..=4_i64,
        limits in vec((any::<bool>(), any::<bool>(), option::of(1..12_i64), option::of(1..6_i64)), 0..5),
        in_use in vec((any::<bool>(), any::<bool>(), 0..6_i64, 0..4_i64), 0..5),
    ) {
        let class = |same: bool| if same { "h200" } else { "a100" }.to_owned();
        let limit = |(of_agency, of_class, gpus_at_once, jobs_at_once)| UseLimit {
            use_limit_id: Uuid::nil(),
            scope: if of_agency { Scope::Agency(AGENCY) } else { Scope::Project(Uuid::nil()) },
            class: Some(class(true)).filter(|_| of_class),
            gpus_at_once,
            jobs_at_once,
            set_by: None,
            set_at: at(1),
        };
        let used = |(of_sister, of_class, gpus, jobs)| InUse {
            project_id: if of_sister { OTHER } else { Uuid::nil() },
            class: class(of_class),
            gpus,
            jobs,
        };
        // Counted another way: every limit against every figure, by the words of its definition.
        let kept = limits.iter().all(|&(of_agency, of_class, gpus_at_once, jobs_at_once)| {
            let theirs = in_use.iter().filter(|(of_sister, same, ..)| {
                (of_agency || !of_sister) && (!of_class || *same)
            });
            let (gpus, jobs) = theirs.fold((asked, 1), |sum, one| (sum.0 + one.2, sum.1 + one.3));
            gpus_at_once.is_none_or(|most| gpus <= most)
                && jobs_at_once.is_none_or(|most| jobs <= most)
        });
        let snapshot = Snapshot {
            limits: limits.into_iter().map(limit).collect(),
            in_use: Some(in_use.into_iter().map(used).collect()),
            ..snapshot()
        };
        prop_assert_eq!(decide(&Ask { gpu_count: asked, ..ask() }, &snapshot).is_ok(), kept);
    }
}
