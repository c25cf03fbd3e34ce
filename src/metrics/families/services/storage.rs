//! Storage: backups of volumes, what a loss takes with it, and how long it takes to come back (spec:
//! orchestrators-a.md section 9.6).

use model::{Event, VolumeNews, VolumeStep};

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, ShortList, Title};
use crate::statistics::distribution::{Distribution, MAX, MEAN, P50, P90, P99};
use crate::values::{Direction, Reading, Statistic, Values};

const BACKUPS: Statistic = Statistic::amount("backups", "backups", Direction::None);
const SKIPPED: Statistic = Statistic::amount("skipped", "backups", Direction::Lower);
const BROKEN: Statistic = Statistic::amount("broken", "backups", Direction::Lower);
const RESTORES_BROKEN: Statistic = Statistic::occurrences("restores_broken", Direction::Lower);
const STORED: Statistic = Statistic::amount("stored", "bytes", Direction::Lower);
const MOVED: Statistic = Statistic::amount("moved", "bytes", Direction::Lower);
const SNAPSHOTS: Statistic = Statistic::amount("snapshots", "snapshots", Direction::None);
const SNAPSHOTS_STORED: Statistic =
    Statistic::amount("snapshots_stored", "bytes", Direction::Lower);
const LOSSES: Statistic = Statistic::amount("losses", "losses", Direction::Lower);
const LOST_FOR_GOOD: Statistic = Statistic::amount("lost_for_good", "volumes", Direction::Lower);
const UNRESTORED: Statistic = Statistic::amount("unrestored", "volumes", Direction::Lower);

/// The part of the family about the span of writes that a loss takes.
const DATA_LOSS: &str = "data_loss";

/// The part of the family about the time from a failure to a restored volume.
const RESTORE_TIME: &str = "restore_time";

/// The part of the family about the time for which volumes were out of reach and came back as they were.
const OUT_OF_REACH: &str = "out_of_reach";

/// `storage.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "storage",
    title: Title::new("storage"),
    group: Group::Service.at(55),
    short_lists: &[ShortList::Headline.at(46, &["data_loss.max", "restore_time.max"])],
    series: &[],
    summary: "Backups of volumes, the data that losses took, and the time to a restore.",
    statistics: &[
        BACKUPS,
        SKIPPED,
        BROKEN,
        STORED,
        MOVED,
        SNAPSHOTS,
        SNAPSHOTS_STORED,
        LOSSES,
        LOST_FOR_GOOD,
        UNRESTORED,
        RESTORES_BROKEN,
        MEAN.of(DATA_LOSS),
        P50.of(DATA_LOSS),
        P90.of(DATA_LOSS),
        P99.of(DATA_LOSS),
        MAX.of(DATA_LOSS),
        MEAN.of(RESTORE_TIME),
        P50.of(RESTORE_TIME),
        P90.of(RESTORE_TIME),
        P99.of(RESTORE_TIME),
        MAX.of(RESTORE_TIME),
        MEAN.of(OUT_OF_REACH),
        P50.of(OUT_OF_REACH),
        P90.of(OUT_OF_REACH),
        P99.of(OUT_OF_REACH),
        MAX.of(OUT_OF_REACH),
    ],
    formula: "data_loss: from the start of the last complete backup, or the snapshot that was put back, \
              to the failure, and 0 where a replica took over; \
              restore_time: from the failure to the restored volume; stored: bytes of all backups that \
              are kept at the end; snapshots_stored: bytes that changed since the snapshots that are \
              kept at the end; moved: bytes that backups and restores copied; lost_for_good: \
              losses of which no copy was left",
    denominators: "losses; restores; spans out of reach that ended",
    census: "what happened to the volumes of `storage` in W",
    censoring: "a volume that was not restored by the end is counted in `unrestored`",
    source: "orchestrators-a.md 9.6, measures",
    construct: |_| Box::new(Storage::default()),
};

#[derive(Clone, Debug)]
struct Storage {
    backups: u64,
    skipped: u64,
    broken: u64,
    restores_broken: u64,
    losses: u64,
    for_good: u64,
    /// Volumes that are lost and not restored yet.
    waiting: units::SortedSet<model::Text>,
    moved: i64,
    /// Stored bytes of each volume by the order of their first backup.
    stored: units::SortedMap<model::Text, i64>,
    snapshots: u64,
    /// Bytes of the snapshots of each volume.
    snapshots_stored: units::SortedMap<model::Text, i64>,
    data: Distribution,
    restores: Distribution,
    away: Distribution,
    has_any: bool,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            backups: 0,
            skipped: 0,
            broken: 0,
            restores_broken: 0,
            losses: 0,
            for_good: 0,
            waiting: units::SortedSet::new(),
            moved: 0,
            stored: units::SortedMap::new(),
            snapshots: 0,
            snapshots_stored: units::SortedMap::new(),
            data: Distribution::of("loss"),
            restores: Distribution::of("loss"),
            away: Distribution::of("loss"),
            has_any: false,
        }
    }
}

impl Storage {
    /// Notes what the copies of a volume hold from now on.
    fn hold(&mut self, news: &VolumeNews) {
        self.has_any = true;
        match news.step {
            VolumeStep::BackedUp { stored, .. } => {
                self.stored.insert(news.name.clone(), stored);
            }
            VolumeStep::Snapshotted { stored } => {
                self.snapshots_stored.insert(news.name.clone(), stored);
            }
            VolumeStep::CopiesDropped { backups, snapshots } => {
                self.stored.insert(news.name.clone(), backups);
                self.snapshots_stored.insert(news.name.clone(), snapshots);
            }
            _ => {}
        }
    }

    fn count(&mut self, news: &VolumeNews) {
        match &news.step {
            VolumeStep::BackedUp { bytes, .. } => {
                self.backups += 1;
                self.moved = self.moved.saturating_add(*bytes);
            }
            VolumeStep::Snapshotted { .. } => self.snapshots += 1,
            VolumeStep::BackupSkipped => self.skipped += 1,
            VolumeStep::BackupBroken => self.broken += 1,
            VolumeStep::Reachable { after } => self.away.add(*after),
            VolumeStep::Lost {
                data,
                is_restorable,
                ..
            } => {
                self.losses += 1;
                self.for_good += u64::from(!is_restorable);
                self.waiting.insert(news.name.clone());
                self.data.add(*data);
            }
            VolumeStep::Restored { bytes, after } => {
                self.waiting.remove(&news.name);
                self.moved = self.moved.saturating_add(*bytes);
                self.restores.add(*after);
            }
            VolumeStep::RestoreBroken => self.restores_broken += 1,
            VolumeStep::DiskFailed(_)
            | VolumeStep::Corrupted { .. }
            | VolumeStep::CopiesDropped { .. }
            | VolumeStep::SnapshotSkipped
            | VolumeStep::Unreachable => {}
        }
    }
}

impl Collector for Storage {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Volumes]
    }

    fn event(&mut self, change: &Change<'_>) {
        let Event::Volume(news) = change.event else {
            return;
        };
        self.hold(news);
        if change.in_window() {
            self.count(news);
        }
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        if !self.has_any {
            values.put_undefined("no volume is kept");
            return;
        }
        let sum = |of: &units::SortedMap<model::Text, i64>| {
            of.values().copied().fold(0, i64::saturating_add)
        };
        let (stored, in_snapshots) = (sum(&self.stored), sum(&self.snapshots_stored));
        let unrestored = self.waiting.len() as u64;
        for (statistic, count) in [
            (BACKUPS, self.backups),
            (SKIPPED, self.skipped),
            (BROKEN, self.broken),
            (RESTORES_BROKEN, self.restores_broken),
            (SNAPSHOTS, self.snapshots),
            (LOSSES, self.losses),
            (LOST_FOR_GOOD, self.for_good),
            (UNRESTORED, unrestored),
        ] {
            values.put(statistic, Reading::count(count));
        }
        for (statistic, bytes) in [
            (STORED, stored),
            (SNAPSHOTS_STORED, in_snapshots),
            (MOVED, self.moved),
        ] {
            values.put(statistic, Reading::count(bytes.unsigned_abs()));
        }
        self.data.put_of(DATA_LOSS, values);
        self.restores.put_of(RESTORE_TIME, values);
        self.away.put_of(OUT_OF_REACH, values);
    }
}

#[cfg(test)]
mod tests {
    use units::{Duration, Instant};

    use super::*;

    fn news(step: VolumeStep) -> VolumeNews {
        VolumeNews {
            name: "database".into(),
            step,
        }
    }

    #[test]
    fn snapshots_that_are_dropped_hold_no_bytes() {
        let mut own = Storage::default();
        own.hold(&news(VolumeStep::Snapshotted { stored: 36 }));
        own.hold(&news(VolumeStep::BackedUp {
            bytes: 100,
            stored: 200,
        }));
        own.hold(&news(VolumeStep::CopiesDropped {
            backups: 200,
            snapshots: 0,
        }));
        let held = [&own.snapshots_stored, &own.stored].map(|own| own.get("database").copied());
        assert_eq!(held, [Some(0), Some(200)]);
    }

    #[test]
    fn a_volume_lost_again_before_its_restore_is_unrestored_once() {
        let mut own = Storage::default();
        let lost = news(VolumeStep::Lost {
            failed: Instant::from_secs(5),
            data: Duration::from_secs(5),
            is_restorable: true,
        });
        own.count(&lost);
        own.count(&lost);
        assert_eq!((own.losses, own.waiting.len()), (2, 1));
        own.count(&news(VolumeStep::Restored {
            bytes: 0,
            after: Duration::from_secs(9),
        }));
        assert_eq!(own.waiting.len(), 0);
    }
}
