//! Token ids against Hugging Face's, cutting to the context, unknown words, and text that tries to break it.

mod common;

use motionlens::prompt::tokenizer::{MAX_TEXT_BYTES, Tokenizer, TokenizerError, word_tokenizer_json};

const WORDS: [&str; 8] = ["a", "video", "of", "person", "moving", "left", "not", "spinning"];
const BOS: u32 = 1;
const EOS: u32 = 3;
const UNK: u32 = 2;

fn small(context: usize) -> Tokenizer {
    Tokenizer::from_bytes(&word_tokenizer_json(&WORDS).unwrap(), context).unwrap()
}

fn clip(context: usize) -> Option<Tokenizer> {
    let path = common::shared_dir()?.join("fixtures/clip-tokenizer/tokenizer.json");
    Some(Tokenizer::from_bytes(&std::fs::read(path).unwrap(), context).unwrap())
}

#[derive(serde::Deserialize)]
struct Row {
    text: String,
    ids: Vec<u32>,
}

#[test]
fn clip_ids_are_exact_and_cut_as_hugging_face_cuts() {
    let Some(shared) = common::shared_dir() else { return };
    let rows = std::fs::read(shared.join("fixtures/clip-tokenizer/token_ids.json")).unwrap();
    let rows: Vec<Row> = serde_json::from_slice(&rows).unwrap();
    assert!(rows.len() >= 20);
    let (whole, cut) = (clip(10_000).unwrap(), clip(77).unwrap());
    assert_eq!(whole.vocab_size(), 49_408);
    for Row { text, ids } in rows {
        let encoded = whole.encode(&text);
        assert_eq!((&encoded.ids, encoded.cut), (&ids, 0), "{text:?}");
        let (short, over) = (cut.encode(&text), ids.len().saturating_sub(77));
        assert_eq!(short.cut, over, "{text:?}");
        assert_eq!(short.ids.len(), ids.len() - over);
        let body = short.ids.len() - 1;
        assert_eq!(short.ids[..body], ids[..body]);
        assert_eq!(short.ids.last(), ids.last());
    }
}

#[test]
fn byte_pairs_mark_the_words_that_fall_into_single_bytes() {
    let Some(t) = clip(77) else { return };
    assert!(!t.is_word_level() && small(20).is_word_level());
    let marked = |text: &str| -> Vec<String> {
        t.encode(text).unknown.into_iter().map(|r| text[r].to_owned()).collect()
    };
    for known in ["a photo of a person juggling.", "Tai Chi, 3 times?!", "naïve café", ""] {
        assert_eq!(marked(known), Vec::<String>::new(), "{known}");
    }
    // CLIP takes vowel signs for words of their own.
    assert_eq!(marked("a ꦗꦒ dance"), ["ꦗꦒ"]);
}

#[test]
fn words_get_their_places_and_punctuation_separates() {
    let t = small(20);
    assert_eq!(t.vocab_size(), 12);
    let ids = |text: &str| t.encode(text).ids;
    assert_eq!(ids(""), [BOS, EOS]);
    assert_eq!(ids(" \t\n"), [BOS, EOS]);
    assert_eq!(ids("A video of a Person moving left."), [BOS, 4, 5, 6, 4, 7, 8, 9, EOS]);
    assert_eq!(ids("moving-left"), ids("moving left"));
    assert_eq!(ids("moving,left!? (not) “spinning”…"), [BOS, 8, 9, 10, 11, EOS]);
    assert_eq!(ids("ＭＯＶＩＮＧ left"), [BOS, 8, 9, EOS]);
}

#[test]
fn unknown_words_are_marked_where_they_stand() {
    let t = small(20);
    let text = "not juggling, moving naïve 日本 left";
    let encoded = t.encode(text);
    assert_eq!(encoded.ids, [BOS, 10, UNK, 8, UNK, UNK, 9, EOS]);
    let words: Vec<&str> = encoded.unknown.iter().map(|r| &text[r.clone()]).collect();
    assert_eq!(words, ["juggling", "naïve", "日本"]);
}

#[test]
fn the_names_of_special_tokens_are_plain_words_for_the_small_model() {
    let t = small(20);
    assert_eq!(t.encode("[EOS] moving [PAD] [UNK]").ids, [BOS, UNK, 8, UNK, UNK, EOS]);
}

#[test]
fn a_long_prompt_keeps_start_and_end() {
    let t = small(5);
    let encoded = t.encode("a video of a person moving left");
    assert_eq!(encoded.ids, [BOS, 4, 5, 6, EOS]);
    assert_eq!(encoded.cut, 4);
    assert_eq!(t.encode("a video of").cut, 0);
}

#[test]
fn megabytes_of_text_are_bounded() {
    let t = small(20);
    let words = t.encode(&"moving ".repeat(1_000_000));
    assert_eq!((words.ids.len(), words.cut), (20, 1_000_000 - 18));
    let one = t.encode(&"é".repeat(3_000_000));
    assert_eq!((one.ids, one.cut), (vec![BOS, UNK, EOS], 1));
    let late = t.encode(&(" ".repeat(MAX_TEXT_BYTES) + "moving left"));
    assert_eq!((late.ids, late.cut), (vec![BOS, EOS], 2));
    let Some(clip) = clip(77) else { return };
    for text in ["x".repeat(8 << 20), "🤸‍♀️".repeat(1 << 20), "'s".repeat(4 << 20), "\u{301}".repeat(4 << 20)]
    {
        let encoded = clip.encode(&text);
        assert!(encoded.ids.len() <= 77 && encoded.cut > 0);
        assert_eq!((encoded.ids[0], *encoded.ids.last().unwrap()), (49_406, 49_407));
    }
}

#[test]
fn the_file_is_an_ordinary_hugging_face_file() {
    let json: serde_json::Value = serde_json::from_slice(&word_tokenizer_json(&WORDS).unwrap()).unwrap();
    assert_eq!(json["model"]["type"], "WordLevel");
    assert_eq!(json["model"]["vocab"]["[UNK]"], 2);
    assert_eq!(json["model"]["vocab"]["a"], 4);
    assert_eq!(json["post_processor"]["type"], "TemplateProcessing");
    // A word given twice has one id, and the ids have no gap.
    let twice = Tokenizer::from_bytes(&word_tokenizer_json(&["a", "b", "a", "c"]).unwrap(), 9).unwrap();
    assert_eq!(twice.encode("c b a").ids, [BOS, 6, 5, 4, EOS]);
}

#[test]
fn what_cannot_be_a_word_or_a_tokenizer_is_refused() {
    for word in ["Upper", "two words", "hy-phen", "", "[X]"] {
        assert!(matches!(word_tokenizer_json(&[word]), Err(TokenizerError::BadWord(w)) if w == word));
    }
    let good = word_tokenizer_json(&WORDS).unwrap();
    assert!(matches!(Tokenizer::from_bytes(&good, 2), Err(TokenizerError::ShortContext(2))));
    for length in [0, 1, 10, good.len() / 2, good.len() - 3] {
        assert!(matches!(Tokenizer::from_bytes(&good[..length], 20), Err(TokenizerError::Read(_))));
    }
    for json in
        ["{}", "[]", "null", "{\"model\": {\"type\": \"WordLevel\"}}", "\u{0}\u{1}", &"[".repeat(100_000)]
    {
        assert!(Tokenizer::from_bytes(json.as_bytes(), 20).is_err(), "{}", &json[..json.len().min(40)]);
    }
    let mut bare: serde_json::Value = serde_json::from_slice(&good).unwrap();
    bare["post_processor"] = serde_json::Value::Null;
    let bare = serde_json::to_vec(&bare).unwrap();
    assert!(matches!(Tokenizer::from_bytes(&bare, 20), Err(TokenizerError::NoStartAndEnd)));
}

/// Files that the library reads and then fails on, or panics on: an error when the model is loaded, not later.
#[test]
fn files_that_break_when_used_are_refused() {
    use serde_json::{Value, json};
    let good: Value = serde_json::from_slice(&word_tokenizer_json(&WORDS).unwrap()).unwrap();
    let with = |path: &str, value: Value| {
        let mut file = good.clone();
        *file.pointer_mut(path).unwrap() = value;
        Tokenizer::from_bytes(&serde_json::to_vec(&file).unwrap(), 20)
    };
    for (path, value) in [
        ("/post_processor/special_tokens", json!({})),
        ("/pre_tokenizer", json!({"type": "FixedLength", "length": 0})),
        ("/normalizer", json!({"type": "Precompiled", "precompiled_charsmap": "AAAA"})),
        ("/normalizer", json!({"type": "Replace", "pattern": {"Regex": "("}, "content": ""})),
        ("/model/unk_token", json!("nowhere")),
        ("/model/vocab", json!({})),
        ("/model", json!({"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]})),
        ("/model", json!({"type": "Unigram", "vocab": [], "unk_id": 0})),
    ] {
        let shown = value.to_string();
        assert!(matches!(with(path, value), Err(TokenizerError::Read(_))), "{path} {shown}");
    }
    // Start and end with ids that no word has: the text tower is asked for as many rows.
    let far = with("/post_processor", json!({"type": "BertProcessing", "cls": ["x", 5], "sep": ["y", 700]}));
    assert_eq!(far.unwrap().vocab_size(), 701);
}

/// The model's file may ask for padding and truncation; neither may reach the ids.
#[test]
fn padding_and_truncation_of_the_file_are_ignored() {
    let mut json: serde_json::Value = serde_json::from_slice(&word_tokenizer_json(&WORDS).unwrap()).unwrap();
    json["truncation"] =
        serde_json::json!({"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0});
    json["padding"] = serde_json::json!({"strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": null,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"});
    let t = Tokenizer::from_bytes(&serde_json::to_vec(&json).unwrap(), 20).unwrap();
    assert_eq!(t.encode("a video of a person").ids, [BOS, 4, 5, 6, 4, 7, EOS]);
}
