//! Rules between the partitions of `system.scheduler.slurm.partitions:`.

use super::diagnostic::{Code, Finding, Findings};
use super::schema::{Scenario, WorkloadSource};
use super::tree::Tree;

/// The place of the partitions in an experiment.
pub const PARTITIONS: &str = "system.scheduler.slurm.partitions";

/// Reports every broken rule about partitions.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let Some(slurm) = &scenario.system.scheduler.slurm else {
        return;
    };
    let all = &slurm.partitions;
    let mut wrong = |code: Code, place: [&str; 2], message: String, label: &str| {
        let span = tree.locate(PARTITIONS.split('.').chain(place));
        findings.push(Finding::new(code, message, span).label(label.to_owned()));
    };
    for (number, own) in all.iter().enumerate() {
        let (name, place) = (&own.name, number.to_string());
        let before = &all[..number];
        if before.iter().any(|other| other.name == *name) {
            wrong(
                Code::DuplicateName,
                [&place, "name"],
                format!("the partition `{name}` is declared twice"),
                "expected one entry for each partition",
            );
        }
        if own.default
            && let Some(other) = before.iter().find(|other| other.default)
        {
            wrong(
                Code::Conflict,
                [&place, "default"],
                format!(
                    "jobs that name no partition are in `{}` already",
                    other.name
                ),
                "expected one partition with `default: true`",
            );
        }
        if let (Some(time), Some(most)) = (own.default_time, own.max_time)
            && time > most
        {
            wrong(
                Code::Impossible,
                [&place, "defaultTime"],
                format!(
                    "jobs of `{name}` request {time} by default and may request {most} at most"
                ),
                "expected no more than its `maxTime`",
            );
        }
    }
    if all.is_empty() && slurm.partition_weight > 0 {
        let span = tree.locate("system.scheduler.slurm.partitionWeight".split('.'));
        let message = "there are no partitions whose factor could weigh";
        let finding = Finding::new(Code::Conflict, message, span);
        findings.push(finding.label("expected `partitions`, or no weight".to_owned()));
    }
    let units = |source: &WorkloadSource| matches!(source, WorkloadSource::Units { .. });
    if let (false, Some(source)) = (all.is_empty(), scenario.workload.iter().position(units)) {
        let span = tree.locate(["workload", &source.to_string()]);
        let message = "units name no partition, so partitions mean nothing for them";
        let finding = Finding::new(Code::Conflict, message, span);
        findings.push(finding.label(format!(
            "expected a trace or manifests, or no `{PARTITIONS}`"
        )));
    }
}
