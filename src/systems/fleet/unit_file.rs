//! Unit files: sections of `Name=value` lines, as systemd reads them, and the names of units
//! (spec: orchestrators-a.md section 5).

use thiserror::Error;

use model::Text;

/// An option of a unit file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitOption {
    /// The section, without brackets.
    pub section: Text,
    /// The option.
    pub name: Text,
    /// The option's value.
    pub value: Text,
    /// The line on which it begins, from 1.
    pub line: usize,
}

/// A unit file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitFile {
    /// The unit's options in written order.
    pub options: Vec<UnitOption>,
}

/// Reason a text is no unit file that can be submitted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnitFileError {
    /// An option stands before any section.
    #[error(
        "{unit}:{line}: `{text}` stands outside any section, expected `[Unit]` or another first"
    )]
    Section {
        /// The unit.
        unit: String,
        /// The line, from 1.
        line: usize,
        /// Text found.
        text: String,
    },
    /// A line is neither option nor section.
    #[error("{unit}:{line}: `{text}` is not an option, expected `Name=value` or `[Section]`")]
    Option {
        /// The unit.
        unit: String,
        /// The line, from 1.
        line: usize,
        /// Text found.
        text: String,
    },
    /// A service does not say what it runs.
    #[error("{unit}: a service needs `ExecStart=` in its section `[Service]`")]
    ExecStart {
        /// The unit.
        unit: String,
    },
    /// `[X-Fleet]` has an option that Fleet does not know.
    #[error(
        "{unit}:{line}: unrecognized option in [X-Fleet] section: `{name}`, expected one of {}",
        super::unit::known_options()
    )]
    Unknown {
        /// The unit.
        unit: String,
        /// The line, from 1.
        line: usize,
        /// The option.
        name: String,
    },
    /// Two options of `[X-Fleet]` exclude each other.
    #[error("{unit}: {one} cannot be used with {other}; take one of them out of [X-Fleet]")]
    Exclusive {
        /// The unit.
        unit: String,
        /// One option.
        one: &'static str,
        /// The other one.
        other: &'static str,
    },
    /// A unit has to be where another one is, and must not be there.
    #[error("{unit}: unresolvable requirements: peer `{peer}` matches {option} `{pattern}`")]
    Peer {
        /// The unit.
        unit: String,
        /// The peer.
        peer: String,
        /// The option that excludes it.
        option: &'static str,
        /// Pattern of the peer.
        pattern: String,
    },
}

impl UnitFile {
    /// Reads a unit file: `#` and `;` begin comments, a line that ends with `\` goes on in the
    /// next.
    ///
    /// # Errors
    /// A line is no option, or stands outside any section.
    pub fn parse(unit: &str, text: &str) -> Result<Self, UnitFileError> {
        let mut options = Vec::new();
        let mut section: Option<Text> = None;
        let mut lines = (1..).zip(text.lines());
        while let Some((line, first)) = lines.next() {
            let trimmed = first.trim();
            if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
                continue;
            }
            let inner = trimmed
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'));
            if let Some(name) = inner {
                section = Some(name.into());
                continue;
            }
            let mut whole = trimmed.to_owned();
            while let Some(open) = whole.strip_suffix('\\') {
                let next = lines.next().map_or("", |(_, next)| next.trim());
                whole = format!("{} {next}", open.trim_end());
            }
            let place = |text: String| (unit.to_owned(), line, text);
            let Some((name, value)) = whole.split_once('=') else {
                let (unit, line, text) = place(whole);
                return Err(UnitFileError::Option { unit, line, text });
            };
            let Some(section) = section.clone() else {
                let (unit, line, text) = place(whole.clone());
                return Err(UnitFileError::Section { unit, line, text });
            };
            options.push(UnitOption {
                section,
                name: name.trim().into(),
                value: value.trim().into(),
                line,
            });
        }
        Ok(Self { options })
    }

    /// The options of a section.
    pub fn section<'a>(&'a self, section: &'a str) -> impl Iterator<Item = &'a UnitOption> {
        self.options
            .iter()
            .filter(move |option| &*option.section == section)
    }
}

/// The parts of a unit's name (`web@1.service`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitName<'a> {
    /// All of it.
    pub full: &'a str,
    /// Without its suffix (`web@1`).
    pub name: &'a str,
    /// Before the `@` (`web`).
    pub prefix: &'a str,
    /// Instance, the part after the `@` (`1`); empty if the unit is no instance of a template.
    pub instance: &'a str,
}

impl<'a> UnitName<'a> {
    /// Takes a name apart.
    pub fn new(full: &'a str) -> Self {
        let name = full.rsplit_once('.').map_or(full, |(name, _)| name);
        let (prefix, instance) = name.split_once('@').unwrap_or((name, ""));
        Self {
            full,
            name,
            prefix,
            instance,
        }
    }

    /// A value with `%n`, `%N`, `%p` and `%i` filled in.
    pub fn fill_in(&self, value: &str) -> String {
        value
            .replace("%n", self.full)
            .replace("%N", self.name)
            .replace("%p", self.prefix)
            .replace("%i", self.instance)
    }
}

/// The words of a value: apart by blanks, quotes keep blanks.
pub fn words(value: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut is_word, mut quote) = (String::new(), false, None);
    for one in value.chars() {
        match (quote, one) {
            (Some(open), one) if one == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(one);
                is_word = true;
            }
            (None, one) if one.is_whitespace() => {
                if std::mem::take(&mut is_word) {
                    words.push(std::mem::take(&mut word));
                }
            }
            (_, one) => {
                word.push(one);
                is_word = true;
            }
        }
    }
    if is_word {
        words.push(word);
    }
    words
}
