//! Estimates of run times, which some rules of schedulers look at.

use arrivals::stream::ClassTotal;
use policy::backfill::backfill;
use policy::cost_model::cost_model;
use policy::job_order::job_order;
use policy::sharing::sharing_rule;
use scenario::schema::System;
use systems::batch::slurm::Slurm;
use systems::flow::FlowOptions;
use systems::gpu_sharing::GpuSharingOptions;
use units::plural;

use super::partitions;

/// A note on jobs without a time limit whose run times stand in as estimates, if the system looks at any.
pub(super) fn note(system: &System, classes: &[ClassTotal]) -> Option<String> {
    let slurm: Slurm = system.stated().unwrap_or_default();
    let free = classes.iter();
    let free = free.filter(|class| !partitions::limits(&slurm.partitions, &class.spec));
    let count: u64 = free.map(|class| class.unlimited).sum();
    let rules = rules_with_estimates(system);
    (count > 0 && !rules.is_empty()).then(|| {
        format!(
            "{} without a time limit: the estimate ({}) is the run time itself",
            plural::count(count as usize, "job"),
            rules.join(", ")
        )
    })
}

/// The rules of a scenario's system that look at estimates of run times, in backquotes.
fn rules_with_estimates(system: &System) -> Vec<String> {
    let scheduler = &system.scheduler;
    let queue = scheduler.queue.as_deref().unwrap_or_default();
    let mut rules: Vec<&str> = Vec::new();
    if system.name == systems::batch::ENTRY.name {
        let order = job_order(queue).filter(|own| own.uses_estimates);
        let rule = backfill(scheduler.backfill.name()).filter(|own| own.uses_estimates);
        rules.extend(order.map(|own| own.name));
        rules.extend(rule.map(|own| own.name));
    } else if system.name == systems::gpu_sharing::ENTRY.name {
        let sharing: GpuSharingOptions = system.own();
        let rule = sharing_rule(sharing.rule.name()).filter(|own| own.uses_estimates);
        rules.extend(rule.map(|own| own.name));
    } else if system.name == systems::flow::ENTRY.name {
        let flow: FlowOptions = system.own();
        let model = cost_model(flow.cost_model.name()).filter(|own| own.uses_estimates);
        rules.extend(model.map(|own| own.name));
    } else if system.name == systems::graphene::ENTRY.name {
        rules.push(systems::graphene::ENTRY.name);
    }
    rules.iter().map(|name| format!("`{name}`")).collect()
}
