//! Pods: what is placed. A [`PodSpec`] is interned (one per equivalence class); a [`Pod`] is the
//! small record of one pod that lives.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::dra::PodClaims;
use super::{
    Affinity, Behaviour, ContainerLife, DeviceSet, ExitPlan, GpuRequest, InitialState, Labels,
    Owner, PodCreated, PodLife, PodName, PodPhase, PodRef, PodVolume, ResourceList, ServerSpec,
    Text, Toleration, TopologySpread,
};
use units::{ClassId, Duration, GangId, Instant, NodeId, QuantityError, TenantId};

/// Label of the pods of a job that names its partition.
pub const PARTITION_LABEL: &str = "windtunnel/partition";

/// Label of pods that a component runs once for work of its own, such as the deployer of a rollout. Its value is what
/// they are for.
pub const ERRAND_LABEL: &str = "windtunnel.dev/errand";

/// Label of the pods of a job that says how they stand on nodes: [`ONE_PER_NODE`], or wherever there is room.
pub const PLACEMENT_LABEL: &str = "windtunnel/placement";

/// Value of [`PLACEMENT_LABEL`] of a job whose pods stand on a node of their own each, as far as the job goes.
pub const ONE_PER_NODE: &str = "one-per-node";

/// Everything about a pod that a placement may depend on. Two pods of equal specs are
/// interchangeable for every scheduler.
///
/// ```
/// use model::{rules, Node, PodSpec, ResourceList};
/// use units::Quantity;
///
/// let spec = PodSpec {
///     namespace: "team".into(),
///     priority: 100,
///     node_selector: [("zone".into(), "a".into())].into_iter().collect(),
///     ..PodSpec::with_requests(ResourceList::from_pairs([("cpu", Quantity::from_milli(500))]))
/// };
/// assert_eq!(spec.requests()?.get("cpu"), Quantity::from_milli(500));
/// assert!(!rules::affinity::admits(&spec, &Node::default()));
/// # Ok::<(), units::QuantityError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PodSpec {
    /// The pod's namespace.
    pub namespace: Text,
    /// The pod's labels.
    pub labels: Labels,
    /// The profile that schedules it; empty is that of [`DEFAULT_SCHEDULER`].
    pub scheduler_name: Text,
    /// The pod's priority; higher goes first.
    pub priority: i32,
    /// `true` if the pod may preempt pods of lower priority.
    pub preempts: bool,
    /// Containers that run side by side.
    pub containers: Vec<Container>,
    /// Containers that run before, in order.
    pub init_containers: Vec<Container>,
    /// Resources that the sandbox itself uses.
    pub overhead: ResourceList,
    /// Requests stated for the pod as a whole; empty means they follow from the containers.
    pub pod_requests: ResourceList,
    /// Labels that a node must have.
    pub node_selector: Labels,
    /// The pod's wishes about nodes and other pods.
    pub affinity: Affinity,
    /// Taints it tolerates.
    pub tolerations: Vec<Toleration>,
    /// Rules that spread it over domains.
    pub topology_spread: Vec<TopologySpread>,
    /// GPU devices that the pod requests.
    pub gpu: GpuRequest,
    /// Gates that hold it back from scheduling.
    pub scheduling_gates: Vec<Text>,
    /// Volumes that bear on its place.
    pub volumes: Vec<PodVolume>,
    /// The object that controls the pod, if anything.
    pub owner: Option<Owner>,
    /// Life of the pod on its node; `None` means the default.
    pub life: Option<Arc<PodLife>>,
    /// Behaviour of the running pod; `None` is [`Behaviour::default`].
    pub behaviour: Option<Arc<Behaviour>>,
    /// Server settings of the pod; `None` means those of the experiment.
    pub server: Option<Arc<ServerSpec>>,
    /// Secrets and configs without which its containers don't start.
    pub needs: Needs,
    /// Claims on devices.
    pub device_claims: PodClaims,
    /// The template as its manifest states it, in JSON, where pods run on real hosts: programs,
    /// arguments and environments, on which no decision of a simulated cluster depends.
    pub manifest: TemplateText,
}

/// Secrets and configs that a pod needs. In canonical bytes they are nothing where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Needs(pub Vec<ConfigReference>);

/// A pod template as its manifest states it. In canonical bytes it is nothing where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TemplateText(pub Option<Text>);

impl Hash for TemplateText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if let Some(text) = &self.0 {
            text.hash(state);
        }
    }
}

impl Hash for Needs {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if !self.0.is_empty() {
            self.0.hash(state);
        }
    }
}

/// A secret or a config that containers mount or read, by its name in their namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ConfigReference {
    /// A secret.
    Secret(Text),
    /// A config.
    ConfigMap(Text),
}

impl fmt::Display for ConfigReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(name) => write!(f, "secret `{name}`"),
            Self::ConfigMap(name) => write!(f, "config `{name}`"),
        }
    }
}

/// One container of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Container {
    /// The container's name.
    pub name: Text,
    /// The container's image.
    pub image: Text,
    /// Resources that the container reserves.
    pub requests: ResourceList,
    /// Limits of the container.
    pub limits: ResourceList,
    /// Ports it takes on the node.
    pub host_ports: Vec<HostPort>,
    /// An init container that keeps running (a sidecar).
    pub restartable: bool,
}

/// A port that a container takes on its node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HostPort {
    /// The address; empty is every address.
    pub host_ip: Text,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: Text,
    /// The port number.
    pub port: u16,
}

/// Name of the scheduler of pods that name none.
pub const DEFAULT_SCHEDULER: &str = "default-scheduler";

impl PodSpec {
    /// Whether the pods of a job stand on a node of their own each.
    pub fn is_one_per_node(&self) -> bool {
        let placement = self.labels.get(PLACEMENT_LABEL);
        placement.is_some_and(|own| **own == *ONE_PER_NODE)
    }

    /// Name of the scheduler that places the pods, which they need not state.
    pub fn scheduler(&self) -> &str {
        match &*self.scheduler_name {
            "" => DEFAULT_SCHEDULER,
            name => name,
        }
    }

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

    /// Time that the pod may take to end once it is asked to.
    pub fn grace(&self) -> Duration {
        let stated = self.behaviour.as_ref();
        stated.map_or(super::behaviour::DEFAULT_GRACE, |stated| stated.grace)
    }

    /// The pod's containers by the field that lists them, init containers first.
    pub fn container_lists(&self) -> [(&'static str, &[Container]); 2] {
        [
            ("initContainers", &self.init_containers),
            ("containers", &self.containers),
        ]
    }

    /// The pod's containers as its node numbers them: init containers first, then the others.
    pub fn all_containers(&self) -> impl Iterator<Item = &Container> {
        self.init_containers.iter().chain(&self.containers)
    }

    /// The ports that the pod takes on its node.
    pub fn host_ports(&self) -> impl Iterator<Item = &HostPort> + Clone {
        let containers = self.init_containers.iter().chain(&self.containers);
        containers.flat_map(|container| &container.host_ports)
    }

    /// Life of a container, by its node's number; `None` where nothing is stated.
    pub fn container_life(&self, container: usize) -> Option<&ContainerLife> {
        let life = self.life.as_deref()?;
        match container.checked_sub(self.init_containers.len()) {
            None => life.init_containers.get(container),
            Some(place) => life.containers.get(place),
        }
    }

    /// The lives of the containers that are no init containers, with their node's numbers, where they are stated.
    pub fn main_lives(&self) -> impl Iterator<Item = (usize, &ContainerLife)> {
        let first = self.init_containers.len();
        let numbers = first..first + self.containers.len();
        numbers.filter_map(|number| Some((number, self.container_life(number)?)))
    }

    /// Run time of a container, by its node's number: an init container that is not a sidecar ends
    /// at once where nothing is stated, any other runs until it is stopped.
    pub fn run_time(&self, container: usize) -> Option<&str> {
        let own = self.container_life(container);
        let own = own.and_then(|life| life.application.run_time.as_deref());
        match self.init_containers.get(container) {
            Some(init) if !init.restartable => own.or(Some("0s")),
            Some(_) => own,
            None => own.or_else(|| self.behaviour.as_ref()?.run_time.as_deref()),
        }
    }

    /// The code that a container ends with by itself, by its node's number.
    pub fn exit_code(&self, container: usize) -> i32 {
        let own = self.container_life(container);
        let own = own.and_then(|life| life.application.exit_code);
        let pod = (self.behaviour.as_ref())
            .filter(|_| container >= self.init_containers.len())
            .map(|behaviour| behaviour.exit_code);
        own.or(pod).unwrap_or(0)
    }

    /// The codes by start that a container ends with by itself, if they are stated for its pod and it is no init
    /// container and has no code of its own.
    pub fn exit_plan(&self, container: usize) -> Option<&ExitPlan> {
        let own = self.container_life(container);
        let is_stated = own.is_some_and(|life| life.application.exit_code.is_some());
        let is_init = container < self.init_containers.len();
        let plan = self.behaviour.as_ref().map(|own| &own.exit_plan);
        plan.filter(|plan| !plan.is_empty() && !is_stated && !is_init)
    }

    /// Resources that the pod reserves, exact: the larger of the needs of its concurrent containers
    /// and of its init containers, plus overhead (spec: kubernetes.md 1.6).
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

/// The record of one living pod: as many lie in memory as pods live, so what few pods have lies
/// apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// The pod's identity and slot.
    pub pod: PodRef,
    /// The pod's equivalence class.
    pub class: ClassId,
    /// Tenant that the pod is accounted to.
    pub tenant: TenantId,
    /// Name of the pod.
    pub name: PodName,
    /// Instant of the pod's creation.
    pub created: Instant,
    /// Instant of the binding; meaningful while the pod holds a node.
    pub bound: Instant,
    /// Instant at which the pod began to run; meaningful while it runs.
    pub started: Instant,
    rare: Option<Box<RareFields>>,
    /// [`NOWHERE`] without a node.
    node: NodeId,
    /// Phase of the pod's life.
    pub phase: PodPhase,
}

/// No node has this identity: there are fewer.
const NOWHERE: NodeId = NodeId(u32::MAX);

/// Rarely used fields of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct RareFields {
    gang: Option<GangId>,
    time_limit: Option<Duration>,
    devices: DeviceSet,
    found: Option<Arc<InitialState>>,
}

impl Pod {
    /// The record of a pod that was created just now.
    pub fn new(created: &PodCreated, now: Instant) -> Self {
        let PodCreated {
            gang, time_limit, ..
        } = *created;
        let is_plain = gang.is_none() && time_limit.is_none() && created.found.is_none();
        Self {
            pod: created.pod,
            class: created.class,
            tenant: created.tenant,
            name: created.name.clone(),
            created: now,
            bound: now,
            started: now,
            rare: (!is_plain).then(|| {
                Box::new(RareFields {
                    gang,
                    time_limit,
                    devices: DeviceSet::EMPTY,
                    found: created.found.clone(),
                })
            }),
            node: NOWHERE,
            phase: PodPhase::Pending,
        }
    }

    /// The node it is bound to.
    #[inline]
    pub fn node(&self) -> Option<NodeId> {
        (self.node != NOWHERE).then_some(self.node)
    }

    /// The GPU devices it holds there.
    #[inline]
    pub fn devices(&self) -> DeviceSet {
        let rare = self.rare.as_ref();
        rare.map_or(DeviceSet::EMPTY, |rare| rare.devices)
    }

    /// The gang it starts with, if any.
    #[inline]
    pub fn gang(&self) -> Option<GangId> {
        self.rare.as_ref()?.gang
    }

    /// Longest run time that the pod declares (requested wall time).
    #[inline]
    pub fn time_limit(&self) -> Option<Duration> {
        self.rare.as_ref()?.time_limit
    }

    /// State in which a pod that was on a node before the run began was found there.
    #[inline]
    pub fn found(&self) -> Option<&Arc<InitialState>> {
        self.rare.as_ref()?.found.as_ref()
    }

    /// Instant of the pod's creation, that of a pod found on a node included.
    #[inline]
    pub fn creation(&self) -> Instant {
        let found = self.found().and_then(|found| found.created);
        found.unwrap_or(self.created)
    }

    /// Instant at which the pod began to run, that of a pod found running included.
    #[inline]
    pub fn start(&self) -> Instant {
        let found = self.found().filter(|found| found.is_running);
        let started = found.and_then(|found| found.started);
        started.unwrap_or(self.started)
    }

    /// Gives the pod a node and devices on it.
    pub fn bind(&mut self, node: NodeId, devices: DeviceSet, now: Instant) {
        self.phase = PodPhase::Bound;
        self.node = node;
        self.bound = now;
        if devices != DeviceSet::EMPTY {
            self.rare.get_or_insert_default().devices = devices;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::Quantity;

    fn container(cpu_milli: i64, restartable: bool) -> Container {
        Container {
            requests: ResourceList::from_pairs([("cpu", Quantity::from_milli(cpu_milli))]),
            restartable,
            ..Container::default()
        }
    }

    #[test]
    fn the_record_of_a_pod_is_small() {
        assert!(size_of::<Option<Pod>>() <= 80);
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
