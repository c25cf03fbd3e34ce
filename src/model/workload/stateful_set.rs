//! Stateful sets: pods with identities, in order.

use super::omissions::Omissions;
use serde::{Deserialize, Serialize};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::Count;
use super::revision::TemplateRevision;
use crate::{LabelSelector, PodSpec, Text};
use units::{Duration, Quantity};

/// A `StatefulSet` (spec: kubernetes.md 2.4).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StatefulSet {
    /// The stateful set's namespace.
    pub namespace: Text,
    /// The stateful set's name.
    pub name: Text,
    /// Selector of the stateful set's own pods.
    pub selector: LabelSelector,
    /// Pod template.
    pub template: Arc<PodSpec>,
    /// Number of wanted pods.
    pub replicas: i32,
    /// Fields that the last declaration does not state.
    #[serde(default, skip_serializing_if = "Omissions::is_empty")]
    pub omissions: Omissions,
    /// The ordinal of the first pod.
    pub first_ordinal: i32,
    /// Whether pods come and go one after the other.
    pub management: PodManagement,
    /// Replacement of one template by the next.
    pub update: StatefulUpdate,
    /// Time for which a pod is ready before it counts as available.
    pub min_ready: Duration,
    /// Number of revisions without pods that are kept.
    pub revision_history_limit: i32,
    /// Names of the claims that each pod has for itself.
    pub claim_templates: Vec<Text>,
    /// Claims that the scheduler looks at, which pods have by name.
    #[serde(default, skip_serializing_if = "ClaimTemplates::is_empty")]
    pub claims: ClaimTemplates,
    /// Rule by which claims go.
    #[serde(default, skip_serializing_if = "ClaimRetention::is_default")]
    pub claim_retention: ClaimRetention,
    /// The stateful set's templates by the name of their revision, oldest first.
    pub revisions: Vec<TemplateRevision>,
    /// Last reported status.
    pub status: StatefulStatus,
}

/// Templates of claims whose volumes are known. In canonical bytes they are nothing where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimTemplates(pub Vec<ClaimTemplate>);

/// Rule by which the claims of a stateful set go (`persistentVolumeClaimRetentionPolicy`). In canonical bytes it is
/// nothing where claims stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimRetention {
    /// With their set.
    pub goes_with_set: bool,
    /// With the pod of an ordinal that the set has no more.
    pub goes_with_ordinal: bool,
}

impl ClaimRetention {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Hash for ClaimRetention {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if !self.is_default() {
            (self.goes_with_set, self.goes_with_ordinal).hash(state);
        }
    }
}

/// Template of a claim that each pod of a stateful set has for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClaimTemplate {
    /// Name of the template, with which the names of claims begin.
    pub name: Text,
    /// Storage class of the claims.
    pub class: Text,
    /// Bytes.
    pub request: Quantity,
    /// Requested access modes.
    pub access_modes: Vec<Text>,
    /// Names of the claims that are there.
    pub present: Vec<Text>,
    /// Whether further claims are made: their volumes are bound or made once a pod has its place.
    pub is_made: bool,
}

impl StatefulSet {
    /// Whether the set is to have a pod of an ordinal.
    pub fn has_ordinal(&self, ordinal: i32) -> bool {
        let past = self.first_ordinal.saturating_add(self.replicas);
        (self.first_ordinal..past).contains(&ordinal)
    }

    /// The ordinal of the pod for which a claim was made by a template of the set.
    pub fn ordinal_of_claim(&self, namespace: &str, claim: &str) -> Option<i32> {
        let own = self.claims.0.iter().filter(|own| own.is_made);
        let mut own = own.filter_map(|own| claim.strip_prefix(&*own.name)?.strip_prefix('-'));
        let ordinal = own.find_map(|pod| pod.strip_prefix(&*self.name)?.strip_prefix('-'))?;
        (*namespace == *self.namespace).then(|| ordinal.parse().ok())?
    }
}

impl ClaimTemplates {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names of the claims that a pod has (`updateStorage` of the original).
    pub fn of_pod(&self, pod: &str) -> impl Iterator<Item = Text> {
        let named = self.0.iter().map(move |own| (own, own.claim_of(pod)));
        let known = named.filter(|(own, name)| own.is_made || own.present.contains(name));
        known.map(|(_, name)| name)
    }

    /// The template of a pod's claim.
    pub fn of_claim(&self, pod: &str, claim: &str) -> Option<&ClaimTemplate> {
        self.0.iter().find(|own| *own.claim_of(pod) == *claim)
    }
}

impl ClaimTemplate {
    /// Name of a pod's claim.
    pub fn claim_of(&self, pod: &str) -> Text {
        format!("{}-{pod}", self.name).into()
    }
}

impl Hash for ClaimTemplates {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if !self.0.is_empty() {
            self.0.hash(state);
        }
    }
}

/// Reported status of a stateful set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StatefulStatus {
    /// Pods.
    pub replicas: i32,
    /// Ready pods.
    pub ready: i32,
    /// Available pods.
    pub available: i32,
    /// Pods of the current revision that are not terminating.
    pub current: i32,
    /// Pods of the update revision that are not terminating.
    pub updated: i32,
    /// The revision that a rollout starts from; empty before the first sync.
    pub current_revision: Text,
    /// The revision that it leads to.
    pub update_revision: Text,
}

/// Order in which pods come and go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PodManagement {
    /// Each after the one before it is available.
    #[default]
    OrderedReady,
    /// All at once.
    Parallel,
}

/// Replacement of one template by the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StatefulUpdate {
    /// Pods are replaced when they are deleted.
    OnDelete,
    /// From the highest ordinal down.
    RollingUpdate {
        /// Ordinals below it, counted from the first, keep the old template.
        partition: i32,
        /// Number of pods that may be unavailable at once (with the gate
        /// `MaxUnavailableStatefulSet`).
        max_unavailable: Option<Count>,
    },
}

impl Default for StatefulSet {
    fn default() -> Self {
        Self {
            namespace: "default".into(),
            name: "".into(),
            selector: LabelSelector::default(),
            template: Arc::default(),
            replicas: 1,
            omissions: Omissions::default(),
            first_ordinal: 0,
            management: PodManagement::default(),
            update: StatefulUpdate::RollingUpdate {
                partition: 0,
                max_unavailable: None,
            },
            min_ready: Duration::ZERO,
            revision_history_limit: 10,
            claim_templates: Vec::new(),
            claims: ClaimTemplates::default(),
            claim_retention: ClaimRetention::default(),
            revisions: Vec::new(),
            status: StatefulStatus::default(),
        }
    }
}
