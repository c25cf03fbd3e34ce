//! A uniformly drawn one of the tied nodes: the k-th in snapshot order. One draw a decision, also
//! if only one node is tied, so that the number of draws is the number of decisions.

use crate::{Constructor, Entry, Point, PolicyInstance};
use rng::Stream;
use scheduler::{ClassContext, Select, Ties};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "random",
    point: Point::Select,
    summary: "Picks one of the tied nodes at random, each equally likely.",
    source: "windtunnel",
    parameters: &[],
    constructor: Constructor::Policy(|setup, _| {
        let stream = setup.stream(ENTRY.name);
        Ok(PolicyInstance::Select(Box::new(Random { stream })))
    }),
};

/// The choice, with its random stream.
#[derive(Clone, Debug)]
pub struct Random {
    stream: Stream,
}

impl Select for Random {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn select(&mut self, _ctx: &ClassContext<'_>, tied: Ties<'_>) -> NodeId {
        tied.nth(self.stream.below(tied.count() as u64) as usize)
    }

    fn clone_select(&self) -> Box<dyn Select> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Setup;
    use crate::testing::{World, pod};

    #[test]
    fn draws_evenly_and_from_its_own_stream() {
        let mut world = World::default();
        let spec = world.spec(pod(1, 1, (0, 0)));
        let tied = [NodeId(2), NodeId(5), NodeId(9)];
        let setup = Setup {
            seed: 7,
            ..Setup::default()
        };
        let mut random = Random {
            stream: setup.stream(ENTRY.name),
        };
        let mut copy = random.clone();
        let mut counts = [0; 3];
        for _ in 0..3_000 {
            let chosen = random.select(&world.ctx(spec), Ties::Listed(&tied));
            assert_eq!(chosen, copy.select(&world.ctx(spec), Ties::Listed(&tied)));
            counts[tied
                .iter()
                .position(|&node| node == chosen)
                .expect("a tied node")] += 1;
        }
        // 1,000 expected each, standard deviation 26.
        assert!(
            counts.iter().all(|count| (880..1_120).contains(count)),
            "{counts:?}"
        );
        let other = Setup {
            scheduler: 1,
            ..setup.clone()
        };
        assert_ne!(setup.stream(ENTRY.name), other.stream(ENTRY.name));
    }
}
