//! Switches that differ between two releases, as lines and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use model::releases::CHANGES;
use model::{ChangeArea, ChangeEntry, Changes, Release};
use units::plural;

/// Columns of a line.
const WIDTH: usize = 110;
/// Columns before the names.
const INDENT: usize = 22;

/// Two releases with the switches that are on in each comparison's side.
#[derive(Clone, Copy)]
pub(super) struct Between {
    pub(super) from: Release,
    pub(super) to: Release,
    pub(super) before: Changes,
    pub(super) after: Changes,
}

impl Between {
    /// Returns whether a switch is on in one of the two sides alone.
    fn is_compared(self, entry: &ChangeEntry) -> bool {
        self.before.has(entry.change) != self.after.has(entry.change)
    }

    /// Returns whether a switch changes between the releases, but not between the sides.
    fn is_kept(self, entry: &ChangeEntry) -> bool {
        let changes = entry.is_on_in(self.from) != entry.is_on_in(self.to);
        changes && !self.is_compared(entry)
    }

    /// Returns whether a switch that the releases have alike is turned in both sides.
    fn is_turned(self, entry: &ChangeEntry) -> bool {
        let is_alike = entry.is_on_in(self.from) == entry.is_on_in(self.to);
        is_alike && self.after.has(entry.change) != entry.is_on_in(self.to)
    }

    /// Lines that name the switches by what they bear on, and those that stay as they are.
    pub(super) fn lines(self) -> String {
        let mut text = String::new();
        let names = |entries: Vec<&'static ChangeEntry>| -> Vec<&'static str> {
            entries.iter().map(|entry| entry.name).collect()
        };
        for bearing in ChangeArea::ALL {
            let own =
                all(|own| own.bearing == bearing && own.is_settable() && self.is_compared(own));
            row(&mut text, bearing.name(), &names(own));
        }
        let kept = all(|own| own.is_settable() && self.is_kept(own));
        row(&mut text, "alike in both", &names(kept));
        let turned = all(|own| own.is_settable() && self.is_turned(own));
        row(&mut text, "turned in both", &names(turned));
        let idle = all(|own| !own.is_settable() && self.is_compared(own));
        if !idle.is_empty() {
            let changes = plural::count(idle.len(), "change");
            let act = plural::either(idle.len(), "acts", "act");
            row(
                &mut text,
                "",
                &[&format!("and {changes} that {act} on nothing here")],
            );
        }
        text
    }

    /// JSON, one object a switch.
    pub(super) fn json(self) -> Value {
        let told =
            |own: &ChangeEntry| self.is_compared(own) || self.is_kept(own) || self.is_turned(own);
        let switches = all(told).into_iter().map(|entry| {
            json!({
                "switch": entry.name,
                "bearing": entry.bearing.name(),
                "gate": entry.gate,
                "defect": entry.is_defect,
                "from": self.before.has(entry.change),
                "to": self.after.has(entry.change),
                "modelled": entry.is_settable(),
            })
        });
        Value::Array(switches.collect())
    }
}

/// Entries of the switches that pass a test.
fn all(test: impl Fn(&ChangeEntry) -> bool) -> Vec<&'static ChangeEntry> {
    CHANGES.iter().filter(|entry| test(entry)).collect()
}

/// Names after a head, broken into lines.
fn row(text: &mut String, head: &str, names: &[&str]) {
    if names.is_empty() {
        return;
    }
    let mut line = format!("  {head:width$}", width = INDENT - 2);
    let mut is_empty = true;
    for (number, name) in names.iter().enumerate() {
        let comma = if number + 1 < names.len() { "," } else { "" };
        if !is_empty && line.len() + 1 + name.len() + comma.len() > WIDTH {
            let _ = writeln!(text, "{line}");
            line = " ".repeat(INDENT);
            is_empty = true;
        }
        let space = if is_empty { "" } else { " " };
        let _ = write!(line, "{space}{name}{comma}");
        is_empty = false;
    }
    let _ = writeln!(text, "{line}");
}
