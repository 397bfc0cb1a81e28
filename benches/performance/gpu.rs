//! The towers on the GPU, on a device such as the window opens, beside the same in f16, the CPU and PyTorch on the same card; and what
//! the first pass of a start costs, with the driver's caches empty and with what an earlier start left in them.

use crate::peers::{Peers, assert_same};
use crate::random_b16::random_b16;
use crate::table::{TURNS, Table};
use crate::towers::{FRAMES, Work, ids, load, ours, pixels};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, FloatDType, Tensor};
use motionlens::device::gpu::open_adapter;
use motionlens::device::{self, DeviceChoice, DeviceInfo, SharedGpu, report};
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub const ABOUT: &str = "The same CLIP on the GPU that the program would choose by itself; `-- gpu` alone takes a software one as well, \
    which the page never does: it says then that none was measured. The pixels go to the device and a row comes back within the time. \"A \
    window's longest wait\" is how long work of a window stood behind that of the pass on the same device, the longest of a pass. \"First \
    pass\" is a process of its own, from its towers in memory to the first row: shaders are compiled there, with the driver's caches empty \
    and once more with what the first left. `--features autotune` lets Burn try several kernels for every size.";

const NAMES: [&str; 6] =
    ["ours", "a window's longest wait", "ours in f16", "our CPU", "cuda float32", "cuda float16"];
/// What a process is called with that makes one pass and says how long it took.
pub const FIRST_PASS: &str = "--first-gpu-pass";

/// A device as the window has it, and Burn's on it.
struct Gpu {
    window: (wgpu::Device, wgpu::Queue),
    device: Device,
    info: DeviceInfo,
}

impl Gpu {
    /// The best adapter, a software one where `software` allows it.
    fn open(software: bool) -> Result<Self, String> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
        let best = adapters.into_iter().min_by_key(|adapter| report(&adapter.get_info()).rank());
        let adapter = best.ok_or("no graphics adapter")?;
        let found = report(&adapter.get_info());
        if found.software && !software {
            return Err(format!("not measured on a GPU: there is only the software adapter {}", found.name));
        }
        let (_, window) = open_adapter(&adapter)?;
        let shared = SharedGpu::new(instance, adapter, window.0.clone(), window.1.clone());
        let opened = device::open(DeviceChoice::Gpu, Some(&shared));
        let (device, info) = opened.map_err(|e| e.to_string())?;
        Ok(Self { window, device, info })
    }

    /// Longest that a window which draws every few milliseconds waits for its turn while `work` is done.
    fn longest_wait(&self, work: impl FnOnce()) -> f64 {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (device, queue) = &self.window;
            let window = scope.spawn(|| {
                let mut longest = Duration::ZERO;
                while !over.load(Ordering::SeqCst) {
                    let began = Instant::now();
                    let submission_index = Some(queue.submit([]));
                    let done = wgpu::PollType::Wait { submission_index, timeout: None };
                    device.poll(done).expect("the window's turn comes");
                    longest = longest.max(began.elapsed());
                    std::thread::sleep(Duration::from_millis(4));
                }
                longest
            });
            work();
            over.store(true, Ordering::SeqCst);
            window.join().expect("the window's thread").as_secs_f64()
        })
    }
}

pub fn run(table: &mut Table, peers: &mut Peers) {
    // The page takes a real GPU alone; who asks for this section by its name takes the best there is.
    let asked = std::env::args().any(|argument| argument == "gpu");
    let gpu = match Gpu::open(asked) {
        Ok(opened) => opened,
        Err(why) => return table.add("towers on the GPU", f64::NAN, "the CPU", Err(why)),
    };
    let folder = tempfile::tempdir().expect("a folder");
    random_b16(folder.path());
    let Gpu { device, info, .. } = &gpu;
    let on = format!("{}{}", info.name, if cfg!(feature = "autotune") { ", autotune" } else { "" });
    let what = format!("first pass of {FRAMES} frames, {on}");
    match first_pass(folder.path()) {
        Ok([empty, later]) => table.add(&what, empty, "the caches kept", Ok(later)),
        Err(why) => table.add(&what, f64::NAN, "the caches kept", Err(why)),
    }
    let cpu = Device::flex();
    let (here, there) = (load(folder.path(), device), load(folder.path(), &cpu));
    // Not every GPU has f16, and one that has may get it wrong: neither ends the bench.
    let half = device::guarded(|| Ok::<_, String>(here.clone().map(&mut ToHalf)));
    peers.load(folder.path(), &pixels(), &ids());
    // A software one takes most of a minute for eight frames.
    let all = [Work::Vision(FRAMES), Work::Vision(1), Work::Text];
    for work in all.into_iter().skip(usize::from(info.software)) {
        let (what, tower, count) = work.words();
        let mut row = Vec::new();
        table.compare(&format!("{what}, {on}"), &NAMES, TURNS, |name| match name {
            "ours" => {
                let (seconds, own) = ours(&here, device, work, FloatDType::F32);
                row = own;
                Ok(seconds)
            }
            "ours in f16" => {
                let half = half.as_ref().map_err(String::clone)?;
                device::guarded(|| {
                    let (seconds, own) = ours(half, device, work, FloatDType::F16);
                    assert_same(&row, &own);
                    Ok::<_, String>(seconds)
                })
            }
            "a window's longest wait" => {
                Ok(gpu.longest_wait(|| drop(ours(&here, device, work, FloatDType::F32))))
            }
            "our CPU" => {
                let (seconds, own) = ours(&there, &cpu, work, FloatDType::F32);
                assert_same(&row, &own);
                Ok(seconds)
            }
            peer => {
                let answer =
                    peers.ask(&json!({"do": "tower", "peer": peer, "name": tower, "count": count}))?;
                assert_same(&row, &answer.row);
                Ok(answer.seconds)
            }
        });
    }
}

/// Parameters as f16.
struct ToHalf;

impl ModuleMapper for ToHalf {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor.cast(FloatDType::F16))
    }
}

/// Seconds of the first pass of a process: where nothing is kept, and after that.
fn first_pass(folder: &Path) -> Result<[f64; 2], String> {
    let caches = tempfile::tempdir().map_err(|e| e.to_string())?;
    let pass = || {
        let program = std::env::current_exe().map_err(|e| e.to_string())?;
        let mut command = Command::new(program);
        command.args([FIRST_PASS.as_ref(), folder.as_os_str()]);
        // Where Mesa, Nvidia's driver and cubecl's tuning keep theirs.
        for (name, at) in [
            ("XDG_CACHE_HOME", "cache"),
            ("MESA_SHADER_CACHE_DIR", "mesa"),
            ("__GL_SHADER_DISK_CACHE_PATH", "nvidia"),
            ("HOME", "home"),
        ] {
            let at = caches.path().join(at);
            std::fs::create_dir_all(&at).map_err(|e| e.to_string())?;
            command.env(name, at);
        }
        let said = command.output().map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(&said.stdout);
        text.trim()
            .parse()
            .map_err(|_| format!("it says {text:?}, {}", String::from_utf8_lossy(&said.stderr)))
    };
    Ok([pass()?, pass()?])
}

/// The process that [`FIRST_PASS`] starts: prints the seconds.
pub fn make_first_pass(folder: &Path) {
    let gpu = Gpu::open(true).expect("the GPU");
    let towers = load(folder, &gpu.device);
    let began = Instant::now();
    ours(&towers, &gpu.device, Work::Vision(FRAMES), FloatDType::F32);
    println!("{}", began.elapsed().as_secs_f64());
}
