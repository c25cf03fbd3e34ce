//! A question to nodes that no simulation changes.

use scheduler::kube::{NodeFilter, NodeInfo, Rejection};

/// A question that looks at the node as it is.
#[derive(Clone)]
pub(super) struct Ask<F>(pub(super) F);

impl<'a, F> NodeFilter<'a> for Ask<F>
where
    F: Fn(&NodeInfo) -> Result<(), Rejection> + Clone + 'a,
{
    fn filter(&self, node: &NodeInfo) -> Result<(), Rejection> {
        (self.0)(node)
    }

    fn clone_filter(&self) -> Box<dyn NodeFilter<'a> + 'a> {
        Box::new(self.clone())
    }
}
