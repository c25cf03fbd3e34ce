//! Claims on devices in the manifests of a scenario: what objects of several files have to agree in.

use std::sync::Arc;

use model::Object;
use model::dra::DeviceObjects;
use sim::{InitialObjects, ResidentObject};
use systems::KubeRequest;

use super::BuildError;

/// Checks that the objects of all files fit together.
///
/// # Errors
/// A claim or a template names a class that no file declares; the text says where.
pub(super) fn check(
    files: &[(&str, DeviceObjects)],
    all: &DeviceObjects,
) -> Result<(), BuildError> {
    for (file, objects) in files {
        let wrong = |kind: &str, namespace: &str, name: &str, what: String| {
            Err(BuildError::Experiment(format!(
                "{file}: {kind} `{namespace}/{name}`: {what}"
            )))
        };
        for claim in objects.claims() {
            if let Some(what) = all.unknown_class(claim) {
                return wrong("ResourceClaim", &claim.namespace, &claim.name, what);
            }
        }
        for ((namespace, name), template) in objects.templates.iter() {
            if let Some(what) = all.unknown_class(template) {
                let what = what.replacen("spec.", "spec.spec.", 1);
                return wrong("ResourceClaimTemplate", namespace, name, what);
            }
        }
    }
    Ok(())
}

/// Objects that are there when a run begins, with the claims on devices.
pub fn with_claims(mut found: InitialObjects, kube: &KubeRequest) -> InitialObjects {
    let claims = kube.objects.devices.claims().map(|claim| ResidentObject {
        object: Object::ResourceClaim(Arc::clone(claim)),
        owner: None,
    });
    found.objects.extend(claims);
    found
}
