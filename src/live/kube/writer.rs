//! Writes what the schedulers decided: bindings, conditions, evictions and the events about them. What concerns
//! one pod is written in order; pods don't wait for one another but where the server asks for patience.

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use units::SortedMap;

use super::api::{ApiConnection, ApiError, ApiRequest};
use super::kubeconfig::Access;
use super::news::News;
use super::timestamp;
use crate::wire::wish::{PodIdentity, Wish};

/// Connections that write at a time.
const WRITERS: usize = 16;

/// Times between two attempts.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Attempts before a wish is given up.
const ATTEMPTS: u32 = 10;

/// Times that a pod is kept back after bindings of it were refused, as the queue of kube-scheduler does.
const BACK_OFF_MIN: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_secs(10);

/// Type of a patch that merges lists of conditions by their types.
const STRATEGIC: &str = "application/strategic-merge-patch+json";

const JSON: &str = "application/json";

/// A wish and when it was decided.
struct Order {
    wish: Wish,
    decided: tokio::time::Instant,
}

/// Everybody who writes.
pub(super) struct Writers {
    lines: Vec<UnboundedSender<Order>>,
}

impl Writers {
    /// Begins to write in the name of a scheduler.
    pub(super) fn start(
        access: &Arc<Access>,
        scheduler: &str,
        instance: &str,
        news: &UnboundedSender<News>,
    ) -> Self {
        let lines = (0..WRITERS).map(|_| {
            let (sender, receiver) = unbounded_channel();
            let writer = Writer {
                connection: ApiConnection::new(Arc::clone(access)),
                scheduler: scheduler.to_owned(),
                instance: instance.to_owned(),
                news: news.clone(),
                refusals: SortedMap::new(),
                unscheduled: SortedMap::new(),
            };
            drop(tokio::spawn(writer.run(receiver)));
            sender
        });
        Self {
            lines: lines.collect(),
        }
    }

    /// Has something written.
    pub(super) fn write(&self, wish: Wish) {
        let hash = blake3::hash(wish.pod().uid.as_bytes());
        let line = usize::from(hash.as_bytes()[0]) % self.lines.len();
        // Who has ended said so.
        let _ = self.lines[line].send(Order {
            wish,
            decided: tokio::time::Instant::now(),
        });
    }
}

struct Writer {
    connection: ApiConnection,
    scheduler: String,
    instance: String,
    news: UnboundedSender<News>,
    /// Number of bindings of a pod that were refused.
    refusals: SortedMap<String, u32>,
    /// Pods whose condition says that they have no node, each with the time since when.
    unscheduled: SortedMap<String, String>,
}

impl Writer {
    async fn run(mut self, mut orders: UnboundedReceiver<Order>) {
        while let Some(Order { wish, decided }) = orders.recv().await {
            let uid = wish.pod().uid.clone();
            let is_binding = matches!(wish, Wish::Bind { .. });
            let written = self.write(&wish).await;
            match written {
                Ok(()) if is_binding => {
                    self.refusals.remove(&uid);
                    self.unscheduled.remove(&uid);
                    let took = decided.elapsed();
                    let _ = self.news.send(News::Bound { uid, took });
                }
                Ok(()) => {}
                // It has gone, which the watch will tell.
                Err(error) if error.status() == Some(404) && !is_binding => {}
                Err(error) if matches!(wish, Wish::Unschedulable { .. }) => {
                    let place = wish.pod().place();
                    let _ = self
                        .news
                        .send(News::Doubt(format!("condition of {place}: {error}")));
                }
                Err(error) => self.give_back(uid, wish.pod().place(), error.to_string()),
            }
        }
    }

    /// Says that a pod is as it was, after a while.
    fn give_back(&mut self, uid: String, place: String, why: String) {
        let count = self.refusals.entry(uid.clone()).or_insert(0);
        let pause = BACK_OFF_MIN
            .saturating_mul(1 << (*count).min(4))
            .min(BACK_OFF_MAX);
        *count += 1;
        let news = self.news.clone();
        drop(tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            let _ = news.send(News::Unwritten { uid, place, why });
        }));
    }

    async fn write(&mut self, wish: &Wish) -> Result<(), ApiError> {
        match wish {
            Wish::Bind { pod, node } => {
                self.bind(pod, node).await?;
                let note = format!("Successfully assigned {} to {node}", pod.place());
                self.note(pod, "Normal", "Scheduled", "Binding", &note)
                    .await;
            }
            Wish::Unschedulable { pod, message } => {
                let condition = json!({
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": message,
                    // The status stays what it was: another message is no transition.
                    "lastTransitionTime": self.unscheduled.entry(pod.uid.clone()).or_insert_with(|| timestamp(false)),
                });
                self.put_condition(pod, condition).await?;
                self.note(pod, "Warning", "FailedScheduling", "Scheduling", message)
                    .await;
            }
            Wish::Evict { pod } => {
                let condition = json!({
                    "type": "DisruptionTarget",
                    "status": "True",
                    "reason": "PreemptionByScheduler",
                    "message": format!("{}: preempting to accommodate a higher priority pod", self.scheduler),
                    "lastTransitionTime": timestamp(false),
                });
                self.put_condition(pod, condition).await?;
                let path = format!("/api/v1/namespaces/{}/pods/{}", pod.namespace, pod.name);
                let options = json!({
                    "apiVersion": "v1",
                    "kind": "DeleteOptions",
                    "preconditions": {"uid": pod.uid},
                });
                self.send(Method::DELETE, &path, JSON, &options).await?;
                let note = "Preempted by a pod of higher priority";
                self.note(pod, "Normal", "Preempted", "Preempting", note)
                    .await;
            }
            Wish::Seen { .. } => {}
        }
        Ok(())
    }

    async fn bind(&mut self, pod: &PodIdentity, node: &str) -> Result<(), ApiError> {
        let path = format!(
            "/api/v1/namespaces/{}/pods/{}/binding",
            pod.namespace, pod.name
        );
        let binding = json!({
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"namespace": pod.namespace, "name": pod.name, "uid": pod.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        });
        self.send(Method::POST, &path, JSON, &binding).await
    }

    async fn put_condition(&mut self, pod: &PodIdentity, condition: Value) -> Result<(), ApiError> {
        let path = format!(
            "/api/v1/namespaces/{}/pods/{}/status",
            pod.namespace, pod.name
        );
        let patch = json!({
            "metadata": {"uid": pod.uid},
            "status": {"conditions": [condition]},
        });
        self.send(Method::PATCH, &path, STRATEGIC, &patch).await
    }

    /// Tells users of it. One that can't be written is left out: events are for people alone.
    async fn note(
        &mut self,
        pod: &PodIdentity,
        kind: &str,
        reason: &str,
        action: &str,
        note: &str,
    ) {
        let path = format!("/apis/events.k8s.io/v1/namespaces/{}/events", pod.namespace);
        // The API takes a note of 1024 bytes.
        let end = note.char_indices().map(|(at, own)| at + own.len_utf8());
        let end = end.take_while(|&end| end <= 1_024).last().unwrap_or(0);
        let event = json!({
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"generateName": format!("{}.", pod.name), "namespace": pod.namespace},
            "eventTime": timestamp(true),
            "reportingController": self.scheduler,
            "reportingInstance": self.instance,
            "action": action,
            "reason": reason,
            "type": kind,
            "note": &note[..end],
            "regarding": {
                "apiVersion": "v1",
                "kind": "Pod",
                "namespace": pod.namespace,
                "name": pod.name,
                "uid": pod.uid,
            },
        });
        let content = Some((JSON, &event));
        let request = ApiRequest {
            method: Method::POST,
            path: &path,
            content,
        };
        if let Err(error) = self.connection.call(request).await {
            let doubt = format!("events are not written: {error}");
            let _ = self.news.send(News::Doubt(doubt));
        }
    }

    /// Sends a request, again where that may help.
    async fn send(
        &mut self,
        method: Method,
        path: &str,
        kind: &str,
        content: &Value,
    ) -> Result<(), ApiError> {
        let mut pause = PAUSE_MIN;
        for attempt in 1.. {
            let request = ApiRequest {
                method: method.clone(),
                path,
                content: Some((kind, content)),
            };
            let Err(error) = self.connection.call(request).await else {
                return Ok(());
            };
            if !error.is_passing() || attempt >= ATTEMPTS {
                return Err(error);
            }
            let asked = match &error {
                ApiError::Refused {
                    retry_after_secs, ..
                } => *retry_after_secs,
                _ => None,
            };
            let asked = asked.map(Duration::from_secs).unwrap_or_default();
            tokio::time::sleep(pause.max(asked.min(BACK_OFF_MAX))).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
        Ok(())
    }
}
