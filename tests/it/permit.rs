//! The later extension points: a plugin that lets pods go on in pairs (Permit), one that makes room
//! (`PostFilter`), one that refuses to reserve.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use windtunnel::cluster::{Conflict, Store};
use windtunnel::control::{Outbox, Progress};
use windtunnel::model::{EndReason, Event, EvictionCause, Pod, PodCreated, PodName, PodSpec};
use windtunnel::scheduler::pipeline::plugin::Permit;
use windtunnel::scheduler::{ClassContext, Plugin, PluginSlot, Points, Profile, Reason};
use windtunnel::sim::Options;
use windtunnel::sim::Stop;
use windtunnel::units::{ClassId, Duration, Instant, NodeId, TenantId};

use crate::world::{cell, nodes, options, pod, profile, run, scheduler};

fn with(plugin: impl Plugin + 'static) -> Profile {
    let mut profile = profile("first-fit");
    let points = plugin.points();
    profile.plugins.push(PluginSlot {
        plugin: Box::new(plugin),
        weight: 1,
        points,
    });
    profile
}

fn story(plugin: impl Plugin + 'static, cores: i64, pods: &[(i64, i64)]) -> Vec<String> {
    let pods = pods.iter().map(|&(submit, run)| pod(submit, run)).collect();
    let world = cell(
        nodes(&[cores]),
        vec![scheduler(with(plugin))],
        pods,
        Vec::new(),
    );
    let options = Options {
        stop: Stop::At(Instant::from_secs(100)),
        ..options()
    };
    run(options, vec![world]).1
}

/// Pods go on once two of them have a place.
#[derive(Clone)]
struct Pairs;

impl Plugin for Pairs {
    fn name(&self) -> &'static str {
        "pairs"
    }

    fn points(&self) -> Points {
        Points::PERMIT
    }

    fn permit(&mut self, ctx: &ClassContext<'_>, _pod: &Pod, _node: NodeId) -> Permit {
        if ctx.store.holds().count() >= 2 {
            Permit::Allow
        } else {
            Permit::Wait(Duration::from_secs(10))
        }
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(self.clone())
    }
}

#[test]
fn a_waiting_pod_holds_its_place_until_it_may_go_on_or_its_time_is_up() {
    let told = story(Pairs, 8, &[(0, 50), (4, 50), (30, 5)]);
    assert_eq!(
        told[..15],
        [
            "0 created 0",
            "0 held 0",
            "4 created 1",
            "4 held 1",
            "4 released 0",
            "4 bound 0 node#0",
            "4 runs 0",
            "4 released 1",
            "4 bound 1 node#0",
            "4 runs 1",
            "30 created 2",
            "30 held 2",
            "40 released 2",
            "40 misfit 2",
            // It tries again, as long as nobody comes to pair with.
            "40 held 2",
        ]
    );
}

/// Ends the pod of the lowest row to make room.
#[derive(Clone)]
struct Evicts;

impl Plugin for Evicts {
    fn name(&self) -> &'static str {
        "evicts"
    }

    fn points(&self) -> Points {
        Points::POST_FILTER
    }

    fn post_filter(&mut self, ctx: &ClassContext<'_>, pod: &Pod) -> Vec<Event> {
        let victim = ctx.store.pods().iter().find(|other| other.node().is_some());
        victim
            .filter(|victim| victim.pod.id < pod.pod.id)
            .map(|victim| Event::PodEnded {
                pod: victim.pod,
                reason: EndReason::Evicted(EvictionCause::Preemption),
            })
            .into_iter()
            .collect()
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(self.clone())
    }
}

#[test]
fn post_filter_makes_room() {
    assert_eq!(
        story(Evicts, 1, &[(0, 50), (4, 5)]),
        [
            "0 created 0",
            "0 bound 0 node#0",
            "0 runs 0",
            "4 created 1",
            "4 misfit 1",
            "4 ended 0 Evicted(Preemption)",
            "4 bound 1 node#0",
            "4 runs 1",
            "9 ended 1 Completed",
        ]
    );
}

/// Never reserves for the first pods.
#[derive(Clone)]
struct Refuses {
    first: u32,
}

impl Plugin for Refuses {
    fn name(&self) -> &'static str {
        "refuses"
    }

    fn points(&self) -> Points {
        Points::RESERVE
    }

    fn reserve(&mut self, _: &ClassContext<'_>, pod: &Pod, _: NodeId) -> Result<(), Reason> {
        if pod.pod.id.0 < self.first {
            Err(Reason::Text("no reservation"))
        } else {
            Ok(())
        }
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(self.clone())
    }
}

#[test]
fn a_pod_that_can_not_be_reserved_for_stays_pending() {
    assert_eq!(
        story(Refuses { first: 1 }, 1, &[(0, 5)]),
        ["0 created 0", "0 misfit 0"]
    );
}

#[test]
fn a_refused_reservation_says_nothing_about_other_pods_of_the_class() {
    let told = story(Refuses { first: 1 }, 1, &[(0, 5), (1, 5), (2, 5)]);
    assert_eq!(
        told,
        [
            "0 created 0",
            "0 misfit 0",
            "1 created 1",
            "1 bound 1 node#0",
            "1 runs 1",
            "2 created 2",
            "2 misfit 2",
            "6 ended 1 Completed",
            // The first one is tried again before the third, and refused again.
            "6 misfit 0",
            "6 bound 2 node#0",
            "6 runs 2",
            "11 ended 2 Completed",
            "11 misfit 0",
        ]
    );
}

/// Lets every pod wait, and counts what is reserved.
#[derive(Clone)]
struct Counts(Arc<AtomicI64>);

impl Plugin for Counts {
    fn name(&self) -> &'static str {
        "counts"
    }

    fn points(&self) -> Points {
        Points::RESERVE.and(Points::PERMIT)
    }

    fn reserve(&mut self, _: &ClassContext<'_>, _: &Pod, _: NodeId) -> Result<(), Reason> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn unreserve(&mut self, _: &ClassContext<'_>, _: &Pod, _: NodeId) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn permit(&mut self, _: &ClassContext<'_>, _: &Pod, _: NodeId) -> Permit {
        Permit::Wait(Duration::from_secs(10))
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(self.clone())
    }
}

#[test]
fn a_refused_hold_gives_up_its_reservation_and_is_tried_again() {
    let reserved = Arc::new(AtomicI64::new(0));
    let mut scheduler = scheduler(with(Counts(reserved.clone())));
    let mut store = Store::new();
    let apply = |store: &mut Store, event: Event| {
        store
            .apply(Instant::ZERO, event)
            .expect("an allowed change");
    };
    for node in nodes(&[1]) {
        let added = store.node_added(node);
        apply(&mut store, added);
    }
    let class = store.class_added(&Arc::new(PodSpec::default()));
    apply(&mut store, class.expect("a new class"));
    let created = Event::PodCreated(PodCreated {
        pod: store.pods().next(),
        class: ClassId(0),
        name: PodName::Job(0),
        tenant: TenantId(0),
        gang: None,
        time_limit: None,
        estimate: None,
        found: None,
        owner: None,
    });
    apply(&mut store, created);
    let mut out = Outbox::default();
    scheduler.step(Instant::ZERO, &store, &mut out);
    assert!(matches!(out.writes[0].event, Event::HoldPlaced(_)));
    assert_eq!(
        (scheduler.backlog(), reserved.load(Ordering::Relaxed)),
        (1, 1)
    );
    scheduler.refused(&out.writes[0], &Conflict::NoRoom);
    assert_eq!(scheduler.backlog(), 1);
    // Nothing changed: the same decision would be refused again.
    out.clear();
    scheduler.step(Instant::ZERO, &store, &mut out);
    assert!(out.writes.is_empty());
    assert_eq!(reserved.load(Ordering::Relaxed), 0);
    for ready in [false, true] {
        let node = NodeId(0);
        apply(&mut store, Event::NodeReadiness { node, ready });
    }
    scheduler.step(Instant::ZERO, &store, &mut out);
    assert!(matches!(out.writes[0].event, Event::HoldPlaced(_)));
}

#[test]
fn a_pod_that_ends_while_it_waits_is_no_backlog() {
    let mut scheduler = scheduler(profile("first-fit"));
    let mut store = Store::new();
    let class = store.class_added(&Arc::new(PodSpec::default()));
    let mut events = vec![class.expect("a new class")];
    let pod = store.pods().next();
    events.push(Event::PodCreated(PodCreated {
        pod,
        class: ClassId(0),
        name: PodName::Job(0),
        tenant: TenantId(0),
        gang: None,
        time_limit: None,
        estimate: None,
        found: None,
        owner: None,
    }));
    let reason = EndReason::Cancelled;
    let ended = Event::PodEnded { pod, reason };
    for (events, backlog) in [(events, 1), (vec![ended], 0)] {
        for event in events {
            store.apply(Instant::ZERO, event).expect("allowed");
        }
        let progress = scheduler.step(Instant::ZERO, &store, &mut Outbox::default());
        assert_eq!((scheduler.backlog(), progress), (backlog, Progress::Idle));
    }
}
