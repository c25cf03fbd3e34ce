//! Join tokens: `wt1.PIN.ID.SECRET`. The pin is the hash of the authority's public key, so whoever
//! joins knows the server before the secret leaves; the server keeps a hash of the secret.

use std::fmt;
use std::str::FromStr;

use super::{SecurityError, random_bytes};

/// Beginning of a token, which says how the rest is read.
const VERSION: &str = "wt1";

/// Characters of identifiers and secrets: five bits each.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Characters of an identifier.
const ID_LENGTH: usize = 6;

/// Characters of a secret: 130 bits.
const SECRET_LENGTH: usize = 26;

/// Hexadecimal digits of a pin.
const PIN_LENGTH: usize = 64;

/// A join token. Its secret shows in its text alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// SHA-256 of the authority's public key, in hexadecimal.
    pub pin: String,
    /// Identifier, which is public.
    pub id: String,
    secret: String,
}

impl Token {
    /// Draws a token for the authority of a pin.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub(crate) fn draw(pin: &str) -> Result<Self, SecurityError> {
        let draw = random_bytes::<{ ID_LENGTH + SECRET_LENGTH }>();
        let bytes = draw.map_err(|error| SecurityError::Making(error.to_string()))?;
        let text: String = bytes
            .iter()
            .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
            .collect();
        let (id, secret) = text.split_at(ID_LENGTH);
        Ok(Self {
            pin: pin.to_owned(),
            id: id.to_owned(),
            secret: secret.to_owned(),
        })
    }

    /// The text with its secret, for the one who joins.
    pub fn reveal(&self) -> String {
        format!("{VERSION}.{}.{}.{}", self.pin, self.id, self.secret)
    }

    /// The secret, which goes to a server that has proved the pin.
    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    /// Hash of the secret as the server keeps it.
    pub(super) fn hash(secret: &str) -> blake3::Hash {
        blake3::hash(secret.as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Token({})", self.id)
    }
}

impl FromStr for Token {
    type Err = SecurityError;

    fn from_str(text: &str) -> Result<Self, SecurityError> {
        let parts: Vec<&str> = text.trim().split('.').collect();
        let [VERSION, pin, id, secret] = parts.as_slice() else {
            return Err(SecurityError::NotAToken);
        };
        let is_hexadecimal = pin.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let is_drawn = |text: &str| text.bytes().all(|byte| ALPHABET.contains(&byte));
        let lengths = [pin.len(), id.len(), secret.len()];
        let is_token = lengths == [PIN_LENGTH, ID_LENGTH, SECRET_LENGTH]
            && is_hexadecimal
            && is_drawn(id)
            && is_drawn(secret);
        if !is_token {
            return Err(SecurityError::NotAToken);
        }
        Ok(Self {
            pin: (*pin).to_owned(),
            id: (*id).to_owned(),
            secret: (*secret).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_hides_its_secret() {
        let token = Token::draw(&"0a".repeat(32)).expect("a token");
        let text = token.reveal();
        assert_eq!(text.parse::<Token>().expect("the token"), token);
        let shown = format!("{token:?}");
        assert!(!shown.contains(token.secret()), "{shown}");
        for wrong in ["", "wt1", "wt2.a.b.c", &text[1..], &text[..text.len() - 1]] {
            assert!(wrong.parse::<Token>().is_err(), "{wrong}");
        }
        let other = Token::draw(&"0a".repeat(32)).expect("a token");
        assert_ne!(other, token);
    }
}
