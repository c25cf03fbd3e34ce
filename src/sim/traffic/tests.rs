//! Both forms against each other and against closed forms, services that follow their pods, and
//! storms of retries.

mod bench;
mod functions;
mod invariants;
mod mmc;
mod routers;
mod sessions;

use std::sync::Arc;

use super::plan::{BALANCER_LABEL, ProxyMode};
use super::rate::Rate;
use super::*;
use bench::{Bench, is_near, node, plan};
use cluster::Store;
use model::service::{Backend, Balancing};
use model::traffic::{FailureCause, LatencyObjective};
use model::{EndReason, Event, Object, ObjectChange, PodChange, PodSpec};
use units::Duration;

#[test]
fn requests_one_by_one_are_mmc() {
    // 50 pods of one: each is M/M/c at 80 %, by Erlang C.
    for slots in [1_u32, 3] {
        let rate = 50.0 * f64::from(slots) * 0.8 / 0.1;
        let plan = plan(
            Balancing::Random,
            "exponential(100ms)",
            slots,
            rate,
            Detail::Requests,
        );
        let mut bench = Bench::new(plan, 50);
        bench.seen.from = Instant::from_secs(20);
        let seen = bench.until(220);
        let servers = f64::from(slots);
        let wait = queueing::erlang_c(slots, servers * 0.8) * 0.1 / (servers * 0.2);
        assert!(
            is_near(seen.mean(), 0.1 + wait, 0.03),
            "{slots}: {}",
            seen.mean()
        );
        assert!(is_near(
            seen.worked / seen.nanos,
            50.0 * servers * 0.8,
            0.02
        ));
    }
}

#[test]
fn both_forms_agree() {
    // Mean latencies within the stated tenth, for every rule and several loads.
    for (law, slots) in [
        ("exponential(100ms)", 1),
        ("exponential(100ms)", 4),
        ("constant(100ms)", 2),
    ] {
        for (_, balancing) in Balancing::NAMES {
            for (pods, load) in [(2, 0.6), (10, 0.5), (10, 0.85)] {
                // A thousand clients load some of ten pods beyond what they can.
                if *balancing == Balancing::Source && load > 0.8 {
                    continue;
                }
                let rate = f64::from(slots) * pods as f64 * load / 0.1;
                let run = |detail| {
                    let plan = plan(*balancing, law, slots, rate, detail);
                    let mut bench = Bench::new(plan, pods);
                    bench.seen.from = Instant::from_secs(50);
                    bench.until(if detail == Detail::Requests { 650 } else { 100 });
                    (bench.seen.mean(), bench.seen.percentile(990))
                };
                let (flows, requests) = (run(Detail::Aggregated), run(Detail::Requests));
                let what =
                    format!("{law} {slots} {balancing:?} {pods} {load}: {flows:?} {requests:?}");
                assert!(is_near(flows.0, requests.0, 0.10), "{what}");
                assert!(is_near(flows.1, requests.1, 0.25), "{what}");
            }
        }
    }
}

#[test]
fn counts_are_whole_and_add_up() {
    let mut plan = plan(
        Balancing::Random,
        "exponential(100ms)",
        1,
        123.456,
        Detail::Aggregated,
    );
    plan.groups[0].timeout = Duration::from_secs(1);
    plan.groups[0].retries.most = 2;
    plan.groups[0].objective = Some(LatencyObjective {
        latency: Duration::from_millis(200),
        share: 0.9,
    });
    let mut bench = Bench::new(plan, 20);
    let seen = bench.until(1000);
    assert_eq!(seen.offered, 123_456);
    let open = seen.offered - seen.succeeded - seen.failures();
    assert!(open <= 6, "{open}");
    assert!(seen.retries > 0 && seen.within < seen.succeeded);
    let late = seen.failed[FailureCause::Timeout as usize];
    assert_eq!(
        seen.failures(),
        late + seen.failed[FailureCause::NoEndpoint as usize]
    );
}

#[test]
fn pods_that_are_gone_refuse_until_that_is_seen() {
    for detail in [Detail::Aggregated, Detail::Requests] {
        let plan = plan(Balancing::Random, "exponential(10ms)", 4, 1000.0, detail);
        let mut bench = Bench::new(plan, 10);
        bench.until(10);
        let pod = bench.pods[0];
        bench.stop(Instant::from_secs(10), pod);
        let seen = bench.until(20);
        // A tenth of the requests of a tenth of a second, and what was in the pod.
        let refused = seen.failed[FailureCause::Refused as usize];
        assert!(
            (5..=20).contains(&refused),
            "{detail:?}: {refused} {:?}",
            seen.by_second
        );
        // Nothing is lost beside the first instants, in which no endpoint was seen.
        let none = seen.failed[FailureCause::NoEndpoint as usize];
        assert!((60..=140).contains(&none), "{detail:?}: {none}");
        assert_eq!(seen.failures(), refused + none);
    }
}

#[test]
fn clients_of_a_headless_service_keep_old_answers() {
    for detail in [Detail::Aggregated, Detail::Requests] {
        let plan = plan(Balancing::RoundRobin, "exponential(10ms)", 4, 600.0, detail);
        let mut bench = Bench::new(plan, 0);
        // A later service of another name takes the place of the plain one.
        bench.traffic = {
            let mut plan = (*bench.traffic.plan).clone();
            plan.groups[0].target = Target::Service {
                namespace: "default".into(),
                name: "db".into(),
            };
            Traffic::new(Arc::new(plan), 7)
        };
        bench.store = Store::new();
        let node = bench.store.node_added(node());
        bench.apply(Instant::ZERO, node);
        bench.service("db", |service| service.is_headless = true);
        for _ in 0..3 {
            bench.start(Instant::ZERO, "db");
        }
        // All clients began at once, so half of a time to live after they asked last.
        bench.until(106);
        let before = bench.seen.failed[FailureCause::Refused as usize];
        let pod = bench.pods[0];
        bench.stop(Instant::from_secs(106), pod);
        let seen = bench.until(200);
        // A third of the requests of clients that know it: half of them for 30 s on average.
        let refused = seen.failed[FailureCause::Refused as usize] - before;
        assert!((2_500..=3_500).contains(&refused), "{detail:?}: {refused}");
        let late = seen
            .by_second
            .range(138..)
            .map(|(_, own)| own.1)
            .sum::<u64>();
        assert_eq!(late, 0, "{detail:?}");
    }
}

#[test]
fn a_storm_of_retries_outlives_what_began_it_and_a_budget_ends_it() {
    // Pods take 100 requests a second; 80 come, and for 20 s three times as many.
    let run = |budget: f64| {
        let mut plan = plan(
            Balancing::Random,
            "exponential(100ms)",
            10,
            80.0,
            Detail::Aggregated,
        );
        let steps = [(0, 80), (100, 240), (120, 80)];
        let steps = steps.map(|(at, rate)| (Instant::from_secs(at), rate * 1_000_000));
        plan.groups[0].load = Load::Open(Rate::Steps(steps.into()));
        plan.groups[0].timeout = Duration::from_secs(1);
        plan.groups[0].retries = Retries {
            most: 5,
            back_off: Duration::from_millis(100),
            budget,
        };
        plan.model.server.queue_limit = 400;
        let mut bench = Bench::new(plan, 1);
        bench.seen.from = Instant::from_secs(500);
        bench.until(600).succeeded
    };
    let (storm, calm) = (run(f64::INFINITY), run(0.1));
    assert!(storm < 1000, "still in the storm: {storm} of 8000");
    assert!(calm > 7900, "over: {calm} of 8000");
}

#[test]
fn an_ingress_splits_by_weight_and_follows_changes() {
    for detail in [Detail::Aggregated, Detail::Requests] {
        let mut plan = plan(Balancing::Random, "exponential(1ms)", 4, 1000.0, detail);
        plan.groups[0].target = Target::Host {
            host: "shop.example".into(),
            path: "/cart".into(),
        };
        let mut bench = Bench::new(plan, 2);
        bench.service("new", |_| {});
        bench.start(Instant::ZERO, "new");
        let ingress = |canary: i64| {
            let backend = |service: &str, weight| Backend {
                service: service.into(),
                weight,
            };
            Object::Ingress(Arc::new(Ingress {
                namespace: "default".into(),
                name: "shop".into(),
                rules: vec![model::service::Rule {
                    host: Some("shop.example".into()),
                    paths: vec![model::service::PathRule {
                        path: "/".into(),
                        kind: model::service::PathKind::Prefix,
                        backends: vec![backend("web", 100 - canary), backend("new", canary)],
                    }],
                }],
                ..Ingress::default()
            }))
        };
        let id = bench.store.objects().next();
        let created = ObjectChange::Created {
            id,
            owner: None,
            object: ingress(5),
        };
        bench.apply(Instant::ZERO, Event::Object(created));
        bench.until(100);
        let object = ingress(100);
        let updated = ObjectChange::Updated { id, object };
        bench.apply(Instant::from_secs(100), Event::Object(updated));
        let seen = bench.until(200);
        let of = |name: &str| {
            let flows = seen.names.flows.iter().enumerate();
            let own = flows.filter(|(_, flow)| {
                *seen.names.services[flow.service as usize] == *format!("default/{name}")
            });
            own.map(|(number, _)| seen.by_flow.get(&(number as u32)).copied().unwrap_or(0))
                .sum::<u64>()
        };
        let (web, new) = (of("web") as f64, of("new") as f64);
        assert!(is_near(web, 95_000.0, 0.02), "{detail:?}: {web}");
        assert!(is_near(new, 105_000.0, 0.02), "{detail:?}: {new}");
    }
}

#[test]
fn a_closed_loop_asks_no_faster_than_it_is_answered() {
    for detail in [Detail::Aggregated, Detail::Requests] {
        let mut plan = plan(Balancing::Random, "exponential(100ms)", 8, 0.0, detail);
        plan.groups[0].load = Load::Closed {
            clients: 50,
            think: Duration::from_secs(1),
        };
        let mut bench = Bench::new(plan, 2);
        bench.seen.from = Instant::from_secs(100);
        let seen = bench.until(600);
        // 50 clients, 1.1 s a turn: hardly any client waits.
        assert!(
            is_near(seen.offered as f64 / 500.0, 45.4, 0.03),
            "{detail:?}: {}",
            seen.offered
        );
    }
}

#[test]
fn pods_say_what_they_do() {
    for detail in [Detail::Aggregated, Detail::Requests] {
        let plan = plan(Balancing::RoundRobin, "constant(50ms)", 10, 800.0, detail);
        let mut bench = Bench::new(plan, 8);
        bench.until(30);
        let own = bench.traffic.pod(bench.pods[3]).expect("behind a service");
        assert!(
            is_near(own.requests_per_second, 100.0, 0.25),
            "{detail:?} {own:?}"
        );
        assert!(is_near(own.cpu_milli, 1000.0, 0.25), "{detail:?} {own:?}");
        let all = bench
            .traffic
            .of_service("default", "web", measures::Measure::Concurrency);
        assert!(
            is_near(all.expect("known"), 40.0, 0.25),
            "{detail:?} {all:?}"
        );
    }
}

#[test]
fn requests_enter_at_a_balancer_until_it_is_told_to_stop() {
    let mut plan = plan(
        Balancing::RoundRobin,
        "exponential(1ms)",
        4,
        10.0,
        Detail::Aggregated,
    );
    plan.model.forwarding = ProxyMode::MarathonLb;
    let mut bench = Bench::new(plan, 1);
    assert_eq!(bench.traffic.hosts, []);
    let (label, names) = BALANCER_LABEL;
    let spec = PodSpec {
        labels: [(label.into(), names[0].into())].into(),
        ..PodSpec::default()
    };
    let pod = bench.start_of(Instant::ZERO, "balancer", spec);
    assert_eq!(bench.traffic.hosts, [NodeId(0)]);
    let change = PodChange::Terminating {
        grace: Duration::from_secs(30),
        reason: EndReason::Cancelled,
    };
    bench.apply(Instant::from_secs(1), Event::PodChanged { pod, change });
    assert_eq!(bench.traffic.hosts, []);
}
