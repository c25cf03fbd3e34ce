//! Measurements of tasks, which come in any order and are asked for task by task: sorted in memory, or on disk where there
//! are many, so that a table of usage may be larger than memory, however many tasks it is about.

use crate::prelude::*;

use arrivals::spill::{Ascending, FixedSort, FixedSorted, NONE, Slots};
use arrivals::usage_samples::{Steps, hundredths};
use intake::rows::USAGE_NOT_READ;

/// Takes each table of usage, with the option `usage`; without it, each is noted as not read.
pub(crate) fn each_usage_table(
    tables: &[Input],
    options: &ReadOptions,
    journal: &mut Journal,
    mut take: impl FnMut(&Input, &mut Journal) -> Result<(), TraceError>,
) -> Result<(), TraceError> {
    for part in tables {
        journal.file = part.name.clone();
        if options.usage {
            take(part, journal)?;
        } else {
            journal.dirt(USAGE_NOT_READ, Action::Keep, 1)?;
        }
    }
    Ok(())
}

/// Numbers of a sample beside its time.
const VALUES: usize = 3;

/// Words of a sample that is to be sorted: those of its key, the time, the place and the numbers.
const WORDS: usize = 4 + VALUES;

/// The key of a task: two numbers, or the hash of a name.
pub(crate) type Key = [u64; 2];

/// What was measured of a task: a time, by which the samples of a task are sorted, and up to three numbers, whose
/// meaning is that of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// The time, in the unit of the format.
    pub(crate) at: i64,
    values: [i64; VALUES],
}

impl Sample {
    /// A sample; a number that is absent was not measured.
    pub(crate) fn new(at: i64, values: [Option<i64>; VALUES]) -> Self {
        Self {
            at,
            values: values.map(|own| own.unwrap_or(NONE)),
        }
    }

    /// A number, if it was measured.
    pub(crate) fn value(&self, place: usize) -> Option<i64> {
        Some(self.values[place]).filter(|own| *own != NONE)
    }

    fn words(&self) -> [u64; 1 + VALUES] {
        let [one, two, three] = self.values;
        [self.at, one, two, three].map(|own| own as u64)
    }

    fn of_words(words: [u64; 1 + VALUES]) -> Self {
        let [at, one, two, three] = words.map(|own| own as i64);
        Self {
            at,
            values: [one, two, three],
        }
    }
}

/// A sample of a task with its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    /// The key of the task.
    pub(crate) key: Key,
    /// The place of the sample among all of them.
    pub(crate) place: u64,
    /// The sample.
    pub(crate) sample: Sample,
}

/// The bit by which numbers with a sign have the order of those without.
const SIGN: u64 = 1 << 63;

impl Placed {
    /// The words that are sorted: by task, time and place.
    fn words(self) -> [u64; WORDS] {
        let ([first, second], [at, one, two, three]) = (self.key, self.sample.words());
        [first, second, at ^ SIGN, self.place, one, two, three]
    }

    fn of_words([first, second, at, place, one, two, three]: [u64; WORDS]) -> Self {
        Self {
            key: [first, second],
            place,
            sample: Sample::of_words([at ^ SIGN, one, two, three]),
        }
    }
}

/// Samples up to now.
#[derive(Default)]
pub(crate) struct Samples {
    sort: FixedSort<WORDS>,
    count: u64,
}

impl Samples {
    /// No samples yet; a number of them is held in memory.
    #[cfg(test)]
    pub(crate) fn holding(most_held: usize) -> Self {
        Self {
            sort: FixedSort::holding(most_held),
            count: 0,
        }
    }

    /// Adds a sample of the task with a key, behind those before.
    pub(crate) fn push(&mut self, key: Key, sample: Sample) {
        self.push_at(key, self.count, sample);
        self.count += 1;
    }

    /// Adds a sample of the task with a key that stands at a place.
    pub(crate) fn push_at(&mut self, key: Key, place: u64, sample: Sample) {
        let placed = Placed { key, place, sample };
        self.sort.push(placed.words());
    }

    /// The samples task by task, those of a task by time, and of one time by place.
    pub(crate) fn sorted(self) -> Result<ByTask, TraceError> {
        self.sorted_with(|_| {})
    }

    /// The samples task by task, each of which is taken in their order.
    pub(crate) fn sorted_with(self, mut take: impl FnMut(&Placed)) -> Result<ByTask, TraceError> {
        let mut all = ByTask::default();
        let mut sorted = self.sort.sorted();
        let mut own: Option<(Key, u64)> = None;
        while let Some(words) = sorted.next()? {
            let placed = Placed::of_words(words);
            if own.is_none_or(|(key, _)| key != placed.key) {
                all.close(own)?;
                own = Some((placed.key, all.samples.count()));
            }
            all.samples.push(placed.sample.words())?;
            take(&placed);
        }
        all.close(own)?;
        Ok(all)
    }
}

/// Samples by task.
#[derive(Debug, Default)]
pub(crate) struct ByTask {
    samples: Slots<{ 1 + VALUES }>,
    /// The place of the first sample of each task, and the number of its samples.
    places: Ascending,
    /// A bit for each task that was claimed.
    claimed: Vec<u64>,
}

/// The word and the bit of a number.
fn bit_of(number: u64) -> (usize, u64) {
    let bits = u64::from(u64::BITS);
    ((number / bits) as usize, 1 << (number % bits))
}

impl ByTask {
    /// The samples of a task that begin at a place are all there.
    fn close(&mut self, own: Option<(Key, u64)>) -> Result<(), TraceError> {
        let Some((key, from)) = own else {
            return Ok(());
        };
        let count = self.samples.count() - from;
        self.places.push(key, [from, count])
    }

    /// The number of tasks of which something was measured.
    pub(crate) fn len(&self) -> usize {
        self.places.count() as usize
    }

    /// Whether nothing was measured.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place of the first sample of a task, and the number of its samples.
    fn of(&mut self, key: Key) -> Result<Option<[u64; 2]>, TraceError> {
        Ok(self.places.get(key)?.map(|(_, own)| own))
    }

    /// Claims the samples of the task with a key; whether there are some, and nobody claimed them before.
    pub(crate) fn claim(&mut self, key: Key) -> Result<bool, TraceError> {
        let Some((number, _)) = self.places.get(key)? else {
            return Ok(false);
        };
        let (word, bit) = bit_of(number);
        if self.claimed.len() <= word {
            self.claimed.resize(word + 1, 0);
        }
        let was_free = self.claimed[word] & bit == 0;
        self.claimed[word] |= bit;
        Ok(was_free)
    }

    /// Whether the samples of the task with a key were claimed.
    pub(crate) fn is_claimed(&mut self, key: Key) -> Result<bool, TraceError> {
        let number = self.places.get(key)?.map(|(number, _)| number);
        let own = number
            .map(bit_of)
            .and_then(|(word, bit)| Some(self.claimed.get(word)? & bit));
        Ok(own.is_some_and(|own| own != 0))
    }

    /// The times of the first sample of the task with a key and of its last one, if there are some.
    pub(crate) fn ends(&mut self, key: Key) -> Result<Option<(i64, i64)>, TraceError> {
        let Some([from, count]) = self.of(key)? else {
            return Ok(None);
        };
        let mut at = |place| Ok(Sample::of_words(self.samples.get(place)?).at);
        Ok(Some((at(from)?, at(from + count - 1)?)))
    }

    /// Takes each sample of the task with a key, by time; whether there are some.
    pub(crate) fn each(
        &mut self,
        key: Key,
        mut take: impl FnMut(Sample),
    ) -> Result<bool, TraceError> {
        let Some([from, count]) = self.of(key)? else {
            return Ok(false);
        };
        for place in from..from + count {
            take(Sample::of_words(self.samples.get(place)?));
        }
        Ok(true)
    }

    /// The use of the task with a key that began at a second, from samples in seconds, whose first two numbers are
    /// hundredths of a percent of processors and of memory; `None` if nothing of it was measured.
    pub(crate) fn shares(&mut self, key: Key, start: i64) -> Result<Option<Behaviour>, TraceError> {
        let [mut cpu, mut memory] =
            [(); 2].map(|()| Steps::new(start, |used: &i64| hundredths(*used)));
        let is_known = self.each(key, |own| {
            for (steps, used) in [(&mut cpu, own.value(0)), (&mut memory, own.value(1))] {
                if let Some(used) = used {
                    steps.push(own.at, used);
                }
            }
        })?;
        Ok(is_known.then(|| Behaviour {
            cpu_usage: cpu.finish(),
            memory_usage: memory.finish(),
            ..Behaviour::default()
        }))
    }
}

/// The time of a task of which something was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The place of the first of its samples.
    pub(crate) place: u64,
    /// The key of the task.
    pub(crate) key: Key,
    /// The earliest time of a sample.
    pub(crate) from: i64,
    /// The latest end of what a sample says.
    pub(crate) until: i64,
    /// Whether several samples are of one time.
    pub(crate) has_twice: bool,
}

/// The times of tasks, of which the samples are taken task by task.
#[derive(Default)]
pub(crate) struct Spans {
    sort: FixedSort<6>,
    /// The task of the last sample, and the time of that.
    own: Option<(Span, i64)>,
}

impl Spans {
    /// Adds a sample that says something up to a time.
    pub(crate) fn add(&mut self, placed: &Placed, until: i64) {
        let at = placed.sample.at;
        if let Some((own, last)) = &mut self.own
            && own.key == placed.key
        {
            own.place = own.place.min(placed.place);
            own.until = own.until.max(until);
            own.has_twice |= at == *last;
            *last = at;
            return;
        }
        self.close();
        let span = Span {
            place: placed.place,
            key: placed.key,
            from: at,
            until,
            has_twice: false,
        };
        self.own = Some((span, at));
    }

    fn close(&mut self) {
        if let Some((own, _)) = self.own.take() {
            let [first, second] = own.key;
            let [from, until] = [own.from, own.until].map(|own| own as u64);
            let has_twice = own.has_twice.into();
            self.sort
                .push([own.place, first, second, from, until, has_twice]);
        }
    }

    /// The times by the places of the first samples.
    pub(crate) fn sorted(mut self) -> SortedSpans {
        self.close();
        SortedSpans(self.sort.sorted())
    }
}

/// Times of tasks in the order of their first samples.
#[derive(Clone, Debug)]
pub(crate) struct SortedSpans(FixedSorted<6>);

impl SortedSpans {
    /// Returns the next one, or `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Span>, TraceError> {
        let next = self.0.next()?;
        Ok(
            next.map(|[place, first, second, from, until, has_twice]| Span {
                place,
                key: [first, second],
                from: from as i64,
                until: until as i64,
                has_twice: has_twice == 1,
            }),
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The samples of each task, and the times of tasks.
    fn by_task(samples: &[(u64, i64)], most_held: usize) -> (Vec<Vec<Sample>>, Vec<Span>) {
        let mut all = Samples::holding(most_held);
        for (number, &(task, at)) in (0..).zip(samples) {
            all.push(
                [7, task],
                Sample::new(at, [Some(number), None, Some(-number)]),
            );
        }
        let mut spans = Spans {
            sort: FixedSort::holding(most_held),
            own: None,
        };
        let sorted = all.sorted_with(|own| spans.add(own, own.sample.at + 1));
        let mut sorted = sorted.expect("readable");
        let mut of = |task| {
            let mut own = Vec::new();
            let is_known = sorted.each([7, task], |sample| own.push(sample));
            assert_eq!(is_known, Ok(!own.is_empty()));
            let ends = own.first().zip(own.last());
            let ends = ends.map(|(first, last)| (first.at, last.at));
            assert_eq!(sorted.ends([7, task]), Ok(ends));
            own
        };
        let found = (0..6).map(&mut of).collect();
        let (mut spans, mut met) = (spans.sorted(), Vec::new());
        while let Some(span) = spans.next().expect("readable") {
            met.push(span);
        }
        assert_eq!(sorted.len(), met.len());
        (found, met)
    }

    #[test]
    fn samples_of_a_task_are_in_order_of_time() {
        let (found, spans) = by_task(&[(3, 9), (1, 5), (3, -2), (3, -2), (1, 6)], 100);
        let places = |own: &[Sample]| -> Vec<(i64, Option<i64>)> {
            own.iter().map(|own| (own.at, own.value(0))).collect()
        };
        assert_eq!(places(&found[1]), [(5, Some(1)), (6, Some(4))]);
        assert_eq!(
            places(&found[3]),
            [(-2, Some(2)), (-2, Some(3)), (9, Some(0))]
        );
        assert_eq!(found[3][0].value(1), None);
        assert!(found[0].is_empty() && found[2].is_empty() && found[5].is_empty());
        let span = |place, task, from, until, has_twice| Span {
            place,
            key: [7, task],
            from,
            until,
            has_twice,
        };
        assert_eq!(spans, [span(0, 3, -2, 10, true), span(1, 1, 5, 7, false)]);
    }

    proptest! {
        #[test]
        fn samples_sorted_on_disk_are_those_sorted_in_memory(
            samples in prop::collection::vec((0_u64..5, -3_i64..9), 0..60),
            most_held in 1_usize..9,
        ) {
            prop_assert_eq!(by_task(&samples, most_held), by_task(&samples, usize::MAX));
        }
    }
}
