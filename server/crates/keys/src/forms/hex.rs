//! Bytes as rows of hex and ASCII, as `hexdump -C` writes them.

use std::fmt::Write as _;

/// Bytes of a row.
const ROW: usize = 16;
/// Characters of a row with its end.
const WIDTH: usize = 79;

/// As many whole rows of `bytes` as make at most `most` bytes of text.
pub(crate) fn prefix_for(bytes: &[u8], most: usize) -> &[u8] {
    &bytes[..bytes.len().min(most / WIDTH * ROW)]
}

/// Offset, sixteen bytes and their ASCII on every line.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(ROW) * WIDTH);
    for (row, offset) in bytes.chunks(ROW).zip((0..).step_by(ROW)) {
        // Writing to a String does not fail.
        let _ = write!(text, "{offset:08x} ");
        for column in 0..ROW {
            text.push_str(if column == ROW / 2 { "  " } else { " " });
            match row.get(column) {
                Some(byte) => {
                    let _ = write!(text, "{byte:02x}");
                }
                None => text.push_str("  "),
            }
        }
        text.push_str("  |");
        text.extend(row.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' }));
        text.push_str("|\n");
    }
    text
}
