//! Watchers of a run: the recorder of metrics, the collector of what the report draws, and others.

use cluster::{Incident, Observer, Store, UsageNews};
use control::Probe;
use control::probe::Part;
use metrics::{RecordError, Recorder, RunMetrics};
use model::{Event, Pod, PodRef, Text, TrafficNames, TrafficStretch};
use units::Instant;

use super::aftermath::Aftermath;
use history::{Collector, VariantData};

/// Watches nothing.
pub(super) struct Nobody;

impl Observer for Nobody {
    fn observe(&mut self, _at: Instant, _event: &Event, _ended: Option<&Pod>, _store: &Store) {}
}

/// The recorder, and the others who watch.
pub(super) struct Watching<'s> {
    recorder: Recorder<'s>,
    aftermath: Aftermath,
    report: Option<Collector>,
    watch: Option<&'s mut dyn Observer>,
    probe: Probe,
    part: Part,
}

impl<'s> Watching<'s> {
    pub(super) fn new(
        system: &str,
        recorder: Recorder<'s>,
        report: Option<Collector>,
        watch: Option<&'s mut dyn Observer>,
        probe: &Probe,
    ) -> Self {
        Self {
            recorder,
            aftermath: Aftermath::of(system),
            report,
            watch,
            part: probe.part("metrics"),
            probe: probe.clone(),
        }
    }

    /// Lines about what the metrics of a run that left this store at an instant do not show.
    pub(super) fn aftermath(&self, at: Instant, store: &Store) -> Vec<String> {
        self.aftermath.lines(at, store)
    }

    /// Results of the watchers.
    pub(super) fn finish(
        self,
        at: Instant,
        store: &Store,
    ) -> Result<(RunMetrics, Option<VariantData>), RecordError> {
        let left = self.probe.enter(self.part);
        let report = self.report;
        let metrics = self.recorder.finish(at, store);
        let done = metrics.map(|metrics| {
            let report = report.map(|report| report.finish(at, store, &metrics.alerts));
            (metrics, report)
        });
        self.probe.enter(left);
        done
    }
}

impl Watching<'_> {
    /// Tells every watcher, in the time of the metrics.
    fn tell(&mut self, news: impl Fn(&mut dyn Observer)) {
        let left = self.probe.enter(self.part);
        news(&mut self.recorder);
        news(&mut self.aftermath);
        if let Some(report) = &mut self.report {
            news(report);
        }
        if let Some(watch) = &mut self.watch {
            news(*watch);
        }
        self.probe.enter(left);
    }
}

impl Observer for Watching<'_> {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.tell(|own| own.observe(at, event, ended, store));
    }

    fn usage(&mut self, at: Instant, store: &Store, news: UsageNews<'_>) {
        self.tell(|own| own.usage(at, store, news));
    }

    fn traffic(&mut self, stretch: &TrafficStretch, names: &TrafficNames) {
        self.tell(|own| own.traffic(stretch, names));
    }

    fn incident(&mut self, at: Instant, incident: Incident, store: &Store) {
        self.tell(|own| own.incident(at, incident, store));
    }

    fn unprovided(&mut self, at: Instant, pod: PodRef, why: Option<&Text>, store: &Store) {
        self.tell(|own| own.unprovided(at, pod, why, store));
    }

    fn settled(&mut self, at: Instant, store: &Store) {
        self.tell(|own| own.settled(at, store));
    }
}
