//! The manifest files of a scenario: one that gives nodes and pods is read once.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::trace::manifest::{Manifests, read_inputs};

use super::{BuildError, FileSource, Remarks};

/// The manifest files that were read, by the path as written.
#[derive(Default)]
pub struct ManifestFiles(BTreeMap<String, Arc<Manifests>>);

impl ManifestFiles {
    /// What a file declares; what it says and the model leaves out is noted.
    pub(super) fn read(
        &mut self,
        written: &str,
        files: &FileSource<'_>,
        remarks: &mut Remarks,
    ) -> Result<Arc<Manifests>, BuildError> {
        if let Some(known) = self.0.get(written) {
            return Ok(Arc::clone(known));
        }
        let input = files.open(written);
        let manifests = Arc::new(read_inputs(std::slice::from_ref(&input))?);
        remarks.manifests(&input.name, &manifests);
        self.0.insert(written.to_owned(), Arc::clone(&manifests));
        Ok(manifests)
    }
}
