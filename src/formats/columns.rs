//! Columns of a table, each declared once: its place, whether it must be there, its name and its meaning.

/// Declares the columns of a table as a list of `ColumnDoc`, and a constant for the place of each that is read; `_` is the
/// place of one that is not.
///
/// ```ignore
/// columns! { COLUMNS;
///     TIME: required("time", "s from the start of the trace") => is_whole,
///     _: optional("comment", "read, not used"),
/// }
/// ```
///
/// Behind an arrow stands the test of a field by which a table is recognized. Without names of places, the columns are a
/// list alone.
macro_rules! columns {
    ($($kind:ident($name:expr, $meaning:expr $(,)?) $(=> $sign:expr)?,)+) => {
        &[$(::intake::columns::ColumnDoc::$kind($name, $meaning)$(.with_sign($sign))?),+]
    };
    ($(#[$about:meta])* $vis:vis $table:ident;
        $($place:tt: $kind:ident($name:expr, $meaning:expr $(,)?) $(=> $sign:expr)?,)+
    ) => {
        $(#[$about])*
        $vis const $table: &[::intake::columns::ColumnDoc] =
            $crate::columns::columns! { $($kind($name, $meaning) $(=> $sign)?,)+ };
        $crate::columns::places! { [$vis] 0; $($place)+ }
    };
}

/// Declares constants that number places from the first on.
macro_rules! places {
    ([$vis:vis] $at:expr;) => {};
    ([$vis:vis] $at:expr; _ $($more:tt)*) => {
        $crate::columns::places! { [$vis] $at + 1; $($more)* }
    };
    ([$vis:vis] $at:expr; $place:ident $($more:tt)*) => {
        $vis const $place: usize = $at;
        $crate::columns::places! { [$vis] $at + 1; $($more)* }
    };
}

pub(crate) use {columns, places};
