//! Cells of a column, written as the texts that a table of text would have.

use std::fmt::Write;

use serde_json::Value;

use super::encoding::{Physical, Values};
use super::meaning::Meaning;
use super::page::{Cells, Leaf};
use super::{Form, ListForm};

/// A column, read row by row.
pub(super) struct Cursor {
    cells: Cells,
    /// The place of the next value.
    next: usize,
    physical: Physical,
    meaning: Meaning,
    /// The digits behind the point of a nanosecond.
    digits: usize,
    lists: ListForm,
    /// The name of the member of structures in a list that the column is.
    member: Option<String>,
    /// The next member of the same structures.
    pub(super) others: Option<Box<Self>>,
    /// The place of the next element of the lists of a member.
    element: usize,
}

impl Cursor {
    /// The cells of a column.
    pub(super) fn new(cells: Cells, leaf: &Leaf, form: Form) -> Self {
        Self {
            cells,
            next: 0,
            physical: leaf.physical,
            meaning: leaf.meaning,
            digits: form.times.digits(&leaf.name),
            lists: form.lists,
            member: leaf.member.clone(),
            others: None,
            element: 0,
        }
    }

    /// Writes the cell of a row; rows come one after the other. Returns whether it is a text, and writes bytes that are
    /// none with marks in their place.
    pub(super) fn write(&mut self, row: usize, text: &mut String) -> bool {
        let mut is_text = true;
        if let Some(lists) = &self.cells.lists {
            let count = lists.get(row).copied().unwrap_or_default();
            let [before, between, behind] = match self.lists {
                ListForm::Brackets => ["[", ", ", "]"],
                ListForm::Bars => ["", "|", ""],
            };
            if count > 0 {
                text.push_str(before);
                for place in 0..count {
                    if place > 0 {
                        text.push_str(between);
                    }
                    is_text &= if self.member.is_some() {
                        self.write_structure(text)
                    } else {
                        self.write_value(text)
                    };
                }
                text.push_str(behind);
            }
            return is_text;
        }
        let present = self.cells.present.as_ref();
        if present.is_none_or(|present| present.get(row) == Some(&true)) {
            is_text = self.write_value(text);
        }
        is_text
    }

    /// Writes the next structure of a list as an object of JSON; members without a value are left out.
    fn write_structure(&mut self, text: &mut String) -> bool {
        text.push('{');
        let (mut is_text, mut is_first) = (true, true);
        let mut next = Some(self);
        while let Some(own) = next {
            let present = own.cells.present.as_ref();
            let is_there = present.is_none_or(|present| present.get(own.element) == Some(&true));
            own.element += 1;
            if is_there {
                let mut value = String::new();
                is_text &= own.write_value(&mut value);
                let name = own.member.as_deref().unwrap_or_default();
                let between = if is_first { "" } else { ", " };
                let (name, value) = (Value::from(name), Value::from(value));
                // To write into a text never fails.
                let _ = write!(text, "{between}{name}: {value}");
                is_first = false;
            }
            next = own.others.as_deref_mut();
        }
        text.push('}');
        is_text
    }

    fn write_value(&mut self, text: &mut String) -> bool {
        let place = self.next;
        self.next += 1;
        // To write into a text never fails.
        let _ = match &self.cells.values {
            Values::Integers(values) => match values.get(place) {
                Some(value) if self.physical == Physical::Boolean => {
                    write!(text, "{}", *value == 1)
                }
                Some(value) => {
                    self.meaning.write(*value, self.physical, self.digits, text);
                    Ok(())
                }
                None => Ok(()),
            },
            Values::Floats(values) => match values.get(place) {
                Some(value) => write!(text, "{value}"),
                None => Ok(()),
            },
            values @ Values::Texts(..) => {
                let bytes = values.text(place).unwrap_or_default();
                text.push_str(&String::from_utf8_lossy(bytes));
                return str::from_utf8(bytes).is_ok();
            }
        };
        true
    }
}
