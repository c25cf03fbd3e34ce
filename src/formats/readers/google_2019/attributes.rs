//! Attributes of machines and constraints of tasks on them in Google's traces of 2019: labels of nodes,
//! and what a task demands of the labels of its node.

use serde_json::Value;

use crate::readers::google_2011::attributes::{Attribute, Attributes};
use crate::readers::google_2011::time;
use crate::readers::prelude::*;
use intake::python_value;
use intake::records::{each_record, record_has};
use model::{Operator, Requirement};

columns! { COLUMNS;
    TIME: or_zero("time", "µs since 600 s before the trace"),
    MACHINE: required("machine_id", "machine"),
    NAME: required("name", "becomes a label"),
    VALUE: optional("value", "value"),
    DELETED: optional("deleted", "true or 1: the machine has it no longer"),
}

/// Returns `Certain` if a text begins with attributes of machines.
pub(super) fn is_attributes(first: &[u8]) -> Confidence {
    let has = |names: &[&str]| record_has(first, names) == Confidence::Certain;
    Confidence::certain_if(has(&["time", "machine_id", "name"]) && !has(&["type"]))
}

/// Adds the attributes of a table.
pub(super) fn read(
    attributes: &mut Attributes,
    part: &Input,
    journal: &mut Journal,
) -> Result<(), TraceError> {
    each_record(part, COLUMNS, &[], journal, |journal, fields| {
        time(fields, TIME)?;
        let machine = fields.number(MACHINE, 0, i64::MAX)?;
        let name = fields.name(NAME, "the name of an attribute")?;
        let is_deleted = match fields.text(DELETED) {
            "" | "false" | "0" => false,
            "true" | "1" => true,
            _ => return Err(fields.bad(DELETED, "`true` or `false`").into()),
        };
        let attribute = Attribute {
            machine,
            name,
            value: fields.text(VALUE),
            is_deleted,
        };
        Ok(attributes.take(journal, fields.line(), attribute)?)
    })
}

/// The demands that a list of constraints makes on the labels of a machine. A list of names alone, as an export leaves it
/// that has no other member, is enough where the demands are not heeded.
pub(super) fn constraints(
    fields: &Fields<'_, '_>,
    place: usize,
    is_heeded: bool,
) -> Result<Vec<Requirement>, BadRow> {
    let text = fields.text(place);
    if matches!(text, "" | "[]") {
        return Ok(Vec::new());
    }
    let wrong = |expected: &str| fields.bad(place, expected);
    let inner = text.strip_prefix('[').and_then(|own| own.strip_suffix(']'));
    if let Some(names) = inner.filter(|names| !names.contains(['{', '"', '\''])) {
        if is_heeded {
            return Err(wrong(
                "a list of objects with `name`, `value` and `relation`, not of names; export all three, or leave \
                 `constraints` out",
            ));
        }
        let exists = |name: &str| requirement(name.trim(), Some(6), "");
        return Ok(names.split(',').filter_map(exists).collect());
    }
    let Some(Value::Array(list)) = python_value::parse(text) else {
        return Err(wrong(
            "a list of objects with `name`, `value` and `relation`",
        ));
    };
    let demand = |one: &Value| {
        let name = one.get("name").and_then(Value::as_str);
        let name = name.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| wrong("constraints with a `name`"))?;
        let value = match one.get("value") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let relation = match one.get("relation") {
            Some(Value::String(text)) => text.parse().ok(),
            Some(other) => other.as_i64(),
            None => Some(0),
        };
        requirement(name, relation, &value).ok_or_else(|| {
            wrong("constraints of a relation from 0 to 7, with numbers to compare with in 2 to 5")
        })
    };
    list.iter().map(demand).collect()
}

/// The demand of a constraint; `None` if its relation or its value is none.
fn requirement(name: &str, relation: Option<i64>, value: &str) -> Option<Requirement> {
    let number = || value.parse::<i64>().ok();
    let (operator, value) = match (relation?, value) {
        (0, "") | (7, _) => (Operator::DoesNotExist, None),
        (1, "") | (6, _) => (Operator::Exists, None),
        (0, value) => (Operator::In, Some(value.to_owned())),
        (1, value) => (Operator::NotIn, Some(value.to_owned())),
        (2, _) => (Operator::Lt, Some(number()?.to_string())),
        (3, _) => (Operator::Gt, Some(number()?.to_string())),
        (4, _) => (Operator::Lt, Some(number()?.checked_add(1)?.to_string())),
        (5, _) => (Operator::Gt, Some(number()?.checked_sub(1)?.to_string())),
        _ => return None,
    };
    Some(Requirement {
        key: name.into(),
        operator,
        values: value.into_iter().map(Into::into).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;
    use intake::ledger::RowPolicy;

    #[test]
    fn attributes_are_labels_and_dirty_ones_are_named() {
        let rows = "time,machine_id,name,value,deleted\n0,5,a,x,false\n0,5,b,,\n9,5,a,y,false\n\
                    9,5,c,1,perhaps\n9,5,,1,false\n9,-5,c,1,false\n";
        assert_eq!(is_attributes(rows.as_bytes()), Confidence::Certain);
        let input = Input::bytes("a.csv", rows.as_bytes());
        let mut journal = Journal::new("a.csv".into(), RowPolicy::REPORT);
        let mut attributes = Attributes::default();
        read(&mut attributes, &input, &mut journal).expect("readable");
        let labels = attributes.of(5).expect("known");
        assert_eq!((labels.len(), &*labels["a"]), (1, "x"));
        let bad: Vec<String> = { journal.ledger.bad_rows().iter() }
            .map(ToString::to_string)
            .collect();
        bad.are([
            "a.csv:5: column `deleted`: must be `true` or `false`, found `perhaps`",
            "a.csv:6: column `name`: must be the name of an attribute, found ``",
            "a.csv:7: column `machine_id`: must be at least 0, found `-5`",
        ]);
    }
}
