//! A workload while it is read: what every kind of it needs.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::declared_workload::PodPriority;
use super::fault;
use super::field::{Path, Problem};
use super::findings::ObjectName;
use super::keys::{LAST_APPLIED, QUEUE_NAME};
use super::parts::Parts;
use super::{Ctx, Origin};
use model::workload::job::JobQueue;
use model::workload::{Count, Finding};
use model::{Object, Text};
use units::Duration;

/// Part of every workload that is read.
pub(super) struct Workload<'a> {
    pub(super) kind: &'a str,
    /// The queue that a queue controller holds the workload back in, by its label.
    pub(super) queue: Option<Arc<JobQueue>>,
    pub(super) namespace: Text,
    pub(super) name: Text,
    pub(super) spec: &'a Value,
    pub(super) ctx: &'a mut Ctx,
    pub(super) priority: PodPriority,
    pub(super) states_policy: bool,
    /// Runtime class that the template names.
    pub(super) runtime: Option<String>,
    /// Fields that are looked for in the last declaration, of an object that a server has admitted: those
    /// that it states. `None` of one that is a declaration itself.
    pub(super) last_applied: Option<String>,
    /// The template as it is written.
    pub(super) written: Option<Text>,
    /// The node that the template names.
    pub(super) bound_to: Option<Text>,
}

/// An object and what is wrong with it.
pub(super) type CheckResult = Result<(Object, Vec<Finding>), Problem>;

/// A number of pods, or a percentage as text.
///
/// # Errors
/// It is neither.
pub fn count(value: &Value) -> Result<Count, String> {
    let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
    match (value, number) {
        (_, Some(number)) => Ok(Count::Number(number)),
        // `IsValidPercent`, apimachinery, pkg/util/validation/validation.go.
        (Value::String(text), _) if text.parse::<i32>().is_ok() => Err(format!(
            "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%', or '93%'), \
             found `\"{text}\"`; write a number without quotes"
        )),
        (Value::String(text), _) => text
            .parse()
            .map_err(|error: model::workload::CountError| error.to_string()),
        _ => Err(format!(
            "expected a whole number or a percentage such as `25%`, found `{value}`"
        )),
    }
}

impl Workload<'_> {
    /// Notes the queue that would hold the workload's pods back; jobs wait in it where it is declared.
    pub(super) fn note_queue(&mut self, is_job: bool) {
        let Some(queue) = self.queue.clone() else {
            return;
        };
        let (namespace, name) = (self.namespace.clone(), self.name.clone());
        let object = ObjectName {
            kind: self.kind,
            namespace: Some(&namespace),
            name: &name,
        };
        let label = Path::root("metadata");
        let findings = &mut self.ctx.findings;
        let (what, effect) = (
            format!("the queue `{}` is not modelled", queue.name),
            "its pods start at once, whatever the quota of the queue",
        );
        let labels = label.field("labels");
        if is_job {
            findings.add_without_queues(object, &labels.key(QUEUE_NAME), what, effect);
        } else {
            findings.add(object, &labels.key(QUEUE_NAME), what, effect);
        }
    }

    /// The spec of the object.
    pub(super) fn spec<T: Default + for<'de> Deserialize<'de>>(&self) -> Result<T, Problem> {
        part(self.spec, &Path::root("spec"))
    }
}

/// Names of the fields that the last declaration of an admitted object states; none was made by `kubectl
/// apply`: none.
pub(super) fn last_applied(parts: &Parts) -> Option<String> {
    let stated = parts.metadata.annotations.get(LAST_APPLIED);
    let is_admitted = parts.origin() == Origin::Admitted;
    is_admitted.then(|| stated.unwrap_or_default().to_owned())
}

/// Reads a value into a type, where `null` is what is absent.
pub(super) fn part<T>(value: &Value, path: &Path<'_>) -> Result<T, Problem>
where
    T: Default + for<'de> Deserialize<'de>,
{
    if value.is_null() {
        return Ok(T::default());
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let words = fault::in_plain_words(&error.inner().to_string());
        match error.path().to_string().as_str() {
            "." => path.broken(words),
            inside => Problem(format!("{path}.{inside}: {words}")),
        }
    })
}

/// A number of seconds; none is 0.
pub(super) fn span(secs: Option<i64>, path: &Path<'_>) -> Result<Duration, Problem> {
    let secs = secs.unwrap_or(0);
    Duration::checked_from_secs(secs)
        .ok_or_else(|| path.problem("seconds, less than 292 years", secs))
}
