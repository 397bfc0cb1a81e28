//! The CLIP text tower (METHOD §1). Attention is causal, so cutting a text after its EOT changes nothing and saves
//! most of the work: a short prompt costs its own length, not the context's.

use super::config::ClipConfig;
use super::encoder::{Encoder, layer_norm};
use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Initializer, LayerNorm};
use burn::tensor::{Device, Int, Tensor, TensorData};

#[derive(Module, Debug)]
pub struct TextEmbeddings {
    /// weight (vocabulary, Dt)
    token_embedding: Embedding,
    /// weight (context, Dt)
    position_embedding: Embedding,
}

/// The text tower.
#[derive(Module, Debug)]
pub struct TextModel {
    embeddings: TextEmbeddings,
    encoder: Encoder,
    final_layer_norm: LayerNorm,
}

/// The row that stands for the whole text: argmax(ids) for `eos_token_id` 2, else the first EOT (METHOD §1); the
/// last row where there is none.
pub fn eot_row(ids: &[u32], eos_token_id: u32) -> usize {
    let last = ids.len().saturating_sub(1);
    if eos_token_id == 2 {
        let max = ids.iter().copied().max();
        ids.iter().position(|&id| Some(id) == max).unwrap_or(last)
    } else {
        ids.iter().position(|&id| id == eos_token_id).unwrap_or(last)
    }
}

impl TextModel {
    /// Random weights.
    pub fn init(config: &ClipConfig, device: &Device) -> Self {
        let embedding = |rows| {
            EmbeddingConfig::new(rows, config.text.width)
                .with_initializer(Initializer::Normal { mean: 0.0, std: 0.02 })
                .init(device)
        };
        Self {
            embeddings: TextEmbeddings {
                token_embedding: embedding(config.vocab),
                position_embedding: embedding(config.context),
            },
            encoder: Encoder::init(&config.text, device),
            final_layer_norm: layer_norm(&config.text, device),
        }
    }

    /// `(S, l)` ids to `(S, l, Dt)` before the first layer.
    fn embed(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let [_, length] = ids.dims();
        let positions = self.embeddings.position_embedding.weight.val().narrow(0, 0, length);
        self.embeddings.token_embedding.forward(ids) + positions.unsqueeze()
    }

    /// One row a text, `(S, Dt)`: final_layer_norm at the EOT. Texts are cut at their EOT and padded to the longest.
    /// An empty text counts as the single id 0; ids must be below the vocabulary size and texts within the context.
    pub fn forward<T: AsRef<[u32]>>(&self, texts: &[T], eos_token_id: u32) -> Tensor<2> {
        let device = self.embeddings.token_embedding.weight.device();
        let rows: Vec<usize> = texts.iter().map(|t| eot_row(t.as_ref(), eos_token_id)).collect();
        let length = rows.iter().max().map_or(1, |r| r + 1);
        let mut ids = vec![0i32; texts.len() * length];
        for (row, (text, &eot)) in ids.chunks_mut(length).zip(texts.iter().zip(&rows)) {
            for (slot, &id) in row.iter_mut().zip(text.as_ref()).take(eot + 1) {
                *slot = id as i32;
            }
        }
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [texts.len(), length]), &device);
        let x = self.encoder.forward(self.embed(ids), true);
        let [s, l, d] = x.dims();
        let flat: Vec<i32> = rows.iter().enumerate().map(|(i, r)| (i * l + r) as i32).collect();
        let rows = Tensor::<1, Int>::from_data(TensorData::new(flat, [s]), &device);
        self.final_layer_norm.forward(x.reshape([s * l, d]).select(0, rows))
    }

    /// Every hidden state of whole padded rows, `(S, l)` to `(S, l, Dt)` each (for parity tests).
    pub fn hidden_states(&self, ids: Tensor<2, Int>) -> Vec<Tensor<3>> {
        self.encoder.hidden_states(self.embed(ids), true)
    }
}
