//! The manifest files of a scenario: one that gives nodes and pods is read once.

use std::sync::Arc;

use control::federation::FederationOptions;
use k8s::{Maker, ManifestReader, Manifests, PriorityClasses};
use model::queueing::QueueingObjects;
use model::{Changes, Node, Object};
use scenario::Scenario;
use scenario::schema::{NodeSource, WorkloadSource};

use super::federation::Division;
use super::{Adoption, BuildError, FileSource, Remarks, decoded};
use units::{SortedMap, SortedSet};

/// The manifest files that were read, by the path as written.
#[derive(Default)]
pub struct ManifestFiles {
    read: SortedMap<String, Arc<Manifests>>,
    has_controllers: bool,
    /// Whether what schedulers look at of workloads is read beside the workloads.
    keeps_objects: bool,
    /// Whether controllers take over the pods that files bind or leave waiting.
    adopts: bool,
    adoption: Option<Arc<Adoption>>,
    /// Switches of the release that the cluster follows.
    changes: Changes,
    /// Priority classes of all files, which pods of any of them may name.
    priorities: PriorityClasses,
    /// Division of deployments among cells.
    pub(super) division: Division,
    /// Queues of Kueue, if the scenario has any.
    pub(super) queues: Option<QueueingObjects>,
}

impl ManifestFiles {
    /// Namespaces of the pods and objects of all files that were read.
    pub(super) fn namespaces(&self) -> SortedSet<&str> {
        let files = self.read.values();
        let mut names = SortedSet::new();
        for file in files {
            names.extend(file.pods.iter().map(|own| &**own.namespace()));
            for own in file.workloads.iter().chain(&file.dependents) {
                names.extend(match &own.object {
                    Object::Namespace(own) => [&*own.name],
                    other => [&**other.namespace()],
                });
            }
        }
        names
    }

    /// Names of the pods and objects of all files that were read.
    pub(super) fn names(&self) -> SortedSet<&str> {
        let files = self.read.values();
        let mut names = SortedSet::new();
        for file in files {
            names.extend(file.pods.iter().map(|own| &*own.name));
            let declared = file.workloads.iter().chain(&file.dependents);
            names.extend(declared.map(|own| &**own.object.name()));
        }
        names
    }

    /// No file is read yet; with controllers their workloads are, too.
    pub fn new(has_controllers: bool) -> Self {
        Self {
            has_controllers,
            ..Self::default()
        }
    }

    /// Reads workloads and what schedulers look at of them, and keeps every pod.
    pub fn with_everything() -> Self {
        Self {
            keeps_objects: true,
            ..Self::default()
        }
    }

    /// Has controllers take over the pods of the files.
    #[must_use]
    pub fn adopting(self, adopts: bool) -> Self {
        Self { adopts, ..self }
    }

    /// The workloads and pods of a scenario's files that are there when the run begins.
    ///
    /// # Errors
    /// A file can't be read.
    pub fn adoption(
        &mut self,
        scenario: &Scenario,
        nodes: &[Arc<Node>],
        files: &FileSource<'_>,
        remarks: &mut Remarks,
    ) -> Result<Arc<Adoption>, BuildError> {
        if let Some(known) = &self.adoption {
            return Ok(Arc::clone(known));
        }
        let mut read: SortedMap<&String, Arc<Manifests>> = SortedMap::new();
        let mut order = Vec::new();
        for source in &scenario.workload {
            if let WorkloadSource::Manifests { file, .. } = source
                && self.adopts
                && !read.contains_key(file)
            {
                let manifests = self.read(file, files, remarks)?;
                order.push(Arc::clone(&manifests));
                read.insert(file, manifests);
            }
        }
        let adoption = Arc::new(Adoption::of(&order, nodes));
        remarks.adopted(&adoption);
        self.adoption = Some(Arc::clone(&adoption));
        Ok(adoption)
    }

    /// Options of a scenario's federation, once all of its files were read.
    ///
    /// # Errors
    /// Its cells or deployments do not fit the nodes and the manifests.
    pub fn federation(
        &self,
        scenario: &Scenario,
        nodes: &[Arc<Node>],
        remarks: &mut Remarks,
    ) -> Result<Option<FederationOptions>, BuildError> {
        self.division.options(scenario, nodes, remarks)
    }

    /// Follows the release of a scenario, and reads the priority classes of several files, which pods
    /// of each of them may name. What is wrong
    /// with a file is said where it is read as a whole.
    #[must_use]
    pub fn with_priorities_of(mut self, scenario: &Scenario, files: &FileSource<'_>) -> Self {
        self.changes = scenario.system.scheduler_changes();
        self.division = Division::of(scenario);
        let sources = scenario.workload.iter().filter_map(|source| match source {
            WorkloadSource::Manifests { file, .. } => Some(file),
            _ => None,
        });
        let applied = scenario.operations.iter();
        let applied = applied.filter_map(|operation| operation.apply.as_ref());
        let of_nodes = scenario.cluster.nodes.iter();
        let of_nodes = of_nodes.filter_map(|source| match source {
            NodeSource::Manifests(file) => Some(file),
            _ => None,
        });
        let written: SortedSet<&String> = sources.chain(applied).chain(of_nodes).collect();
        if written.len() > 1 {
            for file in written {
                let mut reader = ManifestReader::new();
                if reader.read(&files.open(file)).is_ok() {
                    self.priorities.merge(reader.finish().priorities);
                }
            }
        }
        self
    }

    /// Reads the declarations of a file; what it says and the model leaves out is noted.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn read(
        &mut self,
        written: &str,
        files: &FileSource<'_>,
        remarks: &mut Remarks,
    ) -> Result<Arc<Manifests>, BuildError> {
        if let Some(known) = self.read.get(written) {
            return Ok(Arc::clone(known));
        }
        let input = files.open(written);
        let mut reader = ManifestReader::with_priorities(self.priorities.clone());
        if self.keeps_objects {
            reader = reader.with_everything();
        } else if self.has_controllers {
            reader = reader.with_workloads();
        }
        reader.read(&input)?;
        let mut manifests = reader.finish();
        for words in decoded::drop_unheeded(&mut manifests, self.changes) {
            remarks.note(format!("{}: {words}", input.name));
        }
        if self.has_controllers && !self.adopts {
            // Their owners make them anew.
            manifests.pods.retain(|pod| pod.maker == Maker::Nobody);
        }
        self.division.divide(&input.name, &mut manifests)?;
        let manifests = Arc::new(manifests);
        remarks.manifests(&input.name, &manifests);
        self.read.insert(written.to_owned(), Arc::clone(&manifests));
        Ok(manifests)
    }
}
