//! Constraints: whether an offer may take another instance, given the instances that are placed
//! (spec: orchestrators-b.md section 2.1; marathon `Constraints.scala`).

use indexmap::IndexMap;
use thiserror::Error;

use crate::parts::pattern::Pattern;
use model::Text;
use units::SortedSet;

/// Value of an offer's field: the host's name, region, zone, or an attribute of the agent.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// A text.
    Text(Text),
    /// A number.
    Scalar(f64),
    /// Ranges of whole numbers, both ends included.
    Ranges(Vec<(i64, i64)>),
    /// Words in no order.
    Set(SortedSet<Text>),
}

impl FieldValue {
    /// Value of an attribute as an agent states it: ranges, a set, a number, or a text
    /// (`Attributes::parse`).
    pub fn of_attribute(text: &str) -> Self {
        let is_number = text.bytes().any(|one| one.is_ascii_digit());
        match text.parse::<f64>() {
            Ok(number) if is_number && number.is_finite() => Self::Scalar(number),
            _ => Self::Text(text.into()),
        }
    }

    /// The text that values are compared as.
    pub fn printed(&self) -> String {
        match self {
            Self::Text(text) => text.to_string(),
            Self::Scalar(number) => print_scalar(*number),
            Self::Ranges(ranges) => {
                let ranges = ranges.iter().map(|(from, to)| format!("{from}-{to}"));
                format!("[{}]", ranges.collect::<Vec<_>>().join(","))
            }
            Self::Set(words) => {
                let words: Vec<&str> = words.iter().map(|word| &**word).collect();
                format!("{{{}}}", words.join(","))
            }
        }
    }
}

/// A number with three decimals at most and no zeros at the end.
fn print_scalar(number: f64) -> String {
    let decimals = format!("{number:.3}");
    let shortest = decimals.trim_end_matches('0').trim_end_matches('.');
    if shortest == "-0" { "0" } else { shortest }.to_owned()
}

/// A constraint over a field.
#[derive(Clone, Debug)]
pub enum Constraint {
    /// No two instances have the same value.
    Unique,
    /// All instances have one value, this one if it is named.
    Cluster(Option<Text>),
    /// The value matches; `None` is an empty or broken expression, which matches nothing.
    Like(Option<Pattern>),
    /// The value does not match; `None` likewise rejects.
    Unlike(Option<Pattern>),
    /// The value is this one.
    Is(Text),
    /// No more than so many instances have the same value.
    MaxPer(u64),
    /// Instances go to new groups and to the smallest one, once there are at least so many if it is said
    /// (`checkGroupBy` up to v1.10.26).
    GroupBy(Option<u64>),
    /// Instances are even over so many groups, or over all that agents have (`GROUP_BY` since October 2020, #7206).
    EvenGroups(Option<u64>),
}

/// Reason a constraint can't be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConstraintError {
    /// There is no such operator.
    #[error(
        "there is no operator `{operator}`, expected UNIQUE, CLUSTER, LIKE, UNLIKE, IS, MAX_PER or \
         GROUP_BY"
    )]
    Operator {
        /// Operator as written.
        operator: String,
    },
    /// The operator needs another value.
    #[error("`{operator}` with the value `{value}`: expected {expected}")]
    Value {
        /// The operator.
        operator: String,
        /// Value as written.
        value: String,
        /// Form that would do.
        expected: &'static str,
    },
    /// No agent has the attribute, so that no offer is ever accepted.
    #[error("{operator} over `{field}`: no agent has this attribute; known are {known}")]
    AbsentField {
        /// The operator.
        operator: &'static str,
        /// The field.
        field: String,
        /// The attributes of all agents.
        known: String,
    },
}

impl Constraint {
    /// Reads an operator and its value; empty is no value.
    ///
    /// # Errors
    /// There is no such operator, or it needs another value.
    pub fn parse(operator: &str, value: &str) -> Result<Self, ConstraintError> {
        let wrong = |expected| ConstraintError::Value {
            operator: operator.to_owned(),
            value: value.to_owned(),
            expected,
        };
        let number = |expected| value.trim().parse::<i64>().map_err(|_| wrong(expected));
        let pattern = || (!value.is_empty()).then(|| Pattern::whole(value));
        match operator {
            "UNIQUE" => Ok(Self::Unique),
            "CLUSTER" => Ok(Self::Cluster((!value.is_empty()).then(|| value.into()))),
            "LIKE" => Ok(Self::Like(pattern())),
            "UNLIKE" => Ok(Self::Unlike(pattern())),
            "IS" => Ok(Self::Is(value.into())),
            "MAX_PER" => Ok(Self::MaxPer(number("a whole number")?.max(0) as u64)),
            "GROUP_BY" if value.is_empty() => Ok(Self::GroupBy(None)),
            "GROUP_BY" => {
                let groups = number("a whole number, or nothing")?.max(0) as u64;
                Ok(Self::GroupBy((groups > 0).then_some(groups)))
            }
            _ => Err(ConstraintError::Operator {
                operator: operator.to_owned(),
            }),
        }
    }

    /// The operator.
    pub fn operator(&self) -> &'static str {
        match self {
            Self::Unique => "UNIQUE",
            Self::Cluster(_) => "CLUSTER",
            Self::Like(_) => "LIKE",
            Self::Unlike(_) => "UNLIKE",
            Self::Is(_) => "IS",
            Self::MaxPer(_) => "MAX_PER",
            Self::GroupBy(_) | Self::EvenGroups(_) => "GROUP_BY",
        }
    }

    /// Refuses a constraint over a field that no agent has. `UNLIKE` accepts what lacks the field,
    /// and every offer has a host.
    ///
    /// # Errors
    /// No agent has the field.
    pub fn check_field(&self, field: &str, known: &SortedSet<Text>) -> Result<(), ConstraintError> {
        let is_host = matches!(field, "hostname" | "@hostname");
        if is_host || known.contains(field) || matches!(self, Self::Unlike(_)) {
            return Ok(());
        }
        let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        Err(ConstraintError::AbsentField {
            operator: self.operator(),
            field: field.to_owned(),
            known: known.join(", "),
        })
    }

    /// Whether an offer is accepted. `placed` are the printed values of the placed instances in the
    /// order of their placement, `instances` how many the placed specification wants, `seen` how
    /// many values agents have as far as is known, the offer's included.
    pub fn accepts(
        &self,
        offer: Option<&FieldValue>,
        placed: &[String],
        instances: u64,
        seen: u64,
    ) -> bool {
        let Some(offer) = offer else {
            return matches!(self, Self::Unlike(_));
        };
        let value = offer.printed();
        let same = || placed.iter().filter(|&one| *one == value).count() as u64;
        match self {
            Self::Unique => same() == 0,
            Self::Cluster(Some(wanted)) => value == **wanted,
            Self::Cluster(None) => placed.first().is_none_or(|first| *first == value),
            Self::Like(pattern) => pattern.as_ref().is_some_and(|one| one.matches(&value)),
            Self::Unlike(pattern) => pattern
                .as_ref()
                .is_some_and(|one| one.is_valid() && !one.matches(&value)),
            Self::Is(wanted) => value == normalized(wanted),
            Self::MaxPer(most) => same() < *most,
            Self::GroupBy(least) => {
                let counts = counts(placed);
                let own = counts.get(&*value);
                let is_least = own.is_some() && counts.values().min() == own;
                own.is_none() || (is_least && counts.len() as u64 >= least.unwrap_or(0))
            }
            Self::EvenGroups(groups) => {
                let groups = groups.unwrap_or(seen.max(1));
                keeps_even(&counts(placed), &value, instances, groups)
            }
        }
    }

    /// The constraint as the newest sources have it.
    #[must_use]
    pub fn even_groups(self) -> Self {
        match self {
            Self::GroupBy(groups) => Self::EvenGroups(groups),
            other => other,
        }
    }
}

/// Number of instances by value.
fn counts(placed: &[String]) -> IndexMap<&str, u64> {
    let mut counts = IndexMap::new();
    for one in placed {
        *counts.entry(one.as_str()).or_default() += 1;
    }
    counts
}

/// A wanted value is printed like a scalar if it looks like one without a sign.
fn normalized(wanted: &str) -> String {
    let (whole, fraction) = wanted.split_once('.').unwrap_or((wanted, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|one| one.is_ascii_digit());
    match wanted.parse::<f64>() {
        Ok(number) if is_digits(whole) && is_digits(fraction) => print_scalar(number),
        _ => wanted.to_owned(),
    }
}

/// Whether another instance keeps the groups even.
fn keeps_even(counts: &IndexMap<&str, u64>, value: &str, instances: u64, groups: u64) -> bool {
    let Some(&count) = counts.get(value) else {
        return (counts.len() as u64) < groups;
    };
    let instances = if counts.is_empty() { 1 } else { instances };
    let share = instances / groups;
    let used = counts.values().map(|count| count.saturating_sub(share));
    let left = (instances % groups).saturating_sub(used.sum());
    count < share || (count == share && left > 0)
}
