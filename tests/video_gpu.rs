//! The shader and the software conversion make the same picture of the same planes.

use motionlens::ui::video_paint::VideoRenderer;
use motionlens::video::frame::{Color, Frame, FrameSpec, Layout, Matrix, Range, Siting};
use motionlens::video::{Pts, RgbImage};
use rand::{Rng, SeedableRng};
use std::sync::Arc;

/// The window's device, with textures of no more than 8192 pixels: frames larger than that can still be made.
fn device() -> Option<(wgpu::Device, wgpu::Queue)> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter = match pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default()))
    {
        Ok(adapter) => adapter,
        Err(e) => {
            eprintln!("skipped: no GPU adapter, not even a software one ({e})");
            return None;
        }
    };
    println!("on {}", adapter.get_info().name);
    let largest = adapter.limits().max_texture_dimension_2d.min(8192);
    let limits = wgpu::Limits { max_texture_dimension_2d: largest, ..adapter.limits() };
    let request = motionlens::device::gpu::requests(adapter.features(), &limits).swap_remove(0);
    Some(pollster::block_on(adapter.request_device(&request)).expect("a device"))
}

/// The renderer's picture, read back.
fn read(device: &wgpu::Device, queue: &wgpu::Queue, texture: &wgpu::Texture) -> RgbImage {
    let (width, height) = (texture.width(), texture.height());
    let stride = (4 * width).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: u64::from(stride * height),
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    encoder.copy_texture_to_buffer(
        texture.as_image_copy(),
        wgpu::TexelCopyBufferInfo {
            buffer: &buffer,
            layout: wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(stride),
                rows_per_image: Some(height),
            },
        },
        texture.size(),
    );
    queue.submit([encoder.finish()]);
    buffer.map_async(wgpu::MapMode::Read, .., |r| r.expect("maps"));
    device.poll(wgpu::PollType::wait_indefinitely()).expect("polls");
    let bytes = buffer.get_mapped_range(..).expect("mapped").to_vec();
    let rows = bytes.chunks_exact(stride as usize);
    let data =
        rows.flat_map(|r| r[..4 * width as usize].chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]])).collect();
    RgbImage { width, height, data }
}

#[derive(Clone, Copy)]
struct Case {
    size: (u32, u32),
    layout: Layout,
    bits: u8,
    matrix: Matrix,
    range: Range,
    siting: Siting,
    rotation: u16,
    mirrored: bool,
    aspect: (u32, u32),
}

/// A frame of random blocks (sharp edges, every code value) over a ramp.
fn frame(case: Case, seed: u64) -> Arc<Frame> {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let (w, h) = case.size;
    let max = (1u32 << case.bits) - 1;
    let mut plane = |width: u32, height: u32, channels: u32| {
        let stride = (width * channels) as usize * if case.bits > 8 { 2 } else { 1 } + 6;
        let mut data = vec![0xEE; stride * height as usize];
        let grid: Vec<u32> = (0..4096).map(|_| rng.random_range(0..=max)).collect();
        for y in 0..height {
            for x in 0..width * channels {
                let block =
                    grid[((y / 5 * 61 + x / (3 * channels) * channels + x % channels) % 4096) as usize];
                let v = (block + x * 3 + y) % (max + 1);
                let at = y as usize * stride;
                if case.bits > 8 {
                    data[at + 2 * x as usize..][..2].copy_from_slice(&(v as u16).to_le_bytes());
                } else {
                    data[at + x as usize] = v as u8;
                }
            }
        }
        (data, stride)
    };
    let planes = match case.layout {
        Layout::Gray => vec![plane(w, h, 1)],
        Layout::Rgba => vec![plane(w, h, 4)],
        Layout::Nv12 => vec![plane(w, h, 1), plane(w.div_ceil(2), h.div_ceil(2), 2)],
        Layout::Planar { shift_x, shift_y } => {
            let (cw, ch) = (w.div_ceil(1 << shift_x), h.div_ceil(1 << shift_y));
            vec![plane(w, h, 1), plane(cw, ch, 1), plane(cw, ch, 1)]
        }
    };
    let Case { layout, bits, matrix, range, siting, rotation, mirrored, aspect, .. } = case;
    let spec = FrameSpec {
        pts: Pts(0),
        duration: Pts(0),
        width: w,
        height: h,
        layout,
        color: Color { matrix, range, bits, siting },
        rotation,
        mirrored,
        sample_aspect: aspect,
    };
    Arc::new(Frame::new(spec, Box::new(planes)).expect("planes of the right size"))
}

#[test]
fn gpu_and_software_agree() {
    let Some((device, queue)) = device() else { return };
    let mut renderer = VideoRenderer::new(&device);
    let planar = |shift_x, shift_y| Layout::Planar { shift_x, shift_y };
    let base = Case {
        size: (64, 48),
        layout: planar(1, 1),
        bits: 8,
        matrix: Matrix::Bt709,
        range: Range::Limited,
        siting: Siting::Left,
        rotation: 0,
        mirrored: false,
        aspect: (1, 1),
    };
    let mut cases = Vec::new();
    for layout in [planar(1, 1), planar(1, 0), planar(0, 0), Layout::Gray] {
        for bits in [8, 10, 12] {
            for range in [Range::Limited, Range::Full] {
                for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
                    cases.push(Case { layout, bits, range, matrix, ..base });
                }
            }
        }
    }
    for layout in [planar(1, 1), Layout::Nv12, Layout::Rgba] {
        for siting in [Siting::Left, Siting::Center, Siting::TopLeft] {
            cases.push(Case { layout, siting, ..base });
        }
        for rotation in [0, 90, 180, 270] {
            for mirrored in [false, true] {
                for size in [(64, 48), (35, 21), (1, 1), (1, 17)] {
                    cases.push(Case { layout, rotation, mirrored, size, ..base });
                    cases.push(Case { layout, rotation, mirrored, size, aspect: (4, 3), ..base });
                    cases.push(Case { layout, rotation, mirrored, size, aspect: (8, 9), ..base });
                }
            }
        }
    }
    let mut worst_of_all = 0;
    for (i, case) in cases.iter().enumerate() {
        let frame = frame(*case, i as u64);
        renderer.upload(&device, &queue, &frame);
        let got = read(&device, &queue, renderer.texture());
        let want = frame.to_rgb();
        assert_eq!((got.width, got.height), (want.width, want.height), "{frame:?}");
        assert_eq!((got.width, got.height), frame.display_size());
        let worst = got.data.iter().zip(&want.data).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0);
        assert!(worst <= 2, "{worst} apart: {frame:?} rotation {} aspect {:?}", case.rotation, case.aspect);
        worst_of_all = worst_of_all.max(worst);
    }
    println!("{} cases, {worst_of_all}/255 apart at most", cases.len());
}

#[test]
fn the_same_frame_is_drawn_once() {
    let Some((device, queue)) = device() else { return };
    let mut renderer = VideoRenderer::new(&device);
    let case = Case {
        size: (64, 48),
        layout: Layout::Planar { shift_x: 1, shift_y: 1 },
        bits: 8,
        matrix: Matrix::Bt601,
        range: Range::Full,
        siting: Siting::Left,
        rotation: 0,
        mirrored: false,
        aspect: (1, 1),
    };
    let first = frame(case, 1);
    renderer.upload(&device, &queue, &first);
    let generation = renderer.generation();
    renderer.upload(&device, &queue, &first);
    renderer.upload(&device, &queue, &frame(case, 2));
    assert_eq!(renderer.generation(), generation, "frames of one size share the texture");
    renderer.upload(&device, &queue, &frame(Case { rotation: 90, ..case }, 3));
    assert_ne!(renderer.generation(), generation, "another size is another texture");
}

/// Larger than the device's textures: scaled down in software instead of failing.
#[test]
fn too_large_for_the_device() {
    let Some((device, queue)) = device() else { return };
    let limit = device.limits().max_texture_dimension_2d;
    let mut renderer = VideoRenderer::new(&device);
    let case = Case {
        size: (limit + 2, 4),
        layout: Layout::Planar { shift_x: 1, shift_y: 1 },
        bits: 8,
        matrix: Matrix::Bt601,
        range: Range::Full,
        siting: Siting::Left,
        rotation: 0,
        mirrored: false,
        aspect: (1, 1),
    };
    renderer.upload(&device, &queue, &frame(case, 1));
    assert_eq!(renderer.texture().width(), limit);
    // Only stretched beyond the limit.
    let case = Case { size: (limit / 2, 4), aspect: (3, 1), ..case };
    renderer.upload(&device, &queue, &frame(case, 1));
    assert_eq!(renderer.texture().width(), limit);
}
