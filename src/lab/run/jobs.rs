//! Conversion of what a scenario says of its batch system to options of orders and rules.

use std::sync::Arc;

use model::Node;
use model::gpu::DEVICE_MILLI;
use model::resource_list::{CPU, MEMORY};
use policy::backfill::shutdown::ShutdownOptions;
use policy::backfill::slurm::LoopOptions;
use policy::job_order::queues::QueueOptions;
use policy::job_order::slurm::accounts::{Account, Tree};
use policy::job_order::slurm::fair_tree::TiedAccounts;
use policy::job_order::slurm::multifactor::{SizeRule, Weights};
use policy::job_order::slurm::resources::{Amounts, ResourceWeights, Resources};
use policy::job_order::slurm::{FairShare, PartitionRank, SlurmOptions, TenantFactors};
use scenario::schema::{self, Backfill, FairShareRule};
use scheduler::batch::Partition;
use systems::batch::BatchOptions;
use units::{Duration, SortedMap, TenantId};
use world::BuildError;

/// Sets the options of orders and rules that a scenario writes.
pub(super) fn set_options(
    jobs: &mut BatchOptions,
    scheduler: &schema::Scheduler,
    nodes: &[Arc<Node>],
) -> Result<(), BuildError> {
    jobs.orders.slurm = slurm_options(scheduler, nodes)?;
    jobs.orders.queues = queue_options(scheduler)?;
    jobs.orders.reclaims = scheduler.reclaim;
    jobs.partitions = partitions(scheduler)?;
    jobs.rules.shutdown = shutdown_options(scheduler)?;
    jobs.rules.slurm = loop_options(scheduler)?;
    jobs.kill_wait = scheduler.slurm.as_ref().and_then(|own| own.kill_wait);
    Ok(())
}

/// Options of Slurm's order.
fn slurm_options(
    scheduler: &schema::Scheduler,
    nodes: &[Arc<Node>],
) -> Result<SlurmOptions, BuildError> {
    let Some(written) = &scheduler.slurm else {
        return Ok(SlurmOptions::default());
    };
    let wrong = |what: &str| Err(BuildError::Policy(what.to_owned()));
    if scheduler.queue.as_deref() != Some("slurm") && scheduler.backfill != Backfill::Slurm {
        return wrong(
            "slurm: these options belong to the queue order `slurm` and the backfill rule `slurm`; write `queue: \
             slurm` or `backfill: slurm`, or leave them out",
        );
    }
    if written.max_age <= Duration::ZERO || written.calc_period <= Duration::ZERO {
        return wrong(
            "slurm: `maxAge` and `calcPeriod` must be above 0s, such as `maxAge: 7d` and \
             `calcPeriod: 5m`",
        );
    }
    if written.half_life < Duration::from_secs(1) {
        return wrong("slurm: `halfLife` must be at least 1s, such as `halfLife: 7d`");
    }
    if written.kill_wait.is_some_and(|wait| wait < Duration::ZERO) {
        return wrong("slurm: `killWait` must be 0s or more, such as `killWait: 30s`");
    }
    if written.damp == 0 {
        return wrong("slurm: `damp` must be at least 1, which dampens nothing");
    }
    Ok(SlurmOptions {
        weights: Weights {
            age: written.age_weight,
            fair_share: written.fair_share_weight,
            job_size: written.job_size_weight,
            qos: written.qos_weight,
            association: written.association_weight,
            partition: written.partition_weight,
        },
        max_age: written.max_age,
        half_life: written.half_life,
        period: written.calc_period,
        size: SizeRule {
            favor_small: written.favor_small,
            relative_to_time: written.relative_to_time,
        },
        fair_share: match written.fair_share {
            FairShareRule::FairTree => FairShare::FairTree {
                tied: match written.tied_accounts {
                    schema::TiedAccounts::Merged => TiedAccounts::Merged,
                    schema::TiedAccounts::Apart => TiedAccounts::Apart,
                },
            },
            FairShareRule::Classic => FairShare::Classic {
                damp: f64::from(written.damp),
            },
        },
        accounts: accounts(written),
        standings: standings(written),
        partitions: partition_ranks(written),
        resources: resources(written, nodes)?,
    })
}

/// An amount of one resource.
type Amount = fn(&Amounts) -> i64;

/// Weights of trackable resources, with what partitions have of them.
fn resources(written: &schema::Slurm, nodes: &[Arc<Node>]) -> Result<Resources, BuildError> {
    let weights = written.tres_weights;
    if weights == schema::TresWeights::default() {
        return Ok(Resources::default());
    }
    let of = |own: Vec<&Node>| {
        let sum = |amount: fn(&Node) -> i64| {
            let each = own.iter().map(|node| amount(node));
            each.fold(0, i64::saturating_add)
        };
        let milli = sum(|node| node.allocatable.get(CPU).milli_floor().unwrap_or(i64::MAX));
        Amounts {
            processors: milli / 1_000,
            memory: sum(|node| {
                node.allocatable
                    .get(MEMORY)
                    .units_ceil()
                    .unwrap_or(i64::MAX)
            }),
            gpu_milli: sum(|node| {
                let devices = node.gpu.as_ref().map_or(0, |gpu| gpu.devices);
                i64::from(devices) * i64::from(DEVICE_MILLI)
            }),
        }
    };
    let partitions = world::nodes_of_partitions(written, nodes);
    let partitions: Vec<Amounts> = partitions.into_iter().map(of).collect();
    let lacking: [(&str, u32, Amount); 3] = [
        ("cpu", weights.cpu, |own| own.processors),
        ("memory", weights.memory, |own| own.memory),
        ("gpu", weights.gpu, |own| own.gpu_milli),
    ];
    for (field, weight, amount) in lacking {
        if weight > 0 && partitions.iter().all(|own| amount(own) == 0) {
            return Err(BuildError::Policy(format!(
                "slurm: tresWeights.{field} weighs a resource that no node has; give the nodes some, or leave the \
                 weight out"
            )));
        }
    }
    Ok(Resources {
        weights: ResourceWeights {
            processors: weights.cpu,
            memory: weights.memory,
            gpus: weights.gpu,
        },
        partitions,
    })
}

/// Ranks of the partitions.
fn partition_ranks(written: &schema::Slurm) -> Vec<PartitionRank> {
    let all = written.partitions.iter();
    let most = all.clone().map(|own| own.priority_job_factor).max();
    let most = f64::from(most.unwrap_or(0).max(1));
    let rank = |own: &schema::SlurmPartition| PartitionRank {
        tier: own.priority_tier,
        factor: f64::from(own.priority_job_factor) / most,
    };
    all.map(rank).collect()
}

/// Partitions of Slurm, as the planner knows them.
fn partitions(scheduler: &schema::Scheduler) -> Result<Vec<Partition>, BuildError> {
    let all = scheduler.slurm.iter().flat_map(|own| &own.partitions);
    let switches = scheduler.backfill.name().ends_with("-shutdown");
    if switches && all.clone().next().is_some() {
        return Err(BuildError::Policy(
            "slurm.partitions: the rules that switch hosts off and on know no partitions; write another \
             `backfill`, such as `easy`, or leave the partitions out"
                .to_owned(),
        ));
    }
    let partition = |own: &schema::SlurmPartition| Partition {
        name: own.name.as_str().into(),
        most: own.max_time.unwrap_or(Duration::MAX),
        is_up: own.state == schema::PartitionState::Up,
    };
    Ok(all.map(partition).collect())
}

/// The number of a user among the tenants of the workload.
fn user_number(written: &schema::Slurm, user: &str) -> TenantId {
    let place = written.users().position(|own| own == user);
    TenantId(place.unwrap_or_default() as u32)
}

/// The standing of each user: that of the account, over the largest one.
fn standings(written: &schema::Slurm) -> SortedMap<TenantId, TenantFactors> {
    let most = |value: fn(&schema::SlurmAccount) -> u32| {
        let greatest = written.accounts.iter().map(value).max();
        f64::from(greatest.unwrap_or(0).max(1))
    };
    let (qos, association) = (most(|own| own.qos), most(|own| own.priority));
    let standing = |own: &schema::SlurmAccount| TenantFactors {
        qos: f64::from(own.qos) / qos,
        association: f64::from(own.priority) / association,
    };
    let of_users = written.accounts.iter().flat_map(|own| {
        let users = own.users.keys();
        users.map(move |user| (user_number(written, user), standing(own)))
    });
    of_users.collect()
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
    if order == Some("volcano") && queues.iter().any(|own| own.priority.is_some()) {
        return wrong(
            "queues: `volcano` has no priorities of queues; write `weight`, or leave `priority` out",
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
        guaranteed: own.guarantees(),
        capability: own.capabilities(),
    };
    Ok(queues.iter().map(queue).collect())
}

/// The tree of accounts, in which users are the tenants of the workload.
fn accounts(written: &schema::Slurm) -> Tree {
    let number = |user: &String| user_number(written, user);
    let mut tree = Tree::default();
    let mut waiting: Vec<&schema::SlurmAccount> = written.accounts.iter().collect();
    // Those whose account above is there already, until all are.
    while !waiting.is_empty() {
        let before = waiting.len();
        waiting.retain(|own| {
            let place = |name: &String| tree.accounts.iter().position(|own| own.name == *name);
            let parent = own.parent.as_ref().map(place);
            if parent == Some(None) {
                return true;
            }
            let users = own.users.iter();
            tree.accounts.push(Account {
                name: own.name.clone(),
                parent: parent.flatten(),
                shares: own.shares,
                users: users
                    .map(|(user, shares)| (number(user), shares.number()))
                    .collect(),
            });
            false
        });
        if waiting.len() == before {
            break;
        }
    }
    tree
}

/// Options of Slurm's loops.
fn loop_options(scheduler: &schema::Scheduler) -> Result<LoopOptions, BuildError> {
    let written = scheduler.slurm.as_ref();
    let Some(written) = written.and_then(|own| own.loops.as_ref()) else {
        return Ok(LoopOptions::default());
    };
    let second = Duration::from_secs(1);
    let intervals = [
        written.main_interval,
        written.backfill_interval,
        written.resolution,
    ];
    if intervals.iter().any(|&own| own < second) {
        return Err(BuildError::Policy(
            "slurm.loops: `mainInterval`, `backfillInterval` and `resolution` must be at least 1s"
                .to_owned(),
        ));
    }
    Ok(LoopOptions {
        queue_depth: written.queue_depth,
        main_interval: written.main_interval,
        backfill_interval: written.backfill_interval,
        window: written.window,
        resolution: written.resolution,
        most_tested: written.max_job_test,
    })
}

/// Options of the rules that switch hosts off and on.
fn shutdown_options(scheduler: &schema::Scheduler) -> Result<ShutdownOptions, BuildError> {
    let Some(written) = &scheduler.shutdown else {
        return Ok(ShutdownOptions::default());
    };
    let is_shutdown = matches!(
        scheduler.backfill,
        Backfill::InertialShutdown | Backfill::OpportunisticShutdown
    );
    if !is_shutdown {
        return Err(BuildError::Policy(
            "shutdown: these options belong to the rules that switch hosts off and on; write \
             `backfill: inertial-shutdown` or `backfill: opportunistic-shutdown`, or leave them out"
                .to_owned(),
        ));
    }
    Ok(ShutdownOptions {
        switch_on: written.switch_on,
        switch_off: written.switch_off,
        planned_switch_on: written.planned_switch_on.unwrap_or(written.switch_on),
        manager_delay: written.manager_delay,
        period: written.period,
        idle_time: written.idle_time,
        is_prompt: written.prompt,
        kept_awake: written.kept_awake,
        factor: written.factor,
        increment: written.increment,
        horizon: written.horizon,
    })
}
