//! What the hub says of a model, before anything of it is fetched: its licence, its files with their sizes and digests, and
//! whether it is a CLIP that can be used.

use super::http::{Trouble, shown};
use super::id::{Commit, is_hex};
use super::{Hub, HubError, HubId};
use crate::model::config::ConfigFile;
use crate::model::folder::{CARD, CONFIG, HEAD_WEIGHTS, INDEX, PREPROCESSOR, TOKENIZER, WEIGHTS};
use indicatif::DecimalBytes;
use serde::Deserialize;
use std::path::PathBuf;

/// What a file is checked by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Digest {
    /// Of large files.
    Sha256(String),
    /// Git's own, of small ones.
    GitSha1(String),
}

impl Digest {
    /// By the name of a blob in the cache.
    pub fn named(name: &str) -> Option<Self> {
        match name.len() {
            64 if is_hex(name, 64) => Some(Self::Sha256(name.to_owned())),
            40 if is_hex(name, 40) => Some(Self::GitSha1(name.to_owned())),
            _ => None,
        }
    }

    pub fn hex(&self) -> &str {
        match self {
            Self::Sha256(hex) | Self::GitSha1(hex) => hex,
        }
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "SHA-256",
            Self::GitSha1(_) => "git's SHA-1",
        }
    }
}

/// A file that a model needs.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanFile {
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// Bytes of it that are in the cache; all of them: nothing is fetched.
    pub there: u64,
    pub(super) digest: Digest,
}

/// What a fetch would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub id: HubId,
    pub commit: Commit,
    /// The branch, tag or pull request that the commit is of.
    pub revision: String,
    /// As the model's page states it; `None`: it states none.
    pub licence: Option<String>,
    /// Where it can be read.
    pub page: String,
    /// Small ones first, in the order in which they are fetched.
    pub files: Vec<PlanFile>,
    /// What a person should know besides, in a sentence.
    pub note: Option<String>,
    /// Where the files go.
    pub folder: PathBuf,
    /// Bytes that can still be written there.
    pub free: Option<u64>,
}

impl Plan {
    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        self.files.iter().fold(0, |sum, f| sum.saturating_add(f.size))
    }

    /// Bytes that are still to come.
    pub fn missing(&self) -> u64 {
        self.size().saturating_sub(self.files.iter().map(|f| f.there).sum())
    }

    /// The licence, for people.
    pub fn licence_words(&self) -> String {
        match &self.licence {
            Some(licence) => format!("{licence} ({})", self.page),
            None => format!("not stated; read {} before you use it", self.page),
        }
    }

    /// What a person has to know before anything is fetched: what it is of, and the words.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let size = format!("{} in {} files", DecimalBytes(self.size()), self.files.len());
        let mut facts = vec![
            ("Licence", self.licence_words()),
            ("Size", format!("{size}, {} to fetch", DecimalBytes(self.missing()))),
            ("Revision", format!("{}, commit {}", self.revision, self.commit.as_str())),
            ("Into", self.folder.display().to_string()),
        ];
        facts.extend(self.free.map(|free| ("Free there", DecimalBytes(free).to_string())));
        facts.extend(self.note.clone().map(|note| ("Note", note)));
        facts
    }

    /// That there is room for what is missing.
    ///
    /// # Errors
    /// There is not.
    pub fn fits(&self) -> Result<(), HubError> {
        // Some of it for what else the disk is used for meanwhile.
        const SPARE: u64 = 64 << 20;
        let need = self.missing();
        match self.free {
            Some(free) if need > 0 && need.saturating_add(SPARE) > free => {
                Err(HubError::Space { need, free, folder: self.folder.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// `/api/models/ID/revision/REVISION?blobs=true`, as far as it matters.
#[derive(Deserialize)]
struct Info {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
    #[serde(default, rename = "cardData")]
    card: Option<serde_json::Value>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    config: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default, rename = "blobId")]
    blob: Option<String>,
    #[serde(default)]
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
    #[serde(default)]
    size: Option<u64>,
}

/// `/api/models/ID/discussions`, as far as it matters.
#[derive(Deserialize)]
struct Discussions {
    #[serde(default)]
    discussions: Vec<Discussion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Discussion {
    num: u64,
    #[serde(default)]
    title: String,
    #[serde(default)]
    is_pull_request: bool,
    #[serde(default)]
    author: Option<Author>,
}

#[derive(Deserialize)]
struct Author {
    name: String,
}

/// Who at Hugging Face turns pickles into safetensors, and what it calls its pull requests. Anybody can open one, so the author
/// counts.
const CONVERTER: (&str, &str) = ("SFconvertbot", "Adding `safetensors` variant of this model");

/// A model has far fewer files.
const MOST_FILES: usize = 100_000;

impl Hub {
    /// Asks the hub what fetching a model would mean.
    ///
    /// # Errors
    /// The network is not to be used or does not work, there is no such model, it is for others, or it is no CLIP that can be
    /// used.
    pub fn look(&self, id: &HubId, cancelled: &dyn Fn() -> bool) -> Result<Plan, HubError> {
        if self.offline {
            return Err(HubError::Offline { id: id.clone(), places: self.places(id) });
        }
        if let Err(why) = &self.token {
            return Err(why.clone());
        }
        let revision = id.revision().unwrap_or("main");
        let mut info = self.info(id, revision, cancelled)?;
        let mut at = (revision.to_owned(), None);
        is_clip(id, &info)?;
        if !has_weights(&info) {
            let pickles: Vec<&str> =
                info.siblings.iter().map(|s| s.rfilename.as_str()).filter(|f| is_pickle(f)).collect();
            let converted = match id.revision() {
                None if !pickles.is_empty() => self.converted(id, cancelled)?,
                _ => None,
            };
            let found = match converted {
                Some(revision) => Some((self.info(id, &revision, cancelled)?, revision)),
                None => None,
            };
            let Some((other, revision)) = found.filter(|(info, _)| has_weights(info)) else {
                let pickles = match pickles.first() {
                    Some(file) => format!(
                        ", only {}: a pickle, which can run any program when it is opened and is never read",
                        shown(file)
                    ),
                    None => String::new(),
                };
                return Err(HubError::NoSafetensors { id: id.clone(), pickles });
            };
            let note = format!(
                "its own branch has no safetensors; these are of {revision}, which Hugging Face's converter made of its pickle and \
                 which its owner has not taken over"
            );
            at = (revision, Some(note));
            info = other;
            is_clip(id, &info)?;
        }
        self.plan(id, at, &info)
    }

    fn info(&self, id: &HubId, revision: &str, cancelled: &dyn Fn() -> bool) -> Result<Info, HubError> {
        let what = format!("what {}@{revision} is", id.repo());
        let url = format!(
            "{}/api/models/{}/revision/{}?blobs=true",
            self.endpoint,
            id.repo(),
            revision.replace('/', "%2F")
        );
        let bytes = self.small(id, &url, &what, cancelled)?;
        let info: Info = read(&bytes, &what)?;
        match info.siblings.len() > MOST_FILES {
            true => Err(HubError::Answer { what, reason: format!("it lists {} files", info.siblings.len()) }),
            false => Ok(info),
        }
    }

    /// The pull request of the converter, where there is one; the newest.
    fn converted(&self, id: &HubId, cancelled: &dyn Fn() -> bool) -> Result<Option<String>, HubError> {
        let url = format!("{}/api/models/{}/discussions?type=pull_request", self.endpoint, id.repo());
        let what = format!("the pull requests of {}", id.repo());
        // A hub without them, as mirrors are, has none of the converter.
        let bytes = match self.small(id, &url, &what, cancelled) {
            Err(HubError::NotThere { .. } | HubError::Gated { .. }) => return Ok(None),
            other => other?,
        };
        let list: Discussions = read(&bytes, &what)?;
        let by_converter = |d: &Discussion| {
            d.is_pull_request
                && d.title == CONVERTER.1
                && d.author.as_ref().is_some_and(|a| a.name == CONVERTER.0)
        };
        let newest = list.discussions.iter().filter(|d| by_converter(d)).map(|d| d.num).max();
        Ok(newest.map(|num| format!("refs/pr/{num}")))
    }

    fn plan(
        &self,
        id: &HubId,
        (revision, note): (String, Option<String>),
        info: &Info,
    ) -> Result<Plan, HubError> {
        let refuse =
            |reason: String| HubError::Answer { what: format!("what {}@{revision} is", id.repo()), reason };
        let commit: Commit =
            info.sha.parse().map_err(|why| refuse(format!("{why}, and not \"{}\"", shown(&info.sha))))?;
        let named = |name: &str| info.siblings.iter().find(|s| s.rfilename == name);
        let mut wanted: Vec<&Sibling> = Vec::new();
        for name in [CONFIG, TOKENIZER] {
            let reason = || format!("it has no {name}, which a CLIP in the layout of Hugging Face has");
            wanted.push(named(name).ok_or_else(|| HubError::NotClip { id: id.clone(), reason: reason() })?);
        }
        wanted.extend([PREPROCESSOR, CARD].into_iter().filter_map(named));
        match named(WEIGHTS) {
            Some(weights) => wanted.push(weights),
            None => {
                wanted.extend(named(INDEX));
                let mut shards: Vec<&Sibling> =
                    info.siblings.iter().filter(|s| is_shard(&s.rfilename)).collect();
                shards.sort_by(|a, b| a.rfilename.cmp(&b.rfilename));
                wanted.extend(shards);
            }
        }
        wanted.extend(named(HEAD_WEIGHTS));
        let folder = self.cache.join(id.folder());
        let files = wanted.into_iter().map(|sibling| {
            let mut file = plan_file(sibling).map_err(&refuse)?;
            file.there = super::cache::there(&folder, &file);
            Ok(file)
        });
        let files = files.collect::<Result<Vec<_>, HubError>>()?;
        Ok(Plan {
            licence: licence(info),
            page: self.page(id),
            free: self.free(),
            id: id.clone(),
            commit,
            revision: revision.clone(),
            files,
            note,
            folder,
        })
    }
}

/// JSON that the hub has sent.
fn read<T: serde::de::DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, HubError> {
    serde_json::from_slice(bytes).map_err(|e| HubError::Answer {
        what: what.to_owned(),
        reason: format!("its JSON cannot be read: {}", shown(&e.to_string())),
    })
}

/// Size and digest, which every file has to have.
fn plan_file(sibling: &Sibling) -> Result<PlanFile, String> {
    let name = &sibling.rfilename;
    let size = sibling.lfs.as_ref().and_then(|l| l.size).or(sibling.size);
    let size = size.ok_or_else(|| format!("it does not say how large {name} is"))?;
    let digest = match (&sibling.lfs, &sibling.blob) {
        (Some(lfs), _) if is_hex(&lfs.sha256, 64) => Digest::Sha256(lfs.sha256.clone()),
        (None, Some(blob)) if is_hex(blob, 40) && !name.ends_with(".safetensors") => {
            Digest::GitSha1(blob.clone())
        }
        _ => {
            return Err(format!(
                "it does not say the digest of {name}, so that the file could not be checked"
            ));
        }
    };
    // What is read whole into memory as JSON is far smaller.
    const LARGEST_JSON: u64 = 64 << 20;
    if !name.ends_with(".safetensors") && size > LARGEST_JSON {
        return Err(format!("{name} is said to have {size} bytes"));
    }
    Ok(PlanFile { name: name.clone(), size, there: 0, digest })
}

fn has_weights(info: &Info) -> bool {
    let has = |name: &str| info.siblings.iter().any(|s| s.rfilename == name);
    has(WEIGHTS) || has(INDEX)
}

fn is_pickle(file: &str) -> bool {
    !file.contains('/') && [".bin", ".pt", ".pth", ".ckpt"].iter().any(|end| file.ends_with(end))
}

/// `model-00001-of-00002.safetensors`
pub(super) fn is_shard(file: &str) -> bool {
    let number = |n: &str| n.len() == 5 && n.bytes().all(|b| b.is_ascii_digit());
    let middle = file.strip_prefix("model-").and_then(|f| f.strip_suffix(".safetensors"));
    middle.and_then(|m| m.split_once("-of-")).is_some_and(|(a, b)| number(a) && number(b))
}

/// Refuses what the hub itself says is another architecture, before anything is fetched.
fn is_clip(id: &HubId, info: &Info) -> Result<(), HubError> {
    let said = info.config.clone().and_then(|config| serde_json::from_value::<ConfigFile>(config).ok());
    said.unwrap_or_default().check().map_err(|reason| HubError::NotClip { id: id.clone(), reason })
}

fn licence(info: &Info) -> Option<String> {
    let text =
        |field: &str| Some(shown(info.card.as_ref()?.get(field)?.as_str()?.trim())).filter(|t| !t.is_empty());
    let tag = || info.tags.iter().find_map(|t| t.strip_prefix("license:")).map(shown);
    let licence = text("license").or_else(tag)?;
    match (licence.as_str(), text("license_name")) {
        ("other", Some(name)) => Some(name),
        _ => Some(licence),
    }
}

impl From<HubError> for Trouble {
    fn from(error: HubError) -> Self {
        Self::Final(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_and_pickles_by_their_names() {
        assert!(is_shard("model-00001-of-00002.safetensors"));
        for other in [
            "model.safetensors",
            "model-1-of-2.safetensors",
            "a/model-00001-of-00002.safetensors",
            "model-00001-of-00002.bin",
        ] {
            assert!(!is_shard(other), "{other}");
        }
        assert!(
            is_pickle("pytorch_model.bin") && !is_pickle("model.safetensors") && !is_pickle("onnx/model.bin")
        );
    }

    #[test]
    fn the_licence_as_the_card_or_the_tags_have_it() {
        let of = |json: serde_json::Value| licence(&serde_json::from_value(json).unwrap());
        assert_eq!(
            of(serde_json::json!({"sha": "", "cardData": {"license": "mit"}})).as_deref(),
            Some("mit")
        );
        assert_eq!(
            of(serde_json::json!({"sha": "", "tags": ["x", "license:apache-2.0"]})).as_deref(),
            Some("apache-2.0")
        );
        let other =
            serde_json::json!({"sha": "", "cardData": {"license": "other", "license_name": "apple-amlr"}});
        assert_eq!(of(other).as_deref(), Some("apple-amlr"));
        assert_eq!(of(serde_json::json!({"sha": ""})), None);
        assert_eq!(of(serde_json::json!({"sha": "", "cardData": {"license": 7}})), None);
    }
}
