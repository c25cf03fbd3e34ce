//! Files that are not what their names say, or texts that are stored in another way: told by their beginnings, so that no
//! reader complains about their rows.

use std::io;

/// The complaint about a web page.
pub const WEB_PAGE: &str = "is a web page and not the file itself, as a download leaves it that needed a login or \
                                   another address; download it again";

/// How a pointer of Git LFS begins.
const POINTER: &[u8] = b"version https://git-lfs";

/// Zero bytes at the beginning of a file that has a size and no content.
const ZEROS: usize = 32;

/// Refuses a text in UTF-16, a file of nothing but zero bytes and a pointer of Git LFS.
pub(super) fn check_beginning(first: &[u8]) -> io::Result<()> {
    let reason = if first.starts_with(&[0xff, 0xfe]) || first.starts_with(&[0xfe, 0xff]) {
        "is a text in UTF-16; convert it to UTF-8 (`iconv -f UTF-16 -t UTF-8`)"
    } else if first.len() >= ZEROS && first.iter().all(|byte| *byte == 0) {
        "begins with zero bytes and is no text; name the file itself"
    } else if first.starts_with(POINTER) {
        "is a pointer of Git LFS and not the file itself; fetch that (`git lfs pull`)"
    } else {
        return Ok(());
    };
    Err(io::Error::other(reason))
}

/// Whether a text is a web page.
pub fn is_web_page(first: &[u8]) -> bool {
    let own = first.trim_ascii_start();
    let begins = |text: &[u8]| {
        let own = own.get(..text.len());
        own.is_some_and(|own| own.eq_ignore_ascii_case(text))
    };
    begins(b"<!doctype html") || begins(b"<html")
}

/// Refuses the lines of a web page, and those that end with a carriage return alone, by the first bytes.
pub(super) fn check_lines(first: &[u8]) -> io::Result<()> {
    if is_web_page(first) {
        return Err(io::Error::other(WEB_PAGE));
    }
    let is_text = memchr::memchr2(b'\n', 0, first).is_none() && str::from_utf8(first).is_ok();
    if is_text && memchr::memchr(b'\r', first).is_some() {
        let reason = "lines end with a carriage return alone; convert them (`tr '\\r' '\\n'`)";
        return Err(io::Error::other(reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::Input;

    #[test]
    fn a_file_of_zero_bytes_is_told_by_its_beginning() {
        let told = |bytes: &[u8]| {
            let read = Input::bytes("t", bytes).read_to_string();
            read.err().map(|error| error.to_string())
        };
        let expected = "t: begins with zero bytes and is no text; name the file itself";
        assert_eq!(told(&[0; 999]).as_deref(), Some(expected));
        assert_eq!(told(&[0; 3]), None);
    }

    #[test]
    fn lines_that_end_with_a_carriage_return_alone_are_told() {
        let expected = "t: lines end with a carriage return alone; convert them (`tr '\\r' '\\n'`)";
        for (text, is_refused) in [
            ("a,b\rc,d\r", true),
            ("a,b\r\nc,d\r\n", false),
            ("a,b\rc\n", false),
            ("a,b", false),
        ] {
            let input = Input::bytes("t", text.as_bytes());
            let error = input.lines().map(drop).err().map(|error| error.to_string());
            let expected = is_refused.then(|| expected.to_owned());
            assert_eq!(error, expected, "{text}");
        }
    }
}
