//! Options of schedulers that another choice beside them leaves without effect.

use super::diagnostic::Findings;
use super::schema::{Backfill, FairShareRule, NodeLife, Scenario, Scheduler, Slurm};
use super::systems::report;
use super::tree::Tree;
use options::{Breach, Rules};
use serde::Serialize;

/// Reports every option without effect.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let system = &scenario.system;
    let scheduler = &system.scheduler;
    let place = ["system", "scheduler"];
    if system.name == "batch" {
        let found = broken(scheduler, |rules| choice_of_nodes(scheduler, rules));
        report(&place, found, tree, findings);
    }
    if let Some(slurm) = &scheduler.slurm {
        let life = scenario.node_life();
        let found = broken(slurm, |rules| self::slurm(slurm, scheduler, life, rules));
        report(&["system", "scheduler", "slurm"], found, tree, findings);
    }
    if let Some(own) = &scheduler.shutdown {
        let found = broken(own, |rules| shutdown(scheduler.backfill, rules));
        report(&["system", "scheduler", "shutdown"], found, tree, findings);
    }
}

/// The broken rules of options.
fn broken<T: Default + Serialize>(own: &T, check: impl FnOnce(&mut Rules<'_>)) -> Vec<Breach> {
    let mut breaches = Vec::new();
    check(&mut Rules::new(own, &T::default(), &mut breaches));
    breaches
}

/// Settings of schedulers that choose a node for each pod.
fn choice_of_nodes(own: &Scheduler, rules: &mut Rules<'_>) {
    let message = "the system `batch` plans jobs and does not choose among nodes";
    rules.idle(message, "another system", &["tieBreak"]);
    if own.percentage_of_nodes_to_score.unwrap_or(100) != 100 {
        rules.idle(message, "another system", &["percentageOfNodesToScore"]);
    }
    rules.idle(message, "another system", &["config"]);
}

fn slurm(own: &Slurm, scheduler: &Scheduler, life: NodeLife, rules: &mut Rules<'_>) {
    // The backfill rule of the same name does not read the fields of the queue order.
    if scheduler.queue.as_deref() != Some("slurm") && scheduler.backfill == Backfill::Slurm {
        let fields = [
            "ageWeight",
            "fairShareWeight",
            "jobSizeWeight",
            "qosWeight",
            "associationWeight",
            "partitionWeight",
            "tresWeights",
            "maxAge",
            "halfLife",
            "calcPeriod",
            "favorSmall",
            "relativeToTime",
            "fairShare",
        ];
        rules.only_with("queue: slurm", &fields);
        for (number, partition) in own.partitions.iter().enumerate() {
            for (field, rank) in [
                ("priorityJobFactor", partition.priority_job_factor),
                ("priorityTier", partition.priority_tier),
            ] {
                if rank != 1 {
                    let message = format!("`{field}` has an effect with `queue: slurm` alone");
                    let label = format!("expected `queue: slurm`, or no `{field}`");
                    let path = ["partitions", &number.to_string(), field];
                    rules.at(&path, message, label);
                }
            }
        }
    }
    if own.slurmd_timeout.is_some() && life != NodeLife::Declared {
        let message = "nodes are lost by their heartbeats, with `models: {nodeLife: observed}`";
        rules.idle(message, "`nodeLife: declared`", &["slurmdTimeout"]);
    }
    let is_tree = own.fair_share == FairShareRule::FairTree;
    if is_tree {
        rules.only_with("fairShare: classic", &["damp"]);
    } else {
        rules.only_with("fairShare: fair-tree", &["tiedAccounts"]);
    }
    if own.accounts.is_empty() {
        let fields = ["qosWeight", "associationWeight", "tiedAccounts"];
        let fields = &fields[..if is_tree { 3 } else { 2 }];
        rules.idle("there are no accounts", "`accounts`", fields);
    }
}

fn shutdown(backfill: Backfill, rules: &mut Rules<'_>) {
    match backfill {
        Backfill::InertialShutdown => {
            rules.only_with("backfill: opportunistic-shutdown", &["keptAwake"]);
        }
        Backfill::OpportunisticShutdown => {
            let fields = ["factor", "increment", "horizon"];
            rules.only_with("backfill: inertial-shutdown", &fields);
        }
        // Refused as a whole.
        _ => {}
    }
}
