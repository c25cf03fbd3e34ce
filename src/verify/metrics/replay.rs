//! Replaying a recorded schedule: every job is a pod of a one-node cluster, and what watches a run
//! watches it.

use std::path::Path;
use std::sync::Arc;

use super::super::table::Table;
use cluster::{Observer, Store};
use model::{
    DeviceSet, EndReason, Event, Node, PodCreated, PodName, PodRef, PodSpec, ResourceList,
};
use units::{Instant, NodeId, Quantity, TenantId};

/// The columns of a schedule.
pub const COLUMNS: [&str; 5] = ["job", "submit_s", "start_s", "end_s", "cores"];

/// A job of a schedule; times in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// The job's number.
    pub number: u64,
    /// Time of submission.
    pub submit: i64,
    /// Time of the start.
    pub start: i64,
    /// Time of the end.
    pub end: i64,
    /// Number of cores that the job had.
    pub cores: i64,
}

/// A schedule.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    /// Jobs in order of submission.
    pub jobs: Vec<Job>,
    /// Cores of the machine.
    pub cores: i64,
}

/// Step of a job at an instant, in the order in which steps happen there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    End,
    Submit,
    Start,
    /// The end of a job of no length, after its start.
    EndAtOnce,
}

/// Reads a schedule; without a stated size the machine has as many cores as were ever busy at once.
pub fn read(path: &Path, cores: Option<i64>) -> Result<Schedule, String> {
    let table = Table::read(path)?;
    let mut columns = [0; 5];
    for (column, name) in columns.iter_mut().zip(COLUMNS) {
        *column = table
            .column(name)
            .map_err(|why| format!("{}: {why}", path.display()))?;
    }
    let mut jobs = Vec::new();
    for (row, line) in table.rows.iter().zip(2_u64..) {
        let mut values = [0_i64; 5];
        for ((value, &column), name) in values.iter_mut().zip(&columns).zip(COLUMNS) {
            let text = &row[column];
            *value = text.trim().parse().map_err(|_| {
                let file = path.display();
                format!("{file}:{line}: column `{name}`: `{text}` is not a whole number")
            })?;
        }
        let [number, submit, start, end, cores] = values;
        let in_order = 0 <= submit && submit <= start && start <= end && cores > 0;
        if !in_order || end > MOST_SECONDS || cores > MOST_CORES {
            return Err(format!(
                "{}:{line}: job {number}: expected 0 <= submit_s <= start_s <= end_s, at most \
                 {MOST_SECONDS}, and 1 to {MOST_CORES} cores",
                path.display()
            ));
        }
        jobs.push(Job {
            number: number.unsigned_abs(),
            submit,
            start,
            end,
            cores,
        });
    }
    jobs.sort_by_key(|job| job.submit);
    let cores = cores.unwrap_or_else(|| most_busy(&jobs));
    Ok(Schedule { jobs, cores })
}

/// Two centuries.
const MOST_SECONDS: i64 = 6_311_390_400;
const MOST_CORES: i64 = 1_000_000_000;

fn most_busy(jobs: &[Job]) -> i64 {
    let ends = jobs.iter().map(|job| (job.end, -job.cores));
    let starts = jobs.iter().map(|job| (job.start, job.cores));
    let mut changes: Vec<(i64, i64)> = ends.chain(starts).collect();
    changes.sort_unstable();
    let (mut busy, mut most) = (0, 0);
    for (_, cores) in changes {
        busy += cores;
        most = most.max(busy);
    }
    most
}

impl Schedule {
    /// The first submission, the last submission and the last end; 0 without jobs.
    pub fn bounds(&self) -> [i64; 3] {
        let submits = || self.jobs.iter().map(|job| job.submit);
        [
            submits().min().unwrap_or(0),
            submits().max().unwrap_or(0),
            self.jobs.iter().map(|job| job.end).max().unwrap_or(0),
        ]
    }

    /// Replays everything up to an instant before the eyes of `watch`.
    ///
    /// # Errors
    /// If the schedule runs more at once than there are cores.
    pub fn replay(&self, until: i64, watch: &mut [&mut dyn Observer]) -> Result<Store, String> {
        let mut steps: Vec<(i64, Step, usize)> = Vec::new();
        for (index, job) in self.jobs.iter().enumerate() {
            let end = if job.start == job.end {
                Step::EndAtOnce
            } else {
                Step::End
            };
            steps.push((job.submit, Step::Submit, index));
            steps.push((job.start, Step::Start, index));
            steps.push((job.end, end, index));
        }
        steps.retain(|step| step.0 <= until);
        steps.sort_unstable();
        let mut world = World {
            store: Store::new(),
            pods: vec![None; self.jobs.len()],
        };
        world.add_node(self.cores, watch)?;
        let mut steps = steps.into_iter().peekable();
        while let Some((secs, step, index)) = steps.next() {
            let at = Instant::from_secs(secs);
            world.step(at, step, index, &self.jobs[index], watch)?;
            if steps.peek().is_none_or(|next| next.0 > secs) {
                for observer in &mut *watch {
                    observer.settled(at, &world.store);
                }
            }
        }
        Ok(world.store)
    }
}

/// The cluster, and the pods of the jobs.
struct World {
    store: Store,
    pods: Vec<Option<PodRef>>,
}

impl World {
    fn add_node(&mut self, cores: i64, watch: &mut [&mut dyn Observer]) -> Result<(), String> {
        let node = Node {
            name: "machine".into(),
            allocatable: ResourceList::from_pairs([
                ("cpu", Quantity::from_units(cores)),
                ("pods", Quantity::from_units(1 << 40)),
            ]),
            ..Node::default()
        };
        let event = self.store.node_added(Arc::new(node));
        self.apply(Instant::ZERO, &event, watch)?;
        for observer in watch {
            observer.settled(Instant::ZERO, &self.store);
        }
        Ok(())
    }

    fn step(
        &mut self,
        at: Instant,
        step: Step,
        index: usize,
        job: &Job,
        watch: &mut [&mut dyn Observer],
    ) -> Result<(), String> {
        if step == Step::Submit {
            return self.submit(at, index, job, watch);
        }
        let Some(pod) = self.pods[index] else {
            return Ok(());
        };
        if step == Step::Start {
            let (node, devices) = (NodeId(0), DeviceSet::EMPTY);
            let bound = Event::PodBound { pod, node, devices };
            self.apply(at, &bound, watch)
                .map_err(|why| format!("job {} can't start at {at}: {why}", job.number))?;
            return self.apply(at, &Event::PodRunning { pod }, watch);
        }
        let reason = EndReason::Completed;
        self.apply(at, &Event::PodEnded { pod, reason }, watch)
    }

    fn submit(
        &mut self,
        at: Instant,
        index: usize,
        job: &Job,
        watch: &mut [&mut dyn Observer],
    ) -> Result<(), String> {
        let cores = Quantity::from_units(job.cores);
        let requests = ResourceList::from_pairs([("cpu", cores)]);
        let object = Arc::new(PodSpec::with_requests(requests));
        if let Some(event) = self.store.class_added(&object) {
            self.apply(at, &event, watch)?;
        }
        let class = self.store.class_of(&object).ok_or("a class is lost")?;
        let pod = self.store.pods().next();
        let created = PodCreated {
            pod,
            class,
            name: PodName::Job(job.number),
            tenant: TenantId(0),
            gang: None,
            time_limit: None,
            estimate: None,
            found: None,
            owner: None,
        };
        self.pods[index] = Some(pod);
        self.apply(at, &Event::PodCreated(created), watch)
    }

    fn apply(
        &mut self,
        at: Instant,
        event: &Event,
        watch: &mut [&mut dyn Observer],
    ) -> Result<(), String> {
        let ended = self
            .store
            .apply(at, event.clone())
            .map_err(|why| why.to_string())?;
        for observer in watch {
            observer.observe(at, event, ended.as_ref(), &self.store);
        }
        // Nobody reads the log.
        let read = self.store.revision();
        self.store.truncate(read);
        Ok(())
    }
}
