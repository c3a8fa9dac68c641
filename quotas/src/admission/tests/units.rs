//! Units of a class: GPUs, MIG instances, whole nodes.

use super::*;

fn of(unit: AllocationUnit, gpus_per_node: i64) -> GrantFacts {
    let pool = PoolFacts { unit, gpus_per_node, ..grant().pool };
    GrantFacts { pool, max_gpus: 64, ..grant() }
}

fn admitted(gpu_count: i64, grant: GrantFacts) -> Admitted {
    decide(&Ask { gpu_count, ..ask() }, &with_grant(grant)).unwrap()
}

#[test]
fn gpus_are_asked_for_one_by_one() {
    let admitted = admitted(3, of(AllocationUnit::Gpu, 8));
    assert_eq!((admitted.units, admitted.gpu_count, admitted.whole_node), (3, 3, false));
    assert_eq!(admitted.gpu_seconds, gpu_seconds(3 * (HOUR_S + 60)));
}

#[test]
fn a_mig_instance_is_one_unit_of_its_own_type() {
    let mut grant = of(AllocationUnit::MigInstance { share_ppm: 142_857 }, 56);
    grant.pool.gpu_type = "h200_1g.18gb".to_owned();
    let admitted = admitted(10, grant);
    assert_eq!((admitted.units, admitted.gpu_count, admitted.whole_node), (10, 10, false));
    assert_eq!(admitted.pool.gpu_type, "h200_1g.18gb");
    assert_eq!(admitted.gpu_seconds, gpu_seconds(10 * (HOUR_S + 60)));
}

#[test]
fn a_whole_node_is_held_and_paid_with_all_its_gpus() {
    let admitted = admitted(8, of(AllocationUnit::Node, 8));
    assert_eq!((admitted.units, admitted.gpu_count, admitted.whole_node), (1, 8, true));
    assert_eq!(admitted.gpu_seconds, gpu_seconds(8 * (HOUR_S + 60)));
    assert_eq!(admitted.usek, usek(8 * (HOUR_S + 60) * MicroSek::ORE.get()));
}

#[test]
fn whole_nodes_only() {
    for asked in [1, 7] {
        let ask = Ask { gpu_count: asked, ..ask() };
        let refused = reasons(&ask, &with_grant(of(AllocationUnit::Node, 8)));
        assert_eq!(refused, [Reason::WholeNodesOnly { asked, per_node: 8 }]);
    }
    let nine = Ask { gpu_count: 9, ..ask() };
    let refused = reasons(&nine, &with_grant(of(AllocationUnit::Node, 8)));
    assert_eq!(refused, [Reason::TooManyGpusForNode { asked: 9, per_node: 8 }]);
}

#[test]
fn grants_of_two_units_are_never_drawn_on_together() {
    let half = gpu_seconds(4 * (HOUR_S + 60));
    let grants = vec![
        GrantFacts { available: half, ..of(AllocationUnit::Node, 8) },
        GrantFacts { available: half, grant_id: OTHER, ..of(AllocationUnit::Gpu, 8) },
    ];
    let ask = Ask { gpu_count: 8, ..ask() };
    let refused = reasons(&ask, &Snapshot { grants, ..snapshot() });
    assert!(matches!(refused[..], [Reason::NotEnoughGpuSeconds { .. }]));
}
