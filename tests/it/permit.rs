//! The later extension points: a plugin that lets pods go on in pairs (Permit), one that makes room
//! (`PostFilter`), one that refuses to reserve.

use windtunnel::control::scheduler::plugin::Permit;
use windtunnel::control::scheduler::{ClassContext, Plugin, PluginSlot, Points, Profile, Reason};
use windtunnel::model::{EndReason, Event, Pod};
use windtunnel::sim::Options;
use windtunnel::sim::Stop;
use windtunnel::units::{Duration, Instant, NodeId};

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
        let victim = ctx.store.pods().iter().find(|other| other.node.is_some());
        victim
            .filter(|victim| victim.pod.id < pod.pod.id)
            .map(|victim| Event::PodEnded {
                pod: victim.pod,
                reason: EndReason::Evicted,
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
            "4 ended 0 Evicted",
            "4 bound 1 node#0",
            "4 runs 1",
            "9 ended 1 Completed",
        ]
    );
}

/// Never reserves.
#[derive(Clone)]
struct Refuses;

impl Plugin for Refuses {
    fn name(&self) -> &'static str {
        "refuses"
    }

    fn points(&self) -> Points {
        Points::RESERVE
    }

    fn reserve(&mut self, _: &ClassContext<'_>, _: &Pod, _: NodeId) -> Result<(), Reason> {
        Err(Reason::Text("no reservation"))
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(self.clone())
    }
}

#[test]
fn a_pod_that_can_not_be_reserved_for_stays_pending() {
    assert_eq!(story(Refuses, 1, &[(0, 5)]), ["0 created 0", "0 misfit 0"]);
}
