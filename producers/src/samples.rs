//! A tenant's sample customers: those that its leads are compared with.

use std::collections::HashMap;

use presdr_events::{Digest, Event, Step, TenantId, tenant};
use presdr_rules::similarity::SAMPLES_MAX;
use presdr_store::{
    similarity::{self, NewSample, Sample},
    tenants,
};

use crate::{CommandError, Desk, desk::tenant_step, ingest::list::List};

/// Characters of a customer's name.
const NAME_MAX: usize = 200;
/// A text of fewer words says nothing that could be compared.
const ABOUT_WORDS_MIN: usize = 3;
/// Characters of what a customer does: about as many as are kept of a company's own text.
const ABOUT_MAX: usize = 4_000;

/// What was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamplesSet {
    /// How often they were set, this time included.
    pub version: u32,
    /// Customers there are now.
    pub samples: u32,
    /// Of these, new or with another text.
    pub changed: u32,
    /// Customers that are no longer among them.
    pub removed: u32,
    /// The event's sequence in EVENTS.
    pub sequence: u64,
}

/// Sets a tenant's sample customers to those of a comma-separated file with the columns `name` and `about`. One whose text is as it was
/// keeps its vector; a file without a line below the header leaves none.
///
/// # Errors
/// [`CommandError::Refused`] names everything that is wrong with the file, line by line; then nothing is set.
pub async fn set(desk: &Desk, tenant: &TenantId, file: &[u8]) -> Result<SamplesSet, CommandError> {
    let samples = checked(file).map_err(CommandError::Refused)?;
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    let set = similarity::set_samples(&mut tx, &samples, desk.now()).await?;
    let count = u32::try_from(samples.len()).unwrap_or(u32::MAX);
    let event = Event::IcpSamplesSet(tenant::IcpSamplesSet {
        step: Step::done("icp_samples", 0, set.version, Vec::new()),
        version: set.version,
        samples: count,
        changed: set.changed,
        removed: set.removed,
        content_hash: content_hash(&samples),
    });
    let sequence = desk.commit(tx, tenant_step(tenant, "icp_samples", set.version), &event).await?;
    Ok(SamplesSet { version: set.version, samples: count, changed: set.changed, removed: set.removed, sequence })
}

/// The tenant's sample customers, by name.
///
/// # Errors
/// What the database says.
pub async fn show(desk: &Desk, tenant: &TenantId) -> Result<Vec<Sample>, CommandError> {
    let mut tx = tenants::enter_active(&desk.database, tenant).await?;
    Ok(similarity::samples(&mut tx).await?)
}

/// The customers that a file names, or everything that is wrong with it.
fn checked(file: &[u8]) -> Result<Vec<NewSample>, String> {
    let list = List::of(file);
    let (Some(name_at), Some(about_at)) = (list.column("name"), list.column("about")) else {
        return Err("the file needs the columns name and about: its first line must be `name,about`".to_owned());
    };
    let unknown: Vec<&str> =
        list.names().iter().map(String::as_str).filter(|name| !["name", "about"].contains(name)).collect();
    if !unknown.is_empty() {
        return Err(format!("the columns are name and about; leave out {}", unknown.join(", ")));
    }
    let (mut samples, mut problems) = (Vec::new(), Vec::new());
    let mut lines: HashMap<String, i64> = HashMap::new();
    for (line, record) in list.records() {
        let read = record.and_then(|record| {
            let field = |at| record.get(at).unwrap_or_default();
            sample(field(name_at), field(about_at))
        });
        match read {
            Err(problem) => problems.push(format!("line {line}: {problem}")),
            Ok(sample) => match lines.insert(sample.sample.to_lowercase(), line) {
                Some(first) => problems.push(format!("line {line}: the customer of line {first} is named again")),
                None => samples.push(sample),
            },
        }
    }
    if samples.len() > SAMPLES_MAX {
        problems.push(format!("there are {} customers, more than {SAMPLES_MAX} tell no more: choose", samples.len()));
    }
    if problems.is_empty() { Ok(samples) } else { Err(problems.join("; ")) }
}

fn sample(name: &str, about: &str) -> Result<NewSample, String> {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (name, about) = (one_line(name), one_line(about));
    if name.is_empty() {
        return Err("name is empty".to_owned());
    }
    for (field, text, max) in [("name", &name, NAME_MAX), ("about", &about, ABOUT_MAX)] {
        if text.contains(char::is_control) {
            return Err(format!("{field} holds a control character"));
        }
        let characters = text.chars().count();
        if characters > max {
            return Err(format!("{field} has {characters} characters, more than {max}"));
        }
    }
    if about.split(' ').count() < ABOUT_WORDS_MIN {
        return Err("about must say in a few words or more what the customer does".to_owned());
    }
    // It goes to a vendor, and nobody's address makes customers alike.
    if about.contains('@') {
        return Err("about holds an e-mail address: say what the company does, not whom to write to".to_owned());
    }
    Ok(NewSample { text_hash: Digest::of(about.as_bytes()).to_string(), sample: name, description: about })
}

/// SHA-256 over the names and texts, by name, in lower-case hex.
fn content_hash(samples: &[NewSample]) -> String {
    let mut lines: Vec<String> =
        samples.iter().map(|sample| format!("{}\n{}\n", sample.sample, sample.description)).collect();
    lines.sort();
    Digest::of(lines.concat().as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_are_read_as_a_spreadsheet_writes_them() {
        let samples = checked(
            "\u{feff}About;Name\r\n\"Moves freight;\n and  stores it\";Tan Logistics\r\nWrites software for clinics;Kelmora\r\n"
                .as_bytes(),
        )
        .unwrap();
        let said: Vec<_> = samples.iter().map(|one| (one.sample.as_str(), one.description.as_str())).collect();
        assert_eq!(
            said,
            [("Tan Logistics", "Moves freight; and stores it"), ("Kelmora", "Writes software for clinics")]
        );
        assert_eq!(checked(b"name,about\n"), Ok(Vec::new()), "none is a set, too");
    }

    #[test]
    fn everything_that_is_wrong_is_named_with_its_line() {
        let long = "x ".repeat(ABOUT_MAX);
        let file = format!(
            "name,about\nKelmora,Software for clinics\n,Moves freight by road\nTan,freight\nKELMORA,Software for dentists\nLim,{long}\n\
             Ong,Write to jo@ong.example now\nNg\u{7},Moves freight by road\nonly one\n"
        );
        let wrong = checked(file.as_bytes()).unwrap_err();
        for part in [
            "line 3: name is empty",
            "line 4: about must say",
            "line 5: the customer of line 2 is named again",
            "line 6: about has 7999 characters, more than 4000",
            "line 7: about holds an e-mail address",
            "line 8: name holds a control character",
            "line 9: the line has 1 fields",
        ] {
            assert!(wrong.contains(part), "{part:?} is not in {wrong}");
        }
        let many: String = (0..=SAMPLES_MAX).map(|n| format!("Customer {n},Moves freight by road\n")).collect();
        assert!(checked(format!("name,about\n{many}").as_bytes()).unwrap_err().contains("choose"));
    }

    #[test]
    fn a_file_without_the_columns_is_told_which_they_are() {
        assert!(checked(b"").unwrap_err().contains("`name,about`"));
        assert!(checked(b"company,about\nKelmora,Software for clinics\n").unwrap_err().contains("`name,about`"));
        assert!(checked(b"name,about,phone\n").unwrap_err().contains("leave out phone"));
    }

    #[test]
    fn the_order_of_the_lines_changes_no_hash() {
        let hash = |file: &str| content_hash(&checked(file.as_bytes()).unwrap());
        assert_eq!(
            hash("name,about\nA,one two three\nB,four five six\n"),
            hash("name,about\nB,four five six\nA,one two three\n")
        );
        assert_ne!(hash("name,about\nA,one two three\n"), hash("name,about\nA,one two four\n"));
    }
}
