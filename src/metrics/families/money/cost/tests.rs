//! The bill on drawn histories: it is billed hours x price, and every split of it comes to it.

use std::sync::Arc;

use proptest::prelude::*;

use crate::families::money::cost::CostTable;
use crate::record::setup::Setup;
use crate::record::setup::economics::{Billing, Commitment, Economics, NodeEconomics};
use crate::recorder::Recorder;
use crate::tests::fixture::{Bench, node, spec};
use cluster::{Observer, UsageNews, UsageSamples};
use model::node::{CAPACITY_LABEL, GROUP_LABEL, SPOT};
use model::traffic::{Flow, FlowCounts};
use model::{
    EndReason, Event, GpuRequest, NewPrice, Node, PodName, PodRef, PodSpec, ResourceUsage, Text,
    TrafficNames, TrafficStretch,
};
use units::{Instant, NodeId, SortedMap};

/// Prices of two groups an hour, in millionths; the second is spot capacity, whose price changes.
const PRICES: [(&str, i64); 2] = [("large", 3_600_000), ("cheap", 777_001)];

fn setup(billing: Billing, tenant_label: Option<&str>) -> Setup {
    let kind = |(name, price): (&str, i64)| {
        let economics = NodeEconomics {
            power: None,
            price_micro_per_hour: Some(price),
            changes_as: (name == "cheap").then(|| name.into()),
        };
        (Text::from(name), economics)
    };
    Setup {
        economics: Some(Arc::new(Economics {
            kinds: PRICES.into_iter().map(kind).collect(),
            billing,
            currency: "EUR".into(),
            tenant_label: tenant_label.map(Text::from),
            ..Economics::default()
        })),
        ..Setup::default()
    }
}

fn machine(name: &str, kind: usize) -> Arc<Node> {
    let mut own = Node::clone(&node(name, 8_000, 32 << 30, 0));
    own.labels.insert(GROUP_LABEL.into(), PRICES[kind].0.into());
    if kind == 1 {
        own.labels.insert(CAPACITY_LABEL.into(), SPOT.into());
    }
    Arc::new(own)
}

fn pod_of(namespace: &str, cpu_milli: i64) -> Arc<PodSpec> {
    let mut own = PodSpec::clone(&spec(cpu_milli, 1 << 30, GpuRequest::default()));
    own.namespace = namespace.into();
    own.labels
        .insert("team".into(), format!("team-{namespace}").into());
    Arc::new(own)
}

/// Usage, by pod.
struct Use(SortedMap<PodRef, i64>);

impl UsageSamples for Use {
    fn pod(&self, pod: PodRef) -> Option<ResourceUsage> {
        let cpu_milli = *self.0.get(&pod)?;
        Some(ResourceUsage {
            cpu_milli,
            memory_bytes: 0,
        })
    }

    fn containers(&self, _pod: PodRef) -> Vec<(Text, ResourceUsage)> {
        Vec::new()
    }
}

/// The use of all nodes changes.
fn tell_use(bench: &mut Bench, at: Instant, usage: &Use) {
    let nodes = (0..bench.store.nodes().len()).map(NodeId::from_index);
    let nodes: Vec<NodeId> = nodes.collect();
    let news = UsageNews {
        nodes: &nodes,
        usage,
    };
    bench.recorder.usage(at, &bench.store, news);
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs()).max(1.0)
}

fn bill_of(bench: Bench, secs: i64) -> CostTable {
    let metrics = bench.finish(secs);
    let costs = metrics.tables.get::<CostTable>();
    costs.expect("nodes have a price").clone()
}

#[test]
fn tenants_pay_for_what_they_reserve_or_use_and_idle_is_apart() {
    let mut bench = Bench::new(Recorder::new(&setup(Billing::Exact, None)));
    bench.add_node(0, machine("a", 0));
    let (shop, batch) = (pod_of("shop", 2_000), pod_of("batch", 2_000));
    let pods = [&shop, &batch].map(|own| bench.submit(0, own, None));
    for pod in pods {
        bench.start(0, pod, 0);
    }
    // From half an hour on one of them uses twice of what it reserves.
    let used = Use(SortedMap::from([(pods[0], 4_000), (pods[1], 500)]));
    tell_use(&mut bench, Instant::from_secs(1800), &used);
    let costs = bill_of(bench, 3600);
    // Two of eight cores at 31.611 and one of 32 GiB at 4.237 of 3.6 an hour.
    let (core, gib) = (31.611, 4.237);
    let whole = 8.0 * core + 32.0 * gib;
    let reserved = 3.6 * (2.0 * core + gib) / whole;
    let by_use = f64::midpoint(reserved, 3.6 * (4.0 * core + gib) / whole);
    assert_eq!((&*costs.currency, costs.nodes.len()), ("EUR", 1));
    for tenant in &costs.tenants {
        assert!(close(tenant.by_requests, reserved), "{tenant:?}");
        let expected = if &*tenant.name == "shop" {
            by_use
        } else {
            reserved
        };
        assert!(close(tenant.by_use.unwrap_or(0.0), expected), "{tenant:?}");
    }
    assert!(close(costs.idle, 3.6 - 2.0 * reserved));
    assert!(close(
        costs.idle_by_use.unwrap_or(0.0),
        3.6 - reserved - by_use
    ));
}

#[test]
fn where_more_is_used_than_there_is_the_price_is_shared() {
    let mut bench = Bench::new(Recorder::new(&setup(Billing::Exact, Some("team"))));
    bench.add_node(0, machine("a", 0));
    let own = [pod_of("shop", 4_000), pod_of("batch", 4_000)];
    let pods = [0, 1].map(|place| bench.submit(0, &own[place], None));
    for pod in pods {
        bench.start(0, pod, 0);
    }
    let used = Use(SortedMap::from([(pods[0], 80_000), (pods[1], 80_000)]));
    tell_use(&mut bench, Instant::ZERO, &used);
    let costs = bill_of(bench, 3600);
    let names: Vec<&str> = costs.tenants.iter().map(|tenant| &*tenant.name).collect();
    assert_eq!(names, ["team-batch", "team-shop"]);
    for tenant in &costs.tenants {
        assert!(close(tenant.by_use.unwrap_or(0.0), 1.8), "{tenant:?}");
    }
    assert!(close(costs.idle_by_use.unwrap_or(1.0), 0.0));
}

#[test]
fn requests_are_joined_with_what_their_namespace_costs() {
    let mut bench = Bench::new(Recorder::new(&setup(Billing::PerSecond, None)));
    bench.add_node(0, machine("a", 1));
    let pod = bench.submit(0, &pod_of("shop", 8_000), None);
    bench.start(0, pod, 0);
    let names = TrafficNames {
        services: vec!["shop/web".into()],
        flows: vec![Flow {
            group: "shoppers".into(),
            service: 0,
            objective: None,
        }],
        ..TrafficNames::default()
    };
    let flow = FlowCounts {
        offered: 2_000_000,
        succeeded: 2_000_000,
        ..FlowCounts::default()
    };
    let stretch = TrafficStretch {
        service: 0,
        from: Instant::ZERO,
        to: Instant::from_secs(20),
        flows: vec![flow],
        endpoints: 1.0,
        in_service: 0.0,
        slots: 1.0,
        waiting: 0.0,
        tries: 2_000_000,
        function: None,
    };
    bench.recorder.traffic(&stretch, &names);
    let metrics = bench.finish(20);
    let costs = metrics
        .tables
        .get::<CostTable>()
        .expect("nodes have a price");
    // Twenty seconds are billed as a minute.
    let minute = 0.777_001 / 60.0;
    assert!(close(costs.total, minute) && close(costs.rounding, minute * 2.0 / 3.0));
    assert_eq!(costs.tenants[0].served, 2_000_000);
    let value = |id: &str| metrics.get(id).and_then(|metric| metric.value);
    let per_million = value("cost.per_million_requests");
    assert!(
        per_million.is_some_and(|per_million| close(per_million, minute / 2.0)),
        "{per_million:?}"
    );
    assert_eq!(value("cost.spot_share"), Some(1.0));
    assert!((costs.nodes[0].hours - 20.0 / 3600.0).abs() < 1e-12);
    assert!((costs.nodes[0].billed_hours - 1.0 / 60.0).abs() < 1e-12);
}

#[test]
fn what_is_committed_is_paid_and_covers_nodes_in_the_order_they_joined() {
    let mut setup = setup(Billing::Exact, None);
    let mut economics = Economics::clone(setup.economics.as_ref().expect("written above"));
    let commitment = |of: &str, machines| Commitment {
        of: of.into(),
        machines,
        price_micro_per_hour: 2_000_000,
    };
    // Spot capacity is not what is committed to.
    economics.commitments = vec![commitment("large", 2), commitment("cheap", 1)];
    setup.economics = Some(Arc::new(economics));
    let mut bench = Bench::new(Recorder::new(&setup));
    let first = bench.add_node(0, machine("a", 0));
    for (name, kind) in [("b", 0), ("c", 0), ("d", 1)] {
        bench.add_node(1800, machine(name, kind));
    }
    bench.apply(5400, &Event::NodeRemoved { node: first });
    let metrics = bench.finish(7200);
    let costs = metrics
        .tables
        .get::<CostTable>()
        .expect("nodes have a price");
    // Six dollars an hour; one node covered for half an hour, two for an hour and a half.
    assert!(close(costs.committed, 12.0), "{costs:?}");
    assert!(close(costs.covered, 3.6 * (0.5 + 2.0 * 1.5)), "{costs:?}");
    let nodes = 3.6 * (1.5 + 2.0 * 1.5) + 0.777_001 * 1.5;
    assert!(
        close(costs.total, nodes + 12.0 - costs.covered),
        "{costs:?}"
    );
    let paid = costs.idle + costs.rounding + costs.committed - costs.covered;
    assert!(close(paid, costs.total), "{costs:?}");
}

#[test]
fn a_price_that_changes_is_paid_from_then_on() {
    let mut bench = Bench::new(Recorder::new(&setup(Billing::PerHour, None)));
    bench.add_node(0, machine("a", 1));
    let pod = bench.submit(0, &pod_of("shop", 4_000), None);
    bench.start(0, pod, 0);
    let new = NewPrice {
        kind: "cheap".into(),
        price_micro_per_hour: 2_000_000,
    };
    bench.apply(1800, &Event::PriceChanged(Arc::new(new)));
    // A node that joins later costs that from its start.
    bench.add_node(2700, machine("b", 1));
    let costs = bill_of(bench, 5400);
    let exact = 0.777_001 * 0.5 + 2.0 * 1.0 + 2.0 * 0.75;
    assert!(close(costs.rounding, 2.0 * 0.5 + 2.0 * 0.25), "{costs:?}");
    assert!(close(costs.total, exact + costs.rounding), "{costs:?}");
    // Both are of one kind, at what they cost on average.
    assert_eq!((costs.nodes.len(), costs.nodes[0].price_changes), (1, true));
    assert!(close(costs.nodes[0].price, costs.total / 3.0), "{costs:?}");
    let (core, gib) = (31.611, 4.237);
    let share = (4.0 * core + gib) / (8.0 * core + 32.0 * gib);
    let paid = share * (0.777_001 * 0.5 + 2.0);
    assert!(close(costs.tenants[0].by_requests, paid), "{costs:?}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 8,
        ..ProptestConfig::default()
    })]

    /// Thousands of steps: nodes come and go with their pods, pods are bound and end, what they use
    /// is measured, prices change. The bill is node-hours x price, and both splits of it come to it.
    #[test]
    fn the_bill_is_billed_hours_x_price_and_every_split_comes_to_it(
        steps in prop::collection::vec((0_u8..7, 0_u8..200, 1_i64..90), 500..2_500),
        rule in 0_u8..3,
    ) {
        let billing = [Billing::Exact, Billing::PerSecond, Billing::PerHour][usize::from(rule)];
        let mut bench = Bench::new(Recorder::new(&setup(billing, None)));
        let specs: Vec<Arc<PodSpec>> = ["a", "b", "c"].iter()
            .flat_map(|name| [250, 1_500].map(|cpu| pod_of(name, cpu)))
            .collect();
        let (mut nodes, mut pods) = (SortedMap::new(), SortedMap::new());
        let (mut now, mut serial) = (0, 0_u64);
        let mut expected = 0.0;
        let mut changes = vec![(0, PRICES[1].1)];
        let bill = |since: i64, now: i64, kind: usize, changes: &[(i64, i64)]| {
            let whole = (now - since) * 1_000_000_000;
            let billed = billing.billed(whole);
            let cost = |nanos: i64, price: i64| nanos as f64 / 3.6e12 * price as f64 / 1e6;
            if kind == 0 {
                return cost(billed, PRICES[0].1);
            }
            let ends = changes.iter().skip(1).map(|change| change.0).chain([now]);
            let exact: f64 = changes.iter().zip(ends).map(|(&(from, price), to)| {
                cost((to.min(now) - from.max(since)).max(0) * 1_000_000_000, price)
            }).sum();
            exact + cost(billed - whole, changes.last().map_or(0, |change| change.1))
        };
        for (what, which, secs) in steps {
            now += secs;
            let pick = |count: usize| usize::from(which) % count.max(1);
            match what {
                0 if nodes.len() < 12 => {
                    let kind = pick(2);
                    let id = bench.add_node(now, machine(&format!("n{serial}"), kind));
                    serial += 1;
                    nodes.insert(id, (now, kind));
                }
                1 | 2 if !nodes.is_empty() => {
                    let id: NodeId = *nodes.keys().nth(pick(nodes.len())).expect("one of them");
                    // Eight cores take five of the largest.
                    if pods.values().filter(|&&own| own == id).count() >= 5 {
                        continue;
                    }
                    let own = &specs[pick(specs.len())];
                    serial += 1;
                    let pod = bench.submit_as(now, own, 0, None, PodName::Job(serial));
                    bench.start(now, pod, id.0);
                    pods.insert(pod, id);
                }
                3 if !pods.is_empty() => {
                    let pod: PodRef = *pods.keys().nth(pick(pods.len())).expect("one of them");
                    bench.end(now, pod, EndReason::Completed);
                    pods.remove(&pod);
                }
                4 => {
                    let used = pods.keys().map(|&pod| {
                        (pod, (i64::from(pod.id.0) * 37 + i64::from(which) * 11) % 4_000)
                    });
                    let used = Use(used.collect());
                    tell_use(&mut bench, Instant::from_secs(now), &used);
                }
                5 if which < 30 && !nodes.is_empty() => {
                    let id: NodeId = *nodes.keys().nth(pick(nodes.len())).expect("one of them");
                    let on_it: Vec<PodRef> = pods.iter()
                        .filter(|pod| *pod.1 == id).map(|pod| *pod.0).collect();
                    for pod in on_it {
                        bench.end(now, pod, EndReason::NodeLost);
                        pods.remove(&pod);
                    }
                    bench.apply(now, &Event::NodeRemoved { node: id });
                    let (since, kind) = nodes.remove(&id).expect("it was there");
                    expected += bill(since, now, kind, &changes);
                }
                6 if which < 60 => {
                    let price = 100_000 + i64::from(which) * 31_007;
                    changes.push((now, price));
                    let new = NewPrice { kind: "cheap".into(), price_micro_per_hour: price };
                    bench.apply(now, &Event::PriceChanged(Arc::new(new)));
                }
                _ => {}
            }
        }
        now += 10;
        expected += nodes.values().map(|&(since, kind)| bill(since, now, kind, &changes)).sum::<f64>();
        // What is checked exactly, in whole numbers, is checked at the end of every record.
        let costs = bill_of(bench, now);
        prop_assert!(close(costs.total, expected), "{} {expected}", costs.total);
        let kinds: f64 = costs.nodes.iter().map(|node| node.cost).sum();
        prop_assert!(close(kinds, costs.total));
        for own in &costs.nodes {
            prop_assert!(close(own.cost, own.billed_hours * own.price), "{own:?}");
        }
        let paid: f64 = costs.tenants.iter().map(|tenant| tenant.by_requests).sum();
        prop_assert!(close(paid + costs.idle + costs.rounding, costs.total));
        if let Some(idle) = costs.idle_by_use {
            let paid: f64 = costs.tenants.iter().filter_map(|tenant| tenant.by_use).sum();
            prop_assert!(close(paid + idle + costs.rounding, costs.total));
            prop_assert!(idle >= -1e-9, "{idle}");
        }
    }
}
