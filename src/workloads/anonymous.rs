//! A workload without names: those of arrivals, tenants, namespaces, types of jobs, models of GPUs and what jobs state
//! as free text are numbers in the order in which they appear; a log's names, places and dates are left out.

use std::sync::Arc;

use arrivals::header_record::HeaderRecord;
use arrivals::job_fields::{BATCH_SIZE, JobField, OUTCOME, Outcome, PLACEMENT};
use arrivals::links::Links;
use arrivals::precedence::{TaskHash, hash_of_task};
use arrivals::spill::Places;
use arrivals::stream::{Arrival, ArrivalSource, Classes};
use intake::TraceError;
use model::{Affinity, JOB_TYPE_LABEL, Labels, PodName, PodSpec, Text};
use units::{Duration, SortedMap};

/// The beginning of the program's own labels.
const OWN_PREFIX: &str = "windtunnel/";

/// The names that an anonymous workload keeps, as a run may need them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptNames {
    /// Whether types of jobs stay, by which `models.throughputs` knows them.
    pub job_types: bool,
    /// Whether models of GPUs stay, by which nodes are chosen.
    pub gpu_models: bool,
    /// Whether all labels stay, partitions among them, by which rules choose pods.
    pub labels: bool,
}

impl KeptNames {
    /// The names that an experiment keeps: its run chooses by them, and publishes none.
    pub const OF_RUN: Self = Self {
        job_types: true,
        gpu_models: true,
        labels: true,
    };
}

/// Names with numbers in the order in which they appear.
#[derive(Clone, Debug, Default)]
struct Numbered(SortedMap<Text, Text>);

impl Numbered {
    /// The new name of one, which begins with a word; an empty name stays empty.
    fn of(&mut self, name: &Text, word: &str) -> Text {
        if name.is_empty() {
            return name.clone();
        }
        let number = self.0.len() + 1;
        let known = self.0.entry(name.clone());
        known
            .or_insert_with(|| format!("{word}-{number}").into())
            .clone()
    }
}

/// The new names of tasks, which are found by the hashes of the old ones. The name of one that is a whole arrival is the number of
/// that; others are numbered by themselves.
#[derive(Debug, Default)]
struct Tasks {
    names: Places,
    count: u64,
}

impl Tasks {
    /// The new name of a task, if it has one.
    fn get(&self, task: TaskHash) -> Result<Option<PodName>, TraceError> {
        let name = |code: u64| match (code & 1, code >> 1) {
            (0, arrival) => PodName::Job(arrival),
            (_, task) => PodName::Text(format!("task-{task}").into()),
        };
        Ok(self.names.get(task)?.map(name))
    }

    /// Names a task by the number of the arrival that is all of it.
    fn name_whole(&mut self, task: TaskHash, arrival: u64) -> Result<(), TraceError> {
        self.count += 1;
        self.names.put(task, arrival << 1)
    }

    /// The new name of a task, which gets one if it has none.
    fn name(&mut self, task: TaskHash) -> Result<PodName, TraceError> {
        if let Some(known) = self.get(task)? {
            return Ok(known);
        }
        self.count += 1;
        self.names.put(task, self.count << 1 | 1)?;
        Ok(PodName::Text(format!("task-{}", self.count).into()))
    }

    fn copy(&self) -> Result<Self, TraceError> {
        Ok(Self {
            names: self.names.copy()?,
            count: self.count,
        })
    }
}

/// A source whose names are numbers in the order in which they appear.
pub(super) struct Anonymous {
    inner: Box<dyn ArrivalSource>,
    kept: KeptNames,
    /// Number of arrivals up to now.
    arrivals: u64,
    classes: Classes,
    tenants: Vec<Text>,
    namespaces: Numbered,
    job_types: Numbered,
    gpu_models: Numbered,
    containers: Numbered,
    images: Numbered,
    /// The values of the fields of jobs, by their place.
    fields: [Numbered; JobField::ALL.len()],
    header: HeaderRecord,
    /// The new names of tasks that arrivals are or wait for.
    tasks: Tasks,
    /// The gang of the last arrival by its old name, and the number of gangs up to now.
    gang: Option<(u16, PodName)>,
    gangs: u64,
}

impl Anonymous {
    pub(super) fn new(inner: Box<dyn ArrivalSource>, kept: KeptNames) -> Self {
        Self {
            header: inner.header().anonymous(),
            inner,
            kept,
            arrivals: 0,
            classes: Classes::default(),
            tenants: Vec::new(),
            namespaces: Numbered::default(),
            job_types: Numbered::default(),
            gpu_models: Numbered::default(),
            containers: Numbered::default(),
            images: Numbered::default(),
            fields: Default::default(),
            tasks: Tasks::default(),
            gang: None,
            gangs: 0,
        }
    }

    /// The new name of an arrival's gang, whose members stand one after the other.
    fn name_gang(&mut self, arrival: &Arrival) -> Option<PodName> {
        let own = arrival.gang().map(|gang| (arrival.part, gang.clone()));
        if own.is_some() && own != self.gang {
            self.gangs += 1;
        }
        let is_one = own.is_some();
        self.gang = own;
        is_one.then(|| PodName::Text(format!("gang-{}", self.gangs).into()))
    }

    /// Replaces the names of an arrival's links: a task has the name of the arrival that is all of it,
    /// unless others named it before.
    fn rename(&mut self, arrival: &mut Arrival, name: PodName) -> Result<(), TraceError> {
        let part = arrival.part;
        let mut links = arrival.links.take();
        let stated = links.as_mut().and_then(|own| own.part_of.take());
        let is_whole = stated.is_none();
        let task = hash_of_task(part, &stated.unwrap_or(name));
        let part_of = match self.tasks.get(task)? {
            None if is_whole => {
                self.tasks.name_whole(task, self.arrivals)?;
                None
            }
            None => Some(self.tasks.name(task)?),
            known => known,
        };
        let mut after = links.as_ref().map_or(Vec::new(), |own| own.after.clone());
        for name in &mut after {
            *name = self.tasks.name(hash_of_task(part, name))?;
        }
        let delay = links.map_or(Duration::ZERO, |own| own.delay);
        arrival.links = Links::of(part_of, after);
        if let Some(links) = &mut arrival.links {
            links.delay = delay;
        }
        Ok(())
    }

    fn spec(&mut self, spec: &Arc<PodSpec>) -> Arc<PodSpec> {
        let is_nameless = spec.namespace.is_empty()
            && spec.labels.is_empty()
            && (self.kept.labels || !has_rules_by_labels(spec) && !has_named_containers(spec))
            && (spec.gpu.models.is_empty() || self.kept.gpu_models);
        if is_nameless {
            return spec.clone();
        }
        let mut gpu = spec.gpu.clone();
        if !self.kept.gpu_models {
            for model in &mut gpu.models {
                *model = self.gpu_models.of(model, "gpu-model");
            }
            gpu.models.sort_unstable();
        }
        let mut own = PodSpec {
            namespace: self.namespaces.of(&spec.namespace, "namespace"),
            labels: self.labels(&spec.labels),
            gpu,
            ..(**spec).clone()
        };
        if !self.kept.labels {
            // Labels of nodes are free texts as those of pods are.
            own.node_selector = Labels::new();
            own.affinity = Affinity::default();
            for container in own.init_containers.iter_mut().chain(&mut own.containers) {
                container.name = self.containers.of(&container.name, "container");
                container.image = self.images.of(&container.image, "image");
            }
        }
        Arc::new(own)
    }

    /// The labels with a meaning to the program; others are free texts and are left out.
    fn labels(&mut self, own: &Labels) -> Labels {
        if self.kept.labels {
            return own.clone();
        }
        let mut labels = Labels::new();
        if let Some(job_type) = own.get(JOB_TYPE_LABEL) {
            let name = if self.kept.job_types {
                job_type.clone()
            } else {
                self.job_types.of(job_type, "job-type")
            };
            labels.insert(JOB_TYPE_LABEL.into(), name);
        }
        for (label, value) in own {
            if label.starts_with(OWN_PREFIX) {
                labels.insert_if_absent(label, || value.clone());
            }
        }
        for (place, field) in JobField::ALL.into_iter().enumerate() {
            let Some(value) = own.get(field.label) else {
                continue;
            };
            let is_word = [&PLACEMENT, &BATCH_SIZE].contains(&field)
                || *field == OUTCOME && Outcome::of_word(value).is_some();
            let value = if is_word {
                value.clone()
            } else {
                self.fields[place].of(value, field.column)
            };
            field.state(&mut labels, value);
        }
        labels
    }
}

/// Whether a pod has rules about labels of nodes or of other pods.
fn has_rules_by_labels(spec: &PodSpec) -> bool {
    !spec.node_selector.is_empty() || spec.affinity != Affinity::default()
}

/// Whether a container of a pod has a name or an image.
fn has_named_containers(spec: &PodSpec) -> bool {
    { spec.all_containers() }.any(|own| !own.name.is_empty() || !own.image.is_empty())
}

impl ArrivalSource for Anonymous {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let Some(arrival) = self.inner.next()? else {
            return Ok(None);
        };
        for class in self.classes.len()..self.inner.classes().len() {
            let spec = self.inner.classes().get(class as u32)?;
            let spec = self.spec(&spec);
            self.classes.push(spec);
        }
        for number in self.tenants.len()..self.inner.tenants().len() {
            self.tenants.push(format!("tenant-{}", number + 1).into());
        }
        self.arrivals += 1;
        let name = arrival.name.clone();
        let mut arrival = Arrival {
            name: PodName::Job(self.arrivals),
            ..arrival
        };
        let gang = self.name_gang(&arrival);
        if self.may_wait() {
            self.rename(&mut arrival, name)?;
        }
        if let Some(gang) = gang {
            arrival.join(gang);
        }
        Ok(Some(arrival))
    }

    fn header(&self) -> &HeaderRecord {
        &self.header
    }

    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(Self {
            inner: self.inner.fork()?,
            arrivals: self.arrivals,
            classes: self.classes.clone(),
            tenants: self.tenants.clone(),
            kept: self.kept,
            namespaces: self.namespaces.clone(),
            job_types: self.job_types.clone(),
            gpu_models: self.gpu_models.clone(),
            containers: self.containers.clone(),
            images: self.images.clone(),
            fields: self.fields.clone(),
            header: self.header.clone(),
            tasks: self.tasks.copy()?,
            gang: self.gang.clone(),
            gangs: self.gangs,
        }))
    }

    fn tenants(&self) -> &[Text] {
        &self.tenants
    }

    fn inner(&self) -> Option<&dyn ArrivalSource> {
        Some(&*self.inner)
    }
}
