//! The exact decision of the Kubernetes scheduler: pods placed one after the other under the
//! default profile, with adaptive sampling and with every node looked at, plain pods and mixed ones,
//! in the fast form and in the plain one, with few classes and many, and replicas filling a cluster.
//! `benches/README.md` has the rates of the original beside them.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use windtunnel::lab::place::{MOST, place};
use windtunnel::model::Changes;
use windtunnel::model::node::{HOSTNAME_LABEL, ZONE_LABEL};
use windtunnel::model::{
    LabelSelector, Labels, Node, NodeSelector, NodeSelectorTerm, Operator, PodAffinityTerm,
    PodSpec, Requirement, ResourceList, SchedulerConfig, TopologySpread,
};
use windtunnel::policy::kube_profiles::build_kube_profiles;
use windtunnel::scheduler::kube::cycle::{Outcome, Round};
use windtunnel::scheduler::kube::{Cache, KubeProfile, PodInfo, TieBreak};
use windtunnel::scheduler::pipeline::evaluate::Form;
use windtunnel::units::Quantity;

/// Pods placed in one measured round, and by the plain form.
const ROUND: usize = 2_000;
const PLAIN_ROUND: usize = 100;
const ZONES: [&str; 3] = ["a", "b", "c"];
const MEBIBYTE: i64 = 1 << 20;

struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % count as u64) as usize
    }
}

fn is_one_of(key: &str, values: &[&str]) -> Requirement {
    Requirement {
        key: key.into(),
        operator: Operator::In,
        values: values.iter().map(|&value| value.into()).collect(),
    }
}

fn plain_spec(app: &str) -> PodSpec {
    let requests = ResourceList::from_pairs([
        ("cpu", Quantity::from_milli(100)),
        ("memory", Quantity::from_units(500 * MEBIBYTE)),
    ]);
    PodSpec {
        namespace: "default".into(),
        labels: Labels::from([("app".into(), app.into())]),
        ..PodSpec::with_requests(requests)
    }
}

fn spread(app: &str, key: &str, hard: bool) -> TopologySpread {
    TopologySpread {
        max_skew: 1,
        topology_key: key.into(),
        hard,
        selector: Some(LabelSelector {
            requirements: vec![is_one_of("app", &[app])],
        }),
        min_domains: None,
        honor_node_affinity: true,
        honor_node_taints: false,
        match_label_keys: Vec::new(),
    }
}

fn term(app: &str, key: &str) -> PodAffinityTerm {
    PodAffinityTerm {
        selector: Some(LabelSelector {
            requirements: vec![is_one_of("app", &[app])],
        }),
        topology_key: key.into(),
        namespaces: Vec::new(),
        namespace_selector: None,
        match_label_keys: Vec::new(),
        mismatch_label_keys: Vec::new(),
    }
}

/// Of eight kinds three are plain.
fn mixed_spec(app: &str, kind: usize) -> PodSpec {
    let mut spec = plain_spec(app);
    match kind {
        0 => spec.topology_spread.push(spread(app, ZONE_LABEL, true)),
        1 => {
            spec.topology_spread.push(spread(app, ZONE_LABEL, false));
            spec.topology_spread
                .push(spread(app, HOSTNAME_LABEL, false));
        }
        2 => {
            let own = &mut spec.affinity.required_pod_anti_affinity;
            own.push(term(app, HOSTNAME_LABEL));
        }
        3 => {
            let own = &mut spec.affinity.preferred_pod_affinity;
            own.push((10, term(app, ZONE_LABEL)));
        }
        4 => {
            let zones = NodeSelectorTerm {
                match_expressions: vec![is_one_of(ZONE_LABEL, &ZONES[..2])],
                match_fields: Vec::new(),
            };
            spec.affinity.node.required = Some(NodeSelector { terms: vec![zones] });
        }
        _ => {}
    }
    spec
}

/// Which pods come.
#[derive(Clone, Copy)]
enum Workload {
    /// Of 20 applications.
    Plain,
    /// The same with rules.
    Mixed,
    /// Of so many classes that ask for different amounts.
    Classes(usize),
}

impl Workload {
    fn spec(self, dice: &mut Dice) -> PodSpec {
        match self {
            Self::Plain => plain_spec(&format!("app-{}", dice.below(20))),
            Self::Mixed => {
                let app = format!("app-{}", dice.below(20));
                mixed_spec(&app, dice.below(8))
            }
            Self::Classes(classes) => {
                let class = dice.below(classes) as i64;
                let requests = ResourceList::from_pairs([
                    ("cpu", Quantity::from_milli(50 + class % 100)),
                    (
                        "memory",
                        Quantity::from_units((400 + class / 100) * MEBIBYTE),
                    ),
                ]);
                PodSpec {
                    namespace: "default".into(),
                    ..PodSpec::with_requests(requests)
                }
            }
        }
    }
}

/// Pods to come, and a cluster with two on each node.
struct Setting {
    cache: Cache,
    pods: Vec<PodInfo>,
    profile: KubeProfile,
}

fn pod(cache: &mut Cache, spec: PodSpec, name: String) -> PodInfo {
    let class = cache.class(&Arc::new(spec)).expect("amounts that fit");
    PodInfo {
        class,
        name: name.into(),
        ..PodInfo::default()
    }
}

fn setting(nodes: usize, workload: Workload, percentage: i64) -> Setting {
    let mut dice = Dice(88_172_645_463_325_252);
    let mut cache = Cache::default();
    let made = (0..nodes).map(|index| {
        let name = format!("node-{index:05}");
        let labels = [
            (HOSTNAME_LABEL.into(), name.as_str().into()),
            (ZONE_LABEL.into(), ZONES[index % 3].into()),
        ];
        Arc::new(Node {
            name: name.into(),
            labels: labels.into(),
            allocatable: ResourceList::from_pairs([
                ("cpu", Quantity::from_units(4)),
                ("memory", Quantity::from_units(32 << 30)),
                ("pods", Quantity::from_units(110)),
            ]),
            ..Node::default()
        })
    });
    let made: Vec<Arc<Node>> = made.collect();
    cache.add_nodes(made.iter().cloned()).expect("nodes");
    let mut next = |cache: &mut Cache, name: String| {
        let spec = workload.spec(&mut dice);
        (pod(cache, spec, name), dice.below(nodes))
    };
    for number in 0..2 * nodes {
        let (pod, node) = next(&mut cache, format!("old-{number}"));
        let placed = cache.add_pod(Arc::new(pod), &made[node].name);
        placed.expect("a node that is there");
    }
    let pods = (0..ROUND).map(|number| next(&mut cache, format!("new-{number}")).0);
    let pods = pods.collect();
    let config = SchedulerConfig {
        percentage_of_nodes_to_score: percentage,
        ..SchedulerConfig::default()
    };
    let profiles = build_kube_profiles(&config, Changes::default());
    Setting {
        cache,
        pods,
        profile: profiles.expect("the default profile").remove(0),
    }
}

/// A cluster and a scheduler that has met all classes: what a class costs once is left out.
fn warm(setting: &Setting, form: Form) -> (Cache, Round) {
    let cache = setting.cache.clone();
    let mut round = Round::new(TieBreak::random(1, 0), form);
    if form == Form::Incremental {
        for pod in &setting.pods {
            round.decide(&setting.profile, &cache, pod);
        }
    }
    (cache, round)
}

/// Places pods; the cluster comes back, so that its end is not measured.
fn run(setting: &Setting, (mut cache, mut round): (Cache, Round), count: usize) -> (Cache, Round) {
    for pod in &setting.pods[..count] {
        if let Outcome::Placed(slot) = round.decide(&setting.profile, &cache, pod) {
            cache.add_pod_in(Arc::new(pod.clone()), slot);
        }
    }
    (cache, round)
}

fn measure(criterion: &mut Criterion, name: &str, nodes: &[usize], parts: (Workload, i64, Form)) {
    let (workload, percentage, form) = parts;
    let count = if form == Form::Plain {
        PLAIN_ROUND
    } else {
        ROUND
    };
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10);
    group.throughput(Throughput::Elements(count as u64));
    for &nodes in nodes {
        let setting = setting(nodes, workload, percentage);
        group.bench_function(BenchmarkId::from_parameter(nodes), |bencher| {
            bencher.iter_batched(
                || warm(&setting, form),
                |state| black_box(run(&setting, state, count)),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn decisions(criterion: &mut Criterion) {
    for (sampling, percentage) in [("adaptive", 0), ("every-node", 100)] {
        for (name, workload) in [("plain", Workload::Plain), ("mixed", Workload::Mixed)] {
            let nodes = [100, 1_000, 5_000];
            let group = format!("kube/{name}/{sampling}");
            let parts = (workload, percentage, Form::Incremental);
            measure(criterion, &group, &nodes, parts);
            let group = format!("kube-plainly/{name}/{sampling}");
            measure(
                criterion,
                &group,
                &nodes,
                (workload, percentage, Form::Plain),
            );
        }
    }
}

/// How cost grows with classes and nodes.
fn growth(criterion: &mut Criterion) {
    for classes in [1, 100, 10_000] {
        let group = format!("kube/classes-{classes}/adaptive");
        let parts = (Workload::Classes(classes), 0, Form::Incremental);
        measure(criterion, &group, &[1_000, 5_000, 100_000], parts);
    }
}

/// Replicas fill a cluster: in the fast form as long as no plugin looks across nodes.
fn filling(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kube/place");
    group.sample_size(10);
    for nodes in [100, 1_000, 5_000] {
        let mut setting = setting(nodes, Workload::Plain, 100);
        let more = pod(&mut setting.cache, plain_spec("more"), "more".to_owned());
        let fits = place(&setting.cache, &setting.profile, &more, MOST);
        let fits = fits.expect("a placement").fits;
        group.throughput(Throughput::Elements(fits));
        group.bench_function(BenchmarkId::from_parameter(nodes), |bencher| {
            bencher.iter(|| place(&setting.cache, &setting.profile, &more, MOST));
        });
    }
    group.finish();
}

criterion_group!(benches, decisions, growth, filling);
criterion_main!(benches);
