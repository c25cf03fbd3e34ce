//! The tables of the ziggurat method, computed once by the recurrences of Marsaglia and Tsang,
//! "The Ziggurat Method for Generating Random Variables" (Journal of Statistical Software 5/8,
//! 2000), section 4. Strip 0 is the base with the tail; strips grow narrower as the index falls
//! from the last to 1.
//!
//! Go keeps widths and heights in binary32, so rounding hides what the last bits of `exp` and
//! `ln` may differ in.

use std::sync::LazyLock;

use crate::math;

/// Tables for the normal distribution: 128 strips, words of 31 bits and a sign.
pub(super) struct NormalTables {
    /// A word below this bound is inside the strip's rectangle.
    pub(super) accept: [u32; 128],
    /// The strip's width divided by the words' range.
    pub(super) width: [f32; 128],
    /// The density at the strip's edge.
    pub(super) height: [f32; 128],
}

/// Tables for the exponential distribution: 256 strips, words of 32 bits.
pub(super) struct ExponentialTables {
    /// A word below this bound is inside the strip's rectangle.
    pub(super) accept: [u32; 256],
    /// The strip's width divided by the words' range.
    pub(super) width: [f32; 256],
    /// The density at the strip's edge.
    pub(super) height: [f32; 256],
}

impl NormalTables {
    /// Beginning of the tail.
    pub(super) const TAIL: f64 = 3.442_619_855_899;
    /// The area of each strip.
    const AREA: f64 = 9.912_563_035_262_17e-3;

    /// The one instance.
    pub(super) fn get() -> &'static Self {
        static TABLES: LazyLock<NormalTables> = LazyLock::new(|| {
            let density = |x: f64| math::exp(-0.5 * x * x);
            let edge = |area_over_x: f64| math::sqrt(-2.0 * math::ln(area_over_x));
            let (accept, width, height) = tables(
                &Shape {
                    tail: NormalTables::TAIL,
                    area: NormalTables::AREA,
                    range: RANGE_31,
                },
                density,
                |x| edge(NormalTables::AREA / x + density(x)),
            );
            NormalTables {
                accept,
                width,
                height,
            }
        });
        &TABLES
    }
}

impl ExponentialTables {
    /// Beginning of the tail.
    pub(super) const TAIL: f64 = 7.697_117_470_131_05;
    /// The area of each strip.
    const AREA: f64 = 3.949_659_822_581_572e-3;

    /// The one instance.
    pub(super) fn get() -> &'static Self {
        static TABLES: LazyLock<ExponentialTables> = LazyLock::new(|| {
            let density = |x: f64| math::exp(-x);
            let (accept, width, height) = tables(
                &Shape {
                    tail: ExponentialTables::TAIL,
                    area: ExponentialTables::AREA,
                    range: RANGE_32,
                },
                density,
                |x| -math::ln(ExponentialTables::AREA / x + density(x)),
            );
            ExponentialTables {
                accept,
                width,
                height,
            }
        });
        &TABLES
    }
}

/// 2^31, the range of a word's magnitude.
const RANGE_31: f64 = 2_147_483_648.0;
/// 2^32, the range of a word.
const RANGE_32: f64 = 4_294_967_296.0;

/// Parameters that tell one ziggurat from another, besides its density.
struct Shape {
    /// Beginning of the tail.
    tail: f64,
    /// The area of each strip.
    area: f64,
    /// The range of a word.
    range: f64,
}

/// Bounds, widths and heights of `N` strips; `next` gives the edge above a strip from its own.
fn tables<const N: usize>(
    shape: &Shape,
    density: impl Fn(f64) -> f64,
    next: impl Fn(f64) -> f64,
) -> ([u32; N], [f32; N], [f32; N]) {
    let (mut accept, mut width, mut height) = ([0; N], [0.0; N], [0.0; N]);
    let base = shape.area / density(shape.tail);
    accept[0] = (shape.tail / base * shape.range) as u32;
    width[0] = (base / shape.range) as f32;
    width[N - 1] = (shape.tail / shape.range) as f32;
    height[0] = 1.0;
    height[N - 1] = density(shape.tail) as f32;
    let mut edge = shape.tail;
    for strip in (1..N - 1).rev() {
        let above = next(edge);
        accept[strip + 1] = (above / edge * shape.range) as u32;
        edge = above;
        width[strip] = (edge / shape.range) as f32;
        height[strip] = density(edge) as f32;
    }
    (accept, width, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_the_published_method() {
        let normal = &NormalTables::get().accept;
        for (strip, bound) in [
            (0, 0x76ad_2212),
            (1, 0),
            (2, 0x600f_1b53),
            (64, 0x7edd_c78e),
            (127, 0x77d6_64e5),
        ] {
            assert_eq!(normal[strip], bound, "{strip}");
        }
        let exponential = &ExponentialTables::get().accept;
        for (strip, bound) in [
            (0, 0xe290_a139),
            (1, 0),
            (2, 0x9bea_debc),
            (3, 0xc377_ac71),
            (255, 0xe6da_6ecf),
        ] {
            assert_eq!(exponential[strip], bound, "{strip}");
        }
    }
}
