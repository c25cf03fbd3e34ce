//! Questions that autoscalers of nodes ask of a scheduler: whether a pod would fit a node that is
//! there or might be. [`KubeSnapshot`] asks the filters of kube-scheduler themselves.

mod kube;

use std::ops::Range;
use std::sync::Arc;

use model::{Node, Taint, Text};
use scheduler::kube::{CacheError, PodInfo};

pub use kube::KubeSnapshot;

/// Whether a pod fits a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It does not because of a rule that spreads pods.
    NoSpread,
}

/// A cluster to simulate in. What is done to it after a mark is taken back by [`ClusterSnapshot::undo`].
///
/// A trial of one more node, which is taken back:
///
/// ```
/// use std::sync::Arc;
///
/// use autoscale::snapshot::{ClusterSnapshot, Fit, KubeSnapshot};
/// use model::Node;
/// use scheduler::kube::{Cache, CacheError, KubeProfile, PodInfo};
///
/// let mut cluster = KubeSnapshot::new(Cache::default(), Arc::new(KubeProfile::default()));
/// let pod = Arc::new(PodInfo::default());
/// assert_eq!(cluster.first(&pod, 0..0), None);
///
/// cluster.mark();
/// let node = Arc::new(Node { name: "new".into(), ..Node::default() });
/// let place = cluster.add_node(node, &[])?;
/// // The profile has no filter, so every node takes the pod.
/// assert_eq!(cluster.fit(&pod, place), Fit::Yes);
/// cluster.undo();
/// assert!(cluster.nodes().is_empty());
/// # Ok::<(), CacheError>(())
/// ```
pub trait ClusterSnapshot {
    /// The nodes, in the order in which they are searched: a new one comes last. Those that were
    /// hidden or taken out keep their place, and take nothing.
    fn nodes(&self) -> &[Text];

    /// The place of a node among them.
    fn place_of(&self, name: &str) -> Option<usize>;

    /// The pods on a node.
    fn pods_at(&self, place: usize) -> Vec<Arc<PodInfo>>;

    /// The first of some places whose node takes a pod.
    fn first(&mut self, pod: &Arc<PodInfo>, places: Range<usize>) -> Option<usize>;

    /// Whether a pod fits a node.
    fn fit(&mut self, pod: &Arc<PodInfo>, place: usize) -> Fit;

    /// Reasons for which a node does not take a pod, in the scheduler's words; none if it does.
    fn refusals(&mut self, pod: &Arc<PodInfo>, place: usize) -> Vec<String> {
        let _ = (pod, place);
        Vec::new()
    }

    /// Whether nothing but a node and what is on it says whether it takes the pod: what took none
    /// takes none later unless it has more room, and no other node matters.
    fn is_local(&mut self, pod: &Arc<PodInfo>) -> bool {
        let _ = pod;
        false
    }

    /// Adds a node with pods on it; its place.
    fn add_node(&mut self, node: Arc<Node>, pods: &[Arc<PodInfo>]) -> Result<usize, CacheError>;

    /// A node takes nothing any more; its pods stay.
    fn hide(&mut self, place: usize);

    /// A node gets a taint, which those heed that count only nodes whose taints a pod tolerates.
    fn taint(&mut self, place: usize, taint: Taint);

    /// Takes nodes out, with their pods.
    fn take_out(&mut self, places: &[usize]);

    /// Places a pod.
    fn place(&mut self, pod: &Arc<PodInfo>, place: usize);

    /// Takes a pod away.
    fn displace(&mut self, pod: &Arc<PodInfo>, place: usize);

    /// Remembers how all is.
    fn mark(&mut self);

    /// Keeps the changes since the last mark, unless a mark before is taken back; the mark is
    /// forgotten.
    fn commit(&mut self);

    /// All is as it was when the last mark was set, which is forgotten.
    fn undo(&mut self);

    /// The first place from a cursor on whose node takes a pod, counted round.
    fn first_round(&mut self, pod: &Arc<PodInfo>, cursor: usize) -> Option<usize> {
        let count = self.nodes().len();
        let cursor = cursor.checked_rem(count)?;
        self.first(pod, cursor..count)
            .or_else(|| self.first(pod, 0..cursor))
    }
}
