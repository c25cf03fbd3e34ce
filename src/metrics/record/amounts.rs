//! Amounts of the resources that metrics are taken of.

use crate::statistics::integral::product;

/// A resource that metrics are taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Processor, in milli-cores.
    Cpu,
    /// Memory, in bytes.
    Memory,
    /// GPU, in milli-devices.
    Gpu,
    /// Pod slots; a pod takes one.
    Pods,
}

/// Number of resources that metrics are taken of.
pub const RESOURCES: usize = 4;

impl Resource {
    /// All of them, in the order of [`Amounts`].
    pub const ALL: [Self; RESOURCES] = [Self::Cpu, Self::Memory, Self::Gpu, Self::Pods];

    /// The names of all of them.
    pub const NAMES: [&'static str; RESOURCES] = [
        Self::Cpu.name(),
        Self::Memory.name(),
        Self::Gpu.name(),
        Self::Pods.name(),
    ];

    /// The resource's part of a metric's id.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Gpu => "gpu",
            Self::Pods => "pods",
        }
    }

    /// The unit that its amounts are printed in.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Cpu => "cores",
            Self::Memory => "bytes",
            Self::Gpu => "gpus",
            Self::Pods => "pods",
        }
    }

    /// Number of integer units in a printed unit (core, byte, device, slot).
    pub const fn scale(self) -> f64 {
        match self {
            Self::Cpu | Self::Gpu => 1_000.0,
            Self::Memory | Self::Pods => 1.0,
        }
    }
}

/// Amounts of one object by [`Resource`]: milli-cores, bytes, milli-GPU, slots.
pub type Row = [i64; RESOURCES];

/// Amounts by [`Resource`]: milli-cores, bytes, milli-GPU, slots. Sums over a cluster, so 128 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts(pub [i128; RESOURCES]);

impl Amounts {
    /// The amount of one resource.
    #[inline]
    pub const fn of(&self, resource: Resource) -> i128 {
        self.0[resource as usize]
    }

    /// The amounts as a row; `None` if one of them is too large for that.
    #[inline]
    pub(crate) fn as_row(&self) -> Option<Row> {
        let mut row = Row::default();
        for (index, &amount) in self.0.iter().enumerate() {
            row[index] = i64::try_from(amount).ok()?;
        }
        Some(row)
    }

    /// Adds amounts so many times.
    #[inline]
    pub(crate) fn add(&mut self, amounts: &Row, times: i64) {
        for (index, total) in self.0.iter_mut().enumerate() {
            *total += product(times, amounts[index]);
        }
    }

    /// Whether there is enough of every resource that there is anything of.
    pub fn is_within(&self, capacity: &Self) -> bool {
        let mut both = self.0.iter().zip(&capacity.0);
        both.all(|(&amount, &capacity)| capacity <= 0 || amount <= capacity)
    }

    /// Changes the amounts of a number of objects, neither of which is negative; unchanged
    /// resources cost nothing.
    #[inline]
    pub(crate) fn change(&mut self, before: &Row, now: &Row, times: i64) {
        for (index, total) in self.0.iter_mut().enumerate() {
            let (before, now) = (before[index], now[index]);
            if before != now {
                *total += product(times, now - before);
            }
        }
    }
}
