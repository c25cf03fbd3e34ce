//! Fill-ups: the trace's own times of arrival are set aside, its pods arrive one by one until a
//! share of the cluster's capacity has arrived (spec: published-results.md 1.3 and 1.4); in the
//! studies they never end. Without a share the trace arrives as it is.
//!
//! In the given and the shuffled order, arrivals go on up to the one with which the share is
//! reached; a trace that is too small is followed by clones of pods drawn at random. The published
//! order is that of the study of the openb trace, drawn from Go's generator as its programs did:
//! there the trace is cut or extended to stay within the share, and the same generator then ranks
//! the nodes for breaking ties.

use crate::header_record::HeaderRecord;
use crate::memory::Recorded;
use intake::TraceError;
use intake::ledger::Action;
use model::gpu::DEVICE_MILLI;
use model::resource_list::CPU;
use model::{Node, PodName, PodSpec};
use rng::{GoRand, Stream};
use units::{Duration, Instant};

/// The most pods that a fill-up may need.
pub const MAX_FILL_UP_PODS: usize = 10_000_000;

/// The most that one pod may ask for: that of [`MAX_FILL_UP_PODS`] adds up in 64 bits.
const MAX_DEMAND_MILLI: i64 = 1 << 38;

/// Order in which pods arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FillOrder {
    /// The order of the trace.
    Given,
    /// Shuffled by the run's seed.
    Shuffled,
    /// The order of the published runs with this seed.
    Published {
        /// The seed of Go's generator; the published runs have 42 to 51.
        seed: i64,
    },
}

/// Resource whose capacity is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FillResource {
    /// Thousandths of GPU devices.
    Gpu,
    /// Thousandths of cores.
    Cpu,
}

impl FillResource {
    /// GPUs if there are any, else cores.
    pub fn default_of(nodes: &[Node]) -> Self {
        if nodes.iter().any(|node| node.gpu.is_some()) {
            Self::Gpu
        } else {
            Self::Cpu
        }
    }

    /// Capacity of the nodes, in thousandths.
    pub fn capacity_milli(self, nodes: &[Node]) -> i64 {
        let of_node = |node: &Node| match (self, &node.gpu) {
            (Self::Gpu, Some(gpu)) => i64::from(gpu.devices) * i64::from(DEVICE_MILLI),
            (Self::Gpu, None) => 0,
            (Self::Cpu, _) => node.allocatable.get(CPU).milli_floor().unwrap_or(i64::MAX),
        };
        nodes.iter().map(of_node).fold(0, i64::saturating_add)
    }

    fn demand_milli(self, spec: &PodSpec) -> i64 {
        match self {
            Self::Gpu => spec.gpu.total_milli(),
            Self::Cpu => spec
                .requests()
                .and_then(|requests| requests.get(CPU).milli_ceil())
                .unwrap_or(i64::MAX),
        }
    }

    fn step_milli(self, spec: &PodSpec) -> i64 {
        match self {
            Self::Gpu if spec.gpu.devices > 0 => i64::from(spec.gpu.milli_per_device),
            Self::Gpu => 0,
            Self::Cpu => self.demand_milli(spec),
        }
    }

    const fn noun(self) -> &'static str {
        match self {
            Self::Gpu => "GPUs",
            Self::Cpu => "cores",
        }
    }
}

/// A fill-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FillUp {
    /// The order of arrival.
    pub order: FillOrder,
    /// Resource whose capacity is filled.
    pub resource: FillResource,
    /// The share of that capacity that arrives, in millionths (1,300,000 is 130 %); without one the
    /// trace arrives once, whatever it asks for.
    pub until_ppm: Option<i64>,
    /// Time from one arrival to the next; the published order has 1 s.
    pub gap: Duration,
    /// The run's seed: shuffles and draws clones (not used by the published order).
    pub seed: u64,
}

/// A fill-up built from a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// The arrivals, classes and tenants.
    pub recorded: Recorded,
    /// Number of the trace's arrival that each arrival is.
    pub rows: Vec<u32>,
    /// Number of the first arrivals that are the trace's own; the rest are clones.
    pub originals: usize,
    /// Rank of each node for breaking ties (published order only).
    pub node_ranks: Option<Vec<u32>>,
    /// Total demand of the arrivals, in thousandths.
    pub arrived_milli: i64,
    /// The capacity that shares refer to, in thousandths.
    pub capacity_milli: i64,
}

/// Turns a trace into the arrivals of a fill-up of these nodes.
pub fn fill_up(trace: &Recorded, nodes: &[Node], config: &FillUp) -> Result<Filled, TraceError> {
    let resource = config.resource;
    let names: Vec<String> = trace
        .arrivals
        .iter()
        .map(|arrival| arrival.name.to_string())
        .collect();
    let pods: Vec<FillPod<'_>> = trace
        .arrivals
        .iter()
        .zip(&names)
        .map(|(arrival, name)| {
            let spec = &trace.classes[arrival.class as usize];
            let members = i64::from(arrival.members);
            FillPod {
                name,
                demand_milli: resource.demand_milli(spec).saturating_mul(members),
                step_milli: resource.step_milli(spec),
            }
        })
        .collect();
    let capacity_milli = resource.capacity_milli(nodes);
    let target = config.until_ppm.map(|ppm| share_of(capacity_milli, ppm));
    check_demands(&pods, resource)?;
    if target.is_some() {
        check_share(&pods, capacity_milli, resource)?;
    }
    let (rows, originals, node_ranks) = match config.order {
        FillOrder::Published { seed } => {
            let node_names: Vec<&str> = nodes.iter().map(|node| &*node.name).collect();
            let whole = || pods.iter().map(|pod| pod.demand_milli).sum();
            let order = published_order(&pods, &node_names, target.unwrap_or_else(whole), seed)?;
            (order.rows, order.originals, Some(order.node_ranks))
        }
        FillOrder::Given | FillOrder::Shuffled => {
            let (rows, originals) = own_order(&pods, target, config)?;
            (rows, originals, None)
        }
    };
    let arrived_milli = rows
        .iter()
        .map(|&row| pods[row as usize].demand_milli)
        .sum();
    Ok(Filled {
        recorded: arrivals(trace, &rows, originals, config.gap)?,
        rows,
        originals,
        node_ranks,
        arrived_milli,
        capacity_milli,
    })
}

/// A pod as a fill-up sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillPod<'name> {
    /// The pod's name.
    pub name: &'name str,
    /// Demand of the pod, in thousandths.
    pub demand_milli: i64,
    /// Demand on one device, which the published rule sums up before it draws a clone.
    pub step_milli: i64,
}

/// The published order of arrival and the ranks that go with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedOrder {
    /// Arriving pods, as positions in the given pods; clones at the end.
    pub rows: Vec<u32>,
    /// Number of arrivals that are no clones.
    pub originals: usize,
    /// Rank of each of the given nodes; the smallest wins a tie.
    pub node_ranks: Vec<u32>,
}

/// The order of the published runs: steps 1 to 6 of published-results.md 1.4.
///
/// # Errors
/// If the target can't be reached with [`MAX_FILL_UP_PODS`] pods.
pub fn published_order(
    pods: &[FillPod<'_>],
    node_names: &[&str],
    target_milli: i64,
    seed: i64,
) -> Result<PublishedOrder, TraceError> {
    let by_name = sorted_positions(pods, |pod| pod.name);
    let mut rng = GoRand::new(seed);
    rng.int63();
    let mut rows = by_name.clone();
    rng.shuffle(rows.len(), |i, j| rows.swap(i, j));
    let demand = |row: u32| pods[row as usize].demand_milli;
    let mut total: i64 = rows.iter().map(|&row| demand(row)).sum();
    let mut originals = rows.len();
    if total > target_milli {
        while total > target_milli {
            let position = rng.intn(rows.len() as i64) as usize;
            total -= demand(rows.remove(position));
        }
        originals = rows.len();
    } else if total < target_milli {
        loop {
            let row = by_name[rng.intn(by_name.len() as i64) as usize];
            if total + pods[row as usize].step_milli > target_milli {
                break;
            }
            push_bounded(&mut rows, row)?;
            total += demand(row);
        }
    }
    for _ in 0..OBJECT_WATCHERS {
        rng.float64();
    }
    let nodes_by_name = sorted_positions(node_names, |name| name);
    let mut node_ranks = vec![0; node_names.len()];
    for (rank, node) in rng.perm(node_names.len()).into_iter().zip(nodes_by_name) {
        node_ranks[node as usize] = rank as u32;
    }
    Ok(PublishedOrder {
        rows,
        originals,
        node_ranks,
    })
}

/// Each of the published program's watchers draws one number between the two uses of the generator.
const OBJECT_WATCHERS: usize = 10;

fn sorted_positions<T>(items: &[T], name: impl Fn(&T) -> &str) -> Vec<u32> {
    let mut positions: Vec<u32> = (0..items.len() as u32).collect();
    positions.sort_by_key(|&position| name(&items[position as usize]));
    positions
}

fn share_of(capacity_milli: i64, ppm: i64) -> i64 {
    let share = i128::from(capacity_milli) * i128::from(ppm) / 1_000_000;
    i64::try_from(share).unwrap_or(i64::MAX)
}

fn check_demands(pods: &[FillPod<'_>], resource: FillResource) -> Result<(), TraceError> {
    let noun = resource.noun();
    if let Some(pod) = pods.iter().find(|pod| pod.demand_milli > MAX_DEMAND_MILLI) {
        let most = MAX_DEMAND_MILLI / 1_000;
        return Err(refuse(format!(
            "pod `{}` requests more {noun} than any cluster has; expected at most {most}",
            pod.name
        )));
    }
    Ok(())
}

fn check_share(
    pods: &[FillPod<'_>],
    capacity_milli: i64,
    resource: FillResource,
) -> Result<(), TraceError> {
    let noun = resource.noun();
    if capacity_milli == 0 {
        return Err(refuse(format!(
            "the cluster has no {noun} to fill; choose another resource"
        )));
    }
    if pods.iter().all(|pod| pod.demand_milli == 0) {
        return Err(refuse(format!(
            "no pod of the trace requests {noun}; choose another resource"
        )));
    }
    Ok(())
}

fn own_order(
    pods: &[FillPod<'_>],
    target: Option<i64>,
    config: &FillUp,
) -> Result<(Vec<u32>, usize), TraceError> {
    let mut order: Vec<u32> = (0..pods.len() as u32).collect();
    if config.order == FillOrder::Shuffled {
        Stream::new(config.seed, "arrival-order", 0).shuffle(&mut order);
    }
    let Some(target) = target else {
        let originals = order.len();
        return Ok((order, originals));
    };
    let mut clones = Stream::new(config.seed, "arrival-clones", 0);
    let mut own = order.into_iter();
    let (mut rows, mut originals, mut total) = (Vec::new(), 0, 0_i64);
    while total < target {
        let row = match own.next() {
            Some(row) => {
                originals += 1;
                row
            }
            None => clones.below(pods.len() as u64) as u32,
        };
        push_bounded(&mut rows, row)?;
        total += pods[row as usize].demand_milli;
    }
    Ok((rows, originals))
}

fn push_bounded(rows: &mut Vec<u32>, row: u32) -> Result<(), TraceError> {
    if rows.len() == MAX_FILL_UP_PODS {
        return Err(refuse(format!(
            "more than {MAX_FILL_UP_PODS} pods would be needed; lower `until` or use a trace of \
             larger pods"
        )));
    }
    rows.push(row);
    Ok(())
}

fn refuse(reason: String) -> TraceError {
    TraceError::Format {
        file: "fill-up".to_owned(),
        reason,
    }
}

fn arrivals(
    trace: &Recorded,
    rows: &[u32],
    originals: usize,
    gap: Duration,
) -> Result<Recorded, TraceError> {
    let mut arrivals = Vec::with_capacity(rows.len());
    let mut submit = Instant::ZERO;
    let mut ledger = trace.ledger.clone();
    for (position, &row) in rows.iter().enumerate() {
        let mut arrival = trace.arrivals[row as usize].clone();
        if position >= originals {
            let clone = position - originals + 1;
            arrival.name = PodName::Text(format!("{}-clone-{clone}", arrival.name).into());
        }
        arrival.submit = submit;
        arrival.historic_start = None;
        if !arrival.after().is_empty() {
            let kind = "waits for others; a fill-up does not keep to that";
            ledger.note(kind, Action::Keep, &"workload".into(), 0);
        }
        if arrival.gang().is_some() {
            let kind = "member of a gang of several; a fill-up does not keep to that";
            ledger.note(kind, Action::Keep, &"workload".into(), 0);
        }
        arrival.links = None;
        arrivals.push(arrival);
        submit = submit
            .checked_add(gap)
            .ok_or_else(|| refuse("arrivals extend beyond 292 years; lower `gap`".to_owned()))?;
    }
    Ok(Recorded {
        arrivals,
        classes: trace.classes.clone(),
        tenants: trace.tenants.clone(),
        ledger,
        files: trace.files.clone(),
        header: HeaderRecord::EMPTY,
    })
}
