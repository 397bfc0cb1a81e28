"""CLIPs of the field's sizes with random weights, and what transformers computes with them, for tests/parity_sizes.rs.

    pip install torch transformers pillow
    python tests/parity/make.py OUT TOKENIZER VIDEO [B32 B16 L14]
    MOTIONLENS_PARITY=OUT cargo test --release --test parity_sizes -- --nocapture

TOKENIZER is a folder with the tokenizer.json of OpenAI's CLIP, VIDEO any clip that the ffmpeg command reads. Each model is saved by
save_pretrained in f32, f16 and bf16; what is computed is computed in f32 from what was saved. About 6 GB in all.
"""

import pathlib
import shutil
import subprocess
import sys

import torch
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import CLIPConfig, CLIPModel

FRAMES = 8
SIDE = 224
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
TEXTS = ["arm wrestling", "a video of a person dancing.", "not arm wrestling", "a photo of a person, 2 dogs & a naïve café"]
SIZES = {
    "B32": dict(vision=(768, 12, 12, 32), text=(512, 12, 8), joint=512),
    "B16": dict(vision=(768, 12, 12, 16), text=(512, 12, 8), joint=512),
    "L14": dict(vision=(1024, 24, 16, 14), text=(768, 12, 12), joint=768),
}
DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def frames(video):
    """The first FRAMES pictures that are 0.2 s apart: (FRAMES, H, W, 3) bytes."""
    probe = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height", "-of", "csv=p=0", video]
    width, height = map(int, subprocess.check_output(probe, text=True).strip().split(",")[:2])
    read = ["ffmpeg", "-v", "error", "-i", video, "-vf", "fps=5", "-frames:v", str(FRAMES), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = bytearray(subprocess.check_output(read))
    return torch.frombuffer(raw, dtype=torch.uint8).view(FRAMES, height, width, 3)


def pixels(frame):
    """As transformers' CLIPImageProcessor does it with Pillow: (3, SIDE, SIDE)."""
    image = Image.fromarray(frame.numpy())
    width, height = image.size
    size = (SIDE, SIDE * height // width) if width <= height else (SIDE * width // height, SIDE)
    image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
    image = image.crop((left, top, left + SIDE, top + SIDE))
    rgb = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(SIDE, SIDE, 3)
    return (rgb.permute(2, 0, 1) / 255 - MEAN) / STD


def random_clip(sizes):
    width, layers, heads, patch = sizes["vision"]
    text_width, text_layers, text_heads = sizes["text"]
    config = CLIPConfig(
        vision_config=dict(hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
                           num_attention_heads=heads, image_size=SIDE, patch_size=patch),
        text_config=dict(hidden_size=text_width, intermediate_size=4 * text_width, num_hidden_layers=text_layers,
                         num_attention_heads=text_heads, vocab_size=49408, max_position_embeddings=77,
                         bos_token_id=49406, eos_token_id=49407),
        projection_dim=sizes["joint"],
    )
    torch.manual_seed(11)
    model = CLIPModel(config).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            # Larger than at the start of a training, so that the numbers differ from picture to picture as those of a trained model do.
            if name.endswith("bias"):
                p.normal_(0, 0.05)
            elif "norm" in name or "layrnorm" in name:
                p.normal_(1, 0.1)
            elif p.ndim > 1 and "embedding" not in name:
                p.normal_(0, 1.5 / p[0].numel() ** 0.5)
        model.logit_scale.fill_(100.0).log_()
    return model


def reference(model, clip, pixel_values, ids):
    """What the towers give in f32, and vanilla CLIP's scores of the clip: the mean of the frames' embeddings, then cosines times τ."""
    with torch.no_grad():
        vision = model.vision_model(pixel_values=pixel_values)
        image = model.visual_projection(vision.pooler_output)
        rows = [model.text_model(input_ids=torch.tensor([row])).pooler_output for row in ids]
        text = model.text_projection(torch.cat(rows))
        unit = torch.nn.functional.normalize
        # At most 100, as CLIP holds it in training; stored as f16 its ln(100) is a little more.
        tau = model.logit_scale.exp().clamp(max=100.0)
        logits = tau * unit(image.mean(0, keepdim=True)) @ unit(text).T
    out = {"frames": clip, "pixels": pixel_values, "image": image, "text": text, "logits": logits[0], "p": logits[0].softmax(0),
           "ids": torch.tensor([i for row in ids for i in row], dtype=torch.int32),
           "lengths": torch.tensor([len(row) for row in ids], dtype=torch.int32),
           "tokens": model.vision_model.post_layernorm(vision.last_hidden_state).detach()}
    return {name: value.contiguous().clone() for name, value in out.items()}


def main(out, tokenizer, video, sizes):
    out, tokenizer = pathlib.Path(out), pathlib.Path(tokenizer)
    clip = frames(video)
    pixel_values = torch.stack([pixels(frame) for frame in clip])
    encode = Tokenizer.from_file(str(tokenizer / "tokenizer.json")).encode
    ids = [encode(text).ids for text in TEXTS]
    for name in sizes or SIZES:
        for dtype, kind in DTYPES.items():
            folder = out / f"{name}-{dtype}"
            random_clip(SIZES[name]).to(kind).save_pretrained(folder)
            for file in ("tokenizer.json", "preprocessor_config.json"):
                shutil.copyfile(tokenizer / file, folder / file)
            again = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
            save_file(reference(again, clip, pixel_values, ids), folder / "reference.safetensors")
            (folder / "texts.txt").write_text("\n".join(TEXTS), encoding="utf-8")
            print(folder, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:4], sys.argv[4:])
