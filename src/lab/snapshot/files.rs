//! The files of a snapshot: dumps of `kubectl get -o json|yaml`, folders of them, the folder that
//! `kubectl cluster-info dump` writes, and scenarios whose cluster and workload come from
//! manifests.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Gathered, NAMED, SnapshotError};
use crate::names::Registered;
use intake::Input;
use k8s::{Kubelet, ManifestFinding, ManifestReader, Manifests, effect_of_kind, is_of_runs};
use scenario::schema::{Federation, NamedSchedulerKind, NodeSource, System, WorkloadSource};
use scenario::{Color, Experiment, LoadOptions, SearchPath, load};
use units::{Duration, SortedSet, plural};
use world::inputs::{DiskAndEmbedded, embedded_folder};
use world::{FileSource, ManifestFiles, Remarks, nodes};

/// Refuses cells: each has a scheduler of its own for its nodes, and a snapshot has one for all nodes.
fn refuse_federation(file: &str, written: Option<&Federation>) -> Result<(), SnapshotError> {
    let Some(cell) = written.and_then(|own| own.cells.first()) else {
        return Ok(());
    };
    Err(SnapshotError::Input(format!(
        "{file}: system.federation: the cells have a scheduler each, and one scheduler is asked here about \
         all nodes; leave `federation` out, and under `cluster.nodes` all nodes but those of one cell, such \
         as `{}`",
        cell.name
    )))
}

/// Refuses a Mesos master: its frameworks choose among offers, and a snapshot asks a kube-scheduler.
fn refuse_master(file: &str, system: &System) -> Result<(), SnapshotError> {
    let mut schedulers = system.schedulers.iter();
    let Some(master) = schedulers.find(|own| own.kind == NamedSchedulerKind::Mesos) else {
        return Ok(());
    };
    Err(SnapshotError::Input(format!(
        "{file}: system.schedulers: `{}` is a Mesos master, whose frameworks choose among offers, and a \
         kube-scheduler is asked here; leave it out",
        master.name
    )))
}

/// Endings of files that a folder is searched for, before `.gz`, `.xz` or `.zst`.
const ENDINGS: [&str; 3] = ["json", "yaml", "yml"];

/// Part of a file that counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Everything,
    /// All but nodes: a scenario states them elsewhere.
    Pods,
    /// All but nodes and pods.
    Objects,
}

/// Files that are put together to a snapshot.
pub struct Sources<'a> {
    traces_dirs: &'a [PathBuf],
    /// Dumps are read as one: objects of several files know each other.
    reader: ManifestReader,
    /// The files of those.
    dumps: Vec<Arc<str>>,
    gathered: Gathered,
    reads_workloads: bool,
    node_names: SortedSet<model::Text>,
    pod_names: SortedSet<(model::Text, model::Text)>,
}

impl<'a> Sources<'a> {
    /// No files yet. Files that a scenario names are also looked for in `traces_dirs`.
    pub fn new(traces_dirs: &'a [PathBuf]) -> Self {
        Self {
            traces_dirs,
            reader: ManifestReader::new().with_bounds(),
            dumps: Vec::new(),
            gathered: Gathered::default(),
            reads_workloads: false,
            node_names: SortedSet::new(),
            pod_names: SortedSet::new(),
        }
    }

    /// Leaves objects of kinds out.
    #[must_use]
    pub fn without(self, kinds: &[&'static str]) -> Self {
        Self {
            reader: self.reader.without(kinds),
            ..self
        }
    }

    /// Reads the objects that plans look at, too.
    #[must_use]
    pub fn with_workloads(self) -> Self {
        Self {
            reads_workloads: true,
            reader: self.reader.with_everything(),
            ..self
        }
    }

    /// Adds a file, a folder, a scenario, or `-`, standard input.
    ///
    /// # Errors
    /// If it can't be read, or if a node or pod of a name was there before.
    pub fn add(&mut self, path: &Path) -> Result<(), SnapshotError> {
        if !path.is_dir() {
            let name = path.display().to_string();
            // A plan writes its cluster out of the files that it came from.
            let input = if self.reads_workloads {
                Input::argument(&name)?
            } else {
                Input::streamed(&name)?
            };
            return self.add_input(&input, path);
        }
        let mut files = Vec::new();
        list(path, &mut files)?;
        let mut count = 0;
        for file in &files {
            let input = Input::path(file);
            if !is_scenario(&input)? {
                count += 1;
                self.add_dump(&input)?;
            }
        }
        if count == 0 {
            return Err(SnapshotError::Input(format!(
                "{}: the folder has no .json or .yaml file (plain, .gz, .xz or .zst) of objects",
                path.display()
            )));
        }
        Ok(())
    }

    /// Adds what an input holds, a dump or a scenario; files that a scenario names are found from `path`, its
    /// place.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn add_input(&mut self, input: &Input, path: &Path) -> Result<(), SnapshotError> {
        if is_scenario(input)? {
            self.add_scenario(input, path)
        } else {
            self.add_dump(input)
        }
    }

    /// Returns the joint declarations of all files.
    ///
    /// # Errors
    /// If they declare no node, or a scenario one that a dump has.
    pub fn finish(self) -> Result<Gathered, SnapshotError> {
        let gathered = self.objects()?;
        if gathered.nodes.is_empty() {
            let inputs = gathered.inputs.iter();
            let files: Vec<&str> = inputs.take(NAMED).map(|input| &*input.name).collect();
            let more = match gathered.inputs.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {}", plural::count(more, "more file")),
            };
            return Err(SnapshotError::Input(format!(
                "{}{more}: no Node objects ({}); add those of `kubectl get nodes -o json`",
                files.join(", "),
                plural::count(gathered.pods.len(), "pod")
            )));
        }
        Ok(gathered)
    }

    /// The joint declarations of all files, which need not declare a node.
    ///
    /// # Errors
    /// If a scenario declares a node that a dump has.
    pub fn objects(mut self) -> Result<Gathered, SnapshotError> {
        let read = std::mem::take(&mut self.reader).finish();
        let dumps = std::mem::take(&mut self.dumps);
        match dumps.as_slice() {
            [] => {}
            [one] => self.merge(one, read, Part::Everything)?,
            _ => self.merge("", read, Part::Everything)?,
        }
        self.gathered.settle_findings();
        Ok(self.gathered)
    }

    fn add_dump(&mut self, input: &Input) -> Result<(), SnapshotError> {
        self.dumps.push(input.name.clone());
        self.gathered.inputs.push(input.clone());
        Ok(self.reader.read(input)?)
    }

    fn merge(&mut self, file: &str, read: Manifests, part: Part) -> Result<(), SnapshotError> {
        let place = match file {
            "" => String::new(),
            file => format!("{file}: "),
        };
        let twice = |what: &str, name: &str| {
            SnapshotError::Input(format!(
                "{place}{what} `{name}` is in another file as well; give each file once, and only \
                 dumps taken at the same time"
            ))
        };
        if part == Part::Everything {
            for node in read.nodes {
                if !self.node_names.insert(node.name.clone()) {
                    return Err(twice("node", &node.name));
                }
                self.gathered.nodes.push(Arc::new(node));
            }
        }
        if part != Part::Objects {
            for pod in read.pods {
                let name = (pod.namespace().clone(), pod.name.clone());
                if !self.pod_names.insert(name) {
                    let name = format!("{}/{}", pod.namespace(), pod.name);
                    return Err(twice("pod", &name));
                }
                self.gathered.pods.push(pod);
            }
        }
        for own in &read.workloads {
            self.gathered.declared.add(&own.object);
            self.gathered.workloads.push(own.object.clone());
        }
        for (kind, count) in &read.ignored_kinds {
            // Pods stand in a snapshot themselves, and workloads change nothing about them.
            let has_pods = !self.gathered.pods.is_empty();
            let is_told = has_pods && is_of_runs(kind);
            if !(read.unread_workloads.contains_key(kind) || is_told) {
                let words = ignored(*count, kind, effect_of_kind(kind));
                self.gathered.findings.push(format!("{place}{words}"));
            }
        }
        for (kind, count) in read.ignored_kinds {
            *self.gathered.ignored_kinds.entry(kind).or_default() += count;
        }
        let findings = read.findings.iter().filter(|own| !is_heeded(own));
        let (lacking, findings): (Vec<_>, Vec<_>) = findings.partition(|own| own.lacks_queues);
        let told = |own: &ManifestFinding| format!("{place}{own}");
        (self.gathered.findings).extend(findings.into_iter().map(told));
        (self.gathered.without_queues).extend(lacking.into_iter().map(told));
        let reports = read.node_reports.into_iter();
        let unready = reports.filter(|(_, own)| own.is_silent || own.is_unready);
        self.gathered.unready.extend(unready.map(|(name, _)| name));
        let known = self.gathered.newest_kubelet.take();
        self.gathered.newest_kubelet = Kubelet::newer(known, read.newest_kubelet);
        let taken = &mut self.gathered.declared.taken_unix_secs;
        *taken = (*taken).max(read.taken_unix_secs);
        self.gathered.programs.merge(read.programs);
        self.gathered.admission.merge(read.admission);
        self.gathered.objects.merge(read.objects);
        Ok(())
    }

    fn add_scenario(&mut self, input: &Input, path: &Path) -> Result<(), SnapshotError> {
        let experiment = self.load(input, path)?;
        let Some(plan) = experiment.variants.first() else {
            return Ok(());
        };
        let system = &plan.scenario.system;
        refuse_federation(&input.name, system.federation.as_ref())?;
        refuse_master(&input.name, system)?;
        let files = FileSource::of(&experiment.files);
        let mut manifests = if self.reads_workloads {
            ManifestFiles::with_everything()
        } else {
            ManifestFiles::with_bounds()
        };
        manifests = manifests.with_classes_of(&plan.scenario, &files);
        let mut remarks = Remarks::default();
        let made = nodes(&plan.scenario, &files, &mut manifests, &mut remarks);
        let made = made.map_err(|error| SnapshotError::Input(error.to_string()))?;
        let system = &plan.scenario.system;
        if system.scheduler.release.or(system.release).is_some() {
            self.gathered.stated_release = Some(system.scheduler_release());
        }
        self.node_names
            .extend(made.iter().map(|node| node.name.clone()));
        self.gathered.nodes.extend(made);
        let mut pods = SortedSet::new();
        for source in &plan.scenario.workload {
            match source {
                WorkloadSource::Manifests { file, at } if pods.insert(file) => {
                    self.gathered.has_later |= *at > Duration::ZERO;
                    let read = known(&mut manifests, file, &files)?;
                    self.gathered.inputs.push(files.open(file));
                    self.merge(&files.open(file).name, read, Part::Pods)?;
                }
                WorkloadSource::Manifests { .. } => {}
                _ => self.gathered.findings.push(format!(
                    "{}: arrivals of traces and models happen after the examined instant and are \
                     ignored",
                    input.name
                )),
            }
        }
        for source in &plan.scenario.cluster.nodes {
            match source {
                NodeSource::Manifests(file) if !pods.contains(file) => {
                    let read = known(&mut manifests, file, &files)?;
                    self.gathered.inputs.push(files.open(file));
                    self.merge(&files.open(file).name, read, Part::Objects)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn load(&self, input: &Input, path: &Path) -> Result<Experiment, SnapshotError> {
        let search = SearchPath {
            base_dir: path.parent().map(Path::to_path_buf).unwrap_or_default(),
            traces_dirs: self.traces_dirs.to_vec(),
            built_in: Some(embedded_folder()),
        };
        let options = LoadOptions {
            sets: &[],
            search: &search,
            lookup: &DiskAndEmbedded,
            names: &Registered,
        };
        load(&input.read_to_string()?, &input.name, options).map_err(|rejected| {
            SnapshotError::Input(rejected.render(Color::Off).trim_end().to_owned())
        })
    }
}

/// Declarations of a file that a scenario names, which is read once.
fn known(
    manifests: &mut ManifestFiles,
    file: &str,
    files: &FileSource<'_>,
) -> Result<Manifests, SnapshotError> {
    let mut remarks = Remarks::default();
    let read = manifests.read(file, files, &mut remarks);
    let read = read.map_err(|error| SnapshotError::Input(error.to_string()))?;
    Ok(Manifests::clone(&read))
}

/// Whether a file is an experiment of this program.
///
/// # Errors
/// If it can't be read.
pub fn is_experiment(path: &Path) -> Result<bool, SnapshotError> {
    is_scenario(&Input::path(path))
}

/// Whether a file is an experiment of this program: `windtunnel` stands at its top.
fn is_scenario(input: &Input) -> Result<bool, SnapshotError> {
    let bytes = input.first_bytes()?;
    let text = String::from_utf8_lossy(&bytes);
    if text.trim_start().starts_with('{') {
        let compact: String = text.chars().filter(|own| !own.is_whitespace()).collect();
        return Ok(compact.starts_with("{\"windtunnel\":"));
    }
    Ok(text.lines().any(|line| line.starts_with("windtunnel:")))
}

/// Whether a field that the simulator's policies pass over counts here: volumes, nominations and
/// resizes in place do.
pub(super) fn is_heeded(finding: &ManifestFinding) -> bool {
    const HEEDED: [&str; 8] = [
        ".persistentVolumeClaim",
        ".ephemeral",
        ".gcePersistentDisk",
        ".awsElasticBlockStore",
        ".iscsi",
        ".rbd",
        "status.nominatedNodeName",
        "status.containerStatuses",
    ];
    let mut heeded = HEEDED.iter();
    heeded.any(|ending| finding.field.ends_with(ending))
}

/// The files of objects below a folder, in order of their paths.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), SnapshotError> {
    let wrong =
        |error: std::io::Error| SnapshotError::Input(format!("{}: {error}", folder.display()));
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        entries.push(entry.map_err(wrong)?.path());
    }
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            list(&entry, files)?;
        } else if holds_objects(&entry) {
            files.push(entry);
        }
    }
    Ok(())
}

fn holds_objects(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.unwrap_or_default();
    let plain = [".gz", ".zst", ".xz"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(name);
    let ending = Path::new(plain).extension();
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known))
}

/// Words about objects of a kind that nothing reads.
fn ignored(count: usize, kind: &str, effect: &str) -> String {
    let (objects, are) = (
        plural::count(count, "object"),
        plural::either(count, "is", "are"),
    );
    format!("{objects} of kind `{kind}` {are} ignored: {effect}")
}
