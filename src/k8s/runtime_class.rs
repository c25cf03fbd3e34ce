//! The runtime classes that pods name: admission gives a pod the overhead, the node selector and the
//! tolerations of its class (plugin `RuntimeClass`). Classes may stand anywhere in the files, so pods are
//! settled at their end. What a server has admitted has all of it already.

use serde::Deserialize;
use serde_json::Value;

use super::Ctx;
use super::field::{Path, Problem};
use super::findings::ObjectName;
use super::parts::Parts;
use super::pod;
use super::raw::{self, nullable};
use super::unmodelled;
use model::{Labels, PodSpec, ResourceList, Toleration};
use units::SortedMap;

/// Fields of these objects beside their metadata.
pub(super) const OVERHEAD: &str = "overhead";
pub(super) const SCHEDULING: &str = "scheduling";

/// What a class gives its pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RuntimeClass {
    /// Amounts that a pod takes beside its containers; `None` where the class states none.
    overhead: Option<ResourceList>,
    node_selector: Labels,
    tolerations: Vec<Toleration>,
}

/// Runtime classes by name.
pub(super) type RuntimeClasses = SortedMap<String, RuntimeClass>;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawOverhead {
    #[serde(deserialize_with = "nullable")]
    pod_fixed: raw::Amounts,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawScheduling {
    #[serde(deserialize_with = "nullable")]
    node_selector: raw::TextMap,
    #[serde(deserialize_with = "nullable")]
    tolerations: Vec<raw::Toleration>,
}

impl RuntimeClass {
    /// Reads a class.
    pub(super) fn of(parts: &Parts, ctx: &mut Ctx) -> Result<Self, Problem> {
        let stated = |field: &str| parts.beside.get(field).filter(|own| !own.is_null());
        let (overhead, scheduling) = (Path::root(OVERHEAD), Path::root(SCHEDULING));
        let mut class = Self::default();
        if let Some(value) = stated(OVERHEAD) {
            let raw: RawOverhead = read(value, &overhead)?;
            let amounts = ctx
                .texts
                .amounts(&raw.pod_fixed, &overhead.field("podFixed"))?;
            class.overhead = Some(amounts);
        }
        if let Some(value) = stated(SCHEDULING) {
            let raw: RawScheduling = read(value, &scheduling)?;
            let selector = scheduling.field("nodeSelector");
            class.node_selector = ctx.texts.labels(&raw.node_selector, &selector)?;
            let object = ObjectName {
                kind: "RuntimeClass",
                namespace: None,
                name: parts.metadata.name.as_deref().unwrap_or_default(),
            };
            class.tolerations = unmodelled::tolerations(object, &raw.tolerations, ctx)?;
        }
        Ok(class)
    }

    /// Gives a pod what the class has.
    ///
    /// # Errors
    /// The API server refuses the pod; the field and why.
    pub(super) fn admit(&self, spec: &mut PodSpec) -> Result<(), (&'static str, String)> {
        let mut admitted = spec.clone();
        match &self.overhead {
            None if !spec.overhead.is_empty() => {
                let what = "an overhead, and its runtime class has none";
                return Err(("overhead", what.to_owned()));
            }
            Some(own) if !spec.overhead.is_empty() && *own != spec.overhead => {
                let what = "another overhead than its runtime class has";
                return Err(("overhead", what.to_owned()));
            }
            own => admitted.overhead = own.clone().unwrap_or_default(),
        }
        for (key, value) in &self.node_selector {
            if spec.node_selector.get(key).is_some_and(|own| own != value) {
                let what = format!("another value of `{key}` than its runtime class selects");
                return Err(("nodeSelector", what));
            }
            admitted.node_selector.insert(key.clone(), value.clone());
        }
        let known = &spec.tolerations;
        let further = self
            .tolerations
            .iter()
            .filter(|toleration| !known.contains(toleration));
        admitted.tolerations.extend(further.cloned());
        if let Err(Problem(problem)) = pod::check_sums(&admitted) {
            return Err(("overhead", problem));
        }
        *spec = admitted;
        Ok(())
    }
}

fn read<'v, T: Deserialize<'v>>(value: &'v Value, path: &Path<'_>) -> Result<T, Problem> {
    T::deserialize(value).map_err(|error| path.broken(error))
}

/// The class that a pod names.
pub(super) fn named(spec: &raw::PodSpec) -> Option<String> {
    let name = spec.runtime_class_name.clone();
    name.filter(|name| !name.is_empty())
}

/// Gives a pod what its class has; one that no file has, and one against whose pods the server would speak
/// up, is reported.
pub(super) fn settle(
    class: &str,
    classes: &RuntimeClasses,
    object: ObjectName<'_>,
    spec: &mut PodSpec,
    ctx: &mut Ctx,
) {
    let path = Path::root("spec");
    match classes.get(class) {
        None => note_unknown(object, spec, ctx),
        Some(known) => {
            if let Err((field, what)) = known.admit(spec) {
                let effect = "the API server would refuse the pod; it is taken as it stands";
                ctx.findings.add(object, &path.field(field), what, effect);
            }
        }
    }
}

/// Notes a pod whose class is not known.
pub(super) fn note_unknown(object: ObjectName<'_>, spec: &PodSpec, ctx: &mut Ctx) {
    if spec.overhead.is_empty() {
        let path = Path::root("spec");
        ctx.findings.add(
            object,
            &path.field("runtimeClassName"),
            "a runtime class, and no `overhead`",
            "the class' overhead and node selector are not applied",
        );
    }
}
