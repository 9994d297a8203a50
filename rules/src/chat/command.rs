//! The commands, typed.

use std::fmt;

use chrono::NaiveDate;
use presdr_events::{Clear, RunId};

use crate::{
    icp::{Bounds, IcpDocument, Schedule},
    score::Bucket,
};

/// What a person asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Change keys of the profile; keys that are not named stay.
    ChangeIcp(IcpChanges),
    /// Show the profile.
    ShowIcp,
    /// Show a day's shortlist.
    ShowShortlist {
        /// Whose runs, by their local date.
        day: Day,
        /// At most so many companies.
        top: u32,
    },
    /// Tell why a company scored as it did.
    Explain {
        /// As it was written.
        company: String,
        /// The bucket that the question takes it to be in.
        claimed: Option<Bucket>,
    },
    /// Visit a company's site again and score it anew.
    Reenrich {
        /// As it was written.
        company: String,
        /// Pages to read whatever the usual choice would be.
        include: Vec<PageWish>,
    },
    /// Start a run.
    StartRun {
        /// At most so many leads; the tenant's daily cap when not said.
        cap: Option<u32>,
    },
    /// Stop admission.
    PauseRun(Option<RunId>),
    /// Let admission go on.
    ResumeRun(Option<RunId>),
    /// End a run with what it has.
    CancelRun(Option<RunId>),
    /// Tell where a run stands; the newest when none is named.
    ShowRun(Option<RunId>),
    /// Tell what vendors cost.
    ShowCosts(Period),
    /// Write a day's shortlist to the tenant's Odoo.
    PushShortlist(Day),
    /// Never contact this again.
    Suppress(Suppressed),
    /// Erase whoever has this address, in lower case. It does not print.
    Erase(Clear<String>),
    /// Tell where to download something.
    Export(Export),
    /// Carry out what was shown back.
    Confirm,
    /// Do not carry it out.
    Decline,
    /// List the commands.
    Help,
}

impl Command {
    /// Whether it changes something, and is therefore shown back before it is carried out.
    #[must_use]
    pub fn changes(&self) -> bool {
        match self {
            Self::ChangeIcp(_)
            | Self::Reenrich { .. }
            | Self::StartRun { .. }
            | Self::PauseRun(_)
            | Self::ResumeRun(_)
            | Self::CancelRun(_)
            | Self::PushShortlist(_)
            | Self::Suppress(_)
            | Self::Erase(_) => true,
            Self::ShowIcp
            | Self::ShowShortlist { .. }
            | Self::Explain { .. }
            | Self::ShowRun(_)
            | Self::ShowCosts(_)
            | Self::Export(_)
            | Self::Confirm
            | Self::Decline
            | Self::Help => false,
        }
    }
}

/// Keys of a profile that change. `None` leaves a key as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IcpChanges {
    /// Industries, normalised, in place of those before.
    pub industries: Option<Vec<String>>,
    /// SSIC sections or codes.
    pub ssic_codes: Option<Vec<String>>,
    /// Employees.
    pub employee_range: Option<Bounds>,
    /// Revenue label of the tenant's own list.
    pub revenue_bucket: Option<String>,
    /// Years.
    pub incorporation_year: Option<Bounds>,
    /// Places.
    pub geography: Option<Vec<String>>,
    /// Words on the site.
    pub keywords: Option<Vec<String>>,
    /// What rules a company out.
    pub exclude: Option<Vec<String>>,
    /// Whom to talk to.
    pub titles: Option<Vec<String>>,
    /// When runs start by themselves.
    pub schedule: Option<Schedule>,
}

impl IcpChanges {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The profile with these changes. A range without ends asks for nothing any more. Not yet checked as a document.
    #[must_use]
    pub fn merge_into(&self, present: &IcpDocument) -> IcpDocument {
        let list = |new: &Option<Vec<String>>, old: &Vec<String>| new.as_ref().unwrap_or(old).clone();
        let bounds =
            |new: Option<Bounds>, old: Option<Bounds>| new.or(old).filter(|bounds| *bounds != Bounds::default());
        IcpDocument {
            industries: list(&self.industries, &present.industries),
            // New industries replace codes that said the same in numbers.
            ssic_codes: match (&self.ssic_codes, &self.industries) {
                (None, Some(_)) => Vec::new(),
                (codes, _) => list(codes, &present.ssic_codes),
            },
            employee_range: bounds(self.employee_range, present.employee_range),
            incorporation_year: bounds(self.incorporation_year, present.incorporation_year),
            revenue_bucket: self.revenue_bucket.clone().or_else(|| present.revenue_bucket.clone()),
            geography: list(&self.geography, &present.geography),
            keywords: list(&self.keywords, &present.keywords),
            exclude: list(&self.exclude, &present.exclude),
            titles: list(&self.titles, &present.titles),
            schedule: self.schedule.or(present.schedule),
        }
    }
}

/// A day, in Singapore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// The newest finished run, whenever it was.
    Latest,
    /// Today.
    Today,
    /// The day before today.
    Yesterday,
    /// That date.
    On(NaiveDate),
}

impl Day {
    /// The date, given today's in Singapore; `None` for the newest, whenever it was.
    #[must_use]
    pub fn date(self, today: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Latest => None,
            Self::Today => Some(today),
            Self::Yesterday => today.pred_opt(),
            Self::On(date) => Some(date),
        }
    }
}

/// Days, in Singapore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// Today.
    Today,
    /// The day before today.
    Yesterday,
    /// Since Monday.
    ThisWeek,
    /// Monday to Sunday before.
    LastWeek,
    /// Since the first of the month.
    ThisMonth,
    /// So many days up to today.
    Days(u16),
}

/// A page that must be read. The names are those of the crawl's page kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PageWish {
    /// How to reach the company.
    Contact,
    /// Who the company is.
    About,
    /// Working there.
    Careers,
    /// Who works there.
    Team,
    /// What it does.
    Services,
    /// What it sells.
    Products,
    /// What that costs.
    Pricing,
    /// For whom it has done it.
    Cases,
}

impl PageWish {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Contact,
        Self::About,
        Self::Careers,
        Self::Team,
        Self::Services,
        Self::Products,
        Self::Pricing,
        Self::Cases,
    ];

    /// The kind's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::About => "about",
            Self::Careers => "careers",
            Self::Team => "team",
            Self::Services => "services",
            Self::Products => "products",
            Self::Pricing => "pricing",
            Self::Cases => "cases",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|page| page.as_str() == name)
    }

    /// The page that a word in lower case names, its plain name or what people call it.
    pub(super) fn read(word: &str) -> Option<Self> {
        Some(match word {
            "contact" | "contacts" => Self::Contact,
            "about" => Self::About,
            "careers" | "career" | "jobs" | "job" | "hiring" => Self::Careers,
            "team" | "people" | "leadership" => Self::Team,
            "services" | "service" => Self::Services,
            "products" | "product" => Self::Products,
            "pricing" | "prices" | "price" => Self::Pricing,
            "cases" | "case" | "portfolio" | "projects" | "clients" => Self::Cases,
            _ => return None,
        })
    }
}

/// What must not be contacted. Its value does not print.
#[derive(Clone, PartialEq, Eq)]
pub enum Suppressed {
    /// One address, in lower case.
    Email(Clear<String>),
    /// All addresses at a domain, and the domain itself, in lower case.
    Domain(String),
    /// A company, as it was written.
    Company(String),
}

impl fmt::Debug for Suppressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Email(_) => "Email(…)",
            Self::Domain(_) => "Domain(…)",
            Self::Company(_) => "Company(…)",
        })
    }
}

/// What can be downloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// The newest scores as CSV.
    ScoresCsv,
    /// The newest scores as JSON.
    ScoresJson,
    /// Every step of a run as CSV.
    RunEvents,
}
