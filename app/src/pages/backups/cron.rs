//! Cron lines as people say them. Invariant: pure; what a line means is reckoned by the console alone, here are only names for those
//! that people choose most.

/// Lines to choose from for snapshots, and their words.
pub(super) const SNAPSHOTS: [(&str, &str); 6] = [
    ("0 * * * *", "Every hour"),
    ("0 */6 * * *", "Every 6 hours"),
    ("0 */12 * * *", "Every 12 hours"),
    ("0 2 * * *", "Every day at 02:00"),
    ("0 2 * * 1-5", "Monday to Friday at 02:00"),
    ("0 3 * * 0", "Every Sunday at 03:00"),
];

/// Lines to choose from for drills; none at all is a choice, too.
pub(super) const DRILLS: [(&str, &str); 4] = [
    ("", "Never"),
    ("0 4 * * *", "Every day at 04:00"),
    ("0 4 * * 0", "Every Sunday at 04:00"),
    ("0 4 1 * *", "On the first of the month at 04:00"),
];

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// `Every day at 02:30`; the line itself where there are no short words for it.
pub(super) fn words(line: &str) -> String {
    known(line).unwrap_or_else(|| line.trim().to_owned())
}

fn known(line: &str) -> Option<String> {
    let parts: Vec<&str> = line.split_whitespace().collect();
    let &[minute, hour, day, "*", weekday] = parts.as_slice() else { return None };
    let at = || {
        let (minute, hour) = (minute.parse::<u8>().ok()?, hour.parse::<u8>().ok()?);
        Some(format!("{hour:02}:{minute:02}"))
    };
    match (minute, hour, day, weekday) {
        ("*", "*", "*", "*") => Some("Every minute".into()),
        (minute, "*", "*", "*") => match (minute.strip_prefix("*/"), minute.parse::<u8>()) {
            (Some(every), _) => Some(format!("Every {} minutes", every.parse::<u8>().ok()?)),
            (None, Ok(0)) => Some("Every hour".into()),
            (None, Ok(past)) => Some(format!("Every hour, {past} min past")),
            (None, Err(_)) => None,
        },
        ("0", hour, "*", "*") if hour.starts_with("*/") => {
            Some(format!("Every {} hours", hour.strip_prefix("*/")?.parse::<u8>().ok()?))
        }
        (_, _, "*", "*") => Some(format!("Every day at {}", at()?)),
        (_, _, "*", "1-5") => Some(format!("Monday to Friday at {}", at()?)),
        (_, _, "*", weekday) => {
            let name = DAYS.get(weekday.parse::<usize>().ok()? % 7)?;
            Some(format!("Every {name} at {}", at()?))
        }
        (_, _, "1", "*") => Some(format!("On the first of the month at {}", at()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_is_called_the_same_in_lists() {
        for (line, said) in SNAPSHOTS.iter().chain(&DRILLS[1..]) {
            assert_eq!(words(line), *said);
        }
    }

    #[test]
    fn lines_of_ones_own_have_words_where_they_are_simple_and_stay_where_not() {
        for (line, said) in [
            ("* * * * *", "Every minute"),
            ("*/5 * * * *", "Every 5 minutes"),
            ("17 * * * *", "Every hour, 17 min past"),
            (" 30  14 * * 7 ", "Every Sunday at 14:30"),
            ("0 1,13 * * *", "0 1,13 * * *"),
            ("0 0 1 1 *", "0 0 1 1 *"),
            ("*/5 4 * * *", "*/5 4 * * *"),
            ("nonsense", "nonsense"),
            ("", ""),
        ] {
            assert_eq!(words(line), said);
        }
    }
}
