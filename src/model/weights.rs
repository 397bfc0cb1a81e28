//! Safetensors in and out. Every tensor is looked at before it is used: its name, shape and type, and that all its
//! values are finite, so that a wrong file is refused with the tensor's name and never gives a silent wrong answer.

use super::config::{ClipConfig, ConfigFile, TensorSizes};
use super::towers::Towers;
use crate::files::write_atomic;
use burn::module::{Module, Param};
use burn::store::{
    BurnToPyTorchAdapter, FloatCastAdapter, ModuleAdapter, ModuleSnapshot, ModuleStore, PyTorchToBurnAdapter,
    SafetensorsStore, bridge,
};
use burn::tensor::{DType, Device, TensorData};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Why weights were refused. Every message names the file; most name the tensor.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    #[error("cannot read {path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{path} is not a readable safetensors file: {reason:.400}")]
    Format { path: PathBuf, reason: String },
    #[error("{path}: {reason:.400}")]
    Tensor { path: PathBuf, reason: String },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: std::io::Error },
}

/// Floating point type of a file's tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    F32,
    F16,
}

/// `model.safetensors.index.json`: in which file each tensor is.
#[derive(Clone, Debug, Deserialize)]
pub struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

impl ShardIndex {
    /// Reads the JSON. No name of a file leads out of the index's folder.
    ///
    /// # Errors
    /// It is no index, or it names what is no safetensors file beside it; in words.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        const MOST: usize = 1000;
        let index: Self = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        let plain = |file: &&str| {
            !file.contains(['/', '\\', ':']) && !file.starts_with('.') && file.ends_with(".safetensors")
        };
        let files = index.files();
        match files.iter().find(|file| !plain(file)) {
            Some(odd) => Err(format!("it names {odd:?}, which is no safetensors file beside it")),
            None if files.is_empty() => Err("it names no file".to_owned()),
            None if files.len() > MOST => Err(format!("it names {} files", files.len())),
            None => Ok(index),
        }
    }

    /// The files, each once, by name.
    pub fn files(&self) -> Vec<&str> {
        let files: std::collections::BTreeSet<&str> = self.weight_map.values().map(String::as_str).collect();
        files.into_iter().collect()
    }
}

/// A safetensors file held in memory, checked tensor by tensor. `path` is only for messages.
pub struct Weights {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Weights {
    /// Reads a whole file.
    pub fn read(path: &Path) -> Result<Self, WeightsError> {
        let bytes =
            std::fs::read(path).map_err(|source| WeightsError::Io { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), bytes })
    }

    /// Bytes that are in memory already, such as the embedded model's; `name` is for messages.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Self {
        Self { path: name.into(), bytes }
    }

    /// Weights in several files, as an index says which tensor is in which; `read` gives the content of a file of
    /// [`ShardIndex::files`]. `name` is for messages.
    ///
    /// # Errors
    /// A file cannot be read, or files and index do not agree about a tensor.
    pub fn from_shards(
        name: &str,
        index: &ShardIndex,
        mut read: impl FnMut(&str) -> Result<Vec<u8>, String>,
    ) -> Result<Self, WeightsError> {
        let refuse = |reason: String| WeightsError::Format { path: name.into(), reason };
        let files = index.files();
        let contents = files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>().map_err(refuse)?;
        let mut tensors = BTreeMap::new();
        for (file, content) in files.iter().zip(&contents) {
            let shard = SafeTensors::deserialize(content).map_err(|e| refuse(format!("{file}: {e}")))?;
            for (tensor, view) in shard.tensors() {
                if index.weight_map.get(&tensor).map(String::as_str) != Some(*file) {
                    return Err(refuse(format!("{file} has tensor {tensor}, and the index does not say so")));
                }
                tensors.insert(tensor, view);
            }
        }
        if let Some((tensor, file)) =
            index.weight_map.iter().find(|(tensor, _)| !tensors.contains_key(*tensor))
        {
            return Err(refuse(format!("tensor {tensor} is not in {file}, where the index says it is")));
        }
        let bytes = safetensors::serialize(tensors, None).map_err(|e| refuse(e.to_string()))?;
        Ok(Self { path: name.into(), bytes })
    }

    /// The raw file, for digests; of several files, the one that they come to.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn refuse(&self, reason: String) -> WeightsError {
        WeightsError::Tensor { path: self.path.clone(), reason }
    }

    fn parse(&self) -> Result<SafeTensors<'_>, WeightsError> {
        SafeTensors::deserialize(&self.bytes)
            .map_err(|e| WeightsError::Format { path: self.path.clone(), reason: e.to_string() })
    }

    /// Names and shapes of all tensors, after a check that every floating point value is finite.
    pub fn shapes(&self) -> Result<BTreeMap<String, Vec<usize>>, WeightsError> {
        let file = self.parse()?;
        let mut shapes = BTreeMap::new();
        for (name, view) in file.tensors() {
            if name.ends_with("position_ids") {
                continue;
            }
            if !matches!(view.dtype(), Dtype::F32 | Dtype::F16 | Dtype::BF16) {
                return Err(self.refuse(format!(
                    "tensor {name} has type {:?}; only F32, F16 and BF16 are read",
                    view.dtype()
                )));
            }
            if !all_finite(&view) {
                return Err(
                    self.refuse(format!("tensor {name} holds values that are not finite (NaN or infinity)"))
                );
            }
            shapes.insert(name, view.shape().to_vec());
        }
        Ok(shapes)
    }

    /// One number stored as `()` or `(1)`.
    pub fn scalar(&self, name: &str) -> Result<f32, WeightsError> {
        let file = self.parse()?;
        let view = file.tensor(name).map_err(|_| self.refuse(format!("tensor {name} is missing")))?;
        match floats(&view).as_slice() {
            [value] => Ok(*value),
            _ => Err(self.refuse(format!("tensor {name} has shape {:?}, expected one number", view.shape()))),
        }
    }

    /// Fills `module` from the tensors of the same names (PyTorch's layout of Linear and LayerNorm), except `skip`.
    /// A tensor that is missing or of another shape is an error that names it; one that the module does not know is
    /// an error unless it is in `skip` or is a `position_ids` buffer of older files.
    pub fn apply<M: Module>(self, module: &mut M, skip: &[&str]) -> Result<(), WeightsError> {
        let keep: Vec<String> = self
            .shapes()?
            .into_keys()
            .filter(|name| !skip.contains(&name.as_str()))
            .flat_map(|name| [name.replace(".weight", ".gamma"), name.replace(".bias", ".beta"), name])
            .collect();
        let Self { path, bytes } = self;
        let refuse = |reason: String| WeightsError::Tensor { path: path.clone(), reason };
        let mut store = SafetensorsStore::from_bytes(Some(bytes))
            .with_full_paths(keep)
            .with_from_adapter(PyTorchToBurnAdapter.chain(FloatCastAdapter::to(DType::F32)))
            .allow_partial(true)
            .validate(false);
        let result = store.apply_to(module).map_err(|e| refuse(e.to_string()))?;
        if let Some(error) = result.errors.first() {
            return Err(refuse(error.to_string()));
        }
        if let Some((name, _)) = result.missing.iter().find(|(name, _)| !skip.contains(&name.as_str())) {
            return Err(refuse(format!("tensor {} is missing", pytorch_name(name))));
        }
        let stray = |name: &&String| !skip.contains(&name.as_str()) && !name.ends_with("position_ids");
        if let Some(name) = result.unused.iter().find(stray) {
            return Err(refuse(format!("tensor {name} belongs to another kind of model")));
        }
        Ok(())
    }
}

fn pytorch_name(burn: &str) -> String {
    match burn.rsplit_once('.') {
        Some((path, "gamma")) => format!("{path}.weight"),
        Some((path, "beta")) => format!("{path}.bias"),
        _ => burn.to_owned(),
    }
}

/// The values of an F32, F16 or BF16 tensor as f32; empty for other types.
fn floats(view: &TensorView<'_>) -> Vec<f32> {
    let data = view.data();
    match view.dtype() {
        Dtype::F32 => data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Dtype::F16 => data.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::BF16 => data.as_chunks::<2>().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
        _ => Vec::new(),
    }
}

fn all_finite(view: &TensorView<'_>) -> bool {
    let data = view.data();
    match view.dtype() {
        Dtype::F32 => data.as_chunks::<4>().0.iter().all(|b| f32::from_le_bytes(*b).is_finite()),
        Dtype::F16 => data.as_chunks::<2>().0.iter().all(|b| f16::from_le_bytes(*b).is_finite()),
        Dtype::BF16 => data.as_chunks::<2>().0.iter().all(|b| bf16::from_le_bytes(*b).is_finite()),
        _ => true,
    }
}

const LOGIT_SCALE: &str = "logit_scale";

/// Sizes of a CLIP from the shapes of its tensors; the error names the tensor that is missing or odd.
fn tensor_sizes(shapes: &BTreeMap<String, Vec<usize>>) -> Result<TensorSizes, String> {
    let shape = |name: &str, rank: usize| match shapes.get(name) {
        None => Err(format!("tensor {name} is missing")),
        Some(s) if s.len() != rank || s.contains(&0) => {
            Err(format!("tensor {name} has shape {s:?}, expected {rank} non-zero dimensions"))
        }
        Some(s) => Ok(s.clone()),
    };
    let layers = |tower: &str| {
        let prefix = format!("{tower}.encoder.layers.");
        let index = |name: &String| name.strip_prefix(&prefix)?.split('.').next()?.parse::<usize>().ok();
        let layers: BTreeSet<usize> = shapes.keys().filter_map(index).collect();
        // One that is alone far up would have all the layers below it made before they are missed.
        match layers.iter().enumerate().find(|(place, layer)| place != *layer) {
            Some((place, layer)) => Err(format!("{tower} has a layer {layer} and no layer {place}")),
            None => Ok(layers.len()),
        }
    };
    let mlp =
        |tower: &str| Ok::<_, String>(shape(&format!("{tower}.encoder.layers.0.mlp.fc1.weight"), 2)?[0]);
    let patch = shape("vision_model.embeddings.patch_embedding.weight", 4)?;
    let positions = shape("vision_model.embeddings.position_embedding.weight", 2)?;
    let tokens = shape("text_model.embeddings.token_embedding.weight", 2)?;
    if patch[1] != 3 || patch[2] != patch[3] {
        return Err(format!(
            "tensor vision_model.embeddings.patch_embedding.weight has shape {patch:?}, expected (D, 3, p, p)"
        ));
    }
    Ok(TensorSizes {
        vision_width: patch[0],
        vision_layers: layers("vision_model")?,
        vision_mlp: mlp("vision_model")?,
        patch_size: patch[2],
        vision_positions: positions[0],
        text_width: tokens[1],
        text_layers: layers("text_model")?,
        text_mlp: mlp("text_model")?,
        vocab: tokens[0],
        context: shape("text_model.embeddings.position_embedding.weight", 2)?[0],
        joint: shape("visual_projection.weight", 2)?[0],
    })
}

/// A CLIP from `config.json` and the tensors of `model.safetensors`; tensors and fields must agree.
pub fn load_clip(
    file: &ConfigFile,
    weights: Weights,
    device: &Device,
) -> Result<(ClipConfig, Towers), WeightsError> {
    let sizes = tensor_sizes(&weights.shapes()?).map_err(|r| weights.refuse(r))?;
    let config = ClipConfig::resolve(file, &sizes).map_err(|r| weights.refuse(r))?;
    let logit_scale = weights.scalar(LOGIT_SCALE)?;
    let mut clip = Towers::init(&config, device);
    weights.apply(&mut clip, &[LOGIT_SCALE])?;
    clip.logit_scale = Param::from_data(TensorData::from([logit_scale]), device);
    Ok((config, clip))
}

/// The module's tensors as a safetensors file in PyTorch's layout; `logit_scale` becomes a scalar as in CLIP files.
pub fn to_safetensors<M: Module>(module: &M, precision: Precision) -> Result<Vec<u8>, String> {
    let mut tensors = Vec::new();
    for tensor in module.collect(None, Some(Box::new(BurnToPyTorchAdapter)), false) {
        let shape: Vec<usize> =
            if tensor.name == LOGIT_SCALE { Vec::new() } else { tensor.shape.iter().copied().collect() };
        let name = tensor.name.clone();
        let data = bridge::to_data(&tensor).map_err(|e| format!("{name}: {e}"))?.convert::<f32>();
        let values = data.as_slice::<f32>().map_err(|e| format!("{name}: {e:?}"))?;
        let (dtype, bytes): (_, Vec<u8>) = match precision {
            Precision::F32 => (Dtype::F32, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Precision::F16 => {
                (Dtype::F16, values.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect())
            }
        };
        tensors.push((name, dtype, shape, bytes));
    }
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| {
            let view = TensorView::new(*dtype, shape.clone(), bytes).map_err(|e| format!("{name}: {e}"))?;
            Ok((name.as_str(), view))
        })
        .collect::<Result<Vec<_>, String>>()?;
    safetensors::serialize(views, None).map_err(|e| e.to_string())
}

/// [`to_safetensors`] into a file.
pub fn save<M: Module>(module: &M, path: &Path, precision: Precision) -> Result<(), WeightsError> {
    let bytes = to_safetensors(module, precision)
        .map_err(|reason| WeightsError::Format { path: path.to_owned(), reason })?;
    write_atomic(path, &bytes).map_err(|source| WeightsError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_have_no_gaps() {
        let mut shapes: BTreeMap<String, Vec<usize>> = [
            ("vision_model.embeddings.patch_embedding.weight", vec![8, 3, 4, 4]),
            ("vision_model.embeddings.position_embedding.weight", vec![5, 8]),
            ("text_model.embeddings.token_embedding.weight", vec![9, 8]),
        ]
        .map(|(name, shape)| (name.to_owned(), shape))
        .into();
        let mut refused = |name: &str| {
            shapes.insert(format!("vision_model.encoder.layers.{name}"), vec![0]);
            tensor_sizes(&shapes).err().unwrap()
        };
        // Read before it is looked for what else is missing, so that no memory is asked for it.
        assert_eq!(refused("299999.z"), "vision_model has a layer 299999 and no layer 0");
        assert!(refused("0.z").ends_with("and no layer 1"));
        assert!(refused(&format!("{}.z", usize::MAX)).ends_with("and no layer 1"));
    }
}
