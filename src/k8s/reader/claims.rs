//! Claims of stateful sets: which of them files know, and which can be made once a pod has its place.

use std::sync::Arc;

use super::Reader;
use crate::findings::ObjectName;
use crate::keys;
use crate::parts::Parts;
use model::workload::{ClaimTemplate, ClaimTemplates, StatefulSet};
use model::{Object, Text};

impl Reader {
    /// Notes the class of claims that name none.
    pub(super) fn note_default_class(&mut self, parts: &Parts) {
        let is_default = parts.metadata.annotations.get(keys::DEFAULT_CLASS) == Some("true");
        if parts.kind.as_deref() == Some("StorageClass") && is_default {
            let name = parts.metadata.name.as_deref().unwrap_or_default();
            self.default_class = Some(self.ctx.texts.share(name));
        }
    }

    /// Looks for the claims of stateful sets. Pods whose claims are neither there nor made are placed as if
    /// they had no such volumes, which is told.
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
            if claims.iter().any(|own| !own.is_made) {
                self.note_left_out_claims(&set);
            }
            let known = claims
                .into_iter()
                .filter(|own| own.is_made || !own.present.is_empty());
            self.workloads[place].object = Object::StatefulSet(Arc::new(StatefulSet {
                claims: ClaimTemplates(known.collect()),
                ..(*set).clone()
            }));
        }
    }

    fn settled_claim(&self, set: &StatefulSet, own: &ClaimTemplate) -> ClaimTemplate {
        let stated = Some(&own.class).filter(|class| !class.is_empty());
        let class = stated
            .or(self.default_class.as_ref())
            .cloned()
            .unwrap_or_default();
        let known = self.objects.storage_classes.get(&class);
        let prefix = format!("{}-{}-", own.name, set.name);
        let claims = self.objects.claims.keys();
        let present = claims.filter(|(namespace, name)| {
            let ordinal = name.strip_prefix(&prefix);
            *namespace == set.namespace && ordinal.is_some_and(|own| own.parse::<u32>().is_ok())
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
