//! Float functions that give the same bits on every machine: those of `libm`, compiled from the
//! same source everywhere. The standard library's are the platform's and differ in the last bits,
//! so the lints forbid them.

/// Natural logarithm; `-inf` at 0, NaN below.
#[inline]
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// `ln(1 + x)`, exact also for small `x`.
#[inline]
pub fn ln_1p(x: f64) -> f64 {
    libm::log1p(x)
}

/// Logarithm to base 2.
#[inline]
pub fn log2(x: f64) -> f64 {
    libm::log2(x)
}

/// Logarithm to base 10.
#[inline]
pub fn log10(x: f64) -> f64 {
    libm::log10(x)
}

/// e to the power of `x`.
#[inline]
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// 2 to the power of `x`.
#[inline]
pub fn exp2(x: f64) -> f64 {
    libm::exp2(x)
}

/// `exp(x) - 1`, exact also for small `x`.
#[inline]
pub fn exp_m1(x: f64) -> f64 {
    libm::expm1(x)
}

/// `x` to the power of `y`.
#[inline]
pub fn pow(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}

/// Square root, correctly rounded.
#[inline]
pub fn sqrt(x: f64) -> f64 {
    libm::sqrt(x)
}

/// Cube root.
#[inline]
pub fn cbrt(x: f64) -> f64 {
    libm::cbrt(x)
}

/// Sine of an angle in radians.
#[inline]
pub fn sin(x: f64) -> f64 {
    libm::sin(x)
}

/// Cosine of an angle in radians.
#[inline]
pub fn cos(x: f64) -> f64 {
    libm::cos(x)
}

/// Hyperbolic tangent.
#[inline]
pub fn tanh(x: f64) -> f64 {
    libm::tanh(x)
}

/// The logistic function `1 / (1 + exp(-x))`, from 0 to 1.
#[inline]
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// The gamma function; `gamma(n) = (n - 1)!`.
#[inline]
pub fn gamma(x: f64) -> f64 {
    libm::tgamma(x)
}

/// Natural logarithm of the gamma function's magnitude.
#[inline]
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// The error function.
#[inline]
pub fn erf(x: f64) -> f64 {
    libm::erf(x)
}

/// `1 - erf(x)`, exact also far out.
#[inline]
pub fn erfc(x: f64) -> f64 {
    libm::erfc(x)
}

/// The nearest whole number, halves to the even one.
#[inline]
pub fn round_half_even(x: f64) -> f64 {
    libm::rint(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bits() {
        // Produced by these functions once; a change of any bit changes results of runs.
        for (name, value, bits) in [
            ("ln", ln(10.0), 0x4002_6bb1_bbb5_5516),
            ("ln_1p", ln_1p(1e-9), 0x3e11_2e0b_e801_f1d9),
            ("log2", log2(10.0), 0x400a_934f_0979_a371),
            ("log10", log10(3.0), 0x3fde_8927_964f_d5fd),
            ("exp", exp(1.5), 0x4011_ed3f_e64f_c541),
            ("exp2", exp2(0.3), 0x3ff3_b2c4_7bff_8329),
            ("exp_m1", exp_m1(1e-9), 0x3e11_2e0b_e84b_bb51),
            ("pow", pow(10.0, 0.3), 0x3fff_ec98_2d5b_b8af),
            ("sqrt", sqrt(2.0), 0x3ff6_a09e_667f_3bcd),
            ("sin", sin(1.0), 0x3fea_ed54_8f09_0cee),
            ("cos", cos(1.0), 0x3fe1_4a28_0fb5_068c),
            ("tanh", tanh(0.5), 0x3fdd_9353_d756_8af3),
            ("sigmoid", sigmoid(0.5), 0x3fe3_eb2f_d4d3_4391),
            ("gamma", gamma(4.5), 0x4027_4371_e786_6c64),
            ("ln_gamma", ln_gamma(0.3), 0x3ff1_8863_7a6c_4196),
            ("erf", erf(0.5), 0x3fe0_a7ef_5c18_edd2),
            ("erfc", erfc(3.0), 0x3ef7_29df_6503_4229),
            (
                "round_half_even",
                round_half_even(2.5),
                0x4000_0000_0000_0000,
            ),
        ] {
            assert_eq!(
                value.to_bits(),
                bits,
                "{name} = {value} = {:#x}",
                value.to_bits()
            );
        }
    }
}
