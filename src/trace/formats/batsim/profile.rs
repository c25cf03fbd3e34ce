//! Run times of profiles.

use serde_json::Value;
use smallvec::SmallVec;

use units::SortedMap;

/// Floating-point operations of a processor in a second.
const SPEED: f64 = 1e9;
/// The deepest profile within profiles.
const MAX_DEPTH: u32 = 32;

/// A cause for which a run time is not exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remark {
    /// It computes.
    Work,
    /// It communicates.
    Network,
    /// It reads or writes.
    Storage,
    /// It replays a program.
    Replay,
}

/// The run time of a profile.
#[derive(Clone, Debug, Default)]
pub(super) struct Time {
    /// Seconds; `None` if they are not known.
    pub(super) seconds: Option<f64>,
    /// Causes for which they are not exact, each once.
    pub(super) remarks: SmallVec<[Remark; 4]>,
    /// The exit code (`ret`); of a sequence its own, or else the first other than 0 of its parts.
    pub(super) exit_code: i32,
}

impl Time {
    fn note(&mut self, remark: Remark, does: bool) {
        if does && !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }
}

/// Run times of the profiles of a workload.
pub(super) struct Times<'p> {
    profiles: &'p SortedMap<String, Value>,
}

impl<'p> Times<'p> {
    pub(super) fn new(profiles: &'p SortedMap<String, Value>) -> Self {
        Self { profiles }
    }

    /// The run time of a profile on so many processors; or what was expected.
    pub(super) fn of(&self, name: &str, processors: f64) -> Result<Time, String> {
        self.within(name, processors, 0)
    }

    fn within(&self, name: &str, processors: f64, depth: u32) -> Result<Time, String> {
        let profile = self.profiles.get(name).ok_or("the name of a profile")?;
        if depth > MAX_DEPTH {
            return Err("free of a profile that contains itself".to_owned());
        }
        let kind = profile.get("type").and_then(Value::as_str);
        let number = |key: &str| profile.get(key).and_then(Value::as_f64);
        let mut time = Time::default();
        match kind.unwrap_or_default() {
            "DelayProfile" | "delay" => {
                let delay = number("delay").filter(|delay| *delay >= 0.0);
                time.seconds = Some(delay.ok_or("a profile with a `delay` of at least 0")?);
            }
            "ParallelTaskProfile" | "parallel" => {
                let [cpu, com] = amounts(profile, largest)?;
                time.seconds = Some(cpu / SPEED);
                time.note(Remark::Work, cpu > 0.0);
                time.note(Remark::Network, com > 0.0);
            }
            "ParallelTaskHomogeneousProfile"
            | "parallel_homogeneous"
            | "parallel_homogeneous_total"
            | "ptask_homogeneous" => {
                let strategy = profile.get("generation_strategy").and_then(Value::as_str);
                let is_total = strategy == Some("DefinedAmountsSpreadUniformly")
                    || kind == Some("parallel_homogeneous_total");
                let [work, com] = amounts(profile, Value::as_f64)?;
                let each = if is_total { work / processors } else { work };
                time.seconds = Some(each / SPEED);
                time.note(Remark::Work, work > 0.0);
                time.note(Remark::Network, com > 0.0);
            }
            "SequentialCompositionProfile" | "composed" => {
                time = self.sequence(profile, processors, depth)?;
            }
            "ParallelTaskOnStorageHomogeneousProfile"
            | "parallel_homogeneous_pfs"
            | "ParallelTaskDataStagingBetweenStoragesProfile"
            | "data_staging" => {
                time.seconds = Some(0.0);
                time.note(Remark::Storage, true);
            }
            "TraceReplayProfile" | "smpi" | "usage_trace" => time.note(Remark::Replay, true),
            _ => return Err("a profile of a known `type`".to_owned()),
        }
        if let Some(code) = profile.get("ret") {
            let own = code.as_i64().and_then(|code| i32::try_from(code).ok());
            let own = own.ok_or("a profile whose `ret` is an exit code, a whole number")?;
            if own != 0 {
                time.exit_code = own;
            }
        }
        Ok(time)
    }

    fn sequence(&self, profile: &Value, processors: f64, depth: u32) -> Result<Time, String> {
        let list = profile.get("seq").and_then(Value::as_array);
        let names = list.ok_or("a profile with a list `seq`")?;
        let repeat = profile.get("repeat").map_or(Some(1.0), Value::as_f64);
        let repeat = repeat.filter(|repeat| *repeat >= 0.0);
        let mut time = Time {
            seconds: Some(0.0),
            ..Time::default()
        };
        for name in names {
            let part = self.within(name.as_str().unwrap_or_default(), processors, depth + 1)?;
            time.seconds = time.seconds.zip(part.seconds).map(|(sum, own)| sum + own);
            for remark in part.remarks {
                time.note(remark, true);
            }
            if time.exit_code == 0 {
                time.exit_code = part.exit_code;
            }
        }
        let repeat = repeat.ok_or("a profile with a `repeat` of at least 0")?;
        time.seconds = time.seconds.map(|seconds| seconds * repeat);
        Ok(time)
    }
}

/// What a profile computes and communicates; of what it does not state, nothing.
fn amounts(profile: &Value, amount: impl Fn(&Value) -> Option<f64>) -> Result<[f64; 2], String> {
    let [cpu, com] = ["cpu", "com"].map(|key| profile.get(key));
    if cpu.or(com).is_none() {
        return Err("a profile with `cpu` or `com`".to_owned());
    }
    let of = |found: Option<&Value>| match found {
        None => Ok(0.0),
        Some(found) => amount(found)
            .filter(|amount| *amount >= 0.0)
            .ok_or_else(|| "a profile whose `cpu` and `com` are at least 0".to_owned()),
    };
    Ok([of(cpu)?, of(com)?])
}

/// The largest number of a list; `None` if it has another value, or one below 0.
fn largest(list: &Value) -> Option<f64> {
    let mut amounts = list.as_array()?.iter();
    amounts.try_fold(0.0, |most: f64, own| {
        let amount = own.as_f64().filter(|amount| *amount >= 0.0);
        Some(most.max(amount?))
    })
}
