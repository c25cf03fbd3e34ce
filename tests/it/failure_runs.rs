//! Failures of nodes from an experiment file to what becomes of pods: domains,
//! spot pools, maintenance, stragglers, replacement (spec: orchestrators-b.md 10.1 to 10.3).

use std::path::Path;

use windtunnel::cluster::{Incident, Observer, Store};
use windtunnel::intake::Input;
use windtunnel::intake::table::Table;
use windtunnel::model::{EndReason, Event, Pod};
use windtunnel::sim::check::Checker;
use windtunnel::units::{Instant, NodeId, SortedMap, SortedSet};

use crate::controlled::census;
use crate::kube_scenario::load_file;
use crate::scratch::Scratch;
use crate::shared;
use crate::watch::watch;

/// What was seen of a run; times in seconds.
#[derive(Default)]
struct Seen {
    checker: Checker,
    /// What failed and was whole again: when, what, of which node, whether it began.
    incidents: Vec<(f64, &'static str, u32, bool)>,
    /// The ready pods of the application `app`, whenever that changed.
    ready: SortedMap<i64, usize>,
    /// When pods ended: on which node, why, and how long they had run.
    ended: Vec<(f64, Option<NodeId>, EndReason, f64)>,
    /// Where pods of `app` ran at the end, by the names of nodes.
    nodes: Vec<String>,
    joined: Vec<(f64, String)>,
    left: Vec<(f64, u32)>,
    cordoned_most: usize,
}

impl Observer for Seen {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        let secs = at.as_secs_f64();
        match event {
            Event::PodEnded { reason, .. } => {
                let pod = ended.expect("its record");
                let ran = match pod.phase {
                    windtunnel::model::PodPhase::Running => at.since(pod.started).as_secs_f64(),
                    _ => 0.0,
                };
                self.ended.push((secs, pod.node(), *reason, ran));
            }
            Event::NodeAdded { object, .. } if secs > 0.0 => {
                self.joined.push((secs, object.name.to_string()));
            }
            Event::NodeRemoved { node } => self.left.push((secs, node.0)),
            _ => {}
        }
    }

    fn incident(&mut self, at: Instant, incident: Incident, _store: &Store) {
        let node = incident.node.map_or(u32::MAX, |node| node.0);
        let told = (at.as_secs_f64(), incident.what, node, incident.begins);
        self.incidents.push(told);
    }

    fn settled(&mut self, at: Instant, store: &Store) {
        let secs = at.as_secs_f64() as i64;
        self.ready.insert(secs, census(store, "app").1);
        let nodes = store.nodes();
        let cordoned = nodes.present().filter(|&node| {
            let object = nodes.object(node);
            object.is_some_and(|object| object.unschedulable)
        });
        self.cordoned_most = self.cordoned_most.max(cordoned.count());
        let pods = store.pods().iter();
        let names = pods.filter_map(|pod| Some(nodes.name(pod.node()?).to_owned()));
        self.nodes = names.collect();
    }
}

impl Seen {
    /// The fewest ready pods between two seconds.
    fn least(&self, from: i64, until: i64) -> usize {
        let before = self.ready.range(..from).next_back();
        let within = self.ready.range(from..until);
        let ready = before.into_iter().chain(within).map(|(_, ready)| *ready);
        ready.min().expect("something settled")
    }

    /// Nodes that were down between an instant and another, in node-seconds.
    fn down(&self, what: &str, until: f64) -> f64 {
        let (mut open, mut sum) = (SortedMap::<u32, f64>::new(), 0.0);
        for &(at, own, node, begins) in &self.incidents {
            if own != what {
                continue;
            }
            if begins {
                open.entry(node).or_insert(at);
            } else if let Some(from) = open.remove(&node) {
                sum += at - from;
            }
        }
        sum + open.values().map(|from| until - from).sum::<f64>()
    }
}

/// Plays a scenario of so many nodes `n0`, `n1` … of four cores in racks of `rack` each.
fn play(name: &str, (count, rack): (usize, usize), rest: &str, manifests: &str) -> Seen {
    let racks = count.div_ceil(rack);
    let text = format!(
        "windtunnel: v1\nname: {name}\nseed: 11\ncluster:\n  domains:\n    - {{label: rack, name: \
         \"r{{}}\", count: {racks}}}\n  nodes:\n    - {{name: \"n{{}}\", count: {count}, template: \
         {{allocatable: {{cpu: 4, memory: 16Gi, pods: 110}}, labels: {{rack: \"r{{index / \
         {rack}}}\"}}}}}}\nworkload: [{{manifests: pods.yaml}}]\nsystem: {{name: kubernetes, \
         controllers: {{}}}}\n{rest}"
    );
    let files = [("pods.yaml", manifests), ("scenario.yaml", &*text)];
    let scratch = Scratch::new(&format!("failures-{name}"), &files);
    let experiment = load_file(&scratch.path("scenario.yaml"));
    let mut seen = Seen::default();
    watch(
        &experiment.variants[0].scenario,
        &experiment.files,
        &mut seen,
    )
    .expect("a run that ends");
    assert_eq!(seen.checker.failure(), None);
    seen
}

/// A deployment `app` of pods of one core each, with more of its pods' template.
fn deployment(replicas: usize, template: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app}}\nspec:\n  replicas: \
         {replicas}\n  selector: {{matchLabels: {{app: app}}}}\n  template:\n    metadata: {{labels: \
         {{app: app}}}}\n    spec:\n      {template}\n      containers: [{{name: main, image: main, \
         resources: {{requests: {{cpu: 1}}}}}}]\n"
    )
}

const NO_MORE: &str = "restartPolicy: Always";

/// A row of the log of Los Alamos.
pub(crate) struct LogRow {
    pub(crate) system: String,
    pub(crate) node: String,
    /// When it went down and was up again, in minutes of its calendar.
    pub(crate) started: i64,
    pub(crate) fixed: i64,
    pub(crate) minutes: Option<f64>,
}

/// The rows of the log of Los Alamos.
pub(crate) fn read_log(file: &Path) -> Vec<LogRow> {
    let mut table = Table::open(&Input::path(file)).expect("a table");
    let columns = [
        "System",
        "nodenumz",
        "Down Time",
        "Prob Started",
        "Prob Fixed",
    ];
    let columns = columns.map(|name| table.required_column(name).expect(name));
    let mut rows = Vec::new();
    while let Some(row) = table.next_row().expect("it can be read") {
        let row = row.expect("a row");
        rows.push(LogRow {
            system: row.text(&columns[0]).to_owned(),
            node: row.text(&columns[1]).to_owned(),
            minutes: row.text(&columns[2]).trim().parse().ok(),
            started: minute(row.text(&columns[3])),
            fixed: minute(row.text(&columns[4])),
        });
    }
    rows
}

/// Minutes since 1970 of `m/d/yyyy h:mm`.
fn minute(text: &str) -> i64 {
    let (date, time) = text.split_once(' ').expect("date and time");
    let numbers = |text: &str, by: char| -> Vec<i64> {
        let parts = text
            .split(by)
            .map(|part| part.trim().parse().expect("a number"));
        parts.collect()
    };
    let (date, time) = (numbers(date, '/'), numbers(time, ':'));
    let (month, day, year) = (date[0], date[1], date[2]);
    // Days by the calendar of Gregory, from March on.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days =
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    (days * 24 + time[0]) * 60 + time[1]
}

pub(crate) const LANL: &str = "traces/lanl-failures/failure-data-1996-2005.csv.gz";

#[test]
fn a_quorum_survives_a_rack_if_it_is_spread_over_racks() {
    let apart = "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: \
                 [{labelSelector: {matchLabels: {app: app}}, topologyKey: rack}]}}";
    let together = "affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: \
                    [{labelSelector: {matchLabels: {app: app}}, topologyKey: rack}]}}";
    for (name, template, down) in [("apart", apart, 1), ("together", together, 3)] {
        for rack in 0..3 {
            let rest = format!(
                "failures: [{{kind: zone-outage, domain: {{rack: r{rack}}}, at: 10m, for: \
                 4m}}]\nstop: {{at: 20m}}\n"
            );
            let run = format!("quorum-{name}-{rack}");
            let seen = play(&run, (9, 3), &rest, &deployment(3, template));
            // Which rack the three share is the scheduler's choice; the others lose nothing.
            let least = seen.least(605, 830);
            let is_spread = name == "apart";
            assert!(
                least == 3 - down || (!is_spread && least == 3),
                "{name}, rack {rack}: {least}"
            );
            if is_spread {
                assert!(least >= 2, "a quorum of three is two");
            }
        }
    }
}

#[test]
fn racks_go_down_and_come_back_as_one() {
    let rest = "failures:\n  - {kind: domain-outage, each: rack, mtbf: \"exponential(20h)\", repair: \
                \"exponential(5h)\"}\nstop: {at: 200d}\n";
    let seen = play("domains", (12, 4), rest, &deployment(6, NO_MORE));
    let mut by_time: SortedMap<(u64, bool), SortedSet<u32>> = SortedMap::new();
    for &(at, what, node, begins) in &seen.incidents {
        assert_eq!(what, "down");
        by_time
            .entry((at.to_bits(), begins))
            .or_default()
            .insert(node);
    }
    for nodes in by_time.values() {
        let racks: SortedSet<u32> = nodes.iter().map(|node| node / 4).collect();
        assert_eq!(nodes.len(), 4 * racks.len(), "{nodes:?}");
    }
    // 5 of 25 hours: a fifth of the time.
    let until = 200.0 * 86_400.0;
    let share = seen.down("down", until) / (12.0 * until);
    assert!((share - 0.2).abs() < 0.03, "{share}");
}

#[test]
fn a_spot_pool_takes_a_share_of_its_nodes_back_within_minutes() {
    let rest = "failures:\n  - {kind: spot, each: rack, share: 50%, mtbf: 6h, repair: 30m, notice: \
                2m}\nmodels: {startup: {containerStart: 20s}}\nstop: {at: 30h}\n";
    let seen = play("pools", (40, 20), rest, &deployment(60, NO_MORE));
    let begun = |what: &str| -> Vec<(f64, u32)> {
        let own = seen
            .incidents
            .iter()
            .filter(|(_, own, _, begins)| *own == what && *begins);
        own.map(|&(at, _, node, _)| (at, node)).collect()
    };
    let (told, gone) = (begun("taken back"), begun("down"));
    assert!(told.len() > 80, "{}", told.len());
    // Both pools take back every six hours, half of their nodes or so, each within two minutes.
    for event in 1..=4_u32 {
        let from = f64::from(event) * 6.0 * 3_600.0;
        for pool in 0..2 {
            let own = told
                .iter()
                .filter(|(at, node)| node / 20 == pool && *at >= from && *at < from + 120.0);
            let count = own.count();
            assert!((4..=16).contains(&count), "{count} of 20 at {from}");
        }
        let between = told
            .iter()
            .any(|(at, _)| *at >= from + 120.0 && *at < from + 21_600.0);
        assert!(!between);
    }
    // Each is down two minutes after it was said, and what ran there had moved by then.
    for (at, node) in &told {
        assert!(gone.contains(&(at + 120.0, *node)), "{node} at {at}");
    }
    let lost = seen
        .ended
        .iter()
        .filter(|(_, _, reason, _)| *reason == EndReason::NodeLost);
    assert_eq!(lost.count(), 0);
    // A pod is told to end and its successor starts within 20 s.
    let last = seen.ready.values().next_back();
    assert_eq!(last, Some(&60));
}

#[test]
fn a_maintenance_drains_as_budgets_allow_and_comes_back() {
    let budget = "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: \
                  app}\nspec: {minAvailable: 10, selector: {matchLabels: {app: app}}}\n";
    let manifests = deployment(12, NO_MORE) + budget;
    let rest = "models: {startup: {containerStart: 20s}}\nfailures:\n  - {kind: maintenance, \
                domain: {rack: r0}, at: 1h, for: 30m, notice: 20m}\nstop: {at: 3h}\n";
    let seen = play("maintenance", (8, 4), rest, &manifests);
    assert!(seen.least(60, 10_800) >= 10, "{}", seen.least(60, 10_800));
    let on_rack = |node: Option<NodeId>| node.is_some_and(|node| node.0 < 4);
    let evicted: Vec<f64> = { seen.ended.iter() }
        .filter(|(_, node, ..)| on_rack(*node))
        .map(|(at, ..)| *at)
        .collect();
    // What was there left within the notice, two at a time at most.
    assert!(!evicted.is_empty());
    assert!(
        evicted.iter().all(|at| (2_400.0..3_600.0).contains(at)),
        "{evicted:?}"
    );
    let down: Vec<(f64, bool)> = { seen.incidents.iter() }
        .filter(|(_, what, ..)| *what == "down")
        .map(|&(at, _, _, begins)| (at, begins))
        .collect();
    assert_eq!(
        down.iter().filter(|own| **own == (3_600.0, true)).count(),
        4
    );
    assert_eq!(
        down.iter().filter(|own| **own == (5_400.0, false)).count(),
        4
    );
    assert_eq!(seen.cordoned_most, 4);
    let uncordoned = seen
        .incidents
        .iter()
        .filter(|own| own.1 == "cordoned" && !own.3);
    assert_eq!(uncordoned.count(), 4);
}

#[test]
fn a_share_of_pods_straggles() {
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: batch}\nspec:\n  parallelism: \
               400\n  completions: 2000\n  template:\n    metadata:\n      annotations: \
               {windtunnel.dev/run-time: 100s}\n    spec:\n      restartPolicy: Never\n      \
               containers: [{name: main, image: main, resources: {requests: {cpu: 100m}}}]\n";
    let rest = "failures: [{kind: stragglers, share: 15%, factor: 8}]\nstop: {at: 6h}\n";
    let seen = play("stragglers", (10, 10), rest, job);
    let runs: Vec<f64> = { seen.ended.iter() }
        .filter(|(_, _, reason, _)| *reason == EndReason::Completed)
        .map(|(.., ran)| *ran)
        .collect();
    assert_eq!(runs.len(), 2_000);
    let slow: Vec<f64> = runs.iter().copied().filter(|ran| *ran > 100.0).collect();
    let share = slow.len() as f64 / 2_000.0;
    assert!((share - 0.15).abs() < 0.025, "{share}");
    assert!(slow.iter().all(|ran| (200.0..=800.0).contains(ran)));
    let mean = slow.iter().sum::<f64>() / slow.len() as f64;
    assert!((mean - 500.0).abs() < 40.0, "{mean}");
    assert!(runs.iter().all(|ran| *ran >= 100.0));
}

#[test]
fn nodes_that_are_replaced_leave_and_others_join() {
    let rest = "models: {startup: {containerStart: 20s}}\noperations:\n  - {at: 10m, upgrade: {batch: \
                2, service: 5m, replace: true}}\nstop: {at: 2h}\n";
    let seen = play("replacement", (6, 2), rest, &deployment(12, NO_MORE));
    assert_eq!((seen.left.len(), seen.joined.len()), (6, 6));
    let joined: SortedSet<&str> = seen.joined.iter().map(|(_, name)| &**name).collect();
    let expected: SortedSet<String> = (0..6).map(|number| format!("n{number}-v2")).collect();
    assert_eq!(joined, expected.iter().map(String::as_str).collect());
    // Three batches, one after the other, each of five minutes from when its nodes were empty.
    for (place, (at, _)) in seen.joined.iter().enumerate() {
        let batch = place / 2;
        let left = seen.left[place].0;
        assert!((at - left - 300.0).abs() < 1e-6, "{at} {left}");
        assert!(batch == 0 || left >= seen.joined[2 * batch - 1].0);
    }
    assert_eq!(seen.nodes.len(), 12);
    assert!(
        seen.nodes.iter().all(|name| name.ends_with("-v2")),
        "{:?}",
        seen.nodes
    );
    assert_eq!(seen.ready.values().next_back(), Some(&12));
    assert!(
        seen.ended
            .iter()
            .all(|(_, _, reason, _)| *reason != EndReason::NodeLost)
    );
}

#[test]
fn the_log_of_los_alamos_runs_as_it_is() {
    let Some(file) = shared::reference(LANL) else {
        return;
    };
    for (system, nodes, unnamed) in [("2", 49, 0), ("13", 255, 0), ("17", 4, 1)] {
        let rows = read_log(&file);
        let own = rows.iter().filter(|row| row.system == system);
        let (named, others): (Vec<&LogRow>, Vec<&LogRow>) = own.partition(|row| {
            let number = row.node.parse::<usize>();
            number.is_ok_and(|number| number < nodes)
        });
        assert_eq!(others.is_empty(), unnamed == 0, "{system}");
        let path = file.display();
        let rest = format!(
            "failures: [{{kind: failure-log, path: \"{path}\", system: {system}}}]\nstop: {{at: \
             3650d}}\n"
        );
        let seen = play(
            &format!("lanl-{system}"),
            (nodes, nodes),
            &rest,
            &deployment(2, NO_MORE),
        );
        // Every minute in which a row has a node down, and no other.
        let zero = named.iter().map(|row| row.started).min().unwrap_or(0);
        let mut spans: SortedMap<&str, Vec<(i64, i64)>> = SortedMap::new();
        for row in &named {
            let until = row.fixed.max(row.started + 1);
            spans
                .entry(&row.node)
                .or_default()
                .push((row.started - zero, until - zero));
        }
        let mut expected = 0;
        for own in spans.values_mut() {
            own.sort_unstable();
            let mut seen_until = i64::MIN;
            for &(from, until) in own.iter() {
                expected += (until - from.max(seen_until)).max(0);
                seen_until = seen_until.max(until);
            }
        }
        let down = seen.down("down", 3_650.0 * 86_400.0) / 60.0;
        assert!(
            (down - expected as f64).abs() < 1e-6,
            "{system}: {down} of {expected}"
        );
        assert!(expected > 0 || unnamed > 0, "{system}");
    }
}

#[test]
fn bursts_take_others_along_mostly_of_the_same_rack() {
    // A crash of any of 200 nodes in five days: heads are far apart, members follow within 120 s.
    let rest = "failures:\n  - {kind: node-crash, mtbf: \"exponential(1000d)\", repair: 1h, burst: \
                {within: rack}}\nstop: {at: 3000d}\n";
    let seen = play("bursts", (200, 20), rest, &deployment(1, NO_MORE));
    let begun = seen.incidents.iter().filter(|own| own.1 == "down" && own.3);
    let downs: Vec<(f64, u32)> = begun.map(|&(at, _, node, _)| (at, node)).collect();
    // Crashes within 120 s of the first of them are one event.
    let mut events: Vec<Vec<u32>> = Vec::new();
    let mut first = f64::NEG_INFINITY;
    for (at, node) in downs {
        if at - first > 120.0 {
            first = at;
            events.push(Vec::new());
        }
        events.last_mut().expect("one was begun").push(node);
    }
    let bursts: Vec<&Vec<u32>> = events.iter().filter(|own| own.len() > 1).collect();
    let share = bursts.len() as f64 / events.len() as f64;
    assert!(events.len() > 400, "{}", events.len());
    assert!((share - 0.37).abs() < 0.05, "{share}");
    // Two and then, by halves, more: three on average.
    let size = bursts.iter().map(|own| own.len()).sum::<usize>() as f64 / bursts.len() as f64;
    assert!((size - 3.0).abs() < 0.25, "{size}");
    let members = bursts
        .iter()
        .flat_map(|own| own[1..].iter().map(|node| (own[0], *node)));
    let members: Vec<(u32, u32)> = members.collect();
    let near = members.iter().filter(|(head, node)| head / 20 == node / 20);
    // Of ten racks, a tenth of what is drawn from all is near, too.
    let share = near.count() as f64 / members.len() as f64;
    assert!((share - 0.82).abs() < 0.06, "{share}");
}
