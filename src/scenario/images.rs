//! Rules between the fields of `models.images`, and what needs it.

use super::diagnostic::{Code, Finding, Findings};
use super::scalar::NoneOr;
use super::schema::{FailureKind, Scenario};
use super::tree::Tree;
use units::nearest::hint;

/// Reports every broken rule.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let at = |path: &[&str]| tree.locate(path.iter().copied());
    let NoneOr::Some(images) = &scenario.models.images else {
        for (position, failure) in scenario.failures.iter().enumerate() {
            if matches!(
                failure.kind,
                FailureKind::RegistryOutage | FailureKind::CorruptedImage
            ) {
                let span = at(&["failures", &position.to_string(), "kind"]);
                let message = "every image is on every node, so no registry is used";
                findings.push(
                    Finding::new(Code::Conflict, message.to_owned(), span)
                        .label(
                            "this kind needs `models.images`, such as `images: {}`, and a system whose nodes pull \
                             images, such as `kubernetes`",
                        ),
                );
            }
        }
        return;
    };
    for (name, layers) in &images.images {
        for (place, layer) in layers.iter().enumerate() {
            if images.layers.contains_key(layer) {
                continue;
            }
            let place = place.to_string();
            let span = at(&["models", "images", "images", name, &place]);
            let message = format!("the image `{name}` has an unknown layer `{layer}`");
            let known = hint(layer, images.layers.keys().map(String::as_str));
            findings.push(
                Finding::new(Code::UnknownName, message, span)
                    .label(format!("no layer of `models.images.layers`; {known}")),
            );
        }
    }
    if images.fetched.as_f64() > 1.0 {
        let span = at(&["models", "images", "fetched"]);
        let message = "no more than a whole image can be fetched".to_owned();
        findings.push(Finding::new(Code::Impossible, message, span).label("expected at most 100%"));
    }
}
