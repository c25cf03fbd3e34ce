//! The program: everything is in the library.

use std::process::ExitCode;

/// Memory of the program: where there is no more, the program ends with words.
#[global_allocator]
static MEMORY: cli::SystemMemory = cli::SystemMemory;

fn main() -> ExitCode {
    cli::main()
}
