//! Which device runs the model, with whatever adapters this machine has, and what happens when a GPU is refused or lost.
//! `.ci/modern-vulkan` names a driver with experimental features to run this on.

use burn::tensor::Tensor;
use motionlens::device::gpu::{self, SharedGpu};
use motionlens::device::{self, DeviceChoice};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The adapters of this machine. One instance for all tests: the Vulkan loader crashes when several come and go at once.
fn adapters() -> &'static (wgpu::Instance, Vec<wgpu::Adapter>) {
    static ADAPTERS: OnceLock<(wgpu::Instance, Vec<wgpu::Adapter>)> = OnceLock::new();
    ADAPTERS.get_or_init(|| {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
        (instance, adapters)
    })
}

/// A device as the window has it.
fn shared() -> Option<SharedGpu> {
    let (instance, adapters) = adapters();
    let Some(adapter) = adapters.first() else {
        eprintln!("skipped: no graphics adapter, not even a software one");
        return None;
    };
    let (_, (device, queue)) = gpu::open_adapter(adapter).expect("a device");
    Some(SharedGpu::new(instance.clone(), adapter.clone(), device, queue))
}

#[test]
fn the_cpu_is_always_there() {
    let (_, info) = device::open(DeviceChoice::Cpu, None).expect("the CPU");
    assert!(!info.gpu && !info.software);
}

/// As issue and METHOD §11 have it: what is less exact than f32 is asked for, says so, and stays within 1e-3 in the cosine.
#[test]
fn bf16_on_tiles_is_said_and_leaves_a_video_where_it_is() {
    if motionlens_encoder::tiles().is_none() {
        return eprintln!("skipped: no tiles (AMX) here");
    }
    let clips = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    for clip in ["people/by-the-plant.mp4", "clips/moving-right-while-growing.mp4"] {
        let analysed = |amx: &str, name: &str| -> (Vec<f64>, Vec<f64>) {
            let mut command = Command::new(env!("CARGO_BIN_EXE_motionlens"));
            command.args(["analyze", "--device", "cpu", "--embeddings", "--json", "-"]).arg(clips.join(clip));
            let out = command.env("MOTIONLENS_AMX", amx).output().unwrap();
            let found: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
            assert_eq!(found["device"], name);
            let embedding = found["video_embedding"].as_array().unwrap();
            let scores = found["classes"].as_array().unwrap().iter().map(|class| &class["s_pos"]);
            (
                embedding.iter().filter_map(|x| x.as_f64()).collect(),
                scores.filter_map(|x| x.as_f64()).collect(),
            )
        };
        let (exact, scores) = analysed("off", "CPU (Flex)");
        let (fast, other_scores) = analysed("bf16", "CPU (Flex, AMX bf16)");
        let apart = scores.iter().zip(&other_scores).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let top = |scores: &[f64]| (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        assert!(!scores.is_empty() && top(&scores) == top(&other_scores));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let cosine = dot(&exact, &fast) / (dot(&exact, &exact) * dot(&fast, &fast)).sqrt();
        println!("{clip}: 1 - cosine {:.1e}, scores up to {apart:.1e} apart", 1.0 - cosine);
        assert!(exact != fast && 1.0 - cosine < 1e-3, "{clip}: {cosine}");
    }
}

#[test]
fn auto_takes_what_it_says_and_never_a_software_adapter() {
    let (_, info) = device::open(DeviceChoice::Auto, None).expect("auto always succeeds");
    assert!(!info.software, "{info:?}");
    assert!(!info.reason.is_empty());
    let real = device::adapters().iter().any(|a| !a.software);
    assert!(real || !info.gpu, "{info:?}");
}

#[test]
fn asking_for_a_gpu_gives_one_or_words() {
    match device::open(DeviceChoice::Gpu, None) {
        Ok((_, info)) => assert!(info.gpu),
        Err(e) => assert!(e.to_string().contains("--device cpu"), "{e}"),
    }
}

/// A recent driver lists features that wgpu refuses to open a device with; everything else of it is had.
#[test]
fn every_adapter_opens_with_all_that_burn_looks_at() {
    for adapter in &adapters().1 {
        let name = adapter.get_info().name;
        let (request, (device, _)) = gpu::open_adapter(adapter).unwrap_or_else(|e| panic!("{name}: {e}"));
        let experimental = adapter.features() & wgpu::Features::all_experimental_mask();
        println!("{name}: without {experimental:?}");
        assert!(!request.required_features.intersects(wgpu::Features::all_experimental_mask()));
        assert_eq!(gpu::lacking(adapter, &device), None, "{name}");
        if !experimental.is_empty() {
            let all = wgpu::DeviceDescriptor {
                required_features: adapter.features() - wgpu::Features::MAPPABLE_PRIMARY_BUFFERS,
                required_limits: adapter.limits(),
                ..Default::default()
            };
            let refused = pollster::block_on(adapter.request_device(&all));
            assert!(refused.is_err(), "wgpu opens experimental features now: the mask can go");
        }
    }
}

/// The least that is asked for: such a device draws, and Burn is told that it cannot share it.
#[test]
fn a_device_with_little_is_not_given_to_burn() {
    let (instance, adapters) = adapters();
    let Some(adapter) = adapters.first() else { return eprintln!("skipped: no graphics adapter") };
    let requests = gpu::requests(adapter.features(), &adapter.limits());
    let least = requests.last().expect("always one");
    let (device, queue) = pollster::block_on(adapter.request_device(least)).expect("the least");
    let shared = SharedGpu::new(instance.clone(), adapter.clone(), device, queue);
    let why = device::open(DeviceChoice::Gpu, Some(&shared))
        .expect_err("Burn would use what is not there")
        .to_string();
    assert!(why.contains("grant"), "{why}");
    let (_, info) = device::open(DeviceChoice::Auto, Some(&shared)).expect("auto always succeeds");
    assert!(!info.software);
}

#[test]
fn the_windows_device_is_registered_once() {
    let Some(shared) = shared() else { return };
    let (first, info) = device::open(DeviceChoice::Gpu, Some(&shared)).expect("the shared device");
    let (second, _) = device::open(DeviceChoice::Gpu, Some(&shared.clone())).expect("it again");
    assert_eq!(first, second);
    assert!(info.gpu);
    assert_eq!(shared.lost(), None);
    assert_eq!(device::lost(Some(&shared)), None);
}

/// cubecl replaces the callbacks of a device that it is given, so the loss is tried with Burn on it and without.
#[test]
fn a_lost_gpu_is_noticed_and_the_cpu_takes_over() {
    for with_burn in [false, true] {
        let Some(shared) = shared() else { return };
        let told = Arc::new(AtomicUsize::new(0));
        let count = told.clone();
        shared.on_loss(Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        }));
        let tensor = with_burn.then(|| {
            let (device, _) = device::open(DeviceChoice::Gpu, Some(&shared)).expect("the shared device");
            Tensor::<2>::ones([8, 8], &device)
        });
        assert_eq!((shared.lost(), told.load(Ordering::SeqCst)), (None, 0));
        shared.destroy();
        assert!(shared.lost().is_some());
        assert_eq!(told.load(Ordering::SeqCst), 1, "with Burn: {with_burn}");

        // Work on it ends, with an error or a panic that the model's thread catches, and does not hang.
        if let Some(tensor) = tensor {
            let (done, waits) = std::sync::mpsc::channel();
            std::thread::spawn(move || {
                let read = device::guarded(|| tensor.clone().matmul(tensor).sum().try_into_scalar::<f32>());
                let _ = done.send(read);
            });
            let read = waits.recv_timeout(Duration::from_secs(60)).expect("work on a lost GPU ends");
            assert!(read.is_err(), "{read:?}");
        }
        for choice in [DeviceChoice::Auto, DeviceChoice::Gpu, DeviceChoice::Cpu] {
            let (_, info) = device::open(choice, Some(&shared)).expect("the CPU");
            assert!(!info.gpu && info.reason.contains("the GPU was lost"), "{info:?}");
            assert!(
                info.name.contains("CPU") && info.name.contains("GPU lost"),
                "the badge says it: {info:?}"
            );
        }
        assert!(device::lost(Some(&shared)).is_some());
        assert_eq!(device::lost(None), None, "our own device is another one");
    }
}
