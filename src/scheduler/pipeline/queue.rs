//! The scheduling queue of the pipeline. Pods wait in the order of the profile's key, ties in order
//! of creation. A class that fitted nowhere is blocked as a whole: its pods, alike in everything a
//! filter may look at, would fail alike, so none of them is tried until something was freed.

use std::collections::VecDeque;

use fixedbitset::FixedBitSet;

use cluster::{Class, Store};
use model::{Pod, PodRef, Text};
use units::{ClassId, PodId};

/// An order of the pods in the queue.
///
/// An order that lets small pods go first:
///
/// ```
/// use cluster::Class;
/// use model::Pod;
/// use scheduler::{Profile, QueueOrder};
///
/// #[derive(Clone, Copy)]
/// struct SmallFirst;
///
/// impl QueueOrder for SmallFirst {
///     fn name(&self) -> &'static str {
///         "small-first"
///     }
///
///     fn key(&self, _pod: &Pod, class: &Class) -> i64 {
///         class.requests.cpu_milli
///     }
///
///     fn clone_order(&self) -> Box<dyn QueueOrder> {
///         Box::new(*self)
///     }
/// }
///
/// /// The profile with its queue in the new order.
/// fn with_small_first(profile: Profile) -> Profile {
///     Profile { order: Box::new(SmallFirst), ..profile }
/// }
/// ```
pub trait QueueOrder: Send {
    /// The order's name in the registry.
    fn name(&self) -> &'static str;

    /// The key of a pod; the smallest goes first, equal keys in order of creation.
    fn key(&self, pod: &Pod, class: &Class) -> i64;

    /// Reason why the order can't go on, as a program outside has failed.
    fn failure(&self) -> Option<Text> {
        None
    }

    /// An equal order.
    fn clone_order(&self) -> Box<dyn QueueOrder>;
}

impl Clone for Box<dyn QueueOrder> {
    fn clone(&self) -> Self {
        self.clone_order()
    }
}

/// A place in the queue: key, then order of creation.
type Place = (i64, PodRef);

/// Pods that wait for a decision.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    /// The waiting pods of every class, by class index.
    classes: Vec<ClassQueue>,
    /// The first pod of every class that is not blocked and has pods.
    heads: Heads,
    /// Classes that fitted nowhere.
    blocked: Vec<ClassId>,
    /// Blocked classes with pods of which nothing was said yet.
    stirred: Vec<ClassId>,
    /// Pods that were refused by themselves and not with their class, until something is freed.
    apart: Vec<PodRef>,
    /// Slots with a waiting pod: most pods that end are in none of them, which makes the check
    /// cheap.
    waits: FixedBitSet,
    /// Whereabouts of the waiting pods, by slot: a pod that has ended has no record to look it up
    /// by.
    whereabouts: Vec<SlotEntry>,
    waiting: usize,
}

/// Whereabouts of a slot's pod, if one waits.
#[derive(Clone, Copy, Debug)]
struct SlotEntry {
    key: i64,
    id: PodId,
    class: ClassId,
}

const NOWHERE: SlotEntry = SlotEntry {
    key: 0,
    id: PodId(0),
    class: ClassId(0),
};

/// Heads of classes, the first one last.
#[derive(Clone, Debug, Default)]
struct Heads(Vec<(Place, ClassId)>);

impl Heads {
    fn position(&self, head: (Place, ClassId)) -> Result<usize, usize> {
        self.0.binary_search_by(|known| head.cmp(known))
    }

    fn insert(&mut self, head: (Place, ClassId)) {
        if let Err(position) = self.position(head) {
            self.0.insert(position, head);
        }
    }

    /// Adds many, of which none is there.
    fn extend(&mut self, heads: impl Iterator<Item = (Place, ClassId)>) {
        let known = self.0.len();
        self.0.extend(heads);
        if self.0.len() > known {
            self.0.sort_unstable_by(|one, other| other.cmp(one));
        }
    }

    fn remove(&mut self, head: (Place, ClassId)) {
        if let Ok(position) = self.position(head) {
            self.0.remove(position);
        }
    }
}

/// Places in order. Pods of a class come in the order of their places, or nearly so.
#[derive(Clone, Debug, Default)]
struct Line(VecDeque<Place>);

impl Line {
    /// Adds a place; returns whether it was not there.
    fn insert(&mut self, place: Place) -> bool {
        if self.0.back().is_none_or(|&last| last < place) {
            self.0.push_back(place);
            return true;
        }
        match self.0.binary_search(&place) {
            Ok(_) => false,
            Err(position) => {
                self.0.insert(position, place);
                true
            }
        }
    }

    fn remove(&mut self, place: Place) {
        if self.0.front() == Some(&place) {
            self.0.pop_front();
        } else if let Ok(position) = self.0.binary_search(&place) {
            self.0.remove(position);
        }
    }

    #[inline]
    fn first(&self) -> Option<Place> {
        self.0.front().copied()
    }
}

#[derive(Clone, Debug, Default)]
struct ClassQueue {
    places: Line,
    blocked: bool,
    /// Pods that came since the class was blocked last, and of which nothing was said yet.
    untold: Line,
}

impl Queue {
    /// Adds a pod; one that has ended already is left out.
    pub fn push(&mut self, order: &dyn QueueOrder, store: &Store, pod: PodRef) {
        let Some(record) = store.pods().get(pod) else {
            return;
        };
        let place = (order.key(record, store.class(record.class)), pod);
        let class = record.class;
        if self.classes.len() <= class.index() {
            self.classes
                .resize_with(class.index() + 1, ClassQueue::default);
        }
        let queue = &mut self.classes[class.index()];
        let head = queue.places.first();
        if !queue.places.insert(place) {
            return;
        }
        self.waiting += 1;
        let slot = pod.slot.index();
        if self.whereabouts.len() <= slot {
            self.whereabouts.resize(slot + 1, NOWHERE);
            self.waits.grow(slot + 1);
        }
        self.waits.insert(slot);
        self.whereabouts[slot] = SlotEntry {
            key: place.0,
            id: pod.id,
            class,
        };
        queue.untold.insert(place);
        if queue.blocked {
            self.stirred.push(class);
            return;
        }
        if head.is_none_or(|head| place < head) {
            if let Some(head) = head {
                self.heads.remove((head, class));
            }
            self.heads.insert((place, class));
        }
    }

    /// Place of a waiting pod, and its class.
    #[inline]
    fn find(&self, pod: PodRef) -> Option<(Place, ClassId)> {
        if !self.waits.contains(pod.slot.index()) {
            return None;
        }
        let known = self.whereabouts[pod.slot.index()];
        (known.id == pod.id).then_some(((known.key, pod), known.class))
    }

    /// Takes the first pod out.
    #[inline]
    pub fn pop(&mut self) -> Option<PodRef> {
        let ((key, pod), class) = self.heads.0.pop()?;
        self.take(class, (key, pod));
        Some(pod)
    }

    /// Takes a pod out if it waits: it has ended, or another scheduler placed it.
    pub fn remove(&mut self, pod: PodRef) {
        if let Some((place, class)) = self.find(pod) {
            self.heads.remove((place, class));
            self.take(class, place);
        } else if let Some(position) = self.apart.iter().position(|&known| known == pod) {
            self.apart.remove(position);
        }
    }

    /// Lets a pod wait until something is freed, without a word on others of its class.
    pub fn set_apart(&mut self, pod: PodRef) {
        self.apart.push(pod);
    }

    /// Blocks a class of which `tried` fitted nowhere and was reported unschedulable.
    pub fn block(&mut self, class: ClassId, tried: PodRef) {
        let place = self.find(tried);
        let Some(queue) = self.classes.get_mut(class.index()) else {
            return;
        };
        if let Some((place, _)) = place {
            queue.untold.remove(place);
        }
        self.stirred.push(class);
        if !queue.blocked {
            queue.blocked = true;
            self.blocked.push(class);
            if let Some(head) = queue.places.first() {
                self.heads.remove((head, class));
            }
        }
    }

    /// Hands over the pods of blocked classes of which nothing was said yet: they are known not to
    /// fit without an attempt of their own.
    pub fn tell_misfits(&mut self, mut misfit: impl FnMut(PodRef)) {
        if self.stirred.is_empty() {
            return;
        }
        for class in self.stirred.drain(..) {
            let queue = &mut self.classes[class.index()];
            if queue.blocked {
                for (_, pod) in queue.untold.0.drain(..) {
                    misfit(pod);
                }
            }
        }
    }

    /// Something was freed: every class may be tried again, and every pod that was set apart.
    pub fn unblock(&mut self, order: &dyn QueueOrder, store: &Store) {
        if !self.blocked.is_empty() {
            let classes = &mut self.classes;
            self.heads
                .extend(self.blocked.drain(..).filter_map(|class| {
                    let queue = &mut classes[class.index()];
                    queue.blocked = false;
                    Some((queue.places.first()?, class))
                }));
        }
        if !self.apart.is_empty() {
            for pod in std::mem::take(&mut self.apart) {
                self.push(order, store, pod);
            }
        }
    }

    /// Whether no pod may be tried now.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.heads.0.is_empty()
    }

    /// Number of waiting pods.
    pub fn len(&self) -> usize {
        self.waiting + self.apart.len()
    }

    /// Whether no pod waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn take(&mut self, class: ClassId, place: Place) {
        let queue = &mut self.classes[class.index()];
        queue.places.remove(place);
        self.waiting -= 1;
        self.waits.set(place.1.slot.index(), false);
        queue.untold.remove(place);
        if !queue.blocked
            && let Some(head) = queue.places.first()
        {
            self.heads.insert((head, class));
        }
    }
}
