//! Azure's trace for packing of 2020: an `SQLite` database of machines and of their types, whose sizes are
//! shares of a host. Times are days; what began before the trace arrives at 0. Of a type that has sizes on
//! several kinds of hosts, the first kind's stand. With `shares`, disks and network are resources of their own, in
//! millionths of a host, rounded down: as many machines of a share fit a host as shares of it make a whole. Format:
//! `traces.md`, section 6.

use crate::readers::prelude::*;
use intake::archive::parts;
use intake::ledger::RowPolicy;
use intake::rows::BETWEEN;
use intake::sqlite::{Sqlite, is_sqlite};
use intake::table::{Column, Row};
use units::SortedMap;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "azure-packing-2020",
    summary: "virtual machines of Azure for packing, 2020 (SQLite database)",
    columns: COLUMNS,
    names: &["vmId", "tenantId"],
    cells,
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
    END: required("endtime", "days; NULL: still there at the end"),
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

fn sniff(first: &[u8]) -> Confidence {
    let has = |text: &str| memchr::memmem::find(first, text.as_bytes()).is_some();
    if !is_sqlite(first) {
        return Confidence::No;
    }
    if has("vmTypeId") {
        Confidence::Certain
    } else {
        Confidence::Maybe
    }
}

/// Takes each row of a table; its line is its number.
fn each_row(
    file: &Sqlite,
    part: &Input,
    table: &str,
    columns: &[ColumnDoc],
    journal: &mut Journal,
    mut take: impl FnMut(&mut Journal, &Fields<'_, '_>) -> Result<(), Refused>,
) -> Result<(), TraceError> {
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    // Rows of both tables are numbered from 1, so that complaints about types name their table.
    let shown = names.iter().map(|name| match table {
        "vm" => (*name).to_owned(),
        _ => format!("{table}.{name}"),
    });
    let found = (0..)
        .zip(shown)
        .map(|(place, name)| Some(Column::at(place, &name)));
    let found: Vec<Option<Column>> = found.collect();
    file.each_row(table, &names, BETWEEN, |line, text, ends, are_there| {
        let mut columns = columns.iter().zip(are_there);
        if let Some(missing) = columns.position(|(column, is_there)| column.required && !is_there) {
            return Err(TraceError::Format {
                file: part.name.to_string(),
                reason: format!("the table `{table}` has no column `{}`", names[missing]),
            });
        }
        heed(journal, |journal| {
            take(journal, &Fields::of(&Row::of(line, text, ends), &found))
        })
    })
}

fn cells(
    format: &FormatEntry,
    input: &Input,
    show: &mut dyn FnMut(&[u8]),
) -> Result<(), TraceError> {
    let mut journal = Journal::new(input.name.clone(), RowPolicy::REPORT);
    let shown = crate::parts::cells::shown(format, COLUMNS);
    for part in parts(input)? {
        let file = Sqlite::open(&part)?;
        each_row(&file, &part, "vm", COLUMNS, &mut journal, |_, fields| {
            for &place in &shown {
                show(fields.text(place).as_bytes());
            }
            Ok(())
        })?;
        each_row(
            &file,
            &part,
            "vmType",
            TYPE_COLUMNS,
            &mut journal,
            |_, fields| {
                for place in 0..TYPE_COLUMNS.len() {
                    show(fields.text(place).as_bytes());
                }
                Ok(())
            },
        )?;
    }
    Ok(())
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
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    for part in parts(input)? {
        journal.file = part.name.clone();
        let file = Sqlite::open(&part)?;
        let mut types: SortedMap<i64, Type> = SortedMap::new();
        each_row(
            &file,
            &part,
            "vmType",
            TYPE_COLUMNS,
            &mut journal,
            |_, fields| {
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
            },
        )?;
        each_row(
            &file,
            &part,
            "vm",
            COLUMNS,
            &mut journal,
            |journal, fields| take(&mut gather, journal, fields, &types, options),
        )?;
    }
    gather.finish(journal)
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
    use super::*;
    use crate::tests::prelude::*;

    const PACKING: &[u8] = include_bytes!("../../intake/sqlite/tests/packing.sqlite");

    #[test]
    fn machines_of_a_database_are_pods() {
        let input = file_of(&ENTRY, "p.sqlite", PACKING);
        let options = options_with(|own| own.rows = RowPolicy::REPORT);
        let mut source = open(&input, &options).expect("a database");
        let recorded = Recorded::collect(&mut *source).expect("a database");
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
        let recorded = collected(open(&input, &options));
        let spec = &recorded.classes[recorded.arrivals[0].class as usize];
        let listed = spec.requests().expect("small");
        assert_eq!(listed.get("windtunnel.dev/ssd").units_ceil(), Ok(100_000));
        assert_eq!(listed.iter().count(), 3, "neither `hdd` nor `nic` is known");
        assert_eq!(recorded.ledger.count(SHARES_WAIVED), 0);
        validate(&input, &ENTRY, &ReadOptions::default(), 9).has_bad_rows([
            "p.sqlite:3: column `endtime`: must be no earlier than `starttime`, found `1`",
            "p.sqlite:5: column `priority`: must be at most 1, found `2`",
        ]);
    }

    #[test]
    fn a_bad_type_is_named_with_its_table() {
        let mut bytes = PACKING.to_vec();
        let (good, bad) = (0.25_f64.to_be_bytes(), 2.0_f64.to_be_bytes());
        let places: Vec<usize> = { bytes.windows(8).enumerate() }
            .filter_map(|(place, own)| (own == good).then_some(place))
            .collect();
        for place in places {
            bytes[place..place + 8].copy_from_slice(&bad);
        }
        let input = Input::bytes("p.sqlite", bytes);
        validate(&input, &ENTRY, &ReadOptions::default(), 1)
            .has_bad_rows(["p.sqlite:1: column `vmType.core`: must be at most 1, found `2`"]);
    }
}
