//! Outcomes that readers state of arrivals.

use arrivals::Recorded;

/// The outcomes of the arrivals; empty where none is known.
pub(crate) fn outcomes(recorded: &Recorded) -> Vec<&str> {
    let arrivals = recorded.arrivals.iter();
    arrivals
        .map(|own| ::arrivals::job_fields::OUTCOME.of(&recorded.classes[own.class as usize].labels))
        .collect()
}
