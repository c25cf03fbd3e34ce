//! Life of a template's pods on their node: restart policy, probes, hooks, pull policies, and what
//! annotations say of the applications in their containers (spec: kubernetes.md part 4).
//!
//! Annotations of the template that begin with `windtunnel.dev/` speak of all containers, with a dot
//! and a container's name behind them of that one: `windtunnel.dev/answers-after.shop: 20s`.

use std::sync::Arc;

use super::field::{Path, Problem};
use super::raw::{self, Annotations};
use model::pod_life::{
    Application, ContainerLife, Health, HealthCheck, PodLife, PullPolicy, RestartPolicy,
};
use model::workload::probe::{Probe, ProbeKind};
use model::workload::validate;
use model::{Container, ExitPlan, PodSpec, Text};
use rng::Distribution;
use units::Duration;

/// Annotation of the time that a pod's containers take to start.
pub(super) const START_TIME: &str = "windtunnel.dev/start-time";
/// Annotation of a container's run time, a duration or a distribution.
pub(super) const RUN_TIME: &str = "windtunnel.dev/run-time";
/// The code that a container ends with, or, of the pod, codes by start.
pub(super) const EXIT_CODE: &str = "windtunnel.dev/exit-code";
/// Annotation of the time after its start from which a container answers probes.
const ANSWERS_AFTER: &str = "windtunnel.dev/answers-after";
/// Annotation of the time after its start from which it no longer answers them.
const ANSWERS_UNTIL: &str = "windtunnel.dev/answers-until";
/// From and until when after its start probes can't be made: `30s-60s`.
const PROBES_UNKNOWN: &str = "windtunnel.dev/probes-unknown";
/// Annotation of the time that an answer takes.
const ANSWER_TIME: &str = "windtunnel.dev/answer-time";
/// Annotation of the time that the container takes to end once it is asked to.
const STOP_TIME: &str = "windtunnel.dev/stop-time";
/// Annotation of the time that the hook before the stop takes.
const PRE_STOP_TIME: &str = "windtunnel.dev/pre-stop-time";
/// Annotation of a health check in Docker's manner: `interval=30s timeout=5s retries=3`.
const HEALTH_CHECK: &str = "windtunnel.dev/health-check";

/// The life of a template's pods; `None` where all is as it is without a word.
pub(super) fn life(
    raw: &raw::PodSpec,
    annotations: &Annotations,
    spec: &PodSpec,
) -> Result<Option<Arc<PodLife>>, Problem> {
    let life = stated_life(raw, annotations, spec)?;
    let is_single = spec.init_containers.is_empty() && spec.containers.len() == 1;
    let ends = annotations.get(RUN_TIME).is_some();
    Ok((!is_single || ends || life != PodLife::default()).then(|| Arc::new(life)))
}

/// Whether a pod's annotations state a run time, of all its containers or of one.
pub(super) fn states_run_time(annotations: &Annotations) -> bool {
    let mut keys = annotations.0.keys();
    keys.any(|key| key.starts_with(RUN_TIME))
}

/// The life of a pod that no template makes, with every default in place.
pub(super) fn stated_life(
    raw: &raw::PodSpec,
    annotations: &Annotations,
    spec: &PodSpec,
) -> Result<PodLife, Problem> {
    let path = Path::root("spec");
    let restart = match raw.restart_policy.as_deref() {
        Some("Never") => RestartPolicy::Never,
        Some("OnFailure") => RestartPolicy::OnFailure,
        _ => RestartPolicy::Always,
    };
    let of = |raw: &[raw::Container], own: &[Container], list: &str| {
        let path = path.field(list);
        let each = raw.iter().zip(own).enumerate();
        let read = each.map(|(index, (raw, own))| {
            let reader = Reader {
                annotations,
                name: &own.name,
                is_init: list == "initContainers",
            };
            reader.container(raw, &path.index(index))
        });
        read.collect::<Result<Vec<ContainerLife>, Problem>>()
    };
    Ok(PodLife {
        restart,
        containers: plain(of(&raw.containers, &spec.containers, "containers")?),
        init_containers: plain(of(
            &raw.init_containers,
            &spec.init_containers,
            "initContainers",
        )?),
    })
}

/// Lives of containers of which nothing is said are left out.
fn plain(lives: Vec<ContainerLife>) -> Vec<ContainerLife> {
    let is_plain = lives.iter().all(|life| *life == ContainerLife::default());
    if is_plain { Vec::new() } else { lives }
}

/// Reader of one container's annotations.
struct Reader<'a> {
    annotations: &'a Annotations,
    name: &'a str,
    is_init: bool,
}

impl Reader<'_> {
    fn container(&self, raw: &raw::Container, path: &Path<'_>) -> Result<ContainerLife, Problem> {
        let probe =
            |raw: Option<raw::Probe>, kind| raw.map(|raw| probe(raw, kind, path)).transpose();
        let sleep = raw.lifecycle.sleep();
        let slept = sleep.map(|sleep| {
            let path = path.field("lifecycle");
            let path = path.field("preStop.sleep.seconds");
            let span = Duration::checked_from_secs(sleep.seconds);
            let span = span.filter(|span| *span >= Duration::ZERO);
            span.ok_or_else(|| path.problem("0 or more seconds", sleep.seconds))
        });
        let stated = match raw.image_pull_policy.as_deref() {
            None | Some("") => None,
            Some("Always") => Some(PullPolicy::Always),
            Some("IfNotPresent") => Some(PullPolicy::IfNotPresent),
            Some("Never") => Some(PullPolicy::Never),
            Some(other) => {
                let expected = "`Always`, `IfNotPresent` or `Never`";
                return Err(path.field("imagePullPolicy").problem(expected, other));
            }
        };
        // What a server would fill in says nothing.
        let pull = stated.filter(|stated| *stated != PullPolicy::of_image(&raw.image));
        let stated = self.span(PRE_STOP_TIME)?;
        Ok(ContainerLife {
            startup: probe(raw.startup_probe, ProbeKind::Startup)?,
            liveness: probe(raw.liveness_probe, ProbeKind::Liveness)?,
            readiness: probe(raw.readiness_probe, ProbeKind::Readiness)?,
            health_check: self.any(HEALTH_CHECK, health_check)?,
            pre_stop: stated.or(slept.transpose()?).unwrap_or_default(),
            pull,
            application: self.application()?,
        })
    }

    fn application(&self) -> Result<Application, Problem> {
        // What is said of all containers is of those that do the pod's work.
        Ok(Application {
            run_time: self.own(RUN_TIME, run_time)?,
            exit_code: self.own(EXIT_CODE, exit_code)?,
            health: Health {
                from: self.span(ANSWERS_AFTER)?.unwrap_or_default(),
                until: self.span(ANSWERS_UNTIL)?,
                unknown: self.any(PROBES_UNKNOWN, spans)?,
            },
            answer_time: self.span(ANSWER_TIME)?.unwrap_or_default(),
            stop_time: self.span(STOP_TIME)?.unwrap_or_default(),
        })
    }

    fn span(&self, key: &str) -> Result<Option<Duration>, Problem> {
        self.any(key, duration)
    }

    /// Value that is stated of this container alone.
    fn own<T>(&self, key: &str, read: Parse<T>) -> Result<Option<T>, Problem> {
        let key = format!("{key}.{}", self.name);
        let text = self.annotations.get(&key);
        text.map(|text| in_annotation(&key, text, read)).transpose()
    }

    /// Value that is stated of this container, or else of all.
    fn any<T>(&self, key: &str, read: Parse<T>) -> Result<Option<T>, Problem> {
        if let Some(own) = self.own(key, read)? {
            return Ok(Some(own));
        }
        let text = self.annotations.get(key).filter(|_| !self.is_init);
        text.map(|text| in_annotation(key, text, read)).transpose()
    }
}

/// Reads a text, or says what was expected.
type Parse<T> = fn(&str) -> Result<T, &'static str>;

/// Reads an annotation of a template.
pub(super) fn in_annotation<T>(key: &str, text: &str, read: Parse<T>) -> Result<T, Problem> {
    let path = Path::root("metadata");
    let path = path.field("annotations");
    read(text).map_err(|expected| path.key(key).problem(expected, text))
}

pub(super) fn duration(text: &str) -> Result<Duration, &'static str> {
    let span = text.parse::<Duration>().ok();
    let span = span.filter(|span| *span >= Duration::ZERO);
    span.ok_or("a duration of 0 or more, such as `30s`")
}

/// A health check: `interval=30s timeout=5s retries=3 start-period=0s start-interval=5s`, each with a
/// default.
fn health_check(text: &str) -> Result<HealthCheck, &'static str> {
    let expected = "`interval`, `timeout`, `retries`, `start-period` or `start-interval`, each with `=` and a \
                    duration (a number of `retries`), such as `interval=30s timeout=5s retries=3`";
    let mut check = HealthCheck::default();
    for part in text.split([' ', ',']).filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').ok_or(expected)?;
        let span = || duration(value).map_err(|_| expected);
        let positive = || {
            let span = span()?;
            let is_positive = span > Duration::ZERO;
            is_positive
                .then_some(span)
                .ok_or("durations above 0 of `interval`, `timeout` and `start-interval`")
        };
        match key {
            "interval" => check.interval = positive()?,
            "timeout" => check.timeout = positive()?,
            "start-interval" => check.start_interval = positive()?,
            "start-period" => check.start_period = span()?,
            "retries" => {
                let retries = value.parse::<u32>().ok().filter(|count| *count > 0);
                check.retries = retries.ok_or("`retries` of 1 or more")?;
            }
            _ => return Err(expected),
        }
    }
    Ok(check)
}

fn spans(text: &str) -> Result<(Duration, Duration), &'static str> {
    let expected = "a start and an end, such as `30s-60s`";
    let (from, until) = text.split_once('-').ok_or(expected)?;
    let (from, until) = (duration(from), duration(until));
    let (from, until) = from.ok().zip(until.ok()).ok_or(expected)?;
    if from < until {
        Ok((from, until))
    } else {
        Err(expected)
    }
}

/// A start time.
pub(super) fn start_time(text: &str) -> Result<Duration, &'static str> {
    let span = text.parse::<Duration>().ok();
    let span = span.filter(|span| *span >= Duration::ZERO);
    span.ok_or("a duration of 0 or more, such as `800ms`")
}

/// A run time: a duration or a distribution.
pub(super) fn run_time(text: &str) -> Result<Text, &'static str> {
    if let Ok(span) = text.parse::<Duration>() {
        return if span < Duration::ZERO {
            Err("a duration of 0 or more")
        } else {
            Ok(text.into())
        };
    }
    match text.parse::<Distribution>() {
        Ok(law) if law.missing_file().is_some() => Err(WITHOUT_A_FILE),
        Ok(_) => Ok(text.into()),
        Err(_) => Err("a duration such as `30s` or a distribution such as `exponential(30s)`"),
    }
}

/// Rule for distributions in annotations: files are inputs that the experiment names.
pub(super) const WITHOUT_A_FILE: &str = "a distribution without a file, such as `exponential(30s)`";

/// Codes by start and completion index; none of a plain code.
pub(super) fn exit_plan(text: &str) -> Result<ExitPlan, &'static str> {
    match exit_code(text) {
        Ok(_) => Ok(ExitPlan::default()),
        Err(_) => text.parse(),
    }
}

/// A code that a process ends with.
pub(super) fn exit_code(text: &str) -> Result<i32, &'static str> {
    let code = text.parse::<i32>().ok();
    let code = code.filter(|code| (0..=255).contains(code));
    code.ok_or("a code from 0 to 255")
}

fn probe(raw: raw::Probe, kind: ProbeKind, path: &Path<'_>) -> Result<Probe, Problem> {
    let default = Probe::default();
    // 0 is the default, too (`SetDefaults_Probe`, pkg/apis/core/v1/defaults.go).
    let stated = |own: Option<i32>, default: i32| own.filter(|own| *own != 0).unwrap_or(default);
    let probe = Probe {
        initial_delay_secs: raw
            .initial_delay_seconds
            .unwrap_or(default.initial_delay_secs),
        period_secs: stated(raw.period_seconds, default.period_secs),
        timeout_secs: stated(raw.timeout_seconds, default.timeout_secs),
        success_threshold: stated(raw.success_threshold, default.success_threshold),
        failure_threshold: stated(raw.failure_threshold, default.failure_threshold),
    };
    let findings = validate::probe(&path.to_string(), kind, &probe);
    match findings.into_iter().next() {
        None => Ok(probe),
        Some(finding) => Err(Problem(format!(
            "{}: {}; {}",
            finding.field,
            finding.problem,
            finding.problem.fix()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_are_left_out_only_if_nothing_is_said_of_any_container() {
        let told = ContainerLife {
            pull: Some(PullPolicy::Always),
            ..ContainerLife::default()
        };
        let silent = ContainerLife::default;
        assert_eq!(plain(vec![silent(), silent()]), []);
        let mixed = vec![silent(), told];
        assert_eq!(plain(mixed.clone()), mixed);
    }

    #[test]
    fn run_times_name_no_file() {
        assert!(run_time("exponential(30s)").is_ok());
        assert_eq!(run_time("empirical(times.csv)"), Err(WITHOUT_A_FILE));
    }
}
