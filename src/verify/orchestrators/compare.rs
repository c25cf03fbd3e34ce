//! Comparison of expectations with decisions, field by field. Numbers agree to 1e-6, relative or
//! absolute, the looser; the parts of a bill to 1e-4 (spec: orchestrators-a.md section 14,
//! orchestrators-b.md section 12).

use serde_json::Value;

/// Greatest difference of two numbers, unless the expectation says otherwise.
const TOLERANCE: f64 = 1e-6;
/// Greatest difference of amounts of money, and of the parts of a bill that are money.
const MONEY_TOLERANCE: f64 = 1e-4;
const BILL: [&str; 3] = ["compute", "requests", "total"];
/// The field of an expectation that says how far apart drawn numbers may be.
const DRAWN_TOLERANCE: &str = "sim_abs_tol";
/// The field that says the same of rounded numbers.
const ROUNDED_TOLERANCE: &str = "tol";
/// The field that says how far apart means over other draws may be.
const MEAN_TOLERANCE: &str = "tol_mean_other_random_order";

/// Fields of an expectation that are words for people, or another answer that the original may
/// give.
const WORDS: [&str; 10] = [
    "note",
    "invariant",
    "rel_tol",
    "mode_upstream_other_visit_order",
    "original_also_gives",
    "tol_single_seed_other_random_order",
    "sim_rel_tol",
    MEAN_TOLERANCE,
    DRAWN_TOLERANCE,
    ROUNDED_TOLERANCE,
];

/// Holds every field of an expectation against what was decided.
pub(super) fn expected(expected: &Value, decided: &Value) -> Result<(), String> {
    let Value::Object(fields) = expected else {
        return same("expected", expected, decided, TOLERANCE);
    };
    let stated = |field| fields.get(field).and_then(Value::as_f64);
    let drawn = [DRAWN_TOLERANCE, ROUNDED_TOLERANCE, MEAN_TOLERANCE];
    let drawn = drawn.into_iter().find_map(stated);
    let tolerance = drawn.unwrap_or(TOLERANCE);
    for (field, expected) in fields {
        if WORDS.contains(&field.as_str()) {
            continue;
        }
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

fn same(place: &str, expected: &Value, found: &Value, tolerance: f64) -> Result<(), String> {
    let differs = || Err(format!("{place}: expected {expected}, found {found}"));
    match (expected, found) {
        (Value::Number(one), Value::Number(other)) => {
            let (Some(one), Some(other)) = (one.as_f64(), other.as_f64()) else {
                return differs();
            };
            let scale = one.abs().max(other.abs()).max(1.0);
            if (one - other).abs() <= tolerance * scale {
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
}
