//! Members of jobs that were taken off, until they come back under their names. Jobs of several logs may have equal
//! names: of these the one that was taken off first comes back first.

use model::PodName;
use units::SortedMap;

/// Jobs of the members that are to come back, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Returning(SortedMap<PodName, Vec<u64>>);

impl Returning {
    /// Takes a member off a job.
    pub(super) fn add(&mut self, name: PodName, number: u64) {
        self.0.entry(name).or_default().push(number);
    }

    /// The job of a member that is back.
    pub(super) fn take(&mut self, name: &PodName) -> Option<u64> {
        let number = *self.0.get(name)?.first()?;
        self.remove(name, number).then_some(number)
    }

    /// Forgets a member of a job, which does not come back; whether there was one.
    pub(super) fn remove(&mut self, name: &PodName, number: u64) -> bool {
        let Some(jobs) = self.0.get_mut(name) else {
            return false;
        };
        let place = jobs.iter().position(|own| *own == number);
        if let Some(place) = place {
            jobs.remove(place);
        }
        if jobs.is_empty() {
            self.0.remove(name);
        }
        place.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_one_name_come_back_in_the_order_in_which_they_went() {
        let (mut returning, name) = (Returning::default(), PodName::Text("train".into()));
        for number in [7, 3, 5] {
            returning.add(name.clone(), number);
        }
        assert!(returning.remove(&name, 3) && !returning.remove(&name, 3));
        let back: Vec<u64> = std::iter::from_fn(|| returning.take(&name)).collect();
        assert_eq!(back, [7, 5]);
    }
}
