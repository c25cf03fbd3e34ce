//! Columns of the table, and arrivals made of its rows.

use super::USAGE;
use super::cells::{
    QUANTITY, Span, TOO_MANY_BYTES, TOO_MANY_CORES, either, integer, pattern, span,
};
use super::fields::{LabelColumn, label_columns};
use crate::parts::resize_list;
use crate::parts::resizes::{Changed, Standing};
use crate::readers::prelude::*;
use arrivals::class_columns::ClassColumns;
use arrivals::job_fields::{BATCH_SIZE, JobField, PLACEMENT};
use arrivals::links::Links;
use arrivals::pod::settings;
use arrivals::read_options::{NO_SCALED, NO_THROUGHPUTS};
use intake::number::MOST_OF_A_RESOURCE;
use intake::table::{Column, Piece, Row, Table};
use model::behaviour::Resize;
use model::gpu::DEVICE_MILLI;
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY};
use model::{GpuRequest, JOB_GPUS_LABEL, JOB_TYPE_LABEL, ONE_PER_NODE, Throughputs};
use units::QuantityError;

/// The columns of a table, by their meaning.
pub(super) struct Columns {
    submit: Span,
    name: Option<Column>,
    run_time: Option<Span>,
    resources: Vec<Amounts>,
    gpus: Option<Column>,
    gpu_milli: Option<Column>,
    gpu_models: Option<Column>,
    job_type: Option<Column>,
    /// Columns of fields that become labels, if they are asked for.
    fields: Vec<LabelColumn>,
    throughputs: Option<Arc<Throughputs>>,
    members: Option<Column>,
    time_limit: Option<Span>,
    start: Option<Span>,
    tenant: Option<Column>,
    priority: Option<Column>,
    namespace: Option<Column>,
    after: Option<Column>,
    part_of: Option<Column>,
    think_time: Option<Span>,
    gang: Option<Column>,
    /// Columns of the usage of processors and of memory, if they are asked for.
    pub(super) usage: [Option<Column>; 2],
    pod: Option<Column>,
    resizes: Option<Column>,
    /// Whether pods are resized.
    is_resized: bool,
}

/// A column of amounts of a resource.
struct Amounts {
    column: Column,
    resource: &'static str,
    /// The amount of which the column has whole numbers; `None` of one of quantities.
    unit: Option<Whole>,
}

impl Amounts {
    /// The amount of a row; `None` if nothing stands there.
    fn of(&self, row: &Row<'_>) -> Result<Option<Quantity>, BadRow> {
        let column = &self.column;
        let text = row.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        if let Some(unit) = self.unit {
            return row
                .integer(column, 0, MOST_OF_A_RESOURCE)
                .map(|count| Some(unit(count)));
        }
        let amount: Quantity = text.parse().map_err(|error| match error {
            QuantityError::TooLarge(_) => row.bad(column, self.too_large()),
            _ => row.bad(column, QUANTITY),
        })?;
        if amount < Quantity::ZERO {
            return Err(row.bad(column, "at least 0"));
        }
        if amount > self.most() {
            return Err(row.bad(column, self.too_large()));
        }
        Ok(Some(amount))
    }

    /// The greatest amount that a run takes.
    fn most(&self) -> Quantity {
        match self.resource {
            CPU => Quantity::from_milli(MOST_OF_A_RESOURCE),
            _ => Quantity::from_units(MOST_OF_A_RESOURCE),
        }
    }

    /// The rule that a greater amount breaks.
    fn too_large(&self) -> &'static str {
        match self.resource {
            CPU => TOO_MANY_CORES,
            _ => TOO_MANY_BYTES,
        }
    }
}

/// An amount of whole units.
type Whole = fn(i64) -> Quantity;

/// The greatest batch size of a job.
const MAX_BATCH: i64 = 1 << 24;

/// Resources by the columns of their quantities and of whole numbers of a unit.
const RESOURCES: [(&str, &str, &str, Whole); 3] = [
    ("cpu", "cpu_milli", CPU, Quantity::from_milli),
    ("memory", "memory_bytes", MEMORY, Quantity::from_units),
    (
        "ephemeral_storage",
        "ephemeral_storage_bytes",
        EPHEMERAL_STORAGE,
        Quantity::from_units,
    ),
];

/// Times of an arrival, and how many members it has.
pub(super) struct Times {
    pub(super) submit: Instant,
    pub(super) members: u32,
    pub(super) run: Option<Duration>,
    pub(super) limit: Option<Duration>,
    pub(super) start: Option<Instant>,
}

impl Columns {
    pub(super) fn find(table: &Table, options: &ReadOptions) -> Result<Self, TraceError> {
        let usage = |name| table.column(name).filter(|_| options.usage);
        let mut resources = Vec::new();
        for (name, whole, resource, unit) in RESOURCES {
            if let Some((column, is_whole)) = either(table, name, whole)? {
                resources.push(Amounts {
                    column,
                    resource,
                    unit: is_whole.then_some(unit),
                });
            }
        }
        let submit = Span::find(table, "submit")?;
        let submit = submit.ok_or_else(|| table.without("submit"))?;
        Ok(Self {
            submit,
            name: table.column("name"),
            run_time: Span::find(table, "run_time")?,
            resources,
            gpus: table.column("gpus"),
            gpu_milli: table.column("gpu_milli"),
            gpu_models: table.column("gpu_models"),
            job_type: table.column("job_type"),
            fields: label_columns(table, options),
            throughputs: options.throughputs.clone(),
            members: table.column("members"),
            time_limit: Span::find(table, "time_limit")?,
            start: Span::find(table, "start")?,
            tenant: table.column("tenant"),
            priority: table.column("priority"),
            namespace: table.column("namespace"),
            after: table.column("after"),
            part_of: table.column("part_of"),
            think_time: Span::find(table, "think_time")?,
            gang: table.column("gang"),
            usage: USAGE.map(usage),
            pod: table.column("pod"),
            resizes: table.column("resizes"),
            is_resized: options.resizes,
        })
    }

    /// Columns that a spec is made of.
    pub(super) fn of_spec(&self) -> impl Iterator<Item = &Column> {
        let resources = self.resources.iter().map(|own| &own.column);
        let others = [
            &self.gpus,
            &self.gpu_milli,
            &self.gpu_models,
            &self.job_type,
            &self.priority,
            &self.namespace,
            &self.usage[0],
            &self.usage[1],
            &self.pod,
            &self.resizes,
        ];
        let scaled = self.throughputs.as_ref().filter(|own| own.has_scaled());
        let members = scaled.and(self.members.as_ref());
        let fields = self.fields.iter().map(|own| &own.column);
        let all = resources.chain(others.into_iter().flatten());
        all.chain(members).chain(fields)
    }

    /// Whether the column of a field that becomes a label is read.
    pub(super) fn reads(&self, name: &str) -> bool {
        self.fields.iter().any(|own| *own.column.name() == *name)
    }

    /// The fields that become labels.
    pub(super) fn fields(&self) -> Vec<&'static JobField> {
        self.fields.iter().map(|own| own.field).collect()
    }

    #[inline(always)]
    pub(super) fn tenant<'row>(&self, row: &Row<'row>) -> Piece<'row> {
        const DEFAULT: &[u8] = b"default";
        let tenant = self.tenant.as_ref().map(|column| row.piece(column));
        let tenant = tenant.filter(|tenant| !tenant.is_empty());
        tenant.unwrap_or_else(|| Piece::of(DEFAULT, 0, DEFAULT.len()))
    }

    /// The times of a row's arrival, and how many members it has.
    #[inline(always)]
    pub(super) fn times(&self, row: &Row<'_>) -> Result<Times, BadRow> {
        let submit = span(row, Some(&self.submit))?
            .ok_or_else(|| self.bad_submit(row, "a time such as `90` or `1h30m`"))?;
        let members = integer(row, self.members.as_ref(), 1, MEMBERS)?.unwrap_or(1);
        Ok(Times {
            submit: Instant::ZERO + submit,
            members: members as u32,
            run: span(row, self.run_time.as_ref())?,
            limit: span(row, self.time_limit.as_ref())?,
            start: span(row, self.start.as_ref())?.map(|start| Instant::ZERO + start),
        })
    }

    /// A complaint about the submission of a row.
    #[cold]
    pub(super) fn bad_submit(&self, row: &Row<'_>, expected: &str) -> BadRow {
        self.submit.bad(row, expected)
    }

    /// The name of a row's arrival; `None` is that of its number.
    #[inline(always)]
    pub(super) fn name(&self, row: &Row<'_>) -> Option<PodName> {
        match row.text(self.name.as_ref()?) {
            "" => None,
            name if self.may_wait() => Some(task_name(name)),
            name => Some(PodName::Text(name.into())),
        }
    }

    /// Whether rows may say what they wait for.
    pub(super) fn may_wait(&self) -> bool {
        self.after.is_some()
    }

    /// The columns that the classes of rows may need.
    pub(super) fn of_classes(&self) -> ClassColumns {
        ClassColumns {
            has_pods: self.pod.is_some(),
            has_resizes: self.resizes.is_some() && self.is_resized,
        }
    }

    /// Counts the resizes of a row that is taken, if none is followed, and tells of values that no run knows.
    #[inline(always)]
    pub(super) fn tell(&self, row: &Row<'_>, journal: &mut Journal) -> Result<(), TraceError> {
        for own in &self.fields {
            own.tell(row, journal)?;
        }
        match &self.resizes {
            Some(column) if !self.is_resized && !row.text(column).is_empty() => {
                self.tell_first_stands(row, journal)
            }
            _ => Ok(()),
        }
    }

    #[cold]
    fn tell_first_stands(&self, row: &Row<'_>, journal: &mut Journal) -> Result<(), TraceError> {
        let (Ok(first), Ok(resizes)) = (self.spec(row), self.resizes(row)) else {
            return Ok(());
        };
        let mut before = first.clone();
        for resize in resizes {
            let mut after = first.clone();
            if let Some(container) = after.containers.first_mut() {
                container.requests = resize.requests;
            }
            let changed = Changed {
                before: &before,
                after: &after,
                when: "while it ran",
                stands: Standing::First,
            };
            changed.note(journal, row.line)?;
            before = after;
        }
        Ok(())
    }

    /// The resizes that a row states.
    fn resizes(&self, row: &Row<'_>) -> Result<Vec<Resize>, BadRow> {
        let Some(column) = &self.resizes else {
            return Ok(Vec::new());
        };
        match row.text(column) {
            "" => Ok(Vec::new()),
            text => resize_list::read(text).ok_or_else(|| row.bad(column, resize_list::NOTATION)),
        }
    }

    /// Whether rows may be members of gangs.
    pub(super) fn has_gangs(&self) -> bool {
        self.gang.is_some()
    }

    /// The place of a row's arrival among others.
    pub(super) fn links(&self, row: &Row<'_>) -> Result<Option<Box<Links>>, BadRow> {
        if !self.may_wait() && !self.has_gangs() {
            return Ok(None);
        }
        let mut links = self.precedence(row)?;
        let gang = row.optional_text(self.gang.as_ref());
        if !gang.is_empty() {
            links.get_or_insert_default().gang = Some(task_name(gang));
        }
        Ok(links)
    }

    /// The place of a row's arrival in a graph of precedence.
    fn precedence(&self, row: &Row<'_>) -> Result<Option<Box<Links>>, BadRow> {
        if !self.may_wait() {
            return Ok(None);
        }
        let names = row.optional_text(self.after.as_ref()).split('|');
        let names = names.map(str::trim).filter(|name| !name.is_empty());
        let part_of = match row.optional_text(self.part_of.as_ref()) {
            "" => None,
            name => Some(task_name(name)),
        };
        let mut links = Links::of(part_of, names.map(task_name).collect());
        if let Some(links) = &mut links {
            links.delay = span(row, self.think_time.as_ref())?.unwrap_or_default();
        }
        Ok(links)
    }

    pub(super) fn spec(&self, row: &Row<'_>) -> Result<PodSpec, BadRow> {
        let mut requests = ResourceList::default();
        for amounts in &self.resources {
            if let Some(amount) = amounts.of(row)? {
                requests.set(amounts.resource, amount);
            }
        }
        let priority = integer(
            row,
            self.priority.as_ref(),
            i64::from(i32::MIN),
            i64::from(i32::MAX),
        )?;
        let gpu = self.gpu(row)?;
        let spec = PodSpec {
            namespace: row.optional_text(self.namespace.as_ref()).into(),
            labels: self.labels(row, &gpu)?,
            priority: priority.unwrap_or(0) as i32,
            gpu,
            behaviour: self.behaviour(row)?,
            ..PodSpec::with_requests(requests)
        };
        match row.optional_text(self.pod.as_ref()) {
            "" => Ok(spec),
            pod => settings::read(row.line, pod, &spec),
        }
    }

    fn labels(&self, row: &Row<'_>, gpu: &GpuRequest) -> Result<Labels, BadRow> {
        let mut labels = Labels::new();
        for own in &self.fields {
            let value = own.value(row);
            if own.field == &PLACEMENT && !["", ONE_PER_NODE].contains(&value) {
                return Err(row.bad(&own.column, "`one-per-node`, or empty"));
            }
            if own.field == &BATCH_SIZE {
                integer(row, Some(&own.column), 1, MAX_BATCH)?;
            }
            own.field.state(&mut labels, value);
        }
        let Some(column) = &self.job_type else {
            return Ok(labels);
        };
        let job_type = row.text(column);
        if !job_type.is_empty() {
            labels.insert(JOB_TYPE_LABEL.into(), job_type.into());
        }
        let Some(known) = self.throughputs.as_ref().filter(|_| !job_type.is_empty()) else {
            return Ok(labels);
        };
        if known.row(&labels).is_none() {
            return Err(row.bad(column, NO_THROUGHPUTS));
        }
        if known.is_scaled(&labels) {
            let members = integer(row, self.members.as_ref(), 1, MEMBERS)?.unwrap_or(1);
            let gpus = (members as u32).saturating_mul(u32::from(gpu.devices));
            if !known.knows(&labels, gpus) {
                return Err(row.bad(self.gpus.as_ref().unwrap_or(column), NO_SCALED));
            }
            if members > 1 {
                labels.insert(JOB_GPUS_LABEL.into(), gpus.to_string().as_str().into());
            }
        }
        Ok(labels)
    }

    fn behaviour(&self, row: &Row<'_>) -> Result<Option<Arc<Behaviour>>, BadRow> {
        let [cpu_usage, memory_usage] = &self.usage;
        let (cpu_usage, memory_usage) = (
            pattern(row, cpu_usage.as_ref())?,
            pattern(row, memory_usage.as_ref())?,
        );
        let mut resizes = self.resizes(row)?;
        if !self.is_resized {
            resizes.clear();
        }
        let says_something = cpu_usage.is_some() || memory_usage.is_some() || !resizes.is_empty();
        Ok(says_something.then(|| {
            Arc::new(Behaviour {
                cpu_usage,
                memory_usage,
                resizes,
                ..Behaviour::default()
            })
        }))
    }

    /// Thousandths of one device, of a row with a number of devices between 0 and 1.
    fn share(&self, row: &Row<'_>) -> Result<Option<i64>, BadRow> {
        let Some(column) = &self.gpus else {
            return Ok(None);
        };
        let text = row.text(column);
        let share = text.parse::<f64>().ok().filter(|_| text.contains('.'));
        let Some(share) = share.filter(|&share| share > 0.0 && share < 1.0) else {
            return Ok(None);
        };
        if !row.optional_text(self.gpu_milli.as_ref()).is_empty() {
            return Err(row.bad(column, "a whole number beside `gpu_milli`"));
        }
        let milli = libm::ceil(share * f64::from(DEVICE_MILLI) - 1e-9) as i64;
        Ok(Some(milli))
    }

    fn gpu(&self, row: &Row<'_>) -> Result<GpuRequest, BadRow> {
        let whole = i64::from(DEVICE_MILLI);
        let shared = self.share(row)?;
        let part = match shared {
            None => integer(row, self.gpu_milli.as_ref(), 0, whole)?,
            shared => shared,
        };
        let models = row.optional_text(self.gpu_models.as_ref());
        // Who asks for a part or a model means a device.
        let is_meant = part.is_some_and(|part| part > 0) || !models.is_empty();
        let devices = match shared {
            None => integer(row, self.gpus.as_ref(), 0, MAX_DEVICES as i64)?,
            Some(_) => Some(1),
        };
        let devices = devices.unwrap_or(i64::from(is_meant));
        let milli = part.unwrap_or(whole);
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
        let mut models: Vec<Text> = models
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

/// The name of a task: `job-N` is the number of a job.
fn task_name(name: &str) -> PodName {
    let number = name.strip_prefix("job-");
    let is_plain = |digits: &&str| *digits == "0" || !digits.starts_with(['0', '+']);
    let number = number.filter(is_plain).and_then(|own| own.parse().ok());
    number.map_or_else(|| PodName::Text(name.into()), PodName::Job)
}
