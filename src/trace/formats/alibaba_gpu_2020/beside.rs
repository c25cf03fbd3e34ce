//! Tables beside that of tasks: jobs state the submission and the user of tasks, tags which GPUs a job asked for and
//! what it does, sensors what its workers used.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::is_word;
use super::tasks::STATES;
use crate::error::TraceError;
use crate::format::{ColumnDoc, Confidence, FieldTest, is_number_or_empty, is_whole, row_has};
use crate::input::Input;
use crate::ledger::{Action, Journal};
use crate::rows::{Layout, each_row_of_all};
use model::{Behaviour, Text};
use units::Instant;

const JOB_COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("job_name", "job"),
    ColumnDoc::required("inst_id", "key of its tags"),
    ColumnDoc::required("user", "user; becomes the tenant"),
    ColumnDoc::required("status", "state at the end; read, not used"),
    ColumnDoc::required("start_time", "submission, s"),
    ColumnDoc::required("end_time", "s; read, not used"),
];

const TAG_COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("inst_id", "key of the job"),
    ColumnDoc::required("user", "user; becomes the tenant where no job names one"),
    ColumnDoc::required(
        "gpu_type_spec",
        "GPU model that the job asks for; empty: any",
    ),
    ColumnDoc::required("group", "jobs of alike inputs; read, not used"),
    ColumnDoc::required("workload", "type of the job"),
];

const SENSOR_COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("job_name", "job"),
    ColumnDoc::required("task_name", "task"),
    ColumnDoc::required("worker_name", "worker; read, not used"),
    ColumnDoc::required("inst_id", "read, not used"),
    ColumnDoc::required("machine", "read, not used"),
    ColumnDoc::required("gpu_name", "read, not used"),
    ColumnDoc::required("cpu_usage", "1/100 core"),
    ColumnDoc::required("gpu_wrk_util", "1/100 GPU; read, not used"),
    ColumnDoc::required("avg_mem", "GiB"),
    ColumnDoc::required("max_mem", "GiB; read, not used"),
    ColumnDoc::required("avg_gpu_wrk_mem", "GiB; read, not used"),
    ColumnDoc::required("max_gpu_wrk_mem", "GiB; read, not used"),
    ColumnDoc::required("read", "read, not used"),
    ColumnDoc::required("write", "read, not used"),
    ColumnDoc::required("read_count", "read, not used"),
    ColumnDoc::required("write_count", "read, not used"),
];

const JOBS: Layout = Layout::headless(JOB_COLUMNS);
const TAGS: Layout = Layout::headless(TAG_COLUMNS);
const SENSORS: Layout = Layout::headless(SENSOR_COLUMNS);

const JOB_STATUS: usize = 3;
const SUBMIT: usize = 4;
const END: usize = 5;

const CPU: usize = 6;
const MEMORY: usize = 8;

/// Whether a table that begins with these bytes is one of jobs.
pub(super) fn is_jobs(first: &[u8]) -> Confidence {
    let tests: [FieldTest; 3] = [
        (JOB_STATUS, |field| STATES.contains(&field)),
        (SUBMIT, is_number_or_empty),
        (END, is_number_or_empty),
    ];
    row_has(first, b',', JOB_COLUMNS.len(), &tests)
}

/// Whether a table that begins with these bytes is one of tags.
pub(super) fn is_tags(first: &[u8]) -> Confidence {
    let tests: [FieldTest; 4] = [
        (0, is_key),
        (1, is_key),
        (3, |field| field.is_empty() || is_key(field)),
        (4, |field| !is_whole(field)),
    ];
    row_has(first, b',', TAG_COLUMNS.len(), &tests)
}

/// Whether a field is a key: letters and digits, as those of the trace are, and as names of columns are not.
fn is_key(field: &str) -> bool {
    let is_number = field.bytes().all(|byte| byte.is_ascii_digit());
    !is_number
        && field.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && field.bytes().any(|byte| byte.is_ascii_digit())
}

/// Whether a table that begins with these bytes is one of sensors.
pub(super) fn is_sensors(first: &[u8]) -> Confidence {
    let tests: [FieldTest; 4] = [
        (1, is_word),
        (2, is_word),
        (CPU, is_number_or_empty),
        (MEMORY, is_number_or_empty),
    ];
    row_has(first, b',', SENSOR_COLUMNS.len(), &tests)
}

/// The tags of a job.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tag {
    user: Text,
    model: Text,
    workload: Text,
}

/// A job.
#[derive(Debug, PartialEq, Eq)]
struct Job {
    submit: Option<Instant>,
    user: Text,
    tag: Option<usize>,
}

/// Sums over the workers of a task.
#[derive(Debug, Default)]
struct Sums {
    /// 1/1000 cores, and the number of workers that state them.
    cpu: (i64, i64),
    /// Bytes, and the number of workers that state them.
    memory: (i64, i64),
}

/// The content of the tables beside that of tasks.
#[derive(Debug, Default)]
pub(super) struct Beside {
    jobs: IndexMap<Text, Job, FxBuildHasher>,
    tags: IndexMap<Text, Tag, FxBuildHasher>,
    used: IndexMap<(Text, Text), Sums, FxBuildHasher>,
}

/// The facts about a task in them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct About<'b> {
    pub(super) submit: Option<Instant>,
    pub(super) user: &'b str,
    /// The GPU model that it asks for, empty for any; `None` if its job has no tags.
    pub(super) model: Option<&'b str>,
    /// The type of the job; empty if it is not known.
    pub(super) workload: &'b str,
}

impl Beside {
    /// Takes tables of tags, before those of jobs.
    pub(super) fn read_tags(
        &mut self,
        parts: &[Input],
        journal: &mut Journal,
    ) -> Result<(), TraceError> {
        each_row_of_all(parts, &TAGS, journal, |_, fields| {
            let key: Text = fields.name(0, "the key of a job")?.into();
            let tag = Tag {
                user: fields.text(1).into(),
                model: fields.text(2).into(),
                workload: fields.text(4).into(),
            };
            self.tags.entry(key).or_insert(tag);
            Ok(())
        })
    }

    /// Takes tables of jobs.
    pub(super) fn read_jobs(
        &mut self,
        parts: &[Input],
        journal: &mut Journal,
    ) -> Result<(), TraceError> {
        each_row_of_all(parts, &JOBS, journal, |journal, fields| {
            let name: Text = fields.name(0, "the name of a job")?.into();
            if !STATES.contains(&fields.text(JOB_STATUS)) {
                let expected = format!("one of {}", STATES.join(", "));
                return Err(fields.bad(JOB_STATUS, &expected).into());
            }
            fields.seconds(END)?;
            let job = Job {
                submit: fields.seconds(SUBMIT)?,
                user: fields.text(2).into(),
                tag: self.tags.get_index_of(fields.text(1)),
            };
            if self.jobs.contains_key(&name) {
                let kind = "job listed again; its first row stands";
                return Ok(journal.dirt(kind, Action::Drop, fields.line())?);
            }
            self.jobs.insert(name, job);
            Ok(())
        })
    }

    /// Takes tables of sensors.
    pub(super) fn read_sensors(
        &mut self,
        parts: &[Input],
        journal: &mut Journal,
    ) -> Result<(), TraceError> {
        each_row_of_all(parts, &SENSORS, journal, |_, fields| {
            let cpu = fields.scaled(CPU, 10, 1e7)?;
            let memory = fields.scaled(MEMORY, 1 << 30, 1e6)?;
            let key = (fields.text(0).into(), fields.text(1).into());
            let sums = self.used.entry(key).or_default();
            for (sum, own) in [(&mut sums.cpu, cpu), (&mut sums.memory, memory)] {
                if let Some(own) = own {
                    *sum = (sum.0.saturating_add(own), sum.1 + 1);
                }
            }
            Ok(())
        })
    }

    /// The facts about a task of a job; `None` if the job is not listed.
    pub(super) fn about(&self, job: &str) -> Option<About<'_>> {
        let job = self.jobs.get(job)?;
        let tag = job.tag.and_then(|place| self.tags.get_index(place));
        let tag = tag.map(|(_, tag)| tag);
        let user = match (&*job.user, tag) {
            ("", Some(tag)) => &*tag.user,
            (user, _) => user,
        };
        Some(About {
            submit: job.submit,
            user,
            model: tag.map(|tag| &*tag.model),
            workload: tag.map_or("", |tag| &*tag.workload),
        })
    }

    /// Whether jobs are listed.
    pub(super) fn has_jobs(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// The use of a worker of a task, in the mean of all; `None` if nothing of it was measured.
    pub(super) fn used(&self, job: &str, task: &str) -> Option<Behaviour> {
        let sums = self.used.get(&(Text::from(job), Text::from(task)))?;
        let mean = |(sum, count): (i64, i64)| (count > 0).then(|| (sum + count / 2) / count);
        Behaviour::using(mean(sums.cpu), mean(sums.memory))
    }
}
