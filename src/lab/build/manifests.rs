//! Kubernetes manifests as nodes and arrivals. Whatever they state and no part of the program acts
//! on yet is noted in the ledger, so that nobody takes a placement for more than it is.

use std::sync::Arc;

use crate::model::{Node, PodName, PodSpec, TaintEffect};
use crate::trace::intern::ClassTable;
use crate::trace::ledger::Action;
use crate::trace::manifest::{Manifests, read_manifests};
use crate::trace::memory::Recorded;
use crate::trace::{Arrival, Input, Ledger};
use crate::units::{Duration, Instant};

use super::BuildError;

/// The nodes of a file, and what was left out of account.
pub(super) fn nodes(input: &Input) -> Result<(Vec<Node>, Ledger), BuildError> {
    let manifests = read(input)?;
    let mut notes = Notes::new(input);
    notes.findings(&manifests, "Node");
    for node in &manifests.nodes {
        let mut effects = node.taints.iter().map(|taint| taint.effect);
        if effects.any(|effect| effect == TaintEffect::PreferNoSchedule) {
            notes.add("node with a PreferNoSchedule taint, which is not weighed");
        }
    }
    Ok((manifests.nodes, notes.ledger))
}

/// The pods of a file as arrivals, at their own time or at `at`.
pub(super) fn arrivals(input: &Input, at: Duration) -> Result<Recorded, BuildError> {
    let manifests = read(input)?;
    let mut notes = Notes::new(input);
    notes.findings(&manifests, "Pod");
    for (kind, &count) in &manifests.ignored_kinds {
        let what = format!("object of kind {kind}, which is not read");
        notes
            .ledger
            .note_many(&what, Action::Drop, &notes.file, count);
    }
    let mut arrivals = Vec::new();
    let mut table = ClassTable::default();
    for pod in manifests.pods {
        if pod.phase.is_final() {
            notes.drop("pod that has ended");
            continue;
        }
        if pod.node_name.is_some() {
            notes.add("pod that has a node in the file, and is placed anew");
        }
        for what in left_out(&pod.spec) {
            notes.add(what);
        }
        arrivals.push(Arrival {
            submit: Instant::ZERO.saturating_add(pod.at.unwrap_or(at)),
            name: PodName::Text(pod.name),
            class: table.class_of((*pod.spec).clone()),
            members: 1,
            tenant: 0,
            run_time: None,
            time_limit: pod.time_limit,
            historic_start: None,
        });
    }
    arrivals.sort_by_key(|arrival| arrival.submit);
    Ok(Recorded {
        arrivals,
        classes: table.classes().clone(),
        tenants: Vec::new(),
        ledger: notes.ledger,
    })
}

fn read(input: &Input) -> Result<Manifests, BuildError> {
    Ok(read_manifests(&input.name, &input.read_to_string()?)?)
}

/// What a pod states and no policy acts on yet.
fn left_out(spec: &PodSpec) -> impl Iterator<Item = &'static str> {
    let affinity = &spec.affinity;
    let mut containers = spec.containers.iter().chain(&spec.init_containers);
    [
        (
            !affinity.required_pod_affinity.is_empty()
                || !affinity.required_pod_anti_affinity.is_empty(),
            "pod with required affinity or anti-affinity to pods, which is not applied",
        ),
        (
            !affinity.preferred_pod_affinity.is_empty()
                || !affinity.preferred_pod_anti_affinity.is_empty(),
            "pod with preferred affinity or anti-affinity to pods, which is not weighed",
        ),
        (
            !affinity.node.preferred.is_empty(),
            "pod with preferred node affinity, which is not weighed",
        ),
        (
            !spec.topology_spread.is_empty(),
            "pod with topology spread constraints, which are not applied",
        ),
        (
            containers.any(|container| !container.host_ports.is_empty()),
            "pod with host ports, whose conflicts are not looked at",
        ),
        (
            !spec.scheduling_gates.is_empty(),
            "pod with scheduling gates, which are taken to be open",
        ),
    ]
    .into_iter()
    .filter_map(|(stated, what)| stated.then_some(what))
}

/// Notes about one file.
struct Notes {
    file: Arc<str>,
    ledger: Ledger,
}

impl Notes {
    fn new(input: &Input) -> Self {
        Self {
            file: input.name.clone(),
            ledger: Ledger::default(),
        }
    }

    fn add(&mut self, what: &str) {
        self.ledger.note_many(what, Action::Keep, &self.file, 1);
    }

    fn drop(&mut self, what: &str) {
        self.ledger.note_many(what, Action::Drop, &self.file, 1);
    }

    /// What the reader found, about objects of one kind: a file may be read for both.
    fn findings(&mut self, manifests: &Manifests, kind: &str) {
        let findings = manifests.findings.iter();
        for finding in findings.filter(|finding| finding.object.starts_with(kind)) {
            let what = format!("{}: {}; {}", finding.field, finding.what, finding.effect);
            self.ledger
                .note_many(&what, Action::Keep, &self.file, finding.count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFESTS: &str = "\
apiVersion: v1
kind: Node
metadata: {name: a}
spec: {taints: [{key: old, effect: PreferNoSchedule}]}
status: {allocatable: {cpu: 4}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: done}
spec: {containers: [{name: a}], nodeName: a}
status: {phase: Succeeded}
---
apiVersion: v1
kind: Pod
metadata: {name: gated}
spec:
  containers: [{name: a, ports: [{hostPort: 80}]}]
  schedulingGates: [{name: later}]
  volumes: [{name: disk, persistentVolumeClaim: {claimName: disk}}]
";

    fn lines(ledger: &Ledger) -> Vec<String> {
        ledger.entries().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_nobody_acts_on_is_noted() {
        let input = Input::bytes("shop.yaml", MANIFESTS.as_bytes().to_vec());
        let (nodes, ledger) = nodes(&input).expect("good manifests");
        assert_eq!(nodes.len(), 1);
        assert_eq!(
            lines(&ledger),
            [
                "keep 1 rows: status.allocatable.pods: missing; Kubernetes then allows 0 pods on \
                 the node; write `pods: 110` for kubelet's default (first shop.yaml)",
                "keep 1 rows: node with a PreferNoSchedule taint, which is not weighed (first \
                 shop.yaml)",
            ]
        );
        let recorded = arrivals(&input, Duration::ZERO).expect("good manifests");
        assert_eq!(recorded.arrivals.len(), 1);
        assert_eq!(
            lines(&recorded.ledger),
            [
                "keep 1 rows: spec.volumes[0].persistentVolumeClaim: a volume that not every node \
                 can reach; nodes are not narrowed to the volume's zone, and no node's limit of \
                 volumes or sharing rule is held (first shop.yaml)",
                "drop 1 rows: object of kind Deployment, which is not read (first shop.yaml)",
                "drop 1 rows: pod that has ended (first shop.yaml)",
                "keep 1 rows: pod with host ports, whose conflicts are not looked at (first \
                 shop.yaml)",
                "keep 1 rows: pod with scheduling gates, which are taken to be open (first \
                 shop.yaml)",
            ]
        );
    }
}
