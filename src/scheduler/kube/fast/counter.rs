//! Counts of pods by domain, brought up to date with every pod that comes or leaves.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::bits::{self, Set};
use super::class_index::ClassIndex;
use super::key::{Key, NONE};
use super::sites::Sites;
use crate::kube::Cache;
use crate::kube::PodClass;
use crate::kube::cacheable::{ClassCount, PodCount};
use crate::kube::change_log::Change;
use model::Text;

/// One rule's count.
pub(super) struct Counter {
    /// The position of its key.
    pub(super) key: usize,
    /// Counts by domain.
    pub(super) counts: Vec<i32>,
    /// Total over all domains.
    pub(super) total: i64,
    /// No count was ever larger.
    pub(super) most: i32,
    /// Nodes in domains where something is counted, if a rule asks.
    pub(super) some: Option<Set>,
    /// Nodes whose pods count; `None` are all.
    included: Option<Arc<Set>>,
    only_staying: bool,
    of_class: ClassCount,
    /// The numbers of the classes with a weight.
    classes: Vec<u32>,
    /// A count does not fit.
    pub(super) is_broken: bool,
    /// Memory that is accounted for, in bytes.
    bytes: usize,
    /// Identity by which plans share it.
    name: Option<CounterName>,
    /// Number of times that plans name it.
    users: usize,
}

/// Identity of a counter: the name of its pods, the position of its key, the set of nodes whose pods
/// count, by where it is in memory, and whether it keeps the nodes in domains with a count.
type CounterName = (Text, usize, Option<usize>, bool);

/// A counter that a plan asks for.
pub(super) struct CounterRequest<'a> {
    pub(super) pods: &'a PodCount,
    /// The position of its key.
    pub(super) key: usize,
    /// Nodes whose pods count; `None` are all.
    pub(super) included: Option<Arc<Set>>,
    /// Whether it keeps the nodes in domains with a count.
    pub(super) tells_some: bool,
}

impl CounterRequest<'_> {
    fn name(&self) -> Option<CounterName> {
        let set = self.included.as_ref().map(|set| Arc::as_ptr(set).addr());
        Some((self.pods.name.clone()?, self.key, set, self.tells_some))
    }
}

/// Number of classes up to which debug builds check that no class was passed over.
const MOST_CHECKED: usize = 64;

/// Weight of a class in a counter.
#[derive(Clone, Copy)]
struct Weight {
    counter: u32,
    weight: i32,
}

/// A cache and the places of its nodes.
#[derive(Clone, Copy)]
pub(super) struct Slots<'a> {
    pub(super) cache: &'a Cache,
    pub(super) sites: &'a Sites,
}

/// All counters.
#[derive(Default)]
pub(super) struct Counters {
    all: Vec<Option<Counter>>,
    free: Vec<usize>,
    numbers: FxHashMap<CounterName, usize>,
    /// By the number of a class.
    by_class: Vec<Vec<Weight>>,
    index: ClassIndex,
    /// Memory of the counters, in bytes.
    pub(super) bytes: usize,
}

impl Counter {
    /// A counter that has counted nothing yet.
    fn new(asked: CounterRequest<'_>, keys: &[Key], nodes: usize) -> Self {
        Self {
            name: asked.name(),
            users: 1,
            key: asked.key,
            counts: vec![0; keys[asked.key].domains],
            total: 0,
            most: 0,
            some: asked.tells_some.then(|| bits::empty(nodes)),
            included: asked.included,
            only_staying: asked.pods.only_staying,
            of_class: asked.pods.of_class.clone(),
            classes: Vec::new(),
            is_broken: false,
            bytes: 0,
        }
    }

    /// Number of nodes whose pods count, in each domain, of those that are there.
    pub(super) fn nodes_by_domain(&self, key: &Key, sites: &Sites) -> Vec<u32> {
        let mut nodes = vec![0; key.domains];
        for (place, &domain) in key.of_place.iter().enumerate() {
            let is_included = |set: &Arc<Set>| bits::has(set, place);
            if domain != NONE
                && !sites.is_absent(place)
                && self.included.as_ref().is_none_or(is_included)
            {
                nodes[domain as usize] += 1;
            }
        }
        nodes
    }

    fn add(&mut self, key: &Key, place: usize, amount: i64) {
        let domain = key.of_place[place] as usize;
        let is_out = |set: &Arc<Set>| !bits::has(set, place);
        if domain == NONE as usize || self.included.as_ref().is_some_and(is_out) {
            return;
        }
        let before = self.counts[domain];
        let Ok(after) = i32::try_from(i64::from(before) + amount) else {
            self.is_broken = true;
            return;
        };
        self.counts[domain] = after;
        self.total += amount;
        self.most = self.most.max(after);
        if let Some(some) = &mut self.some
            && (before > 0) != (after > 0)
        {
            for &place in key.places(domain) {
                bits::put(some, place as usize, after > 0);
            }
        }
    }

    fn measured(&self) -> usize {
        let some = self.some.as_ref().map_or(0, |set| size_of_val(&**set));
        4 * (self.counts.len() + self.classes.len()) + some + size_of::<Self>()
    }
}

impl Counters {
    /// The number of a counter, which is added if none of its name is there.
    pub(super) fn insert(
        &mut self,
        asked: CounterRequest<'_>,
        keys: &[Key],
        slots: Slots<'_>,
    ) -> usize {
        let name = asked.name();
        let known = name.as_ref().and_then(|name| self.numbers.get(name));
        if let Some(&number) = known
            && let Some(counter) = &mut self.all[number]
        {
            counter.users += 1;
            return number;
        }
        let pods = asked.pods;
        let mut counter = Counter::new(asked, keys, slots.sites.count());
        let number = self.free.pop().unwrap_or_else(|| {
            self.all.push(None);
            self.all.len() - 1
        });
        let placements = slots.cache.placements();
        self.by_class
            .resize_with(placements.known_count(), Vec::new);
        let candidates = self.index.candidates(&pods.among, slots.cache);
        debug_assert!(
            placements.known_count() > MOST_CHECKED || { (0_u32..).zip(placements.known()) }.all(
                |(number, class)| {
                    candidates.binary_search(&number).is_ok() || (counter.of_class)(class) == 0
                }
            ),
            "classes outside {:?} count",
            pods.among
        );
        for class_number in candidates {
            let Some(class) = placements.class(class_number as usize) else {
                continue;
            };
            let weight = (counter.of_class)(class);
            if weight == 0 {
                continue;
            }
            let list = &mut self.by_class[class_number as usize];
            counter.tell(list, class_number, number, weight);
            let nodes = placements
                .of(class)
                .into_iter()
                .flat_map(|own| own.nodes.iter());
            for (slot, held) in nodes {
                let Some(place) = slots.sites.place_of(slot) else {
                    continue;
                };
                let pods = if counter.only_staying {
                    held.staying
                } else {
                    held.all
                };
                counter.add(&keys[counter.key], place, weight * i64::from(pods));
            }
        }
        self.numbers.extend(name.map(|name| (name, number)));
        counter.bytes = counter.measured();
        self.bytes += counter.bytes;
        self.all[number] = Some(counter);
        number
    }

    /// Takes counters away that no plan names any more; each number comes as often as dropped plans
    /// name it, in ascending order.
    pub(super) fn remove(&mut self, numbers: &[usize]) {
        if numbers.is_empty() {
            return;
        }
        for &number in numbers {
            if let Some(counter) = &mut self.all[number]
                && counter.users > 1
            {
                counter.users -= 1;
                continue;
            }
            if let Some(counter) = self.all[number].take() {
                if let Some(name) = &counter.name {
                    self.numbers.remove(name);
                }
                for &class in &counter.classes {
                    self.by_class[class as usize].retain(|own| own.counter as usize != number);
                }
                self.bytes -= counter.bytes;
                self.free.push(number);
            }
        }
    }

    /// A class was seen for the first time.
    pub(super) fn meet(&mut self, class: &Arc<PodClass>) {
        let mut list = Vec::new();
        let class_number = self.by_class.len() as u32;
        for (number, counter) in self.all.iter_mut().enumerate() {
            if let Some(counter) = counter {
                let weight = (counter.of_class)(class);
                if weight != 0 {
                    counter.tell(&mut list, class_number, number, weight);
                }
            }
        }
        self.by_class.push(list);
    }

    /// Number of classes met.
    pub(super) fn met(&self) -> usize {
        self.by_class.len()
    }

    /// Takes the number of classes as met without a look at them: there are no counters.
    pub(super) fn start(&mut self, classes: usize) {
        *self = Self::default();
        self.by_class.resize_with(classes, Vec::new);
    }

    /// Pods came or left.
    pub(super) fn apply(&mut self, change: Change, place: usize, keys: &[Key]) {
        let Some(weights) = self.by_class.get(change.class as usize) else {
            return;
        };
        for own in weights {
            if let Some(counter) = &mut self.all[own.counter as usize] {
                let pods = if counter.only_staying {
                    change.staying
                } else {
                    change.all
                };
                let amount = i64::from(own.weight) * i64::from(pods);
                counter.add(&keys[counter.key], place, amount);
            }
        }
    }

    pub(super) fn get(&self, number: usize) -> &Counter {
        let counter = self.all[number].as_ref();
        counter.expect("invariant: a plan's counters are there as long as the plan")
    }
}

impl Counter {
    fn tell(&mut self, list: &mut Vec<Weight>, class: u32, number: usize, weight: i64) {
        match i32::try_from(weight) {
            Ok(weight) => {
                self.classes.push(class);
                list.push(Weight {
                    counter: number as u32,
                    weight,
                });
            }
            Err(_) => self.is_broken = true,
        }
    }
}
