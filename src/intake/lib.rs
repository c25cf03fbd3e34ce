//! Inputs: files, standard input and members of archives, decompressed and read as a stream or by lines, with bounds on
//! what is taken of them and errors that name the file, the line and the rule.

pub mod archive;
pub mod budget;
pub mod calendar;
pub mod columns;
pub mod compression;
pub mod error;
pub mod headerless;
mod input;
pub mod json;
pub mod ledger;
pub mod lines;
pub mod message_pack;
pub mod number;
pub mod origin;
pub mod parquet;
mod pipe;
pub mod python_value;
mod quote;
mod recognition;
pub mod records;
mod row_fields;
pub mod rows;
mod scan;
pub mod table;
mod temporary;
pub mod text_numbers;
pub mod unknown_columns;
pub mod yaml_items;

pub use error::{TraceError, read_error};
pub use input::{Input, encoding};
pub use ledger::{Action, Ledger, OnBadRow, RowPolicy};
pub use origin::Origin;
pub use scan::Marked;
pub use temporary::TemporaryFile;
