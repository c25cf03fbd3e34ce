//! Fields of a dump's objects that mean something else in one of two releases: they are unknown to
//! it, ignored, or read in another way.

use super::UpgradePlan;
use super::relevance::{has_sidecar, terms};
use manifest::ManifestPod;
use model::{Labels, PodAffinityTerm, Release};

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
    is_used: fn(&ManifestPod) -> bool,
}

/// Meanings of a field that older releases ignore.
const IGNORED_AT_FIRST: [&str; 2] = ["ignored", "heeded"];

/// Fields of pods that changed between the releases.
const FIELDS: &[Field] = &[
    Field {
        path: "spec.resources",
        known_since: Release::V1_32,
        changed_in: Release::V1_34,
        meanings: IGNORED_AT_FIRST,
        is_used: |pod| !pod.spec.pod_requests.is_empty(),
    },
    Field {
        path: "spec.initContainers.ports.hostPort of sidecars",
        known_since: Release::V1_30,
        changed_in: Release::V1_34,
        meanings: IGNORED_AT_FIRST,
        is_used: |pod| {
            let mut sidecars = pod
                .spec
                .init_containers
                .iter()
                .filter(|own| own.restartable);
            sidecars.any(|own| !own.host_ports.is_empty())
        },
    },
    Field {
        path: "spec.initContainers.restartPolicy with requests left out",
        known_since: Release::V1_30,
        changed_in: Release::V1_32,
        meanings: [
            "scored by its own default",
            "scored by the default of the pod",
        ],
        is_used: |pod| has_sidecar(&pod.spec) && misses_request(pod),
    },
    Field {
        path: "spec.affinity.podAffinity.namespaceSelector with NotIn or DoesNotExist",
        known_since: Release::V1_30,
        changed_in: Release::V1_34,
        meanings: ["heeded", "every namespace for the incoming pod (a defect)"],
        is_used: |pod| terms(&pod.spec).any(accepts_no_labels),
    },
    Field {
        path: "spec.affinity.podAffinity.matchLabelKeys",
        known_since: Release::V1_30,
        changed_in: Release::V1_31,
        meanings: IGNORED_AT_FIRST,
        is_used: |pod| terms(&pod.spec).any(|term| !term.match_label_keys.is_empty()),
    },
    Field {
        path: "status.containerStatuses.resources",
        known_since: Release::V1_30,
        changed_in: Release::V1_33,
        meanings: IGNORED_AT_FIRST,
        is_used: |pod| pod.accounted.is_some(),
    },
];

/// Whether a container states no request for cpu or memory.
fn misses_request(pod: &ManifestPod) -> bool {
    let containers = pod.spec.containers.iter().chain(&pod.spec.init_containers);
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
    /// The first pods with the field, as `NAMESPACE/NAME`.
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
        let living = plan
            .gathered
            .pods
            .iter()
            .filter(|pod| !pod.phase.is_final());
        let with: Vec<&ManifestPod> = living.filter(|pod| (field.is_used)(pod)).collect();
        let names = with.iter().take(NAMED);
        let own = FieldUse {
            field,
            pods: with.len(),
            names: names
                .map(|pod| format!("{}/{}", pod.namespace(), pod.name))
                .collect(),
        };
        let differs = own.standing(plan.from) != own.standing(plan.to);
        (own.pods > 0 && differs).then_some(own)
    });
    uses.collect()
}
