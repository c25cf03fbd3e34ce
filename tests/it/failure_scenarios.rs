//! The claims of the scenarios about failures, as their head comments make them.

use std::path::Path;

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{EndReason, Event, Pod};
use windtunnel::sim::check::Checker;
use windtunnel::units::{Instant, Revision, SortedMap};

use crate::controlled::{census, names};
use crate::watch::watch;

/// What was seen of a variant.
#[derive(Debug, Default)]
struct Seen {
    /// Ready pods of each application whenever that changed, by second.
    ready: SortedMap<String, SortedMap<i64, usize>>,
    /// Images of the living pods of the first application, by second.
    images: SortedMap<i64, SortedMap<String, usize>>,
    bound: Vec<i64>,
    created: SortedMap<String, usize>,
    /// When pods ended that were told to on a node that was away, and when nodes took pods again.
    ended: SortedMap<&'static str, Vec<i64>>,
    completed: Vec<i64>,
    uncordoned: Vec<i64>,
    cordoned_most: usize,
    doubles: usize,
}

impl Seen {
    /// The fewest ready pods of an application between two seconds.
    fn least(&self, app: &str, from: i64, until: i64) -> usize {
        let values = self.ready[app].range(from..until).map(|(_, ready)| *ready);
        values.min().unwrap_or(usize::MAX)
    }

    /// When an application first had so many ready pods again after it had fewer, from a second on.
    fn restored(&self, app: &str, from: i64, count: usize) -> Option<i64> {
        let mut after = self.ready[app].range(from..);
        let fewer = after.find(|(_, ready)| **ready < count)?;
        let mut later = self.ready[app].range(fewer.0..);
        later.find(|(_, ready)| **ready >= count).map(|(at, _)| *at)
    }
}

struct Eyes<'a> {
    checker: Checker,
    apps: &'a [&'a str],
    seen: Seen,
    /// Revision of the store that was looked at last: most instants change nothing.
    looked_at: Option<Revision>,
}

impl Observer for Eyes<'_> {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        let secs = at.as_secs_f64() as i64;
        match event {
            Event::PodCreated(created) => {
                let spec = &store.class(created.class).spec;
                let app = spec
                    .labels
                    .get("app")
                    .map(ToString::to_string)
                    .unwrap_or_default();
                *self.seen.created.entry(app).or_default() += 1;
            }
            Event::PodBound { .. } => self.seen.bound.push(secs),
            Event::PodEnded { reason, .. } => match reason {
                EndReason::Completed => self.seen.completed.push(secs),
                EndReason::NodeLost => self.seen.ended.entry("lost").or_default().push(secs),
                _ => self.seen.ended.entry("told").or_default().push(secs),
            },
            Event::NodeUpdated { object, .. } if !object.unschedulable => {
                self.seen.uncordoned.push(secs);
            }
            _ => {}
        }
    }

    fn settled(&mut self, at: Instant, store: &Store) {
        if self.looked_at.replace(store.revision()) == Some(store.revision()) {
            return;
        }
        let secs = at.as_secs_f64() as i64;
        for app in self.apps {
            let (_, ready, images) = census(store, app);
            let own = self.seen.ready.entry((*app).to_owned()).or_default();
            own.insert(secs, ready);
            if *app == self.apps[0] {
                self.seen.images.insert(secs, images);
            }
        }
        let ledger = names(store, "ledger");
        let mut single = ledger.clone();
        single.dedup();
        self.seen.doubles += ledger.len() - single.len();
        let nodes = store.nodes();
        let cordoned = nodes.present().filter(|&node| {
            nodes
                .object(node)
                .is_some_and(|object| object.unschedulable)
        });
        self.seen.cordoned_most = self.seen.cordoned_most.max(cordoned.count());
    }
}

/// Plays the variants of a scenario.
fn play(name: &str, apps: &[&str]) -> SortedMap<String, Seen> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let experiment = crate::kube_scenario::load_file(&folder.join(format!("{name}.yaml")));
    let mut all = SortedMap::new();
    for variant in &experiment.variants {
        let mut eyes = Eyes {
            checker: Checker::default(),
            apps,
            seen: Seen::default(),
            looked_at: None,
        };
        watch(&variant.scenario, &experiment.files, &mut eyes).unwrap();
        assert_eq!(eyes.checker.failure(), None);
        all.insert(variant.name.clone(), eyes.seen);
    }
    all
}

#[test]
fn a_zone_outage_is_as_long_as_tolerations() {
    let all = play("zone-outage", &["shop"]);
    for (name, restored) in [("default", 1_010), ("impatient", 740)] {
        let seen = &all[name];
        assert_eq!(seen.least("shop", 600, 2_400), 8, "{name}");
        assert_eq!(seen.restored("shop", 600, 12), Some(restored), "{name}");
        // One node in ten seconds is tainted, so their pods follow each other.
        let replaced: Vec<i64> = seen.bound.iter().copied().filter(|at| *at > 0).collect();
        let first = restored - 50;
        assert_eq!(
            replaced,
            [0, 10, 20, 30].map(|later| first + later),
            "{name}"
        );
    }
}

#[test]
fn a_partition_runs_pods_twice_but_none_of_a_set() {
    let all = play("partition-and-heal", &["shop", "ledger"]);
    let long = &all["long"];
    assert_eq!(long.restored("shop", 600, 6), Some(975));
    assert_eq!(long.restored("ledger", 600, 6), Some(1_820));
    assert_eq!((long.created["shop"], long.created["ledger"]), (8, 8));
    assert_eq!(long.ended["told"], [1_800; 4]);
    assert_eq!(long.doubles, 0);
    let short = &all["short"];
    assert_eq!((short.created["shop"], short.created["ledger"]), (6, 6));
    assert!(short.ended.is_empty());
}

#[test]
fn while_the_control_plane_is_away_a_rollout_stands_still() {
    let all = play("control-plane-outage", &["shop"]);
    for (name, begun) in [("outage", 1_200), ("failover", 676)] {
        let seen = &all[name];
        let renewed = |images: &SortedMap<String, usize>| images.contains_key("shop:2");
        let first = seen.images.iter().find(|(_, images)| renewed(images));
        assert_eq!(first.map(|(at, _)| *at), Some(begun), "{name}");
        let is_done = |images: &SortedMap<String, usize>| images.get("shop:2") == Some(&12);
        let done = seen
            .images
            .iter()
            .find(|(_, images)| is_done(images) && images.len() == 1);
        assert_eq!(done.map(|(at, _)| *at), Some(begun + 40), "{name}");
        assert_eq!(seen.least("shop", 600, begun), 12, "{name}");
        assert!(
            !seen.bound.iter().any(|at| (1..begun).contains(at)),
            "{name}"
        );
    }
}

#[test]
fn a_notice_saves_a_service_what_it_takes_to_find_out() {
    let all = play("spot-notice", &["shop"]);
    let short = |seen: &Seen| -> i64 {
        let ready = &seen.ready["shop"];
        let spans = ready.iter().zip(ready.iter().skip(1));
        let missing = |ready: usize| (20 - ready.min(20)) as i64;
        spans
            .map(|((at, ready), (next, _))| (next - at) * missing(*ready))
            .sum()
    };
    let (notice, none) = (short(&all["notice"]), short(&all["none"]));
    println!("short by {notice} s with notice, {none} s without");
    assert!(none > 5 * notice, "{none} {notice}");
    for (name, seen) in &all {
        assert_eq!(seen.completed.len(), 200, "{name}");
    }
}

#[test]
fn a_wave_takes_as_long_as_its_batches_and_keeps_to_budgets() {
    let all = play("upgrade-wave", &["app-0"]);
    for (name, seen) in &all {
        let done = seen.uncordoned.iter().max().copied().unwrap_or_default() - 1_800;
        let least = seen.least("app-0", 1_800, 43_200);
        println!(
            "{name}: {done} s, least {least}, cordoned {}",
            seen.cordoned_most
        );
        assert!((20 * 600..20 * 660).contains(&done), "{name}: {done} s");
        assert!(least >= 190, "{name}: {least}");
        assert_eq!(seen.cordoned_most, 50, "{name}");
    }
}
