//! Verdicts on a pod by the declarations of nodes, for as long as they stay: kept once for all
//! classes that differ in amounts alone, of which there are many.

use std::sync::Arc;

use super::plan::{Draft, DraftPoints, FastProfile};
use super::shape::Nodes;
use crate::kube::cacheable::AnswerScope;
use crate::kube::fast_plugin::{node_points, node_test};
use crate::kube::{Normalization, PodInfo};
use model::PodSpec;

/// Key of the declared answers: the profile, the plugins whose tests and scores depend on
/// declarations, and the spec fields that they use.
pub(super) type DeclarationKey = (usize, Vec<usize>, Vec<DraftPoints>, PodSpec);

/// Points in proportion to the largest among the feasible nodes.
pub(super) struct ScaledPoints {
    pub(super) weight: i64,
    pub(super) reverse: bool,
    /// Points by place, before normalisation.
    pub(super) raw: Vec<i64>,
}

/// Answers by place.
pub(super) struct DeclarationAnswers {
    /// Points; negative where the declaration keeps the pod off.
    pub(super) fixed: Vec<i16>,
    /// Points that don't change with pods, where they differ between nodes.
    pub(super) scaled: Vec<ScaledPoints>,
    /// Points were not on the scale.
    pub(super) is_broken: bool,
}

/// Lookup key for the answers of a class, taken from the spec that all answers about single nodes
/// use.
pub(super) fn key(profile: usize, draft: &Draft, bare: &PodSpec) -> DeclarationKey {
    let tests = draft.tests.iter();
    let tests = tests.filter(|(_, rests)| *rests == AnswerScope::OnDeclaration);
    let points = draft.points.iter();
    let points = points.filter(|own| own.rests == AnswerScope::OnDeclaration);
    let spec = PodSpec {
        node_selector: bare.node_selector.clone(),
        affinity: bare.affinity.clone(),
        tolerations: bare.tolerations.clone(),
        gpu: bare.gpu.clone(),
        ..PodSpec::default()
    };
    let tests = tests.map(|&(index, _)| index).collect();
    (profile, tests, points.copied().collect(), spec)
}

impl DeclarationAnswers {
    /// Asks every node.
    pub(super) fn new(
        profile: &FastProfile,
        nodes: Nodes<'_>,
        pod: &Arc<PodInfo>,
        draft: &Draft,
    ) -> Self {
        let mut declared = Self {
            fixed: vec![0; nodes.sites.count()],
            scaled: Vec::new(),
            is_broken: false,
        };
        for &(index, rests) in &draft.tests {
            let plugin = profile.plugin(index);
            if let Some(plugin) = plugin.filter(|_| rests == AnswerScope::OnDeclaration) {
                let test = node_test(plugin, pod);
                for (fixed, node) in declared.fixed.iter_mut().zip(nodes.declared()) {
                    if *fixed >= 0 && !test(node) {
                        *fixed = -1;
                    }
                }
            }
        }
        for own in &draft.points {
            if own.rests == AnswerScope::OnDeclaration {
                declared.add(profile, nodes, pod, own);
            }
        }
        declared
    }

    fn add(
        &mut self,
        profile: &FastProfile,
        nodes: Nodes<'_>,
        pod: &Arc<PodInfo>,
        own: &DraftPoints,
    ) {
        let Some(plugin) = profile.plugin(own.plugin) else {
            return;
        };
        let points = node_points(plugin, pod);
        let places = self.fixed.iter().zip(nodes.declared());
        let raw = places.map(|(&fixed, node)| if fixed >= 0 { points(node) } else { 0 });
        let raw: Vec<i64> = raw.collect();
        if let Normalization::Proportion { reverse } = own.normalization {
            self.add_scaled(raw, own.weight, reverse);
            return;
        }
        for (fixed, points) in self.fixed.iter_mut().zip(raw) {
            if *fixed >= 0 {
                self.is_broken |= !(0..=100).contains(&points);
                *fixed += (own.weight * points.clamp(0, 100)) as i16;
            }
        }
    }

    /// Points that are the same everywhere rank no node.
    fn add_scaled(&mut self, raw: Vec<i64>, weight: i64, reverse: bool) {
        let places = raw.iter().zip(&self.fixed);
        let mut open = places.filter(|&(_, &fixed)| fixed >= 0).map(|(raw, _)| raw);
        let Some(first) = open.next() else {
            return;
        };
        if open.any(|raw| raw != first) {
            self.scaled.push(ScaledPoints {
                weight,
                reverse,
                raw,
            });
        }
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.fixed.len() * (2 + 8 * self.scaled.len()) + size_of::<Self>()
    }
}
