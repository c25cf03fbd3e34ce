//! Kubernetes' scheduler through the simulator: when failed pods come back, what wakes them,
//! preemption, profiles by scheduler name, groups, holds, equal digests.

use std::sync::Arc;

use windtunnel::arrivals::{Arrival, MemorySource, Recorded};
use windtunnel::control::Component;
use windtunnel::model::Changes;
use windtunnel::model::objects::PodGroup;
use windtunnel::model::scheduler_config::{FitStrategy, PluginSet, SchedulerProfile};
use windtunnel::model::volume::{PersistentVolume, PersistentVolumeClaim, StorageClass};
use windtunnel::model::{
    ClusterObjects, PodName, PodSpec, PodVolume, ResourceList, SchedulerConfig, Text,
};
use windtunnel::policy::kube_profiles::{add_machine, build_kube_profiles};
use windtunnel::scheduler::kube::{
    KubeOptions, KubeScheduler, PreemptionState, SchedulerPlace, TieBreak,
};
use windtunnel::scheduler::pipeline::evaluate::Form;
use windtunnel::sim::{CellParts, DecisionTime, End, Environment, Options, Stop};
use windtunnel::systems::TimeLimits;
use windtunnel::systems::plain_agent::PlainAgent;
use windtunnel::units::{ComponentId, Duration, Instant, NodeId, Quantity, SortedMap};

use crate::world::{nodes, options, run};

const GROUP_LABEL: &str = "scheduling.x-k8s.io/pod-group";

/// A world whose scheduler takes the first of equally good nodes.
struct World {
    cores: Vec<i64>,
    config: SchedulerConfig,
    classes: Vec<PodSpec>,
    /// When, which class, for how long; a negative time is for ever.
    pods: Vec<(i64, usize, i64)>,
    outages: Vec<(i64, usize, bool)>,
    binding_time: Duration,
    eviction_time: Duration,
    objects: ClusterObjects,
    preemptions: SortedMap<(Text, Text), PreemptionState>,
    ties: TieBreak,
    options: Options,
}

impl World {
    fn new(cores: &[i64], pods: &[(i64, usize, i64)]) -> Self {
        Self {
            cores: cores.to_vec(),
            config: SchedulerConfig::default(),
            classes: vec![class(0)],
            pods: pods.to_vec(),
            outages: Vec::new(),
            binding_time: Duration::ZERO,
            eviction_time: Duration::ZERO,
            objects: ClusterObjects::default(),
            preemptions: SortedMap::new(),
            ties: TieBreak::First,
            options: Options {
                stop: Stop::Idle,
                ..options()
            },
        }
    }

    fn run(&self) -> (End, Vec<String>) {
        let mut profiles =
            build_kube_profiles(&self.config, Changes::default()).expect("known plugins");
        profiles.iter_mut().for_each(add_machine);
        let scheduler: Box<dyn Component> = Box::new(KubeScheduler::new(KubeOptions {
            owner: ComponentId(0),
            name: "kube".to_owned(),
            profiles,
            backoff: windtunnel::scheduler::kube::queue::Backoff::default(),
            ties: self.ties.clone(),
            form: Form::Incremental,
            binding_time: self.binding_time,
            eviction_time: self.eviction_time,
            client: None,
            objects: self.objects.clone(),
            witness: None,
            preemptions: self.preemptions.clone(),
            place: SchedulerPlace::default(),
        }));
        let outages = self.outages.iter();
        let arrivals = self.pods.iter().enumerate().map(|(number, own)| Arrival {
            submit: Instant::from_secs(own.0),
            name: PodName::Job(number as u64),
            class: own.1 as u32,
            members: 1,
            tenant: 0,
            run_time: (own.2 >= 0).then(|| Duration::from_secs(own.2)),
            time_limit: None,
            historic_start: None,
            links: None,
            part: 0,
            origin: intake::Origin::NONE,
        });
        let parts = CellParts {
            nodes: nodes(&self.cores),
            components: vec![scheduler],
            agent: Box::new(PlainAgent::new(TimeLimits::Ignored)),
            arrivals: Box::new(MemorySource::new(Recorded {
                arrivals: arrivals.collect(),
                classes: self.classes.iter().cloned().map(Arc::new).collect(),
                ..Recorded::default()
            })),
            environment: Environment::default(),
            residents: Vec::new(),
            operations: Vec::new(),
            outages: outages
                .map(|&(at, node, up)| (Instant::from_secs(at), NodeId::from_index(node), up))
                .collect(),
        };
        let (end, story) = run(self.options.clone(), vec![parts]);
        (end.expect("a run that ends"), story)
    }

    #[track_caller]
    fn check(&self, expected: &[&str]) {
        let (_, story) = self.run();
        let told = |line: &&String| !line.contains(" runs ") && !line.contains(" created ");
        let story: Vec<&String> = story.iter().filter(told).collect();
        assert_eq!(story, expected);
    }
}

/// Pods of one core.
fn class(priority: i32) -> PodSpec {
    let one_core = ResourceList::from_pairs([("cpu", Quantity::from_units(1))]);
    PodSpec {
        namespace: "default".into(),
        priority,
        ..PodSpec::with_requests(one_core)
    }
}

#[test]
fn without_nodes_pods_come_back_after_longer_and_longer_times() {
    // No plugin rejected them, so nothing pops them early: expiries are whole seconds, and the tick
    // after them lets them go. The last arrival keeps the run going.
    World::new(&[], &[(0, 0, 1), (40, 0, 1)]).check(&[
        "0 misfit 0",
        "2 misfit 0",
        "5 misfit 0",
        "10 misfit 0",
        "19 misfit 0",
        "30 misfit 0",
        "40 misfit 1",
    ]);
}

#[test]
fn a_pod_that_ends_wakes_those_that_wait_for_room_first_one_first() {
    World::new(&[1], &[(0, 0, 5), (1, 0, 2), (2, 0, 0)]).check(&[
        "0 bound 0 node#0",
        "1 misfit 1",
        "2 misfit 2",
        "5 ended 0 Completed",
        "5 bound 1 node#0",
        "5 misfit 2",
        "7 ended 1 Completed",
        "7 bound 2 node#0",
        "7 ended 2 Completed",
    ]);
}

#[test]
fn a_node_that_comes_up_wakes_pods_and_a_quiet_run_ends() {
    let mut world = World::new(&[1], &[(1, 0, 1), (2, 0, -1), (3, 0, -1)]);
    world.outages = vec![(0, 0, false), (5, 0, true)];
    world.check(&[
        "0 node#0 ready false",
        "1 misfit 0",
        "2 misfit 1",
        "3 misfit 2",
        "5 node#0 ready true",
        "5 bound 0 node#0",
        "5 misfit 1",
        "5 misfit 2",
        "6 ended 0 Completed",
        "6 bound 1 node#0",
        "6 misfit 2",
    ]);
}

#[test]
fn a_pod_nobody_wakes_is_tried_again_after_five_minutes_while_anything_else_goes_on() {
    // The cordoned-like case: pod 1 asks for two cores, which nothing that happens gives it.
    let mut world = World::new(&[1, 1], &[(0, 1, 1), (400, 0, 1)]);
    world.classes.push(PodSpec {
        namespace: "default".into(),
        ..PodSpec::with_requests(ResourceList::from_pairs([("cpu", Quantity::from_units(2))]))
    });
    world.check(&[
        "0 misfit 0",
        // 300 s is not more than five minutes; the next beat is.
        "330 misfit 0",
        "400 bound 1 node#0",
        "401 ended 1 Completed",
        "401 misfit 0",
    ]);
}

#[test]
fn a_pod_of_higher_priority_evicts_awaits_its_place_and_gets_it() {
    let mut world = World::new(&[1], &[(0, 0, -1), (3, 1, 2)]);
    world.classes.push(class(10));
    let at_once = [
        "0 bound 0 node#0",
        "3 misfit 1",
        "3 ended 0 Evicted(Preemption)",
        "3 bound 1 node#0",
        "5 ended 1 Completed",
    ];
    world.check(&at_once);
    world.eviction_time = Duration::from_secs(30);
    // A pod of the lower priority finds the place taken by the one that awaits it.
    world.pods.push((4, 0, 1));
    world.check(&[
        "0 bound 0 node#0",
        "3 misfit 1",
        "4 misfit 2",
        "33 ended 0 Evicted(Preemption)",
        "33 bound 1 node#0",
        "33 misfit 2",
        "35 ended 1 Completed",
        "35 bound 2 node#0",
        "36 ended 2 Completed",
    ]);
}

#[test]
fn pods_choose_their_profile_by_scheduler_name_and_others_leave_them_alone() {
    let mut packing = SchedulerProfile {
        scheduler_name: "packer".into(),
        ..SchedulerProfile::default()
    };
    packing.arguments.fit.strategy = FitStrategy::MostAllocated;
    packing.points.insert(
        "multiPoint".to_owned(),
        PluginSet {
            enabled: vec![("NodeResourcesFit".to_owned(), 5)],
            disabled: Vec::new(),
        },
    );
    let plain = SchedulerProfile {
        scheduler_name: "default-scheduler".into(),
        ..SchedulerProfile::default()
    };
    let named = |name: &str| PodSpec {
        scheduler_name: name.into(),
        ..class(0)
    };
    let mut world = World::new(&[4, 4], &[(0, 0, -1), (1, 0, -1), (2, 1, -1), (3, 2, -1)]);
    world.config.profiles = vec![plain, packing];
    world.classes = vec![named(""), named("packer"), named("somebody-else")];
    world.pods.extend([(4, 1, -1), (5, 0, -1)]);
    world.check(&[
        "0 bound 0 node#0",
        "1 bound 1 node#1",
        "2 bound 2 node#0",
        "4 bound 4 node#0",
        "5 bound 5 node#1",
    ]);
}

#[test]
fn a_place_is_held_while_a_binding_takes_time() {
    let mut world = World::new(&[1], &[(0, 0, 3), (1, 0, 1)]);
    world.binding_time = Duration::from_secs(2);
    world.check(&[
        "0 held 4294967296",
        "1 misfit 1",
        "2 released 4294967296",
        "2 bound 0 node#0",
        "5 ended 0 Completed",
        "5 held 8589934593",
        "7 released 8589934593",
        "7 bound 1 node#0",
        "8 ended 1 Completed",
    ]);
}

#[test]
fn a_slow_scheduler_fails_pods_when_their_cycle_is_over() {
    let mut world = World::new(&[1], &[(0, 0, 10), (1, 0, 1)]);
    world.options.decision_time = DecisionTime {
        per_pod: Duration::from_secs(2),
        per_job: Duration::ZERO,
    };
    world.check(&[
        "2 bound 0 node#0",
        "4 misfit 1",
        "12 ended 0 Completed",
        "14 bound 1 node#0",
        "15 ended 1 Completed",
    ]);
}

/// Two pods that each need a volume of their own, and one volume that is there.
fn one_volume() -> World {
    let mut world = World::new(&[1, 1], &[(0, 0, -1), (1, 1, -1)]);
    world.binding_time = Duration::from_secs(5);
    world.classes.clear();
    for name in ["data-0", "data-1"] {
        let mut spec = class(0);
        spec.volumes.push(PodVolume::Claim(name.into()));
        world.classes.push(spec);
        let claim = PersistentVolumeClaim {
            namespace: "default".into(),
            name: name.into(),
            class: "local".into(),
            request: Quantity::from_units(1 << 30),
            ..PersistentVolumeClaim::default()
        };
        let claims = &mut world.objects.claims;
        claims.insert(("default".into(), name.into()), claim);
    }
    let class = StorageClass {
        name: "local".into(),
        waits_for_consumer: true,
        ..StorageClass::default()
    };
    let volume = PersistentVolume {
        name: "disk".into(),
        class: "local".into(),
        capacity: Quantity::from_units(1 << 31),
        is_available: true,
        ..PersistentVolume::default()
    };
    let objects = &mut world.objects;
    objects.storage_classes.insert("local".into(), class);
    objects.volumes.insert("disk".into(), volume);
    world
}

#[test]
fn two_pods_never_take_one_volume_not_even_while_the_first_is_being_bound() {
    let mut world = one_volume();
    let told = |world: &World| {
        let lines = world.run().1.into_iter();
        let lines = lines.filter(|line| line.contains("misfit") || line.contains("bound"));
        lines.collect::<Vec<_>>()
    };
    // Five minutes later it is tried again: the claim keeps the volume.
    let kept = ["1 misfit 1", "5 bound 0 node#0", "330 misfit 1"];
    assert_eq!(told(&world), kept);
    // The binding fails with the node: the volume is given back, and the pod gets it elsewhere. The
    // taint of the node that is down wakes the other one, which finds the volume kept.
    world.outages = vec![(2, 0, false)];
    let elsewhere = [
        "1 misfit 1",
        "2 misfit 1",
        "12 bound 0 node#1",
        "330 misfit 1",
    ];
    assert_eq!(told(&world), elsewhere);
}

/// Groups `a` and `b` that want so many members, in a world with coscheduling.
fn groups(cores: &[i64], least: usize, pods: &[(i64, usize, i64)]) -> World {
    let mut world = World::new(cores, pods);
    let mut profile = SchedulerProfile {
        scheduler_name: "default-scheduler".into(),
        ..SchedulerProfile::default()
    };
    profile.points.insert(
        "multiPoint".to_owned(),
        PluginSet {
            enabled: vec![("Coscheduling".to_owned(), 0)],
            disabled: Vec::new(),
        },
    );
    world.config.profiles = vec![profile];
    world.classes = Vec::new();
    for name in ["a", "b"] {
        let mut spec = class(0);
        spec.labels.insert(GROUP_LABEL.into(), name.into());
        world.classes.push(spec);
        let group = PodGroup {
            least,
            timeout: Some(Duration::from_secs(20)),
        };
        let groups = &mut world.objects.groups;
        groups.insert(("default".into(), name.into()), group);
    }
    world.classes.push(class(0));
    world
}

fn bound(world: &World) -> Vec<String> {
    let (_, story) = world.run();
    let bound = story.into_iter().filter(|line| line.contains(" bound "));
    bound.collect()
}

#[test]
fn of_a_group_as_many_run_as_fit_or_none() {
    let six = [(0, 0, -1); 6];
    let three = groups(&[1, 1, 1], 3, &six);
    assert_eq!(bound(&three).len(), 3);
    let four = groups(&[1, 1, 1], 4, &six);
    assert_eq!(bound(&four), [""; 0]);
}

#[test]
fn placed_members_wait_for_the_others_and_give_up_together() {
    // Two of three arrive: there are too few to begin with. The third comes; all start at once.
    let world = groups(&[1, 1, 1], 3, &[(0, 0, -1), (0, 0, -1), (7, 0, -1)]);
    let told = bound(&world);
    assert!(
        told.len() == 3 && told.iter().all(|line| line.starts_with("7 ")),
        "{told:?}"
    );
    // Of 20, 18 find a place at once, few enough are missing to wait for, and they wait 20 s.
    let cores = [1; 18];
    let mut pods = vec![(0, 0, -1); 20];
    pods.push((5, 2, 1));
    pods.push((30, 2, 1));
    let world = groups(&cores, 20, &pods);
    let told = bound(&world);
    // The end of pod 20 lets them try again, and pod 21 waits for them.
    assert_eq!(told, ["20 bound 20 node#0", "41 bound 21 node#0"]);
}

#[test]
fn groups_that_do_not_fit_together_run_one_after_the_other() {
    let mut pods = Vec::new();
    for _ in 0..3 {
        pods.extend([(0, 0, 10), (0, 1, 10)]);
    }
    let world = groups(&[1, 1, 1, 1], 3, &pods);
    let told = bound(&world);
    let at = |line: &String| line.split(' ').next().map(str::to_owned);
    let times: Vec<_> = told.iter().filter_map(at).collect();
    assert_eq!(times, ["0", "0", "0", "10", "10", "10"], "{told:?}");
}

#[test]
fn equal_seeds_give_equal_digests_and_others_other_ties() {
    let pods: Vec<_> = (0..200).map(|number| (number / 4, 0, 7)).collect();
    let digest = |seed: u64| {
        let mut world = World::new(&[3; 20], &pods);
        world.ties = TieBreak::random(seed, 0);
        world.run().0.digest
    };
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}
