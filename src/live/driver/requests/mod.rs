//! Requests of users: operations on the cluster, each carried out by the rules of
//! `control::operation`.

use control::operation::{EvictionRequests, Operation, PodChoice, Propagation, Target, carry_out};
use model::{Labels, Object, Text};
use systems::SystemFact;

use super::labels::OwnLabels;
use super::services::Ports;
use super::view::PodRow;
use super::{Drain, Driver};
use crate::wire::request::{Outcome, Request};

mod fields;
pub(crate) mod manifests;

use manifests::Read;

impl Driver {
    /// A user asks for a change.
    pub(super) fn ask(&mut self, request: &Request) -> Outcome {
        let (mut labels, mut ports) = (OwnLabels::default(), Ports::default());
        request.each_object(&mut |object| {
            labels.read(object);
            ports.read(object);
        });
        let mut outcome = Outcome::default();
        let read = match read(request) {
            Ok(read) => read,
            Err(why) => {
                outcome.refused.push(why);
                return outcome;
            }
        };
        outcome.notes = read.notes;
        for operation in read.operations {
            if let Operation::Apply(object) = &operation
                && object.template().is_some()
                && !self.runs_workloads
            {
                let system = &self.system;
                outcome.refused.push(format!(
                    "{operation}: nothing would make its pods: the system `{system}` runs without \
                     controllers; write `controllers: {{}}` under `system` if it is Kubernetes, or \
                     apply pods"
                ));
                continue;
            }
            let was_listed = self.forgets(&operation);
            let done = self.operate(&operation);
            match &operation {
                Operation::Apply(object) if done.is_ok() => {
                    self.labels.take(object, &mut labels);
                    self.ports.take(object, &mut ports);
                }
                Operation::Delete(target, _) if done.is_ok() => {
                    self.labels
                        .forget(target.kind, &target.namespace, &target.name);
                }
                _ => {}
            }
            match done {
                Err(_) if was_listed => outcome.done.push(operation.to_string()),
                Ok(true) => outcome.done.push(operation.to_string()),
                Ok(false) => outcome.done.push(format!("{operation}: unchanged")),
                Err(why) => outcome.refused.push(format!("{operation}: {why}")),
            }
        }
        outcome
    }

    /// Leaves a pod that has ended out of lists, if an operation deletes it; returns whether it was listed.
    fn forgets(&mut self, operation: &Operation) -> bool {
        match operation {
            Operation::DeletePods(PodChoice {
                namespace,
                name: Some(name),
                ..
            }) => {
                let is_it = |row: &PodRow| row.namespace == **namespace && row.name == **name;
                let was_listed = self.ended_rows().iter().any(is_it);
                self.ended.forget(namespace, name);
                was_listed
            }
            _ => false,
        }
    }

    /// Carries an operation out; returns whether it changes anything.
    fn operate(&mut self, operation: &Operation) -> Result<bool, String> {
        let by_system = match operation {
            Operation::Drain(node, _)
                if systems::registry::has(&self.system, SystemFact::EmptiesNodes) =>
            {
                Some(Operation::Drain(node.clone(), EvictionRequests::Never))
            }
            _ => None,
        };
        let operation = by_system.as_ref().unwrap_or(operation);
        let steps = carry_out(self.now, operation, &self.store).map_err(|why| why.to_string())?;
        let before = self.store.revision();
        for event in steps.events {
            self.carry_out(event).map_err(|why| why.to_string())?;
        }
        for creation in &steps.creations {
            self.create(creation).map_err(|why| why.to_string())?;
        }
        if let (Operation::Drain(node, _), Some(rest)) = (operation, steps.rest) {
            let (at, node) = (rest.at, node.clone());
            self.drains.insert(Drain { at, node });
        }
        Ok(self.store.revision() > before)
    }

    /// A node that is being drained is emptied further, unless it takes pods again.
    pub(super) fn go_on_draining(&mut self, name: &Text) {
        let node = self.store.nodes().by_name(name);
        let object = node.and_then(|node| self.store.nodes().object(node));
        if object.is_some_and(|object| object.unschedulable) {
            // A node that left meanwhile needs no draining.
            let _ = self.operate(&Operation::Drain(name.clone(), EvictionRequests::default()));
        }
    }
}

/// The operations that a request asks for.
fn read(request: &Request) -> Result<Read, String> {
    let operations = match request {
        Request::Apply { file, text } => return manifests::read(file, text),
        Request::Delete { object } => vec![deletion(object)?],
        Request::Scale { object, replicas } => {
            let target = target(object).ok_or_else(|| expected(object))?;
            vec![Operation::Scale(target, *replicas)]
        }
        Request::Cordon { node } => vec![Operation::Cordon(node.as_str().into())],
        Request::Uncordon { node } => vec![Operation::Uncordon(node.as_str().into())],
        Request::Drain { node } => vec![Operation::Drain(
            node.as_str().into(),
            EvictionRequests::default(),
        )],
    };
    Ok(Read {
        operations,
        notes: Vec::new(),
    })
}

/// The operation that deletes an object of a text such as `Deployment/default/shop`.
fn deletion(written: &str) -> Result<Operation, String> {
    if let Some(node) = written.strip_prefix("Node/") {
        return Ok(Operation::DeleteNode(node.into()));
    }
    if let Some(pod) = written.strip_prefix("Pod/") {
        let names = pod.split_once('/').filter(|(_, name)| !name.contains('/'));
        let (namespace, name) = names.ok_or_else(|| expected(written))?;
        return Ok(Operation::DeletePods(PodChoice {
            namespace: namespace.into(),
            name: Some(name.into()),
            labels: Labels::default(),
            count: None,
        }));
    }
    let target = target(written).ok_or_else(|| expected(written))?;
    Ok(Operation::Delete(target, Propagation::Background))
}

fn target(written: &str) -> Option<Target> {
    let mut parts = written.split('/');
    let kind = parts.next()?;
    let kind = Object::KINDS.iter().find(|known| **known == kind)?;
    let is_of_cluster = Object::OF_CLUSTER.contains(kind);
    let namespace = if is_of_cluster { "" } else { parts.next()? };
    let name = parts.next().filter(|name| !name.is_empty())?;
    parts.next().is_none().then(|| Target {
        kind,
        namespace: namespace.into(),
        name: name.into(),
    })
}

fn expected(written: &str) -> String {
    let kinds = Object::KINDS.join(", ");
    format!(
        "expected KIND/NAMESPACE/NAME such as `Deployment/default/shop`, found `{written}`; kinds \
         are Pod, {kinds}, and Node/NAME"
    )
}
