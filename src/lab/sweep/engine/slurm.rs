//! Batch scripts for Slurm: an array of shards, and the merge that waits for it.
//!
//! The merge starts `afterany`: it reports missing runs itself, where `afterok` would leave it
//! pending after the first failure.

use std::path::Path;

use crate::shell::quoted;

/// Settings of the Slurm scripts.
#[derive(Clone, Debug)]
pub struct Scripts<'a> {
    /// The program.
    pub program: &'a Path,
    /// The arguments of `sweep` that every shard gets.
    pub arguments: &'a [String],
    /// The folder of the sweep.
    pub out: &'a Path,
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
        let arguments: Vec<String> = self.arguments.iter().map(|text| quoted(text)).collect();
        format!(
            "#!/bin/sh\n# One shard of a sweep; when started again, it resumes.\ncd {} || exit \
             101\nexec {} sweep {} --out {} \\\n    --shard \"$SLURM_ARRAY_TASK_ID/{}\" --threads \
             \"${{SLURM_CPUS_PER_TASK:-1}}\" --no-progress\n",
            shown(self.directory),
            shown(self.program),
            arguments.join(" "),
            shown(self.out),
            self.shards,
        )
    }

    /// The script of the merge.
    pub fn merge(&self) -> String {
        format!(
            "#!/bin/sh\n# Merges the table once all shards have ended; it reports missing \
             runs.\ncd {} || exit 101\nexec {} sweep --merge {}\n",
            shown(self.directory),
            shown(self.program),
            shown(self.out),
        )
    }

    /// The arguments of `sbatch` for the array; `more` are the user's own.
    pub fn submit_shards(&self, more: &[String]) -> Vec<String> {
        let mut arguments = vec![
            "--parsable".to_owned(),
            "--requeue".to_owned(),
            "--open-mode=append".to_owned(),
            format!("--array=1-{}", self.shards),
            "--job-name=windtunnel-sweep".to_owned(),
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
            "--job-name=windtunnel-merge".to_owned(),
            format!("--output={}", self.log("merge.log")),
        ];
        arguments.extend_from_slice(more);
        arguments.push(self.log("merge.sh"));
        arguments
    }

    fn log(&self, name: &str) -> String {
        let out = if self.out.is_absolute() {
            self.out.to_path_buf()
        } else {
            self.directory.join(self.out)
        };
        out.join("slurm").join(name).display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_quote_what_a_shell_would_change() {
        let arguments = [
            "s.yaml".to_owned(),
            "--grid".to_owned(),
            "a={x: 1},2".to_owned(),
        ];
        let scripts = Scripts {
            program: Path::new("/opt/wind tunnel"),
            arguments: &arguments,
            out: Path::new("out"),
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
