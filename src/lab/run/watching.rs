//! Watchers of a run: the recorder of metrics, the collector of what the report draws, and others.

use cluster::{Incident, Observer, Store, UsageNews};
use control::Probe;
use control::probe::Part;
use metrics::{RecordError, Recorder, RunMetrics};
use model::{Event, Pod, TrafficNames, TrafficStretch};
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

    /// Lines about what the metrics of a run that left this store do not show.
    pub(super) fn aftermath(&self, store: &Store) -> Vec<String> {
        self.aftermath.lines(store)
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

impl Observer for Watching<'_> {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        let left = self.probe.enter(self.part);
        self.recorder.observe(at, event, ended, store);
        self.aftermath.observe(at, event, ended, store);
        if let Some(report) = &mut self.report {
            report.observe(at, event, ended, store);
        }
        if let Some(watch) = &mut self.watch {
            watch.observe(at, event, ended, store);
        }
        self.probe.enter(left);
    }

    fn usage(&mut self, at: Instant, store: &Store, news: UsageNews<'_>) {
        let left = self.probe.enter(self.part);
        self.recorder.usage(at, store, news);
        if let Some(report) = &mut self.report {
            report.usage(at, store, news);
        }
        if let Some(watch) = &mut self.watch {
            watch.usage(at, store, news);
        }
        self.probe.enter(left);
    }

    fn traffic(&mut self, stretch: &TrafficStretch, names: &TrafficNames) {
        let left = self.probe.enter(self.part);
        self.recorder.traffic(stretch, names);
        if let Some(report) = &mut self.report {
            report.traffic(stretch, names);
        }
        if let Some(watch) = &mut self.watch {
            watch.traffic(stretch, names);
        }
        self.probe.enter(left);
    }

    fn incident(&mut self, at: Instant, incident: Incident, store: &Store) {
        self.recorder.incident(at, incident, store);
        self.aftermath.incident(at, incident, store);
        if let Some(report) = &mut self.report {
            report.incident(at, incident, store);
        }
        if let Some(watch) = &mut self.watch {
            watch.incident(at, incident, store);
        }
    }

    fn settled(&mut self, at: Instant, store: &Store) {
        let left = self.probe.enter(self.part);
        self.recorder.settled(at, store);
        if let Some(report) = &mut self.report {
            report.settled(at, store);
        }
        if let Some(watch) = &mut self.watch {
            watch.settled(at, store);
        }
        self.probe.enter(left);
    }
}
