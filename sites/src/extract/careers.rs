//! Where a site offers jobs, and how many.

use std::sync::LazyLock;

use regex::Regex;
use url::Url;

use super::{
    digest::Digest,
    findings::{Careers, Link},
    json_ld::JsonLd,
    pattern::compile,
};

/// Words for jobs in the path of a page. Parts of longer words must not match: "career-guidance" is a service.
static PATH: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?ix) (?: ^ | [/_.\-] | %20 | (?-u:\b) )
        (?: careers? | jobs? | job-?(?:openings?|vacanc(?:y|ies)|opportunit(?:y|ies)) | vacanc(?:y|ies) | openings? | hiring | join-?us | join-?our-?team
          | work-?(?:with|for)-?us | current-?openings? | recruitment | employment | internships? | (?:career|job)-?opportunities
          | karir | karier | lowongan(?:-?kerja)? | loker | rekrutmen | kerjaya | jawatan-?kosong
          | tuyen-?dung | co-?hoi-?nghe-?nghiep | viec-?lam | stellenangebote | karriere | jobangebote | recrutement | emplois?
          | carreras? | empleos? | trabaja-?con-?nosotros | trabalhe-?conosco | carriere | lavora-?con-?noi | zhaopin | recruit | saiyo )
        (?: [/_.\-]? (?: overview | page | us | opportunities | list | \d+ ) )? (?: \. (?: html? | php | aspx? | jsp ) )? /? $",
    )
});

/// What a link to such a page says.
static WORDS: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?ix) ^ \W* (?: our \s | view \s | see \s | explore \s | all \s | current \s | the \s | latest \s | \& \s )*
        (?: careers? (?: \s (?: with \s us | at \s .{1,40} | opportunities | page | overview ) )? | jobs? (?: \s (?: openings? | vacanc(?:y|ies) | opportunities | at \s .{1,40} ) )?
          | vacanc(?:y|ies) | (?: current \s | job \s | open \s )? openings | open \s (?: positions | roles | jobs ) | (?: we(?:['’]re|\s are) \s )? (?: now \s )? hiring
          | join \s (?: us | our \s team | the \s team ) | work \s for \s us | recruitment | employment (?: \s opportunities )? | internships?
          | karir | karier | lowongan (?: \s kerja | \s pekerjaan )? | rekrutmen | kerjaya | jawatan \s kosong | peluang \s (?: kerjaya | karir )
          | tuyển \s dụng | cơ \s hội \s nghề \s nghiệp | việc \s làm | stellenangebote | karriere | jobangebote | recrutement | nous \s rejoindre | emplois?
          | carreras? | empleos? | trabaja \s con \s nosotros | trabalhe \s conosco | lavora \s con \s noi
          | 招聘 (?:信息)? | 人才招聘 | 加入我们 | 加入我們 | 诚聘英才 | 採用情報 | 採用 | 求人 | 채용 | وظائف | ร่วมงานกับเรา | สมัครงาน )
        (?: \s* \( \d+ \) )? \W* $",
    )
});

/// Hosts of applicant tracking systems, where each path below the company's is a job.
const JOB_BOARDS: [&str; 18] = [
    "greenhouse.io",
    "lever.co",
    "workable.com",
    "ashbyhq.com",
    "bamboohr.com",
    "smartrecruiters.com",
    "myworkdayjobs.com",
    "recruitee.com",
    "breezy.hr",
    "teamtailor.com",
    "personio.com",
    "personio.de",
    "jobvite.com",
    "icims.com",
    "zohorecruit.com",
    "freshteam.com",
    "jazzhr.com",
    "applytojob.com",
];

/// Where the page at `url` offers jobs or says they are offered.
pub(super) fn careers(digest: &Digest<'_>, links: &[Link], json_ld: &JsonLd, url: &Url) -> Option<Careers> {
    if json_ld.job_postings > 0 || is_careers_path(url.path()) {
        let open_jobs = open_jobs(digest, links, json_ld, url);
        return Some(Careers { url: url.as_str().to_owned(), on_this_page: true, open_jobs });
    }
    let link = links.iter().find(|link| leads_to_jobs(link, url))?;
    Some(Careers { url: link.url.clone(), on_this_page: false, open_jobs: 0 })
}

/// Whether a page of that path is about jobs, by its last or its only directory's name.
fn is_careers_path(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let page = path
        .strip_suffix("index.html")
        .or(path.strip_suffix("index.htm"))
        .or(path.strip_suffix("index.php"))
        .unwrap_or(path);
    page.trim_end_matches('/').rsplit('/').next().is_some_and(|name| !name.is_empty() && PATH.is_match(name))
}

fn leads_to_jobs(link: &Link, page: &Url) -> bool {
    let Ok(target) = Url::parse(&link.url) else {
        return false;
    };
    let Some(host) = target.host_str() else {
        return false;
    };
    if is_job_board(host) {
        return true;
    }
    let is_elsewhere = page.host_str() != Some(host);
    // A link to another site's jobs is the company's own only when its words say so.
    let says_so = WORDS.is_match(&link.text);
    let is_the_page_itself = target.path() == page.path();
    (says_so || (!is_elsewhere && is_careers_path(target.path()))) && !is_the_page_itself
}

fn is_job_board(host: &str) -> bool {
    JOB_BOARDS.iter().any(|board| host.strip_suffix(board).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// Jobs that a careers page lists: as structured data, as links to job pages, or as "Apply" buttons; the clearest counts.
fn open_jobs(digest: &Digest<'_>, links: &[Link], json_ld: &JsonLd, url: &Url) -> u32 {
    static APPLY: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?ix) ^ \W* (?: apply (?: \s (?: now | here | online | for \s this .{0,20} ) )? | ứng \s tuyển (?: \s ngay )? | nộp \s đơn | lamar (?: \s sekarang )? | daftar \s sekarang | mohon (?: \s sekarang )? | jetzt \s bewerben | postuler | 立即申请 | 投递简历 ) \W* $",
        )
    });
    if json_ld.job_postings > 0 {
        return json_ld.job_postings;
    }
    let directory =
        url.path().trim_end_matches('/').trim_end_matches("index.html").trim_end_matches(".html").trim_end_matches('/');
    let jobs =
        links.iter().filter(|link| Url::parse(&link.url).is_ok_and(|target| is_job_page(&target, url, directory)));
    let count = jobs.count();
    let applications = digest.blocks.iter().filter(|block| APPLY.is_match(&digest.text[block.text.clone()])).count();
    count.max(applications).try_into().unwrap_or(u32::MAX)
}

/// A page below the careers page, or a job on a board.
fn is_job_page(target: &Url, page: &Url, directory: &str) -> bool {
    if target.host_str().is_some_and(is_job_board) {
        return target
            .path_segments()
            .is_some_and(|segments| segments.filter(|segment| !segment.is_empty()).count() >= 2);
    }
    let below = target.path().strip_prefix(directory).filter(|rest| rest.starts_with('/') && rest.len() > 1);
    target.host_str() == page.host_str() && directory.len() > 1 && below.is_some() && target.path() != page.path()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::{Region, page};

    fn found(path: &str, html: &str) -> Option<Careers> {
        page(html, &Url::parse(&format!("https://kopi.example{path}")).unwrap(), Region::SINGAPORE).careers
    }

    #[test]
    fn a_careers_page_knows_itself_and_counts_its_jobs() {
        for path in [
            "/careers",
            "/careers.html",
            "/about/join-us/",
            "/karir/index.html",
            "/tuyen-dung.html",
            "/current-openings.php",
        ] {
            let careers = found(
                path,
                "<p>Work here</p><h3>Barista</h3><button>Apply now</button><h3>Roaster</h3><button>Apply now</button>",
            )
            .unwrap();
            assert_eq!((careers.on_this_page, careers.open_jobs), (true, 2), "{path}");
        }
    }

    #[test]
    fn links_in_many_languages_lead_to_jobs() {
        for words in
            ["Careers", "Join our team", "We're hiring!", "Lowongan Kerja", "Tuyển dụng", "加入我们", "Stellenangebote"]
        {
            let careers = found("/", &format!("<a href=/x>{words}</a>")).unwrap();
            assert_eq!((careers.url.as_str(), careers.on_this_page), ("https://kopi.example/x", false), "{words}");
        }
    }

    #[test]
    fn other_pages_are_no_careers_pages() {
        for path in ["/", "/career-guidance-for-students-of-law", "/steve-jobs-biography", "/services"] {
            assert_eq!(
                found(path, "<p>We did a great job.</p><a href=/jobsite-cleaning>Job site cleaning</a>"),
                None,
                "{path}"
            );
        }
    }
}
