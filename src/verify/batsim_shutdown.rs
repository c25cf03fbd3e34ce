//! Recorded schedules of Batsim's policies that switch hosts off and on (spec: published-results.md
//! section 3): their options, and the order of simultaneous ends.
//!
//! The policies are in `sched_input.json` beside a schedule, the times that switches took in the
//! platform file. Batsim tells its scheduler of one event at a time where several happen at one
//! instant: the first, and then all the others together. Which end came first was not recorded, so
//! others are tried where a run departs from the record, the latest ends first.

use std::path::Path;

use intake::Input;
use policy::backfill::shutdown::ShutdownOptions;
use serde_json::Value;
use units::{Duration, Instant};

use super::job_runs::{JobMachine, RigidJob, Started, run_jobs};

/// A job's recorded start and its hosts, ascending.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Instant of the start.
    pub start: Instant,
    /// Numbers of the hosts.
    pub hosts: Vec<u32>,
}

/// Ends that differ by less are simultaneous: a unit of the last digit of the files, twice.
const PRECISION: Duration = Duration::from_nanos(2_000);
/// Lead of the first of simultaneous ends.
const LEAD: Duration = Duration::from_nanos(1);
/// The most runs that the search takes.
const MOST_RUNS: usize = 300;

/// The options of the policy beside a schedule.
///
/// # Errors
/// In words with the file and the field, if a file can't be read or lacks a field.
pub fn options(schedule: &Path) -> Result<ShutdownOptions, String> {
    let path = schedule.with_file_name("sched_input.json");
    let name = path.display();
    let text = Input::path(&path).read_to_string();
    let text = text.map_err(|error| error.to_string())?;
    let written: Value = serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
    let number = |field: &str| {
        let number = written.get(field).and_then(Value::as_f64);
        let number = number.filter(|number| (0.0..=1e19).contains(number));
        number.ok_or_else(|| format!("{name}: `{field}`: expected a number from 0 to 1e19"))
    };
    let time = |field: &str| number(field).map(duration);
    let ensured = number("ensured_sleep_time_upper_bound")?;
    if ensured > 0.0 {
        return Err(format!(
            "{name}: `ensured_sleep_time_upper_bound`: a least time asleep is not modelled; expected 0"
        ));
    }
    let defaults = ShutdownOptions::default();
    let planned = time("time_switch_on")?;
    let (switch_on, switch_off) = match switches(schedule)? {
        Some(times) => times,
        None => (planned, time("time_switch_off")?),
    };
    let given = |field: &str| written.get(field).is_some();
    let (factor, increment) = match written["inertial_alteration"].as_str() {
        Some(text) => alteration(text).ok_or_else(|| {
            format!(
                "{name}: `inertial_alteration`: `{text}`: expected a change such as `x2` or `p1`"
            )
        })?,
        None => (defaults.factor, defaults.increment),
    };
    Ok(ShutdownOptions {
        switch_on,
        switch_off,
        planned_switch_on: Some(planned),
        // Batsched's own default; the options do not state it.
        manager_delay: defaults.manager_delay,
        period: time("monitoring_period")?,
        idle_time: time("idle_time_to_sedate")?,
        is_prompt: written["sedate_idle_on_classical_events"] == true,
        kept_awake: if given("fraction_of_machines_to_let_awake") {
            number("fraction_of_machines_to_let_awake")?.min(1.0)
        } else {
            defaults.kept_awake
        },
        factor,
        increment,
        horizon: if given("upper_llh_threshold") {
            time("upper_llh_threshold")?
        } else {
            defaults.horizon
        },
    })
}

/// Seconds as a duration, to the microsecond; what is longer than a run never passes.
fn duration(seconds: f64) -> Duration {
    if seconds >= 1e9 {
        return Duration::MAX;
    }
    Duration::from_nanos((seconds * 1e6).round() as i64 * 1_000)
}

/// The factor and the increment of a change of the number of hosts that are switched.
fn alteration(text: &str) -> Option<(f64, u32)> {
    let (kind, rest) = text.trim().split_at_checked(1)?;
    let change: f64 = rest.trim().parse().ok()?;
    match kind {
        _ if !(0.0..=1e9).contains(&change) => None,
        "x" => Some((change, 0)),
        // The sum is cut to an integer, and so may be the increment.
        "p" => Some((1.0, change as u32)),
        _ => None,
    }
}

/// Times that the first host of the platform takes to switch on and off, if there is a platform file:
/// one operation at the speed of a power state is one switch.
fn switches(schedule: &Path) -> Result<Option<(Duration, Duration)>, String> {
    let folder = schedule.parent().and_then(Path::parent);
    let names = ["platform.xml.gz", "platform.xml"];
    let mut paths = names.iter().filter_map(|name| Some(folder?.join(name)));
    let Some(path) = paths.find(|path| path.is_file()) else {
        return Ok(None);
    };
    let text = Input::path(&path).read_to_string();
    let text = text.map_err(|error| error.to_string())?;
    let wrong = |what: &str| format!("{}: {what}", path.display());
    let Some((before, after)) = text.split_once("id=\"sleep_pstates\" value=\"") else {
        return Ok(None);
    };
    let states: Vec<usize> = quoted(after)
        .split(':')
        .map_while(|state| state.parse().ok())
        .collect();
    let &[_, off, on] = states.as_slice() else {
        return Err(wrong(
            "`sleep_pstates`: expected three power states, such as `13:14:15`",
        ));
    };
    let speeds = before
        .rsplit_once("speed=\"")
        .map_or("", |(_, speeds)| quoted(speeds));
    let speeds: Vec<&str> = speeds.split(',').map(str::trim).collect();
    let takes = |state: usize| {
        let speed = speeds.get(state).and_then(|speed| speed.strip_suffix('f'));
        let speed: Option<f64> = speed.and_then(|speed| speed.parse().ok());
        let speed = speed.filter(|speed| *speed > 0.0);
        speed.map(|speed| duration(1.0 / speed)).ok_or_else(|| {
            wrong(&format!(
                "`speed`: expected a speed of power state {state}, such as `0.164f`"
            ))
        })
    };
    Ok(Some((takes(on)?, takes(off)?)))
}

fn quoted(text: &str) -> &str {
    text.split('"').next().unwrap_or_default()
}

/// Simultaneous ends: the jobs, and which of them ends first.
struct Tie {
    at: Instant,
    jobs: Vec<usize>,
    first: usize,
}

impl Tie {
    /// Whether the first of the ends, which has a lead, is at an instant or before.
    fn is_by(&self, at: Instant) -> bool {
        self.at <= at.saturating_add(PRECISION)
    }
}

fn ties(jobs: &[RigidJob], recorded: &[Recorded]) -> Vec<Tie> {
    let end = |job: usize| recorded[job].start.saturating_add(jobs[job].run);
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    order.sort_by_key(|&job| (end(job), job));
    let mut ties: Vec<Tie> = Vec::new();
    for job in order {
        match ties.last_mut() {
            Some(tie) if end(job).since(tie.at) < PRECISION => tie.jobs.push(job),
            _ => ties.push(Tie {
                at: end(job),
                jobs: vec![job],
                first: 0,
            }),
        }
    }
    ties.retain(|tie| tie.jobs.len() > 1);
    ties
}

/// Runs jobs under a policy, simultaneous ends in the order that gives the recorded schedule, if there
/// is one; otherwise in an order that agrees with it for long.
///
/// # Errors
/// As those of [`run_jobs`].
pub fn run(
    jobs: &[RigidJob],
    recorded: &[Recorded],
    machine: &JobMachine,
) -> Result<Vec<Started>, String> {
    let mut search = Search {
        runs: jobs.to_vec(),
        recorded,
        machine,
        left: MOST_RUNS,
    };
    let mut ties = ties(jobs, recorded);
    let mut best = search.run(&ties)?;
    while best.apart < Instant::MAX {
        let Some(better) = search.improve(&mut ties, best.apart)? else {
            break;
        };
        best = better;
    }
    Ok(best.started)
}

/// A run with the instant from which on it differs from the record.
struct Attempt {
    apart: Instant,
    started: Vec<Started>,
}

struct Search<'a> {
    /// The jobs, whose run times put simultaneous ends in order.
    runs: Vec<RigidJob>,
    recorded: &'a [Recorded],
    machine: &'a JobMachine,
    /// Number of runs that may still be made.
    left: usize,
}

impl Search<'_> {
    /// Lets another job of one tie end first, the latest tie before the difference that helps; `None` if
    /// none does.
    fn improve(&mut self, ties: &mut [Tie], apart: Instant) -> Result<Option<Attempt>, String> {
        let earlier = ties.iter().take_while(|tie| tie.is_by(apart)).count();
        for index in (0..earlier).rev() {
            let before = ties[index].first;
            for first in (0..ties[index].jobs.len()).filter(|&first| first != before) {
                if self.left == 0 {
                    return Ok(None);
                }
                ties[index].first = first;
                let attempt = self.run(ties)?;
                if attempt.apart > apart {
                    return Ok(Some(attempt));
                }
            }
            ties[index].first = before;
        }
        Ok(None)
    }

    /// One run with the ties as they are. A job that starts at another time than before has its run
    /// time mended, so that its end stays in its tie.
    fn run(&mut self, ties: &[Tie]) -> Result<Attempt, String> {
        loop {
            let started = run_jobs(&self.runs, self.machine)?;
            self.left = self.left.saturating_sub(1);
            let apart = first_difference(&started, self.recorded);
            if self.left == 0 || !mend(&mut self.runs, ties, &started, apart) {
                return Ok(Attempt { apart, started });
            }
        }
    }
}

/// The instant of the first start, recorded or not, that differs; the end of time if none does.
fn first_difference(started: &[Started], recorded: &[Recorded]) -> Instant {
    let apart = started.iter().filter_map(|start| {
        let known = &recorded[start.position];
        (!agrees(start, known)).then(|| start.at.min(known.start))
    });
    apart.min().unwrap_or(Instant::MAX)
}

/// Whether a start is the recorded one, on the recorded hosts.
pub fn agrees(start: &Started, recorded: &Recorded) -> bool {
    let apart = start.at.since(recorded.start).as_nanos().abs();
    apart <= PRECISION.as_nanos() && hosts(start) == recorded.hosts
}

/// Hosts of a start, sorted.
pub fn hosts(start: &Started) -> Vec<u32> {
    let mut hosts: Vec<u32> = start.nodes.iter().map(|node| node.0).collect();
    hosts.sort_unstable();
    hosts
}

/// Lets the jobs of ties up to an instant end as they are to: the first a moment before the others.
/// Returns whether any run time changed.
fn mend(runs: &mut [RigidJob], ties: &[Tie], started: &[Started], before: Instant) -> bool {
    let mut starts = vec![None; runs.len()];
    for start in started {
        starts[start.position] = Some(start.at);
    }
    let mut is_changed = false;
    for tie in ties.iter().filter(|tie| tie.is_by(before)) {
        for (index, &job) in tie.jobs.iter().enumerate() {
            let lead = if index == tie.first {
                LEAD
            } else {
                Duration::ZERO
            };
            let Some(start) = starts[job] else { continue };
            let run = tie.at.since(start).as_nanos() - lead.as_nanos();
            let run = Duration::from_nanos(run.max(0));
            is_changed |= std::mem::replace(&mut runs[job].run, run) != run;
        }
    }
    is_changed
}
