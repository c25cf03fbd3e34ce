//! Worked examples (spec: orchestrators-a.md section 6) and properties: the fast form chooses as the
//! plain one, no host holds more than its capacity, no group is violated.

mod aggregates;
mod moves;

use std::sync::Arc;

use fixedbitset::FixedBitSet;
use proptest::prelude::*;
use rng::Stream;
use units::{Duration, Instant};

use super::fast::FastCloud;
use super::filter::Filter;
use super::flavor::{Group, GroupPolicy};
use super::hints::Hints;
use super::host::{Amounts, Host, Ratios, Traits};
use super::options::{Machine, Rules};
use super::query::Query;
use super::scheduler::{Cloud, Request};
use super::service::ServiceOptions;
use super::weigher::{Multipliers, Weigher};

fn host(name: &str, total: Amounts, used: Amounts) -> Host {
    Host {
        name: name.into(),
        total,
        used,
        ratios: Ratios {
            memory: 1.0,
            ..Ratios::UP_TO_ZED
        },
        is_enabled: true,
        is_up: true,
        ..Host::default()
    }
}

fn amounts(vcpus: i64, memory: i64, disk: i64) -> Amounts {
    Amounts {
        vcpus,
        memory,
        disk,
    }
}

fn all(cloud: &Cloud) -> FixedBitSet {
    let mut all = FixedBitSet::with_capacity(cloud.hosts().len());
    all.insert_range(..);
    all
}

fn ranking(cloud: &Cloud, request: &Request, rules: &Rules) -> Vec<(String, f64)> {
    let ranking = cloud.ranking(request, &all(cloud), rules);
    let ranking = ranking.expect("a host").into_iter();
    let named = ranking.map(|own| (cloud.hosts()[own.host].name.to_string(), own.total));
    named.collect()
}

/// The three hosts of the worked example.
fn worked() -> Cloud {
    let mut cloud = Cloud::default();
    let gib = 1 << 10;
    for (name, total, vcpus, io) in [
        ("cmp1", amounts(16, 64 * gib, 500 * gib), 64, 2),
        ("cmp2", amounts(16, 96 * gib, 1_000 * gib), 160, 0),
        ("cmp3", amounts(32, 128 * gib, 250 * gib), 300, 4),
    ] {
        cloud.add_host(Host {
            io_operations: io,
            ..host(name, total, amounts(vcpus, 0, 0))
        });
    }
    cloud
}

#[test]
fn hosts_rank_as_in_the_worked_table() {
    let mut cloud = worked();
    let (request, rules) = (Request::default(), Rules::default());
    let rounded = |cloud: &Cloud| -> Vec<(String, i64)> {
        let ranking = ranking(cloud, &request, &rules).into_iter();
        ranking
            .map(|(name, total)| (name, (total * 1e5).round() as i64))
            .collect()
    };
    let named = |name: &str, total: i64| (name.to_owned(), total);
    assert_eq!(
        rounded(&cloud),
        [
            named("cmp2", 220_283),
            named("cmp1", 140_566),
            named("cmp3", 125_000)
        ]
    );
    cloud.hosts[1].failed_builds = 1;
    assert_eq!(
        rounded(&cloud),
        [
            named("cmp1", 140_566),
            named("cmp3", 125_000),
            named("cmp2", -99_999_779_717)
        ]
    );
}

/// The totals of hosts under one weigher, host by host, in hundred-thousandths.
fn weighed(cloud: &Cloud, request: &Request, weigher: Weigher, factor: f64) -> Vec<(String, i64)> {
    let mut rules = Rules {
        multipliers: Multipliers::NONE,
        ..Rules::default()
    };
    rules.multipliers.set(weigher, factor);
    let ranking = ranking(cloud, request, &rules).into_iter();
    ranking
        .map(|(name, total)| (name, (total * 1e5).round() as i64))
        .collect()
}

#[test]
fn a_single_weigher_scales_as_in_the_worked_examples() {
    let mut cloud = Cloud::default();
    for (name, memory) in [("a", 512), ("b", 1_024), ("c", 3_072), ("d", 8_192)] {
        cloud.add_host(host(name, amounts(8, memory, 1_000), Amounts::default()));
    }
    let named = |own: [(&str, i64); 4]| own.map(|(name, total)| (name.to_owned(), total));
    let request = Request::default();
    let spread = [("d", 100_000), ("c", 37_500), ("b", 12_500), ("a", 6_250)];
    assert_eq!(
        weighed(&cloud, &request, Weigher::Memory, 1.0),
        named(spread)
    );
    let stacked = [
        ("a", -6_250),
        ("b", -12_500),
        ("c", -37_500),
        ("d", -100_000),
    ];
    assert_eq!(
        weighed(&cloud, &request, Weigher::Memory, -1.0),
        named(stacked)
    );
    // One, four, no and two members of the group.
    let of_group = |policy| Request {
        group: Some(Group {
            name: "g".into(),
            policy,
        }),
        ..Request::default()
    };
    let request = of_group(GroupPolicy::SoftAffinity);
    for (number, members) in [1, 4, 0, 2].into_iter().enumerate() {
        for _ in 0..members {
            cloud.add(number, &request, false);
        }
    }
    let together = [("b", 100_000), ("d", 50_000), ("a", 25_000), ("c", 0)];
    assert_eq!(
        weighed(&cloud, &request, Weigher::SoftAffinity, 1.0),
        named(together)
    );
    let request = of_group(GroupPolicy::SoftAntiAffinity);
    let apart = [("c", 100_000), ("a", 75_000), ("d", 50_000), ("b", 0)];
    assert_eq!(
        weighed(&cloud, &request, Weigher::SoftAntiAffinity, 1.0),
        named(apart)
    );
}

#[test]
fn one_host_is_not_weighed() {
    let mut cloud = worked();
    cloud.hosts.truncate(1);
    let own = ranking(&cloud, &Request::default(), &Rules::default());
    assert_eq!(own, [("cmp1".to_owned(), 0.0)]);
}

#[test]
fn capacity_is_cut_to_whole_units_and_takes_so_many_instances() {
    let mut own = Host {
        reserved: amounts(0, 512, 0),
        ratios: Ratios::UP_TO_ZED,
        ..host("c", amounts(32, 131_072, 2_000 << 10), Amounts::default())
    };
    let flavor = amounts(4, 8_192, 40 << 10);
    assert_eq!(own.capacity(), amounts(512, 195_840, 2_000 << 10));
    assert_eq!(own.most_instances(flavor), 23);
    own.ratios = Ratios::default();
    assert_eq!(own.capacity(), amounts(128, 130_560, 2_000 << 10));
    assert_eq!(own.most_instances(flavor), 15);
    own.ratios.memory = 0.333;
    assert_eq!(own.capacity().memory, 43_476);
}

#[test]
fn groups_keep_members_apart_or_together() {
    let rules = Rules::default();
    let mut cloud = worked();
    let request = |policy| Request {
        group: Some(Group {
            name: "g".into(),
            policy,
        }),
        ..Request::default()
    };
    let feasible = |cloud: &Cloud, policy| {
        let hosts = cloud.feasible(&request(policy), &all(cloud), &rules);
        hosts.unwrap_or_default()
    };
    let apart = |most_per_host| GroupPolicy::AntiAffinity { most_per_host };
    // A group without members goes anywhere.
    assert_eq!(feasible(&cloud, GroupPolicy::Affinity), [0, 1, 2]);
    cloud.add(0, &request(apart(1)), false);
    cloud.add(1, &request(apart(1)), false);
    cloud.add(1, &request(apart(1)), false);
    assert_eq!(feasible(&cloud, apart(1)), [2]);
    assert_eq!(feasible(&cloud, apart(2)), [0, 2]);
    assert_eq!(feasible(&cloud, GroupPolicy::Affinity), [0, 1]);
    let mut rules = Rules {
        multipliers: Multipliers::NONE,
        ..Rules::default()
    };
    rules.multipliers.set(Weigher::SoftAffinity, 1.0);
    rules.multipliers.set(Weigher::SoftAntiAffinity, 1.0);
    let order = |policy| {
        let ranking = ranking(&cloud, &request(policy), &rules).into_iter();
        ranking.map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(order(GroupPolicy::SoftAffinity), ["cmp2", "cmp1", "cmp3"]);
    assert_eq!(
        order(GroupPolicy::SoftAntiAffinity),
        ["cmp3", "cmp1", "cmp2"]
    );
}

#[test]
fn a_silent_host_is_up_until_its_last_report_is_older_than_a_minute() {
    let services = ServiceOptions::default();
    let at = Instant::from_secs;
    let report = services.last_report(at(0), at(53));
    assert_eq!(report, at(50));
    assert_eq!(services.last_up(report), at(110));
    assert!(services.is_up(Duration::from_secs(60)));
    assert!(!services.is_up(Duration::from_secs(61)));
}

#[test]
fn a_machine_starts_after_its_image_its_creation_and_its_boot() {
    let machine = Machine {
        image_size: 2_000,
        image_rate: 500,
        create: Duration::from_secs(3),
        boot: Duration::from_secs(20),
        guest_memory: 0,
        ..Machine::default()
    };
    assert_eq!(machine.start_time(false), Duration::from_secs(27));
    assert_eq!(machine.start_time(true), Duration::from_secs(23));
    assert_eq!([0, 7].map(|host| machine.image_host(host)), [0, 7]);
    let shared = Machine {
        shares_images: true,
        ..machine
    };
    assert_eq!([0, 7].map(|host| shared.image_host(host)), [0, 0]);
    assert_eq!(Machine::default().start_time(false), Duration::ZERO);
}

#[derive(Clone, Debug)]
enum Step {
    Ask(Box<Request>),
    End(usize),
    Runs(usize),
    Fails(usize),
    Up(usize, bool),
    Enabled(usize, bool),
}

fn request() -> impl Strategy<Value = Request> {
    let policy = prop_oneof![
        Just(GroupPolicy::Affinity),
        (1..3_i64).prop_map(|most_per_host| GroupPolicy::AntiAffinity { most_per_host }),
        Just(GroupPolicy::SoftAffinity),
        Just(GroupPolicy::SoftAntiAffinity),
    ];
    let group = prop::option::of((0..2_u8, policy));
    let flavor = (1..6_i64, 0..3_i64, 0..3_i64);
    let set = || prop::collection::vec(0..6_usize, 0..3);
    let hints = prop::option::of((prop::option::of(set()), set()));
    let asked = (0..3_u8, any::<bool>(), hints);
    (flavor, group, 0..9_usize, asked).prop_map(
        |((vcpus, memory, disk), group, excluded, (spec, is_image_isolated, hints))| Request {
            flavor: amounts(vcpus, memory << 9, disk << 13),
            group: group.map(|(number, policy)| Group {
                name: format!("{policy:?}{number}").into(),
                policy,
            }),
            excluded: (excluded < 6).then_some(excluded).into_iter().collect(),
            extra_specs: (spec < 2)
                .then(|| ("disk".into(), format!("d{spec}").into()))
                .into_iter()
                .collect(),
            is_image_isolated,
            hints: hints.map(|(same, different)| Hints {
                same: same.map(|hosts| hosts.into_iter().collect()),
                different: different.into_iter().collect(),
            }),
            query: (spec == 2).then(|| {
                let query = Query::parse(r#"["<", "$num_instances", 2]"#);
                Arc::new(query.expect("a query"))
            }),
            near: None,
            present: usize::checked_sub(excluded, 7),
        },
    )
}

/// What aggregates and isolation may make of a host.
fn placed_in(host: Host, number: i64, rules: &Rules) -> Host {
    let mut factors = rules.multipliers;
    factors.set(Weigher::Memory, -1.5);
    factors.set(Weigher::Instances, 3.0);
    let values = [format!("d{}", number % 2).into()].into_iter().collect();
    Host {
        factors: (number % 3 == 0).then(|| Arc::new(factors)),
        metadata: (number < 4).then(|| Arc::new([("disk".into(), values)].into_iter().collect())),
        is_isolated: number % 4 == 1,
        ..host
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => request().prop_map(|own| Step::Ask(Box::new(own))),
        2 => (0..30_usize).prop_map(Step::End),
        2 => (0..30_usize).prop_map(Step::Runs),
        1 => (0..6_usize).prop_map(Step::Fails),
        1 => (0..6_usize, any::<bool>()).prop_map(|(host, is_up)| Step::Up(host, is_up)),
        1 => (0..6_usize, any::<bool>()).prop_map(|(host, is_on)| Step::Enabled(host, is_on)),
    ]
}

fn rules() -> impl Strategy<Value = Rules> {
    let factor = prop_oneof![Just(0.0), Just(1.0), Just(-1.0), Just(2.5)];
    let factors = prop::collection::vec(factor, Weigher::ALL.len());
    let flags = (any::<bool>(), 0..32_u8, any::<bool>());
    (factors, 1..4_usize, 2..8_usize, flags).prop_map(
        |(factors, host_subset_size, most_candidates, (counts, more, has_own))| {
            let mut rules = Rules {
                host_subset_size,
                most_candidates,
                ..Rules::default()
            };
            if counts {
                rules.filters.push(Filter::IoOperations);
                rules.filters.push(Filter::Instances);
                rules.limits.most_io_operations = 2;
                rules.limits.most_instances = 3;
            }
            let filters = [
                Filter::SameHost,
                Filter::DifferentHost,
                Filter::AggregateExtraSpecs,
                Filter::IsolatedHosts,
                Filter::Query,
            ];
            for (place, filter) in filters.into_iter().enumerate() {
                if more >> place & 1 == 1 {
                    rules.filters.push(filter);
                }
            }
            rules.limits.restricts_isolated_hosts = more % 3 == 0;
            if has_own {
                rules.overridden = vec![Weigher::Memory, Weigher::Instances];
            }
            for (weigher, factor) in Weigher::ALL.into_iter().zip(factors) {
                rules.multipliers.set(weigher, factor);
            }
            rules
        },
    )
}

proptest! {
    #[test]
    fn the_fast_form_chooses_as_the_plain_one_and_rules_hold(
        steps in prop::collection::vec(step(), 1..60),
        rules in rules(),
        unmatched in 0..6_usize,
    ) {
        let mut plain = Cloud::default();
        let mut fast = FastCloud::default();
        for number in 0..6_i64 {
            let total = amounts(2 + number % 3, (4 + number) << 9, (20 + number) << 13);
            let own = Host {
                traits: Traits {
                    hypervisor_version: number % 3,
                    free_devices: number * 40,
                    cell: number % 3 - 1,
                    image_properties: number % 2,
                },
                ..host(&format!("h{number}"), total, Amounts::default())
            };
            let own = if rules.overridden.is_empty() { own } else { placed_in(own, number, &rules) };
            plain.add_host(own.clone());
            fast.add_host(own);
        }
        let mut matching = all(&plain);
        matching.set(unmatched, false);
        let streams = || Stream::new(1, "nova.subset", 0);
        let (mut drawn, mut drawn_fast) = (streams(), streams());
        let mut placed: Vec<(usize, Request, bool)> = Vec::new();
        for step in steps {
            match step {
                Step::Ask(request) => {
                    let request = *request;
                    let chosen = plain.select(&request, &matching, &rules, &mut drawn);
                    let by_fast = fast.select(&request, &matching, &rules, &mut drawn_fast);
                    prop_assert_eq!(&chosen, &by_fast);
                    if let Ok(choice) = chosen {
                        let own = &plain.hosts()[choice.host];
                        prop_assert!(own.is_up && choice.host != unmatched);
                        prop_assert!(!request.excluded.contains(&choice.host));
                        let group = request.group.as_ref();
                        if let Some(GroupPolicy::AntiAffinity { most_per_host }) =
                            group.map(|group| group.policy)
                        {
                            let standing = plain.standing(choice.host, &request, &matching);
                            let is_there = request.present == Some(choice.host);
                            prop_assert!(is_there || standing.members < most_per_host);
                        }
                        plain.add(choice.host, &request, true);
                        fast.add(choice.host, &request, true);
                        placed.push((choice.host, request, true));
                    }
                }
                Step::End(index) if !placed.is_empty() => {
                    let (host, request, is_building) = placed.remove(index % placed.len());
                    plain.remove(host, &request, is_building);
                    fast.remove(host, &request, is_building);
                }
                Step::Runs(index) if !placed.is_empty() => {
                    let index = index % placed.len();
                    let own = &mut placed[index];
                    if std::mem::take(&mut own.2) {
                        plain.host_mut(own.0).expect("a host").io_operations -= 1;
                        fast.change(own.0, |host| host.io_operations -= 1);
                    }
                }
                Step::End(_) | Step::Runs(_) => {}
                Step::Fails(host) => {
                    plain.host_mut(host).expect("a host").failed_builds += 1;
                    fast.change(host, |own| own.failed_builds += 1);
                }
                Step::Up(host, is_up) => {
                    plain.host_mut(host).expect("a host").is_up = is_up;
                    fast.change(host, |own| own.is_up = is_up);
                }
                Step::Enabled(host, is_on) => {
                    plain.host_mut(host).expect("a host").is_enabled = is_on;
                    fast.change(host, |own| own.is_enabled = is_on);
                }
            }
            for own in plain.hosts() {
                let (used, capacity) = (own.used.classes(), own.capacity().classes());
                prop_assert!(used.iter().zip(capacity).all(|(used, most)| *used <= most));
            }
            prop_assert_eq!(plain.hosts(), fast.hosts());
        }
    }
}

#[test]
fn no_instance_is_larger_than_its_host_whatever_the_ratios() {
    let mut host = Host {
        total: Amounts {
            vcpus: 8,
            memory: 16_384,
            disk: 102_400,
        },
        ratios: Ratios::UP_TO_ZED,
        ..Host::default()
    };
    let asked = |vcpus: i64, memory: i64| Amounts {
        vcpus,
        memory,
        disk: 0,
    };
    assert!(host.has_room(asked(8, 16_384)));
    assert!(!host.has_room(asked(9, 1)) && !host.has_room(asked(1, 16_385)));
    // 128 virtual processors are promised: fifteen such instances leave room for one more.
    host.used = asked(120, 0);
    assert!(host.has_room(asked(8, 1)));
    host.used = asked(121, 0);
    assert!(!host.has_room(asked(8, 1)));
}
