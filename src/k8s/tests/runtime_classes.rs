//! Pods and templates that name runtime classes.

use super::read;
use crate::Manifests;

const CLASS: &str = "\
apiVersion: node.k8s.io/v1
handler: kata
kind: RuntimeClass
metadata: {name: kata}
overhead: {podFixed: {cpu: 250m, memory: 120Mi}}
scheduling:
  nodeSelector: {sandbox: kata}
  tolerations: [{key: kata, operator: Exists}]
";

fn pod(metadata: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{metadata}}}\nspec:\n  runtimeClassName: kata\n\
         {spec}  containers: [{{name: c, image: a, resources: {{requests: {{cpu: 1}}}}}}]\n"
    )
}

fn told(read: &Manifests) -> Vec<String> {
    read.findings.iter().map(ToString::to_string).collect()
}

#[test]
fn pods_get_what_their_class_has_wherever_it_stands() {
    for text in [
        format!("{CLASS}---\n{}", pod("", "")),
        format!("{}---\n{CLASS}", pod("", "")),
    ] {
        let read = read(&text);
        assert_eq!(told(&read), [""; 0]);
        let spec = &read.pods[0].spec;
        assert_eq!(spec.overhead.get("cpu").to_string(), "250m");
        assert_eq!(
            spec.node_selector.get("sandbox").map(|own| &**own),
            Some("kata")
        );
        assert_eq!(spec.tolerations.len(), 1);
    }
}

#[test]
fn what_a_server_has_admitted_stays_as_it_is() {
    let read = read(&format!("{CLASS}---\n{}", pod(", uid: u", "")));
    assert_eq!(told(&read), [""; 0]);
    assert!(read.pods[0].spec.overhead.is_empty());
}

#[test]
fn pods_that_the_server_would_refuse_are_told() {
    for (spec, what) in [
        (
            "  overhead: {cpu: 1}\n",
            "spec.overhead: another overhead than its runtime class has",
        ),
        (
            "  nodeSelector: {sandbox: other}\n",
            "spec.nodeSelector: another value of `sandbox` than its runtime class selects",
        ),
    ] {
        let read = read(&format!("{CLASS}---\n{}", pod("", spec)));
        let told = told(&read);
        assert!(told.len() == 1 && told[0].contains(what), "{told:?}");
        assert!(read.pods[0].spec.tolerations.is_empty());
    }
    let bare =
        "apiVersion: node.k8s.io/v1\nhandler: kata\nkind: RuntimeClass\nmetadata: {name: kata}\n";
    let read = read(&format!("{bare}---\n{}", pod("", "  overhead: {cpu: 1}\n")));
    assert!(told(&read)[0].contains("an overhead, and its runtime class has none"));
}

#[test]
fn templates_get_what_their_class_has() {
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, uid: u}\nspec:\n\
        \x20 selector: {matchLabels: {app: d}}\n  template:\n    metadata: {labels: {app: d}}\n    spec:\n\
        \x20     runtimeClassName: kata\n      containers: [{name: c, image: a}]\n";
    let of = |text: &str| {
        let input = intake::Input::bytes("d.yaml", text.as_bytes().to_vec());
        let mut reader = crate::ManifestReader::new().with_workloads();
        reader.read(&input).expect("manifests");
        reader.finish()
    };
    let read = of(&format!("{deployment}---\n{CLASS}"));
    assert_eq!(told(&read), [""; 0]);
    let template = read.workloads[0].object.template().expect("a template");
    assert_eq!(template.overhead.get("cpu").to_string(), "250m");
    let without = told(&of(deployment));
    assert!(
        without[0].contains("pods of `default/d`: spec.runtimeClassName: a runtime class"),
        "{without:?}"
    );
}
