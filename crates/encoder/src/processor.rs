//! Which vectors this processor has.

use pulp::{Arch, WithSimd};

/// The widest vectors that this processor has: what [`Arch`] finds, and AVX2, which that knows only with a feature of pulp that
/// nothing else asks for (with it gemm, and with that all of Burn, would be built another time).
#[derive(Clone, Copy, Debug)]
pub enum Processor {
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    Other(Arch),
}

impl Processor {
    /// This one.
    pub fn new() -> Self {
        let arch = Arch::new();
        #[cfg(target_arch = "x86_64")]
        if let (Arch::Scalar, Some(avx2)) = (arch, pulp::x86::V3::try_new()) {
            return Self::Avx2(avx2);
        }
        Self::Other(arch)
    }

    /// Does it with these vectors.
    #[inline(always)]
    pub fn dispatch<Op: WithSimd>(self, op: Op) -> Op::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => pulp::Simd::vectorize(avx2, op),
            Self::Other(arch) => arch.dispatch(op),
        }
    }
}
