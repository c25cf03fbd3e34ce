//! What the registry knows of a policy: its name, what it does, its parameters and how it is made.

use std::sync::Arc;

use serde_json::{Value, json};
use thiserror::Error;

use cluster::fragmentation::TypicalPods;
use model::Text;
use rng::Stream;
use scheduler::{Plugin, QueueOrder, Select};
use units::nearest::hint;

/// Arguments of a plugin, as an experiment states them.
pub type Arguments = serde_json::Map<String, Value>;

/// The extension point that a policy is listed under. One plugin may act at several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// Says which nodes can take a pod.
    Filter,
    /// Gives nodes points.
    Score,
    /// Chooses GPU devices on the chosen node.
    Devices,
    /// Chooses among the nodes with the most points.
    Select,
    /// Says which pod goes first.
    QueueOrder,
}

impl Point {
    /// The point's name in lists and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Score => "score",
            Self::Devices => "devices",
            Self::Select => "select",
            Self::QueueOrder => "queue-order",
        }
    }
}

/// A policy in the registry.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The entry's name, unique in the registry.
    pub name: &'static str,
    /// The point it is listed under.
    pub point: Point,
    /// Description of the policy in one sentence.
    pub summary: &'static str,
    /// Parameters of the policy.
    pub parameters: &'static [Parameter],
    /// Makes one; called by [`Entry::build`], which has looked for unknown arguments.
    pub constructor: fn(&Setup, &Arguments) -> Result<Built, ArgumentError>,
}

impl Entry {
    /// Makes the policy.
    ///
    /// # Errors
    /// An argument that it does not have or whose value is not as expected.
    pub fn build(&self, setup: &Setup, arguments: &Arguments) -> Result<Built, ArgumentError> {
        let known = self.parameters.iter().map(|parameter| parameter.name);
        if let Some(unknown) = arguments
            .keys()
            .find(|name| !known.clone().any(|known| known == name.as_str()))
        {
            return Err(ArgumentError::Unknown {
                name: unknown.clone(),
                hint: hint(unknown, known),
            });
        }
        (self.constructor)(setup, arguments)
    }

    /// The JSON Schema of its arguments; `None` if it takes none.
    pub fn schema(&self) -> Option<Value> {
        if self.parameters.is_empty() {
            return None;
        }
        let properties: Arguments = self
            .parameters
            .iter()
            .map(|parameter| (parameter.name.to_owned(), parameter.schema()))
            .collect();
        Some(json!({
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        }))
    }
}

/// Result of a constructor.
#[derive(Clone)]
pub enum Built {
    /// A plugin of the pipeline.
    Plugin(Box<dyn Plugin>),
    /// A choice among equals.
    Select(Box<dyn Select>),
    /// An order of the queue.
    Order(Box<dyn QueueOrder>),
}

/// Context in which policies are constructed, besides their arguments.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The run's seed.
    pub seed: u64,
    /// Number of the scheduler in the run, so that two schedulers draw different random numbers.
    pub scheduler: u64,
    /// The target workload of fragmentation measures; model indexes are those of the cell's store.
    pub typical_pods: Arc<TypicalPods>,
    /// The cell's GPU models by the index that `typical_pods` knows them by.
    pub gpu_models: Arc<[Text]>,
    /// Ranks that decide ties, by node row; `None` draws them.
    pub node_ranks: Option<Arc<[u32]>>,
}

impl Setup {
    /// The random stream of a policy of this scheduler.
    pub fn stream(&self, policy: &str) -> Stream {
        Stream::new(self.seed, &format!("policy/{policy}"), self.scheduler)
    }
}

/// Something a policy can be told.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// The parameter's name.
    pub name: &'static str,
    /// Type of the values, and the default.
    pub kind: Kind,
    /// Meaning of the parameter, with units.
    pub doc: &'static str,
}

/// Values of a parameter, with the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Integer {
        /// Taken if nothing is said.
        default: i64,
        /// The least.
        min: i64,
        /// The most.
        max: i64,
    },
    /// A weight from 1 to 100 for each of some resources.
    Weights {
        /// Taken if nothing is said.
        default: &'static [(&'static str, i64)],
    },
}

/// The largest weight of a resource (spec: kubernetes.md 1.7).
const MAX_RESOURCE_WEIGHT: i64 = 100;

impl Parameter {
    /// The default as an experiment would state it.
    pub fn default_value(&self) -> Value {
        match self.kind {
            Kind::Integer { default, .. } => default.into(),
            Kind::Weights { default } => default
                .iter()
                .map(|&(resource, weight)| (resource.to_owned(), Value::from(weight)))
                .collect(),
        }
    }

    /// The JSON Schema of its values.
    pub fn schema(&self) -> Value {
        let (default, doc) = (self.default_value(), self.doc);
        match self.kind {
            Kind::Integer { min, max, .. } => json!({
                "description": doc,
                "type": "integer",
                "minimum": min,
                "maximum": max,
                "default": default,
            }),
            Kind::Weights { .. } => json!({
                "description": doc,
                "type": "object",
                "additionalProperties": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAX_RESOURCE_WEIGHT,
                },
                "minProperties": 1,
                "default": default,
            }),
        }
    }

    /// The whole number that was given, or the default.
    ///
    /// # Errors
    /// The value is not a whole number within the bounds.
    pub fn integer(&self, arguments: &Arguments) -> Result<i64, ArgumentError> {
        let Kind::Integer { default, min, max } = self.kind else {
            return Err(self.unexpected("a whole number", &"a parameter of another kind"));
        };
        let Some(value) = arguments.get(self.name) else {
            return Ok(default);
        };
        value
            .as_i64()
            .filter(|number| (min..=max).contains(number))
            .ok_or_else(|| self.unexpected(&format!("a whole number from {min} to {max}"), value))
    }

    /// The weights that were given, or the default ones.
    ///
    /// # Errors
    /// The value is not a map of resources to weights from 1 to 100, or it is empty.
    pub fn weights(&self, arguments: &Arguments) -> Result<Vec<(String, i64)>, ArgumentError> {
        const EXPECTED: &str = "a map of resources to weights from 1 to 100";
        let default;
        let value = if let Some(value) = arguments.get(self.name) {
            value
        } else {
            default = self.default_value();
            &default
        };
        let Some(map) = value.as_object().filter(|map| !map.is_empty()) else {
            return Err(self.unexpected(EXPECTED, value));
        };
        map.iter()
            .map(|(resource, weight)| {
                weight
                    .as_i64()
                    .filter(|weight| (1..=MAX_RESOURCE_WEIGHT).contains(weight))
                    .map(|weight| (resource.clone(), weight))
                    .ok_or_else(|| self.unexpected(EXPECTED, value))
            })
            .collect()
    }

    fn unexpected(&self, expected: &str, found: &dyn std::fmt::Display) -> ArgumentError {
        ArgumentError::Value {
            name: self.name,
            expected: expected.to_owned(),
            found: found.to_string(),
        }
    }
}

/// Why a policy can't be made from its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ArgumentError {
    /// The policy has no such parameter.
    #[error("unknown argument `{name}`; {hint}")]
    Unknown {
        /// The value as written.
        name: String,
        /// Suggestion for the intended name.
        hint: String,
    },
    /// A value of the wrong kind or outside its bounds.
    #[error("argument `{name}`: expected {expected}, found `{found}`")]
    Value {
        /// The parameter.
        name: &'static str,
        /// Description of valid values.
        expected: String,
        /// The value as written.
        found: String,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COUNT: Parameter = Parameter {
        name: "count",
        kind: Kind::Integer {
            default: 3,
            min: 1,
            max: 9,
        },
        doc: "How many.",
    };
    const RESOURCES: Parameter = Parameter {
        name: "resources",
        kind: Kind::Weights {
            default: &[("cpu", 1), ("memory", 2)],
        },
        doc: "What counts.",
    };

    fn arguments(value: &Value) -> Arguments {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn integers_are_checked_against_their_bounds() {
        for (given, expected) in [
            (json!({}), Ok(3)),
            (json!({"count": 9}), Ok(9)),
            (json!({"count": 0}), Err("found `0`")),
            (json!({"count": 1.5}), Err("found `1.5`")),
            (json!({"count": "4"}), Err("from 1 to 9, found `\"4\"`")),
        ] {
            match (COUNT.integer(&arguments(&given)), expected) {
                (Ok(number), Ok(expected)) => assert_eq!(number, expected, "{given}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (found, _) => panic!("{given}: {found:?}"),
            }
        }
    }

    #[test]
    fn schemas_state_bounds_and_defaults() {
        let expected = json!({
            "description": "How many.",
            "type": "integer",
            "minimum": 1,
            "maximum": 9,
            "default": 3,
        });
        assert_eq!(COUNT.schema(), expected);
        assert_eq!(
            RESOURCES.schema()["default"],
            json!({"cpu": 1, "memory": 2})
        );
        assert_eq!(
            RESOURCES.schema()["additionalProperties"]["maximum"],
            json!(100)
        );
    }

    #[test]
    fn weights_are_checked_one_by_one() {
        for (given, expected) in [
            (json!({}), Some(vec![("cpu", 1), ("memory", 2)])),
            (json!({"resources": {"gpu": 100}}), Some(vec![("gpu", 100)])),
            (json!({"resources": {}}), None),
            (json!({"resources": {"gpu": 0}}), None),
            (json!({"resources": {"gpu": 101}}), None),
            (json!({"resources": 3}), None),
        ] {
            let expected: Option<Vec<(String, i64)>> = expected.map(|weights| {
                weights
                    .into_iter()
                    .map(|(name, weight)| (name.to_owned(), weight))
                    .collect()
            });
            assert_eq!(
                RESOURCES.weights(&arguments(&given)).ok(),
                expected,
                "{given}"
            );
        }
    }
}
