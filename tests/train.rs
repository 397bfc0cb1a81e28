//! Training: a run that is killed and resumed ends in the same weights, a seed gives the same run twice, frozen
//! weights stay, and what cannot be resumed says so.

use burn::tensor::{Device, Tensor};
use motionlens::data::cast::Cast;
use motionlens::data::world::Motion;
use motionlens::model::head::HeadConfig;
use motionlens::model::{Model, ModelFiles};
use motionlens::session::{ModelSource, Session};
use motionlens::train::features::{Features, Progress, Source};
use motionlens::train::losses::Lambdas;
use motionlens::train::recipe::Warmup;
use motionlens::train::stage2::{
    self, Accuracy, Report, Selection, choose, held_out, pseudo_unseen, read_tried, world_templates,
};
use motionlens::train::{Schedule, stage1};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

/// Initial weights come from the process's one stream of random numbers, and a model that is loaded draws from it as well:
/// every test that trains or loads one holds this.
static ONE_RUN_AT_A_TIME: Mutex<()> = Mutex::new(());

fn clip_settings() -> stage1::Settings {
    stage1::Settings {
        steps: 30,
        batch: 4,
        seed: 5,
        image_size: 16,
        checkpoint_every: 7,
        ..stage1::Settings::new(Cast::Shapes)
    }
}

fn train_clip(out: &Path, kill_at: usize) -> bool {
    let run = || {
        stage1::train(&clip_settings(), out, &Device::flex(), |step, _, _| assert!(step < kill_at, "killed"))
    };
    catch_unwind(AssertUnwindSafe(run)).is_ok_and(|r| r.is_ok())
}

fn bytes(folder: &Path, file: &str) -> Vec<u8> {
    std::fs::read(folder.join(file)).unwrap()
}

fn load(folder: &Path) -> Model {
    ModelFiles::read(folder).unwrap().load(&Device::flex()).unwrap()
}

fn session(model: &Model) -> Session {
    Session::new(model.clone(), ModelSource::Folder("a test".into()), "a test".into(), &Device::flex())
        .unwrap()
}

fn head_settings(model: &Model) -> stage2::Settings {
    stage2::Settings {
        name: "tiny".into(),
        model: model.clip_digest.clone(),
        data: "a test".into(),
        note: None,
        epochs: 3,
        batch: 8,
        at_once: 8,
        warmup: Warmup::Steps(100),
        learning_rate: 1e-3,
        weight_decay: 0.01,
        seed: 3,
        lambdas: Lambdas::new(true),
        head: HeadConfig::new(128, 128, 4),
        holdout: Vec::new(),
        patience: 0,
        alpha: 0.0,
        templates: world_templates(Cast::Shapes),
    }
}

fn train_head(settings: &stage2::Settings, model: &Model, out: &Path, kill_at_epoch: usize) -> bool {
    let source = Source::World { classes: Cast::Shapes.seen(), per_class: 2, seed: 1 };
    let cache = out.parent().unwrap().join("cache");
    let run = || {
        let mut session = session(model);
        let features =
            stage2::features(&source, &session, settings.head.frames, &cache, &mut |_| ()).unwrap();
        stage2::train(settings, &mut session, &features, out, &mut |report| {
            if let Report::Epoch(epoch) = report {
                assert!(epoch.epoch < kill_at_epoch, "killed");
            }
        })
    };
    catch_unwind(AssertUnwindSafe(run)).is_ok_and(|r| r.is_ok())
}

/// Both stages in one test: the second needs the model of the first.
#[test]
fn a_killed_run_resumes_to_the_weights_of_one_that_was_not() {
    let _alone = ONE_RUN_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    let (whole, killed) = (dir.path().join("whole"), dir.path().join("killed"));
    assert!(train_clip(&whole, usize::MAX));
    assert!(!train_clip(&killed, 20), "the kill has to happen");
    assert!(!killed.join("model.safetensors").exists());
    assert!(train_clip(&killed, usize::MAX));
    assert_eq!(bytes(&whole, "model.safetensors"), bytes(&killed, "model.safetensors"));
    let rows = |folder: &Path| {
        // All but the seconds, which are of the clock.
        let text = String::from_utf8(bytes(folder, "metrics.csv")).unwrap();
        text.lines().map(|l| l.rsplit_once(',').unwrap().0.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(rows(&whole), rows(&killed));

    let other = stage1::Settings { seed: 6, ..clip_settings() };
    let refused = stage1::train(&other, &whole, &Device::flex(), |_, _, _| ()).unwrap_err().to_string();
    assert!(refused.contains("other settings"), "{refused}");

    let wild = stage1::Settings { learning_rate: 1e30, ..clip_settings() };
    let lost = stage1::train(&wild, &dir.path().join("wild"), &Device::flex(), |_, _, _| ())
        .unwrap_err()
        .to_string();
    assert!(lost.contains("not finite at step "), "{lost}");

    let model = load(&whole);
    assert!(!model.head_trained);
    let settings = head_settings(&model);
    for out in ["head", "head_killed"] {
        std::fs::create_dir(dir.path().join(out)).unwrap();
        for file in ["config.json", "model.safetensors", "tokenizer.json", "preprocessor_config.json"] {
            std::fs::copy(whole.join(file), dir.path().join(out).join(file)).unwrap();
        }
    }
    let (head, head_killed) = (dir.path().join("head"), dir.path().join("head_killed"));
    assert!(train_head(&settings, &model, &head, usize::MAX));
    assert!(!train_head(&settings, &model, &head_killed, 3), "the kill has to happen");
    assert!(train_head(&settings, &model, &head_killed, usize::MAX));
    assert_eq!(bytes(&head, "motion_head.safetensors"), bytes(&head_killed, "motion_head.safetensors"));

    // The same with classes held out: the choice, too, is that of the run that was not stopped.
    let held = stage2::Settings { holdout: pseudo_unseen(Cast::Shapes, 1, 1), batch: 4, ..settings };
    let (choice, choice_killed) = (dir.path().join("choice"), dir.path().join("choice_killed"));
    assert!(train_head(&held, &model, &choice, usize::MAX));
    assert!(!train_head(&held, &model, &choice_killed, 2), "the kill has to happen");
    assert!(train_head(&held, &model, &choice_killed, usize::MAX));
    let tried = read_tried(&choice).unwrap();
    assert_eq!(tried.len(), 3);
    assert_eq!(tried, read_tried(&choice_killed).unwrap());
    assert_eq!(bytes(&choice, "motion_head.safetensors"), bytes(&choice_killed, "motion_head.safetensors"));

    // What comes out is a model folder with a trained head whose CLIP is the frozen one, bit for bit.
    let trained = load(&head);
    assert!(trained.head_trained);
    assert_eq!(bytes(&head, "model.safetensors"), bytes(&whole, "model.safetensors"));
    let pixels = Tensor::<4>::ones([8, 3, 16, 16], &Device::flex());
    let x = trained.towers.vision_model.forward(pixels).unsqueeze::<4>();
    let f = |m: &Model| m.head.forward(x.clone(), &m.towers.visual_projection).embedding;
    let moved = (f(&trained) - f(&model)).abs().max().into_scalar::<f32>();
    assert!(moved > 1e-4, "training changed nothing: {moved}");
}

/// People are trained with more beside the towers, which a checkpoint has to hold too, and with a part of the patches.
#[test]
fn a_killed_run_on_people_resumes_to_the_same_weights() {
    let _alone = ONE_RUN_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let settings = stage1::Settings {
        steps: 12,
        batch: 4,
        image_size: 24,
        patches: Some(3),
        whole_steps: 4,
        checkpoint_every: 5,
        ..stage1::Settings::new(Cast::People)
    };
    let dir = tempfile::tempdir().unwrap();
    let train = |out: &str, kill_at: usize| {
        let run = || {
            let report = |step: usize, _: usize, _: String| assert!(step < kill_at, "killed");
            stage1::train(&settings, &dir.path().join(out), &Device::flex(), report)
        };
        catch_unwind(AssertUnwindSafe(run)).is_ok_and(|r| r.is_ok())
    };
    assert!(train("whole", usize::MAX));
    assert!(!train("killed", 10), "the kill has to happen");
    assert!(train("killed", usize::MAX));
    let weights = |out: &str| bytes(&dir.path().join(out), "model.safetensors");
    assert!(weights("whole") == weights("killed"));
    let model = load(&dir.path().join("whole"));
    assert_eq!((model.config.image_size, model.config.patch_size, model.config.context), (24, 12, 28));
}

#[test]
fn pseudo_unseen_classes_are_reversal_pairs_of_seen_ones() {
    let seen: Vec<String> = Motion::seen().iter().map(|m| m.name()).collect();
    let held = pseudo_unseen(Cast::Shapes, 3, 4);
    assert_eq!(held.len(), 6);
    assert!(held.iter().all(|name| seen.contains(name)));
    for motion in Motion::seen().iter().filter(|m| held.contains(&m.name())) {
        assert!(held.contains(&motion.reversed().name()));
    }
    assert_ne!(held, pseudo_unseen(Cast::Shapes, 3, 5));
}

#[test]
fn the_learning_rate_warms_up_and_falls_to_its_floor() {
    let s = Schedule { peak: 1e-3, warmup: 10, steps: 100, floor: 0.02 };
    assert!((s.rate(0) - 1e-4).abs() < 1e-5);
    assert!(s.rate(9) > s.rate(8) && s.rate(11) > s.rate(50) && s.rate(50) > s.rate(99));
    assert!((s.rate(100) - 2e-5).abs() < 1e-9);
}

#[test]
fn contrastive_loss_of_perfect_logits_is_the_entropy_of_its_targets() {
    let device = Device::flex();
    let truth = Tensor::<2>::from_floats([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]], &device);
    let (loss, floor) = stage1::contrastive_loss(truth.clone() * 50.0, truth.clone());
    let (loss, floor) = (loss.into_scalar::<f32>(), floor.into_scalar::<f32>());
    assert!((loss - floor).abs() < 1e-4 && floor > 0.4, "{loss} {floor}");
    let (bad, _) = stage1::contrastive_loss(truth.clone() * -50.0, truth.clone());
    assert!(bad.into_scalar::<f32>() > 10.0);
    // One more caption, which holds of none, is one more that is told apart, and no division by nothing.
    let nothing = Tensor::<2>::zeros([3, 1], &device);
    let wider = Tensor::cat(vec![truth, nothing], 1);
    let (loss, floor) = stage1::contrastive_loss(wider.clone() * 50.0, wider.clone());
    assert!((loss - floor).into_scalar::<f32>().abs() < 1e-4);
    let (bad, _) = stage1::contrastive_loss(
        wider * -50.0 + 1.0,
        Tensor::cat(vec![Tensor::<2>::eye(3, &device), Tensor::zeros([3, 1], &device)], 1),
    );
    assert!(bad.into_scalar::<f32>().is_finite());
}

#[test]
fn epochs_are_chosen_by_the_mean_over_runs() {
    let entry = |epoch, own_space, of_all| Selection {
        epoch,
        accuracy: Some(Accuracy { own_space, held_of_all: of_all, trained_of_all: of_all }),
    };
    let first = vec![entry(1, 50.0, 50.0), entry(2, 90.0, 50.0), entry(3, 60.0, 60.0)];
    let second = vec![entry(1, 60.0, 60.0), entry(2, 20.0, 20.0), entry(3, 50.0, 50.0)];
    assert_eq!(choose(std::slice::from_ref(&first)), Some(entry(2, 90.0, 50.0)));
    // The first and the last have a mean of 55: the earlier epoch.
    assert_eq!(choose(&[first.clone(), second]), Some(entry(1, 55.0, 55.0)));
    assert_eq!(choose(&[first, vec![entry(7, 99.0, 99.0)]]), None);
    assert_eq!(choose(&[]), None);
    // The harmonic mean: a model that gives every clip to the trained classes is worth nothing there.
    let one_sided = Accuracy { own_space: 80.0, held_of_all: 0.0, trained_of_all: 100.0 };
    assert_eq!(one_sided.score(), 40.0);
    assert_eq!(Accuracy { held_of_all: 60.0, trained_of_all: 30.0, ..one_sided }.score(), 60.0);
}

/// A run that is killed while it computes tokens leaves what it has, and the next one computes the rest: the same file as in one go.
#[test]
fn tokens_that_were_computed_before_a_kill_are_kept() {
    let _alone = ONE_RUN_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    let model = ModelFiles::embedded(Cast::Shapes).load(&Device::flex()).unwrap();
    let source = Source::World { classes: Cast::Shapes.seen(), per_class: 1, seed: 1 };
    let compute = |cache: &Path, kill_at: usize| {
        let mut heard = (0, Vec::new());
        let computed = catch_unwind(AssertUnwindSafe(|| {
            let features = Features::load_or_compute(&source, &session(&model), 8, cache, &mut |p| match p {
                Progress::Size { bytes, .. } => heard.0 = bytes,
                Progress::Done { done, .. } => {
                    heard.1.push(done);
                    assert!(done < kill_at, "killed");
                }
            });
            features.unwrap().len()
        }));
        (computed.ok(), heard)
    };
    let (whole, killed) = (dir.path().join("whole"), dir.path().join("killed"));
    let bytes = 24 * 8 * 65 * 128 * 2;
    assert_eq!(compute(&whole, usize::MAX), (Some(24), (bytes, vec![8, 16, 24, 24])));
    assert_eq!(compute(&killed, 16), (None, (bytes, vec![8, 16])));
    assert_eq!(compute(&killed, usize::MAX), (Some(24), (bytes, vec![24, 24])), "only the rest is computed");
    assert_eq!(compute(&killed, usize::MAX), (Some(24), (0, vec![24])), "nothing is computed again");
    let file = |cache: &Path| {
        let files: Vec<PathBuf> = std::fs::read_dir(cache).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        std::fs::read(&files[0]).unwrap()
    };
    assert_eq!(file(&whole), file(&killed));
}

fn motionlens(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_motionlens")).args(args).output().unwrap()
}

#[test]
fn parameters_that_make_no_sense_are_wrong_usage() {
    let head = ["train", "head", "--model", "assets/model", "--out", "/nonexistent/out"];
    for args in [
        &["--batch", "0"][..],
        &["--batch", "100000000000"],
        &["--epochs", "0"],
        &["--per-class", "0"],
        &["--learning-rate", "0"],
        &["--learning-rate", "NaN"],
        &["--learning-rate", "inf"],
        &["--alpha=-1"],
        &["--alpha", "nan"],
        &["--patience", "2"],
        &["--holdout", "12"],
        &["--holdout", "1000000"],
        &["--per-class", "3", "--data", "assets"],
    ] {
        let from = if args.contains(&"--data") { &[][..] } else { &["--world"] };
        let out = motionlens(&[&head[..], from, args].concat());
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {said}");
        let option = args[0].trim_end_matches("=-1");
        assert!(said.contains(option), "{args:?}: {said}");
    }
    for args in [&["--batch", "0"][..], &["--batch", "1"], &["--steps", "0"]] {
        let out = motionlens(&[&["train", "clip", "--out", "/nonexistent/out"][..], args].concat());
        assert_eq!(out.status.code(), Some(2), "{args:?}");
    }
}

/// Four classes of labelled videos, two of them held out: they validate and do not train.
#[test]
fn labelled_videos_hold_classes_out() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    let classes =
        ["moving down steadily", "moving left steadily", "moving right steadily", "moving up steadily"];
    for class in classes {
        let folder = data.join(class.replace(' ', "_"));
        let (folder, class) = (folder.to_str().unwrap(), class);
        let small = ["--size", "64", "--frames", "8", "--count", "3"];
        assert!(motionlens(&[&["synth", folder, "--class", class][..], &small].concat()).status.success());
    }
    std::fs::write(data.join("moving_up_steadily/broken.mp4"), "no video").unwrap();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/model");
    let train = |more: &[&str]| {
        let cache = dir.path().join("cache");
        let paths = ["--out", out.to_str().unwrap(), "--cache", cache.to_str().unwrap()];
        let rest = ["--data", data.to_str().unwrap(), "--device", "cpu", "--epochs", "1", "--batch", "2"];
        motionlens(&[&["train", "head", "--model", model][..], &paths, &rest, more].concat())
    };
    for (count, why) in [("1", "2 or more"), ("3", "leave 1 of 4"), ("9", "leave 0 of 4")] {
        let refused = train(&["--holdout", count]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(2) && said.contains(why), "{said}");
    }
    let trained = train(&["--holdout", "2"]);
    let said = String::from_utf8_lossy(&trained.stderr);
    assert!(trained.status.success(), "{said}");
    assert!(said.contains("12 clips, 1 skipped"), "{said}");
    let card: serde_json::Value = serde_json::from_slice(&bytes(&out, "motionlens.json")).unwrap();
    let held = card["training"]["stage 2"]["holdout"].as_array().unwrap();
    let expected = held_out(&classes.map(str::to_owned), 2, 11);
    assert_eq!(held.iter().map(|c| c.as_str().unwrap()).collect::<Vec<_>>(), expected);
    assert_eq!(read_tried(&out).unwrap().len(), 1);
    assert!(card["training"]["selection"]["accuracy"]["own_space"].is_f64(), "{card}");
}
