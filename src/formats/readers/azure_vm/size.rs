//! Sizes of machines, some of which are buckets without an upper bound.

use super::{CORES, MEMORY};
use crate::readers::prelude::*;

/// The size of a machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// 1/1000 cores.
    pub(super) cores: i64,
    /// Bytes.
    pub(super) memory: i64,
    /// Whether one of them is an open bucket.
    pub(super) is_open: bool,
}

impl Size {
    pub(super) fn of(fields: &Fields<'_, '_>, options: &ReadOptions) -> Result<Self, BadRow> {
        let (cores, is_open) = MOST_CORES.amount(fields, CORES, options.open_cpu_milli)?;
        let (memory, is_open_too) =
            MOST_MEMORY.amount(fields, MEMORY, options.open_memory_bytes)?;
        Ok(Self {
            cores,
            memory,
            is_open: is_open || is_open_too,
        })
    }
}

/// The open bucket of a size.
struct Bucket {
    /// The bucket as it is written.
    label: &'static str,
    /// The units in which amounts are read that make one.
    scale: i64,
}

const MOST_CORES: Bucket = Bucket {
    label: ">24",
    scale: 1_000,
};

const MOST_MEMORY: Bucket = Bucket {
    label: ">64",
    scale: 1 << 30,
};

impl Bucket {
    /// The amount of a field, and whether it was the open bucket, which counts as this much.
    fn amount(
        &self,
        fields: &Fields<'_, '_>,
        place: usize,
        open: i64,
    ) -> Result<(i64, bool), BadRow> {
        let label = self.label;
        if fields.bytes(place) == label.as_bytes() {
            return Ok((open, true));
        }
        let amount = fields.scaled(place, self.scale, 1e5)?;
        let amount = amount.filter(|&amount| amount > 0);
        let expected = || fields.bad(place, &format!("more than 0, or the bucket `{label}`"));
        Ok((amount.ok_or_else(expected)?, false))
    }
}
