//! A census of the pods of a run: those with a machine, those without, and those that were rejected.

use std::sync::Arc;

use cluster::{Observer, Store};
use model::{EndReason, Event, Node, Pod, PodCreated, PodName, PodRef, Text};
use units::{ClassId, Instant, ObjectId, SortedMap};

use super::constraints::is_picky;

/// Census of the pods of a run.
pub(super) struct Census<'a> {
    /// The machines of the whole cell.
    nodes: &'a [Arc<Node>],
    pods: Vec<Counted>,
    /// Namespaces and names of these.
    names: Vec<(Text, PodName)>,
    /// Whether a class is picky, as far as that was asked.
    picky: Vec<Option<bool>>,
    /// Number of pods that nobody made from an object and that were rejected.
    rejected: u64,
    /// The objects that made pods.
    makers: SortedMap<ObjectId, Maker>,
}

/// A pod in the census.
#[derive(Clone, Copy, Default)]
struct Counted {
    is_picky: bool,
    is_alive: bool,
    is_bound: bool,
    owner: Option<ObjectId>,
}

/// An object that made pods.
#[derive(Clone, Copy, Default)]
struct Maker {
    alive: u64,
    /// Number of pods that it lacks by its declaration, since some were rejected.
    declared: u64,
}

impl<'a> Census<'a> {
    /// A census that has counted nothing yet, for a cell of some machines.
    pub(super) fn of(nodes: &'a [Arc<Node>]) -> Self {
        Self {
            nodes,
            pods: Vec::new(),
            names: Vec::new(),
            picky: Vec::new(),
            rejected: 0,
            makers: SortedMap::new(),
        }
    }

    /// Number of pods with a machine.
    pub(super) fn placed(&self) -> u64 {
        self.pods.iter().filter(|own| own.is_bound).count() as u64
    }

    /// Number of pods that were rejected, apart from those of objects.
    pub(super) const fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Number of pods that objects have, with those that they lack because they were rejected.
    pub(super) fn wanted_by_objects(&self) -> u64 {
        { self.makers.values() }
            .map(|own| own.alive.max(own.declared))
            .sum()
    }

    /// Number of picky pods without a machine.
    pub(super) fn waiting_picky(&self) -> u64 {
        let waiting = |own: &&Counted| own.is_alive && own.is_picky && !own.is_bound;
        self.pods.iter().filter(waiting).count() as u64
    }

    /// The first pod without a machine, `NAMESPACE/NAME`, one that is not picky if there is any.
    pub(super) fn first_waiting(&self) -> Option<String> {
        let pods = self.pods.iter().zip(&self.names);
        let waiting = pods.filter(|(own, _)| own.is_alive && !own.is_bound);
        let first = waiting.min_by_key(|(own, _)| own.is_picky);
        // Pods of logs are in no namespace.
        first.map(|(_, (namespace, name))| match &**namespace {
            "" => name.text().to_string(),
            namespace => format!("{namespace}/{}", name.text()),
        })
    }

    fn pod(&mut self, pod: PodRef) -> &mut Counted {
        let place = pod.id.0 as usize;
        if place >= self.pods.len() {
            self.pods.resize(place + 1, Counted::default());
            self.names
                .resize(place + 1, (Text::default(), PodName::Job(0)));
        }
        &mut self.pods[place]
    }

    fn is_picky(&mut self, class: ClassId, store: &Store) -> bool {
        let place = class.index();
        if place >= self.picky.len() {
            self.picky.resize(place + 1, None);
        }
        *self.picky[place].get_or_insert_with(|| is_picky(&store.class(class).spec, self.nodes))
    }

    fn created(&mut self, created: &PodCreated, store: &Store) {
        let owner = created.owner.map(|owner| owner.object);
        if let Some(owner) = owner {
            self.makers.entry(owner).or_default().alive += 1;
        }
        let is_picky = self.is_picky(created.class, store);
        *self.pod(created.pod) = Counted {
            is_picky,
            is_alive: true,
            is_bound: false,
            owner,
        };
        let namespace = store.class(created.class).spec.namespace.clone();
        self.names[created.pod.id.0 as usize] = (namespace, created.name.clone());
    }

    fn ended(&mut self, pod: PodRef, reason: EndReason, store: &Store) {
        let own = std::mem::take(self.pod(pod));
        let is_rejected = reason == EndReason::Rejected;
        let Some(owner) = own.owner else {
            self.rejected += u64::from(is_rejected);
            return;
        };
        let maker = self.makers.entry(owner).or_default();
        if is_rejected {
            // The pod that found no place may be made again at any time, so that it is missing now.
            let object = store.objects().get(owner);
            let declared = object.and_then(|row| row.object.replicas());
            let declared = declared.and_then(|(count, _)| u64::try_from(count).ok());
            maker.declared = maker.declared.max(declared.unwrap_or(maker.alive));
        }
        maker.alive = maker.alive.saturating_sub(1);
    }
}

impl Observer for Census<'_> {
    fn observe(&mut self, _at: Instant, event: &Event, _ended: Option<&Pod>, store: &Store) {
        match event {
            Event::PodCreated(created) => self.created(created, store),
            Event::PodBound { pod, .. } => self.pod(*pod).is_bound = true,
            Event::PodEnded { pod, reason } => self.ended(*pod, *reason, store),
            _ => {}
        }
    }
}
