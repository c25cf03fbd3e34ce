//! Arguments of policies: which kinds of values there are, their defaults, and how what an experiment
//! states is checked. The JSON Schema of a parameter lets the reader of experiment files point at a
//! wrong value; the functions here read it.
//!
//! A decimal never becomes a binary fraction that scores are computed with: it is kept as a whole
//! number of its last decimal place, exactly as written.

use serde_json::{Value, json};
use thiserror::Error;

use units::nearest::hint;
use units::{Duration, Quantity};

/// Arguments of a plugin, as an experiment states them.
pub type Arguments = serde_json::Map<String, Value>;

/// A parameter of a policy.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Name of the parameter.
    pub name: &'static str,
    /// Type of the values, and the default.
    pub kind: Kind,
    /// Meaning of the parameter, with units.
    pub doc: &'static str,
}

/// Values of a parameter, with the default.
#[derive(Clone, Copy, Debug)]
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
    /// A decimal number, kept as a whole number of its last place: with 3 places, 1500 is 1.5.
    Decimal {
        /// Number of digits allowed after the point, up to 9.
        places: u8,
        /// Taken if nothing is said, in the last place.
        default: i64,
        /// The least, in the last place.
        min: i64,
        /// The most, in the last place.
        max: i64,
    },
    /// `true` or `false`.
    Boolean {
        /// Taken if nothing is said.
        default: bool,
    },
    /// A duration such as `1h30m`.
    Duration {
        /// Taken if nothing is said.
        default: &'static str,
    },
    /// A quantity of Kubernetes such as `8Gi` or `500m`.
    Quantity {
        /// Taken if nothing is said.
        default: &'static str,
    },
    /// Any text.
    Text {
        /// Taken if nothing is said.
        default: &'static str,
    },
    /// One of a few words.
    Choice {
        /// Taken if nothing is said.
        default: &'static str,
        /// The words.
        of: &'static [&'static str],
    },
    /// A list of values of one kind.
    List {
        /// The kind of its items, whose default is not looked at.
        of: &'static Kind,
        /// Taken if nothing is said, as JSON.
        default: &'static str,
    },
    /// A weight from 1 to 100 for each of some resources.
    Weights {
        /// Taken if nothing is said.
        default: &'static [(&'static str, i64)],
    },
    /// Several values by name.
    Object {
        /// Fields that the object may hold.
        fields: &'static [Parameter],
    },
    /// A value of an API of Kubernetes, which the reader of manifests checks; none by default.
    Api {
        /// Type of the argument in that API.
        of: &'static str,
    },
}

/// The largest weight of a resource (spec: kubernetes.md 1.7).
const MAX_RESOURCE_WEIGHT: i64 = 100;

impl Kind {
    /// Describes valid values in words.
    pub fn expected(&self) -> String {
        match self {
            Self::Integer { min, max, .. } => format!("a whole number from {min} to {max}"),
            Self::Decimal {
                places, min, max, ..
            } => format!(
                "a number from {} to {} of at most {places} decimal places",
                decimal_text(*min, *places),
                decimal_text(*max, *places)
            ),
            Self::Boolean { .. } => "`true` or `false`".to_owned(),
            Self::Duration { .. } => "a duration such as `1h30m`".to_owned(),
            Self::Quantity { .. } => "a quantity such as `8Gi` or `500m`".to_owned(),
            Self::Text { .. } => "a text".to_owned(),
            Self::Choice { of, .. } => format!("one of `{}`", of.join("`, `")),
            Self::List { of, .. } => format!("a list, each item {}", of.expected()),
            Self::Weights { .. } => "a map of resources to weights from 1 to 100".to_owned(),
            Self::Object { fields } => {
                let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
                format!("a map with `{}`", names.join("`, `"))
            }
            Self::Api { of } => format!("a `{of}` of Kubernetes"),
        }
    }

    /// The default as an experiment would state it; `null` if there is none.
    pub fn default_value(&self) -> Value {
        match *self {
            Self::Integer { default, .. } => default.into(),
            Self::Decimal {
                places, default, ..
            } => decimal_value(default, places),
            Self::Boolean { default } => default.into(),
            Self::Duration { default }
            | Self::Quantity { default }
            | Self::Text { default }
            | Self::Choice { default, .. } => default.into(),
            Self::List { default, .. } => {
                serde_json::from_str(default).expect("invariant: a test reads every default")
            }
            Self::Weights { default } => default
                .iter()
                .map(|&(resource, weight)| (resource.to_owned(), Value::from(weight)))
                .collect(),
            Self::Object { fields } => fields
                .iter()
                .map(|field| (field.name.to_owned(), field.default_value()))
                .filter(|(_, value)| !value.is_null())
                .collect(),
            Self::Api { .. } => Value::Null,
        }
    }

    /// The JSON Schema of the values, without words and default.
    fn schema(&self) -> Value {
        match *self {
            Self::Integer { min, max, .. } => {
                json!({"type": "integer", "minimum": min, "maximum": max})
            }
            Self::Decimal {
                places, min, max, ..
            } => json!({
                "type": "number",
                "minimum": decimal_value(min, places),
                "maximum": decimal_value(max, places),
                "multipleOf": decimal_value(1, places),
                // For the reader of experiment files, which compares digits.
                "x-places": places,
            }),
            Self::Boolean { .. } => json!({"type": "boolean"}),
            Self::Duration { .. } => json!({"type": ["string", "number"], "format": "duration"}),
            Self::Quantity { .. } => json!({"type": ["string", "number"], "format": "quantity"}),
            Self::Text { .. } => json!({"type": "string"}),
            Self::Choice { of, .. } => json!({"type": "string", "enum": of}),
            Self::List { of, .. } => json!({"type": "array", "items": of.schema()}),
            Self::Weights { .. } => json!({
                "type": "object",
                "additionalProperties": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAX_RESOURCE_WEIGHT,
                },
                "minProperties": 1,
            }),
            Self::Object { fields } => object_schema(fields),
            Self::Api { .. } => Value::Bool(true),
        }
    }

    /// Whether a value is of the kind.
    fn admits(&self, value: &Value) -> bool {
        match *self {
            Self::Integer { min, max, .. } => {
                let number = value.as_i64();
                number.is_some_and(|number| (min..=max).contains(&number))
            }
            Self::Decimal {
                places, min, max, ..
            } => {
                let number = read_decimal(value, places);
                number.is_some_and(|number| (min..=max).contains(&number))
            }
            Self::Boolean { .. } => value.is_boolean(),
            Self::Duration { .. } => written(value).parse::<Duration>().is_ok(),
            Self::Quantity { .. } => written(value).parse::<Quantity>().is_ok(),
            Self::Text { .. } => value.is_string(),
            Self::Choice { of, .. } => value.as_str().is_some_and(|word| of.contains(&word)),
            Self::List { of, .. } => {
                let items = value.as_array();
                items.is_some_and(|items| items.iter().all(|item| of.admits(item)))
            }
            Self::Weights { .. } => value.as_object().is_some_and(|map| {
                let mut weights = map.values().map(Value::as_i64);
                let is_right = |weight: Option<i64>| {
                    weight.is_some_and(|weight| (1..=MAX_RESOURCE_WEIGHT).contains(&weight))
                };
                !map.is_empty() && weights.all(is_right)
            }),
            Self::Object { fields } => value.as_object().is_some_and(|map| {
                map.iter().all(|(name, value)| {
                    let field = fields.iter().find(|field| field.name == name.as_str());
                    field.is_some_and(|field| field.kind.admits(value))
                })
            }),
            Self::Api { .. } => true,
        }
    }
}

impl Parameter {
    /// The default as an experiment would state it; `null` if there is none.
    pub fn default_value(&self) -> Value {
        self.kind.default_value()
    }

    /// The JSON Schema of its values, with what it means and its default.
    pub fn schema(&self) -> Value {
        let mut schema = self.kind.schema();
        if schema.is_boolean() {
            return schema;
        }
        schema["description"] = self.doc.into();
        schema["default"] = self.default_value();
        schema
    }

    /// The value that was given, or the default.
    fn stated(&self, arguments: &Arguments) -> Result<Value, ArgumentError> {
        match arguments.get(self.name) {
            None => Ok(self.default_value()),
            Some(value) if self.kind.admits(value) => Ok(value.clone()),
            Some(value) => Err(ArgumentError::Value {
                name: self.name,
                expected: self.kind.expected(),
                found: value.to_string(),
            }),
        }
    }

    /// The value read by a function, which fails for a parameter of another kind.
    fn read<T>(
        &self,
        arguments: &Arguments,
        kind: &'static str,
        reader: impl Fn(&Value) -> Option<T>,
    ) -> Result<T, ArgumentError> {
        let value = self.stated(arguments)?;
        reader(&value).ok_or(ArgumentError::Kind {
            name: self.name,
            kind,
        })
    }

    /// The whole number that was given, or the default.
    ///
    /// # Errors
    /// The value is not a whole number within the bounds.
    pub fn integer(&self, arguments: &Arguments) -> Result<i64, ArgumentError> {
        self.read(arguments, "a whole number", Value::as_i64)
    }

    /// The decimal number that was given, or the default, as a whole number of its last place.
    ///
    /// # Errors
    /// The value is not a number within the bounds, or has more decimal places.
    pub fn decimal(&self, arguments: &Arguments) -> Result<i64, ArgumentError> {
        self.read(arguments, "a decimal number", |value| match self.kind {
            Kind::Decimal { places, .. } => read_decimal(value, places),
            _ => None,
        })
    }

    /// Whether something is so, or the default.
    ///
    /// # Errors
    /// The value is neither `true` nor `false`.
    pub fn boolean(&self, arguments: &Arguments) -> Result<bool, ArgumentError> {
        self.read(arguments, "`true` or `false`", Value::as_bool)
    }

    /// The duration that was given, or the default.
    ///
    /// # Errors
    /// The value is no duration.
    pub fn duration(&self, arguments: &Arguments) -> Result<Duration, ArgumentError> {
        self.read(arguments, "a duration", |value| written(value).parse().ok())
    }

    /// The quantity that was given, or the default.
    ///
    /// # Errors
    /// The value is no quantity.
    pub fn quantity(&self, arguments: &Arguments) -> Result<Quantity, ArgumentError> {
        self.read(arguments, "a quantity", |value| written(value).parse().ok())
    }

    /// The text or word that was given, or the default.
    ///
    /// # Errors
    /// The value is no text, or none of the words.
    pub fn text(&self, arguments: &Arguments) -> Result<String, ArgumentError> {
        self.read(arguments, "a text", |value| {
            value.as_str().map(str::to_owned)
        })
    }

    /// The items of the list that was given, or the default ones.
    ///
    /// # Errors
    /// The value is no list, or an item is not of the list's kind.
    pub fn list(&self, arguments: &Arguments) -> Result<Vec<Value>, ArgumentError> {
        self.read(arguments, "a list", |value| value.as_array().cloned())
    }

    /// The weights that were given, or the default ones.
    ///
    /// # Errors
    /// The value is not a map of resources to weights from 1 to 100, or it is empty.
    pub fn weights(&self, arguments: &Arguments) -> Result<Vec<(String, i64)>, ArgumentError> {
        self.read(arguments, "a map of weights", |value| {
            let weights = value.as_object()?.iter();
            weights
                .map(|(resource, weight)| Some((resource.clone(), weight.as_i64()?)))
                .collect()
        })
    }
}

/// Refuses an argument that none of the parameters is for.
///
/// # Errors
/// There is one.
pub(super) fn check_names(
    parameters: &[Parameter],
    arguments: &Arguments,
) -> Result<(), ArgumentError> {
    let known = parameters.iter().map(|parameter| parameter.name);
    let mut names = arguments.keys();
    match names.find(|name| !known.clone().any(|known| known == name.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(ArgumentError::Unknown {
            name: unknown.clone(),
            hint: hint(unknown, known),
        }),
    }
}

/// The JSON Schema of a map of parameters.
pub(super) fn object_schema(parameters: &[Parameter]) -> Value {
    let properties: Arguments = parameters
        .iter()
        .map(|parameter| (parameter.name.to_owned(), parameter.schema()))
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

/// A text, or a number in its digits.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A number as a whole number of a decimal place; `None` if it has more places, or is no number.
fn read_decimal(value: &Value, places: u8) -> Option<i64> {
    let text = value.as_number()?.to_string();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.as_str()),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let part = part.trim_end_matches('0');
    let missing = usize::from(places).checked_sub(part.len())?;
    let number: i64 = format!("{whole}{part}{}", "0".repeat(missing))
        .parse()
        .ok()?;
    Some(sign * number)
}

/// A whole number of a decimal place, as it is written.
fn decimal_text(number: i64, places: u8) -> String {
    let unit = 10_u64.pow(u32::from(places));
    let (whole, part) = (number.unsigned_abs() / unit, number.unsigned_abs() % unit);
    let sign = if number < 0 { "-" } else { "" };
    if part == 0 {
        return format!("{sign}{whole}");
    }
    let part = format!("{part:0width$}", width = usize::from(places));
    format!("{sign}{whole}.{}", part.trim_end_matches('0'))
}

fn decimal_value(number: i64, places: u8) -> Value {
    let text = decimal_text(number, places);
    serde_json::from_str(&text).expect("invariant: digits and a point are a number")
}

/// Reason a policy can't be made from its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ArgumentError {
    /// The policy has no such parameter.
    #[error("unknown argument `{name}`; {hint}")]
    Unknown {
        /// Name as written.
        name: String,
        /// Name that may have been meant.
        hint: String,
    },
    /// A plugin of kube-scheduler, which its own configuration makes.
    #[error("this is a plugin of kube-scheduler, and no policy of the pipeline")]
    KubePlugin,
    /// A policy reads its parameter as another kind than it declares.
    #[error("argument `{name}` is not declared as {kind}; this is a mistake in the policy")]
    Kind {
        /// The parameter.
        name: &'static str,
        /// Kind as which the policy reads the argument.
        kind: &'static str,
    },
    /// A value of the wrong kind or outside its bounds.
    #[error("argument `{name}`: expected {expected}, found `{found}`")]
    Value {
        /// The parameter.
        name: &'static str,
        /// Values that the argument takes.
        expected: String,
        /// Value as written.
        found: String,
    },
}

#[cfg(test)]
mod tests;
