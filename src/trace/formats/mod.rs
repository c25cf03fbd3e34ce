//! One file per trace format; the list is `trace::registry`.

pub mod alibaba_2017;
pub mod alibaba_2018;
pub mod alibaba_dlrm_2025;
pub mod alibaba_gpu_2020;
pub mod alibaba_spot_gpu_2026;
pub mod azure_functions_2019;
pub mod azure_functions_2021;
pub mod azure_llm_2023;
pub mod azure_vm;
pub mod batsim;
pub mod bitbrains;
pub mod csv;
pub mod gavel;
pub mod google_2011;
pub mod google_2019;
pub mod gwf;
pub mod helios;
pub mod openb_nodes;
pub mod openb_pods;
pub mod opendc;
pub mod philly;
pub mod planetlab;
pub mod sacct;
pub mod swf;
pub mod tiresias;
pub mod wfformat;
