//! Rows of formats that state more than amounts: dates, names that are told apart, gangs, graphs.

/// A format and its rows.
pub(crate) struct MoreRows {
    /// The name of the format.
    pub(crate) format: &'static str,
    /// The byte between fields.
    pub(crate) separator: u8,
    /// The first line; empty of a table without a header.
    pub(crate) header: &'static str,
    /// The rows of a number.
    pub(crate) rows: fn(u64) -> String,
}

/// A date of Helios and of language models: a second after the first of April 2020, in its first month.
fn date(second: u64) -> String {
    let (minute, hour, day) = (second / 60, second / 3_600, second / 86_400);
    format!(
        "2020-04-{:02} {:02}:{:02}:{:02}",
        1 + day % 30,
        hour % 24,
        minute % 60,
        second % 60
    )
}

/// A run time in seconds.
const fn run(number: u64) -> u64 {
    10 + number * 7_919 % 5_000
}

/// The formats, in the order of the manual.
pub(crate) const MORE: [MoreRows; 10] = [
    MoreRows {
        format: "alibaba-2017-tasks",
        separator: b',',
        header: "",
        rows: |n| {
            let (begin, end) = (n / 9, n / 9 + run(n));
            format!("{begin},{end},{},{},1,Terminated,50,0.01\n", n / 2, n % 2)
        },
    },
    MoreRows {
        format: "alibaba-2018-tasks",
        separator: b',',
        header: "",
        rows: |n| {
            let (job, begin) = (n / 40, n / 9);
            let end = begin + run(n);
            format!(
                "i_{n},M1,j_{job},1,Terminated,{begin},{end},m_{},1,1,43,50,0.02,0.03\n",
                n % 999
            )
        },
    },
    MoreRows {
        format: "alibaba-gpu-2020-tasks",
        separator: b',',
        header: "",
        rows: |n| {
            let (begin, share) = (n * 3, [100, 50, 25][n as usize % 3]);
            let end = begin + run(n);
            format!("job{n:022x},worker,1,Terminated,{begin}.0,{end}.0,600.0,29.3,{share}.0,T4\n")
        },
    },
    MoreRows {
        format: "alibaba-spot-gpu-2026-jobs",
        separator: b',',
        header: "job_name,organization,gpu_model,cpu_request,gpu_request,worker_num,submit_time,duration,job_type\n",
        rows: |n| {
            format!(
                "job-{n},org{},A100,{},1,1,{},{},HP\n",
                n % 11,
                4 + n % 4,
                n * 3,
                run(n)
            )
        },
    },
    MoreRows {
        format: "azure-functions-2021",
        separator: b',',
        header: "app,func,end_timestamp,duration\n",
        rows: |n| {
            format!(
                "{:064x},{:064x},{}.5,{}\n",
                n % 500,
                n % 3_000,
                3 + n / 9,
                n % 7
            )
        },
    },
    MoreRows {
        format: "azure-llm-2023",
        separator: b',',
        header: "TIMESTAMP,ContextTokens,GeneratedTokens\n",
        rows: |n| {
            format!(
                "{}.{}000000,{},{}\n",
                date(n / 10),
                n % 10,
                100 + n % 4_000,
                10 + n % 500
            )
        },
    },
    MoreRows {
        format: "sacct",
        separator: b'|',
        header: "JobID|User|Partition|State|Submit|Start|End|Timelimit|NNodes|AllocCPUS|ReqMem\n",
        rows: |n| {
            let [submit, start, end] = [n / 9, n / 9 + 10, n / 9 + run(n)].map(date);
            format!(
                "{n}|u{}|batch|COMPLETED|{submit}|{start}|{end}|1-00:00:00|1|8|4000M\n",
                n % 50
            )
        },
    },
    MoreRows {
        format: "helios",
        separator: b',',
        header: "job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,duration,queue\n",
        rows: |n| {
            let (submit, length) = (n / 9, run(n));
            let [from, start, end] = [submit, submit + 30, submit + 30 + length].map(date);
            let (user, cluster) = (n % 50, n % 11);
            format!("{n},u{user},vc{cluster},8,64,1,COMPLETED,{from},{start},{end},{length},30\n")
        },
    },
    MoreRows {
        format: "tiresias-jobs",
        separator: b',',
        header: "job_id,num_gpu,submit_time,iterations,model_name,duration,interval\n",
        rows: |n| format!("{n},{},{},100,vgg11,{},3\n", 1 + n % 8, n * 3, run(n)),
    },
    MoreRows {
        format: "gwf",
        separator: b',',
        header: "WorkflowID, JobID, SubmitTime, RunTime, NProcs, ReqNProcs, Dependencies\n",
        rows: |n| {
            let (workflow, before) = (
                n / 50,
                if n % 50 == 0 {
                    String::new()
                } else {
                    (n - 1).to_string()
                },
            );
            format!("{workflow},{n},{},{},1,1,{before}\n", n / 9, run(n))
        },
    },
];
