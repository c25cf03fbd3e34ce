//! Powers as Go's library computes them. The bounds of histogram buckets and the weights of
//! samples are made of them, and a correctly rounded power has other last digits (spec:
//! kubernetes.md 3.2).

/// `base` to the power of a whole number: mantissa and exponent apart, repeated squaring.
pub(super) fn pow(base: f64, exponent: i32) -> f64 {
    if exponent == 1 {
        return base;
    }
    if !base.is_finite() || exponent == 0 {
        return rng::math::pow(base, f64::from(exponent));
    }
    let (mut product, mut product_exponent) = (1.0, 0);
    let (mut square, mut square_exponent) = libm::frexp(base);
    let mut bits = exponent.unsigned_abs();
    while bits != 0 {
        if bits & 1 == 1 {
            product *= square;
            product_exponent += square_exponent;
        }
        square *= square;
        square_exponent <<= 1;
        if square < 0.5 {
            square += square;
            square_exponent -= 1;
        }
        bits >>= 1;
    }
    if exponent < 0 {
        product = 1.0 / product;
        product_exponent = -product_exponent;
    }
    libm::ldexp(product, product_exponent)
}

/// Two to a power: the polynomial and the reduction of Go's `exp2`, which are those of FreeBSD's
/// `e_exp.c` with the reduced argument in two parts.
pub(super) fn exp2(exponent: f64) -> f64 {
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const COEFFICIENTS: [f64; 5] = [
        4.138_136_797_057_238_5e-8,
        -1.653_390_220_546_525_2e-6,
        6.613_756_321_437_934e-5,
        -2.777_777_777_701_559_3e-3,
        1.666_666_666_666_666_6e-1,
    ];
    let whole = if exponent > 0.0 {
        libm::trunc(exponent + 0.5)
    } else {
        libm::trunc(exponent - 0.5)
    };
    let rest = exponent - whole;
    let (high, low) = (rest * LN2_HIGH, -rest * LN2_LOW);
    let reduced = high - low;
    let square = reduced * reduced;
    let mut polynomial = 0.0;
    for coefficient in COEFFICIENTS {
        polynomial = coefficient + square * polynomial;
    }
    let correction = reduced - square * polynomial;
    let mantissa = 1.0 - ((low - (reduced * correction) / (2.0 - correction)) - high);
    libm::ldexp(mantissa, whole as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_near_the_correctly_rounded_ones() {
        for exponent in [-20.7, -1.0, -0.3, 0.0, 0.5, 1.0, 63.9] {
            let expected = rng::math::exp2(exponent);
            assert!(
                (exp2(exponent) / expected - 1.0).abs() < 1e-15,
                "{exponent}"
            );
        }
        for exponent in [-2, 0, 1, 2, 17, 175] {
            let expected = rng::math::pow(1.05, f64::from(exponent));
            assert!(
                (pow(1.05, exponent) / expected - 1.0).abs() < 1e-13,
                "{exponent}"
            );
        }
        assert_eq!(pow(f64::INFINITY, -2).to_bits(), 0);
    }
}
