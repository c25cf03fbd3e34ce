//! Pods within records of another kind, such as an audit log or a trace of a cluster: read as manifests are, with the same
//! defaults and the same rules.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::field::{Path, Problem};
use super::fields::{POD_SPEC, UnreadFields};
use super::findings::{ManifestFinding, ObjectName};
use super::raw;
use super::{AdmissionClasses, Ctx, Origin, pod, runtime_class, server, unmodelled};
use model::{Container, PodSpec};

/// A pod of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodRecord {
    /// The pod's class.
    pub spec: PodSpec,
    /// Fields that bear on placement and aren't modelled, and those that the API does not have.
    pub findings: Vec<ManifestFinding>,
}

/// A field of a pod that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenField {
    /// The field's path in the pod.
    pub field: String,
    /// The rule, saying what was expected.
    pub rule: String,
    /// The value found; empty if there is none.
    pub found: String,
}

impl From<Problem> for BrokenField {
    fn from(Problem(problem): Problem) -> Self {
        let (field, rest) = problem.split_once(": ").unwrap_or(("spec", &problem));
        let (rule, found) = match rest.rsplit_once(", found `") {
            Some((rule, found)) => (rule, found.strip_suffix('`').unwrap_or(found)),
            None => (rest, ""),
        };
        Self {
            field: field.to_owned(),
            rule: rule.to_owned(),
            found: found.to_owned(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawPod {
    metadata: Option<raw::Metadata>,
    spec: Option<raw::PodSpec>,
    status: Option<raw::PodStatus>,
}

/// Reads a pod, or the template of the pods of an object of kind `owner`, with `metadata` and `spec`.
///
/// # Errors
/// It breaks a rule of the API server, unless a server has admitted it; or it can't be read.
pub fn read_pod(
    object: &Value,
    namespace: &str,
    owner: Option<&str>,
) -> Result<PodRecord, BrokenField> {
    let path = Path::root("spec");
    if !object.get("spec").is_some_and(Value::is_object) {
        return Err(path.missing("the spec of a pod").into());
    }
    let read: RawPod = RawPod::deserialize(object)
        .map_err(|error| path.broken(super::fault::Fault::from(&error).message))?;
    let mut metadata = read.metadata.unwrap_or_default();
    let spec = read.spec.unwrap_or_default();
    metadata.namespace = Some(namespace.to_owned());
    let mut ctx = Ctx {
        origin: super::parts::origin(&metadata, &read.status.unwrap_or_default()),
        ..Ctx::default()
    };
    let name = metadata.name.clone().unwrap_or_default();
    let named = ObjectName {
        kind: "Pod",
        namespace: Some(namespace),
        name: &name,
    };
    let mut strays = UnreadFields::default();
    let fields = object.get("spec").unwrap_or(&Value::Null);
    strays.walk(fields, POD_SPEC, "spec");
    for stray in strays.iter() {
        let (what, effect) = (stray.what(), stray.effect());
        ctx.findings.add(named, &stray.field, what, effect);
    }
    unmodelled::refuse_gang(named, &spec, &mut ctx)?;
    server::check(named, &spec, &mut ctx)?;
    server::check_owner(owner.unwrap_or_default(), &spec)?;
    let mut read = pod::pod_spec(&metadata, &spec, &mut ctx)?;
    read.tolerations = unmodelled::tolerations(named, &spec.tolerations, &mut ctx)?;
    unmodelled::note_left_out(named, &metadata, &spec, &mut ctx);
    if runtime_class::named(&spec).is_some() && ctx.origin == Origin::Submitted {
        runtime_class::note_unknown(named, &read, &mut ctx);
    }
    give_priority(named, &spec, &mut read, &mut ctx);
    pod::check_sums(&read)?;
    Ok(PodRecord {
        spec: read,
        findings: ctx.findings.into_list(false),
    })
}

/// Gives a pod that names a class alone the priority of the class, if every cluster has it.
fn give_priority(object: ObjectName<'_>, raw: &raw::PodSpec, spec: &mut PodSpec, ctx: &mut Ctx) {
    let class = raw.priority_class_name.as_deref();
    let Some(class) = class.filter(|class| raw.priority.is_none() && !class.is_empty()) else {
        return;
    };
    if let Some(known) = AdmissionClasses::default().get(class) {
        spec.priority = known.value;
    } else {
        let path = Path::root("spec");
        let what = format!("the priority class `{class}`, and no `priority`");
        let path = path.field("priorityClassName");
        ctx.findings.add(object, &path, what, "the priority is 0");
    }
}

/// Reads what a request for a resize states of a pod's spec: containers by their names with their requests and limits,
/// and requests of the pod as a whole. What it doesn't state stays as it was, so that nothing is filled in.
///
/// # Errors
/// An amount is none.
pub fn read_resize(spec: &Value) -> Result<PodSpec, BrokenField> {
    let mut ctx = Ctx::default();
    let path = Path::root("spec");
    let none = Value::Object(Map::new());
    let mut containers = |list: &'static str| -> Result<Vec<Container>, BrokenField> {
        let path = path.field(list);
        let all = spec.get(list).and_then(Value::as_array);
        let read = all.into_iter().flatten().enumerate().map(|(index, own)| {
            let path = path.index(index);
            let path = path.field("resources");
            let resources = own.get("resources").unwrap_or(&none);
            let raw = raw::Resources::deserialize(resources)
                .map_err(|error| path.broken(super::fault::Fault::from(&error).message))?;
            let name = own.get("name").and_then(Value::as_str).unwrap_or_default();
            Ok(Container {
                name: name.into(),
                requests: ctx.texts.amounts(&raw.requests, &path.field("requests"))?,
                limits: ctx.texts.amounts(&raw.limits, &path.field("limits"))?,
                ..Container::default()
            })
        });
        read.collect()
    };
    let (main, init) = (containers("containers")?, containers("initContainers")?);
    let path = path.field("resources");
    let of_pod = spec.get("resources").filter(|own| !own.is_null());
    let of_pod = raw::Resources::deserialize(of_pod.unwrap_or(&none))
        .map_err(|error| path.broken(super::fault::Fault::from(&error).message))?;
    Ok(PodSpec {
        containers: main,
        init_containers: init,
        pod_requests: ctx
            .texts
            .amounts(&of_pod.requests, &path.field("requests"))?,
        ..PodSpec::default()
    })
}
