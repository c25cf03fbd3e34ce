//! Pressures of the host, as a kubelet has them: one begins when the room that is left falls below a
//! threshold, and is held for some time after there is enough again (spec: kubernetes.md part 4).

use std::path::{Path, PathBuf};

use units::{Duration, Instant, SortedMap, plural};

use crate::runtime::room::{self, Disk, Room};
use crate::wire::pressure::{Pressure, PressureKind};

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(10);

/// Time for which a pressure is held after its end.
const HOLD: Duration = Duration::from_secs(300);

/// Part of the disk that has to be free: a tenth, as for a kubelet, but no more than this.
const DISK_MOST: u64 = 1 << 30;

/// Room that a node keeps free: with less it takes no new pods. Absent amounts are those that a host of its
/// size has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reserves {
    /// Bytes on the disk; a tenth of it unless stated, but at most 1 GiB.
    pub disk_bytes: Option<u64>,
    /// Number of processes; a twentieth of what the host allows unless stated.
    pub processes: Option<u64>,
}

/// The pressures of a host.
pub(super) struct Pressures {
    folder: PathBuf,
    reserves: Reserves,
    /// Pressures in words, and the instants until which they are held.
    held: SortedMap<PressureKind, (String, Instant)>,
    next: Instant,
    /// `true` if the disk had too little room at the last look.
    is_disk_short: bool,
}

impl Pressures {
    /// The pressures of a host that has not been looked at; containers are in the folder.
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            reserves: Reserves::default(),
            held: SortedMap::new(),
            next: Instant::ZERO,
            is_disk_short: false,
        }
    }

    pub(super) const fn reserve(&mut self, reserves: Reserves) {
        self.reserves = reserves;
    }

    /// Looks at the host at once: something did not fit.
    pub(super) const fn hurry(&mut self) {
        self.next = Instant::ZERO;
    }

    /// Looks at the host, if it is time; returns whether that was done.
    pub(super) fn look(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        self.next = now.saturating_add(LOOK);
        let disk = room::disk(&self.folder).ok();
        self.judge(now, disk, room::processes());
        true
    }

    fn judge(&mut self, now: Instant, disk: Option<Disk>, processes: Option<Room>) {
        let disk = disk.and_then(|disk| self.reserves.short_of_disk(disk));
        let processes = processes.and_then(|room| self.reserves.short_of_processes(room));
        self.is_disk_short = disk.is_some();
        for (kind, short) in [(PressureKind::Disk, disk), (PressureKind::Pid, processes)] {
            if let Some(why) = short {
                self.held.insert(kind, (why, now.saturating_add(HOLD)));
            } else if self.held.get(&kind).is_some_and(|&(_, until)| until <= now) {
                self.held.remove(&kind);
            }
        }
    }

    /// Whether the disk had too little room at the last look; its pressure holds for longer.
    pub(super) const fn is_disk_short(&self) -> bool {
        self.is_disk_short
    }

    /// The pressures that hold.
    pub(super) fn current(&self) -> Vec<Pressure> {
        let held = self.held.iter();
        held.map(|(&kind, (why, _))| Pressure {
            kind,
            why: why.clone(),
        })
        .collect()
    }
}

impl Reserves {
    /// Words for a disk with too little room.
    fn short_of_disk(&self, disk: Disk) -> Option<String> {
        let Room { left, of } = disk.bytes;
        let kept = self.disk_bytes.unwrap_or((of / 10).min(DISK_MOST));
        if left < kept {
            let (left, of) = (amount(left), amount(of));
            let kept = amount(kept);
            return Some(format!(
                "{left} of {of} are free on the disk of the containers' folder, which is less than {kept}"
            ));
        }
        let files = disk.files?;
        (files.left < files.of / 20).then(|| {
            let (left, of) = (plural::count(files.left, "file"), files.of);
            format!(
                "{left} may still be made on the disk of the containers' folder, of {of} in all, which is \
                 less than a twentieth"
            )
        })
    }

    /// Words for a host that can start few processes more.
    fn short_of_processes(&self, Room { left, of }: Room) -> Option<String> {
        let kept = self.processes.unwrap_or(of / 20);
        (left < kept).then(|| {
            let left = plural::count(left, "process");
            format!("{left} may still be started, of {of} in all, which is less than {kept}")
        })
    }
}

/// An amount of bytes in whole mebibytes.
fn amount(bytes: u64) -> String {
    format!("{}Mi", bytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(left: u64, of: u64) -> Room {
        Room { left, of }
    }

    #[test]
    fn a_pressure_begins_at_once_and_is_held_for_five_minutes() {
        let mut pressures = Pressures::new(Path::new("/"));
        let disk = |left: u64| Disk {
            bytes: room(left, 4 << 20),
            files: None,
        };
        let at = Instant::from_secs;
        let kinds = |pressures: &Pressures| -> Vec<PressureKind> {
            pressures.current().iter().map(|own| own.kind).collect()
        };
        pressures.judge(at(0), Some(disk(1 << 20)), Some(room(100, 1_000)));
        assert!(kinds(&pressures).is_empty());
        pressures.judge(at(10), Some(disk(1 << 18)), Some(room(49, 1_000)));
        assert_eq!(kinds(&pressures), PressureKind::ALL);
        // What can't be examined says nothing.
        pressures.judge(at(20), None, Some(room(100, 1_000)));
        pressures.judge(at(309), Some(disk(1 << 20)), None);
        assert_eq!(kinds(&pressures), PressureKind::ALL);
        pressures.judge(at(310), Some(disk(1 << 18)), None);
        assert_eq!(kinds(&pressures), [PressureKind::Disk]);
        pressures.judge(at(609), Some(disk(1 << 20)), None);
        assert_eq!(kinds(&pressures), [PressureKind::Disk]);
        pressures.judge(at(610), Some(disk(1 << 20)), None);
        assert!(kinds(&pressures).is_empty());
    }

    #[test]
    fn reserves_are_those_of_the_hosts_size_unless_stated() {
        let disk = |left: u64, of: u64, files: Option<Room>| Disk {
            bytes: room(left << 20, of << 20),
            files,
        };
        let own = Reserves::default();
        for (disk, is_short) in [
            (disk(101, 1_000, None), false),
            (disk(99, 1_000, None), true),
            (disk(1_025, 1_000_000, None), false),
            (disk(1_023, 1_000_000, None), true),
            (disk(900, 1_000, Some(room(50, 1_000))), false),
            (disk(900, 1_000, Some(room(49, 1_000))), true),
        ] {
            assert_eq!(own.short_of_disk(disk).is_some(), is_short, "{disk:?}");
        }
        let stated = Reserves {
            disk_bytes: Some(5 << 20),
            processes: Some(0),
        };
        assert_eq!(stated.short_of_disk(disk(5, 1_000, None)), None);
        let why = stated.short_of_disk(disk(4, 1_000, None)).expect("short");
        assert!(why.starts_with("4Mi of 1000Mi are free"), "{why}");
        assert_eq!(stated.short_of_processes(room(0, 1_000)), None);
        assert!(own.short_of_processes(room(49, 1_000)).is_some());
    }
}
