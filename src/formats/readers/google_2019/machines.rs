//! Machine events of Google's traces of 2019 as the nodes of a cluster, and as a failure log, as those
//! of 2011 are.

use super::attributes::{self, is_attributes};
use crate::readers::google_2011::attributes::Attributes;
use crate::readers::google_2011::machines::{
    CapacityPlaces, Event, Machines, PLATFORM_LABEL, TakeEvent, capacity, stated_labels,
};
use crate::readers::google_2011::time;
use crate::readers::prelude::*;
use intake::records::{each_record, record_has};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "google-2019-machines",
    summary: "machine events of Google's cluster traces of 2019 (CSV with header, or JSON lines)",
    columns: COLUMNS,
    relations: &[],
    names: &["machine_id"],
    cells: |format, input, show| super::show(&tables(input)?, format, show),
    options: &["pods-per-node", "full-cpu", "full-memory"],
    sniff,
    open: Constructor::Nodes(read),
};

columns! { COLUMNS;
    TIME: or_zero("time", "µs since 600 s before the trace; 0 is before it"),
    MACHINE: required("machine_id", "machine; becomes the node's name"),
    TYPE: required("type", "1 add, 2 remove, 3 update"),
    SWITCH: optional("switch_id", "network switch; becomes a label"),
    _: optional("capacity.cpus", "share of the largest machine"),
    _: optional("capacity.memory", "share of the largest machine"),
    PLATFORM: optional("platform_id", "platform; becomes a label"),
    _: optional("missing_data_reason", "why data is missing; read, not used"),
}

const CAPACITY: CapacityPlaces = CapacityPlaces { cpu: 4, memory: 5 };

/// The label that carries a machine's network switch.
pub const SWITCH_LABEL: &str = "google.com/switch";

fn sniff(first: &[u8]) -> Confidence {
    is_events(first).max(is_attributes(first))
}

/// Whether a table that begins with these bytes is one of machine events.
pub(super) fn is_events(first: &[u8]) -> Confidence {
    record_has(first, &["time", "machine_id", "type", "platform_id"])
}

/// The tables of events and those of attributes.
fn tables(input: &Input) -> Result<Tables<2>, TraceError> {
    Tables::with_first(
        input,
        super::TABLES,
        ["machine_events", "machine_attributes"],
    )
}

/// The event of a record, its kind as in 2011.
fn event(fields: &Fields<'_, '_>) -> Result<Event, BadRow> {
    Ok(Event {
        time: time(fields, TIME)?,
        machine: fields.number(MACHINE, 0, i64::MAX)?,
        kind: fields.number(TYPE, 1, 3)? - 1,
    })
}

/// Takes each event of a file with its line.
pub(crate) fn each_event(
    input: &Input,
    journal: &mut Journal,
    take: &mut TakeEvent<'_>,
) -> Result<(), TraceError> {
    for part in &tables(input)?.read[0] {
        each_record(part, COLUMNS, &[], journal, |journal, fields| {
            take(journal, fields.line(), event(fields)?)
        })?;
    }
    Ok(())
}

fn read(input: &Input, options: &ReadOptions) -> Result<NodeList, TraceError> {
    let mut machines = Machines::default();
    let mut stated = Attributes::default();
    let tables = tables(input)?;
    let mut journal = tables.journal(input, options)?;
    let [events, of_attributes] = &tables.read;
    for part in of_attributes {
        attributes::read(&mut stated, part, &mut journal)?;
    }
    for part in events {
        each_record(part, COLUMNS, &[], &mut journal, |journal, fields| {
            let event = event(fields)?;
            let capacity = capacity(fields, CAPACITY, options)?;
            let mut labels = stated_labels([
                (PLATFORM_LABEL, fields.text(PLATFORM)),
                (SWITCH_LABEL, fields.text(SWITCH)),
            ]);
            let more = stated.of(event.machine).into_iter().flat_map(Labels::iter);
            labels.extend(more.map(|(name, value)| (name.clone(), value.clone())));
            Ok(machines.take(journal, fields.line(), event, capacity, labels)?)
        })?;
    }
    machines.finish(journal, options.pods_per_node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure_log::{self, LogOptions};
    use crate::tests::prelude::*;

    const OBJECTS: &str = "\
        {\"time\": \"0\", \"machine_id\": \"5\", \"type\": 1, \"switch_id\": \"s\", \
         \"capacity\": {\"cpus\": 0.5, \"memory\": 0.25}, \"platform_id\": \"p\"}\n\
        {\"time\": \"0\", \"machine_id\": \"6\", \"type\": 1, \"platform_id\": \"\"}\n\
        {\"time\": \"9000000\", \"machine_id\": \"5\", \"type\": 2, \"platform_id\": \"p\"}\n\
        {\"time\": \"10000000\", \"machine_id\": \"5\", \"type\": 1, \
         \"capacity\": {\"cpus\": 1, \"memory\": 0.25}, \"platform_id\": \"p\"}\n";

    #[test]
    fn machines_are_nodes_with_a_platform_and_a_switch() {
        let input = Input::bytes("m.json", OBJECTS.as_bytes());
        assert_eq!(
            crate::registry::recognize(&input).map(|entry| entry.name),
            Ok(ENTRY.name)
        );
        let list = read(&input, &ReadOptions::default()).expect("good records");
        assert_eq!(list.nodes.len(), 1);
        let node = &list.nodes[0];
        assert_eq!(node.allocatable.get("cpu").milli_floor(), Ok(32_000));
        assert_eq!(node.labels[SWITCH_LABEL], "s".into());
        assert_eq!(node.labels[PLATFORM_LABEL], "p".into());
        assert_eq!(list.ledger.count("machine without a capacity"), 1);
        let kinds: Vec<_> = list.events.iter().map(|own| &own.kind).collect();
        let [
            NodeEventKind::Goes,
            NodeEventKind::Comes,
            NodeEventKind::Resized(after),
        ] = kinds[..]
        else {
            panic!("it goes, and comes again with more: {kinds:?}");
        };
        assert_eq!(after.get("cpu").milli_floor(), Ok(64_000));
    }

    #[test]
    fn attributes_beside_the_events_are_labels() {
        let attributes = "time,machine_id,name,value,deleted\n0,5,arch,x86,false\n";
        let bytes = crate::packed::archive(&[
            ("machine_attributes.csv", attributes),
            ("machine_events.json", OBJECTS),
        ]);
        let input = Input::bytes("m.tar", bytes);
        assert_eq!(
            crate::registry::recognize(&input).map(|entry| entry.name),
            Ok(ENTRY.name)
        );
        let list = read(&input, &ReadOptions::default()).expect("good records");
        assert_eq!(&*list.nodes[0].labels["arch"], "x86");
        assert_eq!(&*list.nodes[0].labels[PLATFORM_LABEL], "p");
        let refused =
            read(&file("a.csv", attributes), &ReadOptions::default()).expect_err("no events");
        assert!(
            refused.to_string().contains("has no `machine_events`"),
            "{refused}"
        );
    }

    #[test]
    fn machines_that_go_are_outages() {
        let log = failure_log::read(&file("m.json", OBJECTS), &LogOptions::default(), &["5"])
            .expect("a log");
        let spans: Vec<_> = { log.outages.iter() }
            .map(|one| (one.down, one.up))
            .collect();
        let at = Instant::from_secs;
        assert_eq!(spans, [(at(9), Some(at(10)))]);
    }

    #[test]
    fn dirty_records_are_named() {
        let rows = "time,machine_id,type,platform_id,capacity.cpus,capacity.memory\n\
                    0,5,0,p,1,1\n0,-5,1,p,1,1\n0,5,1,p,2,1\n0,5,1,p,1,1\n";
        faults(&ENTRY, "m.csv", rows).has_bad_rows([
            "m.csv:2: column `type`: must be at least 1, found `0`",
            "m.csv:3: column `machine_id`: must be at least 0, found `-5`",
            "m.csv:4: column `capacity.cpus`: must be at most 1, found `2`",
        ]);
    }
}
