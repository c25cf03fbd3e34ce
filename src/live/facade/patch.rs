//! Patches of objects: operations on fields, the merge patch of JSON, and as far as lists are told apart by
//! a key the strategic merge patch of Kubernetes.

use serde_json::{Map, Value};

/// Fields by which members of lists are told apart.
const KEYS: [&str; 5] = ["name", "containerPort", "mountPath", "key", "uid"];

/// Merges a patch into a value; `is_strategic` if lists are merged by the keys of their members.
pub(super) fn merge(value: &mut Value, patch: &Value, is_strategic: bool) {
    let Value::Object(patch) = patch else {
        value.clone_from(patch);
        return;
    };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let Value::Object(fields) = value else {
        return;
    };
    if is_strategic && patch.get("$patch").is_some_and(|how| how == "replace") {
        fields.clear();
    }
    for (field, patch) in patch {
        if is_strategic && field.starts_with('$') {
            continue;
        }
        if patch.is_null() {
            fields.remove(field);
            continue;
        }
        let known = fields.entry(field).or_insert(Value::Null);
        match (known, patch) {
            (Value::Array(known), Value::Array(patch)) if is_strategic => members(known, patch),
            (known, patch) => merge(known, patch, is_strategic),
        }
    }
}

/// Does one operation of RFC 6902 to a value; `None` where it can't be done. `move` and `copy`, which
/// `kubectl` never sends, are not known.
pub(super) fn operate(value: &mut Value, operation: &Value) -> Option<()> {
    let path = operation["path"].as_str()?;
    let (parent, field) = path.rsplit_once('/')?;
    let field = field.replace("~1", "/").replace("~0", "~");
    match (operation["op"].as_str()?, value.pointer_mut(parent)?) {
        ("test", _) => (value.pointer(path)? == operation.get("value")?).then_some(()),
        ("add" | "replace", Value::Object(fields)) => {
            fields.insert(field, operation.get("value")?.clone());
            Some(())
        }
        ("remove", Value::Object(fields)) => fields.remove(&field).map(drop),
        ("add", Value::Array(items)) => {
            let place = match field.as_str() {
                "-" => items.len(),
                place => place.parse().ok().filter(|place| *place <= items.len())?,
            };
            items.insert(place, operation.get("value")?.clone());
            Some(())
        }
        (kind @ ("replace" | "remove"), Value::Array(items)) => {
            let place: usize = field.parse().ok().filter(|place| *place < items.len())?;
            if kind == "remove" {
                items.remove(place);
            } else {
                items[place] = operation.get("value")?.clone();
            }
            Some(())
        }
        _ => None,
    }
}

fn members(known: &mut Vec<Value>, patch: &[Value]) {
    let key = KEYS.iter().find(|key| {
        let all = known.iter().chain(patch);
        let mut all = all.filter(|member| member.get("$patch").is_none_or(|how| how != "replace"));
        all.all(|member| member.get(**key).is_some())
    });
    let is_replaced = |member: &Value| member.get("$patch").is_some_and(|how| how == "replace");
    let Some(key) = key.filter(|_| !patch.iter().any(is_replaced)) else {
        let kept = patch.iter().filter(|member| !is_replaced(member));
        *known = kept.cloned().collect();
        return;
    };
    for member in patch {
        let place = known.iter().position(|own| own[*key] == member[*key]);
        let is_deleted = member.get("$patch").is_some_and(|how| how == "delete");
        match (place, is_deleted) {
            (Some(place), true) => drop(known.remove(place)),
            (Some(place), false) => merge(&mut known[place], member, true),
            (None, true) => {}
            (None, false) => known.push(member.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operations_change_fields_and_items() {
        let mut value = json!({"spec": {"template": 1, "items": ["a"]}, "metadata": {}});
        for (operation, is_done) in [
            (
                json!({"op": "test", "path": "/spec/template", "value": 1}),
                true,
            ),
            (
                json!({"op": "replace", "path": "/spec/template", "value": 2}),
                true,
            ),
            (
                json!({"op": "add", "path": "/metadata/a~1b", "value": "c"}),
                true,
            ),
            (
                json!({"op": "add", "path": "/spec/items/-", "value": "b"}),
                true,
            ),
            (json!({"op": "remove", "path": "/spec/items/0"}), true),
            (
                json!({"op": "test", "path": "/spec/template", "value": 1}),
                false,
            ),
            (json!({"op": "remove", "path": "/spec/items/7"}), false),
            (
                json!({"op": "copy", "path": "/spec/x", "from": "/spec/items"}),
                false,
            ),
        ] {
            assert_eq!(
                operate(&mut value, &operation).is_some(),
                is_done,
                "{operation}"
            );
        }
        let expected = json!({"spec": {"template": 2, "items": ["b"]}, "metadata": {"a/b": "c"}});
        assert_eq!(value, expected);
    }

    #[test]
    fn patches_merge_as_those_of_kubernetes() {
        let value =
            json!({"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b"}], "x": 1}});
        let merged = |patch: Value, is_strategic| {
            let mut value = value.clone();
            merge(&mut value, &patch, is_strategic);
            value
        };
        let image = json!({"spec": {"containers": [{"name": "a", "image": "2"}], "x": null}});
        assert_eq!(
            merged(image.clone(), true),
            json!({"spec": {"containers": [{"name": "a", "image": "2"}, {"name": "b"}]}})
        );
        assert_eq!(
            merged(image, false)["spec"]["containers"],
            json!([{"name": "a", "image": "2"}])
        );
        let gone = json!({"spec": {
            "$setElementOrder/containers": [{"name": "a"}],
            "containers": [{"name": "b", "$patch": "delete"}],
        }});
        assert_eq!(
            merged(gone, true)["spec"]["containers"],
            json!([{"name": "a", "image": "1"}])
        );
    }
}
