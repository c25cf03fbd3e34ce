//! Answers about classes of pods, kept within one attempt: pods of one class are asked about once
//! and not one by one. A fixed number of classes is remembered, by where they lie in memory; a
//! class that falls on another's place is asked about again, so answers are those of asking.

use std::sync::Arc;

use crate::control::scheduler::kube::{PodClass, PodInfo};

/// How many classes are remembered, a power of two.
const PLACES: usize = 128;
/// Classes are allocated by themselves, so the lowest bits of where they lie tell little.
const SHIFT: u32 = 5;

/// Answers by class.
#[derive(Clone, Debug)]
pub(super) struct ClassMemo<T> {
    /// Where the class lies (0 is none), and the answer.
    places: Vec<(usize, T)>,
}

impl<T: Copy + Default> Default for ClassMemo<T> {
    fn default() -> Self {
        Self {
            places: vec![(0, T::default()); PLACES],
        }
    }
}

impl<T: Copy + Default> ClassMemo<T> {
    /// The answer about the pod's class; `ask` gives it where it isn't known.
    pub(super) fn get(&mut self, pod: &PodInfo, ask: impl FnOnce() -> T) -> T {
        let address = Arc::as_ptr(&pod.class) as *const PodClass as usize;
        let place = &mut self.places[spread(address)];
        if place.0 != address {
            *place = (address, ask());
        }
        place.1
    }
}

/// The place of an address: its bits mixed, so that equal distances don't fall on one place.
fn spread(address: usize) -> usize {
    let mixed = (address >> SHIFT).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (usize::BITS - PLACES.trailing_zeros())) & (PLACES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_own_answer_however_many_there_are() {
        let pods: Vec<PodInfo> = (0..1_000)
            .map(|_| PodInfo {
                class: Arc::new(PodClass::default()),
                ..PodInfo::default()
            })
            .collect();
        let mut memo = ClassMemo::default();
        for _ in 0..3 {
            for (number, pod) in pods.iter().enumerate() {
                assert_eq!(memo.get(pod, || number), number);
            }
        }
        let mut asked = 0;
        for _ in 0..10 {
            memo.get(&pods[0], || {
                asked += 1;
                0
            });
        }
        assert!(asked <= 1);
    }
}
