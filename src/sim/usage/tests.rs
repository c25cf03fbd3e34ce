//! Usage of pods, shared and limited.

use super::*;
use control::UsageSamples;
use model::{Behaviour, Container, PodCreated, PodName};
use units::TenantId;

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
    let object = PodSpec {
        containers: vec![container("app", 300), container("proxy", 100)],
        behaviour: Some(
            Behaviour {
                cpu_usage: Some(text.into()),
                ..Behaviour::default()
            }
            .into(),
        ),
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
            usage.started(Instant::ZERO, pod, &store);
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

#[test]
fn a_sample_is_due_each_minute_and_when_it_is_wanted() {
    let (_, mut usage, _) = running("1", 1);
    let due = |usage: &mut Usage, second| usage.is_due(Instant::from_secs(second));
    assert!(due(&mut usage, 10) && !due(&mut usage, 69) && due(&mut usage, 70));
    usage.wants_sample();
    assert!(due(&mut usage, 71) && !due(&mut usage, 72));
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
    usage.started(at(100), pods[0], &store);
    assert_eq!([159, 160].map(|s| used(&usage, s)), [Some(100), Some(300)]);
    assert_eq!(usage.over(at(160), pods[0]), Duration::from_secs(60));
    // They go on elsewhere.
    let over = usage.over(at(150), pods[0]);
    usage.stopped(pods[0]);
    usage.go_on(at(150), pods[0], over);
    assert_eq!(usage.over(at(170), pods[0]), Duration::from_secs(50));
    usage.started(at(200), pods[0], &store);
    assert_eq!(
        [209, 210, 270].map(|s| used(&usage, s)),
        [Some(100), Some(300), Some(0)]
    );
    let next = |second| usage.curves(pods[0])?.cpu?.next_step(at(second));
    assert_eq!(
        [205, 210, 270].map(next),
        [Some(at(210)), Some(at(270)), None]
    );
    // A checkpoint says how much is done.
    usage.go_on(at(300), pods[0], Duration::from_secs(30));
    assert_eq!([329, 330].map(|s| used(&usage, s)), [Some(100), Some(300)]);
}
