//! Pods: what is placed. A [`PodSpec`] is interned (one per equivalence class); a [`Pod`] is the
//! small record of one pod that lives.

use std::fmt;
use std::sync::Arc;

use super::{
    Affinity, Behaviour, DeviceSet, Found, GpuRequest, Labels, Node, Owner, PodRef, PodVolume, ResourceList,
    Taint, TaintEffect, Text, Toleration, TopologySpread,
};
use crate::units::{Duration, GangId, Instant, NodeId, QuantityError, SpecId, TenantId};

/// Everything about a pod that a placement may depend on. Two pods of equal specs are
/// interchangeable for every scheduler.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodSpec {
    /// Its namespace.
    pub namespace: Text,
    /// Its labels.
    pub labels: Labels,
    /// The profile that schedules it; empty is the default one.
    pub scheduler_name: Text,
    /// Its priority; higher goes first.
    pub priority: i32,
    /// Whether it may preempt pods of lower priority.
    pub preempts: bool,
    /// Containers that run side by side.
    pub containers: Vec<Container>,
    /// Containers that run before, in order.
    pub init_containers: Vec<Container>,
    /// What the sandbox itself uses.
    pub overhead: ResourceList,
    /// Requests stated for the pod as a whole; empty means they follow from the containers.
    pub pod_requests: ResourceList,
    /// Labels that a node must have.
    pub node_selector: Labels,
    /// Its wishes about nodes and other pods.
    pub affinity: Affinity,
    /// Taints it tolerates.
    pub tolerations: Vec<Toleration>,
    /// Rules that spread it over domains.
    pub topology_spread: Vec<TopologySpread>,
    /// What it asks of GPU devices.
    pub gpu: GpuRequest,
    /// Gates that hold it back from scheduling.
    pub scheduling_gates: Vec<Text>,
    /// Volumes that bear on its place.
    pub volumes: Vec<PodVolume>,
    /// What controls it, if anything.
    pub owner: Option<Owner>,
    /// What it does once it runs; `None` is [`Behaviour::default`].
    pub behaviour: Option<Arc<Behaviour>>,
}

/// One container of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Container {
    /// Its name.
    pub name: Text,
    /// Its image.
    pub image: Text,
    /// What it reserves.
    pub requests: ResourceList,
    /// What it may use at most.
    pub limits: ResourceList,
    /// Ports it takes on the node.
    pub host_ports: Vec<HostPort>,
    /// An init container that keeps running (a sidecar).
    pub restartable: bool,
}

/// A port that a container takes on its node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    /// The address; empty is every address.
    pub host_ip: Text,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: Text,
    /// The port number.
    pub port: u16,
}

impl PodSpec {
    /// The spec of a pod with one container that asks for these resources.
    pub fn with_requests(requests: ResourceList) -> Self {
        Self {
            containers: vec![Container {
                requests,
                ..Container::default()
            }],
            preempts: true,
            ..Self::default()
        }
    }

    /// How long it may take to end once it is told to.
    pub fn grace(&self) -> Duration {
        let stated = self.behaviour.as_ref();
        stated.map_or(super::behaviour::DEFAULT_GRACE, |stated| stated.grace)
    }

    /// Whether its node selector and its required node affinity admit a node
    /// (spec: kubernetes.md 1.5).
    pub fn selects(&self, node: &Node) -> bool {
        let labels = self
            .node_selector
            .iter()
            .all(|(key, value)| node.labels.get(key) == Some(value));
        let required = self.affinity.node.required.as_ref();
        labels && required.is_none_or(|selector| selector.matches(&node.name, &node.labels))
    }

    /// Whether it tolerates every taint that would keep it off a node: those of the effects
    /// `NoSchedule` and `NoExecute` (spec: kubernetes.md 1.5).
    pub fn tolerates_taints(&self, taints: &[Taint]) -> bool {
        taints
            .iter()
            .filter(|taint| taint.effect != TaintEffect::PreferNoSchedule)
            .all(|taint| self.tolerations.iter().any(|own| own.tolerates(taint)))
    }

    /// What the pod reserves, exact: the larger of what its containers need side by side and what
    /// its init containers need on the way, then overhead (spec: kubernetes.md 1.6).
    ///
    /// # Errors
    /// If a sum overflows.
    pub fn requests(&self) -> Result<ResourceList, QuantityError> {
        let mut running = ResourceList::default();
        for container in &self.containers {
            running.add(&container.requests)?;
        }
        let mut sidecars = ResourceList::default();
        let mut starting = ResourceList::default();
        for container in &self.init_containers {
            if container.restartable {
                running.add(&container.requests)?;
                sidecars.add(&container.requests)?;
                starting.raise_to(&sidecars);
            } else {
                let mut needed = container.requests.clone();
                needed.add(&sidecars)?;
                starting.raise_to(&needed);
            }
        }
        running.raise_to(&starting);
        for (name, amount) in self.pod_requests.iter() {
            running.set(name, amount);
        }
        running.add(&self.overhead)?;
        Ok(running)
    }
}

/// What a pod is called. Names of generated and numbered pods are built on demand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PodName {
    /// A name of its own.
    Text(Text),
    /// The number of a job in its log.
    Job(u64),
    /// The n-th pod of a gang that has a number in its log.
    Member(u64, u32),
}

impl fmt::Display for PodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(name) => f.write_str(name),
            Self::Job(number) => write!(f, "job-{number}"),
            Self::Member(number, member) => write!(f, "job-{number}-{member}"),
        }
    }
}

/// Where a pod is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PodPhase {
    /// Created and without a node.
    Pending,
    /// Bound to a node; nothing has started there yet.
    Bound,
    /// Its node is starting it.
    Starting,
    /// It runs.
    Running,
    /// It ended as it should.
    Succeeded,
    /// It ended otherwise, or no node could ever take it.
    Failed,
    /// It was taken off its node.
    Evicted,
}

impl fmt::Display for PodPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Bound => "bound",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Evicted => "evicted",
        })
    }
}

impl PodPhase {
    /// Whether the pod holds resources of a node in this phase.
    pub const fn holds_node(self) -> bool {
        matches!(self, Self::Bound | Self::Starting | Self::Running)
    }

    /// Whether nothing more happens to the pod.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Evicted)
    }
}

/// The record of one living pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its identity and slot.
    pub pod: PodRef,
    /// Its equivalence class.
    pub spec: SpecId,
    /// What it is called.
    pub name: PodName,
    /// Whom it is accounted to.
    pub tenant: TenantId,
    /// The gang it starts with, if any.
    pub gang: Option<GangId>,
    /// Where it is in its life.
    pub phase: PodPhase,
    /// When it was created.
    pub created: Instant,
    /// When it was bound; meaningful while it holds a node.
    pub bound: Instant,
    /// When it began to run; meaningful while it runs.
    pub started: Instant,
    /// How long it says it may run at most (requested wall time).
    pub time_limit: Option<Duration>,
    /// The node it is bound to.
    pub node: Option<NodeId>,
    /// The GPU devices it holds there.
    pub devices: DeviceSet,
    /// Of a pod that was on a node before the run began, what was found there.
    pub found: Option<Arc<Found>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Quantity;

    fn container(cpu_milli: i64, restartable: bool) -> Container {
        Container {
            requests: ResourceList::from_pairs([("cpu", Quantity::from_milli(cpu_milli))]),
            restartable,
            ..Container::default()
        }
    }

    #[test]
    fn requests_take_the_larger_of_running_and_starting() {
        for (containers, init, expected_milli) in [
            (
                vec![container(100, false), container(200, false)],
                vec![],
                300,
            ),
            (
                vec![container(100, false)],
                vec![container(500, false)],
                500,
            ),
            (
                vec![container(100, false)],
                vec![container(50, true), container(500, false)],
                550,
            ),
            (
                vec![container(600, false)],
                vec![container(50, true), container(500, false)],
                650,
            ),
        ] {
            let spec = PodSpec {
                containers,
                init_containers: init,
                ..PodSpec::default()
            };
            let requests = spec.requests().expect("small amounts");
            assert_eq!(requests.get("cpu").milli_ceil(), Ok(expected_milli));
        }
    }
}
