//! Files of manifests as operations. The template of each pod is kept as it is written, since its
//! node needs the programs and arguments that no decision depends on.

use std::sync::Arc;

use control::admission::BarePod;
use control::operation::Operation;
use intake::Input;
use k8s::ManifestReader;
use model::{Object, TemplateText, Text};
use serde_json::Value;

use super::fields::{check_names, check_pod, notes_on_pod};

/// A file of manifests as it was read.
#[derive(Debug)]
pub(super) struct Read {
    /// The operations that apply it: what others need to be made comes first.
    pub(super) operations: Vec<Operation>,
    /// Fields that have no effect, each with its path and what follows from it.
    pub(super) notes: Vec<String>,
}

/// A pod of a file as it is written.
#[derive(Clone, Debug)]
struct WrittenPod {
    namespace: String,
    /// Name, or the beginning of one that is made.
    name: String,
    is_prefix: bool,
    template: Text,
}

/// The operations that apply a file: what others need to be made comes first.
///
/// # Errors
/// The file is not readable, or holds what real hosts do not run.
pub(crate) fn operations(file: &str, text: &str) -> Result<Vec<Operation>, String> {
    read(file, text).map(|read| read.operations)
}

/// Reads a file.
///
/// # Errors
/// The file is not readable, or holds what real hosts do not run.
pub(super) fn read(file: &str, text: &str) -> Result<Read, String> {
    let mut reader = ManifestReader::new().with_workloads().with_templates();
    let input = Input::bytes(file, text.as_bytes());
    reader.read(&input).map_err(|error| error.to_string())?;
    let declared = reader.finish();
    if let Some(node) = declared.nodes.first() {
        return Err(format!(
            "{file}: Node/{} cannot be applied; a node joins when its daemon registers",
            node.name
        ));
    }
    if let Some(kind) = declared.ignored_kinds.keys().next() {
        return Err(format!(
            "{file}: objects of the kind `{kind}` are not run; leave them out"
        ));
    }
    check_names(&declared.findings).map_err(|why| format!("{file}: {why}"))?;
    let findings = declared.findings.iter();
    let mut notes: Vec<String> = findings.map(|one| format!("{file}: {one}")).collect();
    let mut written = written_pods(file, text, &mut notes)?;
    let mut operations = Vec::new();
    for workload in declared.workloads {
        let object = workload.object;
        let named = format!("{file}: {}/{}", object.kind(), object.name());
        if let Object::VerticalPodAutoscaler(_) = object {
            return Err(format!(
                "{named}: sizes of pods are not changed on real hosts yet; leave it out"
            ));
        }
        check_template(&object, &named, &mut notes)?;
        operations.push(Operation::Apply(object));
    }
    for pod in declared.pods {
        let named = format!("{file}: Pod/{}/{}", pod.namespace(), pod.name);
        if pod.node_name.is_some() || pod.phase.is_final() {
            return Err(format!(
                "{named} has a node or has ended already; only pods that wait for a node can be applied"
            ));
        }
        // Pods that are named by the reader come in the order of the file.
        let is_it = |own: &WrittenPod| {
            let is_named = if own.is_prefix {
                pod.name.starts_with(&own.name)
            } else {
                *pod.name == *own.name
            };
            is_named && own.namespace == **pod.namespace()
        };
        let place = written.iter().position(is_it);
        let place = place.ok_or_else(|| format!("{named}: its text was not found"))?;
        let mut spec = pod.spec;
        Arc::make_mut(&mut spec).manifest = TemplateText(Some(written.remove(place).template));
        let name = pod.name;
        operations.push(Operation::ApplyPod(Arc::new(BarePod { name, spec })));
    }
    if operations.is_empty() {
        return Err(format!("{file}: expected at least one object, found none"));
    }
    let needs_others = |operation: &Operation| match operation {
        Operation::Apply(object) => !object.comes_first(),
        _ => true,
    };
    operations.sort_by_key(needs_others);
    Ok(Read { operations, notes })
}

/// Checks the template of an object's pods, where it has one; what has no effect in it goes to the notes.
fn check_template(object: &Object, named: &str, notes: &mut Vec<String>) -> Result<(), String> {
    let Some(template) = object.template() else {
        return Ok(());
    };
    let text = template.manifest.0.as_deref();
    let template = text.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let template = template.ok_or_else(|| {
        format!("{named}: its pods have no template that hosts can carry out; leave it out")
    })?;
    let path = match object {
        Object::CronJob(_) => "spec.jobTemplate.spec.template.spec",
        _ => "spec.template.spec",
    };
    check_pod(&template, path).map_err(|why| format!("{named}: {why}"))?;
    for note in notes_on_pod(&template, path) {
        notes.push(format!("{named}: {note}"));
    }
    Ok(())
}

/// The pods of a file as they are written, in order; what has no effect in them goes to the notes.
fn written_pods(
    file: &str,
    text: &str,
    notes: &mut Vec<String>,
) -> Result<Vec<WrittenPod>, String> {
    let documents = k8s::read_values(text).map_err(|why| format!("{file}: {why}"))?;
    let mut pods = Vec::new();
    let mut objects: Vec<&Value> = documents.iter().rev().collect();
    while let Some(object) = objects.pop() {
        let list = object.as_array();
        let items = list.or_else(|| object.get("items").and_then(Value::as_array));
        if let Some(items) = items {
            objects.extend(items.iter().rev());
            continue;
        }
        let named = |field: &str| object.pointer(field).and_then(Value::as_str);
        if named("/kind") != Some("Pod") {
            continue;
        }
        let name = named("/metadata/name").filter(|name| !name.is_empty());
        let prefix = named("/metadata/generateName").unwrap_or_default();
        let told = name.unwrap_or(prefix);
        check_pod(object, "spec").map_err(|why| format!("{file}: Pod/{told}: {why}"))?;
        for note in notes_on_pod(object, "spec") {
            notes.push(format!("{file}: Pod/{told}: {note}"));
        }
        pods.push(WrittenPod {
            namespace: named("/metadata/namespace").unwrap_or("default").to_owned(),
            name: told.to_owned(),
            is_prefix: name.is_none(),
            template: k8s::written_template(object).into(),
        });
    }
    Ok(pods)
}
