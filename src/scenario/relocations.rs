//! Operations that migrate or resize instances.

use super::diagnostic::{Code, Finding, Findings};
use super::schema::Scenario;
use super::tree::Tree;

/// Reports those that no Nova carries out, and answers that contradict each other.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let mut wrong = |path: &[&str], message: String, label: &str| {
        let span = tree.locate(path.iter().copied());
        findings.push(Finding::new(Code::Conflict, message, span).label(label));
    };
    let is_nova = scenario.system.name == "nova";
    for (number, operation) in scenario.operations.iter().enumerate() {
        let migrate = operation.migrate.as_ref();
        let migrate = migrate.map(|own| ("migrate", own.confirm_after, own.revert_after));
        let resize = operation.resize.as_ref();
        let resize = resize.map(|own| ("resize", own.confirm_after, own.revert_after));
        let Some((field, confirm, revert)) = migrate.or(resize) else {
            continue;
        };
        let number = number.to_string();
        if !is_nova {
            let message = format!("the system `{}` has no instances", scenario.system.name);
            let label = "expected `name: nova`, or another operation";
            wrong(&["operations", &number, field], message, label);
        }
        if confirm.is_some() && revert.is_some() {
            let message = "a move is either confirmed or reverted".to_owned();
            let path = ["operations", &number, field, "revertAfter"];
            wrong(&path, message, "expected one of both");
        }
    }
}
