//! `VolumeZone`: volumes of one zone or region (spec: kubernetes.md 1.12).

use std::sync::Arc;

use model::Text;
use model::node::{OLD_REGION_LABEL, OLD_ZONE_LABEL, REGION_LABEL, ZONE_LABEL};
use scheduler::kube::cacheable::{CacheableFilter, CacheableRule, NamedTest, NodeTest};
use scheduler::kube::{
    AttemptContext, EventKinds, FastPlugin, KubePlugin, KubePoints, NodeInfo, PreFilterResult,
    Reach, Rejection,
};

use crate::{Constructor, Entry, KubeConstructor, Point};
use units::SortedSet;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "VolumeZone",
    point: Point::KubePlugin,
    summary: "Rejects nodes outside the zones and regions of the volumes of the pod.",
    source: "kubernetes.md 1.12",
    parameters: &[],
    constructor: Constructor::Kube(KubeConstructor {
        points: &["preFilter", "filter"],
        weight: Some(0),
        build: |_, _| Arc::new(VolumeZone),
    }),
};

/// Every label that says where a volume is, with the one that stands in for it on nodes.
const LABELS: &[(&str, &str)] = &[
    (OLD_ZONE_LABEL, ZONE_LABEL),
    (OLD_REGION_LABEL, REGION_LABEL),
    (ZONE_LABEL, ZONE_LABEL),
    (REGION_LABEL, REGION_LABEL),
];

/// Rejects nodes outside the zones and regions of the pod's volumes.
pub struct VolumeZone;

/// A volume's place: label, its stand-in, admissible values.
type Place = (&'static str, &'static str, SortedSet<Text>);

/// The values that a label of a volume holds; one with an empty value among them does not count.
fn values_of(label: &Text) -> Option<SortedSet<Text>> {
    let values = label.split("__").map(str::trim);
    let values = values.map(|value| (!value.is_empty()).then(|| value.into()));
    values.collect()
}

/// The places of the pod's volumes; the error refuses the pod.
fn places(ctx: AttemptContext<'_>) -> Result<Vec<Place>, Rejection> {
    let objects = &ctx.cache.objects;
    let mut places = Vec::new();
    for name in ctx.pod.stated_claim_names() {
        let claim = objects.claim(&ctx.pod.spec().namespace, &name);
        let Some(claim) = claim.filter(|claim| !claim.volume.is_empty()) else {
            continue;
        };
        let volume = objects.volumes.get(&claim.volume).ok_or_else(|| {
            let text = format!("persistentvolume {:?} not found", &*claim.volume);
            Rejection::unresolvable(text)
        })?;
        for &(label, stand_in) in LABELS {
            let values = volume.labels.get(label).and_then(values_of);
            places.extend(values.map(|values| (label, stand_in, values)));
        }
    }
    Ok(places)
}

fn check(places: &[Place], node: &NodeInfo) -> Result<(), Rejection> {
    if LABELS.iter().all(|(label, _)| node.label(label).is_none()) {
        return Ok(());
    }
    for (label, stand_in, values) in places {
        let value = node.label(label).or_else(|| node.label(stand_in));
        if !value.is_some_and(|value| values.contains(value)) {
            return Err(Rejection::unresolvable(
                "node(s) had no available volume zone",
            ));
        }
    }
    Ok(())
}

impl KubePlugin for VolumeZone {
    fn name(&self) -> &'static str {
        "VolumeZone"
    }

    fn points(&self) -> KubePoints {
        KubePoints::PRE_FILTER.and(KubePoints::FILTER)
    }

    fn fast(self: Arc<Self>) -> Option<Arc<dyn FastPlugin>> {
        Some(self)
    }

    fn events_to_register(&self) -> EventKinds {
        EventKinds::NODE_ADD
            .and(EventKinds::NODE_LABEL)
            .and(EventKinds::CLAIM)
    }

    fn pre_filter<'a>(&'a self, ctx: AttemptContext<'a>) -> PreFilterResult<'a> {
        match places(ctx) {
            Err(rejection) => PreFilterResult::Reject(rejection),
            Ok(places) if places.is_empty() => PreFilterResult::Skip,
            Ok(places) => {
                let places = Arc::new(places);
                PreFilterResult::run_with(move |node: &NodeInfo| check(&places, node))
            }
        }
    }
}

impl FastPlugin for VolumeZone {
    fn reach(&self, ctx: AttemptContext<'_>) -> Reach {
        self.kept_filter(ctx).reach()
    }

    fn kept_filter(&self, ctx: AttemptContext<'_>) -> CacheableFilter {
        if ctx.pod.spec().volumes.is_empty() {
            return CacheableFilter::Open;
        }
        let Ok(places) = places(ctx) else {
            return CacheableFilter::Unknown;
        };
        if places.is_empty() {
            return CacheableFilter::Rules(Vec::new());
        }
        let name = format!("VolumeZone {places:?}").into();
        let test: NodeTest = Arc::new(move |node| check(&places, node).is_ok());
        CacheableFilter::Rules(vec![CacheableRule::Within(NamedTest { test, name })])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_holds_one_value_or_several() {
        for (label, expected) in [
            ("a", Some(&["a"][..])),
            ("b__a", Some(&["a", "b"])),
            ("a____b", None),
            ("", None),
        ] {
            let expected = expected.map(|values| values.iter().map(|&own| own.into()).collect());
            assert_eq!(values_of(&label.into()), expected, "{label}");
        }
    }
}
