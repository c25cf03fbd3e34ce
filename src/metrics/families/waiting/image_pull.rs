//! Images on their way to nodes: from the moment that a container needs one that its node does not
//! have, or is to ask for at every start, until it is there (orchestrators-b.md 10.4).

use cluster::Store;
use model::{Event, PodChange, PodRef, PullStep};
use units::{Instant, PodId, PodSlot, SortedMap};

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::statistics::distribution::{Distribution, MAX, MEAN, P50, P90, P99};
use crate::values::{Direction, Reading, Statistic, Values};

const FAILURES: Statistic = Statistic::occurrences("failures", Direction::Lower);
const TRANSFERRED: Statistic = Statistic::amount("transferred", "bytes", Direction::Lower);

/// `image_pull.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "image_pull",
    title: Title::new("image pull"),
    group: Group::Others.at(0),
    short_lists: &[],
    series: &[],
    summary: "Time that containers waited for their images, failures included, and bytes \
              transferred.",
    statistics: &[MEAN, P50, P90, P99, MAX, FAILURES, TRANSFERRED],
    formula: "from a container's first request for its image until the image is present, \
              including queueing behind other pulls of the node, transfer, unpacking, failures \
              and back-off; failures: failed pulls; transferred: bytes",
    denominators: "container starts that requested an image, of pods submitted in the measured \
                   window; failures and bytes within the window",
    census: "containers whose pod ended before the image arrived have no value",
    censoring: "not present at the end: right-censored at its age; percentiles by Kaplan-Meier, \
                mean null above 1 % censored",
    source: "orchestrators-b.md 10.4; kubernetes.md part 4",
    construct: |_| Box::new(ImagePull::default()),
};

#[derive(Clone, Debug)]
struct ImagePull {
    times: Distribution,
    failures: u64,
    bytes: i128,
    /// Instants since which containers wait, and the rows of their pods; of pods that ended, too,
    /// until they are most.
    waiting: SortedMap<(PodId, u16), (PodSlot, Instant)>,
}

impl Default for ImagePull {
    fn default() -> Self {
        Self {
            times: Distribution::of("pull"),
            failures: 0,
            bytes: 0,
            waiting: SortedMap::new(),
        }
    }
}

/// Whether the pod of a container that waits has not ended.
fn lives(store: &Store, id: PodId, slot: PodSlot) -> bool {
    store.pods().get(PodRef { id, slot }).is_some()
}

impl Collector for ImagePull {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Pulls]
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
                .retain(|&(pod, _), &mut (slot, _)| lives(change.store, pod, slot));
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

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let mut times = self.times.clone();
        for (&(pod, _), &(slot, since)) in &self.waiting {
            if end.measured.has(pod) && lives(end.store, pod, slot) {
                times.add_at_least(end.at.since(since));
            }
        }
        times.put(values);
        values.put(FAILURES, Reading::count(self.failures));
        let bytes = Ok(self.bytes as f64);
        values.put(TRANSFERRED, bytes);
    }
}
