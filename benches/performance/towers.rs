//! The towers of a CLIP of ViT-B/16 size on the CPU: as inference runs them, in Burn's operations (which training runs), and beside
//! ONNX Runtime and PyTorch with the same weights and inputs.

use crate::peers::{Peers, assert_same};
use crate::random_b16::random_b16;
use crate::table::{TURNS, Table};
use burn::module::Module;
use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use motionlens::model::{ModelFiles, Towers};
use serde_json::json;
use std::path::Path;
use std::time::Instant;

pub const ABOUT: &str = "A CLIP of ViT-B/16 size with random weights, the same for all, at 224 pixels; the text is one of 10 tokens. \
    Everybody takes as many threads as by itself. The rows that come out are held against ours (cosine above .99). Where a processor has \
    AMX (the first line above says so), the vision tower multiplies on it, every f32 as two bf16 and within 2e-4 of f32 \
    (`crates/encoder/src/tiles.rs`); `MOTIONLENS_AMX=off` measures without. bf16, of PyTorch, is another number format: one such product \
    where ours makes three; `MOTIONLENS_AMX=bf16` measures ours in it. Without AMX it is no gain: on an Emerald Rapids that hides it, the instruction of AVX-512 BF16 makes half as \
    many multiply-adds a second as those of f32 do (41 against 84 thousand million on a core, in a loop of nothing else). \"Burn's \
    operations\" is what inference and training ran on before `crates/encoder`.";

pub const FRAMES: usize = 8;
/// Tokens of a short prompt, with the start and the end.
const TOKENS: usize = 10;
/// No id of the text, whose last row is then read.
const NO_END: u32 = 1;
const NAMES: [&str; 5] = ["ours", "Burn's operations", "onnxruntime", "torch", "bfloat16"];

#[derive(Clone, Copy)]
pub enum Work {
    /// So many frames.
    Vision(usize),
    /// One short text.
    Text,
}

impl Work {
    /// What it is, the tower's name with the peers, and how many items.
    pub fn words(self) -> (String, &'static str, usize) {
        match self {
            Self::Vision(1) => ("vision tower, 1 frame".to_owned(), "vision", 1),
            Self::Vision(frames) => (format!("vision tower, {frames} frames"), "vision", frames),
            Self::Text => ("text tower, one short text".to_owned(), "text", 1),
        }
    }
}

/// Numbers between −1 and 1 that repeat nowhere near.
pub fn pixels() -> Vec<f32> {
    (0..FRAMES * 3 * 224 * 224).map(|i| ((i as f32 * 0.618).sin() * 917.0).sin()).collect()
}

pub fn ids() -> Vec<i64> {
    (0..TOKENS as i64).map(|i| 10 + 7 * i).collect()
}

/// A folder's towers.
pub fn load(folder: &Path, device: &Device) -> Towers {
    ModelFiles::read(folder).and_then(|files| files.load(device)).expect("the model").towers
}

/// The seconds from pixels in memory, and the first item's class token, or row of the end of the text.
pub fn ours(towers: &Towers, device: &Device, work: Work, kind: FloatDType) -> (f64, Vec<f32>) {
    let began;
    let tokens = match work {
        Work::Vision(frames) => {
            let mut pixels = pixels();
            pixels.truncate(frames * 3 * 224 * 224);
            let pixels = TensorData::new(pixels, [frames, 3, 224, 224]);
            began = Instant::now();
            let pixels = Tensor::<4>::from_data(pixels, device).cast(kind);
            towers.vision_model.forward(pixels).narrow(0, 0, 1).narrow(1, 0, 1)
        }
        Work::Text => {
            let ids: Vec<u32> = ids().into_iter().map(|id| id as u32).collect();
            began = Instant::now();
            towers.text_model.forward(&[ids], NO_END).unsqueeze::<3>()
        }
    };
    let row = tokens.cast(FloatDType::F32).try_into_vec_as().expect("numbers");
    (began.elapsed().as_secs_f64(), row)
}

pub fn run(table: &mut Table, peers: &mut Peers) {
    let folder = tempfile::tempdir().expect("a folder");
    random_b16(folder.path());
    let (cpu, autodiff) = (Device::flex(), Device::flex().autodiff().gradient_checkpointing());
    let (here, burn) = (load(folder.path(), &cpu), load(folder.path(), &autodiff).no_grad());
    peers.load(folder.path(), &pixels(), &ids());
    for work in [Work::Vision(FRAMES), Work::Vision(2), Work::Vision(1), Work::Text] {
        let (what, tower, count) = work.words();
        let mut row = Vec::new();
        table.compare(&what, &NAMES, TURNS, |name| match name {
            "ours" => {
                let (seconds, own) = ours(&here, &cpu, work, FloatDType::F32);
                row = own;
                Ok(seconds)
            }
            "Burn's operations" => {
                let (seconds, theirs) = ours(&burn, &autodiff, work, FloatDType::F32);
                assert_same(&row, &theirs);
                Ok(seconds)
            }
            peer => {
                let asked = json!({"do": "tower", "peer": peer, "name": tower, "count": count});
                let answer = peers.ask(&asked)?;
                assert_same(&row, &answer.row);
                Ok(answer.seconds)
            }
        });
    }
}
