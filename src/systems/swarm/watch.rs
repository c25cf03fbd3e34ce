//! The manager's contact with one engine over time. Rounds that an engine answers change nothing:
//! where they fall is computed when the host falls silent, and what fails while it is known to be
//! lost is computed when it answers again (spec: orchestrators-a.md section 1.5).

use rng::Stream;
use units::{Duration, Identity, Instant};

use super::contact::{Contact, ContactEvent, ContactOptions, EngineState};
use super::discovery::{Backend, DiscoveryOptions};
use super::options::SwarmOptions;

/// Contact with one engine.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    contact: Contact,
    options: ContactOptions,
    /// Time until a request fails.
    timeout: Duration,
    rng: Stream,
    answers: bool,
    /// `true` if the engine's silence is what tells that it is lost.
    is_observed: bool,
    /// Instant at which the next round begins.
    next: Instant,
    /// Instant at which the engine's registration expires, while it does not answer.
    registered_until: Option<Instant>,
}

/// Outcome of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// It was moved meanwhile.
    Stale,
    /// It was held.
    Held {
        /// Change for the rest of the manager.
        event: Option<ContactEvent>,
        /// Instant at which the next round is known to have failed, where that matters.
        next: Option<Instant>,
    },
}

impl Watch {
    /// An engine that was found and validated at an instant. Waits are drawn from the stream
    /// `swarm.refresh` of the engine.
    pub(super) fn new(at: Instant, engine: &str, options: &SwarmOptions, seed: u64) -> Self {
        let mut rng = Stream::of(seed, "swarm.refresh", Identity::of(engine));
        let mut contact = Contact::new(&options.contact);
        contact.succeeded();
        let wait = options.contact.wait(0, &mut rng);
        Self {
            contact,
            options: options.contact,
            timeout: options.request_timeout,
            rng,
            answers: true,
            is_observed: false,
            next: at.saturating_add(wait),
            registered_until: None,
        }
    }

    pub(super) fn answers(&self) -> bool {
        self.answers
    }

    pub(super) fn is_observed(&self) -> bool {
        self.is_observed
    }

    pub(super) fn health(&self) -> i64 {
        self.contact.health()
    }

    /// Instant at which the next round is known to have failed, or to have succeeded.
    pub(super) fn next_round(&self) -> Instant {
        if self.answers {
            self.next
        } else {
            self.next.saturating_add(self.timeout)
        }
    }

    /// The host answers no more.
    pub(super) fn falls_silent(&mut self, now: Instant) {
        self.is_observed = true;
        self.answers = false;
        while self.next < now {
            self.next = self
                .next
                .saturating_add(self.options.wait(0, &mut self.rng));
        }
    }

    /// Instant at which the registration of a host that fell silent expires, unless nothing
    /// expires.
    pub(super) fn registration_ends(
        &mut self,
        now: Instant,
        options: &DiscoveryOptions,
    ) -> Option<Instant> {
        if options.backend == Backend::List {
            return None;
        }
        let heartbeat = options.heartbeat.as_nanos().max(1);
        let last = now.as_nanos() / heartbeat * heartbeat;
        let until = Instant::from_nanos(last).saturating_add(options.ttl);
        self.registered_until = Some(until);
        Some(until)
    }

    /// A registration has expired.
    pub(super) fn expire(&mut self, at: Instant) -> Option<ContactEvent> {
        if self.answers || self.registered_until != Some(at) {
            return None;
        }
        self.contact.disconnected()
    }

    /// The host answers again; when the manager finds out.
    pub(super) fn answers_again(&mut self, now: Instant, options: &DiscoveryOptions) -> Instant {
        while self.next_round() <= now {
            self.contact.failed();
            let failed = self.next_round();
            let wait = self.options.wait(self.contact.failures(), &mut self.rng);
            self.next = failed.saturating_add(wait);
        }
        self.answers = true;
        self.registered_until = None;
        if self.contact.state() == EngineState::Disconnected {
            // It is listed again once it registers.
            let heartbeat = options.heartbeat.as_nanos().max(1);
            let beats = (now.as_nanos() + heartbeat - 1) / heartbeat;
            self.next = Instant::from_nanos(beats * heartbeat);
        }
        self.next = self.next.max(now);
        self.next
    }

    /// The list was away and is back: when the engine is found again, if its registration has
    /// expired meanwhile although it answers.
    pub(super) fn lapse(
        &mut self,
        since: Instant,
        now: Instant,
        options: &DiscoveryOptions,
    ) -> Option<Instant> {
        if options.backend == Backend::List || !self.answers {
            return None;
        }
        let heartbeat = options.heartbeat.as_nanos().max(1);
        let last = Instant::from_nanos(since.as_nanos() / heartbeat * heartbeat);
        if last.saturating_add(options.ttl) > now {
            return None;
        }
        let beats = now.as_nanos() / heartbeat + 1;
        self.next = Instant::from_nanos(beats * heartbeat);
        Some(self.next)
    }

    /// The engine is not listed any more.
    pub(super) fn drop_listing(&mut self) -> Option<ContactEvent> {
        self.contact.disconnected()
    }

    /// A request to the engine failed.
    pub(super) fn request_failed(&mut self, _now: Instant) -> Option<ContactEvent> {
        self.contact.failed()
    }

    /// A round that was due at an instant is held; `now` is later where nobody could hold it then.
    pub(super) fn round(&mut self, at: Instant, now: Instant) -> Round {
        if at != self.next_round() {
            return Round::Stale;
        }
        if self.answers {
            let event = self.contact.succeeded();
            self.next = now.saturating_add(self.options.wait(0, &mut self.rng));
            return Round::Held { event, next: None };
        }
        let event = self.contact.failed();
        let wait = self.options.wait(self.contact.failures(), &mut self.rng);
        self.next = now.saturating_add(wait);
        let matters = self.contact.state() == EngineState::Healthy;
        let next = matters.then(|| self.next_round());
        Round::Held { event, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_was_lost_is_listed_with_its_next_heartbeat_or_the_one_of_now() {
        let options = SwarmOptions::default();
        let discovery = DiscoveryOptions {
            backend: Backend::Store,
            ..DiscoveryOptions::default()
        };
        let found = |secs: i64| {
            let silent = Instant::from_secs(10);
            let mut watch = Watch::new(Instant::ZERO, "e", &options, 1);
            watch.falls_silent(silent);
            let expires = watch.registration_ends(silent, &discovery);
            watch.expire(expires.expect("registrations expire"));
            let at = watch.answers_again(Instant::from_secs(secs), &discovery);
            assert_eq!(watch.contact.state(), EngineState::Disconnected);
            at
        };
        // A heartbeat is sent every minute.
        assert_eq!(found(86_400), Instant::from_secs(86_400));
        assert_eq!(found(86_401), Instant::from_secs(86_460));
    }
}
