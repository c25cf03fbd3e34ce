//! Generators of synthetic traces; each says after what published figures. The files bundled in
//! `traces/` are those of the default options, byte for byte once decompressed.

pub mod containers;
pub mod downey97;
pub mod google_2011;
pub mod gpu_cluster;
pub mod lublin99;
pub mod mix;

use std::io;
use std::sync::Arc;

use google_2011::{Model, TaskSource};
use k8s::kubectl_dump::{DumpConfig, write_kubectl_dump};
use lublin99::{LublinConfig, LublinKind};
use mix::{Mix, MixSource};

use arrivals::stream::ArrivalSource;
use intake::{Input, TraceError};
use units::Duration;

/// Every generator.
pub const GENERATORS: &[GeneratorEntry] = &[
    GeneratorEntry {
        name: "containers",
        summary: "fill-up: one-core containers that arrive one by one and stay",
        options: &["seed", "jobs", "classes", "span"],
        output: Output::Stream {
            file: "containers.csv",
            write: containers::write_containers,
            source: None,
        },
    },
    GeneratorEntry {
        name: "downey97",
        summary: "job log by the model of Downey: log-uniform work and parallelism, speedups",
        options: &["seed", "jobs", "processors", "load"],
        output: Output::Stream {
            file: "downey97.swf",
            write: downey97::write_downey97,
            source: None,
        },
    },
    preset(
        "functions",
        "invocations of functions, with published figures of Azure's of 2019",
        include_str!("mix/presets/functions.yaml"),
    ),
    GeneratorEntry {
        name: "google-2011",
        summary: "tasks in classes, for a month of a cluster as large as that of Google's 2011 \
            trace",
        options: &[
            "seed",
            "jobs",
            "nodes",
            "classes",
            "load",
            "span",
            "tasks-per-job",
        ],
        output: Output::Stream {
            file: "google-2011.csv",
            write: google_2011::write_google_2011,
            source: Some(source_google_2011),
        },
    },
    GeneratorEntry {
        name: "gpu-cluster",
        summary: "1,213 GPU nodes and 8,152 pods with the published figures of the openb trace",
        options: &["seed"],
        output: Output::Files(generate_gpu_cluster),
    },
    preset(
        "heavy-tailed",
        "batch jobs of which the largest 1 % hold over 99 % of the core hours, as at Google in 2019",
        include_str!("mix/presets/heavy-tailed.yaml"),
    ),
    GeneratorEntry {
        name: "kubectl-dump",
        summary: "output of `kubectl get -A -o json` for a synthetic cluster",
        options: &["seed", "nodes", "pods"],
        output: Output::Stream {
            file: "kubectl-dump.json",
            write: stream_kubectl_dump,
            source: None,
        },
    },
    GeneratorEntry {
        name: "lublin99",
        summary: "job log by the model of Lublin and Feitelson",
        options: &["seed", "jobs", "processors", "kind"],
        output: Output::Files(generate_lublin99),
    },
    GeneratorEntry {
        name: "mix",
        summary: "jobs of a mix that a file describes: arrivals, sessions of users, templates with \
            distributions",
        options: &["file", "seed", "jobs"],
        output: Output::Mix(None),
    },
    preset(
        "training",
        "training jobs and gangs on GPUs, with published figures of Microsoft's Philly",
        include_str!("mix/presets/training.yaml"),
    ),
    preset(
        "virtual-machines",
        "machines of a public cloud, with published figures of Azure of 2017",
        include_str!("mix/presets/virtual-machines.yaml"),
    ),
    preset(
        "web-load",
        "short jobs behind a web site: day, week and a flash crowd",
        include_str!("mix/presets/web-load.yaml"),
    ),
];

/// One generator.
#[derive(Clone, Copy, Debug)]
pub struct GeneratorEntry {
    /// Name of the generator.
    pub name: &'static str,
    /// Description of the generator in one line.
    pub summary: &'static str,
    /// The options that it heeds (see [`GeneratorOptions`]).
    pub options: &'static [&'static str],
    /// Output of the generator.
    pub output: Output,
}

/// Output of a generator.
#[derive(Clone, Copy, Debug)]
pub enum Output {
    /// Files that are made in memory.
    Files(fn(&GeneratorOptions) -> Result<Vec<GeneratedFile>, TraceError>),
    /// A file that may be larger than memory.
    Stream {
        /// Name of the file.
        file: &'static str,
        /// Writer of the file, piece by piece.
        write: StreamGenerator,
        /// Source of the same arrivals without a file, if there is one.
        source: Option<SourceGenerator>,
    },
    /// Jobs of a mix with this description; `None` if a file of the user's has it.
    Mix(Option<&'static str>),
}

impl GeneratorEntry {
    /// Arrivals one by one: the jobs of a mix, which the file or the generator itself describes, or those
    /// of a generator that needs no file of its own; `None` for the others.
    ///
    /// # Errors
    /// The file can't be read or describes no mix, nothing describes one, or the generator reads no file.
    pub fn arrivals(
        &self,
        file: Option<&Input>,
        options: &GeneratorOptions,
    ) -> Result<Option<Box<dyn ArrivalSource>>, TraceError> {
        let mix = match (self.output, file) {
            (Output::Mix(None), Some(file)) => Mix::open(file)?,
            (Output::Mix(Some(text)), None) => Mix::read(self.name, text)?,
            (Output::Mix(None), None) => {
                return Err(self.wrong(
                    "no file describes its jobs; name one with `--file mix.yaml`, or with `file: \
                     mix.yaml` beside `model` in an experiment",
                ));
            }
            (_, Some(_)) => {
                return Err(self.wrong("it reads no file; leave `--file` or `file` out"));
            }
            (Output::Stream { source, .. }, None) => {
                return Ok(source.map(|source| source(options)));
            }
            (Output::Files(_), None) => return Ok(None),
        };
        let jobs = u64::from(options.jobs);
        let source = MixSource::new(Arc::new(mix), options.seed, jobs);
        Ok(Some(Box::new(source)))
    }

    /// The files of the generator, in memory; none if it makes jobs of a mix.
    ///
    /// # Errors
    /// An option is outside its range.
    pub fn files(&self, options: &GeneratorOptions) -> Result<Vec<GeneratedFile>, TraceError> {
        match self.output {
            Output::Files(make) => make(options),
            Output::Stream { file, write, .. } => {
                Ok(vec![generated(file, |text| write(options, text))?])
            }
            Output::Mix(_) => Ok(Vec::new()),
        }
    }

    fn wrong(&self, reason: &str) -> TraceError {
        TraceError::Format {
            file: format!("generator {}", self.name),
            reason: reason.to_owned(),
        }
    }
}

/// A generator of jobs of a mix that is part of the program.
const fn preset(
    name: &'static str,
    summary: &'static str,
    description: &'static str,
) -> GeneratorEntry {
    GeneratorEntry {
        name,
        summary,
        options: &["seed", "jobs"],
        output: Output::Mix(Some(description)),
    }
}

/// Makes arrivals one by one.
pub type SourceGenerator = fn(&GeneratorOptions) -> Box<dyn ArrivalSource>;

/// Writes a file piece by piece.
pub type StreamGenerator = fn(&GeneratorOptions, &mut dyn io::Write) -> io::Result<()>;

/// Choices about what is generated; the defaults are those of the bundled files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeneratorOptions {
    /// `seed` of all random streams.
    pub seed: u64,
    /// `jobs` of a log.
    pub jobs: u32,
    /// `processors` of a log's machine, 8 to 65,536.
    pub processors: u32,
    /// `kind` of jobs: typed or untyped.
    pub kind: LublinKind,
    /// `nodes` of a cluster.
    pub nodes: u32,
    /// `pods` of a cluster.
    pub pods: u32,
    /// `classes`: how many different requests tasks have, 1 to 100,000.
    pub classes: u32,
    /// `load`: the share of the scarcer resource that is used in the long run, in percent.
    pub load_percent: u32,
    /// `span`: the time in which the tasks arrive.
    pub span: Duration,
    /// `tasks-per-job`: how many tasks a job has in the mean, 1 or 2 to 1,000; at 1 every task is a
    /// job of its own, so that each draws its class anew.
    pub tasks_per_job: u32,
}

impl Default for GeneratorOptions {
    fn default() -> Self {
        Self {
            seed: 42,
            jobs: 10_000,
            processors: 256,
            kind: LublinKind::Untyped,
            nodes: 100,
            pods: 3_000,
            classes: 10,
            load_percent: 80,
            span: Duration::from_secs(29 * 86_400),
            tasks_per_job: 38,
        }
    }
}

/// One generated file, not yet compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedFile {
    /// The file's name; `.gz` is to be added where it is stored compressed.
    pub name: String,
    /// The file's content.
    pub text: Vec<u8>,
}

/// The generator of a name.
pub fn find(name: &str) -> Option<&'static GeneratorEntry> {
    GENERATORS.iter().find(|entry| entry.name == name)
}

fn generate_gpu_cluster(options: &GeneratorOptions) -> Result<Vec<GeneratedFile>, TraceError> {
    Ok(vec![
        generated("gpu-cluster-nodes.csv", |text| {
            gpu_cluster::write_gpu_cluster_nodes(options.seed, text)
        })?,
        generated("gpu-cluster-pods.csv", |text| {
            gpu_cluster::write_gpu_cluster_pods(options.seed, text)
        })?,
    ])
}

fn source_google_2011(options: &GeneratorOptions) -> Box<dyn ArrivalSource> {
    Box::new(TaskSource::new(Model::new(*options)))
}

fn stream_kubectl_dump(options: &GeneratorOptions, out: &mut dyn io::Write) -> io::Result<()> {
    let config = DumpConfig {
        nodes: options.nodes,
        pods: options.pods,
        seed: options.seed,
    };
    write_kubectl_dump(&config, out)
}

fn generated(
    name: &str,
    write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
) -> Result<GeneratedFile, TraceError> {
    let mut text = Vec::new();
    write(&mut text).map_err(|error| TraceError::Io {
        file: name.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(GeneratedFile {
        name: name.to_owned(),
        text,
    })
}

fn generate_lublin99(options: &GeneratorOptions) -> Result<Vec<GeneratedFile>, TraceError> {
    let name = format!("lublin-{}.swf", options.processors);
    if !(8..=65_536).contains(&options.processors) {
        return Err(TraceError::Format {
            file: name,
            reason: "the model needs 8 to 65,536 processors".to_owned(),
        });
    }
    let config = LublinConfig {
        kind: options.kind,
        processors: options.processors,
        jobs: options.jobs,
        seed: options.seed,
    };
    Ok(vec![generated(&name, |text| {
        lublin99::write_lublin99(&config, text)
    })?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundled_files_are_what_the_generators_make() {
        for entry in GENERATORS {
            // Anything that may be larger than memory is not bundled.
            if !matches!(entry.output, Output::Files(_)) {
                continue;
            }
            for file in entry.files(&GeneratorOptions::default()).expect("defaults") {
                let path = format!(
                    "{}/../../traces/{}.gz",
                    env!("CARGO_MANIFEST_DIR"),
                    file.name
                );
                let bundled = Input::path(&path).read_to_string().expect("is bundled");
                assert!(
                    bundled.as_bytes() == file.text,
                    "{path} differs; make it again with `windtunnel trace generate {}`",
                    entry.name
                );
            }
        }
    }

    #[test]
    fn generators_are_found_by_name_and_refuse_what_they_cannot_do() {
        assert!(GENERATORS.iter().all(|entry| find(entry.name).is_some()));
        let options = GeneratorOptions {
            processors: 4,
            ..GeneratorOptions::default()
        };
        let error = generate_lublin99(&options).expect_err("too small");
        assert_eq!(
            error.to_string(),
            "lublin-4.swf: the model needs 8 to 65,536 processors"
        );
    }
}
