//! Points in time as people write them: milliseconds since 1970, or `2026-01-31T12:00:00.250Z`. Pure.

/// Reads a point in time as milliseconds since 1970.
pub(super) fn parse_ms(text: &str) -> Option<i64> {
    if let Ok(ms) = text.parse::<i64>() {
        return (ms >= 0).then_some(ms);
    }
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let (time, zone_s) = split_zone(time)?;
    let seconds = days(date)?.checked_mul(86_400)?.checked_add(seconds_ms(time)? / 1_000)?;
    let ms = (seconds - zone_s) * 1_000 + seconds_ms(time)? % 1_000;
    (ms >= 0).then_some(ms)
}

/// The time of day, and how many seconds its zone is ahead of UTC.
fn split_zone(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let at = time.rfind(['+', '-'])?;
    let (time, zone) = time.split_at(at);
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone[1..].split_once(':')?;
    let (hours, minutes) = (digits(hours, 2, 0..=23)?, digits(minutes, 2, 0..=59)?);
    Some((time, sign * (hours * 3_600 + minutes * 60)))
}

/// Days since 1970 of `YYYY-MM-DD` in the Gregorian calendar.
fn days(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4, 1970..=9999)?;
    let month = digits(parts.next()?, 2, 1..=12)?;
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = usize::try_from(month - 1).ok()?;
    let day = digits(parts.next()?, 2, 1..=lengths[before])?;
    let leaps = |years: i64| years / 4 - years / 100 + years / 400;
    let years = (year - 1970) * 365 + leaps(year - 1) - leaps(1969);
    let months: i64 = lengths[..before].iter().sum();
    parts.next().is_none().then_some(years + months + day - 1)
}

/// Milliseconds of `HH:MM:SS` with an optional fraction.
fn seconds_ms(time: &str) -> Option<i64> {
    let (whole, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut parts = whole.split(':');
    let hours = digits(parts.next()?, 2, 0..=23)?;
    let minutes = digits(parts.next()?, 2, 0..=59)?;
    let seconds = digits(parts.next().unwrap_or("00"), 2, 0..=59)?;
    if parts.next().is_some() || fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let ms: i64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    Some((hours * 3_600 + minutes * 60 + seconds) * 1_000 + ms)
}

fn digits(text: &str, width: usize, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
    let plain = text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| plain && range.contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_are_read() {
        let cases = [
            ("0", Some(0)),
            ("1700000000123", Some(1_700_000_000_123)),
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-03-01T00:00:00Z", Some(951_868_800_000)),
            ("2024-02-29T12:30:15.25Z", Some(1_709_209_815_250)),
            ("2026-01-31t12:00:00.1239z", Some(1_769_860_800_123)),
            ("2026-01-31T13:00:00+01:00", Some(1_769_860_800_000)),
            ("2026-01-31 12:00Z", Some(1_769_860_800_000)),
            ("2023-02-29T00:00:00Z", None),
            ("2026-13-01T00:00:00Z", None),
            ("2026-01-31", None),
            ("2026-01-31T12:00:00", None),
            ("2026-01-31T24:00:00Z", None),
            ("2026-01-31T12:00:00.Z", None),
            ("2026-01-31T12:00:00+1:00", None),
            ("-5", None),
            ("yesterday", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_ms(text), expected, "{text}");
        }
    }
}
