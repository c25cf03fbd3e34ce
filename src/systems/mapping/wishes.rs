//! Wishes of pods: the capabilities that a pod asks for, by field of its manifest.

use model::node::HOSTNAME_LABEL;
use model::resource_list::CPU;
use model::{NodeSelectorTerm, Operator, PodAffinityTerm, PodSpec, RestartPolicy};
use units::Quantity;

use crate::capability::Capability;

/// A question to a pod.
type AsksOfPod = (Capability, &'static str, fn(&PodSpec) -> bool);

/// Capabilities that pods may ask for, the field of a manifest that does so, and the test whether a
/// pod does.
pub(super) const OF_PODS: &[AsksOfPod] = &[
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
    (
        Capability::HealthChecks,
        "metadata.annotations[windtunnel.dev/health-check]",
        |pod| {
            let life = pod.life.iter().flat_map(|life| &life.containers);
            life.into_iter().any(|one| one.health_check.is_some())
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
    asked.any(|(name, amount)| is_asked(name) && amount != Quantity::ZERO)
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

/// Capabilities that a pod asks for, with the fields that do so.
pub(super) fn asked_of_pod(spec: &PodSpec) -> impl Iterator<Item = (Capability, &'static str)> {
    let asked = OF_PODS.iter().filter(|(.., asks)| asks(spec));
    asked.map(|&(capability, field, _)| (capability, field))
}
