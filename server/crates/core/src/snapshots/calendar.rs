//! What a schedule's cron line means. Invariant: pure; a line is read in its time zone, also where clocks are changed: what would
//! begin in the hour that is left out begins right after it, and what would begin twice, at a fixed time, begins once. Jitter
//! is the same each time that it is reckoned.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use quorate_domain::{
    ScheduleId, Timestamp,
    problem::FieldError,
    snapshots::{NewSchedule, Schedule},
};
use sha2::{Digest, Sha256};

/// Nobody wants to begin later than that.
const JITTER_MAX_SECONDS: u32 = 24 * 3600;

/// What is wrong with a schedule, field by field.
pub(super) fn problems(given: &NewSchedule) -> Vec<FieldError> {
    let mut wrong = Vec::new();
    let mut at = |field: &str, message: String| wrong.push(FieldError { field: field.into(), message });
    let zone = zone(&given.time_zone);
    if zone.is_none() {
        at("time_zone", "Give a time zone by its name, as Europe/Berlin or UTC".into());
    }
    let drills = (!given.drill_cron.trim().is_empty()).then_some(("drill_cron", &given.drill_cron));
    for (field, line) in [Some(("cron", &given.cron)), drills].into_iter().flatten() {
        match (line_of(line), zone) {
            (None, _) => at(
                field,
                "Give minute, hour, day of month, month and day of week, as in '0 */6 * * *' for every six hours"
                    .into(),
            ),
            (Some(line), Some(zone)) if after(&line, zone, Timestamp(0)).is_none() => {
                at(field, "No day ever fits this line".into());
            }
            _ => {}
        }
    }
    if given.jitter_seconds > JITTER_MAX_SECONDS {
        at("jitter_seconds", format!("At most {JITTER_MAX_SECONDS} seconds, which is a day"));
    }
    wrong
}

/// When a line in a zone (see [`problems`]) comes true for the first time after `now`; none if never, or for a line that is none.
pub(super) fn next(cron: &str, time_zone: &str, now: Timestamp) -> Option<Timestamp> {
    after(&line_of(cron)?, zone(time_zone)?, now)
}

/// When a schedule's run that is due at `due` begins.
pub(super) fn with_jitter(schedule: &Schedule, due: Timestamp) -> Timestamp {
    due.plus_millis(jitter_millis(&schedule.id, schedule.given.jitter_seconds, due))
}

fn jitter_millis(id: &ScheduleId, most_seconds: u32, due: Timestamp) -> i64 {
    let digest = Sha256::digest(format!("{id} {}", due.0));
    let mut word = [0; 8];
    word.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    let most = u64::from(most_seconds) * 1000;
    i64::try_from(u64::from_be_bytes(word) % (most + 1)).unwrap_or_default()
}

fn zone(name: &str) -> Option<Tz> {
    name.trim().parse().ok()
}

fn line_of(line: &str) -> Option<Cron> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    parser.parse(line.trim()).ok()
}

fn after(line: &Cron, zone: Tz, now: Timestamp) -> Option<Timestamp> {
    let now: DateTime<Tz> = DateTime::<Utc>::from_timestamp_millis(now.0)?.with_timezone(&zone);
    let next = line.find_next_occurrence(&now, false).ok()?;
    Some(Timestamp(next.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use quorate_domain::{VaultId, snapshots::Retention};

    fn at(text: &str) -> Timestamp {
        Timestamp(DateTime::parse_from_rfc3339(text).expect("a moment").timestamp_millis())
    }

    /// The next so many, in UTC.
    fn run(cron: &str, zone: &str, from: &str, many: usize) -> Vec<String> {
        let mut now = at(from);
        let mut all = Vec::new();
        for _ in 0..many {
            now = next(cron, zone, now).expect("a next one");
            all.push(now.to_rfc3339());
        }
        all
    }

    fn given(cron: &str, time_zone: &str) -> NewSchedule {
        NewSchedule {
            vault: VaultId::from_random([1; 10]),
            cron: cron.into(),
            time_zone: time_zone.into(),
            jitter_seconds: 0,
            retention: Retention::default(),
            drill_cron: String::new(),
            enabled: true,
        }
    }

    #[test]
    fn a_line_is_read_in_its_time_zone() {
        assert_eq!(run("0 6 * * *", "UTC", "2026-07-01T07:00:00Z", 1), ["2026-07-02T06:00:00Z"]);
        assert_eq!(run("0 6 * * *", "Europe/Berlin", "2026-07-01T07:00:00Z", 1), ["2026-07-02T04:00:00Z"]);
        assert_eq!(
            run("30 5 * * MON", "Asia/Kolkata", "2026-11-23T00:00:00Z", 2),
            ["2026-11-30T00:00:00Z", "2026-12-07T00:00:00Z"]
        );
    }

    #[test]
    fn what_falls_into_the_hour_that_is_left_out_runs_right_after_it() {
        // Berlin goes from 02:00 to 03:00 on 2026-03-29, which is 01:00 UTC.
        let days = run("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3);
        assert_eq!(days, ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
        let hours = run("0 * * * *", "Europe/Berlin", "2026-03-28T23:30:00Z", 3);
        assert_eq!(hours, ["2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"]);
    }

    #[test]
    fn what_would_begin_twice_begins_once_and_every_hour_stays_every_hour() {
        // Berlin goes from 03:00 back to 02:00 on 2026-10-25, which is 01:00 UTC.
        let days = run("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(days, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
        let hours = run("30 * * * *", "Europe/Berlin", "2026-10-24T23:45:00Z", 3);
        assert_eq!(hours, ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"]);
    }

    #[test]
    fn what_cannot_be_right_is_told_at_its_field() {
        let fields = |given: &NewSchedule| problems(given).into_iter().map(|e| e.field).collect::<Vec<_>>();
        assert_eq!(fields(&given("0 */6 * * *", "Europe/Berlin")), Vec::<String>::new());
        for cron in ["", "hourly", "0 0 0 * * *", "61 * * * *", "0 0 31 2 *"] {
            assert_eq!(fields(&given(cron, "UTC")), ["cron"], "{cron}");
        }
        assert_eq!(fields(&given("0 0 * * *", "Berlin")), ["time_zone"]);
        let drills = NewSchedule { drill_cron: "sometimes".into(), ..given("0 0 * * *", "UTC") };
        assert_eq!(fields(&drills), ["drill_cron"]);
        let late = NewSchedule { jitter_seconds: 90_000, ..given("0 0 * * *", "UTC") };
        assert_eq!(fields(&late), ["jitter_seconds"]);
    }

    proptest! {
        #[test]
        fn jitter_stays_within_its_bound_and_is_the_same_each_time(
            id in proptest::array::uniform10(any::<u8>()), seconds in 0_u32..10_000, due in 0_i64..4_000_000_000_000,
        ) {
            let id = ScheduleId::from_random(id);
            let millis = jitter_millis(&id, seconds, Timestamp(due));
            prop_assert!((0..=i64::from(seconds) * 1000).contains(&millis));
            prop_assert_eq!(millis, jitter_millis(&id, seconds, Timestamp(due)));
        }
    }
}
