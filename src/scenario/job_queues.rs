//! Rules between the queues of `system.scheduler.queues:`.

use super::accounts::{OfUsers, check_workload};
use super::diagnostic::{Code, Finding, Findings};
use super::schema::Scenario;
use super::tree::Tree;

/// The place of the queues in an experiment.
pub const QUEUES: &str = "system.scheduler.queues";

/// Reports every broken rule about queues.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let queues = &scenario.system.scheduler.queues;
    let mut wrong = |code: Code, place: [&str; 2], message: String, label: &str| {
        let span = tree.locate(QUEUES.split('.').chain(place));
        findings.push(Finding::new(code, message, span).label(label.to_owned()));
    };
    for (number, own) in queues.iter().enumerate() {
        let (tenant, place) = (&own.tenant, number.to_string());
        let mut before = queues[..number].iter();
        if before.any(|other| other.tenant == *tenant) {
            wrong(
                Code::DuplicateName,
                [&place, "tenant"],
                format!("the tenant `{tenant}` has two queues"),
                "expected one queue for each tenant",
            );
        }
        if let (Some(least), Some(most)) = (own.guaranteed, own.capability)
            && least > most
        {
            wrong(
                Code::Impossible,
                [&place, "guaranteed"],
                format!("the queue of `{tenant}` is guaranteed {least} and may use {most} at most"),
                "expected no more than its `capability`",
            );
        }
    }
    if !queues.is_empty() {
        let about = OfUsers {
            field: QUEUES,
            word: "queues",
        };
        check_workload(scenario, tree, findings, &about);
    }
}
