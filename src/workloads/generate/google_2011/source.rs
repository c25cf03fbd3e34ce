//! The tasks of the model as a stream.

use std::sync::Arc;

use super::{Model, Quota};
use arrivals::stream::{Arrival, ArrivalSource, ClassTotal, Classes};
use intake::TraceError;
use model::{PodName, Text};
use rng::{Stream, math};
use units::{Duration, Instant};

/// Users; the number is our own.
const USERS: u64 = 100;
/// The day cycle: the rate is `1 + SWING sin(2 pi t / 24 h)` times the mean.
const SWING: f64 = 0.3;
const DAY_SECONDS: f64 = 86_400.0;
const TAU: f64 = std::f64::consts::TAU;

/// Tasks, made one by one.
#[derive(Clone, Debug)]
pub struct TaskSource {
    model: Arc<Model>,
    jobs: Jobs,
    job: Job,
    gaps: Stream,
    run_times: Stream,
    seconds: f64,
    /// Instant at which the job's tasks are ready to be submitted.
    ready: Instant,
    quota: Option<Quota>,
    delivered: u32,
    classes: Classes,
    /// Model class of each class; classes are numbered in order of appearance.
    class_of: Vec<u32>,
    numbers: Vec<Option<u32>>,
    tenants: Vec<Text>,
    tenant_numbers: Vec<Option<u32>>,
}

/// Draws jobs; apart from their times, so that classes can be counted without them.
#[derive(Clone, Debug)]
struct Jobs {
    stream: Stream,
    left: u32,
}

/// Tasks of one job that are left.
#[derive(Clone, Copy, Debug, Default)]
struct Job {
    tasks: u32,
    class: u32,
    user: u64,
}

impl Jobs {
    fn new(model: &Model) -> Self {
        Self {
            stream: Stream::new(model.options.seed, "generate/google-2011/jobs", 0),
            left: model.options.jobs,
        }
    }

    fn next(&mut self, model: &Model) -> Option<Job> {
        if self.left == 0 {
            return None;
        }
        let tasks = model.job_size(&mut self.stream).min(self.left);
        self.left -= tasks;
        Some(Job {
            tasks,
            class: self.stream.below(u64::from(model.options.classes)) as u32,
            user: self.stream.below(USERS),
        })
    }
}

impl TaskSource {
    /// The tasks of a model from the first.
    pub fn new(model: Model) -> Self {
        let seed = model.options.seed;
        Self {
            jobs: Jobs::new(&model),
            job: Job::default(),
            gaps: Stream::new(seed, "generate/google-2011/gaps", 0),
            run_times: Stream::new(seed, "generate/google-2011/run-times", 0),
            seconds: 0.0,
            ready: Instant::ZERO,
            quota: model.quota(),
            delivered: 0,
            classes: Classes::holding(usize::MAX),
            class_of: Vec::new(),
            numbers: vec![None; model.options.classes as usize],
            tenants: Vec::new(),
            tenant_numbers: vec![None; USERS as usize],
            model: Arc::new(model),
        }
    }

    /// Cores in 1/1000 and bytes that a class asks for.
    pub(super) fn requests_of(&self, class: u32) -> (u64, u64) {
        self.model.specs[self.class_of[class as usize] as usize]
    }

    /// Goes on to the next job: its time, class and user.
    fn next_job(&mut self) -> Option<()> {
        let job = self.jobs.next(&self.model)?;
        let phase = self.seconds / DAY_SECONDS;
        let rate = 1.0 + SWING * math::sin(TAU * (phase - phase.floor()));
        self.seconds += self.gaps.exponential(self.model.job_gap) / rate;
        self.ready = Instant::from_nanos((self.seconds * 1e3) as i64 * 1_000_000);
        let (key, known) = (job.class as usize, self.classes.len());
        let class = *self.numbers[key].get_or_insert(known as u32);
        if class as usize == known {
            self.classes.push(Arc::new(self.model.spec(job.class)));
            self.class_of.push(job.class);
        }
        self.job = Job { class, ..job };
        Some(())
    }

    /// The number of the job's user.
    fn tenant(&mut self) -> u32 {
        let (user, known) = (self.job.user, self.tenants.len());
        let tenant = *self.tenant_numbers[user as usize].get_or_insert(known as u32);
        if tenant as usize == known {
            self.tenants.push(format!("user-{user}").into());
        }
        tenant
    }
}

impl ArrivalSource for TaskSource {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        if self.job.tasks == 0 && self.next_job().is_none() {
            return Ok(None);
        }
        self.job.tasks -= 1;
        self.delivered += 1;
        let run_time = Duration::from_millis(self.model.run_time(&mut self.run_times));
        let asked = self.model.asked(self.class_of[self.job.class as usize]);
        let submit = match &mut self.quota {
            Some(quota) => quota.submit(self.ready, asked, run_time),
            None => self.ready,
        };
        Ok(Some(Arrival {
            class: self.job.class,
            tenant: self.tenant(),
            run_time: Some(run_time),
            ..Arrival::new(submit, PodName::Job(u64::from(self.delivered)))
        }))
    }

    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn class_totals(&self) -> Option<Vec<ClassTotal>> {
        let mut jobs = Jobs::new(&self.model);
        let mut order = Vec::new();
        let mut tasks = vec![0_u64; self.numbers.len()];
        while let Some(job) = jobs.next(&self.model) {
            let tasks = &mut tasks[job.class as usize];
            if *tasks == 0 {
                order.push(job.class);
            }
            *tasks += u64::from(job.tasks);
        }
        let totals = order.into_iter().map(|class| ClassTotal {
            spec: Arc::new(self.model.spec(class)),
            arrivals: tasks[class as usize],
            pods: tasks[class as usize],
            waiting: 0,
            ganged: 0,
            unlimited: tasks[class as usize],
            at_limit: 0,
        });
        Some(totals.collect())
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(self.clone()))
    }

    fn progress(&self) -> Option<(u64, u64)> {
        Some((
            u64::from(self.delivered),
            u64::from(self.model.options.jobs),
        ))
    }

    fn tenants(&self) -> &[Text] {
        &self.tenants
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::GeneratorOptions;
    use crate::generate::google_2011::write_google_2011;
    use arrivals::ReadOptions;
    use arrivals::Recorded;
    use formats::readers::csv::CsvSource;
    use intake::Input;

    fn options(jobs: u32, classes: u32, tasks_per_job: u32) -> GeneratorOptions {
        GeneratorOptions {
            jobs,
            classes,
            tasks_per_job,
            span: Duration::from_secs(86_400),
            nodes: 1_000,
            ..GeneratorOptions::default()
        }
    }

    fn recorded(options: GeneratorOptions) -> Recorded {
        let mut source = TaskSource::new(Model::new(options));
        Recorded::collect(&mut source).expect("made in memory")
    }

    #[test]
    fn the_file_reads_back_as_the_stream() {
        let options = options(3_000, 40, 5);
        let mut text = Vec::new();
        write_google_2011(&options, &mut text).expect("memory");
        let input = Input::bytes("google-2011.csv", text);
        let mut source = CsvSource::open(&input, &ReadOptions::default()).expect("a table");
        let read = Recorded::collect(&mut source).expect("good rows");
        assert_eq!(read, recorded(options));
    }

    #[test]
    fn classes_are_counted_without_making_the_tasks() {
        for tasks_per_job in [1, 38] {
            let options = options(20_000, 25, tasks_per_job);
            let totals = TaskSource::new(Model::new(options)).class_totals();
            let totals = totals.expect("known beforehand");
            let made = recorded(options);
            let specs: Vec<_> = totals.iter().map(|total| total.spec.clone()).collect();
            assert_eq!(specs, made.classes);
            for (class, total) in totals.iter().enumerate() {
                let of_class = |arrival: &&Arrival| arrival.class as usize == class;
                let pods = made.arrivals.iter().filter(of_class).count() as u64;
                assert_eq!((total.pods, total.arrivals), (pods, pods));
            }
        }
    }

    #[test]
    fn tasks_fill_the_span_and_the_cluster_as_asked() {
        let options = options(200_000, 100, 1);
        let made = recorded(options);
        assert_eq!(made.arrivals.len(), 200_000);
        let last = made.arrivals.last().expect("many").submit;
        let days = last.as_nanos() as f64 / 1e9 / 86_400.0;
        assert!((0.95..1.05).contains(&days), "{days}");
        // Processor and memory seconds over those that 1,000 nodes have in a day.
        let mut used = (0.0, 0.0);
        for task in &made.arrivals {
            let seconds = task.run_time.expect("ends").as_nanos() as f64 / 1e9;
            let requests = made.classes[task.class as usize].requests().expect("small");
            used.0 += seconds * requests.get("cpu").milli_ceil().expect("small") as f64;
            used.1 += seconds * requests.get("memory").units_ceil().expect("small") as f64;
        }
        let machines = |share: f64| 1_000.0 * share * 86_400.0;
        let cpu = used.0 / machines(0.529_2) / 64_000.0;
        let memory = used.1 / machines(0.470_6) / 274_877_906_944.0;
        let most = f64::max(cpu, memory);
        assert!((0.76..0.84).contains(&most), "{cpu} {memory}");
    }

    #[test]
    fn three_quarters_of_the_jobs_have_one_task() {
        // Tasks that are held back would part their jobs.
        let made = recorded(GeneratorOptions {
            load_percent: 100,
            ..options(400_000, 100, 38)
        });
        let mut jobs: Vec<u32> = Vec::new();
        for pair in made.arrivals.windows(2) {
            match jobs.last_mut() {
                Some(tasks) if pair[0].submit == pair[1].submit => *tasks += 1,
                _ => jobs.push(1),
            }
        }
        let singles = jobs.iter().filter(|&&tasks| tasks == 1).count() as f64;
        let share = singles / jobs.len() as f64;
        assert!((0.70..0.80).contains(&share), "{share}");
        let mean = 400_000.0 / jobs.len() as f64;
        assert!((25.0..55.0).contains(&mean), "{mean}");
    }
}
