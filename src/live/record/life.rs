//! Lives of the processes of pods that ended by themselves, as their nodes reported.

use units::{Duration, Instant, SortedMap};

use super::Record;
use crate::driver::Driver;
use crate::driver::input::Input;
use crate::wire::report::News;

/// The life of a pod's processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Time from the start to the end.
    pub runs: Duration,
    /// Exit code.
    pub code: i32,
}

/// The lives of pods whose processes ended by themselves.
#[derive(Clone, Debug, Default)]
pub struct Lives {
    /// First end of a pod, by namespace and name.
    ended: SortedMap<String, Life>,
    started: SortedMap<u32, Instant>,
}

impl Lives {
    /// Takes note of what nodes report in a step, before it is made.
    pub(crate) fn listen(&mut self, driver: &Driver, record: &Record) {
        let at = Instant::from_nanos(record.at_ns);
        for input in &record.inputs {
            if let Input::Update { message } = input {
                for report in &message.reports {
                    self.take(driver, at, report.pod, &report.news);
                }
            }
        }
    }

    fn take(&mut self, driver: &Driver, at: Instant, pod: u32, news: &News) {
        let code = match *news {
            News::Running => {
                self.started.entry(pod).or_insert(at);
                return;
            }
            News::Exited { code, .. } => code,
            News::Ended {
                reason: model::EndReason::Completed,
            } => 0,
            News::Ended {
                reason: model::EndReason::Error,
            } => 1,
            _ => return,
        };
        if let (Some(name), Some(&start)) = (driver.pod_name(pod), self.started.get(&pod)) {
            let runs = at.since(start);
            self.ended.entry(name).or_insert(Life { runs, code });
        }
    }

    /// The life of a pod's processes; `None` if they did not end by themselves.
    pub fn of(&self, name: &str) -> Option<Life> {
        self.ended.get(name).copied()
    }

    /// The usual life of the pods of an object: the median time, and the code of that one. Pods bear the name of
    /// their object, and may bear more behind it.
    pub fn of_object(&self, namespace: &str, object: &str) -> Option<Life> {
        let prefix = format!("{namespace}/{object}");
        let own = self.ended.iter().filter(|(name, _)| {
            let rest = name.strip_prefix(prefix.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', '@', '_']))
        });
        let mut lives: Vec<Life> = own.map(|(_, life)| *life).collect();
        lives.sort_by_key(|life| life.runs);
        lives.get(lives.len() / 2).copied()
    }
}
