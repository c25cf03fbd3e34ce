//! The cluster of one node that its agent judges by: the node as the control server declares it, and
//! the pods that it was assigned.

use std::sync::Arc;

use cluster::{Conflict, Store};
use control::NodeAgent;
use control::node::{Assignment, Report};
use model::{DeviceSet, Event, InitialState, PodCreated, PodName, PodRef, PodSpec};
use serde_json::Value;
use systems::profile::profiles_of;
use systems::{SystemRequest, registry};
use units::{ClassId, Duration, Instant, NodeId, TenantId};

use super::NodeError;
use crate::wire::declaration::Standing;
use crate::wire::{Assigned, Registration};

/// The node itself.
pub(super) const NODE: NodeId = NodeId(0);

/// The node, its pods and their agent.
pub(super) struct LocalCluster {
    pub(super) agent: Box<dyn NodeAgent>,
    pub(super) store: Store,
}

impl LocalCluster {
    /// A node without pods.
    pub(super) fn new(system: &str, registration: &Registration) -> Result<Self, NodeError> {
        let failed = |why: String| NodeError::System {
            system: system.to_owned(),
            why,
        };
        let entry = registry::find(system).map_err(|error| failed(error.to_string()))?;
        let profile = profiles_of(entry.scheduler).into_iter().next();
        let request = SystemRequest::of(profile.map_or("default", |(name, _)| name));
        let mut parts = (entry.build)(&request).map_err(|error| failed(error.to_string()))?;
        parts.agent.order_probes();
        let node = registration.declaration.node(&registration.node);
        let node = node.map_err(NodeError::Refused)?;
        let mut store = Store::committed(parts.commitment);
        let joined = store.node_added(Arc::new(node));
        let joined = store.apply(Instant::ZERO, joined);
        joined.map_err(|conflict| NodeError::Refused(conflict.to_string()))?;
        Ok(Self {
            agent: parts.agent,
            store,
        })
    }

    /// The control server declares the node's labels and taints.
    pub(super) fn declare(&mut self, now: Instant, standing: &Standing) {
        if let Some(object) = self.store.nodes().object(NODE) {
            let object = standing.applied(object);
            // A node of the same name and resources is not refused.
            let _ = self.apply_all(now, [Event::NodeUpdated { node: NODE, object }]);
        }
    }

    /// Adds a pod.
    pub(super) fn create(
        &mut self,
        now: Instant,
        assigned: &Assigned,
        spec: &Arc<PodSpec>,
    ) -> Result<PodRef, Conflict> {
        let name = assigned.manifest.pointer("/metadata/name");
        let name = name.and_then(Value::as_str).unwrap_or_default();
        let next = ClassId::from_index(self.store.class_count());
        let class = self.store.class_of(spec).unwrap_or(next);
        let pod = self.store.pods().next();
        let found = assigned.is_taken.then(|| Arc::new(InitialState::on(NODE)));
        let added = self.store.class_added(spec);
        let created = Event::PodCreated(PodCreated {
            pod,
            class,
            name: PodName::Text(name.into()),
            tenant: TenantId(0),
            gang: None,
            time_limit: assigned.time_limit_ns.map(Duration::from_nanos),
            estimate: None,
            found,
            owner: None,
        });
        self.apply_all(now, added.into_iter().chain([created]))?;
        let bound = Event::PodBound {
            pod,
            node: NODE,
            devices: DeviceSet(assigned.devices),
        };
        if let Err(conflict) = self.apply_all(now, [bound]) {
            let reason = model::EndReason::Rejected;
            self.apply_all(now, [Event::PodEnded { pod, reason }])?;
            return Err(conflict);
        }
        Ok(pod)
    }

    /// The agent has reported something of a pod.
    pub(super) fn apply(&mut self, report: Report) {
        if let Some(event) = report.event(&self.store) {
            // The agent's own order of reports is that of a pod's life.
            let _ = self.apply_all(self.store.now(), [event]);
        }
    }

    fn apply_all(
        &mut self,
        now: Instant,
        events: impl IntoIterator<Item = Event>,
    ) -> Result<(), Conflict> {
        for event in events {
            self.store.apply(now, event)?;
        }
        self.store.truncate(self.store.revision());
        Ok(())
    }
}

/// The message by which the agent learns of a pod.
pub(super) fn assignment(pod: PodRef, assigned: &Assigned, spec: Arc<PodSpec>) -> Assignment {
    Assignment {
        pod,
        node: NODE,
        time_limit: assigned.time_limit_ns.map(Duration::from_nanos),
        is_owned: assigned.is_owned,
        has_volumes: assigned.has_volumes,
        spec,
        found: None,
    }
}
