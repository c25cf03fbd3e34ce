//! Patches of objects: the merge patch of JSON, and as far as lists are told apart by a key the strategic
//! merge patch of Kubernetes.

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
