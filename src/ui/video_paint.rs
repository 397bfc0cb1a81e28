//! The video picture on the GPU: uploads a frame's planes as they come from the decoder and lets
//! `shaders/video.wgsl` make RGB of them, once for each new frame.

use crate::video::Frame;
use crate::video::frame::Layout;
use crate::video::resample::{self, Filter};
use std::sync::{Arc, Weak};

/// The uniform of the shader.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Picture {
    luma: [f32; 4],
    chroma: [f32; 4],
    scale: [f32; 2],
    chroma_scale: [f32; 2],
    chroma_offset: [f32; 2],
    upright: [f32; 2],
    kind: u32,
    rotation: u32,
    mirrored: u32,
    unused: u32,
}

impl Picture {
    fn new(frame: &Frame, upright: (u32, u32)) -> Self {
        let (map, geometry) = (frame.color_map(), frame.geometry());
        Self {
            luma: [map.luma_scale, map.luma_zero, map.chroma_zero, map.r_cr],
            chroma: [map.g_cb, map.g_cr, map.b_cb, 0.0],
            scale: [frame.width as f32 / upright.0 as f32, frame.height as f32 / upright.1 as f32],
            chroma_scale: geometry.chroma_scale,
            chroma_offset: geometry.chroma_offset,
            upright: [upright.0 as f32, upright.1 as f32],
            kind: match frame.layout {
                Layout::Gray => 0,
                Layout::Planar { .. } => 1,
                Layout::Nv12 => 2,
                Layout::Rgba => 3,
            },
            rotation: u32::from(frame.rotation),
            mirrored: u32::from(frame.mirrored),
            unused: 0,
        }
    }
}

/// Draws video frames into a texture of its own.
pub struct VideoRenderer {
    pipeline: wgpu::RenderPipeline,
    layout: wgpu::BindGroupLayout,
    uniform: wgpu::Buffer,
    planes: [wgpu::Texture; 3],
    bind_group: Option<wgpu::BindGroup>,
    output: wgpu::Texture,
    view: wgpu::TextureView,
    generation: u64,
    shown: Weak<Frame>,
}

impl VideoRenderer {
    pub fn new(device: &wgpu::Device) -> Self {
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("video"),
            source: wgpu::ShaderSource::Wgsl(include_str!("../../shaders/video.wgsl").into()),
        });
        let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::FRAGMENT,
            ty,
            count: None,
        };
        let uniform = wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Uniform,
            has_dynamic_offset: false,
            min_binding_size: None,
        };
        let plane = wgpu::BindingType::Texture {
            sample_type: wgpu::TextureSampleType::Uint,
            view_dimension: wgpu::TextureViewDimension::D2,
            multisampled: false,
        };
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("video"),
            entries: &[entry(0, uniform), entry(1, plane), entry(2, plane), entry(3, plane)],
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("video"),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("video"),
            layout: Some(&pipeline_layout),
            vertex: wgpu::VertexState {
                module: &module,
                entry_point: Some("vertex"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[],
            },
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &module,
                entry_point: Some("fragment"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                targets: &[Some(wgpu::TextureFormat::Rgba8Unorm.into())],
            }),
            multiview_mask: None,
            cache: None,
        });
        let uniform = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("video"),
            size: size_of::<Picture>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let empty = || plane_texture(device, wgpu::TextureFormat::R8Uint, (1, 1));
        let output = output_texture(device, (1, 1));
        let view = output.create_view(&wgpu::TextureViewDescriptor::default());
        Self {
            pipeline,
            layout,
            uniform,
            planes: [empty(), empty(), empty()],
            bind_group: None,
            output,
            view,
            generation: 0,
            shown: Weak::new(),
        }
    }

    /// Draws `frame`, unless it is the one drawn last, and gives the picture: Rgba8Unorm, plain sRGB-encoded values,
    /// display orientation, of the frame's display size (smaller where the device cannot hold that).
    ///
    /// It is the same view as before as long as [`VideoRenderer::generation`] stays.
    pub fn upload(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        frame: &Arc<Frame>,
    ) -> &wgpu::TextureView {
        if std::ptr::eq(self.shown.as_ptr(), Arc::as_ptr(frame)) {
            return &self.view;
        }
        self.shown = Arc::downgrade(frame);
        let limit = device.limits().max_texture_dimension_2d;
        let upright = fit(frame.upright_size(), limit);
        let size = if frame.rotation.is_multiple_of(180) { upright } else { (upright.1, upright.0) };
        if (self.output.width(), self.output.height()) != size {
            self.output = output_texture(device, size);
            self.view = self.output.create_view(&wgpu::TextureViewDescriptor::default());
            self.generation += 1;
        }
        if frame.width.max(frame.height) > limit {
            self.write_in_software(queue, frame, size);
            return &self.view;
        }
        for (i, (format, width, height)) in plane_formats(frame).into_iter().enumerate() {
            let plane = frame.plane(i);
            let texture = &mut self.planes[i];
            if (texture.format(), texture.width(), texture.height()) != (format, width, height) {
                *texture = plane_texture(device, format, (width, height));
                self.bind_group = None;
            }
            write(queue, texture, plane.data, plane.stride as u32);
        }
        queue.write_buffer(&self.uniform, 0, bytemuck::bytes_of(&Picture::new(frame, upright)));
        self.draw(device, queue);
        &self.view
    }

    /// Changes when the picture's texture is another one, which then has to be registered anew.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The texture behind the view, for reading it back.
    pub fn texture(&self) -> &wgpu::Texture {
        &self.output
    }

    fn draw(&mut self, device: &wgpu::Device, queue: &wgpu::Queue) {
        let (layout, uniform, planes) = (&self.layout, &self.uniform, &self.planes);
        let bind_group = self.bind_group.get_or_insert_with(|| {
            let views = planes.each_ref().map(|p| p.create_view(&wgpu::TextureViewDescriptor::default()));
            let texture = |i: usize| wgpu::BindGroupEntry {
                binding: i as u32 + 1,
                resource: wgpu::BindingResource::TextureView(&views[i]),
            };
            let uniform = wgpu::BindGroupEntry { binding: 0, resource: uniform.as_entire_binding() };
            let entries = [uniform, texture(0), texture(1), texture(2)];
            device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("video"),
                layout,
                entries: &entries,
            })
        });
        let mut encoder =
            device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("video") });
        {
            let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("video"),
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: &self.view,
                    depth_slice: None,
                    resolve_target: None,
                    ops: wgpu::Operations {
                        load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                        store: wgpu::StoreOp::Store,
                    },
                })],
                depth_stencil_attachment: None,
                timestamp_writes: None,
                occlusion_query_set: None,
                multiview_mask: None,
            });
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &*bind_group, &[]);
            pass.draw(0..3, 0..1);
        }
        queue.submit([encoder.finish()]);
    }

    /// For a frame that is larger than the device's textures: converted and scaled down here.
    fn write_in_software(&self, queue: &wgpu::Queue, frame: &Frame, size: (u32, u32)) {
        let rgb = resample::resize(&frame.to_rgb(), size.0, size.1, Filter::Bilinear);
        let rgba: Vec<u8> = rgb.data.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
        write(queue, &self.output, &rgba, 4 * size.0);
    }
}

/// Format and size of each plane.
fn plane_formats(frame: &Frame) -> Vec<(wgpu::TextureFormat, u32, u32)> {
    let format = |i: usize| match frame.layout {
        Layout::Rgba => wgpu::TextureFormat::Rgba8Uint,
        Layout::Nv12 if i == 1 => wgpu::TextureFormat::Rg8Uint,
        _ if frame.color.bits > 8 => wgpu::TextureFormat::R16Uint,
        _ => wgpu::TextureFormat::R8Uint,
    };
    (0..frame.plane_count()).map(|i| (format(i), frame.plane(i).width, frame.plane(i).height)).collect()
}

fn write(queue: &wgpu::Queue, texture: &wgpu::Texture, data: &[u8], stride: u32) {
    let (size, height) = (texture.size(), texture.height());
    let target = wgpu::TexelCopyTextureInfo {
        texture,
        mip_level: 0,
        origin: wgpu::Origin3d::ZERO,
        aspect: wgpu::TextureAspect::All,
    };
    let layout =
        wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(stride), rows_per_image: Some(height) };
    queue.write_texture(target, data, layout, size);
}

fn plane_texture(device: &wgpu::Device, format: wgpu::TextureFormat, size: (u32, u32)) -> wgpu::Texture {
    texture(device, format, size, wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST)
}

fn output_texture(device: &wgpu::Device, size: (u32, u32)) -> wgpu::Texture {
    let usage = wgpu::TextureUsages::TEXTURE_BINDING
        | wgpu::TextureUsages::RENDER_ATTACHMENT
        | wgpu::TextureUsages::COPY_DST
        | wgpu::TextureUsages::COPY_SRC;
    texture(device, wgpu::TextureFormat::Rgba8Unorm, size, usage)
}

fn texture(
    device: &wgpu::Device,
    format: wgpu::TextureFormat,
    (width, height): (u32, u32),
    usage: wgpu::TextureUsages,
) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: Some("video"),
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage,
        view_formats: &[],
    })
}

/// `size`, scaled down where a side is longer than `limit`.
fn fit((width, height): (u32, u32), limit: u32) -> (u32, u32) {
    let longest = width.max(height);
    if longest <= limit {
        return (width, height);
    }
    let scaled = |side: u32| (u64::from(side) * u64::from(limit) / u64::from(longest)).max(1) as u32;
    (scaled(width), scaled(height))
}
