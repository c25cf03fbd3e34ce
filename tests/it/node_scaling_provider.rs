//! What a provider gives and takes, and what autoscalers of nodes make of it, each from an experiment
//! file: expanders, orders that fail, quotas, what is billed at least, how pods are waited for.

use windtunnel::lab::run::Outcome;

use crate::node_scaling::{Nodes, metric, run_text};
use crate::node_scaling_rules::{BOUGHT, autoscaled, cluster, groups, joined, web};

/// How many machines of each of two groups came.
fn came(name: &str, settings: &str, groups: &str, shop: &str) -> (usize, usize) {
    let provider = cluster(&format!("    groups:\n{groups}"));
    let more = autoscaled(settings, "stop: {at: 20m}\n");
    let (nodes, _) = run_text(name, &provider, shop, &more);
    (joined(&nodes, "small").len(), joined(&nodes, "large").len())
}

#[test]
fn each_expander_chooses_by_its_own_rule() {
    // Nine pods of a core; two find room. Seven need two machines of four cores or one of sixteen.
    let shop = web(9, "", "");
    let small = "      - {name: small, instanceType: m5.xlarge, max: 10, price: 0.5}\n";
    let large = "      - {name: large, instanceType: m5.4xlarge, max: 10, price: 0.8}\n";
    let both = format!("{small}{large}");
    for (settings, expected) in [
        // 1 of 8 cores unused against 9 of 16.
        ("", (2, 0)),
        ("expanders: [least-waste]", (2, 0)),
        ("expanders: [least-nodes]", (0, 1)),
        // Two of 0.5 against one of 0.8.
        ("expanders: [price]", (0, 1)),
        (
            "expanders: [priority], priorities: {10: [large], 5: ['.*']}",
            (0, 1),
        ),
        (
            "expanders: [priority], priorities: {10: ['^sm.*'], 5: ['.*']}",
            (2, 0),
        ),
        // Both take all seven; the next of the chain decides.
        ("expanders: [most-pods, least-nodes]", (0, 1)),
        ("expanders: [most-pods, least-waste]", (2, 0)),
    ] {
        let name = format!("provider-expander-{}", settings.len());
        assert_eq!(came(&name, settings, &both, &shop), expected, "{settings}");
    }
    // A group that takes two more pods at most loses by the number of pods.
    let few = small.replace("max: 10", "max: 1");
    let groups = format!("{few}{large}");
    let found = came(
        "provider-expander-pods",
        "expanders: [most-pods]",
        &groups,
        &shop,
    );
    assert_eq!(found, (0, 1));
    // By lot it is one of both, and the same again.
    let lot = || came("provider-expander-lot", "expanders: [random]", &both, &shop);
    let (first, again) = (lot(), lot());
    assert!(first == (2, 0) || first == (0, 1), "{first:?}");
    assert_eq!(first, again);
}

#[test]
fn orders_that_fail_are_made_again_after_a_back_off() {
    let provider =
        groups(&[("workers", "")]).replace("boot: 90s\n", "boot: 90s\n    failureRate: 100%\n");
    let shop = web(6, "", "");
    let more = autoscaled("", "stop: {at: 1h}\n");
    let (nodes, outcome) = run_text("provider-failing", &provider, &shop, &more);
    assert_eq!(joined(&nodes, "workers"), [0.0; 0]);
    assert!((metric(&outcome, "pods.never_placed") - 4.0).abs() < 1e-9);
    // Of every second one some come, later.
    let provider = provider.replace("100%", "50%");
    let (nodes, outcome) = run_text("provider-half", &provider, &web(26, "", ""), &more);
    assert_eq!(joined(&nodes, "workers").len(), 6, "{:?}", nodes.came);
    assert!(joined(&nodes, "workers").iter().any(|&at| at > 5.0));
    assert!(metric(&outcome, "pods.never_placed").abs() < 1e-9);
    // A provisioner leaves the type that failed out for a while and takes another.
    let cluster = BOUGHT.replace(
        "boot: 60s",
        "boot: 60s, stockOuts: [{of: m5.xlarge, at: 0s, for: 10h}]",
    );
    let more = "system: {controllers: {}, autoscaling: {provisioner: {instanceTypes: [m5.xlarge, m5.2xlarge]}}}
stop: {at: 30m}
";
    let (nodes, outcome) = run_text("provider-other-type", &cluster, &web(4, "", ""), more);
    let kinds: Vec<&str> = nodes.came[1..].iter().map(|own| own.2.as_str()).collect();
    assert_eq!(kinds, ["m5.2xlarge"]);
    assert!(metric(&outcome, "pods.never_placed").abs() < 1e-9);
}

#[test]
fn quotas_limit_machines_cores_and_single_types() {
    let shop = web(26, "", "");
    for (quota, most) in [
        ("", 6),
        ("    quota: {machines: 2}\n", 2),
        ("    quota: {cpu: 12}\n", 3),
        ("    quota: {of: {workers: 4}}\n", 4),
        ("    quota: {of: {m5.xlarge: 1}}\n", 1),
    ] {
        let provider = groups(&[("workers", "")]) + quota;
        let more = autoscaled("", "stop: {at: 40m}\n");
        let name = format!("provider-quota-{most}");
        let (nodes, outcome) = run_text(&name, &provider, &shop, &more);
        assert_eq!(joined(&nodes, "workers").len(), most, "{quota}");
        let left = 26.0 - 2.0 - 4.0 * most as f64;
        let never = metric(&outcome, "pods.never_placed");
        assert!((never - left.max(0.0)).abs() < 1e-9, "{quota}: {never}");
    }
}

#[test]
fn a_machine_is_billed_for_a_minute_at_least_or_by_the_hour() {
    // A job of ten seconds on a machine that goes ten minutes after.
    let shop = "apiVersion: batch/v1
kind: Job
metadata: {name: short, namespace: shop}
spec:
  parallelism: 1
  completions: 1
  template:
    metadata: {annotations: {windtunnel.dev/run-time: 10s}}
    spec: {restartPolicy: Never, containers: [{name: c, image: 'c:1', resources: {requests: {cpu: 3}}}]}
";
    let bought = |name: &str, billing: &str, after: &str| -> (Nodes, Outcome) {
        let more = format!(
            "system: {{controllers: {{}}, autoscaling: {{provisioner: {{instanceTypes: [m5.xlarge], \
             consolidateAfter: {after}}}}}}}\nmetrics: {{billing: {billing}}}\nstop: {{at: 3h}}\n"
        );
        // It boots at once.
        let cluster = BOUGHT.replace("boot: 60s", "boot: 1s");
        run_text(name, &cluster, shop, &more)
    };
    let (nodes, exact) = bought("provider-billed-exact", "exact", "0s");
    assert_eq!((nodes.came.len(), nodes.went.len()), (2, 1));
    let (gone, name) = &nodes.went[0];
    let life = gone - nodes.ordered[name];
    assert!(life < 60.0, "{life}");
    let hour = 0.192;
    let cost = |outcome: &Outcome| metric(outcome, "cost.total");
    assert!(
        (cost(&exact) - hour * life / 3600.0).abs() < 1e-6,
        "{}",
        cost(&exact)
    );
    let (_, second) = bought("provider-billed-second", "per-second", "0s");
    assert!(
        (cost(&second) - hour / 60.0).abs() < 1e-6,
        "{}",
        cost(&second)
    );
    let (_, full) = bought("provider-billed-hour", "per-hour", "0s");
    assert!((cost(&full) - hour).abs() < 1e-6, "{}", cost(&full));
    let (nodes, full) = bought("provider-billed-two", "per-hour", "70m");
    assert_eq!(nodes.went.len(), 1);
    assert!((cost(&full) - 2.0 * hour).abs() < 1e-6, "{}", cost(&full));
}

/// Deployments of a pod each that are made at seconds.
fn arriving(times: &[f64]) -> (String, String) {
    let shop: Vec<String> = (0..times.len())
        .map(|number| web(0, "", "").replace("name: web,", &format!("name: web{number},")))
        .collect();
    let operations: Vec<String> = times
        .iter()
        .enumerate()
        .map(|(number, at)| {
            let millis = (at * 1000.0).round();
            format!("  - {{at: {millis}ms, scale: Deployment/shop/web{number}, replicas: 1}}\n")
        })
        .collect();
    (
        shop.join("---\n"),
        format!("operations:\n{}", operations.concat()),
    )
}

#[test]
fn pods_are_taken_together_until_none_came_for_a_second_or_ten_are_over() {
    let settings =
        "system: {controllers: {}, autoscaling: {provisioner: {instanceTypes: [m5.xlarge]}}}\n";
    let ordered = |name: &str, times: &[f64]| {
        let (shop, operations) = arriving(times);
        let more = format!("{settings}{operations}stop: {{at: 10m}}\n");
        // Nothing fits the node that is there.
        let cluster = BOUGHT.replace("cpu: 1,", "cpu: 100m,");
        let (nodes, _) = run_text(name, &cluster, &shop, &more);
        let mut times: Vec<f64> = nodes.ordered.values().copied().collect();
        times.sort_by(f64::total_cmp);
        times
    };
    // Four that come within a second of each other are one machine, a second after the last.
    let times = ordered("provider-idle", &[60.0, 60.5, 61.2, 61.9]);
    assert_eq!(times.len(), 1, "{times:?}");
    assert!((62.9..63.2).contains(&times[0]), "{times:?}");
    // What never pauses is taken after ten seconds.
    let steady: Vec<f64> = (0..18)
        .map(|number| 60.0 + 0.7 * f64::from(number))
        .collect();
    let times = ordered("provider-steady", &steady);
    assert!((69.9..70.5).contains(&times[0]), "{times:?}");
    // What comes later finds room on what is ordered already.
    let times = ordered("provider-apart", &[60.0, 62.0]);
    assert!(
        times.len() == 1 && (60.9..61.2).contains(&times[0]),
        "{times:?}"
    );
}

#[test]
fn a_node_that_could_go_is_looked_at_again_after_fifteen_seconds() {
    let shop = web(2, "", "");
    let more = "system: {controllers: {}, autoscaling: {provisioner: {instanceTypes: [m5.xlarge]}}}
operations:
  - {at: 10m, scale: Deployment/shop/web, replicas: 0}
  - {at: 20m, scale: Deployment/shop/web, replicas: 2}
  - {at: 30m, scale: Deployment/shop/web, replicas: 0}
  - {at: 1812s, scale: Deployment/shop/web, replicas: 2}
stop: {at: 40m}
";
    let (nodes, _) = run_text("provider-second-look", BOUGHT, &shop, more);
    let [(gone, name)] = nodes.went.as_slice() else {
        panic!("{:?}", nodes.went);
    };
    // Empty at ten minutes, decided within ten seconds, looked at again fifteen later.
    let waited = gone - nodes.used[name];
    assert!((15.0..=40.0).contains(&waited), "{waited}");
    // The next one had pods again by the second look: it stays.
    assert_eq!(nodes.came.len(), 3, "{:?}", nodes.came);
}

#[test]
fn pods_are_packed_by_cores_then_memory() {
    // On machines of two cores and 8 GiB the largest first take two; in the order of their age the
    // small ones would share one, and each large one would need its own.
    let provider = "cluster:\n  provider: {boot: 60s}\n";
    let more = "system:\n  controllers: {}\n  autoscaling: {provisioner: {instanceTypes: [m5.large]}}\n\
                stop: {at: 20m}\n";
    let cores = [
        ("500m", "1Gi"),
        ("500m", "1Gi"),
        ("1500m", "1Gi"),
        ("1500m", "1Gi"),
    ];
    let memory = [
        ("500m", "3Gi"),
        ("500m", "3Gi"),
        ("500m", "5Gi"),
        ("500m", "5Gi"),
    ];
    for (what, sizes) in [("cores", cores), ("memory", memory)] {
        let pod = |(number, (cpu, memory)): (usize, &(&str, &str))| {
            format!(
                "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web{number}, namespace: shop}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web{number}}}}}
  template:
    metadata: {{labels: {{app: web{number}}}}}
    spec: {{containers: [{{name: app, image: 'web:1', resources: {{requests: {{cpu: {cpu}, memory: {memory}}}}}}}]}}
"
            )
        };
        let shop: Vec<String> = sizes.iter().enumerate().map(pod).collect();
        let name = format!("provider-order-{what}");
        let (nodes, _) = run_text(&name, provider, &shop.join("---\n"), more);
        let first = nodes.came.first().map_or(0.0, |own| own.0);
        let batch = nodes.came.iter().filter(|own| own.0 <= first + 1.0);
        assert_eq!(batch.count(), 2, "{what}: {:?}", nodes.came);
    }
}

#[test]
fn a_new_node_is_filled_up_to_the_type_with_the_most_cores() {
    // Eight cores and 16 GiB against four cores and 32 GiB: seven pods of a core share one machine.
    let provider = "cluster:\n  provider: {boot: 60s}\n";
    for types in ["c5.2xlarge, r5.xlarge", "r5.xlarge, c5.2xlarge"] {
        let more = format!(
            "system:\n  controllers: {{}}\n  autoscaling: {{provisioner: {{instanceTypes: [{types}]}}}}\n\
             stop: {{at: 20m}}\n"
        );
        let name = format!("provider-largest-{}", &types[..2]);
        let (nodes, _) = run_text(&name, provider, &web(7, "", ""), &more);
        let kinds: Vec<&str> = nodes.came.iter().map(|own| own.2.as_str()).collect();
        assert_eq!(kinds, ["c5.2xlarge"], "{types}");
    }
}

#[test]
fn docker_machine_makes_hosts_one_after_another_or_side_by_side() {
    // 26 pods; two find room, and six machines of four cores take the others. A host takes 102 s.
    let spans = |parallel: &str| {
        let machine = format!(
            "dockerMachine: {{driver: virtualbox, takes: {{boot: 25s}}, parallel: {parallel}}}\n"
        );
        let provider = groups(&[("workers", "")]).replace("boot: 90s\n", &machine);
        let more = autoscaled("", "stop: {at: 1h}\n");
        let name = format!("provider-machine-{parallel}");
        let (nodes, _) = run_text(&name, &provider, &web(26, "", ""), &more);
        let came = joined(&nodes, "workers");
        let spans = came.windows(2).map(|pair| (pair[1] - pair[0]) * 60.0);
        spans.map(f64::round).collect::<Vec<f64>>()
    };
    assert_eq!(spans("1"), [102.0; 5]);
    assert_eq!(spans("2"), [0.0, 102.0, 0.0, 102.0, 0.0]);
    assert_eq!(spans("6"), [0.0; 5]);
}

#[test]
fn an_autoscaler_s_machines_that_do_not_come_are_counted_by_cause() {
    let machine =
        "dockerMachine: {driver: virtualbox, takes: {boot: 25s}, failureRate: {engine: 100%}}\n";
    let provider = groups(&[("workers", "")]).replace("boot: 90s\n", machine);
    let more = autoscaled("", "stop: {at: 1h}\n");
    let (nodes, outcome) = run_text(
        "provider-machine-failed",
        &provider,
        &web(26, "", ""),
        &more,
    );
    assert!(joined(&nodes, "workers").is_empty());
    assert!(metric(&outcome, "machine_failures.total") >= 1.0);
    assert!((metric(&outcome, "machine_failures.causes") - 1.0).abs() < f64::EPSILON);
}
