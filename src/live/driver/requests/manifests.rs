//! Files of manifests as operations. The template of each pod is kept as it is written, since its
//! node needs the programs and arguments that no decision depends on.

use std::sync::Arc;

use control::admission::BarePod;
use control::operation::Operation;
use intake::Input;
use k8s::ManifestReader;
use model::{Object, TemplateText, Text};
use serde_json::Value;
use units::SortedMap;

use super::fields::{check_names, check_pod, notes_on_pod};

/// Templates of a file as they are written.
type Templates = SortedMap<Place, Text>;

/// A file of manifests as it was read.
#[derive(Debug)]
pub(super) struct Read {
    /// The operations that apply it: what others need to be made comes first.
    pub(super) operations: Vec<Operation>,
    /// Fields that have no effect, each with its path and what follows from it.
    pub(super) notes: Vec<String>,
}

/// An object of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    kind: String,
    namespace: String,
    name: String,
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
    let mut reader = ManifestReader::new().with_workloads();
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
    let templates = templates(file, text, &mut notes)?;
    let mut operations = Vec::new();
    for workload in declared.workloads {
        let mut object = workload.object;
        if let Object::VerticalPodAutoscaler(_) = object {
            return Err(format!(
                "{file}: {}/{}: sizes of pods are not changed on real hosts yet; leave it out",
                object.kind(),
                object.name()
            ));
        }
        let place = Place {
            kind: object.kind().to_owned(),
            namespace: object.namespace().to_string(),
            name: object.name().to_string(),
        };
        if let Some(template) = object.template_mut() {
            template.manifest = TemplateText(templates.get(&place).cloned());
        }
        operations.push(Operation::Apply(object));
    }
    for pod in declared.pods {
        if pod.node_name.is_some() || pod.phase.is_final() {
            return Err(format!(
                "{file}: Pod/{}/{} has a node or has ended already; only pods that wait for a node \
                 can be applied",
                pod.namespace(),
                pod.name
            ));
        }
        let place = Place {
            kind: "Pod".to_owned(),
            namespace: pod.namespace().to_string(),
            name: pod.name.to_string(),
        };
        let mut spec = pod.spec;
        Arc::make_mut(&mut spec).manifest = TemplateText(templates.get(&place).cloned());
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

/// The templates of a file, by their objects; what has no effect in them goes to the notes.
fn templates(file: &str, text: &str, notes: &mut Vec<String>) -> Result<Templates, String> {
    let documents = k8s::read_values(text).map_err(|why| format!("{file}: {why}"))?;
    let mut templates = Templates::new();
    let mut objects: Vec<&Value> = documents.iter().rev().collect();
    while let Some(object) = objects.pop() {
        if let Some(items) = object.as_array() {
            objects.extend(items.iter().rev());
            continue;
        }
        if let Some(items) = object.get("items").and_then(Value::as_array) {
            objects.extend(items.iter().rev());
            continue;
        }
        let named = |field: &str| object.pointer(field).and_then(Value::as_str);
        let (Some(kind), Some(name)) = (named("/kind"), named("/metadata/name")) else {
            continue;
        };
        let path = match kind {
            "Pod" => "spec",
            "CronJob" => "spec.jobTemplate.spec.template.spec",
            _ => "spec.template.spec",
        };
        let template = match path.strip_suffix(".spec") {
            None => Some(object),
            Some(path) => object.pointer(&format!("/{}", path.replace('.', "/"))),
        };
        let place = Place {
            kind: kind.to_owned(),
            namespace: named("/metadata/namespace").unwrap_or("default").to_owned(),
            name: name.to_owned(),
        };
        if let Some(template) = template {
            check_pod(template, path)
                .map_err(|why| format!("{file}: {kind}/{}: {why}", place.name))?;
            for note in notes_on_pod(template, path) {
                notes.push(format!("{file}: {kind}/{}: {note}", place.name));
            }
            templates.insert(place, k8s::written_template(template).into());
        }
    }
    Ok(templates)
}
