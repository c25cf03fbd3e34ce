//! Measurements of tasks, which come in any order and are asked for task by task: in memory, or on disk where there
//! are many, so that a table of usage may be larger than memory. Of each task the number stands in memory alone.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use model::{Behaviour, PodName};
use units::{Duration, Instant};

use super::error::{TraceError, read_error};
use super::memory::Recorded;
use super::origin::Origin;
use super::samples::{Steps, hundredths};
use super::spill::{MOST_HELD, Merged, NONE, Order, Spill, nameless};
use super::stream::{Arrival, ArrivalSource};

/// Bytes of a sample on disk.
const BYTES: usize = 32;

/// Bytes of a word.
const WORD: usize = 8;

/// Tasks of which the places of samples are held in memory.
const MOST_BEGINS: usize = 1 << 15;

/// Samples that are read or written at once.
const AT_ONCE: usize = 2_048;

/// What was measured of a task: a time, by which the samples of a task are sorted, and up to three numbers, whose
/// meaning is that of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// The time, in the unit of the format.
    pub(crate) at: i64,
    values: [i64; 3],
}

impl Sample {
    /// A sample; a number that is absent was not measured.
    pub(crate) fn new(at: i64, values: [Option<i64>; 3]) -> Self {
        Self {
            at,
            values: values.map(|own| own.unwrap_or(NONE)),
        }
    }

    /// A number, if it was measured.
    pub(crate) fn value(&self, place: usize) -> Option<i64> {
        Some(self.values[place]).filter(|own| *own != NONE)
    }

    fn bytes(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        let [one, two, three] = self.values;
        for (part, own) in bytes.chunks_exact_mut(8).zip([self.at, one, two, three]) {
            part.copy_from_slice(&own.to_le_bytes());
        }
        bytes
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        let mut words = bytes.chunks_exact(8).map(|own| {
            let own = own.try_into().unwrap_or_default();
            i64::from_le_bytes(own)
        });
        let mut word = || words.next().unwrap_or(NONE);
        Self {
            at: word(),
            values: [word(), word(), word()],
        }
    }
}

/// A sample of the task with a number.
#[derive(Clone, Copy, Debug)]
struct Numbered {
    task: u32,
    sample: Sample,
}

impl Numbered {
    /// An arrival that stands for the sample, because those are what is sorted on disk.
    fn stored(self) -> Arrival {
        let [one, two, three] = self.sample.values;
        let stated = |own| Some(own).filter(|own| *own != NONE);
        Arrival {
            submit: Instant::from_nanos(self.sample.at),
            name: PodName::Job(self.task.into()),
            class: 0,
            members: 0,
            tenant: 0,
            run_time: stated(one).map(Duration::from_nanos),
            time_limit: stated(two).map(Duration::from_nanos),
            historic_start: stated(three).map(Instant::from_nanos),
            links: None,
            part: 0,
            origin: Origin::NONE,
        }
    }

    /// The sample that an arrival stands for.
    fn of_stored(own: &Arrival) -> Option<Self> {
        let PodName::Job(task) = own.name else {
            return None;
        };
        let values = [
            own.run_time.map(Duration::as_nanos),
            own.time_limit.map(Duration::as_nanos),
            own.historic_start.map(Instant::as_nanos),
        ];
        Some(Self {
            task: u32::try_from(task).ok()?,
            sample: Sample::new(own.submit.as_nanos(), values),
        })
    }
}

/// Samples up to now.
pub(crate) struct Samples {
    held: Vec<Numbered>,
    most_held: usize,
    spill: Option<Spill>,
}

impl Default for Samples {
    fn default() -> Self {
        Self::holding(MOST_HELD)
    }
}

impl Samples {
    /// No samples yet; a number of them is held in memory.
    pub(crate) fn holding(most_held: usize) -> Self {
        Self {
            held: Vec::new(),
            most_held,
            spill: None,
        }
    }

    /// Adds a sample of the task with a number.
    pub(crate) fn push(&mut self, task: usize, sample: Sample) {
        if self.held.len() >= self.most_held {
            let mut stored: Vec<Arrival> = self.held.iter().map(|own| own.stored()).collect();
            if Spill::take_out(&mut self.spill, Order::Name, &mut stored) {
                self.held.clear();
            } else {
                self.most_held = usize::MAX;
            }
        }
        let task = task as u32;
        self.held.push(Numbered { task, sample });
    }

    /// The samples task by task, those of a task by time, and of one time as they came.
    pub(crate) fn sorted(mut self) -> Result<ByTask, TraceError> {
        let Some(spill) = self.spill else {
            self.held.sort_by_key(|own| (own.task, own.sample.at));
            let mut all = ByTask::default();
            for own in self.held {
                all.begin(own.task);
                all.held.push(own.sample);
                all.count += 1;
            }
            return Ok(all);
        };
        let rest = Recorded {
            arrivals: self.held.iter().map(|own| own.stored()).collect(),
            ..Recorded::default()
        };
        drop(self.held);
        let merged = Merged::new(spill, rest, Duration::ZERO);
        let Ok((file, path)) = nameless("samples") else {
            return ByTask::in_memory(merged);
        };
        let again = merged.clone();
        match ByTask::on_disk(merged, file, path) {
            Ok(all) => Ok(all),
            // No room on the disk.
            Err(Unwritten::NotWritten) => ByTask::in_memory(again),
            Err(Unwritten::NotRead(error)) => Err(error),
        }
    }
}

/// Why samples are not on disk.
enum Unwritten {
    NotWritten,
    NotRead(TraceError),
}

impl From<io::Error> for Unwritten {
    fn from(_: io::Error) -> Self {
        Self::NotWritten
    }
}

impl From<TraceError> for Unwritten {
    fn from(error: TraceError) -> Self {
        Self::NotRead(error)
    }
}

/// Places of the first samples of tasks, by the numbers of the tasks. The last of them are in memory, and those before on disk.
#[derive(Debug)]
struct Begins {
    file: Option<(File, PathBuf)>,
    written: u64,
    held: Vec<u64>,
    most_held: usize,
}

impl Default for Begins {
    fn default() -> Self {
        Self {
            file: None,
            written: 0,
            held: Vec::new(),
            most_held: MOST_BEGINS,
        }
    }
}

impl Begins {
    /// The number of tasks.
    fn len(&self) -> u64 {
        self.written + self.held.len() as u64
    }

    /// Adds the place of the next task.
    fn push(&mut self, place: u64) {
        if self.held.len() >= self.most_held && self.write().is_err() {
            // Where nothing can be written, all others stay in memory.
            self.most_held = usize::MAX;
        }
        self.held.push(place);
    }

    fn write(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(nameless("begins")?);
        }
        if let Some((file, _)) = &self.file {
            let bytes: Vec<u8> = { self.held.iter() }
                .flat_map(|place| place.to_le_bytes())
                .collect();
            file.write_all_at(&bytes, self.written * WORD as u64)?;
            self.written += self.held.len() as u64;
            self.held.clear();
        }
        Ok(())
    }

    /// The place of the task with a number, if there is such a task.
    fn get(&self, task: u64) -> Result<Option<u64>, TraceError> {
        if let Some(own) = task.checked_sub(self.written) {
            return Ok(self.held.get(own as usize).copied());
        }
        let Some((file, path)) = &self.file else {
            return Ok(None);
        };
        let mut bytes = [0; WORD];
        let read = file.read_exact_at(&mut bytes, task * WORD as u64);
        read.map_err(|error| read_error(&path.display().to_string(), &error))?;
        Ok(Some(u64::from_le_bytes(bytes)))
    }
}

/// Samples by task.
#[derive(Debug, Default)]
pub(crate) struct ByTask {
    begins: Begins,
    count: u64,
    held: Vec<Sample>,
    file: Option<(File, PathBuf)>,
}

impl ByTask {
    /// Notes that the samples of a task begin, and those of all before it have ended.
    fn begin(&mut self, task: u32) {
        while self.begins.len() <= u64::from(task) {
            self.begins.push(self.count);
        }
    }

    fn in_memory(mut merged: Merged) -> Result<Self, TraceError> {
        let mut all = Self::default();
        while let Some(own) = merged.next()? {
            let own = Numbered::of_stored(&own).ok_or_else(unreadable)?;
            all.begin(own.task);
            all.held.push(own.sample);
            all.count += 1;
        }
        Ok(all)
    }

    fn on_disk(mut merged: Merged, file: File, path: PathBuf) -> Result<Self, Unwritten> {
        let mut all = Self::default();
        let mut buffer = Vec::with_capacity(AT_ONCE * BYTES);
        let mut written = 0;
        while let Some(own) = merged.next()? {
            let own = Numbered::of_stored(&own).ok_or_else(unreadable)?;
            all.begin(own.task);
            all.count += 1;
            buffer.extend(own.sample.bytes());
            if buffer.len() >= AT_ONCE * BYTES {
                file.write_all_at(&buffer, written)?;
                written += buffer.len() as u64;
                buffer.clear();
            }
        }
        file.write_all_at(&buffer, written)?;
        all.file = Some((file, path));
        Ok(all)
    }

    /// Takes each sample of the task with a number, by time.
    pub(crate) fn each(&self, task: usize, mut take: impl FnMut(Sample)) -> Result<(), TraceError> {
        let task = task as u64;
        let Some(from) = self.begins.get(task)? else {
            return Ok(());
        };
        let until = self.begins.get(task + 1)?.unwrap_or(self.count);
        let Some((file, path)) = &self.file else {
            self.held[from as usize..until as usize]
                .iter()
                .for_each(|own| take(*own));
            return Ok(());
        };
        let mut buffer = Vec::new();
        let mut at = from;
        while at < until {
            let samples = (until - at).min(AT_ONCE as u64);
            buffer.resize(samples as usize * BYTES, 0);
            let read = file.read_exact_at(&mut buffer, at * BYTES as u64);
            read.map_err(|error| read_error(&path.display().to_string(), &error))?;
            for own in buffer.chunks_exact(BYTES) {
                take(Sample::of_bytes(own));
            }
            at += samples;
        }
        Ok(())
    }
}

impl ByTask {
    /// The use of the task with a number that began at a second, from samples in seconds, whose first two numbers are
    /// hundredths of a percent of processors and of memory.
    pub(crate) fn shares(&self, task: usize, start: i64) -> Result<Behaviour, TraceError> {
        let [mut cpu, mut memory] =
            [(); 2].map(|()| Steps::new(start, |used: &i64| hundredths(*used)));
        self.each(task, |own| {
            for (steps, used) in [(&mut cpu, own.value(0)), (&mut memory, own.value(1))] {
                if let Some(used) = used {
                    steps.push(own.at, used);
                }
            }
        })?;
        Ok(Behaviour {
            cpu_usage: cpu.finish(),
            memory_usage: memory.finish(),
            ..Behaviour::default()
        })
    }
}

/// The failure of a sample that does not come back from the disk as it went there.
fn unreadable() -> TraceError {
    TraceError::Io {
        file: "temporary file of sorted samples".to_owned(),
        reason: "holds a sample that can't be read back; read the trace again".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The samples of each task.
    fn by_task(samples: &[(usize, i64)], most_held: usize) -> Vec<Vec<Sample>> {
        let mut all = Samples::holding(most_held);
        for (number, &(task, at)) in (0..).zip(samples) {
            all.push(task, Sample::new(at, [Some(number), None, Some(-number)]));
        }
        let sorted = all.sorted().expect("readable");
        let of = |task| {
            let mut own = Vec::new();
            sorted
                .each(task, |sample| own.push(sample))
                .expect("readable");
            own
        };
        (0..6).map(of).collect()
    }

    #[test]
    fn samples_of_a_task_are_in_order_of_time() {
        let found = by_task(&[(3, 9), (1, 5), (3, 2), (3, 2), (1, 5)], 100);
        let places = |own: &[Sample]| -> Vec<(i64, Option<i64>)> {
            own.iter().map(|own| (own.at, own.value(0))).collect()
        };
        assert_eq!(places(&found[1]), [(5, Some(1)), (5, Some(4))]);
        assert_eq!(
            places(&found[3]),
            [(2, Some(2)), (2, Some(3)), (9, Some(0))]
        );
        assert_eq!(found[3][0].value(1), None);
        assert!(found[0].is_empty() && found[2].is_empty() && found[5].is_empty());
    }

    proptest! {
        #[test]
        fn places_come_back_wherever_they_are_held(
            places in prop::collection::vec(any::<u64>(), 0..30),
            most_held in 1_usize..9,
        ) {
            let mut begins = Begins { most_held, ..Begins::default() };
            for &place in &places {
                begins.push(place);
            }
            let end = places.len() as u64;
            prop_assert_eq!(begins.len(), end);
            let found = (0..end).map(|task| begins.get(task).expect("readable"));
            let expected: Vec<_> = places.into_iter().map(Some).collect();
            prop_assert_eq!(found.collect::<Vec<_>>(), expected);
            prop_assert_eq!(begins.get(end).expect("readable"), None);
        }

        #[test]
        fn samples_sorted_on_disk_are_those_sorted_in_memory(
            samples in prop::collection::vec((0_usize..5, -3_i64..9), 0..60),
            most_held in 1_usize..9,
        ) {
            prop_assert_eq!(by_task(&samples, most_held), by_task(&samples, usize::MAX));
        }
    }
}
