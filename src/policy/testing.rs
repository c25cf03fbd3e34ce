//! Small clusters for the tests of policies.

use std::sync::Arc;

use cluster::Store;
use model::{
    DeviceSet, EndReason, Event, GpuInventory, GpuRequest, Node, PodCreated, PodName, PodRef,
    PodSpec, ResourceList,
};
use scheduler::{ClassContext, Plugin};
use units::{ClassId, Instant, NodeId, Quantity, TenantId};

/// A cluster that tests build step by step.
#[derive(Clone, Default)]
pub(crate) struct World {
    pub(crate) store: Store,
}

impl World {
    pub(crate) fn apply(&mut self, event: Event) {
        self.store
            .apply(Instant::default(), event)
            .expect("the test's own change is accepted");
    }

    pub(crate) fn node(&mut self, object: Node) -> NodeId {
        let node = NodeId::from_index(self.store.nodes().len());
        self.apply(Event::NodeAdded {
            node,
            object: Arc::new(object),
        });
        node
    }

    pub(crate) fn spec(&mut self, object: PodSpec) -> ClassId {
        let object = Arc::new(object);
        if let Some(event) = self.store.class_added(&object) {
            self.apply(event);
        }
        self.store.class_of(&object).expect("the class was added")
    }

    /// Creates a pod and binds it.
    pub(crate) fn bind(&mut self, class: ClassId, node: NodeId, devices: &[usize]) -> PodRef {
        let pod = self.store.pods().next();
        self.apply(Event::PodCreated(PodCreated {
            pod,
            class,
            name: PodName::Job(u64::from(pod.id.0)),
            tenant: TenantId(0),
            gang: None,
            time_limit: None,
            estimate: None,
            found: None,
            owner: None,
        }));
        let devices = device_set(devices);
        self.apply(Event::PodBound { pod, node, devices });
        pod
    }

    pub(crate) fn end(&mut self, pod: PodRef) {
        self.apply(Event::PodEnded {
            pod,
            reason: EndReason::Completed,
        });
    }

    pub(crate) fn ctx(&self, class: ClassId) -> ClassContext<'_> {
        ClassContext::new(Instant::default(), &self.store, class)
    }

    /// Asks a plugin's Filter as a cycle does; `None` is a Skip, the error is the reason's text.
    pub(crate) fn filter(
        &self,
        plugin: &mut dyn Plugin,
        class: ClassId,
        node: NodeId,
    ) -> Result<(), String> {
        let ctx = self.ctx(class);
        let direct = plugin.filter(&ctx, node);
        let prepared = plugin.pre_filter(&ctx);
        if prepared != scheduler::pipeline::plugin::PreFilter::Skip {
            assert_eq!(
                direct,
                plugin.filter(&ctx, node),
                "with and without preparation"
            );
        }
        direct.map_err(|reason| reason.to_string())
    }
}

/// A set of devices.
pub(crate) fn device_set(devices: &[usize]) -> DeviceSet {
    let mut set = DeviceSet::EMPTY;
    for &device in devices {
        set.insert(device);
    }
    set
}

/// A node with this much cpu and memory (MiB), 110 pod slots and these GPUs.
pub(crate) fn node(name: &str, cpu_milli: i64, memory_mib: i64, gpus: (u8, &str)) -> Node {
    Node {
        name: name.into(),
        allocatable: ResourceList::from_pairs([
            ("cpu", Quantity::from_milli(cpu_milli)),
            ("memory", Quantity::from_units(memory_mib << 20)),
            ("pods", Quantity::from_units(110)),
        ]),
        gpu: (gpus.0 > 0).then(|| GpuInventory {
            devices: gpus.0,
            model: gpus.1.into(),
        }),
        ..Node::default()
    }
}

/// A pod that asks for this much cpu, memory (MiB) and GPU (devices, milli of each).
pub(crate) fn pod(cpu_milli: i64, memory_mib: i64, gpu: (u8, u16)) -> PodSpec {
    PodSpec {
        gpu: GpuRequest {
            devices: gpu.0,
            milli_per_device: gpu.1,
            models: Vec::new(),
        },
        ..PodSpec::with_requests(ResourceList::from_pairs([
            ("cpu", Quantity::from_milli(cpu_milli)),
            ("memory", Quantity::from_units(memory_mib << 20)),
        ]))
    }
}
