//! Prices as whole millionths of a currency.

use units::Quantity;

/// Nano units in a millionth.
pub(super) const NANOS_PER_MICRO: i128 = 1_000;

/// Millionths of a price that is not negative.
pub(super) fn micro(price: Quantity) -> Option<i64> {
    let micro = i64::try_from(price.nanos() / NANOS_PER_MICRO).ok()?;
    // 10^9 an hour for each of 10^7 nodes over a century stay within 128 bits.
    (0..=1_000_000_000_000_000)
        .contains(&micro)
        .then_some(micro)
}
