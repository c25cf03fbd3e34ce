//! Moves of instances, and machines that were not made, in canonical bytes.

use model::{MachineFailure, Relocation, RelocationAnswer};
use units::{Duration, Instant};

use super::Digest;

impl Digest {
    /// Adds a machine that does not come.
    pub(super) fn machine_failed(&mut self, at: Instant, own: &MachineFailure) {
        let texts = [&own.node, &own.group, &own.why];
        self.record(at, 43, texts.map(|text| text.len() as u64));
        for text in texts {
            self.bytes(text.as_bytes());
        }
    }

    /// Adds a step of a cold migration or resize.
    pub(super) fn relocation(&mut self, step: Relocation) {
        let Relocation::Asked { class, answer } = step else {
            let code = match step {
                Relocation::Asked { .. } => 0,
                Relocation::Refused => 1,
                Relocation::Confirmed => 2,
                Relocation::Reverted => 3,
                Relocation::Stranded => 4,
                Relocation::GivenUp => 5,
            };
            return self.tagged(14, [code]);
        };
        let (code, after) = match answer {
            None => (0, Duration::ZERO),
            Some(RelocationAnswer::Confirm { after }) => (1, after),
            Some(RelocationAnswer::Revert { after }) => (2, after),
        };
        self.tagged(13, [u64::from(class.0), code, after.as_nanos() as u64]);
    }
}
