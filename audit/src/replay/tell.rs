//! An event in a sentence. Personal values stay sealed: what is told of them is how many there are.

use std::collections::BTreeMap;

use presdr_events::{Event, Route, audit::Checkpoint, lead, run, tenant, vendor};

/// What happened, in words.
#[must_use]
pub fn tell(event: &Event) -> String {
    match event {
        Event::TenantCreated(created) => format!("tenant {:?} was created", created.name),
        Event::TenantReady(_) => "tenant is ready: its Odoo is connected".to_owned(),
        Event::SettingsSet(set) => format!("settings were set, version {}: {}", set.version, set.sections.join(", ")),
        Event::OdooConnectionSet(set) => match &set.database {
            Some(database) => format!("Odoo was connected, version {}: database {database}", set.version),
            None => "Odoo was disconnected".to_owned(),
        },
        Event::OdooPartnerLinked(said) => {
            format!("a person said that company {} is partner {} in Odoo", said.company_id, said.partner_id)
        }
        Event::TenantPurged(gone) => {
            format!(
                "tenant {} was erased: {} rows, {} events",
                gone.purged,
                gone.rows.values().sum::<u64>(),
                gone.events
            )
        }
        Event::MasterKeyRotated(changed) => {
            format!("the keys of {} tenants are under master key {}", changed.tenants, changed.master_id)
        }
        Event::BackupRestored(back) => format!(
            "{} restored from the backup of {}, when the log ended at {}; erased again: {} people, {} tenants",
            if back.log_kept { "the database was" } else { "both stores were" },
            back.taken_at.to_rfc3339(),
            back.log_ended_at,
            back.people_erased_again,
            back.tenants_erased_again.len()
        ),
        Event::IcpSet(set) => format!("profile {:?} was set, version {}", set.name, set.version),
        Event::IcpSamplesSet(set) => format!("{} sample customers were set, version {}", set.samples, set.version),
        Event::CompaniesIngested(taken) => ingested(taken),
        Event::RunStarted(started) => started_as(started),
        Event::RunCandidatesRefreshed(found) => refreshed(found),
        Event::RunTargeted(chosen) => targeted(chosen),
        Event::RunPaused(by) => steered("paused", by),
        Event::RunResumed(by) => steered("resumed", by),
        Event::RunCancelled(by) => steered("cancelled", by),
        Event::RunShortlisted(listed) => {
            format!("{} companies were shortlisted ({})", listed.company_ids.len(), counts(&listed.buckets))
        }
        Event::RunCompleted(over) => format!("the run was {} ({})", over.status, counts(&over.outcomes)),
        Event::RunSyncRequested(_) => "its shortlist was to be written to Odoo".to_owned(),
        Event::RunSynced(written) => format!("its shortlist was written to Odoo ({})", counts(&written.counts)),
        Event::LeadSynced(written) => synced(written),
        Event::AlertRaised(alert) => format!("alert {}: {}", alert.alert, alert.message),
        Event::AuditCheckpointed(told) => checkpointed(&told.signed.checkpoint),
        Event::VendorCalled(call) => called(call),
        Event::LeadAdmitted(admitted) => format!("admitted at place {}", admitted.position),
        Event::LeadDomainResolved(found) => resolved(found),
        Event::LeadDomainMissing(missing) => {
            format!("no domain was found, {} were tried{}", missing.tried, after_colon(&missing.refused))
        }
        Event::LeadCrawled(visit) | Event::LeadThin(visit) | Event::LeadBlocked(visit) => visited(visit),
        Event::LeadVendorRead(read) => vendor_read(read),
        Event::LeadExtracted(found) => extracted(found),
        Event::LeadContactsFound(found) => {
            format!("{} contacts were found{}", found.contacts.len(), in_brackets("left out: ", &found.dropped))
        }
        Event::LeadEmailsVerified(checked) => verified(checked),
        Event::LeadScored(scored) => {
            let lead::Scored { score, bucket, confidence, rationale, .. } = scored;
            format!("scored {score:.4} ({bucket}, confidence {confidence:.2}): {rationale}")
        }
        Event::LeadDropped(dropped) => format!("let go: {}", dropped.reason),
        Event::LeadParked(parked) => format!("waits for a person: {}", parked.error),
        Event::LeadTimedOut(_) => "took too long".to_owned(),
        Event::SuppressionAdded(new) => format!("suppressed: {}; {} were already", counts(&new.added), new.known),
        Event::SuppressionLifted(lifted) => format!("no longer suppressed: {}", counts(&lifted.lifted)),
        Event::ConsentRecorded(given) => format!("a person agreed at {}", given.at.to_rfc3339()),
        Event::ConsentWithdrawn(taken) => format!("a person took their consent back at {}", taken.at.to_rfc3339()),
        Event::SubjectExported(copied) => {
            format!("a person was given what is known of them: {} events, {} rows", copied.events, copied.rows)
        }
        Event::RetentionEnforced(gone) => format!("what was kept long enough is gone: {}", counts(&gone.removed)),
        Event::SubjectErased(erased) => {
            let owed = in_brackets("still to be removed elsewhere: ", &erased.owed);
            format!(
                "a person was erased: {}; suppressed: {}{owed}",
                counts(&erased.removed),
                counts(&erased.suppressed)
            )
        }
    }
}

fn synced(written: &lead::Synced) -> String {
    let partner = written.partner_id.map_or_else(String::new, |id| format!(", partner {id}"));
    let problem = written.problem.as_ref().map_or_else(String::new, |problem| format!("; {problem}"));
    let contacts = in_brackets("contacts: ", &written.contacts);
    let kept = if written.kept.is_empty() {
        String::new()
    } else {
        format!("; left as a person set it: {}", list(&written.kept))
    };
    format!("in Odoo: {}{partner}{contacts}{kept}{problem}", written.outcome)
}

fn ingested(taken: &tenant::Ingested) -> String {
    format!(
        "companies were taken in from {}: {} rows, {} new, {} changed, {} set aside",
        taken.source, taken.rows, taken.inserted, taken.updated, taken.quarantined
    )
}

fn targeted(chosen: &run::Targeted) -> String {
    let (companies, candidates) = (chosen.company_ids.len(), chosen.candidates);
    format!(
        "{companies} companies were chosen of {candidates} candidates, {} of them never seen before",
        chosen.never_seen
    )
}

fn checkpointed(checkpoint: &Checkpoint) -> String {
    format!("checkpoint {} was signed: {} events up to {}", checkpoint.number, checkpoint.events, checkpoint.sequence)
}

fn resolved(found: &lead::DomainResolved) -> String {
    let evidence = after_colon(&found.evidence);
    format!("its domain is {} ({}, confidence {:.2}){evidence}", found.domain, found.method, found.confidence)
}

fn vendor_read(read: &vendor::VendorRead) -> String {
    let vendor = read.step.arguments.get("vendor").map_or("a vendor", String::as_str);
    format!("{vendor} read {} pages of {}: {}", read.pages.len(), read.domain, read.verdict)
}

/// Why it went on as it did: the route's rule, or the rule by which a vendor was asked or not.
#[must_use]
pub fn because(event: &Event) -> Option<(Option<&str>, &str)> {
    match event {
        Event::LeadDomainResolved(found) => Some(way(&found.route)),
        Event::LeadDomainMissing(missing) => Some(way(&missing.route)),
        Event::LeadCrawled(visit) | Event::LeadThin(visit) | Event::LeadBlocked(visit) => Some(way(&visit.route)),
        Event::LeadVendorRead(read) => Some(way(&read.route)),
        Event::LeadExtracted(found) => Some(way(&found.route)),
        Event::LeadContactsFound(found) => Some(way(&found.route)),
        Event::LeadEmailsVerified(checked) => Some(way(&checked.route)),
        Event::VendorCalled(call) => Some((None, &call.because)),
        _ => None,
    }
}

fn way(route: &Route) -> (Option<&str>, &str) {
    (Some(&route.next), &route.because)
}

fn started_as(started: &run::Started) -> String {
    let night = started.local_date.map_or_else(String::new, |date| format!(" of {date}"));
    format!(
        "a {} run{night} began: at most {} leads, profile {} version {}",
        started.kind.as_str(),
        started.cap,
        started.icp_rule,
        started.icp_version
    )
}

fn refreshed(found: &run::CandidatesRefreshed) -> String {
    let fallback = if found.fallback { ", by industry alone since the whole profile matched nothing" } else { "" };
    format!(
        "{} of {} companies are candidates ({} new, {} no more){fallback}",
        found.candidates, found.before, found.added, found.removed
    )
}

fn steered(how: &str, by: &run::Steered) -> String {
    let reason = by.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    format!("the run was {how}{reason}")
}

fn visited(visit: &lead::Visit) -> String {
    let read = visit.pages.iter().filter(|page| page.status < 400).count();
    let skipped = in_brackets("passed over: ", &visit.skipped);
    format!("{} pages of {} were read{skipped}: {}; robots.txt: {}", read, visit.domain, visit.verdict, visit.robots)
}

fn extracted(found: &lead::Extracted) -> String {
    let filled = found.ai.as_ref().map_or_else(String::new, |ai| format!("; {} filled {}", ai.model, list(&ai.fields)));
    let dropped = in_brackets("addresses left out: ", &found.emails_dropped);
    format!(
        "{} words, {} addresses{dropped}, {} people, {} phones{filled}",
        found.words,
        found.emails.len(),
        found.people.len(),
        found.phones.len()
    )
}

fn verified(checked: &lead::EmailsVerified) -> String {
    let mut by_status: BTreeMap<String, u32> = BTreeMap::new();
    for email in &checked.emails {
        *by_status.entry(format!("{} by {}", email.status, email.source)).or_default() += 1;
    }
    format!("{} addresses were checked{}", checked.emails.len(), in_brackets("", &by_status))
}

fn called(call: &vendor::VendorCalled) -> String {
    let status = call.http_status.map_or_else(String::new, |status| format!(", HTTP {status}"));
    let tokens = match (call.tokens_input, call.tokens_output) {
        (0, 0) => String::new(),
        (input, output) => format!(", {input} + {output} tokens"),
    };
    format!(
        "{} {} for {}: {}{status}, US$ {} for {} units{tokens}, {} ms",
        call.vendor,
        call.operation,
        call.purpose,
        call.status.as_str(),
        call.cost_usd.normalize(),
        call.units.normalize(),
        call.latency_ms
    )
}

fn counts<N: ToString>(counts: &BTreeMap<String, N>) -> String {
    counts.iter().map(|(name, count)| format!("{} {name}", count.to_string())).collect::<Vec<_>>().join(", ")
}

fn in_brackets<N: ToString>(what: &str, found: &BTreeMap<String, N>) -> String {
    if found.is_empty() { String::new() } else { format!(" ({what}{})", counts(found)) }
}

fn after_colon(texts: &[String]) -> String {
    if texts.is_empty() { String::new() } else { format!(": {}", texts.join("; ")) }
}

fn list(texts: &[String]) -> String {
    if texts.is_empty() { "nothing".to_owned() } else { texts.join(", ") }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use presdr_events::Envelope;

    use super::*;

    /// Every sample that was ever recorded is told, in a line, with nothing that was sealed.
    #[test]
    fn every_event_is_told_and_nothing_sealed_with_it() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events/samples");
        let mut told = BTreeMap::new();
        for file in std::fs::read_dir(folder).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            let sample: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            let (tenant, name) = (sample["tenantid"].as_str().unwrap(), sample["type"].as_str().unwrap());
            let envelope = Envelope::decode(&format!("evt.{tenant}.{name}"), &bytes).unwrap();
            let sentence = tell(&envelope.event);
            assert!(!sentence.is_empty() && !sentence.contains('\n'), "{name}: {sentence}");
            for sealed in sealed(&sample) {
                assert!(!sentence.contains(&sealed), "{name}: {sentence}");
            }
            told.insert(envelope.event.event_type().name, sentence);
        }
        assert!(Event::TYPES.iter().all(|known| told.contains_key(known.name)), "{told:#?}");
    }

    /// Every sealed value in a sample, and whose it is.
    fn sealed(value: &serde_json::Value) -> Vec<String> {
        match value {
            serde_json::Value::Object(fields) => {
                let own = ["sealed", "subject"].into_iter().filter_map(|name| fields.get(name)?.as_str());
                own.map(str::to_owned).chain(fields.values().flat_map(sealed)).collect()
            }
            serde_json::Value::Array(values) => values.iter().flat_map(sealed).collect(),
            _ => Vec::new(),
        }
    }
}
