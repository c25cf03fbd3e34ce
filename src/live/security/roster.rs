//! The roster of a control server: join tokens that are good and certificates that are, in one file of
//! its state. What a token or certificate led to is durable before anybody learns of it.

use serde::{Deserialize, Serialize};

use super::identity::{Certified, Identity, Role};
use super::place::Place;
use super::rotation::Rotation;
use super::token::Token;
use super::{Refused, SecurityError, read_text};

/// Name of the file.
const FILE: &str = "access.json";

/// Version of the format.
const FORMAT: u32 = 1;

/// Greatest number of tokens.
const TOKENS_MAX: usize = 1024;

/// Greatest number of certificates.
const CERTIFICATES_MAX: usize = 16_384;

/// The roster.
#[derive(Clone, Debug)]
pub(super) struct Roster {
    place: Place,
    stored: Stored,
}

/// Content of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stored {
    format: u32,
    /// Number of the next joining.
    next: u64,
    tokens: Vec<StoredToken>,
    certificates: Vec<StoredCertificate>,
    #[serde(default)]
    rotation: Rotation,
}

/// A token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StoredToken {
    pub(super) id: String,
    /// Hash of the secret.
    pub(super) hash: String,
    pub(super) role: Role,
    /// The only name that may join; any if absent.
    pub(super) name: Option<String>,
    /// Second since 1970 from which the token is not valid any more.
    pub(super) expires_s: i64,
    /// Number of joinings that are left.
    pub(super) uses: u32,
}

/// A certificate as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredCertificate {
    party: Identity,
    /// Number of the joining.
    number: u64,
    /// Hash of the public key.
    key: String,
    /// Second since 1970 at which the newest certificate expires.
    expires_s: i64,
    /// Number of steps of rotations before the newest certificate was issued.
    #[serde(default)]
    generation: u64,
}

impl Roster {
    /// The roster of a state's folder; an empty one if there is none.
    ///
    /// # Errors
    /// The file can't be read or is damaged.
    pub(super) fn of_place(place: &Place) -> Result<Self, SecurityError> {
        let path = place.folder().join(FILE);
        let damaged = |why: String| SecurityError::Damaged {
            path: path.clone(),
            why,
            fix: "restore it from a copy, or delete it and have every party join again",
        };
        let stored = if path.exists() {
            let read = serde_json::from_str::<Stored>(&read_text(&path)?);
            let read = read.map_err(|error| damaged(format!("the file is damaged ({error})")))?;
            if read.format != FORMAT {
                let found = read.format;
                return Err(damaged(format!(
                    "expected the format {FORMAT}, found {found}"
                )));
            }
            read
        } else {
            Stored {
                format: FORMAT,
                next: 1,
                tokens: Vec::new(),
                certificates: Vec::new(),
                rotation: Rotation::default(),
            }
        };
        let place = place.clone();
        Ok(Self { place, stored })
    }

    /// The tokens that are good.
    pub(super) fn tokens(&self, now_s: i64) -> impl Iterator<Item = &StoredToken> {
        let tokens = self.stored.tokens.iter();
        tokens.filter(move |token| token.expires_s > now_s)
    }

    /// Adds a token.
    pub(super) fn add(&mut self, token: StoredToken, now_s: i64) -> Result<(), Refused> {
        self.change(now_s, |stored| {
            if stored.tokens.len() >= TOKENS_MAX {
                return Err(Refused::Full);
            }
            stored.tokens.push(token);
            Ok(())
        })
    }

    /// Removes a token; returns whether there was one.
    pub(super) fn remove(&mut self, id: &str, now_s: i64) -> Result<bool, Refused> {
        self.change(now_s, |stored| {
            let before = stored.tokens.len();
            stored.tokens.retain(|token| token.id != id);
            Ok(stored.tokens.len() < before)
        })
    }

    /// A party joins by a token, which loses one use: the party has the number that is returned.
    pub(super) fn join(&mut self, joining: &Joining<'_>, now_s: i64) -> Result<Certified, Refused> {
        self.change(now_s, |stored| {
            // The answer to an earlier joining got lost: its key proves who asks again.
            let mut known = stored.certificates.iter_mut();
            let same = |known: &&mut StoredCertificate| {
                known.key == joining.key && known.party.name == joining.name
            };
            if let Some(known) = known.find(same) {
                known.expires_s = joining.expires_s;
                known.generation = stored.rotation.generation;
                return Ok(known.certified());
            }
            let given = Token::hash(joining.secret);
            let mut tokens = stored.tokens.iter_mut();
            let token = tokens.find(|token| token.id == joining.id);
            let token = token.ok_or(Refused::Token)?;
            // Comparing hashes takes equally long for any secret.
            let hash = blake3::Hash::from_hex(&token.hash).map_err(|_| Refused::Token)?;
            let named = token.name.as_deref();
            let is_meant = named.is_none_or(|name| name == joining.name);
            if hash != given || token.uses == 0 || !is_meant {
                return Err(Refused::Token);
            }
            let party = Identity::new(token.role, joining.name).ok_or(Refused::Name)?;
            let mut known = stored.certificates.iter();
            if known.any(|known| known.party == party) {
                return Err(Refused::Taken);
            }
            token.uses -= 1;
            stored.admit(party, joining.key, joining.expires_s)
        })
    }

    /// Admits a party without a token: the server's own user.
    pub(super) fn admit(
        &mut self,
        party: &Identity,
        key: &str,
        expires_s: i64,
        now_s: i64,
    ) -> Result<Certified, Refused> {
        self.change(now_s, |stored| {
            stored.certificates.retain(|known| known.party != *party);
            stored.admit(party.clone(), key, expires_s)
        })
    }

    /// A certificate is renewed.
    pub(super) fn renew(
        &mut self,
        party: &Certified,
        expires_s: i64,
        now_s: i64,
    ) -> Result<(), Refused> {
        self.change(now_s, |stored| {
            let mut known = stored.certificates.iter_mut();
            let known = known.find(|known| known.is(party));
            let known = known.ok_or(Refused::Revoked)?;
            known.expires_s = expires_s;
            known.generation = stored.rotation.generation;
            Ok(())
        })
    }

    /// Whether the certificates of a party are good.
    pub(super) fn is_good(&self, party: &Certified) -> bool {
        let mut known = self.stored.certificates.iter();
        known.any(|known| known.is(party))
    }

    /// Takes the certificates of a party back; returns whether it had any.
    pub(super) fn revoke(&mut self, party: &Identity, now_s: i64) -> Result<bool, Refused> {
        self.change(now_s, |stored| {
            let before = stored.certificates.len();
            stored.certificates.retain(|known| known.party != *party);
            Ok(stored.certificates.len() < before)
        })
    }

    /// The state of the rotation.
    pub(super) const fn rotation(&self) -> &Rotation {
        &self.stored.rotation
    }

    /// Parties with good certificates that were issued before the last step.
    pub(super) fn behind(&self, now_s: i64) -> Vec<String> {
        let generation = self.stored.rotation.generation;
        let known = self.stored.certificates.iter();
        let behind = known.filter(|one| one.expires_s > now_s && one.generation < generation);
        behind.map(|known| known.party.to_string()).collect()
    }

    /// Sets the state of the rotation.
    pub(super) fn rotate(&mut self, rotation: Rotation, now_s: i64) -> Result<(), Refused> {
        self.change(now_s, |stored| {
            stored.rotation = rotation;
            Ok(())
        })
    }

    /// Makes a change and stores it, without what has expired. A change that is refused or can't be
    /// stored is none.
    fn change<T>(
        &mut self,
        now_s: i64,
        change: impl FnOnce(&mut Stored) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let mut stored = self.stored.clone();
        stored
            .tokens
            .retain(|token| token.expires_s > now_s && token.uses > 0);
        stored.certificates.retain(|known| known.expires_s > now_s);
        let result = change(&mut stored)?;
        let text = serde_json::to_string(&stored).map_err(|_| Refused::Storage)?;
        let written = self.place.write(FILE, &text);
        written.map_err(|_| Refused::Storage)?;
        self.stored = stored;
        Ok(result)
    }
}

impl Stored {
    fn admit(&mut self, party: Identity, key: &str, expires_s: i64) -> Result<Certified, Refused> {
        if self.certificates.len() >= CERTIFICATES_MAX {
            return Err(Refused::Full);
        }
        let number = self.next;
        self.next += 1;
        let known = StoredCertificate {
            party,
            number,
            key: key.to_owned(),
            expires_s,
            generation: self.rotation.generation,
        };
        let certified = known.certified();
        self.certificates.push(known);
        Ok(certified)
    }
}

impl StoredCertificate {
    fn certified(&self) -> Certified {
        Certified {
            identity: self.party.clone(),
            number: self.number,
        }
    }

    fn is(&self, party: &Certified) -> bool {
        self.number == party.number && self.party == party.identity
    }
}

/// A wish to join.
pub(super) struct Joining<'a> {
    /// Identifier of the token.
    pub(super) id: &'a str,
    /// Secret of the token.
    pub(super) secret: &'a str,
    /// Name that is wished for.
    pub(super) name: &'a str,
    /// Hash of the public key.
    pub(super) key: &'a str,
    /// Second since 1970 at which the certificate will expire.
    pub(super) expires_s: i64,
}
