//! Points in time. Invariant: milliseconds since the Unix epoch, UTC; the clock itself is injected by `core::clock`.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Milliseconds from `earlier` to `self`; 0 if `earlier` is later (two clocks never make an age negative).
    pub fn since(self, earlier: Timestamp) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    /// The moment `millis` later.
    pub fn plus_millis(self, millis: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(millis))
    }

    /// `2026-11-23 18:17:02 UTC`, the exact form shown on hover and in audit rows.
    pub fn to_utc_text(self) -> String {
        let (y, m, d) = civil_date(self.0.div_euclid(86_400_000));
        let second = self.0.rem_euclid(86_400_000) / 1000;
        format!("{y:04}-{m:02}-{d:02} {:02}:{:02}:{:02} UTC", second / 3600, second / 60 % 60, second % 60)
    }

    /// `2026-11-23T18:17:02Z`, for `<time datetime>` and the API's readable form.
    pub fn to_rfc3339(self) -> String {
        self.to_utc_text().replacen(' ', "T", 1).replace(" UTC", "Z")
    }

    /// `20261123-181702`, for names of set-aside directories.
    pub fn to_compact(self) -> String {
        let text = self.to_utc_text();
        text.chars().filter(char::is_ascii_digit).enumerate().fold(String::new(), |mut out, (i, c)| {
            if i == 8 {
                out.push('-');
            }
            out.push(c);
            out
        })
    }
}

/// Days since the epoch to (year, month, day) in the proleptic Gregorian calendar
/// (the era arithmetic of the public "days from civil" algorithm).
fn civil_date(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_dates_around_leap_days() {
        assert_eq!(Timestamp(0).to_utc_text(), "1970-01-01 00:00:00 UTC");
        assert_eq!(Timestamp(1_709_210_096_000).to_rfc3339(), "2024-02-29T12:34:56Z");
        assert_eq!(Timestamp(1_709_210_096_000).to_compact(), "20240229-123456");
        assert_eq!(Timestamp(-1000).to_utc_text(), "1969-12-31 23:59:59 UTC");
    }

    #[test]
    fn an_age_is_never_negative() {
        assert_eq!(Timestamp(5).since(Timestamp(9)), 0);
        assert_eq!(Timestamp(9).since(Timestamp(5)), 4);
    }
}
