//! Shares that active tenants receive and lack, kept up to date tenant by tenant: a change of one
//! tenant costs the same however many there are. Shares are kept as integers, so that sums that are
//! added to and taken from stay exact.

use crate::families::sharing::tenants::{Tenants, dominant_share};
use crate::record::state::Amounts;
use crate::statistics::integral::{Integral, nearest};

/// One in the integers that sums of shares are kept in: room for a share of 1,024 in each of a
/// million tenants, and 15 digits.
const FINE: f64 = (1_u64 << 48) as f64;

/// The largest share that is told apart: what exceeds the capacity a thousand times has no fair
/// share, and its square must not exceed 128 bits.
const LARGEST: f64 = 1_024.0;

/// One in the integers that integrals of shares are kept in.
pub const ONE: f64 = 1e9;

/// Shares of all tenants.
#[derive(Clone, Debug, Default)]
pub struct Shares {
    rows: Vec<Share>,
    active: i64,
    /// Sum over the active tenants.
    sum: i128,
    squares: i128,
    /// Positions of those that want more than they have.
    lacking: Vec<u32>,
}

/// One tenant.
#[derive(Clone, Debug, Default)]
struct Share {
    is_active: bool,
    /// The share's dominant share, in [`FINE`].
    dominant: i128,
    /// Share in parts of [`ONE`].
    parts: i128,
    /// The dominant share of all it wants beyond that, in [`FINE`].
    lacks: i128,
    /// Up to when its integral goes, in measured nanoseconds.
    since: i64,
    /// The integral of its dominant share; `None` before it was active for any time.
    received: Option<Integral>,
}

impl Share {
    fn hold_until(&mut self, elapsed: i64) {
        if self.is_active && elapsed > self.since {
            let received = self.received.get_or_insert_default();
            received.add(self.parts, elapsed - self.since);
        }
        self.since = elapsed;
    }
}

impl Shares {
    /// Looks at a tenant anew, after so many measured nanoseconds.
    pub fn refresh(&mut self, position: u32, elapsed: i64, tenants: &Tenants, capacity: &Amounts) {
        let (index, tenant) = (position as usize, tenants.get(position));
        if self.rows.len() <= index {
            self.rows.resize_with(index + 1, Share::default);
        }
        let row = &mut self.rows[index];
        row.hold_until(elapsed);
        if row.is_active {
            self.active -= 1;
            self.sum -= row.dominant;
            self.squares = self.squares.wrapping_sub(row.dominant * row.dominant);
        }
        let lacked = row.lacks != 0;
        let largest = |share: f64| share.min(LARGEST);
        let share = dominant_share(&tenant.allocated, capacity).map(largest);
        row.is_active = tenant.is_active() && share.is_some();
        (row.dominant, row.parts, row.lacks) = (0, 0, 0);
        if let Some(share) = share.filter(|_| row.is_active) {
            row.dominant = nearest(share * FINE);
            row.parts = nearest(share * ONE);
            if tenant.demand != tenant.allocated {
                let wanted = dominant_share(&tenant.demand, capacity).map_or(0.0, largest);
                row.lacks = nearest(wanted * FINE) - row.dominant;
            }
            self.active += 1;
            self.sum += row.dominant;
            // Thousands of tenants at the largest share wrap around, and back again when they leave.
            self.squares = self.squares.wrapping_add(row.dominant * row.dominant);
        }
        match (lacked, row.lacks != 0) {
            (false, true) => self.lacking.push(position),
            (true, false) => self.lacking.retain(|&other| other != position),
            _ => {}
        }
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
        let lacks = self.lacking.iter().map(|&at| self.rows[at as usize].lacks);
        let (all, most) = lacks.fold((0, 0), |(all, most), lacks| {
            (all + lacks.abs(), lacks.max(most))
        });
        (all as f64 / FINE, most as f64 / FINE)
    }

    /// Closes the integrals, after so many measured nanoseconds.
    pub fn close(&mut self, elapsed: i64) {
        for row in &mut self.rows {
            row.hold_until(elapsed);
        }
    }

    /// Integrals of the dominant shares of tenants that were active for any time, in [`ONE`]; up to
    /// the last change or [`Shares::close`].
    pub fn received(&self) -> impl Iterator<Item = &Integral> {
        self.rows.iter().filter_map(|row| row.received.as_ref())
    }
}
