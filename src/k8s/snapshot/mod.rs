//! Writing a snapshot of a cluster out of dumps: the objects that placements and controllers look at, each with the
//! fields they look at, one a line in a list of JSON. What is written is what was read: every object
//! passes through the reader in the very form in which it is kept.

use std::io::{self, BufWriter, Write};

use serde_json::Value;

use super::dump::read_into;
use super::json_copy::{JsonCopier, OmittedFields};
use super::json_stream::{self, top_level_text};
use super::object::ObjectSeed;
use super::pod_status;
use super::reader::{Fate, Reader};
use super::scheduler_config::{config_doubts, read_scheduler_config};
use super::similar_pod::{HEADER, Shapes, Split};
use super::source::{Sink, Source, SourceError, Stop, Syntax};
use super::{ManifestFinding, Manifests, fields, kinds, yaml};
use intake::Input;
use intake::TraceError;
use units::SortedMap;

/// The kind of a scheduler's configuration file.
const SCHEDULER_CONFIG: &str = "KubeSchedulerConfiguration";

/// Frame around the objects.
const FRAME: (&[u8], &[u8]) = (
    b"{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n",
    b"\n]}\n",
);

/// Reads dumps and writes their snapshot.
pub struct SnapshotWriter<W: Write> {
    reader: Reader,
    out: BufWriter<W>,
    buffer: Vec<u8>,
    passed_over: OmittedFields,
    kept: SortedMap<String, u64>,
    /// Kinds that are left out on purpose, with the number of their objects.
    unwanted: SortedMap<&'static str, u64>,
    failed: Option<io::Error>,
    any: bool,
    /// Whether pods are written that are like others.
    is_short: bool,
    shapes: Shapes,
}

/// A snapshot and its contents.
pub struct Snapshot<W> {
    /// Declarations of the dumps.
    pub manifests: Manifests,
    /// Number of objects of each kind in the snapshot.
    pub kept: SortedMap<String, u64>,
    /// Number of objects of the kinds that were left out on purpose.
    pub unwanted: SortedMap<&'static str, u64>,
    /// Pods that have ended, which are not.
    pub ended: u64,
    /// Objects that were met more than once.
    pub repeated: u64,
    /// Fields that were not copied.
    pub passed_over: OmittedFields,
    /// Destination of the snapshot.
    pub out: W,
}

impl<W: Write> SnapshotWriter<W> {
    /// Starts a snapshot.
    pub fn new(out: W) -> Self {
        let mut writer = Self {
            reader: Reader::default().with_workloads().tolerant(),
            out: BufWriter::new(out),
            buffer: Vec::new(),
            passed_over: OmittedFields::default(),
            kept: SortedMap::new(),
            unwanted: SortedMap::new(),
            failed: None,
            any: false,
            is_short: false,
            shapes: Shapes::default(),
        };
        writer.put(FRAME.0);
        writer
    }

    /// Writes once what pods have in common. Only this program reads such a snapshot.
    #[must_use]
    pub fn short(mut self) -> Self {
        self.reader = self.reader.with_likeness();
        self.is_short = true;
        self.item(HEADER);
        self
    }

    /// Leaves objects of a kind out.
    #[must_use]
    pub fn without(mut self, kind: &'static str) -> Self {
        self.unwanted.insert(kind, 0);
        self
    }

    /// Reads a dump: JSON or YAML, plain or compressed.
    ///
    /// # Errors
    /// As [`super::read_manifests`] has them; the snapshot is of no use afterwards.
    pub fn read(&mut self, input: &Input) -> Result<(), TraceError> {
        read_into(input, self)
    }

    /// Completes the snapshot.
    ///
    /// # Errors
    /// If it could not be written at any time.
    pub fn finish(mut self) -> io::Result<Snapshot<W>> {
        self.put(FRAME.1);
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        let out = self
            .out
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        let (ended, repeated) = self.reader.left_out();
        let mut manifests = self.reader.finish();
        let unkept = unkept(&self.passed_over);
        manifests.findings.extend(unkept);
        Ok(Snapshot {
            manifests,
            kept: self.kept,
            unwanted: self.unwanted,
            ended,
            repeated,
            passed_over: self.passed_over,
            out,
        })
    }

    fn item(&mut self, object: &[u8]) {
        if std::mem::replace(&mut self.any, true) {
            self.put(b",\n");
        }
        self.put(object);
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.failed.is_none()
            && let Err(error) = self.out.write_all(bytes)
        {
            self.failed = Some(error);
        }
    }

    /// An object that is YAML of a shape of its own, or a list of them, as JSON.
    fn as_json(&mut self, source: Source<'_>) -> Result<(), SourceError> {
        let value: Value = source
            .read(std::marker::PhantomData)
            .map_err(|fault| SourceError(self.reader.describe(&fault.words)))?;
        if value.is_null() {
            return Ok(());
        }
        let has_kind = value.get("kind").is_some_and(Value::is_string);
        if value.is_object() && !has_kind && value.get("items").is_none() {
            return self.reader.object(source, None);
        }
        let text = value.to_string();
        json_stream::read_one(text.as_bytes(), self).map_err(|stop| match stop {
            Stop::Refused(refused) => refused,
            Stop::Read(error) => SourceError(error.to_string()),
        })
    }

    /// The configuration of a scheduler is no object of a cluster; what is wrong with it is reported.
    fn check_config(&mut self, source: Source<'_>) -> Result<(), SourceError> {
        let text = String::from_utf8_lossy(source.text);
        let config = read_scheduler_config(SCHEDULER_CONFIG, &text).map_err(|error| {
            let words = error.to_string();
            let words = words.strip_prefix(SCHEDULER_CONFIG).unwrap_or(&words);
            SourceError(format!(
                "{}, {SCHEDULER_CONFIG}{words}",
                self.reader.place()
            ))
        })?;
        for doubt in config_doubts(&config) {
            self.reader.note_config(&doubt);
        }
        Ok(())
    }

    /// The text in full of a pod that is like another one.
    fn whole(&self, source: &Source<'_>, kind: &str) -> Expansion {
        if kind != "Pod" || !self.reader.is_in_snapshot() {
            return Expansion::No;
        }
        let value: Result<Value, _> = source.read(std::marker::PhantomData);
        match value {
            Ok(value) if self.reader.is_like_repeated(&value) => Expansion::Missing,
            Ok(value) if value.get("like").is_some() => {
                let whole = self.shapes.whole(&value);
                whole.map_or(Expansion::Missing, Expansion::Found)
            }
            // What is wrong with a text is reported where the text is copied.
            _ => Expansion::No,
        }
    }

    /// Refusal of the kept part by the reader, with the place in the file.
    fn refusal(&self, source: Source<'_>, kind: &str, plain: SourceError) -> SourceError {
        let mut probe = Reader::default().with_workloads().tolerant();
        probe.move_to(self.reader.place());
        match probe.object(source, Some(kind)) {
            Err(refused) => refused,
            Ok(()) => plain,
        }
    }
}

/// A pod that is like another one, in full.
enum Expansion {
    /// It is like no other one.
    No,
    Found(String),
    /// There is no such other one that it may be like, or it states fields that it may not.
    Missing,
}

/// Removes unused fields from a pod's text; `None` of a text that is none.
fn shortened_pod(text: &mut Vec<u8>) -> Option<Value> {
    let mut pod: Value = serde_json::from_slice(text).ok()?;
    pod_status::shorten(&mut pod);
    text.clear();
    serde_json::to_writer(text, &pod).ok()?;
    Some(pod)
}

/// Puts its kind into an object.
fn state_kind(object: &mut Vec<u8>, kind: &str) {
    if !object.starts_with(b"{") {
        return;
    }
    let head = format!("{{\"kind\":\"{kind}\"");
    let comma: &[u8] = match object.get(1) {
        Some(b'}') => b"",
        _ => b",",
    };
    object.splice(..1, head.bytes().chain(comma.iter().copied()));
}

/// Findings about fields that the snapshot does not keep although they bear on placements. Of
/// workloads the selectors alone do.
fn unkept(passed_over: &OmittedFields) -> Vec<ManifestFinding> {
    let mut findings = Vec::new();
    for (kind, list) in passed_over.sorted() {
        if kinds::is_workload(kind, None) {
            continue;
        }
        for (path, count) in list {
            findings.extend(fields::unkept(kind, path).map(|stray| ManifestFinding {
                object: kind.to_owned(),
                what: stray.what().to_owned(),
                effect: stray.effect(),
                field: stray.field,
                count: usize::try_from(count).unwrap_or(usize::MAX),
                lacks_queues: false,
            }));
        }
    }
    findings
}

impl<W: Write> Sink for SnapshotWriter<W> {
    fn reader(&mut self) -> &mut Reader {
        &mut self.reader
    }

    fn object(&mut self, source: Source<'_>, kind: Option<&str>) -> Result<(), SourceError> {
        let own = match source.syntax {
            Syntax::Json => top_level_text(source.text, "kind"),
            Syntax::Yaml => std::str::from_utf8(source.text)
                .ok()
                .and_then(|text| yaml::top_level_text(text, "kind"))
                .map(str::to_owned),
        };
        let is_list = own.as_deref().is_some_and(|own| own.ends_with("List"));
        if source.syntax == Syntax::Yaml && (is_list || (own.is_none() && kind.is_none())) {
            return self.as_json(source);
        }
        let states_kind = own.is_some();
        let Some(kind) = own.or_else(|| kind.map(str::to_owned)) else {
            return self.reader.object(source, None);
        };
        if let Some(count) = self.unwanted.get_mut(&*kind) {
            *count += 1;
            return Ok(());
        }
        if kind == SCHEDULER_CONFIG {
            self.check_config(source)?;
        }
        let Some(keep) = fields::kept_of(&kind) else {
            return self.reader.object(source, Some(&kind));
        };
        let whole = self.whole(&source, &kind);
        let source = match &whole {
            Expansion::No => source,
            Expansion::Found(text) => Source::json(text.as_bytes(), source.lines_before, 0),
            Expansion::Missing => return self.reader.object(source, Some(&kind)),
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let copied = {
            let mut keeper = JsonCopier::new(&mut buffer, &kind, &mut self.passed_over);
            source.read(keeper.seed(keep))
        };
        if let Err(fault) = copied {
            let plain = SourceError(self.reader.describe(&fault.words));
            return Err(self.refusal(source, &kind, plain));
        }
        if !states_kind {
            state_kind(&mut buffer, &kind);
        }
        let splits = self.is_short || self.reader.is_in_snapshot();
        let pod = (kind == "Pod")
            .then(|| shortened_pod(&mut buffer))
            .flatten();
        let pod = pod.filter(|_| splits).and_then(Split::of);
        let short = pod.as_ref().filter(|_| self.is_short);
        let short = short.and_then(|pod| self.shapes.shortened(pod));
        let seed = ObjectSeed::of_kind(&mut self.reader, Some(&kind));
        let text = short.as_deref().map_or(&*buffer, str::as_bytes);
        let read = serde::de::DeserializeSeed::deserialize(
            seed,
            &mut serde_json::Deserializer::from_slice(text),
        );
        if let Err(error) = read {
            let plain = SourceError(self.reader.describe(&error.to_string()));
            return Err(self.refusal(source, &kind, plain));
        }
        if self.reader.fate() == Fate::Taken {
            self.item(short.as_deref().map_or(&buffer, str::as_bytes));
            if let Some(pod) = pod {
                self.shapes.add(pod);
            }
            *self.kept.entry(kind).or_default() += 1;
        }
        self.buffer = buffer;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
