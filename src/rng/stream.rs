//! Named random streams. A stream is `ChaCha8` under a key made of the run's seed and a purpose
//! ("arrivals", "failures/node-crash"), at the stream number of an entity (a node, a pod). Each
//! component asks for its own, so a further component, or one more draw in a policy, never shifts
//! anyone else's numbers. An entity's number is its stable identity ([`units::Identity`]), never
//! its place in the order of creation: paired runs draw the same for the same entity.
//!
//! The result of a draw from a given state never changes: golden tests hold the numbers, and this
//! module derives integers and floats itself, as a library might change its way.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use units::Identity;

use crate::chance::Mark;

/// A random stream for one purpose and one entity of one run.
///
/// ```
/// use rng::Stream;
///
/// let mut crashes = Stream::new(42, "failures/node-crash", 7);
/// let first = crashes.next_u64();
/// // The same seed, purpose and entity always give the same numbers; another entity gives others.
/// assert_eq!(Stream::new(42, "failures/node-crash", 7).next_u64(), first);
/// assert_ne!(Stream::new(42, "failures/node-crash", 8).next_u64(), first);
/// assert!(crashes.below(6) < 6);
/// assert!((0.0..1.0).contains(&crashes.unit_f64()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    generator: ChaCha8Rng,
    mark: Mark,
}

impl Stream {
    /// The stream of `entity` for `purpose` in the run with this `seed`: the key is the BLAKE3
    /// hash of the seed (8 bytes, little-endian) followed by the purpose, the `ChaCha` stream
    /// number is `entity`.
    pub fn new(seed: u64, purpose: &str, entity: u64) -> Self {
        Streams::new(seed, purpose).numbered(entity)
    }

    /// The stream of the entity with an identity: [`Stream::new`] at the identity's number.
    pub fn of(seed: u64, purpose: &str, entity: Identity) -> Self {
        Self::new(seed, purpose, entity.number())
    }

    /// 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.mark.leave();
        self.generator.next_u64()
    }

    /// A whole number from 0 to `n - 1`, each equally likely: the high half of a 128-bit product,
    /// drawn again in the rare case where that would be biased (Lemire, "Fast Random Integer
    /// Generation in an Interval", 2019). One draw for nearly every `n` that occurs.
    ///
    /// # Panics
    /// If `n` is 0.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(
            n > 0,
            "invariant: a random choice needs at least one candidate"
        );
        let mut product = u128::from(self.next_u64()) * u128::from(n);
        if (product as u64) < n {
            let threshold = n.wrapping_neg() % n;
            while (product as u64) < threshold {
                product = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        (product >> 64) as u64
    }

    /// A number in [0, 1): a multiple of 2^-53, one draw.
    #[inline]
    pub fn unit_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * TWO_TO_MINUS_53
    }

    /// A number in (0, 1]: a multiple of 2^-53, one draw; safe to take the logarithm of.
    #[inline]
    pub fn open_unit_f64(&mut self) -> f64 {
        ((self.next_u64() >> 11) + 1) as f64 * TWO_TO_MINUS_53
    }

    /// Puts `items` into a random order by Fisher-Yates from the top: for `i` from the last
    /// position down to 1, swap `i` with `below(i + 1)`.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i as u64 + 1) as usize;
            items.swap(i, j);
        }
    }
}

/// The streams of all entities for one purpose of one run: the key is hashed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Streams {
    key: [u8; 32],
    mark: Mark,
}

impl Streams {
    /// The streams for `purpose` in the run with this `seed`.
    pub fn new(seed: u64, purpose: &str) -> Self {
        let key = blake3::Hasher::new()
            .update(&seed.to_le_bytes())
            .update(purpose.as_bytes())
            .finalize();
        Self {
            key: *key.as_bytes(),
            mark: Mark::of(seed),
        }
    }

    /// The stream of an entity.
    pub fn of(&self, entity: Identity) -> Stream {
        self.numbered(entity.number())
    }

    /// The stream of an entity of this number: [`Stream::new`] with the key that is known.
    pub fn numbered(&self, entity: u64) -> Stream {
        let mut generator = ChaCha8Rng::from_seed(self.key);
        generator.set_stream(entity);
        Stream {
            generator,
            mark: self.mark.of_one(),
        }
    }
}

/// 2^-53, the distance between neighbouring floats just below 1.
const TWO_TO_MINUS_53: f64 = 1.0 / 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn draws(seed: u64, purpose: &str, entity: u64) -> [u64; 2] {
        let mut stream = Stream::new(seed, purpose, entity);
        std::array::from_fn(|_| stream.next_u64())
    }

    #[test]
    fn golden_words() {
        for (seed, purpose, entity, numbers) in [
            (
                42,
                "arrivals",
                0,
                [0x363b_18e9_480c_c61b, 0x708d_cb9e_8216_0009],
            ),
            (
                42,
                "arrivals",
                1,
                [0x6b88_aa9b_4e83_dbbe, 0x1f01_c1c6_8e89_cd20],
            ),
            (
                42,
                "failures",
                0,
                [0xf2e8_890f_3187_59ca, 0x6c25_7cae_198b_9e1d],
            ),
            (
                43,
                "arrivals",
                0,
                [0x7869_325b_426f_aff1, 0xb4d1_f16b_980c_18ea],
            ),
            (
                u64::MAX,
                "",
                u64::MAX,
                [0xdda8_8db6_decc_e812, 0x4a04_db35_0796_97e9],
            ),
        ] {
            assert_eq!(
                draws(seed, purpose, entity),
                numbers,
                "{seed} {purpose} {entity}"
            );
        }
    }

    #[test]
    fn golden_choices_floats_and_orders() {
        let mut stream = Stream::new(7, "golden", 0);
        let whole = [1, 10, 1_000_000_007, u64::MAX].map(|n| stream.below(n));
        assert_eq!(whole, [0, 7, 606_576_571, 1_012_509_754_759_517_440]);
        let closed = [(); 2].map(|()| stream.unit_f64().to_bits());
        assert_eq!(
            closed,
            [0.712_333_741_422_903_3, 0.580_093_308_424_770_8].map(f64::to_bits)
        );
        let open = [(); 2].map(|()| stream.open_unit_f64().to_bits());
        assert_eq!(
            open,
            [0.171_097_401_145_027_03, 0.499_849_581_356_282_3].map(f64::to_bits)
        );
        let mut items: Vec<u32> = (0..10).collect();
        stream.shuffle(&mut items);
        assert_eq!(items, [3, 4, 2, 7, 1, 6, 8, 5, 0, 9]);
    }

    #[test]
    fn the_generator_is_the_published_one() {
        // The value the generator's users publish for this seed.
        let mut generator = ChaCha8Rng::seed_from_u64(42);
        assert_eq!(generator.next_u64(), 0xae90_bfb5_395d_5ba1);
    }

    #[test]
    fn draws_of_one_stream_do_not_shift_another() {
        let expected = draws(42, "failures", 3);
        let mut others = [
            Stream::new(42, "failures", 2),
            Stream::new(42, "arrivals", 3),
            Stream::new(41, "failures", 3),
        ];
        let mut stream = Stream::new(42, "failures", 3);
        for (turn, &number) in expected.iter().enumerate() {
            for other in &mut others {
                for _ in 0..=turn * 100 {
                    assert_ne!(other.next_u64(), number);
                }
            }
            assert_eq!(stream.next_u64(), number);
        }
        let mut fork = stream.clone();
        assert_eq!(fork, stream);
        assert_eq!(fork.next_u64(), stream.next_u64());
    }

    #[test]
    fn choices_are_even_and_floats_stay_inside_their_interval() {
        let mut stream = Stream::new(1, "evenness", 0);
        let mut counts = [0_u32; 7];
        let (mut sum, mut open_sum) = (0.0, 0.0);
        for _ in 0..70_000 {
            counts[stream.below(7) as usize] += 1;
            let (closed, open) = (stream.unit_f64(), stream.open_unit_f64());
            assert!((0.0..1.0).contains(&closed) && open > 0.0 && open <= 1.0);
            sum += closed;
            open_sum += open;
        }
        // 10,000 expected each, standard deviation 93.
        assert!(
            counts.iter().all(|count| (9_600..10_400).contains(count)),
            "{counts:?}"
        );
        assert!((sum / 70_000.0 - 0.5).abs() < 0.005 && (open_sum / 70_000.0 - 0.5).abs() < 0.005);
    }

    #[test]
    fn every_order_of_three_is_equally_likely() {
        let mut stream = Stream::new(1, "orders", 0);
        let mut counts = units::SortedMap::new();
        for _ in 0..60_000 {
            let mut items = [0, 1, 2];
            stream.shuffle(&mut items);
            *counts.entry(items).or_insert(0_u32) += 1;
        }
        assert_eq!(counts.len(), 6);
        assert!(
            counts.values().all(|count| (9_600..10_400).contains(count)),
            "{counts:?}"
        );
    }

    proptest! {
        #[test]
        fn below_is_below(seed in any::<u64>(), n in 1..=u64::MAX) {
            prop_assert!(Stream::new(seed, "below", 0).below(n) < n);
        }
    }
}
