//! Experiments, and each file that an experiment names.

use windtunnel::lab::run::prepare;
use windtunnel::world::FileSource;

use super::traces::CSV;
use super::{Kind, Scene, files, texts};

/// Types of a provider in euros.
const TYPES: &str = "instance_type,vcpu,memory_mib,gpu,arch,max_pods,on_demand_per_hour,currency\n\
                     D4,4,16384,0,amd64,30,0.2,EUR\nNC4,4,16384,2,amd64,30,0.9,EUR\n";
const AWS: &str = r#"{"SpotPriceHistory": [{"AvailabilityZone": "eu-1a", "InstanceType": "D4",
    "ProductDescription": "Linux/UNIX", "SpotPrice": "0.1", "Timestamp": "2024-01-02T03:04:05Z"}]}"#;
const PROVIDER: &str = "windtunnel: v1\nname: prices\ncluster: {provider: {types: types.csv, \
                        currency: EUR}}\nworkload: [{trace: {format: csv, path: jobs.csv}}]\n\
                        stop: {at: 1h}\n";

/// An experiment that names a file of every sort.
const NAMING: &str = "\
windtunnel: v1
name: files
cluster:
  nodes: [{count: 2, template: {allocatable: {cpu: 4, memory: 16Gi}}}]
  provider: {types: dollars.csv, prices: list.csv, priceHistory: history.csv, spot: {kept: 1h, price: 0.4}}
workload: [{manifests: pods.yaml}]
system: {name: kubernetes, controllers: {}, scheduler: {config: config.yaml}}
models:
  startup: {containerStart: empirical(starts.csv)}
  usage: {traces: {load: usage.csv}}
  externalMetrics: {queue: usage.csv}
failures: [{kind: failure-log, path: log.csv}]
operations: [{at: 1m, apply: applied.yaml}]
traffic: [{name: replay, service: default/web, trace: {path: rates.csv}}]
metrics: {carbonIntensity: usage.csv}
stop: {at: 10m}
";
const PODS: &str = "\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default, annotations: {a: b}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {windtunnel.dev/cpu-usage: 'trace(load)'}}
    spec: {containers: [{name: c, resources: {requests: {cpu: 100m}}}]}
";
const CONFIG: &str =
    "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";

/// The files that [`NAMING`] names.
const NAMED: [(&str, &str); 10] = [
    (
        "dollars.csv",
        "instance_type,vcpu,memory_mib,gpu,arch,max_pods,on_demand_usd_per_hour\nD4,4,16384,0,amd64,30,0.2\n",
    ),
    (
        "list.csv",
        "instance_type,on_demand_usd_per_hour,spot_usd_per_hour\nD4,0.2,0.1\n",
    ),
    (
        "history.csv",
        "seconds,instance_type,spot_usd_per_hour\n0,D4,0.1\n60,D4,0.2\n",
    ),
    ("pods.yaml", PODS),
    ("config.yaml", CONFIG),
    ("starts.csv", "seconds\n1\n2.5\n5\n"),
    ("usage.csv", "seconds,value\n0,1\n60,200m\n"),
    ("log.csv", "node,down,up\nnode-0,1m,2m\n"),
    ("applied.yaml", PODS),
    ("rates.csv", "time,rate\n0,1\n60,2\n"),
];

/// Puts an experiment together as far as a run would be.
fn prepared(scene: &Scene, text: &str) -> Option<Result<(), String>> {
    let experiment = scene.experiment(text)?;
    let files = FileSource::of(&experiment.files);
    let prepared = prepare(&experiment.variants[0].scenario, &files);
    Some(prepared.map(|_| ()).map_err(|error| error.to_string()))
}

fn write_named(scene: &Scene) {
    for (name, text) in NAMED {
        scene.file(name, text.as_bytes());
    }
}

pub(super) fn kinds() -> Vec<Kind> {
    let scenarios = [
        files("scenarios", ".yaml"),
        files("tests/data/scenario", "complete.yaml"),
    ];
    let scenario = Kind::new("scenario", scenarios.concat(), |scene, bytes| {
        let _ = scene.experiment(&String::from_utf8_lossy(bytes));
    });
    let naming = Kind::new("experiment", texts([NAMING]), |scene, bytes| {
        write_named(scene);
        let _ = prepared(scene, &String::from_utf8_lossy(bytes));
    });
    let prices = Kind::new("price list", texts([TYPES, AWS]), |scene, bytes| {
        scene.file("types.csv", bytes);
        scene.file("jobs.csv", CSV.as_bytes());
        let _ = prepared(scene, PROVIDER);
    });
    let named = NAMED.map(|(name, text)| {
        Kind::new(
            format!("file {name}"),
            texts([text]),
            move |scene, bytes| {
                write_named(scene);
                scene.file(name, bytes);
                let _ = prepared(scene, NAMING);
            },
        )
    });
    let mut kinds = vec![scenario, naming, prices];
    kinds.extend(named);
    kinds
}

/// The whole files are read: damaged ones would otherwise be refused before anything looks at them.
#[test]
fn the_experiment_with_files_is_whole() {
    let scene = Scene::in_folder("fuzz-whole");
    write_named(&scene);
    assert_eq!(prepared(&scene, NAMING), Some(Ok(())));
}
