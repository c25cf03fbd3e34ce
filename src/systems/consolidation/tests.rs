//! Small datacenters, and what moves in them.

use super::{Datacenter, Detection, HostId, HostKind, Move, Rules, Selection, VmId, VmKind};

const WATTS: [f64; 11] = [
    93.7, 97.0, 101.0, 105.0, 110.0, 116.0, 121.0, 125.0, 129.0, 133.0, 135.0,
];

fn datacenter(hosts: usize, vms: &[(f64, i64)]) -> Datacenter {
    let rules = Rules {
        detection: Detection::Threshold(0.8),
        selection: Selection::MinimumMigrationTime,
        interval_s: 300.0,
    };
    let mut datacenter = Datacenter::new(Some(rules), 1);
    for _ in 0..hosts {
        datacenter.add_host(HostKind {
            cores: 1,
            core_mips: 1_000.0,
            memory_mb: 4_096,
            bandwidth_mbit: 1_000,
            watts: WATTS,
        });
    }
    for &(mips, memory_mb) in vms {
        let vm = datacenter.add_vm(VmKind {
            mips,
            memory_mb,
            bandwidth_mbit: 0,
        });
        datacenter.place(vm).expect("a host with room");
    }
    datacenter
}

/// Carries out what is decided; every machine is on its one host afterwards.
fn settle(datacenter: &mut Datacenter) -> Vec<Move> {
    let moves = datacenter.decide();
    for &order in &moves {
        datacenter.start(order);
    }
    for &order in &moves {
        datacenter.finish(order);
    }
    for (index, vm) in datacenter.vms.iter().enumerate() {
        let id = VmId(index as u32);
        let on = datacenter
            .hosts
            .iter()
            .filter(|host| host.vms.contains(&id));
        assert_eq!(on.count(), 1, "machine {index}");
        let host = &datacenter.hosts[vm.host.expect("a host").index()];
        assert!(host.vms.contains(&id) && host.arriving.is_empty() && !vm.is_moving);
    }
    moves
}

#[test]
fn nearly_idle_hosts_are_emptied_and_stay_empty() {
    let mut datacenter = datacenter(3, &[(700.0, 870), (700.0, 1_740), (700.0, 613)]);
    datacenter.observe(|_| 0.1);
    let moves = settle(&mut datacenter);
    assert_eq!(moves.len(), 2, "{moves:?}");
    let used = datacenter.hosts.iter().filter(|host| !host.vms.is_empty());
    assert_eq!(used.count(), 1);
    datacenter.observe(|_| 0.1);
    assert_eq!(settle(&mut datacenter), []);
}

#[test]
fn an_overloaded_host_gives_its_smallest_machine_away() {
    let mut datacenter = datacenter(2, &[(400.0, 1_740), (400.0, 613)]);
    datacenter.observe(|_| 0.1);
    settle(&mut datacenter);
    let home = datacenter.vms[0].host;
    assert_eq!(datacenter.vms[1].host, home);
    // Four fifths are not above the threshold.
    datacenter.observe(|_| 1.0);
    assert_eq!(settle(&mut datacenter), []);
    datacenter.vms[1].kind.mips = 500.0;
    datacenter.observe(|_| 1.0);
    let moves = settle(&mut datacenter);
    let to = if home == Some(HostId(0)) {
        HostId(1)
    } else {
        HostId(0)
    };
    let order = Move { vm: VmId(1), to };
    assert_eq!(moves, [order]);
    // 613 MB over half of 1 Gbit/s.
    assert!((datacenter.seconds(order) - 9.808).abs() < 1e-9);
}

#[test]
fn a_host_that_is_down_takes_no_machine_and_moves_to_it_are_given_up() {
    let mut datacenter = datacenter(2, &[(400.0, 1_740), (400.0, 613)]);
    datacenter.observe(|_| 0.1);
    settle(&mut datacenter);
    let home = datacenter.vms[0].host.expect("a host");
    datacenter.vms[1].kind.mips = 500.0;
    datacenter.observe(|_| 1.0);
    assert_eq!(datacenter.vms[1].host, Some(home));
    let moves = datacenter.decide();
    let [order] = moves[..] else {
        panic!("{moves:?}");
    };
    datacenter.start(order);
    datacenter.hosts[order.to.index()].is_down = true;
    datacenter.cancel(order, true);
    assert_eq!(datacenter.hosts[order.to.index()].vms, []);
    assert!(!datacenter.vms[1].is_moving && datacenter.vms[1].host == Some(home));
    datacenter.observe(|_| 1.0);
    // It would have to go, and has nowhere to go.
    assert_eq!(datacenter.decide(), []);
    datacenter.hosts[order.to.index()].is_down = false;
    assert_eq!(datacenter.decide(), [order]);
}

#[test]
fn idle_machines_are_retired_where_that_is_asked_for() {
    let mut datacenter = datacenter(1, &[(400.0, 613), (400.0, 613)]);
    datacenter.observe(|vm| f64::from(vm.0));
    datacenter.retire_idle();
    assert_eq!(datacenter.hosts[0].vms, [VmId(1)]);
    assert_eq!(datacenter.vms[0].host, None);
}
