//! Shares that active tenants receive and lack, kept up to date tenant by tenant: a change of one
//! tenant costs the same however many there are. Shares are kept as integers, so that sums that are
//! added to and taken from stay exact.

use units::SortedMap;

use crate::families::sharing::tenants::{Tenant, Tenants, dominant_share};
use crate::record::state::Amounts;
use crate::statistics::integral::nearest;

/// One in the integers that sums of shares are kept in: room for a share of 1,024 in each of a
/// million tenants, and 15 digits.
const FINE: f64 = (1_u64 << 48) as f64;

/// The largest share that is distinguished: what exceeds the capacity a thousand times has no fair
/// share, and its square must not exceed 128 bits.
const LARGEST: f64 = 1_024.0;

/// One in the integers that integrals of shares are kept in.
pub const ONE: f64 = 1e9;

/// The mark of a tenant that was not active for any time: what one received is not below 0.
const NEVER: i128 = -1;

/// Shares of all tenants.
#[derive(Clone, Debug, Default)]
pub struct Shares {
    /// The active ones, by position.
    rows: SortedMap<u32, Share>,
    /// The integral of the dominant share of each, in parts of [`ONE`] times measured nanoseconds. No run is long enough
    /// for the largest share to exceed it.
    received: Vec<i128>,
    active: i64,
    /// Sum over the active tenants.
    sum: i128,
    squares: i128,
    /// Positions of those that want more than they have.
    lacking: Vec<u32>,
}

/// An active tenant.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    /// The share's dominant share, in [`FINE`].
    dominant: i128,
    /// Share in parts of [`ONE`].
    parts: i128,
    /// The dominant share of all it wants beyond that, in [`FINE`].
    lacks: i128,
    /// Up to when its integral goes, in measured nanoseconds.
    since: i64,
}

impl Share {
    /// The share of a tenant from now on; `None` of one that is not active, or where there is nothing to have.
    fn of(tenant: &Tenant, capacity: &Amounts, elapsed: i64) -> Option<Self> {
        let largest = |share: f64| share.min(LARGEST);
        let share = dominant_share(&tenant.allocated, capacity).map(largest);
        let share = share.filter(|_| tenant.is_active())?;
        let mut row = Self {
            dominant: nearest(share * FINE),
            parts: nearest(share * ONE),
            lacks: 0,
            since: elapsed,
        };
        if tenant.demand != tenant.allocated {
            let wanted = dominant_share(&tenant.demand, capacity).map_or(0.0, largest);
            row.lacks = nearest(wanted * FINE) - row.dominant;
        }
        Some(row)
    }
}

impl Shares {
    /// Looks at a tenant anew, after so many measured nanoseconds.
    pub fn refresh(&mut self, position: u32, elapsed: i64, tenants: &Tenants, capacity: &Amounts) {
        let before = self.rows.get(&position).copied();
        if let Some(row) = before {
            self.receive(position, row, elapsed);
            self.active -= 1;
            self.sum -= row.dominant;
            self.squares = self.squares.wrapping_sub(row.dominant * row.dominant);
        }
        let now = Share::of(&tenants.get(position), capacity, elapsed);
        if let Some(row) = now {
            self.active += 1;
            self.sum += row.dominant;
            // Thousands of tenants at the largest share wrap around, and back again when they leave.
            self.squares = self.squares.wrapping_add(row.dominant * row.dominant);
            self.rows.insert(position, row);
        } else if before.is_some() {
            self.rows.remove(&position);
        }
        let lacks = |row: Option<Share>| row.is_some_and(|row| row.lacks != 0);
        match (lacks(before), lacks(now)) {
            (false, true) => self.lacking.push(position),
            (true, false) => self.lacking.retain(|&other| other != position),
            _ => {}
        }
    }

    /// Adds what an active tenant received up to now.
    fn receive(&mut self, position: u32, row: Share, elapsed: i64) {
        if elapsed <= row.since {
            return;
        }
        let index = position as usize;
        if self.received.len() <= index {
            self.received.resize(index + 1, NEVER);
        }
        let received = &mut self.received[index];
        *received = (*received).max(0) + row.parts * i128::from(elapsed - row.since);
    }

    /// Number of active tenants.
    pub const fn active(&self) -> i64 {
        self.active
    }

    /// Jain's index of at least two shares, one of which is something.
    pub fn jain(&self) -> Option<f64> {
        if self.active < 2 || self.squares <= 0 {
            return None;
        }
        let sum = self.sum as f64;
        Some(sum * sum / (self.active as f64 * self.squares as f64))
    }

    /// Total shortfall of all tenants, and the largest one, in dominant shares.
    pub fn lacking(&self) -> (f64, f64) {
        let rows = self.lacking.iter().filter_map(|at| self.rows.get(at));
        let lacks = rows.map(|row| row.lacks);
        let (all, most) = lacks.fold((0, 0), |(all, most), lacks| {
            (all + lacks.abs(), lacks.max(most))
        });
        (all as f64 / FINE, most as f64 / FINE)
    }

    /// Integrals of the dominant shares of tenants that were active for any time, in [`ONE`], after a number of measured
    /// nanoseconds, in the order of their positions.
    pub fn received(mut self, elapsed: i64) -> impl Iterator<Item = i128> {
        for (position, row) in std::mem::take(&mut self.rows) {
            self.receive(position, row, elapsed);
        }
        let received = self.received.into_iter();
        received.filter(|&received| received != NEVER)
    }
}
