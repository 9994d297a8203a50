//! The demonstration's outside world: its sites, its companies, its two tenants.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, bail};
use presdr_events::TenantId;
use presdr_producers::{Desk, icp, ingest, ingested, samples, tenants};
use presdr_sandbox::{
    DemoTenant, Running, Sandbox, SandboxConfig, WebKind,
    vendors::{self as imitated, Limits, VendorSandbox},
    write_acra, write_ssic, write_tenant_list,
};
use presdr_store::breakers::Rate;
use presdr_vendors::{Terms, Vendor, VendorConfig};
use serde::Deserialize;
use serde_json::{Value, json};

/// What all invention of the demonstration derives from.
const SEED: u64 = 1;

/// Customers that the first tenant has, for its leads to be compared with.
const SAMPLES: &str = "name,about
Kopitech Systems,Cloud software and support for small companies that move from paper to online services
Straits Advisory,Management consulting and training for growing firms in Singapore
";

/// Where the companies come from, and where files about them are put.
pub struct World {
    sites: Option<PathBuf>,
    companies: usize,
    files: PathBuf,
}

/// One of the two tenants.
pub struct Tenant {
    pub id: TenantId,
    name: &'static str,
    icp: Value,
    which: DemoTenant,
}

/// A line of a folder's `index.csv`.
#[derive(Debug, Deserialize)]
struct Site {
    fake_domain: String,
    company_name: String,
}

impl World {
    /// The made-up world of so many companies, or a folder of sites.
    pub fn new(sites: Option<PathBuf>, companies: usize, files: PathBuf) -> Self {
        Self { sites, companies, files }
    }

    /// Marks the folder of files as this world's.
    ///
    /// # Errors
    /// When another world was demonstrated from there: its tenants and companies are in the database, its sites would be gone.
    pub fn claim(&self) -> anyhow::Result<()> {
        let mark = self.files.join("world.txt");
        let ours = self.described();
        match fs::read_to_string(&mark) {
            Ok(theirs) if theirs != ours => bail!(
                "{} holds a demonstration of {theirs}, not of {ours}: give this one a folder of its own (`--data DIR`), or remove that one \
                 (`make clean-data`)",
                self.files.parent().unwrap_or(&self.files).display()
            ),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&self.files).with_context(|| format!("making {}", self.files.display()))?;
                fs::write(&mark, ours).with_context(|| format!("writing {}", mark.display()))
            }
            Err(error) => Err(error).with_context(|| format!("reading {}", mark.display())),
        }
    }

    fn described(&self) -> String {
        match &self.sites {
            None => format!("{} made-up sites", self.companies),
            Some(folder) => format!("the sites in {}", fs::canonicalize(folder).unwrap_or(folder.clone()).display()),
        }
    }

    /// Serves the sites on loopback.
    pub async fn serve(&self) -> anyhow::Result<Running> {
        let web = match &self.sites {
            Some(folder) => WebKind::Folder(folder.clone()),
            None => WebKind::Varied { sites: self.companies },
        };
        Ok(Sandbox::start(SandboxConfig { seed: SEED, web, ..SandboxConfig::default() }).await?)
    }

    /// The two tenants with their different profiles.
    pub fn tenants(&self) -> anyhow::Result<Vec<Tenant>> {
        DemoTenant::ALL
            .into_iter()
            .map(|which| {
                let icp = if self.sites.is_some() { folder_icp(which) } else { which.icp() };
                Ok(Tenant { id: TenantId::new(which.slug())?, name: which.name(), icp, which })
            })
            .collect()
    }

    /// Creates the tenant, ingests what it knows, and sets its profile.
    pub async fn prepare(&self, desk: &Desk, tenant: &Tenant) -> anyhow::Result<()> {
        tenants::create(desk, &tenant.id, tenant.name).await?;
        if self.sites.is_none() {
            self.ingest_registry(desk).await?;
        }
        let list = self.files.join(format!("{}.csv", tenant.id));
        self.write_list(&list, tenant.which)?;
        let begun = Instant::now();
        let summary = ingest::companies(desk.database(), &tenant.id, &list).await?;
        ingested::tell(desk, &tenant.id, summary, begun.elapsed()).await?;
        icp::set(desk, &tenant.id, &tenant.icp.to_string()).await?;
        if matches!(tenant.which, DemoTenant::Acme) {
            samples::set(desk, &tenant.id, SAMPLES.as_bytes()).await?;
        }
        Ok(())
    }

    async fn ingest_registry(&self, desk: &Desk) -> anyhow::Result<()> {
        let (ssic, acra) = (self.files.join("ssic.csv"), self.files.join("acra.csv"));
        if acra.exists() {
            return Ok(());
        }
        let platform = TenantId::platform();
        write_ssic(&ssic)?;
        let begun = Instant::now();
        let summary = ingest::ssic(desk.database(), &ssic).await?;
        ingested::tell(desk, &platform, summary, begun.elapsed()).await?;
        let fresh = acra.with_extension("new");
        write_acra(&fresh, SEED, self.companies)?;
        let begun = Instant::now();
        let summary = ingest::acra(desk.database(), std::slice::from_ref(&fresh), &|_| {}).await?;
        ingested::tell(desk, &platform, summary, begun.elapsed()).await?;
        // Its final name says that it was taken in.
        fs::rename(&fresh, &acra).with_context(|| format!("renaming {}", fresh.display()))
    }

    fn write_list(&self, list: &Path, which: DemoTenant) -> anyhow::Result<()> {
        match &self.sites {
            None => Ok(write_tenant_list(list, SEED, self.companies, which)?),
            Some(folder) => {
                let index = folder.join("index.csv");
                let what = || format!("reading {}", index.display());
                let mut sites = csv::Reader::from_path(&index).with_context(what)?;
                let mut out = csv::Writer::from_path(list)?;
                out.write_record(["name", "domain"])?;
                for site in sites.deserialize() {
                    let Site { fake_domain, company_name } = site.with_context(what)?;
                    out.write_record([company_name, fake_domain])?;
                }
                Ok(out.flush()?)
            }
        }
    }
}

/// The imitated vendors, who know of the companies on these sites.
pub async fn vendors(sites: &Running) -> anyhow::Result<VendorSandbox> {
    Ok(VendorSandbox::start(imitated::VendorConfig::default(), imitated::World::of(sites)).await?)
}

/// How they are asked: the real ones' keys, whatever the environment holds of them, have no part in it.
pub fn vendor_config(sandbox: &VendorSandbox) -> anyhow::Result<VendorConfig> {
    let environment: BTreeMap<String, String> = sandbox.environment().into_iter().collect();
    let mut config = VendorConfig::from_variables(|name| environment.get(name).cloned())?;
    let limits = Limits::default();
    for (vendor, limit) in [
        (Vendor::Tavily, limits.tavily_per_minute),
        (Vendor::Lusha, limits.lusha_per_minute),
        (Vendor::ZeroBounce, limits.zerobounce_batches_per_minute),
        (Vendor::OpenAi, limits.openai_requests_per_minute),
    ] {
        let per_minute = u32::try_from(limit).unwrap_or(u32::MAX);
        let terms = Terms { rate: Rate { per_minute }, ..config.terms(vendor) };
        config = config.under(vendor, terms);
    }
    Ok(config)
}

/// Of a folder's companies nothing is known but their sites, so the profiles differ by keywords.
fn folder_icp(which: DemoTenant) -> Value {
    match which {
        DemoTenant::Acme => json!({ "keywords": ["software", "consulting", "training", "support"] }),
        DemoTenant::Globex => json!({ "keywords": ["construction", "engineering", "equipment", "logistics"] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_files_belongs_to_one_world() {
        let folder = tempfile::tempdir().unwrap();
        let files = || folder.path().join("demo");
        World::new(None, 800, files()).claim().unwrap();
        World::new(None, 800, files()).claim().unwrap();
        let refused = World::new(Some(folder.path().to_owned()), 800, files()).claim().unwrap_err().to_string();
        assert!(refused.contains("800 made-up sites") && refused.contains("--data DIR"), "{refused}");
    }
}
