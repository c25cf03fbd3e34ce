//! Options of `system.borg` that would have no effect.

use super::diagnostic::{Code, Finding, Findings};
use super::schema::{Scenario, Usage};
use super::silent::has_manifests;
use super::tree::Tree;

/// Reports every broken rule.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let Some(written) = &scenario.system.borg else {
        return;
    };
    let mut wrong = |path: &[&str], message: &str, label: &str| {
        let path = ["system", "borg"].iter().chain(path).copied();
        let finding = Finding::new(Code::Conflict, message.to_owned(), tree.locate(path));
        findings.push(finding.label(label.to_owned()));
    };
    let may_state_use = has_manifests(scenario) || !scenario.operations.is_empty();
    if written.reclamation.is_some() && scenario.models.usage == Usage::None && !may_state_use {
        wrong(
            &["reclamation"],
            "nothing is reclaimed from tasks whose use is not known",
            "expected `usage` under `models`, such as `usage: trace`, or no `reclamation`",
        );
    }
    for (number, own) in written.quota.iter().enumerate() {
        if own.cpu.or(own.memory).or(own.ephemeral_storage).is_none() {
            wrong(
                &["quota", &number.to_string()],
                "a quota without a bound admits every job",
                "expected `cpu`, `memory` or `ephemeralStorage`, such as `cpu: 400`",
            );
        }
    }
}
