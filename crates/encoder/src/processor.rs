//! Which vectors this processor has.

use crate::panels::Row;
#[cfg(target_arch = "x86_64")]
use crate::tiles::Tiles;
use pulp::{Arch, WithSimd};
#[cfg(target_arch = "x86_64")]
use rayon::prelude::*;

/// Rows of a panel that one core brings into form.
#[cfg(target_arch = "x86_64")]
const AT_ONCE: usize = 512;

/// The widest vectors that this processor has: what [`Arch`] finds, and AVX2, which that knows only with a feature of pulp that
/// nothing else asks for (with it gemm, and with that all of Burn, would be built another time).
#[derive(Clone, Copy, Debug)]
pub enum Processor {
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    /// Products by tiles, all else by the vectors beside them.
    #[cfg(target_arch = "x86_64")]
    Tiles(Tiles),
    Other(Arch),
}

impl Processor {
    /// This one, with tiles where it has them.
    pub fn new() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(tiles) = Tiles::try_new() {
            return Self::Tiles(tiles);
        }
        Self::vectors()
    }

    /// This one without tiles.
    pub fn vectors() -> Self {
        let arch = Arch::new();
        #[cfg(target_arch = "x86_64")]
        if let (Arch::Scalar, Some(avx2)) = (arch, pulp::x86::V3::try_new()) {
            return Self::Avx2(avx2);
        }
        Self::Other(arch)
    }

    /// Brings rows into the form in which a product wants its inputs, by all cores where there are many.
    #[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables))]
    pub fn operand(self, rows: &mut [Row]) {
        #[cfg(target_arch = "x86_64")]
        if let Self::Tiles(tiles) = self {
            rows.par_chunks_mut(AT_ONCE).for_each(|rows| tiles.split_rows(rows));
        }
    }

    /// Does it with these vectors.
    #[inline(always)]
    pub fn dispatch<Op: WithSimd>(self, op: Op) -> Op::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => pulp::Simd::vectorize(avx2, op),
            #[cfg(target_arch = "x86_64")]
            Self::Tiles(tiles) => pulp::Simd::vectorize(tiles.vectors, op),
            Self::Other(arch) => arch.dispatch(op),
        }
    }
}
