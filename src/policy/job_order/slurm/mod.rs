//! Slurm's multifactor priority (spec: orchestrators-b.md section 7.5): age, size and fair share of the
//! tenant, whose past use decays.
//!
//! Priorities are computed when a job is submitted and again every calculation period, as Slurm's
//! are. Use is processors times seconds, running jobs included. Without accounts, tenants are users of the
//! root, with equal shares.

pub mod accounts;
pub mod fair_share;
pub mod fair_tree;
pub mod multifactor;
pub mod resources;

use scheduler::batch::{JobFacts, JobOrder, MachineFacts, Score};
use units::{Duration, Instant, SortedMap, TenantId};

use self::accounts::Tree;
use self::fair_tree::TiedAccounts;
use self::multifactor::{Factors, Offsets, Size, SizeRule, Weights};
use self::resources::Resources;
use super::JobOrderEntry;

/// The registry's entry.
pub const ENTRY: JobOrderEntry = JobOrderEntry {
    name: "slurm",
    summary: "Slurm's multifactor priority: age, size, and fair share of the tenant by past use.",
    uses_estimates: false,
    build: |options| Box::new(Slurm::new(options.slurm.clone())),
};

/// The rule of the fair-share factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FairShare {
    /// Ranks by the walk of the tree.
    FairTree {
        /// Handling of accounts with equal level shares.
        tied: TiedAccounts,
    },
    /// 2^(-(usage / shares) / damp).
    Classic {
        /// Dampening; 1 is none.
        damp: f64,
    },
}

impl Default for FairShare {
    /// Fair tree as documented.
    fn default() -> Self {
        Self::FairTree {
            tied: TiedAccounts::default(),
        }
    }
}

/// Options of the order.
#[derive(Clone, Debug, PartialEq)]
pub struct SlurmOptions {
    /// Weights of the factors.
    pub weights: Weights,
    /// Age from which on the age factor is 1.
    pub max_age: Duration,
    /// Half-life of past use.
    pub half_life: Duration,
    /// Time between two calculations of all priorities.
    pub period: Duration,
    /// Rule of the size factor.
    pub size: SizeRule,
    /// Rule of the fair-share factor.
    pub fair_share: FairShare,
    /// The tree of accounts; empty where all tenants are users of the root with equal shares.
    pub accounts: Tree,
    /// The standing of tenants; others have none.
    pub standings: SortedMap<TenantId, TenantFactors>,
    /// The ranks of partitions, by their numbers; empty without partitions.
    pub partitions: Vec<PartitionRank>,
    /// Weights of trackable resources.
    pub resources: Resources,
}

/// The rank of a partition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PartitionRank {
    /// Tier: jobs of a higher one go first, whatever their priorities.
    pub tier: u16,
    /// Value of the partition over the largest one, in [0, 1].
    pub factor: f64,
}

/// Place of the tier above the priority, which is below 2^32.
const TIER: i64 = 1 << 32;

/// The standing of a tenant, which past use doesn't change; both in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TenantFactors {
    /// Value of its quality of service over the largest one.
    pub qos: f64,
    /// Priority of its association over the largest one.
    pub association: f64,
}

impl Default for SlurmOptions {
    fn default() -> Self {
        Self {
            weights: Weights::default(),
            max_age: Duration::from_secs(7 * 86_400),
            half_life: Duration::from_secs(7 * 86_400),
            period: Duration::from_secs(300),
            size: SizeRule::default(),
            fair_share: FairShare::default(),
            accounts: Tree::default(),
            standings: SortedMap::new(),
            partitions: Vec::new(),
            resources: Resources::default(),
        }
    }
}

/// A tenant's use.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    /// Decayed processor-seconds.
    past: f64,
    /// Processors in use.
    running: i64,
    /// The fair-share factor.
    factor: f64,
}

/// The order, with the use of every tenant.
#[derive(Clone, Debug)]
pub struct Slurm {
    options: SlurmOptions,
    machine: MachineFacts,
    tenants: SortedMap<TenantId, Use>,
    /// Instant up to which use is accounted for.
    accounted: Instant,
}

impl Slurm {
    /// An order without any past use.
    pub fn new(options: SlurmOptions) -> Self {
        let fresh = Use {
            factor: 1.0,
            ..Use::default()
        };
        let users = options.accounts.accounts.iter();
        let users = users.flat_map(|account| &account.users);
        Self {
            tenants: users.map(|&(tenant, _)| (tenant, fresh)).collect(),
            options,
            machine: MachineFacts::default(),
            accounted: Instant::ZERO,
        }
    }

    /// The use of a user, who has a share from the first job on.
    fn user(&mut self, tenant: TenantId) -> &mut Use {
        let fresh = Use {
            factor: 1.0,
            ..Use::default()
        };
        self.tenants.entry(tenant).or_insert(fresh)
    }

    fn account(&mut self, now: Instant) {
        let elapsed = now.since(self.accounted).as_secs_f64();
        if elapsed <= 0.0 {
            return;
        }
        let kept = fair_share::decay(self.options.half_life.as_secs_f64(), elapsed);
        for tenant in self.tenants.values_mut() {
            tenant.past = tenant.past * kept + tenant.running as f64 * elapsed;
        }
        self.accounted = now;
    }

    fn share(&mut self) {
        let past = |tenant| self.tenants.get(&tenant).map_or(0.0, |tenant| tenant.past);
        let rule = self.options.fair_share;
        let factors = if self.options.accounts == Tree::default() {
            let tree = Tree {
                users: self
                    .tenants
                    .keys()
                    .map(|&tenant| (tenant, Some(1)))
                    .collect(),
                ..Tree::default()
            };
            accounts::factors(&tree, rule, past)
        } else {
            accounts::factors(&self.options.accounts, rule, past)
        };
        for (tenant, factor) in factors {
            if let Some(own) = self.tenants.get_mut(&tenant) {
                own.factor = factor;
            }
        }
    }
}

impl JobOrder for Slurm {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn score(&self, job: &JobFacts, now: Instant) -> Score {
        let waited = now.since(job.submitted).as_secs_f64();
        let size = Size {
            nodes: f64::from(job.members),
            processors: job.processors as f64,
            minutes: job.requested.as_secs_f64() / 60.0,
            cluster_nodes: self.machine.nodes as f64,
            cluster_processors: self.machine.processors as f64,
        };
        let standing = self.options.standings.get(&job.tenant);
        let standing = standing.copied().unwrap_or_default();
        let partition = self.options.partitions.get(usize::from(job.partition.0));
        let (tier, partition) =
            partition.map_or((0, 0.0), |partition| (partition.tier, partition.factor));
        let factors = Factors {
            age: multifactor::age(waited, self.options.max_age.as_secs_f64()),
            // A tenant that never ran a job used nothing.
            fair_share: self
                .tenants
                .get(&job.tenant)
                .map_or(1.0, |tenant| tenant.factor),
            job_size: multifactor::size(&size, self.options.size),
            partition,
            qos: standing.qos,
            association: standing.association,
        };
        let offsets = Offsets {
            resources: self.options.resources.points(job),
            ..Offsets::default()
        };
        let priority = multifactor::priority(&self.options.weights, &factors, &offsets);
        let first = -(i64::from(tier) * TIER + i64::from(priority));
        Score::pair(first, job.submitted.as_nanos())
    }

    fn ages(&self) -> bool {
        true
    }

    fn period(&self) -> Duration {
        self.options.period
    }

    fn needs_passes(&self) -> bool {
        true
    }

    fn waiting(&mut self, jobs: &mut dyn Iterator<Item = &JobFacts>) {
        for job in jobs {
            self.user(job.tenant);
        }
    }

    fn refresh(&mut self, now: Instant) {
        self.account(now);
        self.share();
    }

    fn machine(&mut self, machine: &MachineFacts) {
        self.machine = *machine;
    }

    fn started(&mut self, now: Instant, job: &JobFacts) {
        self.account(now);
        self.user(job.tenant).running += job.processors;
    }

    fn ended(&mut self, now: Instant, job: &JobFacts) {
        self.account(now);
        if let Some(tenant) = self.tenants.get_mut(&job.tenant) {
            tenant.running -= job.processors;
        }
    }

    fn clone_order(&self) -> Box<dyn JobOrder> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::resources::{Amounts, ResourceWeights};
    use super::*;
    use scheduler::batch::PartitionNumber;

    fn job(tenant: u32, submitted: i64) -> JobFacts {
        JobFacts {
            submitted: Instant::from_secs(submitted),
            members: 4,
            ..crate::job_order::fixture::job(tenant, 4)
        }
    }

    #[test]
    fn users_who_only_wait_have_their_share_too() {
        let mut order = Slurm::new(SlurmOptions {
            weights: Weights {
                fair_share: 1_000,
                ..Weights::default()
            },
            ..SlurmOptions::default()
        });
        let at = Instant::from_secs;
        order.started(at(0), &job(1, 0));
        let waiting = [job(1, 1), job(2, 2), job(3, 3)];
        order.waiting(&mut waiting.iter());
        order.refresh(at(10));
        let scores = waiting.map(|own| order.score(&own, at(10)));
        // Of three users two used nothing: 3/3 each, and 1/3 for the third.
        assert!(scores[1] < scores[0] && scores[2] < scores[0], "{scores:?}");
        let factor = order.tenants[&TenantId(1)].factor;
        assert!((factor - 1.0 / 3.0).abs() < 1e-12, "{factor}");
    }

    #[test]
    fn a_tenant_that_used_much_waits_behind_others_until_its_use_decays() {
        for rule in [FairShare::default(), FairShare::Classic { damp: 1.0 }] {
            let mut order = Slurm::new(SlurmOptions {
                weights: Weights {
                    age: 10,
                    fair_share: 1_000,
                    ..Weights::default()
                },
                fair_share: rule,
                ..SlurmOptions::default()
            });
            let at = Instant::from_secs;
            order.started(at(0), &job(1, 0));
            order.started(at(3_000), &job(2, 0));
            order.ended(at(3_600), &job(1, 0));
            order.ended(at(3_600), &job(2, 0));
            order.refresh(at(3_600));
            let score = |order: &Slurm, tenant| order.score(&job(tenant, 3_600), at(3_600));
            assert!(score(&order, 2) < score(&order, 1), "{rule:?}");
            // No tenant precedes one that never ran.
            assert!(score(&order, 3) <= score(&order, 2), "{rule:?}");
            order.refresh(at(3_600 + 365 * 86_400));
            let left = order.tenants.values().map(|tenant| tenant.past);
            assert!(left.fold(0.0, f64::max) < 1e-6);
        }
    }

    #[test]
    fn a_job_that_asks_for_more_of_a_weighted_resource_goes_first() {
        let order = Slurm::new(SlurmOptions {
            resources: Resources {
                weights: ResourceWeights {
                    memory: 1_000,
                    ..ResourceWeights::default()
                },
                partitions: vec![Amounts {
                    memory: 1_000,
                    ..Amounts::default()
                }],
            },
            ..SlurmOptions::default()
        });
        let asking = |memory| JobFacts {
            memory,
            ..job(1, 0)
        };
        let score = |memory| order.score(&asking(memory), Instant::ZERO);
        assert!(score(500) < score(250) && score(250) < score(0));
    }

    #[test]
    fn a_tenant_of_higher_standing_goes_first() {
        let standing = |qos, association| TenantFactors { qos, association };
        let order = Slurm::new(SlurmOptions {
            weights: Weights {
                qos: 100,
                association: 10,
                ..Weights::default()
            },
            standings: [
                (TenantId(1), standing(0.5, 0.0)),
                (TenantId(2), standing(0.5, 1.0)),
                (TenantId(3), standing(1.0, 0.0)),
            ]
            .into_iter()
            .collect(),
            ..SlurmOptions::default()
        });
        let score = |tenant| order.score(&job(tenant, 0), Instant::ZERO);
        assert!(score(3) < score(2) && score(2) < score(1) && score(1) < score(0));
    }

    #[test]
    fn a_partition_counts_by_its_factor_and_before_all_by_its_tier() {
        let rank = |tier, factor| PartitionRank { tier, factor };
        let order = Slurm::new(SlurmOptions {
            weights: Weights {
                age: 10,
                partition: 100,
                ..Weights::default()
            },
            max_age: Duration::from_secs(100),
            partitions: vec![rank(1, 0.5), rank(1, 1.0), rank(2, 0.0)],
            ..SlurmOptions::default()
        });
        let at = Instant::from_secs(1_000);
        let score = |partition, submitted| {
            let job = JobFacts {
                partition: PartitionNumber(partition),
                ..job(0, submitted)
            };
            order.score(&job, at)
        };
        // 50 + 10 are less than 100, and both wait behind a job of the tier above.
        assert_eq!(score(0, 0), Score::pair(-(TIER + 60), 0));
        assert!(score(1, 1_000) < score(0, 0));
        assert!(score(2, 1_000) < score(1, 0));
    }
}
