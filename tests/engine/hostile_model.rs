//! Model folders that are broken in every way: each is refused with the file and the tensor named, and the model that was
//! loaded before works on.

use super::*;
use burn::tensor::Device;
use motionlens::model::folder::Card;
use motionlens::model::head::{HeadConfig, MotionHead};
use motionlens::model::weights::{Precision, save};
use motionlens::prompt::tokenizer::word_tokenizer_json;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::{Value, json};
use std::fs;

const FILES: [&str; 4] = ["config.json", "model.safetensors", "tokenizer.json", "preprocessor_config.json"];

fn assets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/model")
}

/// The embedded model's CLIP as a folder, without a motion head.
pub fn copy_of_the_embedded(to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in FILES {
        fs::copy(assets().join(file), to.join(file)).unwrap();
    }
}

pub fn random_head(heads: usize) -> (HeadConfig, MotionHead) {
    let config = HeadConfig::new(128, 128, heads);
    let device = Device::flex();
    device.seed(5);
    let head = config.init(&device);
    (config, head)
}

fn card(head: &HeadConfig) -> Value {
    let card = Card {
        scale: None,
        version: 1,
        note: None,
        name: "test".into(),
        head: head.clone(),
        alpha: 0.25,
        templates: None,
        training: Value::Null,
        figures: Value::Null,
    };
    serde_json::to_value(card).unwrap()
}

pub fn write_head(folder: &Path, (config, head): &(HeadConfig, MotionHead)) {
    save(head, &folder.join("motion_head.safetensors"), Precision::F32).unwrap();
    fs::write(folder.join("motionlens.json"), card(config).to_string()).unwrap();
}

type Tensors = Vec<(String, Dtype, Vec<usize>, Vec<u8>)>;

/// Rewrites a safetensors file.
fn edit_tensors(path: &Path, edit: impl FnOnce(&mut Tensors)) {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors: Tensors = file
        .tensors()
        .into_iter()
        .map(|(name, view)| (name, view.dtype(), view.shape().to_vec(), view.data().to_vec()))
        .collect();
    edit(&mut tensors);
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, data)| (name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

fn tensor<'a>(tensors: &'a mut Tensors, name: &str) -> &'a mut (String, Dtype, Vec<usize>, Vec<u8>) {
    tensors.iter_mut().find(|t| t.0 == name).expect(name)
}

/// Bytes of `value` in the tensor's own type.
fn bytes_of(dtype: Dtype, value: f32) -> Vec<u8> {
    match dtype {
        Dtype::F16 => half::f16::from_f32(value).to_le_bytes().to_vec(),
        _ => value.to_le_bytes().to_vec(),
    }
}

fn put(path: &Path, name: &str, value: f32) {
    edit_tensors(path, |t| {
        let (_, dtype, _, data) = tensor(t, name);
        let bytes = bytes_of(*dtype, value);
        data[..bytes.len()].copy_from_slice(&bytes);
    });
}

fn remove(path: &Path, name: &str) {
    edit_tensors(path, |t| t.retain(|t| t.0 != name));
}

/// Takes the last row away.
fn shorten(path: &Path, name: &str) {
    edit_tensors(path, |t| {
        let (_, _, shape, data) = tensor(t, name);
        let row = data.len() / shape[0];
        shape[0] -= 1;
        data.truncate(data.len() - row);
    });
}

fn edit_json(path: &Path, edit: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    edit(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

type Break = Box<dyn Fn(&Path)>;

/// What is done to a whole folder, and what the message has to name.
fn cases() -> Vec<(&'static str, Break, Vec<&'static str>)> {
    const CLIP: &str = "model.safetensors";
    const HEAD: &str = "motion_head.safetensors";
    const CARD: &str = "motionlens.json";
    const QUERY: &str = "vision_model.encoder.layers.1.self_attn.q_proj.weight";
    let mut cases: Vec<(&'static str, Break, Vec<&'static str>)> = Vec::new();
    let mut case =
        |what, names: &[&'static str], f: Box<dyn Fn(&Path)>| cases.push((what, f, names.to_vec()));

    for file in ["config.json", CLIP, "tokenizer.json", HEAD, CARD] {
        case("missing", &[file], Box::new(move |d| fs::remove_file(d.join(file)).unwrap()));
        case("empty", &[file], Box::new(move |d| fs::write(d.join(file), "").unwrap()));
        case("noise", &[file], {
            Box::new(move |d| fs::write(d.join(file), [0xA7u8, 0, 255, 3].repeat(300)).unwrap())
        });
        case("a folder of that name", &[file], {
            Box::new(move |d| {
                fs::remove_file(d.join(file)).unwrap();
                fs::create_dir(d.join(file)).unwrap();
            })
        });
    }
    for file in [CLIP, HEAD] {
        for part in [0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.9999] {
            case("truncated", &[file], {
                Box::new(move |d| {
                    let bytes = fs::read(d.join(file)).unwrap();
                    let keep = (bytes.len() as f64 * part) as usize;
                    fs::write(d.join(file), &bytes[..keep]).unwrap();
                })
            });
        }
        case("header of an impossible length", &[file], {
            Box::new(move |d| {
                let mut bytes = fs::read(d.join(file)).unwrap();
                bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes());
                fs::write(d.join(file), bytes).unwrap();
            })
        });
    }
    for file in ["config.json", "tokenizer.json", CARD] {
        for text in
            ["[]", "null", "{\"text_config\": 3, \"head\": 3, \"model\": 3}", "{\"a\":", "\u{feff}{}x"]
        {
            case("odd JSON", &[file], Box::new(move |d| fs::write(d.join(file), text).unwrap()));
        }
    }

    case("NaN", &[CLIP, QUERY], Box::new(|d| put(&d.join(CLIP), QUERY, f32::NAN)));
    case("infinity", &[CLIP, QUERY], Box::new(|d| put(&d.join(CLIP), QUERY, f32::INFINITY)));
    case("tensor missing", &[CLIP, QUERY], Box::new(|d| remove(&d.join(CLIP), QUERY)));
    case("row missing", &[CLIP, QUERY], Box::new(|d| shorten(&d.join(CLIP), QUERY)));
    case("wrong type", &[CLIP, "logit_scale"], {
        Box::new(|d| {
            edit_tensors(&d.join(CLIP), |t| {
                let t = tensor(t, "logit_scale");
                (t.1, t.3) = (Dtype::I64, vec![0; 8]);
            });
        })
    });
    case("no class embedding", &[CLIP, "class_embedding"], {
        Box::new(|d| remove(&d.join(CLIP), "vision_model.embeddings.class_embedding"))
    });
    case("positions that are no square", &[CLIP, "position embedding"], {
        Box::new(|d| shorten(&d.join(CLIP), "vision_model.embeddings.position_embedding.weight"))
    });
    case("stray tensor", &[CLIP, "resnet.conv1"], {
        Box::new(|d| {
            edit_tensors(&d.join(CLIP), |t| t.push(("resnet.conv1".into(), Dtype::F32, vec![1], vec![0; 4])));
        })
    });
    case("heads that do not divide", &["heads"], {
        Box::new(|d| {
            edit_json(&d.join("config.json"), |c| c["vision_config"]["num_attention_heads"] = json!(5));
        })
    });
    case("a width the tensors do not have", &["config.json", "hidden_size"], {
        Box::new(|d| edit_json(&d.join("config.json"), |c| c["vision_config"]["hidden_size"] = json!(77)))
    });
    case("another activation", &["hidden_act"], {
        Box::new(|d| edit_json(&d.join("config.json"), |c| c["text_config"]["hidden_act"] = json!("gelu")))
    });
    case("deviation of zero", &["preprocessor_config.json"], {
        Box::new(|d| {
            edit_json(&d.join("preprocessor_config.json"), |c| c["image_std"] = json!([0.0, 1.0, 1.0]));
        })
    });
    case("tokenizer of a larger vocabulary", &["tokenizer.json", "tokens"], {
        Box::new(|d| {
            let words: Vec<String> = (0..500).map(|i| format!("w{i}")).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            fs::write(d.join("tokenizer.json"), word_tokenizer_json(&words).unwrap()).unwrap();
        })
    });

    const UP: &str = "motion.blocks.0.out.weight";
    case("head: NaN", &[HEAD, UP], Box::new(|d| put(&d.join(HEAD), UP, f32::NAN)));
    case("head: tensor missing", &[HEAD, UP], Box::new(|d| remove(&d.join(HEAD), UP)));
    case("head: row missing", &[HEAD, UP], Box::new(|d| shorten(&d.join(HEAD), UP)));
    case("head: other widths", &[CARD, "64"], {
        Box::new(|d| edit_json(&d.join(CARD), |c| c["head"]["width"] = json!(64)))
    });
    case("head: frames and levels do not fit", &[CARD, "levels"], {
        Box::new(|d| edit_json(&d.join(CARD), |c| c["head"]["frames"] = json!(6)))
    });
    case("head: absurd sizes", &[CARD, "bottleneck"], {
        Box::new(|d| edit_json(&d.join(CARD), |c| c["head"]["bottleneck"] = json!(1u64 << 40)))
    });
    case("head: absurd levels", &[CARD, "levels"], {
        Box::new(|d| edit_json(&d.join(CARD), |c| c["head"]["levels"] = json!(200)))
    });
    case("head: newer version", &[CARD, "version 2"], {
        Box::new(|d| edit_json(&d.join(CARD), |c| c["version"] = json!(2)))
    });
    case("head: more blocks than tensors", &[HEAD, "blocks.2"], {
        Box::new(|d| edit_json(&d.join(CARD), |c| c["head"]["blocks"] = json!(3)))
    });
    case("head: fewer blocks than tensors", &[HEAD, "blocks.1"], {
        Box::new(|d| edit_json(&d.join(CARD), |c| c["head"]["blocks"] = json!(1)))
    });
    cases
}

fn load(bench: &Bench, folder: &Path) -> Result<String, String> {
    bench.engine.load_model(ModelSource::Folder(folder.to_owned()));
    loop {
        match bench.next(PATIENCE).expect("an answer in time") {
            Event::ModelLoaded { info, .. } => return Ok(info.digest.clone()),
            Event::ModelFailed { message } => return Err(message),
            _ => {}
        }
    }
}

#[test]
fn broken_folders_are_refused_by_name_and_the_model_before_works_on() {
    let place = tempfile::tempdir().unwrap();
    let engine = ready();
    let clip = source(&video(place.path(), "clip.mp4", 16, true));
    let before = engine.answer(&clip, span(0.0, 1.0));
    let head = random_head(4);
    let cases = cases();
    assert!(cases.len() >= 40);
    for (i, (what, break_it, names)) in cases.iter().enumerate() {
        let folder = place.path().join(format!("model{i}"));
        copy_of_the_embedded(&folder);
        write_head(&folder, &head);
        break_it(&folder);
        let message = match load(&engine, &folder) {
            Err(message) => message,
            Ok(_) => panic!("{what} ({names:?}) was accepted"),
        };
        for name in names {
            assert!(message.contains(name), "{what}: the message does not name {name}: {message}");
        }
        assert!(!message.contains("panicked") && !message.contains("please report"), "{what}: {message}");
        fs::remove_dir_all(&folder).unwrap();
    }
    // Another span of the same frames: asked of the model, and not held.
    let after = engine.answer(&clip, span(0.0, 0.99));
    assert_eq!(before.frames, after.frames);
    assert_eq!(
        (before.evidence.embedding.clone(), 0),
        (after.evidence.embedding.clone(), after.encoded_frames)
    );
}

#[test]
fn what_is_no_folder_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let engine = engine();
    let file = place.path().join("model.pt");
    fs::write(&file, "x").unwrap();
    assert!(load(&engine, &file).unwrap_err().contains("model.pt"));
    assert!(load(&engine, &place.path().join("nowhere")).unwrap_err().contains("nowhere"));
    assert!(load(&engine, place.path()).unwrap_err().contains("config.json"));
}

#[test]
fn whole_folders_are_accepted_with_and_without_a_head() {
    let place = tempfile::tempdir().unwrap();
    copy_of_the_embedded(place.path());
    let engine = engine();
    let plain = load(&engine, place.path()).expect("a stock CLIP folder");
    write_head(place.path(), &random_head(4));
    let with_head = load(&engine, place.path()).expect("a folder with a head");
    assert_ne!(plain, with_head);
    // Half precision and position_ids of older files.
    edit_tensors(&place.path().join("motion_head.safetensors"), |tensors| {
        for (_, dtype, _, data) in tensors {
            let halves = data.as_chunks::<4>().0.iter().map(|b| half::f16::from_f32(f32::from_le_bytes(*b)));
            (*dtype, *data) = (Dtype::F16, halves.flat_map(|h| h.to_le_bytes()).collect());
        }
    });
    edit_tensors(&place.path().join("model.safetensors"), |tensors| {
        let ids = "text_model.embeddings.position_ids".to_owned();
        tensors.push((ids, Dtype::I64, vec![1, 20], vec![0; 160]));
    });
    load(&engine, place.path()).expect("half precision and position_ids");
}
