//! Images on their way to nodes: from the moment that a container needs one that its node does not
//! have, or is to ask for at every start, until it is there (orchestrators-b.md 10.4).

use std::collections::BTreeMap;

use cluster::Store;
use model::{Event, PodChange, PodRef, PullStep};
use units::{Instant, PodId, PodSlot};

use crate::record::collector::{Change, Collector, Heard, MetricValue, RunEnd};
use crate::record::presentation::{Group, Title};
use crate::record::registry::{Direction, MetricEntry, Statistic};
use crate::statistics::distribution::Distribution;

/// `image_pull.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "image_pull",
    title: Title::new("image pull"),
    group: Group::Others.at(0),
    short_lists: &[],
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
    /// Since when containers wait, and the rows of their pods; of pods that ended, too, until they
    /// are most.
    waiting: BTreeMap<(PodId, u16), (PodSlot, Instant)>,
}

impl Default for ImagePull {
    fn default() -> Self {
        Self {
            times: Distribution::of("pull"),
            failures: 0,
            bytes: 0,
            waiting: BTreeMap::new(),
        }
    }
}

/// Whether the pod of a container that waits has not ended.
fn lives(store: &Store, (id, _): (PodId, u16), &(slot, _): &(PodSlot, Instant)) -> bool {
    store.pods().get(PodRef { id, slot }).is_some()
}

impl Collector for ImagePull {
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Pulls]
    }

    fn event(&mut self, change: &Change<'_>) {
        let Event::PodChanged {
            pod,
            change: PodChange::Pull { container, step },
        } = change.event
        else {
            return;
        };
        let (container, step) = (*container, *step);
        if self.waiting.len() > 2 * change.store.pods().living() + 64 {
            self.waiting
                .retain(|&key, row| lives(change.store, key, row));
        }
        let key = (pod.id, container);
        match step {
            PullStep::Asked => {
                let row = (pod.slot, change.at);
                self.waiting.entry(key).or_insert(row);
            }
            PullStep::Failed { .. } => self.failures += u64::from(change.in_window()),
            PullStep::Done { bytes } => {
                if change.in_window() {
                    self.bytes += i128::from(bytes);
                }
                if let Some((_, since)) = self.waiting.remove(&key)
                    && change.measures(pod.id)
                {
                    self.times.add(change.at.since(since));
                }
            }
        }
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let mut times = self.times.clone();
        for (&key, row) in &self.waiting {
            let (pod, since) = (key.0, row.1);
            if end.measured.has(pod) && lives(end.store, key, row) {
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
