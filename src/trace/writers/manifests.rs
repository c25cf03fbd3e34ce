//! Manifests of Kubernetes: a pod for each member of an arrival. The annotation `windtunnel/at` is the
//! time of its submission, and `windtunnel.dev/run-time` that of its run. GPUs are annotations of the simulator of the
//! openb traces, which say shares and models as well, and whole ones also limits of `nvidia.com/gpu`, as a cluster
//! reads them. Names and namespaces are those that Kubernetes takes, and no two pods of a namespace share one.

use std::io::{self, Write};
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::table::{devices, is_own_pattern, models};
use super::{Reading, Record, RecordWriter, Settings, Writer, not_taken};
use crate::by_class::ByClass;
use crate::spill::{Places, key_of};
use crate::stream::Arrival;
use model::gpu::DEVICE_MILLI;
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY};
use model::{Behaviour, GpuRequest, Labels, PodName, PodSpec, ResourceList, Text};
use units::{Instant, Quantity};

/// The registry's entry.
pub(super) const ENTRY: Writer = Writer {
    name: "manifests",
    summary: "manifests of Kubernetes, a pod for each member",
    has_usage: true,
    has_resizes: false,
    begin: |settings, out| Ok(Box::new(Manifests::begin(settings, out))),
};

/// The resource by which clusters hand out GPUs.
const GPU: &str = "nvidia.com/gpu";

/// Manifests that are being written.
struct Manifests<'out> {
    out: &'out mut dyn Write,
    with_usage: bool,
    classes: ByClass<Class>,
    namespaces: Namespaces,
    is_first: bool,
}

impl<'out> Manifests<'out> {
    fn begin(settings: &Settings, out: &'out mut dyn Write) -> Self {
        Self {
            out,
            with_usage: settings.with_usage,
            classes: ByClass::default(),
            namespaces: Namespaces::default(),
            is_first: true,
        }
    }
}

impl RecordWriter for Manifests<'_> {
    fn class(&mut self, number: u32, spec: &PodSpec) -> PodSpec {
        let place = self.namespaces.place(&spec.namespace);
        let label = &self.namespaces.labels[place];
        let said = said(spec, label, self.with_usage);
        self.classes.put(number, Class::of(&said, place, label));
        said
    }

    fn write(&mut self, record: &Record<'_>) -> io::Result<Reading> {
        let Record {
            arrival, number, ..
        } = *record;
        let class = self.classes.get(arrival.class).ok_or_else(not_taken)?;
        let plain = dns_name(&arrival.name, number);
        let mut first = None;
        for member in 0..arrival.members {
            if !std::mem::replace(&mut self.is_first, false) {
                writeln!(self.out, "---")?;
            }
            let name = if arrival.members == 1 {
                plain.clone()
            } else {
                format!("{plain}-{member}")
            };
            let name = self.namespaces.free_name(class.namespace_place, name)?;
            write_pod(arrival, &scalar(&name), class, self.out)?;
            first.get_or_insert(name);
        }
        let name = match first {
            Some(name) if arrival.members == 1 => name,
            _ => plain,
        };
        Ok(Reading {
            rows: u64::from(arrival.members),
            arrival: Some(Arrival {
                name: PodName::Text(name.into()),
                members: 1,
                time_limit: None,
                historic_start: None,
                links: None,
                ..arrival.clone()
            }),
            tenant: Some(Text::default()),
            ..Reading::default()
        })
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

/// The part of a spec that a manifest says, in a namespace.
fn said(spec: &PodSpec, namespace: &str, with_usage: bool) -> PodSpec {
    let all = spec.requests().unwrap_or_default();
    let mut requests = ResourceList::default();
    for resource in [CPU, MEMORY, EPHEMERAL_STORAGE] {
        if all.get(resource) > Quantity::ZERO {
            requests.set(resource, all.get(resource));
        }
    }
    let behaviour = spec.behaviour.as_deref().filter(|_| with_usage);
    let behaviour = behaviour.map(|own| Behaviour {
        cpu_usage: own.cpu_usage.clone().filter(is_own_pattern),
        memory_usage: own.memory_usage.clone().filter(is_own_pattern),
        ..Behaviour::default()
    });
    let mut labels = Labels::new();
    for (key, value) in &spec.labels {
        if is_label_key(key) && is_label_value(value) {
            labels.insert(key.clone(), value.clone());
        }
    }
    PodSpec {
        namespace: namespace.into(),
        labels,
        priority: spec.priority,
        preempts: spec.preempts,
        gpu: devices(&spec.gpu),
        behaviour: behaviour
            .filter(|own| *own != Behaviour::default())
            .map(Arc::new),
        ..PodSpec::with_requests(requests)
    }
}

/// Whether Kubernetes takes a text as the value of a label.
fn is_label_value(value: &str) -> bool {
    let is_end = |own: Option<&u8>| own.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = value.as_bytes();
    let is_inner = |own: &u8| own.is_ascii_alphanumeric() || b"-_.".contains(own);
    bytes.len() <= 63 && is_end(bytes.first()) && is_end(bytes.last()) && bytes.iter().all(is_inner)
}

/// Whether Kubernetes takes a text as the key of a label.
fn is_label_key(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let is_domain = |prefix: &str| !prefix.is_empty() && is_dns_name(prefix);
    !name.is_empty() && is_label_value(name) && prefix.is_none_or(is_domain)
}

/// The namespaces of a workload, with what has been named in them.
#[derive(Default)]
struct Namespaces {
    /// The places of the source's namespaces.
    known: IndexMap<Text, usize, FxBuildHasher>,
    /// Their names in Kubernetes; that of none is empty.
    labels: IndexSet<String, FxBuildHasher>,
    /// The last number behind each name of a pod, by the hash of the place of the namespace and the name.
    names: Places,
}

impl Namespaces {
    /// The place of a namespace, which becomes a label of DNS of its own.
    fn place(&mut self, namespace: &Text) -> usize {
        if let Some(&place) = self.known.get(namespace) {
            return place;
        }
        let mut label = dns_label(namespace);
        for number in 2_u64.. {
            if !self.labels.contains(&label) {
                break;
            }
            label = format!("{}-{number}", dns_label(namespace));
        }
        let (place, _) = self.labels.insert_full(label);
        self.known.insert(namespace.clone(), place);
        place
    }

    /// A name in a namespace, with a number behind it if it is taken.
    fn free_name(&mut self, place: usize, name: String) -> io::Result<String> {
        let key = key(place, &name);
        let Some(mut last) = self.names.get(key).map_err(io::Error::other)? else {
            self.names.put(key, 1).map_err(io::Error::other)?;
            return Ok(name);
        };
        loop {
            last += 1;
            let free = format!("{name}-{last}");
            let other = self::key(place, &free);
            let known = self.names.get(other).map_err(io::Error::other)?;
            if known.is_none() {
                let put = self.names.put(other, 1);
                let put = put.and_then(|()| self.names.put(key, last));
                put.map_err(io::Error::other)?;
                return Ok(free);
            }
        }
    }
}

/// The key of a name in a namespace.
fn key(place: usize, name: &str) -> [u64; 2] {
    let mut all: SmallVec<[u8; 128]> = SmallVec::new();
    all.extend_from_slice(&(place as u64).to_le_bytes());
    all.extend_from_slice(name.as_bytes());
    key_of(&all)
}

/// Parts of a manifest that are the same for all pods of a class.
struct Class {
    /// The place of the namespace.
    namespace_place: usize,
    /// Lines of the namespace and of labels, if there are any.
    metadata: String,
    /// Annotations after the times.
    annotations: String,
    /// Lines of the spec before the containers.
    head: String,
    resources: String,
}

impl Class {
    /// The parts of a spec that is said whole.
    fn of(said: &PodSpec, place: usize, namespace: &str) -> Self {
        let all = said.requests().unwrap_or_default();
        let requests = all.iter().filter(|(_, amount)| *amount > Quantity::ZERO);
        let requests = requests.map(|(name, amount)| {
            let amount = quoted(&amount.to_string());
            format!("{name}: {amount}")
        });
        let requests: Vec<String> = requests.collect();
        let gpu = &said.gpu;
        let limits = match (gpu.devices, gpu.milli_per_device) {
            (1.., DEVICE_MILLI) => format!(", limits: {{{GPU}: {}}}", gpu.devices),
            _ => String::new(),
        };
        let resources = format!("requests: {{{}}}{limits}", requests.join(", "));
        let behaviour = said.behaviour.as_deref();
        let patterns = [
            (
                "cpu-usage",
                behaviour.and_then(|own| own.cpu_usage.as_ref()),
            ),
            (
                "memory-usage",
                behaviour.and_then(|own| own.memory_usage.as_ref()),
            ),
        ];
        let patterns = patterns.iter().filter_map(|(key, pattern)| {
            let pattern = quoted(pattern.as_ref()?);
            Some(format!(", windtunnel.dev/{key}: {pattern}"))
        });
        let mut annotations: String = patterns.collect();
        annotations.push_str(&gpu_annotations(gpu));
        let mut head = String::new();
        if said.priority != 0 {
            head = format!("  priority: {}\n", said.priority);
        }
        if !said.preempts {
            head.push_str("  preemptionPolicy: Never\n");
        }
        let labels = said.labels.iter();
        let labels = labels.map(|(key, value)| format!("{}: {}", quoted(key), quoted(value)));
        let labels: Vec<String> = labels.collect();
        let namespace = match namespace {
            "" => String::new(),
            own => format!("  namespace: {}\n", quoted(own)),
        };
        let labels = match labels.join(", ") {
            none if none.is_empty() => none,
            all => format!("  labels: {{{all}}}\n"),
        };
        Self {
            namespace_place: place,
            metadata: namespace + &labels,
            annotations,
            head,
            resources,
        }
    }
}

/// The annotations of GPUs, in the notation of the simulator of the openb traces.
fn gpu_annotations(gpu: &GpuRequest) -> String {
    if gpu.devices == 0 {
        return String::new();
    }
    let model = match &*models(gpu) {
        "" => String::new(),
        models => format!(", alibabacloud.com/gpu-card-model: {}", quoted(models)),
    };
    format!(
        ", alibabacloud.com/gpu-count: \"{}\", alibabacloud.com/gpu-milli: \"{}\"{model}",
        gpu.devices, gpu.milli_per_device
    )
}

fn write_pod(arrival: &Arrival, name: &str, class: &Class, out: &mut dyn Write) -> io::Result<()> {
    let at = arrival.submit.since(Instant::ZERO);
    let run_time = arrival
        .run_time
        .map(|time| format!(", windtunnel.dev/run-time: {time}"));
    let restarts = if run_time.is_some() {
        "Never"
    } else {
        "Always"
    };
    let run_time = run_time.unwrap_or_default();
    write!(
        out,
        "apiVersion: v1\n\
         kind: Pod\n\
         metadata:\n  name: {name}\n{}  annotations: {{windtunnel/at: {at}{run_time}{}}}\n\
         spec:\n  restartPolicy: {restarts}\n{}  containers:\n  - name: main\n    image: main:1\n    resources: {{{}}}\n",
        class.metadata, class.annotations, class.head, class.resources,
    )
}

/// A scalar of YAML that is a text whatever is in it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A name as a scalar of YAML: in quotes if it could be read as something else than a text.
fn scalar(name: &str) -> String {
    let words = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let is_text = name.starts_with(|first: char| first.is_ascii_lowercase());
    if is_text && !words.contains(&name) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A label of DNS, which names a namespace; that of an empty text is empty.
fn dns_label(name: &str) -> String {
    let kept = name
        .to_ascii_lowercase()
        .replace(|own: char| !own.is_ascii_alphanumeric(), "-");
    let kept: String = kept.trim_matches('-').chars().take(50).collect();
    let kept = kept.trim_matches('-');
    if kept.is_empty() && !name.is_empty() {
        return "namespace".to_owned();
    }
    kept.to_owned()
}

/// Whether a text is labels of DNS with dots between.
fn is_dns_name(name: &str) -> bool {
    let is_plain = |own: u8| own.is_ascii_lowercase() || own.is_ascii_digit();
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        ends.iter().all(|own| own.is_some_and(|&own| is_plain(own)))
            && bytes.iter().all(|&own| is_plain(own) || own == b'-')
    };
    name.split('.').all(is_label)
}

/// A name of a pod as Kubernetes has it; one that is none gets the number of the pod behind it, as
/// several could come out alike.
fn dns_name(name: &PodName, number: u64) -> String {
    let name = name.to_string();
    if is_dns_name(&name) && name.len() <= 200 {
        return name;
    }
    let kept = name
        .to_ascii_lowercase()
        .replace(|own: char| !own.is_ascii_alphanumeric(), "-");
    let kept: String = kept.trim_matches('-').chars().take(200).collect();
    format!("{kept}-{number}").trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{MemorySource, Recorded};

    #[test]
    fn names_are_those_of_kubernetes() {
        assert_eq!(dns_name(&PodName::Job(7), 3), PodName::Job(7).to_string());
        assert_eq!(dns_name(&"web-1".into(), 3), "web-1");
        assert_eq!(dns_name(&"Web 1/äb".into(), 3), "web-1--b-3");
        assert_eq!(dns_name(&"a..b".into(), 3), "a--b-3");
        assert_eq!(dns_name(&"".into(), 3), "3");
        assert_eq!(dns_label("Team 1/ä"), "team-1");
        assert_eq!(dns_label("ä"), "namespace");
    }

    #[test]
    fn names_are_texts_and_differ_within_a_namespace() {
        let names = ["7", "null", "web", "web", "web-2", "web"];
        let spaces = ["", "", "A b", "A b", "A b", "a_b"];
        let arrivals = (0..).zip(names).map(|(class, name)| Arrival {
            submit: Instant::ZERO,
            name: name.into(),
            class,
            members: 1,
            tenant: 0,
            run_time: None,
            time_limit: None,
            historic_start: None,
            links: None,
            part: 0,
            origin: crate::Origin::NONE,
        });
        let spec = |namespace: &str| PodSpec {
            namespace: namespace.into(),
            ..PodSpec::default()
        };
        let recorded = Recorded {
            arrivals: arrivals.collect(),
            classes: spaces.map(|own| Arc::new(spec(own))).into(),
            tenants: vec!["".into()],
            ..Recorded::default()
        };
        let mut out = Vec::new();
        ENTRY
            .write(&mut MemorySource::new(recorded), true, &mut out)
            .expect("memory");
        let text = String::from_utf8(out).expect("text");
        let said: Vec<&str> = { text.lines() }
            .filter_map(|line| line.strip_prefix("  name"))
            .collect();
        assert_eq!(
            said,
            [
                ": \"7\"",
                ": \"null\"",
                ": web",
                "space: \"a-b\"",
                ": web-2",
                "space: \"a-b\"",
                ": web-2-2",
                "space: \"a-b\"",
                ": web",
                "space: \"a-b-2\"",
            ]
        );
    }
}
