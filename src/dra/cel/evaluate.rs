//! The value of an expression for a device. What a device lacks is an error, unless the expression asks
//! for it as optional; `&&` and `||` absorb an error of one side where the other decides.

use model::Text;
use std::sync::Arc;
use units::SortedMap;

use super::check::DEVICE;
use super::functions;
use super::parse::{Expression, Question};
use super::value::{Names, Type, Value};

/// The value of an expression.
pub(super) fn evaluate(expression: &Expression, device: &Value) -> Result<Value, String> {
    Scope {
        device,
        variables: Vec::new(),
    }
    .value(expression)
}

struct Scope<'a> {
    device: &'a Value,
    variables: Vec<(Text, Value)>,
}

fn overload(operator: &str, one: &Value, other: &Value) -> String {
    let (one, other) = (one.kind().name(), other.kind().name());
    format!("no such overload: {one} {operator} {other}")
}

fn not_bool(value: &Value) -> String {
    format!("expected a bool, found a {}", value.kind().name())
}

fn negative(of: &Value) -> Result<Value, String> {
    match of {
        Value::Int(number) => {
            let negative = number.checked_neg().map(Value::Int);
            negative.ok_or_else(|| "integer overflow".to_owned())
        }
        other => Err(format!("no such overload: -{}", other.kind().name())),
    }
}

impl Scope<'_> {
    fn value(&mut self, expression: &Expression) -> Result<Value, String> {
        match expression {
            Expression::Null => Ok(Value::Null),
            Expression::Bool(own) => Ok(Value::Bool(*own)),
            Expression::Int(own) => Ok(Value::Int(*own)),
            Expression::Text(own) => Ok(Value::Text(own.clone())),
            Expression::List(all) => Ok(Value::List(self.values(all)?)),
            Expression::Map { entries, .. } => self.map(entries),
            Expression::Name { name, .. } => self.named(name),
            Expression::Field {
                of,
                name,
                is_optional,
                ..
            } => {
                let of = self.value(of)?;
                member(&of, &Value::Text(name.clone()), *is_optional)
            }
            Expression::Element {
                of,
                key,
                is_optional,
                ..
            } => {
                let (of, key) = (self.value(of)?, self.value(key)?);
                member(&of, &key, *is_optional)
            }
            Expression::Has { of, name, .. } => {
                let of = self.value(of)?;
                let found = member(&of, &Value::Text(name.clone()), true)?;
                Ok(Value::Bool(found != Value::Optional(None)))
            }
            Expression::Call {
                on,
                function,
                arguments,
                ..
            } => self.call(on.as_deref(), function, arguments),
            Expression::Each {
                of,
                variable,
                question,
                body,
                ..
            } => {
                let over = elements(self.value(of)?)?;
                self.each(&over, variable, *question, body)
            }
            Expression::Not { of: own, .. } => Ok(Value::Bool(!self.truth(own)?)),
            Expression::Negative { of: own, .. } => negative(&self.value(own)?),
            Expression::And { one, other, .. } => self.logic(one, other, false),
            Expression::Or { one, other, .. } => self.logic(one, other, true),
            Expression::Binary {
                operator,
                one,
                other,
                ..
            } => {
                let (one, other) = (self.value(one)?, self.value(other)?);
                binary(operator, one, &other)
            }
            Expression::Choice { parts, .. } => {
                let [condition, one, other] = &**parts;
                let chosen = if self.truth(condition)? { one } else { other };
                self.value(chosen)
            }
        }
    }

    fn values(&mut self, all: &[Expression]) -> Result<Vec<Value>, String> {
        all.iter().map(|own| self.value(own)).collect()
    }

    fn map(&mut self, all: &[(Expression, Expression)]) -> Result<Value, String> {
        let mut map: SortedMap<Text, Value> = SortedMap::new();
        for (key, value) in all {
            let Value::Text(key) = self.value(key)? else {
                return Err("keys of maps other than texts are not modelled".to_owned());
            };
            let value = self.value(value)?;
            map.insert(key, value);
        }
        Ok(Value::Map(Arc::new(map)))
    }

    fn named(&self, name: &Text) -> Result<Value, String> {
        let mut known = self.variables.iter().rev();
        if let Some((_, value)) = known.find(|(own, _)| own == name) {
            return Ok(value.clone());
        }
        if **name == *DEVICE {
            return Ok(self.device.clone());
        }
        Err(format!("no such variable: {name}"))
    }

    fn truth(&mut self, expression: &Expression) -> Result<bool, String> {
        match self.value(expression)? {
            Value::Bool(own) => Ok(own),
            other => Err(not_bool(&other)),
        }
    }

    /// `&&`, where `false` decides, and `||`, where `true` does.
    fn logic(
        &mut self,
        one: &Expression,
        other: &Expression,
        decides: bool,
    ) -> Result<Value, String> {
        let first = self.truth(one);
        if first == Ok(decides) {
            return Ok(Value::Bool(decides));
        }
        let second = self.truth(other);
        if second == Ok(decides) {
            return Ok(Value::Bool(decides));
        }
        first?;
        second.map(Value::Bool)
    }

    fn call(
        &mut self,
        on: Option<&Expression>,
        function: &Text,
        arguments: &[Expression],
    ) -> Result<Value, String> {
        let mut values = Vec::new();
        for own in on.into_iter().chain(arguments) {
            values.push(self.value(own)?);
        }
        let types: Vec<Type> = values.iter().map(Value::kind).collect();
        if let Some(found) = functions::find(function, on.is_some(), &types) {
            return (found.call)(&values);
        }
        let given: Vec<&str> = types.iter().map(|own| own.name()).collect();
        Err(format!(
            "no such overload: {function}({})",
            given.join(", ")
        ))
    }

    fn each(
        &mut self,
        over: &[Value],
        variable: &Text,
        question: Question,
        body: &Expression,
    ) -> Result<Value, String> {
        let (mut held, mut kept, mut failed) = (0, Vec::new(), None);
        for element in over {
            self.variables.push((variable.clone(), element.clone()));
            let found = self.value(body);
            self.variables.pop();
            let found = match (question, found) {
                (Question::All | Question::Exists, Ok(other)) if other.kind() != Type::Bool => {
                    Err(not_bool(&other))
                }
                (_, found) => found,
            };
            match (question, found) {
                (Question::Map, found) => kept.push(found?),
                (Question::All, Ok(Value::Bool(false))) => return Ok(Value::Bool(false)),
                (Question::Exists, Ok(Value::Bool(true))) => return Ok(Value::Bool(true)),
                // Another element may decide.
                (Question::All | Question::Exists, Err(why)) => failed = failed.or(Some(why)),
                (_, Ok(Value::Bool(true))) => {
                    held += 1;
                    kept.push(element.clone());
                }
                (_, Ok(Value::Bool(false))) => {}
                (_, Ok(other)) => return Err(not_bool(&other)),
                (_, Err(why)) => return Err(why),
            }
        }
        match (question, failed) {
            (_, Some(why)) => Err(why),
            (Question::All, None) => Ok(Value::Bool(true)),
            (Question::Exists, None) => Ok(Value::Bool(false)),
            (Question::ExistsOne, None) => Ok(Value::Bool(held == 1)),
            (Question::Filter | Question::Map, None) => Ok(Value::List(kept)),
        }
    }
}

/// The elements of a list, or the keys of a map.
fn elements(value: Value) -> Result<Vec<Value>, String> {
    match value {
        Value::List(all) => Ok(all),
        Value::Map(own) | Value::Domains(own) => Ok(own.keys().cloned().map(Value::Text).collect()),
        other => Err(format!(
            "no such overload: elements of a {}",
            other.kind().name()
        )),
    }
}

/// A field or an element.
fn member(of: &Value, key: &Value, is_optional: bool) -> Result<Value, String> {
    let missing = |key: &str| {
        if is_optional {
            Ok(Value::optional(None))
        } else {
            Err(format!("no such key: {key}"))
        }
    };
    let wrap = |found: Value| {
        if is_optional {
            Value::optional(Some(found))
        } else {
            found
        }
    };
    match (of, key) {
        (Value::Map(own) | Value::Device(own), Value::Text(key)) => match own.get(key) {
            Some(found) => Ok(wrap(found.clone())),
            None => missing(key),
        },
        (Value::Domains(own), Value::Text(key)) => {
            let found = own.get(key).cloned();
            Ok(wrap(found.unwrap_or_else(|| Value::Map(Names::default()))))
        }
        (Value::List(own), Value::Int(place)) => {
            let found = usize::try_from(*place)
                .ok()
                .and_then(|place| own.get(place));
            match found {
                Some(found) => Ok(wrap(found.clone())),
                None => missing(&place.to_string()),
            }
        }
        (Value::Optional(None), _) => Ok(Value::optional(None)),
        // Once a chain is optional, it stays so.
        (Value::Optional(Some(inside)), _) => match member(inside, key, true)? {
            found @ Value::Optional(_) => Ok(found),
            found => Ok(Value::optional(Some(found))),
        },
        _ => Err(overload("[]", of, key)),
    }
}

fn binary(operator: &str, one: Value, other: &Value) -> Result<Value, String> {
    let order = || match (&one, other) {
        (Value::Int(one), Value::Int(other)) => Ok(one.cmp(other)),
        (Value::Text(one), Value::Text(other)) => Ok(one.cmp(other)),
        (Value::Bool(one), Value::Bool(other)) => Ok(one.cmp(other)),
        _ => Err(overload(operator, &one, other)),
    };
    let truth = match operator {
        "==" => one == *other,
        "!=" => one != *other,
        "<" => order()?.is_lt(),
        "<=" => order()?.is_le(),
        ">" => order()?.is_gt(),
        ">=" => order()?.is_ge(),
        "in" => match (&one, other) {
            (_, Value::List(all)) => all.contains(&one),
            (Value::Text(key), Value::Map(own) | Value::Domains(own)) => own.contains_key(key),
            _ => return Err(overload(operator, &one, other)),
        },
        _ => return arithmetic(operator, one, other),
    };
    Ok(Value::Bool(truth))
}

fn arithmetic(operator: &str, one: Value, other: &Value) -> Result<Value, String> {
    match (one, other) {
        (Value::Int(one), Value::Int(other)) => {
            let found = match operator {
                "+" => one.checked_add(*other),
                "-" => one.checked_sub(*other),
                "*" => one.checked_mul(*other),
                "/" => one.checked_div(*other),
                _ => one.checked_rem(*other),
            };
            let by_zero = *other == 0 && matches!(operator, "/" | "%");
            let why = if by_zero {
                "division by zero"
            } else {
                "integer overflow"
            };
            found.map(Value::Int).ok_or_else(|| why.to_owned())
        }
        (Value::Text(one), Value::Text(other)) if operator == "+" => {
            Ok(Value::Text(format!("{one}{other}").into()))
        }
        (Value::List(one), Value::List(other)) if operator == "+" => {
            Ok(Value::List(one.iter().chain(other).cloned().collect()))
        }
        (one, other) => Err(overload(operator, &one, other)),
    }
}
