//! The trace formats, in written order. To add one: a file in `formats/` and a line here.

use super::archive::first_bytes;
use super::error::TraceError;
use super::format::{Confidence, FormatEntry};
use super::formats::{
    alibaba_2017, alibaba_2018, azure_vm, bitbrains, csv, google_2011, gwf, helios,
    openb_nodes, openb_pods, philly, planetlab, swf,
};
use super::input::Input;

/// All formats, in the order in which content is recognized.
///
/// ```
/// use trace::registry::{find, recognize};
/// use trace::{Input, format::Constructor};
///
/// let input = Input::bytes("nodes.csv", &b"sn,cpu_milli,memory_mib,gpu,model\n"[..]);
/// let entry = recognize(&input)?;
/// assert_eq!(entry.name, "openb-nodes");
/// assert!(matches!(entry.open, Constructor::Nodes(_)));
/// assert!(find("no-such-format").is_none());
/// # Ok::<(), trace::TraceError>(())
/// ```
pub const FORMATS: &[FormatEntry] = &[
    openb_nodes::ENTRY,
    openb_pods::ENTRY,
    swf::ENTRY,
    google_2011::machines::ENTRY,
    google_2011::tasks::ENTRY,
    alibaba_2017::machines::ENTRY,
    alibaba_2017::services::ENTRY,
    alibaba_2017::tasks::ENTRY,
    alibaba_2018::machines::ENTRY,
    alibaba_2018::containers::ENTRY,
    alibaba_2018::tasks::ENTRY,
    azure_vm::ENTRY,
    planetlab::ENTRY,
    bitbrains::ENTRY,
    philly::log::ENTRY,
    philly::table::ENTRY,
    helios::ENTRY,
    gwf::ENTRY,
    csv::ENTRY,
];

/// Returns the format of a name.
pub fn find(name: &str) -> Option<&'static FormatEntry> {
    FORMATS.iter().find(|entry| entry.name == name)
}

/// Returns the format that a file has by its content.
///
/// # Errors
/// The file can't be read, or no format recognizes it.
pub fn recognize(input: &Input) -> Result<&'static FormatEntry, TraceError> {
    let first = first_bytes(input)?;
    let mut best: Option<(Confidence, &FormatEntry)> = None;
    for entry in FORMATS {
        let confidence = (entry.sniff)(&first);
        if confidence > best.map_or(Confidence::No, |(known, _)| known) {
            best = Some((confidence, entry));
        }
    }
    let Some((_, entry)) = best else {
        let names: Vec<&str> = FORMATS.iter().map(|entry| entry.name).collect();
        return Err(TraceError::Format {
            file: input.name.to_string(),
            reason: format!(
                "the format is not recognized; name it with --trace-format, as one of {}",
                names.join(", ")
            ),
        });
    };
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ReadOptions;
    use crate::format::Constructor;
    use crate::inspect::validate;

    /// A text that some reader accepts, with a few bytes replaced or cut off.
    fn damaged() -> impl Strategy<Value = Vec<u8>> {
        let texts = prop::sample::select(vec![
            "sn,cpu_milli,memory_mib,gpu,model\nn0,64000,262144,2,P100\nn1,1,1,0,\n",
            "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,\
             deletion_time,scheduled_time\np0,1,1,1,500,A|B,LS,Running,1,9,2\n",
            "; MaxProcs: 8\n1 0 -1 5 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1\n\n2 5 -1 5.5 4 -1 -1 1\n",
            "1;0;-1;15;12;-1;-1;-1;420;-1;-1;u;a;-1;n;n;;-1;\n",
            "submit,run_time,cpu,gpus\n0,1h,500m,1\n\"5\",,\"2\",\n",
        ]);
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
            let options = ReadOptions { memory: true, ..ReadOptions::default() };
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
        for (text, expected) in [
            ("sn,cpu_milli,memory_mib,gpu,model\n", Some("openb-nodes")),
            (
                "name,cpu_milli,memory_mib,num_gpu,gpu_milli\r\n",
                Some("openb-pods"),
            ),
            (
                "; Version: 2.2\n1 0 -1 5 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1\n",
                Some("swf"),
            ),
            ("1 0 -1 5 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1\n", Some("swf")),
            (
                "1;0;-1;15;12;-1;-1;-1;420;-1;-1;u;a;-1;n;n;;-1;\n",
                Some("swf"),
            ),
            ("submit,cpu\n0,1\n", Some("csv")),
            ("{\"jobs\": []}", None),
            ("", None),
        ] {
            let input = Input::bytes("memory", text.as_bytes().to_vec());
            let found = recognize(&input).ok().map(|entry| entry.name);
            assert_eq!(found, expected, "{text}");
            let certain = FORMATS
                .iter()
                .filter(|entry| (entry.sniff)(text.as_bytes()) == Confidence::Certain);
            assert!(certain.count() <= 1, "{text}");
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
