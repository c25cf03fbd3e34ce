//! Routers of `OpenShift` between clients and services, in both forms.

use super::bench::labels;
use super::*;
use crate::traffic::plan::{Router, Target, TrafficPlan};
use model::service::{PathKind, PathRule, RouteSettings, Rule};

const FORMS: [Detail; 2] = [Detail::Aggregated, Detail::Requests];

/// Clients of `shop.example`, and a router of the routes of a tier.
fn routed(detail: Detail, tier: &str, micro: Option<u64>) -> TrafficPlan {
    let mut plan = plan(Balancing::Random, "exponential(1ms)", 8, 500.0, detail);
    plan.groups[0].target = Target::Host {
        host: "shop.example".into(),
        path: "/".into(),
    };
    plan.model.routers = vec![Router {
        name: "public".into(),
        selector: [("tier".into(), tier.into())].into_iter().collect(),
        namespaces: Vec::new(),
        micro,
        pods: None,
        reload: Duration::from_secs(5),
        admits_wildcards: false,
    }];
    plan
}

/// A route of `shop.example` to services by weight.
fn add_route(bench: &mut Bench, backends: &[(&str, i64)]) {
    add_route_by(bench, backends, None);
}

/// A route that balances in a way.
fn add_route_by(bench: &mut Bench, backends: &[(&str, i64)], balancing: Option<Balancing>) {
    let backends = backends.iter().map(|&(service, weight)| Backend {
        service: service.into(),
        weight,
    });
    let path = PathRule {
        path: "/".into(),
        kind: PathKind::Prefix,
        backends: backends.collect(),
    };
    let route = Ingress {
        namespace: "default".into(),
        name: "shop".into(),
        rules: vec![Rule {
            host: Some("shop.example".into()),
            paths: vec![path],
        }],
        route: RouteSettings {
            labels: [("tier".into(), "public".into())].into_iter().collect(),
            has_no_cookie: true,
            balancing,
            ..RouteSettings::default()
        },
        ..Ingress::default()
    };
    let id = bench.store.objects().next();
    let object = Object::Ingress(Arc::new(route));
    let created = ObjectChange::Created {
        id,
        owner: None,
        object,
    };
    bench.apply(bench.store.now(), Event::Object(created));
}

/// Requests that a service answered.
fn answered(bench: &Bench, service: &str) -> f64 {
    let names = &bench.seen.names;
    let flows = names.flows.iter().enumerate();
    let own = flows.filter(|(_, flow)| *names.services[flow.service as usize] == *service);
    own.map(|(number, _)| bench.seen.by_flow.get(&(number as u32)).copied())
        .map(|count| count.unwrap_or(0) as f64)
        .sum()
}

#[test]
fn services_share_requests_by_the_weights_of_their_endpoints() {
    for detail in FORMS {
        let mut bench = Bench::new(routed(detail, "public", None), 3);
        bench.service("new", |_| {});
        bench.start(Instant::ZERO, "new");
        // Three endpoints of a weight that rounds to less than 1 have 1 each, and the other 256.
        add_route(&mut bench, &[("web", 1), ("new", 256)]);
        bench.seen.from = Instant::from_secs(10);
        bench.until(210);
        let (web, new) = (
            answered(&bench, "default/web"),
            answered(&bench, "default/new"),
        );
        let share = web / (web + new);
        assert!(is_near(share, 3.0 / 259.0, 0.15), "{detail:?}: {share}");
        assert_eq!(bench.seen.failures(), 0);
    }
}

#[test]
fn a_router_refuses_what_is_too_much_and_has_its_own_routes_alone() {
    for detail in FORMS {
        let mut bench = Bench::new(routed(detail, "public", Some(400_000_000)), 2);
        add_route(&mut bench, &[("web", 1)]);
        bench.seen.from = Instant::from_secs(10);
        bench.until(110);
        let total = bench.seen.offered as f64;
        assert!(is_near(answered(&bench, "default/web"), total * 0.8, 0.02));
        let refused = bench.seen.failed[FailureCause::NoEndpoint as usize];
        assert_eq!(bench.seen.failures(), refused);
        let names = bench.seen.names.services.iter();
        assert_eq!(names.filter(|own| ***own == *"Router/public").count(), 1);
        let mut other = Bench::new(routed(detail, "internal", None), 2);
        add_route(&mut other, &[("web", 1)]);
        other.until(100);
        assert!(answered(&other, "default/web") < 0.5, "no router has it");
    }
}

#[test]
fn endpoints_change_with_a_reload() {
    for detail in FORMS {
        let mut bench = Bench::new(routed(detail, "public", None), 1);
        add_route(&mut bench, &[("web", 1)]);
        bench.until(12);
        let fresh = bench.start(Instant::from_secs(12), "web");
        let asked = |bench: &Bench| {
            let load = bench.traffic.pod(fresh);
            load.map_or(0.0, |load| load.requests_per_second)
        };
        bench.until(14);
        assert!(asked(&bench) < 1e-9, "{detail:?}: before the reload");
        bench.until(40);
        assert!(asked(&bench) > 100.0, "{detail:?}: after it");
    }
}

#[test]
fn a_cookie_keeps_clients_with_their_endpoint() {
    let mut plan = routed(Detail::Requests, "public", None);
    plan.groups[0].clients = 1;
    let mut bench = Bench::new(plan, 6);
    add_route(&mut bench, &[("web", 1)]);
    let id = ObjectId::from_index(bench.store.objects().next().index() - 1);
    let Some(Object::Ingress(own)) = bench.store.objects().get(id).map(|row| row.object.clone())
    else {
        panic!("the route is there");
    };
    let mut route = Ingress::clone(&own);
    route.route.has_no_cookie = false;
    let object = Object::Ingress(Arc::new(route));
    bench.apply(
        bench.store.now(),
        Event::Object(ObjectChange::Updated { id, object }),
    );
    bench.until(60);
    let works = |pod: &PodRef| {
        bench
            .traffic
            .pod(*pod)
            .is_some_and(|own| own.requests_per_second > 1.0)
    };
    let busy = bench.pods.iter().filter(|pod| works(pod)).count();
    assert_eq!(busy, 1, "all requests of the client go to one pod");
}

#[test]
fn a_check_leaves_out_the_endpoints_of_a_host_that_is_down() {
    for detail in FORMS {
        let mut plan = routed(detail, "public", None);
        plan.groups[0].timeout = Duration::from_secs(1);
        let mut bench = Bench::new(plan, 1);
        // By turns: a draw of two would soon avoid the endpoint that does not answer.
        add_route_by(&mut bench, &[("web", 1)], Some(Balancing::RoundRobin));
        let mut other = model::Node::clone(&node());
        other.name = "other".into();
        let other = bench.store.node_added(Arc::new(other));
        bench.apply(Instant::ZERO, other);
        let labels = labels("web");
        let spec = PodSpec {
            labels,
            ..PodSpec::default()
        };
        bench.start_on(Instant::ZERO, "web", spec, NodeId(1));
        bench.seen.from = Instant::from_secs(10);
        bench.until(32);
        assert_eq!(bench.seen.failures(), 0, "{detail:?}");
        let change = |bench: &mut Bench, at: i64, is_up: bool| {
            let at = Instant::from_secs(at);
            bench
                .traffic
                .host_changed(at, NodeId(1), is_up, &mut bench.seen);
        };
        change(&mut bench, 32, false);
        bench.until(60);
        // A service that is declared anew has the same endpoints.
        let name = ("default".into(), "web".into());
        let id = bench.store.objects().find("Service", &name.0, &name.1);
        let id = id.expect("the service");
        let row = bench.store.objects().get(id).expect("the service");
        let object = row.object.clone();
        let update = ObjectChange::Updated { id, object };
        bench.apply(bench.store.now(), Event::Object(update));
        bench.until(92);
        // Half of 500 requests a second, for three seconds.
        let failed = bench.seen.failures() as f64;
        assert!(is_near(failed, 750.0, 0.1), "{detail:?}: {failed}");
        change(&mut bench, 92, true);
        bench.until(120);
        let failed = bench.seen.failures() as f64;
        assert!(is_near(failed, 750.0, 0.1), "{detail:?}: {failed}");
        let load = bench.traffic.pod(bench.pods[1]);
        let rate = load.map_or(0.0, |load| load.requests_per_second);
        assert!(is_near(rate, 250.0, 0.15), "{detail:?}: {rate}");
    }
}

#[test]
fn a_router_of_pods_takes_the_share_of_those_that_are_up() {
    for (detail, micro) in FORMS
        .into_iter()
        .flat_map(|own| [(own, None), (own, Some(400_000_000))])
    {
        let mut plan = routed(detail, "public", micro);
        plan.model.routers[0].pods = Some(2);
        let mut bench = Bench::new(plan, 2);
        add_route(&mut bench, &[("web", 1)]);
        let mut other = model::Node::clone(&node());
        other.name = "other".into();
        let other = bench.store.node_added(Arc::new(other));
        bench.apply(Instant::ZERO, other);
        // None is there at first.
        bench.until(10);
        assert_eq!(bench.seen.succeeded, 0, "{detail:?}");
        let spec = PodSpec {
            namespace: "default".into(),
            labels: [("router".into(), "public".into())].into_iter().collect(),
            ..PodSpec::default()
        };
        bench.start_on(Instant::from_secs(10), "router-1", spec.clone(), NodeId(0));
        // Of 500 requests a second, 200 of each replica where there is a limit.
        let each = if micro.is_some() { 0.4 } else { 0.5 };
        assert!(is_near(taken(&mut bench, 30), each, 0.1), "{detail:?}: one");
        bench.start_on(Instant::from_secs(30), "router-2", spec, NodeId(1));
        let both = taken(&mut bench, 50);
        assert!(is_near(both, 2.0 * each, 0.1), "{detail:?}: {both}");
        let at = Instant::from_secs(50);
        bench
            .traffic
            .host_changed(at, NodeId(1), false, &mut bench.seen);
        let one = taken(&mut bench, 70);
        assert!(is_near(one, each, 0.1), "{detail:?}: {one}");
    }
}

/// Part of the requests up to an instant that were answered.
fn taken(bench: &mut Bench, until: i64) -> f64 {
    let before = (bench.seen.succeeded, bench.seen.offered);
    bench.until(until);
    let (succeeded, offered) = (bench.seen.succeeded, bench.seen.offered);
    (succeeded - before.0) as f64 / (offered - before.1) as f64
}
