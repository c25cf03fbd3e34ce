//! Containers as manifests state them, and the orders that start them.

use serde_json::Value;
use units::Quantity;

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

/// The order that starts a container as it is written.
pub(super) fn order(attempt: AttemptId, written: &Value) -> Order {
    let texts = |field: &str| -> Vec<String> {
        let list = written.get(field).and_then(Value::as_array);
        let texts = list.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
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
    let variables = written.get("env").and_then(Value::as_array);
    for variable in variables.into_iter().flatten() {
        let text = |field: &str| variable.get(field).and_then(Value::as_str);
        if let (Some(name), Some(value)) = (text("name"), text("value")) {
            order.environment.insert(name.to_owned(), value.to_owned());
        }
    }
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
