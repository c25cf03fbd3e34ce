//! Small objects as recordings write them.

use serde::Deserialize;

use model::{Labels, Operator, TaintEffect};
use units::{Duration, SortedMap};

/// A taint.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Taint {
    key: String,
    #[serde(default)]
    value: String,
    effect: String,
}

impl Taint {
    /// Taint of the model.
    pub(super) fn model(&self) -> Result<model::Taint, String> {
        Ok(model::Taint {
            key: self.key.as_str().into(),
            value: self.value.as_str().into(),
            effect: effect(&self.effect)?.ok_or("a taint without effect")?,
        })
    }
}

/// A toleration.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Toleration {
    #[serde(default)]
    key: String,
    #[serde(default)]
    operator: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    effect: String,
    #[serde(rename = "tolerationSeconds")]
    seconds: Option<i64>,
}

impl Toleration {
    /// Toleration of the model.
    pub(super) fn model(&self) -> Result<model::Toleration, String> {
        Ok(model::Toleration {
            key: Some(self.key.as_str())
                .filter(|key| !key.is_empty())
                .map(Into::into),
            value: (self.operator != "Exists").then(|| self.value.as_str().into()),
            effect: effect(&self.effect)?,
            tolerates_for: self
                .seconds
                .map(|secs| Duration::checked_from_secs(secs).unwrap_or(Duration::MAX)),
        })
    }
}

fn effect(name: &str) -> Result<Option<TaintEffect>, String> {
    Ok(match name {
        "" => None,
        "NoSchedule" => Some(TaintEffect::NoSchedule),
        "PreferNoSchedule" => Some(TaintEffect::PreferNoSchedule),
        "NoExecute" => Some(TaintEffect::NoExecute),
        _ => return Err(format!("no effect is called `{name}`")),
    })
}

/// A condition on a label.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Requirement {
    key: String,
    operator: String,
    #[serde(default)]
    values: Option<Vec<String>>,
}

impl Requirement {
    /// Requirement of the model.
    pub(super) fn model(&self) -> Result<model::Requirement, String> {
        let operator = match self.operator.as_str() {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            "Gt" => Operator::Gt,
            "Lt" => Operator::Lt,
            name => return Err(format!("no operator is called `{name}`")),
        };
        let values = self.values.iter().flatten();
        Ok(model::Requirement {
            key: self.key.as_str().into(),
            operator,
            values: values.map(|value| value.as_str().into()).collect(),
        })
    }
}

/// Labels.
pub(super) fn labels(labels: Option<&SortedMap<String, String>>) -> Labels {
    let pairs = labels.into_iter().flatten();
    pairs
        .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
        .collect()
}
