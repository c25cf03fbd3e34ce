//! Parts of pods of Kubernetes in JSON: texts, lists, labels, amounts and containers with what they request.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use intake::ledger::BadRow;
use model::{Container, Labels, ResourceList, Text};
use units::Quantity;

/// Amounts by resource that are a member by themselves.
pub(crate) fn list_of_amounts(
    line: u64,
    member: &str,
    found: Option<&Value>,
) -> Result<ResourceList, BadRow> {
    let stated = json!({"resources": {member: found}});
    amounts(line, &stated, member)
}

/// A complaint about a member.
pub fn bad(line: u64, column: &str, found: Option<&Value>, expected: &str) -> BadRow {
    let found = found.map(ToString::to_string).unwrap_or_default();
    BadRow {
        line,
        column: column.to_owned(),
        value: found.chars().take(80).collect(),
        rule: format!("must be {expected}"),
    }
}

/// Refuses what is no object, and members that are not read.
pub fn check(line: u64, at: &str, found: Option<&Value>, known: &[&str]) -> Result<(), BadRow> {
    let members = match found {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(members)) => members,
        found => return Err(bad(line, at, found, "an object")),
    };
    match members.keys().find(|name| !known.contains(&&***name)) {
        None => Ok(()),
        Some(other) => {
            let expected = format!("of these members: {}", known.join(", "));
            Err(bad(line, at, Some(&Value::from(&**other)), &expected))
        }
    }
}

/// The members of an object that are not `null`.
pub fn stated(mut object: Value) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.retain(|_, own| !own.is_null());
    }
    object
}

/// A value in JSON, unless it is an empty text, list or object.
pub fn filled(value: impl Serialize) -> Option<Value> {
    let value = json!(value);
    let is_empty = match &value {
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    (!is_empty).then_some(value)
}

/// The value of the model that has a name.
pub fn named<T: DeserializeOwned>(name: &str) -> Option<T> {
    serde_json::from_value(name.into()).ok()
}

/// A text, which must be there.
pub fn text(line: u64, column: &str, found: Option<&Value>) -> Result<Text, BadRow> {
    let own = found.and_then(Value::as_str);
    own.map(Text::from)
        .ok_or_else(|| bad(line, column, found, "a text"))
}

/// The texts of a list, which may be absent.
pub fn texts(line: u64, column: &str, found: Option<&Value>) -> Result<Vec<Text>, BadRow> {
    let list = list(line, column, found)?.iter();
    list.map(|own| text(line, column, Some(own))).collect()
}

/// The elements of a list, which may be absent.
pub fn list<'v>(line: u64, column: &str, found: Option<&'v Value>) -> Result<&'v [Value], BadRow> {
    match found {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        found => Err(bad(line, column, found, "a list")),
    }
}

/// The containers of a list, which may be absent.
pub fn containers(line: u64, spec: &Value, member: &str) -> Result<Vec<Container>, BadRow> {
    let list = match spec.get(member) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        found => return Err(bad(line, member, found, "a list of containers")),
    };
    let read = list.iter().map(|container| {
        let text = |member: &str| {
            container
                .get(member)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let limits = amounts(line, container, "limits")?;
        let mut requests = amounts(line, container, "requests")?;
        for (name, amount) in limits.named() {
            requests.insert_if_absent(name, amount);
        }
        let policy = text("restartPolicy");
        if !matches!(policy, "" | "Always") {
            let found = container.get("restartPolicy");
            return Err(bad(line, "restartPolicy", found, "`Always`, or left out"));
        }
        Ok(Container {
            name: text("name").into(),
            image: text("image").into(),
            requests,
            limits,
            restartable: policy == "Always",
            ..Container::default()
        })
    });
    read.collect()
}

/// The requests or limits of a container.
pub fn amounts(line: u64, container: &Value, member: &str) -> Result<ResourceList, BadRow> {
    let mut list = ResourceList::default();
    let found = container.pointer(&format!("/resources/{member}"));
    let map = match found {
        None | Some(Value::Null) => return Ok(list),
        Some(Value::Object(map)) => map,
        found => return Err(bad(line, member, found, "amounts by resource")),
    };
    for (name, amount) in map {
        let text = match amount {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let read = text.parse::<Quantity>().ok();
        let read = read.filter(|amount| *amount >= Quantity::ZERO);
        let column = format!("{member}.{name}");
        let expected = "an amount such as `500m` or `2Gi`";
        let amount = read.ok_or_else(|| bad(line, &column, Some(amount), expected))?;
        list.set(name, amount);
    }
    Ok(list)
}

/// Labels by name, which may be absent.
pub fn labels(line: u64, found: Option<&Value>, member: &str) -> Result<Labels, BadRow> {
    let map = match found {
        None | Some(Value::Null) => return Ok(Labels::new()),
        Some(Value::Object(map)) => map,
        found => return Err(bad(line, member, found, "labels by name")),
    };
    let mut labels = Labels::new();
    for (key, value) in map {
        let text = value.as_str();
        let text = text.ok_or_else(|| bad(line, member, found, "labels whose values are texts"))?;
        labels.insert(key.as_str().into(), text.into());
    }
    Ok(labels)
}
