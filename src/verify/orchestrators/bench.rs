//! A cluster on which a judge asks single policies of the registry: the policies that runs use, on a
//! store as runs have it.

use std::sync::Arc;

use cluster::fragmentation::TypicalPods;
use cluster::{Interner, Store};
use model::gpu::DEVICE_MILLI;
use model::{
    DeviceSet, Event, GpuInventory, GpuRequest, Node, PodCreated, PodName, PodSpec, ResourceList,
};
use policy::{Arguments, PolicyInstance, Setup, registry};
use scheduler::{ClassContext, Plugin};
use units::{ClassId, Instant, NodeId, Quantity, TenantId};

use super::Trouble;

/// A cluster.
#[derive(Default)]
pub(super) struct Bench {
    pub(super) store: Store,
    models: Interner,
}

fn broken(error: impl std::fmt::Display) -> Trouble {
    Trouble::Malformed(error.to_string())
}

impl Bench {
    fn apply(&mut self, event: Event) -> Result<(), Trouble> {
        self.store.apply(Instant::ZERO, event).map_err(broken)?;
        Ok(())
    }

    /// Adds a node.
    pub(super) fn node(&mut self, node: Node) -> Result<NodeId, Trouble> {
        if let Some(gpu) = &node.gpu {
            self.models.intern(&gpu.model);
        }
        let id = NodeId::from_index(self.store.nodes().len());
        let event = self.store.node_added(Arc::new(node));
        self.apply(event)?;
        Ok(id)
    }

    /// Adds a node with devices of which so much is left.
    pub(super) fn gpu_node(
        &mut self,
        name: &str,
        cpu_milli: i64,
        left: &[u16],
        model: &str,
    ) -> Result<NodeId, Trouble> {
        let node = self.node(Node {
            name: name.into(),
            allocatable: ResourceList::from_pairs([
                ("cpu", Quantity::from_milli(cpu_milli)),
                ("pods", Quantity::from_units(1_000)),
            ]),
            gpu: Some(GpuInventory {
                devices: left.len() as u8,
                model: model.into(),
            }),
            ..Node::default()
        })?;
        for (device, &room) in left.iter().enumerate() {
            let taken = DEVICE_MILLI.saturating_sub(room);
            if taken > 0 {
                let mut spec = PodSpec::with_requests(ResourceList::default());
                spec.gpu = GpuRequest {
                    devices: 1,
                    milli_per_device: taken,
                    models: Vec::new(),
                };
                self.bind(spec, node, DeviceSet::of(device))?;
            }
        }
        Ok(node)
    }

    /// The class of a spec.
    pub(super) fn class(&mut self, spec: PodSpec) -> Result<ClassId, Trouble> {
        let spec = Arc::new(spec);
        if let Some(event) = self.store.class_added(&spec) {
            self.apply(event)?;
        }
        let class = self.store.class_of(&spec);
        class.ok_or_else(|| Trouble::Malformed("no class".to_owned()))
    }

    /// Creates a pod on a node.
    pub(super) fn bind(
        &mut self,
        spec: PodSpec,
        node: NodeId,
        devices: DeviceSet,
    ) -> Result<(), Trouble> {
        let class = self.class(spec)?;
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
        }))?;
        self.apply(Event::PodBound { pod, node, devices })
    }

    /// A class as plugins see it.
    pub(super) fn ctx(&self, class: ClassId) -> ClassContext<'_> {
        ClassContext::new(Instant::ZERO, &self.store, class)
    }

    /// The models of GPUs by index.
    pub(super) fn models(&self) -> &Interner {
        &self.models
    }

    /// `true` if the filters of the pipeline admit a class to a node.
    pub(super) fn admits(&self, class: ClassId, node: NodeId) -> Result<bool, Trouble> {
        for name in policy::profiles::FILTERS {
            let plugin = plugin(name, &Setup::default(), &Arguments::new())?;
            if plugin.filter(&self.ctx(class), node).is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A plugin of the registry.
pub(super) fn plugin(
    name: &str,
    setup: &Setup,
    arguments: &Arguments,
) -> Result<Box<dyn Plugin>, Trouble> {
    let entry = registry::find(name);
    let entry = entry.ok_or_else(|| Trouble::Unsupported(format!("no policy `{name}`")))?;
    match entry.build(setup, arguments).map_err(broken)? {
        PolicyInstance::Plugin(plugin) => Ok(plugin),
        _ => Err(Trouble::Malformed(format!("`{name}` is no plugin"))),
    }
}

/// A setup with typical pods.
pub(super) fn setup(typical: TypicalPods) -> Setup {
    Setup {
        typical_pods: Arc::new(typical),
        ..Setup::default()
    }
}
