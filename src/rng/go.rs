//! Go's `math/rand` (the generator behind `rand.New(rand.NewSource(seed))`), number for number.
//! Published experiments that were run with it can be repeated draw by draw; nothing else uses it.
//!
//! The source is an additive lagged Fibonacci generator of 607 words with tap 273. A Lehmer
//! generator expands the seed into its state, combined (exclusive or) with a fixed table
//! (`seed_table.txt`, 607 words in hexadecimal, recovered from the generator's outputs). The
//! methods keep Go's names and the number of draws each takes, as every later draw depends on it.

mod ziggurat;

use super::math;
use crate::chance::Mark;
use ziggurat::{ExponentialTables, NormalTables};

/// Words of state.
const LENGTH: usize = 607;
/// Distance between the two words that are added.
const TAP: usize = 273;
/// The modulus of the seeding generator, 2^31 - 1.
const SEED_MODULUS: i64 = 2_147_483_647;
/// Seed that stands in for 0.
const SEED_FOR_ZERO: i64 = 89_482_311;
/// The words combined (exclusive or) with the state at seeding.
const SEED_TABLE: [u64; LENGTH] = parse_table(include_str!("go/seed_table.txt").as_bytes());

/// Reads hexadecimal words of 16 digits, each followed by one blank or line end.
const fn parse_table(text: &[u8]) -> [u64; LENGTH] {
    assert!(
        text.len() == LENGTH * 17,
        "seed_table.txt has 607 words of 16 digits"
    );
    let mut words = [0; LENGTH];
    let mut position = 0;
    while position < text.len() {
        let digit = match text[position] {
            digit @ b'0'..=b'9' => Some(digit - b'0'),
            digit @ b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        assert!(
            digit.is_none() == (position % 17 == 16),
            "a word has 16 hexadecimal digits"
        );
        if let Some(digit) = digit {
            words[position / 17] = words[position / 17] << 4 | digit as u64;
        }
        position += 1;
    }
    words
}

/// Go's `*rand.Rand` over its default source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoRand {
    state: Box<[u64; LENGTH]>,
    tap: usize,
    feed: usize,
}

impl GoRand {
    /// `rand.New(rand.NewSource(seed))`. Seeds that are equal modulo 2^31 - 1 give equal numbers.
    pub fn new(seed: i64) -> Self {
        // Nobody makes one without drawing from it.
        Mark::of(seed as u64).leave();
        let mut word = match seed.rem_euclid(SEED_MODULUS) {
            0 => SEED_FOR_ZERO as u64,
            rest => rest as u64,
        };
        let mut next = || {
            word = word * 48_271 % SEED_MODULUS as u64;
            word
        };
        for _ in 0..20 {
            next();
        }
        let mut state = Box::new(SEED_TABLE);
        for slot in state.iter_mut() {
            *slot ^= next() << 40;
            *slot ^= next() << 20;
            *slot ^= next();
        }
        Self {
            state,
            tap: 0,
            feed: LENGTH - TAP,
        }
    }

    /// 64 random bits (`Uint64`).
    pub fn uint64(&mut self) -> u64 {
        self.tap = self.tap.checked_sub(1).unwrap_or(LENGTH - 1);
        self.feed = self.feed.checked_sub(1).unwrap_or(LENGTH - 1);
        let sum = self.state[self.feed].wrapping_add(self.state[self.tap]);
        self.state[self.feed] = sum;
        sum
    }

    /// 63 random bits (`Int63`, and `Int` where Go's `int` has 64 bits).
    pub fn int63(&mut self) -> i64 {
        (self.uint64() & (i64::MAX as u64)) as i64
    }

    /// 32 random bits (`Uint32`).
    pub fn uint32(&mut self) -> u32 {
        (self.int63() >> 31) as u32
    }

    /// 31 random bits (`Int31`).
    pub fn int31(&mut self) -> i32 {
        (self.int63() >> 32) as i32
    }

    /// A number below `n` (`Int63n`).
    ///
    /// # Panics
    /// If `n` is not positive.
    pub fn int63n(&mut self, n: i64) -> i64 {
        assert!(n > 0, "invariant: Int63n needs a positive bound, got {n}");
        if n & (n - 1) == 0 {
            return self.int63() & (n - 1);
        }
        let largest = (i64::MAX as u64 - (1 << 63) % n as u64) as i64;
        let mut value = self.int63();
        while value > largest {
            value = self.int63();
        }
        value % n
    }

    /// A number below `n` (`Int31n`).
    ///
    /// # Panics
    /// If `n` is not positive.
    pub fn int31n(&mut self, n: i32) -> i32 {
        assert!(n > 0, "invariant: Int31n needs a positive bound, got {n}");
        if n & (n - 1) == 0 {
            return self.int31() & (n - 1);
        }
        let largest = (i32::MAX as u32 - (1 << 31) % n as u32) as i32;
        let mut value = self.int31();
        while value > largest {
            value = self.int31();
        }
        value % n
    }

    /// A number below `n` (`Intn`): `Int31n` where `n` fits into 31 bits, else `Int63n`.
    ///
    /// # Panics
    /// If `n` is not positive.
    pub fn intn(&mut self, n: i64) -> i64 {
        match i32::try_from(n) {
            Ok(n) => i64::from(self.int31n(n)),
            Err(_) => self.int63n(n),
        }
    }

    /// A number in [0, 1) (`Float64`).
    pub fn float64(&mut self) -> f64 {
        loop {
            // 63 bits can round up to 1, which Go draws again.
            let value = self.int63() as f64 / 9_223_372_036_854_775_808.0;
            if value < 1.0 {
                return value;
            }
        }
    }

    /// A permutation of `0..n` (`Perm`).
    ///
    /// # Panics
    /// If `n` is beyond `i64`.
    pub fn perm(&mut self, n: usize) -> Vec<usize> {
        let mut order = vec![0; n];
        for i in 0..n {
            let j = self.intn(i as i64 + 1) as usize;
            order[i] = order[j];
            order[j] = i;
        }
        order
    }

    /// Shuffles `n` elements by calling `swap` with pairs of positions (`Shuffle`: Fisher-Yates
    /// from the top).
    pub fn shuffle(&mut self, n: usize, mut swap: impl FnMut(usize, usize)) {
        for i in (1..n).rev() {
            let j = match i32::try_from(i + 1) {
                Ok(bound) => self.below(bound as u32) as usize,
                Err(_) => self.int63n(i as i64 + 1) as usize,
            };
            swap(i, j);
        }
    }

    /// A normally distributed number of mean 0 and deviation 1 (`NormFloat64`), by the ziggurat
    /// method. About one draw in 1,800 is computed with a logarithm, whose last bit may differ
    /// from that of Go's library.
    pub fn norm_float64(&mut self) -> f64 {
        let tables = NormalTables::get();
        loop {
            let word = self.uint32() as i32;
            let strip = (word & 0x7f) as usize;
            let value = f64::from(word) * f64::from(tables.width[strip]);
            if word.unsigned_abs() < tables.accept[strip] {
                return value;
            }
            if strip == 0 {
                let tail = self.normal_tail();
                return if word > 0 { tail } else { -tail };
            }
            let height = self.height(tables.height[strip - 1], tables.height[strip]);
            if height < math::exp(-0.5 * value * value) as f32 {
                return value;
            }
        }
    }

    /// An exponentially distributed number of mean 1 (`ExpFloat64`), by the ziggurat method; see
    /// [`GoRand::norm_float64`] for the last bit.
    pub fn exp_float64(&mut self) -> f64 {
        let tables = ExponentialTables::get();
        loop {
            let word = self.uint32();
            let strip = (word & 0xff) as usize;
            let value = f64::from(word) * f64::from(tables.width[strip]);
            if word < tables.accept[strip] {
                return value;
            }
            if strip == 0 {
                return ExponentialTables::TAIL - math::ln(self.float64());
            }
            let height = self.height(tables.height[strip - 1], tables.height[strip]);
            if height < math::exp(-value) as f32 {
                return value;
            }
        }
    }

    /// A normal number beyond the base strip (Marsaglia's method for the tail).
    fn normal_tail(&mut self) -> f64 {
        loop {
            let x = -math::ln(self.float64()) * (1.0 / NormalTables::TAIL);
            let y = -math::ln(self.float64());
            if y + y >= x * x {
                return NormalTables::TAIL + x;
            }
        }
    }

    /// A height between those of two neighbouring strips, in binary32 as Go computes it.
    fn height(&mut self, upper: f32, lower: f32) -> f32 {
        lower + self.float64() as f32 * (upper - lower)
    }

    /// Go's unexported `int31n`: multiply-shift on 32 bits with rejection.
    fn below(&mut self, bound: u32) -> u32 {
        let mut product = u64::from(self.uint32()) * u64::from(bound);
        if (product as u32) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u32) < threshold {
                product = u64::from(self.uint32()) * u64::from(bound);
            }
        }
        (product >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// Runs a recorded call on a fresh generator.
    fn call(seed: i64, call: &str, argument: &str) -> Vec<String> {
        let mut rng = GoRand::new(seed);
        let (name, repetitions) = match call.rsplit_once('x') {
            Some((name, count)) => (name, count.parse().expect("a count after x")),
            None => (call, 1),
        };
        let bound = || argument.parse::<i64>().expect("a bound");
        let mut repeat = |draw: &mut dyn FnMut(&mut GoRand) -> String| {
            (0..repetitions).map(|_| draw(&mut rng)).collect::<Vec<_>>()
        };
        match name {
            "Uint64" => repeat(&mut |rng| rng.uint64().to_string()),
            "Int63" => repeat(&mut |rng| rng.int63().to_string()),
            "Intn" => repeat(&mut |rng| rng.intn(bound()).to_string()),
            "Int63n" => repeat(&mut |rng| rng.int63n(bound()).to_string()),
            "Float64" => repeat(&mut |rng| rng.float64().to_string()),
            "NormFloat64" => repeat(&mut |rng| rng.norm_float64().to_string()),
            "ExpFloat64" => repeat(&mut |rng| rng.exp_float64().to_string()),
            "Perm" => rng
                .perm(bound() as usize)
                .iter()
                .map(ToString::to_string)
                .collect(),
            "Shuffle" => {
                let mut order: Vec<i64> = (0..bound()).collect();
                rng.shuffle(order.len(), |i, j| order.swap(i, j));
                order.iter().map(ToString::to_string).collect()
            }
            _ => panic!("unknown call {call}"),
        }
    }

    #[test]
    fn every_recorded_call_gives_the_recorded_numbers() {
        let packed = include_bytes!("../../tests/data/go-rand/go_rng_vectors.csv.gz");
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(&packed[..])
            .read_to_string(&mut text)
            .expect("gzip");
        let mut checked = 0;
        for row in text.lines().skip(1) {
            let fields: Vec<&str> = row.split(',').collect();
            let [seed, name, argument, results] = fields[..] else {
                panic!("four fields: {row}")
            };
            let numbers = call(seed.parse().expect("a seed"), name, argument);
            let recorded: Vec<&str> = results.split_whitespace().collect();
            assert_eq!(numbers.len(), recorded.len(), "{row}");
            for (number, recorded) in numbers.iter().zip(recorded) {
                // Floats are recorded with 17 digits, more than their shortest form has.
                let equal = number == recorded
                    || name.contains("Float64")
                        && number.parse::<f64>().map(f64::to_bits)
                            == recorded.parse::<f64>().map(f64::to_bits);
                assert!(equal, "{row}: {number} instead of {recorded}");
            }
            checked += 1;
        }
        assert_eq!(checked, 121);
    }

    #[test]
    fn seeds_count_modulo_the_seeding_modulus() {
        for (seed, same) in [(0, 89_482_311), (-7, SEED_MODULUS - 7), (SEED_MODULUS, 0)] {
            assert_eq!(GoRand::new(seed), GoRand::new(same), "{seed}");
        }
        assert_eq!(
            GoRand::new(i64::MIN),
            GoRand::new(i64::MIN.rem_euclid(SEED_MODULUS))
        );
    }

    #[test]
    fn normal_and_exponential_numbers_have_their_moments() {
        let mut rng = GoRand::new(11);
        let count = 200_000;
        let normal: Vec<f64> = (0..count).map(|_| rng.norm_float64()).collect();
        let mean = normal.iter().sum::<f64>() / f64::from(count);
        let square = normal.iter().map(|x| x * x).sum::<f64>() / f64::from(count);
        let fourth = normal.iter().map(|x| x * x * x * x).sum::<f64>() / f64::from(count);
        assert!(
            mean.abs() < 0.01 && (square - 1.0).abs() < 0.01,
            "{mean} {square}"
        );
        assert!((fourth - 3.0).abs() < 0.08, "{fourth}");
        assert!(normal.iter().any(|x| *x > NormalTables::TAIL));
        assert!(normal.iter().any(|x| *x < -NormalTables::TAIL));
        let exponential: Vec<f64> = (0..count).map(|_| rng.exp_float64()).collect();
        let mean = exponential.iter().sum::<f64>() / f64::from(count);
        let square = exponential.iter().map(|x| x * x).sum::<f64>() / f64::from(count);
        assert!(
            (mean - 1.0).abs() < 0.01 && (square - 2.0).abs() < 0.05,
            "{mean} {square}"
        );
        assert!(exponential.iter().any(|x| *x > ExponentialTables::TAIL));
    }
}
