//! Options that another choice beside them leaves without effect. Only values other than the default are
//! refused: a default says nothing that would vanish, and experiments as they were run state all of them.

use super::diagnostic::{Code, Finding, Findings};
use super::schema::{
    Backfill, Borg, BorgScore, BorgWishes, FairShareRule, NodeLife, Scenario, Scheduler, Shutdown,
    Slurm, SlurmPartition, System, TiedAccounts,
};
use super::tree::Tree;

/// The values of options in one place that are not the default, by field.
type Stated<'a> = &'a [(&'a str, bool)];

/// Reports every option without effect.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let mut idle = Idle {
        place: Vec::new(),
        tree,
        findings,
    };
    let system = &scenario.system;
    idle.systems(system);
    let scheduler = &system.scheduler;
    if system.name == "batch" {
        idle.place = vec!["system", "scheduler"];
        idle.choice_of_nodes(scheduler);
    }
    if let Some(slurm) = &scheduler.slurm {
        idle.place = vec!["system", "scheduler", "slurm"];
        idle.priority(slurm, scheduler);
        if slurm.slurmd_timeout.is_some() && scenario.node_life() != NodeLife::Declared {
            let message = "nodes are lost by their heartbeats, with `models: {nodeLife: observed}`";
            let label = "expected `nodeLife: declared`, or no `slurmdTimeout`";
            idle.report(&["slurmdTimeout"], message, label);
        }
        idle.fair_share(slurm);
    }
    if let Some(shutdown) = &scheduler.shutdown {
        idle.place = vec!["system", "scheduler", "shutdown"];
        idle.shutdown(shutdown, scheduler.backfill);
    }
}

/// The options of one place.
struct Idle<'run> {
    place: Vec<&'static str>,
    tree: &'run Tree,
    findings: &'run mut Findings,
}

impl Idle<'_> {
    /// Reports one field, at a path below the place.
    fn report(&mut self, path: &[&str], message: &str, label: &str) {
        let span = (self.tree).locate(self.place.iter().copied().chain(path.iter().copied()));
        let finding = Finding::new(Code::Conflict, message.to_owned(), span);
        self.findings.push(finding.label(label.to_owned()));
    }

    /// Reports the stated ones of some fields that have an effect with one choice alone.
    fn only_with(&mut self, choice: &str, stated: Stated<'_>) {
        for &(field, is_stated) in stated {
            if is_stated {
                let message = format!("`{field}` has an effect with `{choice}` alone");
                let label = format!("expected `{choice}`, or no `{field}`");
                self.report(&[field], &message, &label);
            }
        }
    }

    fn systems(&mut self, system: &System) {
        if let Some(own) = &system.borg {
            self.place = vec!["system", "borg"];
            self.borg(own);
        }
    }

    fn borg(&mut self, own: &Borg) {
        if own.score != BorgScore::Epvm {
            let usual = Borg::default();
            self.only_with("score: epvm", &[("base", own.base != usual.base)]);
        }
        let usual = BorgWishes::default().spread_label;
        if let Some(wishes) = &own.wishes
            && wishes.spread <= 0.0
            && wishes.spread_label != usual
        {
            let label = "expected `spread` above 0, or no `spreadLabel`";
            let message = "tasks are not spread over failure domains";
            self.report(&["wishes", "spreadLabel"], message, label);
        }
    }

    /// Settings of schedulers that choose a node for each pod.
    fn choice_of_nodes(&mut self, own: &Scheduler) {
        let share = own.percentage_of_nodes_to_score.unwrap_or(100);
        for (field, is_stated) in [
            ("tieBreak", own.tie_break.is_some()),
            ("percentageOfNodesToScore", share != 100),
            ("config", own.config.is_some()),
        ] {
            if is_stated {
                let message = "the system `batch` plans jobs and does not choose among nodes";
                let label = format!("expected no `{field}`, or another system");
                self.report(&[field], message, &label);
            }
        }
    }

    /// Fields of the queue order, which the backfill rule of the same name does not read.
    fn priority(&mut self, own: &Slurm, scheduler: &Scheduler) {
        if scheduler.queue.as_deref() == Some("slurm") || scheduler.backfill != Backfill::Slurm {
            return;
        }
        let usual = Slurm::default();
        let stated = [
            ("ageWeight", own.age_weight != usual.age_weight),
            (
                "fairShareWeight",
                own.fair_share_weight != usual.fair_share_weight,
            ),
            (
                "jobSizeWeight",
                own.job_size_weight != usual.job_size_weight,
            ),
            ("qosWeight", own.qos_weight != usual.qos_weight),
            (
                "associationWeight",
                own.association_weight != usual.association_weight,
            ),
            (
                "partitionWeight",
                own.partition_weight != usual.partition_weight,
            ),
            ("tresWeights", own.tres_weights != usual.tres_weights),
            ("maxAge", own.max_age != usual.max_age),
            ("halfLife", own.half_life != usual.half_life),
            ("calcPeriod", own.calc_period != usual.calc_period),
            ("favorSmall", own.favor_small != usual.favor_small),
            (
                "relativeToTime",
                own.relative_to_time != usual.relative_to_time,
            ),
            ("fairShare", own.fair_share != usual.fair_share),
        ];
        self.only_with("queue: slurm", &stated);
        for (number, partition) in own.partitions.iter().enumerate() {
            self.ranks(number, partition);
        }
    }

    /// Ranks of a partition, which count for the queue order alone.
    fn ranks(&mut self, number: usize, partition: &SlurmPartition) {
        for (field, rank) in [
            ("priorityJobFactor", partition.priority_job_factor),
            ("priorityTier", partition.priority_tier),
        ] {
            if rank != 1 {
                let message = format!("`{field}` has an effect with `queue: slurm` alone");
                let label = format!("expected `queue: slurm`, or no `{field}`");
                let path = ["partitions", &number.to_string(), field];
                self.report(&path, &message, &label);
            }
        }
    }

    fn fair_share(&mut self, own: &Slurm) {
        let is_tree = own.fair_share == FairShareRule::FairTree;
        if is_tree {
            let stated = [("damp", own.damp != Slurm::default().damp)];
            self.only_with("fairShare: classic", &stated);
        }
        let is_apart = own.tied_accounts != TiedAccounts::default();
        if !is_tree {
            self.only_with("fairShare: fair-tree", &[("tiedAccounts", is_apart)]);
        }
        if !own.accounts.is_empty() {
            return;
        }
        for (field, is_stated) in [
            ("qosWeight", own.qos_weight > 0),
            ("associationWeight", own.association_weight > 0),
            ("tiedAccounts", is_tree && is_apart),
        ] {
            if is_stated {
                let label = format!("expected `accounts`, or no `{field}`");
                self.report(&[field], "there are no accounts", &label);
            }
        }
    }

    fn shutdown(&mut self, own: &Shutdown, backfill: Backfill) {
        let usual = Shutdown::default();
        let differs = |one: f64, other: f64| one.total_cmp(&other).is_ne();
        match backfill {
            Backfill::InertialShutdown => {
                let stated = [("keptAwake", differs(own.kept_awake, usual.kept_awake))];
                self.only_with("backfill: opportunistic-shutdown", &stated);
            }
            Backfill::OpportunisticShutdown => {
                let stated = [
                    ("factor", differs(own.factor, usual.factor)),
                    ("increment", own.increment != usual.increment),
                    ("horizon", own.horizon != usual.horizon),
                ];
                self.only_with("backfill: inertial-shutdown", &stated);
            }
            // Refused as a whole.
            _ => {}
        }
    }
}
