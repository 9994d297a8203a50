//! The forms that lines of text take: one table, with an example per command.

use presdr_events::{Clear, RunId};

use super::{
    Command, Day, Export, PageWish, Period, Reading, Suppressed,
    company::NAME_CHARACTERS_MAX,
    phrase::{contains, skip_fillers, strip, strip_all, strip_any},
    profile,
};
use crate::score::Bucket;

/// A form: what a line starts with, and how the rest is read.
struct Form {
    example: &'static str,
    /// One phrase of each list, in order.
    starts: &'static [&'static [&'static str]],
    /// `None` when the rest does not fit, and the next form is tried.
    read: fn(&str) -> Option<Reading>,
}

const SHOW: &[&str] = &[
    "show",
    "list",
    "give",
    "get",
    "see",
    "tell",
    "what is",
    "what's",
    "what are",
    "what were",
    "how is",
    "how's",
    "where is",
    "how far is",
];
const CHANGE: &[&str] = &["refresh", "set", "change", "update", "adjust", "make"];
const ICP: &[&str] = &["icp", "profile", "ideal customer profile", "icp to", "profile to", "icp to be"];
const NIGHTLY: &[&str] = &["nightly", "every night", "each night", "runs nightly", "daily", "every day", "schedule"];
const RUN: &[&str] = &["run", "newest run", "last run", "running run", "run number", "run #"];

/// Tried in this order: what is more special stands before what is less.
const FORMS: [Form; 27] = [
    Form {
        example: "Refresh ICP to software, 10-200 employees; run nightly",
        starts: &[CHANGE, ICP],
        read: |rest| profile::read(strip_any(rest, &["to", "to be", "so that"]).unwrap_or(rest)),
    },
    Form { example: "Show the ICP", starts: &[SHOW, ICP], read: |rest| nothing_left(rest, Command::ShowIcp) },
    Form { example: "Run nightly at 2am", starts: &[&["run", "start", "schedule"], NIGHTLY], read: nightly },
    Form { example: "Run nightly at 2am", starts: &[NIGHTLY], read: nightly },
    Form {
        example: "Stop nightly runs",
        starts: &[&["stop", "no", "don't run", "do not run", "switch off", "turn off", "disable"], NIGHTLY],
        read: |_| profile::read("nightly off"),
    },
    Form {
        example: "Push today's shortlist to Odoo",
        starts: &[&["push", "send", "write", "sync", "put"]],
        read: |rest| contains(rest, "odoo").then(|| push(rest)).flatten(),
    },
    Form {
        example: "Show today's shortlist (top 50)",
        starts: &[SHOW],
        read: |rest| contains(rest, "shortlist").then(|| shortlist(rest)).flatten(),
    },
    Form {
        example: "Show today's shortlist (top 50)",
        starts: &[],
        read: |rest| contains(rest, "shortlist").then(|| shortlist(rest)).flatten(),
    },
    Form {
        example: "Explain why Codigo is High",
        starts: &[&["explain", "why", "explain why", "why is", "why was", "why did", "explain why is"]],
        read: explain,
    },
    Form {
        example: "Re-enrich Codigo; include careers page",
        starts: &[&["re-enrich", "reenrich", "re enrich", "enrich", "re-crawl", "recrawl", "refresh"]],
        read: reenrich,
    },
    Form { example: "Pause the run", starts: &[&["pause"], RUN], read: |rest| run_named(rest, Command::PauseRun) },
    Form { example: "Pause the run", starts: &[&["pause"]], read: |rest| run_named(rest, Command::PauseRun) },
    Form {
        example: "Resume the run",
        starts: &[&["resume", "continue"]],
        read: |rest| run_named(after_run(rest), Command::ResumeRun),
    },
    Form {
        example: "Cancel the run",
        starts: &[&["cancel", "stop", "abort"]],
        read: |rest| run_named(after_run(rest), Command::CancelRun),
    },
    Form {
        example: "Status of the run",
        starts: &[SHOW, &["status", "progress", "status of", "progress of", "state of"]],
        read: |rest| run_named(after_run(rest), Command::ShowRun),
    },
    Form {
        example: "Status of the run",
        starts: &[&["status", "progress", "status of", "progress of", "state of"]],
        read: |rest| run_named(after_run(rest), Command::ShowRun),
    },
    Form {
        example: "Status of the run",
        starts: &[SHOW, RUN],
        read: |rest| run_named(strip(rest, "doing").unwrap_or(rest), Command::ShowRun),
    },
    Form { example: "Costs this week", starts: &[SHOW, &["costs", "cost", "spend", "spending"]], read: costs },
    Form { example: "Costs this week", starts: &[&["costs", "cost", "spend", "spending"]], read: costs },
    Form {
        example: "Costs this week",
        starts: &[&[
            "how much did we spend",
            "how much have we spent",
            "what did we spend",
            "how much did it cost",
            "what have we spent",
            "what did it cost",
        ]],
        read: costs,
    },
    Form {
        example: "Suppress acme.example",
        starts: &[&["suppress", "unsubscribe", "block", "never contact", "do not contact", "don't contact"]],
        read: |rest| Some(suppress(rest)),
    },
    Form { example: "Erase jane@acme.example", starts: &[&["erase", "forget"]], read: erase },
    Form { example: "Export scores as CSV", starts: &[&["export", "download"]], read: export },
    Form {
        example: "Run with 20 leads",
        starts: &[&["run", "start", "start run", "run now", "start run now", "run pipeline", "start a run"]],
        read: start,
    },
    Form {
        example: "Yes",
        starts: &[&["yes", "y", "ok", "okay", "confirm", "approve", "go", "go ahead", "do it", "sure"]],
        read: |rest| nothing_left(rest, Command::Confirm),
    },
    Form {
        example: "No",
        starts: &[&["no", "n", "reject", "don't", "do not", "never mind", "nevermind", "forget it"]],
        read: |rest| nothing_left(rest, Command::Decline),
    },
    Form {
        example: "Help",
        starts: &[&["help", "commands", "what can you do", "what can i do", "what can i say", "what can i ask"]],
        read: |rest| nothing_left(rest, Command::Help),
    },
];

/// One example per command, in the order in which help shows them.
pub fn examples() -> impl Iterator<Item = &'static str> {
    let first = |index: &usize| FORMS[..*index].iter().all(|form| form.example != FORMS[*index].example);
    (0..FORMS.len()).filter(first).map(|index| FORMS[index].example)
}

/// Reads a tidied line.
pub(super) fn read(line: &str) -> Option<Reading> {
    FORMS.iter().find_map(|form| (form.read)(strip_all(line, form.starts)?))
}

fn nothing_left(rest: &str, command: Command) -> Option<Reading> {
    rest.is_empty().then_some(Reading::Understood(command))
}

/// What follows `nightly`: nothing, `at 2am`, `off`.
fn nightly(rest: &str) -> Option<Reading> {
    let (first, changes) = rest.split_once(';').unwrap_or((rest, ""));
    let first = strip_any(first, &["runs", "run"]).unwrap_or(first);
    let fits = first.is_empty() || strip_any(first, &["at", "off"]).is_some();
    fits.then(|| profile::read(&format!("nightly {first};{changes}"))).flatten()
}

/// Companies of a shortlist when no number is said.
pub(super) const TOP_DEFAULT: u32 = 20;
/// More than people read; a file has them all.
pub const TOP_MAX: u32 = 100;
const SHORTLIST_SAYS_NOTHING: [&str; 20] = [
    "the",
    "my",
    "our",
    "shortlist",
    "of",
    "for",
    "from",
    "on",
    "leads",
    "companies",
    "me",
    "please",
    "first",
    "best",
    "top",
    "run",
    "a",
    "with",
    "lead",
    "day",
];

/// `today's shortlist (top 50)`: a day and a number among words that say nothing.
fn shortlist(text: &str) -> Option<Reading> {
    let (mut day, mut top) = (Day::Latest, TOP_DEFAULT);
    let words = text.split([' ', '(', ')', ',']).filter(|word| !word.is_empty()).map(str::to_lowercase);
    for word in words {
        match word.trim_end_matches("'s") {
            "today" => day = Day::Today,
            "yesterday" => day = Day::Yesterday,
            "latest" | "newest" | "last" => day = Day::Latest,
            nothing if SHORTLIST_SAYS_NOTHING.contains(&nothing) => {}
            date if date.parse::<chrono::NaiveDate>().is_ok() => day = Day::On(date.parse().ok()?),
            number => top = number.parse().ok()?,
        }
    }
    Some(match (1..=TOP_MAX).contains(&top) {
        true => Reading::Understood(Command::ShowShortlist { day, top }),
        false => Reading::Wrong(format!(
            "A shortlist is shown up to its first 1 to {TOP_MAX} companies; say \"export scores as CSV\" for all."
        )),
    })
}

/// `today's shortlist to Odoo`: a day among words that say nothing.
fn push(text: &str) -> Option<Reading> {
    let mut day = Day::Latest;
    for word in text.split(' ').filter(|word| !word.is_empty()).map(str::to_lowercase) {
        match word.trim_end_matches("'s") {
            "to" | "into" | "odoo" | "in" => {}
            "today" => day = Day::Today,
            "yesterday" => day = Day::Yesterday,
            "latest" | "newest" | "last" => day = Day::Latest,
            nothing if SHORTLIST_SAYS_NOTHING.contains(&nothing) => {}
            date => day = Day::On(date.parse().ok()?),
        }
    }
    Some(Reading::Understood(Command::PushShortlist(day)))
}

const BEFORE_BUCKET: [&str; 14] =
    ["is", "was", "scored", "scores", "get", "got", "be", "rated", "ranked", "a", "as", "so", "only", "just"];
const AFTER_BUCKET: [&str; 4] = ["fit", "score", "lead", "bucket"];

/// `Codigo is High`, `is Codigo high`, `the score of Codigo`.
fn explain(rest: &str) -> Option<Reading> {
    let rest = strip_any(skip_fillers(rest), &["is", "was", "did", "score of", "scoring of", "score for", "rating of"])
        .unwrap_or(rest);
    let mut words: Vec<&str> = rest.split(' ').filter(|word| !word.is_empty()).collect();
    let is = |word: &&str, list: &[&str]| list.iter().any(|known| word.eq_ignore_ascii_case(known));
    let with_bucket = words.clone();
    while words.len() > 1 && words.last().is_some_and(|word| is(word, &AFTER_BUCKET)) {
        words.pop();
    }
    let claimed = words.last().and_then(|word| bucket(word)).filter(|_| words.len() > 1);
    if claimed.is_some() {
        words.pop();
        while words.len() > 1 && words.last().is_some_and(|word| is(word, &BEFORE_BUCKET)) {
            words.pop();
        }
    } else {
        words = with_bucket;
    }
    let company = company(&words.join(" "))?;
    Some(Reading::Understood(Command::Explain { company, claimed }))
}

fn bucket(word: &str) -> Option<Bucket> {
    [Bucket::Low, Bucket::Medium, Bucket::High].into_iter().find(|bucket| bucket.as_str().eq_ignore_ascii_case(word))
}

/// A company's name as it was written, without quotes and without the word "company" before it. What is longer than any name is none.
fn company(text: &str) -> Option<String> {
    let name = strip(text, "company").filter(|rest| !rest.is_empty()).unwrap_or(text);
    let name = name.trim_matches(['"', '\'', ' ', ',', ';', '.', ':']);
    (1..=NAME_CHARACTERS_MAX).contains(&name.chars().count()).then(|| name.to_owned())
}

const INCLUDE: [&str; 9] = [
    "; include",
    "; including",
    ", include",
    ", including",
    " - include",
    " include",
    " including",
    "; read",
    "; also read",
];

/// `Codigo; include careers page`.
fn reenrich(rest: &str) -> Option<Reading> {
    let lower = rest.to_ascii_lowercase();
    let found = INCLUDE.iter().filter_map(|word| lower.find(&format!("{word} ")).map(|at| (at, word.len()))).min();
    let (name, pages) = found.map_or((rest, None), |(at, length)| (&rest[..at], Some(&rest[at + length..])));
    let company = company(name)?;
    Some(match pages.map_or(Some(Vec::new()), page_wishes) {
        Some(include) => Reading::Understood(Command::Reenrich { company, include }),
        None => Reading::Wrong(format!(
            "The pages to include are any of: {}.",
            PageWish::ALL.map(PageWish::as_str).join(", ")
        )),
    })
}

/// `the careers and team pages`; `None` when a word names no page.
fn page_wishes(text: &str) -> Option<Vec<PageWish>> {
    let mut wishes = Vec::new();
    for word in text.split([' ', ',', ';', '/', '&']).filter(|word| !word.is_empty()).map(str::to_lowercase) {
        if ["the", "and", "page", "pages", "its", "their", "also", "us", "a"].contains(&word.as_str()) {
            continue;
        }
        let wish = PageWish::read(&word)?;
        if !wishes.contains(&wish) {
            wishes.push(wish);
        }
    }
    (!wishes.is_empty()).then_some(wishes)
}

fn after_run(rest: &str) -> &str {
    strip_all(rest, &[RUN]).unwrap_or(rest)
}

/// Nothing, or a run's number.
fn run_named(rest: &str, command: fn(Option<RunId>) -> Command) -> Option<Reading> {
    let number = skip_fillers(rest).trim_start_matches('#');
    if number.is_empty() {
        return Some(Reading::Understood(command(None)));
    }
    let run: RunId = number.parse().ok()?;
    Some(Reading::Understood(command(Some(run))))
}

const CAP_SAYS_NOTHING: [&str; 21] = [
    "with",
    "of",
    "for",
    "up",
    "to",
    "at",
    "most",
    "cap",
    "a",
    "leads",
    "companies",
    "lead",
    "now",
    "run",
    "the",
    "new",
    "limit",
    "max",
    "on",
    "pipeline",
    "today",
];

/// `with 20 leads`.
fn start(rest: &str) -> Option<Reading> {
    let words = rest.split(' ').filter(|word| !word.is_empty()).map(str::to_lowercase);
    let telling: Vec<String> = words.filter(|word| !CAP_SAYS_NOTHING.contains(&word.as_str())).collect();
    match telling.as_slice() {
        [] => Some(Reading::Understood(Command::StartRun { cap: None })),
        [cap] => Some(Reading::Understood(Command::StartRun { cap: Some(cap.parse().ok()?) })),
        _ => None,
    }
}

const DAYS_MAX: u16 = 366;

fn costs(rest: &str) -> Option<Reading> {
    let rest = strip_any(rest, &["for", "of", "in", "over", "during"]).unwrap_or(rest);
    let words: Vec<String> = skip_fillers(rest).split(' ').map(str::to_lowercase).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let period = match words.as_slice() {
        [""] | ["this", "week"] | ["week"] => Period::ThisWeek,
        ["today"] => Period::Today,
        ["yesterday"] => Period::Yesterday,
        ["last", "week"] => Period::LastWeek,
        ["this", "month"] | ["month"] => Period::ThisMonth,
        ["last" | "past", days, "days"] => {
            Period::Days(days.parse().ok().filter(|days| (1..=DAYS_MAX).contains(days))?)
        }
        _ => return None,
    };
    Some(Reading::Understood(Command::ShowCosts(period)))
}

/// An address, a domain or a company.
fn suppress(rest: &str) -> Reading {
    let rest = strip_any(
        skip_fillers(rest),
        &["address", "e-mail address", "email address", "email", "e-mail", "domain", "anyone at"],
    )
    .unwrap_or(rest);
    let what = rest.trim_matches(['"', '\'', '<', '>', ' ', ',', ';']).trim_start_matches("mailto:");
    let what = ["https://", "http://"]
        .iter()
        .find_map(|scheme| what.strip_prefix(scheme))
        .unwrap_or(what)
        .trim_end_matches('/');
    let one_word = !what.contains(' ');
    let suppressed = match what.rsplit_once('@') {
        Some(("", domain)) if is_domain(domain) => Suppressed::Domain(domain.to_lowercase()),
        Some((name, domain)) if one_word && !name.contains('@') && is_domain(domain) => {
            Suppressed::Email(Clear(what.to_lowercase()))
        }
        Some(_) => {
            return Reading::Wrong(
                "That is no e-mail address; write one such as \"suppress jane@acme.example\".".to_owned(),
            );
        }
        None if one_word && is_domain(what) => Suppressed::Domain(what.trim_start_matches("www.").to_lowercase()),
        None => match company(what) {
            Some(name) => Suppressed::Company(name),
            None => {
                return Reading::Wrong("Say what to suppress: an e-mail address, a domain or a company.".to_owned());
            }
        },
    };
    Reading::Understood(Command::Suppress(suppressed))
}

/// An address: by a name somebody may be meant who is somebody else. `None` for a word such as "it".
fn erase(rest: &str) -> Option<Reading> {
    const ABOUT: [&str; 7] =
        ["everything about", "everything of", "person", "address", "e-mail address", "email address", "whoever has"];
    let rest = strip_any(skip_fillers(rest), &ABOUT).unwrap_or(rest);
    let what = rest.trim_matches(['"', '\'', '<', '>', ' ', ',', ';']).trim_start_matches("mailto:");
    if what.eq_ignore_ascii_case("it") {
        return None;
    }
    let is_address = |(name, domain): (&str, &str)| !name.is_empty() && !name.contains([' ', '@']) && is_domain(domain);
    Some(match what.rsplit_once('@').is_some_and(is_address) {
        true => Reading::Understood(Command::Erase(Clear(what.to_lowercase()))),
        false => Reading::Wrong(
            "Say whom to erase by their e-mail address, such as \"erase jane@acme.example\"; by a profile link or an id, \
             `POST /erasures` takes it."
                .to_owned(),
        ),
    })
}

/// Labels of letters, digits and hyphens, at least two of them, the last not a number.
pub(super) fn is_domain(text: &str) -> bool {
    let labels: Vec<&str> = text.split('.').collect();
    let is_label = |label: &&str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|character| character.is_alphanumeric() || character == '-')
    };
    let last_is_name =
        labels.last().is_some_and(|last| last.len() > 1 && !last.bytes().all(|byte| byte.is_ascii_digit()));
    labels.len() > 1 && labels.iter().all(is_label) && last_is_name
}

fn export(rest: &str) -> Option<Reading> {
    let words = rest.split(' ').filter(|word| !word.is_empty()).map(str::to_lowercase);
    let telling: Vec<String> = words
        .filter(|word| {
            !["the", "as", "in", "to", "latest", "newest", "a", "my", "of", "file", "run"].contains(&word.as_str())
        })
        .collect();
    let telling: Vec<&str> = telling.iter().map(String::as_str).collect();
    let what = match telling.as_slice() {
        [] | ["scores" | "shortlist" | "leads"] | ["csv"] | ["scores" | "shortlist" | "leads", "csv"] => {
            Export::ScoresCsv
        }
        ["json"] | ["scores" | "shortlist" | "leads", "json"] => Export::ScoresJson,
        ["events" | "log" | "steps"] | ["events" | "log" | "steps", "csv"] => Export::RunEvents,
        _ => return None,
    };
    Some(Reading::Understood(Command::Export(what)))
}
