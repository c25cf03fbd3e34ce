//! Deeds of users and failures in a recorded cluster, with their times: `driver.json`.

use serde::Deserialize;
use serde_json::Value;

use super::Trouble;

/// A recorded driver.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Driver {
    /// When the recording ends, in seconds.
    pub(super) end_s: f64,
    /// What was done, in order of time.
    pub(super) steps: Vec<Step>,
    /// The second of a minute of the wall clock at which the recording begins.
    #[serde(default)]
    pub(super) t0_wall_second: u32,
}

/// A step of a driver.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Step {
    /// When, in seconds.
    pub(super) at: f64,
    /// What.
    #[serde(flatten)]
    pub(super) op: Op,
}

/// An operation of a driver.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub(super) enum Op {
    Create {
        object: Value,
    },
    Patch {
        kind: String,
        name: String,
        #[serde(rename = "type")]
        form: String,
        patch: Value,
    },
    Scale {
        kind: String,
        name: String,
        replicas: i64,
    },
    Delete {
        kind: String,
        name: String,
        #[serde(default)]
        propagation: Option<String>,
    },
    DeletePods {
        selector: String,
        #[serde(default)]
        count: Option<u32>,
    },
    NodeStop {
        name: String,
    },
    NodeStart {
        name: String,
    },
    Cordon {
        name: String,
    },
    Uncordon {
        name: String,
    },
    #[serde(alias = "evict")]
    Drain {
        name: String,
    },
    Taint {
        name: String,
        key: String,
        #[serde(default)]
        value: String,
        effect: String,
    },
    Untaint {
        name: String,
        key: String,
    },
}

impl Driver {
    /// Reads a driver.
    pub(super) fn read(text: &str) -> Result<Self, Trouble> {
        serde_json::from_str(text).map_err(|error| {
            let words = format!("driver.json: {error}");
            if words.contains("unknown variant") {
                Trouble::Unsupported(words)
            } else {
                Trouble::Wrong(words)
            }
        })
    }

    /// When something was done, in milliseconds, the beginning included.
    pub(super) fn times(&self) -> Vec<i64> {
        let mut times: Vec<i64> = self.steps.iter().map(|step| millis(step.at)).collect();
        times.insert(0, 0);
        times
    }

    /// When nodes stopped, and when they were back, in milliseconds.
    pub(super) fn outages(&self) -> Vec<Outage> {
        let mut outages: Vec<Outage> = Vec::new();
        for step in &self.steps {
            match &step.op {
                Op::NodeStop { name } => outages.push(Outage {
                    node: name.clone(),
                    from: millis(step.at),
                    until: None,
                }),
                Op::NodeStart { name } => {
                    let mut open = outages.iter_mut().rev();
                    let known = open.find(|own| own.node == *name && own.until.is_none());
                    if let Some(known) = known {
                        known.until = Some(millis(step.at));
                    }
                }
                _ => {}
            }
        }
        outages
    }
}

/// A node that was cut off.
#[derive(Clone, Debug)]
pub(super) struct Outage {
    /// The node, or `of:POD` for the node of a pod.
    pub(super) node: String,
    pub(super) from: i64,
    pub(super) until: Option<i64>,
}

/// Seconds as whole milliseconds.
pub(super) fn millis(seconds: f64) -> i64 {
    libm::rint(seconds * 1e3) as i64
}
