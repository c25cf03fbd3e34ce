//! Instances that stay on hosts which they are to leave by live migration: no host takes them, or their migration took
//! too long.

use model::{Relocation, Text};
use units::{PodId, SortedMap, plural};

use super::super::host::Host;

/// Most instances that a note names.
const NAMED: usize = 3;

/// An instance that stays.
#[derive(Clone, Debug)]
struct Stay {
    name: Text,
    host: usize,
    why: Relocation,
}

/// The instances that stay.
#[derive(Clone, Debug, Default)]
pub(super) struct Staying {
    now: SortedMap<PodId, Stay>,
    /// Those whose hosts were enabled before they left them.
    past: Vec<Stay>,
}

impl Staying {
    /// Whether the migration of an instance was given up, so that it stays until its host has been enabled.
    pub(super) fn has_given_up(&self, pod: PodId) -> bool {
        let own = self.now.get(&pod);
        own.is_some_and(|own| own.why == Relocation::GivenUp)
    }

    /// An instance stays on a host; whether that is new.
    pub(super) fn stays(&mut self, pod: PodId, name: Text, host: usize, why: Relocation) -> bool {
        let before = self.now.insert(pod, Stay { name, host, why });
        before.is_none_or(|before| before.why != why)
    }

    /// An instance leaves its host after all, or has ended.
    pub(super) fn leaves(&mut self, pod: PodId) {
        self.now.remove(&pod);
    }

    /// A host is in use again.
    pub(super) fn enabled(&mut self, host: usize) {
        let stayed = self.now.extract_all(|_, own| own.host == host);
        self.past.extend(stayed.into_iter().map(|(_, own)| own));
    }

    /// A line about them; `None` if there are none.
    pub(super) fn remark(&self, hosts: &[Host]) -> Option<String> {
        let all = self.past.iter().chain(self.now.values());
        let number = self.past.len() + self.now.len();
        let named = all.map(|own| {
            let host = hosts.get(own.host).map_or("", |host| &host.name);
            let why = match own.why {
                Relocation::GivenUp => "the migration took too long",
                _ => "no valid host",
            };
            format!("`{}` on `{host}` ({why})", own.name)
        });
        let named = plural::first_of(named, NAMED);
        let instances = plural::count(number, "instance");
        let were = if number == 1 { "a host" } else { "hosts" };
        (number > 0).then(|| {
            format!("{instances} stayed on {were} to be emptied by live migration: {named}")
        })
    }
}
