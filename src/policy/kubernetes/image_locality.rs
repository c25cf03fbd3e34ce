//! `ImageLocality`: nodes that have the pod's images (spec: kubernetes.md 1.11).

use std::sync::Arc;

use scheduler::kube::keep::{KeptScore, NodePoints, Rests};
use scheduler::kube::{
    AttemptContext, Cache, FastPlugin, KubePlugin, KubePoints, NodeInfo, Normalization, PodInfo,
    Reach, Scores,
};

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

/// The images of a pod's containers, each with the part of the nodes that have it.
struct Images(Vec<(String, f64)>);

impl Images {
    fn of(pod: &PodInfo, cache: &Cache) -> Self {
        let spec = pod.spec();
        let containers = spec.init_containers.iter().chain(&spec.containers);
        let all_nodes = cache.node_count() as f64;
        let images = containers.map(|own| {
            let image = with_tag(&own.image);
            let spread = cache.nodes_with_image(&image) as f64 / all_nodes;
            (image, spread)
        });
        Self(images.collect())
    }

    fn points(&self, node: &NodeInfo) -> i64 {
        if self.0.is_empty() {
            return 0;
        }
        let most = MOST_PER_CONTAINER * self.0.len() as i64;
        let mut sum = 0;
        for (image, spread) in &self.0 {
            let mut present = node.object.images.iter();
            if let Some(&(_, bytes)) = present.find(|(name, _)| **name == **image) {
                sum += (bytes as f64 * spread) as i64;
            }
        }
        100 * (sum.clamp(LEAST, most) - LEAST) / (most - LEAST)
    }
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
        let images = Images::of(ctx.pod, ctx.cache);
        let points = feasible.iter().map(|node| images.points(node));
        Some(Scores::plain(points.collect()))
    }
}

impl FastPlugin for ImageLocality {
    fn reach(&self, _: AttemptContext<'_>) -> Reach {
        Reach::Nothing
    }

    fn kept_score(&self, _: AttemptContext<'_>) -> KeptScore {
        KeptScore::Node(Rests::OnDeclaration, self.normalize_score())
    }

    fn node_points(&self, pod: &Arc<PodInfo>, cache: &Cache) -> Option<NodePoints> {
        let images = Images::of(pod, cache);
        Some(Arc::new(move |node| images.points(node)))
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
