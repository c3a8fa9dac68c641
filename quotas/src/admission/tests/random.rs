//! Random asks against random grants: a yes can always be paid, a shortage is always real.

use proptest::prelude::*;

use super::*;

/// Up to five grants of two funds with small amounts, and an ask of the same size.
fn case() -> impl Strategy<Value = (Ask, Vec<GrantFacts>)> {
    let one = (0..400_i64, 0..400_i64, 1..5_i64, 11..30_u32, any::<bool>());
    let grants = proptest::collection::vec(one, 0..6).prop_map(|all| {
        (1_u128..)
            .zip(all)
            .map(|(no, (time, ore, max_gpus, last_day, of_other_fund))| {
                let mut grant = grant();
                grant.grant_id = Uuid::from_u128(no);
                grant.available = gpu_seconds(time);
                grant.available_usek = usek(ore * MicroSek::ORE.get());
                grant.max_gpus = max_gpus;
                grant.valid_until = at(last_day);
                grant.pool.fund_id = if of_other_fund { OTHER } else { FUND };
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
                prop_assert_eq!(admitted.usek.get(), wanted * MicroSek::ORE.get());
            }
            Err(refusal) => {
                prop_assert!(!refusal.reasons.is_empty());
                for fund_id in [FUND, OTHER] {
                    let payable: i64 = grants
                        .iter()
                        .filter(|grant| grant.pool.fund_id == fund_id)
                        .filter(|grant| grant.max_gpus >= ask.gpu_count)
                        .map(room)
                        .sum();
                    prop_assert!(payable < wanted);
                }
            }
        }
    }
}
