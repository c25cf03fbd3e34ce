//! Mix of a workload, read before the run: the number of pods of each class that arrive. Reading
//! needs memory for the classes only, not for the arrivals.

use std::sync::Arc;

use arrivals::memory::Recorded;
use arrivals::stream::ClassTotal;
use arrivals::{Arrival, ArrivalSource};
use cluster::GpuColumns;
use intake::TraceError;
use metrics::WorkloadMix;
use model::resource_list::{CPU, MEMORY};
use model::{Node, PodSpec};

use super::shapes::{models_of, shape_of};

/// Counts the classes of a source that can be read a second time.
pub(super) fn count(source: &dyn ArrivalSource) -> Result<Vec<ClassTotal>, TraceError> {
    if let Some(known) = source.class_totals() {
        return Ok(known);
    }
    let mut source = source.fork()?;
    let mut counts: Vec<Count> = Vec::new();
    while let Some(arrival) = source.next()? {
        add(&mut counts, &arrival);
    }
    let specs = counts.into_iter().zip(source.classes().hold_all()?);
    let met = specs.filter(|(count, _)| count.arrivals > 0);
    Ok(met.map(|(count, spec)| count.of(spec)).collect())
}

/// Counts the classes of arrivals in memory.
pub(super) fn count_recorded(recorded: &Recorded) -> Vec<ClassTotal> {
    let mut counts = Vec::new();
    for arrival in &recorded.arrivals {
        add(&mut counts, arrival);
    }
    let specs = counts.into_iter().zip(&recorded.classes);
    let met = specs.filter(|(count, _)| count.arrivals > 0);
    met.map(|(count, spec)| count.of(Arc::clone(spec)))
        .collect()
}

/// Counts of the arrivals of a class.
#[derive(Clone, Copy, Default)]
struct Count {
    arrivals: u64,
    pods: u64,
    waiting: u64,
    ganged: u64,
    unlimited: u64,
    at_limit: u64,
}

fn add(counts: &mut Vec<Count>, arrival: &Arrival) {
    let class = arrival.class as usize;
    if counts.len() <= class {
        counts.resize(class + 1, Count::default());
    }
    let own = &mut counts[class];
    own.arrivals += 1;
    own.pods += u64::from(arrival.members);
    own.waiting += u64::from(!arrival.after().is_empty());
    own.ganged += u64::from(arrival.gang().is_some());
    own.at_limit += u64::from(arrival.ends_at_limit());
    own.unlimited += u64::from(arrival.run_time.is_some() && arrival.time_limit.is_none());
}

impl Count {
    /// The total of a class with this spec.
    fn of(self, spec: Arc<PodSpec>) -> ClassTotal {
        ClassTotal {
            spec,
            arrivals: self.arrivals,
            pods: self.pods,
            waiting: self.waiting,
            ganged: self.ganged,
            unlimited: self.unlimited,
            at_limit: self.at_limit,
        }
    }
}

/// The shapes of a workload on these nodes. Classes whose amounts don't fit integers are left out;
/// the run refuses them.
pub fn workload_mix(classes: &[ClassTotal], nodes: &[Arc<Node>]) -> WorkloadMix {
    let models = models_of(nodes);
    WorkloadMix::of(classes.iter().filter_map(|class| {
        let requests = class.spec.requests().ok()?;
        let gpu = shape_of(&class.spec).columns(&models);
        let gpu = if gpu.devices == 0 {
            GpuColumns::default()
        } else {
            gpu
        };
        let row = [
            requests.get(CPU).milli_ceil().ok()?,
            requests.get(MEMORY).units_ceil().ok()?,
            gpu.total_milli(),
            1,
        ];
        Some((row, gpu, class.pods))
    }))
}
