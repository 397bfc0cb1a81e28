//! A loaded model ready to answer: pictures to tokens, texts to embeddings, a clip's tokens and a surgery to evidence.
//! Plain data in, plain data out. This is the only forward path: the engine (and so the window and every command),
//! training's feature cache and evaluation all ask here.

mod colours;
mod evidence;
pub mod freeze;
pub mod maps;
mod patch;
mod scale;
pub mod support;
mod texts;

pub use colours::Basis;
pub use evidence::Evidence;
pub use freeze::FreezeMap;
pub use maps::{Map, Maps};
pub use patch::PatchFinding;
pub use scale::Encode;
pub use support::Support;
pub use texts::{PromptNote, TextMeans};

use crate::data::cast::Cast;
use crate::model::Surgery;
use crate::model::folder::{MotionScale, Pointing};
use crate::model::head::{HeadConfig, MotionHead};
use crate::model::{ClipConfig, HubModel, Model, ModelError, ModelFiles};
use crate::prompt::{Templates, Tokenizer, TokenizerError};
use crate::video::{Preprocess, RgbImage};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a model is named: one of the two in the program, a folder in the Hugging Face CLIP layout, or one of the hub that is in
/// its cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelSource {
    /// In the program: knows moving shapes. Files of earlier versions have another name for it.
    #[serde(alias = "embedded")]
    Shapes,
    /// In the program, the default: knows people who act.
    #[default]
    People,
    Folder(PathBuf),
    Hub(HubModel),
}

impl ModelSource {
    /// Of a folder, which may be one of the hub's cache.
    pub fn in_folder(folder: PathBuf) -> Self {
        HubModel::in_folder(&folder).map_or(Self::Folder(folder), Self::Hub)
    }

    /// The one in the program that knows this cast.
    pub fn of(cast: Cast) -> Self {
        match cast {
            Cast::Shapes => Self::Shapes,
            Cast::People => Self::People,
        }
    }

    /// Whom a model in the program knows; `None` of all others.
    pub fn cast(&self) -> Option<Cast> {
        [Cast::Shapes, Cast::People].into_iter().find(|cast| Self::of(*cast) == *self)
    }

    /// Where its files are; `None`: in the program.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Shapes | Self::People => None,
            Self::Folder(folder) => Some(folder),
            Self::Hub(model) => Some(&model.folder),
        }
    }

    /// What `--model` takes for it anywhere on this machine, and of a model of the hub on any; `None`: nothing is to be said.
    pub fn argument(&self) -> Option<String> {
        match self {
            Self::Shapes => Some("shapes".to_owned()),
            Self::People => Some("people".to_owned()),
            Self::Folder(folder) => {
                Some(std::path::absolute(folder).unwrap_or_else(|_| folder.clone()).display().to_string())
            }
            Self::Hub(model) => Some(model.id.at(&model.commit).to_string()),
        }
    }
}

/// For people.
impl std::fmt::Display for ModelSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Shapes => f.write_str("the embedded model of shapes"),
            Self::People => f.write_str("the embedded model of people"),
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Hub(model) => model.id.fmt(f),
        }
    }
}

/// What the window and the reports say about the loaded model.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    pub name: String,
    /// BLAKE3 over the weight files (hex, first 32 digits).
    pub digest: String,
    /// BLAKE3 over everything that changes an answer: weights, sizes, preprocessing, tokenizer. Part of every question.
    pub identity: String,
    /// The motion head has trained weights.
    pub head_trained: bool,
    /// What the model folder says that a user has to know.
    pub note: Option<String>,
    /// Where it was read from.
    pub source: ModelSource,
    /// The tokenizer has a vocabulary of whole words; others make any string of pieces.
    pub word_level: bool,
    /// Frames a clip (T) and lifting levels (L).
    pub frames: usize,
    pub levels: usize,
    /// Patch grid side √N and the picture side R in pixels.
    pub grid: usize,
    pub image_size: usize,
    /// Text context length in tokens.
    pub context: usize,
    /// τ = exp(logit_scale) and α of METHOD §6.
    pub tau: f32,
    pub alpha: f32,
    pub mab_blocks: usize,
    pub heads: usize,
    /// The layers of the vision tower, and that of them which the patch tokens come from, counted from 1.
    pub layers: usize,
    pub motion_layer: usize,
    pub parameters: usize,
    /// The templates that this model was trained with, where it says so.
    pub templates: Option<Templates>,
    /// What the colours of its motion maps mean, where the model folder says so; else the engine measures it.
    pub scale: Option<MotionScale>,
    /// How well its support maps point, where the model folder says so.
    pub pointing: Option<Pointing>,
}

/// Why a model cannot be used. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("{place}: {source}")]
    Tokenizer { place: String, source: TokenizerError },
    #[error(
        "{place}: tokenizer.json has ids up to {largest}, but the text tower knows {vocab} tokens; it belongs to another model"
    )]
    Vocabulary { place: String, largest: usize, vocab: usize },
    #[error("{place}: model.safetensors gives values that are not finite (NaN or infinity) for \"{text}\"")]
    NotFinite { place: String, text: &'static str },
}

/// Why work with a loaded model failed.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// Something newer is wanted; nothing is to be said.
    #[error("interrupted")]
    Interrupted,
    #[error("{0}")]
    Failed(String),
}

/// See the module.
pub struct Session {
    pub info: Arc<ModelInfo>,
    pub preprocess: Preprocess,
    model: Model,
    tokenizer: Tokenizer,
    texts: texts::Cache,
    device: Device,
}

/// A string that goes through the text tower when a model is loaded: finite weights can still give what is not finite, and
/// it is better to hear of it then than after a clip.
const PROBE: &str = "moving left";

impl Session {
    /// Reads and builds the model of `source`. `stage` is told what is being done, and how much of it is done.
    pub fn load(source: &ModelSource, device: &Device, stage: &dyn Fn(&str, f32)) -> Result<Self, LoadError> {
        stage("reading the model's files", 0.0);
        let files = match source {
            ModelSource::Shapes => ModelFiles::embedded(Cast::Shapes),
            ModelSource::People => ModelFiles::embedded(Cast::People),
            ModelSource::Folder(folder) => ModelFiles::read(folder)?,
            ModelSource::Hub(model) => ModelFiles::read(&model.folder)?,
        };
        let place = files.place.clone();
        stage("checking and placing the weights", 0.4);
        let mut model = files.load(device)?;
        if let ModelSource::Hub(of) = source {
            // Its folder is called by the commit, and its card may call it anything.
            model.name = of.id.to_string();
        }
        stage("reading the tokenizer", 0.9);
        Self::new(model, source.clone(), place, device)
    }

    /// A session around a model that is loaded already; `place` is named in errors.
    pub fn new(model: Model, source: ModelSource, place: String, device: &Device) -> Result<Self, LoadError> {
        let tokenizer = Tokenizer::from_bytes(&model.tokenizer, model.config.context)
            .map_err(|source| LoadError::Tokenizer { place: place.clone(), source })?;
        let (largest, vocab) = (tokenizer.vocab_size().saturating_sub(1), model.config.vocab);
        if largest >= vocab {
            return Err(LoadError::Vocabulary { place, largest, vocab });
        }
        let session = Self {
            info: Arc::new(info(&model, source, tokenizer.is_word_level())),
            preprocess: preprocess(&model),
            model,
            tokenizer,
            texts: texts::Cache::default(),
            device: device.clone(),
        };
        match session.text_tower(&[session.tokenizer.encode(PROBE).ids]) {
            Ok(rows) if rows.iter().all(|v| v.is_finite()) => Ok(session),
            _ => Err(LoadError::NotFinite { place, text: PROBE }),
        }
    }

    /// The same towers under another motion head (an untrained one beside the trained, say).
    pub fn with_head(&self, head: MotionHead) -> Result<Self, LoadError> {
        let model = Model { head, ..self.model.clone() };
        Self::new(model, self.info.source.clone(), self.info.name.clone(), &self.device)
    }

    /// A head for this model as it is before any training.
    pub fn untrained_head(&self) -> MotionHead {
        let config = self.config();
        let head = HeadConfig {
            frames: self.info.frames,
            motion_layer: self.model.head_config.motion_layer,
            ..HeadConfig::new(config.vision.width, config.joint, config.vision.heads)
        };
        head.init(&self.device)
    }

    /// The same model with its head reading the patch tokens of another vision layer, counted from 1; `None`: the last.
    pub fn with_motion_layer(&self, layer: Option<usize>) -> Result<Self, LoadError> {
        let head_config = HeadConfig { motion_layer: layer, ..self.model.head_config.clone() };
        let model = Model { head_config, ..self.model.clone() };
        Self::new(model, self.info.source.clone(), self.info.name.clone(), &self.device)
    }

    pub fn config(&self) -> &ClipConfig {
        &self.model.config
    }

    pub fn model(&self) -> &Model {
        &self.model
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Frames that go through the vision tower at once: few where one takes long, so that cancelling is prompt.
    pub fn vision_batch(&self, gpu: bool) -> usize {
        const LONG: f64 = 2e9;
        if !gpu && self.model.config.frame_flops() > LONG { 2 } else { 8 }
    }

    /// A picture as the vision tower takes it: `(3,R,R)` normalised floats.
    pub fn pixels(&self, image: &RgbImage) -> Vec<f32> {
        self.preprocess.apply(image)
    }

    /// The frames of a clip, each of [`Session::pixels`], with the pixels of these patches (row by row, from 0) at their mean
    /// over time. Patches that do not exist are ignored.
    pub fn freeze_pixels(&self, frames: &[&[f32]], patches: &[u16]) -> Vec<Vec<f32>> {
        let (side, grid) = (self.preprocess.size, self.model.config.grid());
        let patch = side / grid.max(1);
        let mut frozen: Vec<Vec<f32>> = frames.iter().map(|f| f.to_vec()).collect();
        for place in patches.iter().map(|p| usize::from(*p)).filter(|p| *p < grid * grid) {
            let (top, left) = (place / grid * patch, place % grid * patch);
            for i in (0..3).flat_map(|c| (top..top + patch).map(move |y| (c * side + y) * side + left)) {
                for at in i..i + patch {
                    let mean = frames.iter().map(|f| f[at]).sum::<f32>() / frames.len() as f32;
                    frozen.iter_mut().for_each(|f| f[at] = mean);
                }
            }
        }
        frozen
    }

    /// Tokens X (n,D) of each frame, by the vision tower (METHOD §1). `frames`: `(3,R,R)` each, see [`Session::pixels`]. Of the surgery
    /// the motion layer alone is done here.
    pub fn encode_frames<P: AsRef<[f32]>>(
        &self,
        frames: &[P],
        surgery: &Surgery,
    ) -> Result<Vec<Arc<[f32]>>, WorkError> {
        let side = self.preprocess.size;
        let pixels: Vec<f32> = frames.iter().flat_map(|f| f.as_ref().iter().copied()).collect();
        let pixels =
            Tensor::<4>::from_data(TensorData::new(pixels, [frames.len(), 3, side, side]), &self.device);
        let depth = self.model.config.vision.layers;
        if let Some(layer) = surgery.motion_layer.filter(|layer| !(1..=depth).contains(&usize::from(*layer)))
        {
            let text = format!("there is no vision layer {layer}; this model has {depth}, counted from 1");
            return Err(WorkError::Failed(text));
        }
        let layer = self.motion_layer(surgery);
        let tokens = read(self.model.towers.vision_model.tokens(pixels, layer))?;
        if tokens.iter().any(|v| !v.is_finite()) {
            return Err(not_finite("the vision tower"));
        }
        let frame = self.model.config.tokens() * self.model.config.vision.width;
        Ok(tokens.chunks_exact(frame).map(Arc::from).collect())
    }

    /// The layer that patch tokens are taken from, counted from 1; `None`: the last.
    fn motion_layer(&self, surgery: &Surgery) -> Option<usize> {
        let layer = surgery.motion_layer.map(usize::from).or(self.model.head_config.motion_layer)?;
        (layer < self.model.config.vision.layers).then_some(layer)
    }

    /// The frames' tokens, each (n,D), as clips X (B,T,n,D) of `frames` frames on the device.
    pub fn clips<T: AsRef<[f32]>>(&self, tokens: &[T], frames: usize) -> Tensor<4> {
        let config = &self.model.config;
        let data: Vec<f32> = tokens.iter().flat_map(|f| f.as_ref().iter().copied()).collect();
        let shape = [tokens.len() / frames.max(1), frames, config.tokens(), config.vision.width];
        Tensor::from_data(TensorData::new(data, shape), &self.device)
    }
}

/// Preprocessing as the model's folder says.
fn preprocess(model: &Model) -> Preprocess {
    Preprocess {
        mean: model.normalisation.image_mean,
        std: model.normalisation.image_std,
        ..Preprocess::clip(model.config.image_size)
    }
}

/// The error for numbers that are no numbers.
fn not_finite(what: &str) -> WorkError {
    WorkError::Failed(format!(
        "{what} gave values that are not finite (NaN or infinity); the weights or the device are at fault"
    ))
}

fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, WorkError> {
    tensor
        .try_into_vec_as::<f32>()
        .map_err(|e| WorkError::Failed(format!("reading the result back failed: {e}")))
}

fn info(model: &Model, source: ModelSource, word_level: bool) -> ModelInfo {
    let (config, head) = (&model.config, &model.head_config);
    ModelInfo {
        name: model.name.clone(),
        digest: model.digest.clone(),
        identity: model.identity.clone(),
        head_trained: model.head_trained,
        note: model.note.clone(),
        source,
        word_level,
        frames: head.frames,
        levels: head.levels,
        grid: config.grid(),
        image_size: config.image_size,
        context: config.context,
        tau: model.tau,
        alpha: model.alpha,
        mab_blocks: if head.msm && head.mab { head.blocks } else { 0 },
        heads: head.heads,
        layers: config.vision.layers,
        motion_layer: head.motion_layer.unwrap_or(config.vision.layers),
        parameters: model.parameters(),
        templates: model.templates.clone(),
        scale: model.scale.clone(),
        pointing: model.pointing,
    }
}
