//! Lines of a client: candidates, batches of them, and the end. Whatever is wrong with a line, the answer
//! says what was expected.

use serde_json::{Map, Value as Json};
use units::nearest;

/// Length of the longest line, in bytes.
pub const LINE_MAX: usize = 16 << 20;

/// Fields of a candidate.
const FIELDS: [&str; 5] = ["id", "set", "policy", "source", "lang"];

/// Line of a client.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Candidates to measure.
    Ask(Vec<Submission>),
    /// End of the search.
    Finish,
}

/// A candidate under its id.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// Id that its answer repeats; `null` of a line without one.
    pub id: Json,
    /// The candidate, or the mistake in it.
    pub candidate: Result<Candidate, String>,
}

/// Changes of the base that a client proposes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidate {
    /// Values by the paths of their fields.
    pub set: Map<String, Json>,
    /// Program that decides, as `system.scheduler.external`.
    pub policy: Option<Map<String, Json>>,
    /// Program that decides, as its text.
    pub source: Option<SourceText>,
}

/// Text of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// Lines of the program.
    pub text: String,
    /// Language of the program.
    pub language: Language,
}

/// Language of a program that is given as its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Python 3.
    Python,
    /// The shell.
    Shell,
}

impl Language {
    const ALL: [Self; 2] = [Self::Python, Self::Shell];

    /// Name in requests.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Shell => "sh",
        }
    }

    /// Program that runs it, and the ending of its files.
    pub(super) const fn command(self) -> (&'static str, &'static str) {
        match self {
            Self::Python => ("python3", "py"),
            Self::Shell => ("sh", "sh"),
        }
    }
}

impl Request {
    /// Reads a line.
    ///
    /// # Errors
    /// In words, what was expected, if it is no request at all.
    pub fn read(line: &str) -> Result<Self, String> {
        const EXPECTED: &str = r#"expected such as {"id": 1, "set": {"system.scheduler.profile": "fgd"}}, {"batch": […]} or {"finish": true}"#;
        let value: Json =
            serde_json::from_str(line).map_err(|error| format!("{error}; {EXPECTED}"))?;
        let Json::Object(fields) = value else {
            return Err(format!("found {}; {EXPECTED}", kind(&value)));
        };
        match (fields.get("finish"), fields.get("batch")) {
            (None, None) => Ok(Self::Ask(vec![Submission::read(fields)])),
            (Some(Json::Bool(true)), None) if fields.len() == 1 => Ok(Self::Finish),
            (None, Some(Json::Array(items))) if fields.len() == 1 && !items.is_empty() => {
                let asked = items.iter().map(|item| match item {
                    Json::Object(fields) => Submission::read(fields.clone()),
                    other => Submission {
                        id: Json::Null,
                        candidate: Err(format!(
                            "batch: found {}; expected a candidate",
                            kind(other)
                        )),
                    },
                });
                Ok(Self::Ask(asked.collect()))
            }
            _ => Err(format!(
                "`finish` is `true`, `batch` a list of candidates, and each stands alone; {EXPECTED}"
            )),
        }
    }
}

impl Submission {
    fn read(mut fields: Map<String, Json>) -> Self {
        let id = fields.remove("id").unwrap_or_default();
        let candidate = match &id {
            Json::Number(_) | Json::String(_) => Candidate::read(fields),
            Json::Null => Err("`id` is missing; expected a number or a text".to_owned()),
            other => Err(format!(
                "`id` is {}; expected a number or a text",
                kind(other)
            )),
        };
        Self { id, candidate }
    }
}

impl Candidate {
    fn read(fields: Map<String, Json>) -> Result<Self, String> {
        let mut candidate = Self::default();
        let (mut source, mut language) = (None, None);
        for (name, value) in fields {
            match (&*name, value) {
                ("set", Json::Object(set)) => candidate.set = set,
                ("policy", Json::Object(policy)) => candidate.policy = Some(policy),
                ("source", Json::String(text)) => source = Some(text),
                ("lang", Json::String(name)) => language = Some(language_of(&name)?),
                ("set" | "policy", other) => {
                    return Err(format!("`{name}` is {}; expected an object", kind(&other)));
                }
                ("source" | "lang", other) => {
                    return Err(format!("`{name}` is {}; expected a text", kind(&other)));
                }
                _ => {
                    let hint = nearest::hint(&name, FIELDS);
                    return Err(format!("there is no field `{name}`; {hint}"));
                }
            }
        }
        candidate.source = match (source, language) {
            (Some(text), Some(language)) => Some(SourceText { text, language }),
            (None, None) => None,
            (Some(_), None) => {
                return Err("`lang` is missing beside `source`; expected `python` or `sh`".into());
            }
            (None, Some(_)) => return Err("`source` is missing beside `lang`".to_owned()),
        };
        let names_command = |policy: &Map<String, Json>| policy.contains_key("command");
        if candidate.source.is_some() && candidate.policy.as_ref().is_some_and(names_command) {
            return Err("`policy.command` and `source` are two programs; leave out one".to_owned());
        }
        Ok(candidate)
    }
}

fn language_of(name: &str) -> Result<Language, String> {
    let found = Language::ALL.into_iter().find(|own| own.name() == name);
    found.ok_or_else(|| {
        format!(
            "`lang` is `{name}`; expected `python` or `sh`, or name a program of any language by `policy.command`"
        )
    })
}

/// Kind of a value in words.
const fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a truth value",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}
