//! Looking, fetching, finding and verifying.

use super::hub_server::*;
use motionlens::model::hub::{Check, Patience, Plan, Stage};
use motionlens::model::{Hub, HubError, HubId, HubModel, ModelFiles};
use safetensors::tensor::{SafeTensors, TensorView};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Waits short enough for tests of what does not come.
pub fn short() -> Patience {
    Patience {
        answer: Duration::from_secs(5),
        piece: Duration::from_millis(300),
        whole: Duration::from_secs(5),
        tries: 3,
        pause: Duration::from_millis(1),
    }
}

pub struct Bench {
    pub server: HubServer,
    pub dir: TempDir,
    pub hub: Hub,
}

pub fn hub(variables: &[(&str, String)]) -> Hub {
    let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v));
    Hub::of(&find).unwrap().with_patience(short())
}

impl Bench {
    pub fn new(files: BTreeMap<String, Vec<u8>>) -> Self {
        let (server, dir) = (HubServer::start(files), tempfile::tempdir().unwrap());
        let hub = hub(&server.variables(dir.path()));
        Self { server, dir, hub }
    }

    pub fn look(&self) -> Result<Plan, HubError> {
        self.hub.look(&id(), &|| false)
    }

    pub fn fetch(&self) -> Result<HubModel, HubError> {
        self.hub.fetch(&self.look()?, &|| false, &mut |_| ())
    }

    pub fn folder(&self) -> PathBuf {
        self.dir.path().join("models--someone--tiny-clip")
    }

    /// Names of the blobs.
    pub fn blobs(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder().join("blobs")).into_iter().flatten();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn weights(&self) -> (String, Vec<u8>) {
        let weights = tiny_clip().remove("model.safetensors").unwrap();
        (sha256(&weights), weights)
    }

    /// The ranges in which the storage was asked.
    fn ranges(&self) -> Vec<Option<String>> {
        self.server.asked().into_iter().filter(|a| a.storage).map(|a| a.range).collect()
    }
}

pub fn id() -> HubId {
    ID.parse().unwrap()
}

#[test]
fn licence_and_size_are_known_before_anything_is_fetched() {
    let bench = Bench::new(tiny_clip());
    let plan = bench.look().unwrap();
    assert_eq!(plan.licence.as_deref(), Some("mit"));
    assert_eq!(plan.commit.as_str(), COMMIT);
    let files = tiny_clip();
    let want = ["config.json", "tokenizer.json", "preprocessor_config.json", "model.safetensors"];
    assert_eq!(plan.files.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), want, "and no README");
    assert_eq!(plan.size(), want.iter().map(|f| files[*f].len() as u64).sum::<u64>());
    assert_eq!(plan.missing(), plan.size());
    assert!(plan.free.unwrap() > 0);
    assert_eq!(bench.server.asked().len(), 1, "one question");
    assert!(!bench.folder().exists(), "nothing was written");
    bench.server.licence(None);
    assert!(bench.look().unwrap().licence_words().contains("not stated"));
}

#[test]
fn a_fetched_model_is_in_the_hubs_own_layout_and_is_found_without_network() {
    let bench = Bench::new(tiny_clip());
    let plan = bench.look().unwrap();
    let told = RefCell::new(Vec::new());
    let model = bench
        .hub
        .fetch(&plan, &|| false, &mut |p| told.borrow_mut().push((p.stage, p.done, p.total)))
        .unwrap();
    let told = told.into_inner();
    assert!(told.iter().all(|(stage, _, total)| *stage == Stage::Fetching && *total == plan.size()));
    assert!(told.windows(2).all(|w| w[0].1 <= w[1].1), "{told:?}");
    assert_eq!(told.last().unwrap().1, plan.size());

    let folder = bench.folder();
    assert_eq!(model.folder, folder.join("snapshots").join(COMMIT));
    assert_eq!(std::fs::read_to_string(folder.join("refs/main")).unwrap(), COMMIT);
    for (name, content) in tiny_clip().iter().filter(|(name, _)| *name != "README.md") {
        let digest = if is_large(name) { sha256(content) } else { git_sha1(content) };
        assert_eq!(&std::fs::read(folder.join("blobs").join(&digest)).unwrap(), content);
        assert_eq!(&std::fs::read(model.folder.join(name)).unwrap(), content);
        #[cfg(unix)]
        assert_eq!(
            std::fs::read_link(model.folder.join(name)).unwrap(),
            Path::new("../../blobs").join(&digest)
        );
    }
    // The very model that is in the program.
    let device = burn::tensor::Device::flex();
    let load = |files: ModelFiles| files.load(&device).unwrap().clip_digest;
    assert_eq!(
        load(ModelFiles::read(&model.folder).unwrap()),
        load(ModelFiles::embedded(motionlens::data::cast::Cast::Shapes))
    );

    bench.server.forget();
    let mut variables = bench.server.variables(bench.dir.path());
    variables.push(("HF_HUB_OFFLINE", "1".to_owned()));
    let offline = hub(&variables);
    assert_eq!(offline.find(&id()).unwrap(), model);
    let pinned = format!("{ID}@{COMMIT}").parse().unwrap();
    assert_eq!(offline.find(&pinned).unwrap().folder, model.folder);
    let other = format!("{ID}@{PULL}").parse().unwrap();
    assert_eq!(offline.find(&other), None);
    let cached = offline.cached();
    assert_eq!(cached.len(), 1);
    assert_eq!((cached[0].model.as_ref(), cached[0].bytes), (Some(&model), plan.size()));
    assert!(bench.server.asked().is_empty(), "nobody was asked");

    // What is whole is compared and not fetched again.
    bench.fetch().unwrap();
    assert_eq!(bench.ranges(), []);
}

#[test]
fn a_broken_transfer_goes_on_where_it_broke() {
    let bench = Bench::new(tiny_clip());
    let (digest, weights) = bench.weights();
    bench.server.fault(Fault::Cut { after: 100_000, times: 2 });
    bench.fetch().unwrap();
    let ranges = bench.ranges();
    let from = |n: usize| Some(format!("bytes={n}-"));
    assert_eq!(ranges, [None, from(100_000), from(200_000)]);
    assert_eq!(std::fs::read(bench.folder().join("blobs").join(digest)).unwrap(), weights);
}

#[test]
fn a_transfer_that_breaks_again_and_again_ends_and_the_next_fetch_goes_on() {
    let bench = Bench::new(tiny_clip());
    let (digest, weights) = bench.weights();
    bench.server.fault(Fault::Cut { after: 1000, times: 3 });
    let error = bench.fetch().unwrap_err();
    assert!(matches!(error, HubError::Network { .. }), "{error}");
    assert!(bench.blobs().contains(&format!("{digest}.incomplete")));
    assert_eq!(bench.hub.find(&id()), None, "not whole");
    assert_eq!(bench.look().unwrap().missing(), weights.len() as u64 - 3000);
    bench.server.forget();
    bench.fetch().unwrap();
    assert_eq!(bench.ranges(), [Some("bytes=3000-".to_owned())]);
    assert!(bench.blobs().iter().all(|b| !b.contains("incomplete")));
}

#[test]
fn a_hub_without_ranges_begins_anew_and_a_wrong_range_is_refused() {
    let bench = Bench::new(tiny_clip());
    let (digest, weights) = bench.weights();
    bench.server.fault(Fault::Cut { after: 1000, times: 3 });
    bench.fetch().unwrap_err();
    bench.server.fault(Fault::OtherRange);
    let error = bench.fetch().unwrap_err().to_string();
    assert!(error.contains("bytes from 3001"), "{error}");
    bench.server.fault(Fault::NoRanges);
    bench.fetch().unwrap();
    assert_eq!(std::fs::read(bench.folder().join("blobs").join(digest)).unwrap(), weights);
}

#[test]
fn what_is_kept_of_a_transfer_is_checked_with_the_rest() {
    let bench = Bench::new(tiny_clip());
    let (digest, weights) = bench.weights();
    let part = bench.folder().join("blobs").join(format!("{digest}.incomplete"));
    std::fs::create_dir_all(part.parent().unwrap()).unwrap();
    // Somebody else's bytes.
    std::fs::write(&part, vec![7; 5000]).unwrap();
    let error = bench.fetch().unwrap_err();
    assert!(matches!(error, HubError::Digest { .. }), "{error}");
    assert!(!part.exists(), "thrown away");
    bench.fetch().unwrap();
    // More than there can be.
    std::fs::remove_file(bench.folder().join("blobs").join(&digest)).unwrap();
    std::fs::write(&part, vec![7; weights.len() + 1]).unwrap();
    bench.fetch().unwrap();
    // A whole file that went bad.
    let blob = bench.folder().join("blobs").join(&digest);
    let mut bad = weights.clone();
    bad[100] ^= 1;
    std::fs::write(&blob, &bad).unwrap();
    bench.fetch().unwrap();
    assert_eq!(std::fs::read(&blob).unwrap(), weights);
}

#[test]
fn a_wrong_digest_is_refused_and_nothing_of_it_stays() {
    let bench = Bench::new(tiny_clip());
    let (digest, _) = bench.weights();
    bench.server.fault(Fault::Altered);
    let error = bench.fetch().unwrap_err();
    assert!(matches!(error, HubError::Digest { .. }) && error.to_string().contains(&digest), "{error}");
    assert!(bench.blobs().iter().all(|b| !b.starts_with(&digest)), "{:?}", bench.blobs());
    assert_eq!(bench.hub.find(&id()), None);

    bench.server.fault(Fault::OtherEtag);
    let error = bench.fetch().unwrap_err().to_string();
    assert!(error.contains("000000"), "{error}");
    assert_eq!(bench.hub.find(&id()), None);
}

#[test]
fn lengths_that_are_wrong_and_answers_without_end_are_refused() {
    let bench = Bench::new(tiny_clip());
    let (digest, weights) = bench.weights();
    for (fault, said) in [(Fault::LongLength, "bytes, and"), (Fault::Endless, "goes on after")] {
        bench.server.fault(fault.clone());
        let error = bench.fetch().unwrap_err().to_string();
        assert!(error.contains(said), "{fault:?}: {error}");
        let part =
            std::fs::metadata(bench.folder().join("blobs").join(format!("{digest}.incomplete"))).unwrap();
        assert!(part.len() <= weights.len() as u64);
    }
    bench.server.fault(Fault::EndlessInfo);
    let error = bench.look().unwrap_err().to_string();
    assert!(error.contains("does not end"), "{error}");
    bench.server.fault(Fault::Circle);
    let error = bench.fetch();
    // What came without an end before was whole, up to that end.
    if let Err(error) = error {
        assert!(error.to_string().contains("more than 8 times"), "{error}");
    }
}

#[test]
fn redirections_in_a_circle_end() {
    let bench = Bench::new(tiny_clip());
    bench.server.fault(Fault::Circle);
    let error = bench.fetch().unwrap_err().to_string();
    assert!(error.contains("more than 8 times"), "{error}");
}

#[test]
fn what_the_hub_refuses_is_said_and_what_may_pass_is_tried_again() {
    let bench = Bench::new(tiny_clip());
    let status = |code, times, questions| Fault::Status { code, times, questions };
    bench.server.fault(status(503, 2, true));
    bench.look().unwrap();
    bench.server.fault(status(429, 2, false));
    bench.fetch().unwrap();

    let bench = Bench::new(tiny_clip());
    for (code, said) in [
        (401, "HF_TOKEN"),
        (403, "agreed to its terms"),
        (404, "has no"),
        (429, "too often"),
        (500, "status 500"),
        (400, "status 400"),
    ] {
        for questions in [true, false] {
            bench.server.fault(status(code, 100, questions));
            let error = bench.fetch().unwrap_err().to_string();
            assert!(error.contains(said), "{code}: {error}");
            assert!(bench.blobs().iter().all(|b| b.len() != 64), "no weights");
        }
    }
    bench.server.fault(None);
    let nowhere: HubId = "someone/else".parse().unwrap();
    let error = bench.hub.look(&nowhere, &|| false).unwrap_err().to_string();
    assert!(error.contains("has no someone/else") && error.contains("no folder of that name"), "{error}");
    let unknown: HubId = format!("{ID}@v9").parse().unwrap();
    assert!(bench.hub.look(&unknown, &|| false).unwrap_err().to_string().contains("@v9"));
}

#[test]
fn a_token_goes_to_the_hub_and_not_to_where_it_leads() {
    let bench = Bench::new(tiny_clip());
    bench.server.gate();
    assert!(matches!(bench.look().unwrap_err(), HubError::Gated { .. }));
    let mut variables = bench.server.variables(bench.dir.path());
    variables.push(("HF_TOKEN", "hf_secret".to_owned()));
    let hub = hub(&variables);
    bench.server.forget();
    let plan = hub.look(&id(), &|| false).unwrap();
    hub.fetch(&plan, &|| false, &mut |_| ()).unwrap();
    for asked in bench.server.asked() {
        let want = (!asked.storage).then_some("Bearer hf_secret");
        assert_eq!(asked.token.as_deref(), want, "{asked:?}");
    }
}

#[test]
fn cancelling_ends_a_transfer_that_has_come_to_a_halt_and_keeps_what_came() {
    let bench = Bench::new(tiny_clip());
    let (digest, _) = bench.weights();
    let plan = bench.look().unwrap();
    bench.server.fault(Fault::Halt { after: 50_000 });
    let came = Cell::new(0);
    let small: u64 = plan.files[..3].iter().map(|f| f.size).sum();
    let error = bench
        .hub
        .clone()
        // The halt itself is not noticed for an hour.
        .with_patience(Patience { piece: Duration::from_secs(3600), ..short() })
        .fetch(&plan, &|| came.get() >= small + 50_000, &mut |p| came.set(p.done))
        .unwrap_err();
    assert!(matches!(error, HubError::Cancelled), "{error}");
    let part = bench.folder().join("blobs").join(format!("{digest}.incomplete"));
    assert_eq!(std::fs::metadata(part).unwrap().len(), 50_000);
    // Without anybody who cancels the halt is noticed.
    let error = bench.fetch().unwrap_err();
    assert!(matches!(error, HubError::Network { .. }), "{error}");
    bench.server.fault(None);
    bench.fetch().unwrap();
}

#[test]
fn a_cancelled_wait_for_another_program_ends() {
    let bench = Bench::new(tiny_clip());
    let plan = bench.look().unwrap();
    let config = git_sha1(&tiny_clip()["config.json"]);
    let locks = bench.dir.path().join(".locks/models--someone--tiny-clip");
    std::fs::create_dir_all(&locks).unwrap();
    let lock = std::fs::File::create(locks.join(format!("{config}.lock"))).unwrap();
    lock.lock().unwrap();
    let waited = Cell::new(false);
    let error = bench.hub.fetch(&plan, &|| waited.get(), &mut |p| waited.set(p.stage == Stage::Waiting));
    assert!(matches!(error, Err(HubError::Cancelled)));
    lock.unlock().unwrap();
    bench.fetch().unwrap();
}

#[test]
fn without_network_the_words_say_which_files_to_put_where() {
    let bench = Bench::new(tiny_clip());
    let mut variables = bench.server.variables(bench.dir.path());
    variables.push(("HF_HUB_OFFLINE", "1".to_owned()));
    let offline = hub(&variables);
    let mut variables = bench.server.variables(bench.dir.path());
    variables[0].1 = "http://127.0.0.1:1".to_owned();
    for hub in [offline, hub(&variables)] {
        let error = hub.look(&id(), &|| false).unwrap_err().to_string();
        for said in [
            "motionlens model fetch someone/tiny-clip",
            "models--someone--tiny-clip",
            &bench.dir.path().display().to_string(),
            "config.json, tokenizer.json",
            "model.safetensors",
        ] {
            assert!(error.contains(said), "{said}: {error}");
        }
    }
    assert!(bench.server.asked().is_empty());
}

#[test]
fn more_than_the_disk_has_is_refused_before_anything_is_fetched() {
    let bench = Bench::new(tiny_clip());
    let mut info = bench.server.info();
    for file in info["siblings"].as_array_mut().unwrap() {
        if file["rfilename"] == "model.safetensors" {
            file["lfs"]["size"] = serde_json::json!(u64::MAX / 2);
        }
    }
    bench.server.fault(Fault::Info(info.to_string().into_bytes()));
    let error = bench.fetch().unwrap_err();
    assert!(matches!(error, HubError::Space { .. }), "{error}");
    assert!(!bench.folder().exists());
}

#[test]
fn other_architectures_are_refused_before_their_weights_come() {
    for (model_type, act) in [("siglip", "quick_gelu"), ("chinese_clip", "quick_gelu"), ("clip", "gelu")] {
        let mut files = tiny_clip();
        let mut config: serde_json::Value = serde_json::from_slice(&files["config.json"]).unwrap();
        config["model_type"] = model_type.into();
        config["vision_config"]["hidden_act"] = act.into();
        files.insert("config.json".to_owned(), config.to_string().into_bytes());
        let bench = Bench::new(files);
        let error = bench.fetch().unwrap_err().to_string();
        let said = if model_type == "clip" { "only quick_gelu" } else { "not a CLIP of this layout" };
        assert!(error.contains(said) && error.contains(ID), "{error}");
        assert_eq!(bench.ranges(), [], "no weights were asked for");
    }
}

#[test]
fn a_pickle_is_never_read_and_the_converters_safetensors_are_used_where_there_are_any() {
    let mut pickled = tiny_clip();
    let weights = pickled.remove("model.safetensors").unwrap();
    pickled.insert("pytorch_model.bin".to_owned(), weights);
    let bench = Bench::new(pickled);
    let error = bench.fetch().unwrap_err().to_string();
    assert!(error.contains("pytorch_model.bin") && error.contains("pickle"), "{error}");
    assert_eq!(bench.ranges(), [], "no weights were asked for");

    bench.server.convert(tiny_clip());
    let plan = bench.look().unwrap();
    assert_eq!((plan.revision.as_str(), plan.commit.as_str()), ("refs/pr/7", PULL));
    assert!(plan.note.as_ref().unwrap().contains("refs/pr/7"));
    let model = bench.fetch().unwrap();
    assert_eq!(bench.hub.find(&id()).unwrap(), model, "also without network");
    let named: HubId = format!("{ID}@refs/pr/7").parse().unwrap();
    assert_eq!(bench.hub.find(&named).unwrap().folder, model.folder);
    // The folder of a pickle says so too.
    let folder = bench.dir.path().join("pickled");
    std::fs::create_dir(&folder).unwrap();
    for name in ["config.json", "tokenizer.json"] {
        std::fs::copy(model.folder.join(name), folder.join(name)).unwrap();
    }
    std::fs::write(folder.join("pytorch_model.bin"), b"\x80").unwrap();
    let error = ModelFiles::read(&folder).err().unwrap().to_string();
    assert!(error.contains("pytorch_model.bin") && error.contains("pickle"), "{error}");
}

/// The weights of the tiny CLIP in two files and their index.
fn sharded() -> BTreeMap<String, Vec<u8>> {
    let mut files = tiny_clip();
    let weights = files.remove("model.safetensors").unwrap();
    let whole = SafeTensors::deserialize(&weights).unwrap();
    let mut names = whole.names();
    names.sort_unstable();
    let mut map = serde_json::Map::new();
    for (i, names) in names.chunks(names.len().div_ceil(2)).enumerate() {
        let file = format!("model-0000{}-of-00002.safetensors", i + 1);
        let views = names.iter().map(|name| (*name, whole.tensor(name).unwrap()));
        files.insert(file.clone(), safetensors::serialize(views, None).unwrap());
        map.extend(names.iter().map(|name| ((*name).to_owned(), file.clone().into())));
    }
    let index = serde_json::json!({"metadata": {"total_size": weights.len()}, "weight_map": map});
    files.insert("model.safetensors.index.json".to_owned(), index.to_string().into_bytes());
    files
}

#[test]
fn weights_in_several_files_are_fetched_and_are_the_same_model() {
    let bench = Bench::new(sharded());
    let model = bench.fetch().unwrap();
    assert_eq!(bench.hub.find(&id()).as_ref(), Some(&model));
    let checks = bench.hub.verify(&model, &|| false, &mut |_| ()).unwrap();
    assert_eq!(checks.len(), 6);
    assert!(checks.iter().all(|(_, check)| matches!(check, Check::Right { .. })), "{checks:?}");
    let device = burn::tensor::Device::flex();
    let embed = |files: ModelFiles| {
        let model = files.load(&device).unwrap();
        let ids = burn::tensor::Tensor::<4>::ones([1, 3, 64, 64], &device);
        model.towers.vision_model.forward(ids).try_into_vec_as::<f32>().unwrap()
    };
    assert_eq!(
        embed(ModelFiles::read(&model.folder).unwrap()),
        embed(ModelFiles::embedded(motionlens::data::cast::Cast::Shapes))
    );
    // A shard that goes missing.
    let shard = model.folder.join("model-00002-of-00002.safetensors");
    let kept = std::fs::read(&shard).unwrap();
    std::fs::remove_file(&shard).unwrap();
    assert_eq!(bench.hub.find(&id()), None);
    let error = ModelFiles::read(&model.folder).err().unwrap().to_string();
    assert!(error.contains("model-00002-of-00002.safetensors"), "{error}");
    // Another's content in its place.
    let first = std::fs::read(model.folder.join("model-00001-of-00002.safetensors")).unwrap();
    std::fs::write(&shard, first).unwrap();
    let error = ModelFiles::read(&model.folder).err().unwrap().to_string();
    assert!(error.contains("the index does not say so"), "{error}");
    // Less than the index says.
    let whole = SafeTensors::deserialize(&kept).unwrap();
    let views = whole.tensors().into_iter().skip(1);
    std::fs::write(&shard, safetensors::serialize(views, None).unwrap()).unwrap();
    let error = ModelFiles::read(&model.folder).err().unwrap().to_string();
    assert!(error.contains("where the index says it is"), "{error}");
    // An index that leads elsewhere.
    for name in ["../../../../etc/passwd", "/etc/x.safetensors", "a\\b.safetensors", ".safetensors", "x.bin"]
    {
        let index = serde_json::json!({"weight_map": {"logit_scale": name}});
        let path = model.folder.join("model.safetensors.index.json");
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, index.to_string()).unwrap();
        let error = ModelFiles::read(&model.folder).err().unwrap().to_string();
        assert!(error.contains("no safetensors file beside it"), "{name}: {error}");
    }
}

#[test]
fn half_precision_files_are_the_model_of_their_values() {
    // f32 weights that bf16 and f16 hold exactly come to the same embeddings in every type.
    let device = burn::tensor::Device::flex();
    let files = tiny_clip();
    let whole = SafeTensors::deserialize(&files["model.safetensors"]).unwrap();
    let value = |bytes: &[u8], dtype| match dtype {
        safetensors::Dtype::F16 => half::f16::from_le_bytes([bytes[0], bytes[1]]).to_f32(),
        _ => f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
    };
    let values: Vec<(String, Vec<usize>, Vec<f32>)> = whole
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            let size = if view.dtype() == safetensors::Dtype::F16 { 2 } else { 4 };
            // Eight bits of mantissa, and no exponent that f16 has not.
            let coarse =
                |b: &[u8]| half::bf16::from_f32((value(b, view.dtype()) * 1024.0).round() / 1024.0).to_f32();
            (name, view.shape().to_vec(), view.data().chunks_exact(size).map(coarse).collect())
        })
        .collect();
    let embed = |dtype: safetensors::Dtype| {
        let encode = |v: f32| match dtype {
            safetensors::Dtype::F16 => half::f16::from_f32(v).to_le_bytes().to_vec(),
            safetensors::Dtype::BF16 => half::bf16::from_f32(v).to_le_bytes().to_vec(),
            _ => v.to_le_bytes().to_vec(),
        };
        let bytes: Vec<Vec<u8>> =
            values.iter().map(|(_, _, v)| v.iter().flat_map(|v| encode(*v)).collect()).collect();
        let views = values.iter().zip(&bytes);
        let views =
            views.map(|((name, shape, _), b)| (name, TensorView::new(dtype, shape.clone(), b).unwrap()));
        let mut files = files.clone();
        files.insert("model.safetensors".to_owned(), safetensors::serialize(views, None).unwrap());
        let bench = Bench::new(files);
        let model = ModelFiles::read(&bench.fetch().unwrap().folder).unwrap().load(&device).unwrap();
        let pixels = burn::tensor::Tensor::<4>::ones([1, 3, 64, 64], &device);
        model.towers.vision_model.forward(pixels).try_into_vec_as::<f32>().unwrap()
    };
    let f32 = embed(safetensors::Dtype::F32);
    assert_eq!(embed(safetensors::Dtype::F16), f32);
    assert_eq!(embed(safetensors::Dtype::BF16), f32);
}

#[test]
fn verify_finds_a_byte_that_has_changed() {
    let bench = Bench::new(tiny_clip());
    let model = bench.fetch().unwrap();
    let (digest, mut weights) = bench.weights();
    let verify = || bench.hub.verify(&model, &|| false, &mut |_| ()).unwrap();
    assert!(verify().iter().all(|(_, check)| matches!(check, Check::Right { .. })));
    weights[5000] ^= 4;
    std::fs::write(bench.folder().join("blobs").join(&digest), &weights).unwrap();
    let wrong: Vec<_> = verify().into_iter().filter(|(_, c)| matches!(c, Check::Wrong { .. })).collect();
    assert_eq!(wrong.len(), 1);
    assert_eq!(wrong[0].0, "model.safetensors");
    // A cache that somebody filled with plain files.
    let plain = bench.dir.path().join("models--a--b");
    let files = plain.join("snapshots").join(COMMIT);
    std::fs::create_dir_all(plain.join("refs")).unwrap();
    std::fs::create_dir_all(&files).unwrap();
    std::fs::write(plain.join("refs/main"), COMMIT).unwrap();
    for (name, content) in tiny_clip() {
        std::fs::write(files.join(name), content).unwrap();
    }
    let model = bench.hub.find(&"a/b".parse().unwrap()).unwrap();
    let checks = bench.hub.verify(&model, &|| false, &mut |_| ()).unwrap();
    assert!(checks.iter().all(|(_, check)| *check == Check::Unknown));
}

#[test]
fn a_page_of_something_on_the_way_takes_nothing_of_what_has_come() {
    let bench = Bench::new(tiny_clip());
    bench.server.fault(Fault::Cut { after: 1000, times: 3 });
    bench.fetch().unwrap_err();
    bench.server.fault(Fault::Page);
    let error = bench.fetch().unwrap_err().to_string();
    assert!(error.contains("15 bytes"), "{error}");
    bench.server.forget();
    bench.server.fault(None);
    bench.fetch().unwrap();
    assert_eq!(bench.ranges(), [Some("bytes=3000-".to_owned())]);
}

#[test]
fn many_that_fetch_the_same_at_once_leave_it_whole() {
    let bench = Bench::new(tiny_clip());
    let plan = bench.look().unwrap();
    for _ in 0..5 {
        let _ = std::fs::remove_dir_all(bench.folder().join("snapshots"));
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| bench.hub.fetch(&plan, &|| false, &mut |_| ()).unwrap());
            }
        });
        let model = bench.hub.find(&id()).unwrap();
        for (name, content) in tiny_clip().iter().filter(|(name, _)| *name != "README.md") {
            assert_eq!(&std::fs::read(model.folder.join(name)).unwrap(), content, "{name}");
        }
        assert_eq!(std::fs::read_dir(&model.folder).unwrap().count(), 4, "nothing is left beside them");
    }
}

#[cfg(unix)]
#[test]
fn links_of_others_in_the_cache_are_not_written_through() {
    use std::os::unix::fs::symlink;
    let bench = Bench::new(tiny_clip());
    let (digest, weights) = bench.weights();
    let mine = bench.dir.path().join("mine");
    std::fs::write(&mine, vec![7; weights.len() + 9]).unwrap();
    for (folder, name) in [("blobs", format!("{digest}.incomplete")), ("refs", "main".to_owned())] {
        std::fs::create_dir_all(bench.folder().join(folder)).unwrap();
        symlink(&mine, bench.folder().join(folder).join(name)).unwrap();
    }
    bench.fetch().unwrap();
    assert_eq!(std::fs::read(&mine).unwrap(), vec![7; weights.len() + 9]);
    assert_eq!(std::fs::read(bench.folder().join("blobs").join(digest)).unwrap(), weights);
    assert_eq!(std::fs::read_to_string(bench.folder().join("refs/main")).unwrap(), COMMIT);
}

#[test]
fn a_pull_request_in_the_cache_is_used_only_by_its_name() {
    let bench = Bench::new(tiny_clip());
    bench.fetch().unwrap();
    let refs = bench.folder().join("refs");
    std::fs::create_dir_all(refs.join("refs/pr")).unwrap();
    std::fs::rename(refs.join("main"), refs.join("refs/pr/7")).unwrap();
    assert_eq!(bench.hub.find(&id()), None, "it may be anybody's");
    assert!(bench.hub.find(&format!("{ID}@refs/pr/7").parse().unwrap()).is_some());
    // The list names it so that it can be used.
    let cached = bench.hub.cached();
    assert_eq!(cached.len(), 1);
    assert_eq!(cached[0].id.to_string(), format!("{ID}@{COMMIT}"));
    assert_eq!(bench.hub.find(&cached[0].id), cached[0].model);
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_a_file_that_is_missing() {
    let bench = Bench::new(tiny_clip());
    let model = bench.fetch().unwrap();
    let link = model.folder.join("preprocessor_config.json");
    std::fs::remove_file(link.canonicalize().unwrap()).unwrap();
    assert_eq!(bench.hub.find(&id()), None);
    assert!(bench.hub.verify(&model, &|| false, &mut |_| ()).is_err());
    let error = ModelFiles::read(&model.folder).err().unwrap().to_string();
    assert!(error.contains("preprocessor_config.json"), "{error}");
}
