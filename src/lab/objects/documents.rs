//! The objects of all files of manifests that a scenario reads, as they stand there, and the same files
//! with some of the objects as another side has them.

use std::fmt;
use std::fmt::Write as _;
use std::path::Path;

use k8s::{PlainObject, plain_objects};
use scenario::schema::{NodeSource, WorkloadSource};
use scenario::{Files, Scenario};
use serde_json::Value as Json;

use super::with_fields;
use crate::folder::{Existing, FolderError, write_file};
use intake::TraceError;
use units::{SortedMap, SortedSet};
use world::inputs;

/// Kind, namespace and name of an object, or of a part of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectKey {
    /// The kind, such as `Deployment` or `nodes`.
    pub kind: String,
    /// The namespace; empty where it is none, or `default`.
    pub namespace: String,
    /// The name; empty of what there is one of.
    pub name: String,
}

impl ObjectKey {
    /// The key of an object of a manifest.
    pub(super) fn of_manifest(object: &Json) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str);
        let namespace = text("/metadata/namespace").filter(|own| *own != "default");
        let name = text("/metadata/name").or_else(|| text("/metadata/generateName"));
        Self {
            kind: text("/kind").unwrap_or_default().to_owned(),
            namespace: namespace.unwrap_or_default().to_owned(),
            name: name.unwrap_or_default().to_owned(),
        }
    }
}

impl ObjectKey {
    /// Reads what [`Display`](fmt::Display) writes.
    pub(super) fn parse(text: &str) -> Self {
        let (kind, name) = text.split_once(' ').unwrap_or((text, ""));
        // Kinds of manifests begin with a capital, and parts of scenarios have no namespace.
        let is_manifest = kind.starts_with(|first: char| first.is_ascii_uppercase());
        let (namespace, name) = name
            .split_once('/')
            .filter(|_| is_manifest)
            .unwrap_or(("", name));
        let [kind, namespace, name] = [kind, namespace, name].map(str::to_owned);
        Self {
            kind,
            namespace,
            name,
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            namespace,
            name,
        } = self;
        match (&**namespace, &**name) {
            ("", "") => f.write_str(kind),
            ("", _) => write!(f, "{kind} {name}"),
            _ => write!(f, "{kind} {namespace}/{name}"),
        }
    }
}

/// Objects, with the names of some of their fields, or whole.
pub type ObjectFields = SortedMap<ObjectKey, Option<SortedSet<String>>>;

/// An object of a manifest.
#[derive(Clone, Debug)]
pub struct Document {
    /// Names of the object.
    pub key: ObjectKey,
    /// The file that states it, as the scenario writes it.
    pub file: String,
    /// The object and its lines.
    pub plain: PlainObject,
}

/// The objects of the manifests of a scenario, in the order of its files.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    objects: Vec<Document>,
}

impl Documents {
    /// Reads the manifests of a scenario.
    ///
    /// # Errors
    /// A file can't be read, or is neither YAML nor JSON.
    pub fn of(scenario: &Scenario, files: &Files) -> Result<Self, TraceError> {
        let mut objects = Vec::new();
        for file in manifests(scenario) {
            objects.extend(Self::in_file(file, files)?);
        }
        Ok(Self { objects })
    }

    /// The objects of a file.
    pub(super) fn in_file(file: &str, files: &Files) -> Result<Vec<Document>, TraceError> {
        let path = files.get(file).map_or(Path::new(file), |path| path);
        let objects = plain_objects(&inputs::open(path))?;
        let documents = objects.into_iter().map(|plain| Document {
            key: ObjectKey::of_manifest(&plain.value),
            file: file.to_owned(),
            plain,
        });
        Ok(documents.collect())
    }

    /// The objects, in the order of the files.
    pub fn objects(&self) -> &[Document] {
        &self.objects
    }

    /// Writes the manifests anew into a folder, with the objects of some keys, or some of their fields, as
    /// another side has them: replaced, added, or left out where the other side lacks them. Returns where each
    /// file is now, by its path as written.
    ///
    /// # Errors
    /// The folder can't be written to.
    pub fn with(
        &self,
        other: &Self,
        keys: &ObjectFields,
        folder: &Path,
    ) -> Result<Files, FolderError> {
        let mut theirs = other.by_key(keys);
        let mut texts: SortedMap<&str, String> = SortedMap::new();
        let mut put = |file, value: &Json| {
            let _ = writeln!(texts.entry(file).or_default(), "{value}");
        };
        for own in &self.objects {
            let Some(fields) = keys.get(&own.key) else {
                put(&*own.file, &own.plain.value);
                continue;
            };
            match (theirs.get_mut(&own.key).and_then(Vec::pop), fields) {
                (Some(next), None) => put(&*own.file, &next.plain.value),
                (Some(next), Some(fields)) => {
                    let mixed = with_fields(&own.plain.value, &next.plain.value, fields);
                    put(&*own.file, &mixed);
                }
                (None, _) => {}
            }
        }
        let is_known = |file: &str| self.objects.iter().any(|own| own.file == file);
        let first = self.objects.first().map(|own| own.file.clone());
        for added in theirs.into_values().flat_map(|own| own.into_iter().rev()) {
            let file = Some(&added.file).filter(|file| is_known(file));
            if let Some(file) = file.or(first.as_ref()) {
                put(file, &added.plain.value);
            }
        }
        let own: SortedSet<&str> = self.objects.iter().map(|own| &*own.file).collect();
        let mut written = Files::new();
        for (number, file) in own.into_iter().enumerate() {
            let path = folder.join(format!("{number}.json"));
            // A list without items is a manifest, and an empty file may be none.
            let empty = || "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[]}\n".to_owned();
            let text = texts.remove(file).unwrap_or_else(empty);
            write_file(&path, text.as_bytes(), Existing::Replace)?;
            written.insert(file.to_owned(), path);
        }
        Ok(written)
    }

    /// The objects of some keys, the first of each last.
    fn by_key(&self, keys: &ObjectFields) -> SortedMap<ObjectKey, Vec<&Document>> {
        let mut found: SortedMap<ObjectKey, Vec<&Document>> = SortedMap::new();
        for own in self.objects.iter().rev() {
            if keys.contains_key(&own.key) {
                found.entry(own.key.clone()).or_default().push(own);
            }
        }
        found
    }
}

/// The paths of a scenario that name manifests, each once, in the order of its fields.
pub(super) fn manifests(scenario: &Scenario) -> Vec<&str> {
    let nodes = scenario.cluster.nodes.iter();
    let of_nodes = nodes.filter_map(|source| match source {
        NodeSource::Manifests(file) => Some(file.as_str()),
        _ => None,
    });
    let of_workload = scenario.workload.iter().filter_map(|source| match source {
        WorkloadSource::Manifests { file, .. } => Some(file.as_str()),
        _ => None,
    });
    let applied = scenario.operations.iter();
    let applied = applied.filter_map(|own| own.apply.as_deref());
    let mut found = Vec::new();
    for file in of_nodes.chain(of_workload).chain(applied) {
        if !found.contains(&file) {
            found.push(file);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(text: &str) -> Documents {
        let path = inputs::inline(text);
        let files = Files::from_iter([("a.yaml".to_owned(), path)]);
        let objects = Documents::in_file("a.yaml", &files).expect("good manifests");
        Documents { objects }
    }

    #[test]
    fn objects_of_another_side_take_the_place_of_ones_own() {
        let pod = |name: &str, node: &str| {
            format!(
                "---\nkind: Pod\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{nodeName: {node}}}\n"
            )
        };
        let base = documents(
            &[
                pod("a", "1"),
                pod("b", "1"),
                pod("gone", "1"),
                pod("a", "2"),
            ]
            .concat(),
        );
        let head =
            documents(&[pod("a", "3"), pod("b", "3"), pod("new", "3"), pod("a", "4")].concat());
        let folder = std::env::temp_dir().join(format!("windtunnel-with-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let mixed = |names: &[&str]| {
            let keys = base
                .objects
                .iter()
                .chain(&head.objects)
                .map(|own| own.key.clone());
            let keys = keys.filter(|key| names.contains(&&*key.name));
            let keys = keys.map(|key| (key, None)).collect();
            let files = base
                .with(&head, &keys, &folder)
                .expect("a folder to write to");
            let found = Documents::in_file("a.yaml", &files).expect("good manifests");
            let words = found
                .iter()
                .map(|own| format!("{} {}", own.key, own.plain.value["spec"]["nodeName"]));
            words.collect::<Vec<_>>()
        };
        let own = [
            "Pod shop/a 1",
            "Pod shop/b 1",
            "Pod shop/gone 1",
            "Pod shop/a 2",
        ];
        assert_eq!(mixed(&[]), own);
        let others = [
            "Pod shop/a 3",
            "Pod shop/b 1",
            "Pod shop/a 4",
            "Pod shop/new 3",
        ];
        assert_eq!(mixed(&["a", "gone", "new"]), others);
        std::fs::remove_dir_all(&folder).expect("a folder that can be removed");
    }
}
