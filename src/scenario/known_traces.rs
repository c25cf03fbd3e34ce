//! Well-known public traces: what to say when one is not there.
//!
//! The hash is of the unpacked file, because the same data circulates in different packings.

/// A public trace file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownTrace {
    /// Its name without `.gz` or `.zst`, with the folder that groups it here.
    pub file: &'static str,
    /// Who publishes it.
    pub publisher: &'static str,
    /// Where, or which of the publisher's data it is.
    pub source: &'static str,
    /// The blake3 hash of the unpacked file, in hexadecimal.
    pub blake3: &'static str,
}

/// The publishers: who, and where.
const OPENB: (&str, &str) = ("Alibaba", "github.com/alibaba/clusterdata, cluster-trace-gpu-v2023/csv");
const OPENB_YAML: (&str, &str) =
    ("HKUST", "github.com/hkust-adsl/kubernetes-scheduler-simulator, data/node_yaml");
const LCG: (&str, &str) = ("the Parallel Workloads Archive", "the LCG log of 2005, by Hui Li");
const NASA: (&str, &str) =
    ("the Parallel Workloads Archive", "the NASA Ames iPSC/860 log, version 3.1, cleaned");
const LUBLIN: (&str, &str) = ("DIR-LAB", "github.com/DIR-LAB/deep-batch-scheduler, data");
const HPC2N: (&str, &str) =
    ("the Alea project", "github.com/aleasimulator/alea, Alea/data-set/hpc2n.swf");

/// All of them.
pub const KNOWN_TRACES: [KnownTrace; 24] = [
    known(OPENB, "openb/openb_node_list_all_node.csv", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(OPENB, "openb/openb_node_list_gpu_node.csv", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(OPENB_YAML, "openb/openb_node_list_gpu_node.yaml", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(OPENB, "openb/openb_pod_list_cpu050.csv", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(OPENB, "openb/openb_pod_list_cpu100.csv", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(OPENB, "openb/openb_pod_list_cpu200.csv", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(OPENB, "openb/openb_pod_list_cpu250.csv", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(OPENB, "openb/openb_pod_list_default.csv", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(OPENB, "openb/openb_pod_list_gpushare100.csv", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(OPENB, "openb/openb_pod_list_gpushare40.csv", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(OPENB, "openb/openb_pod_list_gpushare60.csv", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(OPENB, "openb/openb_pod_list_gpushare80.csv", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(OPENB, "openb/openb_pod_list_gpuspec10.csv", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(OPENB, "openb/openb_pod_list_gpuspec20.csv", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(OPENB, "openb/openb_pod_list_gpuspec25.csv", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(OPENB, "openb/openb_pod_list_gpuspec33.csv", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(OPENB, "openb/openb_pod_list_multigpu20.csv", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(OPENB, "openb/openb_pod_list_multigpu30.csv", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(OPENB, "openb/openb_pod_list_multigpu40.csv", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(OPENB, "openb/openb_pod_list_multigpu50.csv", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(LCG, "swf/LCG-2005-1.swf", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(NASA, "swf/NASA-iPSC-1993-3.1-cln.swf", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(LUBLIN, "swf/lublin_256.swf", "0000000000000000000000000000000000000000000000000000000000000000"),
    known(HPC2N, "swf/HPC2N-2002-2.2-first3170.swf", "0000000000000000000000000000000000000000000000000000000000000000"),
];

const fn known(
    (publisher, source): (&'static str, &'static str),
    file: &'static str,
    blake3: &'static str,
) -> KnownTrace {
    KnownTrace { file, publisher, source, blake3 }
}

/// The public trace of this file name, whatever folder and packing the path says.
pub fn find(path: &str) -> Option<&'static KnownTrace> {
    let name = file_name(path);
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
    KNOWN_TRACES.iter().find(|known| file_name(known.file) == name)
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::path::Path;

    use super::*;

    #[test]
    fn a_trace_is_known_by_its_name_in_any_folder_and_packing() {
        for (path, known) in [
            ("openb/openb_pod_list_default.csv.gz", true),
            ("openb_pod_list_default.csv", true),
            ("/data/LCG-2005-1.swf.zst", true),
            ("mine.csv", false),
            ("", false),
        ] {
            assert_eq!(find(path).is_some(), known, "{path}");
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "reads the published files to hash them")]
    fn hashes_are_those_of_the_published_files() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces");
        if !folder.exists() {
            println!("skipped: needs ../shared/traces");
            return;
        }
        for known in &KNOWN_TRACES {
            let packed = std::fs::read(folder.join(format!("{}.gz", known.file)));
            let packed = packed.expect("the file is there");
            let mut unpacked = Vec::new();
            flate2::read::MultiGzDecoder::new(packed.as_slice())
                .read_to_end(&mut unpacked)
                .expect("the file is gzip");
            assert_eq!(blake3::hash(&unpacked).to_hex().as_str(), known.blake3, "{}", known.file);
        }
    }
}
