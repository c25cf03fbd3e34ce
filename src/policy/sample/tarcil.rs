//! Tarcil's sampling (Delimitrou and others 2015; spec: orchestrators-b.md section 6.5): a pod looks at a
//! few random nodes, so many that the best of them is good enough with a wanted probability.
//!
//! The quality of a node is its rank by the scores of the profile, from 0 for the worst of all to 1 for
//! the best, so that the quality of a random node is uniform on [0, 1]. Up to a load of the cluster,
//! samples are drawn among the nodes with room. Above it they are drawn among all nodes, and a pod waits
//! if none of them has room.

use fixedbitset::FixedBitSet;

use crate::tarcil::samples_needed;
use crate::{ArgumentError, Constructor, Entry, Kind, Parameter, Point, PolicyInstance};
use rng::Stream;
use scheduler::pipeline::plugin::{PreFilter, Scope};
use scheduler::{ClassContext, Plugin, Points, Reason};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "tarcil",
    point: Point::Sample,
    summary: "Tarcil: rejects all nodes but a random sample, large enough for the wanted quality.",
    source: "orchestrators-b.md 6.5",
    parameters: &[QUALITY, CERTAINTY, FEWEST, MOST, LOAD],
    constructor: Constructor::Policy(|setup, arguments| {
        let share = |percent: i64| percent as f64 / 100.0;
        let quality = share(QUALITY.integer(arguments)?);
        let certainty = share(CERTAINTY.integer(arguments)?);
        let (fewest, most) = (FEWEST.integer(arguments)?, MOST.integer(arguments)?);
        if most < fewest && arguments.contains_key(MOST.name) {
            return Err(ArgumentError::Value {
                name: MOST.name,
                expected: format!("at least the {fewest} of `fewest`"),
                found: most.to_string(),
            });
        }
        let needed = samples_needed(quality, certainty).map_or(most, i64::from);
        Ok(PolicyInstance::Plugin(Box::new(Tarcil {
            samples: needed.min(most).max(fewest) as usize,
            load_percent: LOAD.integer(arguments)?,
            stream: setup.stream(ENTRY.name),
            candidates: Vec::new(),
            sample: FixedBitSet::new(),
        })))
    }),
};

const QUALITY: Parameter = percentage(
    "quality",
    90,
    "Share of all nodes, in percent, that the best sample has to exceed.",
);
const CERTAINTY: Parameter = percentage(
    "certainty",
    80,
    "Probability, in percent, with which it has to.",
);
const FEWEST: Parameter = number("fewest", 8, "Least number of samples.");
const MOST: Parameter = number(
    "most",
    16,
    "Largest number of samples; where it is not stated, `fewest` may be larger.",
);
const LOAD: Parameter = percentage(
    "load",
    80,
    "Share of the cluster's cpu or memory requested, in percent, above which pods wait for a good node.",
);

const fn percentage(name: &'static str, default: i64, doc: &'static str) -> Parameter {
    Parameter {
        name,
        kind: Kind::Integer {
            default,
            min: 1,
            max: 99,
        },
        doc,
    }
}

const fn number(name: &'static str, default: i64, doc: &'static str) -> Parameter {
    Parameter {
        name,
        kind: Kind::Integer {
            default,
            min: 1,
            max: 1_000_000,
        },
        doc,
    }
}

/// The filter, with its random stream and the sample of the pod at hand.
#[derive(Clone, Debug)]
pub struct Tarcil {
    samples: usize,
    load_percent: i64,
    stream: Stream,
    candidates: Vec<NodeId>,
    sample: FixedBitSet,
}

impl Tarcil {
    /// `true` if more of the cluster's cpu or memory is requested than the load up to which samples are
    /// drawn among nodes with room.
    fn is_loaded(&self, ctx: &ClassContext<'_>) -> bool {
        let nodes = ctx.store.nodes();
        let share = |offered: &[i64], unused: &[i64]| {
            let sum = |column: &[i64]| -> i128 {
                let present = nodes.present();
                present.map(|node| i128::from(column[node.index()])).sum()
            };
            let (offered, unused) = (sum(offered), sum(unused));
            (offered - unused) * 100 > offered * i128::from(self.load_percent)
        };
        let (offered, unused) = (nodes.allocatable(), nodes.free());
        share(&offered.cpu_milli, &unused.cpu_milli)
            || share(&offered.memory_bytes, &unused.memory_bytes)
    }
}

impl Plugin for Tarcil {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::PRE_FILTER.and(Points::FILTER)
    }

    fn scope(&self) -> Scope {
        Scope::Cluster
    }

    fn pre_filter(&mut self, ctx: &ClassContext<'_>) -> PreFilter {
        let nodes = ctx.store.nodes();
        let needs_room = !self.is_loaded(ctx);
        let is_candidate =
            |&node: &NodeId| !needs_room || nodes.has_room(node, &ctx.class.requests);
        self.candidates.clear();
        self.candidates.extend(nodes.present().filter(is_candidate));
        self.sample.clear();
        self.sample.grow(nodes.len());
        let count = self.candidates.len();
        for place in 0..count.min(self.samples) {
            let drawn = place + self.stream.below((count - place) as u64) as usize;
            self.candidates.swap(place, drawn);
            self.sample.insert(self.candidates[place].index());
        }
        PreFilter::Run
    }

    fn filter(&self, _ctx: &ClassContext<'_>, node: NodeId) -> Result<(), Reason> {
        if self.sample.contains(node.index()) {
            Ok(())
        } else {
            Err(Reason::Text("node(s) were not sampled"))
        }
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, node, pod};
    use crate::{Arguments, Setup};

    #[test]
    fn fewer_samples_at_most_than_at_least_are_refused() {
        let Constructor::Policy(build) = ENTRY.constructor else {
            panic!("a policy");
        };
        let stated = |text: &str| serde_json::from_str::<Arguments>(text).expect("arguments");
        let refused = build(&Setup::default(), &stated(r#"{"fewest": 9, "most": 4}"#));
        let error = refused.err().expect("an error");
        assert_eq!(
            error.to_string(),
            "argument `most`: expected at least the 9 of `fewest`, found `4`"
        );
        assert!(build(&Setup::default(), &stated(r#"{"fewest": 32}"#)).is_ok());
    }

    fn tarcil() -> Box<dyn Plugin> {
        let Constructor::Policy(build) = ENTRY.constructor else {
            panic!("a policy");
        };
        match build(&Setup::default(), &Arguments::new()) {
            Ok(PolicyInstance::Plugin(plugin)) => plugin,
            _ => panic!("a plugin"),
        }
    }

    fn sampled(plugin: &mut dyn Plugin, ctx: &ClassContext<'_>, of: usize) -> Vec<usize> {
        assert_eq!(plugin.pre_filter(ctx), PreFilter::Run);
        let admits = |&node: &usize| plugin.filter(ctx, NodeId::from_index(node)).is_ok();
        (0..of).filter(admits).collect()
    }

    #[test]
    fn the_best_of_sixteen_is_among_the_best_tenth_four_times_in_five() {
        let mut world = World::default();
        for number in 0..100 {
            world.node(node(&format!("n{number}"), 1_000, 1_000, (0, "")));
        }
        let spec = world.spec(pod(100, 1, (0, 0)));
        let ctx = world.ctx(spec);
        let mut plugin = tarcil();
        let mut good = 0;
        for _ in 0..1_000 {
            let sample = sampled(&mut *plugin, &ctx, 100);
            assert_eq!(sample.len(), 16);
            good += usize::from(sample.iter().any(|&node| node >= 90));
        }
        // 1 − C(90, 16) / C(100, 16) = 0.835, a little above 0.815, for draws without replacement.
        assert!((800..870).contains(&good), "{good}");
    }

    #[test]
    fn samples_have_room_while_the_cluster_is_not_loaded() {
        let mut world = World::default();
        let big = world.spec(pod(1_000, 1, (0, 0)));
        let nodes: Vec<NodeId> = (0..100)
            .map(|number| world.node(node(&format!("n{number}"), 1_000, 1_000_000, (0, ""))))
            .collect();
        for &full in &nodes[..80] {
            world.bind(big, full, &[]);
        }
        let mut plugin = tarcil();
        let sample = sampled(&mut *plugin, &world.ctx(big), 100);
        assert!(
            sample.len() == 16 && sample.iter().all(|&node| node >= 80),
            "{sample:?}"
        );
        world.bind(big, nodes[80], &[]);
        // Above 80 %, most samples have no room.
        let sample = sampled(&mut *plugin, &world.ctx(big), 100);
        assert!(
            sample.len() == 16 && sample.iter().any(|&node| node < 80),
            "{sample:?}"
        );
    }
}
