//! Names of pods.

use serde::{Deserialize, Serialize};
use std::fmt;

use super::Text;
use units::Identity;

/// Name of a pod. Names of generated and numbered pods are built on demand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PodName {
    /// A name of its own.
    Text(Text),
    /// The number of a job in its log.
    Job(u64),
    /// The n-th pod of a gang that has a number in its log.
    Member(u64, u32),
}

impl PodName {
    /// The name of a member of the gang that has this name.
    #[must_use]
    pub fn member(&self, member: u32) -> Self {
        match self {
            Self::Job(number) | Self::Member(number, _) => Self::Member(*number, member),
            Self::Text(name) => Self::Text(format!("{name}-{member}").into()),
        }
    }
}

impl Default for PodName {
    fn default() -> Self {
        Self::Text(Text::default())
    }
}

impl From<&str> for PodName {
    fn from(name: &str) -> Self {
        Self::Text(name.into())
    }
}

impl From<String> for PodName {
    fn from(name: String) -> Self {
        Self::Text(name.into())
    }
}

impl From<Text> for PodName {
    fn from(name: Text) -> Self {
        Self::Text(name)
    }
}

impl PodName {
    /// Identity of the pod among the pods of its namespace.
    pub fn identity(&self, namespace: &str) -> Identity {
        const JOBS: Identity = Identity::of("job");
        const GANGS: Identity = Identity::of("gang");
        match self {
            Self::Text(name) => Identity::of(namespace).with(name),
            Self::Job(number) => JOBS.nth(*number),
            Self::Member(number, member) => GANGS.nth(*number).nth(u64::from(*member)),
        }
    }

    /// The name as a text of its own.
    pub fn text(&self) -> Text {
        match self {
            Self::Text(name) => name.clone(),
            Self::Job(number) => job_name(*number),
            Self::Member(..) => self.to_string().into(),
        }
    }
}

/// `job-NUMBER`, as most pods of a run are named, without a detour.
fn job_name(number: u64) -> Text {
    const PREFIX: &[u8] = b"job-";
    let mut text = [0; 24];
    let (mut begin, mut rest) = (text.len(), number);
    loop {
        begin -= 1;
        text[begin] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    text[begin - PREFIX.len()..begin].copy_from_slice(PREFIX);
    let name = std::str::from_utf8(&text[begin - PREFIX.len()..]);
    name.expect("invariant: letters and digits").into()
}

impl fmt::Display for PodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(name) => f.write_str(name),
            Self::Job(number) => write!(f, "job-{number}"),
            Self::Member(number, member) => write!(f, "job-{number}-{member}"),
        }
    }
}
