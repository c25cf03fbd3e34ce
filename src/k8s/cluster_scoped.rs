//! Manifests of objects of the whole cluster that are objects of a run, too: namespaces and classes
//! of priority (spec: kubernetes.md 2.10 and part 5).

use std::sync::Arc;

use serde_json::Value;

use super::field::{Path, Problem};
use super::parts::Parts;
use super::workload::Workload;
use model::{NAMESPACE_NAME_LABEL, Namespace, Object, PriorityClass, Text};

/// A namespace.
pub(super) fn namespace(parts: &Parts, workload: &mut Workload<'_>) -> Result<Object, Problem> {
    let path = Path::root("metadata");
    let texts = &mut workload.ctx.texts;
    let mut labels = texts.labels(&parts.metadata.labels, &path.field("labels"))?;
    labels.insert(NAMESPACE_NAME_LABEL.into(), workload.name.clone());
    Ok(Object::Namespace(Arc::new(Namespace {
        namespace: Text::default(),
        name: workload.name.clone(),
        labels,
        is_terminating: parts.metadata.deletion_timestamp.is_some(),
    })))
}

/// A class of priority.
pub(super) fn priority_class(
    parts: &Parts,
    workload: &mut Workload<'_>,
) -> Result<Object, Problem> {
    let path = Path::root("value");
    let (value, preempts) = class(parts)?;
    let name = &workload.name;
    if name.starts_with("system-") && !PriorityClass::ALWAYS.iter().any(|(own, _)| **own == **name)
    {
        let path = Path::root("metadata");
        let expected = "a name that does not begin with `system-`, the prefix reserved for the \
            cluster";
        return Err(path.field("name").problem(expected, name));
    }
    if value > PriorityClass::HIGHEST_OF_USERS && !name.starts_with("system-") {
        let expected = format!("at most {}", PriorityClass::HIGHEST_OF_USERS);
        return Err(path.problem(&expected, value));
    }
    let is_default = parts.global_default.as_ref().and_then(Value::as_bool);
    Ok(Object::PriorityClass(Arc::new(PriorityClass {
        namespace: Text::default(),
        name: name.clone(),
        value,
        preempts,
        is_default: is_default == Some(true),
    })))
}

/// The value of a class, and whether its pods preempt.
pub(super) fn class(parts: &Parts) -> Result<(i32, bool), Problem> {
    let value = parts.value.as_ref().and_then(Value::as_i64);
    let value = value.and_then(|value| i32::try_from(value).ok());
    let path = Path::root("value");
    let value = value.ok_or_else(|| path.missing("a priority, a whole number of 32 bits"))?;
    let policy = parts.preemption_policy.as_ref().and_then(Value::as_str);
    Ok((value, policy != Some("Never")))
}
