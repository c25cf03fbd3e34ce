//! Manifests that several runs read: each file is parsed once for each way of reading it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use intake::Input;
use k8s::{AdmissionClasses, ContainerNames, ManifestReader, Manifests, Updates};
use units::SortedMap;

use super::BuildError;

/// Manifests that were parsed, by their path. Runs at the same time share them.
#[derive(Default)]
pub struct ManifestCache {
    files: Mutex<SortedMap<PathBuf, ParsedFile>>,
}

/// What was made of a file, by each way of reading it; a file is parsed by one run at a time, so that others
/// find it parsed.
type ParsedFile = Arc<Mutex<Vec<(ReaderOptions, Arc<Manifests>)>>>;

/// What a file of manifests is read for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Contents {
    /// Nodes, pods and what schedulers look at.
    #[default]
    Cluster,
    /// Limit ranges and quotas as well.
    Bounds,
    /// Workloads as well.
    Workloads,
    /// Everything.
    Everything,
}

/// A way of reading a file of manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReaderOptions {
    /// Classes and claims of other files.
    pub(super) admission: Option<AdmissionClasses>,
    /// Kinds whose objects are left out.
    pub(super) unwanted: Vec<&'static str>,
    pub(super) names: ContainerNames,
    pub(super) updates: Updates,
    pub(super) contents: Contents,
}

impl ReaderOptions {
    pub(super) fn parse(&self, input: &Input) -> Result<Manifests, BuildError> {
        let admission = self.admission.clone();
        let reader = admission.map_or_else(ManifestReader::new, ManifestReader::with_classes);
        let reader = reader.without(&self.unwanted).with_names(self.names);
        let reader = reader.with_updates(self.updates);
        let mut reader = match self.contents {
            Contents::Cluster => reader,
            Contents::Bounds => reader.with_bounds(),
            Contents::Workloads => reader.with_workloads(),
            Contents::Everything => reader.with_everything(),
        };
        reader.read(input)?;
        Ok(reader.finish())
    }
}

impl ManifestCache {
    /// A cache without any file.
    pub const fn new() -> Self {
        Self {
            files: Mutex::new(SortedMap::new()),
        }
    }

    /// What a reader makes of a file, parsed now if it was not before. Errors are not kept.
    ///
    /// # Errors
    /// The file can't be read.
    pub(super) fn get(
        &self,
        path: &Path,
        options: &ReaderOptions,
        parse: impl FnOnce() -> Result<Manifests, BuildError>,
    ) -> Result<Manifests, BuildError> {
        // What another run broke off in left the list as it was.
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let file = Arc::clone(files.entry(path.to_owned()).or_default());
        drop(files);
        let mut read = file.lock().unwrap_or_else(PoisonError::into_inner);
        let found = read.iter().find(|(known, _)| known == options);
        let parsed = if let Some((_, parsed)) = found {
            Arc::clone(parsed)
        } else {
            let parsed = Arc::new(parse()?);
            read.push((options.clone(), Arc::clone(&parsed)));
            parsed
        };
        drop(read);
        Ok(Manifests::clone(&parsed))
    }
}
