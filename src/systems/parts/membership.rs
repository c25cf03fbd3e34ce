//! Membership that expires: whoever has not been heard of for a span is gone. Discovery entries of
//! Swarm classic, the machine keys of Fleet and the heartbeats of `SwarmKit`'s nodes are this
//! (spec: orchestrators-a.md sections 1.5, 2.8 and 5).

use units::{Duration, Instant, SortedMap};

/// Members by name order, each with the instant at which it expires.
#[derive(Clone, Debug)]
pub struct Membership<Member> {
    expiry: SortedMap<Member, Instant>,
}

impl<Member> Default for Membership<Member> {
    fn default() -> Self {
        Self {
            expiry: SortedMap::new(),
        }
    }
}

impl<Member: Ord + Clone> Membership<Member> {
    /// A member was heard of; it expires `ttl` later. Whether it was unknown before.
    pub fn heard(&mut self, now: Instant, member: Member, ttl: Duration) -> bool {
        self.expiry
            .insert(member, now.saturating_add(ttl))
            .is_none()
    }

    /// Takes a member away.
    pub fn remove(&mut self, member: &Member) {
        self.expiry.remove(member);
    }

    /// `true` if the member is one now.
    pub fn contains(&self, now: Instant, member: &Member) -> bool {
        self.expiry.get(member).is_some_and(|&until| now < until)
    }

    /// Instant at which a member expires.
    pub fn expires(&self, member: &Member) -> Option<Instant> {
        self.expiry.get(member).copied()
    }

    /// Instant at which the next member expires.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.expiry.values().min().copied()
    }

    /// Takes away whoever has expired, in order.
    pub fn expire(&mut self, now: Instant) -> Vec<Member> {
        let gone: Vec<Member> = self
            .expiry
            .iter()
            .filter(|&(_, &until)| until <= now)
            .map(|(member, _)| member.clone())
            .collect();
        for member in &gone {
            self.expiry.remove(member);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_expire_in_order_and_return() {
        let at = Instant::from_secs;
        let ttl = Duration::from_secs(30);
        let mut members = Membership::default();
        assert!(members.heard(at(0), "b", ttl) && members.heard(at(0), "a", ttl));
        assert!(!members.heard(at(15), "b", ttl));
        assert_eq!(members.next_expiry(), Some(at(30)));
        assert_eq!(members.expire(at(30)), ["a"]);
        assert!(members.contains(at(44), &"b") && !members.contains(at(45), &"b"));
        assert_eq!(members.expires(&"b"), Some(at(45)));
        assert!(members.heard(at(50), "a", ttl));
        members.remove(&"a");
        assert_eq!(members.expire(at(1_000)), ["b"]);
    }
}
