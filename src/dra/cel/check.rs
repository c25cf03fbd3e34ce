//! The check of an expression before any device is looked at: names and functions are known, operands
//! may be of types that operators take, and the result may be true or false.

use model::Text;

use super::functions::{self, FUNCTIONS};
use super::parse::{Expression, Question};
use super::value::Type;
use units::nearest::hint;

/// Fields of `device`, with their types.
const FIELDS: &[(&str, Type)] = &[
    ("driver", Type::Text),
    ("attributes", Type::Domains),
    ("capacity", Type::Domains),
];

/// The variable of selectors.
pub(super) const DEVICE: &str = "device";

/// Checks an expression.
pub(super) fn check(expression: &Expression) -> Result<(), String> {
    let found = kind(expression, &mut Vec::new())?;
    if found.may_be(Type::Bool) {
        return Ok(());
    }
    Err(format!(
        "expected an expression that is true or false, found a {}",
        found.name()
    ))
}

fn expect(
    expression: &Expression,
    expected: Type,
    of: &str,
    variables: &mut Vec<Text>,
) -> Result<(), String> {
    let found = kind(expression, variables)?;
    if found.may_be(expected) {
        return Ok(());
    }
    let (expected, found) = (expected.name(), found.name());
    Err(format!("`{of}` takes a {expected}, not a {found}"))
}

fn kind(expression: &Expression, variables: &mut Vec<Text>) -> Result<Type, String> {
    Ok(match expression {
        Expression::Null => Type::Null,
        Expression::Bool(_) => Type::Bool,
        Expression::Int(_) => Type::Int,
        Expression::Text(_) => Type::Text,
        Expression::List(all) => {
            for own in all {
                kind(own, variables)?;
            }
            Type::List
        }
        Expression::Map(all) => {
            for (key, value) in all {
                expect(key, Type::Text, "{}", variables)?;
                kind(value, variables)?;
            }
            Type::Map
        }
        Expression::Name(name) if **name == *DEVICE => Type::Device,
        Expression::Name(name) if variables.contains(name) => Type::Any,
        Expression::Name(name) => {
            let hint = hint(name, std::iter::once(DEVICE));
            return Err(format!("there is no variable `{name}`; {hint}"));
        }
        Expression::Field {
            of,
            name,
            is_optional,
        } => {
            let found = field(kind(of, variables)?, name)?;
            if *is_optional { Type::Optional } else { found }
        }
        Expression::Has { of, name } => {
            field(kind(of, variables)?, name)?;
            Type::Bool
        }
        Expression::Element {
            of,
            key,
            is_optional,
        } => {
            let found = element(kind(of, variables)?, kind(key, variables)?)?;
            if *is_optional { Type::Optional } else { found }
        }
        Expression::Call {
            on,
            function,
            arguments,
        } => call(on.as_deref(), function, arguments, variables)?,
        Expression::Each {
            of,
            variable,
            question,
            body,
        } => each((of, variable, *question, body), variables)?,
        Expression::Not(own) => {
            expect(own, Type::Bool, "!", variables)?;
            Type::Bool
        }
        Expression::Negative(own) => {
            expect(own, Type::Int, "-", variables)?;
            Type::Int
        }
        Expression::And(one, other) | Expression::Or(one, other) => {
            let sign = if matches!(expression, Expression::And(..)) {
                "&&"
            } else {
                "||"
            };
            expect(one, Type::Bool, sign, variables)?;
            expect(other, Type::Bool, sign, variables)?;
            Type::Bool
        }
        Expression::Binary(operator, one, other) => {
            let (one, other) = (kind(one, variables)?, kind(other, variables)?);
            binary(operator, one, other)?
        }
        Expression::Choice(parts) => {
            let [condition, one, other] = &**parts;
            expect(condition, Type::Bool, "?", variables)?;
            let (one, other) = (kind(one, variables)?, kind(other, variables)?);
            if one == other { one } else { Type::Any }
        }
    })
}

fn field(of: Type, name: &Text) -> Result<Type, String> {
    match of {
        Type::Device => {
            let found = FIELDS.iter().find(|(own, _)| **own == **name);
            found.map(|(_, kind)| *kind).ok_or_else(|| {
                let hint = hint(name, FIELDS.iter().map(|(own, _)| *own));
                format!("a device has no field `{name}`; {hint}")
            })
        }
        Type::Domains => Ok(Type::Map),
        Type::Map | Type::Any => Ok(Type::Any),
        Type::Optional => Ok(Type::Optional),
        other => Err(format!(
            "a {} has no fields, such as `{name}`",
            other.name()
        )),
    }
}

fn element(of: Type, key: Type) -> Result<Type, String> {
    let (expected, found) = match of {
        Type::Domains => (Type::Text, Type::Map),
        Type::Map => (Type::Text, Type::Any),
        Type::List => (Type::Int, Type::Any),
        Type::Any => (Type::Any, Type::Any),
        Type::Optional => (Type::Any, Type::Optional),
        other => return Err(format!("a {} has no elements", other.name())),
    };
    if key.may_be(expected) {
        return Ok(found);
    }
    Err(format!(
        "`[]` takes a {}, not a {}",
        expected.name(),
        key.name()
    ))
}

fn call(
    on: Option<&Expression>,
    function: &Text,
    arguments: &[Expression],
    variables: &mut Vec<Text>,
) -> Result<Type, String> {
    let mut types = Vec::new();
    for own in on.into_iter().chain(arguments) {
        types.push(kind(own, variables)?);
    }
    if let Some(found) = functions::find(function, on.is_some(), &types) {
        // The overload that is called may show only with the values.
        let is_certain = types.iter().all(|own| *own != Type::Any);
        let mut same = FUNCTIONS.iter().filter(|own| own.name == found.name);
        let is_one = same.all(|own| own.gives == found.gives);
        return Ok(if is_certain || is_one {
            found.gives
        } else {
            Type::Any
        });
    }
    if !FUNCTIONS.iter().any(|own| own.name == &**function) {
        let mut known: Vec<&str> = FUNCTIONS.iter().map(|own| own.name).collect();
        known.dedup();
        let hint = hint(function, known.iter().copied());
        return Err(format!("the function `{function}` is not modelled; {hint}"));
    }
    let given: Vec<&str> = types.iter().map(|own| own.name()).collect();
    Err(format!(
        "the function `{function}` does not take ({})",
        given.join(", ")
    ))
}

fn each(
    (of, variable, question, body): (&Expression, &Text, Question, &Expression),
    variables: &mut Vec<Text>,
) -> Result<Type, String> {
    let over = kind(of, variables)?;
    let is_known = matches!(over, Type::List | Type::Map | Type::Domains | Type::Any);
    if !is_known {
        return Err(format!("a {} has no elements to ask about", over.name()));
    }
    variables.push(variable.clone());
    let found = kind(body, variables);
    variables.pop();
    let found = found?;
    if question == Question::Map {
        return Ok(Type::List);
    }
    if !found.may_be(Type::Bool) {
        return Err(format!(
            "a question about elements is true or false, not a {}",
            found.name()
        ));
    }
    Ok(if question == Question::Filter {
        Type::List
    } else {
        Type::Bool
    })
}

fn binary(operator: &str, one: Type, other: Type) -> Result<Type, String> {
    let wrong = || {
        let (one, other) = (one.name(), other.name());
        Err(format!("`{operator}` does not take a {one} and a {other}"))
    };
    let both = |kinds: &[Type]| {
        one.may_be(other)
            && [one, other]
                .iter()
                .all(|own| *own == Type::Any || kinds.contains(own))
    };
    match operator {
        "==" | "!=" if one.may_be(other) => Ok(Type::Bool),
        "in" => match other {
            Type::List | Type::Any => Ok(Type::Bool),
            Type::Map | Type::Domains if one.may_be(Type::Text) => Ok(Type::Bool),
            _ => wrong(),
        },
        "<" | "<=" | ">" | ">=" if both(&[Type::Int, Type::Text, Type::Bool]) => Ok(Type::Bool),
        "+" if both(&[Type::Int, Type::Text, Type::List]) => {
            Ok(if one == Type::Any { other } else { one })
        }
        "-" | "*" | "/" | "%" if both(&[Type::Int]) => Ok(Type::Int),
        _ => wrong(),
    }
}
