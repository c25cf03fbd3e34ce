//! Releases of Kubernetes as sets of named changes (spec: kubernetes-releases.md).
//!
//! A release is no branch in the code: every difference between releases that the specification
//! lists is a switch of its own ([`Change`]), and a release is the set of switches that are on in it
//! ([`Changes`]). A component that acts differently reads its switch once, when it is made.

mod table;

use std::fmt;

pub use table::{CHANGES, Change};
use units::nearest;

/// Release of Kubernetes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Release {
    /// Release 1.28, of which decisions of controllers are recorded and nothing else is known.
    V1_28,
    /// Release 1.30.
    V1_30,
    /// Release 1.31.
    V1_31,
    /// Release 1.32.
    V1_32,
    /// Release 1.33.
    V1_33,
    /// Release 1.34, the default.
    #[default]
    V1_34,
    /// Release 1.35.
    V1_35,
    /// Release 1.36.
    V1_36,
}

impl Release {
    /// Releases that a cluster may have, the oldest first.
    pub const ALL: &[Self] = &[
        Self::V1_30,
        Self::V1_31,
        Self::V1_32,
        Self::V1_33,
        Self::V1_34,
        Self::V1_35,
        Self::V1_36,
    ];

    /// Name of the release, such as `1.34`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1_28 => "1.28",
            Self::V1_30 => "1.30",
            Self::V1_31 => "1.31",
            Self::V1_32 => "1.32",
            Self::V1_33 => "1.33",
            Self::V1_34 => "1.34",
            Self::V1_35 => "1.35",
            Self::V1_36 => "1.36",
        }
    }

    /// Release of a name: `1.34`, or a version of it such as `v1.34.1`.
    ///
    /// # Errors
    /// In words, if there is no such release, with those that there are.
    pub fn find(name: &str) -> Result<Self, String> {
        let plain = name.strip_prefix('v').unwrap_or(name);
        let mut all = Self::ALL.iter().copied();
        let found = all.find(|release| {
            let rest = plain.strip_prefix(release.name());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        found.ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|release| release.name()).collect();
            format!(
                "`{name}` is no release that is modelled; known are {}",
                known.join(", ")
            )
        })
    }

    /// Number of the release after `1.`.
    pub fn minor(self) -> u32 {
        Self::minor_of(self.name()).unwrap_or(0)
    }

    /// Number after `1.` of a version such as `v1.34.1`, of releases that are not modelled as well.
    pub fn minor_of(version: &str) -> Option<u32> {
        let plain = version.strip_prefix('v').unwrap_or(version);
        let rest = plain.strip_prefix("1.")?;
        let end = rest.find(|letter: char| !letter.is_ascii_digit());
        rest[..end.unwrap_or(rest.len())].parse().ok()
    }

    /// Release of a number after `1.`; of a number that is not modelled the nearest one that is.
    pub fn nearest(minor: u32) -> Self {
        let mut all = Self::ALL.iter().copied();
        let until = all.rfind(|release| release.minor() <= minor);
        until.unwrap_or(Self::V1_30)
    }

    /// Switches that are on in the release.
    pub fn changes(self) -> Changes {
        let on = CHANGES.iter().filter(|entry| entry.is_on_in(self));
        on.fold(Changes(0), |all, entry| all.with(entry.change, true))
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Part of a cluster's life that a change bears on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeArea {
    /// Verdicts, points or evictions: where pods land, and which wait.
    Placement,
    /// Words of messages, and codes that only messages show.
    Message,
    /// Time at which waiting pods are tried again.
    Queue,
    /// Controllers and nodes.
    Controllers,
}

impl ChangeArea {
    /// Parts of a cluster's life, in the order of reports.
    pub const ALL: [Self; 4] = [
        Self::Placement,
        Self::Message,
        Self::Queue,
        Self::Controllers,
    ];

    /// Name of the bearing in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Placement => "placement",
            Self::Message => "message",
            Self::Queue => "queue",
            Self::Controllers => "controllers",
        }
    }
}

/// Extent to which a change is modelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// It acts.
    Modelled,
    /// Nothing that the model holds can show it, for the stated reason.
    Unseen(&'static str),
    /// It is left out, for the stated reason.
    LeftOut(&'static str),
}

/// Entry of the table of changes.
#[derive(Clone, Copy, Debug)]
pub struct ChangeEntry {
    /// Switch of the change.
    pub change: Change,
    /// Name of the switch, as experiment files write it.
    pub name: &'static str,
    /// Row of the specification's tables, such as `A17`; `B` is the table of the queue.
    pub row: &'static str,
    /// Releases in which the switch is on: the first and the last; `None` is no release.
    pub releases: Option<Span>,
    /// Feature gate of the original that turns it on, if it has one.
    pub gate: Option<&'static str>,
    /// Part of a cluster's life that it bears on.
    pub bearing: ChangeArea,
    /// Whether the original's behavior with the switch on is a defect.
    pub is_defect: bool,
    /// Extent to which it is modelled.
    pub standing: Coverage,
    /// Behavior with the switch on, in a sentence.
    pub summary: &'static str,
}

/// Span of releases, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first release.
    pub first: Release,
    /// The last release.
    pub last: Release,
}

impl ChangeEntry {
    /// Whether the switch is on in a release.
    pub fn is_on_in(&self, release: Release) -> bool {
        self.releases
            .is_some_and(|span| span.first <= release && release <= span.last)
    }

    /// Entry of a switch of this name that an experiment may set.
    ///
    /// # Errors
    /// In words, if there is none, with the nearest names, or if it is not modelled.
    pub fn find(name: &str) -> Result<&'static Self, String> {
        let entry = CHANGES.iter().find(|entry| entry.name == name);
        let entry = entry.ok_or_else(|| {
            let known = CHANGES.iter().filter(|entry| entry.is_settable());
            let hint = nearest::hint(name, known.map(|entry| entry.name));
            format!("there is no switch `{name}`; {hint}")
        })?;
        match entry.standing {
            Coverage::Modelled => Ok(entry),
            Coverage::Unseen(why) => Err(format!("the switch `{name}` changes nothing: {why}")),
            Coverage::LeftOut(why) => Err(format!("the switch `{name}` is not modelled: {why}")),
        }
    }

    /// Whether an experiment may set the switch.
    pub fn is_settable(&self) -> bool {
        self.standing == Coverage::Modelled
    }
}

/// Set of switches that are on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Changes(u128);

impl Changes {
    /// Whether a switch is on.
    pub const fn has(self, change: Change) -> bool {
        self.0 >> change as u32 & 1 == 1
    }

    /// Set with one switch turned.
    #[must_use]
    pub const fn with(self, change: Change, is_on: bool) -> Self {
        let bit = 1 << change as u32;
        Self(if is_on { self.0 | bit } else { self.0 & !bit })
    }

    /// Entries of the switches that are on in one of two sets alone, in order of the table.
    pub fn differing(self, other: Self) -> impl Iterator<Item = &'static ChangeEntry> {
        let differs = move |entry: &&ChangeEntry| self.has(entry.change) != other.has(entry.change);
        CHANGES.iter().filter(differs)
    }

    /// Words for what differs from a release, such as `pod-level-resources off`; empty where nothing
    /// does.
    pub fn told(self, release: Release) -> Vec<String> {
        let differing = self.differing(release.changes());
        let word = |change| if self.has(change) { "on" } else { "off" };
        differing
            .map(|entry| format!("{} {}", entry.name, word(entry.change)))
            .collect()
    }
}

impl Default for Changes {
    fn default() -> Self {
        Release::default().changes()
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = CHANGES.iter().filter(|entry| self.has(entry.change));
        f.debug_set().entries(on.map(|entry| entry.name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_the_table_in_its_order() {
        assert!(CHANGES.len() <= 128);
        for (number, entry) in CHANGES.iter().enumerate() {
            assert_eq!(entry.change as usize, number, "{}", entry.name);
            let before = &CHANGES[..number];
            assert!(before.iter().all(|other| other.name != entry.name));
            assert!(entry.summary.ends_with('.'), "{}", entry.name);
            let is_plain = |letter: char| letter.is_ascii_lowercase() || letter == '-';
            assert!(entry.name.chars().all(is_plain), "{}", entry.name);
            if let Some(Span { first, last }) = entry.releases {
                assert!(first <= last, "{}", entry.name);
            }
        }
    }

    #[test]
    fn releases_are_found_by_name_and_version() {
        for release in Release::ALL {
            assert_eq!(Release::find(release.name()), Ok(*release));
            assert_eq!(Release::find(&format!("v{release}.7")), Ok(*release));
        }
        let error = Release::find("1.3").expect_err("no release");
        assert!(error.contains("known are 1.30, 1.31"), "{error}");
        assert!(Release::find("1.345").is_err());
        let minors = ["v1.34.1", "1.9", "v1.40.2+k3s1", "2.1", "v1.x"].map(Release::minor_of);
        assert_eq!(minors, [Some(34), Some(9), Some(40), None, None]);
        assert_eq!(Release::V1_36.minor(), 36);
        let nearest = [9, 30, 33, 36, 41].map(Release::nearest);
        assert_eq!(
            nearest.map(Release::name),
            ["1.30", "1.30", "1.33", "1.36", "1.36"]
        );
    }

    #[test]
    fn a_switch_that_is_turned_is_told() {
        let release = Release::V1_36;
        let plain = release.changes();
        assert!(plain.told(release).is_empty());
        let without = plain.with(Change::BalancedImprovement, false);
        assert_eq!(
            without.told(release),
            ["balanced-allocation-improvement off"]
        );
        assert!(!without.has(Change::BalancedImprovement));
        let names: Vec<&str> = plain.differing(without).map(|entry| entry.name).collect();
        assert_eq!(names, ["balanced-allocation-improvement"]);
    }

    #[test]
    fn unknown_switches_are_told_the_nearest_and_others_why_they_do_nothing() {
        let error = |name: &str| ChangeEntry::find(name).map(|_| ()).expect_err("no switch");
        let near = error("balanced-allocation-improvment");
        assert!(
            near.contains("did you mean `balanced-allocation-improvement`"),
            "{near}"
        );
        assert!(error("opportunistic-batching").contains("is not modelled"));
        assert!(error("explicit-preemption-candidates").contains("changes nothing"));
    }
}
