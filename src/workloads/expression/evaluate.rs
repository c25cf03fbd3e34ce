//! The value of an expression for an arrival.

use std::cmp::Ordering;

use super::exact::Exact;
use super::{Assignment, Binary, Condition, Field, Function, Node, Term};
use arrivals::stream::Arrival;
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY};
use model::{JOB_TYPE_LABEL, PodSpec, Text};
use units::{Duration, Instant};

/// Parts of a second and of a unit.
const NANOS: i128 = 1_000_000_000;

/// An arrival with what its numbers stand for.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    /// The arrival.
    pub(crate) arrival: &'a Arrival,
    /// The spec of its class.
    pub(crate) spec: &'a PodSpec,
    /// The name of its tenant.
    pub(crate) tenant: &'a str,
}

/// A value; absent is what the trace does not state.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Absent,
    Truth(bool),
    Number(Exact),
    Text(Text),
}

/// A value that can't be computed, with the place of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Impossible {
    pub(super) at: usize,
    pub(super) reason: &'static str,
}

type Computed = Result<Value, Impossible>;

const TOO_LARGE: &str = "the number is too large";

impl Condition {
    /// Whether an arrival meets the condition.
    pub(crate) fn holds(&self, facts: Facts<'_>) -> Result<bool, String> {
        match value(&self.root, facts) {
            Ok(value) => Ok(value == Value::Truth(true)),
            Err(why) => Err(impossible(&self.text, &facts, &why)),
        }
    }
}

impl Assignment {
    pub(super) fn value(&self, facts: Facts<'_>) -> Result<Value, String> {
        value(&self.root, facts).map_err(|why| impossible(&self.text, &facts, &why))
    }
}

fn impossible(text: &str, facts: &Facts<'_>, why: &Impossible) -> String {
    let name = &facts.arrival.name;
    format!(
        "`{text}`, character {}: {}, for `{name}`",
        why.at, why.reason
    )
}

fn value(node: &Node, facts: Facts<'_>) -> Computed {
    Ok(match &node.term {
        Term::Number(number)
        | Term::Quantity(number)
        | Term::Time(number)
        | Term::Either { amount: number, .. } => Value::Number(*number),
        Term::Text(text) => Value::Text(text.clone()),
        Term::None => Value::Absent,
        Term::Field(field) => return field_value(node.at, *field, facts),
        Term::Not(inner) => Value::Truth(value(inner, facts)? != Value::Truth(true)),
        Term::Negative(inner) => match value(inner, facts)? {
            Value::Number(number) => Value::Number(number.negated()),
            other => other,
        },
        Term::Call(function, first, second) => {
            let first = value(first, facts)?;
            let second = second.as_ref().map(|own| value(own, facts)).transpose()?;
            return call(node.at, *function, &first, second.as_ref());
        }
        Term::Binary(operator, left, right) => {
            let (operator, left) = (*operator, value(left, facts)?);
            match (operator, &left) {
                (Binary::Or, Value::Truth(true)) | (Binary::And, Value::Truth(false)) => left,
                _ => return binary(node.at, operator, &left, &value(right, facts)?),
            }
        }
    })
}

fn call(at: usize, function: Function, first: &Value, second: Option<&Value>) -> Computed {
    let Value::Number(first) = *first else {
        return Ok(Value::Absent);
    };
    let whole = |number: i128| match Exact::whole(number) {
        Some(number) => Ok(Value::Number(number)),
        None => Err(Impossible {
            at,
            reason: TOO_LARGE,
        }),
    };
    match (function, second) {
        (Function::Floor, _) => whole(first.floor()),
        (Function::Ceiling, _) => whole(first.ceiling()),
        (Function::Round, _) => whole(first.rounded()),
        (Function::Least, Some(Value::Number(second))) => Ok(Value::Number(first.min(*second))),
        (Function::Most, Some(Value::Number(second))) => Ok(Value::Number(first.max(*second))),
        _ => Ok(Value::Absent),
    }
}

fn binary(at: usize, operator: Binary, left: &Value, right: &Value) -> Computed {
    let truth = |own: bool| Ok(Value::Truth(own));
    match (operator, left, right) {
        // One side is known not to decide.
        (Binary::Or | Binary::And, _, _) => truth(*right == Value::Truth(true)),
        (Binary::Equal, _, _) => truth(left == right),
        (Binary::Unequal, _, _) => truth(left != right),
        (Binary::Matches, Value::Text(text), Value::Text(pattern)) => {
            truth(matches(text.as_bytes(), pattern.as_bytes()))
        }
        (_, Value::Number(left), Value::Number(right)) => numbers(at, operator, *left, *right),
        (
            Binary::Below | Binary::AtMost | Binary::Above | Binary::AtLeast | Binary::Matches,
            _,
            _,
        ) => truth(false),
        _ => Ok(Value::Absent),
    }
}

fn numbers(at: usize, operator: Binary, left: Exact, right: Exact) -> Computed {
    let order = left.cmp(&right);
    let number = match operator {
        Binary::Below => return Ok(Value::Truth(order == Ordering::Less)),
        Binary::AtMost => return Ok(Value::Truth(order != Ordering::Greater)),
        Binary::Above => return Ok(Value::Truth(order == Ordering::Greater)),
        Binary::AtLeast => return Ok(Value::Truth(order != Ordering::Less)),
        Binary::Divide | Binary::Rest if right.is_zero() => {
            return Err(Impossible {
                at,
                reason: "a division by zero",
            });
        }
        Binary::Add => left.add(right),
        Binary::Subtract => left.subtract(right),
        Binary::Multiply => left.multiply(right),
        Binary::Divide => left.divide(right),
        _ => left.rest(right),
    };
    let reason = TOO_LARGE;
    number.map(Value::Number).ok_or(Impossible { at, reason })
}

/// Whether a text fits a pattern, in which `*` stands for any characters.
fn matches(text: &[u8], pattern: &[u8]) -> bool {
    let (mut place, mut at, mut star) = (0, 0, None);
    while place < text.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, place));
            at += 1;
        } else if pattern.get(at) == Some(&text[place]) {
            at += 1;
            place += 1;
        } else if let Some((known, from)) = star {
            // The last star takes one more.
            star = Some((known, from + 1));
            at = known + 1;
            place = from + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

fn field_value(at: usize, field: Field, facts: Facts<'_>) -> Computed {
    let arrival = facts.arrival;
    let exact = |number: Option<Exact>| match number {
        Some(number) => Ok(Value::Number(number)),
        None => Err(Impossible {
            at,
            reason: TOO_LARGE,
        }),
    };
    let seconds = |nanos: i64| exact(Exact::new(i128::from(nanos), NANOS));
    let span = |own: Option<Duration>| own.map_or(Ok(Value::Absent), |own| seconds(own.as_nanos()));
    let amount = |resource: &str| {
        let list = facts.spec.requests().unwrap_or_default();
        exact(Exact::new(list.get(resource).nanos(), NANOS))
    };
    let whole = |number: i64| exact(Exact::whole(i128::from(number)));
    let text = |own: &str| match own {
        "" => Ok(Value::Absent),
        own => Ok(Value::Text(own.into())),
    };
    match field {
        Field::Submit => seconds(arrival.submit.as_nanos()),
        Field::RunTime => span(arrival.run_time),
        Field::TimeLimit => span(arrival.time_limit),
        Field::Start => span(arrival.historic_start.map(|at| at.since(Instant::ZERO))),
        Field::Cpu => amount(CPU),
        Field::Memory => amount(MEMORY),
        Field::EphemeralStorage => amount(EPHEMERAL_STORAGE),
        Field::Gpus => whole(i64::from(facts.spec.gpu.devices)),
        Field::GpuMilli => whole(i64::from(facts.spec.gpu.milli_per_device)),
        Field::Members => whole(i64::from(arrival.members)),
        Field::Priority => whole(i64::from(facts.spec.priority)),
        Field::Name => text(&arrival.name.to_string()),
        Field::Tenant => text(facts.tenant),
        Field::Namespace => text(&facts.spec.namespace),
        Field::JobType => text(
            facts
                .spec
                .labels
                .get(JOB_TYPE_LABEL)
                .map_or("", |own| &**own),
        ),
    }
}
