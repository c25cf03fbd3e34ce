//! Traces written again in a format of this project. A writer states what its readers make of each record; what
//! differs from the record that went in is counted by field, in one place for all formats.

use std::io::{self, Write};

use thiserror::Error;

use super::lost::{Fate, LostField, of_arrival, of_spec};
use super::{Record, RecordWriter, Settings, Writer};
use crate::prelude::*;
use arrivals::class_cache::ByClass;
use units::SortedMap;

/// A count of what was written and of what the format can't say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Converted {
    /// The number of rows written.
    pub rows: u64,
    /// The number of arrivals or nodes of which something is lost.
    pub reduced: u64,
    /// The number of rows that no reader of the format takes, because it demands what the source doesn't say.
    pub unreadable: u64,
    /// The fields of which something is lost, the most frequent first.
    pub lost: Vec<Lost>,
}

/// The fields that no run reads.
const UNREAD: [&str; 5] = [HEADER, "queue", "group", "executable", "outcome"];

/// The field of a log's header.
const HEADER: &str = "lines of the header";

impl Converted {
    /// Whether a run of what was written may differ from one of the trace that was read, as it lacks something.
    pub fn may_change_runs(&self) -> bool {
        self.unreadable > 0 || self.lost.iter().any(|own| !UNREAD.contains(&&*own.field))
    }
}

/// A field that is lost in what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The field.
    pub field: Text,
    /// The fate of it.
    pub fate: Fate,
    /// The number of arrivals or nodes that lose it; of a header, that of its entries.
    pub count: u64,
}

/// An error while a trace is converted.
#[derive(Debug, Error)]
pub enum ConvertError {
    /// The trace can't be read on.
    #[error(transparent)]
    Read(#[from] TraceError),
    /// The output can't be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// What is lost, counted by field.
#[derive(Default)]
pub(super) struct Tally {
    fields: SortedMap<LostField, u64>,
    /// The number of records of which something is lost.
    pub(super) reduced: u64,
}

impl Tally {
    /// Counts a record that loses these fields.
    pub(super) fn record<'f>(&mut self, lost: impl IntoIterator<Item = &'f LostField>) {
        let mut is_reduced = false;
        for field in lost {
            is_reduced = true;
            self.add(field, 1);
        }
        self.reduced += u64::from(is_reduced);
    }

    /// Counts so many losses of a field.
    pub(super) fn add(&mut self, field: &LostField, count: u64) {
        if count == 0 {
            return;
        }
        match self.fields.get_mut(field) {
            Some(known) => *known += count,
            None => {
                self.fields.insert(field.clone(), count);
            }
        }
    }

    /// The fields, the most frequent first.
    pub(super) fn lost(&self) -> Vec<Lost> {
        let lost = |(own, &count): (&LostField, &u64)| Lost {
            field: own.field.clone(),
            fate: own.fate,
            count,
        };
        let mut all: Vec<Lost> = self.fields.iter().map(lost).collect();
        all.sort_by_key(|lost| std::cmp::Reverse(lost.count));
        all
    }
}

impl Writer {
    /// Writes the arrivals of a source, with the usage of their classes or without it.
    ///
    /// # Errors
    /// The source can't be read on, or the output can't be written.
    pub fn write(
        &self,
        source: &mut dyn ArrivalSource,
        with_usage: bool,
        out: &mut dyn Write,
    ) -> Result<Converted, ConvertError> {
        let settings = Settings {
            with_usage,
            has_links: source.may_wait(),
            has_gangs: source.has_gangs(),
            columns: source.class_columns(),
            header: source.header().clone(),
        };
        let mut file = Written {
            writer: (self.begin)(&settings, out)?,
            classes: ByClass::default(),
            met: 0,
            converted: Converted::default(),
            tally: Tally::default(),
        };
        while let Some(arrival) = source.next()? {
            file.take(&arrival, source)?;
        }
        let Written {
            writer,
            mut converted,
            mut tally,
            ..
        } = file;
        let said = writer.entries();
        let unsaid = settings.header.entries.len() as u64 - said + settings.header.left_out;
        let header = LostField {
            field: HEADER.into(),
            fate: Fate::LeftOut,
        };
        tally.add(&header, unsaid);
        writer.finish()?;
        converted.reduced = tally.reduced;
        converted.lost = tally.lost();
        Ok(converted)
    }
}

/// A file that is being written.
struct Written<'out> {
    writer: Box<dyn RecordWriter + 'out>,
    /// The fields that each class loses.
    classes: ByClass<Vec<LostField>>,
    /// The number of classes that the writer took.
    met: usize,
    converted: Converted,
    tally: Tally,
}

impl Written<'_> {
    fn take(&mut self, arrival: &Arrival, source: &dyn ArrivalSource) -> Result<(), ConvertError> {
        for spec in source.classes().since(self.met) {
            self.take_class(self.met as u32, &*spec?);
            self.met += 1;
        }
        if self.classes.get(arrival.class).is_none() {
            let spec = source.classes().get(arrival.class)?;
            self.take_class(arrival.class, &spec);
        }
        let tenant = tenant_name(arrival, source);
        let reading = self.writer.write(&Record {
            arrival,
            tenant: &tenant,
            number: self.converted.rows,
        })?;
        self.converted.rows += reading.rows;
        if reading.is_unreadable {
            self.converted.unreadable += reading.rows;
        }
        let mut lost = match &reading.arrival {
            Some(read) => of_arrival(arrival, read),
            None => Vec::new(),
        };
        if let Some(read) = reading.tenant.filter(|read| *read != tenant) {
            lost.push(LostField {
                field: "tenant".into(),
                fate: if read.is_empty() {
                    Fate::LeftOut
                } else {
                    Fate::Changed
                },
            });
        }
        if let Some(read) = &reading.spec {
            let spec = source.classes().get(arrival.class)?;
            lost.extend(of_spec(&spec, read));
            self.tally.record(&lost);
        } else {
            let of_class = self.classes.get(arrival.class).into_iter().flatten();
            self.tally.record(lost.iter().chain(of_class));
        }
        Ok(())
    }

    fn take_class(&mut self, class: u32, spec: &PodSpec) {
        let read = self.writer.class(class, spec);
        self.classes.put(class, of_spec(spec, &read));
    }
}

/// The name of an arrival's tenant; its number where the source has no names.
pub(crate) fn tenant_name(arrival: &Arrival, source: &dyn ArrivalSource) -> Text {
    let tenant = source.tenants().get(arrival.tenant as usize);
    tenant.map_or_else(|| arrival.tenant.to_string().into(), Text::clone)
}

/// The gang that an arrival is a member of; empty if it is of none. It begins as names of tasks do.
pub(crate) fn gang_name(arrival: &Arrival) -> String {
    match (arrival.gang(), arrival.part) {
        (None, _) => String::new(),
        (Some(gang), 0) => gang.to_string(),
        (Some(gang), part) => format!("{part}/{gang}"),
    }
}

/// The tasks that an arrival waits for, joined by `|`, and the task that it is a part of. Names of several
/// merged workloads begin with the number of theirs.
pub(crate) fn task_names(arrival: &Arrival) -> (String, String) {
    let name = |name: &PodName| match arrival.part {
        0 => name.to_string(),
        part => format!("{part}/{name}"),
    };
    let links = arrival.links.as_deref();
    let part_of = match links.and_then(|own| own.part_of.as_ref()) {
        None if arrival.part == 0 => String::new(),
        _ => name(arrival.task()),
    };
    let after: Vec<String> = arrival.after().iter().map(name).collect();
    (after.join("|"), part_of)
}
