//! A container as the runtime knows it, and what the engine's answers say about it.

use serde_json::Value;

use super::api::{ApiError, Engine};
use crate::runtime::{
    AttemptId, Change, Counters, Ending, Listed, LogPart, LogPosition, Outcome, Phase, StopRecord,
};

/// Length of the head of a frame of a log, in bytes.
const FRAME_HEAD: usize = 8;

/// A container.
#[derive(Clone, Debug)]
pub(super) struct Container {
    id: Option<String>,
    phase: Phase,
    pid: Option<u32>,
    ending: Option<Ending>,
    stop: Option<StopRecord>,
    is_adopted: bool,
    /// `true` once the control plane has the end for good, until the engine has removed the container.
    is_acknowledged: bool,
    is_removed: bool,
}

impl Container {
    /// A container that is being started.
    pub(super) const fn starting() -> Self {
        Self {
            id: None,
            phase: Phase::Starting,
            pid: None,
            ending: None,
            stop: None,
            is_adopted: false,
            is_acknowledged: false,
            is_removed: false,
        }
    }

    /// A container of an earlier agent.
    pub(super) fn adopted() -> Self {
        Self {
            is_adopted: true,
            ..Self::starting()
        }
    }

    pub(super) const fn phase(&self) -> Phase {
        self.phase
    }

    /// Identity of a container that runs.
    pub(super) fn running(&self) -> Option<&str> {
        let is_running = self.phase == Phase::Running;
        self.id.as_deref().filter(|_| is_running)
    }

    /// Process of a container that runs.
    pub(super) fn process(&self) -> Option<u32> {
        let is_running = self.phase == Phase::Running;
        self.pid.filter(|_| is_running)
    }

    /// The engine has started the container.
    pub(super) fn launched(&mut self, id: String) {
        self.id = Some(id);
    }

    /// Takes in what the engine says of the container.
    pub(super) fn look(&mut self, engine: &Engine, id: &str, state: &str) -> Vec<Change> {
        if self.is_acknowledged {
            self.forget(engine);
            return Vec::new();
        }
        // While it is being started, the thread that does so knows more.
        if self.phase == Phase::Ended || (self.id.is_none() && !self.is_adopted) {
            return Vec::new();
        }
        self.id = Some(id.to_owned());
        let is_over = matches!(state, "exited" | "dead");
        if !is_over && self.phase == Phase::Running {
            return Vec::new();
        }
        let Ok(found) = engine.get(&format!("/containers/{id}/json")) else {
            return Vec::new();
        };
        let mut changes = Vec::new();
        let state = found.get("State").cloned().unwrap_or_default();
        let at = |field: &str| {
            let text = state.get(field).and_then(Value::as_str);
            text.and_then(instant_ns).filter(|at_ns| *at_ns > 0)
        };
        if self.phase == Phase::Starting {
            self.phase = Phase::Running;
            let pid = state.get("Pid").and_then(Value::as_u64);
            self.pid = pid.and_then(|pid| u32::try_from(pid).ok());
            changes.push(Change::Running {
                started_ns: at("StartedAt").unwrap_or(0),
                is_adopted: self.is_adopted,
            });
            if let Some(order) = self.stop.take() {
                self.stop(engine, order);
            }
        }
        if is_over {
            let code = state.get("ExitCode").and_then(Value::as_i64);
            let code = code.and_then(|code| i32::try_from(code).ok());
            let outcome = code.map_or(Outcome::Unknown, Outcome::Code);
            let was_killed = state.get("OOMKilled") == Some(&Value::Bool(true));
            let counters = Counters {
                oom_kills: u64::from(was_killed),
                ..Counters::default()
            };
            changes.extend(self.ended(outcome, at("FinishedAt"), counters));
        }
        changes
    }

    /// Whether the container ran and is not there any more.
    pub(super) fn has_vanished(&self, is_listed: bool) -> bool {
        !is_listed && self.phase == Phase::Running
    }

    /// The container ended.
    pub(super) fn end(&mut self, outcome: Outcome, ended_ns: Option<i64>) -> Option<Change> {
        self.ended(outcome, ended_ns, Counters::default())
    }

    fn ended(
        &mut self,
        outcome: Outcome,
        ended_ns: Option<i64>,
        counters: Counters,
    ) -> Option<Change> {
        if self.phase == Phase::Ended {
            return None;
        }
        let ending = Ending {
            outcome,
            ended_ns,
            counters,
            stop: self.stop.clone(),
        };
        self.phase = Phase::Ended;
        self.ending = Some(ending.clone());
        Some(Change::Ended(ending))
    }

    /// Orders the container to end; a later order can only shorten the grace.
    pub(super) fn stop(&mut self, engine: &Engine, order: StopRecord) {
        if self.phase == Phase::Ended {
            return;
        }
        if let Some(known) = &mut self.stop {
            known.force_at_ns = known.force_at_ns.min(order.force_at_ns);
            return;
        }
        self.stop = Some(order);
        if let Some(id) = self.running() {
            // One that does not get the signal is killed at the end of its grace.
            let _ = engine.post(&format!("/containers/{id}/kill?signal=SIGTERM"), None);
        }
    }

    /// Kills a container whose grace is over.
    pub(super) fn force(&mut self, engine: &Engine, now_ns: i64) {
        let Some(id) = self.running().map(str::to_owned) else {
            return;
        };
        if let Some(stop) = &mut self.stop
            && stop.force_at_ns <= now_ns
            && !stop.is_forced
        {
            let killed = engine.post(&format!("/containers/{id}/kill?signal=SIGKILL"), None);
            stop.is_forced = killed.is_ok();
        }
    }

    /// Removes a container whose end is known for good.
    pub(super) fn forget(&mut self, engine: &Engine) {
        self.is_acknowledged = true;
        let Some(id) = &self.id else {
            self.is_removed = true;
            return;
        };
        self.is_removed = match engine.delete(&format!("/containers/{id}?force=1&v=1")) {
            Ok(()) => true,
            Err(ApiError::Refused { status, .. }) => status == 404,
            Err(ApiError::Unreached { .. }) => false,
        };
    }

    /// Whether nothing is left of the container.
    pub(super) const fn is_forgotten(&self) -> bool {
        self.is_acknowledged && self.is_removed
    }

    pub(super) fn listed(&self, attempt: &AttemptId) -> Listed {
        Listed {
            attempt: attempt.clone(),
            phase: self.phase,
            workload: self.pid,
            shim: None,
            ending: self.ending.clone(),
        }
    }

    /// The whole log, in the form of this runtime's others.
    pub(super) fn log(&self, engine: &Engine) -> Result<Vec<u8>, ApiError> {
        let Some(id) = &self.id else {
            return Ok(Vec::new());
        };
        let path = format!("/containers/{id}/logs?stdout=1&stderr=1&timestamps=1");
        Ok(records(&engine.raw(&path)?))
    }
}

/// Records of a log that comes in frames: stream, length, and a line with its time.
fn records(mut frames: &[u8]) -> Vec<u8> {
    let mut records = Vec::new();
    while let Some((head, rest)) = frames.split_at_checked(FRAME_HEAD) {
        let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let (line, rest) = rest.split_at(length.min(rest.len()));
        frames = rest;
        let stream: &[u8] = if head[0] == 2 { b"stderr" } else { b"stdout" };
        let place = line.iter().position(|&byte| byte == b' ');
        let (time, text) = line.split_at(place.unwrap_or(line.len()));
        let is_whole = text.ends_with(b"\n");
        records.extend_from_slice(time);
        records.push(b' ');
        records.extend_from_slice(stream);
        records.extend_from_slice(if is_whole { b" F" } else { b" P" });
        records.extend_from_slice(text.strip_suffix(b"\n").unwrap_or(text));
        records.push(b'\n');
    }
    records
}

/// The part of a log after a place.
pub(super) fn part(records: &[u8], from: Option<&LogPosition>, most_bytes: usize) -> LogPart {
    let first = records.split(|&byte| byte == b' ').next();
    let first = String::from_utf8_lossy(first.unwrap_or_default()).into_owned();
    let known = from.filter(|from| from.is_in(&first));
    let offset = known.map_or(0, LogPosition::offset).min(records.len());
    let rest = &records[offset..];
    let room = &rest[..rest.len().min(most_bytes)];
    let whole = room.iter().rposition(|&byte| byte == b'\n');
    let taken = whole.map_or(0, |last| last + 1);
    let next = LogPosition::new(&first, offset + taken);
    LogPart {
        records: room[..taken].to_vec(),
        next: (!records.is_empty()).then_some(next),
        is_gap: from.is_some() && known.is_none(),
    }
}

/// An instant such as `2026-11-22T09:42:26.123456789Z`, in nanoseconds since 1970.
fn instant_ns(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut parts = clock.split(':').map(str::parse::<i64>);
    let mut part = || parts.next()?.ok();
    let (hours, minutes, seconds) = (part()?, part()?, part()?);
    let mut numbers = date.split('-').map(str::parse::<i64>);
    let mut number = || numbers.next()?.ok();
    let (year, month, day) = (number()?, number()?, number()?);
    let days = days_since_1970(year, month, day);
    let nanos: String = fraction
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    let secs = days * 86_400 + hours * 3_600 + minutes * 60 + seconds;
    secs.checked_mul(1_000_000_000)?
        .checked_add(nanos.parse().ok()?)
}

/// Days from 1970-01-01 to a date (Hinnant's days-from-civil).
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let of_year = (153 * shifted_month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_to_the_nanosecond() {
        assert_eq!(instant_ns("1970-01-01T00:00:01Z"), Some(1_000_000_000));
        assert_eq!(
            instant_ns("2000-02-29T12:00:00.5Z"),
            Some(951_825_600_500_000_000)
        );
        assert_eq!(
            instant_ns("0001-01-01T00:00:00Z"),
            None,
            "a container that did not start"
        );
        assert_eq!(instant_ns("soon"), None);
    }

    #[test]
    fn logs_come_in_parts_that_go_on_where_the_last_one_ended() {
        let frame = |stream: u8, line: &str| {
            let length = u32::try_from(line.len())
                .expect("a short line")
                .to_be_bytes();
            [&[stream, 0, 0, 0], &length[..], line.as_bytes()].concat()
        };
        let frames = [
            frame(1, "2026-11-22T09:42:26.1Z one\n"),
            frame(2, "2026-11-22T09:42:27.2Z two\n"),
        ]
        .concat();
        let log = records(&frames);
        let text = "2026-11-22T09:42:26.1Z stdout F one\n2026-11-22T09:42:27.2Z stderr F two\n";
        assert_eq!(String::from_utf8_lossy(&log), text);
        let first = part(&log, None, 40);
        assert!(first.records.ends_with(b"one\n") && !first.is_gap);
        let second = part(&log, first.next.as_ref(), 4096);
        assert!(second.records.ends_with(b"two\n") && !second.is_gap);
        assert!(part(&log, second.next.as_ref(), 4096).records.is_empty());
        let other = part(
            b"2026-11-22T10:00:00Z stdout F later\n",
            second.next.as_ref(),
            4096,
        );
        assert!(other.is_gap && !other.records.is_empty());
    }
}
