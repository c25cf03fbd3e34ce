//! Use of pods as cAdvisor says it by container: counters of processor time, from which use follows between two
//! samples, and the memory of working sets. Rules that keep rates of the counters are read as well. A pod uses what its
//! containers do together.

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use super::Sample as Stated;
use super::pods::Label;
use crate::parts::measurements::{ByTask, Sample, Samples};
use crate::readers::prelude::*;
use arrivals::usage_samples::Steps;
use units::SortedMap;

/// The meaning of a series of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Measure {
    /// Seconds of processors since the container began.
    Counter,
    /// Cores.
    Rate,
    /// Bytes.
    Memory,
    /// Bytes, kept by a rule.
    KeptMemory,
}

/// Beginning of the names of rules that keep rates of the counter of processor time.
const KEPT_RATES: &str = "node_namespace_pod_container:container_cpu_usage_seconds_total:sum_";

impl Measure {
    /// What a metric measures; `None` of one that is about something else.
    pub(super) fn of(metric: &str) -> Option<Self> {
        match metric {
            "container_cpu_usage_seconds_total" => Some(Self::Counter),
            "container_memory_working_set_bytes" => Some(Self::Memory),
            "node_namespace_pod_container:container_memory_working_set_bytes" => {
                Some(Self::KeptMemory)
            }
            metric => metric.starts_with(KEPT_RATES).then_some(Self::Rate),
        }
    }

    /// The most, and how many of the unit in which samples are held make one.
    fn scale(self) -> (f64, f64) {
        match self {
            Self::Counter => (1e9, 1e9),
            Self::Rate => (1e6, 1e3),
            Self::Memory | Self::KeptMemory => (1e18, 1.0),
        }
    }

    /// The measure in whose place it stands, where both are there.
    fn better(self) -> Option<Self> {
        match self {
            Self::Rate => Some(Self::Counter),
            Self::KeptMemory => Some(Self::Memory),
            Self::Counter | Self::Memory => None,
        }
    }
}

/// The series of a container: what it measures, the name of the container and the processor.
type Track = (Measure, String, String);

/// Containers that are no processes of a pod: the pod as a whole, and the one that holds its network.
const NOT_NAMED: [&str; 2] = ["", "POD"];

/// Samples of use up to now, by the numbers of pods.
#[derive(Default)]
pub(super) struct Use {
    samples: Samples,
    tracks: IndexSet<Track, FxBuildHasher>,
}

/// Samples of use by pod.
pub(super) struct Sorted {
    samples: ByTask,
    tracks: IndexSet<Track, FxBuildHasher>,
}

/// A sample: milliseconds since 1970, the number of its track, and the value.
type Point = (i64, usize, i64);

impl Use {
    /// Adds the samples of a series about the pod with a number.
    pub(super) fn add(
        &mut self,
        pod: usize,
        measure: Measure,
        label: &Label<'_>,
        samples: &[Stated],
    ) {
        let track = (measure, label.container(), label.text("cpu"));
        let (track, _) = self.tracks.insert_full(track);
        let (_, scale) = measure.scale();
        for &(at, value) in samples {
            let value = libm::rint(value * scale) as i64;
            let values = [Some(track as i64), Some(value), None];
            self.samples.push([pod as u64, 0], Sample::new(at, values));
        }
    }

    /// The samples by pod.
    pub(super) fn sorted(self) -> Result<Sorted, TraceError> {
        Ok(Sorted {
            samples: self.samples.sorted()?,
            tracks: self.tracks,
        })
    }
}

/// Refuses a sample that is no amount.
pub(super) fn check(line: u64, measure: Measure, samples: &[Stated]) -> Result<(), BadRow> {
    let (most, _) = measure.scale();
    let wrong = samples
        .iter()
        .find(|(_, value)| !(0.0..=most).contains(value));
    match wrong {
        None => Ok(()),
        Some((_, value)) => Err(BadRow {
            line,
            column: "values".to_owned(),
            value: value.to_string(),
            rule: format!("must be an amount from 0 to {most:e}"),
        }),
    }
}

/// What is known of the time of a pod, in milliseconds.
#[derive(Clone, Copy)]
pub(super) struct Time {
    /// The start, from which its use counts.
    pub(super) start: i64,
    /// The last sample of any series.
    pub(super) last: i64,
    /// The time between two samples.
    pub(super) step: i64,
}

impl Sorted {
    /// The use of a pod, from the samples of the numbers that it has, and whether there are samples that say nothing of
    /// it: a counter of one sample has no rate.
    pub(super) fn of(
        &mut self,
        pods: &[usize],
        time: Time,
    ) -> Result<(Behaviour, bool), TraceError> {
        let mut points: Vec<Point> = Vec::new();
        for &pod in pods {
            self.samples.each([pod as u64, 0], |own| {
                if let Some((track, value)) = own.value(0).zip(own.value(1)) {
                    points.push((own.at, track as usize, value));
                }
            })?;
        }
        let cpu = self.changes(&points, &[Measure::Counter, Measure::Rate], time);
        let memory = self.changes(&points, &[Measure::Memory, Measure::KeptMemory], time);
        let behaviour = Behaviour {
            cpu_usage: together(&cpu, time, |milli| format!("{milli}m")),
            memory_usage: together(&memory, time, ToString::to_string),
            ..Behaviour::default()
        };
        let is_counted = |&(_, track, _): &Point| self.tracks[track].0 == Measure::Counter;
        let says_nothing = cpu.is_empty() && points.iter().any(is_counted);
        Ok((behaviour, says_nothing))
    }

    /// The changes of use by tracks of these measures, in order of time: from when on a track uses how much.
    fn changes(&self, points: &[Point], measures: &[Measure], time: Time) -> Vec<Point> {
        let mut tracks: SortedMap<usize, Vec<(i64, i64)>> = SortedMap::new();
        for &(at, track, value) in points {
            if measures.contains(&self.tracks[track].0) {
                tracks.entry(track).or_default().push((at, value));
            }
        }
        let known: Vec<&Track> = tracks.keys().map(|&track| &self.tracks[track]).collect();
        let has = |measure| known.iter().any(|own| own.0 == measure);
        let is_named = |own: &Track| !NOT_NAMED.contains(&&*own.1);
        let has_names = |measure| known.iter().any(|own| own.0 == measure && is_named(own));
        let counts = |track: usize| {
            let own = &self.tracks[track];
            let is_better = own.0.better().is_some_and(has);
            !is_better && (is_named(own) || !has_names(own.0))
        };
        let mut changes: Vec<Point> = Vec::new();
        for (&track, samples) in tracks.iter_mut().filter(|(track, _)| counts(**track)) {
            samples.sort_by_key(|&(at, _)| at);
            samples.dedup_by_key(|&mut (at, _)| at);
            let mut steps = match self.tracks[track].0 {
                Measure::Counter => rates(samples),
                _ => samples.clone(),
            };
            // A container of which nothing is said any longer uses nothing.
            let own = &self.tracks[track].1;
            let own = points.iter().filter(|point| self.tracks[point.1].1 == *own);
            let end = own.map(|point| point.0).max().unwrap_or(time.last) + time.step;
            if !steps.is_empty() && end <= time.last {
                steps.push((end, 0));
            }
            changes.extend(steps.into_iter().map(|(at, value)| (at, track, value)));
        }
        changes.sort_by_key(|&(at, ..)| at);
        changes
    }
}

/// Thousandths of a core from each sample of a counter to the next; a counter that falls began again at 0.
fn rates(samples: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let pairs = samples.windows(2).map(|pair| {
        let ((at, before), (next, after)) = (pair[0], pair[1]);
        let nanos = if after < before {
            after
        } else {
            after - before
        };
        // Nanoseconds in a millisecond are millionths of a core.
        let span = 1_000 * (next - at).max(1);
        (at, (nanos + span / 2) / span)
    });
    pairs.collect()
}

/// What tracks use together, as a pattern.
fn together(changes: &[Point], time: Time, amount: impl Fn(&i64) -> String) -> Option<Text> {
    let mut steps = Steps::new(0, amount);
    let mut now: SortedMap<usize, i64> = SortedMap::new();
    for same in changes.chunk_by(|one, other| one.0 == other.0) {
        now.extend(same.iter().map(|&(_, track, value)| (track, value)));
        let seconds = (same[0].0 - time.start).div_euclid(1_000);
        let all = now
            .values()
            .fold(0_i64, |sum, own| sum.saturating_add(*own));
        steps.push(seconds, all);
    }
    steps.finish()
}

#[cfg(test)]
mod tests {
    use crate::readers::prometheus::ENTRY;
    use crate::tests::prelude::*;

    fn series(metric: &str, labels: &str, samples: &[(i64, &str)]) -> String {
        let samples: Vec<String> = { samples.iter() }
            .map(|(at, value)| format!("[{at}, \"{value}\"]"))
            .collect();
        format!(
            "{{\"metric\": {{\"__name__\": \"{metric}\", \"namespace\": \"n\", {labels}}}, \"values\": [{}]}}",
            samples.join(", ")
        )
    }

    fn used(text: &str) -> (Vec<[Option<String>; 2]>, Recorded) {
        let open = opener(&ENTRY);
        let options = options_with(|own| own.usage = true);
        let input = file_of(&ENTRY, "p", text);
        let recorded = collected(open(&input, &options));
        let use_of = |class: u32| {
            let own = recorded.classes[class as usize].behaviour.clone();
            let own = own.unwrap_or_default();
            [&own.cpu_usage, &own.memory_usage].map(|own| own.as_ref().map(ToString::to_string))
        };
        let used = recorded.arrivals.iter().map(|one| use_of(one.class));
        (used.collect(), recorded)
    }

    const CPU: &str = "container_cpu_usage_seconds_total";
    const MEMORY: &str = "container_memory_working_set_bytes";

    fn own(cpu: &str, memory: &str) -> [Option<String>; 2] {
        [cpu, memory].map(|own| (!own.is_empty()).then(|| own.to_owned()))
    }

    #[test]
    fn counters_are_use_between_their_samples() {
        let text = [
            series(
                CPU,
                "\"pod\": \"a\", \"container\": \"c\"",
                &[(1_000, "5"), (1_060, "35"), (1_120, "95"), (1_180, "6")],
            ),
            series(
                CPU,
                "\"pod\": \"a\", \"container\": \"d\"",
                &[(1_060, "0"), (1_120, "15")],
            ),
            series(
                CPU,
                "\"pod\": \"a\", \"container\": \"POD\"",
                &[(1_000, "0"), (1_180, "180")],
            ),
            series(
                CPU,
                "\"pod\": \"a\", \"container\": \"\"",
                &[(1_000, "0"), (1_180, "180")],
            ),
            series(
                MEMORY,
                "\"pod\": \"a\", \"container\": \"c\"",
                &[(1_000, "100"), (1_060, "100"), (1_180, "300")],
            ),
            series(MEMORY, "\"pod\": \"a\"", &[(1_000, "9999")]),
            series(CPU, "\"pod\": \"b\"", &[(1_000, "0"), (1_060, "6")]),
            series(CPU, "\"pod\": \"e\"", &[(1_000, "7")]),
        ];
        let (found, recorded) = used(&format!("[{}]", text.join(",\n")));
        // The first container begins again before 1,180, and the second is no longer there from then on.
        let expected = [
            own(
                "recorded(0s: 500m, 60s: 1250m, 120s: 350m, 180s: 100m)",
                "recorded(0s: 100, 180s: 300)",
            ),
            own("recorded(0s: 100m)", ""),
            own("", ""),
        ];
        assert_eq!(found, expected);
        let kind = "counter of processor time with a single sample; its use is not known";
        assert_eq!(recorded.ledger.count(kind), 1);
    }

    #[test]
    fn exporters_and_rules_say_the_same() {
        let text = format!(
            "# TYPE {CPU} counter\n\
             {CPU}{{container=\"c\",cpu=\"cpu00\",namespace=\"n\",pod=\"a\"}} 10 1000\n\
             {CPU}{{container=\"c\",cpu=\"cpu00\",namespace=\"n\",pod=\"a\"}} 40 1060\n\
             {CPU}{{container=\"c\",cpu=\"cpu01\",namespace=\"n\",pod=\"a\"}} 10 1000\n\
             {CPU}{{container=\"c\",cpu=\"cpu01\",namespace=\"n\",pod=\"a\"}} 40 1060\n\
             {MEMORY}{{container=\"c\",namespace=\"n\",pod=\"a\"}} 1048576 1000\n\
             kube_pod_info{{namespace=\"n\",pod=\"a\",uid=\"7\"}} 1 1000\n\
             # EOF\n"
        );
        let (found, recorded) = used(&text);
        assert_eq!(found, [own("recorded(0s: 1000m)", "recorded(0s: 1048576)")]);
        let kind = "pod without a `uid`; counted as the one of its name that is there then";
        assert_eq!(recorded.ledger.count(kind), 1);
        let rule = "node_namespace_pod_container";
        let kept = [
            series(
                &format!("{rule}:{CPU}:sum_irate"),
                "\"pod\": \"a\", \"container\": \"c\"",
                &[(1_000, "0.25"), (1_060, "1")],
            ),
            series(
                &format!("{rule}:{MEMORY}"),
                "\"pod\": \"a\", \"container\": \"c\"",
                &[(1_000, "5")],
            ),
            series(
                MEMORY,
                "\"pod\": \"a\", \"container\": \"c\"",
                &[(1_000, "6")],
            ),
        ];
        let (found, _) = used(&format!("[{}]", kept.join(",\n")));
        assert_eq!(
            found,
            [own("recorded(0s: 250m, 60s: 1000m)", "recorded(0s: 6)")]
        );
    }

    #[test]
    fn use_that_is_not_asked_for_is_told_and_wrong_use_refused() {
        let good = series(CPU, "\"pod\": \"a\"", &[(1_000, "0"), (1_060, "6")]);
        let bad = series(MEMORY, "\"pod\": \"a\"", &[(1_000, "0"), (1_060, "-6")]);
        let text = format!("[{good},\n{bad}]");
        let found = faults(&ENTRY, "p", text);
        assert_eq!(found.ledger.count(super::super::pods::NOT_USED), 1);
        let bad: Vec<String> = found.bad_rows.iter().map(ToString::to_string).collect();
        assert_eq!(
            bad,
            ["p:2: column `values`: must be an amount from 0 to 1e18, found `-6`"]
        );
    }
}
