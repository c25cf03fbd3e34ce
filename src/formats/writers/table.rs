//! The project's own table of arrivals as text. A field is a text of one line without blanks around it, so other
//! line breaks become blanks.

use std::borrow::Cow;
use std::io::{self, Write};

use super::conversion::{gang_name, task_names};
use super::{Reading, Record, RecordWriter, Settings, Writer, not_taken};
use crate::parts::resize_list;
use crate::prelude::*;
use arrivals::class_cache::ByClass;
use arrivals::class_columns::ClassColumns;
use arrivals::job_fields::JobField;
use arrivals::links::Links;
use arrivals::pod::settings::{self, is_cell};
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY};
use model::usage::Pattern;
use model::{GpuRequest, JOB_TYPE_LABEL};

/// The registry's entry.
pub(super) const ENTRY: Writer = Writer {
    name: "csv",
    summary: "the project's own table",
    has_usage: true,
    has_resizes: true,
    begin: |settings, out| Ok(Box::new(Table::begin(settings, out)?)),
};

/// The header of a written table of arrivals.
const HEADER: &str = "submit,name,run_time,cpu,memory,ephemeral_storage,gpus,gpu_milli,gpu_models,\
                      members,time_limit,start,tenant,priority,namespace,job_type";

/// The columns of settings and of resizes, where pods may have them.
const POD: &str = ",pod";
const RESIZES: &str = ",resizes";

/// The columns of what arrivals wait for, where a source may say so.
const LINKS: &str = ",after,part_of,think_time";

/// The column of gangs, where a source may have them.
const GANG: &str = ",gang";

/// A table that is being written.
struct Table<'out> {
    out: &'out mut dyn Write,
    layout: Layout,
    has_links: bool,
    has_gangs: bool,
    classes: ByClass<Class>,
}

/// The part of a spec that a table of these columns says.
pub(super) struct Layout {
    /// Whether there are columns of usage.
    pub(super) with_usage: bool,
    /// The columns that classes need.
    pub(super) columns: ClassColumns,
    /// The fields of jobs that have columns.
    pub(super) fields: Vec<&'static JobField>,
}

impl Layout {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            with_usage: settings.with_usage,
            columns: settings.columns,
            fields: settings.header.fields.clone(),
        }
    }
}

impl Layout {
    /// The cells of the settings and the resizes of a spec that is said whole, as far as they have columns.
    pub(super) fn more(&self, said: &PodSpec) -> impl Iterator<Item = String> {
        let pod = { self.columns.has_pods }.then(|| self.pod(said).unwrap_or_default());
        let resizes = self.columns.has_resizes.then(|| {
            let behaviour = said.behaviour.as_deref();
            behaviour.map_or_else(String::new, |own| resize_list::written(&own.resizes))
        });
        pod.into_iter().chain(resizes)
    }

    /// The cell of the settings of a spec that no other column says.
    fn pod(&self, spec: &PodSpec) -> Option<String> {
        settings::cell(spec, &of_columns(spec, self))
    }
}

impl<'out> Table<'out> {
    fn begin(settings: &Settings, out: &'out mut dyn Write) -> io::Result<Self> {
        let layout = Layout::of(settings);
        let usage = if layout.with_usage {
            ",cpu_usage,memory_usage"
        } else {
            ""
        };
        let links = if settings.has_links { LINKS } else { "" };
        let gang = if settings.has_gangs { GANG } else { "" };
        let pod = if layout.columns.has_pods { POD } else { "" };
        let resizes = if layout.columns.has_resizes {
            RESIZES
        } else {
            ""
        };
        write!(out, "{HEADER}{usage}{pod}{resizes}{links}{gang}")?;
        for field in &layout.fields {
            write!(out, ",{}", field.column)?;
        }
        writeln!(out)?;
        Ok(Self {
            out,
            layout,
            has_links: settings.has_links,
            has_gangs: settings.has_gangs,
            classes: ByClass::default(),
        })
    }

    fn write_arrival(&mut self, record: &Record<'_>) -> io::Result<()> {
        let Record {
            arrival, tenant, ..
        } = record;
        let class = self.classes.get(arrival.class).ok_or_else(not_taken)?;
        let span = |span: Option<Duration>| span.map(|span| span.to_string()).unwrap_or_default();
        let since_zero = |at: Instant| at.since(Instant::ZERO).to_string();
        write!(
            self.out,
            "{},{},{},{},{},{},{},{},{},{}",
            since_zero(arrival.submit),
            quoted(&cell(&arrival.name.to_string())),
            span(arrival.run_time),
            class.requests,
            arrival.members,
            span(arrival.time_limit),
            start(arrival).map(since_zero).unwrap_or_default(),
            quoted(&cell(tenant)),
            class.priority,
            class.texts,
        )?;
        if self.has_links {
            write!(self.out, ",{}", link_cells(arrival))?;
        }
        if self.has_gangs {
            write!(self.out, ",{}", quoted(&cell(&gang_name(arrival))))?;
        }
        writeln!(self.out, "{}", class.fields)
    }
}

impl RecordWriter for Table<'_> {
    fn class(&mut self, number: u32, spec: &PodSpec) -> PodSpec {
        let said = said(spec, &self.layout);
        self.classes.put(number, Class::of(&said, &self.layout));
        said
    }

    fn write(&mut self, record: &Record<'_>) -> io::Result<Reading> {
        self.write_arrival(record)?;
        Ok(reading(record))
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

/// The start in the origin, unless it is before the zero of time, which no row can say.
pub(super) fn start(arrival: &Arrival) -> Option<Instant> {
    arrival.historic_start.filter(|&at| at >= Instant::ZERO)
}

/// What readers make of a row.
pub(super) fn reading(record: &Record<'_>) -> Reading {
    let Record {
        arrival, tenant, ..
    } = record;
    let has_name = match &arrival.name {
        PodName::Text(name) => is_cell(name) && !name.is_empty(),
        PodName::Job(_) | PodName::Member(..) => true,
    };
    let has_names = arrival.links.as_deref().is_none_or(has_names);
    let has_start = arrival.historic_start.is_none() || start(arrival).is_some();
    let mut reading = Reading::of_row();
    reading.is_unreadable = arrival.submit < Instant::ZERO;
    if !is_cell(tenant) || tenant.is_empty() {
        reading.tenant = Some(match &*cell(tenant) {
            "" => "default".into(),
            own => own.into(),
        });
    }
    if !has_name || !has_names || !has_start {
        reading.arrival = Some(Arrival {
            name: match &*cell(&arrival.name.to_string()) {
                "" => PodName::Job(record.number + 1),
                name => PodName::Text(name.into()),
            },
            historic_start: start(arrival),
            links: if has_names {
                arrival.links.clone()
            } else {
                read_links(arrival)
            },
            ..(*arrival).clone()
        });
    }
    reading
}

/// Whether the names of tasks are cells, and of a list.
fn has_names(links: &Links) -> bool {
    let is_name = |name: &PodName, is_listed: bool| match name {
        PodName::Text(name) => {
            is_cell(name) && !name.is_empty() && !(is_listed && name.contains('|'))
        }
        PodName::Job(_) | PodName::Member(..) => true,
    };
    let mut tasks = links.after.iter().chain(&links.part_of);
    tasks.all(|name| is_name(name, true)) && links.gang.iter().all(|name| is_name(name, false))
}

/// The links that readers make of cells that names don't keep to.
fn read_links(arrival: &Arrival) -> Option<Box<Links>> {
    let links = Links::of(None, names_of(&task_names(arrival).0));
    let gang = gang_name(arrival);
    match &*cell(&gang) {
        "" => links,
        gang => {
            let mut links = links.unwrap_or_default();
            links.gang = Some(gang.into());
            Some(links)
        }
    }
}

/// The names of a list of tasks.
fn names_of(list: &str) -> Vec<PodName> {
    let names = list.split('|').map(str::trim);
    let names = names.filter(|name| !name.is_empty());
    names.map(|name| PodName::Text(name.into())).collect()
}

/// The cells of what an arrival waits for.
fn link_cells(arrival: &Arrival) -> String {
    let (after, part_of) = task_names(arrival);
    let links = arrival.links.as_deref();
    let delay = match links.map(|own| own.delay).unwrap_or_default() {
        Duration::ZERO => String::new(),
        delay => delay.to_string(),
    };
    let (after, part_of) = (cell(&after), cell(&part_of));
    format!("{},{},{delay}", quoted(&after), quoted(&part_of))
}

/// The fields of a class, as they stand in every row of it.
struct Class {
    requests: String,
    priority: i32,
    texts: String,
    fields: String,
}

impl Class {
    fn of(said: &PodSpec, layout: &Layout) -> Self {
        let list = said.requests().unwrap_or_default();
        // An amount of 0 is stated; an empty cell states none.
        let amount = |resource: &str| {
            let stated = list.stated(resource);
            stated.map(|own| own.to_string()).unwrap_or_default()
        };
        let gpu = &said.gpu;
        let gpus = match gpu.devices {
            0 => ",,".to_owned(),
            devices => {
                let models = quoted(&models(gpu));
                format!("{devices},{},{models}", gpu.milli_per_device)
            }
        };
        let patterns = said.behaviour.as_deref();
        let pattern = |text: Option<&Text>| text.map(|text| quoted(text)).unwrap_or_default();
        let usage = if layout.with_usage {
            let cpu = pattern(patterns.and_then(|usage| usage.cpu_usage.as_ref()));
            let memory = pattern(patterns.and_then(|usage| usage.memory_usage.as_ref()));
            format!(",{cpu},{memory}")
        } else {
            String::new()
        };
        let mut more = usage;
        for cell in layout.more(said) {
            more.push(',');
            more.push_str(&quoted(&cell));
        }
        let job_type = said.labels.get(JOB_TYPE_LABEL).map_or("", |own| &**own);
        // The template has what a cell can't say.
        let field = |field: &&JobField| format!(",{}", quoted(&cell(field.of(&said.labels))));
        Self {
            requests: format!(
                "{},{},{},{gpus}",
                amount(CPU),
                amount(MEMORY),
                amount(EPHEMERAL_STORAGE)
            ),
            priority: said.priority,
            texts: format!(
                "{},{}{more}",
                quoted(&cell(&said.namespace)),
                quoted(&cell(job_type))
            ),
            fields: layout.fields.iter().map(field).collect(),
        }
    }
}

/// The part of a spec that a row of the table says.
pub(super) fn said(spec: &PodSpec, layout: &Layout) -> PodSpec {
    let said = of_columns(spec, layout);
    let pod = { layout.columns.has_pods }.then(|| layout.pod(spec));
    match pod.flatten() {
        Some(pod) => settings::read(0, &pod, &said).unwrap_or(said),
        None => said,
    }
}

/// The part of a spec that a row of the table says without the template of the pod.
fn of_columns(spec: &PodSpec, layout: &Layout) -> PodSpec {
    let all = spec.requests().unwrap_or_default();
    let mut list = ResourceList::default();
    for resource in [CPU, MEMORY, EPHEMERAL_STORAGE] {
        if let Some(amount) = all.stated(resource) {
            list.set(resource, amount);
        }
    }
    let usage = spec.behaviour.as_ref().and_then(|behaviour| {
        let pattern = |own: &Option<Text>| { own.clone() }.filter(is_own_pattern);
        let mut own = Behaviour::default();
        if layout.with_usage {
            own.cpu_usage = pattern(&behaviour.cpu_usage);
            own.memory_usage = pattern(&behaviour.memory_usage);
        }
        if layout.columns.has_resizes {
            own.resizes.clone_from(&behaviour.resizes);
        }
        (own != Behaviour::default()).then(|| Arc::new(own))
    });
    let mut labels = Labels::new();
    let columns = layout.fields.iter().map(|field| field.label);
    for label in columns.chain([JOB_TYPE_LABEL]) {
        let value = spec.labels.get(label).map(|own| cell(own));
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            labels.insert(label.into(), value.as_ref().into());
        }
    }
    PodSpec {
        namespace: cell(&spec.namespace).as_ref().into(),
        labels,
        priority: spec.priority,
        gpu: devices(&spec.gpu),
        behaviour: usage,
        ..PodSpec::with_requests(list)
    }
}

/// The devices that a row says: the models are a list.
pub(super) fn devices(gpu: &GpuRequest) -> GpuRequest {
    if gpu.devices == 0 {
        return GpuRequest::default();
    }
    let models = gpu.models.iter().map(|model| cell(model));
    let models = models.collect::<Vec<_>>().join("|");
    let mut models: Vec<Text> = { names_of(&models).into_iter() }
        .map(|name| name.to_string().as_str().into())
        .collect();
    models.sort_unstable();
    models.dedup();
    GpuRequest {
        models,
        ..gpu.clone()
    }
}

/// The models of devices as a list.
pub(super) fn models(gpu: &GpuRequest) -> String {
    let models: Vec<&str> = gpu.models.iter().map(|model| &**model).collect();
    models.join("|")
}

/// Whether a pattern of usage says all by itself, as one of a table has to.
pub(super) fn is_own_pattern(text: &Text) -> bool {
    let pattern = text.parse::<Pattern>();
    pattern.is_ok_and(|pattern| pattern.trace().is_none())
}

/// A text as a cell reads back: of one line, without blanks around it.
pub(super) fn cell(text: &str) -> Cow<'_, str> {
    if is_cell(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.trim().replace(['\n', '\r'], " "))
}

/// A cell as it stands in a table.
pub(super) fn quoted(text: &str) -> String {
    if text.contains([',', '"']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
