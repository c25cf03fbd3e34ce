//! Reasons of a pod's end as texts, such as `completed`, `evicted/drain` or `refused/OutOfcpu`.

use model::{EndReason, EvictionCause, PodPhase, Refusal};
use serde::{Deserialize, Deserializer, Serializer};

/// Reasons that have no cause.
const PLAIN: [(EndReason, &str); 7] = [
    (EndReason::Completed, "completed"),
    (EndReason::TimeLimit, "time-limit"),
    (EndReason::Error, "error"),
    (EndReason::Rejected, "rejected"),
    (EndReason::NodeLost, "node-lost"),
    (EndReason::Cancelled, "cancelled"),
    (EndReason::Moved, "moved"),
];

/// The last phase of a pod that ended by itself; `None` of one that others ended.
pub(crate) const fn own_end(reason: EndReason) -> Option<PodPhase> {
    match reason {
        EndReason::Completed => Some(PodPhase::Succeeded),
        EndReason::Error | EndReason::TimeLimit | EndReason::Refused(_) => Some(PodPhase::Failed),
        EndReason::Evicted(_)
        | EndReason::Rejected
        | EndReason::NodeLost
        | EndReason::Moved
        | EndReason::Cancelled => None,
    }
}

/// The text of a reason.
pub(super) fn text(reason: EndReason) -> String {
    match reason {
        EndReason::Evicted(cause) => format!("evicted/{}", cause.name()),
        EndReason::Refused(refusal) => format!("refused/{}", refusal.name()),
        plain => {
            let mut known = PLAIN.iter().filter(|(known, _)| *known == plain);
            known.next().map_or("error", |(_, text)| text).to_owned()
        }
    }
}

/// The reason of a text; `None` of any other text.
pub(super) fn parse(text: &str) -> Option<EndReason> {
    if let Some(cause) = text.strip_prefix("evicted/") {
        let mut known = EvictionCause::ALL.into_iter();
        return known
            .find(|known| known.name() == cause)
            .map(EndReason::Evicted);
    }
    if let Some(refusal) = text.strip_prefix("refused/") {
        let mut known = Refusal::ALL.into_iter();
        return known
            .find(|known| known.name() == refusal)
            .map(EndReason::Refused);
    }
    let mut known = PLAIN.iter().filter(|(_, known)| *known == text);
    known.next().map(|(reason, _)| *reason)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
pub(super) fn serialize<S: Serializer>(
    reason: &EndReason,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*reason))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<EndReason, D::Error> {
    let written = String::deserialize(deserializer)?;
    let unknown = || {
        serde::de::Error::custom(format!(
            "`{written}` is no reason of a pod's end; expected one such as `completed`"
        ))
    };
    parse(&written).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_text_of_its_own() {
        let plain = PLAIN.iter().map(|(reason, _)| *reason);
        let evicted = EvictionCause::ALL.into_iter().map(EndReason::Evicted);
        let refused = Refusal::ALL.into_iter().map(EndReason::Refused);
        for reason in plain.chain(evicted).chain(refused) {
            assert_eq!(parse(&text(reason)), Some(reason));
        }
        assert_eq!(parse("evicted/whim"), None);
        assert_eq!(parse("done"), None);
    }
}
