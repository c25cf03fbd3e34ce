//! Pods of the openb GPU cluster trace (2023): one row per pod, in eleven columns or, in the
//! `multigpu` variants, in the first five of them; read by header, never by position. Format:
//! `traces.md`, section 5.
//!
//! A pod becomes one container with exact requests and a GPU request. `gpu_milli` is capped to
//! 1,000 per device; both it and `gpu_spec` are ignored when `num_gpu` is 0, as in the published
//! study. Models keep the file's order and repetitions: the study's fragmentation measure tells
//! pods apart by the text of `gpu_spec`. `qos` and `pod_phase` change no placement and stay out of
//! the spec: as a label they would split equivalence classes for nothing. (Where outcomes are asked for, the phase
//! is one.)
//!
//! A run time is `deletion_time - scheduled_time`; a pod that was never scheduled is dropped with
//! `ran-only`, else it is kept and, once placed, stays as long as it existed in the origin
//! (`deletion_time - creation_time`). Without the time columns all pods arrive at zero and never
//! end.

mod rows;

use crate::readers::openb_nodes::{MAX_CPU_MILLI, MAX_MEMORY_MIB, MIB};
use crate::readers::prelude::*;
use crate::shards::{Names, Shards, cells_of_tables};
use arrivals::fill_up::FillPod;
use arrivals::header_record::HeaderRecord;
use intake::ledger::{Ledger, RowPolicy};
use intake::table::{Column, LAST_SECOND, Row, Table};
use intake::unknown_columns::note_columns;
use model::GpuRequest;
use model::gpu::DEVICE_MILLI;
use model::resource_list::{CPU, MEMORY};
use units::time::NANOS_PER_SECOND;

use rows::Rows;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "openb-pods",
    summary: "pods of the openb GPU cluster trace (CSV with header)",
    columns: columns! {
        required("name", "name of the pod"),
        required("cpu_milli", "CPU request in 1/1000 core"),
        required("memory_mib", "memory request in MiB"),
        required("num_gpu", "number of requested GPU devices"),
        required("gpu_milli", "1/1000 of each device; under 1000 only with one device"),
        optional("gpu_spec", "admissible GPU models joined by `|`; empty admits all"),
        optional("qos", "class of service; read, not used"),
        optional("pod_phase", "state at the trace's end; written again as the outcome, and not used by runs"),
        optional("creation_time", "seconds since the trace's zero"),
        optional("deletion_time", "seconds since the trace's zero"),
        optional("scheduled_time", "seconds; empty if the pod never ran"),
    },
    relations: &[Relation::recorded(
        &["creation_time", "scheduled_time", "deletion_time"],
        "no earlier than second",
    )],
    names: &["name", "qos", "pod_phase"],
    cells: cells_of_tables,
    options: &["ran-only", "recorded"],
    sniff,
    open: Constructor::Workload(open),
};

/// One raw row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenbPod {
    /// Line of the file, counted from 1.
    pub line: u64,
    /// Name of the pod.
    pub name: Text,
    /// Processors asked for, in 1/1000 core.
    pub cpu_milli: i64,
    /// Memory asked for, in MiB.
    pub memory_mib: i64,
    /// GPU devices asked for.
    pub num_gpu: u8,
    /// 1/1000 of each device, capped to 1,000; 0 without devices.
    pub gpu_milli: u16,
    /// Admissible models as the file has them: its order, its repetitions, also without devices.
    pub gpu_spec: Text,
    /// Class of service.
    pub qos: Text,
    /// State at the trace's end.
    pub phase: Text,
    /// Creation, since the trace's zero; absent without the column.
    pub creation: Option<Instant>,
    /// Deletion.
    pub deletion: Option<Instant>,
    /// Instant at which the pod was given a node; absent if it never ran.
    pub scheduled: Option<Instant>,
}

impl OpenbPod {
    /// GPU request of the pod, with the models as in the file.
    pub fn gpu_request(&self) -> GpuRequest {
        if self.num_gpu == 0 {
            return GpuRequest::default();
        }
        let models: Vec<Text> = self
            .gpu_spec
            .split('|')
            .map(str::trim)
            .filter(|model| !model.is_empty())
            .map(Text::from)
            .collect();
        GpuRequest {
            devices: self.num_gpu,
            milli_per_device: self.gpu_milli,
            models,
        }
    }

    /// Everything about it that a placement may depend on.
    pub fn spec(&self) -> PodSpec {
        let requests = ResourceList::from_pairs([
            (CPU, Quantity::from_milli(self.cpu_milli)),
            (MEMORY, Quantity::from_units(self.memory_mib * MIB)),
        ]);
        PodSpec {
            gpu: self.gpu_request(),
            ..PodSpec::with_requests(requests)
        }
    }

    /// Run time once the pod has started.
    pub fn run_time(&self) -> Option<Duration> {
        self.times().run_time()
    }

    fn times(&self) -> Times {
        Times {
            creation: self.creation,
            deletion: self.deletion,
            scheduled: self.scheduled,
        }
    }
}

impl<'pod> From<&'pod OpenbPod> for FillPod<'pod> {
    /// The pod's demand for GPUs.
    fn from(pod: &'pod OpenbPod) -> Self {
        let step_milli = i64::from(pod.gpu_milli);
        Self {
            name: &pod.name,
            demand_milli: step_milli * i64::from(pod.num_gpu),
            step_milli,
        }
    }
}

/// Times of a pod in the origin.
#[derive(Clone, Copy)]
struct Times {
    creation: Option<Instant>,
    deletion: Option<Instant>,
    scheduled: Option<Instant>,
}

impl Times {
    fn run_time(self) -> Option<Duration> {
        Some(self.deletion?.since(self.scheduled.or(self.creation)?))
    }

    /// Whether none is before one that it follows.
    fn are_in_order(self) -> bool {
        !is_before(self.scheduled, self.creation)
            && !is_before(self.deletion, self.creation)
            && !is_before(self.deletion, self.scheduled)
    }
}

/// Whether both times are known, and one is before the other.
fn is_before(one: Option<Instant>, other: Option<Instant>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one < other)
}

/// Reads raw rows in the file's order; the first bad row is an error.
pub fn read_openb_pods(input: &Input) -> Result<Vec<OpenbPod>, TraceError> {
    Ok(read_rows(input, RowPolicy::default())?.0)
}

/// Reads raw rows in the file's order under a policy.
pub fn read_rows(input: &Input, policy: RowPolicy) -> Result<(Vec<OpenbPod>, Ledger), TraceError> {
    let mut journal = Journal::new(input.name.clone(), policy);
    let mut table = Table::open(input)?;
    let columns = Columns::find(&table)?;
    let mut pods = Vec::new();
    while let Some(row) = table.next_row()? {
        match row.and_then(|row| columns.pod(&row)) {
            Ok(pod) => pods.push(pod),
            Err(bad) => journal.bad_row(bad)?,
        }
    }
    journal.end(table.open_end())?;
    Ok((pods, journal.ledger))
}

/// Opens the trace as a workload, sorted by creation (equal times: in the order of the files).
pub fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let shards = Shards::of(input, &ENTRY)?;
    match shards.alone() {
        Some(input) => open_table(input, options),
        None => shards.open::<dyn ArrivalSource>(input, options, Names::OfAll, |file, _| {
            open_table(file, options)
        }),
    }
}

fn open_table(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut table = Table::open(input)?;
    note_columns(&mut journal, &table, ENTRY.columns)?;
    let columns = Columns::find(&table)?;
    let mut rows = Rows::new(&columns, options);
    loop {
        let taken = match table.next_plain_row() {
            Some(row) => rows.take(&columns, &row),
            None => match table.next_row()? {
                Some(row) => row.and_then(|row| rows.take(&columns, &row)),
                None => break,
            },
        };
        if let Err(bad) = taken {
            journal.bad_row(bad)?;
        }
    }
    rows.told(&mut journal)?;
    journal.end(table.open_end())?;
    let mut header = HeaderRecord::EMPTY;
    if columns.phase.is_some() {
        header.fields = outcome_alone(options);
    }
    rows.finish(journal, header)
}

fn sniff(first: &[u8]) -> Confidence {
    header_has(
        first,
        &["name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli"],
    )
}

struct Columns {
    name: Column,
    cpu_milli: Column,
    memory_mib: Column,
    num_gpu: Column,
    gpu_milli: Column,
    gpu_spec: Option<Column>,
    qos: Option<Column>,
    phase: Option<Column>,
    creation: Option<Column>,
    deletion: Option<Column>,
    scheduled: Option<Column>,
}

impl Columns {
    fn find(table: &Table) -> Result<Self, TraceError> {
        Ok(Self {
            name: table.required_column("name")?,
            cpu_milli: table.required_column("cpu_milli")?,
            memory_mib: table.required_column("memory_mib")?,
            num_gpu: table.required_column("num_gpu")?,
            gpu_milli: table.required_column("gpu_milli")?,
            gpu_spec: table.column("gpu_spec"),
            qos: table.column("qos"),
            phase: table.column("pod_phase"),
            creation: table.column("creation_time"),
            deletion: table.column("deletion_time"),
            scheduled: table.column("scheduled_time"),
        })
    }

    #[inline(always)]
    fn name<'row>(&self, row: &Row<'row>) -> Result<&'row [u8], BadRow> {
        match row.bytes(&self.name) {
            b"" => Err(row.bad(&self.name, "the name of a pod")),
            name => Ok(name),
        }
    }

    #[inline(always)]
    fn times(&self, row: &Row<'_>) -> Result<Times, BadRow> {
        let creation = time(row, self.creation.as_ref())?;
        if let (Some(column), None) = (&self.creation, creation) {
            return Err(row.bad(column, "the second of the pod's creation"));
        }
        let scheduled = time(row, self.scheduled.as_ref())?;
        let deletion = time(row, self.deletion.as_ref())?;
        let times = Times {
            creation,
            deletion,
            scheduled,
        };
        if times.are_in_order() {
            return Ok(times);
        }
        Err(self.disorder(row, times))
    }

    /// The complaint about a time that is before one that it follows.
    #[cold]
    fn disorder(&self, row: &Row<'_>, times: Times) -> BadRow {
        let (scheduled, deletion) = (times.scheduled, times.deletion);
        let (column, earlier) = if is_before(scheduled, times.creation) {
            (&self.scheduled, times.creation)
        } else if is_before(deletion, times.creation) {
            (&self.deletion, times.creation)
        } else {
            (&self.deletion, scheduled)
        };
        let second = earlier.unwrap_or_default().as_nanos() / NANOS_PER_SECOND;
        let rule = format!("no earlier than second {second}");
        match column {
            Some(column) => row.bad(column, &rule),
            None => row.bad(&self.name, &rule),
        }
    }

    fn pod(&self, row: &Row<'_>) -> Result<OpenbPod, BadRow> {
        self.name(row)?;
        let num_gpu = row.integer(&self.num_gpu, 0, MAX_DEVICES as i64)?;
        let Times {
            creation,
            deletion,
            scheduled,
        } = self.times(row)?;
        Ok(OpenbPod {
            line: row.line,
            name: row.text(&self.name).into(),
            cpu_milli: row.integer(&self.cpu_milli, 0, MAX_CPU_MILLI)?,
            memory_mib: row.integer(&self.memory_mib, 0, MAX_MEMORY_MIB)?,
            num_gpu: num_gpu as u8,
            gpu_milli: self.gpu_milli(row, num_gpu)?,
            gpu_spec: row.optional_text(self.gpu_spec.as_ref()).into(),
            qos: row.optional_text(self.qos.as_ref()).into(),
            phase: row.optional_text(self.phase.as_ref()).into(),
            creation,
            deletion,
            scheduled,
        })
    }

    fn gpu_milli(&self, row: &Row<'_>, num_gpu: i64) -> Result<u16, BadRow> {
        let whole = i64::from(DEVICE_MILLI);
        let least = i64::from(num_gpu > 0);
        let milli = row
            .integer(&self.gpu_milli, least, MAX_CPU_MILLI)?
            .min(whole);
        if num_gpu > 1 && milli < whole {
            return Err(row.bad(&self.gpu_milli, "1000 for more than one device"));
        }
        Ok(if num_gpu == 0 { 0 } else { milli as u16 })
    }
}

/// Seconds in a column; absent if the column is or if nothing stands there.
#[inline(always)]
fn time(row: &Row<'_>, column: Option<&Column>) -> Result<Option<Instant>, BadRow> {
    let column = match column {
        Some(column) if !row.piece(column).is_empty() => column,
        _ => return Ok(None),
    };
    let seconds = row.integer(column, 0, LAST_SECOND)?;
    Ok(Some(Instant::from_secs(seconds)))
}

#[cfg(test)]
mod tests;
