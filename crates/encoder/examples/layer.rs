//! One transformer layer, so many passes of so many tokens, for who counts what that takes: `.ci/instructions` runs it under callgrind.
//! Prints the multiply-adds of one pass. `layer TOKENS PASSES`

use motionlens_encoder::{Batch, Layer, Norm, Weights, run};
use std::hint::black_box;

const WIDTH: usize = 384;
const INNER: usize = 4 * WIDTH;
const HEADS: usize = 6;

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let [tokens, passes] = numbers[..] else { panic!("layer TOKENS PASSES") };
    let noise =
        |count: usize| -> Vec<f32> { (0..count).map(|i| ((i % 251) as f32 - 125.0) / 2500.0).collect() };
    let (data, bias, ones) = (noise(WIDTH * INNER), noise(INNER), vec![1.0; WIDTH]);
    let weights = |inputs: usize, outputs: usize| Weights {
        data: &data[..inputs * outputs],
        inputs,
        outputs,
        strides: (outputs, 1),
        bias: Some(&bias[..outputs]),
    };
    let norm = || Norm { gamma: &ones, beta: Some(&bias[..WIDTH]), epsilon: 1e-5 };
    let layer = Layer {
        qkv: [weights(WIDTH, WIDTH); 3],
        out: weights(WIDTH, WIDTH),
        fc1: weights(WIDTH, INNER),
        fc2: weights(INNER, WIDTH),
        norms: [norm(), norm()],
        heads: HEADS,
    };
    let x = noise(tokens * WIDTH);
    for _ in 0..passes {
        black_box(run(std::slice::from_ref(&layer), Batch { numbers: &x, tokens, width: WIDTH }, false));
    }
    println!("{}", tokens * (4 * WIDTH * WIDTH + 2 * WIDTH * INNER) + 2 * tokens * tokens * WIDTH);
}
