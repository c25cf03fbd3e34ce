//! `OpenShift` Origin: its scheduler policy of 3.x, deployment configurations with their triggers,
//! builds, and the weights of routes (spec: orchestrators-a.md section 8; openshift/router 4b401a8,
//! openshift/openshift-controller-manager 26d20fe).

pub mod deployment;
pub mod policy;
pub mod route;
