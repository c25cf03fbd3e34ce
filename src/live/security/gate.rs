//! The gate of a control server: parties join, renew their certificates and lose them here.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::authority::{Authority, Request};
use super::credentials::Credentials;
use super::identity::{Certified, Identity, Role};
use super::place::Place;
use super::roster::{Joining, Roster, StoredToken};
use super::rotation::{Authorities, Rotation, RotationError, RotationStatus, Step};
use super::token::Token;
use super::{Refused, SecurityError};
use crate::runtime::clock::wall_ns;

/// Name of the files with the certificate of that user.
pub const ADMIN: &str = "admin";

/// A gate.
pub struct Gate {
    place: Place,
    authorities: Mutex<Arc<Authorities>>,
    roster: Mutex<Roster>,
    life_s: i64,
}

/// A wish for a join token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenWish {
    /// Role of those who join.
    pub role: Role,
    /// The only name that may join; any if absent.
    pub name: Option<String>,
    /// Number of joinings.
    pub uses: u32,
    /// Seconds for which the token is valid.
    pub valid_s: i64,
}

/// A token in a list; its secret is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenRow {
    /// Identifier of the token.
    pub id: String,
    /// Role of those who join.
    pub role: Role,
    /// The only name that may join; any if absent.
    pub name: Option<String>,
    /// Number of joinings that are left.
    pub uses: u32,
    /// Seconds for which the token is still valid.
    pub valid_s: i64,
}

/// A wish to join, or to renew a certificate.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinWish {
    /// Identifier of the token.
    pub id: String,
    /// Secret of the token.
    pub secret: String,
    /// Name that is wished for.
    pub name: String,
    /// Request to sign, in PEM; of its content the public key alone counts.
    pub request: String,
}

/// A wish to renew a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RenewWish {
    /// Request to sign, in PEM.
    pub request: String,
}

/// A certificate that was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Issued {
    /// The certificate, in PEM.
    pub certificate: String,
    /// The certificates of the authorities that are trusted, in PEM.
    pub authority: String,
    /// Name of the cluster, which outlives its authorities.
    #[serde(default)]
    pub cluster: Option<String>,
    /// Number of steps of rotations before the certificate was issued.
    #[serde(default)]
    pub generation: u64,
    /// Second since 1970 at which the certificate was issued.
    pub issued_s: i64,
    /// Second since 1970 at which the certificate expires.
    pub expires_s: i64,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Gate({})", self.authorities().signer().pin())
    }
}

impl Gate {
    /// The gate of a state's folder: its authority and roster, made if there are none. Certificates
    /// are good for `life_s` seconds.
    ///
    /// # Errors
    /// The folder can't be read or written, or its files are damaged.
    pub fn of_folder(folder: &Path, life_s: i64) -> Result<Arc<Self>, SecurityError> {
        Self::of_place(&Place::own(folder), life_s)
    }

    /// As above, with a folder whose files several control servers may share.
    ///
    /// # Errors
    /// The place can't be read or written, or its files are damaged.
    pub fn of_place(place: &Place, life_s: i64) -> Result<Arc<Self>, SecurityError> {
        let roster = Roster::of_place(place)?;
        let authorities = Authorities::of_place(place, roster.rotation(), now_s())?;
        let gate = Self {
            place: place.clone(),
            authorities: Mutex::new(Arc::new(authorities)),
            roster: Mutex::new(roster),
            life_s,
        };
        Ok(Arc::new(gate))
    }

    /// The authorities at present.
    pub fn authorities(&self) -> Arc<Authorities> {
        let authorities = self.authorities.lock();
        Arc::clone(&authorities.unwrap_or_else(PoisonError::into_inner))
    }

    /// The state of the rotation.
    pub fn rotation(&self) -> RotationStatus {
        let authorities = self.authorities();
        let roster = self.roster();
        RotationStatus {
            signs: authorities.signer().pin().to_owned(),
            trusted: authorities.pins(),
            next: roster.rotation().next_step(),
            behind: roster.behind(now_s()),
        }
    }

    /// Takes a step of a rotation.
    ///
    /// # Errors
    /// Another step comes next, somebody has yet to take the last one in, or the state can't be written.
    pub fn rotate(&self, step: Step) -> Result<RotationStatus, RotationError> {
        let now = now_s();
        let mut roster = self.roster();
        let before = roster.rotation().clone();
        if step != before.next_step() {
            return Err(RotationError::Order(before.next_step().name()));
        }
        let behind = roster.behind(now);
        if !behind.is_empty() {
            return Err(RotationError::Behind(behind.join(", ")));
        }
        let tokens: Vec<&str> = roster.tokens(now).map(|token| token.id.as_str()).collect();
        if step == Step::Switch && !tokens.is_empty() {
            return Err(RotationError::Tokens(tokens.join(", ")));
        }
        let mut after = before.after(step);
        after.cluster = Some(self.cluster(&before));
        // The new authority is on the disk before anything depends on it.
        let authorities = Authorities::of_place(&self.place, &after, now)?;
        roster.rotate(after, now)?;
        let present = self.authorities.lock();
        *present.unwrap_or_else(PoisonError::into_inner) = Arc::new(authorities);
        drop(roster);
        if step == Step::Drop {
            Authority::remove(&self.place, before.current);
        }
        self.keep_local(self.place.folder())?;
        Ok(self.rotation())
    }

    /// Name of the cluster: it follows from the first authority.
    fn cluster(&self, rotation: &Rotation) -> String {
        let known = rotation.cluster.clone();
        known.unwrap_or_else(|| super::secrets::cluster(self.authorities().signer().pin()))
    }

    /// Seconds for which certificates are good.
    pub(super) const fn life_s(&self) -> i64 {
        self.life_s
    }

    /// Writes the credentials of the server's own user into the folder of its state, unless those
    /// there are good for more than half of their life.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn keep_local(&self, folder: &Path) -> Result<(), SecurityError> {
        let kept = Credentials::read(folder, ADMIN).ok();
        let is_good = |kept: &Credentials| {
            let party = super::tls::party_of(kept.certificate());
            let is_known = party.is_some_and(|party| self.is_good(&party));
            let is_new = kept.generation() == self.authorities().generation();
            is_known && is_new && !kept.is_old(now_s(), 50)
        };
        if kept.as_ref().is_some_and(is_good) {
            return Ok(());
        }
        let name = self.place.local_user();
        let local = Identity {
            role: Role::Admin,
            name: name.map_err(|source| SecurityError::File {
                path: folder.to_owned(),
                source,
            })?,
        };
        let failed = |error: Refused| SecurityError::Making(error.to_string());
        let request = Credentials::request(folder, ADMIN)?;
        let read = Request::read(&request).ok_or_else(|| failed(Refused::Request))?;
        let (key, now) = (read.key_hash(), now_s());
        let expires_s = now + self.life_s;
        let mut roster = self.roster();
        let party = roster.admit(&local, &key, expires_s, now);
        let party = party.map_err(failed)?;
        let issued = self.issue(&roster, &read, &party, now);
        let issued = issued.map_err(failed)?;
        drop(roster);
        Credentials::store(folder, ADMIN, &issued).map(drop)
    }

    /// Creates a join token.
    ///
    /// # Errors
    /// There are too many, or the state can't be written.
    pub fn create(&self, wish: &TokenWish) -> Result<Token, Refused> {
        let name = wish.name.as_deref();
        if name.is_some_and(|name| Identity::new(wish.role, name).is_none()) {
            return Err(Refused::Name);
        }
        let token = Token::draw(self.authorities().signer().pin()).map_err(|_| Refused::Storage)?;
        let now = now_s();
        let stored = StoredToken {
            id: token.id.clone(),
            hash: Token::hash(token.secret()).to_hex().to_string(),
            role: wish.role,
            name: wish.name.clone(),
            expires_s: now.saturating_add(wish.valid_s.max(0)),
            uses: wish.uses,
        };
        self.roster().add(stored, now)?;
        Ok(token)
    }

    /// The tokens that are good.
    pub fn tokens(&self) -> Vec<TokenRow> {
        let now = now_s();
        let roster = self.roster();
        let rows = roster.tokens(now).map(|token| TokenRow {
            id: token.id.clone(),
            role: token.role,
            name: token.name.clone(),
            uses: token.uses,
            valid_s: token.expires_s - now,
        });
        rows.collect()
    }

    /// Deletes a token; returns whether there was one.
    ///
    /// # Errors
    /// The state can't be written.
    pub fn delete(&self, id: &str) -> Result<bool, Refused> {
        self.roster().remove(id, now_s())
    }

    /// A party joins by a token.
    ///
    /// # Errors
    /// The token is not good, the name is taken, or the request is damaged.
    pub fn join(&self, wish: &JoinWish) -> Result<Issued, Refused> {
        let request = Request::read(&wish.request).ok_or(Refused::Request)?;
        let (key, now) = (request.key_hash(), now_s());
        let mut roster = self.roster();
        let party = roster.join(
            &Joining {
                id: &wish.id,
                secret: &wish.secret,
                name: &wish.name,
                key: &key,
                expires_s: now + self.life_s,
            },
            now,
        )?;
        self.issue(&roster, &request, &party, now)
    }

    /// A party renews its certificate.
    ///
    /// # Errors
    /// The certificate was revoked, or the request is damaged.
    pub fn renew(&self, party: &Certified, wish: &RenewWish) -> Result<Issued, Refused> {
        let request = Request::read(&wish.request).ok_or(Refused::Request)?;
        let now = now_s();
        let mut roster = self.roster();
        roster.renew(party, now + self.life_s, now)?;
        self.issue(&roster, &request, party, now)
    }

    /// Whether the certificates of a party are good.
    pub fn is_good(&self, party: &Certified) -> bool {
        self.roster().is_good(party)
    }

    /// Takes the certificates of a party back; returns whether it had any.
    ///
    /// # Errors
    /// The state can't be written.
    pub fn revoke(&self, party: &Identity) -> Result<bool, Refused> {
        self.roster().revoke(party, now_s())
    }

    /// Issues a certificate while the roster is held, so that no step comes in between.
    fn issue(
        &self,
        roster: &Roster,
        request: &Request,
        party: &Certified,
        now: i64,
    ) -> Result<Issued, Refused> {
        let expires_s = now + self.life_s;
        let authorities = self.authorities();
        let signer = authorities.signer();
        let certificate = signer.issue(request, party, now, expires_s);
        Ok(Issued {
            certificate: certificate.map_err(|_| Refused::Request)?,
            authority: authorities.pem(),
            cluster: Some(self.cluster(roster.rotation())),
            generation: authorities.generation(),
            issued_s: now,
            expires_s,
        })
    }

    fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wall clock, in seconds since 1970.
pub fn now_s() -> i64 {
    wall_ns() / 1_000_000_000
}
