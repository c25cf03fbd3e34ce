//! Findings about parts of a manifest that the model leaves out, although they bear on placement.
//! Equal findings are counted, so that a dump of a hundred thousand pods stays readable.

use std::fmt;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

/// A field that would change placement and is not modelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFinding {
    /// The first object it was found in, such as ``Pod `shop/cart` ``; where several files are
    /// read as one, after its file.
    pub object: String,
    /// The field's path in the object.
    pub field: String,
    /// The value found.
    pub what: String,
    /// Effect on placement.
    pub effect: &'static str,
    /// Number of places of the finding.
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

/// A finding's field, what was found, and its effect.
type Key = (String, String, &'static str);

/// The findings of files that are read as one, in order of first appearance.
#[derive(Default)]
pub(super) struct Findings {
    /// The file being read.
    file: String,
    has_several_files: bool,
    /// The first object with its file, and in how many places the very same was found.
    found: IndexMap<Key, (String, String, usize), FxBuildHasher>,
}

impl Findings {
    /// Goes on with another file; an empty name is all of them.
    pub(super) fn begin_file(&mut self, name: &str) {
        self.has_several_files |= !(self.file.is_empty() || name.is_empty());
        name.clone_into(&mut self.file);
    }

    /// Notes a finding of an object.
    pub(super) fn add(
        &mut self,
        object: ObjectName<'_>,
        field: &dyn fmt::Display,
        what: impl Into<String>,
        effect: &'static str,
    ) {
        let key = (field.to_string(), what.into(), effect);
        let file = &self.file;
        self.found
            .entry(key)
            .and_modify(|(_, _, count)| *count += 1)
            .or_insert_with(|| (file.clone(), object.to_string(), 1));
    }

    pub(super) fn into_list(self) -> Vec<ManifestFinding> {
        let names_files = self.has_several_files;
        let found = self.found.into_iter();
        let found = found.map(
            |((field, what, effect), (file, object, count))| ManifestFinding {
                object: match file.as_str() {
                    "" => object,
                    _ if !names_files => object,
                    file => format!("{file}: {object}"),
                },
                field,
                what,
                effect,
                count,
            },
        );
        found.collect()
    }
}
