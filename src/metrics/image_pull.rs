//! Images on their way to nodes: from the moment that a container needs one that its node does not
//! have, or is to ask for at every start, until it is there (orchestrators-b.md 10.4).

use std::collections::BTreeMap;

use crate::model::{Event, PodChange, PullStep};
use crate::units::{Instant, PodId};

use super::collector::{Change, Collector, Heard, MetricValue, RunEnd};
use super::distribution::Distribution;
use super::registry::{Direction, MetricEntry, Statistic};

/// `image_pull.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "image_pull",
    summary: "How long containers waited for their images, failures included, and what was \
              transferred.",
    statistics: &[
        Statistic::seconds("mean"),
        Statistic::seconds("p50"),
        Statistic::seconds("p90"),
        Statistic::seconds("p99"),
        Statistic::seconds("max"),
        Statistic::amount("failures", "times", Direction::Lower),
        Statistic::amount("transferred", "bytes", Direction::Lower),
    ],
    formula: "first request of an image by a container's start until it is there: waiting for \
              other pulls of the node, transfers, unpacking, failures and their back-off; \
              failures: requests that came to nothing; transferred: bytes",
    denominators: "starts of containers, of pods submitted in the measured window, that asked for \
                   an image; failures and bytes within the window",
    census: "containers whose pod ended before the image came have no value",
    censoring: "not there at the end: right-censored at its age; percentiles by Kaplan-Meier, mean \
                null above 1 % censored",
    source: "orchestrators-b.md 10.4; kubernetes.md part 4",
    construct: |_| Box::new(ImagePull::default()),
};

#[derive(Clone, Debug)]
struct ImagePull {
    times: Distribution,
    failures: u64,
    bytes: i128,
    /// Since when containers wait.
    waiting: BTreeMap<(PodId, u16), Instant>,
}

impl Default for ImagePull {
    fn default() -> Self {
        Self {
            times: Distribution::of("pulls"),
            failures: 0,
            bytes: 0,
            waiting: BTreeMap::new(),
        }
    }
}

impl Collector for ImagePull {
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Pulls, Heard::Ended]
    }

    fn event(&mut self, change: &Change<'_>) {
        let (pod, container, step) = match change.event {
            Event::PodEnded { pod, .. } => {
                if !self.waiting.is_empty() {
                    let own = self.waiting.range((pod.id, 0)..=(pod.id, u16::MAX));
                    let keys: Vec<(PodId, u16)> = own.map(|(&key, _)| key).collect();
                    for key in keys {
                        self.waiting.remove(&key);
                    }
                }
                return;
            }
            Event::PodChanged {
                pod,
                change: PodChange::Pull { container, step },
            } => (pod, *container, *step),
            _ => return,
        };
        let key = (pod.id, container);
        match step {
            PullStep::Asked => {
                self.waiting.entry(key).or_insert(change.at);
            }
            PullStep::Failed { .. } => self.failures += u64::from(change.in_window()),
            PullStep::Done { bytes } => {
                if change.in_window() {
                    self.bytes += i128::from(bytes);
                }
                if let Some(since) = self.waiting.remove(&key)
                    && change.measures(pod.id)
                {
                    self.times.add(change.at.since(since));
                }
            }
        }
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let mut times = self.times.clone();
        for (&(pod, _), &since) in &self.waiting {
            if end.measured.has(pod) {
                times.add_at_least(end.at.since(since));
            }
        }
        let subject = ENTRY.subject;
        let mut values = times.values(subject);
        values.push(MetricValue::count(
            format!("{subject}.failures"),
            self.failures,
        ));
        let bytes = Ok(self.bytes as f64);
        values.push(MetricValue::new(format!("{subject}.transferred"), bytes));
        values
    }
}
