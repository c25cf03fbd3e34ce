//! Comparison of expectations with decisions, field by field. Numbers agree to 1e-6, relative or
//! absolute, the looser, unless the expectation states another tolerance; the parts of a bill to 1e-4
//! (spec: orchestrators-a.md section 14, orchestrators-b.md section 12).

use serde_json::{Map, Value};

/// How far apart two numbers may be.
#[derive(Clone, Copy, Debug)]
enum Tolerance {
    /// So much of the larger one, or so much, whichever allows more.
    Either(f64),
    /// So much of the larger one.
    Relative(f64),
    /// So much.
    Absolute(f64),
}

impl Tolerance {
    fn allows(self, one: f64, other: f64) -> bool {
        let larger = libm::fabs(one).max(libm::fabs(other));
        let most = match self {
            Self::Either(part) => part * larger.max(1.0),
            Self::Relative(part) => part * larger,
            Self::Absolute(most) => most,
        };
        libm::fabs(one - other) <= most
    }
}

/// The tolerance of an expectation that states none.
const TOLERANCE: Tolerance = Tolerance::Either(1e-6);
/// Greatest difference of amounts of money, and of the parts of a bill that are money.
const MONEY_TOLERANCE: f64 = 1e-4;
const BILL: [&str; 3] = ["compute", "requests", "total"];
/// The field of an expectation that says how far apart drawn numbers may be.
const DRAWN_TOLERANCE: &str = "sim_abs_tol";
/// The field that says the same of rounded numbers.
const ROUNDED_TOLERANCE: &str = "tol";
/// The field that says how far apart figures of one draw may be, and those figures.
const DRAW_TOLERANCE: &str = "tol_single_seed_other_random_order";
const OF_ONE_DRAW: [&str; 2] = ["min", "max"];
/// The field that says which part of the larger one numbers may be apart.
const RELATIVE_TOLERANCE: &str = "rel_tol";
/// The field that says how far apart means over other draws may be.
const MEAN_TOLERANCE: &str = "tol_mean_other_random_order";

/// Fields of an expectation that are words for people, or another answer that the original may
/// give.
const WORDS: [&str; 10] = [
    "note",
    "invariant",
    "mode_upstream_other_visit_order",
    "original_also_gives",
    DRAW_TOLERANCE,
    "sim_rel_tol",
    MEAN_TOLERANCE,
    DRAWN_TOLERANCE,
    ROUNDED_TOLERANCE,
    RELATIVE_TOLERANCE,
];

/// Holds every field of an expectation against what was decided.
pub(super) fn expected(expected: &Value, decided: &Value) -> Result<(), String> {
    let Value::Object(fields) = expected else {
        return same("expected", expected, decided, TOLERANCE);
    };
    for (field, expected) in fields {
        if WORDS.contains(&field.as_str()) {
            continue;
        }
        let tolerance = stated_tolerance(fields, field);
        let found = decided.get(field).unwrap_or(&Value::Null);
        match field.as_str() {
            "error" => same_error(expected, decided)?,
            "outcome" => same_outcome(expected, found)?,
            "t" => same_as_written(expected, found)?,
            _ => same(field, expected, found, tolerance)?,
        }
    }
    Ok(())
}

/// The tolerance that an expectation states for a field, or that of all others.
fn stated_tolerance(fields: &Map<String, Value>, field: &str) -> Tolerance {
    let stated = |name| fields.get(name).and_then(Value::as_f64);
    let of_draw = stated(DRAW_TOLERANCE).filter(|_| OF_ONE_DRAW.contains(&field));
    let drawn = of_draw.or_else(|| stated(DRAWN_TOLERANCE));
    let drawn = drawn.or_else(|| stated(MEAN_TOLERANCE));
    let rounded = || stated(ROUNDED_TOLERANCE).map(Tolerance::Either);
    let relative = || stated(RELATIVE_TOLERANCE).map(Tolerance::Relative);
    let own = drawn.map(Tolerance::Absolute);
    own.or_else(rounded).or_else(relative).unwrap_or(TOLERANCE)
}

/// Recorded errors are parts of a message, or a word for its kind.
fn same_error(expected: &Value, decided: &Value) -> Result<(), String> {
    let words = expected.as_str().unwrap_or_default();
    let found = decided.get("error").and_then(Value::as_str);
    let kind = decided.get("error_kind").and_then(Value::as_str);
    if kind == Some(words) || found.is_some_and(|found| found.contains(words)) {
        return Ok(());
    }
    Err(match found {
        Some(found) => format!("error: expected `{words}`, found `{found}`"),
        None => format!("error: expected `{words}`, decided {decided}"),
    })
}

/// A recorded outcome may say why in parentheses.
fn same_outcome(expected: &Value, found: &Value) -> Result<(), String> {
    let bare = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        text.split(" (").next().unwrap_or_default().to_owned()
    };
    if bare(expected) == bare(found) {
        return Ok(());
    }
    Err(format!("outcome: expected {expected}, found {found}"))
}

/// Recorded times are rounded to the digits that they are written with.
fn same_as_written(expected: &Value, found: &Value) -> Result<(), String> {
    let (Value::Array(expected), Value::Array(found)) = (expected, found) else {
        return same("t", expected, found, TOLERANCE);
    };
    if expected.len() != found.len() {
        let (wanted, own) = (expected.len(), found.len());
        return Err(format!("t: expected {wanted} times, found {own}"));
    }
    for (expected, found) in expected.iter().zip(found) {
        let written = expected.to_string();
        let decimals = written
            .split_once('.')
            .map_or(0, |(_, digits)| digits.len());
        let half = 0.5 / rng::math::pow(10.0, decimals as f64);
        let (Some(one), Some(other)) = (expected.as_f64(), found.as_f64()) else {
            return same("t", expected, found, TOLERANCE);
        };
        // Half a digit, and what is lost by a double.
        if (one - other).abs() > half * 1.000_001 {
            same("t", expected, found, TOLERANCE)?;
        }
    }
    Ok(())
}

fn is_same_money(expected: &Value, found: &Value) -> bool {
    let both = expected.as_f64().zip(found.as_f64());
    both.is_some_and(|(expected, found)| (expected - found).abs() <= MONEY_TOLERANCE)
}

fn same(place: &str, expected: &Value, found: &Value, tolerance: Tolerance) -> Result<(), String> {
    let differs = || Err(format!("{place}: expected {expected}, found {found}"));
    match (expected, found) {
        (Value::Number(one), Value::Number(other)) => {
            let (Some(one), Some(other)) = (one.as_f64(), other.as_f64()) else {
                return differs();
            };
            if tolerance.allows(one, other) {
                Ok(())
            } else {
                differs()
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (position, (one, other)) in one.iter().zip(other).enumerate() {
                same(&format!("{place}[{position}]"), one, other, tolerance)?;
            }
            Ok(())
        }
        (Value::Object(one), Value::Object(other)) if one.len() == other.len() => {
            for (key, one) in one {
                let other = other.get(key).unwrap_or(&Value::Null);
                if BILL.contains(&key.as_str()) && is_same_money(one, other) {
                    continue;
                }
                same(&format!("{place}.{key}"), one, other, tolerance)?;
            }
            Ok(())
        }
        (Value::Array(_) | Value::Object(_), _) => differs(),
        _ if expected == found => Ok(()),
        _ => differs(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_numbers_and_errors_are_compared() {
        let decided =
            json!({"a": [1, 2.000_000_1], "error": "no node satisfies x", "b": {"k": null}});
        for (wanted, agrees) in [
            (json!({"a": [1.0, 2]}), true),
            (json!({"a": [1.0, 2.1]}), false),
            (json!({"a": [1]}), false),
            (json!({"b": {"k": null}, "note": "words"}), true),
            (json!({"b": {}}), false),
            (json!({"c": 1}), false),
            (json!({"error": "satisfies"}), true),
            (json!({"error": "parse"}), false),
        ] {
            assert_eq!(expected(&wanted, &decided).is_ok(), agrees, "{wanted}");
        }
        let outcome = json!({"outcome": "rollback at failure 3"});
        assert!(
            expected(
                &json!({"outcome": "rollback at failure 3 (3/10 > 0.2)"}),
                &outcome
            )
            .is_ok()
        );
    }

    #[test]
    fn stated_tolerances_hold_as_they_are_stated() {
        let decided = json!({"pct": 60.0, "min": 83.0, "p": 5e-7, "t": [1.5]});
        for (wanted, agrees) in [
            (
                json!({"pct": 60.3, "tol_mean_other_random_order": 0.4}),
                true,
            ),
            (
                json!({"pct": 93.0, "tol_mean_other_random_order": 0.4}),
                false,
            ),
            (json!({"pct": 60.5, "sim_abs_tol": 0.4}), false),
            (
                json!({"min": 83.5, "tol_mean_other_random_order": 0.4, "tol_single_seed_other_random_order": 0.6}),
                true,
            ),
            (
                json!({"min": 83.7, "tol_mean_other_random_order": 0.4, "tol_single_seed_other_random_order": 0.6}),
                false,
            ),
            (json!({"pct": 60.5, "tol": 0.01}), true),
            (json!({"p": 5.000_000_001e-7, "rel_tol": 1e-9}), true),
            (json!({"p": 1e-7, "rel_tol": 1e-9}), false),
            (json!({"p": 1e-7}), true),
            (json!({"t": [1.5]}), true),
            (json!({"t": [1.5, 2.5]}), false),
        ] {
            assert_eq!(expected(&wanted, &decided).is_ok(), agrees, "{wanted}");
        }
    }
}
