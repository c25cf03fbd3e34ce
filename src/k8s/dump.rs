//! Files of manifests, one or many, read as one: what `kubectl get -o json` and `-o yaml` print, in
//! one file or several, and the files of `kubectl cluster-info dump`. Objects are read one at a
//! time, whatever the size of a file.

use std::fmt::Write as _;
use std::io::BufRead;

use super::json_stream;
use super::reader::Reader;
use super::source::{CUT_OFF, Sink, Source, SourceError, Stop};
use super::{AdmissionClasses, ContainerNames, Manifests, Updates, api_error, yaml, yaml_stream};
use intake::Input;
use intake::TraceError;
use intake::read_error;
use units::plural;

/// Number of bytes that tell JSON from YAML.
const LOOKED_AT: usize = 4096;

/// Maximum number of faults reported per file; others are counted.
const FAULTS_TOLD: usize = 20;

/// Reads files of manifests one after the other.
#[derive(Default)]
pub struct ManifestReader {
    reader: Reader,
}

impl ManifestReader {
    /// Nothing is read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing is read yet; objects may name these classes and claims of other files, too.
    pub fn with_classes(admission: AdmissionClasses) -> Self {
        Self {
            reader: Reader::with_classes(admission),
        }
    }

    /// Leaves objects of kinds out, of which [`super::kind_named`] gives the names.
    #[must_use]
    pub fn without(self, kinds: &[&'static str]) -> Self {
        Self {
            reader: self.reader.without(kinds),
        }
    }

    /// Takes other names of containers than those of Kubernetes.
    #[must_use]
    pub fn with_names(self, names: ContainerNames) -> Self {
        Self {
            reader: self.reader.with_names(names),
        }
    }

    /// Takes the updates of Deployments for something else than Kubernetes does.
    #[must_use]
    pub fn with_updates(self, updates: Updates) -> Self {
        Self {
            reader: self.reader.with_updates(updates),
        }
    }

    /// Reads limit ranges and quotas, too, which every reading of workloads does.
    #[must_use]
    pub fn with_bounds(self) -> Self {
        Self {
            reader: self.reader.with_bounds(),
        }
    }

    /// Reads workloads, too.
    #[must_use]
    pub fn with_workloads(self) -> Self {
        Self {
            reader: self.reader.with_workloads(),
        }
    }

    /// Keeps the template of each workload's pods as it is written, beside what decisions look at.
    #[must_use]
    pub fn with_templates(self) -> Self {
        Self {
            reader: self.reader.with_templates(),
        }
    }

    /// Reads workloads, and what schedulers look at of them, too.
    #[must_use]
    pub fn with_everything(self) -> Self {
        Self {
            reader: self.reader.with_workloads().with_objects().tolerant(),
        }
    }

    /// Reads a file: JSON or YAML, plain or compressed.
    ///
    /// # Errors
    /// As [`super::read_manifests`] has them; the reader is of no use afterwards.
    pub fn read(&mut self, input: &Input) -> Result<(), TraceError> {
        read_into(input, &mut self.reader)
    }

    /// Returns the declarations of all files.
    pub fn finish(self) -> Manifests {
        self.reader.finish()
    }
}

/// Reads the joint declarations of several files.
///
/// # Errors
/// As [`super::read_manifests`] has them.
pub fn read_inputs(inputs: &[Input]) -> Result<Manifests, TraceError> {
    let mut reader = ManifestReader::new();
    for input in inputs {
        reader.read(input)?;
    }
    Ok(reader.finish())
}

/// Hands the objects of a file to a sink.
pub(super) fn read_into(input: &Input, sink: &mut dyn Sink) -> Result<(), TraceError> {
    sink.reader().begin_file(&input.name);
    let mut text = input.open()?;
    let looked = text
        .fill_buf()
        .map_err(|error| read_error(&input.name, &error))?;
    let looked = &looked[..looked.len().min(LOOKED_AT)];
    let mut sink = FaultCollector {
        sink,
        faults: Vec::new(),
        untold: 0,
    };
    let outcome = if let Some(words) = api_error::in_text(looked) {
        Err(Stop::Refused(SourceError(format!("line 1: {words}"))))
    } else if is_json(&input.name, looked) {
        json_stream::read(&mut *text, &mut sink)
    } else {
        yaml_stream::read(&mut *text, &mut sink)
    };
    match outcome {
        Ok(()) => {}
        Err(Stop::Read(error)) => return Err(read_error(&input.name, &error)),
        Err(Stop::Refused(refused)) => sink.note(refused),
    }
    sink.finish(&input.name)
}

/// Hands objects on and notes the faults of those that are refused, so that a file's faults are
/// told together.
struct FaultCollector<'s> {
    sink: &'s mut dyn Sink,
    faults: Vec<String>,
    /// Number of further faults.
    untold: u64,
}

impl FaultCollector<'_> {
    fn note(&mut self, refused: SourceError) {
        if self.faults.len() < FAULTS_TOLD {
            self.faults.push(refused.0);
        } else {
            self.untold += 1;
        }
    }

    fn finish(self, file: &str) -> Result<(), TraceError> {
        let Some((first, others)) = self.faults.split_first() else {
            return Ok(());
        };
        let mut reason = first.clone();
        for other in others {
            let _ = write!(reason, "\n{file}: {other}");
        }
        if self.untold > 0 {
            let more = plural::count(self.untold, "more fault");
            let _ = write!(reason, "\n{file}: and {more}");
        }
        Err(TraceError::Format {
            file: file.to_owned(),
            reason,
        })
    }
}

impl Sink for FaultCollector<'_> {
    fn reader(&mut self) -> &mut Reader {
        self.sink.reader()
    }

    fn object(&mut self, source: Source<'_>, kind: Option<&str>) -> Result<(), SourceError> {
        if let Some(words) = api_error::in_object(&source) {
            let place = self.sink.reader().place();
            self.note(SourceError(format!("{place}: {words}")));
            return Ok(());
        }
        let depth = self.sink.reader().depth();
        match self.sink.object(source, kind) {
            // Nothing follows in a file that is cut off.
            Err(refused) if !refused.0.contains(CUT_OFF) => {
                self.note(refused);
                self.sink.reader().recover(depth);
                Ok(())
            }
            outcome => outcome,
        }
    }
}

/// Whether a text that begins so is JSON: in a file named as YAML, only if it begins as `kubectl`
/// writes JSON, since YAML has braces too.
fn is_json(name: &str, beginning: &[u8]) -> bool {
    let mut tokens = beginning.iter().filter(|byte| !byte.is_ascii_whitespace());
    let first = tokens.next();
    let second = tokens.next();
    match first {
        Some(b'{' | b'[') if yaml::is_yaml_name(name) => second == Some(&b'"'),
        Some(b'{' | b'[' | b'=') => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::read_manifests;
    use super::*;

    fn read(name: &str, text: &str) -> Result<Manifests, String> {
        let input = Input::bytes(name, text.as_bytes());
        read_inputs(&[input]).map_err(|error| error.to_string())
    }

    const NODE: &str = r#"{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n-7"},
        "status": {"allocatable": {"cpu": "4", "pods": "10"}}}"#;
    const POD: &str = r#"{"kind": "Pod", "metadata": {"name": "NAME", "labels": {"a": "b"},
        "annotations": {"brackets": "{]ü\\\"["}}, "spec": {"containers": [{"name": "c"}],
        "nodeName": "n-7"}}"#;

    fn pod(name: &str) -> String {
        POD.replace("NAME", name)
    }

    /// Every shape that lists come in gives the same nodes and pods.
    #[test]
    fn documents_of_json_between_marks() {
        let text = format!("{NODE}\n---\n{}\n---\n", POD.replace("NAME", "p-0"));
        let read = read("both.yaml", &text).expect("manifests");
        assert_eq!((read.nodes.len(), read.pods.len()), (1, 1));
    }

    #[test]
    fn shapes_of_lists_make_no_difference() {
        let (a, b) = (pod("a"), pod("b"));
        let bare = |pod: &str| pod.replace(r#""kind": "Pod", "#, "");
        let (bare_a, bare_b) = (bare(&a), bare(&b));
        let plain =
            format!(r#"{{"kind": "List", "apiVersion": "v1", "items": [{NODE}, {a},{b}]}}"#);
        let expected = read("a.json", &plain).expect("a good list");
        assert_eq!((expected.nodes.len(), expected.pods.len()), (1, 2));
        for text in [
            format!(
                r#"{{"apiVersion": "v1", "items": [{NODE}, {a}, {b}], "kind": "List", "metadata": {{"x": "]"}}}}"#
            ),
            format!("[{NODE}, null, [{a}], {b}]"),
            format!("{NODE}{a}\n{b}\n"),
            format!(r#"{{"items": [{NODE}, {{"kind": "List", "items": [{a}]}}, {b}]}}"#),
            format!(r#"{NODE} {{"kind": "PodList", "metadata": {{}}, "items": [{bare_a}, {b}]}}"#),
            format!(
                r#"{NODE} {{"items": [{bare_a}, {bare_b}], "metadata": {{}}, "kind": "PodList"}}"#
            ),
            format!(
                "{NODE}\n==== START logs for container c of pod x/a ====\n{{ not JSON\n==== END logs for container c of pod x/a ====\n{a}{b}"
            ),
        ] {
            let found = read("a.json", &text).expect(&text);
            assert_eq!(found.nodes, expected.nodes, "{text}");
            assert_eq!(found.pods, expected.pods, "{text}");
        }
        // The same over several files.
        let files = [NODE, &a, &b].map(|text| Input::bytes("part.json", text.as_bytes()));
        let found = read_inputs(&files).expect("good files");
        assert_eq!(
            (&found.nodes, &found.pods),
            (&expected.nodes, &expected.pods)
        );
    }

    /// Wherever a text is cut, it is read to the same end as by a parser that sees all of it: both
    /// refuse it, or both take it.
    #[test]
    fn a_text_that_is_cut_off_is_refused_by_name() {
        let text = format!(r#"{{"kind": "List", "items": [{NODE}, {}]}}"#, pod("a"));
        for length in (1..text.len()).filter(|&length| text.is_char_boundary(length)) {
            let cut = &text[..length];
            let by_parts = read("a.json", cut).expect_err(cut);
            assert!(read_manifests("a.json", cut).is_err(), "{cut}");
            assert!(by_parts.contains("cut off"), "{cut}: {by_parts}");
        }
        let message = read("a.json", &text[..text.len() - 30]).expect_err("cut off");
        let expected = "a.json: document 1, items[1], Pod `a`: the file is cut off (";
        assert!(message.starts_with(expected), "{message}");
    }
}
