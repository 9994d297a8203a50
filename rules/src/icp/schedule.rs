//! When a tenant's runs start by themselves.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// When a tenant's runs start by themselves. Times are Singapore time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Schedule {
    /// Every night at the product's hour plus the tenant's own offset.
    #[default]
    Nightly,
    /// Every day at this time, without offset.
    NightlyAt {
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
    },
    /// Only on request.
    Off,
}

/// The text names no schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a schedule is \"nightly\", \"nightly at HH:MM\" (24 hours, Singapore time) or \"off\"")]
pub struct UnknownSchedule;

impl FromStr for Schedule {
    type Err = UnknownSchedule;

    fn from_str(text: &str) -> Result<Self, UnknownSchedule> {
        match super::normalise_label(text).as_str() {
            "nightly" => Ok(Self::Nightly),
            "off" => Ok(Self::Off),
            other => other.strip_prefix("nightly at ").and_then(time_of_day).ok_or(UnknownSchedule),
        }
    }
}

fn time_of_day(text: &str) -> Option<Schedule> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) {
        return None;
    }
    let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(Schedule::NightlyAt { hour, minute })
}

impl TryFrom<String> for Schedule {
    type Error = UnknownSchedule;

    fn try_from(text: String) -> Result<Self, UnknownSchedule> {
        text.parse()
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nightly => write!(f, "nightly"),
            Self::NightlyAt { hour, minute } => write!(f, "nightly at {hour:02}:{minute:02}"),
            Self::Off => write!(f, "off"),
        }
    }
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> Self {
        schedule.to_string()
    }
}

impl JsonSchema for Schedule {
    fn schema_name() -> Cow<'static, str> {
        "Schedule".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "When runs start by themselves, Singapore time.",
            "pattern": "^(nightly|nightly at ([01][0-9]|2[0-3]):[0-5][0-9]|off)$",
        })
    }
}
