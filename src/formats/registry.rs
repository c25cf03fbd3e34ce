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
        let texts = prop::sample::select(vec![
            "sn,cpu_milli,memory_mib,gpu,model\nn0,64000,262144,2,P100\nn1,1,1,0,\n",
            "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,\
             deletion_time,scheduled_time\np0,1,1,1,500,A|B,LS,Running,1,9,2\n",
            "; MaxProcs: 8\n1 0 -1 5 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1\n\n2 5 -1 5.5 4 -1 -1 1\n",
            "1;0;-1;15;12;-1;-1;-1;420;-1;-1;u;a;-1;n;n;;-1;\n",
            "submit,run_time,cpu,gpus\n0,1h,500m,1\n\"5\",,\"2\",\n",
            "0,,7,1,,0,ann,2,9,0.5,0.25,0.1,0\n5,,7,1,,1,ann,2,9,0.5,0.25,0.1,0\n",
            "0,5,0,p,0.5,0.25\n9,5,1,p,,\n",
            "0,1,add,,64,0.69,0.4\n500,1,softerror,disk_full,,,\n",
            "0,Create,1,5,4,0.1,0.1,1|2\n160,Remove,1,5,4,0.1,0.1,1|2\n",
            "41,47,120,686,2,Terminated,50,0.004\n-5,41,120,687,1,Failed,,\n",
            "m_1,0,3,30,96,100,USING\nm_1,50,3,30,64,100,USING\n",
            "c_1,m_2,0,app_5,started,400,800,1.5\nc_1,m_2,9,app_5,started,800,800,1.5\n",
            "M1,2,j_1,1,Terminated,100,160,50,0.39\nR2_1,1,j_1,1,Failed,160,0,,\n",
            "j1,ps,2.0,Terminated,1000.5,1060.5,600,29.3,50,MISC\nj2,w,1,Running,9,,6,,250,V\n",
            "m1,T4,96,512,2\nm2,CPU,96,512,0\n",
            "{\"jobs\": [{\"id\": 1, \"subtime\": 0, \"res\": 1, \"profile\": \"d\"}], \
             \"profiles\": {\"d\": {\"type\": \"delay\", \"delay\": 20.2}}}",
            "a,s1,d,0,2591700,99,3.424,10,Interactive,1,1.75\nb,s,d,3,9,1,9,1,Unkown,>24,>64\n",
            "5\n100\n0",
            "Timestamp [ms];\tCPU cores;\tCPU usage [%];\tMemory capacity provisioned [KB];\t\
             Memory usage [KB]\n1376314846;\t1;\t0.73;\t2097152.0;\t110448.5\n",
            "timestamp,duration,num_gpus,gpu_time,cluster\n2017-10-09 07:01:55,66.0,2,132.0,a\n",
            "[{\"jobid\": \"j\", \"submitted_time\": \"2017-10-09 07:00:00\", \"attempts\": [\
             {\"start_time\": \"2017-10-09 07:01:00\", \"end_time\": null, \"detail\": [\
             {\"gpus\": [\"gpu0\"]}]}]}]",
            "job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,\
             duration,queue\n7,u1,vc1,16,64,2,COMPLETED,2020-04-01 00:00:10,\
             2020-04-01 00:01:10,2020-04-01 00:02:10,60,60\n",
            "job_name,organization,gpu_model,cpu_request,gpu_request,worker_num,submit_time,\
             duration,job_type\n7,57,A10,15,1,16,958,41,Spot\n8,13,,20,1,1,0,,HP\n",
            "{\"time\": \"0\", \"machine_id\": 5, \"type\": 1, \"platform_id\": \"p\", \
             \"capacity\": {\"cpus\": 0.5, \"memory\": 0.25}}\n",
            "time,type,collection_id,instance_index,priority,resource_request.cpus\n0,0,7,0,9,1\n",
            "{\"schemaVersion\": \"1.2\", \"workflow\": {\"jobs\": [{\"name\": \"a\", \
             \"runtime\": 1.5}, {\"name\": \"b\", \"runtime\": 1, \"parents\": [\"a\"]}]}}",
            "app,func,end_timestamp,duration\na,f,10.5,0.25\nb,g,0.5,1\n",
            "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n",
            "JobID|User|State|Submit|Start|End|Timelimit|NNodes|AllocCPUS|ReqMem|AllocTRES\n\
             7|ann|FAILED|2024-03-01T10:00:00|2024-03-01T10:01:00|2024-03-01T10:03:00|1-02:00:00|2|\
             16|8Gn|gres/gpu=4\n",
            "num_switch,num_node_p_switch,num_gpu_p_node,num_cpu_p_node,mem_p_node\n2,3,4,9,2\n",
            "job_id,num_gpu,submit_time,iterations,model_name,duration,interval\n1,8,3,1,v,1,2\n",
            "ResNet (batch size 32)\tpython3\t--num_steps\t1\t48\t27.000000\t8\n",
            "0\tseth\t2\t4\t1\t1048576\n",
            "machineId, number of GPUs, single GPU mem\nm0, 2, 24GB\n",
            "date,vcA,vcB,total\n2020-04-01,16,8,24\n2020-04-02,8,,8\n",
            "i_1,M1,j_1,1,Terminated,100,160,m_1,1,1,43,50,0.02,0.03\n",
            "WorkflowID, JobID, SubmitTime, RunTime, NProcs, ReqNProcs, Dependencies\n\
             0, 1, 16, 11, 1, 1,\n0, 2, 40, 11, 4, -1, 1\n",
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
            (
                "0,,7,1,,0,ann,2,9,0.5,0.25,0.1,0\n",
                Some("google-2011-tasks"),
            ),
            ("#time\n0,5,0,p,0.5,0.25\n", Some("google-2011-machines")),
            ("0,1,add,,64,0.69,0.4\n", Some("alibaba-2017-machines")),
            (
                "0,Create,1,5,4,0.1,0.1,1|2\n",
                Some("alibaba-2017-services"),
            ),
            (
                "41,47,120,686,2,Failed,50,0.004\n",
                Some("alibaba-2017-tasks"),
            ),
            ("m_1,0,3,30,96,100,USING\n", Some("alibaba-2018-machines")),
            (
                "c_1,m_2,0,app_5,started,4,8,1.5\n",
                Some("alibaba-2018-containers"),
            ),
            (
                "M1,2,j_1,1,Failed,100,160,50,0.39\n",
                Some("alibaba-2018-tasks"),
            ),
            ("m1,T4,96,512,2\n", Some("alibaba-gpu-2020-machines")),
            (
                "j,t,1,Failed,1,2,1,1,50,V\n",
                Some("alibaba-gpu-2020-tasks"),
            ),
            ("a,s1,d,0,900,99,3.4,10,Unknown,1,1.75\n", Some("azure-vm")),
            ("5\n7\n100\n", Some("planetlab")),
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
    fn a_folder_of_machines_and_tasks_is_a_workload() {
        use crate::packed::archive;
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
