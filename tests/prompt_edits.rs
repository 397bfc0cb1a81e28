//! Editing prompts with the embedded model does what a person expects, over many clips that training never saw: the true
//! class wins, naming the true motion as a negative lowers its class, and an unrelated negative hardly matters.
//! The rates are printed; `cargo test --release --test prompt_edits -- --nocapture` shows them.

use burn::tensor::{Device, Tensor, TensorData};
use motionlens::data::world::{Direction, Manner, Motion, Scene, rng};
use motionlens::eval::zero_shot::{TextSide, embed_tokens};
use motionlens::model::{Model, ModelFiles};
use motionlens::score::{ClassEmbedding, score};
use motionlens::train::features::{encode, preprocess, world_pixels};
use motionlens::train::head::world_templates;

/// A data seed of this test alone.
const SEED: u64 = 77_000_001;
const ROUNDS: u64 = 3;

fn embeddings(model: &Model, device: &Device) -> Vec<(Motion, Vec<f32>)> {
    let frames = model.head_config.frames;
    let mut all = Vec::new();
    for round in 0..ROUNDS {
        for (i, motion) in Motion::all().into_iter().enumerate() {
            let scene = Scene::random(&mut rng(SEED, round * 32 + i as u64), motion);
            let tokens = encode(model, world_pixels(&scene, frames, &preprocess(model)), device).unwrap();
            let shape = [1, frames, model.config.tokens(), model.config.vision.width];
            let x = Tensor::<4>::from_data(TensorData::new(tokens, shape), device);
            all.push((motion, embed_tokens(&model.head, model, x).unwrap().remove(0)));
        }
    }
    all
}

/// A motion that shares neither direction nor manner with this one, nor with its mirror.
fn unrelated(motion: Motion) -> Motion {
    let direction = match motion.direction {
        Direction::Left | Direction::Right => Direction::Up,
        Direction::Up | Direction::Down => Direction::Left,
    };
    let manner = match motion.manner {
        Manner::Steadily | Manner::Shaking | Manner::Spinning => Manner::FadingOut,
        _ => Manner::Shaking,
    };
    Motion { direction, manner }
}

#[test]
fn editing_prompts_does_what_a_person_expects() {
    let device = Device::flex();
    let model = ModelFiles::embedded().load(&device).unwrap();
    if !model.head_trained {
        eprintln!("skipped: the embedded model is untrained");
        return;
    }
    let names: Vec<String> = Motion::all().iter().map(|m| m.name()).collect();
    let templates = model.templates.clone().unwrap_or_else(world_templates);
    let classes = TextSide::encode(&model, &names, &templates, &device).unwrap().joint(&model.head).unwrap();
    // What a class's negatives become when a person writes these words there: the plain name, as a prompt.
    let bare = motionlens::prompt::Templates { positive: vec!["{}".into()], negative: vec!["{}".into()] };
    let as_negative = TextSide::encode(&model, &names, &bare, &device).unwrap().joint(&model.head).unwrap();
    let place = |motion: Motion| names.iter().position(|n| *n == motion.name()).unwrap();

    let clips = embeddings(&model, &device);
    // Prompts only count at an α above 0; `yes` counts at any.
    let alpha = if model.alpha > 0.0 { model.alpha } else { 1.0 };
    let (mut wins, mut lowered, mut unmoved) = (0, 0, 0);
    for (motion, f) in &clips {
        let own = place(*motion);
        let before = score(f, &classes, model.tau, alpha);
        let best = before.classes.iter().enumerate().max_by(|a, b| a.1.p.total_cmp(&b.1.p)).unwrap().0;
        wins += usize::from(best == own);
        let with_negative = |negative: Motion| {
            let mut edited: Vec<ClassEmbedding> = classes.clone();
            edited[own].negative = as_negative[place(negative)].negative.clone();
            score(f, &edited, model.tau, alpha).classes[own].clone()
        };
        let (truth, other) = (with_negative(*motion), with_negative(unrelated(*motion)));
        lowered += usize::from(truth.p < before.classes[own].p && truth.yes < before.classes[own].yes);
        unmoved += usize::from(
            (other.p - before.classes[own].p).abs() < 0.1 && other.yes > 0.5 * before.classes[own].yes,
        );
    }
    let share = |n: usize| n as f64 / clips.len() as f64;
    println!(
        "{} clips of all 32 classes, alpha {alpha}: the true class wins {:.3}, the true motion as a negative lowers it {:.3}, \
         an unrelated negative hardly matters {:.3}",
        clips.len(),
        share(wins),
        share(lowered),
        share(unmoved)
    );
    assert!(share(wins) > 0.55, "the true class wins in only {:.3}", share(wins));
    assert!(share(lowered) > 0.95, "the true motion as a negative lowers it in only {:.3}", share(lowered));
    assert!(share(unmoved) > 0.6, "an unrelated negative matters in {:.3}", 1.0 - share(unmoved));
}
