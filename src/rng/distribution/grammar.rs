//! The written form of distributions: `NAME(ARGUMENT, …)` or a bare duration, which stands for
//! `constant`. Every message says which parameter it is about and where it stands.

#[cfg(test)]
mod tests;

use std::fmt;

use super::{Distribution, Law};
use units::Duration;

/// Error of a text that is not a distribution, with its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistributionError {
    /// The whole text.
    pub text: String,
    /// Position of the problem, in bytes from the start of the text.
    pub at: usize,
    /// Number of bytes that the error covers; 0 where something is missing.
    pub length: usize,
    /// The problem and the expected form.
    pub problem: String,
}

impl fmt::Display for DistributionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = self.text[..self.at].chars().count() + 1;
        let mut shown: String = self.text.chars().take(80).collect();
        if shown.len() < self.text.len() {
            shown.push('…');
        }
        write!(f, "`{shown}`, character {column}: {}", self.problem)
    }
}

impl std::error::Error for DistributionError {}

/// The laws by name, with the names of their parameters in order.
const FORMS: [(&str, &[&str]); 9] = [
    ("constant", &["DURATION"]),
    ("uniform", &["MIN", "MAX"]),
    ("exponential", &["MEAN"]),
    ("lognormal", &["MEDIAN", "SIGMA"]),
    ("weibull", &["SCALE", "SHAPE"]),
    ("gamma", &["SHAPE", "SCALE"]),
    ("pareto", &["MIN", "ALPHA"]),
    ("empirical", &["FILE"]),
    ("truncated", &["D", "MIN", "MAX"]),
];

/// Laws within laws that are read; a bound for the stack, far above any use.
const DEEPEST_NESTING: usize = 8;

impl std::str::FromStr for Distribution {
    type Err = DistributionError;

    /// Reads the whole text; blanks may stand between the parts.
    fn from_str(text: &str) -> Result<Self, DistributionError> {
        let mut reader = Reader {
            text,
            at: 0,
            depth: 0,
        };
        let distribution = reader.distribution()?;
        reader.skip_blanks();
        if reader.at < text.len() {
            let rest = text.len() - reader.at;
            return Err(reader.error(rest, "expected nothing after the distribution".to_owned()));
        }
        Ok(distribution)
    }
}

impl fmt::Display for Distribution {
    /// The canonical form, which reads back to an equal distribution (values of a file apart).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.law() {
            Law::Constant(duration) => write!(f, "constant({duration})"),
            Law::Uniform { min, max } => write!(f, "uniform({min}, {max})"),
            Law::Exponential { mean } => write!(f, "exponential({mean})"),
            Law::LogNormal { median, sigma } => {
                write!(f, "lognormal({median}, {})", Number(*sigma))
            }
            Law::Weibull { scale, shape } => write!(f, "weibull({scale}, {})", Number(*shape)),
            Law::Gamma { shape, scale } => write!(f, "gamma({}, {scale})", Number(*shape)),
            Law::Pareto { min, alpha } => write!(f, "pareto({min}, {})", Number(*alpha)),
            Law::Empirical { file, .. } => write!(f, "empirical({})", FileName(file)),
            Law::Truncated { inner, min, max } => write!(f, "truncated({inner}, {min}, {max})"),
        }
    }
}

/// A number in its shortest exact form; very large and small ones with an exponent.
pub(super) struct Number(pub(super) f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.abs() {
            1e-6..1e15 => write!(f, "{}", self.0),
            size if size <= 0.0 => write!(f, "0"),
            size if size.is_finite() => write!(f, "{:e}", self.0),
            _ => write!(f, "{}", self.0),
        }
    }
}

/// A file name, in quotes where the grammar needs them.
struct FileName<'name>(&'name str);

impl fmt::Display for FileName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = !self.0.contains(['(', ')', ',', '"']) && self.0.trim() == self.0;
        if plain {
            return f.write_str(self.0);
        }
        write!(
            f,
            "\"{}\"",
            self.0.replace('\\', "\\\\").replace('"', "\\\"")
        )
    }
}

/// The text, the position reached in it, and the number of laws around that position.
struct Reader<'text> {
    text: &'text str,
    at: usize,
    depth: usize,
}

impl<'text> Reader<'text> {
    /// A law with its arguments, or a bare duration.
    fn distribution(&mut self) -> Result<Distribution, DistributionError> {
        self.skip_blanks();
        let word = self.word();
        if !word.starts_with(|c: char| c.is_alphabetic()) {
            let span = (self.at, word.len());
            if word.is_empty() {
                return Err(self.error(0, EXPECTED.to_owned()));
            }
            let duration = self.duration("DURATION")?;
            return self.checked(Law::Constant(duration), &[span]);
        }
        let form = FORMS.iter().find(|(name, _)| *name == word);
        let &(name, parameters) = form.ok_or_else(|| self.error(word.len(), unknown(word)))?;
        self.at += word.len();
        self.skip_blanks();
        if !self.text[self.at..].starts_with('(') {
            return Err(self.error(
                0,
                format!("expected `(`, as in {}", written(name, parameters)),
            ));
        }
        if self.depth >= DEEPEST_NESTING {
            return Err(self.error(0, format!("nested deeper than {DEEPEST_NESTING} levels")));
        }
        self.at += 1;
        self.depth += 1;
        let mut call = Call {
            reader: self,
            name,
            parameters,
            spans: Vec::new(),
        };
        let law = call.law()?;
        call.close()?;
        let spans = call.spans;
        self.depth -= 1;
        self.checked(law, &spans)
    }

    /// Checks a law; an error points at the argument it is about.
    fn checked(
        &self,
        law: Law,
        spans: &[(usize, usize)],
    ) -> Result<Distribution, DistributionError> {
        Distribution::new(law).map_err(|error| {
            let (at, length) = spans.get(error.argument).copied().unwrap_or((self.at, 0));
            DistributionError {
                text: self.text.to_owned(),
                at,
                length,
                problem: error.problem,
            }
        })
    }

    /// A duration.
    fn duration(&mut self, parameter: &str) -> Result<Duration, DistributionError> {
        let word = self.word();
        let duration = word
            .parse()
            .map_err(|error| self.error(word.len(), format!("{parameter}: {error}")))?;
        self.at += word.len();
        Ok(duration)
    }

    /// A plain number.
    fn number(&mut self, parameter: &str) -> Result<f64, DistributionError> {
        let word = self.word();
        let number = word.parse::<f64>().ok().filter(|number| number.is_finite());
        let number = number.ok_or_else(|| {
            let found = if word.is_empty() {
                String::new()
            } else {
                format!(", found `{word}`")
            };
            let expected = "expected a number without a unit, such as 0.5";
            self.error(word.len(), format!("{parameter}: {expected}{found}"))
        })?;
        self.at += word.len();
        Ok(number)
    }

    /// A file name, plain or in double quotes, where `\"` and `\\` stand for `"` and `\`.
    fn file(&mut self, parameter: &str) -> Result<String, DistributionError> {
        if self.text[self.at..].starts_with('"') {
            return self.quoted(parameter);
        }
        let word = self.word();
        if word.is_empty() {
            return Err(self.error(0, format!("{parameter}: expected a file name")));
        }
        self.at += word.len();
        Ok(word.to_owned())
    }

    fn quoted(&mut self, parameter: &str) -> Result<String, DistributionError> {
        let rest = &self.text[self.at..];
        let mut name = String::new();
        let mut characters = rest.char_indices().skip(1);
        while let Some((offset, character)) = characters.next() {
            match character {
                '"' if name.is_empty() => {
                    return Err(self.error(2, format!("{parameter}: expected a file name")));
                }
                '"' => {
                    self.at += offset + 1;
                    return Ok(name);
                }
                '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
                _ => name.push(character),
            }
        }
        Err(self.error(
            rest.len(),
            format!("{parameter}: expected `\"` after the file name"),
        ))
    }

    /// The text up to the next comma or parenthesis, without blanks at its end.
    fn word(&self) -> &'text str {
        let rest = &self.text[self.at..];
        rest[..rest.find(['(', ')', ',']).unwrap_or(rest.len())].trim_end()
    }

    fn skip_blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn error(&self, length: usize, problem: String) -> DistributionError {
        DistributionError {
            text: self.text.to_owned(),
            at: self.at,
            length,
            problem,
        }
    }
}

/// The arguments of one law while they are read.
struct Call<'reader, 'text> {
    reader: &'reader mut Reader<'text>,
    name: &'static str,
    parameters: &'static [&'static str],
    /// Position and length of each argument read so far.
    spans: Vec<(usize, usize)>,
}

impl<'text> Call<'_, 'text> {
    /// The law this call names.
    fn law(&mut self) -> Result<Law, DistributionError> {
        Ok(match self.name {
            "constant" => Law::Constant(self.duration()?),
            "uniform" => Law::Uniform {
                min: self.duration()?,
                max: self.duration()?,
            },
            "exponential" => Law::Exponential {
                mean: self.duration()?,
            },
            "lognormal" => Law::LogNormal {
                median: self.duration()?,
                sigma: self.number()?,
            },
            "weibull" => Law::Weibull {
                scale: self.duration()?,
                shape: self.number()?,
            },
            "gamma" => Law::Gamma {
                shape: self.number()?,
                scale: self.duration()?,
            },
            "pareto" => Law::Pareto {
                min: self.duration()?,
                alpha: self.number()?,
            },
            "empirical" => Law::Empirical {
                file: self.argument(Reader::file)?,
                values: None,
            },
            "truncated" => {
                let inner = Box::new(self.argument(|reader, _| reader.distribution())?);
                Law::Truncated {
                    inner,
                    min: self.duration()?,
                    max: self.duration()?,
                }
            }
            other => return Err(self.reader.error(0, unknown(other))),
        })
    }

    fn duration(&mut self) -> Result<Duration, DistributionError> {
        self.argument(Reader::duration)
    }

    fn number(&mut self) -> Result<f64, DistributionError> {
        self.argument(Reader::number)
    }

    /// The next argument, as `read` reads it; a comma stands before all but the first.
    fn argument<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'text>, &str) -> Result<T, DistributionError>,
    ) -> Result<T, DistributionError> {
        let parameter = self
            .parameters
            .get(self.spans.len())
            .copied()
            .unwrap_or_default();
        if !self.spans.is_empty() {
            self.expect(',', &format!("expected `,` and {parameter}"))?;
        }
        self.reader.skip_blanks();
        let start = self.reader.at;
        let value = read(self.reader, parameter)?;
        self.spans.push((start, self.reader.at - start));
        Ok(value)
    }

    /// The closing parenthesis.
    fn close(&mut self) -> Result<(), DistributionError> {
        self.expect(')', "expected `)`")
    }

    fn expect(&mut self, character: char, problem: &str) -> Result<(), DistributionError> {
        self.reader.skip_blanks();
        if !self.reader.text[self.reader.at..].starts_with(character) {
            let form = written(self.name, self.parameters);
            return Err(self
                .reader
                .error(0, format!("{problem}: the form is {form}")));
        }
        self.reader.at += 1;
        Ok(())
    }
}

/// Forms of a distribution.
const EXPECTED: &str =
    "expected a duration such as `5s` or a distribution such as `lognormal(400ms, 0.5)`";

/// Notation of a law.
fn written(name: &str, parameters: &[&str]) -> String {
    format!("{name}({})", parameters.join(", "))
}

fn unknown(word: &str) -> String {
    let names: Vec<&str> = FORMS.iter().map(|&(name, _)| name).collect();
    let shown: String = word.chars().take(40).collect();
    let list = names.join(", ");
    let lower = shown.to_lowercase().replace(['-', '_', ' '], "");
    match names.iter().find(|name| edit_distance(name, &lower) <= 2) {
        Some(name) => format!("unknown distribution `{shown}`: did you mean `{name}`?"),
        None => format!("unknown distribution `{shown}`: expected one of {list}"),
    }
}

/// Insertions, deletions and replacements of single characters that turn `a` into `b`.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[row.len() - 1]
}
