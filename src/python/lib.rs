//! The Python package's extension: experiments run in the interpreter's process, which is released meanwhile, and
//! tables leave it as Arrow. `python/windtunnel` is what users see; it gives values of Python their plain form and
//! calls what is here.

#![expect(
    clippy::needless_pass_by_value,
    reason = "functions of the interpreter take what they are called with"
)]

mod cluster;
mod compared;
mod environment;
mod episode;
mod fault;
mod plain_table;
mod policy;
mod question;
mod request;
mod results;
mod runs;
mod swept;
mod work;

use pyo3::prelude::*;

/// The extension of the package `windtunnel`.
#[pymodule]
mod _windtunnel {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::cluster::{place, plan, queue};
    #[pymodule_export]
    use super::compared::{CompareWork, compare};
    #[pymodule_export]
    use super::environment::{Environments, columns};
    #[pymodule_export]
    use super::fault::{
        IncomparableError, IncompleteError, InputError, NothingMeasuredError, WindtunnelError,
    };
    #[pymodule_export]
    use super::plain_table::{Table, read_parquet, table};
    #[pymodule_export]
    use super::results::{comparison_text, summary_text};
    #[pymodule_export]
    use super::runs::run;
    #[pymodule_export]
    use super::swept::{SweepWork, sweep};

    /// Seconds of a duration such as `1m30s`.
    #[pyfunction]
    fn seconds(name: &str, duration: &str) -> PyResult<f64> {
        let read = duration.parse::<units::Duration>();
        let read = read.map_err(|why| super::fault::Fault::Input(format!("{name}: {why}")))?;
        Ok(read.as_nanos() as f64 / 1e9)
    }

    /// Version of the program.
    #[pyfunction]
    fn version() -> &'static str {
        lab::program::VERSION
    }
}
