// The picture of a video frame: planes as they came from the decoder to 8-bit RGB in display orientation with
// square pixels. One fragment is one pixel of the output. The formula is that of `video::frame::ColorMap` and
// `video::frame::Geometry`; `video::convert` is the same in software, and a test holds the two together.
//
// The planes are integer textures, read sample by sample: that needs no optional feature for 10-bit video, and the
// position of the chroma samples is ours to choose. The output holds sRGB-encoded values, untouched by any
// gamma conversion.

struct Picture {
    // luma_scale, luma_zero, chroma_zero, r_cr
    luma: vec4<f32>,
    // g_cb, g_cr, b_cb, unused
    chroma: vec4<f32>,
    // Coded samples per upright pixel; chroma samples per luma sample; their offset.
    scale: vec2<f32>,
    chroma_scale: vec2<f32>,
    chroma_offset: vec2<f32>,
    // Size of the output before rotation.
    upright: vec2<f32>,
    // One of KIND_ below.
    kind: u32,
    // Clockwise degrees.
    rotation: u32,
    mirrored: u32,
    unused: u32,
}

const KIND_GRAY: u32 = 0u;
const KIND_PLANAR: u32 = 1u;
const KIND_NV12: u32 = 2u;
const KIND_RGBA: u32 = 3u;

@group(0) @binding(0) var<uniform> picture: Picture;
@group(0) @binding(1) var plane0: texture_2d<u32>;
@group(0) @binding(2) var plane1: texture_2d<u32>;
@group(0) @binding(3) var plane2: texture_2d<u32>;

// One triangle that covers the output.
@vertex
fn vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    let x = select(-1.0, 3.0, index == 1u);
    let y = select(-1.0, 3.0, index == 2u);
    return vec4<f32>(x, y, 0.0, 1.0);
}

fn load(plane: texture_2d<u32>, x: i32, y: i32) -> vec4<f32> {
    return vec4<f32>(textureLoad(plane, vec2<i32>(x, y), 0));
}

// The value at a fractional position; the first sample is at 0.
fn bilinear(plane: texture_2d<u32>, at: vec2<f32>) -> vec4<f32> {
    let last = vec2<f32>(textureDimensions(plane)) - 1.0;
    let p = clamp(at, vec2<f32>(0.0), last);
    let low = floor(p);
    let f = p - low;
    let a = vec2<i32>(low);
    let b = min(a + 1, vec2<i32>(last));
    let left = mix(load(plane, a.x, a.y), load(plane, a.x, b.y), f.y);
    let right = mix(load(plane, b.x, a.y), load(plane, b.x, b.y), f.y);
    return mix(left, right, f.x);
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let d = floor(position.xy);
    let end = picture.upright - 1.0;
    var u = d;
    if picture.rotation == 90u {
        u = vec2<f32>(d.y, end.y - d.x);
    } else if picture.rotation == 180u {
        u = end - d;
    } else if picture.rotation == 270u {
        u = vec2<f32>(end.x - d.y, d.x);
    }
    if picture.mirrored != 0u {
        u.x = end.x - u.x;
    }
    let last = vec2<f32>(textureDimensions(plane0)) - 1.0;
    let p = clamp((u + 0.5) * picture.scale - 0.5, vec2<f32>(0.0), last);

    let first = bilinear(plane0, p);
    if picture.kind == KIND_RGBA {
        return vec4<f32>(first.rgb / 255.0, 1.0);
    }
    let y = picture.luma.x * (first.r - picture.luma.y);
    var cb = 0.0;
    var cr = 0.0;
    let c = p * picture.chroma_scale + picture.chroma_offset;
    if picture.kind == KIND_PLANAR {
        cb = bilinear(plane1, c).r - picture.luma.z;
        cr = bilinear(plane2, c).r - picture.luma.z;
    } else if picture.kind == KIND_NV12 {
        let pair = bilinear(plane1, c).rg - picture.luma.z;
        cb = pair.x;
        cr = pair.y;
    }
    let r = y + picture.luma.w * cr;
    let g = y + picture.chroma.x * cb + picture.chroma.y * cr;
    let b = y + picture.chroma.z * cb;
    return vec4<f32>(clamp(vec3<f32>(r, g, b), vec3<f32>(0.0), vec3<f32>(1.0)), 1.0);
}
