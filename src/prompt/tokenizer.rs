//! Text to token ids, with what was cut and what was not known.
//!
//! The `tokenizer.json` of the model decides everything: normalisation, words, and which tokens go before and
//! after. Only the cut to the context length is done here, because its size is to be shown.

use std::ops::Range;
use std::panic::catch_unwind;
use tokenizers::models::ModelWrapper;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::normalizers::{
    Lowercase, NFKC, NormalizerWrapper, Replace, Sequence, replace::ReplacePattern,
};
use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;
use tokenizers::processors::template::TemplateProcessing;

/// Of a longer text only this much is tokenised: far more than any context holds.
pub const MAX_TEXT_BYTES: usize = 64 << 10;

/// Words, a digit, and a sign that no small vocabulary has.
const PROBE: &str = "a moving 0 \u{2042}";

/// A tokenizer of a model folder, and the context length of its text tower.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    context: usize,
    /// The unknown token, unless the model has none or uses it as start or end too (as CLIP does).
    unknown: Option<u32>,
    /// The largest id of a word, or of the start and end that the file may name beside its words.
    largest: u32,
}

/// One prompt as tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// BOS … EOT, at most the context length, no padding.
    pub ids: Vec<u32>,
    /// How many tokens were cut to fit the context (0: none). For a text beyond [`MAX_TEXT_BYTES`] the rest counts
    /// by its words, so the number is then a lower bound.
    pub cut: usize,
    /// Byte ranges of the words that the tokenizer does not know: its unknown token, or with byte pairs a word of which
    /// nothing is left but single bytes.
    pub unknown: Vec<Range<usize>>,
}

/// Why a tokenizer could not be had.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    #[error("tokenizer.json: {0:.400}")]
    Read(String),
    #[error("tokenizer.json puts no start and end token around a text, as CLIP's text tower needs")]
    NoStartAndEnd,
    #[error("the text tower's context of {0} tokens leaves no room for a word between start and end")]
    ShortContext(usize),
    #[error("\"{0}\" cannot be a word of the vocabulary: it has to be lower-case letters and digits only")]
    BadWord(String),
}

impl Tokenizer {
    /// Reads the text of a `tokenizer.json`. `context` is the text tower's length (77 for CLIP).
    ///
    /// Truncation and padding that the file may ask for are switched off: cutting is done (and told) by
    /// [`Tokenizer::encode`], and padding after EOT changes nothing (METHOD §1). The file is tried out on a text,
    /// because the library finds some faults only then, and meets others with a panic: both become an error.
    pub fn from_bytes(json: &[u8], context: usize) -> Result<Self, TokenizerError> {
        if context < 3 {
            return Err(TokenizerError::ShortContext(context));
        }
        catch_unwind(|| Self::read(json, context)).unwrap_or_else(|_| {
            Err(TokenizerError::Read("the tokenizers library cannot work with this file".to_owned()))
        })
    }

    fn read(json: &[u8], context: usize) -> Result<Self, TokenizerError> {
        let read = |e: tokenizers::Error| TokenizerError::Read(e.to_string());
        let mut inner = tokenizers::Tokenizer::from_bytes(json).map_err(read)?;
        inner.with_truncation(None).map_err(read)?;
        inner.with_padding(None);
        let around = inner.encode("", true).map_err(read)?;
        if around.get_ids().len() != 2 {
            return Err(TokenizerError::NoStartAndEnd);
        }
        inner.encode(PROBE, true).map_err(read)?;
        let unknown = unknown_token(inner.get_model())
            .and_then(|token| inner.token_to_id(&token))
            .filter(|id| !around.get_ids().contains(id));
        let ids = inner.get_vocab(true).into_values().chain(around.get_ids().iter().copied());
        let largest = ids.max().unwrap_or(0);
        Ok(Self { inner, context, unknown, largest })
    }

    /// Rows that the text tower's embedding table has to have: the largest id and one more.
    pub fn vocab_size(&self) -> usize {
        self.largest as usize + 1
    }

    /// A word is in its vocabulary or is not. Byte pairs and the like make tokens of every string.
    pub fn is_word_level(&self) -> bool {
        self.unknown.is_some() && !matches!(self.inner.get_model(), ModelWrapper::BPE(_))
    }

    /// The ids of the known words of a text, without start and end.
    pub fn words(&self, text: &str) -> Vec<u32> {
        let Ok(encoding) = self.inner.encode(bounded(text).0, false) else { return Vec::new() };
        encoding.get_ids().iter().copied().filter(|id| Some(*id) != self.unknown).collect()
    }

    /// Encodes one prompt; never fails on strange text.
    ///
    /// What does not fit the context is cut as Hugging Face does: the start token and as many tokens as fit are
    /// kept, and the end token comes last.
    pub fn encode(&self, text: &str) -> Encoded {
        let (kept, rest) = bounded(text);
        // What the file cannot do has been found when it was read; whatever is left is a text without words.
        let Some(encoding) = self.inner.encode(kept, true).or_else(|_| self.inner.encode("", true)).ok()
        else {
            return Encoded { ids: Vec::new(), cut: 0, unknown: Vec::new() };
        };
        let mut ids = encoding.get_ids().to_vec();
        let mut cut = rest.split_whitespace().count();
        if ids.len() > self.context {
            cut += ids.len() - self.context;
            let end = ids[ids.len() - 1];
            ids.truncate(self.context);
            ids[self.context - 1] = end;
        }
        let mut unknown: Vec<Range<usize>> = encoding
            .get_ids()
            .iter()
            .zip(encoding.get_offsets())
            .filter(|(id, _)| Some(**id) == self.unknown)
            .map(|(_, &(start, end))| start..end)
            .filter(|range| kept.get(range.clone()).is_some_and(|word| !word.is_empty()))
            .collect();
        if let ModelWrapper::BPE(bpe) = self.inner.get_model() {
            unknown.extend(in_bytes(&encoding, kept, bpe.end_of_word_suffix.as_deref().unwrap_or_default()));
            unknown.sort_by_key(|range| range.start);
        }
        Encoded { ids, cut, unknown }
    }
}

/// The words that fell into single bytes: more than one token, each of one byte (one sign, in the byte alphabet). Signs of
/// ASCII alone, such as "?!", are no words.
fn in_bytes(encoding: &tokenizers::Encoding, text: &str, suffix: &str) -> Vec<Range<usize>> {
    let mut words: Vec<(u32, Range<usize>, usize, bool)> = Vec::new();
    for ((word, token), &(start, end)) in
        encoding.get_word_ids().iter().zip(encoding.get_tokens()).zip(encoding.get_offsets())
    {
        let Some(word) = *word else { continue };
        let single = token.strip_suffix(suffix).unwrap_or(token).chars().count() == 1;
        match words.last_mut() {
            Some((last, range, tokens, all)) if *last == word => {
                *range = range.start.min(start)..range.end.max(end);
                *tokens += 1;
                *all &= single;
            }
            _ => words.push((word, start..end, 1, single)),
        }
    }
    let is_word = |range: &Range<usize>| {
        text.get(range.clone()).is_some_and(|w| w.chars().any(|c| c.is_alphanumeric() || !c.is_ascii()))
    };
    let fallen = words.into_iter().filter(|(_, range, tokens, all)| *all && *tokens > 1 && is_word(range));
    fallen.map(|(_, range, ..)| range).collect()
}

/// The part of a text that is tokenised and the rest, parted between two words where there are any.
fn bounded(text: &str) -> (&str, &str) {
    if text.len() <= MAX_TEXT_BYTES {
        return (text, "");
    }
    let most = text.floor_char_boundary(MAX_TEXT_BYTES);
    text.split_at(text[..most].rfind(char::is_whitespace).unwrap_or(most))
}

fn unknown_token(model: &ModelWrapper) -> Option<String> {
    match model {
        ModelWrapper::BPE(m) => m.unk_token.clone(),
        ModelWrapper::WordPiece(m) => Some(m.unk_token.clone()),
        ModelWrapper::WordLevel(m) => Some(m.unk_token.clone()),
        // Unigram keeps its unknown id to itself.
        ModelWrapper::Unigram(_) => None,
    }
}

/// Start, end, padding and unknown token of [`word_tokenizer_json`]; their ids are their places.
pub const WORD_SPECIALS: [&str; 4] = ["[PAD]", "[BOS]", "[UNK]", "[EOS]"];

/// The `tokenizer.json` of the small model (METHOD §10): one id a word, in the order given, after the
/// [`WORD_SPECIALS`]. Text is lower-cased, apostrophes vanish, other punctuation separates words.
pub fn word_tokenizer_json(words: &[&str]) -> Result<Vec<u8>, TokenizerError> {
    if let Some(bad) = words
        .iter()
        .find(|w| w.is_empty() || **w != w.to_lowercase() || !w.chars().all(char::is_alphanumeric))
    {
        return Err(TokenizerError::BadWord((*bad).to_owned()));
    }
    build_word_tokenizer(words)
        .and_then(|tokenizer| tokenizer.to_string(true))
        .map(String::into_bytes)
        .map_err(|e| TokenizerError::Read(e.to_string()))
}

fn build_word_tokenizer(words: &[&str]) -> tokenizers::Result<tokenizers::Tokenizer> {
    let mut seen = std::collections::HashSet::new();
    let vocab = WORD_SPECIALS.iter().chain(words).filter(|w| seen.insert(**w));
    let vocab = (0..).zip(vocab).map(|(id, w)| ((*w).to_owned(), id)).collect();
    let model = WordLevel::builder().vocab(vocab).unk_token(WORD_SPECIALS[2].to_owned()).build()?;
    let regex = |pattern: &str, to: &str| Replace::new(ReplacePattern::Regex(pattern.to_owned()), to);
    let normalizers: Vec<NormalizerWrapper> = vec![
        NFKC.into(),
        Lowercase.into(),
        regex("['’]", "")?.into(),
        regex(r"[^\p{L}\p{M}\p{N}\s]+", " ")?.into(),
    ];
    let around = TemplateProcessing::builder()
        .try_single(format!("{}:0 $A:0 {}:0", WORD_SPECIALS[1], WORD_SPECIALS[3]))?
        .special_tokens(vec![(WORD_SPECIALS[1], 1), (WORD_SPECIALS[3], 3)])
        .build()?;
    let mut tokenizer = tokenizers::Tokenizer::new(model);
    tokenizer.with_normalizer(Some(Sequence::new(normalizers)))?;
    tokenizer.with_pre_tokenizer(Some(WhitespaceSplit));
    tokenizer.with_post_processor(Some(around));
    Ok(tokenizer)
}
