//! The trace formats, in written order. To add one: a file in `formats/` and a line here.

use crate::failure_log::is_log;
use crate::prelude::*;
use crate::readers::{
    alibaba_2017, alibaba_2018, alibaba_dlrm_2025, alibaba_gpu_2020, alibaba_spot_gpu_2026,
    azure_functions_2019, azure_functions_2021, azure_llm_2023, azure_packing_2020, azure_vm,
    batsim, bitbrains, csv, gavel, google_2011, google_2019, gwf, helios, kubernetes, openb_nodes,
    openb_pods, opendc, philly, planetlab, prometheus, sacct, simkube, state, swf, swf_machines,
    tiresias, wfformat,
};
use crate::unrecognized;
use arrivals::format::FormatKind;
use intake::archive::{beginning, is_about, parts};

/// All formats, in the order in which content is recognized.
///
/// ```
/// use formats::registry::{find, recognize};
/// use intake::Input;
/// use arrivals::format::Constructor;
///
/// let input = Input::bytes("nodes.csv", &b"sn,cpu_milli,memory_mib,gpu,model\n"[..]);
/// let entry = recognize(&input)?;
/// assert_eq!(entry.name, "openb-nodes");
/// assert!(matches!(entry.open, Constructor::Nodes(_)));
/// assert!(find("no-such-format").is_none());
/// # Ok::<(), intake::TraceError>(())
/// ```
pub const FORMATS: &[FormatEntry] = &[
    openb_nodes::ENTRY,
    openb_pods::ENTRY,
    swf::ENTRY,
    swf_machines::ENTRY,
    google_2011::machines::ENTRY,
    google_2011::tasks::ENTRY,
    google_2011::usage::ENTRY,
    google_2019::machines::ENTRY,
    google_2019::instances::ENTRY,
    alibaba_2017::machines::ENTRY,
    alibaba_2017::services::ENTRY,
    alibaba_2017::tasks::ENTRY,
    alibaba_2018::machines::ENTRY,
    alibaba_2018::containers::ENTRY,
    alibaba_2018::tasks::ENTRY,
    alibaba_gpu_2020::machines::ENTRY,
    alibaba_gpu_2020::tasks::ENTRY,
    alibaba_dlrm_2025::ENTRY,
    alibaba_spot_gpu_2026::machines::ENTRY,
    alibaba_spot_gpu_2026::jobs::ENTRY,
    azure_vm::ENTRY,
    azure_packing_2020::ENTRY,
    azure_functions_2019::ENTRY,
    azure_functions_2021::ENTRY,
    azure_llm_2023::ENTRY,
    sacct::ENTRY,
    opendc::ENTRY,
    simkube::ENTRY,
    kubernetes::audit::ENTRY,
    kubernetes::events::ENTRY,
    prometheus::ENTRY,
    state::docker::ENTRY,
    state::marathon::ENTRY,
    state::ecs::ENTRY,
    state::nomad::ENTRY,
    planetlab::ENTRY,
    bitbrains::ENTRY,
    philly::log::ENTRY,
    philly::table::ENTRY,
    philly::machines::ENTRY,
    helios::jobs::ENTRY,
    helios::machines::ENTRY,
    tiresias::machines::ENTRY,
    tiresias::jobs::ENTRY,
    tiresias::deadlines::ENTRY,
    gavel::ENTRY,
    gwf::ENTRY,
    wfformat::ENTRY,
    batsim::ENTRY,
    csv::ENTRY,
];

/// Returns the format of a name.
pub fn find(name: &str) -> Option<&'static FormatEntry> {
    FORMATS.iter().find(|entry| entry.name == name)
}

/// The most files of a folder or an archive by which its format is recognized.
const SHOWN_FILES: usize = 64;

/// Returns the format that a file has by its content; of several in a folder or an archive that of the first that has
/// one of workloads, or else of nodes: machines often lie beside what ran on them.
///
/// # Errors
/// The file can't be read, or no format recognizes it.
pub fn recognize(input: &Input) -> Result<&'static FormatEntry, TraceError> {
    let parts = parts(input)?;
    let is_alone = parts.len() == 1;
    let shown = parts
        .iter()
        .filter(|part| is_alone || !is_about(&part.name));
    let mut nodes = None;
    for part in shown.take(SHOWN_FILES) {
        let found = most_like(&beginning(part)?);
        if let Some(entry) = found.filter(|entry| entry.kind() == FormatKind::Workload) {
            return Ok(entry);
        }
        nodes = nodes.or(found);
    }
    if let Some(entry) = nodes {
        return Ok(entry);
    }
    if is_log(input).is_ok_and(|is_log| is_log) {
        let reason = "is a failure log, not a workload; `trace validate` checks it, `trace fit` describes it, and \
                      `failures: [{kind: failure-log, path: …}]` runs it";
        return Err(TraceError::Format {
            file: input.name.to_string(),
            reason: reason.to_owned(),
        });
    }
    let about = parts.iter().find(|part| is_alone || !is_about(&part.name));
    let first = about.map_or_else(|| Ok(Vec::new()), beginning)?;
    Err(TraceError::Format {
        file: input.name.to_string(),
        reason: unrecognized::words(&first, FORMATS),
    })
}

/// The format that a text has by its first bytes; of equally sure ones the first.
pub(crate) fn most_like(first: &[u8]) -> Option<&'static FormatEntry> {
    let mut best: Option<(Confidence, &FormatEntry)> = None;
    for entry in FORMATS {
        let confidence = (entry.sniff)(first);
        if confidence > best.map_or(Confidence::No, |(known, _)| known) {
            best = Some((confidence, entry));
        }
    }
    best.map(|(_, entry)| entry)
}

#[cfg(test)]
mod tests {
    use crate::tests::prelude::*;
    use proptest::prelude::*;

    use super::*;
    use crate::tests::dirty_rows::clean::CLEAN;

    #[test]
    fn a_failure_log_is_told_from_a_file_of_no_format() {
        let message = |text: &str| {
            let error = recognize(&Input::bytes("f.csv", text.as_bytes()));
            { error.map(|entry| entry.name) }
                .expect_err("no format")
                .to_string()
        };
        for log in [
            "System,Prob Started,Prob Fixed\n",
            "node,down,up\nn0,5s,9s\n",
        ] {
            let found = message(log);
            assert!(found.contains("`trace fit` describes it"), "{found}");
        }
        let other = message("what,is,this\n");
        assert!(other.contains("the format is not recognized"), "{other}");
    }

    /// A text that some reader accepts, with a few bytes replaced or cut off.
    fn damaged() -> impl Strategy<Value = Vec<u8>> {
        let texts = CLEAN.iter().map(|&(_, _, text)| text);
        let texts: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
        let texts = prop::sample::select(texts);
        let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
        (texts, edits, any::<prop::sample::Index>()).prop_map(|(text, edits, end)| {
            let mut bytes = text.as_bytes().to_vec();
            for (position, byte) in edits {
                let position = position.index(bytes.len());
                bytes[position] = byte;
            }
            bytes.truncate(end.index(bytes.len()) + 1);
            bytes
        })
    }

    proptest! {
        #[test]
        fn no_reader_panics_or_contradicts_itself(bytes in damaged()) {
            let input = Input::bytes("damaged", bytes);
            let options = options_with(|own| own.memory = true);
            for entry in FORMATS {
                let first = validate(&input, entry, &options, 10);
                prop_assert_eq!(&first, &validate(&input, entry, &options, 10));
                prop_assert_eq!(first.is_valid(), read_all(entry, &input, &options).is_ok());
            }
        }
    }

    /// Reads a file to its end under the default policy.
    fn read_all(
        entry: &FormatEntry,
        input: &Input,
        options: &ReadOptions,
    ) -> Result<(), TraceError> {
        match entry.open {
            Constructor::Nodes(read) => read(input, options).map(drop),
            Constructor::Workload(open) => {
                let mut source = open(input, options)?;
                while source.next()?.is_some() {}
                Ok(())
            }
        }
    }

    #[test]
    fn formats_are_recognized_by_content_and_never_two_at_once() {
        let clean = CLEAN
            .iter()
            .filter(|own| !own.2.is_empty() && own.0 != "planetlab");
        let clean = clean.map(|&(name, _, text)| (text, Some(name)));
        let others = [
            ("1 0 -1 5 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1\n", "swf"),
            ("1;0;-1;15;12;-1;-1;-1;420;-1;-1;u;a;-1;n;n;;-1;\n", "swf"),
            ("#time\n0,5,0,p,0.5,0.25\n", "google-2011-machines"),
            ("a,s1,d,0,900,99,3.4,10,Unknown,1,1.75\n", "azure-vm"),
            ("5\n7\n100\n", "planetlab"),
        ];
        let others = others.map(|(text, name)| (text, Some(name)));
        let unknown = [("{\"jobs\": []}", None), ("", None)];
        for (text, expected) in clean.chain(others).chain(unknown) {
            let found = recognize(&file("memory", text))
                .ok()
                .map(|entry| entry.name);
            assert_eq!(found, expected, "{text}");
            let certain = FORMATS
                .iter()
                .filter(|entry| (entry.sniff)(text.as_bytes()) == Confidence::Certain);
            assert!(certain.count() <= 1, "{text}");
        }
    }

    #[test]
    fn a_folder_of_machines_and_tasks_is_a_workload() {
        let machines = ("machine_events/part-0.csv", "0,5,0,p,0.5,0.2\n");
        let tasks = (
            "task_events/part-0.csv",
            "600000000,,7,0,,0,ann,2,9,0.1,0.1,0,0\n",
        );
        for (files, expected) in [
            (&[machines, tasks][..], "google-2011-tasks"),
            (&[machines], "google-2011-machines"),
        ] {
            let input = Input::bytes("trace.tar", archive(files));
            assert_eq!(recognize(&input).expect("known").name, expected);
        }
    }

    #[test]
    fn names_are_unique_and_found() {
        for entry in FORMATS {
            assert_eq!(
                find(entry.name).map(|found| found.summary),
                Some(entry.summary)
            );
        }
        assert!(find("nosuch").is_none());
    }
}
