//! Names of the demands of tasks: job and index, and from the second demand of a task on its number.

use super::Key;
use model::PodName;

/// The name of a task until its demands are numbered.
pub(super) fn provisional(key: Key) -> PodName {
    let (job, index) = key;
    match u32::try_from(index) {
        Ok(index) => PodName::Member(job as u64, index),
        Err(_) => PodName::Text(format!("{job}-{index}").into()),
    }
}

/// The name of a demand of a task, by its number.
pub(super) fn numbered(name: &PodName, number: u32) -> PodName {
    let mut text = match name {
        PodName::Member(job, index) => {
            let mut text = String::with_capacity(32);
            push_number(&mut text, *job);
            text.push('-');
            push_number(&mut text, u64::from(*index));
            text
        }
        other => other.to_string(),
    };
    if number > 1 {
        text.push('-');
        push_number(&mut text, u64::from(number));
    }
    PodName::Text(text.into())
}

/// Adds the digits of a number: a name is made for each demand, and the formatting of the standard library takes
/// longer than all else of it.
fn push_number(text: &mut String, mut number: u64) {
    let mut digits = [0; 20];
    let mut from = digits.len();
    loop {
        from -= 1;
        digits[from] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    text.extend(digits[from..].iter().map(|&digit| char::from(digit)));
}
