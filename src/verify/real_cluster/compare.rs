//! Holds a run against a recording.
//!
//! A time agrees if it is within half a second of what the repeats show. A run is earlier than a
//! recording by what the programs themselves need, which adds up in chains: 0.2 s more are granted for
//! each wave of changes of a kind since something was done last, and 0.05 s for each change of its wave
//! before it, as requests go one after the other. Counts have to be those of some
//! repeat; how often a replica set is scaled on the way is chance, and so is how often the scheduler
//! tries where the repeats differ.
//!
//! Node monitors run free: when a silent node is noticed depends on their phase. A run has to notice it
//! between 50 s and 55 s after the last renewal of its lease, and what follows is compared after both
//! are brought together.

use super::driver::Driver;
use super::recorded::{Recording, Spread};
use super::rows::Row;
use super::watch::Seen;

/// Milliseconds by which a time may be off the spread of the repeats.
const TOLERANCE: i64 = 500;

/// Milliseconds by which a run may be earlier for each link of a chain.
const LINK: i64 = 200;

/// Milliseconds by which a run may be earlier for each change of a wave before it, up to so many.
const FOLLOWER: i64 = 50;
const FOLLOWERS: i64 = 10;

/// Changes of a kind further apart than this are of different waves, in milliseconds.
const WAVE: i64 = 500;

/// Between two passes of the node monitor, in milliseconds.
const PASS: i64 = 5_000;

/// The least silence after which a node is unknown, in milliseconds.
const GRACE: i64 = 50_000;

/// How many disagreements of a case are told.
const TOLD: usize = 4;

/// Result of a case.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Kinds of change that were compared.
    pub rows: usize,
    /// Times that were compared.
    pub times: usize,
    /// The largest distance of a time from the spread of the repeats, in milliseconds, negative if it
    /// is early, and which.
    pub deviation: Option<Deviation>,
    /// Disagreements, in words.
    pub disagreements: Vec<String>,
}

/// The distance of a time from the spread of the repeats.
#[derive(Clone, Debug)]
pub struct Deviation {
    /// Milliseconds, negative if the run is earlier.
    pub millis: i64,
    /// The kind of change, and which of its times.
    pub place: String,
}

impl Verdict {
    /// The verdict on a case of a name, with its first disagreements.
    pub(super) fn outcome(&self, name: &str) -> Result<(), String> {
        if self.disagreements.is_empty() {
            return Ok(());
        }
        let mut words = self.disagreements[..self.disagreements.len().min(TOLD)].join("; ");
        if self.disagreements.len() > TOLD {
            words = format!("{words}; and {} more", self.disagreements.len() - TOLD);
        }
        let largest = (self.deviation.as_ref()).map_or_else(String::new, |own| {
            format!(
                " (largest deviation {} s, {})",
                seconds(own.millis),
                own.place
            )
        });
        Err(format!("{name}{largest}: {words}"))
    }

    fn off(&mut self, millis: i64, place: &str) {
        let known = self.deviation.as_ref().map_or(0, |own| own.millis.abs());
        if millis.abs() > known {
            let place = place.to_owned();
            self.deviation = Some(Deviation { millis, place });
        }
    }
}

/// Compares a run with a recording.
pub(super) fn compare(recording: &Recording, seen: &Seen, driver: &Driver) -> Verdict {
    let mut verdict = Verdict::default();
    let clock = Clock::new(recording, seen, driver, &mut verdict);
    for (row, spread) in &recording.rows {
        let own = seen.rows.0.get(row).map_or(&[][..], Vec::as_slice);
        if is_ended_anyway(recording, row) {
            continue;
        }
        verdict.rows += 1;
        if let Some(free) = recording.refusals.free_from(row, &clock.steps) {
            compare_before(free, row, spread, own, &clock, &mut verdict);
            continue;
        }
        compare_row(row, spread, own, &clock, &mut verdict);
    }
    for (row, own) in &seen.rows.0 {
        let free = recording.refusals.free_from(row, &clock.steps);
        if !recording.rows.contains_key(row)
            && !is_free(row)
            && free.is_none_or(|free| own.iter().any(|&at| at < free))
        {
            let words = format!(
                "{} {}: {} times ({}), recorded never",
                row.what,
                row.change,
                own.len(),
                listed(own)
            );
            verdict.disagreements.push(words);
        }
    }
    verdict
}

/// Whether a change says only that pods ended, which other rows show.
fn is_ended_anyway(recording: &Recording, row: &Row) -> bool {
    let other = |change: &str| Row {
        what: row.what.clone(),
        change: change.to_owned(),
    };
    row.change == "unready"
        && ["succeeded", "failed"]
            .into_iter()
            .any(|change| recording.rows.contains_key(&other(change)))
}

/// Whether it is chance how often a change happens.
fn is_free(row: &Row) -> bool {
    row.change == "scaled"
}

/// Compares what happens before a time from which the times of the kind are chance.
fn compare_before(
    free: i64,
    row: &Row,
    spread: &Spread,
    own: &[i64],
    clock: &Clock,
    verdict: &mut Verdict,
) {
    let known = spread.max.iter().take_while(|&&at| at < free).count();
    let early = Spread {
        counts: spread.counts.iter().map(|&own| own.min(known)).collect(),
        min: spread.min[..known].to_vec(),
        max: spread.max[..known].to_vec(),
    };
    // A time may lie on either side of the step by as much as times may be off.
    let near = own.iter().take_while(|&&at| at < free + TOLERANCE).count();
    let own = &own[..near.min(known.max(own.iter().take_while(|&&at| at < free).count()))];
    compare_row(row, &early, own, clock, verdict);
}

fn compare_row(row: &Row, spread: &Spread, own: &[i64], clock: &Clock, verdict: &mut Verdict) {
    let least = spread.counts.iter().copied().min().unwrap_or(0);
    let most = spread.counts.iter().copied().max().unwrap_or(0);
    let is_chance =
        is_free(row) || (least != most && matches!(row.change.as_str(), "attempt" | "unready"));
    if !is_chance && (own.len() < least || own.len() > most) {
        let counts: Vec<String> = spread.counts.iter().map(usize::to_string).collect();
        verdict.disagreements.push(format!(
            "{} {}: {} times ({}), recorded {} times ({})",
            row.what,
            row.change,
            own.len(),
            listed(own),
            counts.join("/"),
            listed(&spread.min)
        ));
        return;
    }
    let places: Vec<usize> = if is_chance && least != own.len() {
        (least.min(1) > 0 && !own.is_empty())
            .then_some(0)
            .into_iter()
            .collect()
    } else {
        (0..least.min(own.len())).collect()
    };
    let (mut waves, mut followers) = (0, 0);
    for &place in &places {
        let (min, max) = (spread.min[place], spread.max[place]);
        if place > 0 {
            let before = spread.min[place - 1];
            if clock.steps.iter().any(|&step| step > before && step <= min) {
                (waves, followers) = (0, 0);
            } else if min - before > WAVE {
                (waves, followers) = (waves + 1, 0);
            } else {
                followers = (followers + 1).min(FOLLOWERS);
            }
        }
        let window = clock.window(row, min, max);
        let at = own[place];
        let off = (at - window.max).max(0) + (at - window.min).min(0);
        verdict.times += 1;
        let name = format!("{} {}, time {}", row.what, row.change, place + 1);
        verdict.off(off, &name);
        if off > TOLERANCE || off < -(TOLERANCE + LINK * waves + FOLLOWER * followers) {
            verdict.disagreements.push(format!(
                "{name} of {}: {} s, recorded {} s to {} s",
                spread.min.len(),
                seconds(at),
                seconds(window.min),
                seconds(window.max)
            ));
        }
    }
}

/// What brings the times of a run and of a recording together.
struct Clock {
    /// When something was done.
    steps: Vec<i64>,
    /// What follows the notice of a silent node.
    notice: Option<Notice>,
    /// When nodes were back.
    returns: Vec<i64>,
}

/// The notice of silent nodes in a recording and in a run.
struct Notice {
    recorded: Window,
    seen: i64,
    /// When somebody did something again.
    until: i64,
}

/// The times between which something was recorded.
#[derive(Clone, Copy)]
struct Window {
    min: i64,
    max: i64,
}

impl Clock {
    fn new(recording: &Recording, seen: &Seen, driver: &Driver, verdict: &mut Verdict) -> Self {
        let steps = driver.times();
        let is_unknown = |row: &Row| row.change.starts_with("ready=Unknown");
        let recorded = recording.rows.iter().find(|(row, _)| is_unknown(row));
        let noticed = seen.rows.0.iter().find(|(row, _)| is_unknown(row));
        let mut notice = None;
        if let (Some((_, spread)), Some((row, own))) = (recorded, noticed)
            && let (Some(&min), Some(&max), Some(&at)) =
                (spread.min.first(), spread.max.first(), own.first())
        {
            let until = steps.iter().copied().find(|&step| step > max);
            notice = Some(Notice {
                recorded: Window { min, max },
                seen: at,
                until: until.unwrap_or(i64::MAX),
            });
            if let Some(&since) = seen.silent_since.first() {
                let silence = at - since;
                if !(GRACE..=GRACE + PASS).contains(&silence) {
                    verdict.disagreements.push(format!(
                        "{} {}: noticed after {} s of silence, expected 50 s to 55 s",
                        row.what,
                        row.change,
                        seconds(silence)
                    ));
                }
            }
        }
        let returns = driver
            .outages()
            .iter()
            .filter_map(|own| own.until)
            .collect();
        Self {
            steps,
            notice,
            returns,
        }
    }

    /// The times between which a run may show what was recorded between two.
    fn window(&self, row: &Row, min: i64, max: i64) -> Window {
        let mut window = Window { min, max };
        if let Some(notice) = &self.notice
            && min >= notice.recorded.min - TOLERANCE
            && max < notice.until
        {
            // Early and late repeats stay as far from the notice as they were.
            let early = min - notice.recorded.min;
            let late = max - notice.recorded.max;
            window = Window {
                min: notice.seen + early.min(late),
                max: notice.seen + early.max(late),
            };
        }
        // Taints of nodes that are back go with the next pass of a monitor.
        let back = self
            .returns
            .iter()
            .copied()
            .filter(|&back| back <= min)
            .max();
        if let Some(back) = back
            && row.change == "taints=none"
        {
            window = Window {
                min: back,
                max: back + PASS,
            };
        }
        window
    }
}

fn listed(times: &[i64]) -> String {
    let mut words: Vec<String> = times.iter().take(6).map(|&at| seconds(at)).collect();
    if times.len() > 6 {
        words.push("…".to_owned());
    }
    words.join(", ")
}

fn seconds(millis: i64) -> String {
    format!("{:.1}", millis as f64 / 1e3)
}
