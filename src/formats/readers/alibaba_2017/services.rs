//! Instances of services in Alibaba's trace of 2017: created once, and perhaps removed. Where the table of usage lies
//! beside theirs, it is what they use, with the option `usage`.

use serde::{Deserialize, Serialize};

use super::usage;
use crate::parts::measurements::{ByTask, Samples, each_usage_table};
use crate::parts::timeline;
use crate::readers::prelude::*;
use arrivals::spill::{Alive, Order, Stored};
use model::resource_list::EPHEMERAL_STORAGE;
use units::time::NANOS_PER_SECOND;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "alibaba-2017-services",
    summary: "service instances of Alibaba's cluster trace of 2017 (CSV without header)",
    columns: COLUMNS,
    relations: &[],
    names: &["instance id", "machine id", "cpu ids"],
    cells: |format, input, show| tables(input)?.show(format, &LAYOUT, show),
    options: &["full-memory", "usage", "shares"],
    sniff,
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    TIME: required("timestamp", "s from the trace's start; 0 is before it") => is_whole,
    EVENT: required("event type", "Create or Remove") => |field| matches!(field, "Create" | "Remove"),
    INSTANCE: required("instance id", "instance; becomes the name"),
    _: required("machine id", "machine; read, not used"),
    CPU: required("cpus", "cores"),
    MEMORY: required("memory", "share of the largest machine"),
    DISK: required("disk space", "share of the largest machine; with the option `shares`, ephemeral storage"),
    _: required("cpu ids", "processors that it was given; read, not used"),
}

pub(super) const LAYOUT: Layout = Layout::headless(COLUMNS);

fn sniff(first: &[u8]) -> Confidence {
    LAYOUT.confidence(first).max(usage::of_services(first))
}

fn tables(input: &Input) -> Result<Tables<2>, TraceError> {
    Tables::with_first(input, super::TABLES, ["container_event", "container_usage"])
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let tables = tables(input)?;
    let mut journal = tables.journal(input, options)?;
    let [events, measured] = &tables.read;
    let mut samples = Samples::default();
    each_usage_table(measured, options, &mut journal, |part, journal| {
        usage::read(&mut samples, part, journal)
    })?;
    let mut services = Services {
        usage: samples.sorted()?,
        has_shares: options.shares,
        ..Services::holding(MOST_HELD)
    };
    let mut rows = Timed::default();
    each_row_of_all(events, &LAYOUT, &mut journal, |journal, fields| {
        let event = Event::of(journal, fields, options)?;
        Ok(rows.push(journal, fields.line(), Some(event.time), event)?)
    })?;
    rows.each(&mut journal, |journal, line, event| {
        services.take(journal, line, &event)
    })?;
    if let (Some(part), true) = (measured.first(), services.measured < services.usage.len()) {
        journal.file = part.name.clone();
        journal.dirt("usage of an instance that is not listed", Action::Drop, 1)?;
    }
    services.finish(journal)
}

/// The note about an instance whose disk space is not requested.
const DISK_WAIVED: &str = "disk space, not requested without `shares`";

/// Instances that are held in memory.
const MOST_HELD: usize = 1 << 16;

/// The number of words of an instance that is there.
const WORDS: usize = 5;

/// An instance that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Instance {
    id: i64,
    /// The number of its life.
    number: u64,
    created: Instant,
    /// The class of its demand.
    class: u32,
    origin: Origin,
}

impl Stored<WORDS> for Instance {
    fn words(&self) -> [u64; WORDS] {
        [
            self.id as u64,
            self.number,
            self.created.as_nanos() as u64,
            self.class.into(),
            self.origin.number(),
        ]
    }

    fn of_words([id, number, created, class, origin]: [u64; WORDS]) -> Self {
        Self {
            id: id as i64,
            number,
            created: Instant::from_nanos(created as i64),
            class: class as u32,
            origin: Origin::of_number(origin),
        }
    }
}

/// An event of an instance.
#[derive(Serialize, Deserialize)]
struct Event {
    time: Instant,
    instance: i64,
    /// Whether the instance is created, else removed.
    is_creation: bool,
    cpu: Option<i64>,
    memory: Option<i64>,
    /// Bytes of local disk, of the largest machine's 1 TiB.
    disk: Option<i64>,
}

impl timeline::Event for Event {
    type Object = i64;

    fn object(&self) -> i64 {
        self.instance
    }

    fn rank(&self) -> Rank {
        if self.is_creation {
            Rank::Arrives
        } else {
            Rank::Ends
        }
    }
}

impl Event {
    fn of(
        journal: &mut Journal,
        fields: &Fields<'_, '_>,
        options: &ReadOptions,
    ) -> Result<Self, Refused> {
        let instance = fields.number(INSTANCE, 0, i64::MAX)?;
        let cpu = fields.scaled(CPU, 1_000, 1e5)?;
        let memory = super::share_of(fields, MEMORY, options.full_memory_bytes)?;
        let disk = super::share_of(fields, DISK, super::FULL_DISK)?;
        let is_creation = match fields.text(EVENT) {
            "Create" => true,
            "Remove" => false,
            _ => return Err(fields.bad(EVENT, "Create or Remove").into()),
        };
        let time = if is_creation {
            super::creation
        } else {
            super::time
        };
        Ok(Self {
            time: time(journal, fields, TIME)?,
            instance,
            is_creation,
            cpu,
            memory,
            disk: disk.filter(|&bytes| bytes > 0),
        })
    }
}

/// The instances up to now.
struct Services {
    gather: Gather,
    alive: Alive<i64, Instance, WORDS>,
    /// The number of times that an instance came up to now, by the hash of its number.
    lives: Places,
    /// Number of instances whose usage is known.
    measured: usize,
    usage: ByTask,
    /// Whether instances request disk space.
    has_shares: bool,
}

impl Services {
    /// No instances yet; a number of them is held in memory.
    fn holding(most_held: usize) -> Self {
        Self {
            gather: Gather::default().in_order(Order::Place),
            alive: Alive::holding(most_held),
            lives: Places::holding(most_held),
            measured: 0,
            usage: ByTask::default(),
            has_shares: false,
        }
    }

    /// Takes an event, after all that are earlier.
    fn take(&mut self, journal: &mut Journal, line: u64, event: &Event) -> Result<(), Refused> {
        match (event.is_creation, self.alive.find(event.instance)?) {
            (true, None) => self.arrive(journal, line, event)?,
            (true, Some(_)) => {
                journal.dirt("instance created twice", Action::Drop, line)?;
            }
            (false, Some(at)) => {
                if let Some(own) = self.alive.remove(at) {
                    deliver(&mut self.gather, &own, Some(event.time));
                }
            }
            (false, None) => journal.dirt(
                "removal of an instance that is not there",
                Action::Drop,
                line,
            )?,
        }
        Ok(())
    }

    /// An instance is created, for the first time or after a removal.
    fn arrive(&mut self, journal: &mut Journal, line: u64, event: &Event) -> Result<(), Refused> {
        let Event { time, instance, .. } = *event;
        if event.cpu.is_none() || event.memory.is_none() {
            journal.dirt("no request; counted as 0", Action::Keep, line)?;
        }
        let mut requests = requests(event.cpu, event.memory);
        match event.disk {
            Some(bytes) if self.has_shares => {
                requests.set(EPHEMERAL_STORAGE, Quantity::from_units(bytes));
            }
            Some(_) => journal.dirt(DISK_WAIVED, Action::Waive, line)?,
            None => {}
        }
        let own = instance.to_string();
        let key = Places::key([&*own]);
        let number = self.lives.get(key)?.unwrap_or_default() + 1;
        self.lives.put(key, number)?;
        let behaviour = self
            .usage
            .shares(usage::key(instance), time.as_nanos() / NANOS_PER_SECOND)?;
        self.measured += usize::from(behaviour.is_some() && number == 1);
        let kind = "instance that is there again after it was removed; arrives again";
        journal.keep_if(number > 1, kind, line)?;
        let spec = PodSpec {
            behaviour: behaviour.map(Into::into),
            ..PodSpec::with_requests(requests)
        };
        let own = Instance {
            id: instance,
            number,
            created: time,
            class: self.gather.class_of(spec),
            origin: journal.origin(line),
        };
        self.alive.add(instance, own)?;
        Ok(())
    }

    /// The demands, those of instances that are still there among them.
    fn finish(self, journal: Journal) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let mut gather = self.gather;
        self.alive.each(|own| {
            deliver(&mut gather, &own, None);
            Ok(())
        })?;
        gather.finish(journal)
    }
}

/// Adds the demand of an instance, which was perhaps removed.
fn deliver(gather: &mut Gather, own: &Instance, removed: Option<Instant>) {
    let Instance {
        id,
        number,
        created,
        class,
        origin,
    } = *own;
    let name = match number {
        1 => id.to_string(),
        _ => format!("{id}-{number}"),
    };
    let arrival = Arrival {
        class,
        tenant: gather.tenant(""),
        run_time: removed.map(|removed| removed.since(created)),
        historic_start: (created > Instant::ZERO).then_some(created),
        origin,
        ..Arrival::new(created, PodName::Text(name.into()))
    };
    gather.add(&arrival);
}

#[cfg(test)]
mod tests {
    use crate::tests::prelude::*;
    use proptest::prelude::*;

    use super::*;

    /// The arrivals and the ledger of events of instances, each with its second and whether it is a creation.
    fn read(events: &[(i64, i64, bool)], most_held: usize) -> (Recorded, String) {
        let mut services = Services::holding(most_held);
        let mut journal = Journal::new("c.csv".into(), RowPolicy::REPORT);
        for (line, &(instance, second, is_creation)) in (1..).zip(events) {
            let event = Event {
                time: Instant::from_secs(second),
                instance,
                is_creation,
                cpu: (second != 7).then_some(1_000 * (1 + instance % 3)),
                memory: Some(second),
                disk: (second % 3 == 0).then_some(second),
            };
            let taken = services.take(&mut journal, line, &event);
            assert!(taken.is_ok(), "events that are not refused");
        }
        let mut source = services.finish(journal).expect("readable");
        let recorded = Recorded::collect(&mut *source).expect("readable");
        let ledger = recorded.ledger.to_string();
        (recorded, ledger)
    }

    proptest! {
        #[test]
        fn instances_on_disk_are_those_in_memory(
            events in prop::collection::vec((0..9_i64, 0..30_i64, any::<bool>()), 0..80),
            most_held in 1_usize..9,
        ) {
            let mut events = events;
            events.sort_by_key(|event| event.1);
            prop_assert_eq!(read(&events, most_held), read(&events, usize::MAX));
        }
    }

    #[test]
    fn instances_run_from_creation_to_removal() {
        let rows = "0,Create,1,5,4,0.1,0.1,1|2\n100,Create,2,5,4,0.1,0.1,1|2\n\
                    150,Create,2,5,4,0.1,0.1,1|2\n160,Remove,2,5,4,0.1,0.1,1|2\n\
                    170,Remove,2,5,4,0.1,0.1,1|2\n180,Create,3,5,,0.1,0.1,1|2\n\
                    190,Create,2,5,4,0.1,0.1,1|2\n";
        let recorded = collected_of(open, "c.csv", rows);
        let runs = recorded.each(|one| one.run_time);
        let whole = Some(Duration::from_secs(60));
        assert_eq!(runs, [None, whole, None, None]);
        let names = recorded.names();
        assert_eq!(names, ["1", "2", "3", "2-2"]);
        recorded.ledger.has_once([
            "instance that is there again after it was removed; arrives again",
            "created at 0, perhaps before",
            "no request; counted as 0",
            "instance created twice",
            "removal of an instance that is not there",
        ]);
        faults(&ENTRY, "c.csv", "0,Start,1,5,4,0.1,0.1,1\n").has_bad_rows([
            "c.csv:1: column `event type`: must be Create or Remove, found `Start`",
        ]);
    }

    #[test]
    fn disk_space_is_requested_with_shares_and_told_without() {
        let rows =
            "0,Create,1,5,4,0.1,0.5,1|2\n100,Create,2,5,4,0.1,0,1|2\n150,Create,3,5,4,0.1,,1\n";
        let input = Input::bytes("c.csv", rows.as_bytes());
        let read = |shares| {
            let options = options_with(|own| own.shares = shares);
            collected(open(&input, &options))
        };
        let disk = |recorded: &Recorded| {
            let classes = recorded.arrivals.iter().map(|one| one.class as usize);
            let specs = classes.map(|class| {
                let requests = recorded.classes[class].requests().expect("small");
                requests.get(EPHEMERAL_STORAGE).units_ceil()
            });
            specs.collect::<Vec<_>>()
        };
        let (with, without) = (read(true), read(false));
        assert_eq!(disk(&with), [Ok(512 << 30), Ok(0), Ok(0)]);
        assert_eq!(with.ledger.count(DISK_WAIVED), 0);
        assert_eq!(disk(&without), [Ok(0), Ok(0), Ok(0)]);
        assert_eq!(without.ledger.count(DISK_WAIVED), 1);
    }

    #[test]
    fn events_happen_in_order_of_time() {
        let rows = "500,Remove,1,5,4,0.1,0.1,1|2\n0,Create,1,5,4,0.1,0.1,1|2\n";
        let recorded = collected_of(open, "c.csv", rows);
        let runs = recorded.each(|one| one.run_time);
        assert_eq!(runs, [Some(Duration::from_secs(500))]);
        assert_eq!(
            recorded.ledger.count(crate::parts::timeline::OUT_OF_ORDER),
            1
        );
    }

    #[test]
    fn usage_beside_instances_is_what_they_use() {
        let events = "0,Create,1,5,4,0.1,0.1,1|2\n100,Create,2,5,4,0.1,0.1,1|2\n";
        let usage = "600,1,12.5,80,1,1,1,1,1.5,2,3,4\n300,1,7.5,90,,1,1,1,,,,\n300,7,1,1,1,1,1,1,1,1,1,1\n\
                     300,1,x,90,,1,1,1,,,,\n";
        let files = [
            ("container_event.csv", events),
            ("container_usage.csv", usage),
        ];
        let input = Input::bytes("t.tar", archive(&files));
        let read = |usage| {
            let options = ReadOptions {
                usage,
                rows: intake::ledger::RowPolicy::REPORT,
                ..ReadOptions::default()
            };
            collected(open(&input, &options))
        };
        let with = read(true);
        let used = |class: usize| with.classes[class].behaviour.clone();
        let first = used(0).expect("measured");
        assert_eq!(
            first.cpu_usage.as_deref(),
            Some("recorded(300s: 7.50%, 600s: 12.50%)")
        );
        assert_eq!(
            first.memory_usage.as_deref(),
            Some("recorded(300s: 90.00%, 600s: 80.00%)")
        );
        assert_eq!(used(1), None);
        assert_eq!(
            with.ledger.bad_rows()[0].to_string(),
            "t.tar: container_usage.csv:4: column `cpu used`: must be a number, found `x`"
        );
        let unlisted = "usage of an instance that is not listed";
        assert_eq!(with.ledger.count(unlisted), 1);
        assert_eq!(read(false).ledger.count(USAGE_NOT_READ), 1);
    }
}
