//! A small cluster that a test drives by hand.

use std::sync::Arc;

use super::super::*;
use crate::OwnWrites;
use crate::admission::admit;
use crate::operation::{Operation, Propagation, Target, carry_out};
use model::workload::{Deployment, Job, ReplicaSet};
use model::{
    DeviceSet, EndReason, LabelSelector, Node, Object, Operator, Pod, PodPhase, PodRef, PodSpec,
    Requirement, ResourceList, Text,
};
use units::{NodeId, Quantity, Revision};

/// A cluster whose pods are placed and run when a test says so.
pub(super) struct World {
    pub(super) store: Store,
    pub(super) manager: ControllerManager,
    pub(super) now: Instant,
    pub(super) wake: Option<Instant>,
    /// What the manager asked for, in words.
    pub(super) asked: Vec<String>,
}

pub(super) fn selector() -> LabelSelector {
    LabelSelector {
        requirements: vec![Requirement {
            key: "app".into(),
            operator: Operator::In,
            values: vec!["shop".into()],
        }],
    }
}

pub(super) fn template(image: &str) -> Arc<PodSpec> {
    let requests = ResourceList::from_pairs([("cpu", Quantity::from_milli(100))]);
    let mut spec = PodSpec {
        namespace: "default".into(),
        labels: [("app".into(), "shop".into())].into(),
        ..PodSpec::with_requests(requests)
    };
    spec.containers[0].image = image.into();
    Arc::new(spec)
}

pub(super) fn replica_set(replicas: i32) -> Object {
    Object::ReplicaSet(Arc::new(ReplicaSet {
        name: "shop".into(),
        selector: selector(),
        template: template("shop:1"),
        replicas,
        ..ReplicaSet::default()
    }))
}

pub(super) fn deployment(image: &str) -> Object {
    Object::Deployment(Arc::new(Deployment {
        name: "shop".into(),
        selector: selector(),
        template: template(image),
        replicas: 4,
        ..Deployment::default()
    }))
}

pub(super) fn job(job: Job) -> Object {
    Object::Job(Arc::new(Job {
        name: "work".into(),
        template: template("work:1"),
        ..job
    }))
}

impl World {
    pub(super) fn new(nodes: usize) -> Self {
        let mut world = Self {
            store: Store::new(),
            manager: ControllerManager::new(&ControllerOptions::default()),
            now: Instant::ZERO,
            wake: None,
            asked: Vec::new(),
        };
        for number in 0..nodes {
            world.join(number);
        }
        world
    }

    pub(super) fn join(&mut self, number: usize) {
        let offers = [("cpu", 8), ("pods", 20)];
        let offers = offers.map(|(name, amount)| (name, Quantity::from_units(amount)));
        let object = Arc::new(Node {
            name: format!("n{number}").into(),
            allocatable: ResourceList::from_pairs(offers),
            ..Node::default()
        });
        let added = self.store.node_added(object);
        self.apply(added);
    }

    pub(super) fn apply(&mut self, event: Event) {
        if let Err(why) = self.try_apply(event) {
            panic!("{why}");
        }
    }

    /// Makes a change; a pod without a node that is asked to terminate just goes, as in a run.
    pub(super) fn try_apply(&mut self, event: Event) -> Result<(), Conflict> {
        let told = match event {
            Event::PodChanged {
                pod,
                change: PodChange::Terminating { reason, .. },
            } => Some((pod, reason)),
            _ => None,
        };
        self.store.apply(self.now, event)?;
        if let Some((pod, reason)) = told
            && self
                .store
                .pods()
                .get(pod)
                .is_some_and(|pod| pod.node().is_none())
        {
            self.store
                .apply(self.now, Event::PodEnded { pod, reason })?;
        }
        Ok(())
    }

    pub(super) fn create(&mut self, object: Object) {
        let creation = Creation::Object {
            owner: None,
            object,
        };
        for event in admit(&self.store, &creation).expect("it is admitted") {
            self.apply(event);
        }
        self.settle();
    }

    pub(super) fn operate(&mut self, operation: &Operation) {
        let steps = carry_out(self.now, operation, &self.store).expect("it can be done");
        for event in steps.events {
            self.apply(event);
        }
        self.settle();
    }

    pub(super) fn delete(&mut self, kind: &'static str, namespace: &str, name: &str) {
        let (namespace, name) = (namespace.into(), name.into());
        let target = Target {
            kind,
            namespace,
            name,
        };
        self.operate(&Operation::Delete(target, Propagation::Background));
    }

    /// Lets the manager act until it has nothing to do; what it does is done.
    pub(super) fn settle(&mut self) {
        for _ in 0..10_000 {
            let mut out = Outbox::default();
            let progress = self.manager.step(self.now, &self.store, &mut out);
            self.wake = out.wake;
            let writes = out.writes.iter().map(|write| format!("{:?}", write.event));
            let creations = out.creations.iter().map(|new| format!("{new:?}"));
            self.asked.extend(writes.chain(creations));
            let mut own = OwnWrites::default();
            for write in &out.writes {
                let at = Revision(self.store.revision().0 + 1);
                let made = match own.taken(&self.store, write) {
                    Ok(Some(event)) => self.try_apply(event),
                    Ok(None) => continue,
                    Err(conflict) => Err(conflict),
                };
                match made {
                    Ok(()) => own.made(write, at),
                    Err(conflict) => self.manager.refused(write, &conflict),
                }
            }
            for creation in &out.creations {
                match admit(&self.store, creation) {
                    Ok(events) => events.into_iter().for_each(|event| self.apply(event)),
                    Err(conflict) => self.manager.declined(creation, &conflict),
                }
            }
            if progress == Progress::Idle && self.manager.cursor() == self.store.revision() {
                return;
            }
        }
        panic!("the controllers keep each other busy");
    }

    /// Lets time pass up to an instant, with every wake-up on the way.
    pub(super) fn pass(&mut self, secs: i64) {
        let until = Instant::from_secs(secs);
        while let Some(at) = self.wake.filter(|&at| at <= until) {
            self.now = at.max(self.now);
            self.settle();
        }
        self.now = until;
        self.settle();
    }

    /// Gives every pod without a node one, by turns, and lets all run and be ready.
    pub(super) fn run(&mut self) {
        let waiting: Vec<PodRef> = self.living().iter().map(|pod| pod.pod).collect();
        for (turn, pod) in waiting.into_iter().enumerate() {
            if self
                .store
                .pods()
                .get(pod)
                .is_none_or(|pod| pod.phase != PodPhase::Pending)
            {
                continue;
            }
            let node = NodeId::from_index(turn % self.store.nodes().len());
            let devices = DeviceSet::EMPTY;
            self.apply(Event::PodBound { pod, node, devices });
            self.apply(Event::PodRunning { pod });
            let change = PodChange::Ready(true);
            self.apply(Event::PodChanged { pod, change });
        }
        self.settle();
    }

    /// Ends pods that were told to.
    pub(super) fn end_told(&mut self) {
        let states = self.store.pod_states();
        let told = self.store.pods().iter().filter_map(|pod| {
            let order = states.get(pod.pod)?.terminating?;
            Some((pod.pod, order.reason))
        });
        for (pod, reason) in told.collect::<Vec<_>>() {
            self.apply(Event::PodEnded { pod, reason });
        }
        self.settle();
    }

    pub(super) fn end(&mut self, pod: PodRef, reason: EndReason) {
        self.apply(Event::PodEnded { pod, reason });
        self.settle();
    }

    /// The living pods, oldest first.
    pub(super) fn living(&self) -> Vec<Pod> {
        let mut pods: Vec<Pod> = self.store.pods().iter().cloned().collect();
        pods.sort_by_key(|pod| pod.pod);
        pods
    }

    pub(super) fn names(&self) -> Vec<String> {
        let pods = self.living();
        pods.iter().map(|pod| pod.name.to_string()).collect()
    }

    pub(super) fn images(&self) -> Vec<Text> {
        let pods = self.living().into_iter();
        let pods = pods.filter(|pod| !self.store.pod_states().is_terminating(pod.pod));
        pods.map(|pod| self.store.class(pod.class).spec.containers[0].image.clone())
            .collect()
    }

    pub(super) fn object(&self, kind: &'static str, name: &str) -> Option<Object> {
        let namespace: Text = if Object::OF_CLUSTER.contains(&kind) {
            ""
        } else {
            "default"
        }
        .into();
        let id = self.store.objects().find(kind, &namespace, &name.into())?;
        self.store.objects().get(id).map(|row| row.object.clone())
    }

    pub(super) fn count(&self, kind: &'static str) -> usize {
        let objects = self.store.objects().iter();
        objects.filter(|(_, row)| row.object.kind() == kind).count()
    }

    /// The manager dies; another one takes over with what is stored.
    pub(super) fn fail_over(&mut self) {
        self.manager = ControllerManager::new(&ControllerOptions::default());
        self.settle();
    }
}
