//! A small cluster driven by hand, for tests of this module.

use std::sync::Arc;

use cluster::{Observer, Store};
use model::{
    DeviceSet, EndReason, Event, GpuInventory, GpuRequest, Node, PodCreated, PodName, PodRef,
    PodSpec, ResourceList,
};
use units::{GangId, Instant, NodeId, Quantity, TenantId};

use crate::{Recorder, RunMetrics};

/// A store with a recorder that sees every change.
pub(crate) struct Bench<'s> {
    pub(crate) store: Store,
    pub(crate) recorder: Recorder<'s>,
}

/// A node of these milli-cores, bytes and GPU devices.
pub(crate) fn node(name: &str, cpu_milli: i64, memory_bytes: i64, devices: u8) -> Arc<Node> {
    Arc::new(Node {
        name: name.into(),
        allocatable: ResourceList::from_pairs([
            ("cpu", Quantity::from_milli(cpu_milli)),
            ("memory", Quantity::from_units(memory_bytes)),
            ("pods", Quantity::from_units(1_001)),
        ]),
        gpu: (devices > 0).then(|| GpuInventory {
            devices,
            model: "T4".into(),
        }),
        ..Node::default()
    })
}

/// A pod of these milli-cores and bytes.
pub(crate) fn spec(cpu_milli: i64, memory_bytes: i64, gpu: GpuRequest) -> Arc<PodSpec> {
    Arc::new(PodSpec {
        gpu,
        ..PodSpec::with_requests(ResourceList::from_pairs([
            ("cpu", Quantity::from_milli(cpu_milli)),
            ("memory", Quantity::from_units(memory_bytes)),
        ]))
    })
}

impl<'s> Bench<'s> {
    pub(crate) fn new(recorder: Recorder<'s>) -> Self {
        Self {
            store: Store::new(),
            recorder,
        }
    }

    /// A change, settled right away.
    pub(crate) fn apply(&mut self, secs: i64, event: &Event) {
        let at = Instant::from_secs(secs);
        let ended = self
            .store
            .apply(at, event.clone())
            .unwrap_or_else(|why| panic!("{event:?}: {why}"));
        self.recorder
            .observe(at, event, ended.as_ref(), &self.store);
        self.recorder.settled(at, &self.store);
    }

    pub(crate) fn add_node(&mut self, secs: i64, object: Arc<Node>) -> NodeId {
        let event = self.store.node_added(object);
        self.apply(secs, &event);
        NodeId::from_index(self.store.nodes().len() - 1)
    }

    pub(crate) fn submit(&mut self, secs: i64, spec: &Arc<PodSpec>, gang: Option<u32>) -> PodRef {
        let name = PodName::Job(u64::from(self.store.pods().next().id.0));
        self.submit_as(secs, spec, 0, gang, name)
    }

    /// Submits for a tenant, in a gang, under a name.
    pub(crate) fn submit_as(
        &mut self,
        secs: i64,
        spec: &Arc<PodSpec>,
        tenant: u32,
        gang: Option<u32>,
        name: PodName,
    ) -> PodRef {
        if let Some(event) = self.store.class_added(spec) {
            self.apply(secs, &event);
        }
        let pod = self.store.pods().next();
        let created = PodCreated {
            pod,
            class: self.store.class_of(spec).expect("just added"),
            name,
            tenant: TenantId(tenant),
            gang: gang.map(GangId),
            time_limit: None,
            estimate: None,
            found: None,
            owner: None,
        };
        self.apply(secs, &Event::PodCreated(created));
        pod
    }

    pub(crate) fn bind(&mut self, secs: i64, pod: PodRef, node: u32, devices: DeviceSet) {
        let node = NodeId(node);
        self.apply(secs, &Event::PodBound { pod, node, devices });
    }

    /// Binds and starts at once.
    pub(crate) fn start(&mut self, secs: i64, pod: PodRef, node: u32) {
        self.bind(secs, pod, node, DeviceSet::EMPTY);
        self.apply(secs, &Event::PodRunning { pod });
    }

    pub(crate) fn end(&mut self, secs: i64, pod: PodRef, reason: EndReason) {
        self.apply(secs, &Event::PodEnded { pod, reason });
    }

    pub(crate) fn finish(self, secs: i64) -> RunMetrics {
        self.recorder
            .finish(Instant::from_secs(secs), &self.store)
            .expect("a consistent record")
    }
}

/// Requires these values; `None` requires null with a reason. No value at all may be neither.
pub(crate) fn check(metrics: &RunMetrics, expected: &[(&str, Option<f64>)]) {
    for found in &metrics.values {
        let is_told = match found.value {
            Some(value) => value.is_finite(),
            None => found.reason.as_ref().is_some_and(|why| !why.is_empty()),
        };
        assert!(is_told, "{found:?}");
    }
    for &(id, expected) in expected {
        let found = metrics.get(id).unwrap_or_else(|| panic!("no metric {id}"));
        let equal = match (found.value, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() <= 1e-12 * expected.abs(),
            (found, expected) => found.is_none() && expected.is_none(),
        };
        assert!(equal, "{id}: {found:?}, expected {expected:?}");
        assert!(found.value.is_some() || found.reason.is_some(), "{found:?}");
    }
}
