//! A model is a folder: a CLIP in the Hugging Face layout and, when its motion head is trained, the head's weights and
//! `motionlens.json`. The embedded default is the same set of files, held in the binary.

use super::config::{ClipConfig, ConfigFile};
use super::dense::Reading;
use super::head::{HeadConfig, MotionHead};
use super::towers::Towers;
use super::weights::{ShardIndex, Weights, WeightsError, load_clip};
use crate::data::cast::Cast;
use crate::files::read_whole;
use crate::prompt::Templates;
use burn::module::Module;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Names of the files of a model folder.
pub const CONFIG: &str = "config.json";
pub const WEIGHTS: &str = "model.safetensors";
/// In place of [`WEIGHTS`], where they are in several files: which tensor is in which.
pub const INDEX: &str = "model.safetensors.index.json";
pub const TOKENIZER: &str = "tokenizer.json";
pub const PREPROCESSOR: &str = "preprocessor_config.json";
pub const HEAD_WEIGHTS: &str = "motion_head.safetensors";
pub const CARD: &str = "motionlens.json";

/// Why a model folder was refused. Every message names the file; what is quoted of one is cut to a length that can be read.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error(
        "{0} is not a folder; a model is a folder with config.json, model.safetensors and tokenizer.json"
    )]
    NotAFolder(std::path::PathBuf),
    #[error(
        "{0} is not there; a model is a folder with config.json, model.safetensors and tokenizer.json, or one of the hub by its id, as \
         openai/clip-vit-base-patch32"
    )]
    NotThere(std::path::PathBuf),
    #[error(
        "{folder} has no {file}; a model folder holds config.json, model.safetensors and tokenizer.json, as Hugging Face lays out a CLIP"
    )]
    Missing { folder: String, file: &'static str },
    #[error(
        "{folder} has no model.safetensors, only {file}: a pickle, which can run any program when it is opened and is never \
         read. Save the model anew with transformers, save_pretrained(folder, safe_serialization=True)"
    )]
    Pickle { folder: String, file: &'static str },
    #[error("cannot read {file} of {folder}: {reason:.400}")]
    Read { folder: String, file: &'static str, reason: String },
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// `motionlens.json`: what a trained motion head is, and how it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Format version, 1.
    pub version: u32,
    pub name: String,
    /// What a user of it has to know beside its figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    pub head: HeadConfig,
    /// α of METHOD §6.
    pub alpha: f32,
    #[serde(default)]
    pub templates: Option<Templates>,
    /// What the colours of its motion maps mean; absent in models of the first build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<MotionScale>,
    /// How and on what it was trained.
    #[serde(default)]
    pub training: serde_json::Value,
    /// Its measured figures.
    #[serde(default)]
    pub figures: serde_json::Value,
}

/// The scale of the motion maps, the same for every clip: that of ‖M‖/‖X‖, and that of ‖d‖/‖X‖ for each level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MotionScale {
    pub motion: Reach,
    pub levels: Vec<Reach>,
}

/// How well the support maps that are shown ([`Reading::SHOWN`]) point, as `eval synth` measured it for a model. Percent where not
/// AUROC.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pointing {
    /// Frames in which the highest patch lies on the thing that the prompt names, and in which any patch would.
    pub hits: f64,
    pub chance: f64,
    /// AUROC of the named thing's patches, and of the mover's where the prompt says how it moves.
    pub auroc: f64,
    pub motion_words: f64,
}

impl Pointing {
    /// As a card's figures say it.
    fn of(figures: &serde_json::Value) -> Option<Self> {
        let shown = serde_json::to_value(Reading::SHOWN).ok()?;
        let is_shown = |way: &&serde_json::Value| way["reading"] == shown && way["less_common"] == false;
        let way = figures["support"].as_array()?.iter().find(is_shown)?;
        let mean = |name: &str| way[name]["mean"].as_f64();
        Some(Self {
            hits: mean("pointing")?,
            chance: mean("pointing_chance")?,
            auroc: mean("auroc")?,
            motion_words: mean("motion_words_auroc")?,
        })
    }
}

/// Where a scale begins to mean something, and where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reach {
    /// What 99% of the patches of still footage with a sensor's noise stay below: next to no motion.
    pub floor: f32,
    /// What 99% of the patches of the model's validation clips stay below; absent where it was not trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<f32>,
}

/// `preprocessor_config.json`, as far as it matters here; other fields are ignored.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Normalisation {
    #[serde(default = "clip_mean")]
    pub image_mean: [f32; 3],
    #[serde(default = "clip_std")]
    pub image_std: [f32; 3],
}

fn clip_mean() -> [f32; 3] {
    [0.481_454_66, 0.457_827_5, 0.408_210_73]
}

fn clip_std() -> [f32; 3] {
    [0.268_629_54, 0.261_302_6, 0.275_777_1]
}

impl Default for Normalisation {
    /// OpenAI CLIP's (METHOD §1).
    fn default() -> Self {
        Self { image_mean: clip_mean(), image_std: clip_std() }
    }
}

/// Names of the files that the weights of a folder are in, as its [`INDEX`] says.
///
/// # Errors
/// There is no index, or it is none; in words.
pub fn shards(folder: &Path) -> Result<Vec<String>, String> {
    let bytes = read_whole(&folder.join(INDEX)).map_err(|e| e.to_string())?;
    let index = ShardIndex::from_bytes(&bytes)?;
    Ok(index.files().into_iter().map(str::to_owned).collect())
}

/// The files of a model, not yet understood.
pub struct ModelFiles {
    /// The folder's path, or "the embedded model of people".
    pub place: String,
    /// The folder's name.
    pub name: String,
    config: Vec<u8>,
    weights: Weights,
    tokenizer: Vec<u8>,
    preprocessor: Option<Vec<u8>>,
    head: Option<(Vec<u8>, Weights)>,
}

/// A loaded model. Tensors are on the device it was loaded to; a clone shares them.
#[derive(Clone)]
pub struct Model {
    pub name: String,
    /// BLAKE3 over the weight files, 32 hex digits.
    pub digest: String,
    /// BLAKE3 over everything that changes an answer, 32 hex digits: weights, sizes, preprocessing, tokenizer.
    pub identity: String,
    /// BLAKE3 over the CLIP's weight file alone, 32 hex digits: what the frozen towers give depends on nothing else.
    pub clip_digest: String,
    pub config: ClipConfig,
    pub towers: Towers,
    pub head: MotionHead,
    pub head_config: HeadConfig,
    /// The head has trained weights (a card and its tensors were there).
    pub head_trained: bool,
    /// What the card says that a user has to know.
    pub note: Option<String>,
    pub normalisation: Normalisation,
    /// The text of `tokenizer.json`.
    pub tokenizer: Vec<u8>,
    /// τ = exp(logit_scale), at most 100 as in CLIP.
    pub tau: f32,
    pub alpha: f32,
    pub templates: Option<Templates>,
    /// What the colours of its motion maps mean, where the card says so.
    pub scale: Option<MotionScale>,
    /// How well its support maps point, where the card says so.
    pub pointing: Option<Pointing>,
}

/// The files in a folder of `assets`, as they were when the program was built.
macro_rules! embedded {
    ($place:literal, $name:literal, $folder:literal) => {{
        macro_rules! file {
            ($file:literal) => {
                include_bytes!(concat!("../../assets/", $folder, "/", $file)).to_vec()
            };
        }
        ModelFiles {
            place: $place.to_owned(),
            name: $name.to_owned(),
            config: file!("config.json"),
            weights: Weights::from_bytes(concat!($place, ": model.safetensors"), file!("model.safetensors")),
            tokenizer: file!("tokenizer.json"),
            preprocessor: Some(file!("preprocessor_config.json")),
            head: Some((
                file!("motionlens.json"),
                Weights::from_bytes(
                    concat!($place, ": motion_head.safetensors"),
                    file!("motion_head.safetensors"),
                ),
            )),
        }
    }};
}

impl ModelFiles {
    /// The model in the binary that knows this cast (`assets/model`, `assets/model/people`).
    pub fn embedded(cast: Cast) -> Self {
        match cast {
            Cast::Shapes => embedded!("the embedded model of shapes", "shapes", "model"),
            Cast::People => embedded!("the embedded model of people", "people", "model/people"),
        }
    }

    /// Reads a folder.
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        if !folder.exists() {
            return Err(ModelError::NotThere(folder.to_owned()));
        }
        if !folder.is_dir() {
            return Err(ModelError::NotAFolder(folder.to_owned()));
        }
        let place = folder.display().to_string();
        let optional = |file: &'static str| match std::fs::read(folder.join(file)) {
            Ok(bytes) => Ok(Some(bytes)),
            // A link that leads nowhere is a file that is missing, and not one that the model does without.
            Err(e)
                if e.kind() == std::io::ErrorKind::NotFound
                    && folder.join(file).symlink_metadata().is_err() =>
            {
                Ok(None)
            }
            Err(e) => Err(ModelError::Read { folder: place.clone(), file, reason: e.to_string() }),
        };
        let required = |file: &'static str| {
            optional(file)?.ok_or_else(|| ModelError::Missing { folder: place.clone(), file })
        };
        let name = |file: &str| folder.join(file).display().to_string();
        let config = required(CONFIG)?;
        let tokenizer = required(TOKENIZER)?;
        let weights = match (optional(WEIGHTS)?, optional(INDEX)?) {
            (Some(whole), _) => Weights::from_bytes(&name(WEIGHTS), whole),
            (None, Some(index)) => {
                let index = ShardIndex::from_bytes(&index).map_err(|reason| ModelError::Read {
                    folder: place.clone(),
                    file: INDEX,
                    reason,
                })?;
                let read = |file: &str| std::fs::read(folder.join(file)).map_err(|e| format!("{file}: {e}"));
                Weights::from_shards(&name(INDEX), &index, read)?
            }
            (None, None) => {
                let pickle = ["pytorch_model.bin", "pytorch_model.bin.index.json"];
                return Err(match pickle.into_iter().find(|file| folder.join(file).exists()) {
                    Some(file) => ModelError::Pickle { folder: place, file },
                    None => ModelError::Missing { folder: place, file: WEIGHTS },
                });
            }
        };
        let head = match (optional(CARD)?, optional(HEAD_WEIGHTS)?) {
            (Some(card), Some(head)) => Some((card, Weights::from_bytes(&name(HEAD_WEIGHTS), head))),
            (None, None) => None,
            (Some(_), None) => return Err(ModelError::Missing { folder: place, file: HEAD_WEIGHTS }),
            (None, Some(_)) => return Err(ModelError::Missing { folder: place, file: CARD }),
        };
        let shown = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        Ok(Self {
            name: shown.file_name().map_or_else(|| place.clone(), |n| n.to_string_lossy().into_owned()),
            config,
            weights,
            tokenizer,
            preprocessor: optional(PREPROCESSOR)?,
            head,
            place: place.clone(),
        })
    }

    /// Builds the model on `device`, after every check.
    pub fn load(self, device: &Device) -> Result<Model, ModelError> {
        let place = self.place.clone();
        let read =
            |file: &'static str, reason: String| ModelError::Read { folder: place.clone(), file, reason };
        let file: ConfigFile =
            serde_json::from_slice(&self.config).map_err(|e| read(CONFIG, e.to_string()))?;
        file.check().map_err(|reason| read(CONFIG, reason))?;
        let normalisation: Normalisation = match &self.preprocessor {
            Some(bytes) => serde_json::from_slice(bytes).map_err(|e| read(PREPROCESSOR, e.to_string()))?,
            None => Normalisation::default(),
        };
        if normalisation.image_std.iter().any(|s| !(s.is_finite() && *s > 0.0))
            || normalisation.image_mean.iter().any(|m| !m.is_finite())
        {
            return Err(read(
                PREPROCESSOR,
                "image_mean and image_std have to be finite, image_std above 0".into(),
            ));
        }
        let mut digest = blake3::Hasher::new();
        digest.update(self.weights.bytes());
        let clip_digest = short(&digest);
        let (config, towers) = load_clip(&file, self.weights, device)?;

        // A quarter of the depth: what stands still is stiller there (METHOD §1, motion layer).
        let motion_layer = Some((config.vision.layers / 4).max(1)).filter(|l| *l < config.vision.layers);
        let untrained = HeadConfig {
            motion_layer,
            ..HeadConfig::new(config.vision.width, config.joint, config.vision.heads)
        };
        let (card, head) = match self.head {
            None => (None, untrained.init(device)),
            Some((card, weights)) => {
                digest.update(weights.bytes());
                let card: Card = serde_json::from_slice(&card).map_err(|e| read(CARD, e.to_string()))?;
                if card.version != 1 {
                    let reason =
                        format!("it has format version {}, this program reads version 1", card.version);
                    return Err(read(CARD, reason));
                }
                card.head.check().map_err(|e| read(CARD, e))?;
                if card.head.width != config.vision.width || card.head.joint != config.joint {
                    let reason = format!(
                        "its head is made for widths {} and {}, this CLIP has {} and {}",
                        card.head.width, card.head.joint, config.vision.width, config.joint
                    );
                    return Err(read(CARD, reason));
                }
                let layers = config.vision.layers;
                if let Some(layer) = card.head.motion_layer.filter(|l| *l > layers) {
                    let reason = format!("its motion layer is {layer}, this CLIP has {layers} layers");
                    return Err(read(CARD, reason));
                }
                if !card.alpha.is_finite() {
                    return Err(read(CARD, "\"alpha\" is not a finite number".into()));
                }
                let mut head = card.head.init(device);
                weights.apply(&mut head, &[])?;
                (Some(card), head)
            }
        };
        let digest = short(&digest);
        let mut identity = blake3::Hasher::new();
        identity.update(digest.as_bytes());
        for file in [&self.config, &self.tokenizer, &format!("{normalisation:?}").into_bytes()] {
            identity.update(&(file.len() as u64).to_le_bytes()).update(file);
        }
        let head_config = card.as_ref().map_or(untrained, |c| c.head.clone());
        identity.update(format!("{head_config:?}").as_bytes());
        let logit_scale = towers.logit_scale.val().into_scalar::<f32>();
        Ok(Model {
            name: card.as_ref().map_or(self.name, |c| c.name.clone()),
            digest,
            identity: short(&identity),
            clip_digest,
            head_trained: card.is_some(),
            note: card.as_ref().and_then(|c| c.note.clone()),
            head_config,
            alpha: card.as_ref().map_or(0.0, |c| c.alpha),
            scale: card.as_ref().and_then(|c| c.scale.clone()),
            pointing: card.as_ref().and_then(|c| Pointing::of(&c.figures)),
            templates: card.and_then(|c| c.templates),
            tau: logit_scale.exp().min(100.0),
            tokenizer: self.tokenizer,
            config,
            towers,
            head,
            normalisation,
        })
    }
}

fn short(digest: &blake3::Hasher) -> String {
    digest.finalize().to_hex()[..32].to_owned()
}

impl Model {
    /// Weights of both towers and the head.
    pub fn parameters(&self) -> usize {
        self.towers.num_params() + self.head.num_params()
    }
}
