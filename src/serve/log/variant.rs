//! The log of a variant as columns, and what each event does to nodes and pods.

use super::amounts::{Amounts, AmountsId};
use super::line::Line;
use super::words::{Word, Words};

/// Number of an object of a variant.
pub(crate) type ObjectId = u32;
/// No object, and no node.
pub(crate) const NONE: u32 = u32::MAX;

/// Least events between two copies of the state of nodes.
const LEAST_STEP: usize = 4_096;
/// Events between two copies, as a multiple of the nodes: a copy costs as much as that many events.
const EVENTS_A_NODE: usize = 4;

/// Phase of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It is not there.
    #[default]
    Gone,
    /// It has no node.
    Pending,
    /// It has a node, and does not run yet.
    Starting,
    /// It runs.
    Running,
    /// It is to end.
    Terminating,
}

/// Count of phases.
pub(crate) const PHASES: usize = 5;

impl Phase {
    /// Name on the page.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gone => "ended",
            Self::Pending => "pending",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Terminating => "terminating",
        }
    }
}

/// Condition of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It is not there.
    #[default]
    Absent,
    /// It takes pods.
    Up,
    /// It is down, or not heard.
    Down,
}

/// Effect of an event on a node and on the counts of pods.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effect {
    /// None.
    Nothing,
    /// A pod is created.
    Created {
        /// What it asks for.
        amounts: AmountsId,
        /// Phase before, of one of the same name.
        from: Phase,
    },
    /// A pod changes its phase, without a node.
    Phase {
        /// Phase before.
        from: Phase,
        /// Phase after.
        to: Phase,
    },
    /// A pod comes to a node or leaves it.
    Moved {
        /// The node.
        node: u32,
        /// What it asks for.
        amounts: AmountsId,
        /// Phase before.
        from: Phase,
        /// Phase after.
        to: Phase,
    },
    /// What pods of a node ask for changes.
    Resized {
        /// The node.
        node: u32,
        /// The difference.
        amounts: AmountsId,
        /// What the pod asks for from now on.
        after: AmountsId,
    },
    /// A node is declared.
    Declared {
        /// The node.
        node: u32,
        /// What it has.
        amounts: AmountsId,
    },
    /// A node changes its condition.
    Condition {
        /// The node.
        node: u32,
        /// Condition after.
        to: Condition,
    },
}

impl Phase {
    /// Whether a pod of this phase holds its node.
    pub(crate) const fn holds_node(self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Terminating)
    }
}

/// Object of the log.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    /// Name, as `KIND/NAMESPACE/NAME`.
    pub(crate) name: Word,
    /// Object that owns it.
    pub(crate) owner: ObjectId,
    /// Its events, in order.
    pub(crate) events: Vec<u32>,
    /// Its number among the nodes.
    pub(crate) node: u32,
}

/// State of a pod while the log is read.
#[derive(Clone, Copy, Debug, Default)]
struct PodState {
    phase: Phase,
    node: u32,
    amounts: AmountsId,
}

/// State of the nodes and counts of the pods after some events.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// Thousandths in use, by resource and node.
    pub(crate) used: Vec<Vec<i64>>,
    /// What each node has.
    pub(crate) capacity: Vec<AmountsId>,
    /// Condition of each node.
    pub(crate) condition: Vec<Condition>,
    /// Count of pods on each node.
    pub(crate) pods: Vec<u32>,
    /// Count of pods by phase.
    pub(crate) phases: [u32; PHASES],
}

impl State {
    fn reach(&mut self, node: u32, resources: usize) -> usize {
        let at = node as usize;
        if self.pods.len() <= at {
            self.capacity.resize(at + 1, 0);
            self.condition.resize(at + 1, Condition::Absent);
            self.pods.resize(at + 1, 0);
        }
        if self.used.len() < resources {
            self.used.resize(resources, Vec::new());
        }
        for own in &mut self.used {
            own.resize(self.pods.len(), 0);
        }
        at
    }

    fn count(&mut self, from: Phase, to: Phase) {
        let own = &mut self.phases[from as usize];
        *own = own.saturating_sub(1);
        self.phases[to as usize] += 1;
    }

    /// Applies an effect.
    pub(crate) fn apply(&mut self, effect: Effect, amounts: &Amounts) {
        let resources = amounts.resources.len();
        match effect {
            Effect::Nothing => {}
            Effect::Created { from, .. } => self.count(from, Phase::Pending),
            Effect::Phase { from, to } => self.count(from, to),
            Effect::Moved {
                node,
                amounts: list,
                from,
                to,
            } => {
                self.count(from, to);
                let at = self.reach(node, resources);
                let sign = if to.holds_node() { 1 } else { -1 };
                self.pods[at] = self.pods[at].saturating_add_signed(sign);
                for (resource, milli) in amounts.get(list) {
                    self.used[*resource][at] += i64::from(sign) * milli;
                }
            }
            Effect::Resized {
                node,
                amounts: list,
                ..
            } => {
                let at = self.reach(node, resources);
                for (resource, milli) in amounts.get(list) {
                    self.used[*resource][at] += milli;
                }
            }
            Effect::Declared {
                node,
                amounts: list,
            } => {
                let at = self.reach(node, resources);
                self.capacity[at] = list;
                if self.condition[at] == Condition::Absent {
                    self.condition[at] = Condition::Up;
                }
            }
            Effect::Condition { node, to } => {
                let at = self.reach(node, resources);
                self.condition[at] = to;
            }
        }
    }
}

/// The log of a variant.
#[derive(Default)]
pub(crate) struct Variant {
    /// Name of the variant.
    pub(crate) name: String,
    /// Texts of the log.
    pub(crate) words: Words,
    /// Amounts of the log.
    pub(crate) amounts: Amounts,
    /// Kinds of events, by number.
    pub(crate) kinds: Vec<String>,
    /// Instant of each event.
    pub(crate) times: Vec<i64>,
    /// Kind of each event.
    pub(crate) kind_of: Vec<u8>,
    /// Object of each event.
    pub(crate) object_of: Vec<ObjectId>,
    /// Details of each event.
    pub(crate) what_of: Vec<Word>,
    /// Effect of each event.
    pub(crate) effects: Vec<Effect>,
    /// The objects.
    pub(crate) objects: Vec<Object>,
    /// Objects by the number of their names.
    by_name: Vec<ObjectId>,
    /// Objects that are nodes, in the order in which they joined.
    pub(crate) nodes: Vec<ObjectId>,
    /// Pods that ever had each node.
    pub(crate) pods_of: Vec<Vec<ObjectId>>,
    /// Where a node is, as it said when it joined.
    pub(crate) place_of: Vec<Word>,
    pods: Vec<PodState>,
    /// Copies of the state: how many events they follow.
    copies: Vec<(usize, State)>,
    /// State after all events.
    state: State,
}

impl Variant {
    /// The log of a variant, still empty.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// Count of events.
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// Number of an object by its name.
    pub(crate) fn find(&self, name: &str) -> Option<ObjectId> {
        let word = self.words.find(name)? as usize;
        self.by_name.get(word).copied().filter(|id| *id != NONE)
    }

    /// Name of an object.
    pub(crate) fn name(&self, object: ObjectId) -> &str {
        self.words.get(self.objects[object as usize].name)
    }

    /// Name of a node, without its kind.
    pub(crate) fn node_name(&self, node: u32) -> &str {
        let name = self.name(self.nodes[node as usize]);
        name.strip_prefix("Node/").unwrap_or(name)
    }

    fn object(&mut self, name: &str) -> ObjectId {
        let word = self.words.add(name) as usize;
        if self.by_name.len() <= word {
            self.by_name.resize(word + 1, NONE);
        }
        if self.by_name[word] == NONE {
            self.by_name[word] = self.objects.len() as ObjectId;
            self.objects.push(Object {
                name: word as Word,
                owner: NONE,
                events: Vec::new(),
                node: NONE,
            });
            self.pods.push(PodState {
                node: NONE,
                ..PodState::default()
            });
        }
        self.by_name[word]
    }

    fn node(&mut self, object: ObjectId) -> u32 {
        let own = &mut self.objects[object as usize].node;
        if *own == NONE {
            *own = self.nodes.len() as u32;
            self.nodes.push(object);
            self.pods_of.push(Vec::new());
            self.place_of.push(0);
        }
        *own
    }

    /// Adds an event. One that comes late counts as of the last instant.
    pub(crate) fn push(&mut self, line: &Line<'_>) {
        let time = self.times.last().copied().unwrap_or(i64::MIN);
        let object = self.object(&line.object);
        let amounts = { line.amounts.0.iter() }.map(|(name, amount)| (&**name, &**amount));
        let amounts = self.amounts.add(amounts);
        let kind = self.kind(&line.kind);
        let what = self.words.add(&line.what);
        if !line.owner.is_empty() {
            let owner = self.object(&line.owner);
            self.objects[object as usize].owner = owner;
        }
        let effect = match line.object.split_once('/') {
            Some(("Pod", _)) => self.of_pod(object, line, amounts),
            Some(("Node", _)) => self.of_node(object, line, amounts, what),
            _ => Effect::Nothing,
        };
        let number = self.times.len() as u32;
        self.times.push(line.time_ns.max(time));
        self.kind_of.push(kind);
        self.object_of.push(object);
        self.what_of.push(what);
        self.effects.push(effect);
        self.objects[object as usize].events.push(number);
        self.state.apply(effect, &self.amounts);
        let last = self.copies.last().map_or(0, |(events, _)| *events);
        let step = LEAST_STEP.max(self.nodes.len() * EVENTS_A_NODE);
        if self.times.len() >= last + step {
            self.copies.push((self.times.len(), self.state.clone()));
        }
    }

    fn kind(&mut self, kind: &str) -> u8 {
        let found = self.kinds.iter().position(|known| known == kind);
        let number = found.unwrap_or_else(|| {
            self.kinds.push(kind.to_owned());
            self.kinds.len() - 1
        });
        // There are some forty; a log with more is not one of this program's.
        u8::try_from(number).unwrap_or(u8::MAX)
    }

    fn of_node(&mut self, object: ObjectId, line: &Line<'_>, amounts: u32, what: Word) -> Effect {
        let to = match &*line.kind {
            "joined" | "changed" => {
                let node = self.node(object);
                if line.kind == "joined" {
                    self.place_of[node as usize] = what;
                }
                return Effect::Declared { node, amounts };
            }
            "up" | "heard" => Condition::Up,
            "down" | "silent" => Condition::Down,
            "left" => Condition::Absent,
            _ => return Effect::Nothing,
        };
        let node = self.node(object);
        Effect::Condition { node, to }
    }

    fn of_pod(&mut self, object: ObjectId, line: &Line<'_>, amounts: AmountsId) -> Effect {
        let state = self.pods[object as usize];
        let from = state.phase;
        let to = match &*line.kind {
            // One of the same name that never ended keeps its node in the log.
            "created" if from.holds_node() => return Effect::Nothing,
            "created" => {
                let own = &mut self.pods[object as usize];
                (own.amounts, own.phase) = (amounts, Phase::Pending);
                return Effect::Created { amounts, from };
            }
            "bound" => return self.bound(object, line),
            "starting" if from.holds_node() => Phase::Starting,
            "running" if from.holds_node() => Phase::Running,
            "terminating" if from.holds_node() => Phase::Terminating,
            "resized" => {
                self.pods[object as usize].amounts = amounts;
                if !from.holds_node() {
                    return Effect::Nothing;
                }
                return Effect::Resized {
                    node: state.node,
                    amounts: self.amounts.difference(amounts, state.amounts),
                    after: amounts,
                };
            }
            // It goes on elsewhere, where it is bound next.
            "moved" => Phase::Pending,
            "ended" | "deleted" => Phase::Gone,
            _ => return Effect::Nothing,
        };
        let own = &mut self.pods[object as usize];
        own.phase = to;
        if from.holds_node() && !to.holds_node() {
            own.node = NONE;
            let (node, amounts) = (state.node, state.amounts);
            return Effect::Moved {
                node,
                amounts,
                from,
                to,
            };
        }
        Effect::Phase { from, to }
    }

    fn bound(&mut self, pod: ObjectId, line: &Line<'_>) -> Effect {
        let state = self.pods[pod as usize];
        let Some(name) = line
            .what
            .strip_prefix("to ")
            .filter(|_| !state.phase.holds_node())
        else {
            return Effect::Nothing;
        };
        let object = self.object(&format!("Node/{name}"));
        let node = self.node(object);
        let own = &mut self.pods[pod as usize];
        (own.phase, own.node) = (Phase::Starting, node);
        self.pods_of[node as usize].push(pod);
        Effect::Moved {
            node,
            amounts: state.amounts,
            from: state.phase,
            to: Phase::Starting,
        }
    }

    /// State after the first events.
    pub(crate) fn state_after(&self, events: usize) -> State {
        let events = events.min(self.len());
        if events == self.len() {
            return self.state.clone();
        }
        let copy = self.copies.partition_point(|(after, _)| *after <= events);
        let (start, mut state) = match copy.checked_sub(1) {
            Some(copy) => self.copies[copy].clone(),
            None => (0, State::default()),
        };
        for effect in &self.effects[start..events] {
            state.apply(*effect, &self.amounts);
        }
        state
    }

    /// Count of events up to an instant, that included.
    pub(crate) fn events_until(&self, time_ns: i64) -> usize {
        self.times.partition_point(|own| *own <= time_ns)
    }
}
