//! The check of an expression before any device is looked at: names and functions are known, operands
//! may be of types that operators take, and the result may be true or false.

use model::Text;

use super::CompileError;
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
pub(super) fn check(expression: &Expression) -> Result<(), CompileError> {
    let found = kind(expression, &mut Vec::new())?;
    if found.may_be(Type::Bool) {
        return Ok(());
    }
    let found = found.name();
    Err(CompileError {
        at: 0,
        words: format!("expected an expression that is true or false, found a {found}"),
    })
}

/// A broken rule at its place.
trait At<T> {
    fn at(self, at: usize) -> Result<T, CompileError>;
}

impl<T> At<T> for Result<T, String> {
    fn at(self, at: usize) -> Result<T, CompileError> {
        self.map_err(|words| CompileError { at, words })
    }
}

/// Refuses an operand of another type than an operator takes.
fn expect(found: Type, expected: Type, of: &str) -> Result<(), String> {
    if found.may_be(expected) {
        return Ok(());
    }
    let (expected, found) = (expected.name(), found.name());
    Err(format!("`{of}` takes a {expected}, not a {found}"))
}

fn kind(expression: &Expression, variables: &mut Vec<Text>) -> Result<Type, CompileError> {
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
        Expression::Map { at, entries } => {
            for (key, value) in entries {
                expect(kind(key, variables)?, Type::Text, "{}").at(*at)?;
                kind(value, variables)?;
            }
            Type::Map
        }
        Expression::Name { at, name } => named(name, variables).at(*at)?,
        Expression::Field {
            at,
            of,
            name,
            is_optional,
        } => {
            let found = field(kind(of, variables)?, name).at(*at)?;
            if *is_optional { Type::Optional } else { found }
        }
        Expression::Has { at, of, name } => {
            field(kind(of, variables)?, name).at(*at)?;
            Type::Bool
        }
        Expression::Element {
            at,
            of,
            key,
            is_optional,
        } => {
            let (of, key) = (kind(of, variables)?, kind(key, variables)?);
            let found = element(of, key).at(*at)?;
            if *is_optional { Type::Optional } else { found }
        }
        Expression::Call {
            at,
            on,
            function,
            arguments,
        } => {
            let all = on.as_deref().into_iter().chain(arguments);
            let types: Result<Vec<Type>, _> = all.map(|own| kind(own, variables)).collect();
            call(function, on.is_some(), &types?).at(*at)?
        }
        Expression::Each {
            at,
            of,
            variable,
            question,
            body,
        } => {
            let over = kind(of, variables)?;
            variables.push(variable.clone());
            let found = kind(body, variables);
            variables.pop();
            each(over, *question, found?).at(*at)?
        }
        _ => operation(expression, variables)?,
    })
}

/// The type of an expression of operators.
fn operation(expression: &Expression, variables: &mut Vec<Text>) -> Result<Type, CompileError> {
    Ok(match expression {
        Expression::Not { at, of } => {
            expect(kind(of, variables)?, Type::Bool, "!").at(*at)?;
            Type::Bool
        }
        Expression::Negative { at, of } => {
            expect(kind(of, variables)?, Type::Int, "-").at(*at)?;
            Type::Int
        }
        Expression::And { at, one, other } => both(*at, "&&", [&**one, &**other], variables)?,
        Expression::Or { at, one, other } => both(*at, "||", [&**one, &**other], variables)?,
        Expression::Binary {
            at,
            operator,
            one,
            other,
        } => {
            let (one, other) = (kind(one, variables)?, kind(other, variables)?);
            binary(operator, one, other).at(*at)?
        }
        Expression::Choice { at, parts } => {
            let [condition, one, other] = &**parts;
            expect(kind(condition, variables)?, Type::Bool, "?").at(*at)?;
            let (one, other) = (kind(one, variables)?, kind(other, variables)?);
            if one == other { one } else { Type::Any }
        }
        _ => unreachable!("every other expression has its arm above"),
    })
}

/// `&&` and `||`.
fn both(
    at: usize,
    sign: &str,
    operands: [&Expression; 2],
    variables: &mut Vec<Text>,
) -> Result<Type, CompileError> {
    for own in operands {
        expect(kind(own, variables)?, Type::Bool, sign).at(at)?;
    }
    Ok(Type::Bool)
}

fn named(name: &Text, variables: &[Text]) -> Result<Type, String> {
    if **name == *DEVICE {
        return Ok(Type::Device);
    }
    if variables.contains(name) {
        return Ok(Type::Any);
    }
    let hint = hint(name, std::iter::once(DEVICE));
    Err(format!("there is no variable `{name}`; {hint}"))
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

fn call(function: &Text, is_method: bool, types: &[Type]) -> Result<Type, String> {
    if let Some(found) = functions::find(function, is_method, types) {
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
    let given = given.join(", ");
    Err(format!("the function `{function}` does not take ({given})"))
}

fn each(over: Type, question: Question, found: Type) -> Result<Type, String> {
    if !matches!(over, Type::List | Type::Map | Type::Domains | Type::Any) {
        return Err(format!("a {} has no elements to ask about", over.name()));
    }
    if question == Question::Map {
        return Ok(Type::List);
    }
    if !found.may_be(Type::Bool) {
        let found = found.name();
        return Err(format!(
            "a question about elements is true or false, not a {found}"
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
