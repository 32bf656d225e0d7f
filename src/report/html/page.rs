//! Items, seen one by one, turned into `report.html` once all were seen.

use std::io::{Error, Write};
use std::path::Path;

use minijinja::value::Serde;
use minijinja::{Value, context};

use super::super::row::Status;
use super::super::summary::Summary;
use super::bars::{Bars, count, sums};
use super::causes::Causes;
use super::curve::Curve;
use super::head::Head;
use super::kept::{KEPT, Rows};
use super::listed::{ListedCauses, ListedItems};
use super::moments::Moments;
use super::seen::Seen;
use super::{data, frame, words};
use crate::util::atomic_file::{AtomicFile, FileError};

/// What the page remembers of the items that passed by. It stays small however many they are.
#[derive(Debug, Default)]
pub struct Page {
    rows: Rows,
    moments: Moments,
    failed: Causes,
    in_doubt: Causes,
    ended_early: Causes,
}

impl Page {
    /// Takes note of an item: each once, in the sheet's order, flow by flow.
    pub fn see(&mut self, item: &Seen<'_>) {
        match item.status {
            Status::Failed => self.failed.add(item),
            Status::InDoubt => self.in_doubt.add(item),
            Status::Rejected | Status::Expired | Status::Revoked => self.ended_early.add(item),
            _ => {}
        }
        for (which, moment) in [item.sent_at, item.ended_at].into_iter().enumerate() {
            if let Some(moment) = moment {
                self.moments.count(moment.as_second(), which);
            }
        }
        self.rows.add(item);
    }

    /// Writes `report.html` into the folder of the run's reports. The tables are written before it: those that stand
    /// there are linked.
    pub fn write(&self, folder: &Path, summary: &Summary) -> Result<(), FileError> {
        let mut file = AtomicFile::create(&folder.join("report.html"))?;
        match self.pour(&mut file, folder, summary) {
            Ok(()) => file.finish(),
            Err(why) => Err(file.error(why)),
        }
    }

    fn pour(&self, into: &mut impl Write, folder: &Path, summary: &Summary) -> Result<(), Error> {
        let title = format!("{} · {} · treaty", summary.project, summary.run);
        let begin = self
            .parts(folder, summary)
            .and_then(|parts| frame::begin(&title, parts));
        into.write_all(begin.map_err(Error::other)?.as_bytes())?;
        data::write(&self.rows.listed(), into)?;
        for text in frame::end() {
            into.write_all(text.as_bytes())?;
        }
        Ok(())
    }

    /// The parts of the page in their order; those that have nothing to say are left out.
    fn parts(&self, folder: &Path, summary: &Summary) -> Result<Vec<String>, minijinja::Error> {
        let all = sums(summary);
        let any = |status| count(&all, status) > 0;
        let head = Value::from(Serde(Head::of(summary)));
        let bars = Value::from(Serde(Bars::of(summary, folder)));
        let list = |causes| Value::from(Serde(ListedCauses::of(causes)));
        // An example names its flow where there are several.
        let many = summary.items.len() > 1;
        let mut links = Vec::new();
        let mut parts = vec![String::new()];
        let mut push = |name, id: &'static str, title: &'static str, values| {
            links.push(vec![id, title]);
            let part = frame::part(name, context! { id, title, ..values });
            part.map(|part| parts.push(part))
        };
        if !summary.items.is_empty() {
            let bars = bars.clone();
            push("states.html", "states", "What happened", context! { bars })?;
        }
        if let Some(curve) = Curve::of(&self.moments, summary) {
            let curve = Value::from(Serde(curve));
            push("time.html", "time", "Over time", context! { curve })?;
        }
        if any(Status::InDoubt) {
            let doubt = ListedItems::in_doubt(&self.rows, count(&all, Status::InDoubt));
            let items = Value::from(Serde(doubt));
            let values = context! { items, list => list(&self.in_doubt) };
            push("doubt.html", "doubt", "In doubt", values)?;
        }
        if any(Status::Failed) || !summary.standing_failures.is_empty() {
            let head = head.clone();
            let values = context! { head, many, list => list(&self.failed) };
            push("causes.html", "failed", "Failures", values)?;
        }
        if any(Status::Rejected) || any(Status::Expired) || any(Status::Revoked) {
            let values = context! { head => (), many, list => list(&self.ended_early) };
            push("causes.html", "early", "Ended early", values)?;
        }
        if self.rows.seen() > 0 {
            let plain = Value::from(Serde(ListedItems::plain(&self.rows)));
            let cut = self.rows.cut();
            let cut = (cut > 0).then(|| [KEPT as u64, cut].map(words::count).to_vec());
            push(
                "items.html",
                "items",
                "Items",
                context! { plain, cut, bars },
            )?;
        }
        if !summary.calls.is_empty() {
            let head = head.clone();
            push("calls.html", "calls", "Calls", context! { head })?;
        }
        parts[0] = frame::part("head.html", context! { head, links })?;
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::head::tests::summary;
    use super::super::seen::SeenSigner;
    use super::super::seen::tests::item;
    use super::*;
    use crate::ledger::Failure;

    const HOSTILE: &str = "</script><img src=x onerror=alert(1)>\"'&\u{2028}";

    /// The page of items, with the counts of the run as they were seen.
    fn written(items: &[Seen<'_>]) -> String {
        let (mut page, mut run) = (Page::default(), summary());
        for item in items {
            page.see(item);
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
    fn a_run_without_flows_is_a_page_too() {
        let page = written(&[]);
        assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"));
        assert!(page.ends_with("</html>\n"));
        assert!(page.contains("There is nothing to show"));
        assert!(!page.contains("<table") && !page.contains("<nav"));
    }

    #[test]
    fn whatever_a_text_holds_it_is_text() {
        let failure = failure(HOSTILE);
        let signer = SeenSigner {
            name: HOSTILE,
            status: "waiting",
            sign_url: "https://sign.example/\"><script>alert(1)</script>",
            time: HOSTILE,
        };
        let hostile = |status| Seen {
            flow: HOSTILE,
            key: HOSTILE,
            status,
            failure: Some(&failure),
            flow_id: HOSTILE,
            signers: std::slice::from_ref(&signer),
            file: HOSTILE,
            ..item()
        };
        let all = [Status::Failed, Status::InDoubt, Status::Rejected].map(hostile);
        let page = written(&all);
        assert!(!page.contains("<img") && !page.contains("<script>alert"));
        // The data, and the script.
        assert_eq!(page.matches("<script").count(), 2);
        assert_eq!(page.matches("</script>").count(), 2);
    }

    #[test]
    fn a_formula_is_shown_as_it_is() {
        let page = written(&[Seen {
            key: "=1+1",
            ..item()
        }]);
        assert!(
            page.contains(">=1+1</th>"),
            "no apostrophe, as nothing computes it"
        );
    }

    #[test]
    fn a_sign_link_leads_only_to_the_web() {
        let page = |sign_url| {
            let signer = SeenSigner {
                name: "borrower",
                status: "waiting",
                sign_url,
                time: "",
            };
            written(&[Seen {
                signers: &[signer],
                ..item()
            }])
        };
        let link = "<a href=\"https:&#x2f;&#x2f;a.example&#x2f;s\" rel=\"noopener noreferrer\">";
        assert!(page("https://a.example/s").contains(link));
        let script = page("javascript:alert(1)");
        assert!(!script.contains("javascript:") && !script.contains("sign link</a>"));
    }

    #[test]
    fn parts_that_have_nothing_to_say_are_left_out() {
        let sent_at = jiff::Timestamp::from_second(1_795_485_620).ok();
        let page = written(&[Seen { sent_at, ..item() }]);
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
    fn a_cut_is_told_and_where_the_rest_is() {
        let mut all = vec![item(); KEPT + 5];
        let failure = failure("no");
        all[KEPT + 2].status = Status::Failed;
        all[KEPT + 2].key = "HT-LAST";
        all[KEPT + 2].failure = Some(&failure);
        let page = written(&all);
        assert!(page.contains("Of 10,005 items, 10,000 are here"));
        assert!(page.contains("5 were left out") && page.contains("<code>loans.csv</code>"));
        let (_, data) = page.split_once("id=\"data\">").expect("data");
        let (data, _) = data.split_once("</script>").expect("its end");
        let data: serde_json::Value = serde_json::from_str(data).expect("JSON");
        let items = data["items"].as_array().expect("items");
        assert_eq!(items.len(), KEPT);
        assert_eq!(items[0][0][1], "HT-LAST");
    }
}
