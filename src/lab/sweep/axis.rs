//! Axes of a sweep: fields with the values they take, as they are written on the command line.

use super::SweepError;
use rng::math;

/// A field and the values it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// The path of the field, as `--set` takes it.
    pub path: String,
    /// The axis's values.
    pub values: Values,
}

/// The values of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Each with each of the other grids (`--grid`).
    Grid(Vec<String>),
    /// The n-th together with the n-th of the other lists (`--list`).
    List(Vec<String>),
    /// Drawn from a range (`--vary`).
    Range(Range),
}

/// A range that values are drawn from.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    low: f64,
    high: f64,
    /// Unit behind both numbers, such as `Gi` or `ms`.
    unit: String,
    /// Whether only whole numbers are drawn, both ends included.
    is_whole: bool,
    /// Whether equal factors are equally likely, not equal differences.
    is_log: bool,
}

impl Axis {
    /// Reads `PATH=A,B,C` of `--grid`.
    pub fn grid(text: &str) -> Result<Self, SweepError> {
        let (path, values) = listed("--grid", text)?;
        Ok(Self {
            path,
            values: Values::Grid(values),
        })
    }

    /// Reads `PATH=A,B,C` of `--list`.
    pub fn list(text: &str) -> Result<Self, SweepError> {
        let (path, values) = listed("--list", text)?;
        Ok(Self {
            path,
            values: Values::List(values),
        })
    }

    /// Reads `PATH=LOW..HIGH` or `PATH=LOW..HIGH@log` of `--vary`.
    pub fn range(text: &str) -> Result<Self, SweepError> {
        let (path, range) = split("--vary", text)?;
        let wrong = |why: &str| SweepError::Axis {
            option: "--vary",
            text: text.to_owned(),
            why: why.to_owned(),
            help: "write PATH=LOW..HIGH, such as workload.0.trace.arrivals.scale=0.5..2, or \
                   models.decisionTime.perPod=1ms..1000ms@log",
        };
        let (range, is_log) = match range.split_once('@') {
            Some((range, "log")) => (range, true),
            Some((_, other)) => return Err(wrong(&format!("`@{other}` is not known"))),
            None => (range, false),
        };
        let ends = range.split_once("..");
        let (low, high) = ends.ok_or_else(|| wrong("`..` is missing between the ends"))?;
        let (low_text, low_unit) = number(low.trim());
        let (high_text, high_unit) = number(high.trim());
        if low_unit != high_unit {
            return Err(wrong(&format!(
                "the ends have different units (`{low_unit}` and `{high_unit}`)"
            )));
        }
        let parse = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
        let ends = parse(low_text).zip(parse(high_text));
        let (low, high) = ends.ok_or_else(|| wrong("an end is not a number"))?;
        if low >= high {
            return Err(wrong("the range is empty: LOW must be less than HIGH"));
        }
        if is_log && low <= 0.0 {
            return Err(wrong("a range of factors (`@log`) must lie above 0"));
        }
        let is_integer = |text: &str| text.parse::<i64>().is_ok();
        let values = Values::Range(Range {
            low,
            high,
            unit: low_unit.to_owned(),
            is_whole: is_integer(low_text) && is_integer(high_text),
            is_log,
        });
        Ok(Self { path, values })
    }
}

impl Range {
    /// The value at a share of the range, from 0 to 1, as it is written.
    pub fn at(&self, share: f64) -> String {
        // A whole number stands for the length 1 around it, so that the ends are as likely as the
        // others.
        let low = self.low;
        let high = self.high + f64::from(u8::from(self.is_whole));
        let value = if self.is_log {
            let (from, to) = (math::ln(low), math::ln(high));
            math::exp(from + share * (to - from))
        } else {
            low + share * (high - low)
        };
        let unit = &self.unit;
        if self.is_whole {
            let whole = value.floor().clamp(self.low, self.high) as i64;
            return format!("{whole}{unit}");
        }
        // Six digits are finer than any answer, and every field can read them.
        let rounded = format!("{value:.5e}").parse::<f64>().unwrap_or(value);
        format!("{rounded}{unit}")
    }
}

/// The path and the values of a list.
fn listed(option: &'static str, text: &str) -> Result<(String, Vec<String>), SweepError> {
    let (path, list) = split(option, text)?;
    let values = separate(list);
    let wrong = |why: String| SweepError::Axis {
        option,
        text: text.to_owned(),
        why,
        help: "write PATH=A,B,C, such as system.scheduler.profile=fgd,most-allocated",
    };
    if let Some(position) = values.iter().position(String::is_empty) {
        return Err(wrong(if values.len() == 1 {
            "it has no values".to_owned()
        } else {
            format!("value {} is empty", position + 1)
        }));
    }
    for (position, value) in values.iter().enumerate() {
        if option == "--grid" && values[..position].contains(value) {
            return Err(wrong(format!("`{value}` is given twice")));
        }
    }
    Ok((path, values))
}

fn split<'t>(option: &'static str, text: &'t str) -> Result<(String, &'t str), SweepError> {
    let wrong = |why: &str, help| SweepError::Axis {
        option,
        text: text.to_owned(),
        why: why.to_owned(),
        help,
    };
    let help = "write PATH=VALUES; a path consists of keys and positions joined by dots, as for \
        `--set`";
    let (path, values) = text
        .split_once('=')
        .ok_or_else(|| wrong("`=` is missing", help))?;
    if path.trim().is_empty() {
        return Err(wrong("the path is empty", help));
    }
    if path == "seed" {
        let help = "use `--seeds N` for the seeds of every point";
        return Err(wrong("the seed is not a parameter of the system", help));
    }
    Ok((path.to_owned(), values))
}

/// The number at the beginning of a text, and the rest.
fn number(text: &str) -> (&str, &str) {
    let part = |(position, character): (usize, char)| {
        let before = text[..position].chars().next_back();
        let is_sign = matches!(character, '+' | '-');
        let is_exponent = character == 'e'
            && text[position + 1..].starts_with(|next: char| next.is_ascii_digit() || next == '-');
        character.is_ascii_digit()
            || character == '.'
            || is_exponent
            || (is_sign && matches!(before, None | Some('e')))
    };
    let end = text.char_indices().find(|&at| !part(at));
    text.split_at(end.map_or(text.len(), |(position, _)| position))
}

/// Parts between commas, but for commas in brackets and quotes.
fn separate(text: &str) -> Vec<String> {
    let (mut parts, mut part, mut depth, mut quote) = (Vec::new(), String::new(), 0_i32, None);
    for character in text.chars() {
        match (quote, character) {
            (Some(open), _) => quote = quote.filter(|_| open != character),
            (None, '"' | '\'') => quote = Some(character),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            (None, ',') if depth <= 0 => {
                parts.push(std::mem::take(&mut part).trim().to_owned());
                continue;
            }
            (None, _) => {}
        }
        part.push(character);
    }
    parts.push(part.trim().to_owned());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_separated_outside_of_brackets_and_quotes() {
        let check = |text: &str, expected: &[&str]| {
            let values = Axis::grid(text).map(|axis| match axis.values {
                Values::Grid(values) => values,
                _ => Vec::new(),
            });
            assert_eq!(values.expect(text), expected, "{text}");
        };
        check("a=1,2, 3", &["1", "2", "3"]);
        check(
            "a=lognormal(1s, 0.5),constant(2s)",
            &["lognormal(1s, 0.5)", "constant(2s)"],
        );
        check("a={x: 1, y: 2},'b,c'", &["{x: 1, y: 2}", "'b,c'"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_the_way_out() {
        let check = |axis: Result<Axis, SweepError>, part: &str| {
            let told = axis.expect_err(part).to_string();
            assert!(told.contains(part), "{told}");
        };
        check(Axis::grid("a="), "--grid `a=`: it has no values");
        check(Axis::grid("a=1,,2"), "value 2 is empty");
        check(Axis::grid("a=1,2,1"), "`1` is given twice");
        check(Axis::grid("a"), "`=` is missing");
        check(Axis::grid("=1"), "the path is empty");
        check(Axis::grid("seed=1,2"), "use `--seeds N`");
        check(Axis::range("a=1"), "`..` is missing");
        check(Axis::range("a=2..1"), "the range is empty");
        check(Axis::range("a=1s..2"), "different units (`s` and ``)");
        check(Axis::range("a=0..2@log"), "must lie above 0");
        check(Axis::range("a=1..2@lin"), "`@lin` is not known");
        check(Axis::range("a=x..x"), "not a number");
    }

    #[test]
    fn ranges_are_written_as_they_were_given() {
        let check = |text: &str, share: f64, expected: &str| {
            let Ok(Axis {
                values: Values::Range(range),
                ..
            }) = Axis::range(text)
            else {
                panic!("{text}");
            };
            assert_eq!(range.at(share), expected, "{text} {share}");
        };
        check("a=0..1", 0.0, "0");
        check("a=0..1", 0.49, "0");
        check("a=0..1", 0.51, "1");
        check("a=0..1", 1.0, "1");
        check("a=0.0..1", 0.25, "0.25");
        check("a=0.0..1.0", 1.0 / 3.0, "0.333333");
        check("a=10ms..20ms", 0.5, "15ms");
        check("a=0.5Gi..1.5Gi", 0.5, "1Gi");
        check("a=-1.5..1e1", 0.0, "-1.5");
        check("a=1.0s..100s@log", 0.5, "10s");
    }
}
