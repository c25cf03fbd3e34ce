//! Expressions over the fields of arrivals, by which edits filter and rewrite a workload: `cpu > 4 &&
//! tenant == "a"`, `memory = memory * 1.2`. Numbers are exact quotients; what is written into a field
//! is rounded to its unit. A field that a trace does not state is `none`: comparisons with it are
//! false but for `== none`, and what is computed of it is `none`.

mod evaluate;
mod exact;
mod kinds;
mod parse;
mod rewrite;

use std::fmt;

use exact::Exact;
use kinds::{check, said};
use model::Text;

pub(crate) use evaluate::Facts;
pub(crate) use rewrite::{Assigned, apply};

/// A fault of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError {
    /// The place of the fault: a character, counted from 1.
    pub at: usize,
    /// The fault.
    pub reason: String,
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "character {}: {}", self.at, self.reason)
    }
}

impl std::error::Error for ExpressionError {}

/// A field of arrivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// The submission.
    Submit,
    /// The run time.
    RunTime,
    /// The declared limit of time.
    TimeLimit,
    /// The start in the origin.
    Start,
    /// Cores of a member.
    Cpu,
    /// Bytes of memory of a member.
    Memory,
    /// Bytes of local disk of a member.
    EphemeralStorage,
    /// GPU devices of a member.
    Gpus,
    /// Thousandths of each device.
    GpuMilli,
    /// Number of members.
    Members,
    /// The priority.
    Priority,
    /// The name.
    Name,
    /// The name of the tenant.
    Tenant,
    /// The namespace.
    Namespace,
    /// The type of the job.
    JobType,
}

/// The kind of an expression's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Condition,
    Text,
    /// A time, in seconds.
    Time,
    /// An amount or a count.
    Amount,
    /// A number that stands for whatever it meets.
    Plain,
    None,
}

/// A field with its name and kind.
struct FieldEntry {
    name: &'static str,
    field: Field,
    kind: Kind,
    /// Whether an assignment may have it on its left.
    is_assigned: bool,
}

const fn entry(name: &'static str, field: Field, kind: Kind, is_assigned: bool) -> FieldEntry {
    FieldEntry {
        name,
        field,
        kind,
        is_assigned,
    }
}

const FIELDS: &[FieldEntry] = &[
    entry("submit", Field::Submit, Kind::Time, true),
    entry("run_time", Field::RunTime, Kind::Time, true),
    entry("time_limit", Field::TimeLimit, Kind::Time, true),
    entry("start", Field::Start, Kind::Time, true),
    entry("cpu", Field::Cpu, Kind::Amount, true),
    entry("memory", Field::Memory, Kind::Amount, true),
    entry(
        "ephemeral_storage",
        Field::EphemeralStorage,
        Kind::Amount,
        true,
    ),
    entry("gpus", Field::Gpus, Kind::Amount, true),
    entry("gpu_milli", Field::GpuMilli, Kind::Amount, true),
    entry("members", Field::Members, Kind::Amount, true),
    entry("priority", Field::Priority, Kind::Amount, true),
    entry("name", Field::Name, Kind::Text, false),
    entry("tenant", Field::Tenant, Kind::Text, true),
    entry("namespace", Field::Namespace, Kind::Text, true),
    entry("job_type", Field::JobType, Kind::Text, true),
];

fn entry_of(field: Field) -> &'static FieldEntry {
    let found = FIELDS.iter().find(|own| own.field == field);
    found.unwrap_or(&FIELDS[0])
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Binary {
    Or,
    And,
    Equal,
    Unequal,
    Below,
    AtMost,
    Above,
    AtLeast,
    Matches,
    Add,
    Subtract,
    Multiply,
    Divide,
    Rest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Least,
    Most,
    Floor,
    Ceiling,
    Round,
}

impl Function {
    fn find(name: &str) -> Option<Self> {
        Some(match name {
            "min" => Self::Least,
            "max" => Self::Most,
            "floor" => Self::Floor,
            "ceil" => Self::Ceiling,
            "round" => Self::Round,
            _ => return None,
        })
    }

    const fn takes_two(self) -> bool {
        matches!(self, Self::Least | Self::Most)
    }
}

/// A part of an expression with the place of its first character.
#[derive(Clone, Debug, PartialEq)]
struct Node {
    at: usize,
    term: Term,
}

#[derive(Clone, Debug, PartialEq)]
enum Term {
    /// A number that stands for whatever it meets.
    Number(Exact),
    /// An amount, such as `4Gi`.
    Quantity(Exact),
    /// A time in seconds.
    Time(Exact),
    /// What is an amount beside amounts and a time beside times, such as `500m`.
    Either {
        amount: Exact,
        time: Exact,
    },
    Text(Text),
    None,
    Field(Field),
    Not(Box<Node>),
    Negative(Box<Node>),
    Binary(Binary, Box<Node>, Box<Node>),
    Call(Function, Box<Node>, Option<Box<Node>>),
}

/// A condition on arrivals.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    text: String,
    root: Node,
}

impl Eq for Condition {}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// The text is not an expression, or not one that is true or false.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let mut root = parse::Parser::new(text)?.whole()?;
        match check(&mut root, None)? {
            Kind::Condition => Ok(Self {
                text: text.to_owned(),
                root,
            }),
            _ => Err(ExpressionError {
                at: root.at,
                reason: "expected a condition such as `cpu > 4`".to_owned(),
            }),
        }
    }
}

/// An assignment to a field of arrivals.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    text: String,
    field: Field,
    root: Node,
}

impl Eq for Assignment {}

impl Assignment {
    /// Reads an assignment such as `memory = memory * 1.2`.
    ///
    /// # Errors
    /// The text is not an assignment, or its value is of another kind than its field.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let mut parser = parse::Parser::new(text)?;
        let (at, name) = parser.assigned()?;
        let entry = entry_of(parse::field(at, &name)?);
        if !entry.is_assigned {
            return Err(ExpressionError {
                at,
                reason: format!("`{name}` can't be assigned, as names tell arrivals apart"),
            });
        }
        let mut root = parser.whole()?;
        let kind = check(&mut root, Some(entry.kind))?;
        let fits = match entry.kind {
            Kind::Time => matches!(kind, Kind::Time | Kind::Plain | Kind::None),
            Kind::Amount => matches!(kind, Kind::Amount | Kind::Plain | Kind::None),
            kept => kind == kept || kind == Kind::None,
        };
        if !fits {
            return Err(ExpressionError {
                at: root.at,
                reason: format!(
                    "`{name}` is {}, and this is {}",
                    said(entry.kind),
                    said(kind)
                ),
            });
        }
        Ok(Self {
            text: text.to_owned(),
            field: entry.field,
            root,
        })
    }
}

#[cfg(test)]
mod tests;
