//! When runs start by themselves, as people write it: `run nightly`, `every night at 2am`, `stop nightly`.

use super::phrase;
use crate::icp::Schedule;

const NIGHTLY: [&str; 7] = ["nightly", "every night", "each night", "daily", "every day", "each day", "schedule"];
const OFF: [&str; 11] =
    ["off", "stop", "no", "not", "don't", "never", "disable", "on request", "manually", "on demand", "pause"];

/// `None` when the words are about something else; `Some(Err)` says how to write it.
pub(super) fn read(words: &str) -> Option<Result<Schedule, String>> {
    if !NIGHTLY.iter().any(|nightly| phrase::contains(words, nightly)) {
        return None;
    }
    if OFF.iter().any(|off| phrase::contains(words, off)) {
        return Some(Ok(Schedule::Off));
    }
    let lower = words.to_lowercase();
    Some(match lower.rsplit_once(" at ") {
        None => Ok(Schedule::Nightly),
        Some((_, time)) => time_of_day(time.trim()).ok_or_else(|| {
            "The time of a nightly run is such as \"at 02:30\", \"at 2am\" or \"at 11 pm\" (Singapore time).".to_owned()
        }),
    })
}

/// `2`, `02:30`, `2am`, `2.30 pm`, `midnight`.
fn time_of_day(text: &str) -> Option<Schedule> {
    if let "midnight" | "noon" = text {
        return Some(Schedule::NightlyAt { hour: if text == "noon" { 12 } else { 0 }, minute: 0 });
    }
    let (clock, half) = match (text.strip_suffix("am"), text.strip_suffix("pm")) {
        (Some(clock), _) => (clock.trim_end(), Some(0)),
        (_, Some(clock)) => (clock.trim_end(), Some(12)),
        _ => (text, None),
    };
    let (hour, minute) = clock.split_once([':', '.']).unwrap_or((clock, "0"));
    let (hour, minute): (u8, u8) = (digits(hour)?, digits(minute)?);
    let hour = match half {
        None => hour,
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
    };
    (hour < 24 && minute < 60).then_some(Schedule::NightlyAt { hour, minute })
}

fn digits(text: &str) -> Option<u8> {
    let short = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    short.then(|| text.parse().ok()).flatten()
}
