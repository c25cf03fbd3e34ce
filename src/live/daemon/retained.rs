//! The pods that ended by themselves and whose containers the runtime keeps, in a file of the node's folder:
//! users read their logs until the pods leave the lists of the control server, or later ones take the room.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::runtime::{read_record, write_record};
use crate::wire::errand::RETAINED_MAX;

/// Name of the file.
const FILE: &str = ".ended";

/// The pods that ended and whose containers are kept.
pub(super) struct Retained {
    folder: PathBuf,
    record: Record,
    /// `true` while the file says something else, as it could not be written.
    lags: bool,
}

/// Content of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    /// The control server that numbers the pods.
    cluster: String,
    /// Numbers of the pods in the order of their ends.
    pods: Vec<u32>,
}

impl Retained {
    /// The pods of a control server that the file in a folder names; without a file that can be read, none.
    pub(super) fn of_folder(folder: &Path, cluster: &str) -> Self {
        let record: Option<Record> = read_record(folder, FILE).whole();
        let record = record.filter(|record| record.cluster == cluster);
        Self {
            folder: folder.to_owned(),
            record: record.unwrap_or_else(|| Record {
                cluster: cluster.to_owned(),
                pods: Vec::new(),
            }),
            lags: false,
        }
    }

    /// Numbers of the pods in the order of their ends.
    pub(super) fn pods(&self) -> &[u32] {
        &self.record.pods
    }

    pub(super) fn contains(&self, pod: u32) -> bool {
        self.record.pods.contains(&pod)
    }

    /// Adds pods that ended; the first ones make room. Durable when this returns.
    ///
    /// # Errors
    /// The folder can't be written; the pods are kept all the same until the daemon ends.
    pub(super) fn add(&mut self, ended: &[u32]) -> io::Result<()> {
        let mut pods = self.record.pods.clone();
        pods.retain(|pod| !ended.contains(pod));
        pods.extend(ended);
        pods.drain(..pods.len().saturating_sub(RETAINED_MAX));
        self.keep(pods)
    }

    /// Leaves pods out.
    ///
    /// # Errors
    /// The folder can't be written.
    pub(super) fn remove(&mut self, gone: &[u32]) -> io::Result<()> {
        let mut pods = self.record.pods.clone();
        pods.retain(|pod| !gone.contains(pod));
        self.keep(pods)
    }

    fn keep(&mut self, pods: Vec<u32>) -> io::Result<()> {
        if pods == self.record.pods && !self.lags {
            return Ok(());
        }
        self.record.pods = pods;
        self.lags = true;
        write_record(&self.folder, FILE, &self.record)?;
        self.lags = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_pods_that_ended_are_kept_also_by_the_next_daemon() {
        let folder = std::env::temp_dir().join(format!("wt-retained-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let most = u32::try_from(RETAINED_MAX).expect("a small number");
        let mut retained = Retained::of_folder(&folder, "a");
        let pods: Vec<u32> = (0..most).collect();
        retained.add(&pods).expect("a file");
        retained.add(&[1, most]).expect("a file");
        assert_eq!(retained.pods().len(), RETAINED_MAX);
        assert!(!retained.contains(0) && retained.contains(1));
        retained.remove(&[2, 9_999]).expect("a file");
        let next = Retained::of_folder(&folder, "a");
        assert_eq!(next.pods(), retained.pods());
        assert!(!next.contains(2) && next.pods().ends_with(&[1, most]));
        // The numbers of another control server mean other pods.
        assert!(Retained::of_folder(&folder, "b").pods().is_empty());
        std::fs::remove_dir_all(&folder).expect("a folder to remove");
    }
}
