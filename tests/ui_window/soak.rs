//! Random sequences of what a person can do, against the real engine: after every event the scores on show are those of
//! the answer on show, nothing that was typed is lost, and in the end everything comes to rest.
//!
//! `make soak` runs 500 sequences, `make test` a sample of them; `MOTIONLENS_SOAK` is their number. A sequence is its seed, so
//! one that fails can be run again.

use egui::Context;
use motionlens::data::drawing::{Drawing, Ready};
use motionlens::device::DeviceChoice;
use motionlens::engine::{Engine, Event};
use motionlens::model::{GateClamp, Surgery};
use motionlens::prompt::PromptSet;
use motionlens::score::{ClassEmbedding, score};
use motionlens::session::ModelSource;
use motionlens::ui::App;
use motionlens::ui::easel::Draw;
use motionlens::ui::edit::{History, PromptEdit};
use motionlens::ui::intent::Intent;
use motionlens::ui::scope::Scope;
use motionlens::video::encode::Mp4Writer;
use motionlens::video::{Crop, Order, Pts, RgbImage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const WORDS: [&str; 8] = ["moving", "left", "right", "up", "down", "while", "spinning", "flurbward"];

fn video(folder: &Path, name: &str, frames: usize, speed: u32) -> PathBuf {
    let path = folder.join(name);
    let mut writer = Mp4Writer::create(&path, 96, 64, 16.0, 12).expect("an mp4");
    for frame in 0..frames as u32 {
        let left = 4 + speed * frame % 64;
        let pixel = |x: u32, y: u32| match (left..left + 20).contains(&x) && (20..40).contains(&y) {
            true => [220, 60, 40],
            false => [60, 60 + (x / 8 % 2) as u8 * 60, 90],
        };
        let data = (0..64).flat_map(|y| (0..96).flat_map(move |x| pixel(x, y))).collect();
        writer.push(&RgbImage { width: 96, height: 64, data }).expect("a frame");
    }
    writer.finish().expect("a finished mp4");
    path
}

/// A second model: the embedded one as a stock folder, its head untrained.
fn stock(folder: &Path) -> PathBuf {
    let to = folder.join("stock");
    std::fs::create_dir_all(&to).expect("a folder");
    for file in ["config.json", "model.safetensors", "tokenizer.json", "preprocessor_config.json"] {
        std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/model").join(file), to.join(file))
            .expect("a file of the model");
    }
    to
}

/// What the engine has said of the prompts: class embeddings by revision and model.
type Texts = HashMap<(u64, String), Arc<Vec<ClassEmbedding>>>;

struct Soak {
    ctx: Context,
    app: App,
    texts: Texts,
    /// α and τ by identity of the model.
    models: HashMap<String, (f32, f32)>,
    /// What the person has made of the prompts.
    typed: PromptSet,
    checked: usize,
    /// What was done since everything was at rest.
    done: Vec<String>,
}

impl Soak {
    fn new() -> Self {
        let ctx = Context::default();
        let engine = Engine::spawn(DeviceChoice::Cpu, None, None, Arc::new(|| {}));
        let mut app = App::new(&ctx, None, Some(engine));
        let typed = PromptSet::from_names(["moving left", "moving right"]);
        app.apply(&ctx, Intent::Edit(PromptEdit::Replace(typed.clone())));
        app.apply(&ctx, Intent::OpenModel(ModelSource::Shapes));
        Self { ctx, app, texts: HashMap::new(), models: HashMap::new(), typed, checked: 0, done: Vec::new() }
    }

    /// One random thing that a person can do.
    fn act(&mut self, rng: &mut ChaCha8Rng, videos: &[PathBuf], stock: &Path) {
        let at = |rng: &mut ChaCha8Rng| Pts::from_secs(rng.random_range(0.0..3.0));
        let command = match rng.random_range(0..19) {
            0 => Intent::OpenVideo(videos[rng.random_range(0..videos.len())].clone()),
            1 => Intent::OpenModel(match rng.random_range(0..3) {
                0 => ModelSource::Folder(stock.to_owned()),
                1 => ModelSource::Folder("/nowhere".into()),
                _ => ModelSource::Shapes,
            }),
            2 => Intent::CancelWork,
            3 => Intent::AskAgain,
            4 => Intent::Scope([Scope::Whole, Scope::Range, Scope::Around][rng.random_range(0..3)]),
            5 => Intent::Follow(rng.random()),
            6 => Intent::Seek(at(rng)),
            7 => Intent::SetIn,
            8 => Intent::SetOut,
            9 => Intent::ClearRange,
            10 => Intent::Order(match rng.random_range(0..3) {
                0 => Order::Reversed,
                1 => Order::Shuffled { seed: rng.random_range(0..3) },
                _ => Order::Forward,
            }),
            11 => Intent::Surgery(match rng.random_range(0..4) {
                0 => Surgery { no_motion: true, ..Surgery::default() },
                1 => {
                    let clamp = GateClamp { block: None, head: None, thousandths: rng.random_range(0..1001) };
                    Surgery { gates: vec![clamp], ..Surgery::default() }
                }
                2 => Surgery { frozen: vec![rng.random_range(0..64)], ..Surgery::default() },
                _ => Surgery::default(),
            }),
            12 => Intent::Crop(match rng.random_range(0..3) {
                0 => Crop::Letterbox,
                1 => Crop::at(rng.random_range(0.0..1.0)),
                _ => Crop::Centre,
            }),
            13 | 14 => Intent::Draw(match rng.random_range(0..6) {
                0 => Draw::Begin,
                1 => Draw::Done,
                2 => Draw::Undo,
                3 => Draw::Ready(Ready::ALL[rng.random_range(0..Ready::ALL.len())]),
                _ => Draw::Change(Drawing {
                    radius: rng.random_range(3.0..14.0),
                    speed: rng.random_range(0.2..5.0),
                    ..Drawing::default()
                }),
            }),
            _ => {
                let edit = self.edit(rng);
                // A model brings its own templates, and a list of one's own begins as they fill it.
                self.typed.templates = self.app.state().prompts().templates.clone();
                let mut alone = History::new(self.typed.clone());
                alone.edit(&edit);
                self.typed.clone_from(&alone.present().prompts);
                Intent::Edit(edit)
            }
        };
        self.done.push(format!("{command:?}"));
        self.app.apply(&self.ctx, command);
    }

    fn edit(&self, rng: &mut ChaCha8Rng) -> PromptEdit {
        let words = rng.random_range(1..4);
        let text = (0..words).map(|_| WORDS[rng.random_range(0..WORDS.len())]).collect::<Vec<_>>().join(" ");
        let class = rng.random_range(0..self.typed.classes.len().max(1));
        match rng.random_range(0..5) {
            0 if self.typed.classes.len() < 6 => PromptEdit::AddClass(text),
            1 if self.typed.classes.len() > 1 => PromptEdit::RemoveClass(class),
            2 => PromptEdit::AddPrompt(class, motionlens::ui::edit::Side::Negative, text),
            _ => PromptEdit::RenameClass(class, text),
        }
    }

    /// Hands the engine's events to the window one by one, and looks after each.
    fn pump(&mut self) {
        while let Some(event) = self.app.engine().and_then(Engine::try_event) {
            match &event {
                Event::Texts { revision, model, classes, .. } => {
                    self.texts.insert((*revision, model.clone()), classes.clone());
                }
                Event::ModelLoaded { info, .. } => {
                    self.models.insert(info.identity.clone(), (info.alpha, info.tau));
                }
                _ => {}
            }
            self.app.on_event(event);
            self.check();
        }
        self.app.poll(&self.ctx, Instant::now());
        self.check();
    }

    fn check(&mut self) {
        let s = self.app.state();
        assert_eq!(s.prompts().classes, self.typed.classes, "what was typed is there");
        let Some(scores) = s.scores() else { return };
        let (shown, scored) = (s.shown.as_ref().expect("an answer"), s.scored.as_ref().expect("scores"));
        assert_eq!(scored.question, shown.answer.id);
        assert_eq!(shown.answer.id, shown.answer.question.id());
        let model = shown.answer.question.model.clone();
        let Some(classes) = self.texts.get(&(scored.revision, model.clone())) else { return };
        let (alpha, tau) = self.models[&model];
        assert_eq!(
            *scores,
            score(&shown.answer.evidence.embedding, classes, tau, alpha),
            "they are its scores"
        );
        self.checked += 1;
    }

    /// Nothing is asked any more: everything ends, and what is shown is what is selected.
    fn rest(&mut self, seed: u64) {
        self.app.apply(&self.ctx, Intent::Follow(false));
        self.app.apply(&self.ctx, Intent::AskAgain);
        let limit = Instant::now() + Duration::from_secs(120);
        loop {
            self.pump();
            let s = self.app.state();
            let opened = s.opening.is_none() && s.loading.is_none() && s.video.is_some();
            if opened && s.work.is_none() && !s.is_stale() && s.scores().is_some() && s.scores_fresh() {
                break;
            }
            assert!(
                Instant::now() < limit,
                "sequence {seed} does not come to rest: {:#?}, messages {:?}, work {:?}, asked {:?}, shown {:?}, stale {}, fresh {}",
                self.done,
                s.messages.all(),
                s.work,
                s.asked,
                s.shown.as_ref().map(|shown| &shown.answer.question),
                s.is_stale(),
                s.scores_fresh()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        self.done.clear();
    }
}

#[test]
fn scores_always_belong_to_what_is_shown_and_everything_comes_to_rest() {
    let sequences: u64 = std::env::var("MOTIONLENS_SOAK").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let folder = tempfile::tempdir().expect("a folder");
    let videos = [
        video(folder.path(), "short.mp4", 20, 2),
        video(folder.path(), "long.mp4", 60, 3),
        video(folder.path(), "tiny.mp4", 2, 1),
    ];
    let stock = stock(folder.path());
    let mut soak = Soak::new();
    soak.app.apply(&soak.ctx, Intent::OpenVideo(videos[0].clone()));
    for seed in 0..sequences {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..rng.random_range(4..24) {
            soak.act(&mut rng, &videos, &stock);
            for _ in 0..rng.random_range(0..4) {
                soak.pump();
                std::thread::sleep(Duration::from_millis(rng.random_range(0..12)));
            }
        }
        soak.rest(seed);
    }
    assert!(soak.checked > 10 * sequences as usize, "{} looks found scores", soak.checked);
}
