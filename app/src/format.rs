//! Numbers, sizes, times and ids as a person reads them. Invariant: pure; the same input gives the same text on the
//! server and in the browser (no locale, no clock), so that hydration finds what was rendered.

/// Bytes in binary units: `410 KiB`, `1.5 GiB`.
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut unit = 0;
    let mut scaled = value;
    let mut rest = 0;
    while scaled >= 1024 && unit + 1 < UNITS.len() {
        rest = scaled % 1024;
        scaled /= 1024;
        unit += 1;
    }
    let tenth = rest * 10 / 1024;
    if unit > 0 && scaled < 10 && tenth > 0 {
        format!("{scaled}.{tenth} {}", UNITS[unit])
    } else {
        format!("{scaled} {}", UNITS[unit])
    }
}

/// A count with thin spaces between groups of three: `19 204`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// An age: `now`, `12 s`, `4 min`, `2 h`, `3 d`.
pub fn age(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0 => "now".into(),
        1..=59 => format!("{seconds} s"),
        60..=3599 => format!("{} min", seconds / 60),
        3600..=86_399 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// An age in a sentence: `just now`, `4 min ago`.
pub fn ago(millis: u64) -> String {
    if millis < 1000 { "just now".into() } else { format!("{} ago", age(millis)) }
}

/// A moment to come, in a sentence: `now`, `in 4 min`.
pub fn until(millis: u64) -> String {
    if millis < 1000 { "now".into() } else { format!("in {}", age(millis)) }
}

/// How long something took: `0.3 s`, `12 s`, `4 min 10 s`.
pub fn duration(millis: u64) -> String {
    match millis {
        0..=9999 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        10_000..=59_999 => format!("{} s", millis / 1000),
        60_000..=3_599_999 => format!("{} min {} s", millis / 60_000, millis / 1000 % 60),
        _ => format!("{} h {} min", millis / 3_600_000, millis / 60_000 % 60),
    }
}

/// Microseconds as milliseconds: `2.5 ms`.
pub fn millis(micros: u32) -> String {
    format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
}

/// An id cut in the middle when it is long: `986395…28fe`.
pub fn short_id(id: &str) -> String {
    let chars: Vec<char> = id.chars().collect();
    if chars.len() <= 13 {
        return id.to_owned();
    }
    let head: String = chars[..6].iter().collect();
    let tail: String = chars[chars.len() - 4..].iter().collect();
    format!("{head}…{tail}")
}

/// `1 step`, `2 steps`.
pub fn plural(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// A stored word as a person reads it: `handed_over` → `handed over`.
pub fn words(word: &str) -> String {
    word.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_binary_and_short() {
        let shown: Vec<String> =
            [0, 1023, 1024, 1536, 10 << 10, 18 << 20, 2 << 30, u64::MAX].into_iter().map(bytes).collect();
        assert_eq!(shown, ["0 B", "1023 B", "1 KiB", "1.5 KiB", "10 KiB", "18 MiB", "2 GiB", "16383 PiB"]);
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(7), "7");
        assert_eq!(count(19_204), "19\u{202f}204");
        assert_eq!(count(1_002_341), "1\u{202f}002\u{202f}341");
    }

    #[test]
    fn ages_use_one_unit() {
        let shown: Vec<String> =
            [0, 999, 1000, 59_999, 60_000, 3_600_000, 86_400_000 * 3].into_iter().map(age).collect();
        assert_eq!(shown, ["now", "now", "1 s", "59 s", "1 min", "1 h", "3 d"]);
        assert_eq!(ago(100), "just now");
        assert_eq!(ago(240_000), "4 min ago");
        assert_eq!((until(999), until(7_200_000)), ("now".to_owned(), "in 2 h".to_owned()));
    }

    #[test]
    fn durations_get_coarser_as_they_grow() {
        assert_eq!(duration(1130), "1.1 s");
        assert_eq!(duration(12_900), "12 s");
        assert_eq!(duration(250_000), "4 min 10 s");
        assert_eq!(duration(3_720_000), "1 h 2 min");
    }

    #[test]
    fn long_ids_keep_both_ends() {
        assert_eq!(short_id("986395a1041128fe"), "986395…28fe");
        assert_eq!(short_id("h-abc"), "h-abc");
    }
}
