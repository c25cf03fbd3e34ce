//! Clients that stay with a pod (spec: kubernetes.md 2.11), in both forms.

use super::bench::labels;
use super::*;
use model::service::Service;

/// The Service `web` anew, with sessions that end so long after their last request.
fn keep_sessions(bench: &mut Bench, now: Instant, timeout: Duration) {
    let service = Service {
        namespace: "default".into(),
        name: "web".into(),
        selector: labels("web"),
        affinity: Some(timeout),
        ..Service::default()
    };
    let object = Object::Service(Arc::new(service));
    let id = ObjectId::from_index(0);
    bench.apply(now, Event::Object(ObjectChange::Updated { id, object }));
}

#[test]
fn sessions_stay_and_new_pods_get_new_clients_alone() {
    let plan = plan(
        Balancing::RoundRobin,
        "exponential(1ms)",
        4,
        640.0,
        Detail::Aggregated,
    );
    let mut bench = Bench::new(plan, 4);
    bench.until(10);
    keep_sessions(
        &mut bench,
        Instant::from_secs(10),
        Duration::from_secs(10_800),
    );
    bench.until(20);
    let fresh = bench.start(Instant::from_secs(20), "web");
    bench.until(30);
    let rate = |bench: &Bench, pod| bench.traffic.pod(pod).expect("known").requests_per_second;
    assert!(rate(&bench, fresh).abs() < 1e-12);
    let gone = bench.pods[0];
    bench.stop(Instant::from_secs(30), gone);
    bench.until(40);
    assert!(rate(&bench, fresh) > 100.0, "{}", rate(&bench, fresh));
}

#[test]
fn one_by_one_a_client_stays_with_its_pod_until_that_is_gone_or_it_was_away_too_long() {
    // One client asks once a second; its pod is the one that works.
    let run = |timeout: i64, rate: f64| {
        let mut plan = plan(
            Balancing::Random,
            "constant(1ms)",
            4,
            rate,
            Detail::Requests,
        );
        plan.groups[0].clients = 1;
        let mut bench = Bench::new(plan, 8);
        keep_sessions(&mut bench, Instant::ZERO, Duration::from_secs(timeout));
        bench.until(400);
        let requests = bench.traffic.requests.as_ref().expect("one by one");
        (0..8)
            .filter(|&place| requests.workers.contains_key(&bench.pods[place]))
            .count()
    };
    // Pauses of 1 s on average are shorter than three hours, those of 20 s longer than a second.
    assert_eq!(run(10_800, 1.0), 1);
    assert!(run(1, 0.05) > 3, "{}", run(1, 0.05));
}

#[test]
fn a_service_that_is_declared_anew_balances_in_its_new_way() {
    let plan = plan(
        Balancing::Random,
        "constant(1ms)",
        4,
        800.0,
        Detail::Requests,
    );
    let mut bench = Bench::new(plan, 8);
    bench.until(10);
    let service = Service {
        namespace: "default".into(),
        name: "web".into(),
        selector: labels("web"),
        balancing: Some(Balancing::RoundRobin),
        ..Service::default()
    };
    let object = Object::Service(Arc::new(service));
    let id = ObjectId::from_index(0);
    let now = Instant::from_secs(10);
    bench.apply(now, Event::Object(ObjectChange::Updated { id, object }));
    bench.until(20);
    let requests = bench.traffic.requests.as_mut().expect("one by one");
    let balancer = &mut requests.clients.get_mut(&(0, 0)).expect("asked").balancer;
    let at = Instant::from_secs(20);
    let turn: Vec<Text> = (0..16).filter_map(|_| balancer.pick(at, 0, &[])).collect();
    assert_eq!(turn[..8], turn[8..]);
    let each: SortedSet<&Text> = turn.iter().collect();
    assert_eq!(each.len(), 8);
}
