//! Fields of the volumes of pods.

use super::List;
use crate::keep::Keep;
use crate::keep::Keep::{All, Fields, Presence};

const DISK: Keep = Fields(&[
    ("pdName", All),
    ("volumeID", All),
    ("iqn", All),
    ("monitors", All),
    ("pool", All),
    ("image", All),
    ("readOnly", All),
]);

pub(super) const VOLUME: List = &[
    ("name", All),
    ("persistentVolumeClaim", Fields(&[("claimName", All)])),
    ("ephemeral", Presence),
    ("csi", Presence),
    ("gcePersistentDisk", DISK),
    ("awsElasticBlockStore", DISK),
    ("azureDisk", Presence),
    ("cinder", Presence),
    ("iscsi", DISK),
    ("rbd", DISK),
    ("emptyDir", Fields(&[("medium", All)])),
    ("hostPath", Presence),
];
