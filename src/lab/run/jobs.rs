//! Conversion of what a scenario says of its batch system to options of orders and rules.

use std::sync::Arc;

use model::Node;
use policy::backfill::shutdown::ShutdownOptions;
use policy::job_order::queues::{Preemption, QueueOptions};
use scenario::schema::{self, Backfill, QueuePreemption, System};
use systems::batch::BatchOptions;
use systems::batch::slurm::Slurm;
use units::TenantId;
use world::BuildError;

/// Sets the options of orders and rules that a scenario writes.
pub(super) fn set_options(
    jobs: &mut BatchOptions,
    system: &System,
    nodes: &[Arc<Node>],
) -> Result<(), BuildError> {
    let scheduler = &system.scheduler;
    if let Some(own) = system.stated::<Slurm>() {
        jobs.set_slurm(&own, nodes).map_err(BuildError::Policy)?;
    }
    jobs.orders.queues = queue_options(scheduler)?;
    jobs.orders.reclaims = scheduler.reclaim;
    let shutdown = system.stated::<ShutdownOptions>();
    shutdown.map_or(Ok(()), |own| {
        jobs.set_shutdown(own).map_err(BuildError::Policy)
    })
}

/// Queues of the orders that choose a queue first, in which tenants are those of the workload.
fn queue_options(scheduler: &schema::Scheduler) -> Result<Vec<QueueOptions>, BuildError> {
    let wrong = |what: &str| Err(BuildError::Policy(what.to_owned()));
    let order = scheduler.queue.as_deref();
    let queues = &scheduler.queues;
    let has_queues = matches!(order, Some("volcano" | "yunikorn"));
    if scheduler.reclaim && (!has_queues || scheduler.backfill == Backfill::Slurm) {
        return wrong(
            "reclaim: the queue orders `volcano` and `yunikorn` reclaim, under any rule that decides once an instant \
             but `slurm`; write `queue: volcano` and `backfill: skip`, or leave `reclaim` out",
        );
    }
    if !queues.is_empty() && !has_queues {
        return wrong(
            "queues: these belong to the queue orders `volcano` and `yunikorn`; write `queue: volcano` or \
             `queue: yunikorn`, or leave them out",
        );
    }
    let has_priorities = |own: &schema::JobQueue| {
        own.priority.is_some() || own.priority_fence || own.preemption.is_some()
    };
    if order == Some("volcano") && queues.iter().any(has_priorities) {
        return wrong(
            "queues: `volcano` has no priorities of queues and no fences; write `weight`, or leave `priority`, \
             `priorityFence` and `preemption` out",
        );
    }
    if order == Some("yunikorn") && queues.iter().any(|own| own.weight.is_some()) {
        return wrong(
            "queues: `yunikorn` has no weights of queues; write `guaranteed`, or leave `weight` out",
        );
    }
    let place = |name: &String| {
        queues
            .iter()
            .position(|own| own.name.as_ref() == Some(name))
    };
    let tenants = || queues.iter().filter_map(|own| own.tenant.as_ref());
    let number = |tenant: &String| tenants().position(|own| own == tenant);
    let queue = |own: &schema::JobQueue| QueueOptions {
        tenant: { own.tenant.as_ref() }
            .and_then(number)
            .map(|number| TenantId(number as u32)),
        parent: own.parent.as_ref().and_then(place),
        weight: own.weight.unwrap_or(1),
        priority: own.priority.unwrap_or(0),
        is_priority_fence: own.priority_fence,
        preemption: own.preemption.map(|own| match own {
            QueuePreemption::Default => Preemption::Default,
            QueuePreemption::Fence => Preemption::Fence,
            QueuePreemption::Disabled => Preemption::Disabled,
        }),
        guaranteed: own.guarantees(),
        capability: own.capabilities(),
    };
    Ok(queues.iter().map(queue).collect())
}
