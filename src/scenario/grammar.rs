//! The small grammars of texts in an experiment file, checked one value at a time: what is wrong
//! with a duration, a quantity, a distribution, a pattern or a bound, and what was probably meant.

use std::cmp::Ordering;

use super::diagnostic::{Code, Finding};
use super::pattern::Pattern;
use super::scalar::Bound;
use super::tree::Span;
use super::watts::Watts;
use options::Period;
use options::Share;
use rng::Distribution;
use units::{Duration, Quantity};

/// Noun for a text of a schema's `format`; `None` for a format unknown here.
pub(super) fn noun(format: &str) -> Option<&'static str> {
    Some(match format {
        "duration" => "a duration such as `1h30m`",
        "quantity" => "a quantity such as `8Gi` or `500m`",
        "distribution" => "a distribution such as `lognormal(400ms, 0.5)`",
        "pattern" => "a text",
        "power" => "a power such as `100W`",
        "period" => "a duration such as `10m`, or a period such as `PT10M`",
        "share" => "a share such as `5%` or `0.05`",
        "bound" => "a number or a duration",
        _ => return None,
    })
}

/// A text under check.
#[derive(Clone, Copy)]
pub(super) struct Scalar<'a> {
    /// Text as written.
    pub(super) written: &'a str,
    /// The field it stands in.
    pub(super) name: &'a str,
    /// The least value it may have.
    pub(super) least: Least,
    /// Position of the text.
    pub(super) span: Span,
}

/// The least value of a duration or quantity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Least {
    /// Nothing at all is right.
    Zero,
    /// It must be something.
    AboveZero,
}

/// Returns the problems of a text of a `format` that [`noun`] knows.
pub(super) fn check(format: &str, scalar: Scalar<'_>) -> Option<Finding> {
    match format {
        "duration" => duration(scalar),
        "quantity" => quantity(scalar),
        "distribution" => {
            distribution(scalar.written, scalar.span).or_else(|| values_of_file(scalar))
        }
        "pattern" => {
            let error = scalar.written.parse::<Pattern>().err()?;
            let message = format!("`{}` is not a pattern", scalar.written);
            Some(Finding::new(Code::Pattern, message, scalar.span).label(error.to_string()))
        }
        "power" => {
            let error = scalar.written.parse::<Watts>().err()?;
            let finding = Finding::new(Code::Quantity, error, scalar.span);
            Some(finding.label("expected a number of `W`, `kW` or `mW`"))
        }
        "period" => {
            let error = scalar.written.parse::<Period>().err()?;
            let finding = Finding::new(Code::Duration, error, scalar.span);
            Some(finding.label("expected such as `10m` or `PT10M`"))
        }
        "share" => {
            let error = scalar.written.parse::<Share>().err()?;
            let finding = Finding::new(Code::Quantity, error, scalar.span);
            Some(finding.label("expected such as `5%` or `0.05`"))
        }
        "bound" => {
            let error = scalar.written.parse::<Bound>().err()?;
            let finding = Finding::new(Code::Duration, error, scalar.span);
            Some(finding.label("expected such as `0.9` or `30s`"))
        }
        _ => None,
    }
}

/// The one field whose distribution may be the values of a file; no other is read with its file.
const WITH_VALUES: &str = "containerStart";

fn values_of_file(scalar: Scalar<'_>) -> Option<Finding> {
    let law = scalar.written.parse::<Distribution>().ok()?;
    let file = law.missing_file().filter(|_| scalar.name != WITH_VALUES)?;
    let message = format!("values of `{file}` can't be used here");
    let finding = Finding::new(Code::Impossible, message, scalar.span);
    Some(finding.label("expected a distribution with parameters"))
}

/// Units that people write and the grammar does not have, with the one they mean.
const DURATION_WORDS: [(&str, &str); 23] = [
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("S", "s"),
    ("min", "m"),
    ("mins", "m"),
    ("minute", "m"),
    ("minutes", "m"),
    ("M", "m"),
    ("hr", "h"),
    ("hrs", "h"),
    ("hour", "h"),
    ("hours", "h"),
    ("H", "h"),
    ("day", "d"),
    ("days", "d"),
    ("D", "d"),
    ("week", "w"),
    ("weeks", "w"),
    ("msec", "ms"),
    ("usec", "us"),
    ("µs", "us"),
];

fn duration(
    Scalar {
        written: text,
        name,
        least,
        span,
    }: Scalar<'_>,
) -> Option<Finding> {
    let error = match text.parse::<Duration>() {
        Ok(duration) => {
            return too_small(duration.cmp(&Duration::ZERO), "duration", name, least, span);
        }
        Err(error) => error,
    };
    let finding = Finding::new(Code::Duration, format!("`{text}` is not a duration"), span)
        .label(error.to_string());
    let (number, unit) = number_and_unit(text);
    let meant = match unit {
        "" => Some("s"),
        _ => DURATION_WORDS
            .iter()
            .find(|(word, _)| *word == unit)
            .map(|&(_, unit)| unit),
    };
    let meant = meant.map(|unit| format!("{number}{unit}"));
    Some(
        match meant.filter(|meant| meant.parse::<Duration>().is_ok()) {
            Some(meant) => finding
                .help(format!("did you mean `{meant}`?"))
                .replace(meant),
            None => finding,
        },
    )
}

/// The finding for a value below its least; `order` is the value's to zero.
fn too_small(order: Ordering, kind: &str, name: &str, least: Least, span: Span) -> Option<Finding> {
    let (problem, expected) = match (order, least) {
        (Ordering::Less, Least::Zero) => ("negative", "0 or more"),
        (Ordering::Less, Least::AboveZero) => ("negative", "more than 0"),
        (Ordering::Equal, Least::AboveZero) => ("zero", "more than 0"),
        _ => return None,
    };
    let message = format!("`{name}` cannot be {problem}");
    let finding = Finding::new(Code::Impossible, message, span);
    Some(finding.label(format!("expected a {kind} of {expected}")))
}

/// The suffixes of the quantity grammar, as messages list them.
const SUFFIXES: [&str; 14] = [
    "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "n", "u", "m", "k", "M", "G", "T", "P",
];

fn quantity(
    Scalar {
        written: text,
        name,
        least,
        span,
    }: Scalar<'_>,
) -> Option<Finding> {
    match text.parse::<Quantity>() {
        Ok(amount) => too_small(amount.cmp(&Quantity::ZERO), "quantity", name, least, span),
        Err(error) => Some(wrong_quantity(text, name, &error.to_string(), span)),
    }
}

fn wrong_quantity(text: &str, name: &str, error: &str, span: Span) -> Finding {
    let (number, suffix) = number_and_unit(text);
    let readable = number.parse::<f64>().is_ok() && !number.is_empty();
    if !readable || suffix.is_empty() || SUFFIXES.contains(&suffix) {
        return Finding::new(Code::Quantity, format!("`{text}` is not a quantity"), span)
            .label(error.to_owned());
    }
    let finding = Finding::new(
        Code::Quantity,
        format!("unknown quantity suffix `{suffix}`"),
        span,
    )
    .label("expected one of Ki Mi Gi Ti Pi k M G T P m u n, or none");
    let first = suffix
        .chars()
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase();
    // Whoever writes `GB` of memory has powers of two in mind.
    let meant = SUFFIXES.iter().find(|known| {
        let bytes = ["b", "ib", "byte", "bytes", "i", ""];
        known.len() == 2
            && known.starts_with(first)
            && bytes.contains(&suffix[1..].to_ascii_lowercase().as_str())
    });
    let Some(meant) = meant.filter(|_| suffix.is_ascii()) else {
        return finding;
    };
    let meant = format!("{number}{meant}");
    let Some(amount) = meant
        .parse()
        .ok()
        .and_then(|amount: Quantity| amount.units_ceil().ok())
    else {
        return finding;
    };
    let unit = if name.contains("memory") || name.contains("storage") {
        " bytes"
    } else {
        ""
    };
    finding
        .help(format!("did you mean `{meant}` ({amount}{unit})?"))
        .replace(meant)
}

/// Splits `12.5Gb` into `12.5` and `Gb`.
fn number_and_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '+' | '-'))
        .unwrap_or(text.len());
    (text[..end].trim(), text[end..].trim())
}

fn distribution(text: &str, span: Span) -> Option<Finding> {
    let error = text.parse::<Distribution>().err()?;
    // The part that is wrong, if the text stands in the file as it is or in plain quotes.
    let quotes = span.end - span.start - text.len().min((span.end - span.start) as usize) as u32;
    let start = span.start + quotes / 2 + error.at as u32;
    let part = match quotes {
        0 | 2 => Span {
            start,
            end: start + error.length as u32,
            ..span
        },
        _ => span,
    };
    Some(
        Finding::new(
            Code::Distribution,
            format!("`{text}` is not a distribution"),
            part,
        )
        .label(error.problem),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_file_stand_where_the_file_is_read() {
        let is_wrong = |name: &str, written: &str| {
            let scalar = Scalar {
                written,
                name,
                least: Least::Zero,
                span: Span::start_of(crate::tree::SourceId(0)),
            };
            check("distribution", scalar).is_some()
        };
        assert!(!is_wrong("containerStart", "empirical(starts.csv)"));
        for name in ["boot", "mtbf", "serviceTime", "kept"] {
            assert!(is_wrong(name, "empirical(starts.csv)"), "{name}");
            assert!(!is_wrong(name, "exponential(30s)"), "{name}");
        }
    }
}
