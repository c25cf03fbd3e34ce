//! Controllers come to rest in every state that users, nodes and pods can leave, and at rest a further
//! look writes nothing: the original's controllers look again and again, and compare before they write.

use super::*;
use model::workload::replica_set::RolloutAnnotations;
use model::workload::{Deployment, DeploymentStrategy, ReplicaSet, RollingUpdate};
use rng::Stream;
use units::ClassId;

/// Worlds that are tried.
const SEEDS: u64 = 96;
/// Moves in each.
const MOVES: u64 = 40;

/// One of several.
fn one_of<T: Copy>(drawn: &mut Stream, choices: &[T]) -> T {
    choices[drawn.below(choices.len() as u64) as usize]
}

fn small(drawn: &mut Stream, most: u64) -> i32 {
    i32::try_from(drawn.below(most + 1)).expect("a small number")
}

fn count(drawn: &mut Stream) -> Count {
    match drawn.below(2) {
        0 => Count::Number(small(drawn, 3)),
        _ => Count::Percent(one_of(drawn, &[0, 25, 50, 100])),
    }
}

/// A template of one of three images, with the labels of its own workload.
fn image(drawn: &mut Stream, app: &str) -> Arc<PodSpec> {
    let mut spec = PodSpec::clone(&template(one_of(drawn, &["shop:1", "shop:2", "shop:3"])));
    spec.labels.insert("app".into(), app.into());
    Arc::new(spec)
}

fn selector_of(app: &str) -> model::LabelSelector {
    let mut selector = selector();
    selector.requirements[0].values = vec![app.into()];
    selector
}

/// A workload of a kind as it is declared, anew each time.
fn workload(drawn: &mut Stream, kind: &str) -> Object {
    let (name, selector) = (Text::from(kind.to_lowercase()), selector_of(kind));
    let (template, replicas) = (image(drawn, kind), small(drawn, 6));
    let min_ready = Duration::from_secs(one_of(drawn, &[0, 0, 5]));
    match kind {
        "Deployment" => Object::Deployment(Arc::new(Deployment {
            name,
            selector,
            template,
            replicas,
            strategy: match drawn.below(4) {
                0 => DeploymentStrategy::Recreate,
                _ => DeploymentStrategy::RollingUpdate(RollingUpdate {
                    max_surge: count(drawn),
                    max_unavailable: count(drawn),
                }),
            },
            min_ready,
            revision_history_limit: one_of(drawn, &[None, Some(0), Some(2)]),
            progress_deadline: one_of(drawn, &[None, Some(Duration::from_secs(60))]),
            paused: drawn.below(3) == 0,
            ..Deployment::default()
        })),
        "StatefulSet" => Object::StatefulSet(Arc::new(StatefulSet {
            name,
            selector,
            template,
            replicas,
            min_ready,
            ..StatefulSet::default()
        })),
        "DaemonSet" => Object::DaemonSet(Arc::new(DaemonSet {
            name,
            selector,
            template,
            min_ready,
            ..DaemonSet::default()
        })),
        "ReplicaSet" => Object::ReplicaSet(Arc::new(ReplicaSet {
            name,
            selector,
            template,
            replicas,
            min_ready,
            ..ReplicaSet::default()
        })),
        _ => Object::Job(Arc::new(Job {
            name,
            template,
            parallelism: replicas,
            completions: one_of(drawn, &[None, Some(3)]),
            backoff_limit: small(drawn, 3),
            ..Job::default()
        })),
    }
}

const KINDS: [&str; 5] = [
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Job",
];

impl World {
    /// Does what a user asks for, if it can be done.
    fn try_operate(&mut self, operation: &Operation) {
        let Ok(steps) = carry_out(self.now, operation, &self.store) else {
            return;
        };
        for event in steps.events {
            self.apply(event);
        }
        self.settle();
    }

    fn pod(&self, drawn: &mut Stream) -> Option<model::Pod> {
        let living = self.living();
        (!living.is_empty()).then(|| living[drawn.below(living.len() as u64) as usize].clone())
    }

    /// Sets a replica set to any size and annotations, as another writer, or a controller with a stale
    /// view, may leave it.
    fn disturb(&mut self, drawn: &mut Stream) {
        let objects = self.store.objects().iter();
        let sets: Vec<(ObjectId, Arc<ReplicaSet>)> = objects
            .filter_map(|(id, row)| match &row.object {
                Object::ReplicaSet(set) => Some((id, set.clone())),
                _ => None,
            })
            .collect();
        if sets.is_empty() {
            return;
        }
        let (id, set) = &sets[drawn.below(sets.len() as u64) as usize];
        let set = ReplicaSet {
            replicas: small(drawn, 6),
            rollout: RolloutAnnotations {
                revision: i64::from(small(drawn, 4)),
                desired_replicas: one_of(drawn, &[None, Some(2), Some(4)]),
                max_replicas: one_of(drawn, &[None, Some(0), Some(3), Some(7)]),
            },
            ..ReplicaSet::clone(set)
        };
        let object = Object::ReplicaSet(Arc::new(set));
        self.apply(Event::Object(ObjectChange::Updated { id: *id, object }));
        self.settle();
    }

    /// Lets something become of a pod: a node, processes, readiness, an end.
    fn go_on(&mut self, drawn: &mut Stream) {
        let Some(own) = self.pod(drawn) else { return };
        let pod = own.pod;
        let is_told = self.store.pod_states().is_terminating(pod);
        let event = match own.phase {
            model::PodPhase::Pending => {
                let any = NodeId::from_index(drawn.below(3) as usize);
                Event::PodBound {
                    pod,
                    node: self.only_node(own.class).unwrap_or(any),
                    devices: DeviceSet::EMPTY,
                }
            }
            model::PodPhase::Bound | model::PodPhase::Starting => Event::PodRunning { pod },
            _ if is_told || drawn.below(4) == 0 => Event::PodEnded {
                pod,
                reason: one_of(
                    drawn,
                    &[EndReason::Completed, EndReason::Error, EndReason::NodeLost],
                ),
            },
            _ => Event::PodChanged {
                pod,
                change: PodChange::Ready(drawn.below(3) > 0),
            },
        };
        self.apply(event);
        self.settle();
    }

    /// The node that pods of a class have to be on, as those of daemons do.
    fn only_node(&self, class: ClassId) -> Option<NodeId> {
        let required = self
            .store
            .class(class)
            .spec
            .affinity
            .node
            .required
            .as_ref()?;
        let field = required.terms.first()?.match_fields.first()?;
        self.store.nodes().by_name(field.values.first()?)
    }

    /// One move of users, nodes, pods or time.
    fn act(&mut self, drawn: &mut Stream) {
        let kind = one_of(drawn, &KINDS);
        let target = || Target {
            kind,
            namespace: "default".into(),
            name: kind.to_lowercase().into(),
        };
        let node = || Text::from("n1");
        match drawn.below(16) {
            0 => self.try_operate(&Operation::Apply(workload(drawn, kind))),
            1 => self.try_operate(&Operation::Scale(target(), small(drawn, 6))),
            2 => self.try_operate(&Operation::Pause(target())),
            3 => self.try_operate(&Operation::Resume(target())),
            4 => self.try_operate(&Operation::RollBack(target())),
            5 => self.try_operate(&Operation::Delete(target(), Propagation::Background)),
            6 => self.try_operate(&Operation::Cordon(node())),
            7 => self.try_operate(&Operation::Uncordon(node())),
            8 => self.disturb(drawn),
            9 => self.fail_over(),
            10 => self.pass_by(i64::from(small(drawn, 90))),
            11 => self.end_told(),
            _ => {
                for _ in 0..6 {
                    self.go_on(drawn);
                }
            }
        }
    }

    fn pass_by(&mut self, secs: i64) {
        let now = self.now.since(Instant::ZERO).as_nanos() / 1_000_000_000;
        self.pass(now + secs);
    }

    /// Lets every controller look at every object once more; what they then asked for.
    fn look_again(&mut self) -> Vec<String> {
        self.asked.clear();
        let ids: Vec<ObjectId> = self.store.objects().iter().map(|(id, _)| id).collect();
        for place in 0..self.manager.controllers.len() {
            for &id in &ids {
                self.manager.queue.add(self.now, (place, id));
            }
        }
        self.settle();
        // Budgets are looked at when pods change, not when the desired replicas change.
        self.asked
            .retain(|asked| !asked.contains("PodDisruptionBudget("));
        let told = self.store.pods().iter();
        let told = told.filter(|own| self.store.pod_states().is_terminating(own.pod));
        // A pod that should have ended by now counts no longer in a quota: that is seen at the next look.
        if told.count() > 0 {
            self.asked.retain(|asked| !asked.contains("ResourceQuota("));
        }
        std::mem::take(&mut self.asked)
    }
}

#[test]
fn controllers_come_to_rest_and_write_nothing_there() {
    for seed in 0..SEEDS {
        let mut drawn = Stream::new(seed, "test/rest", 0);
        let mut world = World::new(3);
        for kind in KINDS {
            world.create(workload(&mut drawn, kind));
        }
        world.create(Object::PodDisruptionBudget(Arc::new(PodDisruptionBudget {
            name: "shop".into(),
            selector: Some(selector_of("Deployment")),
            limit: BudgetLimit::MaxUnavailable(count(&mut drawn)),
            ..PodDisruptionBudget::default()
        })));
        world.create(Object::ResourceQuota(Arc::new(ResourceQuota {
            name: "team".into(),
            hard: ResourceList::from_pairs([("pods", Quantity::from_units(400))]),
            ..ResourceQuota::default()
        })));
        for step in 0..MOVES {
            world.act(&mut drawn);
            if drawn.below(4) == 0 {
                // Some looks are put off by a second, and so are those that follow from them.
                world.pass_by(3);
                let asked = world.look_again();
                assert!(asked.is_empty(), "seed {seed}, move {step}: {asked:#?}");
            }
        }
    }
}
