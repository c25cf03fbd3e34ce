//! Labels of instance types that price lists leave open, by the names of the types.

use model::node::{ARCH_LABEL, INSTANCE_TYPE_LABEL, OS_LABEL, USUAL_ARCH, USUAL_OS};
use model::resource_list::{CPU, MEMORY};
use model::{Node, Text};

/// Whether a label is one that providers give instance types.
pub(super) fn is_of_provider(key: &str) -> bool {
    PROVIDERS.iter().any(|own| key.starts_with(own))
}

/// Beginnings of labels that providers give instance types.
const PROVIDERS: [&str; 4] = [
    "karpenter.k8s.",
    "karpenter.azure.com/",
    "eks.amazonaws.com/instance",
    "karpenter.gcp",
];

/// The cloud whose instance types bear names such as one: `m5.large`, `Standard_D4s_v5`, `n2-standard-4`.
pub(super) fn cloud_of(instance_type: &str) -> Option<Cloud> {
    let is_google = || {
        let mut parts = instance_type.split('-');
        let family = parts.next().unwrap_or_default();
        family.len() <= 4
            && family.contains(|own: char| own.is_ascii_digit())
            && parts.next().is_some_and(|kind| {
                ["standard", "highmem", "highcpu", "medium", "small", "micro"].contains(&kind)
            })
    };
    if AwsName::of(instance_type).is_some() {
        Some(Cloud::Eks)
    } else if instance_type.starts_with("Standard_") {
        Some(Cloud::Aks)
    } else {
        is_google().then_some(Cloud::Gke)
    }
}

/// The value that a label of an instance type has, as far as its list or its name says.
pub(super) fn value(key: &str, instance_type: &str, node: &Node) -> Option<Text> {
    if let Some(own) = node.labels.get(key) {
        return Some(own.clone());
    }
    let name = AwsName::of(instance_type);
    let whole = |resource: &str, unit: i64| {
        let amount = node.capacity.stated(resource);
        let amount = amount.unwrap_or_else(|| node.allocatable.get(resource));
        Some((amount.units_ceil().ok()? / unit).to_string())
    };
    let aws = key.strip_prefix("karpenter.k8s.aws/instance-");
    let found = match (key, aws) {
        (OS_LABEL, _) => USUAL_OS.to_owned(),
        (INSTANCE_TYPE_LABEL, _) => instance_type.to_owned(),
        (ARCH_LABEL, _) if name?.attributes.contains('g') => "arm64".to_owned(),
        (ARCH_LABEL, _) => USUAL_ARCH.to_owned(),
        (_, Some("family")) => name?.family.to_owned(),
        (_, Some("category")) => name?.category.to_owned(),
        (_, Some("generation")) => name?.generation.to_owned(),
        (_, Some("size")) => name?.size.to_owned(),
        (_, Some("cpu")) => whole(CPU, 1)?,
        (_, Some("memory")) => whole(MEMORY, 1 << 20)?,
        _ => return None,
    };
    Some(found.as_str().into())
}

/// The parts of a name such as `c7gn.2xlarge`.
#[derive(Clone, Copy)]
struct AwsName<'n> {
    family: &'n str,
    category: &'n str,
    generation: &'n str,
    /// Letters after the generation.
    attributes: &'n str,
    size: &'n str,
}

impl<'n> AwsName<'n> {
    fn of(name: &'n str) -> Option<Self> {
        let (family, size) = name.split_once('.')?;
        let digit = family.find(|own: char| own.is_ascii_digit())?;
        let (category, rest) = family.split_at(digit);
        let end = rest.find(|own: char| !own.is_ascii_digit());
        let (generation, attributes) = rest.split_at(end.unwrap_or(rest.len()));
        Some(Self {
            family,
            category,
            generation,
            attributes,
            size,
        })
    }
}

/// A managed Kubernetes of a cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// Amazon's EKS.
    Eks,
    /// Google's GKE.
    Gke,
    /// Azure's AKS.
    Aks,
}

/// Names of the clouds in options and messages.
pub(super) const CLOUDS: [(&str, &str, Cloud); 3] = [
    ("eks", "EKS", Cloud::Eks),
    ("gke", "GKE", Cloud::Gke),
    ("aks", "AKS", Cloud::Aks),
];

impl Cloud {
    /// Name as its provider writes it.
    pub fn name(self) -> &'static str {
        let own = CLOUDS.iter().find(|(_, _, cloud)| *cloud == self);
        own.map_or("", |(_, name, _)| name)
    }
}
