//! Well-known public traces, for the message when one is missing.
//!
//! The hash is of the unpacked file, because the same data circulates in different packings.

/// Public trace file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownTrace {
    /// Name of the file without `.gz` or `.zst`, with the folder that groups it here.
    pub file: &'static str,
    /// Publisher of the trace.
    pub publisher: &'static str,
    /// Location of the trace, or the publisher's data set that it is.
    pub source: &'static str,
    /// Hash (blake3) of the unpacked file, in hexadecimal.
    pub blake3: &'static str,
}

/// Publishers: their name and location.
/// Publisher of a collection of traces, and the collection.
#[derive(Clone, Copy)]
struct Origin {
    publisher: &'static str,
    source: &'static str,
}

const OPENB: Origin = Origin {
    publisher: "Alibaba",
    source: "github.com/alibaba/clusterdata, cluster-trace-gpu-v2023/csv",
};
const OPENB_YAML: Origin = Origin {
    publisher: "HKUST",
    source: "github.com/hkust-adsl/kubernetes-scheduler-simulator, data/node_yaml",
};
const LCG: Origin = Origin {
    publisher: "the Parallel Workloads Archive",
    source: "the LCG log of 2005, by Hui Li",
};
const NASA: Origin = Origin {
    publisher: "the Parallel Workloads Archive",
    source: "the NASA Ames iPSC/860 log, version 3.1, cleaned",
};
const LUBLIN: Origin = Origin {
    publisher: "DIR-LAB",
    source: "github.com/DIR-LAB/deep-batch-scheduler, data",
};
const HPC2N: Origin = Origin {
    publisher: "the Alea project",
    source: "github.com/aleasimulator/alea, Alea/data-set/hpc2n.swf",
};

/// All known traces.
pub const KNOWN_TRACES: [KnownTrace; 24] = [
    known(
        OPENB,
        "openb/openb_node_list_all_node.csv",
        "42cc1548e428c50cba443cbc0ff00b306e01eba709d33bc648e0a1596f325cc1",
    ),
    known(
        OPENB,
        "openb/openb_node_list_gpu_node.csv",
        "b7912e106a9e1b24edb9f1099bf10412ff5cf2f0412cf02dd1d6905c85b14e5e",
    ),
    known(
        OPENB_YAML,
        "openb/openb_node_list_gpu_node.yaml",
        "b8c132c25733f66293c3279961b98088d4506d4c6590fa2567c7f729059aba86",
    ),
    known(
        OPENB,
        "openb/openb_pod_list_cpu050.csv",
        "de18ee364a5f22cceaaa80fe39b7f53c5be48fbe7ed810d57eabc846bd8b4633",
    ),
    known(
        OPENB,
        "openb/openb_pod_list_cpu100.csv",
        "5687f8fbd5105902a93cde227641ab801cc6f1b2632ea3d53b12d1258f98c95b",
    ),
    known(
        OPENB,
        "openb/openb_pod_list_cpu200.csv",
        "28dc82260fef40b27bf3b40876b5bacb5bbcdc91ab8ebbf5836e911c5ed0b912",
    ),
    known(
        OPENB,
        "openb/openb_pod_list_cpu250.csv",
        "8dbc55db7cabdd62c49b74d71ae0928050180befd8e7e560cdac82ac39265910",
    ),
    known(
        OPENB,
        "openb/openb_pod_list_default.csv",
        "b7b32f4c646cec1f98ff1328531b0a8e01207108f6dc859009f713c36f12541c",
    ),
    known(
        OPENB,
        "openb/openb_pod_list_gpushare100.csv",
        "340a9e56eba57d5952849645c131971fb48f7e911968bd9a0e1a8255a65e5d13",
    ),
    known(
        OPENB,
        "openb/openb_pod_list_gpushare40.csv",
        "5fe5f2406500f7c875cfd7b98884829e168e152b119600740aa51500b219777f",
    ),
    known(
        OPENB,
        "openb/openb_pod_list_gpushare60.csv",
        "fe3640b0bd1db4fee210ca661a3d10da30cb1830b51c87bd577ff725e5cfe9a4",
    ),
    known(
        OPENB,
        "openb/openb_pod_list_gpushare80.csv",
        "9ade7917347ffd5faddd129b7b268ea49fe5e6509861f699b81f43d0ac3d150d",
    ),
    known(
        OPENB,
        "openb/openb_pod_list_gpuspec10.csv",
        "e1b2858eba5292779bc57369a02c5c2fdc0dd99853fa3a27338f42875ea18c7d",
    ),
    known(
        OPENB,
        "openb/openb_pod_list_gpuspec20.csv",
        "418b8682a5b8fb33e4c499545638b61ae4bf98234fa5c2f8fdbe12d2ec27e96d",
    ),
    known(
        OPENB,
        "openb/openb_pod_list_gpuspec25.csv",
        "8993aa89cb7242617dd0a987c5bbe946c892df95c887b1e808e8de34f51c8fcc",
    ),
    known(
        OPENB,
        "openb/openb_pod_list_gpuspec33.csv",
        "04d64cc8b7350ffaced392e32c7d17809ca458f7f62cbfaa6a39afbdc283f5a1",
    ),
    known(
        OPENB,
        "openb/openb_pod_list_multigpu20.csv",
        "1db17c83c804416d85b92c5a8e720b35682ec8665aceff58fbd3143ea61758bd",
    ),
    known(
        OPENB,
        "openb/openb_pod_list_multigpu30.csv",
        "cab9ea3d10b9b543c29909bf56b3dcf2fa6e1c6da086bd71efde2db3f0ddd36e",
    ),
    known(
        OPENB,
        "openb/openb_pod_list_multigpu40.csv",
        "c8daaa39d4dde39887b53ab8c49b90cbc2ad4386cb921f8053b58dbd0478022c",
    ),
    known(
        OPENB,
        "openb/openb_pod_list_multigpu50.csv",
        "c1db48993264eb87b5e546e99d7be86b934c049c2f66c406aaa093649dcb6ce6",
    ),
    known(
        LCG,
        "swf/LCG-2005-1.swf",
        "9c4f67f33d49b4ffc042547e2ef3cdbf80d1e60e88c36da8018c684d2c5be007",
    ),
    known(
        NASA,
        "swf/NASA-iPSC-1993-3.1-cln.swf",
        "56184df573518ceeb98186cd33e457ad6b0937c01a01197439dfca9a678c9ca9",
    ),
    known(
        LUBLIN,
        "swf/lublin_256.swf",
        "617376d68b4e5bdac4768fdb9f28ee67cac81225bebe600c27311982627c4728",
    ),
    known(
        HPC2N,
        "swf/HPC2N-2002-2.2-first3170.swf",
        "0ce223268dda4c04483d46363bc3d7cc848f83822d81890d0d78e014fad2b8d5",
    ),
];

const fn known(origin: Origin, file: &'static str, blake3: &'static str) -> KnownTrace {
    KnownTrace {
        file,
        publisher: origin.publisher,
        source: origin.source,
        blake3,
    }
}

/// Finds the public trace of this file name, whatever folder and packing the path has.
pub fn find(path: &str) -> Option<&'static KnownTrace> {
    let name = file_name(path);
    let name = name
        .strip_suffix(".gz")
        .or_else(|| name.strip_suffix(".zst"))
        .unwrap_or(name);
    KNOWN_TRACES
        .iter()
        .find(|known| file_name(known.file) == name)
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
    #[expect(
        clippy::disallowed_methods,
        reason = "reads the published files to hash them"
    )]
    fn hashes_are_those_of_the_published_files() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/traces");
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
            assert_eq!(
                blake3::hash(&unpacked).to_hex().as_str(),
                known.blake3,
                "{}",
                known.file
            );
        }
    }
}
