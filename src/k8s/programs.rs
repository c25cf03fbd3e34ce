//! Programs beside Kubernetes that a dump shows by its pods and deployments, and the releases of them whose
//! rules are modelled.

use serde_json::Value;

use super::parts::Parts;
use super::{pod, raw};
use units::SortedMap;

/// A program whose decisions are modelled.
struct ModelledProgram {
    name: &'static str,
    /// Its name in the label `app.kubernetes.io/name`.
    label: &'static str,
    /// End of the names of its images.
    image: &'static str,
    /// The release that is modelled.
    release: (u32, u32),
}

const MODELLED: [ModelledProgram; 2] = [
    ModelledProgram {
        name: "Kueue",
        label: "kueue",
        image: "kueue/kueue",
        release: (0, 19),
    },
    ModelledProgram {
        name: "Karpenter",
        label: "karpenter",
        image: "karpenter/controller",
        release: (1, 13),
    },
];

const NAME_LABEL: &str = "app.kubernetes.io/name";
const VERSION_LABEL: &str = "app.kubernetes.io/version";

/// Release of a program that runs in a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ProgramRelease {
    release: (u32, u32),
    version: String,
    /// The object that says so.
    object: String,
}

/// Programs that run in a cluster, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Programs(SortedMap<&'static str, ProgramRelease>);

impl Programs {
    /// Takes in what a pod or a deployment says.
    pub(super) fn look_at(&mut self, parts: &Parts) {
        let (kind, labels) = (parts.kind.as_deref(), &parts.metadata.labels);
        let stated = match kind {
            Some("Pod") => None,
            Some("Deployment") => labels.get(VERSION_LABEL).map(|label| &**label),
            _ => return,
        };
        let name = labels.get(NAME_LABEL).map(|label| &**label);
        let images = images(parts);
        for own in &MODELLED {
            let of_image = images.iter().find_map(|image| version_of(image, own.image));
            let version = of_image.or_else(|| stated.filter(|_| name == Some(own.label)));
            let Some((version, release)) =
                version.and_then(|version| Some((version, release(version)?)))
            else {
                continue;
            };
            let known = self.0.get(own.name);
            if known.is_some_and(|known| known.release >= release) {
                continue;
            }
            let metadata = &parts.metadata;
            let object = metadata.name.as_deref().unwrap_or_default();
            let running = ProgramRelease {
                release,
                version: version.to_owned(),
                object: format!("{}/{object}", pod::namespace(metadata)),
            };
            self.0.insert(own.name, running);
        }
    }

    /// Takes in the programs of other files; of two releases the newer counts.
    pub fn merge(&mut self, others: Self) {
        for (name, other) in others.0 {
            let known = self.0.get(name);
            if known.is_none_or(|known| known.release < other.release) {
                self.0.insert(name, other);
            }
        }
    }

    /// Each program with its version and the release whose rules decide.
    pub fn told(&self) -> impl Iterator<Item = String> {
        self.each().map(|(name, own, modelled)| {
            let version = &own.version;
            format!("{name} {}  (`{}` is {version})", text(modelled), own.object)
        })
    }

    /// Words about the programs of which another release is modelled.
    pub fn doubts(&self) -> impl Iterator<Item = String> {
        let others = self
            .each()
            .filter(|(_, own, modelled)| own.release != *modelled);
        others.map(|(name, own, modelled)| {
            let (object, version, modelled) = (&own.object, &own.version, text(modelled));
            format!(
                "`{object}` is {name} {version}, and {name} {modelled} is modelled: the rules of {modelled} \
                 decide"
            )
        })
    }

    fn each(&self) -> impl Iterator<Item = (&'static str, &ProgramRelease, (u32, u32))> {
        self.0.iter().filter_map(|(name, own)| {
            let modelled = MODELLED.iter().find(|known| known.name == *name)?;
            Some((*name, own, modelled.release))
        })
    }
}

fn text(release: (u32, u32)) -> String {
    let (major, minor) = release;
    format!("{major}.{minor}")
}

/// Images of the containers of a pod, or of a template that is read.
fn images(parts: &Parts) -> Vec<&str> {
    let of_pod = parts.pod_spec.containers.iter();
    let of_pod = of_pod.map(|own: &raw::Container| own.image.as_str());
    let template = parts.late_spec.as_ref();
    let template = template.and_then(|spec| spec.get("template")?.get("spec")?.get("containers"));
    let containers = template.and_then(Value::as_array);
    let of_template = containers.into_iter().flatten();
    let of_template = of_template.filter_map(|own| own.get("image")?.as_str());
    of_pod.chain(of_template).collect()
}

/// The version in the tag of an image, if it is one of a name.
fn version_of<'i>(image: &'i str, name: &str) -> Option<&'i str> {
    let (image, _) = image.split_once('@').unwrap_or((image, ""));
    let (path, tag) = image.rsplit_once(':')?;
    let before = path.strip_suffix(name)?;
    (before.is_empty() || before.ends_with('/')).then_some(tag)
}

/// Release of a version such as `v0.19.2`.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.strip_prefix('v').unwrap_or(version).split('.');
    let mut next = || numbers.next()?.parse().ok();
    Some((next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked_at(text: &str) -> Programs {
        crate::read_manifests("dump.yaml", text)
            .expect("manifests")
            .programs
    }

    #[test]
    fn versions_are_read_of_images_and_labels() {
        let of_pod = |image: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: s}}\n\
                 spec: {{containers: [{{name: c, image: '{image}'}}]}}\n"
            )
        };
        let told = |text: &str| looked_at(text).doubts().collect::<Vec<_>>();
        assert_eq!(
            told(&of_pod("registry.k8s.io/kueue/kueue:v0.14.2")),
            ["`s/p` is Kueue v0.14.2, and Kueue 0.19 is modelled: the rules of 0.19 decide"]
        );
        for silent in [
            "registry.k8s.io/kueue/kueue:v0.19.0",
            "example.com/my-kueue/kueue-viz:v0.1.0",
            "registry.k8s.io/kueue/kueue:main",
            "kueue/kueue",
        ] {
            assert_eq!(told(&of_pod(silent)), [""; 0], "{silent}");
        }
        let digest = of_pod("public.ecr.aws/karpenter/controller:1.8.0@sha256:0a");
        assert_eq!(
            told(&digest),
            ["`s/p` is Karpenter 1.8.0, and Karpenter 1.13 is modelled: the rules of 1.13 decide"]
        );
        let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: k, namespace: s, labels: \
            {app.kubernetes.io/name: karpenter, app.kubernetes.io/version: 1.13.1}}\n";
        let read = looked_at(deployment);
        assert_eq!(read.doubts().count(), 0);
        let told: Vec<String> = read.told().collect();
        assert_eq!(told, ["Karpenter 1.13  (`s/k` is 1.13.1)"]);
    }
}
