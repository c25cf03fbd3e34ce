//! An engine as the manager sees it: capacity with over-commit, what is on it and how healthy it is
//! (spec: orchestrators-a.md sections 1.1 and 1.4; classicswarm `cluster/engine.go`).

use thiserror::Error;

use model::{Labels, Text};

use super::container::Container;
use units::SortedMap;

/// Excess over an engine's amounts up to which it is filled, in whole per cent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overcommit {
    percent: i64,
}

/// A share that leaves nothing of an engine.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("an over-commit of {share} leaves an engine without resources, expected more than -1")]
pub struct OvercommitError {
    /// The requested share.
    pub share: String,
}

impl Default for Overcommit {
    /// 5 %.
    fn default() -> Self {
        Self { percent: 5 }
    }
}

impl Overcommit {
    /// A share of 1, cut to whole per cent as the original cuts it.
    ///
    /// # Errors
    /// The share is -1 or less, or no number.
    pub fn new(share: f64) -> Result<Self, OvercommitError> {
        if share > -1.0 && share.is_finite() {
            Ok(Self {
                percent: (share * 100.0) as i64,
            })
        } else {
            Err(OvercommitError {
                share: share.to_string(),
            })
        }
    }

    /// Usable part of a physical amount.
    pub fn total(self, physical: i64) -> i64 {
        let extra = i128::from(physical) * i128::from(self.percent) / 100;
        let total = i128::from(physical) + extra;
        i64::try_from(total).unwrap_or(i64::MAX)
    }
}

/// An image in an engine's store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The image's id.
    pub id: Text,
    /// The image's names with tags (`redis:3`).
    pub tags: Vec<Text>,
}

impl Image {
    /// Every word that an expression over images may match: id, tags, and tags without their tag.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let bare = |tag: &Text| tag.rfind(':').map_or(tag.len(), |at| at);
        let tags = self.tags.iter();
        let named = tags.flat_map(move |tag| [&**tag, &tag[..bare(tag)]]);
        std::iter::once(&*self.id).chain(named)
    }
}

/// An engine.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    /// The engine's id.
    pub id: Text,
    /// The engine's name.
    pub name: Text,
    /// The engine's labels, those that engines supply included.
    pub labels: Labels,
    /// Memory that can be given away, in bytes, over-commit included.
    pub total_memory: i64,
    /// Cores that can be given away, over-commit included.
    pub total_cpus: i64,
    /// Health in per cent: 100 without failures, 0 when lost.
    pub health: i64,
    /// Images in its store.
    pub images: Vec<Image>,
    used_memory: i64,
    used_cpus: i64,
    count: i64,
    containers: SortedMap<Text, Container>,
}

impl Engine {
    /// A healthy engine without anything on it.
    pub fn new(id: Text, name: Text, total_memory: i64, total_cpus: i64) -> Self {
        Self {
            id,
            name,
            total_memory,
            total_cpus,
            health: health_indicator(0, 1),
            ..Self::default()
        }
    }

    /// Memory asked for by all containers, running or not, in bytes.
    pub fn used_memory(&self) -> i64 {
        self.used_memory
    }

    /// Cores asked for by all containers.
    pub fn used_cpus(&self) -> i64 {
        self.used_cpus
    }

    /// Number of containers, running or not.
    pub fn container_count(&self) -> i64 {
        self.count
    }

    /// Counts containers that the manager did not make and of which it knows the sums only.
    pub fn count_foreign(&mut self, containers: i64, memory: i64, cpus: i64) {
        self.count = self.count.saturating_add(containers);
        self.used_memory = self.used_memory.saturating_add(memory);
        self.used_cpus = self.used_cpus.saturating_add(cpus);
    }

    /// The containers that are known, by name.
    pub fn containers(&self) -> impl Iterator<Item = &Container> {
        self.containers.values()
    }

    /// A container by name.
    pub fn container(&self, name: &str) -> Option<&Container> {
        self.containers.get(name)
    }

    /// A container by name, to change its state.
    pub fn container_mut(&mut self, name: &str) -> Option<&mut Container> {
        self.containers.get_mut(name)
    }

    /// Whether a container of this name or id is here.
    pub fn has(&self, name_or_id: &str) -> bool {
        self.containers.contains_key(name_or_id)
            || self.containers().any(|one| &*one.id == name_or_id)
    }

    /// Enters a container.
    pub fn insert(&mut self, container: Container) {
        self.count_foreign(1, container.config.memory, container.config.cpus);
        let name = container.config.name.clone();
        if let Some(replaced) = self.containers.insert(name, container) {
            self.count_foreign(-1, -replaced.config.memory, -replaced.config.cpus);
        }
    }

    /// Takes a container off.
    pub fn take(&mut self, name: &str) -> Option<Container> {
        let container = self.containers.remove(name)?;
        self.count_foreign(-1, -container.config.memory, -container.config.cpus);
        Some(container)
    }
}

/// Health in per cent after so many failed contacts in a row.
pub fn health_indicator(failures: i64, retry: i64) -> i64 {
    let lost = failures.saturating_mul(100) / retry.max(1);
    (100 - lost).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overcommit_is_cut_to_whole_units() {
        let five = Overcommit::default();
        for (physical, total) in [
            (4, 4),
            (19, 19),
            (40, 42),
            (107_374_182_400, 112_742_891_520),
        ] {
            assert_eq!(five.total(physical), total);
        }
        let back = Overcommit::new(-0.5).expect("a share");
        assert_eq!(back.total(40), 20);
        assert_eq!(five.total(i64::MAX), i64::MAX);
        assert!(Overcommit::new(-1.0).is_err() && Overcommit::new(f64::NAN).is_err());
    }

    #[test]
    fn health_falls_with_every_failure() {
        let health = [0, 1, 2, 3, 4].map(|failures| health_indicator(failures, 3));
        assert_eq!(health, [100, 67, 34, 0, 0]);
    }

    #[test]
    fn images_answer_to_id_tag_and_repository() {
        let image = Image {
            id: "abc".into(),
            tags: vec!["redis:3".into()],
        };
        assert_eq!(
            image.words().collect::<Vec<_>>(),
            ["abc", "redis:3", "redis"]
        );
    }
}
