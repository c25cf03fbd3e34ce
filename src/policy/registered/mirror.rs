//! A small store that shows policies of the pipeline what kube-scheduler knows of some nodes.
//!
//! Policies of `policy/score` and `policy/filter` look at a [`Store`]; plugins of kube-scheduler look
//! at a [`NodeInfo`], which a simulated preemption may have changed. A mirror is built out of such
//! nodes by the store's own changes, so that its columns are derived as those of any cell: the
//! node's declaration, its pods with the devices they hold, and whether its machine is up.

use std::sync::Arc;

use cluster::{Commitment, Conflict, Store};
use model::{DeviceSet, Event, GpuRequest, PodCreated, PodName, PodSpec, Text};
use scheduler::ClassContext;
use scheduler::kube::{NodeInfo, PodClass, PodInfo};
use units::{ClassId, Instant, NodeId, TenantId};

/// A store without nodes, in which GPU models already have the indexes of the cell.
pub(super) fn empty(gpu_models: &[Text]) -> Store {
    let mut store = Store::committed(Commitment::Decided);
    let all_models = PodSpec {
        gpu: GpuRequest {
            models: gpu_models.to_vec(),
            ..GpuRequest::default()
        },
        ..PodSpec::default()
    };
    if let Some(added) = store.class_added(&Arc::new(all_models)) {
        // A cell has at most 64 models; one with more is refused before any scheduler is built.
        let _ = store.apply(Instant::ZERO, added);
    }
    store
}

/// Nodes of kube-scheduler as a store, and the class of the pod that is being placed.
pub(super) struct Mirror {
    store: Store,
    class: ClassId,
    /// Specs by where they lie in memory: comparing whole specs pod by pod is slow.
    classes: Vec<(Arc<PodSpec>, bool, ClassId)>,
}

impl Mirror {
    /// A mirror of nodes, which get the ids 0, 1, … in their order.
    ///
    /// # Errors
    /// An amount is too large for the store, or pods hold more of a device than there is.
    pub(super) fn new<'n>(
        empty: &Store,
        spec: &Arc<PodSpec>,
        nodes: impl IntoIterator<Item = &'n NodeInfo>,
    ) -> Result<Self, Conflict> {
        let mut mirror = Self {
            store: empty.clone(),
            class: ClassId(0),
            classes: Vec::new(),
        };
        for node in nodes {
            mirror.add_node(node)?;
        }
        mirror.class = mirror.class(spec, true)?;
        Ok(mirror)
    }

    /// Context for the policies.
    pub(super) fn ctx(&self) -> ClassContext<'_> {
        ClassContext::new(Instant::ZERO, &self.store, self.class)
    }

    /// The name of an extended resource.
    pub(super) fn resource(&self, id: units::ResourceId) -> &str {
        self.store.extended().text(id.index())
    }

    fn apply(&mut self, event: Event) -> Result<(), Conflict> {
        self.store.apply(Instant::ZERO, event).map(drop)
    }

    fn add_node(&mut self, info: &NodeInfo) -> Result<(), Conflict> {
        let node = NodeId::from_index(self.store.nodes().len());
        let added = self.store.node_added(info.object.clone());
        self.apply(added)?;
        for pod in &info.pods {
            self.add_pod(pod, node)?;
        }
        if info.is_down {
            let ready = false;
            self.apply(Event::NodeReadiness { node, ready })?;
        }
        Ok(())
    }

    fn add_pod(&mut self, info: &PodInfo, node: NodeId) -> Result<(), Conflict> {
        let class: &PodClass = info.counted_class();
        let devices = info.devices();
        // A pod that awaits its place holds no devices yet; kube-scheduler counts none either.
        let holds_devices = devices.len() == usize::from(class.spec.gpu.devices);
        let id = self.class(&class.spec, holds_devices)?;
        let pod = self.store.pods().next();
        self.apply(Event::PodCreated(PodCreated {
            pod,
            class: id,
            name: PodName::Job(u64::from(pod.id.0)),
            tenant: TenantId(0),
            gang: None,
            time_limit: None,
            estimate: None,
            found: None,
            owner: None,
        }))?;
        let devices = if holds_devices {
            devices
        } else {
            DeviceSet::EMPTY
        };
        self.apply(Event::PodBound { pod, node, devices })
    }

    /// The class of a spec, with or without its GPU request.
    fn class(&mut self, spec: &Arc<PodSpec>, with_gpu: bool) -> Result<ClassId, Conflict> {
        let mut known = self.classes.iter();
        let known = known.find(|(own, gpu, _)| Arc::ptr_eq(own, spec) && *gpu == with_gpu);
        if let Some(&(.., id)) = known {
            return Ok(id);
        }
        let object = if with_gpu {
            spec.clone()
        } else {
            Arc::new(PodSpec {
                gpu: GpuRequest::default(),
                ..(**spec).clone()
            })
        };
        if let Some(added) = self.store.class_added(&object) {
            self.apply(added)?;
        }
        let id = self.store.class_of(&object).ok_or(Conflict::UnknownClass)?;
        self.classes.push((spec.clone(), with_gpu, id));
        Ok(id)
    }
}
