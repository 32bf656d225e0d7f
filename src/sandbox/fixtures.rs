//! Accounts, seals and templates with given ids, so that a program with ids in its configuration
//! can be tested unmodified.

use bytes::Bytes;

use super::document_store::DocumentStore;
use super::handlers::{new_key, seal_size};
use super::world::{
    Account, Change, Grant, Seal, SealDesign, StoredFile, Template, UploadedKind, World,
};
use crate::address::{AccountId, FileKey, SealId, TemplateId};
use crate::api::{MIME_PDF, content_md5};

/// Records that a sandbox has from the start. All apps see them.
#[derive(Debug, Default)]
pub struct Fixtures {
    /// The accounts, each with its seals.
    pub accounts: Vec<FixtureAccount>,
    /// The templates.
    pub templates: Vec<FixtureTemplate>,
}

/// An account with a given id.
#[derive(Debug)]
pub struct FixtureAccount {
    /// The account.
    pub id: AccountId,
    /// The id in the caller's system.
    pub third_id: Option<String>,
    /// The name.
    pub name: String,
    /// Whether the account is a person's.
    pub is_person: bool,
    /// The person who created the account, for an organization.
    pub creator: Option<AccountId>,
    /// Whether the account has granted silent signing.
    pub silent_sign: bool,
    /// The seals. The first one is the default.
    pub seals: Vec<FixtureSeal>,
}

/// A seal with a given id.
#[derive(Debug)]
pub struct FixtureSeal {
    /// The seal.
    pub id: SealId,
    /// The alias.
    pub alias: String,
    /// The width and height, in pixels.
    pub size: (Option<i64>, Option<i64>),
    /// The image.
    pub design: FixtureDesign,
}

/// The image of a seal.
#[derive(Debug)]
pub enum FixtureDesign {
    /// Drawn as by 5.8.2 and 5.8.3.
    Drawn {
        /// The shape.
        template_type: String,
        /// RED, BLUE or BLACK.
        color: String,
        /// The text; the account name if absent.
        text: Option<String>,
        /// The horizontal text.
        h_text: Option<String>,
        /// The text along the lower edge.
        q_text: Option<String>,
    },
    /// A PNG or JPEG image.
    Image(Vec<u8>),
}

/// A template with a given id.
#[derive(Debug)]
pub struct FixtureTemplate {
    /// The template.
    pub id: TemplateId,
    /// The file name.
    pub name: String,
    /// The PDF.
    pub pdf: Vec<u8>,
}

/// Returns whether a file is a PNG or JPEG image that seals can be drawn with.
pub fn is_seal_image(bytes: &[u8]) -> bool {
    DocumentStore::size_of_image(bytes).is_some()
}

/// Adds the records of fixtures to a world. Replaces records with the same ids.
///
/// # Errors
/// An error if a file cannot be stored, or a seal cannot have its size.
pub(super) fn declare(
    fixtures: &Fixtures,
    world: &mut World,
    documents: &mut DocumentStore,
) -> std::io::Result<()> {
    Declaration { world, documents }.declare(fixtures)
}

/// The world that fixtures are added to.
struct Declaration<'a> {
    world: &'a mut World,
    documents: &'a mut DocumentStore,
}

impl Declaration<'_> {
    fn declare(&mut self, fixtures: &Fixtures) -> std::io::Result<()> {
        for account in &fixtures.accounts {
            self.world.put(Change::Account(Account {
                id: account.id.clone(),
                app: None,
                third_id: account.third_id.clone(),
                name: account.name.clone(),
                is_person: account.is_person,
                deleted: false,
                grant: account.silent_sign.then_some(Grant { deadline: None }),
                creator: account.creator.clone(),
            }));
            for seal in &account.seals {
                self.declare_seal(account, seal)?;
            }
        }
        for template in &fixtures.templates {
            let known = self.world.templates.get(&template.id);
            let key = known.map(|known| known.file.clone());
            let file = self.declare_file(key, &template.name, MIME_PDF, &template.pdf)?;
            self.world.put(Change::Template(Template {
                id: template.id.clone(),
                file,
            }));
        }
        Ok(())
    }

    fn declare_seal(
        &mut self,
        account: &FixtureAccount,
        seal: &FixtureSeal,
    ) -> std::io::Result<()> {
        let known = self.world.seals.get(&seal.id).cloned();
        let (proportions, design) = match &seal.design {
            FixtureDesign::Drawn {
                template_type,
                color,
                text,
                h_text,
                q_text,
            } => {
                let design = SealDesign::Drawn {
                    template_type: template_type.clone(),
                    color: color.clone(),
                    text: text.clone().unwrap_or_else(|| account.name.clone()),
                    h_text: h_text.clone(),
                    q_text: q_text.clone(),
                };
                ((1, 1), design)
            }
            FixtureDesign::Image(image) => {
                let key = known.as_ref().and_then(|seal| match &seal.design {
                    SealDesign::Image(key) => Some(key.clone()),
                    SealDesign::Drawn { .. } => None,
                });
                let size = DocumentStore::size_of_image(image).unwrap_or((1, 1));
                let file = self.declare_file(key, &seal.alias, "image/png", image)?;
                (size, SealDesign::Image(file))
            }
        };
        let size = seal_size(seal.size, proportions);
        let (width, height) = size.map_err(|refusal| {
            let message = format!("{}: {}", seal.id, refusal.message);
            std::io::Error::new(std::io::ErrorKind::InvalidInput, message)
        })?;
        let number = known.map_or_else(|| self.world.next_number(), |seal| seal.number);
        self.world.put(Change::Seal(Seal {
            id: seal.id.clone(),
            number,
            account: account.id.clone(),
            alias: seal.alias.clone(),
            width,
            height,
            design,
        }));
        Ok(())
    }

    /// Stores a file as if it had been uploaded; under its former key if its content is the same.
    /// Documents that were made from a former file keep their content.
    fn declare_file(
        &mut self,
        key: Option<FileKey>,
        name: &str,
        content_type: &str,
        bytes: &[u8],
    ) -> std::io::Result<FileKey> {
        let md5 = content_md5(bytes);
        let is_same = |key: &FileKey| {
            self.world
                .files
                .get(key)
                .is_some_and(|file| file.md5 == md5)
        };
        let key = key.filter(is_same);
        let key = key.unwrap_or_else(|| new_key(self.world));
        let uploaded = match content_type {
            MIME_PDF => UploadedKind::Pdf,
            _ => UploadedKind::Other,
        };
        self.world.put(Change::File(StoredFile {
            key: key.clone(),
            app: None,
            size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
            md5,
            content_type: content_type.to_owned(),
            expires: 0,
            name: name.to_owned(),
            uploaded: Some(uploaded),
        }));
        self.documents.put(&key, &Bytes::copy_from_slice(bytes))?;
        Ok(key)
    }
}
