//! Commands in containers of an engine, such as probes.

use std::time::Duration;

use serde_json::{Value, json};

use super::api::{ApiError, Engine};
use crate::runtime::clock;

/// Time between two looks at a command.
const LOOK: Duration = Duration::from_millis(20);

/// Runs a command in a container. One that does not end in time goes on: the engine ends it with the
/// container.
pub(super) fn run(
    engine: &Engine,
    container: &str,
    command: &[String],
    timeout: Duration,
) -> Result<(), String> {
    let until_ns = clock::boot_ns() + i64::try_from(timeout.as_nanos()).unwrap_or(i64::MAX / 2);
    let said = |error: ApiError| error.to_string();
    let path = format!("/containers/{container}/exec");
    let made = engine.post(&path, Some(&json!({"Cmd": command})));
    let made = made.map_err(said)?;
    let id = made.get("Id").and_then(Value::as_str).unwrap_or_default();
    let begin = json!({"Detach": true});
    let begun = engine.post(&format!("/exec/{id}/start"), Some(&begin));
    begun.map_err(said)?;
    loop {
        let state = engine.get(&format!("/exec/{id}/json")).map_err(said)?;
        // Before it has begun it does not run either, and has no code.
        let code = state.get("ExitCode").and_then(Value::as_i64);
        match code.filter(|_| state.get("Running") == Some(&Value::Bool(false))) {
            Some(0) => return Ok(()),
            Some(code) => return Err(format!("exit status: {code}")),
            None => {}
        }
        if clock::boot_ns() >= until_ns {
            return Err("not done in time".to_owned());
        }
        std::thread::park_timeout(LOOK);
    }
}
