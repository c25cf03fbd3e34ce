//! Fields of a dump's objects that one of two releases does not know, or does not heed.

use super::UpgradePlan;
use manifest::ManifestPod;
use model::Release;

/// Number of objects that are named.
const NAMED: usize = 3;

/// A field that came into force with a release.
#[derive(Clone, Copy)]
pub struct Field {
    /// Path of the field.
    pub path: &'static str,
    /// First release whose API server keeps the field.
    pub known_since: Release,
    /// First release whose scheduler heeds it by default.
    pub heeded_since: Release,
    is_used: fn(&ManifestPod) -> bool,
}

/// Fields of pods that changed between the releases.
const FIELDS: &[Field] = &[
    Field {
        path: "spec.resources",
        known_since: Release::V1_32,
        heeded_since: Release::V1_34,
        is_used: |pod| !pod.spec.pod_requests.is_empty(),
    },
    Field {
        path: "spec.affinity.podAffinity.matchLabelKeys",
        known_since: Release::V1_30,
        heeded_since: Release::V1_31,
        is_used: |pod| {
            let affinity = &pod.spec.affinity;
            let required = affinity.required_pod_affinity.iter();
            let mut terms = required.chain(&affinity.required_pod_anti_affinity);
            terms.any(|term| !term.match_label_keys.is_empty())
        },
    },
    Field {
        path: "status.containerStatuses.resources",
        known_since: Release::V1_30,
        heeded_since: Release::V1_33,
        is_used: |pod| pod.accounted.is_some(),
    },
];

/// Use of a field that one of the releases does not heed.
pub struct FieldUse {
    /// The field.
    pub field: Field,
    /// Number of pods with the field.
    pub pods: usize,
    /// The first pods with the field, as `NAMESPACE/NAME`.
    pub names: Vec<String>,
}

impl FieldUse {
    /// Meaning of the field in a release, in a word.
    pub fn standing(&self, release: Release) -> &'static str {
        if release < self.field.known_since {
            "unknown"
        } else if release < self.field.heeded_since {
            "ignored"
        } else {
            "heeded"
        }
    }
}

/// Uses of the fields that one of a plan's releases does not heed.
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
