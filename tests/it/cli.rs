//! The command line, run as a user runs it: the manual's console blocks, and wrong input.

#[test]
fn console_blocks_of_the_book_hold() {
    trycmd::TestCases::new().case("tests/book/*.md").env("COLUMNS", "100").env("NO_COLOR", "1");
}
