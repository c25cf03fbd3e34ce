//! Values in canonical bytes, by their derived `Hash`: every field is in it, in written order, and
//! integers are little-endian and of fixed width on every machine. Digests and names of templates
//! are made from these bytes.

use std::hash::{Hash, Hasher};

use units::Identity;

/// Hands the bytes that a `Hash` writes to a consumer.
pub struct Canonical<F: FnMut(&[u8])>(pub F);

impl<F: FnMut(&[u8])> Canonical<F> {
    /// Writes a value.
    pub fn add(&mut self, value: &impl Hash) {
        value.hash(self);
    }
}

impl<F: FnMut(&[u8])> Hasher for Canonical<F> {
    /// Never called: only the bytes matter.
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        (self.0)(bytes);
    }

    fn write_u16(&mut self, number: u16) {
        self.write(&number.to_le_bytes());
    }

    fn write_u32(&mut self, number: u32) {
        self.write(&number.to_le_bytes());
    }

    fn write_u64(&mut self, number: u64) {
        self.write(&number.to_le_bytes());
    }

    fn write_u128(&mut self, number: u128) {
        self.write(&number.to_le_bytes());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_i16(&mut self, number: i16) {
        self.write(&number.to_le_bytes());
    }

    fn write_i32(&mut self, number: i32) {
        self.write(&number.to_le_bytes());
    }

    fn write_i64(&mut self, number: i64) {
        self.write(&number.to_le_bytes());
    }

    fn write_i128(&mut self, number: i128) {
        self.write(&number.to_le_bytes());
    }

    fn write_isize(&mut self, number: isize) {
        self.write_i64(number as i64);
    }
}

/// The characters of generated names: no vowels, so that no words come out, and none that are
/// mistaken for others. The original has the same.
const NAME_LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// A short name for a value: equal values have equal names. 32 bits by FNV-1a, written as the
/// original writes its hashes.
pub fn short_name(value: &impl Hash) -> String {
    let mut hash = 0x811c_9dc5_u32;
    Canonical(|bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    })
    .add(value);
    let digits = hash.to_string();
    let letters = digits
        .bytes()
        .map(|digit| NAME_LETTERS[usize::from(digit) % 27]);
    letters.map(char::from).collect()
}

/// Numbers that have names of five letters.
const ROUND: u32 = 27 * 27 * 27 * 27 * 27;

/// Suffix of the generated name of the pod that an owner creates in a turn: the suffixes of an
/// owner's pods differ, and another run gives the same ones.
pub fn suffix_in_turn(owner: Identity, turn: u32) -> String {
    let first = (owner.number() % u64::from(ROUND)) as u32;
    if turn < ROUND {
        suffix((first + turn) % ROUND)
    } else {
        suffix(turn)
    }
}

/// Suffix of a generated name that follows from an identity alone.
pub fn suffix_of(identity: Identity) -> String {
    suffix((identity.number() >> 32) as u32)
}

/// Five letters for a number, different for numbers below 27^5 (14 million); further ones get a
/// letter more. Numbers that follow each other have names that don't look alike.
pub fn suffix(number: u32) -> String {
    // Any factor that shares no divisor with 27 gives every number of a round another place.
    const FACTOR: u64 = 8_675_309;
    let mut left = (u64::from(number % ROUND) * FACTOR % u64::from(ROUND)) as u32;
    let mut name = String::with_capacity(6);
    for _ in 0..5 {
        name.push(char::from(NAME_LETTERS[(left % 27) as usize]));
        left /= 27;
    }
    let mut round = number / ROUND;
    while round > 0 {
        name.push(char::from(NAME_LETTERS[(round % 27) as usize]));
        round /= 27;
    }
    name
}

/// The unique identifier of a pod or object, as text: it does not sort by age, as real ones don't.
pub fn unique_id(identity: Identity) -> String {
    format!("{:016x}", identity.number())
}

#[cfg(test)]
mod tests {

    use super::*;
    use units::SortedSet;

    #[test]
    fn generated_names_differ() {
        let suffixes: SortedSet<String> = (0..20_000).map(suffix).collect();
        assert_eq!(suffixes.len(), 20_000);
        assert!(suffixes.iter().all(|name| name.len() == 5));
        assert_eq!(suffix(27_u32.pow(5)).len(), 6);
        let pods = (0..20_000).map(|number| Identity::of("web").nth(number));
        let ids: SortedSet<String> = pods.map(unique_id).collect();
        assert_eq!(ids.len(), 20_000);
    }

    #[test]
    fn pods_of_an_owner_have_names_of_their_own() {
        let owner = Identity::of("ReplicaSet").with("web");
        let turns = (0..20_000).chain([ROUND - 1, ROUND, ROUND + 1]);
        let names: SortedSet<String> = turns.map(|turn| suffix_in_turn(owner, turn)).collect();
        assert_eq!(names.len(), 20_003);
        let other = Identity::of("ReplicaSet").with("shop");
        assert_ne!(suffix_in_turn(owner, 0), suffix_in_turn(other, 0));
        let nodes = (0..5_000).map(|node| suffix_of(owner.nth(node)));
        assert_eq!(nodes.collect::<SortedSet<String>>().len(), 5_000);
    }

    #[test]
    fn names_of_values_are_fixed() {
        assert_eq!(short_name(&("a", 1_u64)), short_name(&("a", 1_usize)));
        assert_ne!(short_name(&"a"), short_name(&"b"));
        assert!(
            short_name(&0_u8)
                .bytes()
                .all(|letter| NAME_LETTERS.contains(&letter))
        );
    }
}
