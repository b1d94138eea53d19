//! Wall-clock time as logs write it, in UTC.

use super::line::{decimal, put};
use std::time::{SystemTime, UNIX_EPOCH};

const DAY: u64 = 24 * 60 * 60;
/// The last second of the year 9999. Later times, and those before 1970, are shown as the nearest that fits.
const LAST: u64 = 253_402_300_799;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment of the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Utc {
    year: u64,
    /// From 1.
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    micros: u32,
}

impl Utc {
    pub(super) fn of(time: SystemTime) -> Utc {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (seconds, micros) = (since.as_secs().min(LAST), since.subsec_micros());
        let (year, month, day) = date(seconds / DAY);
        let second = seconds % DAY;
        Utc { year, month, day, hour: second / 3600, minute: second / 60 % 60, second: second % 60, micros }
    }

    /// `2026-11-22T10:20:30.123456Z` (RFC 3339).
    pub(super) fn write_rfc3339(self, out: &mut Vec<u8>) {
        let Utc { year, month, day, hour, minute, second, micros } = self;
        decimal(out, year, 4);
        for (before, number) in [("-", month), ("-", day), ("T", hour), (":", minute), (":", second)] {
            put(out, &[before]);
            decimal(out, number, 2);
        }
        put(out, &["."]);
        decimal(out, micros.into(), 6);
        put(out, &["Z"]);
    }

    /// `22/Nov/2026:10:20:30 +0000`.
    pub(super) fn write_apache(self, out: &mut Vec<u8>) {
        let Utc { year, month, day, hour, minute, second, .. } = self;
        let month = MONTHS.get((month - 1) as usize).copied().unwrap_or_default();
        decimal(out, day, 2);
        put(out, &["/", month, "/"]);
        decimal(out, year, 4);
        for number in [hour, minute, second] {
            put(out, &[":"]);
            decimal(out, number, 2);
        }
        put(out, &[" +0000"]);
    }
}

/// Year, month and day from days since 1970. Years are counted from March, so that a leap day is the last of its
/// year; then every 400 years are the same (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn date(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    // From the first of March of the year 0.
    let days = days + 719_468;
    let (era, of_era) = (days / ERA, days % ERA);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn both(seconds: u64, micros: u32) -> (String, String) {
        let utc = Utc::of(UNIX_EPOCH + Duration::new(seconds, micros * 1000 + 999));
        let (mut rfc3339, mut apache) = (Vec::new(), Vec::new());
        utc.write_rfc3339(&mut rfc3339);
        utc.write_apache(&mut apache);
        (String::from_utf8(rfc3339).unwrap(), String::from_utf8(apache).unwrap())
    }

    #[test]
    fn times() {
        // `date -u -d @N` says the same.
        for (seconds, micros, rfc3339, apache) in [
            (0, 0, "1970-01-01T00:00:00.000000Z", "01/Jan/1970:00:00:00 +0000"),
            (951_782_399, 999_999, "2000-02-28T23:59:59.999999Z", "28/Feb/2000:23:59:59 +0000"),
            (951_782_400, 0, "2000-02-29T00:00:00.000000Z", "29/Feb/2000:00:00:00 +0000"),
            (1_000_000_000, 1, "2001-09-09T01:46:40.000001Z", "09/Sep/2001:01:46:40 +0000"),
            (4_107_542_399, 0, "2100-02-28T23:59:59.000000Z", "28/Feb/2100:23:59:59 +0000"),
            (4_107_542_400, 0, "2100-03-01T00:00:00.000000Z", "01/Mar/2100:00:00:00 +0000"),
            (LAST, 0, "9999-12-31T23:59:59.000000Z", "31/Dec/9999:23:59:59 +0000"),
            (LAST + 1, 0, "9999-12-31T23:59:59.000000Z", "31/Dec/9999:23:59:59 +0000"),
        ] {
            assert_eq!(both(seconds, micros), (rfc3339.to_owned(), apache.to_owned()));
        }
        assert_eq!(Utc::of(UNIX_EPOCH - Duration::from_secs(1)), Utc::of(UNIX_EPOCH));
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let is_leap =
            |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..=LAST / DAY {
            assert_eq!(date(days), (year, month, day));
            let last = match month {
                2 => 28 + u64::from(is_leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > last {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }
}
