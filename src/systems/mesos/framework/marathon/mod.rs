//! Marathon: keeps services at their number of instances on offers of Mesos. Every offer is taken by
//! the first application that accepts it (spec: orchestrators-b.md section 2).

mod app;
mod memory;

use super::{Framework, Open, OwnPod, TaskEnd, TaskNews, clear};
use crate::mesos::fast::amounts::Bundle;
use crate::mesos::marathon::constraint::{Constraint, FieldValue};
use crate::mesos::marathon::gpu::GpuScheduling;
use crate::mesos::marathon::section::MarathonFramework;
use crate::parts::turn::Turn;
use cluster::Store;
use control::Outbox;
use model::node::{HOSTNAME_LABEL, REGION_LABEL, ZONE_LABEL};
use model::rules::affinity;
use model::{PodRef, Text};
use units::{Duration, Instant, NodeId, ObjectId, SortedMap, SortedSet};

use app::App;

/// Action that is still to be done in the cluster.
#[derive(Clone, Copy, Debug)]
enum Todo {
    Declared(ObjectId),
    Ready(ObjectId, PodRef, bool),
    Ended(ObjectId, PodRef, TaskEnd),
    Reached(ObjectId, PodRef, bool),
}

/// The framework.
#[derive(Clone)]
pub struct Marathon {
    options: MarathonFramework,
    apps: SortedMap<ObjectId, App>,
    /// Those whose number of instances may not be as it should.
    touched: SortedSet<ObjectId>,
    /// Those with instances that wait, or that can't be reached.
    lively: SortedSet<ObjectId>,
    /// The applications of pods, by slot.
    app_of: Vec<Option<(PodRef, ObjectId)>>,
    todo: Vec<(Instant, Todo)>,
    has_news: bool,
    /// Whether constraints may accept what they did not before.
    has_relaxed: bool,
    tokens: Tokens,
    /// Distinct values of fields over all agents, as counted when nodes were last declared.
    seen: SortedMap<(Option<ObjectId>, Text), (units::Revision, u64)>,
}

/// Launches that are left until tasks run, or the tokens are refilled.
#[derive(Clone, Copy, Debug)]
struct Tokens {
    left: u32,
    since: Instant,
    /// Whether offers were declined for want of one.
    is_missed: bool,
}

impl Marathon {
    /// A Marathon without applications.
    pub fn new(options: MarathonFramework) -> Self {
        Self {
            tokens: Tokens {
                left: options.stated.tokens().unwrap_or(u32::MAX),
                since: Instant::ZERO,
                is_missed: false,
            },
            options,
            apps: SortedMap::new(),
            touched: SortedSet::new(),
            lively: SortedSet::new(),
            app_of: Vec::new(),
            todo: Vec::new(),
            has_news: false,
            has_relaxed: false,
            seen: SortedMap::new(),
        }
    }

    fn app_of(&self, pod: PodRef) -> Option<ObjectId> {
        let (known, app) = (*self.app_of.get(pod.slot.index())?)?;
        (known == pod).then_some(app)
    }

    fn own(&mut self, pod: PodRef, store: &Store) -> Option<ObjectId> {
        let owner = store.pod_states().get(pod)?.owner?.object;
        self.belongs(pod, owner);
        Some(owner)
    }

    fn belongs(&mut self, pod: PodRef, owner: ObjectId) {
        let slot = pod.slot.index();
        if self.app_of.len() <= slot {
            self.app_of.resize(slot + 1, None);
        }
        self.app_of[slot] = Some((pod, owner));
    }

    fn refill(&mut self, now: Instant) {
        let Some(most) = self.options.stated.tokens() else {
            return;
        };
        let refresh = self.options.stated.launch_token_refresh.as_nanos().max(1);
        let past = now.as_nanos() % refresh;
        let since = Instant::from_nanos(now.as_nanos() - past);
        if since > self.tokens.since {
            (self.tokens.left, self.tokens.since) = (most, since);
            self.ask_again();
        }
    }

    /// A task runs: its launch token is there again, so that tokens bound the launches under way.
    const fn give_back(&mut self) {
        if self.options.stated.tokens().is_some() {
            self.tokens.left = self.tokens.left.saturating_add(1);
            self.ask_again();
        }
    }

    /// Offers that were declined for want of a token are asked for again.
    const fn ask_again(&mut self) {
        if self.tokens.left > 0 && self.tokens.is_missed {
            (self.tokens.is_missed, self.has_news) = (false, true);
        }
    }

    /// Whether something may be due of an application by itself.
    fn look_at(&mut self, id: ObjectId) {
        let app = self.apps.get(&id);
        if app.is_some_and(|app| !app.waiting.is_empty() || app.is_tracking()) {
            self.lively.insert(id);
        } else {
            self.lively.remove(&id);
        }
    }

    fn lively(&self) -> impl Iterator<Item = (ObjectId, &App)> {
        let lively = self.lively.iter();
        lively.filter_map(|&id| Some((id, self.apps.get(&id)?)))
    }

    fn declared(&mut self, id: ObjectId, turn: &mut Turn<'_>) {
        self.touched.insert(id);
        let object = turn.store.objects().get(id).map(|row| &row.object);
        match (object, self.apps.get_mut(&id)) {
            (Some(object), Some(app)) => app.declared(object, &self.options, turn),
            (Some(object), None) => {
                if let Some(app) = App::new(id, object, &self.options) {
                    self.apps.insert(id, app);
                }
            }
            (None, Some(app)) => app.deleted(turn),
            (None, None) => {}
        }
    }

    fn gone(&mut self, now: Instant, id: ObjectId, pod: PodRef, end: TaskEnd) {
        // Its slot may be another pod's before this is heeded.
        self.app_of[pod.slot.index()] = None;
        self.todo.push((now, Todo::Ended(id, pod, end)));
    }

    fn heed(&mut self, at: Instant, todo: Todo, turn: &mut Turn<'_>) {
        let (id, pod) = match todo {
            Todo::Declared(id) => {
                self.has_relaxed = true;
                return self.declared(id, turn);
            }
            Todo::Ready(id, pod, _) | Todo::Ended(id, pod, _) | Todo::Reached(id, pod, _) => {
                (id, pod)
            }
        };
        self.has_relaxed |= !matches!(todo, Todo::Ready(..));
        let Some(app) = self.apps.get_mut(&id) else {
            return;
        };
        match todo {
            Todo::Ready(_, _, is_ready) => app.ready(pod, is_ready, turn),
            Todo::Reached(_, _, is_reached) => app.reached(pod, is_reached, &mut turn.at(at)),
            Todo::Ended(_, _, end) => {
                app.ended(pod, end, &mut turn.at(at));
                if end.reason.leaves_object() {
                    clear(pod, turn);
                }
            }
            Todo::Declared(_) => {}
        }
        if app.is_gone() {
            self.apps.remove(&id);
        }
        self.touched.insert(id);
    }

    /// Number of values that a field has over all agents, or over those that the selectors of an application admit.
    fn values_of(&mut self, app: Option<ObjectId>, field: &Text, store: &Store) -> u64 {
        let declared = store.nodes().declared();
        let key = (app, field.clone());
        if let Some(&(at, count)) = self.seen.get(&key)
            && at == declared
        {
            return count;
        }
        let spec = app.and_then(|id| Some(&self.apps.get(&id)?.spec));
        let admits = |node: &NodeId| {
            let object = store.nodes().object(*node);
            spec.is_none_or(|spec| object.is_some_and(|object| affinity::admits(spec, object)))
        };
        let present = store.nodes().present().filter(admits);
        let values = present.filter_map(|node| Some(field_of(store, node, field)?.printed()));
        let count = values.collect::<SortedSet<_>>().len() as u64;
        self.seen.insert(key, (declared, count));
        count
    }

    /// Gives the required spreads of an application, the last of its constraints, as many groups as its agents have: without
    /// a number the first agent offered would do for all instances.
    fn spread(&mut self, id: ObjectId, all: &mut [(Text, Constraint)], store: &Store) {
        let spec = self.apps.get(&id).map(|app| &app.spec);
        let rules = spec.map_or(0, |spec| {
            spec.topology_spread.iter().filter(|rule| rule.hard).count()
        });
        for (field, own) in all.iter_mut().rev().take(rules) {
            let groups = Some(self.values_of(Some(id), field, store));
            *own = if self.options.stated.has_even_groups() {
                Constraint::EvenGroups(groups)
            } else {
                Constraint::GroupBy(groups)
            };
        }
    }

    /// Whether an application's constraints let it have another instance on an offer's agent.
    fn accepts(&mut self, id: ObjectId, open: &Open<'_>) -> bool {
        let Some(app) = self.apps.get(&id) else {
            return false;
        };
        if let Some(has_volumes) = app.has_volumes(open.node) {
            return has_volumes;
        }
        if let Some((key, value)) = &self.options.kept_label {
            let labels = open.agent().map(|agent| &agent.labels);
            let is_kept = labels.is_some_and(|labels| labels.get(key) == Some(value));
            if is_kept && app.spec.node_selector.get(key) != Some(value) {
                return false;
            }
        }
        let scheduling = GpuScheduling::of(
            &app.spec.labels,
            self.options.stated.gpu_scheduling_behavior,
        );
        if scheduling.keeps_off(app.spec.gpu.devices > 0, open.gpus()) {
            return false;
        }
        let (wanted, mut constraints) = (app.wanted, constraints_of(app, &self.options));
        self.spread(id, &mut constraints, open.store);
        for (field, constraint) in &constraints {
            let groups = if matches!(constraint, Constraint::EvenGroups(None)) {
                self.values_of(None, field, open.store)
            } else {
                0
            };
            let Some(app) = self.apps.get(&id) else {
                return false;
            };
            let placed: Vec<String> = app
                .placed()
                .filter_map(|node| field_of(open.store, node, field))
                .map(|value| value.printed())
                .collect();
            let offer = field_of(open.store, open.node, field);
            if !constraint.accepts(offer.as_ref(), &placed, wanted, groups) {
                let words = format!("{field}:{}", constraint.operator());
                if let Some(app) = self.apps.get_mut(&id) {
                    app.kept_off = Some(words.into());
                }
                return false;
            }
        }
        true
    }
}

/// The constraints of an application: those that are stated for it, and those that its workload's own
/// rules come to.
fn constraints_of(app: &App, options: &MarathonFramework) -> Vec<(Text, Constraint)> {
    let mut all = options
        .constraints
        .get(&app.name)
        .cloned()
        .unwrap_or_default();
    if crate::mapping::is_one_per_node(&app.spec) {
        all.push(("hostname".into(), Constraint::Unique));
    }
    let spread = app.spec.topology_spread.iter().filter(|rule| rule.hard);
    all.extend(spread.map(|rule| (rule.topology_key.clone(), Constraint::GroupBy(None))));
    if options.stated.has_even_groups() {
        let even = |(field, own): (Text, Constraint)| (field, own.even_groups());
        all = all.into_iter().map(even).collect();
    }
    all
}

/// Value of an agent in a field.
fn field_of(store: &Store, node: NodeId, field: &str) -> Option<FieldValue> {
    let object = store.nodes().object(node)?;
    let label = |key: &str| object.labels.get(key).cloned().map(FieldValue::Text);
    match field {
        "hostname" | "@hostname" | HOSTNAME_LABEL => Some(FieldValue::Text(object.name.clone())),
        "@region" => label(REGION_LABEL),
        "@zone" => label(ZONE_LABEL),
        key => object
            .labels
            .get(key)
            .map(|text| FieldValue::of_attribute(text)),
    }
}

impl Framework for Marathon {
    fn waits(&mut self, now: Instant, pod: PodRef, store: &Store) {
        let Some(id) = self.own(pod, store) else {
            return;
        };
        if let Some(app) = self.apps.get_mut(&id) {
            app.waits(now, pod);
            self.has_news = true;
            self.lively.insert(id);
            if app.is_outdated(pod) {
                // A new version came between: it ends before an offer can be made for it.
                self.touched.insert(id);
            }
        }
    }

    fn found(&mut self, now: Instant, pod: PodRef, node: NodeId, store: &Store) {
        let Some(id) = self.own(pod, store) else {
            return;
        };
        if let Some(app) = self.apps.get_mut(&id) {
            app.found(now, pod, node);
        }
    }

    fn told(&mut self, now: Instant, pod: PodRef, news: TaskNews, _store: &Store) {
        let Some(id) = self.app_of(pod) else {
            return;
        };
        match news {
            TaskNews::Running => {
                if let Some(app) = self.apps.get_mut(&id) {
                    app.running(now, pod);
                }
                self.give_back();
            }
            TaskNews::Ready(is_ready) => self.todo.push((now, Todo::Ready(id, pod, is_ready))),
            TaskNews::Ended(end) => self.gone(now, id, pod, end),
            TaskNews::Withdrawn(reason) => self.gone(now, id, pod, TaskEnd::withdrawn(reason)),
        }
    }

    fn object(&mut self, now: Instant, id: ObjectId, _store: &Store) {
        self.todo.push((now, Todo::Declared(id)));
    }

    fn reached(&mut self, now: Instant, pods: &[PodRef], is_reached: bool, _store: &Store) {
        for &pod in pods {
            if let Some(id) = self.app_of(pod) {
                self.todo.push((now, Todo::Reached(id, pod, is_reached)));
            }
        }
    }

    fn act(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        let turn = &mut Turn::new(now, store, out);
        for (at, todo) in std::mem::take(&mut self.todo) {
            self.heed(at, todo, turn);
        }
        for &id in &self.lively {
            let Some(app) = self.apps.get_mut(&id) else {
                continue;
            };
            if app.track(turn) {
                self.touched.insert(id);
                self.has_relaxed = true;
            }
            self.has_news |= app.is_free_again(turn.now);
        }
        for id in std::mem::take(&mut self.touched) {
            if let Some(app) = self.apps.get_mut(&id) {
                app.scale(&self.options, turn);
            }
            self.look_at(id);
        }
        self.refill(turn.now);
    }

    fn may_take(&self, _offered: &Bundle) -> bool {
        self.lively().any(|(_, app)| !app.waiting.is_empty())
    }

    fn offered(&mut self, open: &mut Open<'_>) {
        let now = open.now;
        self.refill(now);
        let mut left = self.options.stated.instances_per_offer;
        let ids: Vec<ObjectId> = (self.lively())
            .filter(|(_, app)| !app.waiting.is_empty() && app.held_until(now).is_none())
            .map(|(id, _)| id)
            .collect();
        for id in ids {
            while left > 0 {
                let next = self.apps.get(&id).and_then(|app| app.waiting.front());
                let Some(&pod) = next else { break };
                if self.tokens.left == 0 {
                    self.tokens.is_missed = true;
                    break;
                }
                let class = open.store.pods().get(pod);
                let class = class.map(|record| open.store.class(record.class));
                let has_room = class.is_some_and(|class| open.room(class) > 0);
                if !has_room || !self.accepts(id, open) || !open.launch(pod) {
                    break;
                }
                if let Some(app) = self.apps.get_mut(&id) {
                    app.waiting.pop_front();
                    app.kept_off = None;
                    app.launched(now, pod, open.node);
                    // An agent of another group may do now.
                    let rules = constraints_of(app, &self.options);
                    let mut rules = rules.iter().map(|(_, rule)| rule.operator());
                    self.has_relaxed |= rules.any(|rule| rule == "GROUP_BY");
                }
                left -= 1;
                if self.options.stated.tokens().is_some() {
                    self.tokens.left -= 1;
                }
            }
            self.look_at(id);
        }
    }

    // It sets the filter to 0 seconds, to be offered the rest in the next cycle.
    fn rest_refusal(&self) -> Duration {
        Duration::ZERO
    }

    fn wants_offers(&self, now: Instant) -> bool {
        let is_ready = |app: &App| !app.waiting.is_empty() && app.held_until(now).is_none();
        self.lively().any(|(_, app)| is_ready(app))
    }

    fn has_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    fn has_relaxed(&mut self) -> bool {
        std::mem::take(&mut self.has_relaxed) && self.backlog() > 0
    }

    fn wakes(&self, now: Instant) -> Option<Instant> {
        let of_apps = self.lively().filter_map(|(_, app)| app.wakes(now));
        let is_waiting = self.tokens.left == 0 && self.backlog() > 0;
        let refill = self
            .tokens
            .since
            .saturating_add(self.options.stated.launch_token_refresh);
        of_apps.chain(is_waiting.then_some(refill)).min()
    }

    fn backlog(&self) -> usize {
        self.lively().map(|(_, app)| app.waiting.len()).sum()
    }

    fn why_waiting(&self, now: Instant, pod: PodRef) -> Option<Text> {
        let mut apps = self.apps.values();
        let app = apps.find(|app| app.waiting.contains(&pod))?;
        if let Some(until) = app.held_until(now) {
            return Some(format!("delayed until {until} by the back-off after failures").into());
        }
        if app.awaits_volumes() {
            return Some("no offer of the agent with its volumes".into());
        }
        let constraint = app.kept_off.as_ref()?;
        Some(format!("the constraint `{constraint}` kept it off the last agent with room").into())
    }

    fn memory(&self) -> Option<String> {
        self.remembered()
    }

    fn recall(
        &mut self,
        _now: Instant,
        memory: &str,
        own: &[OwnPod],
        _store: &Store,
    ) -> Result<(), String> {
        self.taken_up(memory, own)
    }

    fn clone_framework(&self) -> Box<dyn Framework> {
        Box::new(self.clone())
    }
}
