//! The contracts of the examples: their metadata, their punctuation, and room for the seals.

use lopdf::{Document, Object};
use treaty::pdf::{fields, find, page_sizes, picture};

use crate::support::project::root;

const CONTRACTS: [&str; 4] = [
    "loans/templates/loan.pdf",
    "tenancy/templates/lease.pdf",
    "tenancy/annexes/rules.pdf",
    "tenancy/annexes/guide.pdf",
];

fn read(name: &str) -> Vec<u8> {
    std::fs::read(root().join("examples").join(name)).expect("a PDF")
}

#[test]
fn contracts_name_their_author_and_language() {
    for name in CONTRACTS {
        let document = Document::load_mem(&read(name)).expect("a PDF");
        let info = document.trailer.get(b"Info").expect("metadata");
        let (_, info) = document.dereference(info).expect("metadata");
        let info = info.as_dict().expect("metadata");
        let entry = |key: &[u8]| {
            let text = info.get(key).and_then(lopdf::decode_text_string);
            text.unwrap_or_default()
        };
        assert!(entry(b"Author").ends_with("有限公司"), "{name}");
        assert!(!entry(b"Title").is_empty(), "{name}");
        let language = document.catalog().and_then(|catalog| catalog.get(b"Lang"));
        let language = language.and_then(Object::as_str).expect("a language");
        assert_eq!(language, b"zh-CN", "{name}");
    }
    assert_eq!(read(CONTRACTS[0]), read("nightly/templates/loan.pdf"));
}

#[test]
fn contracts_have_full_width_punctuation_and_page_numbers() {
    for name in CONTRACTS {
        let pdf = read(name);
        for mark in [",", ":", ";", "(", ")"] {
            assert_eq!(find(&pdf, mark).expect("a PDF"), [], "{name}");
        }
        let pages = page_sizes(&pdf).expect("pages").len();
        for page in 1..=pages {
            let number = format!("第{page}页，共{pages}页");
            assert_eq!(find(&pdf, &number).expect("a PDF").len(), 1, "{name}");
        }
    }
}

#[test]
fn a_form_has_a_field_for_each_value() {
    let names = |name| -> Vec<String> {
        let fields = fields(&read(name)).expect("a form");
        fields.into_iter().map(|field| field.name).collect()
    };
    let loan = [
        "contractNo",
        "borrower",
        "idCardNo",
        "amount",
        "amountUpper",
        "annualRate",
        "term",
        "startDate",
        "还款账号",
    ];
    assert_eq!(names(CONTRACTS[0]), loan);
    assert_eq!(names(CONTRACTS[1]).len(), 9);
}

/// The positions are those of the manifests: `posX` from the middle of a keyword, or coordinates.
#[test]
fn seals_and_signatures_cover_no_text() {
    let (seal, oval, signature) = ((119.0, 119.0), (128.0, 85.0), (94.0, 42.0));
    let at_keyword = |name: &str, keyword: &str, right: f64| {
        let spots = find(&read(name), keyword).expect("a PDF");
        assert_eq!(spots.len(), 1, "{name}: {keyword}");
        let spot = spots[0];
        let x = spot.x + spot.width / 2.0 + right;
        (spot.page, x, spot.y + spot.height / 2.0)
    };
    let [loan, lease, rules, _] = CONTRACTS;
    for (name, (page, x, y), (width, height)) in [
        (loan, at_keyword(loan, "甲方盖章", 100.0), seal),
        (loan, at_keyword(loan, "乙方签字", 100.0), signature),
        (lease, at_keyword(lease, "甲方盖章", 105.0), oval),
        (lease, at_keyword(lease, "乙方签字", 100.0), signature),
        (lease, (2, 230.0, 130.0), oval),
        (rules, at_keyword(rules, "住户签字", 90.0), signature),
    ] {
        // One pixel a point. The signing time is below.
        let png = picture(&read(name), page, 595).expect("a PDF");
        let image = tiny_skia::Pixmap::decode_png(&png.expect("a page")).expect("a PNG");
        let middle = f64::from(image.height()) - y;
        let is_covered = |pixel_x: u32, pixel_y: u32| {
            let (right, down) = (f64::from(pixel_x) - x, f64::from(pixel_y) - middle);
            right.abs() < width / 2.0 && (-height / 2.0..height / 2.0 + 12.0).contains(&down)
        };
        let dark = (0..image.height()).flat_map(|y| (0..image.width()).map(move |x| (x, y)));
        let dark = dark.filter(|(x, y)| is_covered(*x, *y));
        let dark = dark.filter(|(x, y)| image.pixel(*x, *y).is_some_and(|pixel| pixel.red() < 200));
        assert_eq!(dark.count(), 0, "{name}: page {page}, {x:.0} {y:.0}");
    }
}
