//! Mesos from an experiment file to what its frameworks launch.

use std::path::Path;

use windtunnel::scenario::Scenario;

use crate::kube_scenario::load_file;
use crate::scratch::Scratch;
use crate::story::{Story, of_scenario, refusal, story};
use crate::watch::measure;

const SHOP: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 8
  selector: {matchLabels: {app: shop}}
  strategy:
    rollingUpdate: {maxSurge: 25%, maxUnavailable: 25%}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
        - {name: shop, image: "shop:1", resources: {requests: {cpu: "1", memory: 1Gi}}}
"#;

const REPORT: &str = r#"
apiVersion: batch/v1
kind: CronJob
metadata: {name: report}
spec:
  schedule: "*/10 * * * *"
  jobTemplate:
    spec:
      template:
        metadata: {annotations: {windtunnel.dev/run-time: 2m}}
        spec:
          restartPolicy: Never
          containers:
            - {name: report, image: "report:1", resources: {requests: {cpu: 500m, memory: 256Mi}}}
"#;

const HEAD: &str = r"
windtunnel: v1
name: mesos
seed: 42
cluster:
  nodes:
    - name: agent-{}
      count: 4
      template: {allocatable: {cpu: 8, memory: 32Gi, pods: 110}}
models:
  startup: {containerStart: 5s}
  nodeLife: observed
workload:
  - manifests: work.yaml
";

fn play(name: &str, work: &str, rest: &str) -> Story {
    let newer = SHOP.replace("shop:1", "shop:2");
    let own = format!("{HEAD}{rest}");
    let files = [
        ("own.yaml", own.as_str()),
        ("work.yaml", work),
        ("newer.yaml", newer.as_str()),
    ];
    story(name, &files)
}

#[test]
fn a_service_is_kept_upgraded_and_scaled() {
    let rest = r"
system: {name: mesos}
operations:
  - {at: 5m, apply: newer.yaml}
  - {at: 10m, scale: Deployment/default/shop, replicas: 3}
stop: {at: 15m}
";
    let told = play("mesos-shop", SHOP, rest);
    // Five instances an offer, and the rest out of the next one.
    let first = told.between(0.0, 1.0);
    let nodes: Vec<&str> = first
        .iter()
        .map(|line| line.rsplit_once(' ').unwrap().1)
        .collect();
    assert_eq!(nodes.len(), 8);
    assert!(nodes[..5].iter().all(|node| *node == nodes[0]) && nodes[5] != nodes[0]);
    // A quarter may be unavailable and a quarter more may run: two first, then four, 5 s each.
    let mut during = told
        .ready
        .iter()
        .filter(|(at, _)| (300.0..600.0).contains(at));
    assert!(
        during.clone().all(|(_, ready)| (6..=10).contains(ready)),
        "{:?}",
        told.ready
    );
    assert_eq!(during.next_back(), Some(&(310.0, 8)));
    // Of equals the youngest die first.
    let killed = told.between(600.0, 601.0);
    assert_eq!(
        killed
            .iter()
            .filter(|line| line.ends_with("told to end"))
            .count(),
        5
    );
    assert_eq!(told.ready.last(), Some(&(600.0, 3)));
}

#[test]
fn an_agent_that_is_cut_off_is_given_up_after_five_pings_and_its_instances_are_replaced() {
    let rest = r"
system: {name: mesos}
failures:
  - {kind: partition, node: agent-3, at: 11m, for: 6m}
stop: {at: 30m}
";
    let told = play("mesos-cut-off", &format!("{SHOP}---{REPORT}"), rest);
    // Cut off at 660: the ping of that very instant is answered, that of 675 is the first that is
    // not; five missed pings later it is over. Instances are replaced at once, and start in 5 s.
    assert_eq!(told.times("agent-3 lost"), [750.0]);
    let lost = told.times("ended NodeLost");
    assert!(!lost.is_empty() && lost.iter().all(|&at| (at - 750.0).abs() < 1e-9));
    let again = told.between(750.0, 751.0);
    let bound = again
        .iter()
        .filter(|line| line.contains(" on agent-"))
        .count();
    assert_eq!(bound, lost.len());
    let back = told
        .ready
        .iter()
        .find(|(at, ready)| *at > 750.0 && *ready == 8);
    assert_eq!(back.map(|(at, _)| *at), Some(755.0));
    // Jobs by the clock run on.
    assert_eq!(told.times("report-").len(), 7, "{:?}", told.lines);
    assert_eq!(told.times("agent-3 up"), [1020.0]);
}

#[test]
fn instances_that_come_back_before_they_are_forgotten_are_kept_and_the_surplus_goes() {
    let rest = r"
system:
  name: mesos
  mesos:
    frameworks:
      - {name: marathon, marathon: {inactiveAfter: 60s, expungeAfter: 10m}}
failures:
  - {kind: partition, node: agent-3, at: 11m, for: 6m}
stop: {at: 30m}
";
    let told = play("mesos-kept", SHOP, rest);
    assert_eq!(told.times("agent-3 lost"), [750.0]);
    assert!(told.times("ended NodeLost").is_empty());
    // 60 s after it was given up, there are others in their place.
    let replaced = told.between(751.0, 1_019.0);
    let bound = replaced
        .iter()
        .filter(|line| line.contains(" on agent-"))
        .count();
    assert_eq!((bound, told.times("told to end").len()), (5, 5));
    let again = told.lines.iter().find(|line| {
        line.contains(" on agent-")
            && line.split_once(' ').unwrap().0.parse::<f64>().unwrap() > 700.0
    });
    assert!(again.unwrap().starts_with("810 "), "{again:?}");
    // Back after 6 min: five too many.
    assert!(
        told.times("told to end")
            .iter()
            .all(|&at| (at - 1_020.0).abs() < 1e-9)
    );
    assert_eq!(told.ready.last().map(|(_, ready)| *ready), Some(8));
}

#[test]
fn a_new_master_knows_agents_again_once_they_registered_and_tasks_run_on() {
    let rest = r"
system: {name: mesos}
failures:
  - {kind: manager-loss, managers: 1, at: 100s}
operations:
  - {at: 102s, scale: Deployment/default/shop, replicas: 12}
stop: {at: 10m}
";
    let told = play("mesos-master", SHOP, rest);
    assert!(told.times("ended").is_empty());
    // The session of the leader ends 10 s after its last beat; agents register within a second.
    let later: Vec<f64> = told
        .times(" on agent-")
        .into_iter()
        .filter(|&at| at > 1.0)
        .collect();
    assert_eq!(later.len(), 4);
    assert!(
        later.iter().all(|&at| (106.0..112.0).contains(&at)),
        "{later:?}"
    );
}

#[test]
fn what_is_offered_is_held_while_its_framework_thinks() {
    let rest = r"
system:
  name: mesos
  mesos:
    frameworks:
      - {name: marathon, offerDelay: 3s, marathon: {}}
stop: {at: 1m}
";
    let told = play("mesos-thinks", SHOP, rest);
    assert_eq!(told.holds, 4);
    let bound = told.times(" on agent-");
    assert!(bound.len() == 8 && bound.iter().all(|&at| (at - 3.0).abs() < 1e-9));
}

#[test]
fn constraints_hold_where_they_are_stated_or_the_workload_states_them() {
    let rest = r"
system:
  name: mesos
  mesos:
    frameworks:
      - {name: marathon, marathon: {constraints: {shop: [[hostname, MAX_PER, '2']]}}}
stop: {at: 1m}
";
    let told = play("mesos-max-per", SHOP, rest);
    for agent in 0..4 {
        assert_eq!(told.times(&format!(" on agent-{agent}")).len(), 2);
    }
}

#[test]
fn public_agents_of_dcos_are_kept_for_what_asks_for_them() {
    let head = HEAD.replace("      count: 4\n", "      count: 3\n");
    let head = head.replace(
        "models:",
        "    - name: public-{}\n      count: 1\n      template: {labels: {public_ip: 'true'}, \
         allocatable: {cpu: 8, memory: 32Gi, pods: 110}}\nmodels:",
    );
    let own = format!("{head}system: {{name: dcos}}\nstop: {{at: 1m}}\n");
    let edge = SHOP
        .replace("shop", "edge")
        .replace("replicas: 8", "replicas: 2");
    let edge = edge.replace(
        "      containers:",
        "      nodeSelector: {public_ip: 'true'}\n      containers:",
    );
    let work = format!("{SHOP}---{edge}");
    let told = story("mesos-dcos", &[("own.yaml", &own), ("work.yaml", &work)]);
    let on_public: Vec<&String> = told
        .lines
        .iter()
        .filter(|line| line.contains(" on public-0"))
        .collect();
    assert_eq!(on_public.len(), 2);
    assert!(on_public.iter().all(|line| line.contains("edge-")));
    assert_eq!(told.times(" on agent-").len(), 8);
}

const FLAWS: [(&str, &str); 6] = [
    (
        "{roles: {prod: {weight: 0}}}",
        "the weight of `prod` is 0, expected a number above 0",
    ),
    (
        "{roles: {prod: {guarantee: {cpu: 100}}}}",
        "quotas including that of `prod` guarantee 100 of `cpus`, but the cluster has 32",
    ),
    (
        "{reservations: [{role: prdo}]}",
        "no framework has the role `prdo`; known are `*`",
    ),
    (
        "{frameworks: [{name: m, marathon: {constraints: {shop: [[zone, GROUP_BY, '3']]}}}]}",
        "GROUP_BY over `zone`: no agent has this attribute",
    ),
    (
        "{frameworks: [{name: c, chronos: {jobs: {a: {parents: [b]}, b: {parents: [a]}}}}]}",
        "jobs wait for each other: b → a → b",
    ),
    (
        "{startDate: '2025-03-03T00:00:00Z', frameworks: [{name: c, chronos: {jobs: {a: {schedule: \
         'R3/2024-01-01T00:00:00Z/PT1H'}}}}]}",
        "ends in the past",
    ),
];

#[test]
fn options_that_can_t_be_are_refused_with_their_place() {
    for (number, (options, expected)) in FLAWS.into_iter().enumerate() {
        let own = format!("{HEAD}system: {{name: mesos, mesos: {options}}}\nstop: {{at: 1m}}\n");
        let files = [("own.yaml", own.as_str()), ("work.yaml", SHOP)];
        let why = refusal(&format!("mesos-flaw-{number}"), &files);
        assert!(
            why.contains(expected) && why.starts_with("system.mesos."),
            "{why}"
        );
    }
}

#[test]
fn the_scenario_shows_what_its_head_says() {
    let all = of_scenario("mesos.yaml");
    let waits = |name: &str| all[name].mean_wait();
    // What a slow framework holds, the others wait for: its own tasks, a quarter of all, come to no
    // more than 2.5 s in the mean.
    assert!(waits("quick") < 0.1, "{}", waits("quick"));
    assert!(waits("slow") > 3.0, "{}", waits("slow"));
    assert!(all["slow"].holds > 0 && all["quick"].holds == 0);
    // In order of registration those that came last wait.
    assert!((0.3..1.5).contains(&waits("fifo")), "{}", waits("fifo"));
}

/// A service that has all eight cores of an agent and uses a quarter of them for twenty minutes, then
/// nearly all; and pods that run for ten minutes each.
const IDLE: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: idle}
spec:
  replicas: 2
  selector: {matchLabels: {app: idle}}
  template:
    metadata:
      labels: {app: idle}
      annotations: {windtunnel.dev/cpu-usage: "steps(0s: 1, 20m: 3800m)"}
    spec:
      containers: [{name: idle, image: "idle:1", resources: {requests: {cpu: "4", memory: 1Gi}}}]
"#;

const GUESTS: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: guest, annotations: {windtunnel.dev/run-time: 30m, windtunnel.dev/cpu-usage: "3"}}
spec:
  containers: [{name: guest, image: "guest:1", resources: {requests: {cpu: "3", memory: 1Gi}}}]
---
apiVersion: v1
kind: Pod
metadata: {name: second, annotations: {windtunnel.dev/run-time: 30m, windtunnel.dev/cpu-usage: "3"}}
spec:
  containers: [{name: second, image: "guest:1", resources: {requests: {cpu: "3", memory: 1Gi}}}]
"#;

fn oversubscribed(name: &str, revocable: bool, rest: &str) -> Story {
    let head = HEAD.replace("count: 4", "count: 1").replace(
        "  - manifests: work.yaml\n",
        "  - manifests: work.yaml\n  - {manifests: guests.yaml, at: 1m}\n",
    );
    let given = if revocable {
        format!("oversubscription: {{{rest}}}, ")
    } else {
        String::new()
    };
    let own = format!(
        "{head}system:\n  name: mesos\n  mesos: {{{given}frameworks: [{{name: m, marathon: \
         {{}}}}, {{name: b, revocable: {revocable}, batch: {{}}}}]}}\nstop: {{at: 40m}}\n"
    );
    let files = [
        ("own.yaml", own.as_str()),
        ("work.yaml", IDLE),
        ("guests.yaml", GUESTS),
    ];
    story(name, &files)
}

#[test]
fn what_tasks_do_not_use_is_offered_again_and_taken_back_when_they_want_it() {
    // Without it the agent is full.
    let plain = oversubscribed("revocable-off", false, "");
    assert!(plain.times("guest on").is_empty(), "{:?}", plain.lines);
    // Six cores are not used; of three fifths of them there is room for one.
    let told = oversubscribed("revocable", true, "slack: 60%, correctAbove: 95%");
    let placed = |told: &Story| [told.times("guest on"), told.times("second on")].concat();
    assert_eq!(placed(&told), [60.0]);
    // When the service wants its cores it goes, at the next report, and waits: nothing is unused.
    let gone = told.times("ended Evicted");
    assert_eq!(gone.len(), 1, "{gone:?}");
    assert!((1_200.0..=1_215.0).contains(&gone[0]), "{gone:?}");
    assert!(told.times("idle").iter().all(|at| *at < 60.0));
    // A fixed amount is offered whatever is used, and nobody is told to go without a bound.
    let fixed = oversubscribed("revocable-fixed", true, "fixed: {cpu: 4}");
    // The second guest takes it once the first has run its thirty minutes.
    let mut starts = placed(&fixed);
    starts.sort_by(f64::total_cmp);
    assert_eq!((starts.len(), starts[0]), (2, 60.0));
    assert!(starts[1] >= 1_860.0, "{starts:?}");
    assert!(fixed.times("ended Evicted").is_empty());
}

#[test]
fn requests_from_outside_come_to_load_balancers_on_public_agents() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/manual/mesos.in");
    let experiment = load_file(&folder.join("dcos.yaml"));
    let plan = &experiment.variants[0].scenario;
    let failed = |scenario: &Scenario| {
        let outcome = measure(scenario, &experiment.files, &mut Story::default());
        let metrics = outcome.expect("a run that ends").metrics;
        metrics
            .get("requests.failed")
            .and_then(|metric| metric.value)
    };
    // Half of 20 requests a second for the 300 to 315 s until the agent is given up; besides, what
    // comes before anything is ready.
    let lost = failed(plan).expect("requests");
    let mut whole = plan.clone();
    whole.failures.clear();
    let before = failed(&whole).expect("requests");
    assert!(
        (2_950.0..=3_200.0).contains(&(lost - before)),
        "{lost} {before}"
    );
    // Without a load balancer nobody takes the half that comes from outside.
    let text = std::fs::read_to_string(folder.join("balanced.yaml")).expect("the workload");
    let text = text.replace(", DCOS_PACKAGE_NAME: marathon-lb", "");
    let own = std::fs::read_to_string(folder.join("dcos.yaml")).expect("the experiment");
    let files = [("own.yaml", own.as_str()), ("balanced.yaml", text.as_str())];
    let scratch = Scratch::new("mesos-no-balancer", &files);
    let experiment = load_file(&scratch.path("own.yaml"));
    let scenario = &experiment.variants[0].scenario;
    let outcome = measure(scenario, &experiment.files, &mut Story::default());
    let outcome = outcome.expect("a run that ends");
    let refused = outcome
        .metrics
        .get("requests.failed")
        .and_then(|metric| metric.value);
    assert!(refused >= Some(0.95 * 20.0 * 1_800.0), "{refused:?}");
    let is_told = |note: &&String| note.contains("no workload is one");
    assert_eq!(outcome.remarks.iter().filter(is_told).count(), 1);
}

#[test]
fn an_upgrade_goes_on_after_its_master_is_lost_in_the_middle() {
    let rest = r"
system: {name: mesos}
operations:
  - {at: 5m, apply: newer.yaml}
failures:
  - {kind: manager-loss, managers: 1, at: 303s, for: 5m}
stop: {at: 15m}
";
    let told = play("mesos-upgrade-lost", SHOP, rest);
    // The first two are on their way; nothing is launched until another one leads, and it ends with
    // eight of the new version, never fewer than six ready meanwhile.
    let during = |at: &f64| (300.0..900.0).contains(at);
    let launched: Vec<f64> = told
        .times(" on agent-")
        .into_iter()
        .filter(during)
        .collect();
    assert_eq!(launched.len(), 8, "{launched:?}");
    let gap = launched.iter().filter(|at| (303.0..310.0).contains(*at));
    assert_eq!(gap.count(), 0, "{launched:?}");
    assert!(launched.iter().any(|at| *at > 310.0), "{launched:?}");
    let ready = told.ready.iter().filter(|(at, _)| during(at));
    assert!(
        ready.clone().all(|(_, ready)| *ready >= 6),
        "{:?}",
        told.ready
    );
    assert_eq!(told.ready.last().map(|(_, ready)| *ready), Some(8));
}

#[test]
fn an_upgrade_whose_version_never_starts_keeps_the_old_one_and_is_scaled_all_the_same() {
    // More than any agent has: nothing of it is launched, and of the old ones a quarter goes.
    let huge = SHOP.replace("cpu: \"1\"", "cpu: \"64\"");
    let own = format!(
        "{HEAD}system: {{name: mesos}}\noperations:\n  - {{at: 5m, apply: huge.yaml}}\n  - {{at: 10m, \
         scale: Deployment/default/shop, replicas: 0}}\nstop: {{at: 15m}}\n"
    );
    let files = [
        ("own.yaml", own.as_str()),
        ("work.yaml", SHOP),
        ("huge.yaml", huge.as_str()),
    ];
    let told = story("mesos-never-starts", &files);
    let at_ten = told.ready.iter().rfind(|(at, _)| *at < 600.0);
    assert_eq!(at_ten.map(|(_, ready)| *ready), Some(6), "{:?}", told.ready);
    assert_eq!(told.times(" on agent-").len(), 8);
    // Scaled to nothing while the upgrade is stuck.
    assert_eq!(told.ready.last().map(|(_, ready)| *ready), Some(0));
}
