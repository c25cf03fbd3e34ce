//! The gate: who may ask. Every request needs the token, as a cookie of this page or in a header, comes to a name of this
//! machine and from no other page.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;

use axum::http::header::{
    AUTHORIZATION, CONTENT_SECURITY_POLICY, COOKIE, HOST, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::refusal::Refusal;

/// Bytes of a token.
const TOKEN_BYTES: usize = 24;

/// The token and the names of this server.
pub(crate) struct Gate {
    token: String,
    port: u16,
}

impl Gate {
    /// A gate with a new token.
    ///
    /// # Errors
    /// If the system has no random bytes.
    pub(crate) fn new(port: u16) -> Result<Self, String> {
        let mut bytes = [0; TOKEN_BYTES];
        let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
        read.map_err(|error| format!("no random bytes for a token: {error}"))?;
        let mut token = String::new();
        for byte in bytes {
            let _ = write!(token, "{byte:02x}");
        }
        Ok(Self { token, port })
    }

    /// Address of the page, with the token.
    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}/?token={}", self.port, self.token)
    }

    /// Cookie of a visitor with the token. Cookies are one for all ports of a host, so its name has the port.
    pub(crate) fn cookie(&self) -> String {
        let (port, token) = (self.port, &self.token);
        format!("windtunnel-{port}={token}; Path=/; HttpOnly; SameSite=Strict")
    }

    /// Whether an address has the token in it, as the one that was printed.
    pub(crate) fn is_invited(&self, uri: &Uri) -> bool {
        let fields = uri.query().unwrap_or_default().split('&');
        let mut tokens = fields.filter_map(|field| field.strip_prefix("token="));
        tokens.any(|token| self.is_token(token))
    }

    /// Lets a request in.
    ///
    /// # Errors
    /// If it has no token, comes to another name or from another page.
    pub(crate) fn check(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), Refusal> {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        // A name of somebody else's that leads here is how a foreign page would ask.
        let host = text(&HOST).unwrap_or_default();
        if !self.names().any(|name| name == host) {
            return Err(Refusal::forbidden("this is no name of this server"));
        }
        let origin = text(&ORIGIN);
        if origin.is_some_and(|origin| origin.strip_prefix("http://") != Some(host)) {
            return Err(Refusal::forbidden("a page of another origin asks"));
        }
        let site = text(&HeaderName::from_static("sec-fetch-site"));
        let is_own = site.is_none_or(|site| matches!(site, "same-origin" | "none"));
        let bearer = text(&AUTHORIZATION).and_then(|own| own.strip_prefix("Bearer "));
        let is_change = *method != Method::GET && *method != Method::HEAD;
        if is_change && (!is_own || (origin.is_none() && site.is_none() && bearer.is_none())) {
            return Err(Refusal::forbidden("only the page itself may ask for this"));
        }
        let name = format!("windtunnel-{}", self.port);
        let cookies = headers.get_all(COOKIE).into_iter();
        let mut cookies = cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|own| own.trim().split_once('='));
        let is_known = cookies.any(|(own, token)| own == name && self.is_token(token))
            || bearer.is_some_and(|token| self.is_token(token))
            || (!is_change && uri.path() == "/" && self.is_invited(uri));
        if is_known {
            Ok(())
        } else {
            Err(Refusal::forbidden(
                "the address with the token opens this page; `windtunnel serve` printed it",
            ))
        }
    }

    /// Names under which a browser of this machine reaches the server.
    fn names(&self) -> impl Iterator<Item = String> {
        let port = self.port;
        ["127.0.0.1", "localhost"]
            .into_iter()
            .map(move |name| format!("{name}:{port}"))
    }

    /// Whether a text is the token, in a time that does not tell where they differ.
    fn is_token(&self, text: &str) -> bool {
        let pairs = text.bytes().zip(self.token.bytes());
        let differ = pairs.fold(0, |all, (one, other)| all | (one ^ other));
        differ == 0 && text.len() == self.token.len()
    }
}

/// What every answer says to the browser: nothing from outside, in no other page's frame, no guesses.
pub(crate) fn guard(headers: &mut HeaderMap) {
    let own = [
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
        ),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in own {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
}
