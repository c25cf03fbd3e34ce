//! Conversions of floats as the originals make them: compiled Go on x86-64, where a value outside
//! of the integer's range becomes its least value (the hardware's "integer indefinite").

/// A float cut to 32 bits.
pub(super) fn to_i32(value: f64) -> i32 {
    let cut = libm::trunc(value);
    if cut >= f64::from(i32::MIN) && cut <= f64::from(i32::MAX) {
        cut as i32
    } else {
        i32::MIN
    }
}

/// A float cut to 64 bits.
pub(super) fn to_i64(value: f64) -> i64 {
    // 2^63 as a float; the largest i64 itself is not a float.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&value) {
        value as i64
    } else {
        i64::MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_outside_of_the_range_become_the_least() {
        for (value, narrow, wide) in [
            (2.9, 2, 2),
            (-2.9, -2, -2),
            (2_147_483_647.5, i32::MAX, 2_147_483_647),
            (2_147_483_648.0, i32::MIN, 2_147_483_648),
            (f64::INFINITY, i32::MIN, i64::MIN),
            (f64::NAN, i32::MIN, i64::MIN),
            (9.3e18, i32::MIN, i64::MIN),
        ] {
            assert_eq!((to_i32(value), to_i64(value)), (narrow, wide), "{value}");
        }
    }
}
