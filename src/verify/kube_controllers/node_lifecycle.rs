//! Node life over minutes: conditions, taints, states of zones, deletions of pods. Which of the
//! waiting nodes of a zone is tainted is random in the original, so the recording chooses; all the
//! rest must agree with it.

use serde::Deserialize;
use serde_json::Value;

use super::seconds;
use crate::cases::{Differences, typed};
use control::controllers::node_lifecycle::{
    ExecuteTaint, LifecycleOptions, LifecycleWrite, NodeLifecycle, NodePressure, NodeReady,
    NodeView, ReadyStatus, TAINT_PERIOD, ZoneState, no_schedule_taints,
};
use control::controllers::taint_eviction::TaintEviction;
use model::{Taint, TaintEffect, Text, Toleration};
use units::{Duration, Instant, SortedMap};

#[derive(Deserialize)]
struct Input {
    horizon: f64,
    nodes: Vec<SeenNode>,
    #[serde(default)]
    pods: Option<Vec<SeenPod>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SeenNode {
    name: String,
    zone: String,
    heartbeat_phase: f64,
    fail_at: Option<f64>,
    heal_at: Option<f64>,
    fail_again_at: Option<f64>,
    how: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SeenPod {
    name: String,
    node: String,
    toleration_seconds: Option<i64>,
}

/// Recorded words, or decided ones, sorted.
pub(super) type Told = Vec<(Instant, String)>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Recorded {
    t: f64,
    node: Option<String>,
    ready: Option<String>,
    taint: Option<String>,
    zone: Option<String>,
    zone_state: Option<String>,
    pod_deleted: Option<String>,
}

impl Recorded {
    fn told(&self) -> Result<(Instant, String), String> {
        let words = match self {
            Self {
                node: Some(node),
                ready: Some(ready),
                ..
            } => format!("{node} ready {ready}"),
            Self {
                node: Some(node),
                taint: Some(taint),
                ..
            } => format!("{node} {taint}"),
            Self {
                zone: Some(zone),
                zone_state: Some(state),
                ..
            } => format!("{zone} {state}"),
            Self {
                pod_deleted: Some(pod),
                ..
            } => format!("{pod} deleted"),
            _ => return Err("a change that says nothing".to_owned()),
        };
        Ok((seconds(self.t), words))
    }
}

pub(super) fn compare(case: &Value, differences: &mut Differences) -> Result<(), String> {
    let input: Input = typed(case.get("input").ok_or("no `input`")?)?;
    let recorded = recorded(case)?;
    let decided = World::new(&input, Choice::Recorded(&recorded)).run(seconds(input.horizon));
    if let Some(place) = first_difference(&recorded, &decided) {
        let at = |told: &Told| -> Value {
            let next = told.iter().skip(place).take(3);
            next.map(|(at, words)| Value::from(format!("{at} {words}")))
                .collect()
        };
        differences.field("expect", Some(&at(&recorded)), &at(&decided));
    }
    Ok(())
}

/// The recorded changes of a case, in words.
pub(super) fn recorded(case: &Value) -> Result<Told, String> {
    let recorded: Vec<Recorded> = typed(case.get("expect").ok_or("no `expect`")?)?;
    let told = recorded.iter().map(Recorded::told);
    let mut told: Told = told.collect::<Result<_, _>>()?;
    told.sort();
    Ok(told)
}

/// The changes in a case, in words, if of the nodes that wait the one is tainted that is named first.
pub(super) fn in_order(case: &Value, names: Vec<Text>) -> Result<Told, String> {
    let input: Input = typed(case.get("input").ok_or("no `input`")?)?;
    Ok(World::new(&input, Choice::Order(names)).run(seconds(input.horizon)))
}

fn first_difference(one: &Told, other: &Told) -> Option<usize> {
    let longest = one.len().max(other.len());
    (0..longest).find(|&place| one.get(place) != other.get(place))
}

/// Which of the nodes that wait is tainted.
enum Choice<'a> {
    /// That which the recording has at the time.
    Recorded(&'a Told),
    /// The first of these, each of which is named once for every time.
    Order(Vec<Text>),
}

impl Choice<'_> {
    /// The place of the node in a list of waiting ones; `None` if nothing is known of any.
    fn of(&mut self, now: Instant, waiting: &[Text]) -> Option<usize> {
        match self {
            Self::Recorded(recorded) => waiting.iter().position(|name| {
                let words =
                    ["unreachable", "not-ready"].map(|key| format!("{name} +NoExecute:{key}"));
                let mut of_now = recorded.iter().filter(|(at, _)| *at == now);
                of_now.any(|(_, told)| words.contains(told))
            }),
            Self::Order(names) => {
                let next = names.iter().position(|name| waiting.contains(name))?;
                let name = names.remove(next);
                waiting.iter().position(|own| *own == name)
            }
        }
    }
}

/// The nodes as their kubelets and the controllers leave them.
struct World<'a> {
    input: &'a Input,
    choice: Choice<'a>,
    lifecycle: NodeLifecycle,
    eviction: TaintEviction,
    nodes: SortedMap<Text, NodeView>,
    no_schedule: SortedMap<Text, Vec<Taint>>,
    zones: SortedMap<Text, ZoneState>,
    told: Told,
}

impl<'a> World<'a> {
    fn new(input: &'a Input, choice: Choice<'a>) -> Self {
        let node = |seen: &SeenNode| {
            let name: Text = seen.name.as_str().into();
            let view = NodeView {
                name: name.clone(),
                zone: format!("r:\u{0}:{}", seen.zone).into(),
                is_excluded: false,
                created: Instant::ZERO,
                ready: Some(NodeReady {
                    status: ReadyStatus::True,
                    heartbeat: Instant::ZERO,
                }),
                lease: Some(Instant::ZERO),
                is_tainted_not_ready: false,
                is_tainted_unreachable: false,
            };
            (name, view)
        };
        Self {
            input,
            choice,
            lifecycle: NodeLifecycle::new(LifecycleOptions::default()),
            eviction: TaintEviction::default(),
            nodes: input.nodes.iter().map(node).collect(),
            no_schedule: SortedMap::new(),
            zones: SortedMap::new(),
            told: Vec::new(),
        }
    }

    fn run(mut self, until: Instant) -> Told {
        let half = Duration::from_nanos(TAINT_PERIOD.as_nanos() / 2);
        let period = LifecycleOptions::default().monitor_period.as_nanos();
        let mut now = Instant::ZERO;
        while now <= until {
            self.kubelets(now);
            self.taint(now);
            self.evict(now);
            let next = now.saturating_add(half);
            if now.as_nanos() % period == 0 {
                self.monitor(next);
                self.evict(next);
            }
            now = now.saturating_add(TAINT_PERIOD);
        }
        self.told.retain(|(at, _)| *at <= until);
        self.told.sort();
        self.told
    }

    /// Posts the reports of nodes about themselves.
    fn kubelets(&mut self, now: Instant) {
        for seen in &self.input.nodes {
            let is_at = |at: Option<f64>| at.is_some_and(|at| seconds(at) == now);
            let name: Text = seen.name.as_str().into();
            let Some(node) = self.nodes.get_mut(&name) else {
                continue;
            };
            let is_renewal = is_renewed(seen, now);
            if is_renewal {
                node.lease = Some(now);
            }
            let posted = if is_at(seen.heal_at) {
                node.lease = Some(now);
                ReadyStatus::True
            } else if is_at(seen.fail_at) && seen.how.as_deref() == Some("reports-not-ready") {
                ReadyStatus::False
            } else {
                continue;
            };
            let was = node.ready.map(|ready| ready.status);
            node.ready = Some(NodeReady {
                status: posted,
                heartbeat: now,
            });
            if was != Some(posted) {
                self.told.push((now, format!("{name} ready {posted:?}")));
            }
            self.mark_no_schedule(now, &name);
        }
    }

    fn mark_no_schedule(&mut self, now: Instant, name: &Text) {
        let ready = self.nodes.get(name).and_then(|node| node.ready);
        let wanted = no_schedule_taints(ready, NodePressure::default());
        let known = self.no_schedule.insert(name.clone(), wanted.clone());
        let known = known.unwrap_or_default();
        for (sign, some, others) in [("+", &wanted, &known), ("-", &known, &wanted)] {
            for taint in some.iter().filter(|taint| !others.contains(taint)) {
                self.told
                    .push((now, format!("{name} {sign}{}", short(taint))));
            }
        }
    }

    fn monitor(&mut self, now: Instant) {
        let nodes: Vec<NodeView> = self.nodes.values().cloned().collect();
        let writes = self.lifecycle.monitor(now, &nodes);
        self.apply(now, writes);
        let sampled = now.saturating_add(Duration::from_nanos(TAINT_PERIOD.as_nanos() / 2));
        for (zone, state) in self.lifecycle.zone_states() {
            if self.zones.insert(zone.clone(), state) != Some(state) {
                self.told.push((sampled, format!("{zone} {state:?}")));
            }
        }
    }

    fn taint(&mut self, now: Instant) {
        let (nodes, choice) = (&self.nodes, &mut self.choice);
        let is_ready = |name: &Text| {
            let node = nodes.get(name).and_then(|node| node.ready);
            node.is_some_and(|ready| ready.status == ReadyStatus::True)
        };
        let choose = |waiting: &[Text]| {
            let place = choice.of(now, waiting);
            let place = place.or_else(|| waiting.iter().position(is_ready));
            place.unwrap_or(0)
        };
        let writes = self
            .lifecycle
            .taint(now, |name| nodes.get(name).cloned(), choose);
        self.apply(now, writes);
    }

    fn apply(&mut self, now: Instant, writes: Vec<LifecycleWrite>) {
        for write in writes {
            match write {
                LifecycleWrite::MarkUnknown(name) => {
                    if let Some(ready) = self
                        .nodes
                        .get_mut(&name)
                        .and_then(|node| node.ready.as_mut())
                    {
                        ready.status = ReadyStatus::Unknown;
                    }
                    self.told.push((now, format!("{name} ready Unknown")));
                    self.mark_no_schedule(now, &name);
                }
                LifecycleWrite::PodsNotReady(_) | LifecycleWrite::EvictPods(_) => {}
                LifecycleWrite::AddTaint(name, taint) => self.set_taint(now, &name, taint, true),
                LifecycleWrite::RemoveTaint(name, taint) => {
                    self.set_taint(now, &name, taint, false);
                }
            }
        }
    }

    fn set_taint(&mut self, now: Instant, name: &Text, taint: ExecuteTaint, is_there: bool) {
        let Some(node) = self.nodes.get_mut(name) else {
            return;
        };
        match taint {
            ExecuteTaint::NotReady => node.is_tainted_not_ready = is_there,
            ExecuteTaint::Unreachable => node.is_tainted_unreachable = is_there,
        }
        let sign = if is_there { "+" } else { "-" };
        self.told
            .push((now, format!("{name} {sign}{}", short(&taint.taint()))));
        let mut taints = Vec::new();
        for (is_there, taint) in [
            (node.is_tainted_not_ready, ExecuteTaint::NotReady),
            (node.is_tainted_unreachable, ExecuteTaint::Unreachable),
        ] {
            taints.extend(is_there.then(|| taint.taint()));
        }
        let pods = self.input.pods.iter().flatten();
        for pod in pods.filter(|pod| *pod.node == **name) {
            let tolerations = pod.tolerations();
            self.eviction
                .observe(now, &pod.name.as_str().into(), &tolerations, &taints);
        }
    }

    /// Deletes pods that are due up to now.
    fn evict(&mut self, now: Instant) {
        while let Some(at) = self.eviction.next().filter(|&at| at <= now) {
            for pod in self.eviction.due(at) {
                self.told.push((at, format!("{pod} deleted")));
            }
        }
    }
}

impl SeenPod {
    fn tolerations(&self) -> Vec<Toleration> {
        let secs = self.toleration_seconds.into_iter();
        secs.flat_map(|secs| {
            [ExecuteTaint::NotReady, ExecuteTaint::Unreachable].map(|taint| Toleration {
                key: Some(taint.taint().key),
                value: None,
                effect: Some(TaintEffect::NoExecute),
                tolerates_for: Some(Duration::from_secs(secs)),
            })
        })
        .collect()
    }
}

/// Whether a node renews its lease now.
fn is_renewed(seen: &SeenNode, now: Instant) -> bool {
    let since = now.since(seconds(seen.heartbeat_phase)).as_nanos();
    let is_due = since >= 0 && since % Duration::from_secs(10).as_nanos() == 0;
    let from = |at: Option<f64>| at.is_some_and(|at| seconds(at) <= now);
    let is_silent =
        from(seen.fail_at) && !from(seen.heal_at) && seen.how.as_deref() == Some("silent");
    is_due && !is_silent && !from(seen.fail_again_at)
}

fn short(taint: &Taint) -> String {
    let key = taint.key.rsplit('/').next().unwrap_or(&taint.key);
    format!("{:?}:{key}", taint.effect)
}
