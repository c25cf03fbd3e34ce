//! What a client does not want to be offered, and until when.

use smallvec::SmallVec;

use super::amounts::Bundle;
use crate::units::Instant;

/// A refusal: an offer of no more than this is not made until then.
#[derive(Clone, Debug)]
struct Refusal {
    until: Instant,
    resources: Bundle,
}

/// Refusals by agent.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals {
    of: Vec<SmallVec<[Box<Refusal>; 1]>>,
    /// Whether any may be there.
    is_any: bool,
}

impl Refusals {
    /// Refuses something of an agent.
    pub(super) fn add(&mut self, agent: u32, resources: Bundle, until: Instant) {
        let place = agent as usize;
        if self.of.len() <= place {
            self.of.resize(place + 1, SmallVec::new());
        }
        self.is_any = true;
        let known = &mut self.of[place];
        // What is refused no longer and no more than this says nothing beside it.
        known.retain(|old| old.until > until || !resources.contains(&old.resources));
        known.push(Box::new(Refusal { until, resources }));
    }

    /// Whether an offer is refused. A refusal still stands at the instant at which it ends.
    pub(super) fn refuses(&mut self, now: Instant, agent: u32, offer: &Bundle) -> bool {
        if !self.is_any {
            return false;
        }
        let Some(known) = self.of.get_mut(agent as usize) else {
            return false;
        };
        known.retain(|refusal| now <= refusal.until);
        known
            .iter()
            .any(|refusal| refusal.resources.contains(offer))
    }

    /// Forgets every refusal of an agent.
    pub(super) fn forget(&mut self, agent: u32) {
        if let Some(known) = self.of.get_mut(agent as usize) {
            known.clear();
        }
    }

    /// Forgets every refusal.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.is_any) {
            self.of.iter_mut().for_each(SmallVec::clear);
        }
    }
}
