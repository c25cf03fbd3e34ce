//! Manifests of Kubernetes: a pod for each member of an arrival. The annotation `windtunnel/at` is the
//! time of its submission, and `windtunnel.dev/run-time` that of its run. GPUs are annotations of the simulator of the
//! openb traces, which say shares and models as well, and whole ones also limits of `nvidia.com/gpu`, as a cluster
//! reads them. Containers, tolerations and rules about places stand where Kubernetes has them. Names, namespaces and rules
//! are those that Kubernetes takes ([`taken`]), and no two pods of a namespace share a name.

mod names;
mod taken;

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::table::models;
use super::{Reading, Record, RecordWriter, Settings, Writer, not_taken};
use crate::prelude::*;
use arrivals::class_cache::ByClass;
use arrivals::pod::settings::{written_containers, written_gates};
use arrivals::pod::template::filled;
use arrivals::pod::{affinity, rules};
use model::GpuRequest;
use model::gpu::DEVICE_MILLI;
use names::{Namespaces, dns_name};

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
        let said = taken::spec(spec, &mut self.namespaces, self.with_usage);
        let label = &self.namespaces.labels[place];
        self.classes.put(number, Class::of(&said, place, label));
        // The names of containers that have none stand for none.
        taken::named_as(said, spec)
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

/// Parts of a manifest that are the same for all pods of a class.
struct Class {
    /// The place of the namespace.
    namespace_place: usize,
    /// Lines of the namespace and of labels, if there are any.
    metadata: String,
    /// Annotations after the times.
    annotations: String,
    /// Lines of the spec behind the policy of restarts.
    spec: String,
}

impl Class {
    /// The parts of a spec that is said whole.
    fn of(said: &PodSpec, place: usize, namespace: &str) -> Self {
        let gpu = &said.gpu;
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
        let namespace = match namespace {
            "" => String::new(),
            own => format!("  namespace: {}\n", quoted(own)),
        };
        let labels = if said.labels.is_empty() {
            String::new()
        } else {
            format!("  labels: {}\n", json!(said.labels))
        };
        Self {
            namespace_place: place,
            metadata: namespace + &labels,
            annotations,
            spec: lines(said),
        }
    }
}

/// The lines of a spec.
fn lines(said: &PodSpec) -> String {
    let mut lines = String::new();
    let mut line = |member: &str, value: Option<Value>| {
        if let Some(value) = value {
            let _ = writeln!(lines, "  {member}: {value}");
        }
    };
    let priority = (said.priority != 0).then(|| said.priority.into());
    let requests = filled(&said.pod_requests);
    line("priority", priority);
    line("preemptionPolicy", (!said.preempts).then(|| "Never".into()));
    line("schedulerName", filled(&said.scheduler_name));
    line("schedulingGates", filled(written_gates(said)));
    line("nodeSelector", filled(&said.node_selector));
    line("affinity", affinity::written(&said.affinity));
    let tolerations = rules::written_tolerations(&said.tolerations);
    line("tolerations", filled(tolerations));
    let spread = rules::written_spread(&said.topology_spread);
    line("topologySpreadConstraints", filled(spread));
    line("overhead", filled(&said.overhead));
    line(
        "resources",
        requests.map(|requests| json!({"requests": requests})),
    );
    let mut containers = said.containers.clone();
    let gpu = &said.gpu;
    if let (1.., DEVICE_MILLI, Some(first)) =
        (gpu.devices, gpu.milli_per_device, containers.first_mut())
    {
        let devices = Quantity::from_units(i64::from(gpu.devices));
        first.limits.set(GPU, devices);
    }
    for (member, list) in [
        ("initContainers", &said.init_containers),
        ("containers", &containers),
    ] {
        let list = written_containers(list);
        let list = list.as_array().map_or(&[][..], Vec::as_slice);
        if !list.is_empty() {
            let _ = writeln!(lines, "  {member}:");
        }
        for container in list {
            let _ = writeln!(lines, "  - {container}");
        }
    }
    lines
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
         spec:\n  restartPolicy: {restarts}\n{}",
        class.metadata, class.annotations, class.spec,
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

#[cfg(test)]
mod tests {

    use super::names::dns_label;
    use super::*;
    use crate::tests::prelude::*;
    use arrivals::memory::{MemorySource, Recorded};

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
            class,
            ..Arrival::new(Instant::ZERO, name.into())
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
        said.are([
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
        ]);
    }
}
