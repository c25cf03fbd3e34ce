//! Arrivals of a trace that is read to its end and then sorted by submission: of tables without an
//! order, and of those in which a row's end stands far below its beginning.

use crate::parts::plain_demand::{KnownAmounts, PlainDemand};
use crate::parts::requests::{requests, whole_gpus};
use crate::prelude::*;
use arrivals::duplicate_names::DuplicateNames;
use arrivals::header_record::HeaderRecord;
use arrivals::intern::{ClassTable, NameTable};
use arrivals::links::Links;
use arrivals::memory::{MemorySource, Recorded};
use arrivals::renumbering::{Numbers, Renumbered};
use arrivals::spill::{Flat, Held, MOST_HELD, Order};
use arrivals::stream::UNNAMED;
use model::node::{HOSTNAME_LABEL, label_platform};
use model::resource_list::{EPHEMERAL_STORAGE, PODS};
use model::{GpuInventory, Node};
use serde::{Deserialize, Serialize};

/// The label that carries a node's GPU model.
pub const GPU_MODEL_LABEL: &str = "alibabacloud.com/gpu-card-model";

/// Arrivals up to now, in the order of the file.
pub(crate) struct Gather {
    held: Held,
    classes: ClassTable,
    /// Classes of pods whose spec is amounts alone.
    plain: KnownAmounts,
    tenants: NameTable,
    /// The number of the tenant of those that state none.
    unnamed: Option<u32>,
    count: u64,
    /// The earliest submission.
    first: Option<Instant>,
    /// The submission of the row above, of a format whose own program takes rows as they come.
    above: Option<Instant>,
    /// Whether classes and tenants are numbered by their first arrivals up to now.
    numbers: InOrder,
    /// Header of the trace.
    pub(crate) header: HeaderRecord,
    /// The names of records, of a format in which none should be there twice.
    pub(crate) met: DuplicateNames,
}

impl Default for Gather {
    /// Without arrivals, for a reader that does not come back to them.
    fn default() -> Self {
        Self::holding(MOST_HELD)
    }
}

/// A demand as a row states it; what the format doesn't say is absent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Demand {
    /// The instant of submission.
    pub(crate) submit: Instant,
    /// The name.
    pub(crate) name: PodName,
    /// The user; empty is one for all.
    pub(crate) tenant: Text,
    /// The spec of its pods.
    pub(crate) spec: PodSpec,
    /// The gang size.
    pub(crate) members: u32,
    /// The run time.
    pub(crate) run_time: Option<Duration>,
    /// The declared limit of time.
    pub(crate) time_limit: Option<Duration>,
    /// The start in the origin.
    pub(crate) historic_start: Option<Instant>,
    /// What it waits for and is a part of.
    pub(crate) links: Option<Box<Links>>,
}

impl Gather {
    /// The same arrivals, equal times of which have another order than that of the file.
    pub(crate) fn in_order(self, order: Order) -> Self {
        let held = self.held.in_order(order);
        Self { held, ..self }
    }

    /// No arrivals yet; a number of them is held in memory.
    pub(crate) fn holding(most_held: usize) -> Self {
        Self {
            held: Held::new(Order::default(), most_held),
            classes: ClassTable::default(),
            plain: KnownAmounts::default(),
            tenants: NameTable::default(),
            unnamed: None,
            count: 0,
            first: None,
            above: None,
            numbers: InOrder::default(),
            header: HeaderRecord::EMPTY,
            met: DuplicateNames::default(),
        }
    }

    /// Number of arrivals.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// Number of arrivals and of bad rows before the next one, in a format that names its arrivals by it: one that is
    /// skipped as bad counts, so that none behind it gets another name.
    pub(crate) fn next_number(&self, journal: &Journal) -> u64 {
        self.count + journal.ledger.bad_row_count()
    }

    /// Tells of a row that is submitted before the one above.
    pub(crate) fn tell_order(
        &mut self,
        journal: &mut Journal,
        line: u64,
        submit: Instant,
    ) -> Result<(), TraceError> {
        let is_late = self
            .above
            .replace(submit)
            .is_some_and(|above| submit < above);
        journal.repair_if(is_late, "submitted before the row above; sorted", line)
    }

    /// Adds the demand of a record.
    pub(crate) fn push(&mut self, origin: Origin, demand: Demand) {
        let arrival = self.arrival(origin, demand);
        self.add(&arrival);
    }

    /// The demand of a record as an arrival, which may be added later.
    pub(crate) fn arrival(&mut self, origin: Origin, demand: Demand) -> Arrival {
        Arrival {
            submit: demand.submit,
            name: demand.name,
            class: self.classes.class_of(demand.spec),
            members: demand.members.max(1),
            tenant: self.tenant(&demand.tenant),
            run_time: demand.run_time,
            time_limit: demand.time_limit,
            historic_start: demand.historic_start,
            links: demand.links,
            part: 0,
            origin,
        }
    }

    /// The class of a spec.
    pub(crate) fn class_of(&mut self, spec: PodSpec) -> u32 {
        self.classes.class_of(spec)
    }

    /// The class of a spec that its reader has as well.
    pub(crate) fn class_of_shared(&mut self, spec: &Arc<PodSpec>) -> u32 {
        self.classes.class_of_shared(spec)
    }

    /// Adds a demand of amounts alone; the same as [`Self::push`] of it, for which no spec is made if its amounts were met
    /// before.
    pub(crate) fn push_plain(&mut self, origin: Origin, demand: PlainDemand<'_>) {
        let arrival = self.plain_arrival(origin, demand);
        self.add_flat(&arrival);
    }

    /// Adds a demand of amounts and of what a change adds to its spec.
    pub(crate) fn push_changed(
        &mut self,
        origin: Origin,
        demand: PlainDemand<'_>,
        change: impl FnOnce(&mut PodSpec),
    ) {
        let arrival = self.changed_arrival(origin, demand, change);
        self.add_flat(&arrival);
    }

    /// The demand of amounts alone as an arrival, which may be added later.
    pub(crate) fn plain_arrival<'row>(
        &mut self,
        origin: Origin,
        demand: PlainDemand<'row>,
    ) -> Flat<'row> {
        let classes = &mut self.classes;
        let class = self
            .plain
            .class_of(&demand.amounts, |spec| classes.class_of(spec));
        demand.arrival(origin, class, self.tenant_of(demand.tenant))
    }

    /// The demand of amounts and of what a change adds to its spec as an arrival, which may be added later.
    pub(crate) fn changed_arrival<'row>(
        &mut self,
        origin: Origin,
        demand: PlainDemand<'row>,
        change: impl FnOnce(&mut PodSpec),
    ) -> Flat<'row> {
        let mut spec = demand.amounts.spec();
        change(&mut spec);
        let class = self.classes.class_of(spec);
        demand.arrival(origin, class, self.tenant_of(demand.tenant))
    }

    /// The number of a tenant; empty is one for all.
    pub(crate) fn tenant(&mut self, name: &str) -> u32 {
        self.tenant_of(name.as_bytes())
    }

    /// The number of a tenant in UTF-8.
    pub(crate) fn tenant_of(&mut self, name: &[u8]) -> u32 {
        if !name.is_empty() {
            return self.tenants.number_of(name);
        }
        let tenants = &mut self.tenants;
        { self.unnamed }.unwrap_or_else(|| {
            let number = tenants.number_of(UNNAMED.as_bytes());
            self.unnamed = Some(number);
            number
        })
    }

    /// Adds an arrival whose class and tenant are known here.
    pub(crate) fn add(&mut self, arrival: &Arrival) {
        self.add_flat(&arrival.into());
    }

    /// Adds the members of a gang, all of which are submitted with the first.
    pub(crate) fn add_gang(&mut self, members: &[Arrival]) {
        let Some(submit) = members.first().map(|own| own.submit) else {
            return;
        };
        self.count += members.len() as u64;
        let first = self.first.get_or_insert(submit);
        *first = submit.min(*first);
        for member in members {
            self.numbers.meet(member.class, member.tenant);
        }
        self.held.push_gang(members);
    }

    /// The same of an arrival whose texts stand elsewhere.
    #[inline]
    pub(crate) fn add_flat(&mut self, arrival: &Flat<'_>) {
        self.count += 1;
        let first = self.first.get_or_insert(arrival.submit);
        *first = arrival.submit.min(*first);
        self.numbers.meet(arrival.class, arrival.tenant);
        self.held.push(arrival);
    }

    /// The arrivals by submission, equal times in the order of the file.
    ///
    /// # Errors
    /// A name is there twice and the policy is strict, or a temporary file can't be read.
    pub(crate) fn finish(self, journal: Journal) -> Result<Box<dyn ArrivalSource>, TraceError> {
        self.finish_at(journal, Duration::ZERO)
    }

    /// The arrivals by submission, with the first submission as the zero of time.
    ///
    /// # Errors
    /// As for [`Self::finish`].
    pub(crate) fn finish_from_first(
        self,
        journal: Journal,
    ) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let zero = self.first.unwrap_or_default().since(Instant::ZERO);
        self.finish_at(journal, zero)
    }

    fn finish_at(
        self,
        mut journal: Journal,
        zero: Duration,
    ) -> Result<Box<dyn ArrivalSource>, TraceError> {
        self.met.tell(&mut journal)?;
        let are_in_order = self.numbers.are_in_order() && self.held.came_in_order();
        let mut classes = self.classes.classes().clone();
        let mut recorded = Recorded {
            arrivals: Vec::new(),
            classes: Vec::new(),
            tenants: self.tenants.names().to_vec(),
            ledger: journal.ledger,
            files: journal.files.into_names(),
            header: self.header,
        };
        let records = match self.held.finish(|| std::mem::take(&mut recorded), zero) {
            Ok(records) => records,
            Err(merged) => {
                let source = Box::new(merged.with_classes(classes));
                if are_in_order {
                    return Ok(source);
                }
                return Ok(Box::new(Renumbered::new(source)));
            }
        };
        recorded.arrivals = records.into_arrivals();
        if !are_in_order {
            classes = Numbers::of(&recorded.arrivals).apply(&mut recorded, &classes)?;
        }
        let moved = |at: Instant| Instant::from_nanos(at.as_nanos() - zero.as_nanos());
        for arrival in &mut recorded.arrivals {
            arrival.submit = moved(arrival.submit);
            arrival.historic_start = arrival.historic_start.map(moved);
        }
        Ok(Box::new(MemorySource::with_classes(recorded, classes)))
    }
}

/// A look at whether classes and tenants are numbered by their first arrivals as these came: where they came by
/// submission, too, a run has the same numbers as one of the sorted trace.
#[derive(Clone, Copy, Debug, Default)]
struct InOrder {
    /// Numbers of classes and of tenants met.
    classes: u32,
    tenants: u32,
    is_broken: bool,
}

impl InOrder {
    /// Takes the next arrival.
    #[inline]
    fn meet(&mut self, class: u32, tenant: u32) {
        self.is_broken |= class > self.classes || tenant > self.tenants;
        self.classes += u32::from(class == self.classes);
        self.tenants += u32::from(tenant == self.tenants);
    }

    const fn are_in_order(self) -> bool {
        !self.is_broken
    }
}

/// A demand of a number of GPUs, each of a pod of its own.
pub(crate) fn gang(gpus: i64) -> Demand {
    Demand {
        members: gpus as u32,
        spec: PodSpec {
            gpu: whole_gpus(1, ""),
            ..PodSpec::with_requests(ResourceList::default())
        },
        ..Demand::default()
    }
}

/// The capacity of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Capacity {
    /// 1/1000 cores.
    pub(crate) cpu_milli: i64,
    /// Bytes of memory.
    pub(crate) memory: i64,
    /// Bytes of local disk, where the trace states them.
    pub(crate) disk: Option<i64>,
}

impl Capacity {
    /// The amounts that a node of the capacity offers to a number of pods.
    pub(crate) fn offered(self, pods: i64) -> ResourceList {
        let mut list = requests(Some(self.cpu_milli), Some(self.memory));
        if let Some(bytes) = self.disk {
            list.set(EPHEMERAL_STORAGE, Quantity::from_units(bytes));
        }
        list.set(PODS, Quantity::from_units(pods));
        list
    }
}

/// A node of a machine with devices; an empty model is not known.
pub(crate) fn gpu_node(name: Text, capacity: Capacity, gpus: GpuInventory, pods: i64) -> Node {
    let mut labels = Labels::new();
    if gpus.devices > 0 && !gpus.model.is_empty() {
        labels.insert(GPU_MODEL_LABEL.into(), gpus.model.clone());
    }
    let mut node = node(name, labels, capacity, pods);
    node.gpu = (gpus.devices > 0).then_some(gpus);
    node
}

/// A node of a machine with these labels besides its name.
pub(crate) fn node(name: Text, mut labels: Labels, capacity: Capacity, pods: i64) -> Node {
    labels.insert(HOSTNAME_LABEL.into(), name.clone());
    label_platform(&mut labels);
    Node {
        name,
        labels,
        allocatable: capacity.offered(pods),
        ..Node::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use intake::ledger::RowPolicy;
    use proptest::prelude::*;

    fn read(submits: &[i64], gather: Gather, from_first: bool) -> Recorded {
        let mut gather = gather;
        for (number, &secs) in submits.iter().enumerate() {
            gather.push(
                Origin::line(number as u64),
                Demand {
                    submit: Instant::from_secs(secs),
                    name: PodName::Job(number as u64),
                    tenant: (number % 5).to_string().into(),
                    spec: PodSpec::with_requests(requests(Some(number as i64 % 7), None)),
                    ..Demand::default()
                },
            );
        }
        let journal = Journal::new("trace".into(), RowPolicy::default());
        let source = if from_first {
            gather.finish_from_first(journal)
        } else {
            gather.finish(journal)
        };
        let mut source = source.expect("in memory");
        Recorded::collect(&mut *source).expect("readable")
    }

    proptest! {
        #[test]
        fn arrivals_sorted_on_disk_are_those_sorted_in_memory(
            submits in prop::collection::vec(0_i64..20, 0..50),
            most_held in 1_usize..9,
            from_first in any::<bool>(),
        ) {
            let on_disk = read(&submits, Gather::holding(most_held), from_first);
            let recorded = read(&submits, Gather::holding(usize::MAX), from_first);
            prop_assert_eq!(&on_disk, &recorded);
            // A run of the sorted trace has the same numbers.
            let (mut classes, mut tenants) = (0, 0);
            for own in &recorded.arrivals {
                prop_assert!(own.class <= classes && own.tenant <= tenants, "{:?}", own);
                classes += u32::from(own.class == classes);
                tenants += u32::from(own.tenant == tenants);
            }
            prop_assert_eq!(recorded.classes.len(), classes as usize);
            prop_assert_eq!(recorded.tenants.len(), tenants as usize);
        }
    }
}
