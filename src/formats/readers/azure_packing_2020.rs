//! Azure's trace for packing of 2020: tables of machines and of their types, whose sizes are shares of a host, exported as CSV
//! from the `SQLite` database that is published. Times are days; what began before the trace arrives at 0. Of a type that has
//! sizes on several kinds of hosts, the first kind's stand. With `shares`, disks and network are resources of their own, in
//! millionths of a host, rounded down: as many machines of a share fit a host as shares of it make a whole. Format:
//! `traces.md`, section 6.

use crate::parts::side_by_side::TraceTable;
use crate::readers::prelude::*;
use intake::archive::parts;
use intake::columns::header_has;
use intake::rows::{Fields, Layout, Refused, each_row_of};
use units::SortedMap;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "azure-packing-2020",
    summary: "virtual machines of Azure for packing, 2020 (tables `vm` and `vmType`, CSV with header)",
    columns: COLUMNS,
    relations: &[Relation::recorded(
        &["starttime", "endtime"],
        "no earlier than `starttime`",
    )],
    names: &["vmId", "tenantId"],
    cells: |format, input, show| tables(input)?.show(format, &MACHINES, show),
    options: &["full-cpu", "full-memory", "shares"],
    sniff,
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    VM: required("vmId", "machine; becomes the name"),
    TENANT: required("tenantId", "tenant"),
    TYPE: required("vmTypeId", "type, as `vmType` lists them"),
    PRIORITY: required("priority", "0 high, 1 low; higher goes first"),
    START: required("starttime", "days; negative: before the trace"),
    END: required("endtime", "days; empty: still there at the end"),
}

columns! { TYPE_COLUMNS;
    OWN_TYPE: required("vmTypeId", "type"),
    HOST: required("machineId", "kind of host"),
    CORE: required("core", "share of the host's cores"),
    MEMORY: required("memory", "share of the host's memory"),
    _: optional("hdd", "share of the host's disks; requested with `shares`"),
    _: optional("ssd", "share of the host's flash memory; requested with `shares`"),
    _: optional("nic", "share of the host's network; requested with `shares`"),
}

/// The resources that are requested with `shares`, in millionths of a host, and the places of their columns.
const SHARES: [(&str, usize); 3] = [
    ("windtunnel.dev/hdd", 4),
    ("windtunnel.dev/ssd", 5),
    ("windtunnel.dev/nic", 6),
];

/// The note about a machine whose disks and network are not requested.
const SHARES_WAIVED: &str = "shares of disks and network, not enforced without `shares`; hosts take machines by cores and memory";

/// A day in seconds.
const DAY: f64 = 86_400.0;
/// The most days on either side of the trace's start.
const DAYS: f64 = 36_500.0;

const MACHINES: Layout = Layout::headed(COLUMNS, b',');
const TYPES: Layout = Layout::headed(TYPE_COLUMNS, b',').with_others(&["id"]);

/// The bytes with which the published database begins.
const DATABASE: &[u8] = b"SQLite format 3\0";

fn sniff(first: &[u8]) -> Confidence {
    let tables = TABLES.iter().map(|table| (table.sniff)(first));
    match tables.max().unwrap_or(Confidence::No) {
        Confidence::No if first.starts_with(DATABASE) => Confidence::Maybe,
        found => found,
    }
}

/// The tables of the trace.
const TABLES: &[TraceTable] = &[
    TraceTable {
        name: "vm",
        sniff: |first| header_has(first, &["vmId", "vmTypeId", "starttime"]),
        unread: "machines",
    },
    TraceTable {
        name: "vmType",
        sniff: |first| header_has(first, &["vmTypeId", "machineId", "core"]),
        unread: "types of machines",
    },
    TraceTable {
        name: "packing_trace_zone_a_v1",
        sniff: |first| {
            let is_own = memchr::memmem::find(first, b"vmTypeId").is_some();
            if first.starts_with(DATABASE) && is_own {
                Confidence::Certain
            } else {
                Confidence::No
            }
        },
        unread: "database of SQLite, not read; its exported tables are",
    },
];

/// The table of machines and that of their types.
fn tables(input: &Input) -> Result<Tables<2>, TraceError> {
    Tables::of(input, TABLES, ["vm", "vmType"])
}

/// Refuses a database without exported tables, and types without machines or machines without types.
fn check_tables(input: &Input, [machines, types]: &[Vec<Input>; 2]) -> Result<(), TraceError> {
    let lacking = match (machines.is_empty(), types.is_empty()) {
        (true, _) => "vm",
        (_, true) => "vmType",
        _ => return Ok(()),
    };
    for part in parts(input)? {
        if part.first_bytes()?.starts_with(DATABASE) {
            return Err(TraceError::Format {
                file: part.name.to_string(),
                reason: export(&part)?,
            });
        }
    }
    Err(TraceError::Format {
        file: input.name.to_string(),
        reason: format!(
            "has no `{lacking}`; name the folder or archive that has the tables `vm` and `vmType` side by side"
        ),
    })
}

/// How the tables of a database are exported.
fn export(part: &Input) -> Result<String, TraceError> {
    let name = &*part.name;
    let unpacked = "packing.sqlite";
    let (unpack, database) = if part.is_compressed()? {
        let tools = [(".gz", "gzip -dc"), (".zst", "zstd -dc"), (".xz", "xz -dc")];
        let tool = tools.iter().find(|(ending, _)| name.ends_with(ending));
        let tool = tool.map_or("unzip -p", |(_, tool)| tool);
        (format!("`{tool} {name} > {unpacked}`, "), unpacked)
    } else if part.is_read_once() {
        (String::new(), unpacked)
    } else {
        (String::new(), name.rsplit(": ").next().unwrap_or(name))
    };
    let table = |table| {
        format!("`sqlite3 -csv -header {database} 'SELECT * FROM {table}' > packing/{table}.csv`")
    };
    Ok(format!(
        "is a database of SQLite, and its tables are read as CSV; export them ({unpack}`mkdir packing`, {}, {}) and name \
         the folder `packing`",
        table("vm"),
        table("vmType")
    ))
}

/// A type on its first kind of host.
struct Type {
    host: i64,
    cpu_milli: Option<i64>,
    memory: Option<i64>,
    has_others: bool,
    /// Millionths of the host's disks and network, in the order of [`SHARES`].
    shares: [i64; SHARES.len()],
}

impl Type {
    /// The requests of a machine of the type.
    fn requests(&self, options: &ReadOptions) -> ResourceList {
        let mut list = requests(self.cpu_milli, self.memory);
        for ((resource, _), share) in SHARES.into_iter().zip(self.shares) {
            if options.shares && share > 0 {
                list.set(resource, Quantity::from_units(share));
            }
        }
        list
    }
}

/// The millionths of a host's disks and network that a type takes; one that is not known is 0.
fn shares(fields: &Fields<'_, '_>) -> Result<[i64; SHARES.len()], BadRow> {
    let mut shares = [0; SHARES.len()];
    for (own, (_, place)) in shares.iter_mut().zip(SHARES) {
        // To the billionth first, so that no binary fraction takes a millionth off.
        let billionths = fields.scaled(place, 1_000_000_000, 1.0)?;
        *own = billionths.unwrap_or_default() / 1_000;
    }
    Ok(shares)
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let tables = tables(input)?;
    check_tables(input, &tables.read)?;
    let mut journal = tables.journal(input, options)?;
    let [machines, of_types] = &tables.read;
    let mut types: SortedMap<i64, Type> = SortedMap::new();
    for part in of_types {
        journal.file = part.name.clone();
        each_row_of(part, &TYPES, &mut journal, &mut |_, fields| {
            take_type(&mut types, fields, options)
        })?;
    }
    let mut gather = Gather::default();
    for part in machines {
        journal.file = part.name.clone();
        each_row_of(part, &MACHINES, &mut journal, &mut |journal, fields| {
            take(&mut gather, journal, fields, &types, options)
        })?;
    }
    gather.finish(journal)
}

fn take_type(
    types: &mut SortedMap<i64, Type>,
    fields: &Fields<'_, '_>,
    options: &ReadOptions,
) -> Result<(), Refused> {
    let own = fields.number(OWN_TYPE, 0, i64::MAX)?;
    let read = Type {
        host: fields.number(HOST, 0, i64::MAX)?,
        cpu_milli: fields.scaled(CORE, options.full_cpu_milli, 1.0)?,
        memory: fields.scaled(MEMORY, options.full_memory_bytes, 1.0)?,
        has_others: false,
        shares: shares(fields)?,
    };
    match types.get_mut(&own) {
        Some(known) if known.host <= read.host => known.has_others = true,
        known => {
            let has_others = known.is_some();
            types.insert(own, Type { has_others, ..read });
        }
    }
    Ok(())
}

fn take(
    gather: &mut Gather,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    types: &SortedMap<i64, Type>,
    options: &ReadOptions,
) -> Result<(), Refused> {
    let line = fields.line();
    let name = fields.name(VM, "the number of a machine")?;
    let own = fields.number(TYPE, 0, i64::MAX)?;
    let low = fields.number(PRIORITY, 0, 1)?;
    let days = |place| {
        let text = fields.text(place);
        let number = text.parse::<f64>().ok();
        let number = number.filter(|days| (-DAYS..=DAYS).contains(days));
        match number {
            None if text.is_empty() => Ok(None),
            None => Err(fields.bad(place, "days, 36500 at most")),
            number => Ok(number),
        }
    };
    let (start, end) = (days(START)?, days(END)?);
    let start = start.ok_or_else(|| fields.bad(START, "days"))?;
    if end.is_some_and(|end| end < start) {
        return Err(fields.bad(END, "no earlier than `starttime`").into());
    }
    if end.is_some_and(|end| end < 0.0) {
        return Ok(journal.dirt("ended before the trace", Action::Drop, line)?);
    }
    let Some(known) = types.get(&own) else {
        return Ok(journal.dirt("machine of a type that is not listed", Action::Drop, line)?);
    };
    let kind = "there before the start of the trace; arrives at 0";
    journal.repair_if(start < 0.0, kind, line)?;
    let kind = "type with sizes on several kinds of hosts; the first kind's stand";
    journal.keep_if(known.has_others, kind, line)?;
    if known.cpu_milli.is_none() || known.memory.is_none() {
        journal.dirt(
            "size not known in full; requests the rest",
            Action::Keep,
            line,
        )?;
    }
    if !options.shares && known.shares != [0; SHARES.len()] {
        journal.dirt(SHARES_WAIVED, Action::Waive, line)?;
    }
    let kind = "there at the end of the trace; run time not known";
    journal.keep_if(end.is_none(), kind, line)?;
    let from = start.max(0.0);
    let span = |days: f64| Duration::checked_from_secs_f64(days * DAY).unwrap_or_default();
    gather.met.meet(journal, line, name);
    gather.push(
        journal.origin(line),
        Demand {
            submit: Instant::ZERO + span(from),
            name: PodName::Text(name.into()),
            tenant: fields.text(TENANT).into(),
            spec: PodSpec {
                priority: 1 - low as i32,
                ..PodSpec::with_requests(known.requests(options))
            },
            run_time: end.map(|end| span(end - from)),
            ..Demand::default()
        },
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::tests::prelude::*;

    const TYPE_ROWS: &str = "id,vmTypeId,machineId,core,memory,hdd,ssd,nic\r\n1,7,0,0.25,0.125,,0.1,\r\n\
                             2,7,1,0.5,0.25,,0.1,\r\n3,8,0,1.0,,,0.1,0.0\r\n";

    /// A machine that is there before the trace, one of every kind of fault, and others.
    fn machine_rows() -> String {
        let mut rows = "vmId,tenantId,vmTypeId,priority,starttime,endtime\r\n1,t1,7,0,-0.5,1.5\r\n\
                        2,t2,8,1,0.25,\r\n3,t3,7,0,2.0,1.0\r\n4,t4,9,0,0.5,1.0\r\n5,t0,7,2,0.5,1.0\r\n"
            .to_owned();
        for id in 6..=45 {
            let (from, to) = (f64::from(id) / 10.0, f64::from(id + 5) / 10.0);
            let _ = write!(rows, "{id},t{},7,1,{from},{to}\r\n", id % 5);
        }
        rows
    }

    fn tables(types: &str, machines: &str) -> Input {
        let files = [("p/vm.csv", machines), ("p/vmType.csv", types)];
        Input::bytes("p.tar", archive(&files))
    }

    #[test]
    fn machines_of_both_tables_are_pods() {
        let input = tables(TYPE_ROWS, &machine_rows());
        let entry = crate::registry::recognize(&input).expect("known");
        assert_eq!(entry.name, ENTRY.name);
        let options = ReadOptions {
            rows: RowPolicy::REPORT,
            ..ReadOptions::default()
        };
        let mut source = open(&input, &options).expect("both tables");
        let recorded = Recorded::collect(&mut *source).expect("both tables");
        assert_eq!(recorded.arrivals.len(), 45 - 3);
        let first = &recorded.arrivals[0];
        let hours = |hours: i64| Duration::from_secs(3_600 * hours);
        assert_eq!(
            (first.submit, first.run_time),
            (Instant::ZERO, Some(hours(36)))
        );
        let spec = &recorded.classes[first.class as usize];
        let listed = spec.requests().expect("small");
        assert_eq!(listed.get("cpu").milli_ceil(), Ok(16_000));
        assert_eq!(
            (listed.get("memory").units_ceil(), spec.priority),
            (Ok(32 << 30), 1)
        );
        assert_eq!(recorded.arrivals[1].submit, Instant::ZERO + hours(6));
        recorded.ledger.has_counts([
            ("there before the start of the trace; arrives at 0", 1),
            ("there at the end of the trace; run time not known", 1),
            ("size not known in full; requests the rest", 1),
            (SHARES_WAIVED, 42),
            ("machine of a type that is not listed", 1),
            (
                "type with sizes on several kinds of hosts; the first kind's stand",
                41,
            ),
        ]);
        assert_eq!(listed.iter().count(), 2);
        let options = ReadOptions {
            shares: true,
            ..options
        };
        let mut source = open(&input, &options).expect("both tables");
        let recorded = Recorded::collect(&mut *source).expect("both tables");
        let spec = &recorded.classes[recorded.arrivals[0].class as usize];
        let listed = spec.requests().expect("small");
        assert_eq!(listed.get("windtunnel.dev/ssd").units_ceil(), Ok(100_000));
        assert_eq!(listed.iter().count(), 3, "neither `hdd` nor `nic` is known");
        assert_eq!(recorded.ledger.count(SHARES_WAIVED), 0);
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        let bad: Vec<String> = found.bad_rows.iter().map(ToString::to_string).collect();
        assert_eq!(
            bad,
            [
                "p.tar: p/vm.csv:4: column `endtime`: must be no earlier than `starttime`, found `1.0`",
                "p.tar: p/vm.csv:6: column `priority`: must be at most 1, found `2`",
            ]
        );
    }

    #[test]
    fn a_bad_type_is_named_with_its_table() {
        let input = tables(&TYPE_ROWS.replace("0.25", "2.0"), &machine_rows());
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 1);
        assert_eq!(
            found.bad_rows[0].to_string(),
            "p.tar: p/vmType.csv:2: column `core`: must be at most 1, found `2.0`"
        );
    }

    /// The name of the format of a file, and why it can't be read.
    fn refused(input: &Input) -> (&'static str, String) {
        let entry = crate::registry::recognize(input).expect("known");
        let error = open(input, &ReadOptions::default()).err();
        (entry.name, error.expect("refused").to_string())
    }

    #[test]
    fn a_database_is_refused_with_the_commands_that_export_it() {
        let text = format!(
            "SQLite format 3\0{}CREATE TABLE vm (vmTypeId",
            " ".repeat(99)
        );
        let bytes = text.as_bytes();
        let plain = refused(&Input::bytes("a.sqlite", bytes));
        let expected = "a.sqlite: is a database of SQLite, and its tables are read as CSV; export them (`mkdir \
                        packing`, `sqlite3 -csv -header a.sqlite 'SELECT * FROM vm' > packing/vm.csv`, `sqlite3 -csv \
                        -header a.sqlite 'SELECT * FROM vmType' > packing/vmType.csv`) and name the folder `packing`";
        assert_eq!(plain, (ENTRY.name, expected.to_owned()));
        let packed = intake::compression::compress("a.zst", bytes).expect("memory");
        let (name, told) = refused(&Input::bytes("a.zst", packed));
        let begins = "(`zstd -dc a.zst > packing.sqlite`, `mkdir packing`, `sqlite3 -csv -header packing.sqlite ";
        assert!(name == ENTRY.name && told.contains(begins), "{told}");
        let beside = [
            ("p/a.sqlite", &*text),
            ("p/vm.csv", "vmId,vmTypeId,starttime\n"),
        ];
        let (_, told) = refused(&Input::bytes("p.tar", archive(&beside)));
        assert!(
            told.starts_with("p.tar: p/a.sqlite: is a database")
                && told.contains("-header p/a.sqlite "),
            "{told}"
        );
        let rows = machine_rows();
        let all = [
            ("a.sqlite", &*text),
            ("vm.csv", &*rows),
            ("vmType.csv", TYPE_ROWS),
        ];
        let options = ReadOptions {
            rows: RowPolicy::REPORT,
            ..ReadOptions::default()
        };
        let source = open(&Input::bytes("p.tar", archive(&all)), &options).expect("both tables");
        assert_eq!(
            source
                .ledger()
                .count("database of SQLite, not read; its exported tables are"),
            1
        );
    }

    #[test]
    fn one_table_alone_is_refused() {
        for (lacking, text) in [("vmType", machine_rows()), ("vm", TYPE_ROWS.to_owned())] {
            let told = refused(&Input::bytes("t.csv", text.into_bytes()));
            let expected =
                format!("t.csv: has no `{lacking}`; name the folder or archive that has");
            assert!(
                told.0 == ENTRY.name && told.1.starts_with(&expected),
                "{told:?}"
            );
        }
    }
}
