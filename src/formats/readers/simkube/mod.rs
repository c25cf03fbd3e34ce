//! Traces of `SimKube`: what changed in a cluster, as `MessagePack` or as JSON of the same map. The
//! replicas of an owner arrive with the change that adds them and end with the one that takes them away;
//! recorded lives of its pods give run times, and the pods of jobs that start by the clock. Format:
//! `traces.md`, section 12.

mod cluster;
mod past;

use crate::readers::prelude::*;
use cluster::Cluster;
use intake::archive::parts;
use intake::budget::read_whole;
use intake::json::{each_element, each_scalar, is_json};
use intake::message_pack::{self, Fault, Part};
use intake::read_error;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "simkube",
    summary: "changes of a cluster as SimKube records them (`.sktrace`: MessagePack or JSON)",
    columns: columns! {
        required("events.ts", "s since 1970"),
        required("events.applied_objs", "objects that are there from then on; their replicas are pods"),
        required("events.deleted_objs", "objects that are away from then on"),
        optional("pod_lifecycles", "by owner: starts and ends of its pods, s since 1970"),
        optional("config", "what was recorded; read, not used"),
        optional("index", "hashes of the objects; read, not used"),
    },
    relations: &[],
    names: &["index", "config"],
    cells,
    options: &[],
    sniff,
    open: Constructor::Workload(open),
};

/// The version of the map that is read.
const VERSION: i64 = 2;

fn sniff(first: &[u8]) -> Confidence {
    let has = |text: &str| memchr::memmem::find(first, text.as_bytes()).is_some();
    let is_json = is_json(first);
    let is_own = if is_json {
        has("\"trackedObjects\"") || has("\"applied_objs\"")
    } else {
        first.get(2..9) == Some(b"version") && has("trackedObjects")
    };
    Confidence::certain_if(is_own)
}

fn cells(
    _format: &FormatEntry,
    input: &Input,
    show: &mut dyn FnMut(&[u8]),
) -> Result<(), TraceError> {
    for part in parts(input)? {
        let bytes = read_whole(&mut *part.open()?);
        show(&bytes.map_err(|error| read_error(&part.name, &error))?);
    }
    Ok(())
}

/// Members of a `MessagePack` whose elements are read one by one.
const OPENED: [&str; 2] = [EVENTS, LIVES];
/// The member with the events.
const EVENTS: &str = "events";
/// The member with the lives of pods.
const LIVES: &str = "pod_lifecycles";

/// The reason why a `MessagePack` is not read on.
enum Stopped {
    Fault(Fault),
    Error(TraceError),
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<TraceError> for Stopped {
    fn from(error: TraceError) -> Self {
        Self::Error(error)
    }
}

/// Takes a `MessagePack` part by part.
fn each_part(
    part: &Input,
    mut take: impl FnMut(Part) -> Result<(), TraceError>,
) -> Result<(), TraceError> {
    let take = |own| take(own).map_err(Stopped::Error);
    match message_pack::each(&mut *part.open()?, &OPENED, take) {
        Ok(()) => Ok(()),
        Err(Stopped::Error(error)) => Err(error),
        Err(Stopped::Fault(Fault::Unread(error))) => Err(read_error(&part.name, &error)),
        Err(Stopped::Fault(Fault::Wrong(at, reason))) => Err(TraceError::Format {
            file: part.name.to_string(),
            reason: format!("byte {at}: {reason}"),
        }),
    }
}

/// Refuses a version that is not read.
fn check_version(part: &Input, version: Option<i64>) -> Result<(), TraceError> {
    if version == Some(VERSION) {
        return Ok(());
    }
    let found = version.map_or("none".to_owned(), |own| own.to_string());
    Err(TraceError::Format {
        file: part.name.to_string(),
        reason: format!(
            "`version` is {found}, and {VERSION} is read; export it again with SimKube 2"
        ),
    })
}

/// Takes the lives and the events of a JSON text one by one.
fn take_json(part: &Input, cluster: &mut Cluster, journal: &mut Journal) -> Result<(), TraceError> {
    let mut version = None;
    each_scalar(part, &[], |key, value| {
        if key == "version" {
            version = value.as_i64();
        }
        Ok(())
    })?;
    check_version(part, version)?;
    each_element(part, &[LIVES], |lives| {
        heed(journal, |_| {
            cluster.add_lives(lives.line, &lives.key, &lives.value)
        })
    })?;
    each_element(part, &[EVENTS], |event| {
        // Its number, where its line does not tell which it is.
        let number = event.place.map(|place| place as u64 + 1);
        heed(journal, |journal| {
            cluster.take(journal, number.unwrap_or(event.line), &event.value)
        })
    })?;
    Ok(())
}

/// Takes the lives and the events of a `MessagePack` one by one.
fn take_packed(
    part: &Input,
    cluster: &mut Cluster,
    journal: &mut Journal,
) -> Result<(), TraceError> {
    // Maps of MessagePack begin so.
    if !matches!(part.first_bytes()?.first(), Some(0x80..=0x8f | 0xde | 0xdf)) {
        return Err(TraceError::Format {
            file: part.name.to_string(),
            reason:
                "is neither JSON nor MessagePack, as SimKube writes its traces; export it again"
                    .to_owned(),
        });
    }
    // Lives may stand behind the events that they are about.
    let mut version = None;
    each_part(part, |own| match own {
        Part::Member(member, value) if member == "version" => {
            version = value.as_i64();
            Ok(())
        }
        Part::Entry(member, owner, lives) if member == LIVES => {
            heed(journal, |_| cluster.add_lives(0, &owner, &lives))
        }
        _ => Ok(()),
    })?;
    check_version(part, version)?;
    each_part(part, |own| match own {
        Part::Element(member, number, event) if member == EVENTS => {
            heed(journal, |journal| cluster.take(journal, number, &event))
        }
        _ => Ok(()),
    })
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    for part in parts(input)? {
        journal.file = part.name.clone();
        let mut cluster = Cluster::default();
        if is_json(&part.first_bytes()?) {
            take_json(&part, &mut cluster, &mut journal)?;
        } else {
            take_packed(&part, &mut cluster, &mut journal)?;
        }
        let mut pods = cluster.finish(&mut journal)?;
        while let Some((line, pod)) = pods.next()? {
            gather.push(journal.origin(line), pod);
        }
    }
    gather.finish(journal)
}

#[cfg(test)]
mod tests;
