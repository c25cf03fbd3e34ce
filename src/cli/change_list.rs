//! List of the changes between releases of Kubernetes, for `windtunnel systems kubernetes --changes`.

use std::fmt::Write;

use model::releases::{CHANGES, ChangeEntry, Coverage};
use serde_json::{Value, json};

/// Releases in which a switch is on, in words.
fn releases(entry: &ChangeEntry) -> String {
    let Some(span) = entry.releases else {
        return "none".to_owned();
    };
    if span.last == *model::Release::ALL.last().unwrap_or(&span.last) {
        format!("since {}", span.first)
    } else if span.first == span.last {
        format!("only {}", span.first)
    } else {
        format!("until {}", span.last)
    }
}

/// Remark about a switch that can't be set.
fn standing(entry: &ChangeEntry) -> String {
    match entry.standing {
        Coverage::Modelled if entry.is_defect => " A defect.".to_owned(),
        Coverage::Modelled => String::new(),
        Coverage::Unseen(why) => format!(" No effect: {why}."),
        Coverage::LeftOut(why) => format!(" Not modelled: {why}."),
    }
}

/// Table for the terminal.
pub(super) fn table() -> String {
    let width = CHANGES.iter().map(|entry| entry.name.len()).max();
    let width = width.unwrap_or(0);
    let mut text = "changes between releases (system.scheduler.changes)\n".to_owned();
    for entry in CHANGES {
        let (name, releases) = (entry.name, releases(entry));
        let (summary, remark) = (entry.summary, standing(entry));
        let bearing = entry.bearing.name();
        let _ = writeln!(
            text,
            "  {name:width$}  {releases:10}  {bearing:11}  {summary}{remark}"
        );
    }
    text
}

/// JSON, an object with a list.
pub(super) fn json() -> Value {
    let changes = CHANGES.iter().map(|entry| {
        let (standing, reason) = match entry.standing {
            Coverage::Modelled => ("modelled", None),
            Coverage::Unseen(why) => ("no-effect", Some(why)),
            Coverage::LeftOut(why) => ("not-modelled", Some(why)),
        };
        let on: Vec<&str> = model::Release::ALL
            .iter()
            .filter(|release| entry.is_on_in(**release))
            .map(|release| release.name())
            .collect();
        json!({
            "name": entry.name,
            "row": entry.row,
            "releases": on,
            "gate": entry.gate,
            "bearing": entry.bearing.name(),
            "defect": entry.is_defect,
            "standing": standing,
            "reason": reason,
            "summary": entry.summary,
        })
    });
    json!({"changes": changes.collect::<Vec<Value>>()})
}
