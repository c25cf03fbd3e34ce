//! A cluster of a few nodes around a whole scheduler, which carries out or refuses what it says.

use control::Question;
use control::exchange::question::{PodPlace, PodState, RefusedWrite, StepRequest};
use scheduler::external::{Step, read_step};
use units::{SortedMap, SortedSet};

use super::nodes::{class, node};
use super::{Flaw, Talk};

/// Nanoseconds between two questions.
const TICK: i64 = 1_000_000_000;

/// Case of the point `schedule`: its name and its play.
type SessionCase = (&'static str, fn(&mut Session) -> Result<(), Flaw>);

/// Cases of the point `schedule`.
pub(super) const SESSION_CASES: &[SessionCase] = &[
    ("nothing at all", |own| own.step()),
    ("nodes without pods", |own| own.nodes(3).step()),
    ("pods without nodes", |own| own.pods(0..3).step()),
    ("a pod and a node", |own| {
        own.nodes(1).pods(0..1).step()?;
        own.settle()
    }),
    ("a hundred pods on ten nodes", |own| {
        own.nodes(10).pods(0..100).step()?;
        own.settle()
    }),
    ("ten thousand nodes", |own| {
        own.nodes(10_000).pods(0..3).step()?;
        own.settle()
    }),
    ("pods that come while others wait", |own| {
        own.nodes(1).pods(0..20).step()?;
        own.pods(20..40).step()?;
        own.settle()
    }),
    ("a pod that another scheduler binds", |own| {
        own.nodes(1).pods(0..1);
        own.bind(0, 0);
        own.step()?;
        own.settle()
    }),
    ("a pod that has a node when it comes", |own| {
        own.nodes(1);
        own.arrive(0, Some(0));
        own.step()?;
        own.settle()
    }),
    ("a pod that ends before it is bound", |own| {
        own.nodes(1).pods(0..2).end(0);
        own.step()?;
        own.settle()
    }),
    ("pods that end, and room for others", |own| {
        own.nodes(1).pods(0..12).step()?;
        own.settle()?;
        for pod in 0..12 {
            own.end(pod);
        }
        own.pods(12..15).step()?;
        own.settle()
    }),
    ("a binding that is refused, as the view was old", |own| {
        own.refuses = true;
        own.nodes(2).pods(0..1).step()?;
        own.refuses = false;
        own.settle()
    }),
    (
        "a node that goes between a decision and its binding",
        |own| {
            own.refuses = true;
            own.nodes(2).pods(0..2).step()?;
            own.refuses = false;
            own.lose(0);
            own.settle()
        },
    ),
    ("a node that goes with its pods", |own| {
        own.nodes(2).pods(0..4).step()?;
        own.settle()?;
        own.lose(1);
        own.settle()
    }),
    ("all nodes go", |own| {
        own.nodes(2).pods(0..2).step()?;
        own.lose(0);
        own.lose(1);
        own.pods(2..3).step()?;
        own.settle()
    }),
    ("a node that isn't schedulable", |own| {
        own.nodes(1).pods(0..1);
        own.cordon(0);
        own.step()?;
        own.settle()
    }),
    ("a gang, and a time limit", |own| {
        own.nodes(2);
        own.gang(0..3);
        own.step()?;
        own.settle()
    }),
    ("instants far in the future", |own| {
        own.request.now = i64::MAX / 2;
        own.nodes(1).pods(0..1).step()?;
        own.settle()
    }),
];

/// Cluster around one start of a scheduler.
pub(super) struct Session {
    talk: Talk,
    request: StepRequest,
    nodes: SortedSet<u32>,
    pods: SortedSet<u32>,
    waiting: SortedSet<u32>,
    held: SortedSet<u32>,
    /// Nodes of pods that are bound.
    bound: SortedMap<u32, u32>,
    classes: SortedSet<u32>,
    /// Bindings that were refused in the step before.
    refused: SortedSet<(u32, u32)>,
    /// Refusal of all that comes.
    refuses: bool,
    wake: Option<i64>,
}

impl Session {
    pub(super) fn new(talk: Talk) -> Self {
        Self {
            talk,
            request: StepRequest::default(),
            nodes: SortedSet::new(),
            pods: SortedSet::new(),
            waiting: SortedSet::new(),
            held: SortedSet::new(),
            bound: SortedMap::new(),
            classes: SortedSet::new(),
            refused: SortedSet::new(),
            refuses: false,
            wake: None,
        }
    }

    fn nodes(&mut self, count: u32) -> &mut Self {
        for id in 0..count {
            self.nodes.insert(id);
            self.request.nodes.push(node(id));
        }
        self
    }

    fn pods(&mut self, numbers: std::ops::Range<u32>) -> &mut Self {
        for id in numbers {
            self.arrive(id, None);
        }
        self
    }

    fn arrive(&mut self, id: u32, node: Option<u32>) {
        let kind = id % 3;
        self.pods.insert(id);
        match node {
            Some(node) => {
                self.bound.insert(id, node);
            }
            None => {
                self.waiting.insert(id);
            }
        }
        self.request.pods.push(PodState {
            id,
            name: format!("pod-{id}"),
            class: class(kind, self.classes.insert(kind)),
            tenant: id % 2,
            gang: None,
            time_limit: None,
            node,
        });
    }

    fn gang(&mut self, numbers: std::ops::Range<u32>) {
        self.pods(numbers);
        for pod in &mut self.request.pods {
            (pod.gang, pod.time_limit) = (Some(0), Some(60 * TICK));
        }
    }

    fn cordon(&mut self, id: u32) {
        let mut own = node(id);
        own.schedulable = false;
        self.request.nodes.retain(|other| other.id != id);
        self.request.nodes.push(own);
    }

    fn lose(&mut self, id: u32) {
        self.nodes.remove(&id);
        self.request.gone.push(id);
        let lost: Vec<u32> = self
            .bound
            .iter()
            .filter(|&(_, &node)| node == id)
            .map(|(&pod, _)| pod)
            .collect();
        for pod in lost {
            self.end(pod);
        }
    }

    fn bind(&mut self, pod: u32, node: u32) {
        self.waiting.remove(&pod);
        self.bound.insert(pod, node);
        self.request.bound.push(PodPlace { pod, node });
    }

    fn end(&mut self, pod: u32) {
        self.pods.remove(&pod);
        self.waiting.remove(&pod);
        self.bound.remove(&pod);
        self.request.ended.push(pod);
    }

    /// Asks with what changed, and takes the answer.
    fn step(&mut self) -> Result<(), Flaw> {
        let question = Question::Step(std::mem::take(&mut self.request));
        let Question::Step(StepRequest { now, refused, .. }) = &question else {
            return Ok(());
        };
        let (now, is_told) = (*now, !refused.is_empty());
        let answer = self.talk.ask(&question)?;
        let step = read_step(&answer, &question).map_err(|what| self.talk.flaw_by(&what))?;
        if !is_told {
            self.refused.clear();
        }
        self.request.now = now + TICK;
        let taken = self.take(now, &step);
        taken.map_err(|why| self.talk.flaw(why))
    }

    /// Carries out an answer, or refuses it; an error is one that ends a run.
    fn take(&mut self, now: i64, step: &Step) -> Result<(), String> {
        for pod in &step.releases {
            if !self.held.remove(pod) {
                return Err(format!("it releases pod {pod}, which it doesn't hold"));
            }
        }
        for pod in &step.evicts {
            if !self.pods.contains(pod) {
                return Err(format!("it evicts pod {pod}, which isn't there"));
            }
            self.end(*pod);
        }
        for own in step.holds.iter().chain(&step.binds) {
            if !self.pods.contains(&own.pod) {
                return Err(format!("it names pod {}, which isn't there", own.pod));
            }
            if !self.nodes.contains(&own.node) {
                return Err(format!("it names node {}, which isn't there", own.node));
            }
        }
        for own in &step.holds {
            if !self.held.insert(own.pod) {
                return Err(format!("it holds pod {} twice", own.pod));
            }
        }
        for own in &step.binds {
            self.held.remove(&own.pod);
            let place = (own.pod, own.node);
            if self.refused.contains(&place) {
                return Err(format!(
                    "it binds pod {} to node {} again, which was refused while nothing has changed since",
                    own.pod, own.node
                ));
            }
            if self.refuses || !self.waiting.contains(&own.pod) {
                self.refused.insert(place);
                let why = if self.refuses {
                    "no room"
                } else {
                    "the pod has a node"
                };
                self.request.refused.push(RefusedWrite {
                    pod: own.pod,
                    node: Some(own.node),
                    why: why.to_owned(),
                });
            } else {
                self.bind(own.pod, own.node);
            }
        }
        self.wake = match step.wake {
            Some(at) if at <= now => {
                return Err(format!(
                    "it wants to be asked again at {at}, which isn't later than {now}"
                ));
            }
            wake => wake,
        };
        Ok(())
    }

    /// Goes on until nothing changes any more, a few instants at most.
    fn settle(&mut self) -> Result<(), Flaw> {
        for _ in 0..8 {
            let StepRequest {
                now: _,
                nodes,
                gone,
                pods,
                bound,
                ended,
                refused,
            } = &self.request;
            let is_quiet = nodes.is_empty() && gone.is_empty() && pods.is_empty();
            let is_quiet = is_quiet && bound.is_empty() && ended.is_empty() && refused.is_empty();
            match self.wake {
                None if is_quiet => return Ok(()),
                Some(at) if is_quiet => self.request.now = at,
                _ => {}
            }
            self.step()?;
        }
        Ok(())
    }
}
