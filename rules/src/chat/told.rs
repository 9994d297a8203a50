//! Commands in words, as they are shown back. An address is masked: what is shown is kept.

use std::fmt;

use presdr_events::RunId;

use super::{Command, Day, Export, IcpChanges, PageWish, Period, Suppressed};
use crate::mask;

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChangeIcp(changes) => write!(f, "Change the ICP: {changes}"),
            Self::ShowIcp => f.write_str("Show the ICP"),
            Self::ShowShortlist { day, top } => write!(f, "Show the shortlist of {day} (top {top})"),
            Self::Explain { company, .. } => write!(f, "Explain the score of {company}"),
            Self::Reenrich { company, include } => {
                write!(f, "Visit the site of {company} again and score it anew{}", Including(include))
            }
            Self::StartRun { cap: Some(cap) } => write!(f, "Start a run of at most {cap} leads"),
            Self::StartRun { cap: None } => f.write_str("Start a run up to the daily cap"),
            Self::PauseRun(run) => write!(f, "Pause {}", Named(*run)),
            Self::ResumeRun(run) => write!(f, "Resume {}", Named(*run)),
            Self::CancelRun(run) => write!(f, "Cancel {}; it ends with what it has", Named(*run)),
            Self::ShowRun(run) => write!(f, "Show where {} stands", Named(*run)),
            Self::ShowCosts(period) => write!(f, "Show the costs of {period}"),
            Self::PushShortlist(day) => write!(f, "Write the shortlist of {day} to Odoo"),
            Self::Suppress(suppressed) => write!(f, "Never contact {suppressed} again"),
            Self::Erase(address) => write!(f, "Erase {}", mask::email(&address.0)),
            Self::Export(export) => write!(f, "Export {export}"),
            Self::Confirm => f.write_str("Yes"),
            Self::Decline => f.write_str("No"),
            Self::Help => f.write_str("List the commands"),
        }
    }
}

struct Named(Option<RunId>);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(run) => write!(f, "run {run}"),
            None => f.write_str("the newest run"),
        }
    }
}

struct Including<'w>(&'w [PageWish]);

impl fmt::Display for Including<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pages: Vec<&str> = self.0.iter().map(|wish| wish.as_str()).collect();
        if pages.is_empty() { Ok(()) } else { write!(f, ", its pages on {} included", pages.join(", ")) }
    }
}

impl fmt::Display for IcpChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |key: &str, list: &Option<Vec<String>>| list.as_ref().map(|list| format!("{key}: {}", list.join(", ")));
        let told = |key: &str, value: Option<String>| value.map(|value| format!("{key}: {value}"));
        let changes = [
            list("industries", &self.industries),
            list("SSIC codes", &self.ssic_codes),
            told("employees", self.employee_range.map(|bounds| bounds.to_string())),
            told("incorporated", self.incorporation_year.map(|bounds| bounds.to_string())),
            told("revenue", self.revenue_bucket.clone()),
            list("places", &self.geography),
            list("keywords", &self.keywords),
            list("excluded", &self.exclude),
            list("contact titles", &self.titles),
            told("schedule", self.schedule.map(|schedule| schedule.to_string())),
        ];
        f.write_str(&changes.into_iter().flatten().collect::<Vec<_>>().join("; "))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("the newest finished run"),
            Self::Today => f.write_str("today"),
            Self::Yesterday => f.write_str("yesterday"),
            Self::On(date) => date.fmt(f),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Today => f.write_str("today"),
            Self::Yesterday => f.write_str("yesterday"),
            Self::ThisWeek => f.write_str("this week"),
            Self::LastWeek => f.write_str("last week"),
            Self::ThisMonth => f.write_str("this month"),
            Self::Days(days) => write!(f, "the last {days} days"),
        }
    }
}

impl fmt::Display for Suppressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Email(address) => f.write_str(&mask::email(&address.0)),
            Self::Domain(domain) => write!(f, "anyone at {domain}"),
            Self::Company(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ScoresCsv => "the newest scores as CSV",
            Self::ScoresJson => "the newest scores as JSON",
            Self::RunEvents => "the steps of a run as CSV",
        })
    }
}
