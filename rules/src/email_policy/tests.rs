use super::*;

fn screening(free_mail: FreeMail) -> Screening<'static> {
    Screening {
        free_mail,
        company_domain: Some("www.acme.example"),
        suppressed: &|subject| {
            matches!(subject, Suppressible::Address("jane@acme.example") | Suppressible::Domain("gone.example"))
        },
        consented: &|address| address == "yes@gmail.com",
    }
}

fn screened(address: &str) -> Verdict {
    screen(address, &screening(FreeMail::Exclude))
}

#[test]
fn an_address_at_the_companys_own_domain_is_kept_with_high_confidence() {
    let kept = |role_account| Verdict::Keep(Kept { role_account, own_domain: true, confidence: Confidence::High });
    assert_eq!(screened(" John.Doe@ACME.example"), kept(false));
    assert_eq!(screened("info@mail.acme.example"), kept(true));
}

#[test]
fn an_address_at_someone_elses_domain_is_kept_with_low_confidence() {
    let kept = Kept { role_account: false, own_domain: false, confidence: Confidence::Low };
    assert_eq!(screened("john@agency.example"), Verdict::Keep(kept));
    let unknown = Screening { company_domain: None, ..screening(FreeMail::Exclude) };
    assert_eq!(screen("john@acme.example", &unknown), Verdict::Keep(kept));
}

#[test]
fn what_is_suppressed_never_passes_in_whatever_guise() {
    for address in ["jane@acme.example", "JANE@acme.example ", "jane+news@acme.example", "a@b.gone.example"] {
        assert_eq!(screened(address), Verdict::Drop(DropReason::Suppressed), "{address}");
    }
}

#[test]
fn of_a_company_whose_domain_is_suppressed_no_address_passes() {
    for company in ["gone.example", "www.gone.example"] {
        let screening = Screening { company_domain: Some(company), ..screening(FreeMail::AllowLowConfidence) };
        for address in ["info@gone.example", "owner@elsewhere.example", "owner@gmail.com"] {
            assert_eq!(screen(address, &screening), Verdict::Drop(DropReason::Suppressed), "{address}");
        }
    }
}

#[test]
fn free_mail_is_dropped_kept_or_kept_with_consent_as_the_tenant_chose() {
    let kept = Verdict::Keep(Kept { role_account: false, own_domain: false, confidence: Confidence::Low });
    let with = |policy, address| screen(address, &screening(policy));
    assert_eq!(with(FreeMail::Exclude, "yes@gmail.com"), Verdict::Drop(DropReason::FreeMail));
    assert_eq!(with(FreeMail::AllowLowConfidence, "no@gmail.com"), kept);
    assert_eq!(with(FreeMail::AllowWithConsent, "yes@gmail.com"), kept);
    assert_eq!(with(FreeMail::AllowWithConsent, "no@gmail.com"), Verdict::Drop(DropReason::NoConsent));
}

#[test]
fn templates_and_mailboxes_nobody_reads_are_dropped() {
    assert_eq!(screened("you@example.com"), Verdict::Drop(DropReason::Placeholder));
    assert_eq!(screened("name@yourshop.example"), Verdict::Drop(DropReason::Placeholder));
    assert_eq!(screened("no-reply@acme.example"), Verdict::Drop(DropReason::NoReply));
    let own = Screening { company_domain: Some("example.com"), ..screening(FreeMail::Exclude) };
    assert!(matches!(screen("you@example.com", &own), Verdict::Keep(_)));
}

#[test]
fn what_is_no_address_is_dropped() {
    for wrong in ["", "acme.example", "@acme.example", "jane@", "jane@acme", "a..b@acme.example", "a b@acme.example"] {
        assert_eq!(screened(wrong), Verdict::Drop(DropReason::Malformed), "{wrong}");
    }
    assert_eq!(screened("a@b@acme.example"), Verdict::Drop(DropReason::Malformed));
    assert_eq!(screened("a@-acme.example"), Verdict::Drop(DropReason::Malformed));
}

#[test]
fn tenants_of_one_hosting_domain_are_not_the_same_company() {
    assert_eq!(registrable("shop.acme.com.sg").as_deref(), Some("acme.com.sg"));
    assert_eq!(registrable("one.github.io").as_deref(), Some("one.github.io"));
    assert_eq!(registrable("com.sg"), None);
}

#[test]
fn a_reason_has_the_name_it_is_stored_under() {
    let all = [
        DropReason::Malformed,
        DropReason::Suppressed,
        DropReason::FreeMail,
        DropReason::NoConsent,
        DropReason::NoReply,
        DropReason::Placeholder,
    ];
    for reason in all {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
    }
}
