//! Picks the compute device and shares the window's with Burn. A GPU that is absent, broken, refused or lost becomes a
//! reason in words, never a crash: the CPU always works.

pub mod gpu;

use burn::tensor::{Device, Tensor};
pub use gpu::SharedGpu;
use motionlens_encoder::Precision;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Which device runs the model, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// For example "CPU (Flex)", "CPU (Flex, AMX)" or "NVIDIA H100 (Vulkan)".
    pub name: String,
    /// A software rasteriser such as llvmpipe.
    pub software: bool,
    pub gpu: bool,
    /// Why this device was picked.
    pub reason: String,
}

/// What the user asked for with `--device` or the device menu.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum DeviceChoice {
    /// A real GPU through wgpu if there is one, else the CPU.
    #[default]
    Auto,
    /// wgpu, also where the only adapter is a software one.
    Gpu,
    /// Burn's Flex CPU backend.
    Cpu,
}

/// Why a device that was asked for cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DeviceError {
    #[error("no GPU: {0}. Use the CPU instead (--device cpu)")]
    Gpu(String),
}

/// An adapter that wgpu sees, for `doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterReport {
    pub name: String,
    /// The graphics interface, for example "Vulkan".
    pub backend: String,
    /// For example "discrete GPU".
    pub kind: &'static str,
    pub driver: String,
    /// A software rasteriser such as llvmpipe.
    pub software: bool,
}

impl AdapterReport {
    /// Lower is better: real before software, a card of its own before one in the processor, and OpenGL last.
    pub fn rank(&self) -> (bool, u8, bool) {
        let kind = match self.kind {
            DISCRETE => 0,
            INTEGRATED => 1,
            VIRTUAL => 2,
            _ => 3,
        };
        (self.software, kind, self.backend == "Gl")
    }
}

const DISCRETE: &str = "discrete GPU";
const INTEGRATED: &str = "integrated GPU";
const VIRTUAL: &str = "virtual GPU";

/// Opens the device of `choice`. `shared` is the window's; it is used where it serves as well as one of our own.
///
/// `Auto` always succeeds: whatever is wrong with the GPU is said in [`DeviceInfo::reason`] and the CPU is taken. Once a
/// GPU has been lost ([`lost`]) every choice is answered with the CPU, and the reason says so.
pub fn open(choice: DeviceChoice, shared: Option<&SharedGpu>) -> Result<(Device, DeviceInfo), DeviceError> {
    if let Some(why) = lost(shared) {
        let (device, info) = cpu(format!("the GPU was lost: {why}"));
        return Ok((device, DeviceInfo { name: format!("{}, GPU lost", info.name), ..info }));
    }
    match choice {
        DeviceChoice::Cpu => Ok(cpu("asked for".to_owned())),
        DeviceChoice::Gpu => {
            let gpu = shared
                .map_or_else(|| own_gpu(true), |shared| Ok(shared.clone()))
                .map_err(DeviceError::Gpu)?;
            let adapter = gpu.report();
            let reason = if adapter.software { "asked for; it is a software one" } else { "asked for" };
            Ok((gpu.burn().map_err(DeviceError::Gpu)?, gpu_info(&adapter, reason)))
        }
        DeviceChoice::Auto => Ok(automatic(shared)),
    }
}

fn automatic(shared: Option<&SharedGpu>) -> (Device, DeviceInfo) {
    let opened = match shared.filter(|gpu| !gpu.report().software) {
        Some(shared) => Ok(shared.clone()),
        None => match real_adapter(&adapters()) {
            Ok(_) => own_gpu(false),
            Err(reason) => return cpu(reason),
        },
    };
    match opened.and_then(|gpu| Ok((gpu.burn()?, gpu.report()))) {
        Ok((device, adapter)) if !adapter.software => (device, gpu_info(&adapter, "a GPU was found")),
        Ok((_, adapter)) => cpu(format!("{} is a software adapter, the CPU is faster", adapter.name)),
        Err(reason) => cpu(format!("the GPU cannot be used: {reason}")),
    }
}

/// A loss that happened before this program started again because of it.
static EARLIER_LOSS: OnceLock<String> = OnceLock::new();

/// The model stays off the GPU from now on: it was lost by the run of the program before this one.
pub fn remember_loss(why: String) {
    if EARLIER_LOSS.set(why).is_err() {
        log::debug!("a lost GPU is remembered already");
    }
}

/// Why a GPU that the model may run on was lost; `None` where none was. Work that fails on a GPU and finds a reason here
/// can be done again on what [`open`] gives then.
pub fn lost(shared: Option<&SharedGpu>) -> Option<String> {
    // While it is being opened, which may take long, it is not lost.
    let own = || OWN.try_lock().ok().and_then(|own| own.as_ref().and_then(SharedGpu::lost));
    EARLIER_LOSS.get().cloned().or_else(|| shared.and_then(SharedGpu::lost)).or_else(own)
}

/// Every adapter that wgpu sees through Vulkan, Metal or DirectX 12; an empty list when there is none or asking fails.
/// OpenGL is left out: Burn does not run on it, and Mesa's driver complains on stderr where there is no desktop.
pub fn adapters() -> Vec<AdapterReport> {
    guarded(found).map(|found| found.iter().map(|(_, report)| report.clone()).collect()).unwrap_or_else(
        |reason| {
            log::warn!("listing the graphics adapters failed: {reason}");
            Vec::new()
        },
    )
}

/// Every adapter, opened with as much as its driver grants. `Ok` says what the model lacks there, `Err` why it does not
/// open at all.
pub fn try_adapters() -> Vec<(AdapterReport, Result<Option<String>, String>)> {
    let tried = |(adapter, report): (wgpu::Adapter, AdapterReport)| {
        let opened = gpu::open_adapter(&adapter).map(|(_, (device, _))| gpu::lacking(&adapter, &device));
        (report, opened)
    };
    guarded(found).map(|found| found.into_iter().map(tried).collect()).unwrap_or_default()
}

/// The instance that adapters are listed from and our own device is opened on. One for the whole run: Vulkan's loader
/// crashes where instances come and go on several threads.
fn instance() -> &'static wgpu::Instance {
    static INSTANCE: OnceLock<wgpu::Instance> = OnceLock::new();
    INSTANCE.get_or_init(|| {
        let backends = wgpu::Backends::PRIMARY;
        let plain = wgpu::InstanceDescriptor::new_without_display_handle();
        wgpu::Instance::new(wgpu::InstanceDescriptor { backends, ..plain })
    })
}

fn found() -> Result<Vec<(wgpu::Adapter, AdapterReport)>, String> {
    let found = pollster::block_on(instance().enumerate_adapters(wgpu::Backends::PRIMARY));
    let mut found: Vec<_> = found.into_iter().map(|a| (report(&a.get_info()), a)).collect();
    found.sort_by_key(|(report, _)| report.rank());
    Ok(found.into_iter().map(|(report, adapter)| (adapter, report)).collect())
}

/// The first real one, or why there is none.
fn real_adapter(adapters: &[AdapterReport]) -> Result<AdapterReport, String> {
    match (adapters.iter().find(|a| !a.software), adapters.first()) {
        (Some(real), _) => Ok(real.clone()),
        (None, Some(soft)) => Err(format!("no GPU, only the software adapter {}", soft.name)),
        (None, None) => Err("wgpu finds no graphics adapter".to_owned()),
    }
}

/// A wgpu device of our own, opened once.
static OWN: Mutex<Option<SharedGpu>> = Mutex::new(None);

/// The best adapter whose driver grants a device, software ones last and only where `software` allows them.
fn own_gpu(software: bool) -> Result<SharedGpu, String> {
    let mut own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = &*own {
        return Ok(known.clone());
    }
    let mut refusals = Vec::new();
    for (adapter, report) in guarded(found)?.into_iter().filter(|(_, r)| software || !r.software) {
        match gpu::open_adapter(&adapter) {
            Ok((_, (device, queue))) => {
                let opened = SharedGpu::new(instance().clone(), adapter, device, queue);
                return Ok(own.insert(opened).clone());
            }
            Err(why) => refusals.push(format!("{} refuses: {why}", report.name)),
        }
    }
    if refusals.is_empty() {
        Err("wgpu finds no graphics adapter".to_owned())
    } else {
        Err(refusals.join("; "))
    }
}

/// A small product comes back right: drivers that open and then fail are found here and not in the middle of a clip.
fn works(device: &Device) -> Result<(), String> {
    let sum = guarded(|| {
        let ones = Tensor::<2>::ones([8, 8], device);
        ones.clone().matmul(ones).sum().try_into_scalar::<f32>()
    })?;
    if sum == 512.0 { Ok(()) } else { Err(format!("it computes wrongly (8×8×8 = {sum})")) }
}

fn cpu(reason: String) -> (Device, DeviceInfo) {
    // The numbers are then not those of other processors to the last bit: an experiment that is replayed there says so.
    let (name, tiles) = match motionlens_encoder::tiles() {
        None => ("CPU (Flex)", ""),
        Some(Precision::Split) => (
            "CPU (Flex, AMX)",
            "; the vision tower multiplies on AMX tiles, every f32 as two bf16 (MOTIONLENS_AMX=off: in f32; =bf16: in one bf16, \
             faster and less exact)",
        ),
        Some(Precision::Bf16) => (
            "CPU (Flex, AMX bf16)",
            "; the vision tower multiplies on AMX tiles in bf16, as MOTIONLENS_AMX=bf16 asks: its numbers are approximate",
        ),
    };
    let reason = format!("{reason}{tiles}");
    (Device::flex(), DeviceInfo { name: name.to_owned(), software: false, gpu: false, reason })
}

fn gpu_info(adapter: &AdapterReport, reason: &str) -> DeviceInfo {
    DeviceInfo {
        name: format!("{} ({})", adapter.name, adapter.backend),
        software: adapter.software,
        gpu: true,
        reason: reason.to_owned(),
    }
}

/// What is known of an adapter, in words.
pub fn report(info: &wgpu::AdapterInfo) -> AdapterReport {
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => DISCRETE,
        wgpu::DeviceType::IntegratedGpu => INTEGRATED,
        wgpu::DeviceType::VirtualGpu => VIRTUAL,
        wgpu::DeviceType::Cpu => "software",
        wgpu::DeviceType::Other => "other",
    };
    let name = info.name.to_lowercase();
    let rasteriser = ["llvmpipe", "softpipe", "swiftshader", "basic render"].iter().any(|s| name.contains(s));
    AdapterReport {
        name: info.name.clone(),
        backend: format!("{:?}", info.backend),
        kind,
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        software: rasteriser || info.device_type == wgpu::DeviceType::Cpu,
    }
}

/// Bytes of main memory that can still be had; `None` where the system does not say (only Linux is asked).
pub fn free_memory() -> Option<u64> {
    available(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

/// As `/proc/meminfo` has it, in kB.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Runs `f`; an error or a panic becomes its message.
pub fn guarded<T, E: std::fmt::Display>(f: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(panic) => Err(panic_message(&*panic)),
    }
}

/// The words of a caught panic.
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown reason".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(name: &str, kind: wgpu::DeviceType) -> AdapterReport {
        let software = kind == wgpu::DeviceType::Cpu;
        AdapterReport {
            name: name.into(),
            backend: "Vulkan".into(),
            kind: "",
            driver: String::new(),
            software,
        }
    }

    #[test]
    fn a_real_gpu_wins_over_a_software_one() {
        let list =
            [adapter("llvmpipe", wgpu::DeviceType::Cpu), adapter("Radeon", wgpu::DeviceType::DiscreteGpu)];
        assert_eq!(real_adapter(&list).unwrap().name, "Radeon");
        assert!(list[1].rank() < list[0].rank());
    }

    #[test]
    fn without_a_gpu_the_reason_says_what_there_is() {
        let reason = real_adapter(&[adapter("llvmpipe", wgpu::DeviceType::Cpu)]).unwrap_err();
        assert!(reason.contains("llvmpipe"), "{reason}");
        assert!(real_adapter(&[]).unwrap_err().contains("no graphics adapter"));
    }

    #[test]
    fn free_memory_is_read_as_linux_says_it() {
        assert_eq!(available("MemTotal:  9 kB\nMemAvailable:   1024 kB\n"), Some(1 << 20));
        assert_eq!(available("MemTotal:  9 kB\n"), None);
    }

    #[test]
    fn a_panic_becomes_its_message() {
        let caught = guarded(|| -> Result<(), String> { panic!("the driver fell over") });
        assert_eq!(caught, Err("the driver fell over".to_owned()));
    }
}
