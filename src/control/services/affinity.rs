//! Session affinity: a client stays with the endpoint it had (spec: kubernetes.md 2.11).

use model::Text;
use units::{Duration, Instant, SortedMap};

/// A client.
pub type ClientId = u64;

/// Last endpoint of each client, and the time of its last use.
#[derive(Clone, Debug)]
pub struct Affinity {
    timeout: Duration,
    sessions: SortedMap<ClientId, (Text, Instant)>,
}

impl Affinity {
    /// Kubernetes' time-out of sessions: three hours.
    pub const TIMEOUT: Duration = model::service::AFFINITY_TIMEOUT;

    /// No client is known. A session ends `timeout` after its last request.
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            sessions: SortedMap::new(),
        }
    }

    /// The endpoint of a client, if it is still there and the session is not over.
    pub fn endpoint(
        &mut self,
        now: Instant,
        client: ClientId,
        is_there: impl FnOnce(&str) -> bool,
    ) -> Option<Text> {
        let (endpoint, last) = self.sessions.get_mut(&client)?;
        if now.since(*last) >= self.timeout || !is_there(endpoint) {
            self.sessions.remove(&client);
            return None;
        }
        *last = now;
        Some(endpoint.clone())
    }

    /// A client was sent to an endpoint.
    pub fn remember(&mut self, now: Instant, client: ClientId, endpoint: Text) {
        self.sessions.insert(client, (endpoint, now));
    }

    /// Forgets sessions that are over.
    pub fn expire(&mut self, now: Instant) {
        let timeout = self.timeout;
        self.sessions
            .retain(|_, (_, last)| now.since(*last) < timeout);
    }

    /// Number of sessions.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_stays_until_its_time_is_over_or_the_endpoint_is_gone() {
        let at = Instant::from_secs;
        let mut own = Affinity::new(Affinity::TIMEOUT);
        assert_eq!(own.endpoint(at(0), 1, |_| true), None);
        own.remember(at(0), 1, "a".into());
        assert_eq!(own.endpoint(at(10_799), 1, |_| true).as_deref(), Some("a"));
        // The request began the time anew.
        assert_eq!(own.endpoint(at(21_598), 1, |_| true).as_deref(), Some("a"));
        assert_eq!(own.endpoint(at(32_398), 1, |_| true), None);
        own.remember(at(40_000), 1, "a".into());
        assert_eq!(own.endpoint(at(40_001), 1, |id| id != "a"), None);
        own.remember(at(50_000), 2, "b".into());
        own.expire(at(60_800));
        assert!(own.is_empty());
    }
}
