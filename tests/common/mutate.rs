//! Files and answers that are mutated at random; the same seed gives the same mutation.

use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Every place of a JSON value.
fn places(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(k, v)| places(v, format!("{at}/{k}"), out)),
        Value::Array(list) => list.iter().enumerate().for_each(|(i, v)| places(v, format!("{at}/{i}"), out)),
        _ => {}
    }
    out.push(at);
}

fn odd(rng: &mut ChaCha8Rng) -> Value {
    let odd = [
        Value::Null,
        json!(-1),
        json!(0),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("../../../../tmp/x"),
        json!("/etc/passwd"),
        json!("model.safetensors"),
        json!("config.json"),
        json!("0".repeat(40)),
        json!("F".repeat(64)),
        json!("a\u{0}b\r\nlocation: x"),
        json!("x".repeat(100_000)),
        json!([]),
        json!({}),
        json!([[[[[[[[]]]]]]]]),
        json!(true),
        json!("model-00001-of-00001.safetensors"),
        json!("siglip"),
    ];
    odd.choose(rng).unwrap().clone()
}

/// The bytes of a JSON value with some of its places changed, and sometimes cut off or with other bytes.
pub fn mutated_json(value: &Value, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut whole = value.clone();
    for _ in 0..rng.random_range(1..4) {
        let mut all = Vec::new();
        places(&whole, String::new(), &mut all);
        let at = all.choose(rng).unwrap();
        let new = odd(rng);
        if let Some(value) = whole.pointer_mut(at) {
            match (rng.random_range(0..4), value) {
                (0, Value::Object(map)) => map.clear(),
                (1, Value::Array(list)) if !list.is_empty() => {
                    let again = list[rng.random_range(0..list.len())].clone();
                    list.push(again);
                }
                (_, value) => *value = new,
            }
        }
    }
    let mut bytes = whole.to_string().into_bytes();
    match rng.random_range(0..5) {
        0 => bytes.truncate(rng.random_range(0..bytes.len())),
        1 => {
            for _ in 0..rng.random_range(1..5) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] = rng.random();
            }
        }
        _ => {}
    }
    bytes
}
