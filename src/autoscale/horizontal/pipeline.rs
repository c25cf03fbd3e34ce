//! The way of a metric from a pod to the autoscaler: it is read every so often, over a window,
//! arrives after a while, and is lost now and then (spec: kubernetes.md 3.1; orchestrators-a.md
//! 9.5).
//!
//! Whether a reading is lost is drawn by its pod, its series and its time, so that the luck of a
//! reading does not depend on what else is read.

use super::super::finding::{Finding, Findings};
use super::observation::{MetricSource, NO_METRICS, PodSample, PodSamples};
use super::spec::{MetricIdentifier, ObjectRef};
use model::Text;
use rng::Streams;
use units::{Duration, Identity, Instant, SortedMap};

/// Settings of the pipeline that metrics travel through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PipelineSettings {
    /// Time between two readings.
    pub scrape: Duration,
    /// Window over which a reading is averaged.
    pub window: Duration,
    /// Time that a reading takes to arrive.
    pub delay: Duration,
    /// Part of the readings that is lost, 0 to 1.
    pub loss: f64,
    /// A reading older than this is not handed out any more.
    pub stale: Duration,
}

impl Default for PipelineSettings {
    fn default() -> Self {
        Self {
            scrape: Duration::from_secs(15),
            window: Duration::from_secs(15),
            delay: Duration::ZERO,
            loss: 0.0,
            stale: Duration::from_secs(300),
        }
    }
}

impl PipelineSettings {
    /// Returns the problems of the settings.
    pub fn findings(&self) -> Vec<Finding> {
        let mut found = Findings::new("metrics pipeline");
        let is_fine = self.scrape > Duration::ZERO;
        found.expect(is_fine, "scrape", self.scrape, "more than 0 s");
        for (field, span) in [
            ("window", self.window),
            ("delay", self.delay),
            ("stale", self.stale),
        ] {
            found.expect(span >= Duration::ZERO, field, span, "0 s or more");
        }
        let is_fine = (0.0..=1.0).contains(&self.loss);
        found.expect(is_fine, "loss", self.loss, "a part from 0 to 1");
        found.list
    }
}

/// Series that a reading belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Series {
    /// A resource of whole pods, or of one container of each.
    Resource(Text, Option<Text>),
    /// A custom metric of pods.
    Pods(Text),
    /// A custom metric of one object: metric, kind and name.
    Object(Text, Text, Text),
    /// A series of an external metric; the key of a reading tells them apart.
    External(Text),
}

/// A reading: of what, of which pod (empty for objects), and its value in thousandths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Series that was read.
    pub series: Series,
    /// Name of the pod, or of the external series.
    pub key: Text,
    /// Thousandths.
    pub value: i64,
}

/// The luck of the readings of an autoscaler.
#[derive(Clone, Debug)]
pub struct ReadingStreams {
    /// Random streams of readings.
    pub streams: Streams,
    /// Stable identity of the autoscaler.
    pub own: Identity,
}

impl ReadingStreams {
    fn is_lost(&self, now: Instant, reading: &Reading, loss: f64) -> bool {
        if loss <= 0.0 {
            return false;
        }
        let series = match &reading.series {
            Series::Resource(name, container) => {
                let resource = Identity::of(name);
                container
                    .as_ref()
                    .map_or(resource, |container| resource.with(container))
            }
            Series::Pods(name) | Series::Object(name, ..) | Series::External(name) => {
                Identity::of(name)
            }
        };
        let what = self.own.nth(series.number()).with(&reading.key);
        let mut stream = self.streams.of(what.nth(now.as_nanos() as u64));
        stream.unit_f64() < loss
    }
}

/// Readings on their way and the newest that arrived.
#[derive(Clone, Debug)]
pub struct Pipeline {
    settings: PipelineSettings,
    draws: ReadingStreams,
    /// Readings by when they arrive, then in the order they were made.
    coming: Vec<(Instant, Reading, Instant)>,
    arrived: SortedMap<Series, PodSamples>,
    next: Instant,
    now: Instant,
}

impl Pipeline {
    /// A pipeline that reads for the first time at `first`.
    pub fn new(settings: PipelineSettings, first: Instant, draws: ReadingStreams) -> Self {
        Self {
            settings,
            draws,
            coming: Vec::new(),
            arrived: SortedMap::new(),
            next: first,
            now: first,
        }
    }

    /// Window over which a reading is averaged.
    pub fn window(&self) -> Duration {
        self.settings.window
    }

    /// Instant of the next reading of metrics.
    pub fn next_scrape(&self) -> Instant {
        self.next
    }

    /// Whatever was read is lost.
    pub fn clear(&mut self) {
        self.coming.clear();
        self.arrived.clear();
    }

    /// Metrics were read.
    pub fn scrape(&mut self, now: Instant, readings: impl IntoIterator<Item = Reading>) {
        for reading in readings {
            if !self.draws.is_lost(now, &reading, self.settings.loss) {
                let at = now.saturating_add(self.settings.delay);
                self.coming.push((at, reading, now));
            }
        }
        // Of the readings that fell due while nobody read, one is made late.
        let scrape = self.settings.scrape.as_nanos();
        let passed = now.since(self.next).as_nanos().max(0) / scrape + 1;
        let step = Duration::from_nanos(passed.saturating_mul(scrape));
        self.next = self.next.saturating_add(step);
    }

    /// Time goes on: what has arrived replaces what was known, and what is too old is forgotten.
    pub fn advance(&mut self, now: Instant) {
        self.now = now;
        let coming = std::mem::take(&mut self.coming);
        for (at, reading, read) in coming {
            if at > now {
                self.coming.push((at, reading, read));
                continue;
            }
            let sample = PodSample {
                value: reading.value,
                at: read,
                window: self.settings.window,
            };
            let series = self.arrived.entry(reading.series).or_default();
            series.insert(reading.key, sample);
        }
        let stale = self.settings.stale;
        for series in self.arrived.values_mut() {
            series.retain(|_, sample| now.since(sample.at) <= stale);
        }
    }

    fn known(&self, series: &Series) -> Result<&PodSamples, String> {
        let known = self.arrived.get(series).filter(|own| !own.is_empty());
        known.ok_or_else(|| NO_METRICS.to_owned())
    }
}

impl MetricSource for Pipeline {
    fn resource(&self, resource: &str, container: Option<&str>) -> Result<PodSamples, String> {
        let series = Series::Resource(resource.into(), container.map(Into::into));
        self.known(&series).cloned()
    }

    fn pods(&self, metric: &MetricIdentifier) -> Result<PodSamples, String> {
        self.known(&Series::Pods(metric.name.clone())).cloned()
    }

    fn object(&self, metric: &MetricIdentifier, object: &ObjectRef) -> Result<i64, String> {
        let name = metric.name.clone();
        let series = Series::Object(name, object.kind.clone(), object.name.clone());
        let values = self.known(&series)?.values();
        let newest = values.max_by_key(|sample| sample.at);
        newest
            .map(|sample| sample.value)
            .ok_or_else(|| NO_METRICS.to_owned())
    }

    fn external(&self, metric: &MetricIdentifier) -> Result<Vec<i64>, String> {
        let values = self.known(&Series::External(metric.name.clone()))?;
        Ok(values.values().map(|sample| sample.value).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Instant {
        Instant::from_secs(secs)
    }

    fn draws() -> ReadingStreams {
        ReadingStreams {
            streams: Streams::new(1, "metrics"),
            own: Identity::of("web"),
        }
    }

    fn cpu(pod: &str, value: i64) -> Reading {
        Reading {
            series: Series::Resource("cpu".into(), None),
            key: pod.into(),
            value,
        }
    }

    fn values(own: &Pipeline) -> Vec<i64> {
        let samples = own.resource("cpu", None).unwrap_or_default();
        samples.values().map(|sample| sample.value).collect()
    }

    #[test]
    fn a_reading_arrives_after_its_delay_and_grows_stale() {
        let settings = PipelineSettings {
            delay: Duration::from_secs(20),
            ..PipelineSettings::default()
        };
        let mut own = Pipeline::new(settings, at(0), draws());
        own.scrape(at(0), [cpu("a", 100), cpu("b", 200)]);
        assert_eq!(own.next_scrape(), at(15));
        own.scrape(at(15), [cpu("a", 300)]);
        for (secs, expected) in [
            (19, &[][..]),
            (20, &[100, 200]),
            (35, &[300, 200]),
            (301, &[300]),
            (316, &[]),
        ] {
            own.advance(at(secs));
            assert_eq!(values(&own), expected, "at {secs} s");
        }
        assert_eq!(own.resource("cpu", None), Err(NO_METRICS.to_owned()));
    }

    #[test]
    fn a_part_of_the_readings_is_lost() {
        let settings = PipelineSettings {
            loss: 0.3,
            ..PipelineSettings::default()
        };
        let mut own = Pipeline::new(settings, at(0), draws());
        let readings = (0..10_000).map(|pod| cpu(&pod.to_string(), 1));
        own.scrape(at(0), readings);
        own.advance(at(0));
        // Five standard deviations around 7000.
        let arrived = values(&own).len() as i64;
        assert!((arrived - 7000).abs() < 230, "{arrived}");
    }

    #[test]
    fn wrong_settings_are_told() {
        let settings = PipelineSettings {
            scrape: Duration::ZERO,
            loss: 1.5,
            ..PipelineSettings::default()
        };
        let told = settings.findings();
        let fields: Vec<&str> = told.iter().map(|own| own.field.as_str()).collect();
        assert_eq!(fields, ["scrape", "loss"]);
    }
}
