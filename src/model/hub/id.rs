//! How a model of the hub is named: `owner/name`, or `owner/name@revision` with a branch, a tag, a pull request or a commit.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// Ends of names that a repository's does not have, though it may have a dot (`clip.v2`).
const FILES: [&str; 12] =
    ["safetensors", "json", "bin", "pt", "pth", "ckpt", "h5", "onnx", "gguf", "zip", "mp4", "avi"];

/// A model of the hub. Its parts hold nothing that a path or an address could take for anything else.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HubId {
    repo: String,
    revision: Option<String>,
}

impl HubId {
    /// `owner/name`.
    pub fn repo(&self) -> &str {
        &self.repo
    }

    /// What was named after the `@`.
    pub fn revision(&self) -> Option<&str> {
        self.revision.as_deref()
    }

    /// The same model at this commit.
    pub fn at(&self, commit: &Commit) -> Self {
        Self { repo: self.repo.clone(), revision: Some(commit.as_str().to_owned()) }
    }

    /// What a person gave for a model, where it can be no path that is there: a folder goes before an id, and so does what is
    /// a path mistyped: a name in a folder that is there, or one that ends as files of models and videos do.
    pub fn in_place_of(path: &Path) -> Option<Self> {
        let id: Self = path.to_str()?.parse().ok()?;
        let parent = path.parent().is_some_and(|p| p.as_os_str().is_empty() || p.exists());
        let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        let file = extension.is_some_and(|e| FILES.contains(&e.as_str()));
        (!path.exists() && !parent && !file).then_some(id)
    }

    /// The folder's name in the cache.
    pub(super) fn folder(&self) -> String {
        format!("models--{}", self.repo.replace('/', "--"))
    }

    /// The id of a folder of the cache.
    pub(super) fn of_folder(name: &str) -> Option<Self> {
        name.strip_prefix("models--")?.replacen("--", "/", 1).parse().ok()
    }
}

impl FromStr for HubId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (repo, revision) = text.split_once('@').map_or((text, None), |(r, v)| (r, Some(v)));
        let letter = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let part = |part: &str| {
            part.len() <= 96
                && part.chars().all(letter)
                && part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && !part.contains("--")
                && !part.contains("..")
                && !part.ends_with(['.', '-'])
        };
        let named = repo.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name));
        let plain = |v: &str| v.len() <= 200 && v.split('/').all(|p| part(p) && !p.ends_with(".lock"));
        if !named || !revision.is_none_or(plain) {
            return Err(format!(
                "\"{text}\" is no id of the hub; one is owner/name, as in openai/clip-vit-base-patch32, and may have \
                 @revision after it"
            ));
        }
        Ok(Self { repo: repo.to_owned(), revision: revision.map(str::to_owned) })
    }
}

impl TryFrom<String> for HubId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<HubId> for String {
    fn from(id: HubId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for HubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.revision {
            None => f.write_str(&self.repo),
            Some(revision) => write!(f, "{}@{revision}", self.repo),
        }
    }
}

/// A commit: 40 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Commit(String);

impl Commit {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Commit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match is_hex(text, 40) {
            true => Ok(Self(text.to_owned())),
            false => Err("a commit has 40 hex digits".to_owned()),
        }
    }
}

impl TryFrom<String> for Commit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Commit> for String {
    fn from(commit: Commit) -> Self {
        commit.0
    }
}

/// Whether a text is so many hex digits, small letters only.
pub(super) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_what_is_none() {
        for good in [
            "openai/clip-vit-base-patch32",
            "a/b",
            "me/my_clip.v2@main",
            "me/clip@refs/pr/3",
            "me/clip@0123456789012345678901234567890123456789",
        ] {
            let id: HubId = good.parse().unwrap();
            assert_eq!(id.to_string(), good);
            assert_eq!(HubId::of_folder(&id.folder()).unwrap().repo(), id.repo());
        }
        for bad in [
            "",
            "clip",
            "a/b/c",
            "/a/b",
            "./a",
            "../b",
            "a/..",
            "a/b@",
            "a/b@../x",
            "a/b@x/",
            "a/b@-x",
            "a b/c",
            "a/b?x",
            "a--b/c",
            "a/b#c",
            "a/b@x\ny",
            "a/b@%2e%2e",
            "C:/b",
            "-a/b",
            "a/é",
            "a/b@/etc",
        ] {
            assert!(bad.parse::<HubId>().is_err(), "{bad}");
            assert!(serde_json::from_value::<HubId>(bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_folder_goes_before_an_id() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(HubId::in_place_of(&dir.path().join("a")), None);
        // Tests run in the folder of the crate.
        for folder in
            ["assets/model", "assets/modle", "src", "clip", "asets/model.safetensors", "asets/clip.PT"]
        {
            assert_eq!(HubId::in_place_of(Path::new(folder)), None, "{folder}");
        }
        for id in ["openai/clip-vit-base-patch32", "me/clip.v2", "me/clip@0.json.1"] {
            assert!(HubId::in_place_of(Path::new(id)).is_some(), "{id}");
        }
    }

    #[test]
    fn a_commit_is_40_hex_digits() {
        assert!("0123456789abcdef0123456789abcdef01234567".parse::<Commit>().is_ok());
        for bad in [
            "",
            "main",
            "0123456789ABCDEF0123456789abcdef01234567",
            "../../../../../../../../../../../../../x",
        ] {
            assert!(bad.parse::<Commit>().is_err(), "{bad}");
        }
    }
}
