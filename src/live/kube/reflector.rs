//! Lists a kind of objects and watches what becomes of them, for ever: a watch that ends is begun again where it
//! was, and where the server no longer knows what was since, all is listed anew.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use units::SortedMap;

use super::api::{ApiConnection, ApiError, ApiRequest};
use super::kubeconfig::Access;
use super::news::News;
use crate::wire::observation::{Kind, Observation};

/// Objects in an answer.
const PAGE: usize = 500;

/// Times between two attempts.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Seconds after which the server ends a watch.
const WATCH_SECS: u32 = 290;

/// Objects of a kind as they were told last.
struct Reflector {
    kind: Kind,
    connection: ApiConnection,
    news: UnboundedSender<News>,
    /// What was told of each object, by its name.
    told: SortedMap<String, Observation>,
}

/// Why a watch goes on from another place.
enum Turn {
    /// From where it was.
    Again,
    /// From a list.
    Anew,
}

/// Tells of a kind until nobody listens.
pub(super) async fn reflect(access: Arc<Access>, kind: Kind, news: UnboundedSender<News>) {
    let mut own = Reflector {
        kind,
        connection: ApiConnection::new(access),
        news,
        told: SortedMap::new(),
    };
    let mut pause = PAUSE_MIN;
    loop {
        match own.follow(&mut pause).await {
            Ok(()) => return,
            Err(error) => {
                if own.is_fatal(&error) {
                    own.tell(News::Failed(format!("{}: {error}", kind.place().plural)));
                    return;
                }
                if error.status() == Some(404) && kind.is_optional() {
                    // A server of another release.
                    own.tell(News::Listed(kind, Vec::new()));
                    return;
                }
                // A server that is not reached is not reached for any kind.
                own.tell(News::Doubt(match error.status() {
                    None => format!("{error}; tried again"),
                    Some(_) => format!("{}: {error}; tried again", kind.place().plural),
                }));
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

impl Reflector {
    /// Whether asking again is no use.
    const fn is_fatal(&self, error: &ApiError) -> bool {
        match error.status() {
            Some(401 | 403) => true,
            Some(404) => !self.kind.is_optional(),
            _ => matches!(error, ApiError::Access(_)),
        }
    }

    /// Tells something; returns whether anybody listens.
    fn tell(&self, news: News) -> bool {
        self.news.send(news).is_ok()
    }

    /// Lists and watches until nobody listens.
    async fn follow(&mut self, pause: &mut Duration) -> Result<(), ApiError> {
        loop {
            let mut version = self.list().await?;
            *pause = PAUSE_MIN;
            loop {
                let began = Instant::now();
                match self.watch(&mut version).await {
                    // One that ends at once is not begun at once.
                    Ok(Turn::Again) if began.elapsed() < PAUSE_MIN => {
                        tokio::time::sleep(PAUSE_MIN).await;
                    }
                    Ok(Turn::Again) => {}
                    Ok(Turn::Anew) => break,
                    // What was since may be told by a watch that begins later.
                    Err(error) if error.is_passing() => {
                        tokio::time::sleep(*pause).await;
                        *pause = (*pause * 2).min(PAUSE_MAX);
                    }
                    Err(error) if error.status() == Some(410) => break,
                    Err(error) => return Err(error),
                }
                if self.news.is_closed() {
                    return Ok(());
                }
            }
        }
    }

    fn query(&self) -> String {
        let selector = self.kind.place().selector;
        if selector.is_empty() {
            String::new()
        } else {
            format!("&fieldSelector={selector}")
        }
    }

    /// Lists all, and tells what has changed since; returns the version from which a watch goes on.
    async fn list(&mut self) -> Result<String, ApiError> {
        let mut found = SortedMap::new();
        let mut next = String::new();
        let mut version;
        loop {
            let path = format!(
                "{}?limit={PAGE}{}{}",
                self.kind.path(),
                self.query(),
                if next.is_empty() {
                    String::new()
                } else {
                    format!("&continue={next}")
                }
            );
            let page = self.connection.call(ApiRequest {
                method: Method::GET,
                path: &path,
                content: None,
            });
            let page = match page.await {
                // The server forgot where the list was.
                Err(error) if error.status() == Some(410) && !next.is_empty() => {
                    next.clear();
                    found = SortedMap::new();
                    continue;
                }
                page => page?,
            };
            for object in page["items"].as_array().into_iter().flatten() {
                let seen = Observation::of(self.kind, false, object);
                found.insert(seen.place(), seen);
            }
            version = text(&page["metadata"]["resourceVersion"]);
            next = encoded(&text(&page["metadata"]["continue"]));
            if next.is_empty() {
                break;
            }
        }
        let mut changes = Vec::new();
        for (place, told) in &self.told {
            // One of the same name may be another.
            let is_same = found
                .get(place)
                .is_some_and(|seen| seen.text("/metadata/uid") == told.text("/metadata/uid"));
            if !is_same {
                changes.push(Observation::of(self.kind, true, &told.object));
            }
        }
        for (place, seen) in &found {
            if self.told.get(place) != Some(seen) {
                changes.push(seen.clone());
            }
        }
        self.told = found;
        self.tell(News::Listed(self.kind, changes));
        Ok(version)
    }

    /// Watches from a version on, until the watch ends.
    async fn watch(&mut self, version: &mut String) -> Result<Turn, ApiError> {
        let path = format!(
            "{}?watch=1&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECS}&resourceVersion={version}{}",
            self.kind.path(),
            self.query(),
        );
        let mut watch = self.connection.watch(&path).await?;
        while let Some(event) = watch.next().await {
            let object = &event["object"];
            match event["type"].as_str().unwrap_or_default() {
                "ERROR" => {
                    let code = object["code"].as_u64();
                    return match code {
                        Some(410) => Ok(Turn::Anew),
                        _ => Ok(Turn::Again),
                    };
                }
                "BOOKMARK" => {}
                kind => self.take(object, kind == "DELETED"),
            }
            let newer = text(&object["metadata"]["resourceVersion"]);
            if !newer.is_empty() {
                *version = newer;
            }
        }
        Ok(Turn::Again)
    }

    /// Takes in an object that came, changed or went.
    fn take(&mut self, object: &Value, is_gone: bool) {
        let seen = Observation::of(self.kind, is_gone, object);
        let place = seen.place();
        if is_gone {
            if self.told.remove(&place).is_some() {
                self.tell(News::Seen(seen));
            }
            return;
        }
        if self.told.get(&place) == Some(&seen) {
            return;
        }
        self.told.insert(place, seen.clone());
        self.tell(News::Seen(seen));
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A text as a query states it.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
