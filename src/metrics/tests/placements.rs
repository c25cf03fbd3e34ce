//! Spread and exposure, against a recomputation from the whole state at every second.

use std::sync::Arc;

use model::workload::{BudgetLimit, Count, Deployment, PodDisruptionBudget};
use model::{
    EndReason, Event, GpuRequest, LabelSelector, Labels, Node, NodeContact, Object, ObjectChange,
    Operator, PodChange, PodCreated, PodName, PodOwner, PodRef, Requirement,
};
use proptest::prelude::*;
use units::{Duration, Instant, NodeId, ObjectId, SortedMap, TenantId};

use crate::record::selection::Selection;
use crate::record::workloads::WorkloadPattern;
use crate::tests::fixture::{Bench, check, node, spec};
use crate::{Recorder, Setup};

const ZONE: &str = "topology.kubernetes.io/zone";
const REQUIRED_PERCENT: i64 = 50;

/// A thing that happens in a second of its own.
#[derive(Clone, Copy, Debug)]
enum Step {
    Bind(usize, u32),
    Ready(usize, bool),
    Silent(u32, bool),
    Told(usize),
    End(usize),
    Join(Option<u8>),
    Scale(usize, i32),
    Budget(usize, BudgetLimit),
    NoBudget(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let limit = prop_oneof![
        (0..6i32).prop_map(|number| BudgetLimit::MinAvailable(Count::Number(number))),
        (0..=10i32).prop_map(|part| BudgetLimit::MinAvailable(Count::Percent(part * 10))),
        (0..6i32).prop_map(|number| BudgetLimit::MaxUnavailable(Count::Number(number))),
        (0..=10i32).prop_map(|part| BudgetLimit::MaxUnavailable(Count::Percent(part * 10))),
    ];
    let step = prop_oneof![
        6 => (0..2usize, 0..4u32).prop_map(|(row, node)| Step::Bind(row, node)),
        6 => (0..8usize, any::<bool>()).prop_map(|(pod, is)| Step::Ready(pod, is)),
        1 => (0..4u32, any::<bool>()).prop_map(|(node, is)| Step::Silent(node, is)),
        1 => (0..8usize).prop_map(Step::Told),
        2 => (0..8usize).prop_map(Step::End),
        1 => proptest::option::of(0..3u8).prop_map(Step::Join),
        1 => (0..2usize, 0..5i32).prop_map(|(row, wanted)| Step::Scale(row, wanted)),
        1 => (0..2usize, limit).prop_map(|(row, limit)| Step::Budget(row, limit)),
        1 => (0..2usize).prop_map(Step::NoBudget),
    ];
    prop::collection::vec(step, 1..60)
}

#[derive(Clone, Copy)]
struct PlainPod {
    pod: PodRef,
    row: usize,
    node: usize,
    is_ready: bool,
    is_told: bool,
    is_unheard: bool,
}

/// The whole state, and what each second of it adds.
struct Plain {
    bench: Bench<'static>,
    secs: i64,
    zones: Vec<Option<u8>>,
    pods: Vec<PlainPod>,
    objects: [ObjectId; 2],
    wanted: [i32; 2],
    budgets: [Option<(ObjectId, BudgetLimit)>; 2],
    sums: [Sums; 2],
}

/// By zone and node: bound time, skew, worst skew, available time, whole time, ready, fullest, share.
#[derive(Clone, Copy, Default)]
struct Sums {
    of: [Domain; 2],
    evictable: Option<f64>,
}

#[derive(Clone, Copy, Default)]
struct Domain {
    bound: i64,
    skew: i64,
    worst_skew: Option<i64>,
    available: i64,
    whole: i64,
    ready: i64,
    fullest: i64,
    share: Option<f64>,
}

fn raise(known: &mut Option<f64>, new: f64) {
    *known = Some(known.map_or(new, |known| known.max(new)));
}

fn label(row: usize) -> Labels {
    let value = if row == 0 { "a" } else { "b" };
    [("app".into(), value.into())].into_iter().collect()
}

fn deployment(row: usize, replicas: i32) -> Object {
    let template = spec(1, 1, GpuRequest::default());
    let template = model::PodSpec {
        labels: label(row),
        ..(*template).clone()
    };
    Object::Deployment(Arc::new(Deployment {
        namespace: "shop".into(),
        name: if row == 0 { "a" } else { "b" }.into(),
        replicas,
        template: Arc::new(template),
        ..Deployment::default()
    }))
}

impl Plain {
    fn new() -> Self {
        let selections = ["Deployment shop/a", "*/b"].map(|text| Selection {
            name: format!("{{workload={text}}}"),
            workload: Some(WorkloadPattern::new(text)),
            ..Selection::default()
        });
        let setup = Setup {
            min_ready_percent: REQUIRED_PERCENT as u32,
            selections: selections.into(),
            ..Setup::default()
        };
        let mut plain = Self {
            bench: Bench::new(Recorder::new(&setup)),
            secs: 0,
            zones: Vec::new(),
            pods: Vec::new(),
            objects: [ObjectId(0); 2],
            wanted: [3, 2],
            budgets: [None; 2],
            sums: [Sums::default(); 2],
        };
        for zone in [Some(0), Some(0), Some(1), None] {
            plain.join(zone);
        }
        for row in 0..2 {
            plain.objects[row] = plain.create(deployment(row, plain.wanted[row]));
        }
        plain
    }

    fn apply(&mut self, event: &Event) {
        self.bench.apply(self.secs, event);
    }

    fn create(&mut self, object: Object) -> ObjectId {
        let id = self.bench.store.objects().next();
        let owner = None;
        self.apply(&Event::Object(ObjectChange::Created { id, owner, object }));
        id
    }

    fn join(&mut self, zone: Option<u8>) {
        let mut object = Node::clone(&node(&format!("n{}", self.zones.len()), 8_000, 8_000, 0));
        if let Some(zone) = zone {
            object.labels.insert(ZONE.into(), format!("z{zone}").into());
        }
        self.bench.add_node(self.secs, Arc::new(object));
        self.zones.push(zone);
    }

    fn bind(&mut self, row: usize, node: u32) {
        let spec = spec(1, 1, GpuRequest::default());
        if let Some(event) = self.bench.store.class_added(&spec) {
            self.apply(&event);
        }
        let pod = self.bench.store.pods().next();
        let created = PodCreated {
            pod,
            class: self.bench.store.class_of(&spec).expect("just added"),
            name: PodName::Job(u64::from(pod.id.0)),
            tenant: TenantId(0),
            gang: None,
            time_limit: None,
            estimate: None,
            found: None,
            owner: Some(PodOwner::new(self.objects[row], 0)),
        };
        self.apply(&Event::PodCreated(created));
        self.bench.start(self.secs, pod, node);
        self.pods.push(PlainPod {
            pod,
            row,
            node: node as usize,
            is_ready: false,
            is_told: false,
            is_unheard: false,
        });
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Bind(row, node) => self.bind(row, node),
            Step::Ready(at, is_ready) => {
                if let Some(own) = self.pods.get_mut(at) {
                    own.is_ready = is_ready;
                    let (pod, change) = (own.pod, PodChange::Ready(is_ready));
                    self.apply(&Event::PodChanged { pod, change });
                }
            }
            Step::Silent(node, is_silent) => {
                let contact = if is_silent {
                    NodeContact::Silent {
                        last_heartbeat: Instant::from_secs(self.secs),
                    }
                } else {
                    NodeContact::Steady
                };
                // A pod that is bound later is heard of.
                let there = (self.pods.iter_mut()).filter(|own| own.node == node as usize);
                there.for_each(|own| own.is_unheard = is_silent);
                let node = NodeId(node);
                self.apply(&Event::NodeContact { node, contact });
            }
            Step::Told(at) => {
                let Some(own) = self.pods.get_mut(at).filter(|own| !own.is_told) else {
                    return;
                };
                own.is_told = true;
                let (pod, grace) = (own.pod, Duration::from_secs(30));
                let reason = EndReason::Cancelled;
                let change = PodChange::Terminating { grace, reason };
                self.apply(&Event::PodChanged { pod, change });
            }
            Step::End(at) => {
                if at < self.pods.len() {
                    let pod = self.pods.remove(at).pod;
                    let reason = EndReason::Error;
                    self.apply(&Event::PodEnded { pod, reason });
                }
            }
            Step::Join(zone) => self.join(zone),
            Step::Scale(row, replicas) => {
                self.wanted[row] = replicas;
                let (id, object) = (self.objects[row], deployment(row, replicas));
                self.apply(&Event::Object(ObjectChange::Updated { id, object }));
            }
            Step::Budget(row, limit) => self.budget(row, limit),
            Step::NoBudget(row) => {
                if let Some((id, _)) = self.budgets[row].take() {
                    self.apply(&Event::Object(ObjectChange::Deleted { id }));
                }
            }
        }
    }

    /// The first budget selects both workloads, the second the second alone.
    fn budget(&mut self, place: usize, limit: BudgetLimit) {
        let values = if place == 0 {
            vec!["a", "b"]
        } else {
            vec!["b"]
        };
        let object = Object::PodDisruptionBudget(Arc::new(PodDisruptionBudget {
            namespace: "shop".into(),
            name: format!("budget-{place}").into(),
            selector: Some(LabelSelector {
                requirements: vec![Requirement {
                    key: "app".into(),
                    operator: Operator::In,
                    values: values.into_iter().map(Into::into).collect(),
                }],
            }),
            limit,
            ..PodDisruptionBudget::default()
        }));
        let id = match self.budgets[place] {
            Some((id, _)) => {
                self.apply(&Event::Object(ObjectChange::Updated { id, object }));
                id
            }
            None => self.create(object),
        };
        self.budgets[place] = Some((id, limit));
    }

    /// One second passes.
    fn pass(&mut self) {
        self.secs += 1;
        for row in 0..2 {
            let desired = i64::from(self.wanted[row]);
            if desired < 2 {
                continue;
            }
            let evictable = self.evictable(row).min(desired);
            let share = evictable as f64 / desired as f64;
            raise(&mut self.sums[row].evictable, share);
            let by_node = |node: usize| Some(node);
            let by_zone = |node: usize| self.zones[node].map(usize::from);
            let domains = [self.domains(by_zone), self.domains(by_node)];
            let counts = [self.counts(row, by_zone), self.counts(row, by_node)];
            let required = (desired * REQUIRED_PERCENT + 99) / 100;
            for (place, ([bound, ready], domains)) in counts.iter().zip(domains).enumerate() {
                self.sums[row].of[place].add(bound, ready, domains, required);
            }
        }
    }

    fn domains(&self, of: impl Fn(usize) -> Option<usize>) -> usize {
        let all: units::SortedSet<usize> = (0..self.zones.len()).filter_map(of).collect();
        all.len()
    }

    fn counts(
        &self,
        row: usize,
        of: impl Fn(usize) -> Option<usize>,
    ) -> [SortedMap<usize, i64>; 2] {
        let mut counts = [SortedMap::new(), SortedMap::new()];
        for own in self
            .pods
            .iter()
            .filter(|own| own.row == row && !own.is_told)
        {
            if let Some(domain) = of(own.node) {
                *counts[0].entry(domain).or_insert(0) += 1;
                if own.is_ready && !own.is_unheard {
                    *counts[1].entry(domain).or_insert(0) += 1;
                }
            }
        }
        counts
    }

    fn evictable(&self, row: usize) -> i64 {
        let both = self.wanted[0] + self.wanted[1];
        let mut limits = Vec::new();
        if let Some((_, limit)) = self.budgets[0] {
            limits.push((limit, both));
        }
        if let (1, Some((_, limit))) = (row, self.budgets[1]) {
            limits.push((limit, self.wanted[1]));
        }
        match limits.as_slice() {
            [] => i64::from(self.wanted[row]),
            [(BudgetLimit::MinAvailable(least), all)] => {
                i64::from((all - least.rounded_up(*all)).max(0))
            }
            [(BudgetLimit::MaxUnavailable(most), all)] => i64::from(most.rounded_up(*all)),
            _ => 0,
        }
    }
}

impl Domain {
    fn add(
        &mut self,
        bound: &SortedMap<usize, i64>,
        ready: &SortedMap<usize, i64>,
        domains: usize,
        required: i64,
    ) {
        if domains < 2 {
            return;
        }
        let most = |counts: &SortedMap<usize, i64>| counts.values().copied().max().unwrap_or(0);
        if !bound.is_empty() {
            let fewest = if bound.len() < domains {
                0
            } else {
                bound.values().copied().min().unwrap_or(0)
            };
            let skew = most(bound) - fewest;
            self.bound += 1;
            self.skew += skew;
            self.worst_skew = self.worst_skew.max(Some(skew));
        }
        let (all, fullest) = (ready.values().sum::<i64>(), most(ready));
        if all > 0 && all >= required {
            self.available += 1;
            self.whole += i64::from(all == fullest);
            self.ready += all;
            self.fullest += fullest;
            raise(&mut self.share, fullest as f64 / all as f64);
        }
    }

    fn values(&self) -> [Option<f64>; 5] {
        let ratio = |over: i64, under: i64| (under > 0).then(|| over as f64 / under as f64);
        [
            self.worst_skew.map(|skew| skew as f64),
            ratio(self.skew, self.bound),
            ratio(self.fullest, self.ready),
            self.share,
            ratio(self.whole, self.available),
        ]
    }
}

proptest! {
    #[test]
    fn places_are_those_of_a_plain_count(steps in steps()) {
        let mut plain = Plain::new();
        plain.pass();
        for step in steps {
            plain.step(step);
            plain.pass();
        }
        let (secs, sums) = (plain.secs, plain.sums);
        let metrics = plain.bench.finish(secs);
        let classes = [("{workload=Deployment shop/a}", 0..1), ("{workload=*/b}", 1..2), ("", 0..2)];
        for (class, rows) in classes {
            let rows = &sums[rows];
            let worst = |of: &dyn Fn(&Sums) -> Option<f64>| {
                rows.iter().filter_map(of).reduce(f64::max)
            };
            for (place, kind) in ["zone", "node"].into_iter().enumerate() {
                let names = [
                    format!("spread.{kind}.worst_skew{class}"),
                    format!("spread.{kind}.mean_skew{class}"),
                    format!("spread.{kind}.domain_share{class}"),
                    format!("spread.{kind}.worst_domain_share{class}"),
                    format!("exposure.one_{kind}{class}"),
                ];
                for (number, name) in names.iter().enumerate() {
                    let value = worst(&|sums| sums.of[place].values()[number]);
                    check(&metrics, &[(name, value)]);
                }
            }
            let value = worst(&|sums| sums.evictable);
            check(&metrics, &[(&format!("exposure.evictable{class}"), value)]);
        }
    }
}

#[test]
fn workloads_by_name_have_values_of_their_own() {
    let mut plain = Plain::new();
    plain.bind(0, 0);
    plain.step(Step::Ready(0, true));
    plain.pass();
    let reason = EndReason::Evicted(model::EvictionCause::Drain);
    let pod = plain.pods[0].pod;
    plain.apply(&Event::PodEnded { pod, reason });
    plain.pass();
    let metrics = plain.bench.finish(2);
    check(
        &metrics,
        &[
            ("disruptions.evicted", Some(1.0)),
            ("disruptions.evicted{workload=Deployment shop/a}", Some(1.0)),
            ("disruptions.evicted{workload=*/b}", Some(0.0)),
            ("disruptions.per_1000_pod_hours{workload=*/b}", None),
            ("missing_replicas.max", Some(5.0)),
            (
                "missing_replicas.max{workload=Deployment shop/a}",
                Some(3.0),
            ),
            ("missing_replicas.max{workload=*/b}", Some(2.0)),
            ("availability.replicas{workload=*/b}", Some(0.0)),
        ],
    );
}

#[test]
fn a_class_without_workloads_names_those_that_are_there() {
    let pattern = "Deployment shop/c";
    let setup = Setup {
        selections: vec![Selection {
            name: format!("{{workload={pattern}}}"),
            workload: Some(WorkloadPattern::new(pattern)),
            ..Selection::default()
        }],
        ..Setup::default()
    };
    let mut plain = Plain::new();
    plain.bench = Bench::new(Recorder::new(&setup));
    plain.create(deployment(0, 1));
    let metrics = plain.bench.finish(2);
    let found = metrics.get("spread.zone.worst_skew{workload=Deployment shop/c}");
    let reason = found.and_then(|value| value.reason.as_deref());
    let words = "nothing is of this class: there is Deployment shop/a";
    assert_eq!(reason, Some(words));
}
