//! Questions of kube-scheduler to its extenders, which it asks beside its plugins (spec: kubernetes.md 1.19).

use super::{AttemptContext, Candidate, PodInfo, Search};
use model::Text;

/// The extenders of a scheduler, together.
pub trait Extension {
    /// Whether one of them is interested in a pod.
    fn concerns(&self, pod: &PodInfo) -> bool;

    /// Whether one of them filters nodes.
    fn filters(&self) -> bool;

    /// Takes nodes that extenders reject out of a search; whether they rejected any.
    ///
    /// # Errors
    /// An extender that may not be ignored failed, which ends the attempt.
    fn filter(&self, ctx: AttemptContext<'_>, search: &mut Search) -> Result<bool, String>;

    /// Adds the points of extenders to totals of nodes; those that fail give none.
    fn add_points(&self, ctx: AttemptContext<'_>, nodes: &[Text], totals: &mut [i64]);

    /// Candidates of a preemption that extenders leave.
    ///
    /// # Errors
    /// An extender that may not be ignored failed, or named pods that are not on the node.
    fn preempt(
        &self,
        ctx: AttemptContext<'_>,
        candidates: Vec<Candidate>,
    ) -> Result<Vec<Candidate>, String>;

    /// Asks the extender that binds a pod, if one does.
    ///
    /// # Errors
    /// It refused, or failed and may not be ignored.
    fn bind(&self, pod: &PodInfo, node: &str) -> Result<(), String>;
}
