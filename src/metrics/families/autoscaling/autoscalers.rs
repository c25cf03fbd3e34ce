//! Actions of each autoscaler of pods in a run: the number of its changes, their bounds, and its
//! last recommendation.

use model::workload::{HorizontalPodAutoscaler, VerticalPodAutoscaler};
use model::{Object, ResourceUsage, Text};
use units::{ObjectId, SortedMap};

use crate::families::autoscaling::reversals::ReplicaTurn;

/// An autoscaler of pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoscalerRow {
    /// The autoscaler's kind.
    pub kind: &'static str,
    /// The autoscaler's namespace and name.
    pub object: String,
    /// Kind and name of what it scales or sizes.
    pub target: String,
    /// Replicas requested by a horizontal autoscaler.
    pub replicas: Option<ReplicaRange>,
    /// Last recommendation of a vertical autoscaler, by container.
    pub recommended: Vec<(Text, ResourceUsage)>,
}

/// Range of replicas that a horizontal autoscaler requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaRange {
    /// The fewest and the most that it may ask for.
    pub bounds: (i32, i32),
    /// The fewest that it asked for.
    pub fewest: i32,
    /// The most that it asked for.
    pub most: i32,
    /// Number of replicas requested last.
    pub last: i32,
    /// Number of increases in the measured window.
    pub ups: u64,
    /// Number of decreases in the measured window.
    pub downs: u64,
}

/// The autoscalers of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Autoscalers(SortedMap<ObjectId, AutoscalerRow>);

impl Autoscalers {
    /// An object was declared, anew perhaps; the change that a horizontal autoscaler made by that in
    /// the measured window.
    pub(crate) fn follow(&mut self, id: ObjectId, object: &Object, turn: Option<ReplicaTurn>) {
        match object {
            Object::HorizontalPodAutoscaler(own) => self.horizontal(id, own, turn),
            Object::VerticalPodAutoscaler(own) => self.vertical(id, own),
            _ => {}
        }
    }

    fn horizontal(
        &mut self,
        id: ObjectId,
        own: &HorizontalPodAutoscaler,
        turn: Option<ReplicaTurn>,
    ) {
        let desired = own.status.desired;
        let bounds = (own.spec.min(), own.spec.max_replicas);
        let row = self.0.entry(id).or_insert_with(|| AutoscalerRow {
            kind: "HorizontalPodAutoscaler",
            object: format!("{}/{}", own.namespace, own.name),
            target: format!("{}/{}", own.spec.target.kind, own.spec.target.name),
            replicas: None,
            recommended: Vec::new(),
        });
        // Nothing is asked for before the first look.
        if desired == 0 && row.replicas.is_none() {
            return;
        }
        let range = row.replicas.get_or_insert(ReplicaRange {
            bounds,
            fewest: desired,
            most: desired,
            last: desired,
            ups: 0,
            downs: 0,
        });
        range.bounds = bounds;
        range.fewest = range.fewest.min(desired);
        range.most = range.most.max(desired);
        range.last = desired;
        if let Some(turn) = turn {
            range.ups += u64::from(turn.is_up);
            range.downs += u64::from(!turn.is_up);
        }
    }

    fn vertical(&mut self, id: ObjectId, own: &VerticalPodAutoscaler) {
        let row = self.0.entry(id).or_insert_with(|| AutoscalerRow {
            kind: "VerticalPodAutoscaler",
            object: format!("{}/{}", own.namespace, own.name),
            target: format!("{}/{}", own.target.kind, own.target.name),
            replicas: None,
            recommended: Vec::new(),
        });
        let recommended = own.recommended.iter();
        let recommended = recommended.map(|(name, known)| (name.clone(), known.target));
        row.recommended = recommended.collect();
    }

    /// All of them, in the order of their making.
    pub(crate) fn rows(&self) -> Vec<AutoscalerRow> {
        self.0.values().cloned().collect()
    }
}
