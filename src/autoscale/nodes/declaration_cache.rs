//! Consequences of what nodes declare, worked out once for each declaration.

use std::sync::Arc;

use model::Node;
use units::NodeId;

/// Something about every node that rests on its declaration alone.
#[derive(Clone, Debug)]
pub struct DeclarationCache<T> {
    /// By node, with the declaration that it rests on.
    rows: Vec<Option<(Arc<Node>, T)>>,
}

impl<T> Default for DeclarationCache<T> {
    fn default() -> Self {
        Self { rows: Vec::new() }
    }
}

impl<T: Clone> DeclarationCache<T> {
    /// Derived data of a node, recomputed when its declaration changes.
    pub fn of(&mut self, node: NodeId, object: &Arc<Node>, make: impl FnOnce(&Node) -> T) -> T {
        let row = node.index();
        if self.rows.len() <= row {
            self.rows.resize_with(row + 1, || None);
        }
        let known = self.rows[row].take();
        let known = known.filter(|(known, _)| Arc::ptr_eq(known, object));
        let known = known.unwrap_or_else(|| (object.clone(), make(object)));
        let answer = known.1.clone();
        self.rows[row] = Some(known);
        answer
    }

    /// A node is gone.
    pub fn forget(&mut self, node: NodeId) {
        if let Some(row) = self.rows.get_mut(node.index()) {
            *row = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_declared_anew_is_asked_anew() {
        let mut declared = DeclarationCache::default();
        let named = |name: &str| {
            Arc::new(Node {
                name: name.into(),
                ..Node::default()
            })
        };
        let mut asked = 0;
        let mut ask = |declared: &mut DeclarationCache<usize>, object: &Arc<Node>| {
            declared.of(NodeId(3), object, |node| {
                asked += 1;
                node.name.len()
            })
        };
        let (first, second) = (named("one"), named("three"));
        assert_eq!(ask(&mut declared, &first), 3);
        assert_eq!(ask(&mut declared, &first), 3);
        assert_eq!(ask(&mut declared, &second), 5);
        declared.forget(NodeId(3));
        assert_eq!(ask(&mut declared, &second), 5);
        assert_eq!(asked, 3);
    }
}
