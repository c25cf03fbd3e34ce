//! Growth of a difference: pods and nodes touched over time, as they are and modulo what is
//! interchangeable.
//!
//! A pod differs where the two runs have it in different places: on another node, pending or gone.
//! A node differs where a pod that differs is on it in either run. Modulo equivalents, pods of one
//! class are replicas of each other and nodes of one declaration (but for name and host name) are
//! too: then counts of classes per kind of node are compared, and the multiset of what nodes hold.

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;
use serde::Serialize;

use super::record::{Course, Decided, Matched, Outcome};
use model::Node;
use units::{Instant, NodeId, SortedMap};

/// Distance of two runs at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Growth {
    /// Instant, in nanoseconds.
    pub time_ns: i64,
    /// Pods in different places now.
    pub pods: usize,
    /// Nodes that hold such pods.
    pub nodes: usize,
    /// Pods that were in different places at any time so far.
    pub pods_ever: usize,
    /// Nodes that held such pods at any time so far.
    pub nodes_ever: usize,
    /// Pods in different places now, modulo replicas and equivalent nodes.
    pub pods_modulo: usize,
    /// Nodes with different contents now, modulo replicas and equivalent nodes.
    pub nodes_modulo: usize,
}

/// Points between the parting and the end at which the growth is reported, in thousandths: closer
/// together at the beginning, where a difference grows fastest.
const STOPS: [i64; 10] = [0, 1, 3, 10, 30, 100, 250, 500, 750, 1_000];

/// Place of a pod in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Not submitted, or gone.
    Nowhere,
    /// Submitted and without a node.
    Pending,
    /// On a node: its number among all of both runs.
    On(usize),
}

/// The state of the comparison.
struct Comparison<'c> {
    courses: [&'c Course; 2],
    matched: &'c Matched,
    /// By side and node: the number of the node among all of both runs.
    node_numbers: [Vec<usize>; 2],
    /// By number of a node: its kind.
    kinds: Vec<usize>,
    /// By side and class: the number of the class among all of both runs.
    class_numbers: [Vec<usize>; 2],
    /// By side and pod.
    places: [Vec<Place>; 2],
    /// By number of a node: how many pods that differ are on it in either run.
    strays: Vec<usize>,
    was_stray: Vec<bool>,
    /// By pod of the first run, then pods of the second that it does not have.
    has_differed: [Vec<bool>; 2],
    now: Growth,
    /// Pods that moved at this instant: whether they differ is known once both runs are through it.
    moved: Vec<(usize, u32)>,
    /// Surplus of the first run by class and kind of place.
    surplus: SortedMap<(usize, Option<usize>), i64>,
    /// By side and number of a node: what it holds, as a sum over its pods.
    contents: [Vec<u64>; 2],
}

/// Distance of two runs, from an instant to the end.
pub(super) fn growth(courses: [&Course; 2], matched: &Matched, from: Instant) -> Vec<Growth> {
    let end = courses[0].end.max(courses[1].end).max(from);
    let span = i128::from(end.as_nanos()) - i128::from(from.as_nanos());
    let at = |part: i64| from.as_nanos() + (span * i128::from(part) / 1_000) as i64;
    let mut stops: Vec<i64> = STOPS.into_iter().map(at).collect();
    stops.dedup();
    let mut comparison = Comparison::new(courses, matched);
    let mut steps = [0, 1].map(|side: usize| courses[side].steps.iter().peekable());
    let (mut told, mut now) = (Vec::new(), None);
    for stop in stops {
        loop {
            let next = [0, 1].map(|side| steps[side].peek().map(|step| step.at.as_nanos()));
            let side = match next {
                [Some(one), Some(other)] => usize::from(other < one),
                [Some(_), None] => 0,
                [None, Some(_)] => 1,
                [None, None] => break,
            };
            if next[side].is_none_or(|at| at > stop) {
                break;
            }
            if next[side] > now {
                comparison.settle();
                now = next[side];
            }
            if let Some(step) = steps[side].next() {
                comparison.step(side, step);
            }
        }
        comparison.settle();
        told.push(comparison.tell(stop));
    }
    told
}

impl<'c> Comparison<'c> {
    fn new(courses: [&'c Course; 2], matched: &'c Matched) -> Self {
        let mut count = courses[0].nodes.len();
        let second = (0..courses[1].nodes.len()).map(|index| {
            let twin = matched.node_twin(1, NodeId::from_index(index));
            twin.map_or_else(
                || {
                    count += 1;
                    count - 1
                },
                NodeId::index,
            )
        });
        let node_numbers = [
            (0..courses[0].nodes.len()).collect(),
            second.collect::<Vec<_>>(),
        ];
        let mut known: IndexSet<Node, FxBuildHasher> = IndexSet::default();
        let mut kinds = vec![0; count];
        // The kind of a node is that of the first run; a node that was edited keeps it.
        for side in [1, 0] {
            for (node, &number) in courses[side].nodes.iter().zip(&node_numbers[side]) {
                kinds[number] = known.insert_full(kind(node)).0;
            }
        }
        let mut classes = IndexSet::<_, FxBuildHasher>::default();
        let class_numbers = courses.map(|course| {
            let numbers = course.specs.iter().map(|spec| classes.insert_full(spec).0);
            numbers.collect()
        });
        Self {
            courses,
            matched,
            node_numbers,
            kinds,
            class_numbers,
            places: courses.map(|course| vec![Place::Nowhere; course.pod_count()]),
            strays: vec![0; count],
            was_stray: vec![false; count],
            has_differed: courses.map(|course| vec![false; course.pod_count()]),
            now: Growth::default(),
            moved: Vec::new(),
            surplus: SortedMap::new(),
            contents: [vec![0; count], vec![0; count]],
        }
    }

    /// The places of a pod in both runs, that of the run it was met in first.
    fn both(&self, side: usize, pod: u32) -> (Place, Place) {
        let twin = self.matched.twin(side, pod);
        let other = twin.map_or(Place::Nowhere, |twin| self.places[1 - side][twin as usize]);
        (self.places[side][pod as usize], other)
    }

    fn step(&mut self, side: usize, step: &Decided) {
        let place = match (step.outcome, step.node) {
            (Outcome::Bound, Some(node)) => Place::On(self.node_numbers[side][node.index()]),
            (Outcome::Created, _) => Place::Pending,
            (Outcome::Unschedulable | Outcome::Bound, _) => return,
            (Outcome::Rejected | Outcome::Evicted | Outcome::Ended, _) => Place::Nowhere,
        };
        let pod = step.pod;
        self.count(side, pod, false);
        let before = self.places[side][pod as usize];
        self.places[side][pod as usize] = place;
        self.count(side, pod, true);
        self.moved.push((side, pod));
        let class = self.class_numbers[side][self.courses[side].class(pod).index()];
        let sign = if side == 0 { 1 } else { -1 };
        for (place, change) in [(before, -1), (place, 1)] {
            let place = match place {
                Place::Nowhere => continue,
                Place::Pending => None,
                Place::On(number) => {
                    let content = &mut self.contents[side][number];
                    *content = if change > 0 {
                        content.wrapping_add(mixed(class))
                    } else {
                        content.wrapping_sub(mixed(class))
                    };
                    Some(self.kinds[number])
                }
            };
            *self.surplus.entry((class, place)).or_default() += sign * change;
        }
    }

    /// Counts a pod that differs in or out.
    fn count(&mut self, side: usize, pod: u32, is_in: bool) {
        let (here, there) = self.both(side, pod);
        if here == there {
            return;
        }
        if is_in {
            self.now.pods += 1;
        } else {
            self.now.pods -= 1;
        }
        for place in [here, there] {
            let Place::On(node) = place else { continue };
            if is_in {
                self.now.nodes += usize::from(self.strays[node] == 0);
                self.strays[node] += 1;
            } else {
                self.strays[node] -= 1;
                self.now.nodes -= usize::from(self.strays[node] == 0);
            }
        }
    }

    /// An instant is over in both runs: what differs now did differ.
    fn settle(&mut self) {
        for (side, pod) in std::mem::take(&mut self.moved) {
            let (here, there) = self.both(side, pod);
            if here == there {
                continue;
            }
            let (owner, pod) = match self.matched.twin(side, pod) {
                Some(twin) if side == 1 => (0, twin),
                _ => (side, pod),
            };
            let known = &mut self.has_differed[owner][pod as usize];
            self.now.pods_ever += usize::from(!std::mem::replace(known, true));
            for place in [here, there] {
                if let Place::On(node) = place {
                    let known = &mut self.was_stray[node];
                    self.now.nodes_ever += usize::from(!std::mem::replace(known, true));
                }
            }
        }
    }

    fn tell(&self, at: i64) -> Growth {
        let surplus: u64 = self
            .surplus
            .values()
            .map(|count| count.unsigned_abs())
            .sum();
        let mut contents: SortedMap<(usize, u64), i64> = SortedMap::new();
        for (side, sign) in [(0, 1), (1, -1)] {
            for (&kind, &content) in self.kinds.iter().zip(&self.contents[side]) {
                *contents.entry((kind, content)).or_default() += sign;
            }
        }
        let nodes: u64 = contents.values().map(|count| count.unsigned_abs()).sum();
        Growth {
            time_ns: at,
            pods_modulo: surplus.div_ceil(2) as usize,
            nodes_modulo: nodes.div_ceil(2) as usize,
            ..self.now
        }
    }
}

/// Kind of interchangeable nodes: the declaration without its name.
fn kind(node: &Node) -> Node {
    const HOST_NAME: &str = "kubernetes.io/hostname";
    let mut kind = node.clone();
    kind.name = "".into();
    kind.labels
        .retain(|key, value| **key != *HOST_NAME && **value != *node.name);
    kind
}

/// Bits of a class's number, so that sums of different classes differ (`SplitMix64`).
fn mixed(class: usize) -> u64 {
    let mut bits = (class as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}
