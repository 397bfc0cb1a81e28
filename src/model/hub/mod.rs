//! CLIP models of the Hugging Face hub: what there is, fetched, checked and kept in the hub's ordinary cache.
//!
//! Nothing here touches the network but [`Hub::look`] and [`Hub::fetch`], which a person has asked for by name; a model that is
//! in the cache is [found](Hub::find) without. Environment variables are the hub's own: `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`,
//! `HF_TOKEN`, `HF_TOKEN_PATH`, `HF_HUB_OFFLINE`.
//!
//! The cache, as `huggingface_hub` lays it out, so that either program uses what the other has fetched:
//! ```text
//! models--openai--clip-vit-base-patch32/
//!   blobs/DIGEST                   a file, named by its SHA-256, or a small one by git's SHA-1
//!   blobs/DIGEST.incomplete        what has come of one
//!   refs/main                      the commit
//!   snapshots/COMMIT/config.json   a link to its blob (where there are no links: the file)
//! ```

mod cache;
mod fetch;
mod http;
mod id;
mod info;

pub use cache::{Cached, Check};
pub use fetch::{Progress, Stage};
pub use id::{Commit, HubId};
pub use info::{Plan, PlanFile};

use indicatif::DecimalBytes;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Models of the hub that are known to work, and what they are. Sizes are those of their weights in f32.
pub const KNOWN: [(&str, &str); 3] = [
    ("openai/clip-vit-base-patch32", "ViT-B/32, the fastest: 151 million parameters, about 605 MB"),
    (
        "openai/clip-vit-base-patch16",
        "ViT-B/16, four times the patches: 150 million parameters, about 599 MB",
    ),
    ("openai/clip-vit-large-patch14", "ViT-L/14, for a GPU: 428 million parameters, about 1.7 GB"),
];

/// A model of the hub that is in the cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubModel {
    pub id: HubId,
    pub commit: Commit,
    /// The folder with its files, to be read as any model folder.
    pub folder: PathBuf,
}

impl HubModel {
    /// Of a folder of a cache, wherever that is.
    pub fn in_folder(folder: &Path) -> Option<Self> {
        let commit = folder.file_name()?.to_str()?.parse().ok()?;
        let snapshots = folder.parent().filter(|f| f.ends_with("snapshots"))?;
        let id = HubId::of_folder(snapshots.parent()?.file_name()?.to_str()?)?;
        Some(Self { id, commit, folder: folder.to_owned() })
    }
}

/// Why something with the hub cannot be done. Every message says what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HubError {
    #[error(
        "{id} is not in the cache of the hub, and the network is not used (HF_HUB_OFFLINE is set). {places}"
    )]
    Offline { id: HubId, places: String },
    #[error(
        "{host} cannot be reached ({reason}). Check the network (HF_ENDPOINT names another hub, HTTPS_PROXY a proxy), or do \
         without: {places}"
    )]
    Network { host: String, reason: String, places: String },
    #[error(
        "the hub has no {id}, or shows it to nobody without the right token (HF_TOKEN); and there is no folder of that name"
    )]
    NotThere { id: HubId },
    #[error(
        "{id} is only given to people who have agreed to its terms: agree on {page}, and set HF_TOKEN to a token of yours"
    )]
    Gated { id: HubId, page: String },
    #[error("the hub is asked too often ({what}); try again in a while")]
    Busy { what: String },
    #[error("the hub answered {what} with status {status}; try again in a while")]
    Status { what: String, status: u16 },
    #[error("the hub's answer to {what} cannot be used: {reason}")]
    Answer { what: String, reason: String },
    #[error(
        "{id} has no model.safetensors{pickles}. A folder with weights in that format can be named with --model"
    )]
    NoSafetensors { id: HubId, pickles: String },
    #[error("{id} cannot be used: {reason}")]
    NotClip { id: HubId, reason: String },
    #[error(
        "{} are to be fetched, and {folder} has {} free. Make room, or name another place with HF_HUB_CACHE",
        DecimalBytes(*need),
        DecimalBytes(*free)
    )]
    Space { need: u64, free: u64, folder: PathBuf },
    #[error(
        "{file} of {id} came with {said}; it was thrown away. Fetch it again; if that \
         does not help, something on the way alters files"
    )]
    Digest { id: HubId, file: String, said: String },
    #[error("cannot write {path}: {reason}")]
    Io { path: PathBuf, reason: String },
    #[error("the setting {name} cannot be used: {reason}")]
    Setting { name: &'static str, reason: String },
    #[error("cancelled; what has come is kept, and the next fetch goes on from there")]
    Cancelled,
}

/// How long the hub is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection, and for the head of an answer.
    pub answer: Duration,
    /// Between two pieces of a file.
    pub piece: Duration,
    /// For the whole of an answer that is no file.
    pub whole: Duration,
    /// So often in a row a transfer may break without having brought much.
    pub tries: u32,
    /// Before the second try; twice as long before the next.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { answer: seconds(30), piece: seconds(30), whole: seconds(60), tries: 5, pause: seconds(1) }
    }
}

/// A hub and its cache.
#[derive(Clone, Debug)]
pub struct Hub {
    endpoint: String,
    /// An error where it is none: only who needs the network hears of it.
    token: Result<Option<String>, HubError>,
    cache: PathBuf,
    offline: bool,
    patience: Patience,
}

impl Hub {
    /// As the environment says.
    ///
    /// # Errors
    /// There is no home folder and no variable that names a cache, or the endpoint is no address.
    pub fn from_env() -> Result<Self, HubError> {
        Self::of(&|name| std::env::var_os(name))
    }

    /// As these environment variables say.
    ///
    /// # Errors
    /// See [`Hub::from_env`].
    pub fn of(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, HubError> {
        let own = variable("HOME").map(PathBuf::from).filter(|h| !h.as_os_str().is_empty());
        let own = own.or_else(|| directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned()));
        let path = |name: &str| {
            let path = PathBuf::from(variable(name).filter(|v| !v.is_empty())?);
            match (path.strip_prefix("~"), &own) {
                (Ok(rest), Some(own)) => Some(own.join(rest)),
                _ => Some(path),
            }
        };
        let text = |name: &str| {
            variable(name)?.into_string().ok().map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
        };
        let home = path("HF_HOME").or_else(|| Some(path("XDG_CACHE_HOME")?.join("huggingface")));
        let home = home.or_else(|| Some(own.as_ref()?.join(".cache/huggingface")));
        let cache = path("HF_HUB_CACHE").or_else(|| path("HUGGINGFACE_HUB_CACHE"));
        let cache = cache.or_else(|| Some(home.as_ref()?.join("hub"))).ok_or_else(|| HubError::Setting {
            name: "HF_HUB_CACHE",
            reason: "it is not set, and there is no home folder with a cache".to_owned(),
        })?;
        let endpoint = text("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        if http::origin(&endpoint).is_none() {
            let reason = format!("\"{endpoint}\" is no address that begins with https:// or http://");
            return Err(HubError::Setting { name: "HF_ENDPOINT", reason });
        }
        let file = path("HF_TOKEN_PATH").or_else(|| Some(home?.join("token")));
        let kept = || Some(std::fs::read_to_string(file?).ok()?.trim().to_owned()).filter(|t| !t.is_empty());
        let token = text("HF_TOKEN").or_else(|| text("HUGGING_FACE_HUB_TOKEN")).or_else(kept);
        let token = match token.as_ref().is_some_and(|t| !t.bytes().all(|b| b.is_ascii_graphic())) {
            true => {
                let reason = "the token has characters that no token has".to_owned();
                Err(HubError::Setting { name: "HF_TOKEN", reason })
            }
            false => Ok(token),
        };
        let offline = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"].into_iter().filter_map(text);
        let offline =
            offline.map(|v| v.to_ascii_lowercase()).any(|v| ["1", "true", "yes", "on"].contains(&v.as_str()));
        Ok(Self { endpoint, token, cache, offline, patience: Patience::default() })
    }

    /// The same with other waits (tests).
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The folder that models are kept in.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// The network is not to be used.
    pub fn is_offline(&self) -> bool {
        self.offline
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A token is sent to the hub.
    pub fn has_token(&self) -> bool {
        self.token.as_ref().is_ok_and(Option::is_some)
    }

    /// The page of a model, to be read by people.
    pub fn page(&self, id: &HubId) -> String {
        format!("{}/{}", self.endpoint, id.repo())
    }

    /// Which files to put where for a model that cannot be fetched here, in words.
    pub fn places(&self, id: &HubId) -> String {
        format!(
            "On a machine with network run \"motionlens model fetch {id}\" and copy its folder {} into {}; or put config.json, \
             tokenizer.json, preprocessor_config.json and model.safetensors of {} into a folder, and name that folder as the \
             model",
            id.folder(),
            self.cache.display(),
            self.page(id),
        )
    }

    /// Bytes that can still be written where the cache is, or will be made.
    pub fn free(&self) -> Option<u64> {
        // The last ancestor of a relative path is empty.
        let there = |folder: &&Path| folder.is_dir() || folder.as_os_str().is_empty();
        let folder = self.cache.ancestors().find(there)?;
        fs4::available_space(if folder.as_os_str().is_empty() { Path::new(".") } else { folder }).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(set: &[(&str, &str)]) -> Result<Hub, HubError> {
        let set: Vec<(String, OsString)> = set.iter().map(|(k, v)| ((*k).to_owned(), (*v).into())).collect();
        Hub::of(&move |name| set.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone()))
    }

    #[test]
    fn the_cache_is_where_the_variables_of_the_hub_say() {
        for (set, want) in [
            (&[("HOME", "/h")][..], "/h/.cache/huggingface/hub"),
            (&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub"),
            (&[("HOME", "/h"), ("HF_HOME", "/hf")], "/hf/hub"),
            (&[("HOME", "/h"), ("HF_HOME", "~/hf")], "/h/hf/hub"),
            (&[("HOME", "/h"), ("HF_HOME", "")], "/h/.cache/huggingface/hub"),
            (&[("HOME", "/h"), ("HF_HOME", "/hf"), ("HUGGINGFACE_HUB_CACHE", "/old")], "/old"),
            (&[("HF_HUB_CACHE", "/c"), ("HF_HOME", "/hf"), ("HUGGINGFACE_HUB_CACHE", "/old")], "/c"),
        ] {
            assert_eq!(hub(set).unwrap().cache(), Path::new(want), "{set:?}");
        }
    }

    #[test]
    fn endpoint_token_and_the_offline_switch() {
        let plain = hub(&[("HOME", "/h")]).unwrap();
        assert_eq!(
            (plain.endpoint(), plain.is_offline(), plain.has_token()),
            ("https://huggingface.co", false, false)
        );
        for (value, offline) in
            [("1", true), ("TRUE", true), ("yes", true), ("0", false), ("", false), ("no", false)]
        {
            assert_eq!(
                hub(&[("HOME", "/h"), ("HF_HUB_OFFLINE", value)]).unwrap().is_offline(),
                offline,
                "{value}"
            );
        }
        assert_eq!(
            hub(&[("HOME", "/h"), ("HF_ENDPOINT", "http://127.0.0.1:9/")]).unwrap().endpoint(),
            "http://127.0.0.1:9"
        );
        for bad in ["hub", "ftp://a", "https://", "file:///etc"] {
            let error = hub(&[("HOME", "/h"), ("HF_ENDPOINT", bad)]).unwrap_err();
            assert!(error.to_string().contains("HF_ENDPOINT"), "{error}");
        }
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), " hf_abc\n").unwrap();
        let home = dir.path().to_str().unwrap();
        assert_eq!(hub(&[("HF_HOME", home)]).unwrap().token.unwrap().as_deref(), Some("hf_abc"));
        assert_eq!(
            hub(&[("HF_HOME", home), ("HF_TOKEN", "hf_x")]).unwrap().token.unwrap().as_deref(),
            Some("hf_x")
        );
        // One that is none is no obstacle to what needs no network.
        let none = hub(&[("HF_HOME", home), ("HF_TOKEN", "a\nb")]).unwrap();
        assert!(!none.has_token() && none.cached().is_empty());
        let error = none.look(&"a/b".parse().unwrap(), &|| false).unwrap_err();
        assert!(error.to_string().contains("HF_TOKEN"), "{error}");
    }
}
