//! State of the recommender of vertical autoscalers in a dump: the recommendations in the status of its
//! objects, and the histograms of its checkpoints.

use serde_json::Value;

use super::field::{Path, Problem, parse_unix_secs, quantity};
use super::parts::Parts;
use super::pod;
use model::usage::Scale;
use model::workload::vertical::ContainerRecommendation;
use model::{ResourceUsage, Text};
use units::SortedMap;

/// The kind of checkpoints.
pub(super) const KIND: &str = "VerticalPodAutoscalerCheckpoint";

/// The version of checkpoints that the recommender loads.
const VERSION: &str = "v3";

/// Usage of the containers of a name, as the recommender has stored it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VerticalCheckpoint {
    /// Namespace of the autoscaler.
    pub namespace: Text,
    /// Name of the autoscaler.
    pub autoscaler: Text,
    /// Name of the containers.
    pub container: Text,
    /// CPU samples.
    pub cpu: StoredHistogram,
    /// Memory peaks.
    pub memory: StoredHistogram,
    /// Time of the first sample, in seconds since 1970-01-01T00:00:00Z.
    pub first_unix_secs: Option<i64>,
    /// Time of the last sample.
    pub last_unix_secs: Option<i64>,
    /// Number of samples.
    pub samples: u64,
}

/// A histogram as it is stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredHistogram {
    /// Time at which a sample has its plain weight.
    pub reference_unix_secs: Option<i64>,
    /// Parts of the whole weight, by bucket.
    pub parts: Vec<(usize, u32)>,
    /// The whole weight.
    pub total: f64,
}

/// The recommendations in a status; containers without a name or a target are passed over.
pub(super) fn in_status(
    parts: &Parts,
) -> Result<SortedMap<Text, ContainerRecommendation>, Problem> {
    let path = Path::root("status.recommendation.containerRecommendations");
    let status = parts.late_status.as_ref().unwrap_or(&Value::Null);
    let list = status["recommendation"]["containerRecommendations"].as_array();
    let mut read = SortedMap::new();
    for (place, own) in list.into_iter().flatten().enumerate() {
        let path = path.index(place);
        let amounts = |field: &str| amounts(&own[field], &path.field(field));
        if let (Some(name), Some(target)) = (own["containerName"].as_str(), amounts("target")?) {
            let recommended = ContainerRecommendation {
                target,
                lower: amounts("lowerBound")?.unwrap_or_default(),
                upper: amounts("upperBound")?.unwrap_or_default(),
            };
            read.insert(Text::from(name), recommended);
        }
    }
    Ok(read)
}

fn amounts(list: &Value, path: &Path<'_>) -> Result<Option<ResourceUsage>, Problem> {
    let Some(list) = list.as_object() else {
        return Ok(None);
    };
    let of = |name: &str, scale: Scale| match list.get(name) {
        None | Some(Value::Null) => Ok(0),
        Some(Value::String(text)) => Ok(scale.of(quantity(text, &path.field(name))?)),
        Some(other) => Ok(scale.of(quantity(&other.to_string(), &path.field(name))?)),
    };
    Ok(Some(ResourceUsage {
        cpu_milli: of("cpu", Scale::Cpu)?,
        memory_bytes: of("memory", Scale::Memory)?,
    }))
}

/// A checkpoint, or why the recommender passes it over.
pub(super) fn checkpoint(parts: &Parts) -> Result<VerticalCheckpoint, (&'static str, String)> {
    let spec = parts.late_spec.as_ref().unwrap_or(&Value::Null);
    let status = parts.late_status.as_ref().unwrap_or(&Value::Null);
    let version = status["version"].as_str().unwrap_or_default();
    if version != VERSION {
        let what = format!("expected the version `{VERSION}`, found `{version}`");
        return Err(("status.version", what));
    }
    let text = |field: &str| spec[field].as_str().unwrap_or_default().into();
    let time = |field: &str| status[field].as_str().and_then(parse_unix_secs);
    Ok(VerticalCheckpoint {
        namespace: pod::namespace(&parts.metadata).into(),
        autoscaler: text("vpaObjectName"),
        container: text("containerName"),
        cpu: StoredHistogram::of(&status["cpuHistogram"]),
        memory: StoredHistogram::of(&status["memoryHistogram"]),
        first_unix_secs: time("firstSampleStart"),
        last_unix_secs: time("lastSampleStart"),
        samples: status["totalSamplesCount"].as_u64().unwrap_or(0),
    })
}

impl StoredHistogram {
    fn of(stored: &Value) -> Self {
        let weights = stored["bucketWeights"].as_object().into_iter().flatten();
        let mut parts: Vec<(usize, u32)> = weights
            .filter_map(|(bucket, part)| {
                let part = u32::try_from(part.as_u64()?).ok()?;
                Some((bucket.parse().ok()?, part))
            })
            .collect();
        parts.sort_unstable();
        let reference = stored["referenceTimestamp"].as_str();
        Self {
            reference_unix_secs: reference.and_then(parse_unix_secs),
            parts,
            total: stored["totalWeight"].as_f64().unwrap_or(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parts(spec: Value, status: Value) -> Parts {
        Parts {
            late_spec: Some(spec),
            late_status: Some(status),
            ..Parts::default()
        }
    }

    #[test]
    fn recommendations_are_read_of_a_status() {
        let status = json!({"recommendation": {"containerRecommendations": [{"containerName": "c",
            "target": {"cpu": "250m", "memory": "262144k"}, "lowerBound": {"cpu": "25m", "memory": "1Mi"},
            "upperBound": {"cpu": "2", "memory": "1Gi"}}]}});
        let read = in_status(&parts(Value::Null, status.clone())).expect("recommendations");
        let amounts = |cpu_milli, memory_bytes| ResourceUsage {
            cpu_milli,
            memory_bytes,
        };
        let expected = ContainerRecommendation {
            target: amounts(250, 262_144_000),
            lower: amounts(25, 1 << 20),
            upper: amounts(2_000, 1 << 30),
        };
        assert_eq!(read.get("c"), Some(&expected));
        let mut wrong = status;
        wrong["recommendation"]["containerRecommendations"][0]["target"]["cpu"] = "much".into();
        let Problem(words) = in_status(&parts(Value::Null, wrong)).expect_err("no amount");
        assert!(
            words.contains("containerRecommendations[0].target.cpu"),
            "{words}"
        );
    }

    #[test]
    fn a_checkpoint_of_another_version_is_passed_over() {
        let spec = json!({"vpaObjectName": "v", "containerName": "c"});
        let status = json!({"version": "v3", "totalSamplesCount": 7, "cpuHistogram": {
            "referenceTimestamp": "1970-01-02T00:00:00Z", "bucketWeights": {"3": 10000, "0": 2},
            "totalWeight": 1.5}});
        let read = checkpoint(&parts(spec.clone(), status.clone())).expect("a checkpoint");
        assert_eq!(
            (&*read.autoscaler, &*read.container, read.samples),
            ("v", "c", 7)
        );
        assert_eq!(read.cpu.parts, [(0, 2), (3, 10_000)]);
        assert_eq!(read.cpu.reference_unix_secs, Some(86_400));
        let mut other = status;
        other["version"] = "v2".into();
        let (field, _) = checkpoint(&parts(spec, other)).expect_err("another version");
        assert_eq!(field, "status.version");
    }
}
