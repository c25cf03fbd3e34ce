//! Containers as manifests state them, and the orders that start them.

use serde_json::Value;
use units::{Quantity, SortedMap};

use crate::runtime::{AttemptId, Image, Limits, Order};

/// The containers of a pod that an order is about: init containers come first in the numbers.
pub(super) fn chosen(manifest: &Value, container: Option<u16>) -> Vec<&Value> {
    let list = |field: &str| -> Vec<&Value> {
        let list = manifest.pointer(field).and_then(Value::as_array);
        list.into_iter().flatten().collect()
    };
    let (init, others) = (list("/spec/initContainers"), list("/spec/containers"));
    match container {
        None => others,
        Some(number) => {
            let mut all = init.into_iter().chain(others);
            all.nth(usize::from(number)).into_iter().collect()
        }
    }
}

/// The order that starts a container as it is written, with variables that it has in any case: what
/// the manifest states goes first.
pub(super) fn order(
    attempt: AttemptId,
    written: &Value,
    mut environment: SortedMap<String, String>,
) -> Order {
    let variables = written.get("env").and_then(Value::as_array);
    for variable in variables.into_iter().flatten() {
        let text = |field: &str| variable.get(field).and_then(Value::as_str);
        if let Some(name) = text("name") {
            let value = expanded(text("value").unwrap_or_default(), &environment);
            environment.insert(name.to_owned(), value);
        }
    }
    let texts = |field: &str| -> Vec<String> {
        let list = written.get(field).and_then(Value::as_array);
        let texts = list.into_iter().flatten().filter_map(Value::as_str);
        texts.map(|text| expanded(text, &environment)).collect()
    };
    let (entrypoint, arguments) = (texts("command"), texts("args"));
    let command = [&entrypoint[..], &arguments].concat();
    let mut order = Order::new(attempt, command);
    let image = written.get("image").and_then(Value::as_str);
    order.image = image.map(|name| Image {
        name: name.to_owned(),
        entrypoint,
        arguments,
    });
    order.environment = environment;
    let folder = written.get("workingDir").and_then(Value::as_str);
    order.folder = folder.map(Into::into);
    let amount = |path: &str| -> Option<Quantity> { written.pointer(path)?.as_str()?.parse().ok() };
    let milli = |path: &str| u64::try_from(amount(path)?.milli_ceil().ok()?).ok();
    let bytes = |path: &str| u64::try_from(amount(path)?.units_ceil().ok()?).ok();
    order.limits = Limits {
        cpu_request_milli: milli("/resources/requests/cpu"),
        cpu_milli: milli("/resources/limits/cpu"),
        memory_bytes: bytes("/resources/limits/memory"),
        process_count: None,
    };
    order
}

/// A text with its references `$(NAME)` replaced by variables, as Kubernetes does it: `$$` is a dollar
/// sign, and a reference to no variable stays as it is.
fn expanded(text: &str, variables: &SortedMap<String, String>) -> String {
    let (mut result, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        let name = after
            .strip_prefix('(')
            .and_then(|inner| inner.split_once(')'));
        if let Some((name, behind)) = name {
            match variables.get(name) {
                Some(value) => result.push_str(value),
                None => result.extend(["$(", name, ")"]),
            }
            rest = behind;
        } else {
            result.push('$');
            rest = after.strip_prefix('$').unwrap_or(after);
        }
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_to_variables_are_replaced_as_kubernetes_does() {
        let known = [("A", "1"), ("B", "$(A)"), ("", "none")];
        let known = known.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let known: SortedMap<String, String> = known.into_iter().collect();
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("$(A)", "1"),
            ("x$(A)y$(A)z", "x1y1z"),
            // A value is not expanded again.
            ("$(B)", "$(A)"),
            ("$(C)", "$(C)"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$1"),
            ("$$$$(A)", "$$(A)"),
            ("$A $ $", "$A $ $"),
            ("$(A", "$(A"),
            ("$()", "none"),
            ("ä$(A)ö$ü", "ä1ö$ü"),
        ] {
            assert_eq!(expanded(text, &known), expected, "{text}");
        }
    }

    #[test]
    fn commands_and_variables_see_the_variables_before_them() {
        let written = json!({
            "command": ["run", "$(PORT)"],
            "args": ["$(URL)", "$(LATER)"],
            "env": [
                {"name": "EARLY", "value": "$(LATER)"},
                {"name": "PORT", "value": "80"},
                {"name": "URL", "value": "http://$(POD_NAME):$(PORT)"},
                {"name": "LATER", "value": "l"},
            ],
        });
        let attempt = AttemptId::new("p", "c", 0).expect("plain names");
        let given = [("POD_NAME", "p-0"), ("PORT", "1")];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let order = order(attempt, &written, given.into_iter().collect());
        assert_eq!(order.command, ["run", "80", "http://p-0:80", "l"]);
        assert_eq!(order.environment["EARLY"], "$(LATER)");
    }
}
