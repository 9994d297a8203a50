//! `presdr help`: the commands in groups, in the order in which a person meets them.

use std::fmt::Write;

use clap::Command;

/// The groups. A command in none of them is listed last, so that nothing is ever missing.
const GROUPS: [(&str, &[&str]); 9] = [
    ("See it work", &["demo", "up", "doctor"]),
    ("Set up a tenant", &["tenant", "ingest", "icp", "odoo"]),
    ("Run its pipeline", &["run", "shortlist", "parked"]),
    ("People's rights", &["dsar", "suppress", "consent", "retention"]),
    ("Paid vendors, and what it all comes to", &["vendors", "costs", "acceptance"]),
    ("Look back: what happened, and whether it is as it was", &["replay", "audit"]),
    ("Keep it safe", &["backup", "receipts", "restore", "keys"]),
    ("One role at a time, for a fleet", &["migrate", "topology", "work", "project", "schedule", "serve"]),
    ("Without a tenant", &["crawl", "robots", "sandbox", "events", "bench", "completions", "help"]),
];

const EXAMPLES: &str = "\
First steps:
  presdr demo                                       two tenants, from nothing to their shortlists
  presdr tenant create acme --name \"Acme Pte Ltd\"   then ingest, icp set, run start, shortlist

Exits with 0 when it did what was asked, 1 when it could not or the answer is no, and 2 when it
was asked wrongly.";

/// The same command with its subcommands listed in groups.
pub fn grouped(command: Command) -> Command {
    let mut built = command.clone();
    built.build();
    let template = format!(
        "{{about}}\n\n{{usage-heading}} {{usage}}\n{}\nFor every command:\n{{options}}{{after-help}}",
        list(&built)
    );
    command.help_template(template).after_help(EXAMPLES)
}

fn list(command: &Command) -> String {
    let visible: Vec<&Command> = command.get_subcommands().filter(|known| !known.is_hide_set()).collect();
    let width = visible.iter().map(|known| known.get_name().len()).max().unwrap_or(0);
    let mut text = String::new();
    for (title, names) in GROUPS {
        let members: Vec<&&Command> =
            names.iter().filter_map(|name| visible.iter().find(|known| known.get_name() == *name)).collect();
        section(&mut text, title, &members, width);
    }
    let others: Vec<&&Command> =
        visible.iter().filter(|known| !GROUPS.iter().any(|(_, names)| names.contains(&known.get_name()))).collect();
    section(&mut text, "Others", &others, width);
    text
}

fn section(text: &mut String, title: &str, members: &[&&Command], width: usize) {
    if members.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}:"); // writing to a String cannot fail
    for member in members {
        let about = member.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(text, "  {:width$}  {about}", member.get_name());
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_has_its_group() {
        assert!(!list(&crate::arguments::Arguments::command()).contains("Others"));
    }
}
