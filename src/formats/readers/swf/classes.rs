//! Pod classes of jobs: memory asked for, usage, and labels.

use super::recorded::JobNumbers;
use super::{SwfJob, SwfSource};
use crate::readers::prelude::*;
use arrivals::read_options::PartitionField;
use model::resource_list::{CPU, MEMORY};

/// More memory per processor than this is stated in bytes by mistake.
const MAX_MEMORY_KB: i64 = 1 << 32;

/// The bytes that a number of KB per processor stands for.
pub(crate) fn bytes_of(kilobytes: i64) -> i64 {
    if kilobytes > MAX_MEMORY_KB {
        kilobytes
    } else {
        kilobytes * 1_024
    }
}

/// All that a class depends on: memory asked for, usage, and labels.
pub(super) type ClassKey = (i64, Used, JobNumbers);

/// Usage of a job member, as stored in its class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Used {
    /// CPU usage.
    percent: Option<i64>,
    /// Memory usage.
    mebibytes: Option<i64>,
}

/// Whether nothing is asked for by which the members of one job are told from those of another.
pub(super) fn is_of_one_class(options: &ReadOptions) -> bool {
    let has_labels = options.partitions.is_some() || options.recorded || options.outcomes;
    !(has_labels || options.memory || options.usage)
}

impl SwfSource {
    /// The class of a job's members.
    pub(super) fn class(&mut self, job: &SwfJob) -> Result<u32, TraceError> {
        let kilobytes = if job.requested_memory_kb > 0 {
            job.requested_memory_kb
        } else {
            job.used_memory_kb.max(0)
        };
        if kilobytes > MAX_MEMORY_KB {
            let kind = "memory beyond 4 TiB per processor; read as bytes";
            self.dirt(kind, Action::Repair, job)?;
        }
        if let (true, Some((_, class))) = (self.has_one_class, self.last_class) {
            return Ok(class);
        }
        let bytes = if self.options.memory {
            bytes_of(kilobytes)
        } else {
            0
        };
        let used = self.used(job)?;
        let numbers = match self.options.partitions {
            Some(PartitionField::Partition) => JobNumbers::of_partition(job.partition),
            Some(PartitionField::Queue) => JobNumbers::of_partition(job.queue),
            None if self.options.recorded => JobNumbers::of(job),
            None if self.options.outcomes => JobNumbers::of_status(job.status),
            None => JobNumbers::NONE,
        };
        let key = (bytes, used, numbers);
        // Jobs that follow each other are alike, and it takes time to hash a key.
        if let Some((known, class)) = self.last_class
            && known == key
        {
            return Ok(class);
        }
        let class = match self.class_by_amounts.get(&key) {
            Some(&class) => class,
            None => self.new_class(key),
        };
        self.last_class = Some((key, class));
        Ok(class)
    }

    /// The class of amounts and labels that were not met lately.
    fn new_class(&mut self, key: ClassKey) -> u32 {
        let (bytes, used, numbers) = key;
        let mut requests = ResourceList::from_pairs([(CPU, Quantity::from_units(1))]);
        if bytes > 0 {
            requests.set(MEMORY, Quantity::from_units(bytes));
        }
        let mut spec = PodSpec::with_requests(requests);
        spec.labels = numbers.labels(|number| self.name(number));
        if used != Used::default() {
            let cpu_usage = used
                .percent
                .map(|percent| format!("{}m", 10 * percent).into());
            let memory_usage = used.mebibytes.map(|amount| format!("{amount}Mi").into());
            spec.behaviour = Some(Arc::new(Behaviour {
                cpu_usage,
                memory_usage,
                ..Behaviour::default()
            }));
        }
        let class = self.classes.class_of(spec);
        self.class_by_amounts.insert(key, class);
        class
    }

    /// Usage of a member, if requested and known.
    fn used(&mut self, job: &SwfJob) -> Result<Used, TraceError> {
        let mut used = Used::default();
        if !self.options.usage {
            return Ok(used);
        }
        let run = job.run.as_nanos();
        if job.cpu_time >= Duration::ZERO && run > 0 {
            let whole = i128::from(job.cpu_time.as_nanos()) * 100;
            let percent = (whole + i128::from(run) / 2) / i128::from(run);
            if percent > 100 {
                let kind = "more CPU time than run time; counted as a whole processor";
                self.dirt(kind, Action::Repair, job)?;
            }
            used.percent = Some(percent.min(100) as i64);
        } else {
            self.dirt("no average CPU time; usage unknown", Action::Keep, job)?;
        }
        if job.used_memory_kb > 0 {
            let kilobytes = job.used_memory_kb;
            // Too many are bytes by mistake.
            let unit = if kilobytes > MAX_MEMORY_KB {
                1 << 20
            } else {
                1_024
            };
            let mebibytes = (kilobytes - 1) / unit + 1;
            used.mebibytes = Some(mebibytes);
        }
        Ok(used)
    }
}
