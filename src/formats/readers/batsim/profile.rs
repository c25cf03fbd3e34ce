//! Run times of profiles. A workload may have a profile for each of its jobs, so that they are on disk, and those that were asked
//! for last in memory.

use std::cell::RefCell;

use serde_json::Value;
use smallvec::SmallVec;

use crate::readers::prelude::*;
use arrivals::class_cache::Lately;
use arrivals::spill::{TextLog, key_of};

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
    /// It sends messages to the scheduler, or waits for some.
    Messages,
    /// It states the share of a processor that it keeps busy.
    Utilization,
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

/// Why a profile has no run time.
#[derive(Debug)]
pub(super) enum NoTime {
    /// It is not as was expected.
    Wrong(String),
    /// It can't be read back.
    Failed(TraceError),
}

impl NoTime {
    /// The refusal of a job that has the profile.
    pub(super) fn of(self, job: &Element) -> Refused {
        match self {
            Self::Wrong(expected) => Refused::Row(job.bad("profile", &expected)),
            Self::Failed(error) => Refused::Trace(error),
        }
    }

    /// The refusal of a profile of a type that is not known; an empty one is not stated.
    fn of_type(kind: &str) -> Self {
        let shown: String = kind.chars().take(40).collect();
        Self::Wrong(match &*shown {
            "" => "a profile with a `type`".to_owned(),
            shown => format!("a profile of a known `type`, and not `{shown}`"),
        })
    }

    /// The same of a sequence with a part of this name; the innermost part is named.
    fn of_part(self, name: &str) -> Self {
        match self {
            Self::Wrong(expected) if !expected.ends_with(')') => {
                Self::Wrong(format!("{expected} (of the sequence's part `{name}`)"))
            }
            known => known,
        }
    }
}

impl From<&str> for NoTime {
    fn from(expected: &str) -> Self {
        Self::Wrong(expected.to_owned())
    }
}

impl From<TraceError> for NoTime {
    fn from(error: TraceError) -> Self {
        Self::Failed(error)
    }
}

/// The profiles of a workload, by their names.
#[derive(Default)]
pub(super) struct Profiles {
    /// The places of profiles in the log.
    places: Places,
    log: TextLog<1>,
    /// The profiles that were asked for last.
    lately: RefCell<Lately<String, Arc<Value>>>,
}

impl Profiles {
    /// Adds a profile; of several of one name the last stands.
    pub(super) fn add(&mut self, name: &str, profile: &Value) -> Result<(), TraceError> {
        let place = self.log.push([&profile.to_string()]);
        self.places.put(key(name), place)
    }

    fn get(&self, name: &str) -> Result<Option<Arc<Value>>, TraceError> {
        let name = name.to_owned();
        if let Some(known) = self.lately.borrow().get(&name) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(place) = self.places.get(key(&name))? else {
            return Ok(None);
        };
        let [text] = self.log.get(place)?;
        let profile = serde_json::from_str(&text).map_err(|error| TraceError::Io {
            file: "temporary file of profiles".to_owned(),
            reason: format!("holds one that can't be read back ({error}); read the trace again"),
        })?;
        let profile = Arc::new(profile);
        self.lately.borrow_mut().insert(name, Arc::clone(&profile));
        Ok(Some(profile))
    }

    /// The run time of a profile on so many processors; or what was expected.
    pub(super) fn time(&self, name: &str, processors: f64) -> Result<Time, NoTime> {
        self.within(name, processors, 0)
    }

    fn within(&self, name: &str, processors: f64, depth: u32) -> Result<Time, NoTime> {
        let profile = self.get(name)?.ok_or("the name of a profile")?;
        let profile = &*profile;
        if depth > MAX_DEPTH {
            return Err("free of a profile that contains itself".into());
        }
        let kind = profile.get("type").and_then(Value::as_str);
        let number = |key: &str| profile.get(key).and_then(Value::as_f64);
        let mut time = Time::default();
        match kind.unwrap_or_default() {
            "DelayProfile" | "delay" => {
                let delay = number("delay").filter(|delay| *delay >= 0.0);
                time.seconds = Some(delay.ok_or("a profile with a `delay` of at least 0")?);
            }
            "ParallelTaskProfile" | "parallel" | "msg_par" => {
                let [cpu, com] = amounts(profile, largest)?;
                check_size(profile, processors)?;
                time.seconds = Some(cpu / SPEED);
                time.note(Remark::Work, cpu > 0.0);
                time.note(Remark::Network, com > 0.0);
            }
            "ParallelTaskHomogeneousProfile"
            | "parallel_homogeneous"
            | "parallel_homogeneous_total"
            | "ptask_homogeneous"
            | "msg_par_hg"
            | "msg_par_hg_tot" => {
                let strategy = profile.get("generation_strategy").and_then(Value::as_str);
                let is_total = strategy == Some("DefinedAmountsSpreadUniformly")
                    || matches!(kind, Some("parallel_homogeneous_total" | "msg_par_hg_tot"));
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
            | "msg_par_hg_pfs"
            | "msg_par_hg_pfs0"
            | "msg_par_hg_pfs_tiers"
            | "msg_par_hg_tier"
            | "ParallelTaskDataStagingBetweenStoragesProfile"
            | "data_staging" => {
                time.seconds = Some(0.0);
                time.note(Remark::Storage, true);
            }
            "TraceReplayProfile" | "smpi" | "usage_trace" => time.note(Remark::Replay, true),
            "send" | "recv" => time = self.messages(profile, processors, depth)?,
            other => return Err(NoTime::of_type(other)),
        }
        time.note(Remark::Utilization, profile.get("util").is_some());
        if let Some(code) = profile.get("ret") {
            let own = code.as_i64().and_then(|code| i32::try_from(code).ok());
            let own = own.ok_or("a profile whose `ret` is an exit code, a whole number")?;
            if own != 0 {
                time.exit_code = own;
            }
        }
        Ok(time)
    }

    /// The run time of a profile that sends the scheduler a message, or waits for one: the job goes on as if it had
    /// answered as it should, and at once.
    fn messages(&self, profile: &Value, processors: f64, depth: u32) -> Result<Time, NoTime> {
        let sleep = profile.get("sleeptime").and_then(Value::as_f64);
        let sleep = Some(sleep.unwrap_or_default()).filter(|sleep| *sleep >= 0.0);
        let mut time = Time {
            seconds: Some(sleep.ok_or("a profile with a `sleeptime` of at least 0")?),
            ..Time::default()
        };
        let success = profile.get("success").and_then(Value::as_str);
        if let Some(name) = success.filter(|name| !name.is_empty()) {
            let part = self.within(name, processors, depth + 1);
            time = part.map_err(|why| why.of_part(name))?;
        }
        time.note(Remark::Messages, true);
        Ok(time)
    }

    fn sequence(&self, profile: &Value, processors: f64, depth: u32) -> Result<Time, NoTime> {
        let list = profile.get("seq").and_then(Value::as_array);
        let names = list.ok_or("a profile with a list `seq`")?;
        // The oldest workloads call it `nb`.
        let repeat = profile.get("repeat").or_else(|| profile.get("nb"));
        let repeat = repeat.map_or(Some(1.0), Value::as_f64);
        let repeat = repeat.filter(|repeat| *repeat >= 0.0);
        let mut time = Time {
            seconds: Some(0.0),
            ..Time::default()
        };
        for name in names {
            let name = name.as_str().unwrap_or_default();
            let part = self.within(name, processors, depth + 1);
            let part = part.map_err(|why| why.of_part(name))?;
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

/// The key of a name.
fn key(name: &str) -> [u64; 2] {
    key_of(name.as_bytes())
}

/// What a profile computes and communicates; of what it does not state, nothing.
fn amounts(profile: &Value, amount: impl Fn(&Value) -> Option<f64>) -> Result<[f64; 2], NoTime> {
    let [cpu, com] = ["cpu", "com"].map(|key| profile.get(key));
    if cpu.or(com).is_none() {
        return Err("a profile with `cpu` or `com`".into());
    }
    let of = |found: Option<&Value>| match found {
        None => Ok(0.0),
        Some(found) => amount(found)
            .filter(|amount| *amount >= 0.0)
            .ok_or("a profile whose `cpu` and `com` are at least 0"),
    };
    Ok([of(cpu)?, of(com)?])
}

/// Refuses lists of amounts that are not those of a job's processors and of the pairs of these
/// (`check_single_job_validity` of Batsim's src/workload.cpp stops there).
fn check_size(profile: &Value, processors: f64) -> Result<(), NoTime> {
    for (key, expected, of) in [
        ("cpu", processors, "one for each"),
        ("com", processors * processors, "one for each pair"),
    ] {
        let list = profile.get(key).and_then(Value::as_array);
        let count = list.map_or(expected, |list| list.len() as f64);
        if (count - expected).abs() > 0.0 {
            return Err(NoTime::Wrong(format!(
                "a profile whose `{key}` has {expected} amounts, {of} of the job's {processors} processors, and not {count}"
            )));
        }
    }
    Ok(())
}

/// The largest number of a list; `None` if it has another value, or one below 0.
fn largest(list: &Value) -> Option<f64> {
    let mut amounts = list.as_array()?.iter();
    amounts.try_fold(0.0, |most: f64, own| {
        let amount = own.as_f64().filter(|amount| *amount >= 0.0);
        Some(most.max(amount?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_on_disk_are_those_in_memory() {
        let of = |most_held| {
            let mut profiles = Profiles {
                places: Places::holding(most_held),
                ..Profiles::default()
            };
            for number in 0..60 {
                let text = format!(
                    "{{\"type\": \"delay\", \"delay\": {}.1, \"ret\": {number}}}",
                    number * 7
                );
                let profile = serde_json::from_str(&text).expect("JSON");
                let name = format!("p{}", number % 50);
                profiles.add(&name, &profile).expect("writable");
            }
            let times = (0..51).map(|number| profiles.time(&format!("p{number}"), 1.0));
            let times = times.map(|time| format!("{time:?}"));
            times.collect::<Vec<String>>()
        };
        let times = of(usize::MAX);
        assert!(times[9].contains("413.1") && times[49].contains("343.1"));
        assert!(times[50].contains("the name of a profile"));
        assert_eq!(times, of(3));
    }
}
