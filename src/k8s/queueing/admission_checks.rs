//! Admission checks of Kueue, whose answers annotations state, and the time until pods are ready: both are
//! to be passed beside quota.

use serde::Deserialize;

use super::super::field::{Path, Problem, required};
use super::super::life::duration;
use super::super::parts::Parts;
use super::super::raw::{AmountText, nullable};
use model::queueing::{AdmissionCheck, CheckAnswer, RequeueTime, WaitForPodsReady};
use units::Duration;

/// Annotation of the time until a check answers.
const TAKES: &str = "windtunnel.dev/check-takes";
/// Annotation of the number of times that a check asks a workload to try again.
const RETRIES: &str = "windtunnel.dev/check-retries";
/// Annotation of a check's answer.
const ANSWER: &str = "windtunnel.dev/check-answer";

/// Annotation of the configuration: the choice among queues of equal shares that could make room.
const EQUAL_SHARES: &str = "windtunnel.dev/equal-shares";

/// Whether chance decides which of equal shares makes room.
pub(super) fn draws_equal_shares(parts: &Parts) -> Result<bool, Problem> {
    let root = Path::root("metadata");
    let path = root.field("annotations");
    match parts.metadata.annotations.get(EQUAL_SHARES) {
        None | Some("last") => Ok(false),
        Some("random") => Ok(true),
        Some(other) => Err(path.key(EQUAL_SHARES).problem("`last` or `random`", other)),
    }
}

/// An admission check.
pub(super) fn check(parts: &Parts) -> Result<AdmissionCheck, Problem> {
    let metadata = &parts.metadata;
    let root = Path::root("metadata");
    let path = root.field("annotations");
    let stated = |key: &str| metadata.annotations.get(key);
    let takes = stated(TAKES).map(|text| {
        let path = path.key(TAKES);
        duration(text).map_err(|expected| path.problem(expected, text))
    });
    let retries = stated(RETRIES).map(|text| {
        let path = path.key(RETRIES);
        let number = text.parse::<u32>().ok();
        number.ok_or_else(|| path.problem("a number of attempts, 0 or more", text))
    });
    let answer = match stated(ANSWER) {
        None | Some("Ready") => CheckAnswer::Ready,
        Some("Retry") => CheckAnswer::Retry,
        Some("Rejected") => CheckAnswer::Rejected,
        Some(other) => {
            let expected = "`Ready`, `Retry` or `Rejected`";
            return Err(path.key(ANSWER).problem(expected, other));
        }
    };
    let takes = takes.transpose()?.unwrap_or_default();
    if answer == CheckAnswer::Retry && takes <= Duration::ZERO {
        let path = path.key(TAKES);
        return Err(path.missing("a time above 0, as workloads are asked to try again without end"));
    }
    Ok(AdmissionCheck {
        name: required(metadata.name.as_ref(), &root.field("name"), "a name")?.into(),
        takes,
        retries: retries.transpose()?.unwrap_or(0),
        answer,
    })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawWait {
    enable: Option<bool>,
    timeout: Option<AmountText>,
    recovery_timeout: Option<AmountText>,
    #[serde(deserialize_with = "nullable")]
    block_admission: bool,
    #[serde(deserialize_with = "nullable")]
    requeuing_strategy: RawRequeuing,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawRequeuing {
    timestamp: Option<String>,
    backoff_limit_count: Option<i64>,
    backoff_base_seconds: Option<i64>,
    backoff_max_seconds: Option<i64>,
}

/// The times until pods are ready that Kueue's configuration states.
pub(super) fn wait_for_pods_ready(parts: &Parts) -> Result<Option<WaitForPodsReady>, Problem> {
    let stated = parts.beside.get("waitForPodsReady");
    let Some(stated) = stated.filter(|own| !own.is_null()) else {
        return Ok(None);
    };
    let path = Path::root("waitForPodsReady");
    let raw = RawWait::deserialize(stated).map_err(|error| path.broken(error.to_string()))?;
    if raw.enable == Some(false) {
        return Ok(None);
    }
    let defaults = WaitForPodsReady::default();
    let span = |text: Option<&AmountText>, field: &str| {
        let path = path.field(field);
        let read = text.map(|AmountText(text)| {
            let positive = duration(text).ok().filter(|own| *own > Duration::ZERO);
            positive.ok_or_else(|| path.problem("a duration above 0, such as `5m`", text))
        });
        read.transpose()
    };
    let timeout = span(raw.timeout.as_ref(), "timeout")?.unwrap_or(defaults.timeout);
    let recovery = span(raw.recovery_timeout.as_ref(), "recoveryTimeout")?;
    let strategy = path.field("requeuingStrategy");
    let own = &raw.requeuing_strategy;
    let secs = |number: Option<i64>, field: &str, default: Duration| {
        let Some(number) = number else {
            return Ok(default);
        };
        let span = Duration::checked_from_secs(number).filter(|own| *own >= Duration::ZERO);
        span.ok_or_else(|| strategy.field(field).problem("seconds, 0 or more", number))
    };
    if let Some(most) = own.backoff_limit_count.filter(|most| *most < 0) {
        let path = strategy.field("backoffLimitCount");
        return Err(path.problem("a number of attempts, 0 or more", most));
    }
    let requeue_time = match own.timestamp.as_deref() {
        None | Some("" | "Eviction") => RequeueTime::Eviction,
        Some("Creation") => RequeueTime::Creation,
        Some(other) => {
            let path = strategy.field("timestamp");
            return Err(path.problem("`Eviction` or `Creation`", other));
        }
    };
    Ok(Some(WaitForPodsReady {
        timeout,
        recovery_timeout: Some(recovery.unwrap_or(timeout)),
        backoff_base: secs(
            own.backoff_base_seconds,
            "backoffBaseSeconds",
            defaults.backoff_base,
        )?,
        backoff_max: secs(
            own.backoff_max_seconds,
            "backoffMaxSeconds",
            defaults.backoff_max,
        )?,
        backoff_limit: own.backoff_limit_count,
        blocks_admission: raw.block_admission,
        requeue_time,
    }))
}
