//! Spread of a group's tasks: a tree of labels to spread over, its leaves filled evenly (spec:
//! orchestrators-a.md section 2.3; swarmkit `manager/scheduler/{scheduler,nodeset}.go`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use std::cmp::Ordering;

use model::Text;
use units::{Instant, SortedMap};

use super::node::{MAX_FAILURES, Node};
use super::pipeline::passes;
use super::task::{Preference, TaskSpec};

/// Counting rule for a branch's share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "SpreadCount")]
pub enum SpreadMode {
    /// Count of the original, which may assign one task too many to a branch.
    #[default]
    Upstream,
    /// Count limited to the tasks that are left.
    Strict,
}

/// A group of equal tasks, while it is placed.
pub(super) struct Fill<'a> {
    /// The nodes in byte order of their ids.
    pub(super) nodes: &'a mut SortedMap<Text, Node>,
    /// Spec of every task of the group.
    pub(super) spec: &'a TaskSpec,
    /// Now.
    pub(super) now: Instant,
    /// Count of shares.
    pub(super) mode: SpreadMode,
    /// The tasks that are left.
    pub(super) left: usize,
    /// Nodes that tasks went to, in order.
    pub(super) order: Vec<Text>,
}

/// A branch: the service's active tasks on all its nodes, usable or not, and what is below it.
struct Branch {
    count: i64,
    below: Below,
}

enum Below {
    Branches(SortedMap<Text, Branch>),
    Nodes(Vec<Text>),
}

/// Comparison of two nodes for a task; equal nodes go by id.
pub(super) fn compare(spec: &TaskSpec, now: Instant, one: &Node, other: &Node) -> Ordering {
    let failures = |node: &Node| node.recent_failures(now, &spec.version);
    let (failed, other_failed) = (failures(one), failures(other));
    let is_faulty = failed.max(other_failed) >= MAX_FAILURES;
    let by_failures = if is_faulty {
        failed.cmp(&other_failed)
    } else {
        Ordering::Equal
    };
    let service = &spec.version.service;
    by_failures
        .then_with(|| one.active_of(service).cmp(&other.active_of(service)))
        .then_with(|| one.active().cmp(&other.active()))
}

impl Fill<'_> {
    /// Places as many tasks of the group as there is room for.
    pub(super) fn run(&mut self) {
        let members: Vec<Text> = self.nodes.keys().cloned().collect();
        let tree = self.branch(members, &self.spec.preferences);
        self.give(self.left as i64, &tree);
    }

    fn branch(&self, members: Vec<Text>, preferences: &[Preference]) -> Branch {
        let count = members
            .iter()
            .map(|id| i64::from(self.nodes[id].active_of(&self.spec.version.service)))
            .sum();
        let below = match preferences.split_first() {
            None => Below::Nodes(members),
            Some((preference, rest)) => {
                let mut values: SortedMap<Text, Vec<Text>> = SortedMap::new();
                for id in members {
                    let value = self.nodes[&id].value_of(preference);
                    values.entry(value).or_default().push(id);
                }
                let branches = values
                    .into_iter()
                    .map(|(value, members)| (value, self.branch(members, rest)));
                Below::Branches(branches.collect())
            }
        };
        Branch { count, below }
    }

    /// Gives up to `wanted` tasks to a branch; how many it took.
    fn give(&mut self, wanted: i64, branch: &Branch) -> i64 {
        match &branch.below {
            Below::Nodes(members) => self.fill(wanted, members),
            Below::Branches(branches) => self.level(wanted, branch.count, branches),
        }
    }

    fn level(&mut self, wanted: i64, count: i64, branches: &SortedMap<Text, Branch>) -> i64 {
        let mut given = 0;
        let mut usable = count;
        let mut full = vec![false; branches.len()];
        loop {
            let open = full.iter().filter(|&&is_full| !is_full).count() as i64;
            if given == wanted || open == 0 {
                return given;
            }
            let share = (usable + wanted - given) / open;
            let mut rest = (usable + wanted - given) % open;
            // A round in which a branch turned out to be full is followed by another, whose share is larger.
            let mut is_tried = false;
            for (branch, is_full) in branches.values().zip(&mut full) {
                let gets_one_more = branch.count == share && rest > 0;
                if *is_full || !(branch.count < share || gets_one_more) {
                    continue;
                }
                let mut wants = share - branch.count + i64::from(rest > 0);
                if self.mode == SpreadMode::Strict {
                    wants = wants.min(wanted - given);
                }
                is_tried = true;
                let got = self.give(wants, branch);
                if got < wants {
                    *is_full = true;
                    usable -= branch.count;
                } else if rest > 0 {
                    rest -= 1;
                }
                given += got;
            }
            if !is_tried {
                return given;
            }
        }
    }

    /// A leaf: the nodes that pass, best first, are levelled up, then served in turns.
    fn fill(&mut self, wanted: i64, members: &[Text]) -> i64 {
        let mut open: Vec<&Text> = members
            .iter()
            .filter(|&id| passes(self.spec, &self.nodes[id]))
            .collect();
        open.sort_by(|&one, &other| {
            compare(self.spec, self.now, &self.nodes[one], &self.nodes[other])
        });
        let mut given = 0;
        let mut turn = 0;
        while self.left > 0 && given < wanted && !open.is_empty() {
            let id = open[turn % open.len()];
            if let Some(node) = self.nodes.get_mut(id) {
                node.add_task(self.spec);
            }
            self.order.push(id.clone());
            self.left -= 1;
            given += 1;
            match open.get(turn + 1) {
                Some(&next) => {
                    let (next, here) = (&self.nodes[next], &self.nodes[id]);
                    turn += usize::from(compare(self.spec, self.now, next, here) == Ordering::Less);
                }
                None => turn += 1,
            }
            let has_room = |turn: usize| passes(self.spec, &self.nodes[open[turn % open.len()]]);
            match (turn..turn + open.len()).find(|&turn| has_room(turn)) {
                Some(next) => turn = next,
                None => break,
            }
        }
        given
    }
}
