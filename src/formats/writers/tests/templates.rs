//! The template of a pod that the project's own table has: the reader of manifests and that of the table make the same
//! pod of it.

use crate::readers::csv::CsvSource;
use crate::tests::prelude::*;
use crate::writers::find;
use arrivals::MemorySource;

use k8s::{ManifestReader, read_manifests};

/// Rules about places.
const WISHES: &str = include_str!("../../../k8s/tests/wishes.yaml");

/// Settings beside those about affinity, spreading and tolerations.
const MORE: &str = "
  schedulerName: second
  nodeSelector: {disk: ssd}
  overhead: {cpu: 100m}
  resources: {requests: {cpu: 4}}
  initContainers:
  - {name: first, image: 'first:1', resources: {limits: {memory: 1Gi}}}
  - {name: side, restartPolicy: Always, ports: [{hostPort: 8080, containerPort: 80, protocol: UDP}]}
  volumes:
  - {name: a, persistentVolumeClaim: {claimName: data}}
  - {name: b, gcePersistentDisk: {pdName: d, readOnly: true}}
  - {name: c, rbd: {monitors: ['m:1'], image: i}}
  - {name: d, iscsi: {iqn: q}}
  - {name: e, awsElasticBlockStore: {volumeID: v}}
  - {name: f, ephemeral: {volumeClaimTemplate: {spec: {}}}}
";

/// A pod written as a table: the text of the table, and the template in it.
fn written(spec: &PodSpec) -> (String, serde_json::Value) {
    let arrival = Arrival::new(Instant::ZERO, "a".into());
    let workload = Recorded {
        arrivals: vec![arrival],
        classes: vec![spec.clone().into()],
        tenants: vec!["t".into()],
        ..Recorded::default()
    };
    let mut out = Vec::new();
    let writer = find("csv").expect("a format");
    let converted = writer.write(&mut MemorySource::new(workload), true, &mut out);
    assert_eq!(converted.expect("memory").lost, []);
    let text = String::from_utf8(out).expect("text");
    let cell = &text[text.find("\"{").expect("a cell") + 1..];
    let cell = &cell[..=cell.rfind("}\"").expect("an end")];
    let template = serde_json::from_str(&cell.replace("\"\"", "\"")).expect("JSON");
    (text, template)
}

#[test]
fn a_template_of_a_table_is_read_as_a_manifest() {
    let text = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers: [{{name: c}}]\n{WISHES}{MORE}"
    );
    let spec = read_manifests("p.yaml", &text).expect("a pod");
    let spec = PodSpec::clone(&spec.pods[0].spec);
    let (table, mut template) = written(&spec);
    let input = Input::bytes("t.csv", table.into_bytes());
    let options = options_with(|own| own.usage = true);
    let mut source = CsvSource::open(&input, &options).expect("a table");
    let again = Recorded::collect(&mut source).expect("good rows");
    assert_eq!(*again.classes[0], spec);
    // Columns of their own have the priority, and Kubernetes no field for the life.
    template["apiVersion"] = "v1".into();
    template["kind"] = "Pod".into();
    template["metadata"]["name"] = "p".into();
    template["metadata"]["namespace"] = (&*spec.namespace).into();
    template["spec"]["priority"] = spec.priority.into();
    let members = template.as_object_mut().expect("an object");
    members.remove("windtunnel");
    let mut reader = ManifestReader::new();
    let input = Input::bytes("pod.json", template.to_string().into_bytes());
    reader.read(&input).expect("a pod");
    let mut read = PodSpec::clone(&reader.finish().pods[0].spec);
    read.life.clone_from(&spec.life);
    read.behaviour.clone_from(&spec.behaviour);
    assert_eq!(read, spec);
}
