//! Manifests of Kubernetes: a pod for each member of an arrival. The annotation `windtunnel/at` is the
//! time of its submission, and `windtunnel.dev/run-time` that of its run. Names and namespaces are those that Kubernetes
//! takes, and no two pods of a namespace share one.

use std::io::{self, Write};

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;

use super::Writer;
use crate::convert::{ConvertError, Converted};
use crate::stream::{Arrival, ArrivalSource};
use model::gpu::DEVICE_MILLI;
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY};
use model::{PodName, PodSpec, ResourceList, Text};
use units::{Instant, Quantity};

/// The registry's entry.
pub(super) const ENTRY: Writer = Writer {
    name: "manifests",
    summary: "manifests of Kubernetes, a pod for each member",
    has_usage: true,
    write,
};

/// The resource by which clusters hand out GPUs.
const GPU: &str = "nvidia.com/gpu";

fn write(
    source: &mut dyn ArrivalSource,
    with_usage: bool,
    out: &mut dyn Write,
) -> Result<Converted, ConvertError> {
    let mut converted = Converted::default();
    let mut classes: Vec<Class> = Vec::new();
    let mut namespaces = Namespaces::default();
    while let Some(arrival) = source.next()? {
        for spec in source.classes().iter().skip(classes.len()) {
            let place = namespaces.place(&spec.namespace);
            classes.push(Class::of(
                spec,
                with_usage,
                place,
                &namespaces.labels[place],
            ));
        }
        let class = &classes[arrival.class as usize];
        let name = dns_name(&arrival.name, converted.rows);
        let is_exact = class.is_exact
            && arrival.members == 1
            && arrival.time_limit.is_none()
            && arrival.historic_start.is_none();
        for member in 0..arrival.members {
            if converted.rows > 0 {
                writeln!(out, "---")?;
            }
            let name = if arrival.members == 1 {
                name.clone()
            } else {
                format!("{name}-{member}")
            };
            let name = namespaces.free_name(class.namespace_place, name);
            write_pod(&arrival, &scalar(&name), class, out)?;
            converted.rows += 1;
            let is_exact = is_exact && name == arrival.name.to_string();
            converted.reduced += u64::from(!is_exact);
        }
    }
    Ok(converted)
}

/// The namespaces of a workload, with what has been named in them.
#[derive(Default)]
struct Namespaces {
    /// The places of the source's namespaces.
    known: IndexMap<Text, usize, FxBuildHasher>,
    /// Their names in Kubernetes; that of none is empty.
    labels: IndexSet<String, FxBuildHasher>,
    /// The names of pods, by the place of the namespace.
    names: IndexSet<(usize, String), FxBuildHasher>,
    /// The last number behind a name that was taken already.
    numbers: IndexMap<(usize, String), u64, FxBuildHasher>,
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
    fn free_name(&mut self, place: usize, name: String) -> String {
        if self.names.insert((place, name.clone())) {
            return name;
        }
        let known = self.numbers.entry((place, name.clone())).or_insert(1);
        loop {
            *known += 1;
            let free = format!("{name}-{known}");
            if self.names.insert((place, free.clone())) {
                return free;
            }
        }
    }
}

/// Parts of a manifest that are the same for all pods of a class.
struct Class {
    /// The place of the namespace.
    namespace_place: usize,
    /// Line of the namespace, if there is one.
    namespace: String,
    /// Annotations after the times.
    annotations: String,
    /// Lines of the spec before the containers.
    head: String,
    resources: String,
    is_exact: bool,
}

impl Class {
    fn of(spec: &PodSpec, with_usage: bool, place: usize, label: &str) -> Self {
        let all = spec.requests().unwrap_or_default();
        let gpu = &spec.gpu;
        let mut requests = Vec::new();
        let mut said = ResourceList::default();
        for resource in [CPU, MEMORY, EPHEMERAL_STORAGE] {
            let amount = all.get(resource);
            if amount > Quantity::ZERO {
                requests.push(format!("{resource}: {}", quoted(&amount.to_string())));
                said.set(resource, amount);
            }
        }
        let limits = match (gpu.devices, gpu.milli_per_device) {
            (1.., DEVICE_MILLI) => format!(", limits: {{{GPU}: {}}}", gpu.devices),
            _ => String::new(),
        };
        let resources = format!("requests: {{{}}}{limits}", requests.join(", "));
        let behaviour = spec.behaviour.as_deref().filter(|_| with_usage);
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
        let annotations: String = patterns.collect();
        let mut head = String::new();
        if spec.priority != 0 {
            head = format!("  priority: {}\n", spec.priority);
        }
        let plain = PodSpec {
            namespace: label.into(),
            priority: spec.priority,
            ..PodSpec::with_requests(said)
        };
        Self {
            namespace_place: place,
            namespace: match label {
                "" => String::new(),
                own => format!("  namespace: {}\n", quoted(own)),
            },
            annotations,
            head,
            resources,
            is_exact: plain == *spec,
        }
    }
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
        class.namespace, class.annotations, class.head, class.resources,
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

/// A name of a pod as Kubernetes has it; one that is none gets the number of the pod behind it, as
/// several could come out alike.
fn dns_name(name: &PodName, number: u64) -> String {
    let name = name.to_string();
    let is_plain = |own: u8| own.is_ascii_lowercase() || own.is_ascii_digit();
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        ends.iter().all(|own| own.is_some_and(|&own| is_plain(own)))
            && bytes.iter().all(|&own| is_plain(own) || own == b'-')
    };
    let is_name = name.split('.').all(is_label) && name.len() <= 200;
    if is_name {
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
    use std::sync::Arc;

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
        write(&mut MemorySource::new(recorded), true, &mut out).expect("memory");
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
