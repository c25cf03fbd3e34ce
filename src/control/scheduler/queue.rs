//! The scheduling queue of the pipeline. Pods wait in the order of the profile's key, ties in order
//! of creation. A class that fitted nowhere is blocked as a whole: its pods, alike in everything a
//! filter may look at, would fail alike, so none of them is tried until something was freed.

use std::collections::{BTreeSet, VecDeque};

use crate::cluster::{Class, Store};
use crate::model::{Pod, PodRef};
use crate::units::SpecId;

/// Which pod goes first.
pub trait QueueOrder: Send {
    /// Its name in the registry.
    fn name(&self) -> &'static str;

    /// The key of a pod; the smallest goes first, equal keys in order of creation.
    fn key(&self, pod: &Pod, class: &Class) -> i64;

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
    heads: BTreeSet<(Place, SpecId)>,
    /// Classes that fitted nowhere.
    blocked: Vec<SpecId>,
    /// Blocked classes with pods of which nothing was said yet.
    stirred: Vec<SpecId>,
    waiting: usize,
}

#[derive(Clone, Debug, Default)]
struct ClassQueue {
    places: BTreeSet<Place>,
    blocked: bool,
    /// Pods that came since the class was blocked last, and of which nothing was said yet.
    untold: VecDeque<Place>,
}

impl Queue {
    /// Adds a pod; one that has ended already is left out.
    pub fn push(&mut self, order: &dyn QueueOrder, store: &Store, pod: PodRef) {
        let Some(record) = store.pods().get(pod) else {
            return;
        };
        let place = (order.key(record, store.class(record.spec)), pod);
        let spec = record.spec;
        if self.classes.len() <= spec.index() {
            self.classes
                .resize_with(spec.index() + 1, ClassQueue::default);
        }
        let class = &mut self.classes[spec.index()];
        let head = class.places.first().copied();
        if !class.places.insert(place) {
            return;
        }
        self.waiting += 1;
        class.untold.push_back(place);
        if class.blocked {
            self.stirred.push(spec);
            return;
        }
        if head.is_none_or(|head| place < head) {
            if let Some(head) = head {
                self.heads.remove(&(head, spec));
            }
            self.heads.insert((place, spec));
        }
    }

    /// Takes the first pod out.
    pub fn pop(&mut self) -> Option<PodRef> {
        let ((key, pod), spec) = self.heads.pop_first()?;
        self.take(spec, (key, pod));
        Some(pod)
    }

    /// Takes a pod out wherever it waits.
    pub fn remove(&mut self, order: &dyn QueueOrder, store: &Store, pod: &Pod) {
        let place = (order.key(pod, store.class(pod.spec)), pod.pod);
        let known = self
            .classes
            .get(pod.spec.index())
            .is_some_and(|class| class.places.contains(&place));
        if known {
            self.heads.remove(&(place, pod.spec));
            self.take(pod.spec, place);
        }
    }

    /// Blocks a class of which `tried` fitted nowhere and was told so.
    pub fn block(&mut self, spec: SpecId, tried: PodRef) {
        let Some(class) = self.classes.get_mut(spec.index()) else {
            return;
        };
        class.untold.retain(|&(_, pod)| pod != tried);
        self.stirred.push(spec);
        if !class.blocked {
            class.blocked = true;
            self.blocked.push(spec);
            if let Some(&head) = class.places.first() {
                self.heads.remove(&(head, spec));
            }
        }
    }

    /// Hands over the pods of blocked classes of which nothing was said yet: they are known not to
    /// fit without an attempt of their own.
    pub fn tell_misfits(&mut self, mut misfit: impl FnMut(PodRef)) {
        for spec in self.stirred.drain(..) {
            let class = &mut self.classes[spec.index()];
            if class.blocked {
                let places = &class.places;
                let waiting = class
                    .untold
                    .drain(..)
                    .filter(|place| places.contains(place));
                waiting.for_each(|(_, pod)| misfit(pod));
            }
        }
    }

    /// Something was freed: every class may be tried again.
    pub fn unblock(&mut self) {
        for spec in self.blocked.drain(..) {
            let class = &mut self.classes[spec.index()];
            class.blocked = false;
            if let Some(&head) = class.places.first() {
                self.heads.insert((head, spec));
            }
        }
    }

    /// Whether no pod may be tried now.
    pub fn is_idle(&self) -> bool {
        self.heads.is_empty()
    }

    /// How many pods wait.
    pub fn len(&self) -> usize {
        self.waiting
    }

    /// Whether no pod waits.
    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    fn take(&mut self, spec: SpecId, place: Place) {
        let class = &mut self.classes[spec.index()];
        class.places.remove(&place);
        self.waiting -= 1;
        if class.untold.front() == Some(&place) {
            class.untold.pop_front();
        }
        if class.places.is_empty() {
            class.untold.clear();
        }
        if !class.blocked
            && let Some(&head) = class.places.first()
        {
            self.heads.insert((head, spec));
        }
    }
}
