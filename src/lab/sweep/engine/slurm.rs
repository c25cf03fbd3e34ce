//! Batch scripts for Slurm: an array of shards, and what puts their runs together, which waits for it.
//!
//! The merge starts `afterany`: it reports missing runs itself, where `afterok` would leave it
//! pending after the first failure.

use std::path::Path;

use super::{Study, command};
use crate::shell::quoted;

/// Settings of the Slurm scripts.
#[derive(Clone, Debug)]
pub struct Scripts<'a> {
    /// The program.
    pub program: &'a Path,
    /// The study.
    pub study: &'a Study,
    /// Number of shards.
    pub shards: usize,
    /// The folder to start in.
    pub directory: &'a Path,
}

fn shown(path: &Path) -> String {
    quoted(&path.display().to_string())
}

impl Scripts<'_> {
    /// The script of a shard; the number of the array's task is that of the shard.
    pub fn shard(&self) -> String {
        format!(
            "#!/bin/sh\n# One shard of a {}; when started again, it resumes.\ncd {} || exit \
             101\nexec {} \\\n    --shard \"$SLURM_ARRAY_TASK_ID/{}\" --threads \
             \"${{SLURM_CPUS_PER_TASK:-1}}\" --no-progress\n",
            self.study.words().study,
            shown(self.directory),
            command(&self.program.display().to_string(), &self.study.shard),
            self.shards,
        )
    }

    /// The script of the merge.
    pub fn merge(&self) -> String {
        let does = self.study.words().sentence;
        format!(
            "#!/bin/sh\n# {does}.\ncd {} || exit 101\nexec {}\n",
            shown(self.directory),
            command(&self.program.display().to_string(), &self.study.end),
        )
    }

    /// The arguments of `sbatch` for the array; `more` are the user's own.
    pub fn submit_shards(&self, more: &[String]) -> Vec<String> {
        let mut arguments = vec![
            "--parsable".to_owned(),
            "--requeue".to_owned(),
            "--open-mode=append".to_owned(),
            format!("--array=1-{}", self.shards),
            format!("--job-name=windtunnel-{}", self.study.words().study),
            format!("--output={}", self.log("shard-%a.log")),
        ];
        arguments.extend_from_slice(more);
        arguments.push(self.log("shard.sh"));
        arguments
    }

    /// The arguments of `sbatch` for the merge after a job.
    pub fn submit_merge(&self, job: &str, more: &[String]) -> Vec<String> {
        let mut arguments = vec![
            "--parsable".to_owned(),
            format!("--dependency=afterany:{job}"),
            "--open-mode=append".to_owned(),
            format!("--job-name=windtunnel-{}", self.study.words().end),
            format!("--output={}", self.log("merge.log")),
        ];
        arguments.extend_from_slice(more);
        arguments.push(self.log("merge.sh"));
        arguments
    }

    fn log(&self, name: &str) -> String {
        // An absolute folder stays as it is.
        let folder = self.directory.join(&self.study.folder);
        folder.join("slurm").join(name).display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_quote_what_a_shell_would_change() {
        let words = |words: &[&str]| words.iter().map(|&own| own.to_owned()).collect();
        let study = Study {
            shard: words(&["sweep", "s.yaml", "--grid", "a={x: 1},2", "--out", "out"]),
            end: words(&["sweep", "--merge", "out"]),
            folder: "out".into(),
        };
        let scripts = Scripts {
            program: Path::new("/opt/wind tunnel"),
            study: &study,
            shards: 4,
            directory: Path::new("/home/u"),
        };
        let shard = scripts.shard();
        assert!(
            shard.contains("exec '/opt/wind tunnel' sweep s.yaml --grid 'a={x: 1},2' --out out")
        );
        assert!(shard.contains("--shard \"$SLURM_ARRAY_TASK_ID/4\""));
        let submit = scripts.submit_merge("17", &["--partition=short".to_owned()]);
        assert!(submit.contains(&"--dependency=afterany:17".to_owned()));
        assert_eq!(
            submit.last().map(String::as_str),
            Some("/home/u/out/slurm/merge.sh")
        );
    }
}
