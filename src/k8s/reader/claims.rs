//! Claims of stateful sets: which of them files know, and which can be made once a pod has its place.

use std::sync::Arc;

use super::Reader;
use crate::findings::ObjectName;
use crate::keys;
use crate::parts::Parts;
use model::workload::{ClaimTemplate, ClaimTemplates, StatefulSet};
use model::{Object, PodPhase, PodVolume, Text};

impl Reader {
    /// Notes the class of claims that name none.
    pub(super) fn note_default_class(&mut self, parts: &Parts) {
        let is_default = parts.metadata.annotations.get(keys::DEFAULT_CLASS) == Some("true");
        if parts.kind.as_deref() == Some("StorageClass") && is_default {
            let name = parts.metadata.name.as_deref().unwrap_or_default();
            self.admission.default_storage = Some(self.ctx.texts.share(name));
        }
    }

    /// Looks for the claims of stateful sets. Pods whose claims are neither there nor made are placed as if
    /// they had no such volumes, which is reported.
    pub(super) fn settle_claims(&mut self) {
        for place in 0..self.workloads.len() {
            let Object::StatefulSet(set) = &self.workloads[place].object else {
                continue;
            };
            if set.claims.0.is_empty() {
                continue;
            }
            let set = Arc::clone(set);
            let claims: Vec<ClaimTemplate> = { set.claims.0.iter() }
                .map(|own| self.settled_claim(&set, own))
                .collect();
            if claims.iter().any(|claim| !claim.is_made) {
                self.note_left_out_claims(&set);
            }
            let known = claims
                .into_iter()
                .filter(|claim| claim.is_made || !claim.present.is_empty());
            self.workloads[place].object = Object::StatefulSet(Arc::new(StatefulSet {
                claims: ClaimTemplates(known.collect()),
                ..(*set).clone()
            }));
        }
    }

    /// Notes pods that a file binds to a node although a claim of theirs waits until a scheduler has chosen
    /// the node: no scheduler will, so the claim stays pending and the pod never runs.
    pub(super) fn note_claims_without_scheduler(&mut self) {
        let mut waiting = Vec::new();
        for pod in self.pods.iter().filter(|pod| pod.node_name.is_some()) {
            // One that runs has its volumes, whatever the file says.
            if pod.phase == PodPhase::Running || pod.phase.is_final() {
                continue;
            }
            let claims = pod.spec.volumes.iter().filter_map(|volume| match volume {
                PodVolume::Claim(name) => Some(name),
                _ => None,
            });
            for name in claims {
                let names = (pod.namespace().clone(), name.clone());
                let claim = self.admission.claims.get(&names);
                let claim = claim.filter(|own| !own.is_bound && own.volume.is_empty());
                let claim = claim.filter(|own| own.selected_node.is_none());
                let class =
                    claim.and_then(|claim| self.admission.storage_classes.get(&claim.class));
                if class.is_some_and(|class| class.waits_for_consumer) {
                    waiting.push((pod.namespace().clone(), pod.name.clone(), name.clone()));
                }
            }
        }
        for (namespace, pod, claim) in waiting {
            let object = ObjectName {
                kind: "Pod",
                namespace: Some(&namespace),
                name: &pod,
            };
            self.ctx.findings.add(
                object,
                &"spec.nodeName",
                format!(
                    "in a cluster the pod never runs, since no scheduler chooses a node for its claim \
                     `{claim}`"
                ),
                "here it runs as if the claim had its volume",
            );
        }
    }

    fn settled_claim(&self, set: &StatefulSet, own: &ClaimTemplate) -> ClaimTemplate {
        let stated = Some(&own.class).filter(|class| !class.is_empty());
        let class = stated
            .or(self.admission.default_storage.as_ref())
            .cloned()
            .unwrap_or_default();
        let known = self.admission.storage_classes.get(&class);
        let prefix = format!("{}-{}-", own.name, set.name);
        let claims = self.admission.claims.keys();
        let present = claims.filter(|(namespace, name)| {
            let ordinal = name.strip_prefix(&prefix);
            *namespace == set.namespace
                && ordinal.is_some_and(|ordinal| ordinal.parse::<u32>().is_ok())
        });
        let present: Vec<Text> = present.map(|(_, name)| name.clone()).collect();
        ClaimTemplate {
            class,
            present,
            is_made: known.is_some_and(|class| class.waits_for_consumer),
            ..own.clone()
        }
    }

    fn note_left_out_claims(&mut self, set: &StatefulSet) {
        let object = ObjectName {
            kind: "StatefulSet",
            namespace: Some(&set.namespace),
            name: &set.name,
        };
        self.ctx.findings.add(
            object,
            &"spec.volumeClaimTemplates",
            "no storage class of these files makes its claims once a pod has its place",
            "pods without a claim in these files are placed as if they had no such volumes, and may move \
             between zones",
        );
    }
}
