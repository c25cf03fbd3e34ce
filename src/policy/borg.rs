//! Packing scores of Borg (spec: orchestrators-b.md section 5.2), over the fractions of a node that are
//! free: E-PVM, best fit and its reverse, and the hybrid that strands least; each is a score of its own.
//!
//! Costs are real numbers, the smaller the better; points are millionths of them, negative. Resources
//! are cpu, memory and ephemeral storage, as far as a node offers them.

use smallvec::SmallVec;

use rng::math::pow;
use scheduler::{ClassContext, Plugin, Points};
use units::{NodeId, Resources};

/// A packing score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// The rise of the sum of `base` to the power of each utilization.
    Epvm {
        /// The base.
        base: f64,
    },
    /// The sum of the free fractions left.
    BestFit,
    /// The sum of the fractions in use.
    WorstFit,
    /// The sum of what each free fraction left has over the smallest one.
    Stranded,
}

/// Fractions of a node, by resource.
pub type Fractions = SmallVec<[f64; 4]>;

/// The cost of a task on a node, both in fractions of the node; the smallest is the best.
pub fn cost(rule: Rule, free: &[f64], task: &[f64]) -> f64 {
    let left = || free.iter().zip(task).map(|(free, task)| free - task);
    match rule {
        Rule::Epvm { base } => {
            let rise = |(&free, &task): (&f64, &f64)| {
                let used = 1.0 - free;
                pow(base, used + task) - pow(base, used)
            };
            free.iter().zip(task).map(rise).sum()
        }
        Rule::BestFit => left().sum(),
        Rule::WorstFit => left().map(|left| 1.0 - left).sum(),
        Rule::Stranded => {
            let least = left().fold(f64::INFINITY, f64::min);
            left().map(|left| (left - least).max(0.0)).sum()
        }
    }
}

/// The greatest cost that is distinguished, in millionths.
const MOST: f64 = 1e12;

/// The same where ties are broken by what is left: a sum of fractions is at most their number.
const MOST_LEFT: f64 = 1e7;

/// Points of a task on a node, both in fractions of the node; the largest are the best.
pub fn points(rule: Rule, free: &[f64], task: &[f64]) -> i64 {
    let millionths =
        |rule: Rule, most: f64| (cost(rule, free, task) * 1e6).clamp(0.0, most).round() as i64;
    match rule {
        // Of nodes that strand as much, the one with less left.
        Rule::Stranded => {
            let stranded = millionths(Rule::Stranded, MOST_LEFT);
            let left = millionths(Rule::BestFit, MOST_LEFT);
            -(stranded * MOST_LEFT as i64 + left)
        }
        rule => -millionths(rule, MOST),
    }
}

/// Points of a cost of 1, the whole of a resource.
pub fn unit(rule: Rule) -> f64 {
    match rule {
        Rule::Stranded => 1e6 * MOST_LEFT,
        Rule::Epvm { .. } | Rule::BestFit | Rule::WorstFit => 1e6,
    }
}

/// Amounts of the resources that scores look at.
pub const fn plain(amounts: &Resources) -> [i64; 3] {
    [
        amounts.cpu_milli,
        amounts.memory_bytes,
        amounts.storage_bytes,
    ]
}

/// Fractions that resources of a node are free in, and that a task asks for, as far as the node offers
/// them.
pub fn fractions(
    offered: &[i64; 3],
    unused: &[i64; 3],
    asked: &[i64; 3],
) -> (Fractions, Fractions) {
    let (mut free, mut task) = (Fractions::new(), Fractions::new());
    for ((&offered, &unused), &asked) in offered.iter().zip(unused).zip(asked) {
        if offered > 0 {
            free.push(unused as f64 / offered as f64);
            task.push(asked as f64 / offered as f64);
        }
    }
    (free, task)
}

/// A score under a name of the registry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Borg {
    pub(crate) name: &'static str,
    pub(crate) rule: Rule,
}

impl Plugin for Borg {
    fn name(&self) -> &'static str {
        self.name
    }

    fn points(&self) -> Points {
        Points::SCORE
    }

    fn score(&self, ctx: &ClassContext<'_>, node: NodeId) -> i64 {
        let (nodes, requests, row) = (ctx.store.nodes(), &ctx.class.requests, node.index());
        let of = |columns: &cluster::nodes::Columns| {
            [
                columns.cpu_milli[row],
                columns.memory_bytes[row],
                columns.storage_bytes[row],
            ]
        };
        let (offered, unused) = (of(nodes.allocatable()), of(nodes.free()));
        let (free, task) = fractions(&offered, &unused, &plain(requests));
        points(self.rule, &free, &task)
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use crate::score::{borg_best_fit, borg_epvm, borg_stranded, borg_worst_fit};
    use crate::testing::{World, node, pod};
    use crate::{Arguments, PolicyInstance, Setup};

    #[test]
    fn the_hybrid_strands_less_than_best_fit() {
        let mut world = World::default();
        let even = world.node(node("even", 10_000, 10_000, (0, "")));
        let odd = world.node(node("odd", 10_000, 10_000, (0, "")));
        let spec = world.spec(pod(5_000, 5_000, (0, 0)));
        world.bind(spec, even, &[]);
        let spec = world.spec(pod(4_000, 7_000, (0, 0)));
        world.bind(spec, odd, &[]);
        let task = world.spec(pod(1_000, 3_000, (0, 0)));
        for (entry, best) in [
            (borg_epvm::ENTRY, even),
            (borg_best_fit::ENTRY, odd),
            (borg_stranded::ENTRY, even),
            (borg_worst_fit::ENTRY, even),
        ] {
            let built = entry.build(&Setup::default(), &Arguments::new());
            let Ok(PolicyInstance::Plugin(plugin)) = built else {
                panic!("a plugin without arguments");
            };
            let score = |node| plugin.score(&world.ctx(task), node);
            let chosen = if score(even) > score(odd) { even } else { odd };
            assert_eq!(chosen, best, "{}", entry.name);
        }
    }
}
