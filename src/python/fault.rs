//! Faults as exceptions, with the words of the command line.

use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyKeyboardInterrupt};
use pyo3::prelude::*;

use intake::TraceError;
use lab::by_system::UnknownSystem;
use lab::compare::CompareError;
use lab::experiment::ExperimentError;
use lab::folder::FolderError;
use lab::source::{FunctionError, SourceError, within};
use lab::sweep::SweepError;
use report::result_files::{ReadError, WriteError};
use scenario::{Color, Rejected};

create_exception!(
    windtunnel,
    WindtunnelError,
    PyException,
    "Refusal or failure of windtunnel, of any kind."
);
create_exception!(
    windtunnel,
    InputError,
    WindtunnelError,
    "Wrong input: an experiment, a file, an argument. `findings` has a dict for each mistake in an \
     experiment, with its place."
);
create_exception!(
    windtunnel,
    IncomparableError,
    WindtunnelError,
    "Two things can't be compared."
);
create_exception!(
    windtunnel,
    NothingMeasuredError,
    WindtunnelError,
    "No measurement was possible."
);
create_exception!(
    windtunnel,
    IncompleteError,
    WindtunnelError,
    "The work could not be completed."
);

/// Reason why there is no result.
pub(crate) enum Fault {
    /// Wrong input.
    Input(String),
    /// Mistakes of an experiment, and where its text is one of many, which.
    Rejected(Box<Rejected>, String),
    /// Things that can't be compared.
    Incomparable(String),
    /// Nothing to measure.
    NothingMeasured(String),
    /// Work that can't be completed.
    Incomplete(String),
    /// An interruption.
    Interrupted,
}

impl Fault {
    /// Fault of an exit code of the command line.
    fn of_code(code: u8, words: String) -> Self {
        match code {
            2 => Self::Input(words),
            3 => Self::Incomparable(words),
            4 => Self::NothingMeasured(words),
            130 => Self::Interrupted,
            _ => Self::Incomplete(words),
        }
    }
}

impl From<Box<Rejected>> for Fault {
    fn from(rejected: Box<Rejected>) -> Self {
        Self::Rejected(rejected, String::new())
    }
}

impl From<FunctionError> for Fault {
    fn from(error: FunctionError) -> Self {
        match error {
            FunctionError::Rejected(rejected) => rejected.into(),
            taken @ FunctionError::Taken(_) => Self::Input(taken.to_string()),
        }
    }
}

impl From<UnknownSystem> for Fault {
    fn from(error: UnknownSystem) -> Self {
        Self::Input(format!("systems: {error}"))
    }
}

impl From<ExperimentError> for Fault {
    fn from(error: ExperimentError) -> Self {
        let words = match error.advice() {
            Some(advice) => format!("{error}\nhelp: {advice}"),
            None => error.to_string(),
        };
        match error {
            ExperimentError::Interrupted => Self::Interrupted,
            error if error.is_input() => Self::Input(words),
            _ => Self::Incomplete(words),
        }
    }
}

impl From<FolderError> for Fault {
    fn from(error: FolderError) -> Self {
        Self::of_code(error.exit_code(), error.to_string())
    }
}

impl From<WriteError> for Fault {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Folder(error) => error.into(),
            error => Self::Incomplete(error.to_string()),
        }
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Compare(error) => error.into(),
            ReadError::Results(error) => Self::of_code(error.exit_code(), error.to_string()),
            error => Self::Input(error.to_string()),
        }
    }
}

impl From<CompareError> for Fault {
    fn from(error: CompareError) -> Self {
        match error {
            CompareError::Experiment(error) => error.into(),
            error => Self::of_code(error.exit_code(), error.to_string()),
        }
    }
}

impl From<SweepError> for Fault {
    fn from(error: SweepError) -> Self {
        match error {
            SweepError::Rejected { at, rejected } => {
                Self::Rejected(rejected, format!("the experiment file is wrong at {at}"))
            }
            error => Self::of_code(error.exit_code(), error.to_string()),
        }
    }
}

impl From<SourceError> for Fault {
    fn from(error: SourceError) -> Self {
        Self::Input(error.to_string())
    }
}

impl From<TraceError> for Fault {
    fn from(error: TraceError) -> Self {
        Self::Input(error.to_string())
    }
}

impl From<Fault> for PyErr {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Input(words) => InputError::new_err(words),
            Fault::Incomparable(words) => IncomparableError::new_err(words),
            Fault::NothingMeasured(words) => NothingMeasuredError::new_err(words),
            Fault::Incomplete(words) => IncompleteError::new_err(words),
            Fault::Interrupted => PyKeyboardInterrupt::new_err(()),
            Fault::Rejected(rejected, at) => of_rejected(&rejected, &at),
        }
    }
}

/// Exception with the mistakes of an experiment, also as data.
fn of_rejected(rejected: &Rejected, at: &str) -> PyErr {
    let shown = within(rejected);
    let mut words = shown.render(Color::Off).trim_end().to_owned();
    if !at.is_empty() {
        words = format!("{at}\n{words}");
    }
    let error = InputError::new_err(words);
    let findings = shown.to_json().to_string();
    Python::attach(|py| {
        let set = || {
            let findings = py.import("json")?.call_method1("loads", (findings,))?;
            error.value(py).setattr("findings", findings)
        };
        match set() {
            Ok(()) => error,
            Err(other) => other,
        }
    })
}
