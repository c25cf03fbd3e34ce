//! Random choices with a fixed seed.

/// A small generator of random numbers (xorshift); its quality is enough for making test cases.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    /// A number below `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        (self.next() % count.max(1) as u64) as usize
    }

    /// A number of a range, both ends included.
    pub(crate) fn between(&mut self, least: i64, most: i64) -> i64 {
        least + self.below((most - least + 1) as usize) as i64
    }

    /// True in so many of a hundred cases.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    pub(crate) fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }

    /// One of several texts.
    pub(crate) fn text(&mut self, list: &[&str]) -> windtunnel::model::Text {
        self.pick(list).into()
    }
}

/// The seed of the run of the tests (`PROPTEST_RNG_SEED`), by which drawn cases are other ones.
pub(crate) fn seed() -> Option<u64> {
    std::env::var("PROPTEST_RNG_SEED").ok()?.parse().ok()
}
