//! Suite files: `suite: [scenario…]`.

use serde::Deserialize;
use thiserror::Error;
use units::line::brief_quotes;

/// The most scenarios of a suite.
const ITEMS_MAX: usize = 1_000;

/// A scenario of a suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuiteItem {
    /// The experiment file, relative to the suite's.
    pub scenario: String,
    /// The scenario's seeds.
    pub seeds: Option<usize>,
    /// `true` if the item's digests must equal the baseline's.
    pub exact: bool,
}

/// Error of a suite file that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}:{line}:{column}: {reason}; expected such as `suite: [one.yaml, two.yaml]`")]
pub struct SuiteError {
    /// The file.
    pub file: String,
    /// Line of the fault, from 1.
    pub line: usize,
    /// Column of the fault, from 1.
    pub column: usize,
    /// The problem.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SuiteFile {
    suite: Vec<ItemFields>,
    /// Seeds of scenarios that state none.
    seeds: Option<usize>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ItemFields {
    Name(String),
    Fields(Fields),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    scenario: String,
    seeds: Option<usize>,
    #[serde(default)]
    exact: bool,
}

/// The scenarios of a suite file; `None` where the text is no suite but (maybe) an experiment.
///
/// # Errors
/// If it is a suite that can't be read, or holds no scenario.
pub fn parse_suite(text: &str, file: &str) -> Result<Option<Vec<SuiteItem>>, SuiteError> {
    let line = text.lines().position(|line| line.starts_with("suite:"));
    let is_json = text.trim_start().starts_with("{\"suite\"");
    let Some(line) = line.or(is_json.then_some(0)) else {
        return Ok(None);
    };
    let wrong = |line: usize, column: usize, reason: String| SuiteError {
        file: file.to_owned(),
        line,
        column,
        reason,
    };
    let read: SuiteFile = serde_saphyr::from_str(text).map_err(|error| {
        let place = error.location();
        let place = place.map_or((line + 1, 1), |at| {
            (at.line() as usize, at.column() as usize)
        });
        let told = error.without_snippet().to_string();
        let reason = told.lines().next().unwrap_or("it can't be read");
        // The place stands before it, and what a program may set helps nobody.
        let reason = reason.trim_end_matches(", set DuplicateKeyPolicy in Options if acceptable");
        let reason = brief_quotes(reason);
        wrong(place.0, place.1, reason)
    })?;
    if read.suite.is_empty() {
        return Err(wrong(line + 1, 1, "the suite holds no scenario".to_owned()));
    }
    if read.suite.len() > ITEMS_MAX {
        let reason = format!(
            "the suite lists {} scenarios, more than {ITEMS_MAX}; split it",
            read.suite.len()
        );
        return Err(wrong(line + 1, 1, reason));
    }
    let items: Vec<SuiteItem> = read
        .suite
        .into_iter()
        .map(|item| match item {
            ItemFields::Name(scenario) => SuiteItem {
                scenario,
                seeds: read.seeds,
                exact: false,
            },
            ItemFields::Fields(fields) => SuiteItem {
                scenario: fields.scenario,
                seeds: fields.seeds.or(read.seeds),
                exact: fields.exact,
            },
        })
        .collect();
    for (place, item) in items.iter().enumerate() {
        if items[..place]
            .iter()
            .any(|other| other.scenario == item.scenario)
        {
            let reason = format!("the scenario `{}` is listed twice", item.scenario);
            return Err(wrong(line + 1, 1, reason));
        }
        if item.seeds == Some(0) {
            let reason = format!("`{}`: 0 seeds run nothing; at least 1", item.scenario);
            return Err(wrong(line + 1, 1, reason));
        }
    }
    Ok(Some(items))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_and_what_is_none() {
        let names = |text: &str| -> Option<Vec<String>> {
            let items = parse_suite(text, "s.yaml").expect("a suite or none");
            items.map(|items| items.into_iter().map(|item| item.scenario).collect())
        };
        assert_eq!(names("windtunnel: v1\nname: x\n"), None);
        let expected = Some(vec!["a.yaml".to_owned(), "b.yaml".to_owned()]);
        assert_eq!(names("# quick\nsuite: [a.yaml, b.yaml]\n"), expected);
        assert_eq!(
            names("suite:\n  - a.yaml\n  - {scenario: b.yaml, seeds: 5}\n"),
            expected
        );
        let seeds = parse_suite(
            "suite:\n  - a.yaml\n  - {scenario: b.yaml, seeds: 5}\nseeds: 7\n",
            "s.yaml",
        );
        let seeds = seeds.expect("a suite").expect("a suite");
        assert!(seeds.iter().map(|item| item.seeds).eq([Some(7), Some(5)]));
        let check = |text: &str, words: &str| {
            let error = parse_suite(text, "s.yaml").expect_err(words).to_string();
            assert!(
                error.contains(words) && error.starts_with("s.yaml:"),
                "{error}"
            );
        };
        check("suite: []\n", "holds no scenario");
        check("suite: [a.yaml, a.yaml]\n", "twice");
        check("suite: 3\n", "s.yaml:1:");
        check("suite:\n  - {scenario: a.yaml, seeds: 0}\n", "0 seeds");
        check("suite: [a.yaml]\nsuite: [b.yaml]\n", "s.yaml:2:");
    }
}
