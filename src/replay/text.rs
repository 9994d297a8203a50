//! What was read again, as people read it.

use std::fmt::Write;

use presdr_audit::replay::{Chapter, Company, Replayed, Story, because, tell};
use presdr_events::RunId;
use presdr_projections::Fed;

use crate::output::{Align, Table, printable};

/// One event of a timeline; a second line says why it went on as it did.
pub fn line(replayed: &Replayed) -> String {
    let message = &replayed.message;
    let envelope = match &replayed.read {
        Ok(envelope) => envelope,
        Err(error) => {
            let time = message.stored_at.format("%Y-%m-%d %H:%M:%S%.3f");
            let text = format!("{:>8}  {time}  {}: cannot be read here: {error}", message.sequence, message.subject);
            return printable(&text);
        }
    };
    let mut about = envelope.event.event_type().name.to_owned();
    if let Some(run) = envelope.run {
        let _ = write!(about, ", run {run}");
    }
    if let Some(company) = envelope.company {
        let _ = write!(about, ", company {company}");
    }
    let time = envelope.time.format("%Y-%m-%d %H:%M:%S%.3f");
    let told = tell(&envelope.event);
    let text = printable(&format!("{:>8}  {time}  {about}: {told}", message.sequence));
    match because(&envelope.event) {
        Some((next, rule)) => format!("{text}\n{:>35}{}", "", printable(&way(next, rule))),
        None => text,
    }
}

fn way(next: Option<&str>, because: &str) -> String {
    match next {
        Some(next) => format!("→ {next}, because {because}"),
        None => format!("because {because}"),
    }
}

/// A lead's story.
pub fn story(run: RunId, company: &Company, story: &Story) -> String {
    let name = company.name.as_deref().unwrap_or("a company without a name");
    let uen = company.uen.as_ref().map_or_else(String::new, |uen| format!(", UEN {uen}"));
    let mut table = Table::new([
        ("event", Align::Right),
        ("after", Align::Right),
        ("took", Align::Right),
        ("what happened", Align::Left),
    ]);
    for chapter in &story.chapters {
        table.row([
            chapter.sequence.to_string(),
            seconds(chapter.after_ms),
            format!("{} ms", chapter.duration_ms),
            what(chapter),
        ]);
        if let Some(rule) = &chapter.because {
            table.row([
                String::new(),
                String::new(),
                String::new(),
                format!("  {}", way(chapter.next.as_deref(), rule)),
            ]);
        }
    }
    let head = printable(&format!("run {run}: {name} (company {}{uen})", company.id));
    format!("{head}\n\n{}\n\n{}", table.render("nothing happened to it in this run"), end(story))
}

fn what(chapter: &Chapter) -> String {
    let again = if chapter.attempt > 1 { format!(", attempt {}", chapter.attempt) } else { String::new() };
    let degraded = match chapter.degraded.as_slice() {
        [] => String::new(),
        reasons => format!(" [degraded: {}]", reasons.join(", ")),
    };
    format!("{}{again}: {}{degraded}", chapter.event, chapter.what)
}

fn end(story: &Story) -> String {
    let outcome = story.outcome.map_or_else(|| "not over yet".to_owned(), |outcome| format!("{outcome} in the end"));
    format!(
        "{outcome}, {} from first to last; {} vendor calls, {} answered from what was bought before, {} not asked; US$ {}",
        seconds(story.took_ms),
        story.vendor_calls,
        story.cache_hits,
        story.refused,
        story.cost_usd.normalize()
    )
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn seconds(milliseconds: i64) -> String {
    format!("{:.1} s", milliseconds as f64 / 1_000.0)
}

/// Rows that read models would hold.
pub fn fed(fed: &[Fed], events: usize) -> String {
    let mut text = format!("{events} events make\n");
    for table in fed {
        let _ = writeln!(text, "\n{}: {} rows", table.table, table.rows.len());
        for row in &table.rows {
            let _ = writeln!(text, "  {}", printable(&row.to_string()));
        }
    }
    text
}
