//! Scores extraction on a folder of labelled sites and lists the mistakes: `extract_score SITES LABELS`.
//!
//! The list shows addresses and names from those sites. It is for a terminal, never for a log.

use std::path::Path;

use presdr_sites::extract;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, sites, labels] = arguments.as_slice() else {
        return Err("usage: extract_score SITES LABELS".into());
    };
    let score = extract::score_sites(Path::new(sites), Path::new(labels), &|_| true)?;
    for mistake in &score.mistakes {
        println!("{:28} {:8} {}", mistake.site, mistake.field, mistake.value);
    }
    println!("e-mails: precision {:.3}, recall {:.3}", score.emails.precision(), score.emails.recall());
    println!("phones: precision {:.3}, recall {:.3}", score.phones.precision(), score.phones.recall());
    println!(
        "careers {:.3}, company name {:.3}, of {} sites",
        score.careers_accuracy(),
        score.name_accuracy(),
        score.sites
    );
    println!("{} pages ({} MB), {:.0} per CPU second", score.pages, score.bytes >> 20, score.pages_per_cpu_second());
    Ok(())
}
