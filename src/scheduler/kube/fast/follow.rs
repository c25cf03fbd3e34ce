//! Following a cache, and making plans.

use std::sync::Arc;

use super::bits::{self, Set, WORD};
use super::counter::{CounterRequest, Slots};
use super::declaration_answers::{self, DeclarationAnswers};
use super::key::Key;
use super::plan::{Draft, FastProfile, Plan, Rule, Spread};
use super::shape::{Nodes, Shape};
use super::sites::Sites;
use super::{Entry, Fast, ShapeKey, plan_key};
use crate::kube::cacheable::{
    AnswerScope, CacheableRule, CacheableSpread, NamedTest, NodeImages, NodeRow, PodCount,
};
use crate::kube::{Cache, KubeProfile, PodClass, PodInfo};
use model::ClusterObjects;

/// Whether plans rest on equal objects.
fn are_alike(one: &ClusterObjects, other: &ClusterObjects) -> bool {
    one.namespaces == other.namespaces
        && one.services == other.services
        && one.workloads == other.workloads
}

fn same_profile(one: &KubeProfile, other: &KubeProfile) -> bool {
    let plugins = one.plugins.iter().zip(&other.plugins);
    one.plugins.len() == other.plugins.len()
        && { plugins }.all(|(one, other)| Arc::ptr_eq(one, other))
        && one.pre_filter == other.pre_filter
        && one.filter == other.filter
        && one.score == other.score
        && one.post_filter == other.post_filter
}

impl Fast {
    /// Takes in what changed.
    pub(in crate::kube) fn follow(&mut self, cache: &Cache) {
        let identity = self.identity.as_ref();
        let is_same = identity.is_some_and(|identity| identity.is(cache.identity()));
        let changes = if is_same && self.follow_nodes(cache) {
            cache.log().since(self.position)
        } else {
            None
        };
        // Stamps are to fit.
        let fits = cache.log().end() - self.base < i32::MAX as u64;
        let Some(changes) = changes.filter(|_| fits && self.has_objects_of(cache)) else {
            self.start(cache);
            return;
        };
        if self.counters.met() < cache.placements().known_count() {
            self.meet_classes(cache);
        }
        for &change in changes {
            let slot = change.slot as usize;
            self.position += 1;
            let Some(place) = self.sites.place_of(slot) else {
                continue;
            };
            self.counters.apply(change, place, &self.keys);
            self.changed[place / WORD] = self.position;
            self.stamps[place / WORD][place % WORD] = (self.position - self.base) as i32;
            if let Some(node) = cache.node_in(slot) {
                self.rows[place] = NodeRow::of(node);
            }
        }
    }

    /// Takes in nodes that left and came back; `false` where more happened to nodes.
    fn follow_nodes(&mut self, cache: &Cache) -> bool {
        let log = cache.node_log();
        if self.node_version == log.end() {
            return true;
        }
        let changes = log.since(self.node_version);
        self.node_version = log.end();
        changes.is_some_and(|changes| self.sites.follow(cache, changes))
    }

    fn has_objects_of(&mut self, cache: &Cache) -> bool {
        let version = cache.objects.version();
        if version == self.objects_version {
            return true;
        }
        self.objects_version = version;
        if self.has_volumes {
            self.has_volumes = false;
            self.drop_plans(|_, entry| entry.has_volumes());
        }
        are_alike(&self.objects, &cache.objects)
    }

    /// Forgets everything.
    fn start(&mut self, cache: &Cache) {
        self.identity = Some(cache.identity().handle());
        self.node_version = cache.node_log().end();
        self.objects_version = cache.objects.version();
        let objects = &cache.objects;
        if !are_alike(&self.objects, objects) {
            self.objects.namespaces.clone_from(&objects.namespaces);
            self.objects.services.clone_from(&objects.services);
            self.objects.workloads.clone_from(&objects.workloads);
        }
        self.position = cache.log().end();
        self.sites = Sites::of(cache);
        self.rows.clear();
        self.rows.extend(cache.nodes().map(NodeRow::of));
        self.changed.clear();
        self.changed
            .resize(cache.node_count().div_ceil(WORD), self.position);
        self.base = self.position;
        self.stamps.clear();
        self.stamps.resize(self.changed.len(), [0; WORD]);
        self.plans.clear();
        self.shapes.clear();
        self.shape_numbers.clear();
        self.declared.clear();
        self.sets.clear();
        self.images = None;
        self.has_volumes = false;
        self.shape_bytes = 0;
        self.keys.clear();
        self.key_numbers.clear();
        self.counters.start(cache.placements().known_count());
    }

    fn meet_classes(&mut self, cache: &Cache) {
        let placements = cache.placements();
        while let Some(class) = placements.class(self.counters.met()) {
            self.counters.meet(class);
            if class.has_terms {
                self.drop_changed_by(cache, class);
            }
        }
    }

    fn drop_changed_by(&mut self, cache: &Cache, class: &PodClass) {
        self.drop_plans(|profiles, entry| match entry {
            Entry::By(plan) => plan.is_changed_by(&profiles[plan.profile], cache, class),
            Entry::Plainly(_) => false,
        });
    }

    /// Drops some plans and their counters.
    fn drop_plans(&mut self, is_dropped: impl Fn(&[FastProfile], &Entry) -> bool) {
        let profiles = &self.profiles;
        let mut dropped: Vec<usize> = Vec::new();
        self.plans.retain(|_, entry| {
            let is_dropped = is_dropped(profiles, entry);
            if let (true, Entry::By(plan)) = (is_dropped, entry) {
                dropped.extend(&plan.counters);
            }
            !is_dropped
        });
        dropped.sort_unstable();
        self.counters.remove(&dropped);
    }

    /// The position of the plan for a pod, which is made if it is new.
    pub(super) fn plan_for(
        &mut self,
        profile: &KubeProfile,
        cache: &Cache,
        pod: &PodInfo,
    ) -> usize {
        let mut profiles = self.profiles.iter();
        let known = profiles.position(|own| same_profile(&own.profile, profile));
        let number = known.unwrap_or_else(|| {
            self.profiles.push(FastProfile::new(profile));
            self.profiles.len() - 1
        });
        let key = plan_key(number, &pod.class);
        if let Some(position) = self.plans.get_index_of(&key) {
            return position;
        }
        let entry = match self.make(number, cache, pod) {
            Some(plan) => Entry::By(Box::new(plan)),
            None => Entry::Plainly(pod.class.clone()),
        };
        self.has_volumes |= entry.has_volumes();
        self.keep_to_budget();
        self.plans.insert_full(key, entry).0
    }

    fn make(&mut self, profile: usize, cache: &Cache, pod: &PodInfo) -> Option<Plan> {
        let mut draft = Draft::new(&self.profiles[profile], cache, pod)?;
        let key = self.shape_key(profile, &draft, pod);
        let shape = self.shape_for(key, cache, &draft)?;
        let mut plan = Plan {
            pod: Arc::new(pod.clone()),
            profile,
            shape,
            rules: Vec::new(),
            sums: Vec::new(),
            spreads: Vec::new(),
            counters: Vec::new(),
            used: self.tick,
            told: None,
            node_version: self.node_version,
        };
        for rule in std::mem::take(&mut draft.rules) {
            let rule = self.rule(cache, rule, &mut plan.counters);
            plan.rules.push(rule);
        }
        for (weight, pods) in &draft.sums {
            let counters = pods.iter().map(|pods| self.counter(cache, pods, false));
            let counters: Vec<usize> = counters.collect();
            plan.counters.extend(&counters);
            plan.sums.push((*weight, counters));
        }
        for (weight, kept) in &draft.spreads {
            let spread = self.spread(cache, *weight, kept, &mut plan.counters);
            plan.spreads.push(spread);
        }
        Some(plan)
    }

    /// Key by which the shape of a pod is found.
    fn shape_key(&self, profile: usize, draft: &Draft, pod: &PodInfo) -> ShapeKey {
        let spec = draft.spec_for_nodes(&self.profiles[profile], pod.spec());
        (profile, draft.tests.clone(), draft.points.clone(), spec)
    }

    fn shape_for(&mut self, key: ShapeKey, cache: &Cache, draft: &Draft) -> Option<usize> {
        if let Some(&place) = self.shape_numbers.get(&key) {
            // A plan is never newer than its shape, which so outlives it.
            self.shapes[place].as_mut()?.used = self.tick;
            return Some(place);
        }
        let class = PodClass::derive(Arc::new(key.3.clone()), cache.changes()).ok()?;
        let bare = Arc::new(PodInfo {
            class: Arc::new(class),
            ..PodInfo::default()
        });
        let nodes = Nodes {
            cache,
            sites: &self.sites,
            node_version: self.node_version,
            rows: &self.rows,
            changed: &self.changed,
            stamps: &self.stamps,
            base: self.base,
        };
        if draft
            .points
            .iter()
            .any(|point| point.rests == AnswerScope::OnNodes)
        {
            let images = || NodeImages::of(nodes.declared());
            self.images.get_or_insert_with(images);
        }
        let profile = &self.profiles[key.0];
        let own = declaration_answers::key(key.0, draft, &key.3);
        let own = self.declared.entry(own).or_insert_with(|| {
            let declared = DeclarationAnswers::new(profile, nodes, &bare, draft);
            self.shape_bytes += declared.bytes();
            Arc::new(declared)
        });
        let images = self.images.as_ref();
        let mut shape = Shape::new(profile, nodes, &bare, draft, own.clone(), images);
        shape.used = self.tick;
        self.shape_bytes += shape.bytes();
        let empty = self.shapes.iter().position(Option::is_none);
        let place = empty.unwrap_or_else(|| {
            self.shapes.push(None);
            self.shapes.len() - 1
        });
        self.shapes[place] = Some(shape);
        self.shape_numbers.insert(key, place);
        Some(place)
    }

    fn counter(&mut self, cache: &Cache, pods: &PodCount, tells_some: bool) -> usize {
        let included = pods.on_node.as_ref().map(|test| self.set(cache, test));
        let name = (pods.key.clone(), pods.is_per_node);
        let sites = &self.sites;
        let slots = Slots { cache, sites };
        let keys = &mut self.keys;
        let key = *self.key_numbers.entry(name).or_insert_with(|| {
            keys.push(if pods.is_per_node {
                Key::of_nodes(slots, &pods.key)
            } else {
                Key::of_values(slots, &pods.key)
            });
            keys.len() - 1
        });
        let asked = CounterRequest {
            pods,
            key,
            included,
            tells_some,
        };
        self.counters.insert(asked, &self.keys, slots)
    }

    /// The nodes that pass a test by what they declare.
    fn set(&mut self, cache: &Cache, own: &NamedTest) -> Arc<Set> {
        let (sites, bytes) = (&self.sites, &mut self.shape_bytes);
        let set = self.sets.entry(own.name.clone()).or_insert_with(|| {
            let mut set = bits::empty(sites.count());
            for (place, node) in sites.declared(cache).enumerate() {
                bits::put(&mut set, place, (own.test)(node));
            }
            *bytes += size_of_val(&*set);
            Arc::new(set)
        });
        set.clone()
    }

    fn rule(&mut self, cache: &Cache, kept: CacheableRule, all: &mut Vec<usize>) -> Rule {
        match kept {
            CacheableRule::Within(test) => Rule::Within(self.set(cache, &test)),
            CacheableRule::Asked(test) => Rule::Asked(test),
            CacheableRule::Skew {
                pods,
                max_skew,
                own,
                min_domains,
            } => {
                let counter = self.counter(cache, &pods, false);
                all.push(counter);
                let counted = self.counters.get(counter);
                Rule::Skew {
                    counter,
                    nodes: counted.nodes_by_domain(&self.keys[counted.key], &self.sites),
                    max_skew,
                    own,
                    min_domains,
                }
            }
            CacheableRule::Without(pods) => {
                let counter = self.counter(cache, &pods, true);
                all.push(counter);
                Rule::Without(counter)
            }
            CacheableRule::With { pods, or_nowhere } => {
                let counters = pods.iter().map(|pods| self.counter(cache, pods, true));
                let counters: Vec<usize> = counters.collect();
                all.extend(&counters);
                Rule::With {
                    counters,
                    or_nowhere,
                }
            }
        }
    }

    fn spread(
        &mut self,
        cache: &Cache,
        weight: i64,
        kept: &CacheableSpread,
        all: &mut Vec<usize>,
    ) -> Spread {
        let rules = kept.rules.iter();
        let rules = rules.map(|(pods, excess)| (self.counter(cache, pods, false), *excess));
        let rules: Vec<(usize, i64)> = rules.collect();
        all.extend(rules.iter().map(|&(counter, _)| counter));
        let ignored = kept.is_ignored.as_ref();
        let ignored = ignored.map(|test| self.set(cache, test));
        Spread {
            weight,
            rules,
            ignored,
            weigh: kept.weight,
            scale: kept.scale,
        }
    }

    /// Drops the half of all plans and shapes that was not used for longest, if they take too much.
    fn keep_to_budget(&mut self) {
        if self.shape_bytes + self.counters.bytes <= self.budget_bytes {
            return;
        }
        let plans = self.plans.values().filter_map(|entry| match entry {
            Entry::By(plan) => Some(plan.used),
            Entry::Plainly(_) => None,
        });
        let mut used: Vec<u64> = plans.collect();
        used.sort_unstable();
        let oldest = used.get(used.len() / 2).copied().unwrap_or(0);
        let oldest = oldest.min(self.tick.saturating_sub(1));
        let mut dropped: Vec<usize> = Vec::new();
        self.plans.retain(|_, entry| match entry {
            Entry::By(plan) if plan.used <= oldest => {
                dropped.extend(&plan.counters);
                false
            }
            _ => true,
        });
        dropped.sort_unstable();
        self.counters.remove(&dropped);
        for shape in &mut self.shapes {
            if shape.as_ref().is_some_and(|shape| shape.used <= oldest) {
                self.shape_bytes -= shape.take().map_or(0, |shape| shape.bytes());
            }
        }
        let bytes = &mut self.shape_bytes;
        self.declared.retain(|_, declared| {
            let is_used = Arc::strong_count(declared) > 1;
            *bytes -= if is_used { 0 } else { declared.bytes() };
            is_used
        });
        self.sets.retain(|_, set| {
            let is_used = Arc::strong_count(set) > 1;
            *bytes -= if is_used { 0 } else { size_of_val(&***set) };
            is_used
        });
        let shapes = &self.shapes;
        self.shape_numbers
            .retain(|_, &mut place| shapes[place].is_some());
    }
}
