//! The order in which services stop.

use model::Text;
use units::SortedMap;

use super::{Member, Project};

impl Project {
    /// Whether every service that depends on one is among `stopped`.
    pub fn may_stop(&self, service: &str, is_stopped: impl Fn(&str) -> bool) -> bool {
        let depends = |member: &Member| {
            let mut all = member.depends_on.iter();
            all.any(|own| &*own.service == service)
        };
        let mut members = self.members.iter();
        members.all(|(name, member)| !depends(member) || is_stopped(name))
    }

    /// The order in which services stop: those of one list side by side, by name.
    pub fn stop_order(&self) -> Vec<Vec<Text>> {
        let mut order: Vec<Vec<Text>> = Vec::new();
        let mut stopped: SortedMap<&str, ()> = SortedMap::new();
        while stopped.len() < self.members.len() {
            let names = self.members.keys().filter(|name| {
                !stopped.contains_key(&***name)
                    && self.may_stop(name, |other| stopped.contains_key(other))
            });
            let next: Vec<&Text> = names.collect();
            if next.is_empty() {
                break;
            }
            stopped.extend(next.iter().map(|name| (&***name, ())));
            order.push(next.into_iter().cloned().collect());
        }
        order
    }
}
