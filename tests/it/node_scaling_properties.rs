//! What autoscalers of nodes keep to, whatever is asked of them: nobody is moved who may not be, no
//! node goes before its time or beyond what may go at once, groups keep to their bounds.

use std::fmt::Write as _;

use proptest::prelude::*;
use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{EndReason, Event, EvictionCause, Node, Pod};
use windtunnel::units::{Instant, NodeId, SortedMap, SortedSet};

use crate::kube_scenario::{Scratch, load_file};
use crate::watch::measure;

/// Why pods of a workload may not be evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// They may be.
    Free,
    NotSafeToEvict,
    DoNotDisrupt,
    LocalStorage,
    HostPath,
    System,
    Bare,
    Budget,
}

const KEPT: [Kept; 8] = [
    Kept::Free,
    Kept::NotSafeToEvict,
    Kept::DoNotDisrupt,
    Kept::LocalStorage,
    Kept::HostPath,
    Kept::System,
    Kept::Bare,
    Kept::Budget,
];

/// A workload: why it is kept, its replicas, its cores in hundredths, and how many it has later.
#[derive(Clone, Debug)]
struct Work {
    kept: Kept,
    replicas: u8,
    cpu: u16,
    changes: Vec<(u8, u8)>,
}

fn work() -> impl Strategy<Value = Work> {
    (
        prop::sample::select(vec![
            Kept::Free,
            Kept::Free,
            Kept::Free,
            KEPT[1],
            KEPT[2],
            KEPT[3],
            KEPT[4],
            KEPT[5],
            KEPT[6],
            KEPT[7],
        ]),
        0_u8..8,
        prop::sample::select(vec![30_u16, 50, 100, 150]),
        prop::collection::vec((5_u8..100, 0_u8..10), 0..4),
    )
        .prop_map(|(kept, replicas, cpu, changes)| Work {
            kept,
            replicas,
            cpu,
            changes,
        })
}

fn manifest(number: usize, own: &Work) -> String {
    let namespace = if own.kept == Kept::System {
        "kube-system"
    } else {
        "shop"
    };
    let annotation = match own.kept {
        Kept::NotSafeToEvict => "cluster-autoscaler.kubernetes.io/safe-to-evict: 'false'",
        Kept::DoNotDisrupt => "karpenter.sh/do-not-disrupt: 'true'",
        _ => "",
    };
    let volumes = match own.kept {
        Kept::LocalStorage => "volumes: [{name: v, emptyDir: {}}], ",
        Kept::HostPath => "volumes: [{name: v, hostPath: {path: /x}}], ",
        _ => "",
    };
    let spec = format!(
        "{{{volumes}containers: [{{name: c, image: 'c:1', resources: {{requests: {{cpu: {}m, memory: \
         256Mi}}}}}}]}}",
        10 * own.cpu
    );
    if own.kept == Kept::Bare {
        let pods = (0..own.replicas.min(3)).map(|pod| {
            format!(
                "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: s{number}-{pod}, namespace: shop, \
                 labels: {{app: s{number}}}}}\nspec: {spec}\n"
            )
        });
        return pods.collect();
    }
    let mut text = format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: s{number}, namespace: \
         {namespace}}}\nspec:\n  replicas: {}\n  selector: {{matchLabels: {{app: s{number}}}}}\n  \
         template:\n    metadata: {{labels: {{app: s{number}}}, annotations: {{{annotation}}}}}\n    \
         spec: {spec}\n",
        own.replicas
    );
    if own.kept == Kept::Budget {
        let _ = writeln!(
            text,
            "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: s{number}, \
             namespace: shop}}\nspec: {{maxUnavailable: 0, selector: {{matchLabels: {{app: \
             s{number}}}}}}}"
        );
    }
    text
}

/// What is held to.
struct Rules {
    /// Why workloads are kept, by their label.
    kept: SortedMap<String, Kept>,
    /// The taint of nodes that are to go.
    taint: &'static str,
    /// How many seconds a node must have been unneeded, or untouched.
    delay: f64,
    limits: Limits,
    /// When a node joined, was last used by more than half, and when a pod last came or went.
    joined: SortedMap<NodeId, f64>,
    busy: SortedMap<NodeId, f64>,
    touched: SortedMap<NodeId, f64>,
    /// Nodes that are to go, and whether there were pods on them then.
    leaving: SortedMap<NodeId, bool>,
    found: Vec<String>,
    marked: usize,
    evicted: usize,
}

enum Limits {
    /// A group's fewest and most nodes.
    Group(usize, usize),
    /// How many percent may go at a time.
    Budget(usize),
}

impl Rules {
    fn new(work: &[Work], taint: &'static str, delay: f64, limits: Limits) -> Self {
        let kept = work.iter().enumerate();
        Self {
            kept: kept
                .map(|(number, own)| (format!("s{number}"), own.kept))
                .collect(),
            taint,
            delay,
            limits,
            joined: SortedMap::new(),
            busy: SortedMap::new(),
            touched: SortedMap::new(),
            leaving: SortedMap::new(),
            found: Vec::new(),
            marked: 0,
            evicted: 0,
        }
    }

    fn ours(store: &Store) -> SortedSet<NodeId> {
        let nodes = store.nodes().present();
        let ours = nodes.filter(|&node| {
            let object = store.nodes().object(node);
            object.is_some_and(|own| own.labels.contains_key("windtunnel.dev/node-group"))
        });
        ours.collect()
    }

    fn is_busy(store: &Store, node: NodeId) -> bool {
        let slots = store.nodes().pods(node).iter();
        let pods = slots.filter_map(|&slot| store.pods().at(slot));
        let (mut cpu, mut memory) = (0, 0);
        for pod in pods {
            let asked = &store.class(pod.class).requests;
            cpu += asked.cpu_milli;
            memory += asked.memory_bytes;
        }
        let row = store.nodes().allocatable().row(node);
        2 * cpu > row.cpu_milli || 2 * memory > row.memory_bytes
    }

    fn used(&mut self, at: f64, node: NodeId, store: &Store, was_busy: bool) {
        self.touched.insert(node, at);
        if was_busy || Self::is_busy(store, node) {
            self.busy.insert(node, at);
        }
    }

    fn ended(&mut self, at: f64, pod: &Pod, reason: EndReason, store: &Store) {
        let is_forced = matches!(
            reason,
            EndReason::Evicted(EvictionCause::Consolidation) | EndReason::NodeLost
        );
        if !is_forced {
            return;
        }
        self.evicted += 1;
        let labels = &store.class(pod.class).spec.labels;
        let app = labels.get("app").map(ToString::to_string);
        let kept = app.as_ref().and_then(|app| self.kept.get(app)).copied();
        let is_group = matches!(self.limits, Limits::Group(..));
        let age = at - pod.created.as_secs_f64();
        let may_go = match kept.unwrap_or(Kept::Free) {
            Kept::Free => reason != EndReason::NodeLost,
            Kept::LocalStorage | Kept::HostPath | Kept::NotSafeToEvict | Kept::Bare => !is_group,
            Kept::System => !is_group || age > 3600.0,
            // Each annotation is read by its own autoscaler.
            Kept::DoNotDisrupt => is_group,
            Kept::Budget => false,
        };
        if !may_go {
            self.found
                .push(format!("{app:?} ({kept:?}) ended at {at} by {reason:?}"));
        }
    }

    fn updated(&mut self, at: f64, node: NodeId, object: &Node, store: &Store) {
        let is_leaving = object.taints.iter().any(|own| *own.key == *self.taint);
        if !is_leaving {
            self.leaving.remove(&node);
            return;
        }
        let has_pods = !store.nodes().pods(node).is_empty();
        if self.leaving.insert(node, has_pods).is_some() {
            return;
        }
        self.marked += 1;
        let name = store.nodes().name(node);
        let ours = Self::ours(store);
        let there = ours.len();
        let going = ours.iter().filter(|node| self.leaving.contains_key(node));
        let going = going.count();
        let since = match self.limits {
            Limits::Group(least, _) => {
                if there - going < least {
                    self.found.push(format!(
                        "{name} is to go at {at}: {there} - {going} < {least}"
                    ));
                }
                let drained = self.leaving.values().filter(|own| **own).count();
                if going > 10 || drained > 1 {
                    self.found
                        .push(format!("{going} to go at {at}, {drained} with pods"));
                }
                let busy = self.busy.get(&node).copied().unwrap_or(0.0);
                let joined = self.joined.get(&node).copied().unwrap_or(0.0);
                if Self::is_busy(store, node) {
                    self.found.push(format!("{name} is in use at {at}"));
                }
                busy.max(joined)
            }
            Limits::Budget(percent) => {
                if going > (there * percent).div_ceil(100) {
                    self.found
                        .push(format!("{going} of {there} to go at {at}, {percent} % may"));
                }
                self.touched.get(&node).copied().unwrap_or(0.0)
            }
        };
        if at - since < self.delay {
            self.found.push(format!(
                "{name} is to go at {at}, {} s after {since}",
                at - since
            ));
        }
    }
}

impl Observer for Rules {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        let at = at.as_secs_f64();
        match event {
            Event::NodeAdded { node, .. } => {
                self.joined.insert(*node, at);
                self.touched.insert(*node, at);
                let there = Self::ours(store).len();
                if let Limits::Group(_, most) = self.limits
                    && there > most
                {
                    self.found
                        .push(format!("{there} nodes at {at}, {most} may be"));
                }
            }
            Event::NodeRemoved { node } => {
                let is_announced = self.leaving.remove(node).is_some();
                let told = (!is_announced).then(|| format!("{node:?} went at {at} unannounced"));
                self.found.extend(told);
            }
            Event::NodeUpdated { node, object } => self.updated(at, *node, object, store),
            Event::PodBound { node, .. } => self.used(at, *node, store, false),
            Event::PodEnded { reason, .. } => {
                let Some(pod) = ended else { return };
                self.ended(at, pod, *reason, store);
                if let Some(node) = pod.node() {
                    // What it was before counts, too: it was so until now.
                    let asked = store.class(pod.class).requests.cpu_milli;
                    let row = store.nodes().allocatable().row(node);
                    let slots = store.nodes().pods(node).iter();
                    let others = slots.filter_map(|&slot| store.pods().at(slot));
                    let cpu: i64 = others
                        .map(|own| store.class(own.class).requests.cpu_milli)
                        .sum();
                    let was_busy = 2 * (cpu + asked) > row.cpu_milli;
                    self.used(at, node, store, was_busy);
                }
            }
            _ => {}
        }
    }
}

/// Runs workloads on a cluster whose nodes an autoscaler orders, and holds it to the rules.
fn held(name: &str, work: &[Work], provider: &str, autoscaling: &str, mut rules: Rules) -> Rules {
    let shop: String = work
        .iter()
        .enumerate()
        .map(|(number, own)| manifest(number, own))
        .collect();
    let operations = work.iter().enumerate().flat_map(|(number, own)| {
        let namespace = if own.kept == Kept::System {
            "kube-system"
        } else {
            "shop"
        };
        let changes = own.changes.iter().filter(|_| own.kept != Kept::Bare);
        changes.map(move |(at, replicas)| {
            format!(
                "  - {{at: {at}m, scale: Deployment/{namespace}/s{number}, replicas: {replicas}}}\n"
            )
        })
    });
    let operations: String = operations.collect();
    let operations = if operations.is_empty() {
        String::new()
    } else {
        format!("operations:\n{operations}")
    };
    let text = format!(
        "windtunnel: v1\nname: held\nseed: 7\ncluster:\n  nodes:\n    - {{count: 1, template: \
         {{allocatable: {{cpu: 2, memory: 8Gi}}}}}}\n  provider:\n    boot: uniform(40s, 90s)\n    \
         failureRate: 5%\n{provider}workload:\n  - manifests: shop.yaml\nsystem: {{controllers: {{}}, \
         autoscaling: {{{autoscaling}}}}}\n{operations}stop: {{at: 150m}}\n"
    );
    let scratch = Scratch::new(name, &[("shop.yaml", &shop), ("run.yaml", &text)]);
    let experiment = load_file(&scratch.path("run.yaml"));
    let scenario = &experiment.variants[0].scenario;
    let outcome = measure(scenario, &experiment.files, &mut rules);
    outcome.unwrap_or_else(|error| panic!("{error}"));
    rules
}

proptest! {
    #![proptest_config(ProptestConfig {
        // A run of hours is thousands of steps; `PROPTEST_CASES` draws more of them.
        cases: ProptestConfig::default().cases / 12,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_cluster_autoscaler_keeps_its_rules(
        work in prop::collection::vec(work(), 2..6),
        (least, more) in (0_usize..3, 2_usize..9),
        (unneeded, after_add) in (120_u32..600, 30_u32..240),
        seed in 0_u32..1_000_000,
    ) {
        let most = least + more;
        let provider = format!(
            "    groups:\n      - {{name: workers, instanceType: m5.xlarge, min: {least}, max: {most}}}\n"
        );
        let settings = format!("cluster: {{unneededTime: {unneeded}s, delayAfterAdd: {after_add}s}}");
        let rules = Rules::new(
            &work,
            "ToBeDeletedByClusterAutoscaler",
            f64::from(unneeded),
            Limits::Group(least, most),
        );
        let rules = held(&format!("held-cluster-{seed}"), &work, &provider, &settings, rules);
        prop_assert!(rules.found.is_empty(), "{:?}", rules.found);
    }

    #[test]
    fn a_provisioner_keeps_its_rules(
        work in prop::collection::vec(work(), 2..6),
        budget in 10_usize..100,
        after in 0_u32..300,
        seed in 0_u32..1_000_000,
    ) {
        let settings = format!(
            "provisioner: {{instanceTypes: ['m5.large', 'm5.xlarge', 'c5.*'], consolidateAfter: {after}s, \
             budget: {budget}%}}"
        );
        let rules = Rules::new(
            &work,
            "karpenter.sh/disrupted",
            f64::from(after),
            Limits::Budget(budget),
        );
        let rules = held(&format!("held-provisioner-{seed}"), &work, "", &settings, rules);
        prop_assert!(rules.found.is_empty(), "{:?}", rules.found);
    }
}

/// The rules are held to something: pods are moved and nodes go in such runs.
#[test]
fn such_runs_move_pods_and_give_nodes_back() {
    let work: Vec<Work> = KEPT
        .iter()
        .map(|&kept| Work {
            kept,
            replicas: 4,
            cpu: 50,
            changes: vec![(20, 1)],
        })
        .chain((0..2).map(|_| Work {
            kept: Kept::Free,
            replicas: 8,
            cpu: 100,
            changes: vec![(15, 3), (60, 9), (80, 2)],
        }))
        .collect();
    let provider =
        "    groups:\n      - {name: workers, instanceType: m5.xlarge, min: 1, max: 10}\n";
    let limits = Limits::Group(1, 10);
    let rules = Rules::new(&work, "ToBeDeletedByClusterAutoscaler", 300.0, limits);
    let settings = "cluster: {unneededTime: 300s, delayAfterAdd: 60s}";
    let rules = held("held-some-cluster", &work, provider, settings, rules);
    assert!(rules.found.is_empty(), "{:?}", rules.found);
    assert!(
        rules.marked > 0 && rules.evicted > 0,
        "{} {}",
        rules.marked,
        rules.evicted
    );
    let rules = Rules::new(&work, "karpenter.sh/disrupted", 60.0, Limits::Budget(30));
    let settings =
        "provisioner: {instanceTypes: [m5.large, m5.xlarge], consolidateAfter: 60s, budget: 30%}";
    let rules = held("held-some-provisioner", &work, "", settings, rules);
    assert!(rules.found.is_empty(), "{:?}", rules.found);
    assert!(
        rules.marked > 0 && rules.evicted > 0,
        "{} {}",
        rules.marked,
        rules.evicted
    );
}
