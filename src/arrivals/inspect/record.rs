//! A record of a trace by its name: what it says, and the file and line that say so.

use std::sync::Arc;

use serde_json::Value;

use crate::format::{Constructor, FormatEntry};
use crate::read_options::ReadOptions;
use crate::stream::{Arrival, ArrivalSource};
use intake::archive::parts;
use intake::parquet::is_parquet;
use intake::{Input, TraceError};
use model::{PodName, PodSpec, Text};

/// Most records of one name that are shown.
pub const RECORDS_MAX: usize = 20;

/// Most characters of a line that are shown.
const SHOWN: usize = 400;

/// A record of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The arrival that it became.
    pub arrival: Arrival,
    /// The spec of its pods.
    pub spec: Arc<PodSpec>,
    /// The tenant's name; empty if the trace names none.
    pub tenant: Text,
    /// The file, as the user named it.
    pub file: Arc<str>,
    /// The line, row or element, counted from 1; 0 if it is not known.
    pub line: u64,
    /// The line itself, of a file of text.
    pub text: Option<String>,
}

impl Record {
    /// The place of the record: the file, and the line if it is known.
    pub fn place(&self) -> String {
        match self.line {
            0 => self.file.to_string(),
            line => format!("{}:{line}", self.file),
        }
    }
}

/// Records of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// The first ones, in order of submission.
    pub found: Vec<Record>,
    /// Number of all.
    pub count: u64,
}

/// Finds the records of a name in a trace of arrivals. A pod of a gang counts as the record of its gang.
///
/// # Errors
/// The trace can't be read, or it has nodes.
pub fn records(
    input: &Input,
    entry: &FormatEntry,
    options: &ReadOptions,
    name: &str,
) -> Result<Records, TraceError> {
    let Constructor::Workload(open) = entry.open else {
        return Err(TraceError::Format {
            file: input.name.to_string(),
            reason: format!(
                "holds nodes ({}); records that are found by name are jobs and pods",
                entry.name
            ),
        });
    };
    let mut source = open(input, options)?;
    let mut records = found(&mut *source, &input.name, name)?;
    for record in &mut records.found {
        record.text = line_of(input, record)?;
    }
    Ok(records)
}

/// The records of a name in a source, without their texts.
pub fn found(
    source: &mut dyn ArrivalSource,
    file: &Arc<str>,
    name: &str,
) -> Result<Records, TraceError> {
    let mut records = Records::default();
    while let Some(arrival) = source.next()? {
        if !has_name(&arrival, name) {
            continue;
        }
        records.count += 1;
        if records.found.len() < RECORDS_MAX {
            let origin = arrival.origin;
            let own = source.files().get(usize::from(origin.file));
            let tenant = source.tenants().get(arrival.tenant as usize);
            records.found.push(Record {
                file: own.unwrap_or(file).clone(),
                line: origin.line.into(),
                spec: source.classes().get(arrival.class)?,
                tenant: tenant.cloned().unwrap_or_default(),
                arrival,
                text: None,
            });
        }
    }
    Ok(records)
}

fn has_name(arrival: &Arrival, name: &str) -> bool {
    match &arrival.name {
        PodName::Text(text) => is_own(name.strip_prefix(&**text), arrival),
        PodName::Job(number) if name.parse() == Ok(*number) => true,
        own => is_own(name.strip_prefix(&*own.to_string()), arrival),
    }
}

/// Whether what follows an arrival's name is nothing, or the number of a member of a gang.
fn is_own(rest: Option<&str>, arrival: &Arrival) -> bool {
    let member = |rest: &str| rest.strip_prefix('-')?.parse::<u32>().ok();
    rest.is_some_and(|rest| {
        rest.is_empty()
            || arrival.members > 1 && member(rest).is_some_and(|own| own < arrival.members)
    })
}

/// The line of a record; `None` of a file that is no text, or can be read only once.
fn line_of(input: &Input, record: &Record) -> Result<Option<String>, TraceError> {
    if record.line == 0 || input.stored_bytes()? == 0 {
        return Ok(None);
    }
    let own = { parts(input)?.into_iter() }.find(|part| part.name == record.file);
    let Some(part) = own else {
        return Ok(None);
    };
    let first = part.first_bytes()?;
    if is_parquet(&first) {
        return Ok(None);
    }
    let mut text = String::new();
    let mut lines = part.lines()?;
    while let Some((number, line)) = lines.next_line()? {
        if number < record.line {
            continue;
        }
        let Ok(line) = str::from_utf8(line) else {
            return Ok(None);
        };
        if number == record.line && !begins_object(line) {
            let is_list = line.trim_start().starts_with("[{");
            return Ok((!is_list).then(|| line.chars().take(SHOWN).collect()));
        }
        // An element of a list may have several lines.
        text.push_str(if text.is_empty() { "" } else { " " });
        text.push_str(line.trim());
        match object_of(&text) {
            Object::Open if text.len() < SHOWN => {}
            Object::Alone | Object::Open => {
                return Ok(Some(
                    text.trim_end_matches(',').chars().take(SHOWN).collect(),
                ));
            }
            Object::OfSeveral => return Ok(None),
        }
    }
    Ok(None)
}

/// Whether a line begins as an object of JSON does.
fn begins_object(line: &str) -> bool {
    let inner = line.trim_start().strip_prefix('{').map(str::trim_start);
    inner.is_some_and(|inner| inner.is_empty() || inner.starts_with(['"', '}']))
}

/// Whether an object has a list of others, as the answer of an interface has that stands in one line.
fn holds_records(object: &Value) -> bool {
    let is_list = |own: &Value| own.get(0).is_some_and(Value::is_object);
    let members = |own: &Value| own.as_object().cloned().unwrap_or_default();
    let mut all = members(object).into_iter();
    all.any(|(_, own)| is_list(&own) || members(&own).values().any(is_list))
}

/// The object of JSON at the beginning of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Object {
    /// It goes on behind the text.
    Open,
    /// The text is the object.
    Alone,
    /// The text goes on with others, or is none of JSON: which is meant is not known.
    OfSeveral,
}

fn object_of(text: &str) -> Object {
    let mut texts = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    match texts.next() {
        Some(Ok(object)) => {
            let rest = text[texts.byte_offset()..].trim_matches([' ', ',', ']', '}']);
            if rest.is_empty() && !holds_records(&object) {
                Object::Alone
            } else {
                Object::OfSeveral
            }
        }
        Some(Err(error)) if error.is_eof() => Object::Open,
        _ => Object::OfSeveral,
    }
}
