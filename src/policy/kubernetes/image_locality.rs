//! `ImageLocality`: nodes that have the pod's images (spec: kubernetes.md 1.11).

use std::sync::Arc;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;
use scheduler::kube::cacheable::{AnswerScope, CacheableScore, NodeImages, NodeKinds};
use scheduler::kube::{
    AttemptContext, Cache, FastPlugin, KubePlugin, KubePoints, NodeInfo, Normalization, PodInfo,
    Reach, Scores,
};
use smallvec::SmallVec;

use crate::{Constructor, Entry, KubeConstructor, Point};

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "ImageLocality",
    point: Point::KubePlugin,
    summary: "Prefers nodes that have the images of the pod, large and widely spread ones first.",
    source: "kubernetes.md 1.11",
    parameters: &[],
    constructor: Constructor::Kube(KubeConstructor {
        points: &["score"],
        weight: Some(1),
        build: |_, _| Arc::new(ImageLocality),
    }),
};

const MEBIBYTE: i64 = 1024 * 1024;
/// Images of less count nothing, in bytes.
const LEAST: i64 = 23 * MEBIBYTE;
/// Images of more count as this, per container, in bytes.
const MOST_PER_CONTAINER: i64 = 1000 * MEBIBYTE;

/// Prefers nodes that have the pod's images, large and widely spread ones first.
pub struct ImageLocality;

/// The image's name with the tag that an image without one has.
fn with_tag(image: &str) -> String {
    if image.rfind(':') <= image.rfind('/') {
        return format!("{image}:latest");
    }
    image.to_owned()
}

/// The images of a pod's containers.
struct Images(Vec<String>);

/// Sizes of a pod's images on a node, in bytes; 0 where one is not there.
type Sizes = SmallVec<[i64; 4]>;

impl Images {
    fn of(pod: &PodInfo) -> Self {
        let spec = pod.spec();
        let containers = spec.init_containers.iter().chain(&spec.containers);
        Self(containers.map(|own| with_tag(&own.image)).collect())
    }

    /// The part of the nodes that have each image.
    fn spread(&self, cache: &Cache) -> Vec<f64> {
        let all_nodes = cache.node_count() as f64;
        let images = self.0.iter();
        images
            .map(|image| cache.nodes_with_image(image) as f64 / all_nodes)
            .collect()
    }

    fn sizes(&self, node: &NodeInfo) -> Sizes {
        let images = self.0.iter().map(|image| {
            let mut present = node.object.images.iter();
            let found = present.find(|(name, _)| **name == **image);
            found.map_or(0, |&(_, bytes)| bytes)
        });
        images.collect()
    }
}

/// Points of a node with images of these sizes.
fn points(sizes: &[i64], spread: &[f64]) -> i64 {
    if sizes.is_empty() {
        return 0;
    }
    let most = MOST_PER_CONTAINER * sizes.len() as i64;
    let images = sizes.iter().zip(spread);
    let sum: i64 = images
        .map(|(&bytes, spread)| (bytes as f64 * spread) as i64)
        .sum();
    100 * (sum.clamp(LEAST, most) - LEAST) / (most - LEAST)
}

impl KubePlugin for ImageLocality {
    fn name(&self) -> &'static str {
        "ImageLocality"
    }

    fn points(&self) -> KubePoints {
        KubePoints::SCORE
    }

    fn fast(self: Arc<Self>) -> Option<Arc<dyn FastPlugin>> {
        Some(self)
    }

    fn normalize_score(&self) -> Normalization {
        Normalization::Plain
    }

    fn scores(&self, ctx: AttemptContext<'_>, feasible: &[&NodeInfo]) -> Option<Scores> {
        let images = Images::of(ctx.pod);
        let spread = images.spread(ctx.cache);
        let points = feasible
            .iter()
            .map(|node| points(&images.sizes(node), &spread));
        Some(Scores::plain(points.collect()))
    }
}

impl FastPlugin for ImageLocality {
    fn reach(&self, _: AttemptContext<'_>) -> Reach {
        Reach::Nothing
    }

    fn kept_score(&self, _: AttemptContext<'_>) -> CacheableScore {
        CacheableScore::Node(AnswerScope::OnNodes, self.normalize_score())
    }

    fn node_kinds(&self, pod: &PodInfo, nodes: &NodeImages) -> Option<NodeKinds> {
        let images = Images::of(pod);
        let found = images.0.iter().enumerate().flat_map(|(image, name)| {
            let places = nodes.with(name).iter();
            places.map(move |&(place, bytes)| (place, image, bytes))
        });
        let mut found: Vec<(usize, usize, i64)> = found.collect();
        found.sort_unstable();
        // Most nodes have none of the images.
        let none: Sizes = images.0.iter().map(|_| 0).collect();
        let mut known: IndexSet<Sizes, FxBuildHasher> = IndexSet::from_iter([none.clone()]);
        let mut kinds = vec![0; nodes.node_count()];
        for on_node in found.chunk_by(|one, other| one.0 == other.0) {
            let mut sizes = none.clone();
            for &(_, image, bytes) in on_node {
                sizes[image] = bytes;
            }
            kinds[on_node[0].0] = u16::try_from(known.insert_full(sizes).0).ok()?;
        }
        Some(NodeKinds {
            kinds,
            points: Arc::new(move |cache| {
                let spread = images.spread(cache);
                known.iter().map(|sizes| points(sizes, &spread)).collect()
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_without_a_tag_have_the_latest() {
        for (image, expected) in [
            ("nginx", "nginx:latest"),
            ("nginx:1", "nginx:1"),
            ("host:5000/nginx", "host:5000/nginx:latest"),
            ("host:5000/nginx:1", "host:5000/nginx:1"),
            ("", ":latest"),
        ] {
            assert_eq!(with_tag(image), expected);
        }
    }
}
