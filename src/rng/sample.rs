//! Numbers of the usual continuous distributions out of a [`Stream`], for generators that work
//! on plain floats; [`super::Distribution`] is the form with units that users write.

use super::{Stream, math, special};

impl Stream {
    /// A normal number of mean 0 and deviation 1: one draw through the inverse distribution
    /// function, at the middle of one of 2^52 equal steps, so never infinite.
    pub fn standard_normal(&mut self) -> f64 {
        let step = (self.next_u64() >> 12) as f64;
        special::normal_quantile((step + 0.5) * TWO_TO_MINUS_52)
    }

    /// An exponential number of this mean: one draw through the inverse distribution function.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * math::ln(self.open_unit_f64())
    }

    /// A gamma number of this shape and scale (mean `shape × scale`); `shape` is positive.
    ///
    /// Marsaglia and Tsang, "A Simple Method for Generating Gamma Variables" (2000), without the
    /// squeeze: pairs of a normal and a uniform draw until one is accepted (1.05 pairs at most on
    /// average); below shape 1 one further draw first.
    pub fn gamma(&mut self, shape: f64, scale: f64) -> f64 {
        if shape < 1.0 {
            let boost = math::pow(self.open_unit_f64(), 1.0 / shape);
            return boost * self.gamma(shape + 1.0, scale);
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / math::sqrt(9.0 * d);
        loop {
            let x = self.standard_normal();
            let root = 1.0 + c * x;
            let v = root * root * root;
            let log_uniform = math::ln(self.open_unit_f64());
            if v > 0.0 && log_uniform < 0.5 * x * x + d - d * v + d * math::ln(v) {
                return d * v * scale;
            }
        }
    }
}

/// 2^-52.
const TWO_TO_MINUS_52: f64 = f64::EPSILON;

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and variance of 200,000 draws.
    fn moments(mut draw: impl FnMut() -> f64) -> (f64, f64) {
        let draws: Vec<f64> = (0..200_000).map(|_| draw()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance =
            draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / draws.len() as f64;
        (mean, variance)
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut stream = Stream::new(5, "moments", 0);
        let (mean, variance) = moments(|| stream.standard_normal());
        assert!(
            mean.abs() < 0.01 && (variance - 1.0).abs() < 0.015,
            "{mean} {variance}"
        );
        let (mean, variance) = moments(|| stream.exponential(3.0));
        assert!(
            (mean - 3.0).abs() < 0.03 && (variance - 9.0).abs() < 0.3,
            "{mean} {variance}"
        );
        for shape in [0.1, 0.5, 1.0, 2.5, 40.0] {
            let (mean, variance) = moments(|| stream.gamma(shape, 2.0));
            assert!((mean / (2.0 * shape) - 1.0).abs() < 0.03, "{shape}: {mean}");
            assert!(
                (variance / (4.0 * shape) - 1.0).abs() < 0.06,
                "{shape}: {variance}"
            );
        }
    }

    #[test]
    fn golden_values() {
        let mut stream = Stream::new(7, "golden", 1);
        println!(
            "GOLD normal {:?}",
            [(); 3].map(|()| stream.standard_normal())
        );
        println!(
            "GOLD exponential {:?}",
            [(); 2].map(|()| stream.exponential(2.0))
        );
        println!(
            "GOLD gamma {:?}",
            [0.3, 1.0, 7.5].map(|shape| stream.gamma(shape, 2.0))
        );
    }
}
