//! Options of orders and rules from what is stated of Slurm.

use std::sync::Arc;

use model::Node;
use model::gpu::DEVICE_MILLI;
use model::resource_list::{CPU, MEMORY};
use policy::job_order::slurm::accounts::{Account, Tree};
use policy::job_order::slurm::multifactor::{SizeRule, Weights};
use policy::job_order::slurm::resources::{Amounts, ResourceWeights, Resources};
use policy::job_order::slurm::{FairShare, PartitionRank, SlurmOptions, TenantFactors};
use scheduler::batch::Partition;
use units::{Duration, SortedMap, TenantId};

use super::nodes::nodes_of_partitions;
use super::{FairShareRule, PartitionState, Slurm, SlurmAccount, SlurmPartition};
use crate::batch::BatchOptions;

impl BatchOptions {
    /// Takes the options of Slurm on nodes, for the order and the rule that are chosen.
    ///
    /// # Errors
    /// A value is none; the message begins with its field.
    pub fn set_slurm(&mut self, stated: &Slurm, nodes: &[Arc<Node>]) -> Result<(), String> {
        if self.order != "slurm" && self.backfill != "slurm" {
            return Err(
                "slurm: these options belong to the queue order `slurm` and the backfill rule `slurm`; write `queue: \
                 slurm` or `backfill: slurm`, or leave them out"
                    .to_owned(),
            );
        }
        self.orders.slurm = order(stated, nodes)?;
        if self.backfill.ends_with("-shutdown") && !stated.partitions.is_empty() {
            return Err(
                "slurm.partitions: the rules that switch hosts off and on know no partitions; write another \
                 `backfill`, such as `easy`, or leave the partitions out"
                    .to_owned(),
            );
        }
        let partition = |own: &SlurmPartition| Partition {
            name: own.name.as_str().into(),
            most: own.max_time.unwrap_or(Duration::MAX),
            is_up: own.state == PartitionState::Up,
        };
        self.partitions = stated.partitions.iter().map(partition).collect();
        let loops = stated.loops.unwrap_or_default();
        let mut intervals = [
            loops.main_interval,
            loops.backfill_interval,
            loops.resolution,
        ]
        .into_iter();
        if intervals.any(|own| own < Duration::from_secs(1)) {
            return Err(
                "slurm.loops: `mainInterval`, `backfillInterval` and `resolution` must be at least 1s"
                    .to_owned(),
            );
        }
        self.rules.slurm = loops;
        self.kill_wait = stated.kill_wait;
        Ok(())
    }
}

/// Options of Slurm's order.
fn order(written: &Slurm, nodes: &[Arc<Node>]) -> Result<SlurmOptions, String> {
    let wrong = |what: &str| Err(what.to_owned());
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
                tied: written.tied_accounts,
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
fn resources(written: &Slurm, nodes: &[Arc<Node>]) -> Result<Resources, String> {
    let weights = written.tres_weights;
    if weights == ResourceWeights::default() {
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
    let partitions = nodes_of_partitions(written, nodes);
    let partitions: Vec<Amounts> = partitions.into_iter().map(of).collect();
    let lacking: [(&str, u32, Amount); 3] = [
        ("cpu", weights.processors, |own| own.processors),
        ("memory", weights.memory, |own| own.memory),
        ("gpu", weights.gpus, |own| own.gpu_milli),
    ];
    for (field, weight, amount) in lacking {
        if weight > 0 && partitions.iter().all(|own| amount(own) == 0) {
            return Err(format!(
                "slurm: tresWeights.{field} weighs a resource that no node has; give the nodes some, or leave the \
                 weight out"
            ));
        }
    }
    Ok(Resources {
        weights,
        partitions,
    })
}

/// Ranks of the partitions.
fn partition_ranks(written: &Slurm) -> Vec<PartitionRank> {
    let all = written.partitions.iter();
    let most = all.clone().map(|own| own.priority_job_factor).max();
    let most = f64::from(most.unwrap_or(0).max(1));
    let rank = |own: &SlurmPartition| PartitionRank {
        tier: own.priority_tier,
        factor: f64::from(own.priority_job_factor) / most,
    };
    all.map(rank).collect()
}

/// Number of a user among the tenants of the workload.
fn user_number(written: &Slurm, user: &str) -> TenantId {
    let place = written.users().position(|own| own == user);
    TenantId(place.unwrap_or_default() as u32)
}

/// Standing of each user: that of the account, over the largest one.
fn standings(written: &Slurm) -> SortedMap<TenantId, TenantFactors> {
    let most = |value: fn(&SlurmAccount) -> u32| {
        let greatest = written.accounts.iter().map(value).max();
        f64::from(greatest.unwrap_or(0).max(1))
    };
    let (qos, association) = (most(|own| own.qos), most(|own| own.priority));
    let standing = |own: &SlurmAccount| TenantFactors {
        qos: f64::from(own.qos) / qos,
        association: f64::from(own.priority) / association,
    };
    let of_users = written.accounts.iter().flat_map(|own| {
        let users = own.users.keys();
        users.map(move |user| (user_number(written, user), standing(own)))
    });
    of_users.collect()
}

/// Tree of accounts, in which users are the tenants of the workload.
fn accounts(written: &Slurm) -> Tree {
    let number = |user: &String| user_number(written, user);
    let mut tree = Tree::default();
    let mut waiting: Vec<&SlurmAccount> = written.accounts.iter().collect();
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
