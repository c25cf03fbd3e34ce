//! Answers that depend on declarations alone (labels, taints), kept per class, so that a decision
//! looks up a bit where the definition compares texts.

use fixedbitset::FixedBitSet;

use cluster::{Class, Store};
use model::Node;
use scheduler::ClassContext;
use units::{NodeId, Revision};

/// Whether a node's declaration suits a class; the definition.
type Test = fn(&Class, &Node) -> bool;

/// Kept answers of one test.
#[derive(Clone, Debug)]
pub(super) struct DeclaredAnswers {
    test: Test,
    classes: Vec<Option<ClassAnswers>>,
}

#[derive(Clone, Debug)]
struct ClassAnswers {
    /// Revision up to which the answers are true.
    cursor: Revision,
    suits: FixedBitSet,
}

impl DeclaredAnswers {
    pub(super) fn new(test: Test) -> Self {
        Self {
            test,
            classes: Vec::new(),
        }
    }

    /// Brings the answers for a class up to date: asks about nodes that changed in any way since,
    /// and only if some declaration changed at all.
    pub(super) fn prepare(&mut self, ctx: &ClassContext<'_>) {
        if self.classes.len() <= ctx.id.index() {
            self.classes.resize(ctx.id.index() + 1, None);
        }
        let nodes = ctx.store.nodes();
        let known = self.classes[ctx.id.index()].get_or_insert_with(|| ClassAnswers {
            cursor: Revision::default(),
            suits: FixedBitSet::new(),
        });
        if is_fresh(known, ctx.store) {
            return;
        }
        known.suits.grow(nodes.len());
        for node in nodes
            .ids()
            .filter(|&node| nodes.changed(node) > known.cursor)
        {
            let suits = nodes
                .object(node)
                .is_some_and(|object| (self.test)(ctx.class, object));
            known.suits.set(node.index(), suits);
        }
        known.cursor = ctx.store.revision();
    }

    /// The answer about a node: the kept one, or by the definition if it was not prepared.
    pub(super) fn suits(&self, ctx: &ClassContext<'_>, node: NodeId) -> bool {
        match self.classes.get(ctx.id.index()).and_then(Option::as_ref) {
            Some(known) if is_fresh(known, ctx.store) => known.suits.contains(node.index()),
            _ => ctx
                .store
                .nodes()
                .object(node)
                .is_some_and(|object| (self.test)(ctx.class, object)),
        }
    }
}

fn is_fresh(known: &ClassAnswers, store: &Store) -> bool {
    known.suits.len() == store.nodes().len() && known.cursor >= store.nodes().declared()
}
