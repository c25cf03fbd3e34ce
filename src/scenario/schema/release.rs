//! `system.release` and `system.scheduler.changes` of the experiment file.

use model::releases::{ChangeEntry, Changes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::System;

/// Release of Kubernetes to follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Release {
    /// Release 1.30.
    #[serde(rename = "1.30")]
    V1_30,
    /// Release 1.31.
    #[serde(rename = "1.31")]
    V1_31,
    /// Release 1.32: queueing hints; victims of preemption are sorted again.
    #[serde(rename = "1.32")]
    V1_32,
    /// Release 1.33: no balance score for best-effort pods; pods are popped from the back-off queue.
    #[serde(rename = "1.33")]
    V1_33,
    /// Release 1.34: pod-level resources and dynamic resource allocation.
    #[default]
    #[serde(rename = "1.34")]
    V1_34,
    /// Release 1.35: messages name taints without key and value.
    #[serde(rename = "1.35")]
    V1_35,
    /// Release 1.36: another balance score, and the first of a heap among equally good nodes.
    #[serde(rename = "1.36")]
    V1_36,
}

impl From<Release> for model::Release {
    fn from(written: Release) -> Self {
        match written {
            Release::V1_30 => Self::V1_30,
            Release::V1_31 => Self::V1_31,
            Release::V1_32 => Self::V1_32,
            Release::V1_33 => Self::V1_33,
            Release::V1_34 => Self::V1_34,
            Release::V1_35 => Self::V1_35,
            Release::V1_36 => Self::V1_36,
        }
    }
}

impl From<model::Release> for Release {
    fn from(followed: model::Release) -> Self {
        match followed {
            model::Release::V1_28 | model::Release::V1_30 => Self::V1_30,
            model::Release::V1_31 => Self::V1_31,
            model::Release::V1_32 => Self::V1_32,
            model::Release::V1_33 => Self::V1_33,
            model::Release::V1_34 => Self::V1_34,
            model::Release::V1_35 => Self::V1_35,
            model::Release::V1_36 => Self::V1_36,
        }
    }
}

/// Position of a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// The change acts.
    On,
    /// The change does not act.
    Off,
}

impl System {
    /// Release that kube-scheduler follows.
    pub fn scheduler_release(&self) -> model::Release {
        let stated = self.scheduler.release.or(self.release);
        stated.unwrap_or_default().into()
    }

    /// Release that controllers and kubelets follow.
    pub fn controllers_release(&self) -> model::Release {
        let stated = self.release.or(self.scheduler.release);
        stated.unwrap_or_default().into()
    }

    /// Switches of kube-scheduler: those of its release, with the stated ones turned.
    pub fn scheduler_changes(&self) -> Changes {
        self.turned(self.scheduler_release().changes())
    }

    /// Switches of the controllers: those of their release, with the stated ones turned.
    pub fn controllers_changes(&self) -> Changes {
        self.turned(self.controllers_release().changes())
    }

    fn turned(&self, changes: Changes) -> Changes {
        let stated = self.scheduler.changes.iter();
        stated.fold(changes, |changes, (name, switch)| {
            // Names that are no switches are told with their positions when the file is checked.
            let entry = ChangeEntry::find(name);
            entry.map_or(changes, |entry| {
                changes.with(entry.change, *switch == Switch::On)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Change;

    #[test]
    fn a_release_is_that_of_all_parts_unless_the_scheduler_has_its_own() {
        let mut system = System::default();
        assert_eq!(system.scheduler_release(), model::Release::V1_34);
        assert_eq!(system.scheduler_changes(), Changes::default());
        system.scheduler.release = Some(Release::V1_36);
        assert_eq!(system.controllers_release(), model::Release::V1_36);
        system.release = Some(Release::V1_32);
        assert_eq!(system.controllers_release(), model::Release::V1_32);
        assert_eq!(system.scheduler_release(), model::Release::V1_36);
        let name = "balanced-allocation-improvement".to_owned();
        system.scheduler.changes.insert(name, Switch::Off);
        assert!(!system.scheduler_changes().has(Change::BalancedImprovement));
    }

    #[test]
    fn every_release_of_the_model_can_be_written() {
        for release in model::Release::ALL {
            let read: Release = serde_json::from_value(release.name().into()).expect("a release");
            assert_eq!(model::Release::from(read), *release);
            assert_eq!(Release::from(*release), read);
        }
    }
}
