//! Patches of objects, as the API applies them: strategic merge, JSON merge (RFC 7386) and JSON patch
//! (RFC 6902, `remove`, `add` and `replace`).

use serde_json::{Map, Value};

use super::Trouble;

/// Applies a patch of a form to an object.
pub(super) fn patch(object: &mut Value, form: &str, patch: &Value) -> Result<(), Trouble> {
    match form {
        "strategic" => merge(object, patch, true),
        "merge" => merge(object, patch, false),
        "json" => return operate(object, patch),
        other => {
            let words = format!("patches of type `{other}` are not known");
            return Err(Trouble::Unsupported(words));
        }
    }
    Ok(())
}

/// Merges fields; with `by_name`, lists of named elements are merged by name.
fn merge(into: &mut Value, patch: &Value, by_name: bool) {
    match patch {
        Value::Object(fields) => {
            if !into.is_object() {
                *into = Value::Object(Map::new());
            }
            let Some(known) = into.as_object_mut() else {
                return;
            };
            for (key, value) in fields {
                if value.is_null() {
                    known.remove(key);
                } else {
                    let own = known.entry(key.clone()).or_insert(Value::Null);
                    merge(own, value, by_name);
                }
            }
        }
        Value::Array(elements) if by_name && elements.iter().all(has_name) => {
            let Some(known) = into.as_array_mut() else {
                *into = patch.clone();
                return;
            };
            for element in elements {
                match known.iter_mut().find(|own| own["name"] == element["name"]) {
                    Some(own) => merge(own, element, by_name),
                    None => known.push(element.clone()),
                }
            }
        }
        other => *into = other.clone(),
    }
}

fn has_name(element: &Value) -> bool {
    element.get("name").is_some_and(Value::is_string)
}

fn operate(object: &mut Value, patch: &Value) -> Result<(), Trouble> {
    let operations = patch.as_array().map(Vec::as_slice).unwrap_or_default();
    for operation in operations {
        let path = operation["path"].as_str().unwrap_or_default();
        let (parent, key) = path.rsplit_once('/').unwrap_or(("", path));
        let value = operation["value"].clone();
        let kind = operation["op"].as_str().unwrap_or_default();
        let wrong = || Trouble::Wrong(format!("the JSON patch finds nothing at `{path}`"));
        let parent = object.pointer_mut(parent).ok_or_else(wrong)?;
        match (kind, parent) {
            ("remove", Value::Object(fields)) => {
                fields.remove(key).ok_or_else(wrong)?;
            }
            ("remove", Value::Array(list)) => {
                let place = key
                    .parse::<usize>()
                    .ok()
                    .filter(|place| *place < list.len());
                list.remove(place.ok_or_else(wrong)?);
            }
            ("add" | "replace", Value::Object(fields)) => {
                fields.insert(key.to_owned(), value);
            }
            ("add", Value::Array(list)) if key == "-" => list.push(value),
            ("add", Value::Array(list)) => {
                let place = key
                    .parse::<usize>()
                    .ok()
                    .filter(|place| *place <= list.len());
                list.insert(place.ok_or_else(wrong)?, value);
            }
            ("replace", Value::Array(list)) => {
                let place = key.parse::<usize>().ok();
                let own = place.and_then(|place| list.get_mut(place));
                *own.ok_or_else(wrong)? = value;
            }
            (other, _) => {
                let words = format!("the operation `{other}` of JSON patches is not known");
                return Err(Trouble::Unsupported(words));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_form_changes_what_it_says() {
        let before = json!({"spec": {"a": 1, "list": [{"name": "x", "image": "1", "y": 2}]}});
        let named = json!({"spec": {"a": null, "list": [{"name": "x", "image": "2"}]}});
        let removal = json!([{"op": "remove", "path": "/spec/list/0/y"}]);
        for (form, change, expected) in [
            (
                "strategic",
                &named,
                json!({"spec": {"list": [{"name": "x", "image": "2", "y": 2}]}}),
            ),
            (
                "merge",
                &named,
                json!({"spec": {"list": [{"name": "x", "image": "2"}]}}),
            ),
            (
                "json",
                &removal,
                json!({"spec": {"a": 1, "list": [{"name": "x", "image": "1"}]}}),
            ),
        ] {
            let mut object = before.clone();
            assert!(patch(&mut object, form, change).is_ok(), "{form}");
            assert_eq!(object, expected, "{form}");
        }
    }
}
