//! Number of rounds of several pods that fit in a cluster: each round places its pods one by one, and
//! counts if all of them find a node.

use std::sync::Arc;

use super::lost::{Ground, Loss};
use super::replica;
use super::trial::Preemption;
use crate::snapshot::NamespaceBounds;
use model::Text;
use scheduler::kube::PodInfo;
use units::SortedMap;

/// Pod of a mix.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The pod.
    pub pod: PodInfo,
    /// Number of replicas in a round.
    pub each: u64,
}

/// Replicas of a pod of a mix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MixedShape {
    /// The pod, as `NAMESPACE/NAME`.
    pub pod: String,
    /// Number of replicas in a round.
    pub each: u64,
    /// Number of replicas by node, by name.
    pub by_node: SortedMap<Text, u64>,
}

impl MixedShape {
    /// Number of replicas that fit.
    pub fn placed(&self) -> u64 {
        self.by_node.values().sum()
    }
}

/// Pod of a mix that finds no node, or that the API server refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The pod, as `NAMESPACE/NAME`.
    pub pod: String,
    /// Whether the API server refuses it.
    pub is_refused: bool,
    /// Message of the scheduler, or of the API server.
    pub message: String,
}

/// The answer to how many rounds of a mix fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mixed {
    /// Number of whole rounds.
    pub rounds: u64,
    /// Replicas of each pod in these rounds.
    pub shapes: Vec<MixedShape>,
    /// The pod that breaks the next round; `None` if as many rounds fit as were asked for.
    pub unfit: Option<Unfit>,
    /// Fate of the pods that were evicted for the replicas.
    pub displaced: Loss,
}

impl Ground {
    /// Places rounds of a mix, `most` at most and no more than limit ranges and quotas let in. The cluster is then
    /// as before.
    pub fn fill(&mut self, shapes: &[Shape], most: u64, mut bounds: NamespaceBounds) -> Mixed {
        let begin = self.trial.mark();
        let mut mixed = Mixed {
            rounds: 0,
            shapes: shapes.iter().map(MixedShape::empty).collect(),
            unfit: None,
            displaced: Loss::default(),
        };
        while mixed.rounds < most {
            let mark = self.trial.mark();
            // Without evictions there is nothing to take back.
            let evicts = self.trial.preemption() == Preemption::On;
            let before = evicts.then(|| mixed.displaced.clone());
            let admitted = admit(shapes, &mut bounds);
            let round =
                admitted.and_then(|()| self.round(shapes, mixed.rounds, &mut mixed.displaced));
            match round {
                Ok(nodes) => {
                    for (shape, nodes) in mixed.shapes.iter_mut().zip(nodes) {
                        for node in nodes {
                            *shape.by_node.entry(node).or_default() += 1;
                        }
                    }
                    mixed.rounds += 1;
                }
                Err(unfit) => {
                    self.trial.roll_back(mark);
                    mixed.displaced = before.unwrap_or_default();
                    mixed.unfit = Some(unfit);
                    break;
                }
            }
        }
        self.trial.roll_back(begin);
        mixed
    }

    /// Nodes of the replicas of one round, by pod.
    fn round(
        &mut self,
        shapes: &[Shape],
        number: u64,
        displaced: &mut Loss,
    ) -> Result<Vec<Vec<Text>>, Unfit> {
        let mut placed = Vec::with_capacity(shapes.len());
        for Shape { pod, each } in shapes {
            let mut nodes = Vec::new();
            for place in 1..=*each {
                let replica = Arc::new(replica(pod, number * each + place));
                let node = self.place(&replica, displaced);
                nodes.push(node.map_err(|message| Unfit {
                    pod: pod.full_name(),
                    is_refused: false,
                    message,
                })?);
            }
            placed.push(nodes);
        }
        Ok(placed)
    }
}

/// Has the API server take the pods of a round.
fn admit(shapes: &[Shape], bounds: &mut NamespaceBounds) -> Result<(), Unfit> {
    for Shape { pod, each } in shapes {
        for _ in 0..*each {
            bounds.admit(pod.spec()).map_err(|message| Unfit {
                pod: pod.full_name(),
                is_refused: true,
                message,
            })?;
        }
    }
    Ok(())
}

impl MixedShape {
    fn empty(shape: &Shape) -> Self {
        Self {
            pod: shape.pod.full_name(),
            each: shape.each,
            by_node: SortedMap::new(),
        }
    }
}
