//! Volumes of pods, and claims on devices, in Kubernetes' notation, for the settings of the project's own table.

use serde_json::{Value, json};

use crate::pod::template::{bad, check, list, text, texts};
use intake::ledger::BadRow;
use model::PodVolume;
use model::dra::{ClaimSource, PodClaim, PodClaims};
use model::volume::EphemeralVolume;
use units::Quantity;

/// The member of a volume whose data is kept, for which Kubernetes has no name.
const KEPT: &str = "windtunnel.dev/kept";

/// The kinds of volumes, each with its members.
const KINDS: [(&str, &[&str]); 7] = [
    ("persistentVolumeClaim", &["claimName"]),
    ("ephemeral", &["storageClassName", "storage"]),
    ("gcePersistentDisk", &["pdName", "readOnly"]),
    ("awsElasticBlockStore", &["volumeID"]),
    ("iscsi", &["iqn", "readOnly"]),
    ("rbd", &["monitors", "pool", "image", "readOnly"]),
    (KEPT, &[]),
];

/// The members of a claim on devices.
const CLAIM: [&str; 3] = ["name", "resourceClaimName", "resourceClaimTemplateName"];

/// Volumes as manifests have them. Where the model doesn't have a volume's name, it is its number.
pub fn written(volumes: &[PodVolume]) -> Value {
    let written = volumes.iter().enumerate().map(|(number, volume)| {
        let plain = format!("volume-{number}");
        let (name, kind, source) = match volume {
            PodVolume::Claim(claim) => (&*plain, 0, json!({"claimName": claim})),
            PodVolume::Ephemeral(own) => {
                let source = json!({
                    "storageClassName": own.class, "storage": own.request.to_string(),
                });
                (&*own.name, 1, source)
            }
            PodVolume::GceDisk { disk, read_only } => {
                let source = json!({"pdName": disk, "readOnly": read_only});
                (&*plain, 2, source)
            }
            PodVolume::EbsVolume(id) => (&*plain, 3, json!({"volumeID": id})),
            PodVolume::Iscsi { name, read_only } => {
                let source = json!({"iqn": name, "readOnly": read_only});
                (&*plain, 4, source)
            }
            PodVolume::Rbd {
                monitors,
                pool,
                image,
                read_only,
            } => {
                let source = json!({
                    "monitors": monitors, "pool": pool, "image": image, "readOnly": read_only,
                });
                (&*plain, 5, source)
            }
            PodVolume::Kept(name) => (&**name, 6, json!({})),
        };
        let (kind, _) = KINDS[kind];
        json!({"name": name, kind: source})
    });
    written.collect()
}

/// Reads volumes, which may be absent.
///
/// # Errors
/// They are of kinds, or have members, that are not read.
pub fn read(line: u64, found: Option<&Value>) -> Result<Vec<PodVolume>, BadRow> {
    let mut known: Vec<&str> = vec!["name"];
    known.extend(KINDS.map(|(kind, _)| kind));
    let read = list(line, "volumes", found)?.iter().map(|own| {
        check(line, "volume", Some(own), &known)?;
        let kind = KINDS.into_iter().find(|(kind, _)| own.get(kind).is_some());
        let Some((kind, members)) = kind else {
            return Err(bad(line, "volume", Some(own), "a volume of one kind"));
        };
        let source = &own[kind];
        check(line, kind, Some(source), members)?;
        let of = |member: &str| text(line, member, source.get(member));
        let name = || text(line, "name", own.get("name"));
        let read_only = match source.get("readOnly") {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Bool(true)) => true,
            found => return Err(bad(line, "readOnly", found, "`true` or `false`")),
        };
        Ok(match kind {
            "persistentVolumeClaim" => PodVolume::Claim(of("claimName")?),
            "ephemeral" => PodVolume::Ephemeral(EphemeralVolume {
                name: name()?,
                class: match source.get("storageClassName") {
                    None => "".into(),
                    stated => text(line, "storageClassName", stated)?,
                },
                request: match source.get("storage") {
                    None => Quantity::ZERO,
                    stated => {
                        let amount = text(line, "storage", stated)?.parse();
                        amount.map_err(|_| bad(line, "storage", stated, "an amount of bytes"))?
                    }
                },
                is_of_set: false,
            }),
            "gcePersistentDisk" => PodVolume::GceDisk {
                disk: of("pdName")?,
                read_only,
            },
            "awsElasticBlockStore" => PodVolume::EbsVolume(of("volumeID")?),
            "iscsi" => PodVolume::Iscsi {
                name: of("iqn")?,
                read_only,
            },
            "rbd" => PodVolume::Rbd {
                monitors: texts(line, "monitors", source.get("monitors"))?,
                pool: of("pool")?,
                image: of("image")?,
                read_only,
            },
            _ => PodVolume::Kept(name()?),
        })
    });
    read.collect()
}

/// Claims on devices as manifests have them.
pub(crate) fn written_claims(claims: &PodClaims) -> Value {
    let written = claims.0.iter().map(|PodClaim { name, source }| {
        let (member, origin) = match source {
            ClaimSource::Named(name) => (CLAIM[1], name),
            ClaimSource::Template(name) => (CLAIM[2], name),
        };
        json!({"name": name, member: origin})
    });
    written.collect()
}

/// Reads claims on devices, which may be absent.
///
/// # Errors
/// They have members that are not read, or no origin.
pub fn claims(line: u64, found: Option<&Value>) -> Result<PodClaims, BadRow> {
    let read = list(line, "resourceClaims", found)?.iter().map(|own| {
        check(line, "resourceClaim", Some(own), &CLAIM)?;
        let source = match own.get(CLAIM[2]) {
            None => ClaimSource::Named(text(line, CLAIM[1], own.get(CLAIM[1]))?),
            found => ClaimSource::Template(text(line, CLAIM[2], found)?),
        };
        Ok(PodClaim {
            name: text(line, "name", own.get("name"))?,
            source,
        })
    });
    Ok(PodClaims(read.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_that_are_not_read_are_refused() {
        for (volume, expected) in [
            (json!({"name": "a"}), "volume: must be a volume of one kind"),
            (
                json!({"name": "a", "rbd": {"monitors": "m"}}),
                "monitors: must be a list",
            ),
            (
                json!({"name": "a", "gcePersistentDisk": {"pdName": "d", "readOnly": 1}}),
                "readOnly: must be `true` or `false`",
            ),
            (
                json!({"name": "a", "ephemeral": {"size": 1}}),
                "ephemeral: must be of these members: storageClassName, storage",
            ),
        ] {
            let bad = read(1, Some(&json!([volume]))).expect_err("wrong");
            assert_eq!(format!("{}: {}", bad.column, bad.rule), expected);
        }
    }
}
