//! Manifests of workloads: what is read of them, and what is refused with its line and its fix.

use windtunnel::intake::Input;
use windtunnel::k8s::{ManifestReader, Manifests};
use windtunnel::model::Object;
use windtunnel::model::workload::{Count, DeploymentStrategy};

const SHOP: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: web}
spec:
  replicas: 3
  selector:
    matchLabels: {app: shop}
  strategy:
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 50%
  template:
    metadata:
      labels: {app: shop}
      annotations: {windtunnel.dev/run-time: 30s, windtunnel.dev/exit-code: '1'}
    spec:
      terminationGracePeriodSeconds: 5
      priorityClassName: system-node-critical
      containers: [{name: c, image: shop}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: shop, namespace: web}
spec:
  maxUnavailable: 1
  selector: {matchLabels: {app: shop}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: web}
spec:
  schedule: '@daily'
  jobTemplate:
    spec:
      completions: 4
      template:
        spec: {restartPolicy: Never, containers: [{name: c, image: night}]}
";

fn read(text: &str) -> Result<Manifests, String> {
    let mut reader = ManifestReader::new().with_workloads();
    let input = Input::bytes("shop.yaml", text.as_bytes());
    reader.read(&input).map_err(|error| error.to_string())?;
    Ok(reader.finish())
}

#[test]
fn workloads_are_read_where_they_are_asked_for() {
    let plain = {
        let mut reader = ManifestReader::new();
        let input = Input::bytes("shop.yaml", SHOP.as_bytes());
        reader.read(&input).unwrap();
        reader.finish()
    };
    assert!(plain.workloads.is_empty());
    assert_eq!(plain.ignored_kinds.len(), 2);
    let read = read(SHOP).unwrap();
    assert!(read.ignored_kinds.is_empty() && read.objects.budgets.is_empty());
    assert_eq!(read.findings, []);
    let objects: Vec<&Object> = read.workloads.iter().map(|own| &own.object).collect();
    let [
        Object::Deployment(shop),
        Object::PodDisruptionBudget(_),
        Object::CronJob(night),
    ] = objects[..]
    else {
        panic!("{objects:?}")
    };
    let DeploymentStrategy::RollingUpdate(rolling) = shop.strategy else {
        panic!("it rolls")
    };
    assert_eq!(rolling.max_unavailable, Count::Percent(50));
    assert_eq!((shop.replicas, shop.template.priority), (3, 2_000_001_000));
    assert_eq!(shop.template.grace().to_string(), "5s");
    let behaviour = shop.template.behaviour.as_ref().unwrap();
    assert_eq!(
        (behaviour.run_time.as_deref(), behaviour.exit_code),
        (Some("30s"), 1)
    );
    assert_eq!(night.template.completions, Some(4));
}

#[test]
fn what_can_not_be_is_refused_at_its_line() {
    for (from, to, expected) in [
        (
            "maxSurge: 1\n      maxUnavailable: 50%",
            "maxSurge: 0\n      maxUnavailable: 0",
            "line 9, document 1, Deployment `web/shop`: spec.strategy.rollingUpdate: maxSurge and \
             maxUnavailable are both 0",
        ),
        (
            "matchLabels: {app: shop}\n  strategy",
            "matchLabels: {app: shoe}\n  strategy",
            "line 6, document 1, Deployment `web/shop`: spec.selector: the selector does not match",
        ),
        (
            "GracePeriodSeconds: 5",
            "GracePeriodSeconds: -5",
            "spec.template.spec.terminationGracePeriodSeconds: expected 0 or more seconds",
        ),
        (
            "'@daily'",
            "61 * * * *",
            "spec.schedule: end of range (61) above maximum (59)",
        ),
        (
            "run-time: 30s",
            "run-time: soon",
            "expected a duration such as `30s`",
        ),
        (
            "exit-code: '1'",
            "exit-code: '300'",
            "expected a code from 0 to 255",
        ),
        (
            "maxSurge: 1",
            "maxSurge: some",
            "neither a whole number nor a percentage",
        ),
        (
            "restartPolicy: Never, ",
            "",
            "spec.jobTemplate.spec.template.spec.restartPolicy",
        ),
    ] {
        let text = SHOP.replace(from, to);
        assert_ne!(text, SHOP, "{from}");
        let error = read(&text).unwrap_err();
        assert!(error.contains(expected), "{error}\n{expected}");
    }
    let idle = read(&SHOP.replace(
        "selector: {matchLabels: {app: shop}}",
        "selector: {matchLabels: {app: x}}",
    ));
    // Whether a budget protects anything shows when a run has ended: other files may have its pods.
    assert!(idle.unwrap().findings.is_empty());
}
