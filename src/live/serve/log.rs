//! Logs of pods, as their nodes bring them in parts.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Either;
use hyper::StatusCode;
use hyper::body::Bytes;

use super::api::parameter;
use super::engine::Message;
use super::flow::{Answer, Flow};
use super::http::{Asked, Refusal, Shared, response};
use super::routes::query;
use crate::driver::view::PodRow;
use crate::facade::resources::Place;
use crate::wire::errand::{LogText, LogWish, NO_CONTAINER, RETAINED_MAX};

/// Time between two looks of one who follows.
const LOOK: Duration = Duration::from_millis(500);

/// Most lines of the end of a log that are asked for.
const TAIL_MAX: usize = 1_000_000;

/// Records of a log as lines.
struct Lines {
    with_time: bool,
    /// `true` in the midst of a line whose record was cut.
    is_open: bool,
}

impl Lines {
    fn add(&mut self, records: &str, text: &mut String) {
        for record in records.lines() {
            let mut fields = record.splitn(4, ' ');
            let (time, _stream) = (fields.next().unwrap_or_default(), fields.next());
            let flag = fields.next().unwrap_or_default();
            if self.with_time && !self.is_open {
                text.push_str(time);
                text.push(' ');
            }
            text.push_str(fields.next().unwrap_or_default());
            self.is_open = flag == "P";
            if !self.is_open {
                text.push('\n');
            }
        }
    }
}

/// Leaves the last lines of a text.
fn cut(text: &mut String, lines: usize) {
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
    if ends.len() > lines {
        text.drain(..ends[ends.len() - lines - 1]);
    }
}

/// Answers with the log of a pod: what there is, and what comes while it is followed.
pub(super) async fn log(
    shared: &Arc<Shared>,
    place: &Place,
    request: &Asked,
) -> Result<Answer, Refusal> {
    let is = |name: &str| parameter(request, name).is_some_and(|own| own == "true");
    let tail = parameter(request, "tailLines").and_then(|own| own.parse::<usize>().ok());
    let follows = is("follow");
    let mut wish = LogWish {
        namespace: place.namespace.clone().unwrap_or_default(),
        name: place.name.clone().unwrap_or_default(),
        container: parameter(request, "container").filter(|name| !name.is_empty()),
        from: None,
        is_previous: is("previous"),
    };
    let mut lines = Lines {
        with_time: is("timestamps"),
        is_open: false,
    };
    let mut text = String::new();
    let is_over = gathered(shared, &mut wish, &mut lines, &mut text).await?;
    if let Some(tail) = tail {
        cut(&mut text, tail.min(TAIL_MAX));
    }
    if !follows || is_over {
        return Ok(response(StatusCode::OK, "text/plain", text));
    }
    let (sender, flow) = Flow::new();
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let mut is_over = false;
        loop {
            let ready = Bytes::from(std::mem::take(&mut text));
            let is_gone = !ready.is_empty() && sender.send(ready).await.is_err();
            if is_over || is_gone || sender.is_closed() {
                return;
            }
            tokio::time::sleep(LOOK).await;
            match gathered(&shared, &mut wish, &mut lines, &mut text).await {
                Ok(ended) => is_over = ended,
                // An agent that is started again goes on where it was.
                Err(refusal) => is_over = refusal.status == StatusCode::NOT_FOUND,
            }
        }
    });
    let mut answer = response(StatusCode::OK, "text/plain", Bytes::new());
    *answer.body_mut() = Either::Right(flow);
    Ok(answer)
}

/// Adds what there is of a log from a place on; returns whether nothing will come after it.
async fn gathered(
    shared: &Shared,
    wish: &mut LogWish,
    lines: &mut Lines,
    text: &mut String,
) -> Result<bool, Refusal> {
    loop {
        let part = part(shared, wish.clone()).await?;
        if part.is_gap {
            text.push_str("(lines are missing here: their file was removed)\n");
        }
        lines.add(&part.records, text);
        wish.from = part.next;
        if part.records.is_empty() || wish.from.is_none() {
            return Ok(part.is_over);
        }
    }
}

/// A part of a pod's log, from its node.
async fn part(shared: &Shared, wish: LogWish) -> Result<LogText, Refusal> {
    let refused = |status, why: String| Refusal::new(status, "log", why);
    let pods = query(shared, Message::Pods).await?;
    let is_meant = |pod: &&PodRow| pod.namespace == wish.namespace && pod.name == wish.name;
    let Some(pod) = pods.iter().find(is_meant) else {
        let why = "there is no such pod; `kubectl get pods` lists those that have a log, also after \
                   their end";
        return Err(refused(StatusCode::NOT_FOUND, why.to_owned()));
    };
    let Some(node) = &pod.node else {
        let why = "the pod waits for a node, so it has no log yet";
        return Err(refused(StatusCode::CONFLICT, why.to_owned()));
    };
    let has_ended = pod.ended.is_some();
    let nodes = query(shared, Message::Nodes).await?;
    if !nodes.iter().any(|known| known.name == *node) {
        let why = format!("the pod has ended, and its log went with its node `{node}`");
        return Err(refused(StatusCode::NOT_FOUND, why));
    }
    let Some(mut sent) = shared.errands.send(node, pod.pod, wish) else {
        let why = format!("too many ask for logs of node `{node}`; try again");
        return Err(refused(StatusCode::TOO_MANY_REQUESTS, why));
    };
    match tokio::time::timeout(shared.limits.errand, &mut sent.result).await {
        Ok(Ok(Ok(text))) => Ok(text),
        Ok(Ok(Err(why))) if has_ended && why == NO_CONTAINER => {
            let why = format!(
                "node `{node}` keeps the log of the pod no longer: it keeps those of the last {RETAINED_MAX} \
                 that ended, while its disk has room"
            );
            Err(refused(StatusCode::NOT_FOUND, why))
        }
        Ok(Ok(Err(why))) => Err(refused(StatusCode::CONFLICT, why)),
        Ok(Err(_)) | Err(_) => {
            let why = format!("node `{node}` does not answer; is its agent running?");
            Err(refused(StatusCode::GATEWAY_TIMEOUT, why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_become_lines_and_the_last_are_kept() {
        let mut lines = Lines {
            with_time: false,
            is_open: false,
        };
        let mut text = String::new();
        lines.add("T stdout F one two\nT stdout P thr\n", &mut text);
        lines.add("T stdout F ee\nT stderr F \n", &mut text);
        assert_eq!(text, "one two\nthree\n\n");
        cut(&mut text, 2);
        assert_eq!(text, "three\n\n");
        cut(&mut text, 0);
        assert_eq!(text, "");
        let mut timed = Lines {
            with_time: true,
            is_open: false,
        };
        timed.add("T1 stdout P a\nT2 stdout F b\n", &mut text);
        assert_eq!(text, "T1 ab\n");
    }
}
