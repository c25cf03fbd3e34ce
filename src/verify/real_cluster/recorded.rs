//! Recordings: times of every kind of change over the repeats.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::Trouble;
use super::driver::{Driver, millis};
use super::pools::Pools;
use super::refusals::Refusals;
use super::rows::{Row, Rows};
use intake::Input;
use units::{SortedMap, SortedSet};

/// The most repeats of a recording.
const REPEATS: u32 = 99;

/// The finding about a folder without times to judge by.
const NOTHING_RECORDED: &str = "it has neither `timeline-1.jsonl` (or `.jsonl.gz`; further repeats \
     are 2, 3 …) nor `expected.json`: add one of them; a summary in words has no times of single changes";

/// The times of a kind of change over the repeats, in milliseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Spread {
    /// Number of occurrences in each repeat.
    pub counts: Vec<usize>,
    /// The k-th times, the earliest over the repeats.
    pub min: Vec<i64>,
    /// The k-th times, the latest over the repeats.
    pub max: Vec<i64>,
}

/// A recording.
#[derive(Clone, Debug, Default)]
pub(super) struct Recording {
    pub(super) rows: SortedMap<Row, Spread>,
    /// The milliseconds of its second at which the first repeat begins.
    fraction: i64,
    pub(super) refusals: Refusals,
    /// How long before its stop a node had renewed its lease last, in milliseconds, over the repeats.
    silences: Vec<i64>,
}

/// The phases of clocks that run free.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phases {
    /// The milliseconds of a second of the wall clock at which the recording begins: times of the API
    /// have whole seconds.
    pub(super) fraction: i64,
    /// When the nodes that are cut off first had renewed their leases last, in milliseconds.
    pub(super) renewal: Option<i64>,
}

/// A line of `expected.json`.
#[derive(Deserialize)]
struct Expected {
    what: String,
    change: String,
    n: Vec<usize>,
    min: Vec<f64>,
    max: Vec<f64>,
}

impl Recording {
    /// Reads the recording of a folder: its timelines, or else what was expected of them.
    pub(super) fn read(folder: &Path, pools: &Pools) -> Result<Self, Trouble> {
        let mut repeats = Vec::new();
        let mut refusals = Refusals::default();
        let (mut silences, mut fraction) = (Vec::new(), 0);
        for number in 1..=REPEATS {
            let plain = folder.join(format!("timeline-{number}.jsonl"));
            let packed = folder.join(format!("timeline-{number}.jsonl.gz"));
            let path = if plain.is_file() { plain } else { packed };
            if !path.is_file() {
                continue;
            }
            let input = Input::path(&path);
            let text = input.read_to_string().map_err(|error| error.to_string())?;
            let mut timeline = Timeline::new(pools);
            timeline
                .read(&text)
                .map_err(|why| format!("{}: {why}", path.display()))?;
            silences.extend(timeline.silences);
            if repeats.is_empty() {
                fraction = timeline.fraction;
            }
            refusals.join(timeline.refusals);
            repeats.push(timeline.rows);
        }
        if !repeats.is_empty() {
            return Ok(Self {
                rows: spreads(&repeats),
                refusals,
                fraction,
                silences,
            });
        }
        let expectation = folder.join("expected.json");
        if !expectation.is_file() {
            return Err(Trouble::Unsupported(NOTHING_RECORDED.to_owned()));
        }
        let input = Input::path(expectation);
        let text = input.read_to_string().map_err(|error| error.to_string())?;
        let lines: Vec<Expected> =
            serde_json::from_str(&text).map_err(|error| format!("expected.json: {error}"))?;
        for line in &lines {
            if let (Some(object), Some(&at)) = (line.what.strip_prefix("Event "), line.min.first())
            {
                refusals.note(millis(at), object, &line.change);
            }
        }
        Ok(Self {
            rows: expected(lines, pools),
            refusals,
            fraction,
            silences,
        })
    }

    /// The phases of the recording's clocks.
    pub(super) fn phases(&self, driver: &Driver) -> Phases {
        let stop = driver.outages().first().map(|own| own.from);
        let count = self.silences.len() as i64;
        let mean = self.silences.iter().sum::<i64>().checked_div(count);
        Phases {
            fraction: self.fraction,
            // Nodes were created, and renewed their leases first, three seconds before.
            renewal: stop.map(|stop| {
                let silence = mean.unwrap_or((stop + 3_000).rem_euclid(10_000));
                stop - silence
            }),
        }
    }
}

/// The spread of each kind of change over repeats.
fn spreads(repeats: &[Rows]) -> SortedMap<Row, Spread> {
    let rows: SortedSet<Row> = repeats
        .iter()
        .flat_map(|one| one.0.keys().cloned())
        .collect();
    let spread = |row: &Row| {
        let mut spread = Spread::default();
        for repeat in repeats {
            let times = repeat.0.get(row).map_or(&[][..], Vec::as_slice);
            spread.counts.push(times.len());
            for (place, &at) in times.iter().enumerate() {
                if place == spread.min.len() {
                    spread.min.push(at);
                    spread.max.push(at);
                }
                spread.min[place] = spread.min[place].min(at);
                spread.max[place] = spread.max[place].max(at);
            }
        }
        spread
    };
    rows.into_iter()
        .map(|row| {
            let own = spread(&row);
            (row, own)
        })
        .collect()
}

/// The spreads that `expected.json` states, those of equals together.
fn expected(lines: Vec<Expected>, pools: &Pools) -> SortedMap<Row, Spread> {
    let mut rows: SortedMap<Row, Spread> = SortedMap::new();
    for line in lines {
        let what = match line.what.split_once(' ') {
            Some(("Pod", name)) => pools.pod(name),
            Some(("Node", name)) => pools.node(name),
            _ => line.what.clone(),
        };
        let mut judged = Rows::default();
        judged.add(0, what, line.change);
        let Some((row, _)) = judged.0.pop_first() else {
            continue;
        };
        let spread = rows.entry(row).or_default();
        spread
            .counts
            .resize(spread.counts.len().max(line.n.len()), 0);
        for (own, more) in spread.counts.iter_mut().zip(&line.n) {
            *own += more;
        }
        spread.min.extend(line.min.into_iter().map(millis));
        spread.max.extend(line.max.into_iter().map(millis));
    }
    for spread in rows.values_mut() {
        spread.min.sort_unstable();
        spread.max.sort_unstable();
    }
    rows
}

/// A timeline while it is read.
struct Timeline<'a> {
    pools: &'a Pools,
    rows: Rows,
    /// What pods are judged as, by name.
    labels: SortedMap<String, String>,
    pods: SortedMap<String, PodSeen>,
    /// Conditions that objects have had.
    conditions: SortedSet<(String, String)>,
    fraction: i64,
    silences: Vec<i64>,
    refusals: Refusals,
}

/// A pod as a timeline has shown it.
#[derive(Clone, Copy, Debug, Default)]
struct PodSeen {
    is_ready: bool,
    is_told: bool,
}

impl<'a> Timeline<'a> {
    fn new(pools: &'a Pools) -> Self {
        Self {
            pools,
            rows: Rows::default(),
            labels: SortedMap::new(),
            pods: SortedMap::new(),
            conditions: SortedSet::new(),
            fraction: 0,
            silences: Vec::new(),
            refusals: Refusals::default(),
        }
    }

    fn read(&mut self, text: &str) -> Result<(), String> {
        let mut lines = Vec::new();
        for (number, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.is_empty())
        {
            let line: Value = serde_json::from_str(line)
                .map_err(|error| format!("line {}: {error}", number + 1))?;
            lines.push(line);
        }
        // The scheduler's log may name a pod before the watch shows it.
        for line in lines
            .iter()
            .filter(|line| line["kind"] == "Pod" && line["change"] == "created")
        {
            let name = text_of(&line["name"]);
            let label = self.label(name, line["owner"].as_str());
            self.labels.insert(name.to_owned(), label);
        }
        for line in &lines {
            self.line(line);
        }
        self.rows.sort();
        Ok(())
    }

    /// What a pod is judged as: its owner's pods together, those of a stateful set by their names.
    fn label(&self, name: &str, owner: Option<&str>) -> String {
        match owner {
            None => self.pools.pod(name),
            Some(owner) if owner.starts_with("StatefulSet/") => format!("Pod {name}"),
            Some(_) => {
                let stem = name
                    .rsplit_once("-p")
                    .filter(|(_, number)| number.parse::<u32>().is_ok());
                format!("Pod {}", stem.map_or(name, |(stem, _)| stem))
            }
        }
    }

    fn line(&mut self, line: &Value) {
        let at = line["t_ms"].as_i64().unwrap_or_default();
        let kind = text_of(&line["kind"]);
        let name = text_of(&line["name"]);
        match kind {
            "Driver" => {
                if line["op"] == "node-stop" {
                    self.silences
                        .extend(line["last_heartbeat_ms_before"].as_i64());
                }
            }
            "SchedulerLog" => {
                if line["msg"] == "Attempting to schedule pod"
                    && let Some(label) = self.labels.get(name)
                {
                    self.rows.add(at, label.clone(), "attempt");
                }
            }
            "Pod" => self.pod(at, name, line),
            "Node" => {
                let what = self.pools.node(name);
                self.object(at, &what, line);
                if let Some(ready) = line["ready"].as_str() {
                    self.rows.add(at, what.clone(), format!("ready={ready}"));
                }
                if let Some(taints) = line["taints"].as_array() {
                    let taints: Vec<&str> = taints.iter().filter_map(Value::as_str).collect();
                    self.rows.add(at, what, taints_change(&taints));
                }
            }
            "Header" => {
                let zero = text_of(&line["t0_utc"]).trim_end_matches('Z');
                let fraction = zero.rsplit_once('.').and_then(|(_, own)| own.parse().ok());
                self.fraction = fraction.unwrap_or(0);
            }
            "Event" => {
                let (object, reason) = (text_of(&line["object"]), text_of(&line["reason"]));
                self.refusals.note(at, object, reason);
            }
            _ => self.object(at, &format!("{kind} {name}"), line),
        }
    }

    /// What objects of every kind show.
    fn object(&mut self, at: i64, what: &str, line: &Value) {
        match text_of(&line["change"]) {
            "created" => {
                self.rows.add(at, what.to_owned(), "created");
                if what.starts_with("ReplicaSet ") {
                    self.rows.add(at, what.to_owned(), "scaled");
                }
            }
            "deleted" => self.rows.add(at, what.to_owned(), "deleted"),
            _ if line["deleting"] == true => self.rows.add(at, what.to_owned(), "terminating"),
            _ if line.get("spec.replicas").is_some() && what.starts_with("ReplicaSet ") => {
                self.rows.add(at, what.to_owned(), "scaled");
            }
            _ => {}
        }
        if let Some(active) = line["active"]
            .as_array()
            .filter(|_| what.starts_with("CronJob "))
        {
            let active: Vec<&str> = active.iter().filter_map(Value::as_str).collect();
            self.rows
                .add(at, what.to_owned(), format!("active={}", active.join(",")));
        }
        for (kind, value) in line["conditions"].as_object().into_iter().flatten() {
            let change = format!("condition {kind}={}", text_of(value));
            if self.conditions.insert((what.to_owned(), change.clone())) {
                self.rows.add(at, what.to_owned(), change);
            }
        }
    }

    fn pod(&mut self, at: i64, name: &str, line: &Value) {
        let Some(label) = self.labels.get(name).cloned() else {
            return;
        };
        let mut add = |change: &str| self.rows.add(at, label.clone(), change);
        match text_of(&line["change"]) {
            "created" => {
                self.pods.insert(name.to_owned(), PodSeen::default());
                add("created");
            }
            "deleted" => return add("gone"),
            _ => {}
        }
        let seen = self.pods.entry(name.to_owned()).or_default();
        if line.get("node").is_some() && line["change"] != "created" {
            add("bound");
        }
        if text_of(&line["scheduled"]).starts_with("False") {
            add("unschedulable");
        }
        if line["deleting"] == true && !std::mem::replace(&mut seen.is_told, true) {
            add("terminating");
        }
        match text_of(&line["phase"]) {
            "Running" => add("running"),
            "Succeeded" | "Failed" if seen.is_told => add("ended"),
            "Succeeded" => add("succeeded"),
            "Failed" => add("failed"),
            _ => {}
        }
        let ready = text_of(&line["ready"]);
        if ready == "True" {
            seen.is_ready = true;
            add("ready");
        } else if ready.starts_with("False")
            && std::mem::take(&mut seen.is_ready)
            && line.get("phase").is_none()
        {
            add("unready");
        }
    }
}

/// The change of a node's taints to these.
pub(super) fn taints_change(taints: &[&str]) -> String {
    let mut taints = taints.to_vec();
    taints.sort_unstable();
    if taints.is_empty() {
        "taints=none".to_owned()
    } else {
        format!("taints={}", taints.join(","))
    }
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
