//! The next start times of a schedule.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cases::Differences;
use model::workload::CronSchedule;

/// Number of times recorded.
const TIMES: usize = 6;

pub(super) fn compare(case: &Value, differences: &mut Differences) -> Result<(), String> {
    let text = |pointer: &str| case.pointer(pointer).and_then(Value::as_str);
    let after = text("/input/after").ok_or("no `after`")?;
    let after: Timestamp = after.parse().map_err(|error| format!("`after`: {error}"))?;
    let schedule = text("/input/schedule").unwrap_or_default();
    let decided = match CronSchedule::parse(schedule, text("/input/timeZone")) {
        Err(error) => json!({"error": error.to_string()}),
        Ok(schedule) => {
            let mut next = Vec::new();
            let mut at = after.as_second();
            while next.len() < TIMES {
                let Some(due) = schedule.next(at) else {
                    next.push("never".to_owned());
                    break;
                };
                next.push(
                    Timestamp::from_second(due)
                        .map_err(|error| error.to_string())?
                        .to_string(),
                );
                at = due;
            }
            json!({ "next": next })
        }
    };
    differences.loosely(
        "expect",
        case.get("expect").unwrap_or(&Value::Null),
        &decided,
    );
    Ok(())
}
