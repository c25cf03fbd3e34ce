//! Fleet from an experiment file to the machines that its units are on.

use crate::story::{Story, of_scenario, refusal, story};

const HEAD: &str = r"
windtunnel: v1
name: fleet
seed: 42
cluster:
  nodes:
    - name: m{}
      count: 3
      template: {allocatable: {cpu: 4, memory: 8Gi, pods: 110}}
models:
  startup: {containerStart: 2s}
  nodeLife: observed
workload:
  - {manifests: work.yaml, at: 1s}
system: {name: fleet}
";

fn deployment(name: &str, replicas: u32, image: &str, rest: &str) -> String {
    format!(
        r#"
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers: [{{name: main, image: "{image}", resources: {{requests: {{cpu: "3"}}}}}}]
{rest}
"#
    )
}

fn play(name: &str, work: &str, rest: &str) -> Story {
    let own = format!("{HEAD}{rest}");
    let newer = deployment("web", 5, "web:2", "");
    let files = [
        ("own.yaml", own.as_str()),
        ("work.yaml", work),
        ("newer.yaml", newer.as_str()),
    ];
    story(name, &files)
}

#[test]
fn units_go_where_the_fewest_are_and_move_when_a_key_has_ended() {
    // orchestrators-a.md section 12: keys of 30 s, beats every 15 s (the last at 30), a crash at 40,
    // rounds at odd seconds, 2 s to load and start: the key is gone at 60, the round is at 61, the
    // units run at 63.
    let rest = r"
failures:
  - {kind: node-outage, node: m1, at: 40s}
stop: {at: 5m}
";
    let told = play("fleet-moves", &deployment("web", 5, "web:1", ""), rest);
    let first = told.between(1.0, 2.0);
    // By name and load: cpu plays no part, so that machines hold more than they have.
    assert_eq!(
        first,
        [
            "web@1.service on m0",
            "web@2.service on m1",
            "web@3.service on m2",
            "web@4.service on m0",
            "web@5.service on m1",
        ]
    );
    assert_eq!(told.times("m1 lost"), [60.0]);
    assert_eq!(
        told.between(61.0, 62.0),
        [
            "web@2.service ended NodeLost",
            "web@5.service ended NodeLost",
            "web@2.service on m2",
            "web@5.service on m0",
        ]
    );
    let again = told.times(" runs");
    assert_eq!(again[5..], [63.0, 63.0]);
}

#[test]
fn a_lost_leader_is_followed_when_its_lease_has_ended() {
    // The engine of m0 leads; its lease of 10 s was renewed at 39.
    let rest = r"
failures:
  - {kind: node-outage, node: m0, at: 40s}
operations:
  - {at: 42s, scale: Deployment/default/web, replicas: 6}
stop: {at: 5m}
";
    let told = play("fleet-leader", &deployment("web", 5, "web:1", ""), rest);
    let sixth = told.times("web@6.service on");
    assert!(
        sixth.len() == 1 && (49.0..51.0).contains(&sixth[0]),
        "{sixth:?}"
    );
    assert_eq!(told.times("m0 lost"), [60.0]);
    let moved = told.times("ended NodeLost");
    assert!(
        moved.iter().all(|&at| (60.0..62.0).contains(&at)),
        "{moved:?}"
    );
}

#[test]
fn a_cut_off_machine_that_returns_in_time_keeps_its_units() {
    let rest = r"
failures:
  - {kind: partition, node: m1, at: 40s, for: 15s}
stop: {at: 5m}
";
    let told = play("fleet-returns", &deployment("web", 5, "web:1", ""), rest);
    assert!(told.times("lost").is_empty() && told.times("ended").is_empty());
    assert_eq!(told.times(" on m").len(), 5);
}

#[test]
fn changed_units_start_again_where_they_are_and_fewer_are_destroyed() {
    let rest = r"
operations:
  - {at: 1m, apply: newer.yaml}
  - {at: 2m, scale: Deployment/default/web, replicas: 2}
stop: {at: 5m}
";
    let told = play("fleet-changed", &deployment("web", 5, "web:1", ""), rest);
    // All at once: nothing is ready for a while.
    assert!(told.ready.contains(&(60.0, 0)) || told.ready.contains(&(62.0, 1)));
    for number in 1..=5 {
        let places = told.lines.iter().filter_map(|line| {
            line.split_once(&format!("web@{number}.service on "))
                .map(|(_, on)| on)
        });
        let places: Vec<&str> = places.collect();
        assert!(places.len() == 2 && places[0] == places[1], "{places:?}");
    }
    let gone = told.between(120.0, 121.0);
    for number in 3..=5 {
        assert!(gone.contains(&format!("web@{number}.service ended Cancelled").as_str()));
    }
}

#[test]
fn instances_that_exclude_each_other_wait_for_a_machine_and_global_units_are_on_all() {
    let apart = "      affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: \
                 [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: web}}}]}}";
    let log = r#"
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: log}
spec:
  selector: {matchLabels: {app: log}}
  template:
    metadata: {labels: {app: log}}
    spec:
      containers: [{name: main, image: "log:1"}]
"#;
    let work = format!("{}{log}", deployment("web", 4, "web:1", apart));
    let told = play("fleet-apart", &work, "stop: {at: 2m}\n");
    for machine in 0..3 {
        assert_eq!(
            told.times(&format!("log-m{machine} on m{machine}")).len(),
            1
        );
        assert_eq!(told.times(&format!(".service on m{machine}")).len(), 1);
    }
    assert!(told.times("web@4.service").is_empty());
}

#[test]
fn the_scenario_shows_what_its_head_says() {
    let all = of_scenario("fleet.yaml");
    for (name, ttl) in [("default", 30.0), ("short-keys", 10.0)] {
        let told = &all[name];
        // By the number of units, whatever they need: machines differ by one at most.
        let count = |machine: u32| told.on_at_first(&format!("machine-{machine}"));
        let counts: Vec<usize> = (0..6).map(count).collect();
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        assert!(most - least <= 1, "{name}: {counts:?}");
        for (machine, away, lost) in [(1, 600.0, 0), (2, 2_400.0, 0)] {
            let missed = told.times(&format!("machine-{machine} lost"));
            let after = missed[lost] - away;
            assert!((ttl / 2.0..=ttl).contains(&after), "{name}: {after}");
            // A round and a start later they run again.
            let again = told.times(" runs");
            let again: Vec<f64> = { again.into_iter() }
                .filter(|at| (away..away + 300.0).contains(at))
                .collect();
            assert!(!again.is_empty(), "{name}");
            for at in again {
                assert!(at - missed[lost] <= 4.0, "{name}: {at}");
            }
        }
        assert_eq!(told.times("machine-1 up"), [1_800.0], "{name}");
    }
}

const WEB: &str = "[Service]\nExecStart=/bin/web\n[X-Fleet]\nConflicts=web@*.service\n";
const LOG: &str = "[Service]\nExecStart=/bin/log\n[X-Fleet]\nGlobal=true\n\
                   MachineMetadata=disk=ssd\n";
const DB: &str = "[Service]\nExecStart=/bin/db\n[X-Fleet]\nMachineID=m2\n";
const BACKUP: &str = "[Service]\nExecStart=/bin/backup\n[X-Fleet]\nMachineOf=db.service\n";
const PAGE: &str = "[Service]\nExecStart=/bin/page\n";
const PAGE_SOCKET: &str = "[Socket]\nListenStream=80\n[X-Windtunnel]\nFirstConnection=90s\n";

const UNITS: &str = r"
windtunnel: v1
name: units
seed: 42
cluster:
  nodes:
    - {name: 'm{}', count: 2, template: {labels: {disk: ssd}, allocatable: {cpu: 4, memory: 8Gi, pods: 110}}}
    - {name: m2, count: 1, template: {allocatable: {cpu: 4, memory: 8Gi, pods: 110}}}
models: {startup: {containerStart: 2s}, nodeLife: observed}
workload: [{units: units, instances: 4}]
system: {name: fleet}
stop: {at: 5m}
";

fn of_units(name: &str, text: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let files = [
        ("own.yaml", text),
        ("units/web@.service", WEB),
        ("units/log.service", LOG),
        ("units/db.service", DB),
        ("units/backup.service", BACKUP),
        ("units/page.service", PAGE),
        ("units/page.socket", PAGE_SOCKET),
        ("units/README", "not a unit"),
    ];
    let files: Vec<(&str, &str)> = files.into_iter().chain(more.iter().copied()).collect();
    let told = story(name, &files);
    let lines = told.lines.iter().filter_map(|line| {
        let (at, what) = line.split_once(' ')?;
        Some((at.to_owned(), what.to_owned()))
    });
    lines.collect()
}

#[test]
fn a_folder_of_unit_files_with_every_option_is_a_workload() {
    let lines = of_units("fleet-units", UNITS, &[]);
    let on = |unit: &str| -> Vec<&str> {
        let found = lines.iter().filter_map(|(_, what)| {
            let (name, machine) = what.split_once(" on ")?;
            (name == unit).then_some(machine)
        });
        found.collect()
    };
    // One of its kind on each of three machines, the fourth waits.
    let mut web: Vec<&str> = (1..=4)
        .flat_map(|one| on(&format!("web@{one}.service")))
        .collect();
    web.sort_unstable();
    assert_eq!(web, ["m0", "m1", "m2"]);
    // A global unit on every machine with its metadata, peers together, a named machine.
    assert_eq!(
        (on("log-m0"), on("log-m1"), on("log-m2")),
        (vec!["m0"], vec!["m1"], vec![])
    );
    assert_eq!(
        (on("db.service"), on("backup.service")),
        (vec!["m2"], vec!["m2"])
    );
    // Behind its socket, it starts at the first connection.
    let page = lines
        .iter()
        .find(|(_, what)| what.starts_with("page.service on"));
    assert_eq!(page.map(|(at, _)| at.as_str()), Some("90"));
}

#[test]
fn other_systems_run_the_same_units() {
    for system in ["swarmkit", "kubernetes, controllers: {}"] {
        let text = UNITS.replace("name: fleet}", &format!("name: {system}}}"));
        let name = format!("fleet-units-{}", system.len());
        let lines = of_units(&name, &text, &[]);
        let logs = lines
            .iter()
            .filter(|(_, what)| what.contains("log") && what.contains(" on m"));
        assert_eq!(logs.count(), 2, "{system}");
    }
}

#[test]
fn units_that_replace_others_move_them_away() {
    let newer = "[Service]\nExecStart=/bin/new\n[X-Fleet]\nReplaces=web@*.service\n";
    let text = UNITS.replace(
        "instances: 4}]",
        "instances: 1}, {units: [newer.service], at: 2m}]",
    );
    let lines = of_units("fleet-replaces", &text, &[("newer.service", newer)]);
    let on = |unit: &str| -> Vec<(&str, &str)> {
        let places = lines.iter().filter_map(|(at, what)| {
            let (name, machine) = what.split_once(" on ")?;
            (name == unit).then_some((at.as_str(), machine))
        });
        places.collect()
    };
    // It joins the unit that it replaces, on the machine with the fewest; a round later that one goes.
    let (old, new) = (on("web@1.service"), on("newer.service"));
    assert_eq!(new.len(), 1, "{lines:?}");
    assert_eq!(old.len(), 2, "{lines:?}");
    assert_eq!(old[0].1, new[0].1, "{lines:?}");
    assert_ne!(old[1].1, new[0].1, "{lines:?}");
    assert!(new[0].0 == "120" && old[1].0.starts_with("12"), "{lines:?}");
}

/// Without another machine the replaced unit comes back where it was, to be moved away in each round of the interval.
#[test]
fn a_replaced_unit_without_another_machine_comes_and_goes_with_the_rounds() {
    let own = HEAD.replace("count: 3", "count: 1").replace(
        "- {manifests: work.yaml, at: 1s}",
        "- {units: [old.service]}\n  - {units: [newer.service], at: 2m}",
    ) + "stop: {at: 3m}\n";
    let newer = "[Service]\nExecStart=/bin/new\n[X-Fleet]\nReplaces=old.service\n";
    let files = [
        ("own.yaml", own.as_str()),
        ("old.service", "[Service]\nExecStart=/bin/old\n"),
        ("newer.service", newer),
    ];
    let times = story("fleet-flaps", &files).times("old.service on m0");
    let rounds: Vec<f64> = times
        .windows(2)
        .skip(1)
        .map(|pair| pair[1] - pair[0])
        .collect();
    assert!(rounds.len() > 20, "{times:?}");
    assert!(
        rounds.iter().all(|round| (round - 2.0).abs() < 0.5),
        "{times:?}"
    );
}

#[test]
fn unit_files_that_can_t_be_submitted_are_refused() {
    for (number, (name, text, expected)) in [
        (
            "a.service",
            "[Service]\nType=simple\n",
            "a.service: a service needs `ExecStart=`",
        ),
        (
            "a.service",
            "[Service]\nExecStart=x\n[X-Fleet]\nGlobal=true\nMachineOf=b.service\n",
            "Global cannot be used with MachineOf",
        ),
        (
            "a.service",
            "[Service]\nExecStart=x\n[X-Fleet]\nNear=b\n",
            "unrecognized option in [X-Fleet] section: `Near`",
        ),
        (
            "a.socket",
            "[Socket]\n",
            "a.socket: connections start no unit",
        ),
        ("README", "", "no unit files in `units`"),
    ]
    .into_iter()
    .enumerate()
    {
        let file = format!("units/{name}");
        let files = [("own.yaml", UNITS), (file.as_str(), text)];
        let why = refusal(&format!("fleet-flaw-{number}"), &files);
        assert!(why.contains(expected), "{why}");
    }
}
