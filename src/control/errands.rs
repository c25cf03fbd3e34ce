//! Pods that a component runs once for work of its own, such as a build or the deployer of a rollout:
//! created without an owner, placed and run as any other pod, and followed to their end.

use std::sync::Arc;

use cluster::{Conflict, Store};
use model::{
    Behaviour, Container, ERRAND_LABEL, EndReason, Event, ExitPlan, Labels, PodChange, PodCreated,
    PodLife, PodRef, PodSpec, ResourceList, RestartPolicy, Text, Toleration,
};
use units::{Duration, SortedMap, SortedSet, plural};

use super::Outbox;
use super::admission::{BarePod, Creation};

/// Namespace and name of the pod of an errand.
pub type ErrandName = (Text, Text);

/// Description of an errand's pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Errand {
    /// Namespace of the pod.
    pub namespace: Text,
    /// Name of the pod.
    pub name: Text,
    /// Image of its container; an empty one is on every node.
    pub image: Text,
    /// Resources that the container requests.
    pub requests: ResourceList,
    /// Limits of the container.
    pub limits: ResourceList,
    /// Labels of the nodes that the pod may run on.
    pub node_selector: Labels,
    /// Taints that the pod tolerates.
    pub tolerations: Vec<Toleration>,
    /// Longest time that the pod may run, by which quotas tell it from pods that stay; `None` is any.
    pub deadline: Option<Duration>,
    /// Time that the work takes; `None` lasts until the pod is dismissed.
    pub takes: Option<Duration>,
    /// Number of runs that fail in the end, the first ones.
    pub failures: u32,
    /// Whether the container is started again after a failure.
    pub is_retried: bool,
    /// Whether the errand fails where the API declines its pod; others can be asked for again.
    pub is_asked_once: bool,
}

/// Standing of an errand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrandStatus {
    /// It was not requested, or the API declined its pod, which can be asked for again.
    #[default]
    Absent,
    /// Its pod was asked for, waits for a node, or starts.
    Waiting,
    /// Its pod runs.
    Running,
    /// Its pod ended with success.
    Done,
    /// Its pod failed, was declined for good, or was lost with its node, evicted or deleted.
    Failed,
}

/// The errands of one purpose, as the log of the cluster shows them. A component that takes over from
/// another finds those of its predecessor there.
#[derive(Clone, Debug)]
pub struct Errands {
    purpose: &'static str,
    standings: SortedMap<ErrandName, ErrandStatus>,
    pods: SortedMap<PodRef, ErrandName>,
    /// Errands whose pods were ordered to end because their work is done.
    dismissed: SortedSet<PodRef>,
    /// Errands that were asked for and fail if the API declines their pods.
    asked_once: SortedSet<ErrandName>,
    /// Pods that the API declined, by namespace.
    refusals: SortedMap<Text, Refusals>,
}

/// Pods that the API declined in a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Refusals {
    number: u64,
    /// Names of the pods.
    names: SortedSet<Text>,
    /// Name of the last of them.
    name: Text,
    /// Reason of the last of them, such as the quota that it would exceed.
    why: String,
}

impl Errand {
    /// The pod's spec.
    fn spec(&self, purpose: &str) -> PodSpec {
        // What is not started again has one code.
        let exit_plan = if self.is_retried {
            ExitPlan::of_failures(self.failures)
        } else {
            ExitPlan::default()
        };
        let behaviour = Behaviour {
            run_time: self.takes.map(|takes| takes.to_string().into()),
            exit_code: i32::from(self.failures > 0 && !self.is_retried),
            exit_plan,
            grace: Duration::ZERO,
            active_deadline: self.deadline,
            ..Behaviour::default()
        };
        let life = PodLife {
            restart: if self.is_retried {
                RestartPolicy::OnFailure
            } else {
                RestartPolicy::Never
            },
            ..PodLife::default()
        };
        PodSpec {
            namespace: self.namespace.clone(),
            labels: [(ERRAND_LABEL.into(), purpose.into())]
                .into_iter()
                .collect(),
            containers: vec![Container {
                name: purpose.into(),
                image: self.image.clone(),
                requests: self.requests.clone(),
                limits: self.limits.clone(),
                ..Container::default()
            }],
            node_selector: self.node_selector.clone(),
            tolerations: self.tolerations.clone(),
            preempts: true,
            behaviour: Some(Arc::new(behaviour)),
            life: Some(Arc::new(life)),
            ..PodSpec::default()
        }
    }
}

impl Errands {
    /// No errands yet.
    pub const fn new(purpose: &'static str) -> Self {
        Self {
            purpose,
            standings: SortedMap::new(),
            pods: SortedMap::new(),
            dismissed: SortedSet::new(),
            asked_once: SortedSet::new(),
            refusals: SortedMap::new(),
        }
    }

    /// Standing of an errand.
    pub fn standing(&self, name: &ErrandName) -> ErrandStatus {
        self.standings.get(name).copied().unwrap_or_default()
    }

    /// Asks for the pod of an errand.
    pub fn ask(&mut self, errand: &Errand, out: &mut Outbox) {
        let name = (errand.namespace.clone(), errand.name.clone());
        if errand.is_asked_once {
            self.asked_once.insert(name.clone());
        }
        self.standings.insert(name, ErrandStatus::Waiting);
        out.creations.push(Creation::BarePod(Arc::new(BarePod {
            name: errand.name.clone(),
            spec: Arc::new(errand.spec(self.purpose)),
        })));
    }

    /// Takes note of a change: the errand that it is about.
    pub fn read(&mut self, event: &Event, store: &Store) -> Option<ErrandName> {
        match event {
            Event::PodCreated(created) => self.created(created, store),
            Event::PodRunning { pod } => self.stands(*pod, ErrandStatus::Running),
            // A pod that is evicted or deleted works no more, whenever its node reports the end.
            Event::PodChanged {
                pod,
                change: PodChange::Terminating { .. },
            } if !self.dismissed.contains(pod) => self.stands(*pod, ErrandStatus::Failed),
            Event::PodEnded { pod, reason } => {
                let is_done = self.dismissed.remove(pod) || *reason == EndReason::Completed;
                let standing = if is_done {
                    ErrandStatus::Done
                } else {
                    ErrandStatus::Failed
                };
                let name = self.stands(*pod, standing);
                self.pods.remove(pod);
                name
            }
            _ => None,
        }
    }

    fn created(&mut self, created: &PodCreated, store: &Store) -> Option<ErrandName> {
        if created.owner.is_some() {
            return None;
        }
        let spec = &store.class(created.class).spec;
        if spec.labels.get(ERRAND_LABEL).map(|label| &**label) != Some(self.purpose) {
            return None;
        }
        let name = (spec.namespace.clone(), created.name.text());
        self.pods.insert(created.pod, name.clone());
        self.standings.insert(name.clone(), ErrandStatus::Waiting);
        Some(name)
    }

    fn stands(&mut self, pod: PodRef, standing: ErrandStatus) -> Option<ErrandName> {
        let name = self.pods.get(&pod)?.clone();
        self.standings.insert(name.clone(), standing);
        Some(name)
    }

    /// Ends the pod of an errand whose work is done, or no longer wanted; `ending` is what its process makes of it
    /// where it runs.
    pub fn dismiss(
        &mut self,
        name: &ErrandName,
        ending: EndReason,
        store: &Store,
        out: &mut Outbox,
    ) {
        let living = self.pods.iter().find(|(_, own)| *own == name);
        let Some(pod) = living.map(|(&pod, _)| pod) else {
            return;
        };
        if store.pods().get(pod).is_none() || !self.dismissed.insert(pod) {
            return;
        }
        // One that never ran has done nothing, though its work is done without it.
        let reason = match self.standing(name) {
            ErrandStatus::Running => ending,
            _ => EndReason::Cancelled,
        };
        let change = PodChange::Terminating {
            grace: Duration::ZERO,
            reason,
        };
        out.write(store, Event::PodChanged { pod, change });
    }

    /// Takes note of a creation that the API declined: the errand that it was for.
    pub fn declined(&mut self, creation: &Creation, conflict: &Conflict) -> Option<ErrandName> {
        let Creation::BarePod(pod) = creation else {
            return None;
        };
        let name = (pod.spec.namespace.clone(), pod.name.clone());
        let is_there = matches!(conflict, Conflict::DuplicateObject(_));
        if self.asked_once.remove(&name) && !is_there {
            *self.standings.get_mut(&name)? = ErrandStatus::Failed;
        } else {
            self.standings.remove(&name)?;
        }
        let refusals = self.refusals.entry(name.0.clone()).or_default();
        refusals.number = refusals.number.saturating_add(1);
        refusals.names.insert(name.1.clone());
        refusals.name = name.1.clone();
        refusals.why = conflict.to_string();
        Some(name)
    }

    /// Lines about the pods that the API declined, one for each namespace.
    pub fn remarks(&self) -> Vec<String> {
        let refusals = self.refusals.iter().map(|(namespace, own)| {
            let asked = plural::count(own.number as usize, "time");
            let (purpose, name, why) = (self.purpose, &own.name, &own.why);
            let pods = if own.names.len() == 1 {
                format!("a pod for a {purpose}")
            } else {
                format!("pods for {}", plural::count(own.names.len(), purpose))
            };
            format!("the namespace `{namespace}` declined {pods} {asked}, `{name}` at last: {why}")
        });
        refusals.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::admit;
    use units::Instant;

    fn errand() -> Errand {
        Errand {
            namespace: "shop".into(),
            name: "web-1-build".into(),
            takes: Some(Duration::from_secs(90)),
            failures: 1,
            ..Errand::default()
        }
    }

    /// The store after an errand was asked for, with what its component knows.
    fn asked() -> (Store, Errands, ErrandName) {
        let (mut store, mut out) = (Store::new(), Outbox::default());
        let mut errands = Errands::new("build");
        errands.ask(&errand(), &mut out);
        for creation in &out.creations {
            for event in admit(&store, creation).expect("room for a name") {
                store
                    .apply(Instant::ZERO, event)
                    .expect("an event in order");
            }
        }
        for entry in store.log().since(units::Revision::default()) {
            errands.read(&entry.event, &store);
        }
        (store, errands, ("shop".into(), "web-1-build".into()))
    }

    #[test]
    fn a_pod_is_followed_to_its_end() {
        let (store, mut errands, name) = asked();
        assert_eq!(errands.standing(&name), ErrandStatus::Waiting);
        let pod = store.pods().iter().next().expect("the pod").pod;
        let spec = &store
            .class(store.pods().get(pod).expect("it lives").class)
            .spec;
        assert_eq!(spec.run_time(0), Some("1m30s"));
        assert_eq!(
            errands.read(&Event::PodRunning { pod }, &store),
            Some(name.clone())
        );
        assert_eq!(errands.standing(&name), ErrandStatus::Running);
        let reason = EndReason::Error;
        errands.read(&Event::PodEnded { pod, reason }, &store);
        assert_eq!(errands.standing(&name), ErrandStatus::Failed);
    }

    #[test]
    fn one_that_is_dismissed_is_done_and_one_that_takes_over_knows_it() {
        let (store, mut errands, name) = asked();
        let mut out = Outbox::default();
        errands.dismiss(&name, EndReason::Completed, &store, &mut out);
        errands.dismiss(&name, EndReason::Completed, &store, &mut out);
        assert_eq!(out.writes.len(), 1, "one order is enough");
        let mut next = Errands::new("build");
        let mut other = Errands::new("deploy");
        for entry in store.log().since(units::Revision::default()) {
            next.read(&entry.event, &store);
            other.read(&entry.event, &store);
        }
        assert_eq!(next.standing(&name), ErrandStatus::Waiting);
        assert_eq!(other.standing(&name), ErrandStatus::Absent);
        let pod = store.pods().iter().next().expect("the pod").pod;
        let reason = EndReason::Cancelled;
        errands.read(&Event::PodEnded { pod, reason }, &store);
        assert_eq!(errands.standing(&name), ErrandStatus::Done);
    }

    #[test]
    fn one_that_is_declined_can_be_asked_for_again() {
        let mut out = Outbox::default();
        let mut errands = Errands::new("build");
        let quota = |number: u32| Conflict::Forbidden(format!("exceeded quota: q{number}"));
        for number in 1..=2 {
            errands.ask(&errand(), &mut out);
            let name = errands.declined(&out.creations[0], &quota(number));
            let name = name.expect("its own");
            assert_eq!(errands.standing(&name), ErrandStatus::Absent);
        }
        let said =
            "the namespace `shop` declined a pod for a build 2 times, `web-1-build` at last: ";
        assert_eq!(errands.remarks(), [format!("{said}{}", quota(2))]);
    }
}
