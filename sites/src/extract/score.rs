//! How well extraction does on sites that a person has labelled.

mod stored;

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Serialize;
use url::Url;

use super::{
    PhoneSource, Region, SiteFindings, merge,
    names::name_key,
    page,
    phone::{ends_alike, to_e164},
};
use crate::web;
use stored::{Label, entries, read_labels, read_pages};

/// Why labelled sites could not be scored.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// A file or folder could not be read.
    #[error("read {path}", path = path.display())]
    Read {
        /// What was read.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// A line of the labels is not what it should be.
    #[error("read line {line} of the labels in {path}", path = path.display())]
    Label {
        /// The file of labels.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// Found against labelled, counted over all sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Rates {
    /// Labelled and found.
    pub right: u32,
    /// Found and neither labelled nor ambiguous.
    pub wrong: u32,
    /// Labelled and not found.
    pub missed: u32,
}

impl Rates {
    /// Share of what was found that is labelled; 1 when nothing was found.
    pub fn precision(&self) -> f64 {
        share(self.right, self.right + self.wrong)
    }

    /// Share of what is labelled that was found; 1 when nothing is labelled.
    pub fn recall(&self) -> f64 {
        share(self.right, self.right + self.missed)
    }
}

fn share(part: u32, whole: u32) -> f64 {
    if whole == 0 { 1.0 } else { f64::from(part) / f64::from(whole) }
}

/// How well extraction does.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ExtractScore {
    /// Labelled sites.
    pub sites: u32,
    /// Pages of all sites in the folder, labelled or not: all are read, so that speed is that of all.
    pub pages: u32,
    /// Bytes of those pages.
    pub bytes: u64,
    /// Processor time for decoding, extracting and merging those pages, files already read.
    pub cpu: Duration,
    /// E-mail addresses.
    pub emails: Rates,
    /// E-mail addresses that a tenant's policy keeps, against the labelled ones it keeps.
    pub emails_after_policy: Rates,
    /// Phone numbers.
    pub phones: Rates,
    /// Sites of which it was told rightly whether they have a careers page.
    pub careers_right: u32,
    /// Sites whose company name was told rightly.
    pub names_right: u32,
    /// What was wrong, for whoever improves it: the site, the field, and what of it. Holds labelled values; never log it.
    #[serde(skip)]
    pub mistakes: Vec<Mistake>,
}

impl ExtractScore {
    /// Share of labelled sites whose careers page was told rightly.
    pub fn careers_accuracy(&self) -> f64 {
        share(self.careers_right, self.sites)
    }

    /// Share of labelled sites whose company name was told rightly.
    pub fn name_accuracy(&self) -> f64 {
        share(self.names_right, self.sites)
    }

    /// Pages decoded, extracted and merged in a second of processor time.
    pub fn pages_per_cpu_second(&self) -> f64 {
        f64::from(self.pages) / self.cpu.as_secs_f64().max(f64::EPSILON)
    }
}

/// One wrong answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The site's folder.
    pub site: String,
    /// Which field.
    pub field: &'static str,
    /// `+value` for one too many, `-value` for one missed.
    pub value: String,
}

impl std::fmt::Debug for Mistake {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Mistake").field("site", &self.site).field("field", &self.field).finish_non_exhaustive()
    }
}

/// Extracts every site below `sites` (a folder each) and compares those that `labels` (JSON lines) describes.
/// `keeps` is a tenant's policy: whether it keeps an address.
///
/// # Errors
///
/// When a file cannot be read or a label is malformed.
pub fn score_sites(sites: &Path, labels: &Path, keeps: &dyn Fn(&str) -> bool) -> Result<ExtractScore, ScoreError> {
    let labels = read_labels(labels)?;
    let mut score = ExtractScore::default();
    for folder in entries(sites)?.into_iter().filter(|path| path.is_dir()) {
        let slug = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let pages = read_pages(&folder, &slug)?;
        score.pages += u32::try_from(pages.len()).unwrap_or(u32::MAX);
        score.bytes += pages.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
        let start = cpu_time();
        let found = extract(&pages);
        score.cpu += cpu_time().saturating_sub(start);
        if let Some(label) = labels.iter().find(|label| label.slug == slug) {
            score.compare(label, &found, keeps);
        }
    }
    Ok(score)
}

fn extract(pages: &[(Url, Vec<u8>)]) -> SiteFindings {
    let findings: Vec<_> =
        pages.iter().map(|(url, bytes)| page(&web::decode(bytes, None).0, url, Region::default())).collect();
    merge(&findings)
}

/// Processor time of this process so far; whoever measures does nothing else meanwhile.
fn cpu_time() -> Duration {
    use nix::sys::{resource, time::TimeValLike};
    resource::getrusage(resource::UsageWho::RUSAGE_SELF).map_or(Duration::ZERO, |usage| {
        let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        Duration::from_micros(microseconds.try_into().unwrap_or_default())
    })
}

impl ExtractScore {
    fn compare(&mut self, label: &Label, found: &SiteFindings, keeps: &dyn Fn(&str) -> bool) {
        self.sites += 1;
        let addresses: Vec<String> = found.emails.iter().map(|email| email.address.clone()).collect();
        let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        let emails = self.rates(label, "email", &addresses, &label.emails, &label.emails_ambiguous, same);
        self.emails.add(emails);
        let kept = |list: &[String]| -> Vec<String> { list.iter().filter(|address| keeps(address)).cloned().collect() };
        let after = self.rates(label, "", &kept(&addresses), &kept(&label.emails), &label.emails_ambiguous, same);
        self.emails_after_policy.add(after);
        let numbers: Vec<String> =
            found.phones.iter().map(|phone| phone.e164.clone().unwrap_or_else(|| phone.digits.clone())).collect();
        let phones = self.rates(label, "phone", &numbers, &label.phones, &label.phones_ambiguous, is_same_number);
        self.phones.add(phones);
        let careers_right = found.careers.is_some() == label.has_careers_page;
        self.careers_right += u32::from(careers_right);
        self.note(!careers_right, label, "careers", || format!("{:?}", found.careers));
        let name = found.company_name.as_deref().unwrap_or_default();
        let name_right = is_same_name(name, &label.company_name);
        self.names_right += u32::from(name_right);
        self.note(!name_right, label, "name", || format!("+{name} -{}", label.company_name));
    }

    fn rates(
        &mut self,
        label: &Label,
        field: &'static str,
        found: &[String],
        wanted: &[String],
        ambiguous: &[String],
        same: fn(&str, &str) -> bool,
    ) -> Rates {
        let is_in = |list: &[String], value: &str| list.iter().any(|known| same(known, value));
        let mut rates = Rates::default();
        for value in found.iter().filter(|value| !is_in(wanted, value) && !is_in(ambiguous, value)) {
            rates.wrong += 1;
            self.note(!field.is_empty(), label, field, || format!("+{value}"));
        }
        for value in wanted {
            let is_found = is_in(found, value);
            rates.right += u32::from(is_found);
            rates.missed += u32::from(!is_found);
            self.note(!is_found && !field.is_empty(), label, field, || format!("-{value}"));
        }
        rates
    }

    fn note(&mut self, is_mistake: bool, label: &Label, field: &'static str, value: impl FnOnce() -> String) {
        if is_mistake {
            self.mistakes.push(Mistake { site: label.slug.clone(), field, value: value() });
        }
    }
}

impl Rates {
    fn add(&mut self, other: Self) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.missed += other.missed;
    }
}

/// Labelled numbers without their country code match any number that ends in them; those with it are labelled as written,
/// so `+91 (022) ...` is the number without that zero.
fn is_same_number(a: &str, b: &str) -> bool {
    if !a.starts_with('+') || !b.starts_with('+') {
        return ends_alike(a, b);
    }
    let plain = |number: &str| to_e164(number, PhoneSource::Text, &[]).unwrap_or_else(|| number.to_owned());
    plain(a) == plain(b)
}

/// A label may hold two names, "Trading Name (Legal Name)": either is right, and so are both.
fn is_same_name(found: &str, labelled: &str) -> bool {
    let parts = labelled.split(['(', ')']).map(str::trim).filter(|part| !part.is_empty());
    let found = name_key(found);
    !found.is_empty() && parts.chain([labelled]).any(|part| name_key(part) == found)
}

#[cfg(test)]
mod tests;
