//! Events of a run in the Trace Event Format, which `ui.perfetto.dev` opens.
//!
//! A node is a process, and pods that run beside each other on it lie on threads of their own, so
//! that slices of one thread never overlap:
//!
//! ```text
//! n-1   1  [ web-a ------------------- ]
//!       2  [ batch-1 -- ] [ batch-2 -- ]
//! ```
//!
//! Pods that wait are a counter; what happens to nodes, alerts, faults, roll-outs are instants.
//! Source: "Trace Event Format" of the Catapult project.

use std::io::{self, Write};

use serde_json::{Value, json};

use units::SortedMap;

use super::EventLine;

/// Kinds that are shown as instants, beside those of pods.
const INSTANTS: [&str; 10] = [
    "joined",
    "left",
    "up",
    "down",
    "silent",
    "machine-failed",
    "alert",
    "fault",
    "healed",
    "rollout",
];

/// A pod on a node.
struct Stay {
    process: usize,
    lane: usize,
    since_ns: i64,
    running_ns: Option<i64>,
}

/// Threads of a node: whether each has a pod now.
#[derive(Default)]
struct Lanes(Vec<bool>);

impl Lanes {
    fn take(&mut self) -> usize {
        let free = self.0.iter().position(|is_used| !is_used);
        let lane = free.unwrap_or(self.0.len());
        if free.is_none() {
            self.0.push(false);
        }
        self.0[lane] = true;
        lane
    }
}

/// Writer of one variant.
struct Writer<'a> {
    variant: &'a str,
    first_process: usize,
    nodes: SortedMap<&'a str, usize>,
    lanes: Vec<Lanes>,
    stays: SortedMap<&'a str, Stay>,
    waiting: SortedMap<&'a str, ()>,
    shown: usize,
}

/// Microseconds of a time; the format counts in these, with a fraction.
fn micros(nanos: i64) -> f64 {
    nanos as f64 / 1000.0
}

/// Writes the events of variants, which are sorted by variant and time; `ends` are the instants in
/// nanoseconds at which the runs of the variants ended.
///
/// # Errors
/// If the output can't be written.
pub fn write_trace(
    lines: &[EventLine],
    ends: &[(&str, i64)],
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut output = Output {
        out,
        is_first: true,
    };
    write!(output.out, "{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[")?;
    let mut first_process = 1;
    for (variant, end) in ends {
        let mut writer = Writer {
            variant,
            first_process,
            nodes: SortedMap::new(),
            lanes: Vec::new(),
            stays: SortedMap::new(),
            waiting: SortedMap::new(),
            shown: usize::MAX,
        };
        writer.name(&mut output, first_process, "cluster")?;
        let own = lines.iter().filter(|line| line.variant == *variant);
        let mut now = i64::MIN;
        for line in own {
            if line.time_ns > now && now > i64::MIN {
                writer.count(&mut output, now)?;
            }
            now = line.time_ns;
            writer.line(&mut output, line)?;
        }
        if now > i64::MIN {
            writer.count(&mut output, now)?;
        }
        let open: Vec<&str> = writer.stays.keys().copied().collect();
        for pod in open {
            writer.close(&mut output, pod, (*end).max(now), "still there")?;
        }
        first_process += writer.nodes.len() + 1;
    }
    writeln!(output.out, "\n]}}")
}

/// List of events, separated.
struct Output<'a> {
    out: &'a mut dyn Write,
    is_first: bool,
}

impl Output<'_> {
    fn event(&mut self, event: &Value) -> io::Result<()> {
        let comma = if self.is_first { "\n" } else { ",\n" };
        self.is_first = false;
        write!(self.out, "{comma}{event}")
    }
}

impl<'a> Writer<'a> {
    fn name(&self, out: &mut Output<'_>, process: usize, what: &str) -> io::Result<()> {
        let name = format!("{} · {what}", self.variant);
        out.event(&json!({
            "ph": "M", "name": "process_name", "pid": process, "args": {"name": name}
        }))?;
        out.event(&json!({
            "ph": "M", "name": "process_sort_index", "pid": process, "args": {"sort_index": process}
        }))
    }

    fn line(&mut self, out: &mut Output<'_>, line: &'a EventLine) -> io::Result<()> {
        let Some(pod) = line.object.strip_prefix("Pod/") else {
            return self.instant(out, line);
        };
        match line.kind.as_str() {
            "created" => {
                self.waiting.insert(pod, ());
            }
            "bound" => {
                self.waiting.remove(pod);
                self.close(out, pod, line.time_ns, "bound elsewhere")?;
                let node = line.what.strip_prefix("to ").unwrap_or(&line.what);
                let process = self.process(out, node)?;
                let lane = self.lanes[process].take();
                let stay = Stay {
                    process,
                    lane,
                    since_ns: line.time_ns,
                    running_ns: None,
                };
                self.stays.insert(pod, stay);
            }
            "running" => {
                if let Some(stay) = self.stays.get_mut(pod) {
                    stay.running_ns.get_or_insert(line.time_ns);
                }
            }
            "ended" => {
                self.waiting.remove(pod);
                self.close(out, pod, line.time_ns, &line.what)?;
            }
            "moved" => {
                self.close(out, pod, line.time_ns, "moved")?;
                self.waiting.insert(pod, ());
            }
            _ => {}
        }
        Ok(())
    }

    /// Number of a node among those of the variant, named when it is first met.
    fn process(&mut self, out: &mut Output<'_>, node: &'a str) -> io::Result<usize> {
        if let Some(known) = self.nodes.get(node) {
            return Ok(*known);
        }
        let number = self.nodes.len();
        self.nodes.insert(node, number);
        self.lanes.push(Lanes::default());
        self.name(out, self.first_process + 1 + number, node)?;
        Ok(number)
    }

    /// Writes what a pod had on its node, if it was on one: its stay, and within it its start.
    fn close(
        &mut self,
        out: &mut Output<'_>,
        pod: &'a str,
        end_ns: i64,
        end: &str,
    ) -> io::Result<()> {
        let Some(stay) = self.stays.remove(pod) else {
            return Ok(());
        };
        self.lanes[stay.process].0[stay.lane] = false;
        let (process, thread) = (self.first_process + 1 + stay.process, stay.lane + 1);
        let slice = |name: &str, until: i64| {
            json!({
                "ph": "X", "name": name, "pid": process, "tid": thread, "cat": "pod",
                "ts": micros(stay.since_ns), "dur": micros(until - stay.since_ns),
                "args": {"pod": pod, "end": end},
            })
        };
        out.event(&slice(pod, end_ns))?;
        match stay.running_ns {
            Some(running) if running > stay.since_ns => out.event(&slice("starting", running)),
            _ => Ok(()),
        }
    }

    fn instant(&self, out: &mut Output<'_>, line: &EventLine) -> io::Result<()> {
        if !INSTANTS.contains(&line.kind.as_str()) {
            return Ok(());
        }
        let name = format!("{} {}", line.kind, line.object);
        out.event(&json!({
            "ph": "i", "s": "p", "name": name, "pid": self.first_process, "tid": 1,
            "ts": micros(line.time_ns), "cat": line.kind, "args": {"what": line.what},
        }))
    }

    /// Writes how many pods wait, where that has changed.
    fn count(&mut self, out: &mut Output<'_>, at_ns: i64) -> io::Result<()> {
        let waiting = self.waiting.len();
        if waiting == self.shown {
            return Ok(());
        }
        self.shown = waiting;
        out.event(&json!({
            "ph": "C", "name": "waiting pods", "pid": self.first_process,
            "ts": micros(at_ns), "args": {"pods": waiting},
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(time_ns: i64, kind: &str, object: &str, what: &str) -> EventLine {
        EventLine {
            time_ns,
            variant: "v".to_owned(),
            kind: kind.to_owned(),
            object: object.to_owned(),
            what: what.to_owned(),
            ..EventLine::default()
        }
    }

    /// Two pods beside each other, one after them on the lane that became free, one that waits.
    #[test]
    fn slices_of_a_lane_do_not_overlap() {
        let lines = [
            line(0, "joined", "Node/n", ""),
            line(0, "created", "Pod/d/a", ""),
            line(0, "created", "Pod/d/b", ""),
            line(0, "bound", "Pod/d/a", "to n"),
            line(0, "bound", "Pod/d/b", "to n"),
            line(2000, "running", "Pod/d/a", ""),
            line(5000, "ended", "Pod/d/a", "Succeeded"),
            line(5000, "created", "Pod/d/c", ""),
            line(5000, "created", "Pod/d/w", ""),
            line(6000, "bound", "Pod/d/c", "to n"),
        ];
        let mut bytes = Vec::new();
        write_trace(&lines, &[("v", 9000)], &mut bytes).expect("memory");
        let read: Value = serde_json::from_slice(&bytes).expect("JSON");
        let events = read["traceEvents"].as_array().expect("a list");
        let slices: Vec<(&str, u64, f64, f64)> = events
            .iter()
            .filter(|event| event["ph"] == "X")
            .map(|event| {
                let number = |name: &str| event[name].as_f64().expect("a number");
                (
                    event["name"].as_str().expect("a name"),
                    event["tid"].as_u64().expect("a lane"),
                    number("ts"),
                    number("dur"),
                )
            })
            .collect();
        assert_eq!(
            slices,
            [
                ("d/a", 1, 0.0, 5.0),
                ("starting", 1, 0.0, 2.0),
                ("d/b", 2, 0.0, 9.0),
                ("d/c", 1, 6.0, 3.0),
            ]
        );
        let counts: Vec<u64> = events
            .iter()
            .filter(|event| event["ph"] == "C")
            .map(|event| event["args"]["pods"].as_u64().expect("a count"))
            .collect();
        assert_eq!(counts, [0, 2, 1]);
    }
}
