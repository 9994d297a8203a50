use std::path::Path;
use std::process::{Command, Output};

use presdr_sandbox::vendors::Vendor;
use serde_json::json;

use crate::support::Caller;

/// What `scripts/vendor-sdks.sh` ends with where the libraries cannot be had.
const CANNOT: i32 = 3;

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

/// Lusha has no Python library of its own; the other three vendors' work unchanged.
#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_own_libraries_work_with_another_base_url_and_nothing_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let installed = run(Command::new(root.join("scripts/vendor-sdks.sh")).current_dir(root));
    let said = String::from_utf8_lossy(&installed.stderr).into_owned();
    if installed.status.code() == Some(CANNOT) {
        eprintln!("skipped: the vendors' Python libraries cannot be installed here: {said}");
        return;
    }
    assert!(installed.status.success(), "{said}");

    let sandbox = Caller::of(Vendor::Tavily).await.sandbox;
    // A company whose site is found and can be read without patience.
    let readable = |domain: &str| {
        sandbox.world().page(&format!("https://{domain}/"), presdr_sandbox::vendors::Patience::Basic).is_ok()
    };
    let known = sandbox.world().companies().iter().filter(|company| company.has_site);
    let company = known.clone().find(|company| company.domain.as_deref().is_some_and(readable)).unwrap();
    let at = |vendor: Vendor| json!({ "url": sandbox.base(vendor), "key": sandbox.key(vendor) });
    let told = json!({
        "tavily": at(Vendor::Tavily),
        "zerobounce": at(Vendor::ZeroBounce),
        "openai": at(Vendor::OpenAi),
        "admin": sandbox.admin(),
        "company": company.name,
        "domain": company.domain,
    });
    let checked = tokio::task::spawn_blocking({
        let (python, check) =
            (root.join(".tools/vendor-sdks/bin/python"), root.join("sandbox/tests/vendors/sdks/check.py"));
        move || {
            run(Command::new(python)
                .arg(check)
                .arg(told.to_string())
                .env("NO_PROXY", "127.0.0.1")
                .env_remove("TAVILY_HTTP_PROXY"))
        }
    })
    .await
    .unwrap();
    let (out, error) = (String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
    assert!(checked.status.success(), "{out}{error}");
    assert_eq!(out, "all three libraries work\n");
}
