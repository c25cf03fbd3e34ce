//! Reasons for which pods wait when a run ends: the last answer of the scheduler, where it keeps one,
//! and otherwise what the nodes say by the rules that the system heeds. A run says so in one line,
//! whatever the number of its pods.

mod gist;
mod models;
mod size;
mod wide_gangs;

use cluster::Store;
use history::{WAITING_MAX, WaitingList, WaitingPods};
use model::rules::{affinity, room, taints, unschedulable};
use model::{Pod, PodPhase, PodRef, Text};
use systems::capability::{Capabilities, Capability, Support, support};
use units::{ClassId, NodeId, SortedMap, plural};
use world::Remarks;

use self::gist::{by_nodes, cut, sentence, shortened};
use self::wide_gangs::WideGangs;
use crate::volume_reach;

/// Number of reasons that are told; the others are counted.
const TOLD: usize = 4;

/// The systems that start all members of a gang or none.
const ALL_OR_NONE: [&str; 2] = [systems::batch::ENTRY.name, systems::gpu_sharing::ENTRY.name];

/// Number of classes of pods that nodes are asked about.
const CLASSES: usize = 256;

/// Number of pods that the scheduler is asked about, one by one.
const ASKED: u64 = 100_000;

/// A reason with the number of pods, or of nodes, that have it.
struct Counted {
    reason: String,
    count: u64,
}

impl Counted {
    /// Reasons by falling counts; equal counts stay in the order in which the reasons came.
    fn most_first(reasons: impl IntoIterator<Item = (String, u64)>) -> Vec<Self> {
        let mut counted: Vec<Self> = reasons
            .into_iter()
            .map(|(reason, count)| Self { reason, count })
            .collect();
        counted.sort_by_key(|own| std::cmp::Reverse(own.count));
        counted
    }
}

/// Last answer of a scheduler about a pod.
pub(super) struct Answer {
    /// Message of the scheduler.
    pub(super) message: Text,
    /// Names of the filters that rejected the pod, where they are known.
    pub(super) filters: Vec<Text>,
    /// Reason for which no node is ordered for the pod.
    pub(super) unprovided: Option<Text>,
}

impl Answer {
    /// The gist of the answer, with the filters behind it.
    fn gist(&self) -> String {
        let gist = shortened(&self.message);
        let gist = match self.filters.as_slice() {
            [] => gist,
            filters => format!("{gist} [{}]", filters.join(", ")),
        };
        self.and_unprovided(gist)
    }

    /// A reason, with that for which no node is ordered.
    fn and_unprovided(&self, reason: String) -> String {
        match &self.unprovided {
            Some(why) => format!("{reason}; {}", cut(why)),
            None => reason,
        }
    }
}

/// The pods that wait when a run ends.
pub(super) struct Waiting<'s, F> {
    store: &'s Store,
    capabilities: Capabilities,
    /// Whether `windtunnel explain` can tell more about a pod.
    is_explained: bool,
    gangs: WideGangs,
    /// Words of a system whose answers say no amounts.
    terse: Option<size::Terms>,
    /// Last answer of the scheduler about a pod.
    answer: F,
}

impl<'s, F: Fn(PodRef) -> Option<Answer>> Waiting<'s, F> {
    /// The pods that wait in the store of a system; `answer` is what its scheduler said of a pod last.
    pub(super) fn new(store: &'s Store, system: &str, answer: F) -> Self {
        let entry = systems::registry::find(system).ok();
        Self {
            store,
            capabilities: entry.map_or(&[][..], |entry| entry.capabilities),
            gangs: { entry.filter(|entry| ALL_OR_NONE.contains(&entry.name)) }
                .map_or_else(WideGangs::default, |_| WideGangs::of(store)),
            terse: size::terms(system),
            is_explained: entry.is_some_and(|entry| entry.scheduler.keeps_attempts()),
            answer,
        }
    }

    /// The pods by class and reason, most first, once they are noted.
    pub(super) fn noted(&self, remarks: &mut Remarks) -> WaitingList {
        self.note(remarks);
        self.list()
    }

    /// Notes the pods that wait, or that none came.
    fn note(&self, remarks: &mut Remarks) {
        if let Some((line, first)) = self.line() {
            remarks.note_first(if self.is_explained {
                format!("{line}; `windtunnel explain RESULT {first}` explains one")
            } else {
                line
            });
        }
        if self.store.pods().created() == 0 {
            remarks.note_first(
                "no pod arrived: every metric of pods is empty; mind `workload`, its files and its \
                 controllers"
                    .to_owned(),
            );
        }
    }

    /// A line about the pods that wait, and the name of the first; `None` if there are none.
    fn line(&self) -> Option<(String, String)> {
        let (store, capabilities) = (self.store, self.capabilities);
        let mut by_class = SortedMap::new();
        let mut groups: SortedMap<String, u64> = SortedMap::new();
        let mut first = None;
        let mut total: u64 = 0;
        for pod in store.pods().iter().filter(|pod| waits(store, pod)) {
            total += 1;
            first.get_or_insert(pod);
            let said = if total <= ASKED {
                (self.answer)(pod.pod)
            } else {
                None
            };
            let said = said.map(|answer| answer.gist());
            let said = said.or_else(|| self.gangs.reason(pod).cloned());
            let reason = said.unwrap_or_else(|| {
                if by_class.len() >= CLASSES && !by_class.contains_key(&pod.class) {
                    return "reasons of their own".to_owned();
                }
                let known = by_class.entry(pod.class);
                known
                    .or_insert_with(|| of_class(store, pod.class, capabilities).words())
                    .clone()
            });
            let reason = self.with_reach(pod.class, reason);
            *groups.entry(reason).or_default() += 1;
        }
        let first = first?;
        let groups = Counted::most_first(groups);
        let others: u64 = groups.iter().skip(TOLD).map(|group| group.count).sum();
        let told = groups.iter().take(TOLD);
        let mut parts: Vec<String> = match &groups[..] {
            [group] => vec![group.reason.clone()],
            _ => told
                .map(|group| format!("{} ({})", group.reason, group.count))
                .collect(),
        };
        if others > 0 {
            parts.push(format!("other reasons ({others})"));
        }
        let pods = usize::try_from(total).unwrap_or(usize::MAX);
        let wait = plural::either(pods, "pod waits", "pods wait");
        let line = format!("{total} {wait} at the end: {}", parts.join("; "));
        Some((line, named(store, first)))
    }

    /// A reason, with the models of GPUs, the size and the volumes that keep pods of a class from all nodes.
    fn with_reach(&self, class: ClassId, reason: String) -> String {
        let store = self.store;
        let nodes = store.nodes();
        let objects = || nodes.ids().filter_map(|node| nodes.object(node));
        let objects = || objects().map(|own| &**own).collect();
        let volumes = volume_reach::words(&store.class(class).spec, objects);
        let size = (self.terse).and_then(|words| size::too_large(store, class, words));
        let more = [models::lacking(store, class), size, volumes];
        let more = more.into_iter().flatten();
        std::iter::once(reason)
            .chain(more)
            .collect::<Vec<_>>()
            .join("; ")
    }

    /// The pods by class and reason, most first.
    fn list(&self) -> WaitingList {
        let store = self.store;
        let mut by_reason: SortedMap<(ClassId, Option<Text>), Group<'_>> = SortedMap::new();
        let mut pods = 0;
        for pod in store.pods().iter().filter(|pod| waits(store, pod)) {
            pods += 1;
            let said = (pods <= ASKED).then(|| (self.answer)(pod.pod)).flatten();
            let (message, filters) = match said {
                Some(answer) => {
                    let reason = answer.and_unprovided(cut(sentence(&answer.message)));
                    (Some(Text::from(reason)), answer.filters)
                }
                None => (
                    self.gangs.reason(pod).map(|own| own.as_str().into()),
                    Vec::new(),
                ),
            };
            let group = by_reason.entry((pod.class, message));
            let group = group.or_insert_with(|| Group {
                first: pod,
                pods: 0,
                filters,
            });
            group.pods += 1;
            if pod.created < group.first.created {
                group.first = pod;
            }
        }
        let mut groups: Vec<_> = by_reason.into_iter().collect();
        groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.pods));
        groups.truncate(WAITING_MAX);
        let listed = groups
            .into_iter()
            .map(|((class, message), group)| WaitingPods {
                first: named(store, group.first),
                pods: group.pods,
                since_ns: group.first.created.as_nanos(),
                reason: self.with_reach(
                    class,
                    match message {
                        Some(message) => message.to_string(),
                        None => counted(&of_class(store, class, self.capabilities)),
                    },
                ),
                filters: group.filters.iter().map(ToString::to_string).collect(),
            });
        WaitingList {
            pods,
            listed: listed.collect(),
        }
    }
}

/// Pods of one class and reason.
struct Group<'s> {
    /// The pod that waits longest.
    first: &'s Pod,
    pods: u64,
    filters: Vec<Text>,
}

/// Name of a pod with its namespace, if it has one.
fn named(store: &Store, pod: &Pod) -> String {
    match &*store.class(pod.class).spec.namespace {
        "" => pod.name.to_string(),
        namespace => format!("{namespace}/{}", pod.name),
    }
}

/// Whether a pod waits for a node.
fn waits(store: &Store, pod: &Pod) -> bool {
    pod.phase == PodPhase::Pending
        && pod.node().is_none()
        && !store.pod_states().is_terminating(pod.pod)
}

/// Reasons for which pods of a class wait.
enum Reasons {
    /// A reason of the pods' own.
    Own(String),
    /// Reasons of the nodes with their numbers, most first, and the number of all nodes.
    Nodes(Vec<Counted>, usize),
}

impl Reasons {
    /// The reasons in words, without numbers of nodes where there are several.
    fn words(&self) -> String {
        match self {
            Self::Own(reason) => reason.clone(),
            Self::Nodes(refusals, all) => by_nodes(refusals, *all),
        }
    }
}

/// Reasons with numbers of nodes, in the manner of the scheduler's own message.
fn counted(reasons: &Reasons) -> String {
    match reasons {
        Reasons::Own(reason) => reason.clone(),
        Reasons::Nodes(refusals, all) => {
            let parts = refusals.iter();
            let parts = parts.map(|own| format!("{} {}", own.count, own.reason));
            let parts: Vec<String> = parts.collect();
            let nodes = plural::count(*all, "node");
            cut(&format!("refused by {nodes}: {}", parts.join(", ")))
        }
    }
}

/// The reasons for which pods of a class wait, by the rules that the system heeds.
fn of_class(store: &Store, class: ClassId, capabilities: Capabilities) -> Reasons {
    let heeds = |capability| matches!(support(capabilities, capability), Some(Support::Yes(_)));
    let gates = &store.class(class).spec.scheduling_gates;
    if let (Some(gate), true) = (gates.first(), heeds(Capability::SchedulingGates)) {
        return Reasons::Own(format!("scheduling gate `{gate}`"));
    }
    let nodes = store.nodes();
    let mut counts: SortedMap<String, u64> = SortedMap::new();
    let mut all = 0;
    for node in nodes.present() {
        all += 1;
        let reason = of_node(store, class, node, heeds);
        *counts.entry(reason).or_default() += 1;
    }
    Reasons::Nodes(Counted::most_first(counts), all)
}

/// The first rule by which a node does not take a pod of a class.
fn of_node(
    store: &Store,
    class: ClassId,
    node: NodeId,
    heeds: impl Fn(Capability) -> bool,
) -> String {
    let (nodes, class) = (store.nodes(), store.class(class));
    let Some(object) = nodes.object(node) else {
        return "not there".to_owned();
    };
    if !nodes.is_ready(node) {
        return "not ready".to_owned();
    }
    if !unschedulable::admits(&class.spec, object) {
        return "cordoned".to_owned();
    }
    if heeds(Capability::Taints)
        && let Some(taint) = taints::first_repelling(&class.spec, &object.taints)
    {
        return format!("untolerated taint `{}`", taint.key);
    }
    if heeds(Capability::NodeSelector) && !affinity::admits(&class.spec, object) {
        return "other labels than the pod selects".to_owned();
    }
    if heeds(Capability::Requests)
        && let Some(resource) = short_of(store, class, node)
    {
        return format!("Insufficient {resource}");
    }
    if heeds(Capability::HostPorts) && class.lacks_ports(store, node) {
        return "host ports are taken".to_owned();
    }
    "room, but the queue or another rule holds the pod back".to_owned()
}

/// The first resource of which a node has too little left.
fn short_of(store: &Store, class: &cluster::Class, node: NodeId) -> Option<String> {
    let (nodes, asks) = (store.nodes(), &class.requests);
    let free = nodes.free().row(node);
    let plain = [
        ("cpu", asks.cpu_milli, free.cpu_milli),
        ("memory", asks.memory_bytes, free.memory_bytes),
        ("ephemeral-storage", asks.storage_bytes, free.storage_bytes),
        ("pods", asks.pods, free.pods),
    ];
    let mut short = plain
        .iter()
        .filter(|(_, asked, left)| !room::fits(*asked, *left));
    if let Some((name, ..)) = short.next() {
        return Some((*name).to_owned());
    }
    let mut extended = asks.extended.iter();
    let short =
        extended.find(|(id, asked)| !room::fits(*asked, nodes.free().extended_amount(*id, node)));
    if let Some((id, _)) = short {
        return Some(store.extended().text(id.index()).to_owned());
    }
    (!nodes.has_gpu_room(node, class.gpu)).then(|| "GPUs".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_by_their_gist() {
        for (message, expected) in [
            (
                "0/6 nodes are available: 6 Insufficient cpu. no new claims to deallocate, preemption: 0/6 nodes are available: \
                 6 No preemption victims found for incoming pod.",
                "Insufficient cpu on all 6 nodes",
            ),
            (
                "0/6 nodes are available: 2 Insufficient cpu, 4 Too many pods.",
                "mainly Too many pods, also Insufficient cpu",
            ),
            (
                "0/3 nodes are available: persistentvolumeclaim \"x\" not found.",
                "persistentvolumeclaim \"x\" not found",
            ),
            (
                "0/1 nodes are available: 1 Too many pods.",
                "Too many pods on the only node",
            ),
            (
                "no nodes available to schedule pods",
                "no nodes available to schedule pods",
            ),
        ] {
            assert_eq!(shortened(message), expected);
        }
    }

    /// A run on two nodes of a tenth of a core, on which nothing fits.
    #[test]
    fn a_run_lists_the_pods_that_wait_with_the_nodes_by_filter() {
        let text = "\
windtunnel: v1
name: tiny
cluster: {nodes: [{count: 2, template: {allocatable: {cpu: 100m, memory: 16Gi, pods: 10}}}]}
workload: [{generate: {model: lublin99, jobs: 10}}]
stop: {at: 30d}
";
        let experiment = crate::fixture::experiment(text, "tiny.yaml", &[]);
        let scenario = &experiment.variants[0].scenario;
        let files = world::FileSource::of(&experiment.files);
        let prepared = crate::run::prepare(scenario, &files).expect("a world");
        let tables = crate::run::Tables {
            report_pods: Some(10),
            ..crate::run::Tables::default()
        };
        let interrupted = std::sync::atomic::AtomicBool::new(false);
        let outcome = crate::run::run_quietly(scenario, prepared, tables, &interrupted);
        let outcome = outcome.expect("a run");
        let waiting = outcome.report.expect("data of the report").waiting;
        assert!(
            waiting.pods == outcome.pods && waiting.pods >= 10,
            "{waiting:?}"
        );
        let listed: u64 = waiting.listed.iter().map(|own| own.pods).sum();
        assert_eq!(listed, waiting.pods);
        for own in &waiting.listed {
            let expected = "0/2 nodes are available: 2 Insufficient cpu";
            assert!(own.reason.starts_with(expected), "{own:?}");
            assert_eq!(own.filters, ["NodeResourcesFit"]);
            let end = 30 * 86_400 * 1_000_000_000;
            assert!(!own.first.is_empty() && (0..end).contains(&own.since_ns));
        }
        assert!(
            waiting
                .listed
                .is_sorted_by_key(|own| std::cmp::Reverse(own.pods))
        );
    }
}
