//! Filters: which nodes can take a pod.

pub mod gpu_fit;
pub mod host_ports;
pub mod node_affinity;
pub mod node_resources_fit;
pub mod node_schedulable;
pub mod taint_toleration;
pub mod whole_devices;
