//! Scripts of questions about nodes.

use control::Question;
use control::exchange::question::{
    Amounts, ClassDescription, ClassState, NodeDeclaration, NodeState, Request,
};
use model::{Labels, Taint, TaintEffect};
use scenario::schema::ExternalPoint;
use units::SortedSet;

/// Case of the points `filter` and `score`: its name and the maker of its questions.
type NodeCase = (&'static str, fn(&mut Script));

/// Cases of the points `filter` and `score`.
pub(super) const NODE_CASES: &[NodeCase] = &[
    ("one node", |own| own.nodes(1).ask(0, &[0])),
    ("three nodes", |own| own.nodes(3).ask(0, &[0, 1, 2])),
    ("no node", |own| own.ask(0, &[])),
    ("some of the nodes", |own| own.nodes(9).ask(0, &[1, 4, 8])),
    ("candidates in no order", |own| {
        own.nodes(4).ask(0, &[3, 0, 2]);
    }),
    ("ten thousand nodes", |own| {
        let all: Vec<u32> = (0..10_000).collect();
        own.nodes(10_000).ask(0, &all);
    }),
    ("a thousand questions", |own| {
        own.nodes(3);
        for number in 0..1_000 {
            own.change(number % 3, |node| node.free.cpu_milli -= 1);
            own.ask(number % 5, &[0, 1, 2]);
        }
    }),
    ("a class that was described before", |own| {
        own.nodes(2).ask(0, &[0, 1]);
        own.ask(0, &[1]);
    }),
    ("a hundred classes", |own| {
        own.nodes(2);
        for class in 0..100 {
            own.ask(class, &[0, 1]);
        }
    }),
    ("a node that changed", |own| {
        own.nodes(2).ask(0, &[0, 1]);
        own.change(1, |node| node.free.cpu_milli = 0);
        own.ask(0, &[0, 1]);
    }),
    ("a node that went", |own| {
        own.nodes(3).ask(0, &[0, 1, 2]);
        own.lose(1);
        own.ask(0, &[0, 2]);
    }),
    ("a node that went, and another one", |own| {
        own.nodes(2).ask(0, &[0, 1]);
        own.lose(0);
        own.add(2, |_| {});
        own.ask(0, &[1, 2]);
    }),
    ("a node with a new declaration", |own| {
        own.nodes(2).ask(0, &[0, 1]);
        own.add(0, |node| node.ready = false);
        own.ask(0, &[0, 1]);
    }),
    ("nodes that aren't ready or schedulable", |own| {
        own.nodes(2);
        own.add(2, |node| (node.ready, node.schedulable) = (false, false));
        own.add(3, |node| node.schedulable = false);
        own.ask(0, &[0, 1, 2, 3]);
    }),
    ("letters of all scripts", |own| {
        own.add(0, |node| declared(node).name = "nœud-β-節点-🚀".into());
        own.add(1, |node| {
            declared(node).labels = Labels::from([("zone".into(), "ü\u{2028}\"\\\t".into())]);
        });
        own.ask(0, &[0, 1]);
    }),
    ("a label of ten thousand letters", |own| {
        own.nodes(1);
        own.add(1, |node| {
            declared(node).labels = Labels::from([("long".into(), "x".repeat(10_000).into())]);
        });
        own.ask(0, &[0, 1]);
    }),
    ("taints", |own| {
        own.nodes(1);
        own.add(1, |node| {
            declared(node).taints = vec![Taint {
                key: "gpu".into(),
                value: "".into(),
                effect: TaintEffect::NoSchedule,
            }];
        });
        own.ask(0, &[0, 1]);
    }),
    ("devices", |own| {
        own.nodes(1);
        own.add(1, |node| {
            node.gpu_free = vec![1_000, 250, 0, 1_000];
            node.free.gpu_milli = 2_250;
            let declared = declared(node);
            declared.gpu_model = Some("A100".into());
            declared.allocatable.gpu_milli = 4_000;
        });
        own.ask(0, &[0, 1]);
    }),
    ("extended resources", |own| {
        own.nodes(1);
        own.add(1, |node| {
            node.free.extended.insert("example.com/fpga".to_owned(), 2);
            declared(node)
                .allocatable
                .extended
                .insert("example.com/fpga".to_owned(), 4);
        });
        own.ask(0, &[0, 1]);
    }),
    ("a node that offers nothing", |own| {
        own.nodes(1);
        own.add(1, |node| {
            node.free = Amounts::default();
            declared(node).allocatable = Amounts::default();
        });
        own.ask(0, &[0, 1]);
    }),
    ("a node with more on it than it offers", |own| {
        own.nodes(1);
        own.add(1, |node| node.free.memory_bytes = -1);
        own.ask(0, &[0, 1]);
    }),
    ("the largest numbers", |own| {
        own.nodes(1);
        own.add(1, |node| {
            node.free.memory_bytes = i64::MAX;
            declared(node).allocatable.memory_bytes = i64::MAX;
        });
        own.now = i64::MAX - 1;
        own.ask(0, &[0, 1]);
    }),
];

/// Questions in the making.
pub(super) struct Script {
    point: ExternalPoint,
    now: i64,
    known: Vec<Option<NodeState>>,
    changed: Vec<NodeState>,
    gone: Vec<u32>,
    classes: SortedSet<u32>,
    /// Questions so far.
    pub(super) questions: Vec<Question>,
}

/// The declaration of a node that is new.
fn declared(node: &mut NodeState) -> &mut NodeDeclaration {
    node.declared.get_or_insert_with(|| declaration(0))
}

fn declaration(id: u32) -> NodeDeclaration {
    NodeDeclaration {
        name: format!("n{id}").into(),
        labels: Labels::from([("zone".into(), format!("z{}", id % 3).into())]),
        taints: vec![],
        allocatable: offered(id),
        gpu_model: None,
    }
}

fn offered(id: u32) -> Amounts {
    Amounts {
        cpu_milli: 4_000 * i64::from(1 + id % 4),
        memory_bytes: 16 << 30,
        storage_bytes: 100 << 30,
        pods: 110,
        ..Amounts::default()
    }
}

/// A node that nothing is on.
pub(super) fn node(id: u32) -> NodeState {
    NodeState {
        id,
        ready: true,
        schedulable: true,
        free: offered(id),
        gpu_free: vec![],
        declared: Some(declaration(id)),
    }
}

/// A class of pods.
pub(super) fn class(id: u32, is_new: bool) -> ClassState {
    let described = is_new.then(|| ClassDescription {
        namespace: "default".into(),
        labels: Labels::from([("app".into(), format!("a{id}").into())]),
        priority: 0,
        requests: Amounts {
            cpu_milli: 500 + i64::from(id),
            memory_bytes: 1 << 30,
            pods: 1,
            ..Amounts::default()
        },
        gpu_devices: 0,
        gpu_models: vec![],
        node_selector: Labels::default(),
    });
    ClassState { id, described }
}

impl Script {
    /// A script without questions.
    pub(super) const fn new(point: ExternalPoint) -> Self {
        Self {
            point,
            now: 0,
            known: Vec::new(),
            changed: Vec::new(),
            gone: Vec::new(),
            classes: SortedSet::new(),
            questions: Vec::new(),
        }
    }

    /// Questions of a cluster that changes.
    pub(super) fn typical(point: ExternalPoint) -> Vec<Question> {
        let mut own = Self::new(point);
        own.nodes(5).ask(0, &[0, 1, 2, 3, 4]);
        own.change(2, |node| node.free.cpu_milli -= 1_000);
        own.ask(1, &[0, 2, 4]);
        own.lose(3);
        own.ask(0, &[0, 1, 2, 4]);
        own.questions
    }

    fn nodes(&mut self, count: u32) -> &mut Self {
        for id in 0..count {
            self.add(id, |_| {});
        }
        self
    }

    fn add(&mut self, id: u32, change: impl FnOnce(&mut NodeState)) {
        let mut own = node(id);
        change(&mut own);
        let row = id as usize;
        self.known.resize(self.known.len().max(row + 1), None);
        self.known[row] = Some(NodeState {
            declared: None,
            ..own.clone()
        });
        self.changed.push(own);
    }

    fn change(&mut self, id: u32, change: impl FnOnce(&mut NodeState)) {
        if let Some(Some(known)) = self.known.get_mut(id as usize) {
            change(known);
            // A node that is new is told once, as it is by then.
            match self.changed.iter_mut().find(|own| own.id == id) {
                Some(told) => told.free = known.free.clone(),
                None => self.changed.push(known.clone()),
            }
        }
    }

    fn lose(&mut self, id: u32) {
        self.known[id as usize] = None;
        self.gone.push(id);
    }

    fn ask(&mut self, id: u32, candidates: &[u32]) {
        let request = Request {
            now: self.now,
            class: class(id, self.classes.insert(id)),
            nodes: std::mem::take(&mut self.changed),
            gone: std::mem::take(&mut self.gone),
            candidates: candidates.to_vec(),
            waiting: 0,
        };
        self.now = self.now.saturating_add(1_000_000_000);
        self.questions.push(match self.point {
            ExternalPoint::Filter => Question::Filter(request),
            _ => Question::Score(request),
        });
    }
}
