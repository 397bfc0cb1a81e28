//! Products on the tile registers (AMX) that Intel's processors for servers have since Sapphire Rapids: sixteen times the multiply-adds
//! of vectors in a cycle, but of bf16, which keeps 8 bits of a number where f32 keeps 24.
//!
//! So every number is split in two, x ≈ hi + lo with |x − hi − lo| ≤ 2⁻¹⁶·|x|, and a·b is lo·hi + hi·hi + hi·lo, summed in f32: three
//! products for one. What is left out is at most 3·2⁻¹⁶ of |a·b|, of either sign. (Henry, Tang and Heinecke, "Leveraging the bfloat16
//! artificial intelligence datatype for higher-precision computations", 2019.) Who wants speed for precision has hi·hi alone, one
//! product: a number is then known to 2⁻⁹ of itself.
//!
//! Rust has no intrinsics for tiles yet: the kernel is written in the processor's own words.

use crate::Precision;
use crate::panels::{Block, Row, W};
use pulp::NullaryFnOnce;
use pulp::x86::V4;
use std::arch::asm;
use std::sync::OnceLock;

/// That this process may use tiles, and the vectors beside them.
#[derive(Clone, Copy, Debug)]
pub struct Tiles {
    pub vectors: V4,
    pub precision: Precision,
}

/// Rows and columns of a tile.
const SIDE: usize = 16;
/// Bytes from one row of a panel to the next.
const STRIDE: usize = size_of::<Row>();

impl Tiles {
    /// Where the processor has them and the system grants them to this process; `MOTIONLENS_AMX` around it may be `off`, or `bf16` for
    /// [`Precision::Bf16`].
    pub fn try_new() -> Option<Self> {
        static FOUND: OnceLock<Option<Tiles>> = OnceLock::new();
        *FOUND.get_or_init(|| {
            let precision = match std::env::var("MOTIONLENS_AMX").as_deref() {
                Ok("off") => return None,
                Ok("bf16") => Precision::Bf16,
                _ => Precision::Split,
            };
            V4::try_new().filter(|_| known() && granted()).map(|vectors| Self { vectors, precision })
        })
    }

    /// Splits rows of panels in place: the i-th number of a row and the (i + 32)-th become a pair of hi and, 32 further, one of lo.
    pub fn split_rows(self, rows: &mut [Row]) {
        struct Op<'a>(&'a mut [Row]);
        impl NullaryFnOnce for Op<'_> {
            type Output = ();

            #[inline(always)]
            fn call(self) {
                for row in self.0 {
                    let (x, y) = row.split_at_mut(W / 2);
                    split(x, y);
                }
            }
        }
        self.vectors.vectorize(Op(rows));
    }

    /// Splits weights in place: the i-th input and the (i + 32)-th become a row of pairs of hi and, 32 rows further, one of lo.
    pub fn split_block(self, block: &mut Block) {
        struct Op<'a>(&'a mut Block);
        impl NullaryFnOnce for Op<'_> {
            type Output = ();

            #[inline(always)]
            fn call(self) {
                let (x, y) = self.0.0.split_at_mut(W / 2);
                x.iter_mut().zip(y).for_each(|(x, y)| split(x, y));
            }
        }
        self.vectors.vectorize(Op(block));
    }
}

/// Splits a pair of numbers, one of `x` and one of `y`, everywhere: `x` becomes the pairs of their hi, `y` those of their lo, each in the
/// bits of one number.
#[inline(always)]
fn split(x: &mut [f32], y: &mut [f32]) {
    const HALF: u32 = 1 << 15;
    const UPPER: u32 = 0xffff_0000;
    for (x, y) in x.iter_mut().zip(y) {
        let [first, second] = [*x, *y].map(|x| {
            let hi = x.to_bits().wrapping_add(HALF) & UPPER;
            (hi, (x - f32::from_bits(hi)).to_bits().wrapping_add(HALF))
        });
        *x = f32::from_bits(first.0 >> 16 | second.0);
        *y = f32::from_bits(first.1 >> 16 | second.1 & UPPER);
    }
}

fn known() -> bool {
    const TILE_AND_BF16: u32 = 1 << 24 | 1 << 22;
    std::arch::x86_64::__cpuid_count(7, 0).edx & TILE_AND_BF16 == TILE_AND_BF16
}

/// Linux keeps the tiles of processes that have asked for them.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn granted() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_long = 18;
    // SAFETY: takes two numbers and changes nothing that the program sees.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn granted() -> bool {
    false
}

/// What `ldtilecfg` reads.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// The tiles of this thread, given back when dropped: sums of an upper half of some rows (0 and 1) and of the lower (2 and 3), what they
/// are made of (4 and 5), and weights (6 and 7).
pub struct Thread {
    precision: Precision,
    /// Rows of each half, as the tiles are shaped.
    half: usize,
}

/// The kernel's words: inputs and weights at so many bytes from where they begin, and their products.
macro_rules! inputs {
    ($at:literal) => {
        concat!(
            "tileloadd tmm4, [{a} + {stride}*1 + ",
            $at,
            "]\ntileloadd tmm5, [{a_low} + {stride}*1 + ",
            $at,
            "]"
        )
    };
}
macro_rules! weights {
    ($at:literal) => {
        concat!(
            "tileloadd tmm6, [{b} + {stride}*1 + ",
            $at,
            "]\ntileloadd tmm7, [{b} + {stride}*1 + 64 + ",
            $at,
            "]"
        )
    };
}
macro_rules! multiply {
    () => {
        "tdpbf16ps tmm0, tmm4, tmm6\ntdpbf16ps tmm1, tmm4, tmm7\ntdpbf16ps tmm2, tmm5, tmm6\ntdpbf16ps tmm3, tmm5, tmm7"
    };
}
/// Has eleven lines of what comes next brought near, of the inputs and of the sums, and waits for nothing.
macro_rules! fetch {
    ($from:literal) => {
        fetch!($from: 0 64 128 192 256 320 384 448 512 576 640)
    };
    ($from:literal: $($line:literal)*) => {
        concat!($(
            "prefetcht0 [{a_next} + ", $from, " + ", $line, "]\nprefetcht0 [{out_next} + ", $from, " + ", $line, "]\n"
        ),*)
    };
}

/// Adds to the sums what these words make of inputs and weights.
macro_rules! products {
    (($a:ident, $b:ident, $out:ident, $next:ident), $($words:expr,)*) => {
        asm!(
            "tileloadd tmm0, [{out} + {stride}*1]",
            "tileloadd tmm1, [{out} + {stride}*1 + 64]",
            "tileloadd tmm2, [{out_low} + {stride}*1]",
            "tileloadd tmm3, [{out_low} + {stride}*1 + 64]",
            $($words,)*
            "tilestored [{out} + {stride}*1], tmm0",
            "tilestored [{out} + {stride}*1 + 64], tmm1",
            "tilestored [{out_low} + {stride}*1], tmm2",
            "tilestored [{out_low} + {stride}*1 + 64], tmm3",
            a = in(reg) $a[0],
            a_low = in(reg) $a[1],
            b = in(reg) $b,
            out = in(reg) $out[0],
            out_low = in(reg) $out[1],
            a_next = in(reg) $next[0],
            out_next = in(reg) $next[1],
            stride = in(reg) STRIDE,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack, preserves_flags),
        )
    };
}

impl Thread {
    pub fn new(tiles: Tiles) -> Self {
        Self { precision: tiles.precision, half: 0 }
    }

    /// `out += a·b`, both split; there are as many rows in `out` as in `a`, whole groups of them.
    #[allow(unsafe_code)]
    pub fn multiply(&mut self, a: &[Row], b: &Block, out: &mut [Row]) {
        assert_eq!(a.len(), out.len());
        for (a, out) in a.chunks(2 * SIDE).zip(out.chunks_mut(2 * SIDE)) {
            // Groups are even.
            let half = a.len() / 2;
            assert_eq!(2 * half, a.len());
            self.shape(half);
            let (b, out) = (b.0.as_ptr().cast::<f32>(), out.as_mut_ptr().cast::<f32>());
            for column in (0..W).step_by(2 * SIDE) {
                // With each half of the columns half of the rows after these is fetched; a hint may go astray past the last.
                let next = (2 * SIDE + column / 2) * W;
                let at = [a.as_ptr(), a[half..].as_ptr()].map(<*const Row>::cast::<f32>);
                let sums = [out.wrapping_add(column), out.wrapping_add(half * W + column)];
                let near = [at[0].wrapping_add(next), out.cast_const().wrapping_add(next)];
                let b = b.wrapping_add(column);
                // SAFETY: there are [`Tiles`], whose halves have as many rows as those of `a` and `out`; of each of these 16 numbers from
                // 0, 16, 32 and 48 of `a` and from `column` and 16 further of `out` are read, and the latter written. Of `b` these
                // columns of every 16 rows are read, all there are.
                unsafe {
                    match self.precision {
                        Precision::Split => products! {
                            (at, b, sums, near),
                            // Of inputs 0..16 and 32..48: lo·hi, hi·hi, hi·lo.
                            weights!(0), inputs!(128), multiply!(), fetch!(0),
                            inputs!(0), multiply!(), fetch!(704),
                            weights!(8192), multiply!(), fetch!(1408),
                            // Of inputs 16..32 and 48..64.
                            weights!(4096), inputs!(192), multiply!(), fetch!(2112),
                            inputs!(64), multiply!(), fetch!(2816),
                            weights!(12288), multiply!(), fetch!(3520),
                        },
                        Precision::Bf16 => products! {
                            (at, b, sums, near),
                            weights!(0), inputs!(0), multiply!(), fetch!(0), fetch!(704), fetch!(1408),
                            weights!(4096), inputs!(64), multiply!(), fetch!(2112), fetch!(2816), fetch!(3520),
                        },
                    }
                }
            }
        }
    }

    /// Gives each half of the tiles so many rows.
    #[allow(unsafe_code)]
    fn shape(&mut self, half: usize) {
        if self.half == half {
            return;
        }
        self.half = half;
        let mut shapes =
            Shapes { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
        for (tile, rows) in [half, half, half, half, half, half, SIDE, SIDE].into_iter().enumerate() {
            shapes.row_bytes[tile] = (SIDE * size_of::<f32>()) as u16;
            shapes.rows[tile] = rows as u8;
        }
        // SAFETY: there are [`Tiles`], and these are within their bounds.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const shapes, options(nostack, preserves_flags)) };
    }
}

impl Drop for Thread {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: there are [`Tiles`], and nobody else on this thread uses them.
        unsafe { asm!("tilerelease", options(nostack, preserves_flags)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::noise;

    #[test]
    fn a_number_is_what_it_is_split_into() {
        let Some(tiles) = Tiles::try_new() else { return eprintln!("skipped: no tiles here") };
        let mut numbers = noise(8 * W, 1.0);
        for (i, x) in numbers.iter_mut().enumerate() {
            *x *= 10.0f32.powi(i as i32 % 60 - 30);
        }
        numbers[..4].copy_from_slice(&[0.0, -0.0, 1.0, -255.5]);
        let mut rows = numbers.as_chunks::<W>().0.to_vec();
        tiles.split_rows(&mut rows);
        for (row, want) in rows.iter().zip(numbers.as_chunks::<W>().0) {
            for (i, want) in want.iter().enumerate() {
                let bits = [i % 32, i % 32 + 32].map(|at| row[at].to_bits());
                let [hi, lo] =
                    bits.map(|pair| f32::from_bits(if i < 32 { pair << 16 } else { pair & 0xffff_0000 }));
                assert!((want - hi - lo).abs() <= want.abs() / 65536.0, "{want} is {hi} and {lo}");
            }
        }
    }
}
