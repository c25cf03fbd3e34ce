//! A cluster with pods behind services, and clients.

use std::sync::Arc;

use super::super::Traffic;
use super::super::plan::{
    Detail, Group, Load, ProxyMode, Retries, ServerDefaults, ServiceModel, Target, TrafficPlan,
};
use super::super::rate::Rate;
use cluster::{Observer, Store};
use model::latencies::Latencies;
use model::service::{Balancing, Service};
use model::traffic::{FailureCause, FunctionCounts, TrafficNames, TrafficStretch};
use model::{
    EndReason, Event, Labels, Node, Object, ObjectChange, Pod, PodChange, PodCreated, PodName,
    PodRef, PodSpec, ResourceList,
};
use rng::Distribution;
use units::{Duration, Instant, NodeId, SortedMap, TenantId};

/// Outcomes of requests.
#[derive(Default)]
pub(super) struct RequestTally {
    pub(super) offered: u64,
    pub(super) retries: u64,
    pub(super) succeeded: u64,
    pub(super) within: u64,
    pub(super) failed: [u64; FailureCause::ALL.len()],
    pub(super) worked: f64,
    pub(super) waited: f64,
    pub(super) nanos: f64,
    pub(super) latencies: Latencies,
    pub(super) names: TrafficNames,
    pub(super) function: FunctionCounts,
    /// Succeeded requests, by flow.
    pub(super) by_flow: SortedMap<u32, u64>,
    /// Succeeded and failed requests, by second.
    pub(super) by_second: SortedMap<i64, (u64, u64)>,
    /// Stretches before this are left out.
    pub(super) from: Instant,
}

impl Observer for RequestTally {
    fn observe(&mut self, _: Instant, _: &Event, _: Option<&Pod>, _: &Store) {}

    fn traffic(&mut self, stretch: &TrafficStretch, names: &TrafficNames) {
        self.names.clone_from(names);
        if stretch.from < self.from {
            return;
        }
        let nanos = stretch.nanos() as f64;
        self.worked += stretch.in_service * nanos;
        self.waited += stretch.waiting * nanos;
        self.nanos += nanos;
        if let Some(own) = &stretch.function {
            self.function.invocations += own.invocations;
            self.function.cold_starts += own.cold_starts;
            self.function.throttled += own.throttled;
            self.function.instances += own.instances;
            self.function.billed_mib_ms += own.billed_mib_ms;
            self.function.provisioned_mib_ms += own.provisioned_mib_ms;
        }
        let second = stretch.from.as_nanos() / 1_000_000_000;
        for flow in &stretch.flows {
            self.offered += flow.offered;
            self.retries += flow.retries;
            self.succeeded += flow.succeeded;
            self.within += flow.within;
            for (all, own) in self.failed.iter_mut().zip(flow.failed) {
                *all += own;
            }
            self.latencies.add(&flow.latencies);
            *self.by_flow.entry(flow.flow).or_default() += flow.succeeded;
            let own = self.by_second.entry(second).or_default();
            own.0 += flow.succeeded;
            own.1 += flow.failures();
        }
    }
}

impl RequestTally {
    pub(super) fn mean(&self) -> f64 {
        let sorted = self.latencies.sorted(&self.names.profiles);
        sorted.mean().unwrap_or(0.0) / 1e9
    }

    pub(super) fn percentile(&self, per_mille: u32) -> f64 {
        let sorted = self.latencies.sorted(&self.names.profiles);
        sorted.percentile(per_mille).unwrap_or(0) as f64 / 1e9
    }

    pub(super) fn failures(&self) -> u64 {
        self.failed.iter().sum()
    }
}

/// A cluster with pods behind services, and clients.
pub(super) struct Bench {
    pub(super) store: Store,
    pub(super) traffic: Traffic,
    pub(super) seen: RequestTally,
    pub(super) pods: Vec<PodRef>,
}

pub(super) fn plan(
    balancing: Balancing,
    law: &str,
    slots: u32,
    rate: f64,
    detail: Detail,
) -> TrafficPlan {
    let law: Distribution = law.parse().expect("a law");
    TrafficPlan {
        groups: vec![Group {
            name: "clients".into(),
            target: Target::Service {
                namespace: "default".into(),
                name: "web".into(),
            },
            load: Load::Open(Rate::Constant((rate * 1e6) as u64)),
            clients: 1000,
            timeout: Duration::from_secs(1000),
            retries: Retries {
                most: 0,
                back_off: Duration::from_millis(100),
                budget: f64::INFINITY,
            },
            objective: None,
        }],
        model: ServiceModel {
            propagation: Duration::from_millis(100),
            routers: Vec::new(),
            ttl: Duration::from_secs(30),
            forwarding: ProxyMode::default(),
            balancing,
            server: ServerDefaults {
                service_time: law,
                concurrency: slots,
                queue_limit: 1_000_000,
                error_share: 0.0,
                cpu_per_request: Duration::from_millis(10),
            },
            interval: Duration::from_secs(1),
        },
        detail,
        functions: Vec::new(),
        cuts: Vec::new(),
        volumes: SortedMap::new(),
    }
}

/// A node with room for all.
pub(super) fn node() -> Arc<Node> {
    let mut allocatable = ResourceList::default();
    let many = "1000".parse().expect("a quantity");
    allocatable.insert("pods".into(), many);
    Arc::new(Node {
        name: "node".into(),
        allocatable,
        ..Node::default()
    })
}

pub(super) fn labels(app: &str) -> Labels {
    Labels::from([("app".into(), app.into())])
}

impl Bench {
    pub(super) fn new(plan: TrafficPlan, pods: usize) -> Self {
        Self::seeded(plan, pods, 7)
    }

    pub(super) fn seeded(plan: TrafficPlan, pods: usize, seed: u64) -> Self {
        let mut own = Self {
            store: Store::new(),
            traffic: Traffic::new(Arc::new(plan), seed),
            seen: RequestTally::default(),
            pods: Vec::new(),
        };
        let node = own.store.node_added(node());
        own.apply(Instant::ZERO, node);
        own.service("web", |_| {});
        for _ in 0..pods {
            own.start(Instant::ZERO, "web");
        }
        own
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers make the event for it"
    )]
    pub(super) fn apply(&mut self, now: Instant, event: Event) {
        self.store.apply(now, event.clone()).expect("no conflict");
        self.traffic
            .observe(now, &event, &self.store, &mut self.seen);
    }

    pub(super) fn service(&mut self, name: &str, change: impl FnOnce(&mut Service)) {
        let mut service = Service {
            namespace: "default".into(),
            name: name.into(),
            selector: labels(name),
            ..Service::default()
        };
        change(&mut service);
        let object = Object::Service(Arc::new(service));
        let id = self.store.objects().next();
        let created = ObjectChange::Created {
            id,
            owner: None,
            object,
        };
        self.apply(self.store.now(), Event::Object(created));
    }

    pub(super) fn start(&mut self, now: Instant, app: &str) -> PodRef {
        self.start_as(now, app, None)
    }

    pub(super) fn start_as(
        &mut self,
        now: Instant,
        app: &str,
        server: Option<model::ServerSpec>,
    ) -> PodRef {
        let spec = PodSpec {
            labels: labels(app),
            server: server.map(Arc::new),
            ..PodSpec::default()
        };
        self.start_of(now, app, spec)
    }

    pub(super) fn start_of(&mut self, now: Instant, name: &str, spec: PodSpec) -> PodRef {
        self.start_on(now, name, spec, NodeId(0))
    }

    pub(super) fn start_on(
        &mut self,
        now: Instant,
        name: &str,
        spec: PodSpec,
        node: NodeId,
    ) -> PodRef {
        let spec = Arc::new(PodSpec {
            namespace: "default".into(),
            ..spec
        });
        if let Some(event) = self.store.class_added(&spec) {
            self.apply(now, event);
        }
        let pod = self.store.pods().next();
        let created = PodCreated {
            pod,
            class: self.store.class_of(&spec).expect("known"),
            name: PodName::Text(format!("{name}-{:03}", pod.id.0).into()),
            tenant: TenantId(0),
            gang: None,
            time_limit: None,
            estimate: None,
            found: None,
            owner: None,
        };
        let bound = Event::PodBound {
            pod,
            node,
            devices: model::DeviceSet::default(),
        };
        let ready = Event::PodChanged {
            pod,
            change: PodChange::Ready(true),
        };
        for event in [
            Event::PodCreated(created),
            bound,
            Event::PodStarting { pod },
            Event::PodRunning { pod },
            ready,
        ] {
            self.apply(now, event);
        }
        self.pods.push(pod);
        pod
    }

    pub(super) fn stop(&mut self, now: Instant, pod: PodRef) {
        let reason = EndReason::Cancelled;
        self.apply(now, Event::PodEnded { pod, reason });
    }

    pub(super) fn until(&mut self, secs: i64) -> &RequestTally {
        // Cut where looking begins.
        if self.seen.from < Instant::from_secs(secs) {
            let from = self.seen.from;
            self.traffic.advance(from, &mut self.seen);
        }
        self.traffic
            .advance(Instant::from_secs(secs), &mut self.seen);
        &self.seen
    }
}

pub(super) fn is_near(found: f64, expected: f64, tolerance: f64) -> bool {
    (found - expected).abs() <= tolerance * expected.abs()
}
