//! Usage of pods, shared and limited.

use super::*;
use control::UsageSamples;
use model::behaviour::ContainerUsage;
use model::resource_list::CPU;
use model::{Behaviour, Container, PodCreated, PodName, PodSpec, ResourceList};
use units::{ClassId, TenantId};

use crate::contention::WHOLE;
use crate::cores::ProcessRef;

fn container(name: &str, cpu_milli: i64) -> Container {
    let mut container = Container {
        name: name.into(),
        requests: ResourceList::from_pairs([(CPU, Quantity::from_milli(cpu_milli))]),
        ..Container::default()
    };
    container
        .limits
        .set(CPU, Quantity::from_milli(2 * cpu_milli));
    container
}

/// A store with running pods of a class that states this use, and their usage.
fn running(text: &str, pods: u32) -> (Store, Usage, Vec<PodRef>) {
    let cpu_usage = Some(text.into());
    let behaviour = Behaviour {
        cpu_usage,
        ..Behaviour::default()
    };
    of(behaviour, pods)
}

/// All containers of a pod as one process.
const fn whole(pod: PodRef) -> ProcessRef {
    let container = WHOLE;
    ProcessRef { pod, container }
}

/// A store with running pods of a class of this behaviour, and their usage.
fn of(behaviour: Behaviour, pods: u32) -> (Store, Usage, Vec<PodRef>) {
    let object = PodSpec {
        containers: vec![container("app", 300), container("proxy", 100)],
        behaviour: Some(behaviour.into()),
        ..PodSpec::default()
    };
    let (mut store, mut usage) = (Store::new(), Usage::default());
    let mut all = Vec::new();
    let node = model::Node {
        allocatable: ResourceList::from_pairs([
            (CPU, Quantity::from_units(64)),
            ("pods", Quantity::from_units(100)),
        ]),
        ..model::Node::default()
    };
    let mut apply = |event: Event, usage: &mut Usage| {
        store.apply(Instant::ZERO, event.clone()).expect("it fits");
        usage.observe(&event, &store);
        if let Event::PodBound { pod, .. } = event {
            usage.came_up(Instant::ZERO, whole(pod), &store);
        }
    };
    let (spec, node_id) = (ClassId(0), units::NodeId(0));
    let (object, node_object) = (object.into(), node.into());
    apply(
        Event::ClassAdded {
            class: spec,
            object,
        },
        &mut usage,
    );
    let node = node_id;
    let object = node_object;
    apply(Event::NodeAdded { node, object }, &mut usage);
    for number in 0..pods {
        let pod = PodRef {
            id: PodId(number),
            slot: units::PodSlot(number),
        };
        let created = PodCreated {
            pod,
            class: spec,
            name: PodName::Job(number.into()),
            tenant: TenantId(0),
            gang: None,
            time_limit: None,
            estimate: None,
            found: None,
            owner: None,
        };
        let devices = model::DeviceSet::EMPTY;
        apply(Event::PodCreated(created), &mut usage);
        apply(Event::PodBound { pod, node, devices }, &mut usage);
        apply(Event::PodRunning { pod }, &mut usage);
        all.push(pod);
    }
    (store, usage, all)
}

#[test]
fn what_is_shared_is_parted_among_those_that_serve() {
    let (mut store, mut usage, pods) = running("shared(900m)", 3);
    let now = Instant::from_secs(60);
    assert_eq!(
        usage.used(pods[0], now).map(|used| used.cpu_milli),
        Some(300)
    );
    let event = Event::PodEnded {
        pod: pods[0],
        reason: model::EndReason::Completed,
    };
    store.apply(now, event.clone()).expect("it lives");
    usage.observe(&event, &store);
    assert_eq!(usage.used(pods[0], now), None);
    assert_eq!(
        usage.used(pods[1], now).map(|used| used.cpu_milli),
        Some(450)
    );
}

#[test]
fn the_processors_are_limited_and_containers_part_as_they_ask() {
    let (_, usage, pods) = running("2", 1);
    let now = Instant::from_secs(60);
    assert_eq!(
        usage.wanted(pods[0], now).map(|used| used.cpu_milli),
        Some(2000)
    );
    assert_eq!(
        usage.used(pods[0], now).map(|used| used.cpu_milli),
        Some(800)
    );
    let containers = usage.samples(now).containers(pods[0]);
    let parts: Vec<i64> = containers.iter().map(|(_, used)| used.cpu_milli).collect();
    assert_eq!(parts, [600, 200]);
}

/// The nodes that are shown at an instant.
fn shown(usage: &mut Usage, store: &Store, second: i64) -> Vec<NodeId> {
    let now = Instant::from_secs(second);
    if usage.has_news(now) {
        usage.news(now, store).nodes().to_vec()
    } else {
        Vec::new()
    }
}

#[test]
fn nodes_are_shown_when_what_their_pods_use_changes() {
    let (store, mut usage, pods) = running("steps(0s: 1, 90s: 2)", 1);
    let node = [NodeId(0)];
    assert_eq!(shown(&mut usage, &store, 10), node);
    assert_eq!(shown(&mut usage, &store, 70), []);
    let next = usage.changes_before(Instant::from_secs(100));
    assert_eq!(next, Some(Instant::from_secs(90)));
    assert_eq!(shown(&mut usage, &store, 90), node);
    assert_eq!(usage.changes_before(Instant::MAX), None);
    usage.went_down(whole(pods[0]));
    assert_eq!(shown(&mut usage, &store, 95), node);
}

#[test]
fn nodes_of_all_that_share_are_shown_when_one_more_serves() {
    let (mut store, mut usage, pods) = running("shared(900m)", 2);
    assert_eq!(shown(&mut usage, &store, 0), [NodeId(0)]);
    let change = PodChange::Terminating {
        grace: Duration::from_secs(30),
        reason: model::EndReason::Cancelled,
    };
    let event = Event::PodChanged {
        pod: pods[0],
        change,
    };
    store.apply(Instant::ZERO, event.clone()).expect("it lives");
    usage.observe(&event, &store);
    assert_eq!(shown(&mut usage, &store, 1), [NodeId(0)]);
}

#[test]
fn containers_of_which_it_is_stated_use_that_and_the_others_share_the_rest() {
    let own = ContainerUsage {
        container: "proxy".into(),
        cpu: Some("50%".into()),
        memory: Some("ramp(0, 1Gi, 1h)".into()),
    };
    let behaviour = Behaviour {
        cpu_usage: Some("100%".into()),
        container_usage: vec![own],
        ..Behaviour::default()
    };
    let (store, mut usage, pods) = of(behaviour, 1);
    let parts = |usage: &Usage, second| {
        let containers = usage
            .samples(Instant::from_secs(second))
            .containers(pods[0]);
        let parts = containers.into_iter();
        let parts = parts.map(|(name, used)| (name.to_string(), used.cpu_milli, used.memory_bytes));
        parts.collect::<Vec<_>>()
    };
    let each = |app, proxy, leak| {
        vec![
            ("app".to_owned(), app, 0),
            ("proxy".to_owned(), proxy, leak),
        ]
    };
    assert_eq!(parts(&usage, 3600), each(300, 50, 1 << 30));
    // Each container is a process of its own: a restart of one is none of the other.
    let process = |container| ProcessRef {
        pod: pods[0],
        container,
    };
    usage.stopped(pods[0]);
    for container in [0, 1] {
        usage.came_up(Instant::ZERO, process(container), &store);
    }
    usage.went_down(process(0));
    usage.came_up(Instant::from_secs(1800), process(0), &store);
    assert_eq!(parts(&usage, 3600), each(300, 50, 1 << 30));
    usage.went_down(process(1));
    assert_eq!(parts(&usage, 3600), [("app".to_owned(), 300, 0)]);
    usage.came_up(Instant::from_secs(1800), process(1), &store);
    assert_eq!(parts(&usage, 3600), each(300, 50, 1 << 29));
}

#[test]
fn recorded_use_begins_with_the_processes_or_goes_on_with_their_work() {
    let (store, mut usage, pods) = running("recorded(0s: 100m, 60s: 300m, 120s: 0)", 1);
    let at = Instant::from_secs;
    let used = |usage: &Usage, second| usage.used(pods[0], at(second)).map(|used| used.cpu_milli);
    assert_eq!(
        [59, 60, 120].map(|s| used(&usage, s)),
        [Some(100), Some(300), Some(0)]
    );
    // Processes that begin anew.
    usage.came_up(at(100), whole(pods[0]), &store);
    assert_eq!([159, 160].map(|s| used(&usage, s)), [Some(100), Some(300)]);
    assert_eq!(usage.over(at(160), pods[0]), Duration::from_secs(60));
    // They go on elsewhere.
    let over = usage.over(at(150), pods[0]);
    usage.stopped(pods[0]);
    usage.go_on(at(150), pods[0], over);
    assert_eq!(usage.over(at(170), pods[0]), Duration::from_secs(50));
    usage.came_up(at(200), whole(pods[0]), &store);
    assert_eq!(
        [209, 210, 270].map(|s| used(&usage, s)),
        [Some(100), Some(300), Some(0)]
    );
    let next = |second| usage.demand_changes(whole(pods[0]), at(second));
    assert_eq!(
        [205, 210, 270].map(next),
        [Some(at(210)), Some(at(270)), None]
    );
    // A checkpoint says how much is done.
    usage.go_on(at(300), pods[0], Duration::from_secs(30));
    assert_eq!([329, 330].map(|s| used(&usage, s)), [Some(100), Some(300)]);
}
