//! The default scheduler policy of `OpenShift` 3.x: five predicates, and three priorities of which
//! that of zones counts twice (spec: orchestrators-a.md section 8.1).

use model::Text;
use units::{SortedMap, SortedSet};

/// Greatest score of a priority.
const MOST: i64 = 10;

/// Release whose policy is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Release {
    /// The policy of the early releases of 3.
    #[default]
    Early,
    /// The policy of 3.11, with three priorities more.
    V3_11,
}

/// Amounts of processors (milli) and memory, in any one unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Thousandths of a processor.
    pub cpu: i64,
    /// Memory.
    pub memory: i64,
}

/// A node as the policy sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    /// Label `region` of the node.
    pub region: Option<Text>,
    /// Label `zone` of the node.
    pub zone: Option<Text>,
    /// Labels of the node, as `key=value`, for node selectors.
    pub labels: SortedSet<Text>,
    /// All that it has; `None` is without bounds.
    pub capacity: Option<Amounts>,
    /// Requests of the pods on the node.
    pub used: Amounts,
    /// Ports of the node that are taken.
    pub ports: SortedSet<u16>,
    /// Disks that are mounted for writing.
    pub disks: SortedSet<Text>,
    /// Disks that are mounted for reading alone, by the number of pods.
    pub read_disks: SortedMap<Text, i64>,
    /// Weights of the new pod's preferred node affinity that the node meets.
    pub preferred: i64,
    /// Number of its taints that the new pod avoids.
    pub avoided: i64,
    /// Number of its pods that belong to the service of the new one.
    pub of_service: i64,
    /// Number of pods that it takes; `None` is without bounds.
    pub slots: Option<i64>,
    /// Number of its pods.
    pub pods: i64,
}

/// A pod to be placed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Requests of the pod.
    pub amounts: Amounts,
    /// Labels that its node must have, as `key=value`; those of its project and of the cluster
    /// included.
    pub selector: SortedSet<Text>,
    /// Region that its own selector asks for.
    pub region: Option<Text>,
    /// Ports of the node.
    pub ports: SortedSet<u16>,
    /// Disks that it mounts for writing.
    pub disks: SortedSet<Text>,
    /// Disks that it mounts for reading alone.
    pub read_disks: SortedSet<Text>,
}

/// Scores of a node by priority, before their weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scores {
    /// Mean of what would be left of processors and memory.
    pub least_requested: i64,
    /// Few pods of the service on the node.
    pub service_spread: i64,
    /// Few pods of the service in the zone.
    pub zone: i64,
}

impl Scores {
    /// The weighed sum.
    pub const fn total(self) -> i64 {
        self.least_requested + self.service_spread + 2 * self.zone
    }
}

/// The region that a pod has to be in: the one that its own selector asks for, or that of the first node
/// on which a pod of its service runs.
fn region<'a>(nodes: &'a [Candidate], asked: &'a Asked) -> Option<&'a Text> {
    let first = || nodes.iter().find(|node| node.of_service > 0);
    let own = asked.region.as_ref();
    own.or_else(|| first().and_then(|node| node.region.as_ref()))
}

/// Whether a node has room for a pod.
fn fits(node: &Candidate, asked: &Asked) -> bool {
    node.slots.is_none_or(|slots| node.pods < slots)
        && node.capacity.is_none_or(|all| {
            let left = |all: i64, used: i64| all.saturating_sub(used);
            asked.amounts.cpu <= left(all.cpu, node.used.cpu)
                && asked.amounts.memory <= left(all.memory, node.used.memory)
        })
}

/// The first predicate that a node does not pass: selector, resources, ports, disks, region.
fn obstacle(node: &Candidate, asked: &Asked, region: Option<&Text>) -> Option<Predicate> {
    if !(asked.selector.iter()).all(|own| node.labels.contains(own)) {
        Some(Predicate::MatchNodeSelector)
    } else if !fits(node, asked) {
        Some(Predicate::PodFitsResources)
    } else if asked.ports.iter().any(|own| node.ports.contains(own)) {
        Some(Predicate::PodFitsPorts)
    } else if has_disk_conflict(node, asked) {
        Some(Predicate::NoDiskConflict)
    } else if region.is_some_and(|region| node.region.as_ref() != Some(region)) {
        Some(Predicate::Region)
    } else {
        None
    }
}

/// Whether a disk would have a writer beside another pod; any number of pods may read one.
fn has_disk_conflict(node: &Candidate, asked: &Asked) -> bool {
    let is_held = |disk: &Text| node.disks.contains(disk) || node.read_disks.contains_key(disk);
    let is_written = |disk: &Text| node.disks.contains(disk);
    asked.disks.iter().any(is_held) || asked.read_disks.iter().any(is_written)
}

/// A predicate of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Predicate {
    /// The labels that the pod asks for.
    MatchNodeSelector,
    /// Processors, memory and the number of pods.
    PodFitsResources,
    /// Ports of the node.
    PodFitsPorts,
    /// Disks with one writer.
    NoDiskConflict,
    /// The region of the pod's service.
    Region,
}

impl Predicate {
    /// Name of the predicate.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MatchNodeSelector => "MatchNodeSelector",
            Self::PodFitsResources => "PodFitsResources",
            Self::PodFitsPorts => "PodFitsPorts",
            Self::NoDiskConflict => "NoDiskConflict",
            Self::Region => "Region",
        }
    }
}

/// The first predicate that each node does not pass; `None` of a node that passes all.
pub fn obstacles(nodes: &[Candidate], asked: &Asked) -> Vec<Option<Predicate>> {
    let region = region(nodes, asked);
    let obstacles = nodes.iter().map(|node| obstacle(node, asked, region));
    obstacles.collect()
}

/// Whether each node passes the predicates.
pub fn passes(nodes: &[Candidate], asked: &Asked) -> Vec<bool> {
    let obstacles = obstacles(nodes, asked).into_iter();
    obstacles.map(|own| own.is_none()).collect()
}

/// The scores of each node.
pub fn scores(nodes: &[Candidate], asked: &Asked) -> Vec<Scores> {
    let greatest = nodes.iter().map(|node| node.of_service).max().unwrap_or(0);
    let total: i64 = nodes.iter().map(|node| node.of_service).sum();
    let mut by_zone: SortedMap<&Text, i64> = SortedMap::new();
    for node in nodes.iter().filter(|node| node.of_service > 0) {
        if let Some(zone) = &node.zone {
            *by_zone.entry(zone).or_insert(0) += node.of_service;
        }
    }
    let in_zone = |zone: &Text| by_zone.get(zone).copied().unwrap_or(0);
    let share = |left: i64, all: i64| if all <= 0 { MOST } else { MOST * left / all };
    let scores = nodes.iter().map(|node| Scores {
        least_requested: least_requested(node, asked),
        service_spread: share(greatest - node.of_service, greatest),
        zone: node
            .zone
            .as_ref()
            .map_or(0, |zone| share(total - in_zone(zone), total)),
    });
    scores.collect()
}

fn least_requested(node: &Candidate, asked: &Asked) -> i64 {
    let score = |all: i64, used: i64, asked: i64| {
        let left = i128::from(all) - i128::from(used) - i128::from(asked);
        if all <= 0 || left < 0 {
            return 0;
        }
        (left * i128::from(MOST) / i128::from(all)) as i64
    };
    let all = node.capacity.unwrap_or_default();
    let cpu = score(all.cpu, node.used.cpu, asked.amounts.cpu);
    let memory = score(all.memory, node.used.memory, asked.amounts.memory);
    i64::midpoint(cpu, memory)
}

/// How evenly a node's processors and memory would be used.
fn balanced(node: &Candidate, asked: &Asked) -> i64 {
    let share = |all: i64, used: i64, asked: i64| {
        if all <= 0 {
            return 1.0;
        }
        used.saturating_add(asked) as f64 / all as f64
    };
    let all = node.capacity.unwrap_or_default();
    let cpu = share(all.cpu, node.used.cpu, asked.amounts.cpu);
    let memory = share(all.memory, node.used.memory, asked.amounts.memory);
    if cpu >= 1.0 || memory >= 1.0 {
        return 0;
    }
    ((1.0 - (cpu - memory).abs()) * MOST as f64) as i64
}

/// The points that 3.11 adds for each of some nodes: balanced use, preferred node affinity, and taints that
/// the pod avoids. The greatest of these nodes is the scale of the latter two.
pub fn added_by_3_11(nodes: &[Candidate], among: &[usize], asked: &Asked) -> Vec<i64> {
    let all = || among.iter().map(|&number| &nodes[number]);
    let preferred = all().map(|node| node.preferred).max().unwrap_or(0);
    let avoided = all().map(|node| node.avoided).max().unwrap_or(0);
    let points = all().map(|node| {
        let affinity = if preferred <= 0 {
            0
        } else {
            MOST * node.preferred / preferred
        };
        let taints = if avoided <= 0 {
            MOST
        } else {
            MOST * (avoided - node.avoided) / avoided
        };
        balanced(node, asked) + affinity + taints
    });
    points.collect()
}

/// The node with the greatest sum among those that pass; the first of equal ones.
pub fn place(nodes: &[Candidate], asked: &Asked) -> Option<usize> {
    place_among(nodes, asked, Release::Early, |_| true)
}

/// The best place among the nodes that are open to the pod, by their numbers; the scores count the pods of its
/// service everywhere.
pub fn place_among(
    nodes: &[Candidate],
    asked: &Asked,
    release: Release,
    is_open: impl Fn(usize) -> bool,
) -> Option<usize> {
    let mut totals: Vec<i64> = scores(nodes, asked)
        .into_iter()
        .map(Scores::total)
        .collect();
    let passing = passes(nodes, asked).into_iter().enumerate();
    let passing = passing.filter(|&(number, passes)| passes && is_open(number));
    let among: Vec<usize> = passing.map(|(number, _)| number).collect();
    if release == Release::V3_11 {
        let added = added_by_3_11(nodes, &among, asked);
        for (&number, points) in among.iter().zip(added) {
            totals[number] += points;
        }
    }
    let better = |&number: &usize| (totals[number], std::cmp::Reverse(number));
    among.into_iter().max_by_key(better)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(region: &str, zone: &str, used: (i64, i64), of_service: i64) -> Candidate {
        Candidate {
            region: Some(region.into()),
            zone: Some(zone.into()),
            capacity: Some(Amounts {
                cpu: 4_000,
                memory: 8_192,
            }),
            used: Amounts {
                cpu: used.0,
                memory: used.1,
            },
            of_service,
            ..Candidate::default()
        }
    }

    #[test]
    fn worked_scores_of_three_nodes() {
        let nodes = [
            node("primary", "east", (1_000, 2_048), 1),
            node("primary", "east", (500, 1_024), 0),
            node("primary", "west", (3_000, 6_144), 0),
        ];
        let asked = Asked {
            amounts: Amounts {
                cpu: 500,
                memory: 1_024,
            },
            ..Asked::default()
        };
        let found = scores(&nodes, &asked);
        let parts = |own: &Scores| {
            (
                own.least_requested,
                own.service_spread,
                own.zone,
                own.total(),
            )
        };
        let found: Vec<_> = found.iter().map(parts).collect();
        assert_eq!(found, [(6, 0, 0, 6), (7, 10, 0, 17), (1, 10, 10, 31)]);
        assert_eq!(place(&nodes, &asked), Some(2));
    }

    #[test]
    fn the_policy_of_3_11_adds_balance_affinity_and_taints() {
        let mut nodes = [
            node("primary", "east", (1_000, 2_048), 1),
            node("primary", "east", (500, 1_024), 0),
            node("primary", "west", (3_000, 1_024), 0),
        ];
        nodes[0].preferred = 40;
        nodes[1].preferred = 10;
        nodes[1].avoided = 2;
        nodes[2].avoided = 1;
        let asked = Asked {
            amounts: Amounts {
                cpu: 500,
                memory: 1_024,
            },
            ..Asked::default()
        };
        // Shares of cpu and memory: 3/8 and 3/8, 1/4 and 1/4, 7/8 and 1/4, so 10, 10 and 3; then 10, 2
        // and 0 for affinity, and 10, 0 and 5 for taints.
        assert_eq!(added_by_3_11(&nodes, &[0, 1, 2], &asked), [30, 12, 8]);
        // With 6, 17 and 34: least requested 6, 7 and 4; service 0, 10, 10; zone twice 0, 0, 10.
        let totals = scores(&nodes, &asked).into_iter().map(Scores::total);
        assert_eq!(totals.collect::<Vec<_>>(), [6, 17, 34]);
        let chosen = |release| place_among(&nodes, &asked, release, |_| true);
        assert_eq!(chosen(Release::Early), Some(2));
        assert_eq!(chosen(Release::V3_11), Some(2));
        nodes[2].zone = Some("east".into());
        let chosen = |release| place_among(&nodes, &asked, release, |_| true);
        assert_eq!(chosen(Release::Early), Some(1));
        assert_eq!(chosen(Release::V3_11), Some(0));
        // Without wishes and taints all nodes have the same of these points.
        for own in &mut nodes {
            (own.preferred, own.avoided) = (0, 0);
        }
        assert_eq!(added_by_3_11(&nodes, &[0, 1, 2], &asked), [20, 20, 13]);
        // A node that would be full is not balanced.
        nodes[2].used.cpu = 3_500;
        assert_eq!(added_by_3_11(&nodes, &[2], &asked), [10]);
    }

    #[test]
    fn a_disk_has_one_writer_or_any_number_of_readers() {
        let disk = || -> SortedSet<Text> { ["gce/d".into()].into_iter().collect() };
        let reader = Asked {
            read_disks: disk(),
            ..Asked::default()
        };
        let writer = Asked {
            disks: disk(),
            ..Asked::default()
        };
        let mut nodes = [Candidate::default(), Candidate::default()];
        nodes[0].disks = disk();
        nodes[1].read_disks = [("gce/d".into(), 2)].into_iter().collect();
        assert_eq!(passes(&nodes, &reader), [false, true]);
        assert_eq!(passes(&nodes, &writer), [false, false]);
    }

    #[test]
    fn the_region_is_the_pods_own_or_that_of_its_service() {
        let nodes = [
            node("r1", "a", (0, 0), 0),
            node("r2", "a", (0, 0), 1),
            node("r1", "b", (0, 0), 0),
        ];
        assert_eq!(passes(&nodes, &Asked::default()), [false, true, false]);
        let own = Asked {
            region: Some("r1".into()),
            ..Asked::default()
        };
        assert_eq!(passes(&nodes, &own), [true, false, true]);
        let large = Asked {
            amounts: Amounts {
                cpu: 4_001,
                memory: 0,
            },
            ..Asked::default()
        };
        assert_eq!(place(&nodes, &large), None);
        assert_eq!(place(&[], &own), None);
    }
}
