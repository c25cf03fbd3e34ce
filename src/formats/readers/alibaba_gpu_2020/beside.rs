//! Tables beside that of tasks: jobs state the submission and the user of tasks, tags which GPUs a job asked for and
//! what it does, sensors what its workers used. Where there are many, they are looked up on disk.

use super::is_word;
use super::tasks::STATES;
use crate::readers::prelude::*;
use arrivals::spill::TextLog;

columns! { JOB_COLUMNS;
    _: required("job_name", "job"),
    _: required("inst_id", "key of its tags"),
    _: required("user", "user; becomes the tenant"),
    JOB_STATUS: required("status", "state at the end; read, not used") => |field| STATES.contains(&field),
    SUBMIT: required("start_time", "submission, s") => is_number_or_empty,
    END: required("end_time", "s; read, not used") => is_number_or_empty,
}

columns! { TAG_COLUMNS;
    _: required("inst_id", "key of the job") => is_key,
    _: required("user", "user; becomes the tenant where no job names one") => is_key,
    _: required("gpu_type_spec", "GPU model that the job asks for; empty: any"),
    _: required("group", "jobs of alike inputs; read, not used") => |field| field.is_empty() || is_key(field),
    _: required("workload", "type of the job") => |field| !is_whole(field),
}

columns! { SENSOR_COLUMNS;
    _: required("job_name", "job"),
    _: required("task_name", "task") => is_word,
    _: required("worker_name", "worker; read, not used") => is_word,
    _: required("inst_id", "read, not used"),
    _: required("machine", "read, not used"),
    _: required("gpu_name", "read, not used"),
    CPU: required("cpu_usage", "1/100 core") => is_number_or_empty,
    _: required("gpu_wrk_util", "1/100 GPU; read, not used"),
    MEMORY: required("avg_mem", "GiB") => is_number_or_empty,
    _: required("max_mem", "GiB; read, not used"),
    _: required("avg_gpu_wrk_mem", "GiB; read, not used"),
    _: required("max_gpu_wrk_mem", "GiB; read, not used"),
    _: required("read", "read, not used"),
    _: required("write", "read, not used"),
    _: required("read_count", "read, not used"),
    _: required("write_count", "read, not used"),
}

pub(super) const JOBS: Layout = Layout::headless(JOB_COLUMNS);
pub(super) const TAGS: Layout = Layout::headless(TAG_COLUMNS);
pub(super) const SENSORS: Layout = Layout::headless(SENSOR_COLUMNS);

/// Whether a field is a key: letters and digits, as those of the trace are, and as names of columns are not.
fn is_key(field: &str) -> bool {
    let is_number = field.bytes().all(|byte| byte.is_ascii_digit());
    !is_number
        && field.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && field.bytes().any(|byte| byte.is_ascii_digit())
}

/// The content of the tables beside that of tasks, by the names of jobs and by the keys of tags.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// The place of a job's user and the one of its tags, and its submission.
    jobs: Places<3>,
    /// The number of jobs that are listed.
    listed: u64,
    /// The jobs that were asked for, and their number.
    met: Places,
    met_count: u64,
    users: TextLog<1>,
    /// The place of tags.
    tags: Places,
    /// The user, the GPU model and the type of a job, by its tags.
    tagged: TextLog<3>,
    /// Sums over the workers of a task: 1/1000 cores, the number of workers that state them, bytes, and the number of workers
    /// that state those.
    used: Places<4>,
}

/// The word for no tags, and for no submission.
const NONE: u64 = u64::MAX;

/// The facts about a task in them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    pub(super) submit: Option<Instant>,
    pub(super) user: String,
    /// The GPU model that it asks for, empty for any; `None` if its job has no tags.
    pub(super) model: Option<String>,
    /// The type of the job; empty if it is not known.
    pub(super) workload: String,
}

impl Beside {
    /// No tables yet, of each of which a number of rows is in memory.
    #[cfg(test)]
    fn holding(most_held: usize) -> Self {
        Self {
            jobs: Places::holding(most_held),
            tags: Places::holding(most_held),
            met: Places::holding(most_held),
            used: Places::holding(most_held),
            ..Self::default()
        }
    }

    /// Takes tables of tags, before those of jobs.
    pub(super) fn read_tags(
        &mut self,
        parts: &[Input],
        journal: &mut Journal,
    ) -> Result<(), TraceError> {
        each_row_of_all(parts, &TAGS, journal, |_, fields| {
            let key = Places::key([fields.name(0, "the key of a job")?]);
            if self.tags.get(key)?.is_none() {
                let tagged = [fields.text(1), fields.text(2), fields.text(4)];
                self.tags.put(key, self.tagged.push(tagged))?;
            }
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
            let key = Places::key([fields.name(0, "the name of a job")?]);
            if !STATES.contains(&fields.text(JOB_STATUS)) {
                let expected = format!("one of {}", STATES.join(", "));
                return Err(fields.bad(JOB_STATUS, &expected).into());
            }
            fields.seconds(END)?;
            let submit = fields.seconds(SUBMIT)?;
            if self.jobs.all(key)?.is_some() {
                let kind = "job listed again; its first row stands";
                return Ok(journal.dirt(kind, Action::Drop, fields.line())?);
            }
            let user = self.users.push([fields.text(2)]);
            let tags = self.tags.get(Places::key([fields.text(1)]))?;
            let submit = submit.map(|at| at.as_nanos() as u64);
            let job = [user, tags.unwrap_or(NONE), submit.unwrap_or(NONE)];
            self.jobs.put_all(key, job)?;
            self.listed += 1;
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
            let key = Places::key([fields.text(0), fields.text(1)]);
            let mut sums = self.used.all(key)?.unwrap_or_default();
            for (sum, own) in sums.chunks_exact_mut(2).zip([cpu, memory]) {
                if let Some(own) = own {
                    sum[0] = (sum[0] as i64).saturating_add(own) as u64;
                    sum[1] += 1;
                }
            }
            self.used.put_all(key, sums)?;
            Ok(())
        })
    }

    /// The facts about a task of a job; `None` if the job is not listed.
    pub(super) fn about(&self, job: &str) -> Result<Option<About>, TraceError> {
        if !self.has_jobs() {
            return Ok(None);
        }
        let Some([user, tags, submit]) = self.jobs.all(Places::key([job]))? else {
            return Ok(None);
        };
        let [mut user] = self.users.get(user)?;
        let mut about = About {
            submit: (submit != NONE).then(|| Instant::from_nanos(submit as i64)),
            ..About::default()
        };
        if tags != NONE {
            let [tagged, model, workload] = self.tagged.get(tags)?;
            if user.is_empty() {
                user = tagged;
            }
            (about.model, about.workload) = (Some(model), workload);
        }
        Ok(Some(About { user, ..about }))
    }

    /// Marks a job as one that has tasks.
    pub(super) fn meet(&mut self, job: &str) -> Result<(), TraceError> {
        if !self.has_jobs() {
            return Ok(());
        }
        let key = Places::key([job]);
        if self.jobs.all(key)?.is_some() && self.met.get(key)?.is_none() {
            self.met.put(key, 1)?;
            self.met_count += 1;
        }
        Ok(())
    }

    /// The number of jobs without a task up to now.
    pub(super) fn without_tasks(&self) -> u64 {
        self.listed.saturating_sub(self.met_count)
    }

    /// Whether jobs are listed.
    pub(super) fn has_jobs(&self) -> bool {
        self.listed > 0
    }

    /// The use of a worker of a task, in the mean of all; `None` if nothing of it was measured.
    pub(super) fn used(&self, job: &str, task: &str) -> Result<Option<Behaviour>, TraceError> {
        if self.used.is_empty() {
            return Ok(None);
        }
        let Some(sums) = self.used.all(Places::key([job, task]))? else {
            return Ok(None);
        };
        let [cpu, cores, memory, memories] = sums.map(|own| own as i64);
        let mean = |sum: i64, count: i64| (count > 0).then(|| (sum + count / 2) / count);
        Ok(Behaviour::using(mean(cpu, cores), mean(memory, memories)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use intake::ledger::RowPolicy;

    /// The facts about each task, what it used, and how many jobs are listed again.
    type Said = (Vec<(Option<About>, Option<Behaviour>)>, u64);

    /// The content of tables with these rows.
    fn read(rows: &[(usize, usize)], mut beside: Beside) -> Said {
        let mut journal = Journal::new("t".into(), RowPolicy::default());
        let of = |name: &str, row: &dyn Fn(usize, usize, usize) -> String| {
            let rows = { rows.iter().enumerate() }
                .map(|(number, &(one, other))| row(number, one, other))
                .collect::<String>();
            [Input::bytes(name, rows.into_bytes())]
        };
        let tags = of("tags", &|number, one, other| {
            format!(
                "k{one},u{number},{},g,type-{other}\n",
                ["", "T4"][other % 2]
            )
        });
        let jobs = of("jobs", &|number, one, other| {
            let user = ["", "v"][one % 2];
            format!("j{one},k{other},{user},Failed,{number},\n")
        });
        let sensors = of("sensors", &|number, one, other| {
            format!(
                "j{one},t{other},w,,,,{number},,{},,,,,,,\n",
                ["", "0.5"][one % 2]
            )
        });
        beside.read_tags(&tags, &mut journal).expect("good rows");
        beside.read_jobs(&jobs, &mut journal).expect("good rows");
        beside
            .read_sensors(&sensors, &mut journal)
            .expect("good rows");
        let of = |(job, task)| {
            let (job, task) = (format!("j{job}"), format!("t{task}"));
            let used = beside.used(&job, &task).expect("readable");
            (beside.about(&job).expect("readable"), used)
        };
        let all = (0..6).flat_map(|job| (0..3).map(move |task| (job, task)));
        (all.map(of).collect(), journal.ledger.total())
    }

    proptest! {
        #[test]
        fn tables_on_disk_say_what_those_in_memory_do(
            rows in prop::collection::vec((0_usize..6, 0_usize..6), 1..30),
            most_held in 1_usize..5,
        ) {
            let on_disk = read(&rows, Beside::holding(most_held));
            prop_assert_eq!(on_disk, read(&rows, Beside::default()));
        }
    }
}
