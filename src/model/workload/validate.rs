//! What an API server would refuse in a workload.
