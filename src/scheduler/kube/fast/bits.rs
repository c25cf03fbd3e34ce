//! Sets of nodes and columns of points over the scheduler's order, 64 nodes at a time, in loops that
//! the compiler turns into vector instructions.

/// Nodes of one word.
pub(super) const WORD: usize = 64;

/// Times at which the 64 nodes of a word changed.
pub(super) type Stamps = [i32; WORD];

/// Points of the 64 nodes of a word; 0 is a node that is out.
pub(super) type Chunk = [i16; WORD];

/// For every byte the lanes whose bits are set.
static LANES: [[i16; 8]; 256] = lanes();

const fn lanes() -> [[i16; 8]; 256] {
    let mut table = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut lane = 0;
        while lane < 8 {
            if byte >> lane & 1 == 1 {
                table[byte][lane] = -1;
            }
            lane += 1;
        }
        byte += 1;
    }
    table
}

/// Puts nodes out that are not in the set.
pub(super) fn keep(chunk: &mut Chunk, word: u64) {
    if word == u64::MAX {
        return;
    }
    for (lanes, byte) in chunk
        .as_chunks_mut::<8>()
        .0
        .iter_mut()
        .zip(word.to_le_bytes())
    {
        for (lane, mask) in lanes.iter_mut().zip(LANES[usize::from(byte)]) {
            *lane &= mask;
        }
    }
}

/// The most points.
pub(super) fn most(chunk: &Chunk) -> i16 {
    chunk.iter().copied().fold(0, i16::max)
}

/// Number of nodes that have exactly these points.
pub(super) fn count(chunk: &Chunk, points: i16) -> usize {
    let equal = chunk.iter().map(|&own| i16::from(own == points));
    equal.fold(0, i16::wrapping_add) as usize
}

/// The place in the word of one of the nodes with just so many points.
pub(super) fn find(chunk: &Chunk, points: i16, mut skip: usize) -> Option<usize> {
    chunk.iter().position(|&own| {
        let is_equal = own == points;
        let is_it = is_equal && skip == 0;
        skip = skip.wrapping_sub(usize::from(is_equal));
        is_it
    })
}

/// The nodes that changed later.
pub(super) fn newer(stamps: &Stamps, than: i32) -> u64 {
    let mut flags = [0_u8; WORD];
    for (flag, &stamp) in flags.iter_mut().zip(stamps) {
        *flag = u8::from(stamp > than);
    }
    // The product brings the lowest bits of eight bytes together in its highest byte.
    let eights = flags.as_chunks::<8>().0.iter().enumerate();
    eights.fold(0, |word, (place, &eight)| {
        let bits = u64::from_le_bytes(eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        word | bits << (8 * place)
    })
}

/// Adds the points of each node's domain; domains are numbered from 0.
pub(super) fn add_by_domain(chunk: &mut Chunk, domains: &Chunk, points: &[i16]) {
    for (domain, &points) in (0_i16..).zip(points).filter(|&(_, &points)| points != 0) {
        for (total, &own) in chunk.iter_mut().zip(domains) {
            *total = total.wrapping_add(if own == domain { points } else { 0 });
        }
    }
}

/// Adds points.
pub(super) fn add(chunk: &mut Chunk, points: &Chunk) {
    for (total, &own) in chunk.iter_mut().zip(points) {
        *total = total.wrapping_add(own);
    }
}

/// The place of the bit before which there are `skip` others.
pub(super) fn nth_bit(mut word: u64, skip: usize) -> usize {
    for _ in 0..skip {
        word &= word.wrapping_sub(1);
    }
    word.trailing_zeros() as usize
}

/// A set of nodes, by place.
pub(super) type Set = Vec<u64>;

/// An empty set.
pub(super) fn empty(nodes: usize) -> Set {
    vec![0; nodes.div_ceil(WORD)]
}

/// Adds a node or takes it out.
pub(super) fn put(set: &mut [u64], place: usize, is_in: bool) {
    let (word, bit) = (&mut set[place / WORD], 1 << (place % WORD));
    if is_in {
        *word |= bit;
    } else {
        *word &= !bit;
    }
}

/// Whether a node is in the set.
pub(super) fn has(set: &[u64], place: usize) -> bool {
    set[place / WORD] >> (place % WORD) & 1 == 1
}

/// Calls with the places of a word's bits.
pub(super) fn each(word: u64, base: usize, mut call: impl FnMut(usize)) {
    let mut rest = word;
    while rest != 0 {
        call(base + rest.trailing_zeros() as usize);
        rest &= rest.wrapping_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_as_their_nodes_one_by_one() {
        let mut chunk: Chunk = std::array::from_fn(|place| (place % 7) as i16 + 1);
        let word = 0x8000_0f0f_1234_5677;
        keep(&mut chunk, word);
        for (place, &points) in chunk.iter().enumerate() {
            let expected = if word >> place & 1 == 1 {
                (place % 7) as i16 + 1
            } else {
                0
            };
            assert_eq!(points, expected);
        }
        let stamps: Stamps = std::array::from_fn(|place| (place * 37 % 64) as i32);
        for than in -1..64 {
            let newer = newer(&stamps, than);
            for (place, &stamp) in stamps.iter().enumerate() {
                assert_eq!(newer >> place & 1 == 1, stamp > than, "{place} {than}");
            }
        }
        assert_eq!(most(&chunk), 7);
        let with_seven: Vec<usize> = (0..WORD).filter(|&place| chunk[place] == 7).collect();
        assert_eq!(count(&chunk, 7), with_seven.len());
        for (skip, &place) in with_seven.iter().enumerate() {
            assert_eq!(find(&chunk, 7, skip), Some(place));
        }
        assert_eq!(find(&chunk, 7, with_seven.len()), None);
        let mut places = Vec::new();
        each(word, 0, |place| places.push(place));
        for (skip, &place) in places.iter().enumerate() {
            assert_eq!(nth_bit(word, skip), place);
        }
    }
}
