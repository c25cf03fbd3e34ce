//! Findings about parts of a manifest that the model leaves out, although they bear on placement.
//! Equal findings are counted, so that a dump of a hundred thousand pods stays readable.

use std::fmt;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

/// Finding about a field that the Kubernetes API does not have.
pub(super) const NO_SUCH_FIELD: &str = "there is no such field";

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
    /// Mark of a finding that holds only where no queue is declared.
    pub lacks_queues: bool,
}

impl ManifestFinding {
    /// Returns whether the Kubernetes API has no such field: its name is misspelt, or its place is wrong.
    pub fn is_of_unknown_field(&self) -> bool {
        self.what == NO_SUCH_FIELD
    }
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

/// The first object of a finding with its file, and in how many places the very same was found.
struct FindingEntry {
    file: String,
    object: String,
    count: usize,
    lacks_queues: bool,
}

/// The findings of files that are read as one, in order of first appearance.
#[derive(Default)]
pub(super) struct Findings {
    /// The file being read.
    file: String,
    has_several_files: bool,
    found: IndexMap<Key, FindingEntry, FxBuildHasher>,
    /// Places of the findings of the object being read.
    noted: Vec<usize>,
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
        self.insert(object, (field.to_string(), what.into(), effect), false);
    }

    /// Notes a finding of an object that holds only where no queue is declared.
    pub(super) fn add_without_queues(
        &mut self,
        object: ObjectName<'_>,
        field: &dyn fmt::Display,
        what: impl Into<String>,
        effect: &'static str,
    ) {
        self.insert(object, (field.to_string(), what.into(), effect), true);
    }

    /// Goes on with another object.
    pub(super) fn begin_object(&mut self) {
        self.noted.clear();
    }

    /// Places of the findings of the object being read.
    pub(super) fn noted(&self) -> &[usize] {
        &self.noted
    }

    /// Notes the findings of an earlier object of another one, too.
    pub(super) fn repeat(&mut self, places: &[usize]) {
        for &place in places {
            self.found[place].count += 1;
        }
        self.noted.extend_from_slice(places);
    }

    fn insert(&mut self, object: ObjectName<'_>, key: Key, lacks_queues: bool) {
        let file = &self.file;
        let entry = self.found.entry(key);
        self.noted.push(entry.index());
        let found = entry.or_insert_with(|| FindingEntry {
            file: file.clone(),
            object: object.to_string(),
            count: 0,
            lacks_queues,
        });
        found.count += 1;
    }

    /// The findings; where queues are declared, without those that lack them.
    pub(super) fn into_list(self, has_queues: bool) -> Vec<ManifestFinding> {
        let names_files = self.has_several_files;
        let found = self.found.into_iter();
        let found = found.filter(|(_, found)| !(has_queues && found.lacks_queues));
        let found = found.map(|((field, what, effect), found)| ManifestFinding {
            object: match found.file.as_str() {
                "" => found.object,
                _ if !names_files => found.object,
                file => format!("{file}: {}", found.object),
            },
            field,
            what,
            effect,
            count: found.count,
            lacks_queues: found.lacks_queues,
        });
        found.collect()
    }
}
