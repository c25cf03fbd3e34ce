//! The project's own workload table: comma-separated, with a header, columns in any order, one row
//! per arrival. Only `submit` must be there; an empty cell means the same as a missing column.
//! Columns of other names are passed over with a note in the ledger.
//!
//! Times and spans are seconds (`90`, `1.5`) or have a unit (`90s`, `2h30m`, `250ms`). Amounts are
//! Kubernetes quantities (`500m`, `2`, `4Gi`). Rows may be up to 4,096 rows late; streamed.

use std::sync::Arc;

use crate::ahead::streamed;
use crate::class_keys::ClassKeys;
use crate::error::TraceError;
use crate::input::Input;
use crate::intern::{ClassTable, NameTable};
use crate::ledger::{Action, BadRow, Journal, Ledger};
use crate::lookahead::{Lookahead, Placed};
use crate::number::digits;
use crate::options::ReadOptions;
use crate::registry::{ColumnDoc, Confidence, Constructor, FormatEntry, header_has};
use crate::stream::{Arrival, ArrivalSource, Classes};
use crate::table::{Column, Row, Table};
use model::gpu::{DEVICE_MILLI, MAX_DEVICES};
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY};
use model::usage::Pattern;
use model::{Behaviour, GpuRequest, PodName, PodSpec, ResourceList, Text};
use units::{Duration, Instant, Quantity};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "csv",
    summary: "windtunnel's own workload table (CSV with header)",
    columns: &[
        ColumnDoc::required("submit", "submission time, since the trace's zero"),
        ColumnDoc::optional("name", "name; default `job-N`, N counted from 1"),
        ColumnDoc::optional("run_time", "run time; empty: until the end of the run"),
        ColumnDoc::optional("cpu", "CPU cores per member; default 0"),
        ColumnDoc::optional("memory", "bytes per member; default 0"),
        ColumnDoc::optional("ephemeral_storage", "bytes per member; default 0"),
        ColumnDoc::optional("gpus", "GPU devices per member, 0 to 64; default 0"),
        ColumnDoc::optional(
            "gpu_milli",
            "1/1000 of each device; default 1000, less only with one device",
        ),
        ColumnDoc::optional(
            "gpu_models",
            "admissible GPU models joined by `|`; empty admits all",
        ),
        ColumnDoc::optional("members", "number of pods that start together; default 1"),
        ColumnDoc::optional("time_limit", "time limit that the job declares"),
        ColumnDoc::optional("tenant", "user or group of the job; default `default`"),
        ColumnDoc::optional("priority", "priority, higher first; default 0"),
        ColumnDoc::optional("namespace", "namespace; default none"),
        ColumnDoc::optional(
            "cpu_usage",
            "with the option `usage`, cores used: an amount, a share of `cpu` such as `60%`, or a \
             pattern",
        ),
        ColumnDoc::optional("memory_usage", "memory used, as for `cpu_usage`"),
    ],
    options: &["usage"],
    sniff,
    open: Constructor::Workload(open),
};

fn sniff(first: &[u8]) -> Confidence {
    header_has(first, &["submit"])
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    streamed(CsvSource::open(input, options)?, input, options)
}

/// The columns that are read with the option `usage`.
const USAGE: [&str; 2] = ["cpu_usage", "memory_usage"];

/// A table as a workload, streamed.
pub struct CsvSource {
    input: Input,
    options: ReadOptions,
    table: Table,
    columns: Columns,
    journal: Journal,
    lookahead: Lookahead,
    rows: u64,
    ended: bool,
    delivered: u64,
    classes: ClassTable,
    keys: ClassKeys,
    tenants: NameTable,
}

impl CsvSource {
    /// Opens a table and reads its header.
    pub fn open(input: &Input, options: &ReadOptions) -> Result<Self, TraceError> {
        let table = Table::open(input)?;
        let mut journal = Journal::new(input.name.clone(), options.rows);
        let known = |name: &Arc<str>| ENTRY.columns.iter().any(|column| *column.name == **name);
        let is_asked_for = |name: &Arc<str>| options.usage || !USAGE.contains(&&**name);
        let is_used = |name: &Arc<str>| known(name) && is_asked_for(name);
        for name in table.columns().iter().filter(|name| !is_used(name)) {
            journal.dirt(&format!("column `{name}`, not used"), Action::Keep, 1)?;
        }
        let columns = Columns::find(&table, options)?;
        if options.usage && columns.usage.iter().all(Option::is_none) {
            return Err(TraceError::Format {
                file: input.name.to_string(),
                reason: "usage is requested, but the table has neither a column `cpu_usage` nor \
                         `memory_usage`"
                    .to_owned(),
            });
        }
        Ok(Self {
            input: input.clone(),
            options: options.clone(),
            keys: ClassKeys::new(columns.of_spec()),
            columns,
            table,
            journal,
            lookahead: Lookahead::default(),
            rows: 0,
            ended: false,
            delivered: 0,
            classes: ClassTable::default(),
            tenants: NameTable::default(),
        })
    }

    /// Reads one row into the window, unless it is bad.
    fn take_row(&mut self) -> Result<(), TraceError> {
        let Some(row) = self.table.next_row()? else {
            self.ended = true;
            return Ok(());
        };
        self.rows += 1;
        let number = self.rows;
        let row = match row {
            Ok(row) => row,
            Err(bad) => return self.journal.bad_row(bad),
        };
        let line = row.line;
        let mut arrival = match self.columns.arrival(&row, number) {
            Ok(arrival) => arrival,
            Err(bad) => return self.journal.bad_row(bad),
        };
        arrival.class = if let Some(class) = self.keys.find(&row) {
            class
        } else {
            let spec = match self.columns.spec(&row) {
                Ok(spec) => spec,
                Err(bad) => return self.journal.bad_row(bad),
            };
            let class = self.classes.class_of(spec);
            self.keys.learn(&row, class);
            class
        };
        arrival.tenant = self.tenants.number_of(self.columns.tenant(&row));
        let submit = arrival.submit;
        match self.lookahead.push(arrival) {
            Placed::InOrder => Ok(()),
            Placed::Moved => {
                let kind = "submitted before a row above; moved";
                self.journal.dirt(kind, Action::Repair, line)
            }
            Placed::TooLate => self.journal.bad_row(BadRow {
                line,
                column: "submit".to_owned(),
                value: submit.to_string(),
                rule: "must not be earlier than rows far above; sort the file by it".to_owned(),
            }),
        }
    }
}

impl ArrivalSource for CsvSource {
    fn progress(&self) -> Option<(u64, u64)> {
        Some(self.table.progress())
    }

    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        while !self.ended && self.lookahead.wants_more() {
            self.take_row()?;
        }
        let arrival = self.lookahead.pop();
        self.delivered += u64::from(arrival.is_some());
        Ok(arrival)
    }

    fn classes(&self) -> &Classes {
        self.classes.classes()
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let mut fork = Self::open(&self.input, &self.options)?;
        for _ in 0..self.delivered {
            fork.next()?;
        }
        Ok(Box::new(fork))
    }

    fn ledger(&self) -> &Ledger {
        &self.journal.ledger
    }

    fn tenants(&self) -> &[Text] {
        self.tenants.names()
    }
}

struct Columns {
    submit: Column,
    name: Option<Column>,
    run_time: Option<Column>,
    resources: Vec<(Column, &'static str)>,
    gpus: Option<Column>,
    gpu_milli: Option<Column>,
    gpu_models: Option<Column>,
    members: Option<Column>,
    time_limit: Option<Column>,
    tenant: Option<Column>,
    priority: Option<Column>,
    namespace: Option<Column>,
    /// Columns of CPU and memory usage, if requested.
    usage: [Option<Column>; 2],
}

impl Columns {
    fn find(table: &Table, options: &ReadOptions) -> Result<Self, TraceError> {
        let usage = |name| table.column(name).filter(|_| options.usage);
        let resources = [
            ("cpu", CPU),
            ("memory", MEMORY),
            ("ephemeral_storage", EPHEMERAL_STORAGE),
        ];
        Ok(Self {
            submit: table.required_column("submit")?,
            name: table.column("name"),
            run_time: table.column("run_time"),
            resources: resources
                .into_iter()
                .filter_map(|(name, resource)| Some((table.column(name)?, resource)))
                .collect(),
            gpus: table.column("gpus"),
            gpu_milli: table.column("gpu_milli"),
            gpu_models: table.column("gpu_models"),
            members: table.column("members"),
            time_limit: table.column("time_limit"),
            tenant: table.column("tenant"),
            priority: table.column("priority"),
            namespace: table.column("namespace"),
            usage: USAGE.map(usage),
        })
    }

    /// Columns that a spec depends on.
    fn of_spec(&self) -> impl Iterator<Item = &Column> {
        let resources = self.resources.iter().map(|(column, _)| column);
        let others = [
            &self.gpus,
            &self.gpu_milli,
            &self.gpu_models,
            &self.priority,
            &self.namespace,
            &self.usage[0],
            &self.usage[1],
        ];
        resources.chain(others.into_iter().flatten())
    }

    fn tenant<'row>(&self, row: &Row<'row>) -> &'row [u8] {
        match self.tenant.as_ref().map(|column| row.bytes(column)) {
            None | Some([]) => b"default",
            Some(tenant) => tenant,
        }
    }

    /// The arrival, its class and tenant still to be numbered.
    fn arrival(&self, row: &Row<'_>, number: u64) -> Result<Arrival, BadRow> {
        let submit = span(row, Some(&self.submit))?
            .ok_or_else(|| row.bad(&self.submit, "a time such as `90` or `1h30m`"))?;
        let name = match row.optional_text(self.name.as_ref()) {
            "" => PodName::Job(number),
            name => PodName::Text(name.into()),
        };
        let members = integer(row, self.members.as_ref(), 1, 1 << 30)?.unwrap_or(1);
        Ok(Arrival {
            submit: Instant::ZERO + submit,
            name,
            class: 0,
            members: members as u32,
            tenant: 0,
            run_time: span(row, self.run_time.as_ref())?,
            time_limit: span(row, self.time_limit.as_ref())?,
            historic_start: None,
        })
    }

    fn spec(&self, row: &Row<'_>) -> Result<PodSpec, BadRow> {
        let mut requests = ResourceList::default();
        for (column, resource) in &self.resources {
            let text = row.text(column);
            if text.is_empty() {
                continue;
            }
            let amount: Quantity = text.parse().map_err(|_| row.bad(column, QUANTITY))?;
            if amount < Quantity::ZERO {
                return Err(row.bad(column, "at least 0"));
            }
            requests.set(resource, amount);
        }
        let priority = integer(
            row,
            self.priority.as_ref(),
            i64::from(i32::MIN),
            i64::from(i32::MAX),
        )?;
        Ok(PodSpec {
            namespace: row.optional_text(self.namespace.as_ref()).into(),
            priority: priority.unwrap_or(0) as i32,
            gpu: self.gpu(row)?,
            behaviour: self.behaviour(row)?,
            ..PodSpec::with_requests(requests)
        })
    }

    fn behaviour(&self, row: &Row<'_>) -> Result<Option<Arc<Behaviour>>, BadRow> {
        let [cpu_usage, memory_usage] = &self.usage;
        let (cpu_usage, memory_usage) = (
            pattern(row, cpu_usage.as_ref())?,
            pattern(row, memory_usage.as_ref())?,
        );
        let says_something = cpu_usage.is_some() || memory_usage.is_some();
        Ok(says_something.then(|| {
            Arc::new(Behaviour {
                cpu_usage,
                memory_usage,
                ..Behaviour::default()
            })
        }))
    }

    fn gpu(&self, row: &Row<'_>) -> Result<GpuRequest, BadRow> {
        let devices = integer(row, self.gpus.as_ref(), 0, MAX_DEVICES as i64)?.unwrap_or(0);
        let whole = i64::from(DEVICE_MILLI);
        let milli = integer(row, self.gpu_milli.as_ref(), 0, whole)?.unwrap_or(whole);
        if devices == 0 {
            return Ok(GpuRequest::default());
        }
        if let Some(column) = &self.gpu_milli {
            if milli == 0 {
                return Err(row.bad(column, "at least 1 with devices"));
            }
            if devices > 1 && milli < whole {
                return Err(row.bad(column, "1000 for more than one device"));
            }
        }
        let mut models: Vec<Text> = row
            .optional_text(self.gpu_models.as_ref())
            .split('|')
            .map(str::trim)
            .filter(|model| !model.is_empty())
            .map(Text::from)
            .collect();
        models.sort_unstable();
        models.dedup();
        Ok(GpuRequest {
            devices: devices as u8,
            milli_per_device: milli as u16,
            models,
        })
    }
}

const QUANTITY: &str = "a quantity such as `500m`, `2` or `4Gi`";

/// Usage pattern as written; `None` if the field is empty.
fn pattern(row: &Row<'_>, column: Option<&Column>) -> Result<Option<Text>, BadRow> {
    let Some(column) = column else {
        return Ok(None);
    };
    let text = row.text(column);
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<Pattern>() {
        Ok(pattern) if pattern.trace().is_none() => Ok(Some(text.into())),
        Ok(_) => Err(row.bad(column, "no series by name, because this table is the trace")),
        Err(why) => Err(row.bad(column, &why)),
    }
}

fn integer(
    row: &Row<'_>,
    column: Option<&Column>,
    least: i64,
    most: i64,
) -> Result<Option<i64>, BadRow> {
    match column.filter(|column| !row.bytes(column).is_empty()) {
        Some(column) => row.integer(column, least, most).map(Some),
        None => Ok(None),
    }
}

/// A time or span that isn't negative; `None` if nothing stands there.
fn span(row: &Row<'_>, column: Option<&Column>) -> Result<Option<Duration>, BadRow> {
    let Some(column) = column else {
        return Ok(None);
    };
    let bytes = row.bytes(column);
    if bytes.is_empty() {
        return Ok(None);
    }
    // Most times are plain seconds.
    if let Some(span) = plain_seconds(bytes) {
        return Ok(Some(span));
    }
    let text = row.text(column);
    let seconds = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".-".contains(&byte));
    let parsed = if seconds {
        format!("{text}s").parse::<Duration>()
    } else {
        text.parse()
    };
    match parsed {
        Ok(span) if span >= Duration::ZERO => Ok(Some(span)),
        Ok(_) => Err(row.bad(column, "at least 0")),
        Err(_) => Err(row.bad(
            column,
            "seconds, or a time with unit such as `90s` or `2h30m`",
        )),
    }
}

/// Seconds of digits alone, or with up to nine more behind a point.
fn plain_seconds(text: &[u8]) -> Option<Duration> {
    if let Some(seconds) = digits(text) {
        return Duration::checked_from_secs(seconds);
    }
    let point = text.iter().position(|&byte| byte == b'.')?;
    let (whole, fraction) = (&text[..point], &text[point + 1..]);
    let scale = NANOS_BY_DIGITS.get(fraction.len())?;
    let nanos = digits(fraction)? * scale;
    Duration::checked_from_secs(digits(whole)?)?.checked_add(Duration::from_nanos(nanos))
}

/// Nanoseconds of the last digit of a fraction, by its number of digits.
const NANOS_BY_DIGITS: [i64; 10] = [
    1_000_000_000,
    100_000_000,
    10_000_000,
    1_000_000,
    100_000,
    10_000,
    1_000,
    100,
    10,
    1,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Recorded;

    fn check(text: &str) -> Result<Recorded, TraceError> {
        let input = Input::bytes("jobs.csv", text.as_bytes().to_vec());
        Recorded::collect(&mut *open(&input, &ReadOptions::default())?)
    }

    #[test]
    fn usage_is_read_if_it_is_asked_for() {
        let read = |text: &str, usage| {
            let input = Input::bytes("jobs.csv", text.as_bytes().to_vec());
            let options = ReadOptions {
                usage,
                ..ReadOptions::default()
            };
            Recorded::collect(&mut *open(&input, &options)?)
        };
        let table =
            "submit,cpu,cpu_usage,memory_usage\n0,1,60%,\n1,1,,\"ramp(1Gi, 1Gi, 1h)\"\n2,1,,\n";
        let recorded = read(table, true).expect("good rows");
        let stated = |row: usize| {
            let class = recorded.arrivals[row].class as usize;
            let behaviour = recorded.classes[class].behaviour.clone()?;
            Some((behaviour.cpu_usage.clone(), behaviour.memory_usage.clone()))
        };
        assert_eq!(stated(0), Some((Some("60%".into()), None)));
        assert_eq!(stated(1), Some((None, Some("ramp(1Gi, 1Gi, 1h)".into()))));
        assert_eq!(stated(2), None);
        let plain = read(table, false).expect("good rows");
        assert_eq!(plain.classes.len(), 1);
        assert!(read("submit,cpu\n0,1\n", true).is_err());
        let error = read("submit,cpu_usage\n0,fast\n", true).expect_err("no amount");
        assert!(error.to_string().contains("cpu_usage"), "{error}");
    }

    #[test]
    fn every_column_is_read() {
        let recorded = check(
            "tenant,note,members,submit,run_time,cpu,memory,gpus,gpu_milli,gpu_models,time_limit,\
             priority,name,namespace,ephemeral_storage\n\
             lab,x,4,1m,90.5,500m,4Gi,1,250,T4|A10,2h,7,train,prod,1Gi\n\
             ,,,30,,,,,,,,,,,\n",
        )
        .expect("good rows");
        let (small, train) = (&recorded.arrivals[0], &recorded.arrivals[1]);
        assert_eq!(
            (small.name.to_string().as_str(), small.members),
            ("job-2", 1)
        );
        assert_eq!(
            (small.run_time, small.submit),
            (None, Instant::from_secs(30))
        );
        assert_eq!(train.name.to_string(), "train");
        assert_eq!(train.run_time, Some(Duration::from_millis(90_500)));
        assert_eq!(train.time_limit, Some(Duration::from_secs(7_200)));
        assert_eq!(recorded.tenants, ["lab".into(), "default".into()]);
        let spec = &recorded.classes[train.class as usize];
        assert_eq!((spec.priority, &*spec.namespace), (7, "prod"));
        let requests = spec.requests().expect("small");
        assert_eq!(requests.get("cpu").milli_ceil(), Ok(500));
        assert_eq!(requests.get("memory").units_ceil(), Ok(4 << 30));
        assert_eq!(requests.get("ephemeral-storage").units_ceil(), Ok(1 << 30));
        assert_eq!((spec.gpu.devices, spec.gpu.milli_per_device), (1, 250));
        assert_eq!(spec.gpu.models, ["A10".into(), "T4".into()]);
        assert_eq!(recorded.ledger.count("column `note`, not used"), 1);
        assert_eq!(
            recorded.ledger.count("submitted before a row above; moved"),
            1
        );
    }

    #[test]
    fn wrong_cells_say_what_was_expected() {
        for (header, cell, message) in [
            (
                "cpu",
                "1..5",
                "must be a quantity such as `500m`, `2` or `4Gi`, found `1..5`",
            ),
            ("cpu", "-1", "must be at least 0, found `-1`"),
            ("run_time", "-5", "must be at least 0, found `-5`"),
            (
                "run_time",
                "5 apples",
                "must be seconds, or a time with unit such as `90s` or `2h30m`, found `5 apples`",
            ),
            ("members", "0", "must be at least 1, found `0`"),
            ("gpus", "65", "must be at most 64, found `65`"),
            ("priority", "high", "must be a whole number, found `high`"),
        ] {
            let error = check(&format!("submit,{header}\n0,{cell}\n")).expect_err(cell);
            assert_eq!(
                error.to_string(),
                format!("jobs.csv:2: column `{header}`: {message}")
            );
        }
        let error = check("submit,cpu\n,1\n").expect_err("no time").to_string();
        assert!(
            error.contains("`submit`: must be a time such as"),
            "{error}"
        );
    }

    #[test]
    fn a_fork_goes_on_where_its_origin_stands() {
        let input = Input::bytes("jobs.csv", b"submit\n1\n2\n3\n".to_vec());
        let mut source = open(&input, &ReadOptions::default()).expect("a table");
        source.next().expect("no error");
        let mut fork = source.fork().expect("memory");
        for _ in 0..3 {
            assert_eq!(fork.next(), source.next());
        }
    }
}
