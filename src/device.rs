//! Picks and shares the compute device; the one place where `unsafe` may stand, if anywhere.

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
