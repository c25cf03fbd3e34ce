//! Traces in every format, and logs and rates.

use windtunnel::arrivals::request_rates::{
    Gap, Reading, read_alibaba_qps, read_azure_functions, read_series,
};
use windtunnel::arrivals::{ReadOptions, inspect};
use windtunnel::formats::failure_log::{self, LogOptions};
use windtunnel::formats::readers::openb_nodes;
use windtunnel::formats::registry;
use windtunnel::formats::registry::FORMATS;
use windtunnel::intake::Input;

use super::samples::{DAY, PACKING, PARQUET, SAMPLES, archive, invocations};
use super::{Kind, files, texts};

pub(super) const CSV: &str = "submit,name,run_time,cpu,memory,gpus,gpu_milli,members,tenant,priority\n\
                   0,a,60,3,1Gi,1,500,1,ann,5\n1.5,b,2m,250m,2G,2,,2,bob,-1\n90s,c,,1,,,,,,\n";
const FAILURES: &str = "node,from,to\nn1,0,60\nn2,90s,2m\n";
const SERIES: &str = "time,rate\n0,1\n60,2.5\n120,0\n";
const AZURE: &str =
    "HashOwner,HashApp,HashFunction,Trigger,1,2,3\na,b,c,http,1,2,0\na,b,d,http,5,0,1\n";
const ALIBABA: &str = "timestamp_anon,value,request_type\n0,1.5,chat\n60,2,chat\n60,1,image\n";
const READING: Reading = Reading {
    scale: 1.5,
    gap: Gap::Zero,
};

pub(super) fn kinds() -> Vec<Kind> {
    let samples = [files("traces", ".gz"), texts([CSV])].concat();
    let recognized = Kind::new("trace", samples.clone(), |_, bytes| {
        let input = Input::bytes("fuzz", bytes);
        let Ok(entry) = registry::recognize(&input) else {
            return;
        };
        let _ = inspect::inspect(&input, entry, &ReadOptions::default());
    });
    // Each format reads what it would not be recognized by.
    let formats = FORMATS.iter().map(|entry| {
        let own = samples.iter().filter(|sample| {
            let input = Input::bytes("fuzz", sample.as_slice());
            registry::recognize(&input).is_ok_and(|found| found.name == entry.name)
        });
        let small = SAMPLES.iter().filter(|(name, _)| *name == entry.name);
        let small = small.map(|(_, text)| text.as_bytes().to_vec());
        let day = (entry.name == "planetlab").then(|| archive(DAY));
        let minutes = (entry.name == "azure-functions-2019").then(invocations);
        let own = own.cloned().chain(small).chain(day).chain(minutes);
        let own = own.chain((entry.name == "opendc").then(|| PARQUET.to_vec()));
        let own = own.chain((entry.name == "azure-packing-2020").then(|| archive(PACKING)));
        let name = format!("trace {}", entry.name);
        Kind::new(name, own.collect(), |_, bytes| {
            let input = Input::bytes("fuzz", bytes);
            let _ = inspect::inspect(&input, entry, &ReadOptions::default());
            let _ = inspect::validate(&input, entry, &ReadOptions::default(), 5);
            let _ = openb_nodes::read(&input, &ReadOptions::default());
        })
    });
    let log = Kind::new("failure log", texts([FAILURES]), |_, bytes| {
        let input = Input::bytes("fuzz.csv", bytes);
        let _ = failure_log::read(&input, &LogOptions::default(), &["n1", "n2"]);
    });
    let rates = Kind::new("rates", texts([SERIES, AZURE, ALIBABA]), |_, bytes| {
        let input = Input::bytes("fuzz.csv", bytes);
        let _ = read_series(&input, READING);
        let _ = read_azure_functions(&input, None, READING);
        let _ = read_alibaba_qps(&input, None, READING);
    });
    let mut kinds = vec![recognized, log, rates];
    kinds.extend(formats);
    kinds
}
