//! Fields of a dump's objects that mean something else in one of two releases: they are unknown to
//! it, ignored, or read in another way.

use super::UpgradePlan;
use super::relevance::{has_sidecar, terms};
use k8s::ManifestPod;
use model::workload::horizontal::HorizontalSpec;
use model::{Labels, Object, PodAffinityTerm, PodSpec, Release};

/// Number of objects that are named.
const NAMED: usize = 3;

/// A field whose meaning changed with a release.
#[derive(Clone, Copy)]
pub struct Field {
    /// Path of the field.
    pub path: &'static str,
    /// First release whose API server keeps the field.
    pub known_since: Release,
    /// First release with the later meaning.
    changed_in: Release,
    /// Meaning before and after, in a few words.
    meanings: [&'static str; 2],
    holder: Holder,
}

/// Objects that may have a field, and the test for it.
#[derive(Clone, Copy)]
enum Holder {
    /// Pods, and the templates of workloads.
    Spec(fn(&PodSpec) -> bool),
    /// Status of pods.
    Pod(fn(&ManifestPod) -> bool),
    /// Horizontal autoscalers.
    Autoscaler(fn(&HorizontalSpec) -> bool),
}

impl Holder {
    fn has_pod(self, pod: &ManifestPod) -> bool {
        match self {
            Self::Spec(has) => has(&pod.spec),
            Self::Pod(has) => has(pod),
            Self::Autoscaler(_) => false,
        }
    }

    fn has_object(self, object: &Object) -> bool {
        match (self, object) {
            (Self::Autoscaler(has), Object::HorizontalPodAutoscaler(own)) => has(&own.spec),
            (Self::Spec(has), object) => object.template().is_some_and(has),
            _ => false,
        }
    }
}

/// Meanings of a field that older releases ignore.
const IGNORED_AT_FIRST: [&str; 2] = ["ignored", "heeded"];

/// Fields of pods, templates and autoscalers that changed between the releases.
const FIELDS: &[Field] = &[
    Field {
        path: "spec.resources",
        known_since: Release::V1_32,
        changed_in: Release::V1_34,
        meanings: IGNORED_AT_FIRST,
        holder: Holder::Spec(|spec| !spec.pod_requests.is_empty()),
    },
    Field {
        path: "spec.initContainers.ports.hostPort of sidecars",
        known_since: Release::V1_30,
        changed_in: Release::V1_34,
        meanings: IGNORED_AT_FIRST,
        holder: Holder::Spec(|spec| {
            let mut sidecars = { spec.init_containers.iter() }.filter(|own| own.restartable);
            sidecars.any(|own| !own.host_ports.is_empty())
        }),
    },
    Field {
        path: "spec.initContainers.restartPolicy with requests left out",
        known_since: Release::V1_30,
        changed_in: Release::V1_32,
        meanings: [
            "scored by its own default",
            "scored by the default of the pod",
        ],
        holder: Holder::Spec(|spec| has_sidecar(spec) && misses_request(spec)),
    },
    Field {
        path: "spec.affinity.podAffinity.namespaceSelector with NotIn or DoesNotExist",
        known_since: Release::V1_30,
        changed_in: Release::V1_34,
        meanings: ["heeded", "every namespace for the incoming pod (a defect)"],
        holder: Holder::Spec(|spec| terms(spec).any(accepts_no_labels)),
    },
    Field {
        path: "spec.affinity.podAffinity.matchLabelKeys",
        known_since: Release::V1_30,
        changed_in: Release::V1_31,
        meanings: IGNORED_AT_FIRST,
        holder: Holder::Spec(|spec| terms(spec).any(|term| !term.match_label_keys.is_empty())),
    },
    Field {
        path: "status.containerStatuses.resources",
        known_since: Release::V1_30,
        changed_in: Release::V1_33,
        meanings: IGNORED_AT_FIRST,
        holder: Holder::Pod(|pod| pod.accounted.is_some()),
    },
    Field {
        path: "spec.behavior.scaleUp.tolerance or scaleDown.tolerance",
        known_since: Release::V1_33,
        changed_in: Release::V1_35,
        meanings: IGNORED_AT_FIRST,
        holder: Holder::Autoscaler(|spec| {
            let mut rules = { spec.behavior.iter() }.flat_map(|own| [&own.up, &own.down]);
            rules.any(|rules| rules.tolerance_milli.is_some())
        }),
    },
];

/// Whether a container states no request for cpu or memory.
fn misses_request(spec: &PodSpec) -> bool {
    let containers = spec.containers.iter().chain(&spec.init_containers);
    let mut containers = containers.map(|own| &own.requests);
    containers.any(|own| !own.contains("cpu") || !own.contains("memory"))
}

/// Whether the namespace selector of a term says something, and accepts a namespace without labels.
fn accepts_no_labels(term: &PodAffinityTerm) -> bool {
    { term.namespace_selector.as_ref() }
        .is_some_and(|own| !own.requirements.is_empty() && own.matches(&Labels::default()))
}

/// Use of a field that means something else in one of the releases.
pub struct FieldUse {
    /// The field.
    pub field: Field,
    /// Number of pods with the field.
    pub pods: usize,
    /// Number of workloads and autoscalers with the field.
    pub objects: usize,
    /// The first pods with the field as `NAMESPACE/NAME`, or the first objects as
    /// `KIND/NAMESPACE/NAME`, objects before pods.
    pub names: Vec<String>,
}

impl FieldUse {
    /// Meaning of the field in a release, in a few words.
    pub fn standing(&self, release: Release) -> &'static str {
        if release < self.field.known_since {
            "unknown"
        } else {
            self.field.meanings[usize::from(release >= self.field.changed_in)]
        }
    }

    /// Whether a release drops the field.
    pub fn is_unknown_to(&self, release: Release) -> bool {
        release < self.field.known_since
    }
}

/// Uses of the fields that mean something else in one of a plan's releases.
pub fn used(plan: &UpgradePlan<'_>) -> Vec<FieldUse> {
    let uses = FIELDS.iter().filter_map(|&field| {
        let own = use_of(plan, field);
        let differs = own.standing(plan.from) != own.standing(plan.to);
        (own.pods + own.objects > 0 && differs).then_some(own)
    });
    uses.collect()
}

fn use_of(plan: &UpgradePlan<'_>, field: Field) -> FieldUse {
    let living = { plan.gathered.pods.iter() }.filter(|pod| !pod.phase.is_final());
    let pods: Vec<&ManifestPod> = living.filter(|pod| field.holder.has_pod(pod)).collect();
    let objects = { plan.gathered.workloads.iter() }.filter(|own| field.holder.has_object(own));
    let objects: Vec<&Object> = objects.collect();
    let of_objects =
        { objects.iter() }.map(|own| format!("{}/{}/{}", own.kind(), own.namespace(), own.name()));
    let of_pods = { pods.iter() }.map(|pod| format!("{}/{}", pod.namespace(), pod.name));
    FieldUse {
        field,
        pods: pods.len(),
        objects: objects.len(),
        names: of_objects.chain(of_pods).take(NAMED).collect(),
    }
}
