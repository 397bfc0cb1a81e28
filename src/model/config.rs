//! The sizes of a CLIP: read from `config.json`, then checked against (and completed from) the tensors themselves,
//! because files in the wild omit fields and the tensors cannot lie about their shapes (METHOD §1).

use serde::{Deserialize, Serialize};

/// One tower's sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct TowerConfig {
    /// Width D (vision) or Dt (text).
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    /// Hidden width of the MLP, 4·D in every published CLIP.
    pub mlp: usize,
    pub layer_norm_eps: f64,
}

/// Everything that fixes the shape of both towers.
#[derive(Clone, Debug, PartialEq)]
pub struct ClipConfig {
    pub vision: TowerConfig,
    /// Side R of the square input in pixels.
    pub image_size: usize,
    /// Side p of a patch in pixels.
    pub patch_size: usize,
    pub text: TowerConfig,
    pub vocab: usize,
    /// Longest text in tokens, BOS and EOT included.
    pub context: usize,
    /// Selects the row of the text embedding: 2 means argmax(ids), as in OpenAI's files (METHOD §1).
    pub eos_token_id: u32,
    /// Joint width E.
    pub joint: usize,
}

impl ClipConfig {
    /// Patches along one side, √N.
    pub fn grid(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Tokens a frame, n = N + 1.
    pub fn tokens(&self) -> usize {
        self.grid() * self.grid() + 1
    }

    /// Multiply-adds of one frame through the vision tower, for choosing batch sizes.
    pub fn frame_flops(&self) -> f64 {
        let (n, d, m) = (self.tokens() as f64, self.vision.width as f64, self.vision.mlp as f64);
        self.vision.layers as f64 * (2.0 * n * (4.0 * d * d + 2.0 * d * m) + 4.0 * n * n * d)
    }

    /// The shapes of METHOD §10's small model for a vocabulary of `vocab` words.
    pub fn small(vocab: usize) -> Self {
        let tower = |layers| TowerConfig { width: 128, layers, heads: 4, mlp: 512, layer_norm_eps: 1e-5 };
        Self {
            vision: tower(4),
            image_size: 64,
            patch_size: 8,
            text: tower(3),
            vocab,
            context: 20,
            // Not 2, which would mean argmax(ids): see `text::eot_row`.
            eos_token_id: 3,
            joint: 128,
        }
    }

    /// The shapes of METHOD §10's model of people: larger pictures and longer captions.
    pub fn people(vocab: usize) -> Self {
        Self { image_size: 96, patch_size: 12, context: 28, ..Self::small(vocab) }
    }

    /// The shapes of OpenAI's ViT-B/16.
    pub fn vit_b16() -> Self {
        Self {
            vision: TowerConfig { width: 768, layers: 12, heads: 12, mlp: 3072, layer_norm_eps: 1e-5 },
            image_size: 224,
            patch_size: 16,
            text: TowerConfig { width: 512, layers: 12, heads: 8, mlp: 2048, layer_norm_eps: 1e-5 },
            vocab: 49408,
            context: 77,
            eos_token_id: 2,
            joint: 512,
        }
    }
}

/// `config.json` as Hugging Face writes it; every field may be missing.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct ConfigFile {
    #[serde(default = "clip")]
    pub model_type: String,
    pub projection_dim: Option<usize>,
    pub text_config: Option<TextFields>,
    pub vision_config: Option<VisionFields>,
    /// Older files; where present they override.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_config_dict: Option<TextFields>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vision_config_dict: Option<VisionFields>,
}

impl ConfigFile {
    fn text(&self) -> TextFields {
        self.text_config_dict.as_ref().or(self.text_config.as_ref()).cloned().unwrap_or_default()
    }

    fn vision(&self) -> VisionFields {
        self.vision_config_dict.as_ref().or(self.vision_config.as_ref()).cloned().unwrap_or_default()
    }

    /// That it is of a CLIP as OpenAI's, as far as that can be told without the tensors.
    ///
    /// # Errors
    /// It is of another architecture, or of another activation function; in words.
    pub fn check(&self) -> Result<(), String> {
        if !["", "clip"].contains(&self.model_type.as_str()) {
            let kind: String = self.model_type.chars().take(40).collect();
            return Err(format!(
                "model_type is {kind:?}, which is not a CLIP of this layout; that has model_type \"clip\", as OpenAI's"
            ));
        }
        let (text, vision) = (self.text().hidden_act, self.vision().hidden_act);
        for (name, act) in [("text_config", text), ("vision_config", vision)] {
            if let Some(other) = act.filter(|act| act != "quick_gelu") {
                let other: String = other.chars().take(40).collect();
                return Err(format!(
                    "{name}.hidden_act is {other:?}; only quick_gelu, as OpenAI's, is supported"
                ));
            }
        }
        Ok(())
    }
}

fn clip() -> String {
    "clip".to_owned()
}

/// `text_config` of `config.json`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct TextFields {
    pub hidden_size: Option<usize>,
    pub intermediate_size: Option<usize>,
    pub num_hidden_layers: Option<usize>,
    pub num_attention_heads: Option<usize>,
    pub hidden_act: Option<String>,
    pub layer_norm_eps: Option<f64>,
    pub vocab_size: Option<usize>,
    pub max_position_embeddings: Option<usize>,
    pub eos_token_id: Option<u32>,
}

/// `vision_config` of `config.json`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct VisionFields {
    pub hidden_size: Option<usize>,
    pub intermediate_size: Option<usize>,
    pub num_hidden_layers: Option<usize>,
    pub num_attention_heads: Option<usize>,
    pub hidden_act: Option<String>,
    pub layer_norm_eps: Option<f64>,
    pub image_size: Option<usize>,
    pub patch_size: Option<usize>,
    pub num_channels: Option<usize>,
}

/// What the tensors alone say; see [`ClipConfig::resolve`].
#[derive(Clone, Debug, PartialEq)]
pub struct TensorSizes {
    pub vision_width: usize,
    pub vision_layers: usize,
    pub vision_mlp: usize,
    pub patch_size: usize,
    /// Rows of the vision position embedding, n.
    pub vision_positions: usize,
    pub text_width: usize,
    pub text_layers: usize,
    pub text_mlp: usize,
    pub vocab: usize,
    pub context: usize,
    pub joint: usize,
}

impl ClipConfig {
    /// Joins the file's fields with the tensors' sizes. Fields that the tensors fix must agree where they are
    /// given; the others default to the B/32 values (METHOD §1). The error names the field.
    pub fn resolve(file: &ConfigFile, sizes: &TensorSizes) -> Result<Self, String> {
        let (text, vision) = (file.text(), file.vision());
        let same = |name: &str, given: Option<usize>, found: usize| match given {
            Some(g) if g != found => {
                Err(format!("config.json says {name} = {g}, but the tensors have {found}"))
            }
            _ => Ok(found),
        };
        file.check()?;
        same("vision_config.num_channels", vision.num_channels, 3)?;

        let patches = sizes.vision_positions.saturating_sub(1);
        let side = patches.isqrt();
        if side == 0 || side * side != patches {
            return Err(format!(
                "the vision position embedding has {} rows, which is no square grid plus a class token",
                sizes.vision_positions
            ));
        }
        let config = Self {
            vision: TowerConfig {
                width: same("vision_config.hidden_size", vision.hidden_size, sizes.vision_width)?,
                layers: same(
                    "vision_config.num_hidden_layers",
                    vision.num_hidden_layers,
                    sizes.vision_layers,
                )?,
                heads: vision.num_attention_heads.unwrap_or(12),
                mlp: same("vision_config.intermediate_size", vision.intermediate_size, sizes.vision_mlp)?,
                layer_norm_eps: vision.layer_norm_eps.unwrap_or(1e-5),
            },
            image_size: same("vision_config.image_size", vision.image_size, side * sizes.patch_size)?,
            patch_size: same("vision_config.patch_size", vision.patch_size, sizes.patch_size)?,
            text: TowerConfig {
                width: same("text_config.hidden_size", text.hidden_size, sizes.text_width)?,
                layers: same("text_config.num_hidden_layers", text.num_hidden_layers, sizes.text_layers)?,
                heads: text.num_attention_heads.unwrap_or(8),
                mlp: same("text_config.intermediate_size", text.intermediate_size, sizes.text_mlp)?,
                layer_norm_eps: text.layer_norm_eps.unwrap_or(1e-5),
            },
            vocab: same("text_config.vocab_size", text.vocab_size, sizes.vocab)?,
            context: same(
                "text_config.max_position_embeddings",
                text.max_position_embeddings,
                sizes.context,
            )?,
            eos_token_id: text.eos_token_id.unwrap_or(2),
            joint: same("projection_dim", file.projection_dim, sizes.joint)?,
        };
        for (tower, c) in [("vision", &config.vision), ("text", &config.text)] {
            if c.heads == 0 || !c.width.is_multiple_of(c.heads) {
                return Err(format!(
                    "the {tower} tower is {} wide, which {} attention heads do not divide",
                    c.width, c.heads
                ));
            }
            if !(c.layer_norm_eps > 0.0 && c.layer_norm_eps < 1.0) {
                return Err(format!("the {tower} tower's layer_norm_eps is {}", c.layer_norm_eps));
            }
        }
        Ok(config)
    }

    /// The `config.json` that Hugging Face transformers reads.
    pub fn to_file(&self) -> ConfigFile {
        let act = Some("quick_gelu".to_owned());
        ConfigFile {
            model_type: clip(),
            projection_dim: Some(self.joint),
            text_config: Some(TextFields {
                hidden_size: Some(self.text.width),
                intermediate_size: Some(self.text.mlp),
                num_hidden_layers: Some(self.text.layers),
                num_attention_heads: Some(self.text.heads),
                hidden_act: act.clone(),
                layer_norm_eps: Some(self.text.layer_norm_eps),
                vocab_size: Some(self.vocab),
                max_position_embeddings: Some(self.context),
                eos_token_id: Some(self.eos_token_id),
            }),
            vision_config: Some(VisionFields {
                hidden_size: Some(self.vision.width),
                intermediate_size: Some(self.vision.mlp),
                num_hidden_layers: Some(self.vision.layers),
                num_attention_heads: Some(self.vision.heads),
                hidden_act: act,
                layer_norm_eps: Some(self.vision.layer_norm_eps),
                image_size: Some(self.image_size),
                patch_size: Some(self.patch_size),
                num_channels: Some(3),
            }),
            ..ConfigFile::default()
        }
    }
}
