//! What machines cost: prices that change, by zone, of types whose shapes stand elsewhere, and what
//! is committed to.

use windtunnel::lab::run::Outcome;
use windtunnel::metrics::CostTable;

use crate::kube_scenario::{Scratch, load_file};
use crate::node_scaling::{Nodes, metric};
use crate::scaling::prepared;
use crate::watch::measure;

/// Pods of one core and one GiB.
fn shop(replicas: u32, more: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: shop}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{{more}containers: [{{name: app, image: 'web:1', resources: {{requests: {{cpu: 1, memory: 1Gi}}}}}}]}}
"
    )
}

/// A run with files beside its experiment.
fn run(name: &str, files: &[(&str, &str)], text: &str) -> (Nodes, Outcome) {
    let text = format!("windtunnel: v1\nname: prices\nseed: 3\n{text}");
    let files: Vec<(&str, &str)> = (files.iter().copied())
        .chain([("run.yaml", &*text)])
        .collect();
    let scratch = Scratch::new(name, &files);
    let experiment = load_file(&scratch.path("run.yaml"));
    let mut nodes = Nodes::default();
    let scenario = &experiment.variants[0].scenario;
    let outcome = measure(scenario, &experiment.files, &mut nodes);
    (nodes, outcome.unwrap_or_else(|error| panic!("{error}")))
}

/// Why an experiment is refused.
fn refusal(name: &str, files: &[(&str, &str)], text: &str) -> String {
    let text = format!("windtunnel: v1\nname: prices\nseed: 3\n{text}");
    let files: Vec<(&str, &str)> = (files.iter().copied())
        .chain([("run.yaml", &*text)])
        .collect();
    let scratch = Scratch::new(name, &files);
    let refused = prepared(&load_file(&scratch.path("run.yaml")));
    refused.err().unwrap_or_default()
}

const PROVISIONED: &str = "workload:\n  - manifests: shop.yaml
system:
  controllers: {}
  autoscaling: {provisioner: {instanceTypes: [c5.xlarge, m5.xlarge], consolidateAfter: 30s, budget: 100%}}
metrics: {billing: exact}
stop: {at: 3h}
";

#[test]
fn a_provisioner_replaces_what_became_dearer_than_something_else() {
    let history = "seconds,instance_type,on_demand_usd_per_hour
3600,c5.xlarge,0.40
7200,c5.xlarge,0.10
";
    let text =
        format!("cluster:\n  provider: {{priceHistory: history.csv, boot: 60s}}\n{PROVISIONED}");
    let web = shop(3, "");
    let files = [("shop.yaml", &*web), ("history.csv", history)];
    let (nodes, outcome) = run("prices-replace", &files, &text);
    let came: Vec<&str> = nodes.came.iter().map(|own| &*own.2).collect();
    assert_eq!(
        came,
        ["c5.xlarge", "m5.xlarge", "c5.xlarge"],
        "{:?}",
        nodes.came
    );
    for (came, changed) in nodes.came[1..].iter().zip([3600.0, 7200.0]) {
        assert!((changed..changed + 120.0).contains(&came.0), "{came:?}");
    }
    // Each machine at what it cost, hour by hour, from its order to its end.
    let price = |kind: &str, at: f64| match kind {
        "m5.xlarge" => 0.192,
        _ if at < 3600.0 => 0.17,
        _ if at < 7200.0 => 0.40,
        _ => 0.10,
    };
    let mut expected = 0.0;
    for (at, name, kind) in &nodes.came {
        let from = nodes.ordered.get(name).copied().unwrap_or(*at);
        let to = nodes.went.iter().find(|own| own.1 == *name);
        let to = to.map_or(10_800.0, |own| own.0);
        let mut edges = vec![from, to];
        edges.extend(
            [3600.0, 7200.0]
                .iter()
                .filter(|edge| (from..to).contains(edge)),
        );
        edges.sort_by(f64::total_cmp);
        for pair in edges.windows(2) {
            expected += (pair[1] - pair[0]) / 3600.0 * price(kind, pair[0]);
        }
    }
    let total = metric(&outcome, "cost.total");
    assert!((total - expected).abs() < 1e-9, "{total} {expected}");
}

#[test]
fn the_history_of_spot_prices_that_aws_gives_is_read_by_zone_and_date() {
    // Newest first, with another system's prices among them, and one from before the start.
    let history = "Timestamp,InstanceType,AvailabilityZone,SpotPrice,ProductDescription
2025-03-03T02:00:00Z,m5.xlarge,a,0.200,Linux/UNIX
2025-03-03T01:00:00Z,m5.xlarge,b,0.900,Linux/UNIX
2025-03-03T01:00:00Z,m5.xlarge,a,0.050,Linux/UNIX
2025-03-03T01:00:00Z,m5.xlarge,a,7.000,Windows
2025-03-02T12:00:00Z,m5.xlarge,a,0.080,Linux/UNIX
";
    let text = "cluster:
  provider:
    priceHistory: history.csv
    spot: {price: 30%, kept: 1000h}
    groups: [{name: workers, instanceType: m5.xlarge, zone: a, spot: true, min: 2, max: 2}]
workload:\n  - manifests: shop.yaml
system: {controllers: {startDate: '2025-03-03T00:00:00Z'}}
metrics: {billing: exact}
stop: {at: 4h}
";
    let web = shop(3, "");
    let files = [("shop.yaml", &*web), ("history.csv", history)];
    let (_, outcome) = run("prices-aws", &files, text);
    let expected = 2.0 * (0.08 + 0.05 + 2.0 * 0.2);
    let total = metric(&outcome, "cost.total");
    assert!((total - expected).abs() < 1e-9, "{total} {expected}");
    let parts = metric(&outcome, "cost.idle") + metric(&outcome, "cost.allocated");
    assert!((parts - total).abs() < 1e-9, "{parts} {total}");
}

#[test]
fn types_whose_list_has_no_prices_take_those_of_another() {
    let types = "instance_type,vcpu,memory_mib,gpu,arch,max_pods
D4,4,16384,0,amd64,30
D4p,4,16384,0,arm64,30
NC4,4,16384,2,amd64,30
";
    let prices = "instance_type,zone,on_demand_per_hour,currency
D4,,0.20,EUR
D4p,1,0.16,EUR
D4p,2,0.10,EUR
NC4,,0.90,EUR
";
    let provider = |zone: &str| {
        format!(
            "cluster:\n  provider: {{types: types.csv, prices: prices.csv, currency: EUR}}
workload:\n  - manifests: shop.yaml
system:
  controllers: {{}}
  autoscaling: {{provisioner: {{instanceTypes: ['*'], zone: '{zone}'}}}}
metrics: {{billing: exact}}
stop: {{at: 1h}}
"
        )
    };
    // The cheapest in the zone, the cheapest of an architecture, and what has devices.
    let gpu = "nodeSelector: {}, ";
    for (name, zone, more, expected) in [
        ("one", "1", gpu, "D4p"),
        (
            "arch",
            "2",
            "nodeSelector: {kubernetes.io/arch: amd64}, ",
            "D4",
        ),
    ] {
        let web = shop(3, more);
        let files = [
            ("shop.yaml", &*web),
            ("types.csv", types),
            ("prices.csv", prices),
        ];
        let (nodes, outcome) = run(&format!("prices-{name}"), &files, &provider(zone));
        assert_eq!(nodes.came.len(), 1, "{:?}", nodes.came);
        assert_eq!(nodes.came[0].2, expected, "{name}");
        let costs = outcome
            .metrics
            .tables
            .get::<CostTable>()
            .expect("machines have prices");
        let price = if expected == "D4p" { 0.16 } else { 0.2 };
        assert!((costs.nodes[0].price - price).abs() < 1e-9, "{costs:?}");
    }
    let web = shop(2, "").replace("memory: 1Gi}", "memory: 1Gi}, limits: {nvidia.com/gpu: 1}");
    let files = [
        ("shop.yaml", &*web),
        ("types.csv", types),
        ("prices.csv", prices),
    ];
    let (nodes, _) = run("prices-gpu", &files, &provider("1"));
    let came: Vec<&str> = nodes.came.iter().map(|own| &*own.2).collect();
    assert_eq!(came, ["NC4"]);
}

#[test]
fn instance_types_of_karpenter_are_read_in_every_form() {
    let types = r#"[
  {"name": "a", "architecture": "amd64", "operatingSystems": {"linux": {}},
   "offerings": [
     {"CapacityType": "on-demand", "Zone": "one", "Price": 0.2000004, "Available": true},
     {"CapacityType": "spot", "Zone": "one", "Price": 0.05, "Available": true},
     {"CapacityType": "on-demand", "Zone": "two", "Price": 0.01, "Available": true}],
   "resources": {"cpu": "4", "memory": "16Gi", "pods": "30", "ephemeral-storage": "20G"}},
  {"name": "b", "architecture": "amd64", "operatingSystems": ["linux"],
   "offerings": [{"price": 0.1, "requirements": [
     {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
     {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["one"]}]}],
   "resources": {"cpu": "4", "memory": "16Gi", "pods": "2"}},
  {"name": "c", "architecture": "amd64", "operatingSystems": ["linux"],
   "offerings": [{"capacityType": "on-demand", "zone": "one", "price": 0.001, "available": false}],
   "resources": {"cpu": "4", "memory": "16Gi", "pods": "30"}}
]"#;
    let text = "cluster:
  provider: {prices: types.json}
workload:\n  - manifests: shop.yaml
system:
  controllers: {}
  autoscaling: {provisioner: {instanceTypes: ['*'], zone: one}}
metrics: {billing: exact}
stop: {at: 1h}
";
    // Two pods fit the cheaper one, three don't; what is not available is not bought, what is
    // cheaper elsewhere neither.
    for (count, expected, price) in [(2, "b", 0.1), (3, "a", 0.2)] {
        let web = shop(count, "");
        let files = [("shop.yaml", &*web), ("types.json", types)];
        let (nodes, outcome) = run(&format!("prices-karpenter-{count}"), &files, text);
        let came: Vec<&str> = nodes.came.iter().map(|own| &*own.2).collect();
        assert_eq!(came, [expected]);
        let costs = outcome
            .metrics
            .tables
            .get::<CostTable>()
            .expect("machines have prices");
        assert!((costs.nodes[0].price - price).abs() < 1e-9, "{costs:?}");
    }
    let bad = types.replace("0.05", "-0.05");
    let web = shop(1, "");
    let files = [("shop.yaml", &*web), ("types.json", &*bad)];
    let found = refusal("prices-karpenter-bad", &files, text);
    assert!(
        found.contains("types.json: `a`: price -0.05 is not a price"),
        "{found}"
    );
    let found = refusal(
        "prices-karpenter-none",
        &[("shop.yaml", &shop(1, "")), ("types.json", "{}")],
        text,
    );
    let expected = "types.json: is not a list of Karpenter instance types";
    assert!(found.contains(expected), "{found}");
}

#[test]
fn prices_as_opencost_reads_them_are_those_of_nodes_by_name_and_type() {
    let prices = "EndTimestamp,InstanceID,Region,AssetClass,InstanceIDField,InstanceType,MarketPriceHourly,Version
,n-0,,node,metadata.name,,0.50,v1
,big,,node,node.kubernetes.io/instance-type,big,0.20,v1
,disk,,pv,spec.storageClassName,,9,v1
";
    let text = "cluster:
  nodes:
    - count: 3
      name: n-{}
      template: {allocatable: {cpu: 4, memory: 8Gi}, labels: {node.kubernetes.io/instance-type: big}}
workload:\n  - manifests: shop.yaml
system: {controllers: {}}
metrics: {billing: exact, prices: prices.csv}
stop: {at: 1h}
";
    let web = shop(3, "");
    let files = [("shop.yaml", &*web), ("prices.csv", prices)];
    let (_, outcome) = run("prices-opencost", &files, text);
    assert!((metric(&outcome, "cost.total") - 0.9).abs() < 1e-9);
}

#[test]
fn a_provisioner_buys_in_the_cheapest_zone_that_its_pods_may_be_in() {
    let prices = "instance_type,zone,vcpu,memory_mib,on_demand_usd_per_hour
m,a,4,16384,0.20
m,b,4,16384,0.18
m,c,4,16384,0.19
";
    let provider = "cluster:
  provider: {prices: prices.csv}
workload:\n  - manifests: shop.yaml
system:
  controllers: {}
  autoscaling: {provisioner: {instanceTypes: [m], zones: [a, b, c]}}
stop: {at: 1h}
";
    let spread = "topologySpreadConstraints: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, \
                  whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}], ";
    let held = "nodeSelector: {topology.kubernetes.io/zone: c}, ";
    for (name, more, expected) in [
        ("any", "", vec!["b"]),
        ("held", held, vec!["c"]),
        ("spread", spread, vec!["a", "b", "c"]),
    ] {
        let web = shop(3, more);
        let files = [("shop.yaml", &*web), ("prices.csv", prices)];
        let (nodes, outcome) = run(&format!("prices-zones-{name}"), &files, provider);
        let mut zones: Vec<&str> = nodes.zones.values().map(|zone| &**zone).collect();
        zones.sort_unstable();
        assert_eq!(zones, expected, "{name}");
        assert!(metric(&outcome, "pods.never_placed").abs() < 1e-9);
    }
}

#[test]
fn commitments_are_paid_whether_or_not_machines_are_there() {
    let text = "cluster:
  provider:
    groups: [{name: workers, instanceType: m5.xlarge, min: 2, max: 2}]
workload:\n  - manifests: shop.yaml
system: {controllers: {}}
metrics:
  billing: exact
  commitments: [{of: m5.xlarge, machines: 3, price: 0.12}]
stop: {at: 10h}
";
    let web = shop(3, "");
    let (_, outcome) = run("prices-committed", &[("shop.yaml", &*web)], text);
    let expected = 3.0 * 0.12 * 10.0;
    assert!((metric(&outcome, "cost.total") - expected).abs() < 1e-9);
    assert!((metric(&outcome, "cost.covered") - 2.0 * 0.192 * 10.0).abs() < 1e-9);
    assert!((metric(&outcome, "cost.committed") - expected).abs() < 1e-9);
}

/// What is wrong, in which file, and what is said of it.
type Case<'c> = (&'c str, String, &'c str);

const GROUP: &str = "groups: [{name: workers, instanceType: m5.xlarge, min: 1, max: 2}]";
const HEADER: &str = "instance_type,vcpu,memory_mib,on_demand_usd_per_hour";
const REST: &str =
    "workload:\n  - manifests: shop.yaml\nsystem: {controllers: {}}\nstop: {at: 1h}\n";

fn refused(field: &str, cases: &[Case<'_>]) {
    for (number, (what, file, expected)) in cases.iter().enumerate() {
        let text = format!("cluster: {{provider: {{{field}: list.csv, {GROUP}}}}}\n{REST}");
        let web = shop(1, "");
        let files = [("shop.yaml", &*web), ("list.csv", file)];
        let found = refusal(&format!("prices-{field}-{number}"), &files, &text);
        assert!(found.contains(expected), "{what}: {found}");
    }
}

#[test]
fn what_is_wrong_with_a_list_is_said_with_its_place() {
    let cases: &[Case<'_>] = &[
        (
            "rows of two currencies",
            "instance_type,vcpu,memory_mib,on_demand_per_hour,currency
m5.xlarge,4,16384,0.192,USD\nm5.large,2,8192,0.096,EUR\n".to_owned(),
            "list.csv:3: column `currency`: `EUR` among prices in USD; give all in one currency",
        ),
        (
            "columns of two currencies",
            format!("{HEADER},spot_eur_per_hour\nm5.xlarge,4,16384,0.192,0.06\n"),
            "list.csv: its prices are in USD, but those of column `spot_eur_per_hour` in EUR",
        ),
        (
            "two prices",
            format!("{HEADER}\nm5.xlarge,4,16384,0.192\nm5.xlarge,4,16384,0.2\n"),
            "list.csv:3: column `instance_type`: `m5.xlarge` has a price on line 2",
        ),
        (
            "devices",
            "instance_type,vcpu,memory_mib,gpu,on_demand_usd_per_hour\nm5.xlarge,4,16384,900,0.192\n".to_owned(),
            "list.csv:2: column `gpu`: expected at most 64 devices",
        ),
        (
            "no shapes",
            "instance_type,on_demand_usd_per_hour\nm5.xlarge,0.192\n".to_owned(),
            "list.csv has prices, but no columns `vcpu` and `memory_mib`; give a file with these \
             columns as `types`",
        ),
        (
            "a zone is missing",
            format!("zone,{HEADER}\na,m5.xlarge,4,16384,0.192\nb,m5.xlarge,4,16384,0.192\n"),
            "cluster.provider.groups[0].zone: prices of `m5.xlarge` in list.csv are per zone; \
             give the zone of the nodes, one of a, b",
        ),
    ];
    refused("prices", cases);
}

#[test]
fn what_is_wrong_with_a_history_is_said_with_its_place() {
    let cases: &[Case<'_>] = &[
        (
            "a history of nothing",
            "seconds,instance_type,on_demand_usd_per_hour\n".to_owned(),
            "cluster.provider.priceHistory: list.csv has no prices",
        ),
        (
            "a time twice",
            "seconds,instance_type,on_demand_usd_per_hour\n60,m5.xlarge,1\n0,m5.xlarge,1\n60,m5.xlarge,2\n".to_owned(),
            "list.csv:4: column `instance_type`: `m5.xlarge` has a price of this time on line 2",
        ),
        (
            "a time that is none",
            "time,instance_type,on_demand_usd_per_hour\nnoon,m5.xlarge,1\n".to_owned(),
            "list.csv:2: column `time`: `noon` is not a date and time such as \
             `2025-03-03T00:00:00Z`",
        ),
        (
            "no price",
            "seconds,instance_type,on_demand_usd_per_hour\n60,m5.xlarge,0\n".to_owned(),
            "list.csv:2: column `on_demand_usd_per_hour`: a price of 0 is not a price",
        ),
        (
            "an unknown type",
            "seconds,instance_type,on_demand_usd_per_hour\n60,m5.xlrge,1\n".to_owned(),
            "cluster.provider.priceHistory: no instance type is named `m5.xlrge`",
        ),
        (
            "spot prices without spot capacity",
            "seconds,instance_type,spot_usd_per_hour\n60,m5.xlarge,1\n".to_owned(),
            "has spot prices, but spot capacity is not configured; write `spot`",
        ),
        (
            "another currency",
            "seconds,instance_type,spot_eur_per_hour\n60,m5.xlarge,1\n".to_owned(),
            "prices of list.csv are in EUR, those of the experiment in USD",
        ),
    ];
    refused("priceHistory", cases);
}

#[test]
fn a_commitment_to_what_does_not_exist_is_refused() {
    let text = format!(
        "cluster: {{provider: {{{GROUP}}}}}\nmetrics: {{commitments: [{{of: m5.xlarg, machines: 1, price: 1}}]}}\n{REST}"
    );
    let found = refusal(
        "prices-bad-committed",
        &[("shop.yaml", &shop(1, ""))],
        &text,
    );
    let expected = "metrics.commitments[0].of: no instance type and no group is named `m5.xlarg`; \
                    did you mean `m5.xlarge`?";
    assert!(found.contains(expected), "{found}");
}
