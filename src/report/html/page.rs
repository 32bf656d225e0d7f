//! Collects items and writes `report.html`.

use std::borrow::Cow;
use std::io::{Error, Write};
use std::path::Path;

use minijinja::value::Serde;
use minijinja::{Value, context};

use super::super::causes::Causes;
use super::super::status::Status;
use super::super::summary::Summary;
use super::bars::{Bars, count, sums};
use super::chart::Chart;
use super::file_url::folder_url;
use super::head::Head;
use super::item::PageItem;
use super::listed::{ListedCauses, ListedItems};
use super::retained::{MAX_ITEMS, RetainedItems};
use super::time_buckets::TimeBuckets;
use super::{data, template, words};
use crate::util::atomic_file::{AtomicFile, FileError};

/// The unfinished HTML report. Its size in memory is bounded.
#[derive(Debug, Default)]
pub struct HtmlReport {
    retained: RetainedItems,
    times: TimeBuckets,
    failed: Causes,
    in_doubt: Causes,
    ended_early: Causes,
}

impl HtmlReport {
    /// Creates a report in a folder. Signed files in the folder of the project are linked.
    pub fn new(folder: &Path, project: &Path) -> Self {
        Self {
            retained: RetainedItems::new(folder_url(folder, project)),
            ..Self::default()
        }
    }

    /// Adds an item. Items are added once, flow by flow, in sheet order.
    pub fn add(&mut self, item: &PageItem<'_>) {
        let causes = match item.status {
            Status::Failed => Some(&mut self.failed),
            _ if item.is_unused => Some(&mut self.failed),
            Status::InDoubt | Status::Interrupted => Some(&mut self.in_doubt),
            Status::Rejected | Status::Expired | Status::Revoked => Some(&mut self.ended_early),
            _ => None,
        };
        if let Some(causes) = causes {
            let named = (item.flow, item.key, item.row);
            causes.add(named, item.status, item.failure);
        }
        for (which, moment) in [item.sent_at, item.ended_at].into_iter().enumerate() {
            if let Some(moment) = moment {
                self.times.count(moment.as_second(), which);
            }
        }
        self.retained.add(item);
    }

    /// Writes `report.html` to a folder. Links the tables that exist there, so they are written
    /// first.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be written.
    pub fn write(&self, folder: &Path, summary: &Summary) -> Result<(), FileError> {
        let mut file = AtomicFile::create(&folder.join("report.html"))?;
        match self.write_to(&mut file, folder, summary) {
            Ok(()) => file.finish(),
            Err(why) => Err(file.error(why)),
        }
    }

    fn write_to(
        &self,
        into: &mut impl Write,
        folder: &Path,
        summary: &Summary,
    ) -> Result<(), Error> {
        let title = format!("{} · {} · treaty", summary.project, summary.run);
        let begin = self
            .sections(folder, summary)
            .and_then(|sections| template::begin(&title, sections));
        into.write_all(begin.map_err(Error::other)?.as_bytes())?;
        data::write(&self.retained.listed(), into)?;
        for text in template::end() {
            into.write_all(text.as_bytes())?;
        }
        Ok(())
    }

    /// Renders the sections of the page in order; empty sections are omitted.
    fn sections(&self, folder: &Path, summary: &Summary) -> Result<Vec<String>, minijinja::Error> {
        let all = sums(summary);
        let any = |status| count(&all, status) > 0;
        let head = Value::from(Serde(Head::of(summary)));
        let bars = Value::from(Serde(Bars::of(summary, folder)));
        let list = |causes| Value::from(Serde(ListedCauses::of(causes)));
        // With several flows, an example names its flow.
        let many = summary.items.len() > 1;
        let mut links = Vec::new();
        let mut sections = vec![String::new()];
        let mut push = |name, id: &'static str, title: Cow<'static, str>, values| {
            links.push(vec![Cow::Borrowed(id), title.clone()]);
            let section = template::section(name, context! { id, title, ..values });
            section.map(|section| sections.push(section))
        };
        if !summary.items.is_empty() {
            let bars = bars.clone();
            push(
                "states.html",
                "states",
                t!("Items by status"),
                context! { bars },
            )?;
        }
        if let Some(chart) = Chart::of(&self.times, summary) {
            let chart = Value::from(Serde(chart));
            push("time.html", "time", t!("Over time"), context! { chart })?;
        }
        if any(Status::InDoubt) {
            let doubt = ListedItems::in_doubt(&self.retained, count(&all, Status::InDoubt));
            let items = Value::from(Serde(doubt));
            let values = context! { items, list => list(&self.in_doubt) };
            push("doubt.html", "doubt", t!("In doubt"), values)?;
        }
        if self.failed.distinct().0 > 0 || !summary.resource_failures.is_empty() {
            let head = head.clone();
            let values = context! { head, many, list => list(&self.failed) };
            push("causes.html", "failed", t!("Failures"), values)?;
        }
        if any(Status::Rejected) || any(Status::Expired) || any(Status::Revoked) {
            let values = context! { head => (), many, list => list(&self.ended_early) };
            push("causes.html", "early", t!("Ended early"), values)?;
        }
        if self.retained.total() > 0 {
            let list = Value::from(Serde(ListedItems::static_table(&self.retained)));
            let dropped = self.retained.dropped();
            let limits =
                (dropped > 0).then(|| [MAX_ITEMS as u64, dropped].map(words::count).to_vec());
            push(
                "items.html",
                "items",
                t!("Items"),
                context! { list, limits, bars },
            )?;
        }
        if !summary.calls.is_empty() {
            let head = head.clone();
            push("calls.html", "calls", t!("Requests"), context! { head })?;
        }
        sections[0] = template::section("head.html", context! { head, links })?;
        Ok(sections)
    }
}

#[cfg(test)]
mod tests {
    use super::super::head::tests::summary;
    use super::super::item::PageSigner;
    use super::super::item::tests::item;
    use super::*;
    use crate::ledger::Failure;

    const HOSTILE: &str = "</script><img src=x onerror=alert(1)>\"'&\u{2028}";

    /// Writes the page of items and returns it.
    fn written(items: &[PageItem<'_>]) -> String {
        let (mut page, mut run) = (HtmlReport::default(), summary());
        for item in items {
            page.add(item);
            let counts = run.items.entry(item.flow.to_owned()).or_default();
            *counts.entry(item.status).or_default() += 1;
        }
        let folder = tempfile::tempdir().expect("a folder");
        page.write(folder.path(), &run).expect("written");
        std::fs::read_to_string(folder.path().join("report.html")).expect("read")
    }

    fn failure(message: &str) -> Failure {
        Failure {
            code: Some(1_435_002),
            message: message.to_owned(),
            hint: message.to_owned(),
        }
    }

    #[test]
    fn writes_a_page_without_flows() {
        let page = written(&[]);
        assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"));
        assert!(page.ends_with("</html>\n"));
        assert!(page.contains("Nothing to show"));
        assert!(!page.contains("<table") && !page.contains("<nav"));
    }

    #[test]
    fn escapes_hostile_texts() {
        let failure = failure(HOSTILE);
        let signer = PageSigner {
            name: HOSTILE,
            status: "waiting",
            sign_url: "https://sign.example/\"><script>alert(1)</script>",
            time: HOSTILE,
        };
        let hostile = |status| PageItem {
            flow: HOSTILE,
            key: HOSTILE,
            status,
            failure: Some(&failure),
            flow_id: HOSTILE,
            signers: std::slice::from_ref(&signer),
            files: &[HOSTILE],
            ..item()
        };
        let all = [Status::Failed, Status::InDoubt, Status::Rejected].map(hostile);
        let page = written(&all);
        assert!(!page.contains("<img") && !page.contains("<script>alert"));
        // The data and the script.
        assert_eq!(page.matches("<script").count(), 2);
        assert_eq!(page.matches("</script>").count(), 2);
    }

    #[test]
    fn shows_a_formula_unchanged() {
        let page = written(&[PageItem {
            key: "=1+1",
            ..item()
        }]);
        assert!(
            page.contains(">=1+1</span></th>"),
            "no apostrophe, as nothing computes it"
        );
    }

    #[test]
    fn links_only_web_urls() {
        let page = |sign_url| {
            let signer = PageSigner {
                name: "borrower",
                status: "waiting",
                sign_url,
                time: "",
            };
            written(&[PageItem {
                signers: &[signer],
                ..item()
            }])
        };
        let link = "<a href=\"https:&#x2f;&#x2f;a.example&#x2f;s\" rel=\"noopener noreferrer\">";
        assert!(page("https://a.example/s").contains(link));
        let script = page("javascript:alert(1)");
        assert!(!script.contains("href=\"javascript:") && !script.contains("sign link</a>"));
        assert!(script.contains("not a safe link (it is not a web address): javascript:alert(1)"));
    }

    #[test]
    fn omits_empty_sections() {
        let sent_at = jiff::Timestamp::from_second(1_795_485_620).ok();
        let ended_at = jiff::Timestamp::from_second(1_795_485_690).ok();
        let page = written(&[PageItem {
            sent_at,
            ended_at,
            ..item()
        }]);
        for there in ["states", "time", "items"] {
            assert!(
                page.contains(&format!("<section id=\"{there}\"")),
                "{there}"
            );
        }
        for missing in ["doubt", "failed", "early", "calls"] {
            assert!(
                !page.contains(&format!("<section id=\"{missing}\"")),
                "{missing}"
            );
            assert!(!page.contains(&format!("href=\"#{missing}\"")), "{missing}");
        }
    }

    #[test]
    fn links_signed_files_from_the_folder_of_the_report() {
        let project = tempfile::tempdir().expect("a folder");
        let folder = project.path().join("reports/run");
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut page = HtmlReport::new(&folder, project.path());
        page.add(&PageItem {
            files: &["signed/借款 \"1\".pdf", "/elsewhere/2.pdf"],
            ..item()
        });
        page.write(&folder, &summary()).expect("written");
        let page = std::fs::read_to_string(folder.join("report.html")).expect("read");
        let link = "<a href=\"..&#x2f;..&#x2f;signed&#x2f;%E5%80%9F%E6%AC%BE%20%221%22.pdf\">";
        assert!(page.contains(link), "{page}");
        let data = r#"["/elsewhere/2.pdf",""]"#;
        assert!(page.contains(data) && !page.contains("href=\"/elsewhere"));
    }

    #[test]
    fn shows_a_whole_example_of_a_grouped_cause() {
        let failures = [5, 6].map(|n| failure(&format!("account {n} is gone")));
        let failed = |at: usize, key| PageItem {
            key,
            row: Some(at as u64 + 2),
            status: Status::Failed,
            failure: Some(&failures[at]),
            ..item()
        };
        let page = written(&[failed(0, "HT-1"), failed(1, "HT-2")]);
        let (_, causes) = page.split_once("id=\"failed\"").expect("the failures");
        let (causes, _) = causes.split_once("</section>").expect("their end");
        assert!(causes.contains("account … is gone"), "{causes}");
        let example = "row 2, HT-1:</span> account 5 is gone";
        assert!(causes.contains(example), "{causes}");
    }

    #[test]
    fn lists_failures_before_other_items() {
        let rejected = PageItem {
            key: "HT-2",
            status: Status::Rejected,
            ..item()
        };
        let failed = PageItem {
            key: "HT-3",
            status: Status::Failed,
            ..item()
        };
        let page = written(&[item(), rejected, failed]);
        let (_, table) = page.split_once("class=\"items").expect("the table");
        let at = |key| table.find(&format!(">{key}</span>")).expect(key);
        assert!(at("HT-3") < at("HT-2") && at("HT-2") < at("HT-1"));
    }

    #[test]
    fn names_dropped_items_and_the_tables_that_have_them() {
        let mut all = vec![item(); MAX_ITEMS + 5];
        let failure = failure("no");
        all[MAX_ITEMS + 2].status = Status::Failed;
        all[MAX_ITEMS + 2].key = "HT-LAST";
        all[MAX_ITEMS + 2].failure = Some(&failure);
        let page = written(&all);
        assert!(page.contains("This page shows 10,000 of 10,005 items"));
        assert!(page.contains("5 were left out") && page.contains("<code>loans.csv</code>"));
        let (_, data) = page.split_once("id=\"data\">").expect("data");
        let (data, _) = data.split_once("</script>").expect("its end");
        let data: serde_json::Value = serde_json::from_str(data).expect("JSON");
        let items = data["items"].as_array().expect("items");
        assert_eq!(items.len(), MAX_ITEMS);
        assert_eq!(items[0][0][1], "HT-LAST");
    }
}
