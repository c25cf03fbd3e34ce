//! Rules between the fields of `delivery:` and the pushes of `operations:`.

use model::delivery::repository;

use super::diagnostic::{Code, Finding, Findings};
use super::schema::Scenario;
use super::tree::Tree;

/// Reports every broken rule about deliveries.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let mut wrong = |path: String, message: String, label: String| {
        let span = tree.locate(path.split('.'));
        findings.push(Finding::new(Code::Conflict, message, span).label(label));
    };
    let known: Vec<&str> = scenario.delivery.iter().map(|own| &*own.image).collect();
    for (position, own) in scenario.delivery.iter().enumerate() {
        if own.build_pods.is_some() && own.stages.is_empty() {
            wrong(
                format!("delivery.{position}.buildPods"),
                "builds without stages need no pods".to_owned(),
                "write `stages`, or leave it out".to_owned(),
            );
        }
        let path = format!("delivery.{position}.image");
        let bare = repository(&own.image);
        if bare != own.image {
            wrong(
                path,
                format!("`{}` is one image, and a repository is watched", own.image),
                format!("expected the name without tag and digest: `{bare}`"),
            );
        } else if known[..position].contains(&&*own.image) {
            wrong(
                path,
                format!("`{}` is watched twice", own.image),
                "expected one entry for each repository".to_owned(),
            );
        }
    }
    for (position, operation) in scenario.operations.iter().enumerate() {
        let Some(push) = &operation.push else {
            continue;
        };
        let path = format!("operations.{position}.push.image");
        let own = repository(&push.image);
        if !known.contains(&own) {
            let mut listed = known.iter().map(|own| format!("`{own}`"));
            let first = listed.next();
            let listed = listed.fold(first, |all, own| all.map(|all| format!("{all}, {own}")));
            wrong(
                path,
                format!("no entry of `delivery` watches `{own}`"),
                listed.map_or_else(
                    || format!("write `delivery: [{{image: {own}}}]`"),
                    |listed| format!("expected one of {listed}"),
                ),
            );
        }
    }
}
