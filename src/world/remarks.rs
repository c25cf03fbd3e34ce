//! Remarks about the files that a run was made of: parts that are not modelled, and the dirt that
//! was found in them.

use autoscale::horizontal::CONTESTED;
use cluster::Store;
use intake::Ledger;
use k8s::{DeclaredWorkload, Maker, ManifestPod, Manifests, effect_of_kind};
use model::objects::AppliedObjects;
use model::workload::validate;
use model::{DEFAULT_SCHEDULER, Node, Object, PodSpec, Service, TaintEffect};
use scenario::Scenario;
use units::{ClassId, Duration, SortedMap, plural};

use super::ignored_objects::ignored_objects;
use super::openshift_options::places_by_services;
use super::{Adoption, BuildError, Deletions, FileSource, ignored_by};

/// Name of a trait, and the test whether a pod has it.
type Trait = (&'static str, fn(&ManifestPod) -> bool);

/// Parts of a pod that kube-scheduler looks at and other schedulers ignore, and that no capability of a
/// system stands for: the summary lists the others as what the system can't express.
const UNHEEDED: [Trait; 2] = [
    ("a nominated node after a preemption", |pod| {
        pod.nominated_node.is_some() && pod.node_name.is_none()
    }),
    ("a different scheduler name", |pod| {
        pod.spec.scheduler() != DEFAULT_SCHEDULER
    }),
];

/// Kinds of workloads that controllers make pods of. A line of their own counts those that no
/// controller acts on, so that they are not listed among the ignored kinds.
const MAKERS: [&str; 7] = [
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "ReplicationController",
    "DaemonSet",
    "Job",
    "CronJob",
];

/// Lines about objects that are known by their names alone.
fn names(manifests: &Manifests) -> impl Iterator<Item = String> {
    ["Secret", "ConfigMap"].into_iter().filter_map(|kind| {
        let objects = manifests.workloads.iter().map(|own| &own.object);
        let count = objects.filter(|object| object.kind() == kind).count();
        (count > 0).then(|| {
            format!(
                "{} of kind `{kind}` {} alone; SwarmKit tasks wait for {}",
                plural::count(count, "object"),
                plural::either(count, "is known by its name", "are known by their names"),
                plural::either(count, "it", "them")
            )
        })
    })
}

/// Noun for an autoscaler in findings; `None` of other objects.
pub(super) fn autoscaler(object: &Object) -> Option<String> {
    match object {
        Object::HorizontalPodAutoscaler(own) => Some(own.spec.to_string()),
        Object::VerticalPodAutoscaler(own) => {
            let (namespace, name) = (&own.namespace, &own.name);
            Some(format!("VerticalPodAutoscaler {namespace}/{name}"))
        }
        _ => None,
    }
}

/// Name of an object in findings.
fn object_name(object: &Object) -> String {
    format!(
        "{} `{}/{}`",
        object.kind(),
        object.namespace(),
        object.name()
    )
}

/// Words about a service without pods; `None` if it selects some of these.
fn unselected(service: &Service, pods: &[&PodSpec]) -> Option<String> {
    if service.selector.is_empty() {
        return Some("spec.selector: it is empty, so that no pod answers requests".to_owned());
    }
    let is_own = |pod: &&PodSpec| service.selects(&pod.namespace, &pod.labels);
    let words = "spec.selector: it selects no pod of the run; requests to it fail";
    (!pods.iter().any(is_own)).then(|| words.to_owned())
}

/// Lines about the input, each kept once.
#[derive(Clone, Debug, Default)]
pub struct Remarks {
    /// Reason parts of pods and nodes are without effect; `None` if all of them count.
    ignored: Option<String>,
    /// Whether pods are placed by the services that select them.
    by_services: bool,
    /// Whether tasks wait for secrets and configs, as those of `SwarmKit` do.
    waits_for_names: bool,
    /// Declarations of autoscalers, by their names in findings.
    places: SortedMap<String, Vec<(String, DeclaredWorkload)>>,
    /// Files that declare services and budgets, by the names of these in findings.
    selecting: SortedMap<String, String>,
    /// Lines about pods that are missing or wait, before all others.
    urgent: Vec<String>,
    /// Lines that hold where no queue of Kueue is declared.
    without_queues: Vec<String>,
    has_queues: bool,
    unmodelled: Vec<String>,
    ledger: Ledger,
}

impl Remarks {
    /// Remarks on a run whose scheduler ignores parts of pods and nodes, with the words that say so
    /// ([`super::ignored_by`]); `None` if it looks at everything that the model holds.
    pub fn new(ignored: Option<String>) -> Self {
        Self {
            ignored,
            ..Self::default()
        }
    }

    /// Remarks on a run of a scenario.
    ///
    /// # Errors
    /// A file that says what the scheduler looks at is wrong.
    pub fn of(scenario: &Scenario, files: &FileSource<'_>) -> Result<Self, BuildError> {
        Ok(Self {
            by_services: places_by_services(scenario, files)?,
            waits_for_names: scenario.system.name == systems::swarmkit::ENTRY.name,
            ..Self::new(ignored_by(scenario))
        })
    }

    /// Notes a line.
    pub fn note(&mut self, line: String) {
        if !self.unmodelled.contains(&line) {
            self.unmodelled.push(line);
        }
    }

    /// Notes lines, each once.
    pub fn note_all(&mut self, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            self.note(line);
        }
    }

    /// Notes that queues of Kueue are declared, which hold jobs back where there are controllers.
    pub(super) fn has_queues(&mut self, has_controllers: bool) {
        self.has_queues = true;
        if !has_controllers {
            self.note(
                "queues of Kueue have no effect without controllers; write `controllers: {}` under \
                 `system`"
                    .to_owned(),
            );
        }
    }

    /// Notes a line that comes before the others: pods that are missing or wait.
    pub fn note_first(&mut self, line: String) {
        if !self.urgent.contains(&line) {
            self.urgent.push(line);
        }
    }

    /// Notes the pods that no controller of a run takes over.
    pub(super) fn adopted(&mut self, adoption: &Adoption) {
        if let Some(first) = adoption.without_former.first() {
            let sets = plural::count(adoption.without_former.len(), "set");
            let are = plural::either(adoption.without_former.len(), "is", "are");
            self.note(format!(
                "{sets} {are} half rolled out, and the files have no `ControllerRevision` of the former \
                 template (first: `{first}`): pods that keep it are made again as those that are there, or \
                 from the present template where none is, and `rollBack` may not find it; dump \
                 `controllerrevisions` as well"
            ));
        }
        let left = adoption.counts.left;
        if left == 0 {
            return;
        }
        let (taken, left) = (adoption.counts.taken, plural::count(left, "pod"));
        let are = plural::either(adoption.counts.left, "has", "have");
        self.note_first(format!(
            "{left} {are} a controller whose workload no file declares: they stay as they are, as do nodes \
             that the cluster autoscaler would empty (ControllerNotFound), and none that ends or is evicted \
             is made again ({taken} belong to declared workloads); dump `deploy,rs,sts,ds,job,cronjob` as \
             well"
        ));
    }

    /// Notes objects of an applied file that the scheduler reads once, when a run begins.
    pub(super) fn applied(&mut self, file: &str, at: Duration, objects: AppliedObjects) {
        let AppliedObjects {
            noun,
            added,
            unchanged,
        } = objects;
        if added > 0 {
            let are = plural::either(added, "is", "are");
            let objects = plural::count(added, noun);
            self.note(format!(
                "{file}: {objects} {are} there from the start of the run, not from {at} on: the \
                 scheduler reads such objects once"
            ));
        }
        if unchanged > 0 {
            let objects = plural::count(unchanged, noun);
            let keep = plural::either(unchanged, "keeps its", "keep their");
            self.note(format!(
                "{file}: {objects} {keep} state from the start of the run: the scheduler reads such \
                 objects once, and changes at {at} have no effect"
            ));
        }
    }

    /// Notes workloads that no controller acts on, with the pods that they want.
    fn unread(&mut self, file: &str, manifests: &Manifests) {
        let made = manifests.pods.iter().filter(|pod| {
            let counts = pod.node_name.is_some() || pod.waits_for_node();
            pod.maker != Maker::Nobody && counts && !pod.phase.is_final()
        });
        let made = made.count();
        let unread = &manifests.unread_workloads;
        let pods: u64 = unread.values().map(|own| own.pods).sum();
        let kinds = MAKERS.iter().filter_map(|kind| {
            let own = unread.get(*kind)?;
            Some(format!("{} {kind}", own.objects))
        });
        let kinds: Vec<String> = kinds.collect();
        if kinds.is_empty() {
            return;
        }
        let kinds = kinds.join(", ");
        self.note_first(if made == 0 {
            format!(
                "{file}: no controller acts on its workloads ({kinds}): the {} that they state {} missing; \
                 `controllers: {{}}` under `system` makes them where the system has controllers",
                plural::count(usize::try_from(pods).unwrap_or(usize::MAX), "pod"),
                plural::either(usize::try_from(pods).unwrap_or(usize::MAX), "is", "are"),
            )
        } else {
            format!(
                "{file}: no controller acts on its workloads ({kinds}): of the {} that they state, the \
                 {made} that the file has count as they are, and no other is made",
                plural::count(usize::try_from(pods).unwrap_or(usize::MAX), "pod"),
            )
        });
    }

    /// Notes the dirt of a trace.
    pub fn ledger(&mut self, ledger: &Ledger) {
        self.ledger.merge(ledger);
    }

    /// Notes pods that wait for GPUs which no node offers in that form, as a run left them: nodes that
    /// have devices (`gpu`) offer no extended resource by themselves.
    pub fn gpus(&mut self, store: &Store) {
        let (nodes, offered) = (store.nodes(), store.nodes().allocatable());
        for &id in store.gpu_resources() {
            let is_offered = nodes
                .present()
                .any(|node| offered.extended_amount(id, node) > 0);
            let waits = |pod: &&model::Pod| {
                let requests = &store.class(pod.class).requests;
                !pod.phase.holds_node() && requests.extended_amount(id) > 0
            };
            let waiting = store.pods().iter().filter(waits).count();
            if is_offered || waiting == 0 {
                continue;
            }
            let name = store.extended().text(id.index());
            let with_devices = nodes
                .present()
                .filter(|&node| !nodes.gpu_room(node).is_empty());
            let fix = match with_devices.count() {
                0 => format!("give nodes `allocatable: {{{name}: \"8\"}}`"),
                count => format!(
                    "{} (`gpu`), which is another thing: add `allocatable: {{{name}: \"8\"}}`",
                    plural::either(count, "one node has devices", "nodes have devices")
                ),
            };
            self.note(format!(
                "{} for `{name}`, which no node offers; {fix}",
                plural::either(waiting, "a pod waits", "pods wait"),
            ));
        }
    }

    /// Notes services, budgets and deletions of pods that no pod of a run had the labels of, as the run left
    /// them. Their pods may come from any file, from operations and from other sources of the workload.
    pub fn selectors(&mut self, store: &Store, deletions: &Deletions) {
        let classes = (0..store.class_count()).map(|index| ClassId(index as u32));
        let classes = classes.map(|class| &store.class(class).spec as &PodSpec);
        let objects = store.objects().iter();
        let templates = objects.filter_map(|(_, row)| row.object.template());
        let specs: Vec<&PodSpec> = classes.chain(templates).collect();
        for (_, row) in store.objects().iter() {
            let words = match &row.object {
                Object::Service(own) => unselected(own, &specs),
                Object::PodDisruptionBudget(own) => {
                    let pods = specs.iter().filter(|pod| pod.namespace == own.namespace);
                    let findings = validate::budget(own, pods.map(|pod| &pod.labels));
                    let idle = findings.into_iter().find(|one| one.problem.is_warning());
                    idle.map(|own| format!("{}: {}; it has no effect", own.field, own.problem))
                }
                _ => None,
            };
            if let Some(words) = words {
                let name = object_name(&row.object);
                let file = self.selecting.get(&name);
                let file = file.map_or_else(String::new, |file| format!("{file}: "));
                self.note(format!("{file}{name}: {words}"));
            }
        }
        self.note_all(deletions.idle(&specs));
    }

    /// Notes what autoscalers could not do, as a run left them.
    pub fn autoscalers(&mut self, store: &Store) {
        for (_, row) in store.objects().iter() {
            let Object::HorizontalPodAutoscaler(own) = &row.object else {
                continue;
            };
            if own.status.is_blind {
                let (spec, reason) = (&own.spec, &own.status.reason);
                let place = self.place(&spec.to_string(), "spec.metrics");
                let what = if reason.contains(CONTESTED) {
                    "it scaled by no metric"
                } else {
                    "a metric was never available"
                };
                self.note(format!("{place}{spec}: {what} ({reason})"));
            }
        }
    }

    /// Place of an autoscaler's field, as the beginning of a line about it: file, line and
    /// document; empty where that is not known.
    pub fn place(&self, object: &str, field: &str) -> String {
        let declared = self.places.get(object).into_iter().flatten();
        let mut places = declared.filter_map(|(file, own)| Some((file, own.place(field)?)));
        match places.next_back() {
            Some((file, place)) => format!("{file}: {place}, "),
            None => String::new(),
        }
    }

    /// Findings of a file in words, but for those that hold only where no queue is declared, which are
    /// noted apart.
    fn findings(&mut self, file: &str, manifests: &Manifests) -> Vec<String> {
        let (lacking, others): (Vec<_>, Vec<_>) =
            { manifests.findings.iter() }.partition(|finding| finding.lacks_queues);
        let lacking = lacking.into_iter().map(|own| format!("{file}: {own}"));
        self.without_queues.extend(lacking);
        others.into_iter().map(ToString::to_string).collect()
    }

    /// Notes what a file of manifests states and the model leaves out. One file may give nodes and
    /// pods; it is noted once.
    pub fn manifests(&mut self, file: &str, manifests: &Manifests) {
        for own in &manifests.workloads {
            if matches!(
                own.object,
                Object::Service(_) | Object::PodDisruptionBudget(_)
            ) {
                let name = object_name(&own.object);
                self.selecting.insert(name, file.to_owned());
            }
            if let Some(name) = autoscaler(&own.object) {
                let places = self.places.entry(name).or_default();
                places.push((file.to_owned(), own.clone()));
            }
        }
        self.unread(file, manifests);
        let effect = self.ignored.clone();
        let effect = effect.as_deref();
        let findings = self.findings(file, manifests);
        let ignored = manifests.ignored_kinds.iter();
        let ignored = ignored.filter(|(kind, _)| !MAKERS.contains(&kind.as_str()));
        let ignored = ignored.map(|(kind, count)| {
            format!(
                "{} of kind `{kind}` {} ignored: {}",
                plural::count(*count, "object"),
                plural::either(*count, "is", "are"),
                effect_of_kind(kind)
            )
        });
        let unheeded = UNHEEDED.iter().filter_map(|(what, has)| {
            let effect = effect?;
            let mut pods = manifests.pods.iter().filter(|pod| has(pod));
            let first = pods.next()?;
            let who = having(first, pods.count());
            Some(format!("{who} {what}; {effect}"))
        });
        // Controllers take over those that they have yet to look at.
        let has_controllers = !manifests.workloads.is_empty();
        let is_left_out =
            |pod: &&ManifestPod| pod.phase.is_final() && (pod.is_settled() || !has_controllers);
        let ended = manifests.pods.iter().filter(is_left_out);
        let ended = match ended.count() {
            0 => None,
            count => Some(format!(
                "{} that {} ended {} left out",
                plural::count(count, "pod"),
                plural::either(count, "has", "have"),
                plural::either(count, "is", "are")
            )),
        };
        let shunned = |node: &&Node| {
            let mut effects = node.taints.iter().map(|taint| taint.effect);
            effects.any(|effect| effect == TaintEffect::PreferNoSchedule)
        };
        let shunned = match (manifests.nodes.iter().filter(shunned).count(), effect) {
            (0, _) | (_, None) => None,
            (count, Some(effect)) => {
                let nodes = plural::either(count, "node has", "nodes have");
                Some(format!(
                    "{count} {nodes} a PreferNoSchedule taint; {effect}"
                ))
            }
        };
        let objects = ignored_objects(&manifests.objects, self.by_services);
        let objects = objects.filter(|_| effect.is_some());
        let counted = ended.into_iter().chain(shunned).chain(objects);
        let waits = self.waits_for_names;
        let names = names(manifests).filter(|_| waits);
        let passed = ignored.chain(names);
        for words in unheeded.chain(counted).chain(findings).chain(passed) {
            self.note(format!("{file}: {words}"));
        }
    }

    /// All lines.
    pub fn lines(&self) -> Vec<String> {
        let dirt = self.ledger.entries().iter().map(ToString::to_string);
        let lacking = self.without_queues.iter().filter(|_| !self.has_queues);
        let noted = self.urgent.iter().chain(&self.unmodelled).chain(lacking);
        noted.cloned().chain(dirt).collect()
    }
}

/// The pod that has something, and how many more do.
fn having(first: &ManifestPod, more: usize) -> String {
    let name = format!("`{}/{}`", first.namespace(), first.name);
    match more {
        0 => format!("pod {name} has"),
        more => format!("pod {name} and {more} more have"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s::read_manifests;

    #[test]
    fn what_no_policy_looks_at_is_told_once() {
        let text = "\
kind: Pod
metadata: {name: a}
spec:
  schedulerName: other
  containers: [{name: c, ports: [{hostPort: 80, containerPort: 80}]}]
---
kind: Pod
metadata: {name: b}
spec: {schedulerName: another, containers: [{name: c}]}
---
kind: Service
metadata: {name: s}
---
kind: ConfigMap
metadata: {name: s}
---
kind: NetworkPolicy
metadata: {name: s}
";
        let manifests = read_manifests("a.yaml", text);
        let manifests = manifests.expect("right manifests");
        let words = "ignored by the system `pipeline`; use `name: kubernetes`";
        let mut remarks = Remarks::new(Some(words.to_owned()));
        remarks.manifests("a.yaml", &manifests);
        remarks.manifests("a.yaml", &manifests);
        assert_eq!(
            remarks.lines(),
            [
                "a.yaml: pod `default/a` and 1 more have a different scheduler name; ignored by the \
                 system `pipeline`; use `name: kubernetes`",
                "a.yaml: 1 service is read, but ignored when pods are placed",
                "a.yaml: 1 object of kind `ConfigMap` is ignored: no pod waits for it",
                "a.yaml: 1 object of kind `NetworkPolicy` is ignored: traffic and access are not filtered \
                 or routed by it; placements are the same",
            ]
        );
    }
}
