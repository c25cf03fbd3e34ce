//! Elements with their places.

use super::*;

#[test]
fn elements_are_found_by_their_path() {
    let text = "{\"x\": [0],\n \"a\": {\"b\": [1,\n 2]},\n \"c\": {\"k\": 3}}\n";
    let input = Input::bytes("t.json", text.as_bytes());
    let found = |path: &[&str]| {
        let mut seen = Vec::new();
        let is_found = each_element(&input, path, |element| {
            seen.push((element.line, element.key, element.value.to_string()));
            Ok(())
        });
        (is_found, seen)
    };
    let (is_found, seen) = found(&["a", "b"]);
    let expected = [
        (2, String::new(), "1".to_owned()),
        (3, String::new(), "2".to_owned()),
    ];
    assert_eq!((is_found, seen.as_slice()), (Ok(true), &expected[..]));
    assert_eq!(found(&["c"]).1, [(4, "k".to_owned(), "3".to_owned())]);
    assert_eq!(found(&["none"]).0, Ok(false));
    let mut inline = Vec::new();
    let list = Input::bytes("t.json", &b"[{\"a\":\n1}, {}\n,\n {}, {}]"[..]);
    let is_found = each_element(&list, &[], |element| {
        inline.push((element.line, element.place, element.bad("a", "x").column));
        Ok(())
    });
    let at = |line, place, column: &str| (line, place, column.to_owned());
    let expected = [
        at(1, Some(0), "0.a"),
        at(2, Some(1), "1.a"),
        at(4, None, "a"),
        at(4, Some(3), "3.a"),
    ];
    assert_eq!((is_found, inline.as_slice()), (Ok(true), &expected[..]));
    let pages = Input::bytes("t.json", &b"{\"a\": [1]}\n{\"a\": [2,\n3]}{\"b\": 0} "[..]);
    let mut seen = Vec::new();
    let is_found = each_element(&pages, &["a"], |element| {
        seen.push((element.line, element.value.to_string()));
        Ok(())
    });
    let expected = [(1, "1"), (2, "2"), (3, "3")].map(|(line, own)| (line, own.to_owned()));
    assert_eq!((is_found, seen.as_slice()), (Ok(true), &expected[..]));
    let behind = Input::bytes("t.json", &b"[1]\nx"[..]);
    let error = each_element(&behind, &[], |_| Ok(())).expect_err("no JSON");
    assert!(error.to_string().contains("line 2 column 1"), "{error}");
    let cut = Input::bytes("t.json", &b"[1,\n"[..]);
    let error = each_element(&cut, &[], |_| Ok(())).expect_err("cut");
    assert!(error.to_string().contains("line 2"), "{error}");
}
