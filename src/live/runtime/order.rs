//! Orders to start a container, and the names in them. Names become names of folders and of cgroups,
//! so a name is refused unless it is plain.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use units::SortedMap;

use super::{Account, LogLimits};

/// Identity of one attempt to run a container: pod, container, and the number of the attempt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AttemptId {
    pod: String,
    container: String,
    number: u32,
}

/// Order to run a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Attempt to start.
    pub attempt: AttemptId,
    /// Program and its arguments.
    pub command: Vec<String>,
    /// Image of the container, for runtimes that have images.
    #[serde(default)]
    pub image: Option<Image>,
    /// Environment of the program; it inherits nothing but the search path.
    #[serde(default)]
    pub environment: SortedMap<String, String>,
    /// Working directory; by default one of the attempt's own.
    #[serde(default)]
    pub folder: Option<PathBuf>,
    /// User that the program runs as; by default that of the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
    /// Limits on resources.
    #[serde(default)]
    pub limits: Limits,
    /// Limits on the log.
    #[serde(default)]
    pub log: LogLimits,
}

/// Image of a container, and what of its program is stated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Name, such as `busybox:1.36`.
    pub name: String,
    /// Program in place of the image's own; empty for that.
    #[serde(default)]
    pub entrypoint: Vec<String>,
    /// Arguments in place of the image's own; empty for those.
    #[serde(default)]
    pub arguments: Vec<String>,
}

/// Limits on the resources of a container; an absent limit is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Processor time that the container is weighed by, in thousandths of a processor.
    #[serde(default)]
    pub cpu_request_milli: Option<u64>,
    /// Processor time, in thousandths of a processor.
    #[serde(default)]
    pub cpu_milli: Option<u64>,
    /// Memory, in bytes.
    #[serde(default)]
    pub memory_bytes: Option<u64>,
    /// Number of processes and threads.
    #[serde(default)]
    pub process_count: Option<u64>,
}

/// A name that cannot become the name of a folder, or an empty command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name has other characters, is too long or empty.
    #[error(
        "{field} `{name}`: expected 1 to {LONGEST_NAME} letters, digits, `-` or `.`, the first a \
         letter or digit"
    )]
    Characters {
        /// Field that holds the name.
        field: &'static str,
        /// Name as given.
        name: String,
    },
    /// The text is no identity of an attempt.
    #[error("attempt `{0}`: expected POD_CONTAINER_NUMBER")]
    Attempt(String),
    /// The order names no program.
    #[error(
        "command of {0}: expected a program; processes of a host need a `command`, whose first element \
         is the program"
    )]
    NoCommand(AttemptId),
}

/// The longest name: three of them and a number fit into the 255 bytes of a file name.
const LONGEST_NAME: usize = 80;

/// Refuses a name that is not plain.
pub(super) fn check_name(field: &'static str, name: &str) -> Result<(), NameError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let is_first_plain = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if is_first_plain && name.len() <= LONGEST_NAME && name.chars().all(is_plain) {
        return Ok(());
    }
    Err(NameError::Characters {
        field,
        name: name.to_owned(),
    })
}

impl AttemptId {
    /// Identity of an attempt; refuses names that are not plain.
    pub fn new(pod: &str, container: &str, number: u32) -> Result<Self, NameError> {
        check_name("pod", pod)?;
        check_name("container", container)?;
        Ok(Self {
            pod: pod.to_owned(),
            container: container.to_owned(),
            number,
        })
    }

    /// Unique id of the pod.
    pub fn pod(&self) -> &str {
        &self.pod
    }

    /// Name of the container.
    pub fn container(&self) -> &str {
        &self.container
    }

    /// Number of the attempt.
    pub const fn number(&self) -> u32 {
        self.number
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No name holds an underscore, so the parts can be told apart.
        write!(f, "{}_{}_{}", self.pod, self.container, self.number)
    }
}

impl FromStr for AttemptId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError::Attempt(text.to_owned());
        let mut parts = text.split('_');
        let mut part = || parts.next().ok_or_else(wrong);
        let (pod, container, number) = (part()?, part()?, part()?);
        let number = number.parse().map_err(|_| wrong())?;
        let attempt = Self::new(pod, container, number)?;
        if attempt.to_string() == text {
            Ok(attempt)
        } else {
            Err(wrong())
        }
    }
}

impl TryFrom<String> for AttemptId {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<AttemptId> for String {
    fn from(attempt: AttemptId) -> Self {
        attempt.to_string()
    }
}

impl Order {
    /// Order to run a command without limits.
    pub fn new(attempt: AttemptId, command: Vec<String>) -> Self {
        Self {
            attempt,
            command,
            image: None,
            environment: SortedMap::new(),
            folder: None,
            account: None,
            limits: Limits::default(),
            log: LogLimits::default(),
        }
    }

    /// The program; refuses an order without one.
    pub(super) fn program(&self) -> Result<&str, NameError> {
        match self.command.first() {
            Some(program) if !program.is_empty() => Ok(program),
            _ => Err(NameError::NoCommand(self.attempt.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_read_as_it_is_written() {
        let attempt = AttemptId::new("web-1.a", "main", 3).expect("plain names");
        assert_eq!(attempt.to_string(), "web-1.a_main_3");
        assert_eq!("web-1.a_main_3".parse(), Ok(attempt));
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in [
            "",
            "..",
            ".hidden",
            "a/b",
            "a_b",
            "-x",
            "ä",
            &"x".repeat(81),
        ] {
            assert!(AttemptId::new(name, "main", 0).is_err(), "{name}");
            assert!(AttemptId::new("pod", name, 0).is_err(), "{name}");
        }
        for text in ["pod_main", "pod_main_x", "pod_main_01", "pod_main_1_2", ""] {
            assert!(text.parse::<AttemptId>().is_err(), "{text}");
        }
    }
}
