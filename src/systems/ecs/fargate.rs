//! Fargate: the sizes that a task's demand is rounded up to, the disk beside them, and the rate of
//! launches (spec: orchestrators-a.md sections 7.4 and 9.7; `AWS_Fargate.md`, `throttling.md`).

use units::{Duration, Instant};

/// Size of a task: processors in 1/1024 and memory in MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskSize {
    /// Units of processors, 1024 to each.
    pub cpu: i64,
    /// Memory in MiB.
    pub memory: i64,
}

/// Disk of a task in GiB; as much as every task has is part of its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskDisk(i64);

/// Disk that every task has, in GiB.
const INCLUDED_DISK: i64 = 20;
/// The most that a task may have, in GiB.
const MOST_DISK: i64 = 200;
/// Price of a GiB of disk beyond for an hour, in millionths of a dollar.
const DISK_PRICE: i64 = 111;

impl TaskDisk {
    /// Every disk, the smallest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (INCLUDED_DISK..=MOST_DISK).map(Self)
    }

    /// The disk that holds a number of bytes; `None` beyond 200 GiB.
    pub fn holding(bytes: i64) -> Option<Self> {
        let gib = bytes / (1 << 30) + i64::from(bytes % (1 << 30) > 0);
        let gib = gib.max(INCLUDED_DISK);
        (gib <= MOST_DISK).then_some(Self(gib))
    }

    /// The disk in bytes.
    pub const fn bytes(self) -> i64 {
        self.0 << 30
    }
}

/// Sizes with one number of processors: memory from a least to a most amount, in steps, in MiB. The
/// smallest row has its amounts by doubling.
struct Row {
    cpu: i64,
    least: i64,
    most: i64,
    step: Step,
}

enum Step {
    Doubling,
    Even(i64),
}

const GIB: i64 = 1 << 10;

const ROWS: [Row; 7] = [
    Row::doubling(256, GIB / 2, 2 * GIB),
    Row::even(512, GIB, 4 * GIB, GIB),
    Row::even(1_024, 2 * GIB, 8 * GIB, GIB),
    Row::even(2_048, 4 * GIB, 16 * GIB, GIB),
    Row::even(4_096, 8 * GIB, 30 * GIB, GIB),
    Row::even(8_192, 16 * GIB, 60 * GIB, 4 * GIB),
    Row::even(16_384, 32 * GIB, 120 * GIB, 8 * GIB),
];

impl Row {
    const fn doubling(cpu: i64, least: i64, most: i64) -> Self {
        Self {
            cpu,
            least,
            most,
            step: Step::Doubling,
        }
    }

    const fn even(cpu: i64, least: i64, most: i64, step: i64) -> Self {
        Self {
            cpu,
            least,
            most,
            step: Step::Even(step),
        }
    }

    /// The row's smallest amount of memory that holds a demand.
    fn memory(&self, asked: i64) -> Option<i64> {
        if asked > self.most {
            return None;
        }
        let over = (asked - self.least).max(0);
        Some(match self.step {
            Step::Doubling => {
                let doubled = std::iter::successors(Some(self.least), |size| Some(size * 2));
                doubled.into_iter().find(|&size| size >= asked)?
            }
            Step::Even(step) => self.least + (over + step - 1) / step * step,
        })
    }
}

/// Price of a processor for an hour, in millionths of a dollar: Linux on x86 in US East (N. Virginia).
const CPU_PRICE: i64 = 40_480;
/// Price of a GiB of memory for an hour, likewise.
const MEMORY_PRICE: i64 = 4_445;

impl TaskSize {
    /// Every size, by processors and then by memory.
    pub fn all() -> Vec<Self> {
        let mut sizes = Vec::new();
        for row in &ROWS {
            let mut next = Some(row.least);
            while let Some(memory) = next.filter(|&memory| memory <= row.most) {
                sizes.push(Self {
                    cpu: row.cpu,
                    memory,
                });
                next = row.memory(memory + 1).filter(|&larger| larger > memory);
            }
        }
        sizes
    }

    /// Name of the size as an instance type, such as `fargate.256.512`, or with a larger disk
    /// `fargate.256.512.50`.
    pub fn name(self, disk: TaskDisk) -> String {
        let Self { cpu, memory } = self;
        match disk.0 {
            INCLUDED_DISK => format!("fargate.{cpu}.{memory}"),
            gib => format!("fargate.{cpu}.{memory}.{gib}"),
        }
    }

    /// Price of an hour, in millionths of a dollar (spec: orchestrators-a.md 9.7).
    pub const fn price_micro_per_hour(self, disk: TaskDisk) -> i64 {
        let size = (self.cpu * CPU_PRICE + self.memory * MEMORY_PRICE) / 1_024;
        size + (disk.0 - INCLUDED_DISK) * DISK_PRICE
    }

    /// The first size that holds a demand, by processors and then by memory; `None` if none does.
    pub fn holding(cpu: i64, memory: i64) -> Option<Self> {
        let mut rows = ROWS.iter().filter(|row| row.cpu >= cpu);
        rows.find_map(|row| {
            Some(Self {
                cpu: row.cpu,
                memory: row.memory(memory)?,
            })
        })
    }
}

/// Token bucket of launches: each takes a token, and waits for one where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaunchBucket {
    /// Tokens of a full bucket.
    capacity: i64,
    /// Time in which one token comes.
    spacing: Duration,
    /// Instant at which the bucket is full if nothing is launched meanwhile.
    full_at: Instant,
}

impl Default for LaunchBucket {
    /// 100 tokens, 20 a second.
    fn default() -> Self {
        Self::new(100, 20)
    }
}

impl LaunchBucket {
    /// A full bucket with so many tokens, of which so many come back each second.
    pub fn new(capacity: u32, a_second: u32) -> Self {
        let spacing = 1_000_000_000 / i64::from(a_second.max(1));
        Self {
            capacity: i64::from(capacity.max(1)),
            spacing: Duration::from_nanos(spacing),
            full_at: Instant::ZERO,
        }
    }

    /// Takes a token: the instant at which the launch has it.
    pub fn launch(&mut self, now: Instant) -> Instant {
        let whole = self.spacing.as_nanos() * self.capacity;
        let full_at = self.full_at.max(now).saturating_add(self.spacing);
        self.full_at = full_at;
        // An empty bucket is full after the time in which all its tokens come.
        let early = full_at.since(now).as_nanos() - whole;
        now.saturating_add(Duration::from_nanos(early.max(0)))
    }
}
