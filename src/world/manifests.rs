//! The manifest files of a scenario: one that gives nodes and pods is read once.

use std::borrow::Cow;
use std::sync::Arc;

use control::federation::FederationOptions;
use jiff::Timestamp;
use k8s::{
    AdmissionClasses, ContainerNames, FirstTemplates, Kubelet, Maker, Manifests, Updates,
    kind_named,
};
use model::queueing::QueueingObjects;
use model::{Changes, Node, Object};
use scenario::Scenario;
use scenario::schema::{NodeSource, WorkloadSource};
use systems::mesos::section::Mesos;

use super::adoption::Beginning;
use super::federation::Division;
use super::kube::is_exact;
use super::manifest_cache::{Contents, ReaderOptions};
use super::openshift_options::ProjectSelectors;
use super::{Adoption, BuildError, FileSource, Remarks, decoded, left_out};
use units::{SortedMap, SortedSet};

/// The manifest files that were read, by the path as written.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says what is read of files for one kind of reader"
)]
pub struct ManifestFiles {
    read: SortedMap<String, Arc<Manifests>>,
    /// Files that were parsed ahead of being read.
    parsed: SortedMap<String, Manifests>,
    has_controllers: bool,
    /// Whether what schedulers look at of workloads is read beside the workloads.
    keeps_objects: bool,
    /// Whether limit ranges and quotas are read where workloads are not.
    reads_bounds: bool,
    /// Whether controllers take over the pods that files bind or leave waiting.
    adopts: bool,
    adoption: Option<Arc<Adoption>>,
    /// Switches of the release that the cluster follows.
    changes: Changes,
    /// Kinds whose objects are left out.
    unwanted: Vec<&'static str>,
    /// Names of containers that are taken.
    names: ContainerNames,
    /// Classes and claims of all files, which objects of any of them may name.
    admission: AdmissionClasses,
    /// Names of classes that only files have which are applied in the run, by file.
    later_classes: SortedMap<String, Vec<String>>,
    /// Files of which only the nodes are taken: nothing but `cluster.nodes` names them.
    of_nodes: SortedSet<String>,
    /// What updates of Deployments stand for.
    updates: Updates,
    /// Templates by which later ones are told apart.
    templates: FirstTemplates,
    /// Node selectors of projects, where the system has any.
    selectors: Option<ProjectSelectors>,
    /// Division of deployments among cells.
    pub(super) division: Division,
    /// Queues of Kueue, if the scenario has any.
    pub(super) queues: Option<QueueingObjects>,
}

/// A scenario with the release of its newest kubelet, where it states none.
///
/// # Errors
/// A file of nodes can't be read.
pub fn followed<'s>(
    scenario: &'s Scenario,
    files: &FileSource<'_>,
) -> Result<Cow<'s, Scenario>, BuildError> {
    let mut manifests = ManifestFiles {
        unwanted: unwanted(scenario),
        ..ManifestFiles::default()
    };
    manifests.follow(scenario, files, &mut Remarks::default())
}

/// Whether a scenario follows the release of its newest kubelet: it states none itself.
pub fn follows_kubelets(scenario: &Scenario) -> bool {
    let system = &scenario.system;
    let is_stated = system.release.is_some() || system.scheduler.release.is_some();
    !is_stated && is_exact(scenario)
}

/// Kinds whose objects a scenario leaves out. Names of no kind are told by [`check_ignored`].
fn unwanted(scenario: &Scenario) -> Vec<&'static str> {
    let named = scenario.cluster.ignore.iter();
    named.filter_map(|word| kind_named(word).ok()).collect()
}

/// Checks the kinds that a scenario leaves out of its manifests.
///
/// # Errors
/// No kind has one of the names.
pub fn check_ignored(scenario: &Scenario) -> Result<(), BuildError> {
    for (number, word) in scenario.cluster.ignore.iter().enumerate() {
        kind_named(word)
            .map_err(|why| BuildError::Experiment(format!("cluster.ignore[{number}]: {why}")))?;
    }
    Ok(())
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

    /// All files that were read, by the path as written.
    pub(super) fn all(&self) -> impl Iterator<Item = &Manifests> {
        self.read.values().map(|file| &**file)
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

    /// Values of a label of the pods and of the templates of all files that were read.
    pub(super) fn label_values(&self, key: &str) -> SortedSet<&str> {
        let files = self.read.values();
        let specs = files.flat_map(|file| {
            let declared = file.workloads.iter().chain(&file.dependents);
            let templates = declared.filter_map(|own| own.object.template());
            templates.chain(file.pods.iter().map(|own| &*own.spec))
        });
        let values = specs.filter_map(|spec| spec.labels.get(key).map(|value| &**value));
        values.collect()
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

    /// Reads limit ranges and quotas beside what schedulers look at.
    pub fn with_bounds() -> Self {
        Self {
            reads_bounds: true,
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
        let controllers = scenario.system.controllers.as_ref();
        let start = controllers.and_then(|own| own.start_date.as_deref());
        let start = start.and_then(|date| date.parse::<Timestamp>().ok());
        let beginning = Beginning {
            // Nodes may stand in a file of their own, and are heard last.
            dump: self.all().filter_map(|file| file.taken_unix_secs).max(),
            schedules: start.map(Timestamp::as_second),
        };
        let adoption = Arc::new(Adoption::of(&order, nodes, beginning));
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

    /// Follows the release of a scenario, and reads the classes, claims and groups of pods of several files, which
    /// objects of each of them may name or belong to. What is wrong with a file is said where it is read as a whole.
    #[must_use]
    pub fn with_classes_of(mut self, scenario: &Scenario, files: &FileSource<'_>) -> Self {
        self.changes = scenario.system.scheduler_changes();
        self.unwanted = unwanted(scenario);
        if scenario.system.name == systems::ecs::ENTRY.name {
            self.names = ContainerNames::Ecs;
        }
        if scenario.system.has_frameworks() {
            let is_stated = scenario.system.own::<Mesos>().states_upgrades();
            self.updates = if is_stated {
                Updates::Stated
            } else {
                Updates::Upgrade
            };
        }
        self.selectors = ProjectSelectors::of(scenario);
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
        let of_nodes: SortedSet<&String> = of_nodes.collect();
        let of_objects: SortedSet<&String> = sources.clone().chain(applied).collect();
        let alone = of_nodes.difference(&of_objects);
        self.of_nodes = alone.map(|file| (*file).clone()).collect();
        let at_start: SortedSet<&String> = of_nodes.iter().copied().chain(sources).collect();
        let written: SortedSet<&String> = of_nodes.into_iter().chain(of_objects).collect();
        if written.len() > 1 {
            self.read_classes(&written, &at_start, files);
        }
        self
    }

    /// Reads the classes of several files, some of which are there at the start of the run.
    fn read_classes(
        &mut self,
        written: &SortedSet<&String>,
        at_start: &SortedSet<&String>,
        files: &FileSource<'_>,
    ) {
        let contents = if self.has_controllers {
            Contents::Workloads
        } else {
            Contents::Cluster
        };
        let mut read = Vec::new();
        for file in written {
            let options = ReaderOptions {
                admission: None,
                unwanted: self.unwanted.clone(),
                names: ContainerNames::default(),
                updates: Updates::default(),
                contents,
            };
            if let Ok(parsed) = files.manifests(file, &options) {
                read.push((*file, parsed.admission));
            }
        }
        let (first, applied): (Vec<_>, Vec<_>) =
            read.iter().partition(|(file, _)| at_start.contains(file));
        if !applied.is_empty() {
            let mut known = AdmissionClasses::default();
            for (_, classes) in first {
                known.merge(classes.clone());
            }
            for (file, classes) in applied {
                let names = known.later_classes(classes);
                if !names.is_empty() {
                    self.later_classes.insert((*file).clone(), names);
                }
            }
        }
        for (_, classes) in read {
            self.admission.merge(classes);
        }
    }

    /// A scenario with the release of its newest kubelet, where it states none; kubelets of releases
    /// that are not modelled are noted.
    ///
    /// # Errors
    /// A file of nodes can't be read.
    pub fn follow<'s>(
        &mut self,
        scenario: &'s Scenario,
        files: &FileSource<'_>,
        remarks: &mut Remarks,
    ) -> Result<Cow<'s, Scenario>, BuildError> {
        if !follows_kubelets(scenario) {
            return Ok(Cow::Borrowed(scenario));
        }
        let mut newest = None;
        for source in &scenario.cluster.nodes {
            if let NodeSource::Manifests(file) = source
                && !self.parsed.contains_key(file)
            {
                let parsed = self.parse(file, files)?;
                newest = Kubelet::newer(newest, parsed.newest_kubelet.clone());
                self.parsed.insert(file.clone(), parsed);
            }
        }
        let Some(kubelet) = newest else {
            return Ok(Cow::Borrowed(scenario));
        };
        remarks.note_all(kubelet.doubt());
        let mut scenario = scenario.clone();
        scenario.system.release = Some(kubelet.release().into());
        self.changes = scenario.system.scheduler_changes();
        Ok(Cow::Owned(scenario))
    }

    fn parse(&self, written: &str, files: &FileSource<'_>) -> Result<Manifests, BuildError> {
        let options = ReaderOptions {
            admission: Some(if self.has_controllers {
                self.admission.clone().of_run()
            } else {
                self.admission.clone()
            }),
            unwanted: self.unwanted.clone(),
            names: self.names,
            updates: self.updates,
            contents: match (self.keeps_objects, self.has_controllers) {
                (true, _) => Contents::Everything,
                (false, true) => Contents::Workloads,
                (false, false) if self.reads_bounds => Contents::Bounds,
                (false, false) => Contents::Cluster,
            },
        };
        files.manifests(written, &options)
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
        let mut manifests = match self.parsed.remove(written) {
            Some(parsed) => parsed,
            None => self.parse(written, files)?,
        };
        for words in decoded::drop_unheeded(&mut manifests, self.changes) {
            remarks.note(format!("{}: {words}", input.name));
        }
        for class in self.later_classes.remove(written).unwrap_or_default() {
            remarks.note(format!(
                "{}: {class}, counts from the start of the run, as if it had been there; a cluster has it from \
                 then on only",
                input.name
            ));
        }
        let doubts = manifests.programs.doubts();
        remarks.note_all(doubts.map(|words| format!("{}: {words}", input.name)));
        // Snapshots look at the budgets and the like of every file.
        if !self.keeps_objects && self.of_nodes.contains(written) {
            remarks.note_all(left_out::of_file(&input.name, &mut manifests));
        }
        if self.has_controllers && !self.adopts {
            // Their owners make them anew.
            manifests.pods.retain(|pod| pod.maker == Maker::Nobody);
        }
        self.templates.mark(&mut manifests);
        ProjectSelectors::hold(self.selectors.as_ref(), &mut manifests);
        self.division.divide(&input.name, &mut manifests)?;
        let manifests = Arc::new(manifests);
        remarks.manifests(&input.name, &manifests);
        self.read.insert(written.to_owned(), Arc::clone(&manifests));
        Ok(manifests)
    }
}
