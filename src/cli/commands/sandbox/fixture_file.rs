//! Parses the file of `treaty sandbox --fixtures`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use crate::address::{AccountId, SealId, TemplateId};
use crate::api::code::{
    ORGANIZATION_SEAL_TEMPLATES, PERSON_SEAL_TEMPLATES, SEAL_COLORS, THIRD_ID_BYTES,
};
use crate::cli::exit::{CliError, Exit};
use crate::diagnostic::{Diagnostic, SourceFile, Span};
use crate::manifest::{Located, read_yaml};
use crate::pdf;
use crate::sandbox::{
    FixtureAccount, FixtureDesign, FixtureSeal, FixtureTemplate, Fixtures, MAX_SEAL_SIZE,
    is_seal_image,
};
use crate::util::input_file;

/// Reads a fixture file, and the files that it names. An unreadable fixture file is a usage error,
/// invalid content a list of diagnostics.
pub(super) fn read(path: &Path) -> Result<Result<Fixtures, Vec<Diagnostic>>, CliError> {
    let text = input_file::read_text(path, input_file::MAX_TEXT).map_err(|error| {
        CliError::new(
            Exit::Usage,
            format!(
                "the fixture file {} cannot be read: {error}",
                path.display()
            ),
            error.hint("--fixtures takes a YAML file; see the example in docs/sandbox.md"),
        )
    })?;
    let file = Arc::new(SourceFile {
        path: path.display().to_string(),
        text,
    });
    let content = match read_yaml::<FixtureFile>(&file) {
        Ok(content) => content,
        Err(mut diagnostic) => {
            diagnostic.hint.get_or_insert_with(|| EXAMPLE.to_owned());
            return Ok(Err(vec![diagnostic]));
        }
    };
    let mut reader = Reader {
        file,
        folder: path.parent().unwrap_or(Path::new("")).to_owned(),
        known: BTreeMap::new(),
        wrong: Vec::new(),
    };
    let fixtures = reader.fixtures(content);
    Ok(if reader.wrong.is_empty() {
        Ok(fixtures)
    } else {
        Err(reader.wrong)
    })
}

const EXAMPLE: &str = "an example: accounts: [{ accountId: 8b33, thirdId: acme, organization: 甲公司, \
     seals: [{ sealId: 1f0c, alias: 公章, templateType: ROUND_STAR, color: RED }] }]; see docs/sandbox.md";

/// The content of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FixtureFile {
    #[serde(default)]
    accounts: Vec<Account>,
    #[serde(default)]
    templates: Vec<Template>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Account {
    #[serde(rename = "accountId")]
    id: Located<String>,
    third_id: Option<Located<String>>,
    person: Option<Located<String>>,
    organization: Option<Located<String>>,
    creator_id: Option<Located<String>>,
    #[serde(default)]
    silent_sign: bool,
    #[serde(default)]
    seals: Vec<Seal>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Seal {
    #[serde(rename = "sealId")]
    id: Located<String>,
    alias: String,
    template_type: Option<Located<String>>,
    color: Option<Located<String>>,
    text: Option<String>,
    h_text: Option<String>,
    q_text: Option<String>,
    image: Option<Located<PathBuf>>,
    width: Option<Located<i64>>,
    height: Option<Located<i64>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Template {
    #[serde(rename = "templateId")]
    id: Located<String>,
    file: Located<PathBuf>,
}

/// Checks the content and reads the files that it names.
struct Reader {
    file: Arc<SourceFile>,
    folder: PathBuf,
    /// The ids by field and value, each with its first location.
    known: BTreeMap<(&'static str, String), Span>,
    wrong: Vec<Diagnostic>,
}

impl Reader {
    fn fixtures(&mut self, content: FixtureFile) -> Fixtures {
        let persons = content.accounts.iter();
        let persons = persons.filter(|account| account.person.is_some());
        let persons: Vec<String> = persons.map(|account| account.id.value.clone()).collect();
        let accounts = content.accounts.into_iter();
        let accounts = accounts
            .map(|account| self.account(account, &persons))
            .collect();
        let templates = content.templates.into_iter();
        let templates = templates.map(|template| self.template(&template)).collect();
        Fixtures {
            accounts,
            templates,
        }
    }

    fn account(&mut self, account: Account, persons: &[String]) -> FixtureAccount {
        self.id("accountId", &account.id);
        if let Some(third_id) = &account.third_id {
            self.id("thirdId", third_id);
            if third_id.value.len() > THIRD_ID_BYTES {
                self.error("thirdId is longer than 50 bytes", third_id);
            }
        }
        let name = match (&account.person, &account.organization) {
            (Some(name), None) | (None, Some(name)) if !name.value.trim().is_empty() => {
                name.value.clone()
            }
            (Some(name), None) | (None, Some(name)) => {
                self.error("the name is empty", name);
                String::new()
            }
            (Some(_), Some(other)) => {
                self.error("an account is a person or an organization, not both", other);
                String::new()
            }
            (None, None) => {
                self.error(
                    "the account needs person or organization with its name",
                    &account.id,
                );
                String::new()
            }
        };
        let is_person = account.person.is_some();
        if let Some(creator) = &account.creator_id {
            if is_person {
                self.error("a person has no creatorId", creator);
            } else if !persons.contains(&creator.value) {
                let message = "creatorId is not the accountId of a person in this file";
                self.error(message, creator);
            }
        }
        let seals = account.seals.into_iter();
        FixtureAccount {
            name,
            is_person,
            seals: seals.map(|seal| self.seal(seal, is_person)).collect(),
            id: AccountId(account.id.value),
            third_id: account.third_id.map(|id| id.value),
            creator: account.creator_id.map(|id| AccountId(id.value)),
            silent_sign: account.silent_sign,
        }
    }

    fn seal(&mut self, seal: Seal, is_person: bool) -> FixtureSeal {
        self.id("sealId", &seal.id);
        for side in [&seal.width, &seal.height].into_iter().flatten() {
            if !(1..=i64::from(MAX_SEAL_SIZE)).contains(&side.value) {
                let message = format!("width and height must be from 1 to {MAX_SEAL_SIZE}");
                self.error(message, side);
            }
        }
        let design = match (seal.template_type, seal.color, seal.image) {
            (Some(template_type), Some(color), None) => {
                let shapes = if is_person {
                    PERSON_SEAL_TEMPLATES
                } else {
                    ORGANIZATION_SEAL_TEMPLATES
                };
                self.one_of("templateType", &template_type, shapes);
                self.one_of("color", &color, SEAL_COLORS);
                FixtureDesign::Drawn {
                    template_type: template_type.value,
                    color: color.value,
                    text: seal.text,
                    h_text: seal.h_text,
                    q_text: seal.q_text,
                }
            }
            (None, None, Some(image)) => {
                let bytes = self.content(&image);
                if bytes.as_ref().is_some_and(|bytes| !is_seal_image(bytes)) {
                    self.error("the file is neither a PNG nor a JPEG image", &image);
                }
                FixtureDesign::Image(bytes.unwrap_or_default())
            }
            _ => {
                let message = "a seal needs templateType and color, or image";
                self.error(message, &seal.id);
                FixtureDesign::Image(Vec::new())
            }
        };
        FixtureSeal {
            id: SealId(seal.id.value),
            alias: seal.alias,
            size: (
                seal.width.map(|side| side.value),
                seal.height.map(|side| side.value),
            ),
            design,
        }
    }

    fn template(&mut self, template: &Template) -> FixtureTemplate {
        self.id("templateId", &template.id);
        let pdf = self.content(&template.file);
        if let Some(Err(error)) = pdf.as_ref().map(|bytes| pdf::check(bytes)) {
            self.error(
                format!("the file cannot be a template: {error}"),
                &template.file,
            );
        }
        let name = template.file.value.file_name().unwrap_or_default();
        FixtureTemplate {
            id: TemplateId(template.id.value.clone()),
            name: name.to_string_lossy().into_owned(),
            pdf: pdf.unwrap_or_default(),
        }
    }

    /// Refuses an empty id, and one that was declared before.
    fn id(&mut self, field: &'static str, id: &Located<String>) {
        if id.value.trim().is_empty() {
            return self.error(format!("{field} is empty"), id);
        }
        let span = id.span(&self.file);
        let first = self.known.insert((field, id.value.clone()), span.clone());
        if let Some(first) = first {
            let message = format!("{field} {} is declared twice", id.value);
            let twice = Diagnostic::error(message).at(span);
            self.wrong.push(twice.related(first, "the first one"));
        }
    }

    fn one_of(&mut self, field: &str, value: &Located<String>, known: &[&str]) {
        if !known.contains(&value.value.as_str()) {
            let message = format!("{field} must be one of {}", known.join(", "));
            self.error(message, value);
        }
    }

    /// Reads a file that is named relative to the folder of the fixture file.
    fn content(&mut self, path: &Located<PathBuf>) -> Option<Vec<u8>> {
        match input_file::read(&self.folder.join(&path.value), input_file::MAX_DOCUMENT) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                let message = format!("{} cannot be read: {error}", path.value.display());
                self.error(message, path);
                None
            }
        }
    }

    fn error<T>(&mut self, message: impl Into<String>, at: &Located<T>) {
        let span = at.span(&self.file);
        self.wrong.push(Diagnostic::error(message.into()).at(span));
    }
}
