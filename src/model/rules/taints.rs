//! Taints and tolerations (spec: kubernetes.md 1.5).

use crate::{PodSpec, Taint, TaintEffect, Toleration};

/// The effects that keep new pods off a node.
pub const REPELLING: &[TaintEffect] = &[TaintEffect::NoSchedule, TaintEffect::NoExecute];

/// The first toleration that covers a taint.
pub fn covering<'t>(
    tolerations: impl IntoIterator<Item = &'t Toleration>,
    taint: &Taint,
) -> Option<&'t Toleration> {
    let mut tolerations = tolerations.into_iter();
    tolerations.find(|toleration| toleration.tolerates(taint))
}

/// The taints of some effects that a pod does not tolerate, in order.
pub fn untolerated<'n>(
    taints: &'n [Taint],
    effects: &'static [TaintEffect],
    is_tolerated: impl Fn(&Taint) -> bool,
) -> impl Iterator<Item = &'n Taint> {
    let acting = taints
        .iter()
        .filter(move |taint| effects.contains(&taint.effect));
    acting.filter(move |&taint| !is_tolerated(taint))
}

/// Whether a pod tolerates a taint. Admission adds nothing: `PodTolerationRestriction`, which lets
/// pods that request resources onto nodes short of memory, is off by default.
pub fn tolerates(spec: &PodSpec, taint: &Taint) -> bool {
    covering(&spec.tolerations, taint).is_some()
}

/// The first taint that keeps a pod off a node with these taints.
pub fn first_repelling<'n>(spec: &PodSpec, taints: &'n [Taint]) -> Option<&'n Taint> {
    untolerated(taints, REPELLING, |taint| tolerates(spec, taint)).next()
}

/// Whether no taint keeps a pod off a node with these taints.
pub fn admits(spec: &PodSpec, taints: &[Taint]) -> bool {
    first_repelling(spec, taints).is_none()
}

/// The number of taints that a pod would rather avoid (`PreferNoSchedule`).
pub fn avoided(spec: &PodSpec, taints: &[Taint]) -> usize {
    const AVOIDED: &[TaintEffect] = &[TaintEffect::PreferNoSchedule];
    let is_tolerated = |taint: &Taint| covering(&spec.tolerations, taint).is_some();
    untolerated(taints, AVOIDED, is_tolerated).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use TaintEffect::{NoExecute, NoSchedule, PreferNoSchedule};

    fn taint(key: &str, effect: TaintEffect) -> Taint {
        Taint {
            key: key.into(),
            value: "".into(),
            effect,
        }
    }

    fn tolerant_of(key: Option<&str>, effect: Option<TaintEffect>) -> PodSpec {
        PodSpec {
            tolerations: vec![Toleration {
                key: key.map(Into::into),
                value: None,
                effect,
                tolerates_for: None,
            }],
            ..PodSpec::default()
        }
    }

    #[test]
    fn taints_without_a_toleration_repel_or_are_avoided() {
        let plain = PodSpec::default();
        let taints = [
            taint("a", PreferNoSchedule),
            taint("b", NoSchedule),
            taint("c", NoExecute),
        ];
        for (spec, repelling, avoided_count) in [
            (plain, Some("b"), 1),
            (tolerant_of(Some("b"), None), Some("c"), 1),
            (tolerant_of(None, Some(NoSchedule)), Some("c"), 1),
            (tolerant_of(None, None), None, 0),
            (tolerant_of(Some("a"), None), Some("b"), 0),
            (tolerant_of(None, Some(PreferNoSchedule)), Some("b"), 0),
        ] {
            let found = first_repelling(&spec, &taints).map(|taint| &*taint.key);
            assert_eq!(found, repelling, "{:?}", spec.tolerations);
            assert_eq!(admits(&spec, &taints), repelling.is_none());
            assert_eq!(avoided(&spec, &taints), avoided_count);
        }
    }
}
