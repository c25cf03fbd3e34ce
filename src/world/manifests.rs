//! The manifest files of a scenario: one that gives nodes and pods is read once.

use std::collections::BTreeMap;
use std::sync::Arc;

use manifest::{Maker, ManifestReader, Manifests};

use super::{BuildError, FileSource, Remarks};

/// The manifest files that were read, by the path as written.
#[derive(Default)]
pub struct ManifestFiles {
    read: BTreeMap<String, Arc<Manifests>>,
    has_controllers: bool,
}

impl ManifestFiles {
    /// No file is read yet; with controllers their workloads are, too.
    pub fn new(has_controllers: bool) -> Self {
        Self {
            has_controllers,
            ..Self::default()
        }
    }

    /// Reads the declarations of a file; what it says and the model leaves out is noted.
    pub(super) fn read(
        &mut self,
        written: &str,
        files: &FileSource<'_>,
        remarks: &mut Remarks,
    ) -> Result<Arc<Manifests>, BuildError> {
        if let Some(known) = self.read.get(written) {
            return Ok(Arc::clone(known));
        }
        let input = files.open(written);
        let mut reader = ManifestReader::new();
        if self.has_controllers {
            reader = reader.with_workloads();
        }
        reader.read(&input)?;
        let mut manifests = reader.finish();
        if self.has_controllers {
            // Their owners make them anew.
            manifests.pods.retain(|pod| pod.maker == Maker::Nobody);
        }
        let manifests = Arc::new(manifests);
        remarks.manifests(&input.name, &manifests);
        self.read.insert(written.to_owned(), Arc::clone(&manifests));
        Ok(manifests)
    }
}
