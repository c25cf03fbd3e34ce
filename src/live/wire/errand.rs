//! Errands: what a user wants of a node without changing anything, as a part of a log. They are neither
//! decided on nor recorded.

use serde::{Deserialize, Serialize};

use crate::runtime::LogPosition;

/// Greatest length of a part of a log, in bytes.
pub(crate) const LOG_PART_BYTES: usize = 64 << 10;

/// Words of an agent that has no container of a pod.
pub(crate) const NO_CONTAINER: &str = "the pod has no container here yet";

/// Greatest number of pods that ended and whose logs a node keeps.
pub(crate) const RETAINED_MAX: usize = 64;

/// A wish for a part of a container's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogWish {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub name: String,
    /// Name of the container; needed of pods with several.
    pub container: Option<String>,
    /// Place to read from; the beginning if absent.
    pub from: Option<LogPosition>,
    /// `true` for the log of the container before its last restart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_previous: bool,
}

/// An errand for a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Errand {
    /// Number of the errand.
    pub number: u64,
    /// Number of the pod.
    pub pod: u32,
    /// Name of the container; needed of pods with several.
    pub container: Option<String>,
    /// Place to read from; the beginning if absent.
    pub from: Option<LogPosition>,
    /// `true` for the log of the container before its last restart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_previous: bool,
}

/// The result of an errand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ErrandResult {
    /// Number of the errand.
    pub number: u64,
    /// The part of the log, or the reason that there is none.
    pub result: Result<LogText, String>,
}

/// A part of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogText {
    /// Whole records, a line each: `TIME stdout F text`.
    pub records: String,
    /// Place after them.
    pub next: Option<LogPosition>,
    /// `true` if records before this part are gone.
    pub is_gap: bool,
    /// `true` if the pod has ended, so that nothing is added to the log any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_over: bool,
}
