//! Slurm's multifactor priority: weighted factors in [0, 1], truncated to an integer (spec:
//! orchestrators-b.md section 7.5).

/// Weights of the factors; all 0 by default, as Slurm's are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weights {
    /// Weight of the age.
    pub age: u32,
    /// Weight of the fair share.
    pub fair_share: u32,
    /// Weight of the size.
    pub job_size: u32,
    /// Weight of the partition.
    pub partition: u32,
    /// Weight of the quality of service.
    pub qos: u32,
    /// Weight of the association.
    pub association: u32,
}

/// Factors of a job, each in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Factors {
    /// Share of the largest age that counts.
    pub age: f64,
    /// Fair share.
    pub fair_share: f64,
    /// Size.
    pub job_size: f64,
    /// The partition's value as a share of the largest one.
    pub partition: f64,
    /// The quality of service's value as a share of the largest one.
    pub qos: f64,
    /// The association's value as a share of the largest one.
    pub association: f64,
}

/// Parts of a priority that no factor scales.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Offsets {
    /// Weighted factors of trackable resources, added up.
    pub resources: f64,
    /// The site's own part.
    pub site: f64,
    /// The part that a user gives away.
    pub nice: f64,
}

/// The greatest priority.
const MOST: f64 = u32::MAX as f64;

/// A job's priority: at least 1, as 0 holds a job.
pub fn priority(weights: &Weights, factors: &Factors, offsets: &Offsets) -> u32 {
    let sum = f64::from(weights.age) * factors.age
        + f64::from(weights.fair_share) * factors.fair_share
        + f64::from(weights.job_size) * factors.job_size
        + f64::from(weights.partition) * factors.partition
        + f64::from(weights.qos) * factors.qos
        + f64::from(weights.association) * factors.association
        + offsets.resources
        + offsets.site
        - offsets.nice;
    sum.clamp(1.0, MOST) as u32
}

/// The age factor of a job that has waited so many seconds.
pub fn age(waited: f64, most: f64) -> f64 {
    (waited / most).clamp(0.0, 1.0)
}

/// The rule of the size factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SizeRule {
    /// Small jobs have the larger factor.
    pub favor_small: bool,
    /// The size is divided by the time limit.
    pub relative_to_time: bool,
}

/// Size of a job and of the cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Nodes that the job asks for at least.
    pub nodes: f64,
    /// Processors that the job asks for.
    pub processors: f64,
    /// Time limit of the job in minutes.
    pub minutes: f64,
    /// Nodes of the cluster.
    pub cluster_nodes: f64,
    /// Processors of the cluster.
    pub cluster_processors: f64,
}

/// The size factor.
pub fn size(job: &Size, rule: SizeRule) -> f64 {
    let (nodes, processors) = (job.cluster_nodes, job.cluster_processors);
    let factor = if rule.relative_to_time {
        let per_node = processors / nodes;
        let most = (job.nodes * per_node).max(job.processors);
        let relative = most / job.minutes / processors;
        if rule.favor_small {
            1.0 - relative
        } else {
            relative
        }
    } else if rule.favor_small {
        f64::midpoint(
            (nodes - job.nodes) / nodes,
            (processors - job.processors) / processors,
        )
    } else {
        f64::midpoint(job.nodes / nodes, job.processors / processors)
    };
    if factor.is_nan() {
        0.0
    } else {
        factor.clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_adds_up_and_is_never_held() {
        let weights = Weights {
            age: 1_000,
            fair_share: 10_000,
            job_size: 1_000,
            partition: 1_000,
            ..Weights::default()
        };
        let job = Size {
            nodes: 4.0,
            processors: 64.0,
            minutes: 60.0,
            cluster_nodes: 100.0,
            cluster_processors: 1_600.0,
        };
        let factors = Factors {
            age: age(302_400.0, 604_800.0),
            fair_share: 0.25,
            job_size: size(&job, SizeRule::default()),
            partition: 1.0,
            ..Factors::default()
        };
        assert_eq!(priority(&weights, &factors, &Offsets::default()), 4_040);
        let nice = Offsets {
            nice: 1e6,
            ..Offsets::default()
        };
        assert_eq!(priority(&weights, &factors, &nice), 1);
    }
}
