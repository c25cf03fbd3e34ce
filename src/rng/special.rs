//! Distribution functions without a closed form: normal and gamma, and their inverses.

use super::math;

/// Probability that a standard normal number is at most `x`.
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * math::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// The standard normal number below which lies probability `p`; infinite at 0 and 1.
///
/// Wichura's algorithm AS 241 (Applied Statistics 37, 1988), routine `PPND16`: relative error
/// about 1e-16.
pub fn normal_quantile(p: f64) -> f64 {
    let centered = p - 0.5;
    if centered.abs() <= 0.425 {
        let r = 0.180_625 - centered * centered;
        return centered * polynomial(&CENTRAL.0, r) / polynomial(&CENTRAL.1, r);
    }
    let tail = if centered < 0.0 { p } else { 1.0 - p };
    if tail <= 0.0 {
        return f64::INFINITY.copysign(centered);
    }
    let r = math::sqrt(-math::ln(tail));
    let value = if r <= 5.0 {
        polynomial(&MIDDLE.0, r - 1.6) / polynomial(&MIDDLE.1, r - 1.6)
    } else {
        polynomial(&FAR.0, r - 5.0) / polynomial(&FAR.1, r - 5.0)
    };
    value.copysign(centered)
}

/// Probability that a gamma number of this `shape` (positive) and scale 1 is at most `x`: the
/// regularized lower incomplete gamma function, by its series left of the mean and by Lentz's
/// continued fraction right of it. Beyond shape 1e5 Wilson and Hilferty's normal approximation,
/// whose error is below 1e-6 there.
pub fn gamma_cdf(shape: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x == f64::INFINITY {
        return 1.0;
    }
    if shape > 1e5 {
        let spread = 1.0 / (9.0 * shape);
        return normal_cdf((math::cbrt(x / shape) - 1.0 + spread) / math::sqrt(spread));
    }
    let front = math::exp(shape * math::ln(x) - x - math::ln_gamma(shape));
    if x < shape + 1.0 {
        (front * lower_series(shape, x)).min(1.0)
    } else {
        (1.0 - front * upper_fraction(shape, x)).max(0.0)
    }
}

/// The gamma number (scale 1) below which lies probability `p`, by bisection.
pub fn gamma_quantile(shape: f64, p: f64) -> f64 {
    if p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    let (mut low, mut high) = (0.0, 2.0 * shape.max(1.0));
    while gamma_cdf(shape, high) < p && high.is_finite() {
        low = high;
        high *= 2.0;
    }
    // Each step halves the bracket, so 1,100 reach the smallest float (tiny shapes have quantiles
    // of 1e-120); otherwise the accuracy ends it after about 50.
    for _ in 0..1_100 {
        let middle = f64::midpoint(low, high);
        if high - low <= 1e-14 * high || middle <= low || middle >= high {
            break;
        }
        if gamma_cdf(shape, middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// Steps after which the expansions have converged for every shape up to 1e5.
const EXPANSION_STEPS: u32 = 20_000;

/// The series 1/a + x/(a(a+1)) + x²/(a(a+1)(a+2)) + …
fn lower_series(shape: f64, x: f64) -> f64 {
    let mut term = 1.0 / shape;
    let mut sum = term;
    let mut denominator = shape;
    for _ in 0..EXPANSION_STEPS {
        denominator += 1.0;
        term *= x / denominator;
        sum += term;
        if term <= sum * 1e-17 {
            break;
        }
    }
    sum
}

/// The continued fraction 1/(x+1-a- 1(1-a)/(x+3-a- 2(2-a)/(x+5-a- …))).
fn upper_fraction(shape: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut base = x + 1.0 - shape;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / away_from_zero(base);
    let mut product = d;
    for step in 1..=EXPANSION_STEPS {
        let step = f64::from(step);
        let factor = -step * (step - shape);
        base += 2.0;
        d = 1.0 / away_from_zero(factor * d + base);
        c = away_from_zero(base + factor / c);
        let change = c * d;
        product *= change;
        if (change - 1.0).abs() < 1e-16 {
            break;
        }
    }
    product
}

/// The polynomial with these coefficients, the constant one first.
fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients
        .iter()
        .rev()
        .fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// Numerator and denominator for |p - 0.5| up to 0.425.
const CENTRAL: ([f64; 8], [f64; 8]) = (
    [
        3.387_132_872_796_366_5,
        1.331_416_678_917_843_8e2,
        1.971_590_950_306_551_3e3,
        1.373_169_376_550_946e4,
        4.592_195_393_154_987e4,
        6.726_577_092_700_87e4,
        3.343_057_558_358_813e4,
        2.509_080_928_730_122_7e3,
    ],
    [
        1.0,
        4.231_333_070_160_091e1,
        6.871_870_074_920_579e2,
        5.394_196_021_424_751e3,
        2.121_379_430_158_659_7e4,
        3.930_789_580_009_271e4,
        2.872_908_573_572_194_3e4,
        5.226_495_278_852_854e3,
    ],
);
/// Numerator and denominator for tails down to e^-25.
const MIDDLE: ([f64; 8], [f64; 8]) = (
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        2.417_807_251_774_506e-1,
        2.272_384_498_926_918_4e-2,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        6.897_673_349_851e-1,
        1.481_039_764_274_800_8e-1,
        1.519_866_656_361_645_7e-2,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
);
/// Numerator and denominator for tails below e^-25.
const FAR: ([f64; 8], [f64; 8]) = (
    [
        6.657_904_643_501_104,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        2.965_605_718_285_048_7e-1,
        2.653_218_952_657_612_4e-2,
        1.242_660_947_388_078_4e-3,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        1.0,
        5.998_322_065_558_88e-1,
        1.369_298_809_227_358e-1,
        1.487_536_129_085_061_5e-2,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_7e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ],
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_quantiles_are_the_published_ones_and_invert_the_probability() {
        // The check values of AS 241 for p = 0.25, 0.001 and 1e-20.
        for (p, value) in [
            (0.25, -0.674_489_750_196_081_7),
            (0.001, -3.090_232_306_167_814),
            (1e-20, -9.262_340_089_798_408),
        ] {
            let relative = normal_quantile(p) / value - 1.0;
            assert!(relative.abs() < 4e-16, "{p}: {}", normal_quantile(p));
        }
        for p in [
            1e-300, 1e-12, 0.01, 0.074, 0.076, 0.3, 0.5, 0.8, 0.93, 0.999_999,
        ] {
            let back = normal_cdf(normal_quantile(p));
            assert!((back / p - 1.0).abs() < 1e-12, "{p}: {back}");
        }
        assert_eq!(normal_quantile(0.0).to_bits(), f64::NEG_INFINITY.to_bits());
        assert_eq!(normal_quantile(1.0).to_bits(), f64::INFINITY.to_bits());
    }

    #[test]
    fn gamma_probabilities_agree_with_closed_forms() {
        for x in [1e-6, 0.1, 0.9, 1.5, 4.0, 30.0] {
            // Shape 1 is the exponential, shape 2 an Erlang, shape 1/2 the square of a normal.
            let erlang = 1.0 - (1.0 + x) * math::exp(-x);
            for (shape, value) in [
                (0.5, math::erf(math::sqrt(x))),
                (1.0, -math::exp_m1(-x)),
                (2.0, erlang),
            ] {
                let difference = gamma_cdf(shape, x) - value;
                assert!(difference.abs() < 1e-14, "{shape} {x}: {difference}");
            }
        }
        let (exact, approximate) = (gamma_cdf(1e5, 100_300.0), gamma_cdf(1e5 + 1e-6, 100_300.0));
        assert!((exact - approximate).abs() < 1e-6, "{exact} {approximate}");
        assert_eq!(
            (gamma_cdf(2.0, 0.0), gamma_cdf(2.0, f64::INFINITY)),
            (0.0, 1.0)
        );
    }

    #[test]
    fn gamma_quantiles_invert_the_probability() {
        for shape in [0.05, 0.7, 1.0, 3.0, 250.0, 2e5] {
            for p in [1e-6, 0.01, 0.4, 0.9, 0.999_999] {
                let back = gamma_cdf(shape, gamma_quantile(shape, p));
                assert!((back / p - 1.0).abs() < 1e-9, "{shape} {p}: {back}");
            }
        }
        assert_eq!(
            (gamma_quantile(2.0, 0.0), gamma_quantile(2.0, 1.0)),
            (0.0, f64::INFINITY)
        );
    }
}
