//! Generators of synthetic traces; each says after what published figures. The files bundled in
//! `traces/` are those of the default options, byte for byte once decompressed.

pub mod containers;
pub mod google_2011;
pub mod gpu_cluster;
pub mod kubectl_dump;
pub mod lublin99;
pub mod mix;

use std::io;
use std::sync::Arc;

use google_2011::{Model, TaskSource};
use kubectl_dump::DumpConfig;
use lublin99::{LublinConfig, LublinKind};
use mix::{Mix, MixSource};

use super::error::TraceError;
use super::input::Input;
use super::stream::ArrivalSource;
use units::Duration;

/// Every generator.
pub const GENERATORS: &[GeneratorEntry] = &[
    GeneratorEntry {
        name: "containers",
        summary: "fill-up: one-core containers that arrive one by one and stay",
        options: &["seed", "jobs", "classes", "span"],
        generate: generate_containers,
        stream: Some(("containers.csv", containers::write_containers)),
        source: None,
        described: None,
    },
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
        generate: generate_google_2011,
        stream: Some(("google-2011.csv", google_2011::write_google_2011)),
        source: Some(source_google_2011),
        described: None,
    },
    GeneratorEntry {
        name: "gpu-cluster",
        summary: "1,213 GPU nodes and 8,152 pods with the published figures of the openb trace",
        options: &["seed"],
        generate: generate_gpu_cluster,
        stream: None,
        source: None,
        described: None,
    },
    GeneratorEntry {
        name: "kubectl-dump",
        summary: "output of `kubectl get -A -o json` for a synthetic cluster",
        options: &["seed", "nodes", "pods"],
        generate: generate_kubectl_dump,
        stream: Some(("kubectl-dump.json", stream_kubectl_dump)),
        source: None,
        described: None,
    },
    GeneratorEntry {
        name: "lublin99",
        summary: "job log by the model of Lublin and Feitelson",
        options: &["seed", "jobs", "processors", "kind"],
        generate: generate_lublin99,
        stream: None,
        source: None,
        described: None,
    },
    GeneratorEntry {
        name: "mix",
        summary: "jobs of a mix that a file describes: arrivals, sessions of users, templates with \
            distributions",
        options: &["file", "seed", "jobs"],
        generate: generate_mix,
        stream: None,
        source: None,
        described: Some(described_mix),
    },
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
    /// Makes its files.
    pub generate: fn(&GeneratorOptions) -> Result<Vec<GeneratedFile>, TraceError>,
    /// Writes its only file piece by piece, where that may be larger than memory: the file's name,
    /// and who writes it.
    pub stream: Option<(&'static str, StreamGenerator)>,
    /// Makes its arrivals one by one, without a file.
    pub source: Option<SourceGenerator>,
    /// Makes arrivals one by one as a file describes them.
    pub described: Option<DescribedGenerator>,
}

/// Makes arrivals one by one as a file describes them.
pub type DescribedGenerator =
    fn(&Input, &GeneratorOptions) -> Result<Box<dyn ArrivalSource>, TraceError>;

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

fn generate_containers(options: &GeneratorOptions) -> Result<Vec<GeneratedFile>, TraceError> {
    Ok(vec![generated("containers.csv", |text| {
        containers::write_containers(options, text)
    })?])
}

fn generate_google_2011(options: &GeneratorOptions) -> Result<Vec<GeneratedFile>, TraceError> {
    Ok(vec![generated("google-2011.csv", |text| {
        google_2011::write_google_2011(options, text)
    })?])
}

fn source_google_2011(options: &GeneratorOptions) -> Box<dyn ArrivalSource> {
    Box::new(TaskSource::new(Model::new(*options)))
}

fn described_mix(
    input: &Input,
    options: &GeneratorOptions,
) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mix = Arc::new(Mix::open(input)?);
    let source = MixSource::new(mix, options.seed, u64::from(options.jobs));
    Ok(Box::new(source))
}

fn generate_mix(_: &GeneratorOptions) -> Result<Vec<GeneratedFile>, TraceError> {
    Err(TraceError::Format {
        file: "mix".to_owned(),
        reason: "the generator needs the file of a mix; name it with `--file`".to_owned(),
    })
}

fn stream_kubectl_dump(options: &GeneratorOptions, out: &mut dyn io::Write) -> io::Result<()> {
    let config = DumpConfig {
        nodes: options.nodes,
        pods: options.pods,
        seed: options.seed,
    };
    kubectl_dump::write_kubectl_dump(&config, out)
}

fn generate_kubectl_dump(options: &GeneratorOptions) -> Result<Vec<GeneratedFile>, TraceError> {
    Ok(vec![generated("kubectl-dump.json", |text| {
        stream_kubectl_dump(options, text)
    })?])
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
        // What may be larger than memory is not bundled.
        let is_bundled =
            |entry: &&GeneratorEntry| entry.stream.is_none() && entry.described.is_none();
        for entry in GENERATORS.iter().filter(is_bundled) {
            let files = (entry.generate)(&GeneratorOptions::default()).expect("defaults");
            for file in files {
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
