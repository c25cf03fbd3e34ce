//! Effects of a release on measures, as lines of a table and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::format;
use lab::statistics::Interval;
use lab::upgrade::Effect;

/// Lines of a table, with so many digits after the point and so many spaces before each line.
pub(super) fn lines(effects: &[Effect], digits: usize, indent: usize) -> String {
    let name_width = format::column_width(effects.iter().map(|own| own.name.len()));
    let unit_width = format::column_width(effects.iter().map(|own| own.unit.len()));
    let mut text = String::new();
    for effect in effects {
        let line = format!(
            "{:indent$}{:name_width$}  {:>12.digits$} -> {:>12.digits$} {:unit_width$}  {}",
            "",
            effect.name,
            effect.from,
            effect.to,
            effect.unit,
            difference(effect, digits),
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// Difference with its interval.
fn difference(effect: &Effect, digits: usize) -> String {
    match effect.interval {
        None => String::new(),
        Some(_) if effect.is_constant() && effect.difference().abs() < f64::EPSILON => {
            "no difference with any seed".to_owned()
        }
        Some(_) if effect.is_constant() => {
            format!(
                "difference {:+.digits$} with every seed",
                effect.difference()
            )
        }
        Some(Interval { low, high }) => {
            format!("difference {low:+.digits$} to {high:+.digits$} (95 %)")
        }
    }
}

/// JSON, one object an effect.
pub(super) fn json(effects: &[Effect]) -> Value {
    let effects = effects.iter().map(|own| {
        json!({
            "metric": own.name,
            "unit": own.unit,
            "from": own.from,
            "to": own.to,
            "low": own.interval.map(|own| own.low),
            "high": own.interval.map(|own| own.high),
        })
    });
    Value::Array(effects.collect())
}
