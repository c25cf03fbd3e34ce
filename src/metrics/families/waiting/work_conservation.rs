//! Work conservation: whether pods wait although they fit somewhere (metrics.md 5.9). Schedulers may
//! have good reasons (order of the queue, reservations, constraints that are not resources), so it
//! is reported and not asserted.
//!
//! It is looked for now and then, about every thirtieth part of the time so far: that is cheap, and
//! what is of interest lasts.

use cluster::fit::{Fit, ResourceFit};
use cluster::{Class, Store};
use model::{Event, PodPhase};
use units::{ClassId, Instant, SortedMap};

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::values::{Direction, Reading, Statistic, Values};

const LONGEST: Statistic = Statistic::seconds("longest");
const PODS: Statistic = Statistic::amount("pods", "pods", Direction::Lower);
const LOOKS: Statistic = Statistic::amount("looks", "looks", Direction::None);

/// `work_conservation.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "work_conservation",
    title: Title::new("work conservation"),
    group: Group::Others.at(0),
    short_lists: &[],
    series: &[],
    summary: "Pods that waited although they fit on some node.",
    statistics: &[LONGEST, PODS, LOOKS],
    formula: "at samples at least a minute and 1/32 of the elapsed time apart: pods that fit on \
              some node at this sample and the previous one and waited in between; pods: the most \
              at one sample; longest: the longest such time",
    denominators: "none: counts and a time",
    census: "pods without a gang, of at most 32 classes per sample, longest wait first; fit by \
             resources and GPU devices alone; the whole run, warm-up included",
    censoring: "none: durations count as far as they were observed",
    source: "metrics.md 5.9, work conservation check",
    construct: |_| Box::new(WorkConservation::default()),
};

/// A minute in nanoseconds.
const LEAST_GAP: i64 = 60_000_000_000;

/// Looks are at least this part of the time so far apart.
const PART: i64 = 32;

/// Classes that are tried at a look.
const CLASSES: usize = 32;

#[derive(Clone, Debug, Default)]
struct WorkConservation {
    next: Instant,
    /// Instants of the looks since which the pods of a class have been seen to fit every time.
    fitting: SortedMap<ClassId, Instant>,
    looks: u64,
    most_pods: u64,
    longest_nanos: i64,
}

impl WorkConservation {
    /// Looks at a settled cluster, where it is time to. Without pods that wait there is nothing to
    /// see.
    fn look(&mut self, at: Instant, is_anybody_waiting: bool, store: &Store) {
        if at < self.next {
            return;
        }
        let gap = LEAST_GAP.max(at.as_nanos() / PART);
        self.next = at.saturating_add(units::Duration::from_nanos(gap));
        self.looks += 1;
        if !is_anybody_waiting {
            self.fitting.clear();
            return;
        }
        // When pods of a class were submitted, the first of them first.
        let mut waiting: SortedMap<ClassId, Vec<Instant>> = SortedMap::new();
        for pod in store.pods().iter() {
            if pod.phase == PodPhase::Pending && pod.gang().is_none() && pod.created < at {
                waiting.entry(pod.class).or_default().push(pod.created);
            }
        }
        let mut oldest: Vec<(Instant, ClassId)> = waiting
            .iter()
            .filter_map(|(&spec, pods)| Some((pods.iter().copied().min()?, spec)))
            .collect();
        oldest.sort_unstable();
        let mut fitting = SortedMap::new();
        let mut misfits: Vec<&Class> = Vec::new();
        let mut pods = 0;
        for (_, spec) in oldest.into_iter().take(CLASSES) {
            let class = store.class(spec);
            if misfits.iter().any(|misfit| asks_no_less(class, misfit)) {
                continue;
            }
            let mut nodes = store.nodes().ids();
            if !nodes.any(|node| ResourceFit.fits(store, spec, node)) {
                misfits.push(class);
                continue;
            }
            let known = self.fitting.get(&spec).copied();
            if let Some(since) = known {
                for &created in &waiting[&spec] {
                    let lasted = at.since(since.max(created)).as_nanos();
                    // Those that came since the look before were not seen twice.
                    if lasted >= LEAST_GAP {
                        pods += 1;
                        self.longest_nanos = self.longest_nanos.max(lasted);
                    }
                }
            }
            fitting.insert(spec, known.unwrap_or(at));
        }
        self.fitting = fitting;
        self.most_pods = self.most_pods.max(pods);
    }
}

/// Whether a class asks for all that another one asks for: it fits nowhere if that one does not.
fn asks_no_less(class: &Class, other: &Class) -> bool {
    let (asked, least) = (&class.requests, &other.requests);
    let (gpu, least_gpu) = (class.gpu, other.gpu);
    asked.cpu_milli >= least.cpu_milli
        && asked.memory_bytes >= least.memory_bytes
        && asked.storage_bytes >= least.storage_bytes
        && asked.pods >= least.pods
        && (least.extended.iter()).all(|&(id, amount)| asked.extended_amount(id) >= amount)
        && (least_gpu.devices == 0
            || gpu.devices >= least_gpu.devices
                && gpu.milli_per_device >= least_gpu.milli_per_device
                && gpu.models & !least_gpu.models == 0)
}

impl Collector for WorkConservation {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Created, EventKind::Settled]
    }

    fn event(&mut self, change: &Change<'_>) {
        // A new pod is the first change of an instant or comes with others of its kind: everything
        // else is still as it was settled.
        if let Event::PodCreated(created) = change.event
            && created.found.is_none()
        {
            // Later ones of the instant find that it was looked at.
            self.look(change.at, change.pending > 1, change.store);
        }
    }

    fn settled(&mut self, store: &Store, pending: u64, is_changed: bool) {
        if is_changed {
            self.look(store.now(), pending > 0, store);
        }
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        let remark = (self.most_pods > 0)
            .then(|| "pods waited although they fit, considering resources only".to_owned());
        values.put(
            LONGEST,
            Reading::new(Ok(self.longest_nanos as f64 / 1e9)).remark(remark.clone()),
        );
        values.put(PODS, Reading::count(self.most_pods).remark(remark));
        values.put(LOOKS, Reading::count(self.looks));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fixture::{node, spec};
    use model::GpuRequest;
    use proptest::prelude::*;

    fn asked() -> impl Strategy<Value = (i64, i64, GpuRequest)> {
        let gpu = (0_u8..4, 1_u16..5, 0_usize..4);
        (0_i64..5, 0_i64..5, gpu).prop_map(|(cpu, memory, (devices, quarters, model))| {
            let models = ["T4", "G2", "P100"].get(model).map(|&model| model.into());
            let gpu = GpuRequest {
                devices,
                milli_per_device: if devices > 1 { 1_000 } else { 250 * quarters },
                models: models.into_iter().collect(),
            };
            (cpu, memory, gpu)
        })
    }

    proptest! {
        #[test]
        fn who_asks_no_less_fits_nowhere_else(
            asked in [asked(), asked()],
            free in (0_i64..5, 0_i64..5, 0_u8..4),
        ) {
            let (cpu, memory, devices) = free;
            let mut store = Store::new();
            let apply = |store: &mut Store, event: Event| {
                store.apply(Instant::ZERO, event).expect("it applies");
            };
            let added = store.node_added(node("a", cpu, memory, devices));
            apply(&mut store, added);
            let specs = asked.map(|(cpu, memory, gpu)| {
                let spec = spec(cpu, memory, gpu);
                if let Some(added) = store.class_added(&spec) {
                    apply(&mut store, added);
                }
                store.class_of(&spec).expect("just added")
            });
            let fits = specs.map(|spec| ResourceFit.fits(&store, spec, units::NodeId(0)));
            let [more, less] = specs.map(|spec| store.class(spec));
            prop_assert!(!asks_no_less(more, less) || !fits[0] || fits[1]);
            prop_assert!(asks_no_less(more, more));
        }
    }
}
