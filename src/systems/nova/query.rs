//! Queries of requests about the state of their host, in lists of an operator and its terms, such as
//! `["and", [">=", "$free_ram_mb", 1024], ["<", "$num_instances", 8]]` (openstack/nova
//! `scheduler/filters/json_filter.py`).

use model::Text;
use serde_json::Value;
use thiserror::Error;

use super::host::Host;

/// Query about a host.
#[derive(Clone, Debug, PartialEq)]
pub struct Query(Term);

/// Reason why a text is no query.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QueryError {
    /// The text is no JSON.
    #[error("no JSON: {0}")]
    Json(String),
    /// There is no list, or it does not begin with an operator.
    #[error("`{0}` is no list that begins with an operator; expected one of {OPERATORS}")]
    NoOperator(String),
    /// The variable is none of a host's.
    #[error("there is no variable `${0}`; {hint}", hint = units::nearest::hint(.0, names()))]
    Variable(String),
    /// A term is neither a list nor a value.
    #[error("`{0}` is no term; expected a list, a number, a text or a truth value")]
    Term(String),
}

/// The operators as messages list them.
const OPERATORS: &str = "`=`, `<`, `>`, `in`, `<=`, `>=`, `not`, `or`, `and`";

/// Operator of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    Less,
    Greater,
    In,
    LessOrEqual,
    GreaterOrEqual,
    Not,
    Or,
    And,
}

impl Operator {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "=" => Self::Equal,
            "<" => Self::Less,
            ">" => Self::Greater,
            "in" => Self::In,
            "<=" => Self::LessOrEqual,
            ">=" => Self::GreaterOrEqual,
            "not" => Self::Not,
            "or" => Self::Or,
            "and" => Self::And,
            _ => return None,
        })
    }
}

/// Term of a query.
#[derive(Clone, Debug, PartialEq)]
enum Term {
    /// An empty list, which holds of every host.
    Everything,
    List(Operator, Vec<Self>),
    Variable(Variable),
    Number(f64),
    Text(Text),
    Truth(bool),
}

/// Variable of a host's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variable {
    FreeMemory,
    FreeDisk,
    Memory,
    DiskGib,
    UsedDisk,
    Vcpus,
    UsedVcpus,
    Instances,
    IoOperations,
    FailedBuilds,
    Name,
}

/// The variables by their names.
const VARIABLES: [(&str, Variable); 12] = [
    ("free_ram_mb", Variable::FreeMemory),
    ("free_disk_mb", Variable::FreeDisk),
    ("total_usable_ram_mb", Variable::Memory),
    ("total_usable_disk_gb", Variable::DiskGib),
    ("disk_mb_used", Variable::UsedDisk),
    ("vcpus_total", Variable::Vcpus),
    ("vcpus_used", Variable::UsedVcpus),
    ("num_instances", Variable::Instances),
    ("num_io_ops", Variable::IoOperations),
    ("failed_builds", Variable::FailedBuilds),
    ("host", Variable::Name),
    ("hypervisor_hostname", Variable::Name),
];

fn names() -> impl Iterator<Item = &'static str> + Clone {
    VARIABLES.iter().map(|(name, _)| *name)
}

impl Variable {
    fn of(self, host: &Host) -> Found {
        let number = |amount: i64| Found::Number(amount as f64);
        match self {
            Self::FreeMemory => number(host.free().memory),
            Self::FreeDisk => number(host.free().disk),
            Self::Memory => number(host.total.memory),
            Self::DiskGib => number(host.total.disk / (1 << 10)),
            Self::UsedDisk => number(host.used.disk),
            Self::Vcpus => number(host.total.vcpus),
            Self::UsedVcpus => number(host.used.vcpus),
            Self::Instances => number(host.instances),
            Self::IoOperations => number(host.io_operations),
            Self::FailedBuilds => number(host.failed_builds),
            Self::Name => Found::Text(host.name.clone()),
        }
    }
}

/// Value of a term.
#[derive(Clone, Debug, PartialEq)]
enum Found {
    Number(f64),
    Text(Text),
    Truth(bool),
    /// The outcomes of `not`, one for each of its terms.
    Several(Vec<bool>),
}

impl Found {
    /// The value as a truth value; a list of outcomes is one that is not empty, as Python has it.
    fn is_true(&self) -> bool {
        match self {
            Self::Number(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Truth(truth) => *truth,
            Self::Several(all) => !all.is_empty(),
        }
    }

    /// The value as a number; truth values count as 1 and 0.
    fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Truth(truth) => Some(f64::from(*truth)),
            Self::Text(_) | Self::Several(_) => None,
        }
    }

    fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::Several(one), Self::Several(other)) => one == other,
            _ => self.number().is_some_and(|one| other.number() == Some(one)),
        }
    }

    /// The order of two values; `None` of values of two kinds.
    fn order(&self, other: &Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => Some(one.cmp(other)),
            _ => self.number()?.partial_cmp(&other.number()?),
        }
    }
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// The text is none.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let value: Value =
            serde_json::from_str(text).map_err(|why| QueryError::Json(why.to_string()))?;
        match &value {
            Value::Array(_) => Ok(Self(term(&value)?)),
            _ => Err(QueryError::NoOperator(value.to_string())),
        }
    }

    /// Whether the query holds of a host.
    pub fn holds(&self, host: &Host) -> bool {
        match self.0.of(host) {
            Found::Several(all) => all.contains(&true),
            found => found.is_true(),
        }
    }
}

fn term(value: &Value) -> Result<Term, QueryError> {
    Ok(match value {
        Value::Array(items) => {
            let Some((first, rest)) = items.split_first() else {
                return Ok(Term::Everything);
            };
            let operator = first.as_str().and_then(Operator::named);
            let operator = operator.ok_or_else(|| QueryError::NoOperator(value.to_string()))?;
            let terms: Result<Vec<Term>, QueryError> = rest.iter().map(term).collect();
            Term::List(operator, terms?)
        }
        Value::String(text) => match text.strip_prefix('$') {
            None => Term::Text(text.as_str().into()),
            Some(name) => {
                let mut known = VARIABLES.iter().filter(|(own, _)| *own == name);
                let known = known.next().map(|(_, variable)| *variable);
                Term::Variable(known.ok_or_else(|| QueryError::Variable(name.to_owned()))?)
            }
        },
        Value::Number(number) => {
            let number = number.as_f64();
            Term::Number(number.ok_or_else(|| QueryError::Term(value.to_string()))?)
        }
        Value::Bool(truth) => Term::Truth(*truth),
        Value::Null | Value::Object(_) => return Err(QueryError::Term(value.to_string())),
    })
}

impl Term {
    fn of(&self, host: &Host) -> Found {
        match self {
            Self::Everything => Found::Truth(true),
            Self::Variable(variable) => variable.of(host),
            Self::Number(number) => Found::Number(*number),
            Self::Text(text) => Found::Text(text.clone()),
            Self::Truth(truth) => Found::Truth(*truth),
            Self::List(operator, terms) => {
                let terms: Vec<Found> = terms.iter().map(|term| term.of(host)).collect();
                operator.over(&terms)
            }
        }
    }
}

impl Operator {
    fn over(self, terms: &[Found]) -> Found {
        match self {
            Self::Not => Found::Several(terms.iter().map(|own| !own.is_true()).collect()),
            Self::Or => Found::Truth(terms.iter().any(Found::is_true)),
            Self::And => Found::Truth(terms.iter().all(Found::is_true)),
            _ => Found::Truth(self.compares(terms)),
        }
    }

    /// Whether the first term compares with all others; with one of them for `in`. One alone does not.
    fn compares(self, terms: &[Found]) -> bool {
        let Some((first, rest)) = terms.split_first().filter(|(_, rest)| !rest.is_empty()) else {
            return false;
        };
        let ordered = |test: fn(std::cmp::Ordering) -> bool| {
            rest.iter().all(|own| first.order(own).is_some_and(test))
        };
        match self {
            Self::In => rest.iter().any(|own| first.equals(own)),
            Self::Less => ordered(std::cmp::Ordering::is_lt),
            Self::Greater => ordered(std::cmp::Ordering::is_gt),
            Self::LessOrEqual => ordered(std::cmp::Ordering::is_le),
            Self::GreaterOrEqual => ordered(std::cmp::Ordering::is_ge),
            Self::Equal | Self::Not | Self::Or | Self::And => {
                rest.iter().all(|own| first.equals(own))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::host::Amounts;
    use super::*;

    fn holds(text: &str) -> bool {
        let amounts = |vcpus, memory, disk| Amounts {
            vcpus,
            memory,
            disk,
        };
        let host = Host {
            name: "host-1".into(),
            total: amounts(16, 4_096, 200 << 10),
            used: amounts(4, 1_024, 50 << 10),
            instances: 3,
            ..Host::default()
        };
        Query::parse(text).expect("a query").holds(&host)
    }

    #[test]
    fn queries_hold_as_the_original_has_them() {
        for (text, expected) in [
            (r#"["=", 1, 1]"#, true),
            (r#"["=", 1, 2]"#, false),
            (r#"["=", "1", "1"]"#, true),
            (r#"["=", 1, "1"]"#, false),
            (r#"["<", 1, 2, 3]"#, true),
            (r#"["<", 1, 2, 1]"#, false),
            (r#"[">", 1]"#, false),
            (r#"["in", 1, 3, 2, 1]"#, true),
            (r#"["in", 4, 1, 2, 3]"#, false),
            (r#"["not", true]"#, false),
            (r#"["not", false]"#, true),
            (r#"["not", true, false]"#, true),
            (r#"["or", false, false]"#, false),
            (r#"["and", true, false]"#, false),
            (r#"["and", ["or", true, false], [">", 2, 1]]"#, true),
            // A list of outcomes is true as a term, whatever they are.
            (r#"["and", ["not", true], true]"#, true),
            ("[]", true),
            (r#"[">=", "$free_ram_mb", 3072]"#, true),
            (r#"[">=", "$free_ram_mb", 3073]"#, false),
            (r#"["=", "$vcpus_used", 4]"#, true),
            (r#"["<", "$num_instances", 3]"#, false),
            (r#"["in", "$host", "host-0", "host-1"]"#, true),
            (r#"["=", "$total_usable_disk_gb", 200]"#, true),
            (r#"[">", "$host", 1]"#, false),
        ] {
            assert_eq!(holds(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for (text, expected) in [
            ("[", "no JSON"),
            ("{}", "no list that begins with an operator"),
            (r#"["!=", 1, 2]"#, "expected one of `=`"),
            (r#"["=", ["?", 1], 2]"#, r#"`["?",1]` is no list"#),
            (r#"["=", "$free_ram", 2]"#, "no variable `$free_ram`"),
            (r#"["=", null, 2]"#, "`null` is no term"),
        ] {
            let why = Query::parse(text).expect_err(text).to_string();
            assert!(why.contains(expected), "{text}: {why}");
        }
    }
}
