//! Life of a container as a manifest states it: probes and hooks.

use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Probe {
    pub(crate) initial_delay_seconds: Option<i32>,
    pub(crate) period_seconds: Option<i32>,
    pub(crate) timeout_seconds: Option<i32>,
    pub(crate) success_threshold: Option<i32>,
    pub(crate) failure_threshold: Option<i32>,
    exec: Option<IgnoredAny>,
    grpc: Option<IgnoredAny>,
    http_get: Option<IgnoredAny>,
    tcp_socket: Option<IgnoredAny>,
}

impl Probe {
    /// Number of the ways to probe that are stated.
    pub(crate) fn handlers(&self) -> usize {
        let all = [self.exec, self.grpc, self.http_get, self.tcp_socket];
        all.iter().flatten().count()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Lifecycle {
    pub(crate) pre_stop: Option<Hook>,
    pub(crate) post_start: Option<Hook>,
}

impl Lifecycle {
    /// Whether there is a hook.
    pub(crate) const fn is_stated(&self) -> bool {
        self.pre_stop.is_some() || self.post_start.is_some()
    }

    /// The sleep before a container ends.
    pub(crate) fn sleep(&self) -> Option<&Sleep> {
        self.pre_stop.as_ref()?.sleep.as_ref()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Hook {
    sleep: Option<Sleep>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Sleep {
    pub(crate) seconds: i64,
}
