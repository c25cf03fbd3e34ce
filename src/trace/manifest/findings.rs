//! What a manifest states and the model leaves out, although it bears on placement. Equal findings
//! are counted, so that a dump of a hundred thousand pods stays readable.

use std::fmt;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::field::Path;

/// A field that would change placement and is not modelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFinding {
    /// The first object it was found in, such as ``Pod `shop/cart` ``.
    pub object: String,
    /// The field's path in the object.
    pub field: String,
    /// What stands there.
    pub what: String,
    /// What placement misses by it.
    pub effect: &'static str,
    /// In how many places the very same was found.
    pub count: usize,
}

impl fmt::Display for ManifestFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}: {}; {}",
            self.object, self.field, self.what, self.effect
        )?;
        match self.count {
            0 | 1 => Ok(()),
            count => write!(f, " (and {} more like it)", count - 1),
        }
    }
}

/// An object as messages name it.
#[derive(Clone, Copy)]
pub(super) struct ObjectName<'a> {
    pub(super) kind: &'a str,
    pub(super) namespace: Option<&'a str>,
    pub(super) name: &'a str,
}

impl fmt::Display for ObjectName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace {
            _ if self.name.is_empty() => f.write_str(self.kind),
            Some(namespace) => write!(f, "{} `{namespace}/{}`", self.kind, self.name),
            None => write!(f, "{} `{}`", self.kind, self.name),
        }
    }
}

/// The findings of a file, by field, what and effect, in order of first appearance.
#[derive(Default)]
pub(super) struct Findings(
    IndexMap<(String, String, &'static str), (String, usize), FxBuildHasher>,
);

impl Findings {
    /// Notes a finding of an object.
    pub(super) fn add(
        &mut self,
        object: ObjectName<'_>,
        field: &Path<'_>,
        what: impl Into<String>,
        effect: &'static str,
    ) {
        let key = (field.to_string(), what.into(), effect);
        self.0
            .entry(key)
            .and_modify(|(_, count)| *count += 1)
            .or_insert_with(|| (object.to_string(), 1));
    }

    pub(super) fn into_list(self) -> Vec<ManifestFinding> {
        self.0
            .into_iter()
            .map(|((field, what, effect), (object, count))| ManifestFinding {
                object,
                field,
                what,
                effect,
                count,
            })
            .collect()
    }
}
