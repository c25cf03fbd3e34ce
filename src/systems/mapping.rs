//! One workload for every system: what a workload asks for is looked up in a system's table of
//! capabilities; what the system can't express is listed, by object and field, and never dropped in
//! silence (spec: orchestrators-a.md, section 13).

use std::fmt;

use model::node::HOSTNAME_LABEL;
use model::resource_list::CPU;
use model::{NodeSelectorTerm, Object, Operator, PodAffinityTerm, PodSpec, RestartPolicy, Text};

use super::capability::{Capabilities, Capability, Support, support};
use units::{Quantity, SortedMap};

/// A question to a pod.
type AsksOfPod = (Capability, &'static str, fn(&PodSpec) -> bool);

/// Capabilities that pods may ask for, the field of a manifest that does so, and the test whether a
/// pod does.
const OF_PODS: &[AsksOfPod] = &[
    (
        Capability::Requests,
        "spec.containers[].resources.requests",
        |pod| has_request(pod, |name| matches!(name, "cpu" | "memory")),
    ),
    (
        Capability::CpuFractions,
        "spec.containers[].resources.requests.cpu",
        |pod| {
            let asked = pod.requests().unwrap_or_default().get(CPU);
            let cores = asked.units_ceil().map(Quantity::from_units);
            cores.is_ok_and(|cores| cores.nanos() != asked.nanos())
        },
    ),
    (
        Capability::ExtendedResources,
        "spec.containers[].resources.requests",
        |pod| has_request(pod, is_extended),
    ),
    (
        Capability::WholeGpus,
        "spec.containers[].resources.requests",
        |pod| pod.gpu.devices > 0 && pod.gpu.milli_per_device >= 1_000,
    ),
    (Capability::GpuChoice, "metadata.annotations", |pod| {
        pod.gpu.devices > 0 && pod.gpu.models.len() > 1
    }),
    (
        Capability::GpuShares,
        "spec.containers[].resources.requests",
        |pod| pod.gpu.devices > 0 && pod.gpu.milli_per_device < 1_000,
    ),
    (Capability::NodeSelector, "spec.nodeSelector", |pod| {
        !pod.node_selector.is_empty()
    }),
    (
        Capability::NodeAffinityEqual,
        REQUIRED_NODE_AFFINITY,
        |pod| required_terms(pod).is_some_and(|terms| affinity_kind(terms) == Affinity::Equal),
    ),
    (
        Capability::NodeAffinityChoice,
        REQUIRED_NODE_AFFINITY,
        |pod| required_terms(pod).is_some_and(|terms| affinity_kind(terms) == Affinity::Choice),
    ),
    (
        Capability::NodeAffinityTerms,
        REQUIRED_NODE_AFFINITY,
        |pod| required_terms(pod).is_some_and(|terms| affinity_kind(terms) == Affinity::Terms),
    ),
    (
        Capability::PreferredNodeAffinity,
        "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution",
        |pod| !pod.affinity.node.preferred.is_empty(),
    ),
    (
        Capability::OnePerNode,
        REQUIRED_ANTI_AFFINITY,
        is_one_per_node,
    ),
    (Capability::PodAffinityNode, REQUIRED_POD_AFFINITY, |pod| {
        other_terms(pod).any(is_on_node)
    }),
    (
        Capability::PodAffinityDomain,
        REQUIRED_POD_AFFINITY,
        |pod| other_terms(pod).any(|term| !is_on_node(term)),
    ),
    (
        Capability::PreferredPodAffinity,
        "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution",
        |pod| {
            let affinity = &pod.affinity;
            !(affinity.preferred_pod_affinity.is_empty()
                && affinity.preferred_pod_anti_affinity.is_empty())
        },
    ),
    (
        Capability::SpreadPreferred,
        "spec.topologySpreadConstraints",
        |pod| pod.topology_spread.iter().any(|rule| !rule.hard),
    ),
    (
        Capability::SpreadRequired,
        "spec.topologySpreadConstraints",
        |pod| pod.topology_spread.iter().any(|rule| rule.hard),
    ),
    (
        Capability::HostPorts,
        "spec.containers[].ports[].hostPort",
        |pod| pod.containers.iter().any(|one| !one.host_ports.is_empty()),
    ),
    (Capability::Volumes, "spec.volumes", |pod| {
        !pod.volumes.is_empty()
    }),
    (Capability::DeviceClaims, "spec.resourceClaims", |pod| {
        !pod.device_claims.0.is_empty()
    }),
    (Capability::Needs, "spec.volumes[], env[]", |pod| {
        !pod.needs.0.is_empty()
    }),
    (Capability::Priority, "spec.priorityClassName", |pod| {
        pod.priority != 0
    }),
    (Capability::SchedulingGates, "spec.schedulingGates", |pod| {
        !pod.scheduling_gates.is_empty()
    }),
    (Capability::SeveralContainers, "spec.containers", |pod| {
        pod.containers.len() > 1
    }),
    (Capability::InitContainers, "spec.initContainers", |pod| {
        !pod.init_containers.is_empty()
    }),
    (Capability::RestartInPlace, "spec.restartPolicy", |pod| {
        let restarts = pod.life.as_ref().map(|life| life.restart);
        let ends = pod
            .behaviour
            .as_ref()
            .is_some_and(|own| own.run_time.is_some());
        ends && restarts.is_some_and(|restart| restart != RestartPolicy::Never)
    }),
    (
        Capability::LivenessProbes,
        "spec.containers[].livenessProbe",
        |pod| {
            let life = pod.life.iter().flat_map(|life| &life.containers);
            life.into_iter()
                .any(|one| one.liveness.is_some() || one.startup.is_some())
        },
    ),
    (
        Capability::ReadinessProbes,
        "spec.containers[].readinessProbe",
        |pod| {
            let life = pod.life.iter().flat_map(|life| &life.containers);
            life.into_iter().any(|one| one.readiness.is_some())
        },
    ),
];

const REQUIRED_NODE_AFFINITY: &str =
    "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution";
const REQUIRED_POD_AFFINITY: &str =
    "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution";
const REQUIRED_ANTI_AFFINITY: &str =
    "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution";

fn has_request(pod: &PodSpec, is_asked: impl Fn(&str) -> bool) -> bool {
    let containers = pod.containers.iter().chain(&pod.init_containers);
    let own = containers.flat_map(|one| one.requests.iter());
    let mut asked = own.chain(pod.pod_requests.iter());
    asked.any(|(name, _)| is_asked(name))
}

fn is_extended(name: &str) -> bool {
    !matches!(name, "cpu" | "memory" | "pods" | "ephemeral-storage")
}

/// Difficulty of expressing required node affinity.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Affinity {
    Equal,
    Choice,
    Terms,
}

fn required_terms(pod: &PodSpec) -> Option<&[NodeSelectorTerm]> {
    let required = pod.affinity.node.required.as_ref()?;
    Some(&required.terms)
}

fn affinity_kind(terms: &[NodeSelectorTerm]) -> Affinity {
    let [term] = terms else {
        return Affinity::Terms;
    };
    if !term.match_fields.is_empty() {
        return Affinity::Terms;
    }
    let kinds = term
        .match_expressions
        .iter()
        .map(|asked| match asked.operator {
            Operator::NotIn => Affinity::Equal,
            Operator::In if asked.values.len() == 1 => Affinity::Equal,
            Operator::In | Operator::Exists | Operator::DoesNotExist => Affinity::Choice,
            Operator::Gt | Operator::Lt => Affinity::Terms,
        });
    kinds.fold(Affinity::Equal, |most, kind| match (most, kind) {
        (Affinity::Terms, _) | (_, Affinity::Terms) => Affinity::Terms,
        (Affinity::Choice, _) | (_, Affinity::Choice) => Affinity::Choice,
        _ => Affinity::Equal,
    })
}

fn is_on_node(term: &PodAffinityTerm) -> bool {
    *term.topology_key == *HOSTNAME_LABEL
}

/// Whether a term keeps pods of the same kind off each other's node.
fn is_against_itself(pod: &PodSpec, term: &PodAffinityTerm) -> bool {
    let selector = term.selector.as_ref();
    is_on_node(term) && selector.is_some_and(|selector| selector.matches(&pod.labels))
}

/// Whether a pod asks for a node without another of its kind.
pub fn is_one_per_node(pod: &PodSpec) -> bool {
    let mut terms = pod.affinity.required_pod_anti_affinity.iter();
    terms.any(|term| is_against_itself(pod, term))
}

/// Required terms about other pods, but for those that [`is_one_per_node`] stands for.
fn other_terms(pod: &PodSpec) -> impl Iterator<Item = &PodAffinityTerm> {
    let against = pod.affinity.required_pod_anti_affinity.iter();
    let against = against.filter(|term| !is_against_itself(pod, term));
    pod.affinity.required_pod_affinity.iter().chain(against)
}

/// Capabilities that an object asks for, and the field that does so; its pods' wishes aside.
fn of_object(object: &Object) -> Vec<(Capability, &'static str)> {
    match object {
        Object::Deployment(_) | Object::ReplicaSet(_) | Object::ReplicationController(_) => {
            vec![(Capability::Replicas, "spec.replicas")]
        }
        Object::StatefulSet(_) => vec![
            (Capability::Replicas, "spec.replicas"),
            (Capability::StatefulSet, "spec.podManagementPolicy"),
        ],
        Object::DaemonSet(_) => vec![(Capability::DaemonSet, "spec.template")],
        Object::Job(_) => vec![(Capability::Job, "spec.completions")],
        Object::CronJob(_) => vec![(Capability::CronJob, "spec.schedule")],
        Object::PodDisruptionBudget(_) => {
            vec![(Capability::DisruptionBudget, "spec")]
        }
        // What bears names is no wish of its own; the others are counted together, or by the pods that
        // need them.
        Object::Namespace(_)
        | Object::PriorityClass(_)
        | Object::Service(_)
        | Object::Secret(_)
        | Object::ConfigMap(_)
        | Object::Workload(_)
        | Object::ClusterQueue(_)
        | Object::ResourceClaim(_) => Vec::new(),
        _ => vec![(Capability::OtherObjects, "spec")],
    }
}

/// Pod template of an object.
pub fn template_of(object: &Object) -> Option<&PodSpec> {
    match object {
        Object::Deployment(own) => Some(&own.template),
        Object::ReplicaSet(own) | Object::ReplicationController(own) => Some(&own.template),
        Object::StatefulSet(own) => Some(&own.template),
        Object::DaemonSet(own) => Some(&own.template),
        Object::Job(own) => Some(&own.template),
        Object::CronJob(own) => Some(&own.template.template),
        _ => None,
    }
}

/// The first capability that a pod asks for and that a system refuses pods for; with the reason.
pub fn refusal(table: Capabilities, pod: &PodSpec) -> Option<(Capability, &'static str)> {
    let asked = OF_PODS.iter().filter(|(.., asks)| asks(pod));
    let mut refused = asked.filter_map(|&(capability, ..)| match support(table, capability) {
        Some(Support::Refused(why)) => Some((capability, why)),
        _ => None,
    });
    refused.next()
}

/// Reason why an object, or its pods, would be refused.
pub fn object_refusal(table: Capabilities, object: &Object) -> Option<(Capability, &'static str)> {
    let own = of_object(object).into_iter();
    let mut refused = own.filter_map(|(capability, _)| match support(table, capability) {
        Some(Support::Refused(why)) => Some((capability, why)),
        _ => None,
    });
    refused
        .next()
        .or_else(|| refusal(table, template_of(object)?))
}

/// A part of a workload that is mapped.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// Pods of one class: how many, in gangs of how many.
    Pods {
        /// Name of the pods, or of one of them.
        name: &'a str,
        /// Spec of the pods.
        spec: &'a PodSpec,
        /// Number of the pods.
        count: u64,
        /// Whether some of them start together.
        in_gangs: bool,
    },
    /// An object that controllers act on.
    Object(&'a Object),
    /// An object that is declared anew while it runs.
    Rollout(&'a Object),
    /// Services: how many.
    Services(u64),
    /// A node with taints.
    TaintedNode(&'a str),
    /// A node that takes another number of pods than nodes do by default.
    LimitedNode(&'a str),
}

/// Something that a workload asks for and a system can't express.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The capability.
    pub capability: Capability,
    /// First object that needs it, as `KIND/NAMESPACE/NAME`.
    pub object: String,
    /// Field that asks for it.
    pub field: &'static str,
    /// Number of objects that ask for it, the named one included.
    pub count: u64,
    /// Whether they are not run at all.
    pub is_refused: bool,
    /// Behaviour instead of the capability.
    pub instead: &'static str,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (object, capability, field) = (&self.object, self.capability, self.field);
        write!(f, "{object}")?;
        if self.count > 1 {
            write!(f, " and {} more", self.count - 1)?;
        }
        let verb = if self.is_refused {
            "not run"
        } else {
            "not expressible"
        };
        write!(f, ": {capability} ({field}) {verb}: {}", self.instead)
    }
}

/// Features of a workload that a system can't express.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Gaps, each once, in the order of capabilities.
    pub gaps: Vec<Gap>,
    /// Pods and objects that there are.
    pub items: u64,
    /// Number of pods that the system does not run.
    pub refused: u64,
}

impl Mapping {
    /// Maps a workload to a system by its table.
    pub fn of<'a>(table: Capabilities, items: impl IntoIterator<Item = Item<'a>>) -> Self {
        let mut mapper = Mapper {
            table,
            gaps: SortedMap::new(),
            mapping: Self::default(),
        };
        for item in items {
            mapper.item(item);
        }
        let mut mapping = mapper.mapping;
        mapping.gaps = mapper.gaps.into_values().collect();
        mapping
    }

    /// Whether nothing of the workload can be run.
    pub const fn is_nothing(&self) -> bool {
        self.items > 0 && self.refused == self.items
    }
}

struct Mapper {
    table: Capabilities,
    gaps: SortedMap<(Capability, &'static str), Gap>,
    mapping: Mapping,
}

impl Mapper {
    fn item(&mut self, item: Item<'_>) {
        match item {
            Item::Pods {
                name,
                spec,
                count,
                in_gangs,
            } => {
                let namespace = &spec.namespace;
                let namespace: &str = if namespace.is_empty() {
                    "default"
                } else {
                    namespace
                };
                let who = format!("Pod/{namespace}/{name}");
                let gang = (Capability::Gangs, "members");
                let asked = asked_of_pod(spec).chain(in_gangs.then_some(gang));
                let is_refused = self.ask(&who, count, asked);
                self.count(count, is_refused);
            }
            Item::Rollout(object) => {
                let asked = [(Capability::RollingUpdate, "spec.template")];
                self.ask(&named(object), 1, asked.into_iter());
            }
            Item::Object(object) => {
                let who = named(object);
                let own = of_object(object);
                let pods = template_of(object).into_iter().flat_map(asked_of_pod);
                let is_refused = self.ask(&who, 1, own.into_iter().chain(pods));
                // What only guards others is no part of what is to run.
                if template_of(object).is_some() {
                    self.count(1, is_refused);
                }
            }
            Item::Services(count) => {
                let asked = [(Capability::Service, "spec.selector")];
                self.ask("Service", count, asked.into_iter());
            }
            Item::LimitedNode(name) => {
                let asked = [(Capability::PodSlots, "status.allocatable.pods")];
                self.ask(&format!("Node/{name}"), 1, asked.into_iter());
            }
            Item::TaintedNode(name) => {
                let asked = [(Capability::Taints, "spec.taints")];
                self.ask(&format!("Node/{name}"), 1, asked.into_iter());
            }
        }
    }

    fn count(&mut self, count: u64, is_refused: bool) {
        self.mapping.items += count;
        self.mapping.refused += if is_refused { count } else { 0 };
    }

    /// Notes what can't be expressed; whether it keeps the object from running.
    fn ask(
        &mut self,
        who: &str,
        count: u64,
        asked: impl Iterator<Item = (Capability, &'static str)>,
    ) -> bool {
        let mut any_refused = false;
        for (capability, field) in asked {
            let (is_refused, instead) = match support(self.table, capability) {
                Some(Support::Without(instead)) => (false, instead),
                Some(Support::Refused(why)) => (true, why),
                Some(Support::Yes(_)) | None => continue,
            };
            any_refused |= is_refused;
            let gap = self.gaps.entry((capability, field)).or_insert_with(|| Gap {
                capability,
                object: who.to_owned(),
                field,
                count: 0,
                is_refused,
                instead,
            });
            gap.count += count;
        }
        any_refused
    }
}

fn named(object: &Object) -> String {
    let (kind, namespace, name) = (object.kind(), object.namespace(), object.name());
    format!("{kind}/{namespace}/{name}")
}

fn asked_of_pod(spec: &PodSpec) -> impl Iterator<Item = (Capability, &'static str)> {
    let asked = OF_PODS.iter().filter(|(.., asks)| asks(spec));
    asked.map(|&(capability, field, _)| (capability, field))
}

/// A label's key as systems take it that know no `/` in keys.
pub fn plain_key(key: &str) -> Text {
    key.replace('/', ".").into()
}
