//! The scheduler policy of `OpenShift` 3.x: predicates that a node has to pass, and priorities whose weighed
//! sum chooses among the nodes that do (spec: orchestrators-a.md section 8.1).

use model::Text;
use units::{SortedMap, SortedSet};

use super::rules::{Predicate, Priority, Rules};

/// Greatest score of a priority.
const MOST: i64 = 10;

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
    /// Number of its pods that a service or a controller selects which selects the new one.
    pub of_selectors: i64,
    /// Region and zone by the labels of Kubernetes; `None` without either.
    pub locality: Option<(Text, Text)>,
    /// Sum of the weights of preferences between the new pod and the pods in the node's domains.
    pub neighbours: i64,
    /// `true` if required affinity or anti-affinity between pods leaves the node out.
    pub is_repelled: bool,
    /// `true` if the node asks the new pod's controller to stay away.
    pub is_avoiding: bool,
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
    pub fn total(self, rules: &Rules) -> i64 {
        rules.weight(Priority::LeastRequested) * self.least_requested
            + rules.weight(Priority::ServiceSpreading) * self.service_spread
            + rules.weight(Priority::Zone) * self.zone
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

/// Whether a node passes a predicate.
fn meets(predicate: Predicate, node: &Candidate, asked: &Asked, region: Option<&Text>) -> bool {
    match predicate {
        Predicate::MatchNodeSelector => {
            (asked.selector.iter()).all(|own| node.labels.contains(own))
        }
        Predicate::PodFitsResources => fits(node, asked),
        Predicate::PodFitsPorts => !asked.ports.iter().any(|own| node.ports.contains(own)),
        Predicate::NoDiskConflict => !has_disk_conflict(node, asked),
        Predicate::Region => region.is_none_or(|region| node.region.as_ref() == Some(region)),
        Predicate::MatchInterPodAffinity => !node.is_repelled,
    }
}

/// Whether a disk would have a writer beside another pod; any number of pods may read one.
fn has_disk_conflict(node: &Candidate, asked: &Asked) -> bool {
    let is_held = |disk: &Text| node.disks.contains(disk) || node.read_disks.contains_key(disk);
    let is_written = |disk: &Text| node.disks.contains(disk);
    asked.disks.iter().any(is_held) || asked.read_disks.iter().any(is_written)
}

/// The first predicate that each node does not pass; `None` of a node that passes all.
pub fn obstacles(nodes: &[Candidate], asked: &Asked, rules: &Rules) -> Vec<Option<Predicate>> {
    let region = region(nodes, asked);
    let obstacles = nodes.iter().map(|node| {
        let mut predicates = rules.predicates.iter().copied();
        predicates.find(|&own| !meets(own, node, asked, region))
    });
    obstacles.collect()
}

/// Whether each node passes the predicates.
pub fn passes(nodes: &[Candidate], asked: &Asked, rules: &Rules) -> Vec<bool> {
    let obstacles = obstacles(nodes, asked, rules).into_iter();
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

/// The share of a node's points for its zone where it is in one (Kubernetes 1.11
/// `priorities/selector_spreading.go`).
const ZONE_SHARE: f64 = 2.0 / 3.0;

/// How few pods of the selectors of the new one each of some nodes and its zone have.
fn selector_spread(nodes: &[Candidate], among: &[usize]) -> Vec<i64> {
    let all = || among.iter().map(|&number| &nodes[number]);
    let most = all().map(|node| node.of_selectors).max().unwrap_or(0);
    let mut by_zone: SortedMap<&(Text, Text), i64> = SortedMap::new();
    for node in all() {
        if let Some(zone) = &node.locality {
            *by_zone.entry(zone).or_insert(0) += node.of_selectors;
        }
    }
    let most_in_zone = by_zone.values().copied().max().unwrap_or(0);
    let few = |count: i64, most: i64| {
        if most <= 0 {
            return MOST as f64;
        }
        MOST as f64 * ((most - count) as f64 / most as f64)
    };
    let points = all().map(|node| {
        let points = few(node.of_selectors, most);
        let zone = node.locality.as_ref().and_then(|zone| by_zone.get(zone));
        zone.map_or(points, |&count| {
            points * (1.0 - ZONE_SHARE) + ZONE_SHARE * few(count, most_in_zone)
        }) as i64
    });
    points.collect()
}

/// The points of each of some nodes by the priorities of 3.11: pods of the same selectors, balanced use, preferred node affinity, taints that
/// the pod avoids, affinity between pods, and nodes that ask pods to stay away. These nodes are the scale.
pub fn further_points(
    nodes: &[Candidate],
    among: &[usize],
    asked: &Asked,
    rules: &Rules,
) -> Vec<i64> {
    let all = || among.iter().map(|&number| &nodes[number]);
    let preferred = all().map(|node| node.preferred).max().unwrap_or(0);
    let avoided = all().map(|node| node.avoided).max().unwrap_or(0);
    // The original begins both with none.
    let most = all().map(|node| node.neighbours).max().unwrap_or(0).max(0);
    let least = all().map(|node| node.neighbours).min().unwrap_or(0).min(0);
    let spread = selector_spread(nodes, among);
    let points = all().zip(spread).map(|(node, spread)| {
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
        let neighbours = if most == least {
            0
        } else {
            let share = (node.neighbours - least) as f64 / (most - least) as f64;
            (MOST as f64 * share) as i64
        };
        let is_open = if node.is_avoiding { 0 } else { MOST };
        rules.weight(Priority::SelectorSpread) * spread
            + rules.weight(Priority::Balanced) * balanced(node, asked)
            + rules.weight(Priority::NodeAffinity) * affinity
            + rules.weight(Priority::TaintToleration) * taints
            + rules.weight(Priority::InterPodAffinity) * neighbours
            + rules.weight(Priority::NodePreferAvoidPods) * is_open
    });
    points.collect()
}

/// The node with the greatest sum among those that pass; the first of equal ones.
pub fn place(nodes: &[Candidate], asked: &Asked, rules: &Rules) -> Option<usize> {
    place_among(nodes, asked, rules, |_| true)
}

/// The best place among the nodes that are open to the pod, by their numbers; the scores count the pods of its
/// service everywhere.
pub fn place_among(
    nodes: &[Candidate],
    asked: &Asked,
    rules: &Rules,
    is_open: impl Fn(usize) -> bool,
) -> Option<usize> {
    let scores = scores(nodes, asked).into_iter();
    let mut totals: Vec<i64> = scores.map(|own| own.total(rules)).collect();
    let passing = passes(nodes, asked, rules).into_iter().enumerate();
    let passing = passing.filter(|&(number, passes)| passes && is_open(number));
    let among: Vec<usize> = passing.map(|(number, _)| number).collect();
    let further = further_points(nodes, &among, asked, rules);
    for (&number, points) in among.iter().zip(further) {
        totals[number] += points;
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
                own.total(&Rules::early()),
            )
        };
        let found: Vec<_> = found.iter().map(parts).collect();
        assert_eq!(found, [(6, 0, 0, 6), (7, 10, 0, 17), (1, 10, 10, 31)]);
        assert_eq!(place(&nodes, &asked, &Rules::early()), Some(2));
    }

    /// Points that 3.11 adds, without those of nodes that ask no pod to stay away and that have none of its pods.
    fn added(nodes: &[Candidate], among: &[usize], asked: &Asked) -> Vec<i64> {
        let points = further_points(nodes, among, asked, &Rules::v3_11()).into_iter();
        points.map(|own| own - 100_010).collect()
    }

    #[test]
    fn pods_go_beside_those_that_they_like_and_avoid_nodes_that_ask_for_it() {
        let mut nodes = [
            node("primary", "east", (0, 0), 0),
            node("primary", "east", (0, 0), 0),
            node("primary", "west", (0, 0), 0),
        ];
        let asked = Asked::default();
        let chosen = |nodes: &[Candidate]| place(nodes, &asked, &Rules::v3_11());
        // The scale reaches from -20 to 80, so from 0 to 10.
        (
            nodes[0].neighbours,
            nodes[1].neighbours,
            nodes[2].neighbours,
        ) = (-20, 80, 15);
        assert_eq!(added(&nodes, &[0, 1, 2], &asked), [20, 30, 23]);
        assert_eq!(chosen(&nodes), Some(1));
        // Without anything disliked it begins at none.
        nodes[0].neighbours = 40;
        assert_eq!(added(&nodes, &[0, 1, 2], &asked), [25, 30, 21]);
        nodes[1].is_repelled = true;
        assert_eq!(chosen(&nodes), Some(0));
        // A node that asks pods to stay away takes what no other node does.
        nodes[0].is_avoiding = true;
        assert_eq!(chosen(&nodes), Some(2));
        nodes[2].is_repelled = true;
        assert_eq!(chosen(&nodes), Some(0));
        // The early policy knows nothing of this.
        assert_eq!(place(&nodes, &asked, &Rules::early()), Some(0));
        assert_eq!(passes(&nodes, &asked, &Rules::early()), [true; 3]);
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
        assert_eq!(added(&nodes, &[0, 1, 2], &asked), [30, 12, 8]);
        // With 6, 17 and 34: least requested 6, 7 and 4; service 0, 10, 10; zone twice 0, 0, 10.
        let totals = scores(&nodes, &asked)
            .into_iter()
            .map(|own| own.total(&Rules::early()));
        assert_eq!(totals.collect::<Vec<_>>(), [6, 17, 34]);
        // The pod of the service on the first node is one of its selectors, too.
        nodes[0].of_selectors = 1;
        let chosen = |rules: Rules| place(&nodes, &asked, &rules);
        assert_eq!(chosen(Rules::early()), Some(2));
        assert_eq!(chosen(Rules::v3_11()), Some(2));
        nodes[2].zone = Some("east".into());
        let chosen = |rules: Rules| place(&nodes, &asked, &rules);
        assert_eq!(chosen(Rules::early()), Some(1));
        assert_eq!(chosen(Rules::v3_11()), Some(0));
        // Without wishes and taints all nodes have the same of these points.
        for own in &mut nodes {
            (own.preferred, own.avoided, own.of_selectors) = (0, 0, 0);
        }
        assert_eq!(added(&nodes, &[0, 1, 2], &asked), [20, 20, 13]);
        // A node that would be full is not balanced.
        nodes[2].used.cpu = 3_500;
        assert_eq!(added(&nodes, &[2], &asked), [10]);
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
        assert_eq!(passes(&nodes, &reader, &Rules::early()), [false, true]);
        assert_eq!(passes(&nodes, &writer, &Rules::early()), [false, false]);
    }

    #[test]
    fn the_region_is_the_pods_own_or_that_of_its_service() {
        let nodes = [
            node("r1", "a", (0, 0), 0),
            node("r2", "a", (0, 0), 1),
            node("r1", "b", (0, 0), 0),
        ];
        assert_eq!(
            passes(&nodes, &Asked::default(), &Rules::early()),
            [false, true, false]
        );
        let own = Asked {
            region: Some("r1".into()),
            ..Asked::default()
        };
        assert_eq!(passes(&nodes, &own, &Rules::early()), [true, false, true]);
        let large = Asked {
            amounts: Amounts {
                cpu: 4_001,
                memory: 0,
            },
            ..Asked::default()
        };
        assert_eq!(place(&nodes, &large, &Rules::early()), None);
        assert_eq!(place(&[], &own, &Rules::early()), None);
    }

    #[test]
    fn a_zone_has_two_thirds_of_the_spread() {
        let mut nodes = ["east", "east", "west", "west"].map(|zone| Candidate {
            locality: Some((Text::default(), zone.into())),
            ..Candidate::default()
        });
        nodes[0].of_selectors = 1;
        nodes[3].locality = None;
        assert_eq!(selector_spread(&nodes, &[0, 1, 2, 3]), [0, 3, 10, 10]);
        // Nodes that the pod can't have don't count.
        assert_eq!(selector_spread(&nodes, &[1, 2]), [10, 10]);
    }
}
