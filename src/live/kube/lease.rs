//! One of several instances writes: that which holds a lease, by the rules and times of the cluster's own
//! components (client-go `tools/leaderelection`): a lease that was not renewed for its duration, by the clock of
//! who looks, is free.

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot::Receiver;
use tokio::time::{Instant, sleep, timeout};

use super::api::{ApiConnection, ApiError, ApiRequest};
use super::kubeconfig::Access;
use super::news::News;
use super::timestamp;

/// A lease that is held or awaited.
pub(super) struct Lease {
    connection: ApiConnection,
    namespace: String,
    name: String,
    instance: String,
    duration: Duration,
    /// What was seen last, and when it was first seen so.
    seen: Option<(Value, Instant)>,
}

impl Lease {
    /// A lease of a name that an instance wants.
    pub(super) const fn new(
        access: Arc<Access>,
        namespace: String,
        name: String,
        instance: String,
        duration: Duration,
    ) -> Self {
        Self {
            connection: ApiConnection::new(access),
            namespace,
            name,
            instance,
            duration,
            seen: None,
        }
    }

    /// Time between two attempts.
    fn retry(&self) -> Duration {
        self.duration * 2 / 15
    }

    /// Waits until this instance holds the lease; `told` hears of who holds it meanwhile.
    ///
    /// # Errors
    /// The server refuses for good.
    pub(super) async fn acquire(&mut self, told: &(dyn Fn(&str) + Sync)) -> Result<(), ApiError> {
        let mut holder = String::new();
        loop {
            match self.attempt().await {
                Ok(None) => return Ok(()),
                Ok(Some(other)) => {
                    if other != holder {
                        told(&format!("`{other}` holds the lease; waits for it"));
                        holder = other;
                    }
                }
                Err(error) if error.status() == Some(409) => {}
                Err(error) if error.is_passing() => {
                    let words = error.to_string();
                    if words != holder {
                        told(&format!("the lease can't be had: {words}; tried again"));
                        holder = words;
                    }
                }
                Err(error) => return Err(error),
            }
            sleep(self.retry()).await;
        }
    }

    /// Renews the lease until that fails for too long, which is told, or until it is to be given back.
    pub(super) async fn keep(mut self, news: UnboundedSender<News>, mut end: Receiver<()>) {
        let mut renewed = Instant::now();
        loop {
            if timeout(self.retry(), &mut end).await.is_ok() {
                // Who waits for it need not wait for its end.
                let _ = timeout(self.duration, self.give_back()).await;
                return;
            }
            // A server that says nothing is no reason to go on: another one may hold the lease by then.
            let left = (self.duration * 2 / 3).saturating_sub(renewed.elapsed());
            let attempt = timeout(left, self.attempt()).await;
            let attempt = attempt.unwrap_or_else(|_| {
                Err(ApiError::Refused {
                    status: 504,
                    message: "no answer in time".to_owned(),
                    retry_after_secs: None,
                })
            });
            let failed = match attempt {
                Ok(None) => {
                    renewed = Instant::now();
                    continue;
                }
                Ok(Some(other)) => format!("`{other}` holds the lease now"),
                Err(error)
                    if renewed.elapsed() < self.duration * 2 / 3 && error.status() != Some(403) =>
                {
                    continue;
                }
                Err(error) => format!("the lease could not be kept: {error}"),
            };
            let _ = news.send(News::Failed(failed));
            return;
        }
    }

    /// Tries to take or renew the lease; returns who holds it, if that is another.
    async fn attempt(&mut self) -> Result<Option<String>, ApiError> {
        let path = format!(
            "/apis/coordination.k8s.io/v1/namespaces/{}/leases",
            self.namespace
        );
        let own = format!("{path}/{}", self.name);
        let found = self.call(Method::GET, &own, None).await;
        let found = match found {
            Err(error) if error.status() == Some(404) => {
                let lease = json!({
                    "apiVersion": "coordination.k8s.io/v1",
                    "kind": "Lease",
                    "metadata": {"namespace": self.namespace, "name": self.name},
                    "spec": self.spec(&Value::Null, true),
                });
                self.call(Method::POST, &path, Some(&lease)).await?;
                return Ok(None);
            }
            found => found?,
        };
        let spec = &found["spec"];
        if self.seen.as_ref().is_none_or(|(seen, _)| seen != spec) {
            self.seen = Some((spec.clone(), Instant::now()));
        }
        let holder = spec["holderIdentity"].as_str().unwrap_or_default();
        let is_own = holder == self.instance;
        let stated = spec["leaseDurationSeconds"]
            .as_u64()
            .map(Duration::from_secs);
        let is_fresh = self
            .seen
            .as_ref()
            .is_some_and(|(_, since)| since.elapsed() < stated.unwrap_or(self.duration));
        if !is_own && !holder.is_empty() && is_fresh {
            return Ok(Some(holder.to_owned()));
        }
        let mut lease = found.clone();
        lease["spec"] = self.spec(spec, !is_own);
        // The version that was read goes with it: who was quicker wins.
        self.call(Method::PUT, &own, Some(&lease)).await?;
        Ok(None)
    }

    /// Leaves the lease to whoever comes first.
    async fn give_back(&mut self) -> Result<(), ApiError> {
        let path = format!(
            "/apis/coordination.k8s.io/v1/namespaces/{}/leases/{}",
            self.namespace, self.name
        );
        let mut lease = self.call(Method::GET, &path, None).await?;
        if lease["spec"]["holderIdentity"] != self.instance.as_str() {
            return Ok(());
        }
        lease["spec"]["holderIdentity"] = Value::Null;
        lease["spec"]["leaseDurationSeconds"] = json!(1);
        self.call(Method::PUT, &path, Some(&lease)).await?;
        Ok(())
    }

    fn spec(&self, before: &Value, is_new: bool) -> Value {
        let now = timestamp(true);
        let transitions = before["leaseTransitions"].as_u64();
        let transitions = transitions.map_or(0, |own| own + u64::from(is_new));
        json!({
            "holderIdentity": self.instance,
            "leaseDurationSeconds": self.duration.as_secs().max(1),
            "acquireTime": if is_new { json!(now) } else { before["acquireTime"].clone() },
            "renewTime": now,
            "leaseTransitions": transitions,
        })
    }

    async fn call(
        &mut self,
        method: Method,
        path: &str,
        content: Option<&Value>,
    ) -> Result<Value, ApiError> {
        let content = content.map(|content| ("application/json", content));
        self.connection
            .call(ApiRequest {
                method,
                path,
                content,
            })
            .await
    }
}
