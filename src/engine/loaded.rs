//! A loaded model with everything that goes with it: tokenizer, preprocessing and the embeddings of the strings seen so
//! far. Plain data in, plain data out.

use super::types::{ModelInfo, ModelSource, PromptNote};
use crate::model::{ClipConfig, Model, ModelError, ModelFiles};
use crate::prompt::{PromptSet, Tokenizer, TokenizerError};
use crate::score::{ClassEmbedding, mean_of_normalised};
use crate::video::{Preprocess, RgbImage};
use burn::tensor::{Device, Tensor, TensorData};
use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Strings whose embeddings are kept; a large prompt set has some thousands.
const KEPT_TEXTS: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
/// Strings that go through the text tower at once.
const TEXT_BATCH: usize = 32;

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

/// A string's embedding before DA_j, and what is to be noted of it.
struct Text {
    embedding: Arc<[f32]>,
    note: Option<PromptNote>,
}

pub struct Loaded {
    pub info: Arc<ModelInfo>,
    /// [`ModelInfo::digest`], for keys.
    pub digest: Arc<str>,
    pub preprocess: Preprocess,
    model: Model,
    tokenizer: Tokenizer,
    texts: LruCache<String, Text>,
    device: Device,
}

impl Loaded {
    /// Reads and builds the model of `source`. `stage` is told what is being done, and how much of it is done.
    pub fn load(source: &ModelSource, device: &Device, stage: &dyn Fn(&str, f32)) -> Result<Self, LoadError> {
        stage("reading the model's files", 0.0);
        let files = match source {
            ModelSource::Embedded => ModelFiles::embedded(),
            ModelSource::Folder(folder) => ModelFiles::read(folder)?,
        };
        let place = files.place.clone();
        stage("checking and placing the weights", 0.4);
        let model = files.load(device)?;
        stage("reading the tokenizer", 0.9);
        let context = model.config.context;
        let tokenizer = Tokenizer::from_bytes(&model.tokenizer, context)
            .map_err(|source| LoadError::Tokenizer { place: place.clone(), source })?;
        let (largest, vocab) = (tokenizer.vocab_size().saturating_sub(1), model.config.vocab);
        if largest >= vocab {
            return Err(LoadError::Vocabulary { place, largest, vocab });
        }
        let mut preprocess = Preprocess::clip(model.config.image_size);
        preprocess.mean = model.normalisation.image_mean;
        preprocess.std = model.normalisation.image_std;
        let loaded = Self {
            info: Arc::new(info(&model, source)),
            digest: model.digest.as_str().into(),
            preprocess,
            model,
            tokenizer,
            texts: LruCache::new(KEPT_TEXTS),
            device: device.clone(),
        };
        // Finite weights can still give what is not finite; better to hear of it now than after a clip.
        const PROBE: &str = "moving left";
        let probe = loaded.tokenizer.encode(PROBE).ids;
        match loaded.text_tower(&[probe]) {
            Ok(rows) if rows.iter().all(|v| v.is_finite()) => Ok(loaded),
            _ => Err(LoadError::NotFinite { place, text: PROBE }),
        }
    }

    pub fn config(&self) -> &ClipConfig {
        &self.model.config
    }

    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Frames that go through the vision tower at once: few where one takes long, so that cancelling is prompt.
    pub fn vision_batch(&self, gpu: bool) -> usize {
        const LONG: f64 = 2e9;
        if !gpu && self.model.config.frame_flops() > LONG { 2 } else { 8 }
    }

    /// Tokens X (n,D) of each picture, by the vision tower (METHOD §1).
    pub fn encode_frames(&self, images: &[&RgbImage]) -> Result<Vec<Arc<[f32]>>, WorkError> {
        let side = self.preprocess.size;
        let pixels: Vec<f32> = images.iter().flat_map(|image| self.preprocess.apply(image)).collect();
        let pixels =
            Tensor::<4>::from_data(TensorData::new(pixels, [images.len(), 3, side, side]), &self.device);
        let tokens = read(self.model.clip.vision_model.forward(pixels))?;
        if tokens.iter().any(|v| !v.is_finite()) {
            return Err(not_finite("the vision tower"));
        }
        let frame = self.model.config.tokens() * self.model.config.vision.width;
        Ok(tokens.chunks_exact(frame).map(Arc::from).collect())
    }

    /// The frames' tokens as one clip X (1,T,n,D) on the device.
    pub fn clip_tensor(&self, frames: &[Arc<[f32]>]) -> Tensor<4> {
        let config = &self.model.config;
        let data: Vec<f32> = frames.iter().flat_map(|f| f.iter().copied()).collect();
        let shape = [1, frames.len(), config.tokens(), config.vision.width];
        Tensor::from_data(TensorData::new(data, shape), &self.device)
    }

    /// The text side of every class, and the notes on its prompts. Only strings not seen before go through the text tower.
    /// `interrupted` is asked between batches.
    pub fn classes(
        &mut self,
        set: &PromptSet,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<(Vec<ClassEmbedding>, Vec<PromptNote>), WorkError> {
        let prompts: Vec<(Vec<String>, Vec<Vec<String>>)> =
            set.classes.iter().map(|c| (set.positive_prompts(c), set.negative_groups(c))).collect();
        let all: Vec<&String> =
            prompts.iter().flat_map(|(p, n)| p.iter().chain(n.iter().flatten())).collect();
        self.encode_texts(&all, interrupted)?;

        let mut notes: Vec<PromptNote> = Vec::new();
        for text in all {
            let note = self.texts.peek(text).and_then(|t| t.note.clone());
            notes.extend(note.filter(|n| !notes.contains(n)));
        }
        let means: Vec<_> = prompts
            .iter()
            .map(|(positive, negative)| {
                let groups: Vec<Vec<f32>> = negative.iter().filter_map(|group| self.mean(group)).collect();
                (self.mean(positive), groups)
            })
            .collect();
        let mut joint = self.joint(means.iter().flat_map(|(p, n)| p.iter().chain(n)))?.into_iter();
        let classes = set
            .classes
            .iter()
            .zip(&means)
            .map(|(class, (positive, negatives))| ClassEmbedding {
                name: class.name.clone(),
                positive: positive.as_ref().and_then(|_| joint.next()),
                negatives: joint.by_ref().take(negatives.len()).collect(),
            })
            .collect();
        Ok((classes, notes))
    }

    fn encode_texts(&mut self, texts: &[&String], interrupted: &dyn Fn() -> bool) -> Result<(), WorkError> {
        // A set with more strings than are kept must find all of them when the means are taken.
        let needed = NonZeroUsize::new(texts.len()).map_or(KEPT_TEXTS, |n| n.max(KEPT_TEXTS));
        self.texts.resize(needed);
        let mut new: Vec<&String> = Vec::new();
        for text in texts {
            if self.texts.get(*text).is_none() && !new.contains(text) {
                new.push(text);
            }
        }
        let mut encoded: Vec<_> = new.iter().map(|text| (*text, self.tokenizer.encode(text))).collect();
        // Texts of like length share a batch: each is padded to the longest in it.
        encoded.sort_by_key(|(_, e)| e.ids.len());
        for batch in encoded.chunks(TEXT_BATCH) {
            if interrupted() {
                return Err(WorkError::Interrupted);
            }
            let ids: Vec<&[u32]> = batch.iter().map(|(_, e)| e.ids.as_slice()).collect();
            let rows = self.text_tower(&ids)?;
            for ((text, e), row) in batch.iter().zip(rows.chunks_exact(self.model.config.joint)) {
                if row.iter().any(|v| !v.is_finite()) {
                    return Err(not_finite(&format!("the text tower, for \"{text}\",")));
                }
                let noteworthy = e.cut > 0 || !e.unknown.is_empty();
                let note = noteworthy.then(|| PromptNote {
                    text: (*text).clone(),
                    cut: e.cut,
                    unknown: e.unknown.clone(),
                });
                self.texts.put((*text).clone(), Text { embedding: row.into(), note });
            }
        }
        Ok(())
    }

    /// Embeddings (S,E) of token ids, row by row.
    fn text_tower<T: AsRef<[u32]>>(&self, ids: &[T]) -> Result<Vec<f32>, WorkError> {
        read(self.model.clip.text(ids, &self.model.config))
    }

    /// METHOD §6: the mean of the normalised embeddings, normalised.
    fn mean(&self, texts: &[String]) -> Option<Vec<f32>> {
        let rows: Vec<_> =
            texts.iter().filter_map(|t| self.texts.peek(t)).map(|t| t.embedding.clone()).collect();
        mean_of_normalised(&rows)
    }

    /// DA_j and normalisation.
    fn joint<'a>(&self, rows: impl Iterator<Item = &'a Vec<f32>>) -> Result<Vec<Vec<f32>>, WorkError> {
        let rows: Vec<f32> = rows.flatten().copied().collect();
        let width = self.model.config.joint;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let count = rows.len() / width;
        let rows = Tensor::<2>::from_data(TensorData::new(rows, [count, width]), &self.device);
        let rows = read(self.model.head.joint(rows))?;
        if rows.iter().any(|v| !v.is_finite()) {
            return Err(not_finite("the joint adapter"));
        }
        Ok(rows.chunks_exact(width).map(<[f32]>::to_vec).collect())
    }
}

pub fn not_finite(what: &str) -> WorkError {
    WorkError::Failed(format!(
        "{what} gave values that are not finite (NaN or infinity); the weights or the device are at fault"
    ))
}

fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, WorkError> {
    tensor
        .try_into_vec_as::<f32>()
        .map_err(|e| WorkError::Failed(format!("reading the result back failed: {e}")))
}

fn info(model: &Model, source: &ModelSource) -> ModelInfo {
    let folder = match source {
        ModelSource::Embedded => None,
        ModelSource::Folder(folder) => Some(folder.clone()),
    };
    let (config, head) = (&model.config, &model.head_config);
    ModelInfo {
        name: model.name.clone(),
        digest: model.digest.clone(),
        head_trained: model.head_trained,
        embedded: folder.is_none(),
        folder,
        frames: head.frames,
        levels: head.levels,
        grid: config.grid(),
        image_size: config.image_size,
        context: config.context,
        tau: model.tau,
        alpha: model.alpha,
        mab_blocks: if head.msm && head.mab { head.blocks } else { 0 },
        heads: head.heads,
        parameters: model.parameters(),
        templates: model.templates.clone(),
    }
}
