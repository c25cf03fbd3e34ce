//! Manifests of Kubernetes: a pod for each member of an arrival. The annotation `windtunnel/at` is the
//! time of its submission, and `windtunnel.dev/run-time` that of its run.

use std::io::{self, Write};

use super::Writer;
use crate::convert::{ConvertError, Converted};
use crate::stream::{Arrival, ArrivalSource};
use model::gpu::DEVICE_MILLI;
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY};
use model::{PodName, PodSpec, ResourceList};
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
    while let Some(arrival) = source.next()? {
        for spec in source.classes().iter().skip(classes.len()) {
            classes.push(Class::of(spec, with_usage));
        }
        let class = &classes[arrival.class as usize];
        let name = dns_name(&arrival.name, converted.rows);
        let is_exact = class.is_exact
            && arrival.members == 1
            && arrival.time_limit.is_none()
            && arrival.historic_start.is_none()
            && name == arrival.name.to_string();
        for member in 0..arrival.members {
            if converted.rows > 0 {
                writeln!(out, "---")?;
            }
            let name = if arrival.members == 1 {
                name.clone()
            } else {
                format!("{name}-{member}")
            };
            write_pod(&arrival, &name, class, out)?;
            converted.rows += 1;
            converted.reduced += u64::from(!is_exact);
        }
    }
    Ok(converted)
}

/// Parts of a manifest that are the same for all pods of a class.
struct Class {
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
    fn of(spec: &PodSpec, with_usage: bool) -> Self {
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
            namespace: spec.namespace.clone(),
            priority: spec.priority,
            ..PodSpec::with_requests(said)
        };
        Self {
            namespace: match &*spec.namespace {
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

/// A name of a pod as Kubernetes has it; one that is none gets the number of the pod behind it, as
/// several could come out alike.
fn dns_name(name: &PodName, number: u64) -> String {
    let name = name.to_string();
    let is_plain = |own: u8| own.is_ascii_lowercase() || own.is_ascii_digit();
    let fits = |own: u8| is_plain(own) || own == b'-' || own == b'.';
    let bytes = name.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    let is_name = ends.iter().all(|own| own.is_some_and(|&own| is_plain(own)))
        && bytes.iter().all(|&own| fits(own))
        && bytes.len() <= 200;
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

    #[test]
    fn names_are_those_of_kubernetes() {
        assert_eq!(dns_name(&PodName::Job(7), 3), PodName::Job(7).to_string());
        assert_eq!(dns_name(&"web-1".into(), 3), "web-1");
        assert_eq!(dns_name(&"Web 1/äb".into(), 3), "web-1--b-3");
        assert_eq!(dns_name(&"".into(), 3), "3");
    }
}
