//! `ImageLocality`: nodes that have the pod's images (spec: kubernetes.md 1.11).

use crate::control::scheduler::kube::{
    AttemptContext, KubePlugin, KubePoints, NodeInfo, Normalization, Reach, Scores,
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

impl KubePlugin for ImageLocality {
    fn name(&self) -> &'static str {
        "ImageLocality"
    }

    fn points(&self) -> KubePoints {
        KubePoints::SCORE
    }

    fn reach(&self, _: AttemptContext<'_>) -> Reach {
        Reach::Nothing
    }

    fn normalization(&self) -> Normalization {
        Normalization::Plain
    }

    fn score(&self, ctx: AttemptContext<'_>, feasible: &[&NodeInfo]) -> Option<Scores> {
        let spec = ctx.pod.spec();
        let containers = spec.init_containers.iter().chain(&spec.containers);
        let wanted: Vec<String> = containers.map(|own| with_tag(&own.image)).collect();
        let all_nodes = ctx.cache.node_count() as f64;
        let most = MOST_PER_CONTAINER * wanted.len() as i64;
        let points = |node: &&NodeInfo| {
            let mut sum = 0;
            for image in &wanted {
                let mut present = node.object.images.iter();
                if let Some(&(_, bytes)) = present.find(|(name, _)| **name == **image) {
                    let spread = ctx.cache.nodes_with_image(image) as f64 / all_nodes;
                    sum += (bytes as f64 * spread) as i64;
                }
            }
            100 * (sum.clamp(LEAST, most) - LEAST) / (most - LEAST)
        };
        Some(Scores::plain(feasible.iter().map(points).collect()))
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
