//! The objects around nodes and pods, and the scheduler's configuration.

use super::super::{ManifestReader, read_manifests, read_scheduler_config};
use intake::Input;
use model::scheduler_config::FitStrategy;

#[test]
fn storage_budgets_and_owners_are_read_whatever_the_order_of_fields() {
    let text = "\
{apiVersion: v1, kind: List, items: [
  {provisioner: a/b, volumeBindingMode: WaitForFirstConsumer, kind: StorageClass,
   apiVersion: storage.k8s.io/v1, metadata: {name: fast}},
  {spec: {storageClassName: fast, resources: {requests: {storage: 1Gi}}}, apiVersion: v1,
   kind: PersistentVolumeClaim, metadata: {name: data, namespace: shop}},
  {apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: web},
   spec: {selector: {matchLabels: {app: web}}},
   status: {disruptionsAllowed: 1, disruptedPods: {web-0: null}}},
  {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web},
   spec: {selector: {matchLabels: {app: web}}}},
  {apiVersion: v1, kind: Namespace, metadata: {name: shop}}]}
";
    let objects = read_manifests("a.yaml", text).expect("valid").objects;
    assert!(objects.storage_classes["fast"].waits_for_consumer);
    let claim = objects.claim(&"shop".into(), &"data".into()).expect("read");
    assert_eq!(claim.request.units_ceil(), Ok(1 << 30));
    assert_eq!(objects.budgets[0].allowed, 1);
    assert!(objects.budgets[0].disrupted.contains("web-0"));
    assert_eq!(&*objects.workloads[0].kind, "ReplicaSet");
    let labels = &objects.namespaces["shop"];
    assert_eq!(&*labels["kubernetes.io/metadata.name"], "shop");
}

#[test]
fn a_configuration_is_read_and_its_faults_are_named() {
    let head = "kind: KubeSchedulerConfiguration\nprofiles:\n- schedulerName: packer\n";
    let fit = "  pluginConfig:\n  - name: NodeResourcesFit\n    args:\n      scoringStrategy: ";
    let good = format!("{head}{fit}{{type: MostAllocated, resources: [{{name: cpu, weight: 3}}]}}");
    let config = read_scheduler_config("c.yaml", &good).expect("valid");
    assert_eq!(&*config.profiles[0].scheduler_name, "packer");
    let arguments = &config.profiles[0].arguments;
    assert_eq!(arguments.fit.strategy, FitStrategy::MostAllocated);
    assert_eq!(arguments.fit.resources, [("cpu".into(), 3)]);
    for (strategy, expected) in [
        (
            "{type: Best}",
            "scoringStrategy.type: expected `LeastAllocated`",
        ),
        (
            "{resources: [{name: cpu, weight: 101}]}",
            "resources[0].weight: expected a weight",
        ),
        (
            "{type: RequestedToCapacityRatio}",
            "shape: expected at least one point",
        ),
    ] {
        let error = read_scheduler_config("c.yaml", &format!("{head}{fit}{strategy}"));
        let error = error.expect_err(strategy).to_string();
        assert!(error.contains(expected), "{strategy}: {error}");
    }
}

/// The findings of manifests with workloads.
fn told(text: String) -> String {
    let mut reader = ManifestReader::new().with_workloads();
    let input = Input::bytes("a.yaml", text.into_bytes());
    reader.read(&input).expect("valid");
    let found = reader.finish().findings;
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn a_hook_of_helm_is_told() {
    let text = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: t, annotations: {helm.sh/hook: test}}\n\
                spec: {template: {spec: {restartPolicy: Never, containers: [{name: c}]}}}\n";
    let words = "Job `default/t`: metadata.annotations[\"helm.sh/hook\"]: Helm makes it before or after a release or \
                 a test alone; here it is part of the workload; the annotation has no effect";
    assert_eq!(told(text.to_owned()), words);
}

#[test]
fn a_variable_whose_config_lacks_its_key_is_told() {
    let of = |data: &str, source: &str| {
        told(format!(
            "apiVersion: v1\ndata: {data}\nkind: ConfigMap\nmetadata: {{name: c}}\n---\n\
             apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec: {{selector: {{matchLabels: \
             {{app: a}}}}, template: {{metadata: {{labels: {{app: a}}}}, spec: {{containers: [{{name: c, env: \
             [{{name: A, valueFrom: {{configMapKeyRef: {{name: c, {source}}}}}}}]}}]}}}}}}\n"
        ))
    };
    let words = "Deployment `default/web`: env `A`: ConfigMap `c` has no key `mode` in these files; its container \
                 would not start, and runs here as if it had";
    assert_eq!(of("{modes: x}", "key: mode"), words);
    // One without keys gets them in the cluster.
    assert_eq!(of("{mode: x}", "key: mode"), "");
    assert_eq!(of("{}", "key: mode"), "");
    assert_eq!(of("{modes: x}", "key: mode, optional: true"), "");
}
