//! Numbers as people read them: percent with one decimal, separated thousands, durations in the
//! unit that suits their size. All text comes from the formatter of the standard library, which
//! rounds exactly, so the same value gives the same text everywhere.

use model::Text;
use units::line::without_commands;
use units::plural;

/// Maximum number of nodes of a group named.
const NODES_NAMED: usize = 3;

/// Placeholder for an undefined metric.
pub const UNDEFINED: &str = "–";

/// Formats a value with its unit, as in a table cell.
///
/// `ratio` becomes percent; `s` and `nanoseconds` become a duration; `bytes` take a binary prefix;
/// a unit that counts things (`pods`, `jobs`, `nodes` …) is left to the row's label.
pub fn value(value: f64, unit: &str) -> String {
    if !value.is_finite() {
        return UNDEFINED.to_owned();
    }
    match unit {
        "ratio" => percent(value * 100.0),
        "percent" => percent(value),
        "s" | "seconds" => duration(value),
        "nanoseconds" => duration(value / 1e9),
        _ => quantity(value, unit),
    }
}

/// Formats the difference of two values of one unit, with its sign; `None` if it would show as
/// zero. Differences of ratios are percentage points (`pp`).
pub fn difference(value: f64, reference: f64, unit: &str) -> Option<String> {
    let delta = value - reference;
    if !delta.is_finite() {
        return None;
    }
    let text = match unit {
        "ratio" => format!("{:.1} pp", delta.abs() * 100.0),
        "percent" => format!("{:.1} pp", delta.abs()),
        "s" | "seconds" => duration(delta.abs()),
        "nanoseconds" => duration(delta.abs() / 1e9),
        _ => quantity(delta.abs(), unit),
    };
    if !text.contains(|digit: char| ('1'..='9').contains(&digit)) {
        return None;
    }
    Some(if delta < 0.0 {
        format!("−{text}")
    } else {
        format!("+{text}")
    })
}

/// First names of a group of nodes and the number of the others.
pub(crate) fn names(nodes: &[Text]) -> String {
    plural::first_of(nodes.iter().map(|own| &**own), NODES_NAMED)
}

/// Formats shares above 99 % so that the missing part shows two digits.
fn percent(value: f64) -> String {
    let missing = 100.0 - value;
    if missing > 0.0 && missing < 1.0 {
        let text = (2..=7).map(|digits| format!("{value:.digits$}"));
        let mut text = text.filter(|text| {
            let left: f64 = text.parse().unwrap_or(value);
            let shown = 100.0 - left;
            shown > 0.0 && ((shown - missing) / missing).abs() < 0.05
        });
        return format!("{} %", text.next().unwrap_or_else(|| format!("{value:.7}")));
    }
    format!("{} %", separated(&format!("{value:.1}")))
}

/// Formats a number with the unit that its row's label does not name.
fn quantity(value: f64, unit: &str) -> String {
    match unit {
        "bytes" => bytes(value),
        "gpus" => format!("{} GPUs", number(value)),
        "steps" => format!("{} steps", number(value)),
        "1/h" => format!("{}/h", number(value)),
        "1/step" => format!("{}/step", number(value)),
        // A label that speaks of hours must not be taken at its word.
        "pods/step" | "pod-steps" | "core-steps" | "gpu-steps" | "node-steps" => {
            format!("{} {unit}", number(value))
        }
        "cores" => format!("{} cores", number(value)),
        _ => number(value),
    }
}

/// Formats bytes in the largest binary unit of which there are at least two.
fn bytes(value: f64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut scaled = value;
    let mut unit = 0;
    while scaled.abs() >= 2048.0 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    format!("{} {}", number(scaled), UNITS[unit])
}

/// Formats whole numbers without decimals, others with at least three significant digits.
fn number(value: f64) -> String {
    // A zero below zero is zero.
    let value = value + 0.0;
    let size = value.abs();
    if size >= 1e15 {
        return format!("{value:.3e}");
    }
    if size >= 1000.0 || size.fract().total_cmp(&0.0).is_eq() {
        return separated(&format!("{value:.0}"));
    }
    let text = match size {
        _ if size >= 100.0 => format!("{value:.1}"),
        _ if size >= 1.0 => format!("{value:.2}"),
        _ if size >= 0.01 => format!("{value:.3}"),
        _ => format!("{value:.2e}"),
    };
    separated(&text)
}

/// Formats a whole number with separated thousands.
pub fn count(value: u64) -> String {
    separated(&value.to_string())
}

/// Formats a count with separated thousands, and its noun, which is given in the singular.
pub fn counted(value: u64, singular: &str) -> String {
    format!("{} {}", count(value), plural::noun(value, singular))
}

/// Formats values of one unit side by side. Durations share the unit of the smallest, so that their
/// digits compare, unless that makes the largest unwieldy.
pub fn values(values: &[Option<f64>], unit: &str) -> Vec<String> {
    let seconds_per = match unit {
        "s" | "seconds" => Some(1.0),
        "nanoseconds" => Some(1e9),
        _ => None,
    };
    let shared = seconds_per.and_then(|per| shared_unit(values, per));
    let text = |number: f64| match (shared, seconds_per) {
        (Some(unit), Some(per)) if number.is_finite() => duration_in(number / per, unit),
        _ => value(number, unit),
    };
    values
        .iter()
        .map(|number| number.map_or_else(|| UNDEFINED.to_owned(), text))
        .collect()
}

/// Unit that a duration is printed in.
#[derive(Clone, Copy)]
struct DurationUnit {
    /// Seconds per unit.
    scale: f64,
    name: &'static str,
}

fn shared_unit(values: &[Option<f64>], per_second: f64) -> Option<DurationUnit> {
    let sizes = || {
        let seconds = values
            .iter()
            .flatten()
            .map(|value| value.abs() / per_second);
        seconds.filter(|size| size.is_finite() && *size >= 0.5e-9)
    };
    let unit = duration_unit(sizes().min_by(f64::total_cmp)?);
    let largest = sizes().max_by(f64::total_cmp)?;
    (largest / unit.scale < 10_000.0).then_some(unit)
}

/// Formats seconds as a duration with three significant digits: `412 ms`, `41.2 s`, `12.4 min`,
/// `3.21 h`, `5.20 d`.
pub fn duration(seconds: f64) -> String {
    duration_in(seconds, duration_unit(seconds.abs()))
}

fn duration_unit(size: f64) -> DurationUnit {
    // Two of the larger unit before it is taken: 90 min says more than 1.50 h.
    const UNITS: [(f64, f64, &str); 7] = [
        (2.0 * 86_400.0, 86_400.0, "d"),
        (2.0 * 3_600.0, 3_600.0, "h"),
        (2.0 * 60.0, 60.0, "min"),
        (1.0, 1.0, "s"),
        (1e-3, 1e-3, "ms"),
        (1e-6, 1e-6, "µs"),
        (0.0, 1e-9, "ns"),
    ];
    let fits = UNITS.into_iter().find(|&(least, ..)| size >= least);
    let (scale, name) = fits.map_or((1.0, "s"), |(_, scale, name)| (scale, name));
    DurationUnit { scale, name }
}

fn duration_in(seconds: f64, unit: DurationUnit) -> String {
    if seconds.abs() < 0.5e-9 {
        return "0 s".to_owned();
    }
    let scaled = seconds / unit.scale;
    let text = match scaled.abs() {
        scaled_size if scaled_size >= 99.95 => format!("{scaled:.0}"),
        scaled_size if scaled_size >= 9.995 => format!("{scaled:.1}"),
        _ => format!("{scaled:.2}"),
    };
    format!("{} {}", separated(&text), unit.name)
}

/// Formats a number with a fixed number of decimals.
pub fn fixed(value: f64, decimals: usize) -> String {
    // A zero has no sign.
    separated(&format!("{:.decimals$}", value + 0.0))
}

/// Formats a round number of seconds in its largest unit: `10 ms`, `1 min`, `10 d`.
pub fn brief_duration(seconds: f64) -> String {
    const UNITS: [(f64, &str); 5] = [
        (86_400.0, "d"),
        (3_600.0, "h"),
        (60.0, "min"),
        (1.0, "s"),
        (0.001, "ms"),
    ];
    let fits = UNITS.into_iter().find(|&(unit, _)| seconds >= unit);
    let (unit, name) = fits.unwrap_or((1.0, "s"));
    format!("{} {name}", fixed(seconds / unit, 0))
}

/// Inserts a comma between groups of three digits before the decimal point.
fn separated(text: &str) -> String {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("−", rest),
        None => ("", text),
    };
    let whole = digits.find('.').unwrap_or(digits.len());
    let mut out = String::with_capacity(text.len() + whole / 3 + 2);
    out.push_str(sign);
    for (index, digit) in digits.char_indices() {
        if index > 0 && index < whole && (whole - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Cleans a name for one line of a terminal: control characters, which could move the cursor or
/// overwrite other text, and marks that turn the direction of text become `�`, and commands to a CI system
/// are broken up.
pub fn clean(name: &str) -> String {
    let clean = |letter: char| {
        if letter.is_control() || is_turn(letter) {
            '\u{fffd}'
        } else {
            letter
        }
    };
    if name.bytes().all(|letter| matches!(letter, b' '..=b'~')) {
        return without_commands(name);
    }
    without_commands(&name.chars().map(clean).collect::<String>())
}

/// Whether a letter turns the direction of the text behind it, which then reads otherwise than it is, or ends
/// a line or a paragraph.
const fn is_turn(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text that stands for itself in HTML.
pub(crate) fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The widest column of a table in text; a longer cell pushes those behind it aside. (A format takes no
/// width beyond 65,535.)
pub const WIDTH_MAX: usize = 200;

/// The width of a column of cells, at most [`WIDTH_MAX`].
pub fn column_width(cells: impl Iterator<Item = usize>) -> usize {
    cells.max().unwrap_or(0).min(WIDTH_MAX)
}

/// Shortens a name to at most `length_max` characters. An ellipsis marks the cut in the middle, as
/// long names often differ only at their end.
pub fn shortened(name: &str, length_max: usize) -> String {
    let length = name.chars().count();
    if length <= length_max {
        return name.to_owned();
    }
    let kept = length_max.saturating_sub(1);
    let tail = kept / 2;
    let head = name.chars().take(kept - tail);
    head.chain(std::iter::once('…'))
        .chain(name.chars().skip(length - tail))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_carry_their_units() {
        let check = |number: f64, unit: &str, expected: &str| {
            assert_eq!(value(number, unit), expected, "{number} {unit}");
        };
        check(0.93149, "ratio", "93.1 %");
        check(0.0, "ratio", "0.0 %");
        check(12.5, "ratio", "1,250.0 %");
        check(93.149, "percent", "93.1 %");
        check(0.9965, "ratio", "99.65 %");
        check(0.996, "ratio", "99.60 %");
        check(0.999_5, "ratio", "99.95 %");
        check(0.999_965, "ratio", "99.9965 %");
        check(0.999_99, "ratio", "99.999 %");
        check(1.0, "ratio", "100.0 %");
        check(412.0, "pods", "412");
        check(10_866.0, "pods", "10,866");
        check(1_234_567.0, "pods", "1,234,567");
        check(-1_234.0, "pods", "−1,234");
        check(44.9025, "factor", "44.90");
        check(0.5, "factor", "0.500");
        check(0.001_234, "factor", "1.23e-3");
        check(2e16, "pods", "2.000e16");
        check(528_302_452_244_480.0, "bytes", "480.5 TiB");
        check(2_000.0, "bytes", "2,000 B");
        check(866.494, "gpus", "866.5 GPUs");
        check(12.0, "1/h", "12/h");
        check(0.25, "1/step", "0.250/step");
        check(6.0, "node-steps", "6 node-steps");
        check(90.0, "s", "90.0 s");
        check(f64::NAN, "ratio", UNDEFINED);
        check(f64::INFINITY, "seconds", UNDEFINED);
    }

    #[test]
    fn durations_take_the_unit_of_their_size() {
        let check = |seconds: f64, expected: &str| assert_eq!(duration(seconds), expected);
        check(0.0, "0 s");
        check(1.5e-8, "15.0 ns");
        check(0.000_2, "200 µs");
        check(0.412, "412 ms");
        check(1.0, "1.00 s");
        check(41.23, "41.2 s");
        check(119.0, "119 s");
        check(744.0, "12.4 min");
        check(11_556.0, "3.21 h");
        check(449_280.0, "5.20 d");
        check(86_400.0 * 12_000.0, "12,000 d");
        check(-41.2, "−41.2 s");
    }

    #[test]
    fn durations_side_by_side_share_a_unit() {
        let check = |seconds: &[f64], expected: &[&str]| {
            let seconds: Vec<Option<f64>> = seconds.iter().copied().map(Some).collect();
            assert_eq!(values(&seconds, "seconds"), expected);
        };
        check(&[7_920.0, 1_250.0, 0.0], &["132 min", "20.8 min", "0 s"]);
        check(&[87_120.0, 13_750.0], &["24.2 h", "3.82 h"]);
        check(&[0.2, 20.0], &["200 ms", "20.0 s"]);
        check(&[], &[]);
    }

    #[test]
    fn differences_have_a_sign_or_are_none() {
        let check = |value: f64, reference: f64, unit: &str, expected: Option<&str>| {
            assert_eq!(difference(value, reference, unit).as_deref(), expected);
        };
        check(0.889, 0.931, "ratio", Some("−4.2 pp"));
        check(412.0, 77.0, "pods", Some("+335"));
        check(60.0, 18.8, "seconds", Some("+41.2 s"));
        check(0.931, 0.931, "ratio", None);
        check(0.931_01, 0.931, "ratio", None);
        check(f64::NAN, 0.9, "ratio", None);
    }

    #[test]
    fn names_stay_on_their_line() {
        assert_eq!(clean("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\u{fffd}c");
        assert_eq!(shortened("gpu-clustering", 8), "gpu-…ing");
        assert_eq!(shortened("fgd", 8), "fgd");
    }
}
