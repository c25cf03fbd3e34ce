//! One file per trace format; the list is `trace::registry`.

pub mod csv;
pub mod google_2011;
pub mod openb_nodes;
pub mod openb_pods;
pub mod swf;
