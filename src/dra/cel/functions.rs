//! The functions that expressions may call, in one table for the check and for the evaluation.

use super::value::{Type, Value};
use super::version::Version;
use units::Quantity;

/// A function for arguments of given types; the first is the value that it is called on.
pub(super) struct Function {
    pub(super) name: &'static str,
    /// Whether it is called on a value, as in `a.f()`.
    pub(super) is_method: bool,
    pub(super) takes: &'static [Type],
    pub(super) gives: Type,
    pub(super) call: fn(&[Value]) -> Result<Value, String>,
}

const fn method(
    name: &'static str,
    takes: &'static [Type],
    gives: Type,
    call: fn(&[Value]) -> Result<Value, String>,
) -> Function {
    Function {
        name,
        is_method: true,
        takes,
        gives,
        call,
    }
}

const fn plain(
    name: &'static str,
    takes: &'static [Type],
    gives: Type,
    call: fn(&[Value]) -> Result<Value, String>,
) -> Function {
    Function {
        is_method: false,
        ..method(name, takes, gives, call)
    }
}

const QUANTITY: &[Type] = &[Type::Quantity];
const QUANTITIES: &[Type] = &[Type::Quantity, Type::Quantity];
const VERSION: &[Type] = &[Type::Version];
const VERSIONS: &[Type] = &[Type::Version, Type::Version];
const TEXT: &[Type] = &[Type::Text];
const TEXT_AND_BOOL: &[Type] = &[Type::Text, Type::Bool];
const TEXTS: &[Type] = &[Type::Text, Type::Text];

/// The functions, by name.
pub(super) const FUNCTIONS: &[Function] = &[
    plain("quantity", TEXT, Type::Quantity, |own| quantity(&own[0])),
    plain("isQuantity", TEXT, Type::Bool, |own| {
        Ok(Value::Bool(quantity(&own[0]).is_ok()))
    }),
    method("compareTo", QUANTITIES, Type::Int, |own| {
        let (one, other) = amounts(own);
        Ok(Value::Int(one.cmp(&other) as i64))
    }),
    method("isGreaterThan", QUANTITIES, Type::Bool, |own| {
        let (one, other) = amounts(own);
        Ok(Value::Bool(one > other))
    }),
    method("isLessThan", QUANTITIES, Type::Bool, |own| {
        let (one, other) = amounts(own);
        Ok(Value::Bool(one < other))
    }),
    method("add", QUANTITIES, Type::Quantity, |own| {
        let (one, other) = amounts(own);
        sum(one.checked_add(other))
    }),
    method("add", &[Type::Quantity, Type::Int], Type::Quantity, |own| {
        sum(amounts(own).0.checked_add(units_of(&own[1])))
    }),
    method("sub", QUANTITIES, Type::Quantity, |own| {
        let (one, other) = amounts(own);
        sum(one.checked_sub(other))
    }),
    method("sub", &[Type::Quantity, Type::Int], Type::Quantity, |own| {
        sum(amounts(own).0.checked_sub(units_of(&own[1])))
    }),
    method("sign", QUANTITY, Type::Int, |own| {
        Ok(Value::Int(amounts(own).0.cmp(&Quantity::ZERO) as i64))
    }),
    method("isInteger", QUANTITY, Type::Bool, |own| {
        Ok(Value::Bool(integer(amounts(own).0).is_some()))
    }),
    method("asInteger", QUANTITY, Type::Int, |own| {
        let whole = integer(amounts(own).0);
        whole
            .map(Value::Int)
            .ok_or_else(|| "the quantity is no whole number of 64 bits".to_owned())
    }),
    plain("semver", TEXT, Type::Version, |own| version(&own[0])),
    plain("semver", TEXT_AND_BOOL, Type::Version, loose_version),
    plain("isSemver", TEXT_AND_BOOL, Type::Bool, |own| {
        Ok(Value::Bool(loose_version(own).is_ok()))
    }),
    plain("isSemver", TEXT, Type::Bool, |own| {
        Ok(Value::Bool(version(&own[0]).is_ok()))
    }),
    method("compareTo", VERSIONS, Type::Int, |own| {
        Ok(Value::Int(versions(own) as i64))
    }),
    method("isGreaterThan", VERSIONS, Type::Bool, |own| {
        Ok(Value::Bool(versions(own).is_gt()))
    }),
    method("isLessThan", VERSIONS, Type::Bool, |own| {
        Ok(Value::Bool(versions(own).is_lt()))
    }),
    method("major", VERSION, Type::Int, |own| number_of(&own[0], 0)),
    method("minor", VERSION, Type::Int, |own| number_of(&own[0], 1)),
    method("patch", VERSION, Type::Int, |own| number_of(&own[0], 2)),
    method("startsWith", TEXTS, Type::Bool, |own| {
        Ok(Value::Bool(text(&own[0]).starts_with(text(&own[1]))))
    }),
    method("endsWith", TEXTS, Type::Bool, |own| {
        Ok(Value::Bool(text(&own[0]).ends_with(text(&own[1]))))
    }),
    method("contains", TEXTS, Type::Bool, |own| {
        Ok(Value::Bool(text(&own[0]).contains(text(&own[1]))))
    }),
    method("lowerAscii", TEXT, Type::Text, |own| {
        Ok(Value::Text(text(&own[0]).to_ascii_lowercase().into()))
    }),
    method("upperAscii", TEXT, Type::Text, |own| {
        Ok(Value::Text(text(&own[0]).to_ascii_uppercase().into()))
    }),
    method("size", &[Type::Any], Type::Int, |own| size(&own[0])),
    plain("size", &[Type::Any], Type::Int, |own| size(&own[0])),
    method("orValue", &[Type::Optional, Type::Any], Type::Any, |own| {
        Ok(inside(&own[0]).unwrap_or_else(|| own[1].clone()))
    }),
    method(
        "or",
        &[Type::Optional, Type::Optional],
        Type::Optional,
        |own| {
            Ok(if inside(&own[0]).is_some() {
                own[0].clone()
            } else {
                own[1].clone()
            })
        },
    ),
    method("hasValue", &[Type::Optional], Type::Bool, |own| {
        Ok(Value::Bool(inside(&own[0]).is_some()))
    }),
    method("value", &[Type::Optional], Type::Any, |own| {
        inside(&own[0]).ok_or_else(|| "the optional has no value".to_owned())
    }),
    plain("optional.of", &[Type::Any], Type::Optional, |own| {
        Ok(Value::optional(Some(own[0].clone())))
    }),
    plain("optional.none", &[], Type::Optional, |_| {
        Ok(Value::optional(None))
    }),
    plain("int", &[Type::Int], Type::Int, |own| Ok(own[0].clone())),
    plain("int", TEXT, Type::Int, |own| {
        let read = text(&own[0]).parse();
        read.map(Value::Int)
            .map_err(|_| format!("`{}` is no whole number", text(&own[0])))
    }),
    plain("string", TEXT, Type::Text, |own| Ok(own[0].clone())),
    plain("string", &[Type::Int], Type::Text, |own| match own[0] {
        Value::Int(number) => Ok(Value::Text(number.to_string().into())),
        _ => Ok(own[0].clone()),
    }),
    plain("dyn", &[Type::Any], Type::Any, |own| Ok(own[0].clone())),
];

/// The function of a name for arguments of these types.
pub(super) fn find(name: &str, is_method: bool, types: &[Type]) -> Option<&'static Function> {
    let mut named = FUNCTIONS
        .iter()
        .filter(|own| own.name == name && own.is_method == is_method);
    named.find(|own| {
        let pairs = || own.takes.iter().zip(types);
        own.takes.len() == types.len() && pairs().all(|(takes, given)| takes.may_be(*given))
    })
}

fn text(value: &Value) -> &str {
    match value {
        Value::Text(text) => text,
        _ => "",
    }
}

fn quantity(value: &Value) -> Result<Value, String> {
    let read = text(value).parse::<Quantity>();
    read.map(Value::Quantity).map_err(|error| error.to_string())
}

fn version(value: &Value) -> Result<Value, String> {
    text(value).parse().map(Value::Version)
}

/// A version that need not be written as the standard has it, if the second argument says so.
fn loose_version(values: &[Value]) -> Result<Value, String> {
    if values.get(1) != Some(&Value::Bool(true)) {
        return version(&values[0]);
    }
    Version::loose(text(&values[0])).map(Value::Version)
}

fn amount(value: Option<&Value>) -> Quantity {
    match value {
        Some(Value::Quantity(amount)) => *amount,
        _ => Quantity::ZERO,
    }
}

fn amounts(values: &[Value]) -> (Quantity, Quantity) {
    (amount(values.first()), amount(values.get(1)))
}

fn units_of(value: &Value) -> Quantity {
    match value {
        Value::Int(number) => Quantity::from_units(*number),
        _ => Quantity::ZERO,
    }
}

fn sum<E: ToString>(amount: Result<Quantity, E>) -> Result<Value, String> {
    amount
        .map(Value::Quantity)
        .map_err(|error| error.to_string())
}

fn integer(amount: Quantity) -> Option<i64> {
    let whole = amount.units_ceil().ok()?;
    (Quantity::from_units(whole) == amount).then_some(whole)
}

fn versions(values: &[Value]) -> std::cmp::Ordering {
    match values {
        [Value::Version(one), Value::Version(other)] => one.cmp(other),
        _ => std::cmp::Ordering::Equal,
    }
}

fn number_of(value: &Value, place: usize) -> Result<Value, String> {
    match value {
        Value::Version(own) => {
            let number = i64::try_from(own.numbers[place]);
            number.map(Value::Int).map_err(|error| error.to_string())
        }
        _ => Ok(Value::Int(0)),
    }
}

fn size(value: &Value) -> Result<Value, String> {
    let count = match value {
        Value::Text(text) => text.chars().count(),
        Value::List(own) => own.len(),
        Value::Map(own) | Value::Domains(own) => own.len(),
        other => {
            return Err(format!(
                "no such overload: size of a {}",
                other.kind().name()
            ));
        }
    };
    Ok(Value::Int(count as i64))
}

/// The value inside an optional.
fn inside(value: &Value) -> Option<Value> {
    match value {
        Value::Optional(own) => own.as_deref().cloned(),
        _ => None,
    }
}
