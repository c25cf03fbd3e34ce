//! Manifests of objects of the whole cluster that are objects of a run, too: namespaces and classes
//! of priority (spec: kubernetes.md 2.10 and part 5).

use std::sync::Arc;

use serde_json::Value;

use super::field::{Path, Problem};
use super::keys::PROJECT_SELECTOR;
use super::parts::Parts;
use super::pod;
use super::workload::Workload;
use model::{Labels, NAMESPACE_NAME_LABEL, Namespace, Object, PriorityClass, Text};

/// A namespace.
pub(super) fn namespace(parts: &Parts, workload: &mut Workload<'_>) -> Result<Object, Problem> {
    let path = Path::root("metadata");
    let texts = &mut workload.ctx.texts;
    let mut labels = texts.labels(&parts.metadata.labels, &path.field("labels"))?;
    labels.insert(NAMESPACE_NAME_LABEL.into(), workload.name.clone());
    let selector = parts.metadata.annotations.get(PROJECT_SELECTOR);
    let annotations = path.field("annotations");
    let selector = selector.map(|text| project_selector(text, &annotations.key(PROJECT_SELECTOR)));
    Ok(Object::Namespace(Arc::new(Namespace {
        namespace: Text::default(),
        name: workload.name.clone(),
        labels,
        is_terminating: parts.metadata.deletion_timestamp.is_some(),
        node_selector: selector.transpose()?,
    })))
}

/// Labels such as `region=infra, disk=ssd`; an empty text has none.
fn project_selector(text: &str, path: &Path<'_>) -> Result<Labels, Problem> {
    let written = text.split(',').map(str::trim);
    let pairs = written.filter(|own| !own.is_empty()).map(|own| {
        let (key, value) = own.split_once('=')?;
        let value = value.strip_prefix('=').unwrap_or(value);
        let (key, value) = (key.trim(), value.trim());
        (!key.is_empty() && !key.ends_with('!')).then(|| (key.into(), value.into()))
    });
    let pairs: Option<Labels> = pairs.collect();
    pairs.ok_or_else(|| path.problem("labels such as `region=infra, disk=ssd`", text))
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
    Ok((
        value,
        pod::preempts(policy, &Path::root("preemptionPolicy"))?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_of_projects_are_labels_or_nothing() {
        let read = |text| {
            let path = Path::root("metadata");
            project_selector(text, &path.field("annotations"))
        };
        let expected: Labels = [
            ("disk".into(), "ssd".into()),
            ("region".into(), "infra".into()),
        ]
        .into_iter()
        .collect();
        assert_eq!(read("region=infra, disk == ssd").ok(), Some(expected));
        assert_eq!(read("").ok(), Some(Labels::default()));
        for text in ["region", "region!=infra", "=infra"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
