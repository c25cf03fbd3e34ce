//! Usage of pods, as Prometheus answers a query and as tables of other tools have it: the requests
//! that right-sizing gives to pods.

use serde::Deserialize;

use crate::snapshot::SnapshotError;
use intake::Input;
use intake::table::Table;
use k8s::{ManifestPod, ManifestReader};
use model::Object;
use units::{Quantity, SortedMap, SortedSet};

/// Percentile of the samples of a series of cpu that counts; of memory, without which a container ends, all do.
const PERCENTILE: usize = 95;

/// Resource that a file is about, where it does not say so itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// Cores.
    Cpu,
    /// Bytes of memory.
    Memory,
}

/// Usage of a container, or of a pod as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodUsage {
    /// Cores.
    pub cpu: Option<Quantity>,
    /// Bytes of memory.
    pub memory: Option<Quantity>,
}

/// Namespace, pod or workload, container; an empty namespace is any.
type Key = (String, String, String);

/// Usage of the pods of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Share by which requests are above the usage of files that are read, in parts per million.
    pub margin_ppm: i64,
    containers: SortedMap<Key, PodUsage>,
    pods: SortedMap<(String, String), SortedMap<String, PodUsage>>,
}

impl Usage {
    /// Reads one more file: a table with `pod` or `workload` and `cpu` or `memory`, the answer of
    /// Prometheus to a query, or objects of vertical autoscalers.
    ///
    /// # Errors
    /// If the file can't be read, or says nothing of pods.
    pub fn read(&mut self, input: &Input, about: Option<Measured>) -> Result<(), SnapshotError> {
        let bytes = input.first_bytes()?;
        let start = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if start == Some(&b'{') {
            self.read_answer(input, about)?;
        } else {
            self.read_table(input)?;
        }
        self.without_sums();
        self.pods = SortedMap::new();
        for ((namespace, pod, container), seen) in &self.containers {
            let known = self.pods.entry((namespace.clone(), pod.clone()));
            known.or_default().insert(container.clone(), *seen);
        }
        Ok(())
    }

    /// Usage of the containers of a pod, the pod's own or that of its workload; that without a container is of the
    /// pod as a whole.
    pub fn of(&self, pod: &ManifestPod) -> Option<&SortedMap<String, PodUsage>> {
        self.rows_of(pod).next().map(|(_, seen)| seen)
    }

    /// Names of pods and workloads that none of some pods has, with their namespaces.
    pub fn without_pods(&self, pods: &[ManifestPod]) -> Vec<String> {
        let met = pods.iter().flat_map(|pod| self.rows_of(pod));
        let met: SortedSet<&(String, String)> = met.map(|(key, _)| key).collect();
        let names = self.pods.keys().filter(|own| !met.contains(own));
        let names = names.map(|(namespace, name)| format!("{namespace}/{name}"));
        names
            .map(|own| own.trim_start_matches('/').to_owned())
            .collect()
    }

    /// Rows that a pod may have, its own first.
    fn rows_of(
        &self,
        pod: &ManifestPod,
    ) -> impl Iterator<Item = (&(String, String), &SortedMap<String, PodUsage>)> {
        let mut names = vec![pod.name.to_string()];
        if let Some(owner) = &pod.controller {
            names.push(owner.name.to_string());
            if let Some((stem, _)) = owner.name.rsplit_once('-') {
                names.push(stem.to_owned());
            }
        }
        let namespace = pod.namespace().to_string();
        let keys = names.into_iter().flat_map(move |name| {
            let own = (namespace.clone(), name.clone());
            [own, (String::new(), name)]
        });
        keys.filter_map(|key| self.pods.get_key_value(&key))
    }

    fn note(&mut self, key: Key, about: Measured, amount: Quantity) {
        let amount = above(amount, about, self.margin_ppm);
        let known = self.containers.entry(key).or_default();
        let slot = match about {
            Measured::Cpu => &mut known.cpu,
            Measured::Memory => &mut known.memory,
        };
        *slot = Some(slot.map_or(amount, |own| own.max(amount)));
    }

    fn read_table(&mut self, input: &Input) -> Result<(), SnapshotError> {
        let mut table = Table::open(input)?;
        let name = ["pod", "workload", "name"]
            .iter()
            .find_map(|own| table.column(own));
        let cpu = ["cpu", "cpu_cores"]
            .iter()
            .find_map(|own| table.column(own));
        let memory = ["memory", "memory_bytes"]
            .iter()
            .find_map(|own| table.column(own));
        let wrong = |rule: String| SnapshotError::Input(format!("{}: {rule}", input.name));
        let Some(name) = name else {
            let columns: Vec<&str> = table.columns().iter().map(|own| &**own).collect();
            return Err(wrong(format!(
                "expected a column `pod` or `workload`, beside `cpu` and `memory`; found `{}`",
                columns.join("`, `")
            )));
        };
        if cpu.is_none() && memory.is_none() {
            return Err(wrong(
                "expected a column `cpu` (cores) or `memory` (bytes)".to_owned(),
            ));
        }
        let namespace = table.column("namespace");
        let container = table.column("container");
        while let Some(row) = table.next_row()? {
            let row = row.map_err(|bad| wrong(format!("line {}: {}", bad.line, bad.rule)))?;
            let key = (
                row.optional_text(namespace.as_ref()).to_owned(),
                row.text(&name).to_owned(),
                row.optional_text(container.as_ref()).to_owned(),
            );
            for (column, about, field) in [
                (&cpu, Measured::Cpu, "cpu"),
                (&memory, Measured::Memory, "memory"),
            ] {
                let text = row.optional_text(column.as_ref()).trim();
                if text.is_empty() {
                    continue;
                }
                let amount = amount(text, about).ok_or_else(|| {
                    wrong(format!(
                        "line {}, column `{field}`: expected an amount of 0 or more, such as \
                         `250m` or `512Mi`, found `{text}`",
                        row.line
                    ))
                })?;
                self.note(key.clone(), about, amount);
            }
        }
        Ok(())
    }

    fn read_answer(&mut self, input: &Input, about: Option<Measured>) -> Result<(), SnapshotError> {
        let wrong = |rule: String| SnapshotError::Input(format!("{}: {rule}", input.name));
        let text = input.read_to_string()?;
        let answer: Answer = serde_json::from_str(&text).map_err(|error| {
            wrong(format!(
                "expected the answer of Prometheus to `api/v1/query` or `query_range`: {error}"
            ))
        })?;
        if let Some(error) = answer.error {
            return Err(wrong(format!("Prometheus answered with an error: {error}")));
        }
        if let Some(kind) = answer.kind {
            if self.read_recommendations(&Input::bytes(&input.name, text.into_bytes()))? > 0 {
                return Ok(());
            }
            return Err(wrong(format!(
                "these are objects of Kubernetes (`{kind}`), none of them a `VerticalPodAutoscaler` with a \
                 recommendation; write usage as a table with the columns `namespace`, `workload`, `cpu` and \
                 `memory`"
            )));
        }
        let series = answer.data.map(|data| data.result).unwrap_or_default();
        let mut noted = 0_u64;
        for own in &series {
            let label = |names: &[&str]| {
                let mut names = names.iter();
                names.find_map(|name| own.metric.get(*name)).cloned()
            };
            let names = ["pod", "pod_name", "workload", "deployment", "statefulset"];
            let Some(name) = label(&names) else { continue };
            let metric = label(&["__name__"]).unwrap_or_default();
            let Some(about) = about_of(&metric).or(about) else {
                return Err(wrong(
                    "the series do not say whether they are of cpu or of memory; write \
                     `--requests cpu=FILE` or `--requests memory=FILE`"
                        .to_owned(),
                ));
            };
            let percentile = match about {
                Measured::Cpu => PERCENTILE,
                Measured::Memory => 100,
            };
            let Some(value) = own.percentile(percentile, metric.ends_with("_total")) else {
                continue;
            };
            let container = label(&["container", "container_name"]).unwrap_or_default();
            if container == "POD" {
                continue;
            }
            let namespace = label(&["namespace", "kubernetes_namespace"]).unwrap_or_default();
            self.note((namespace, name, container), about, of_float(value, about));
            noted += 1;
        }
        if noted == 0 {
            return Err(wrong(format!(
                "none of its {} series has a label `pod` or `workload` and a value",
                series.len()
            )));
        }
        Ok(())
    }

    /// Reads the targets that vertical autoscalers recommend for the containers of their workloads; gives their number.
    fn read_recommendations(&mut self, input: &Input) -> Result<u64, SnapshotError> {
        let mut reader = ManifestReader::new().with_workloads();
        reader.read(input)?;
        let mut noted = 0;
        for declared in reader.finish().workloads {
            let Object::VerticalPodAutoscaler(own) = declared.object else {
                continue;
            };
            for (container, recommended) in &own.recommended {
                let key = [&own.namespace, &own.target.name, container].map(ToString::to_string);
                let target = recommended.target;
                for (about, amount) in [
                    (Measured::Cpu, Quantity::from_milli(target.cpu_milli)),
                    (Measured::Memory, Quantity::from_units(target.memory_bytes)),
                ] {
                    if amount > Quantity::ZERO {
                        self.note(key.clone().into(), about, amount);
                        noted += 1;
                    }
                }
            }
        }
        Ok(noted)
    }

    /// Leaves out the sums over the containers of a pod that stand beside these.
    fn without_sums(&mut self) {
        let mut named: SortedMap<(String, String), bool> = SortedMap::new();
        for (namespace, pod, container) in self.containers.keys() {
            let has = named.entry((namespace.clone(), pod.clone())).or_default();
            *has |= !container.is_empty();
        }
        self.containers.retain(|(namespace, pod, container), _| {
            let has = named.get(&(namespace.clone(), pod.clone())).copied();
            !container.is_empty() || has != Some(true)
        });
    }
}

/// An amount with a margin, in whole milli-cores or bytes; without one as it is.
fn above(amount: Quantity, about: Measured, margin_ppm: i64) -> Quantity {
    if margin_ppm == 0 {
        return amount;
    }
    let nanos = amount
        .nanos()
        .saturating_mul(1_000_000 + i128::from(margin_ppm));
    let whole = |unit: i128| i64::try_from((nanos + unit - 1) / unit).unwrap_or(i64::MAX);
    match about {
        Measured::Cpu => Quantity::from_milli(whole(1_000_000_000_000)),
        Measured::Memory => Quantity::from_units(whole(1_000_000_000_000_000)),
    }
}

fn about_of(metric: &str) -> Option<Measured> {
    if metric.contains("cpu") {
        Some(Measured::Cpu)
    } else if metric.contains("memory") {
        Some(Measured::Memory)
    } else {
        None
    }
}

/// An amount as a quantity or a plain number.
fn amount(text: &str, about: Measured) -> Option<Quantity> {
    if let Ok(quantity) = text.parse::<Quantity>() {
        return (!quantity.is_negative()).then_some(quantity);
    }
    let number: f64 = text.parse().ok()?;
    (number.is_finite() && (0.0..1e15).contains(&number)).then(|| of_float(number, about))
}

/// An amount of measured cores or bytes, rounded up to milli-cores and bytes.
fn of_float(value: f64, about: Measured) -> Quantity {
    let scale = match about {
        Measured::Cpu => 1e3,
        Measured::Memory => 1.0,
    };
    let scaled = value.clamp(0.0, 1e15) * scale;
    let whole = scaled as i64;
    let whole = whole + i64::from((whole as f64) < scaled);
    match about {
        Measured::Cpu => Quantity::from_milli(whole),
        Measured::Memory => Quantity::from_units(whole),
    }
}

/// Answer of Prometheus.
#[derive(Deserialize)]
struct Answer {
    error: Option<String>,
    /// Kind of an object of Kubernetes; no answer has one.
    kind: Option<String>,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    result: Vec<Series>,
}

/// Samples of one set of labels.
#[derive(Deserialize)]
struct Series {
    #[serde(default)]
    metric: SortedMap<String, String>,
    value: Option<(f64, String)>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

impl Series {
    /// A percentile of the samples by nearest rank; of a counter that of its rates. Stale samples
    /// count for nothing.
    fn percentile(&self, percentile: usize, is_counter: bool) -> Option<f64> {
        let samples = self.value.iter().chain(&self.values);
        let samples = samples.filter_map(|(at, text)| {
            let value: f64 = text.parse().ok()?;
            value.is_finite().then_some([*at, value])
        });
        let samples: Vec<[f64; 2]> = samples.collect();
        let mut values: Vec<f64> = if is_counter {
            let pairs = samples.windows(2).filter(|pair| pair[1][0] > pair[0][0]);
            let rates = pairs.map(|pair| {
                let (before, after) = (pair[0][1], pair[1][1]);
                // A counter that fell began anew at 0.
                let grown = if after < before {
                    after
                } else {
                    after - before
                };
                grown / (pair[1][0] - pair[0][0])
            });
            rates.collect()
        } else {
            samples.iter().map(|own| own[1]).collect()
        };
        values.sort_by(f64::total_cmp);
        let rank = (values.len() * percentile).div_ceil(100).max(1);
        values.get(rank - 1).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, about: Option<Measured>) -> Result<Usage, String> {
        let mut usage = Usage::default();
        let input = Input::bytes("usage", text.as_bytes());
        match usage.read(&input, about) {
            Ok(()) => Ok(usage),
            Err(error) => Err(error.to_string()),
        }
    }

    fn seen(usage: &Usage, pod: &str, container: &str) -> Option<PodUsage> {
        let containers = usage.pods.get(&("shop".to_owned(), pod.to_owned()))?;
        containers.get(container).copied()
    }

    #[test]
    fn tables_and_answers_of_prometheus_are_read() {
        let table =
            "namespace,pod,container,cpu,memory\nshop,web-0,a,250m,1Gi\nshop,web-0,b,0.1,\n";
        let usage = read(table, None).expect("a table");
        let mut above = Usage {
            margin_ppm: 150_000,
            ..Usage::default()
        };
        let input = Input::bytes("usage", table.as_bytes());
        above.read(&input, None).expect("a table");
        let of = |cpu, memory: Option<i64>| PodUsage {
            cpu: Some(Quantity::from_milli(cpu)),
            memory: memory.map(Quantity::from_units),
        };
        let more = of(288, Some(1_234_803_098));
        assert_eq!(seen(&above, "web-0", "a"), Some(more));
        assert_eq!(seen(&above, "web-0", "b"), Some(of(115, None)));
        assert_eq!(seen(&usage, "web-0", "a"), Some(of(250, Some(1 << 30))));
        assert_eq!(seen(&usage, "web-0", "b"), Some(of(100, None)));
        // A counter that starts anew, a sample that is stale, and the sum beside its part.
        let answer = r#"{"status": "success", "data": {"resultType": "matrix", "result": [
            {"metric": {"__name__": "container_cpu_usage_seconds_total", "namespace": "shop",
                "pod": "web-0", "container": "a"},
             "values": [[0, "10"], [10, "15"], [20, "3"], [30, "NaN"], [40, "13"]]},
            {"metric": {"__name__": "container_cpu_usage_seconds_total", "namespace": "shop",
                "pod": "web-0"}, "values": [[0, "0"], [10, "90"]]}]}}"#;
        let usage = read(answer, None).expect("an answer");
        let cpu = seen(&usage, "web-0", "a").and_then(|own| own.cpu);
        assert_eq!(cpu, Some(Quantity::from_milli(500)));
        // Of twenty samples of memory the largest counts.
        let samples: Vec<String> = (1..=20).map(|at| format!("[{at}, \"{at}\"]")).collect();
        let answer = format!(
            r#"{{"data": {{"result": [{{"metric": {{"pod": "db-0", "namespace": "shop"}}, "values": [{}]}}]}}}}"#,
            samples.join(", ")
        );
        let usage = read(&answer, Some(Measured::Memory)).expect("an answer");
        let memory = seen(&usage, "db-0", "").and_then(|own| own.memory);
        assert_eq!(memory, Some(Quantity::from_units(20)));
    }

    #[test]
    fn recommendations_of_vertical_autoscalers_are_read() {
        let own = r#"{"apiVersion": "autoscaling.k8s.io/v1", "kind": "VerticalPodAutoscaler", "metadata": {"namespace": "shop", "name": "v"},
            "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
            "status": {"recommendation": {"containerRecommendations": [
                {"containerName": "a", "target": {"cpu": "250m", "memory": "1Gi"}},
                {"containerName": "b", "target": {"cpu": "1"}}]}}}"#;
        for text in [
            own.to_owned(),
            format!(r#"{{"apiVersion": "v1", "kind": "List", "items": [{own}]}}"#),
        ] {
            let usage = read(&text, None).expect("objects");
            let cpu = |container| seen(&usage, "web", container).and_then(|own| own.cpu);
            let amounts = [250, 1_000].map(|own| Some(Quantity::from_milli(own)));
            assert_eq!([cpu("a"), cpu("b")], amounts);
        }
        let error = read(&own.replace("250m", "much"), None).expect_err("a wrong amount");
        assert!(
            error.contains("containerRecommendations[0].target.cpu"),
            "{error}"
        );
    }

    #[test]
    fn files_without_pods_are_refused() {
        for (text, part) in [
            ("a,b\n1,2\n", "expected a column `pod` or `workload`"),
            ("pod,cpu\nweb,much\n", "line 2, column `cpu`"),
            (r#"{"error": "bad query"}"#, "bad query"),
            (r#"{"data": {"result": []}}"#, "none of its 0 series"),
            (
                r#"{"kind": "List", "items": []}"#,
                "objects of Kubernetes (`List`)",
            ),
            (
                r#"{"data": {"result": [{"metric": {"pod": "a"}, "value": [0, "1"]}]}}"#,
                "--requests cpu=FILE",
            ),
        ] {
            let error = read(text, None).expect_err("a wrong file");
            assert!(error.contains(part), "{error}");
        }
    }
}
