import math
import os
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from datasets import load_dataset
from diffusers import DDIMScheduler, DDPMScheduler, UNet2DModel
from diffusers.optimization import get_scheduler
from torchvision import transforms
from tqdm.auto import tqdm


@dataclass
class TrainingConfig:
    image_size = 128  # the generated image resolution
    train_batch_size = 16
    eval_batch_size = 16  # how many images to sample during evaluation
    num_epochs = 50
    gradient_accumulation_steps = 1
    learning_rate = 1e-4
    lr_schedule = "cosine"  # constant | linear | cosine
    lr_warmup_steps = 500
    weight_decay = 1e-6
    save_image_epochs = 10
    save_model_epochs = 30
    mixed_precision = "fp16"  # `no` for float32, `fp16` for automatic mixed precision
    output_dir = "ddpm-butterflies-128"
    dataset_name = "huggan/smithsonian_butterflies_subset"
    num_train_timesteps = 1000
    beta_schedule = "linear"  # linear | scaled_linear | squaredcos_cap_v2
    prediction_type = "epsilon"  # epsilon | sample | v_prediction
    num_inference_steps = 1000
    base_channels = 128
    use_ema = False
    ema_decay = 0.9999
    random_flip = True
    grad_clip = 1.0
    snr_gamma = 0.0  # min-SNR weighting; 0 turns it off
    seed = 0


config = TrainingConfig()


def build_model():
    c = config.base_channels
    return UNet2DModel(
        sample_size=config.image_size,
        in_channels=3,
        out_channels=3,
        layers_per_block=2,
        block_out_channels=(c, c, 2 * c, 2 * c, 4 * c, 4 * c),
        down_block_types=("DownBlock2D", "DownBlock2D", "DownBlock2D", "DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D"),
    )


def get_loader():
    ds = load_dataset(config.dataset_name, split="train")
    ops = [transforms.Resize((config.image_size, config.image_size))]
    if config.random_flip:
        ops.append(transforms.RandomHorizontalFlip())
    ops += [transforms.ToTensor(), transforms.Normalize([0.5], [0.5])]
    tf = transforms.Compose(ops)
    ds.set_transform(lambda ex: {"images": [tf(im.convert("RGB")) for im in ex["image"]]})
    return torch.utils.data.DataLoader(ds, batch_size=config.train_batch_size, shuffle=True)


def snr_weight(sched, t):
    if not config.snr_gamma:
        return 1.0
    a = sched.alphas_cumprod.to(t.device)[t]
    snr = a / (1 - a)
    return torch.clamp(snr, max=config.snr_gamma) / snr


def train_loop():
    torch.manual_seed(config.seed)
    acc = Accelerator(mixed_precision=config.mixed_precision, gradient_accumulation_steps=config.gradient_accumulation_steps)
    loader, model = get_loader(), build_model()
    noise_sched = DDPMScheduler(num_train_timesteps=config.num_train_timesteps, beta_schedule=config.beta_schedule, prediction_type=config.prediction_type)
    opt = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    lr_sched = get_scheduler(config.lr_schedule, opt, config.lr_warmup_steps, len(loader) * config.num_epochs)
    model, opt, loader, lr_sched = acc.prepare(model, opt, loader, lr_sched)
    ema = {k: v.clone() for k, v in model.state_dict().items()} if config.use_ema else None
    step = 0
    for epoch in range(config.num_epochs):
        for batch in tqdm(loader):
            x = batch["images"]
            noise = torch.randn_like(x)
            t = torch.randint(0, config.num_train_timesteps, (x.shape[0],), device=x.device)
            noisy = noise_sched.add_noise(x, noise, t)
            with acc.accumulate(model):
                pred = model(noisy, t, return_dict=False)[0]
                target = {"epsilon": noise, "sample": x, "v_prediction": noise_sched.get_velocity(x, noise, t)}[config.prediction_type]
                loss = (snr_weight(noise_sched, t) * F.mse_loss(pred, target, reduction="none").mean((1, 2, 3))).mean()
                acc.backward(loss)
                if acc.sync_gradients:
                    acc.clip_grad_norm_(model.parameters(), config.grad_clip)
                opt.step(); lr_sched.step(); opt.zero_grad()
            if ema is not None:
                for k, v in model.state_dict().items():
                    ema[k].lerp_(v, 1 - config.ema_decay)
            step += 1
        print(f"epoch {epoch} loss {loss.item():.4f}")
        if (epoch + 1) % config.save_image_epochs == 0:
            sched = DDIMScheduler.from_config(noise_sched.config)
            sched.set_timesteps(config.num_inference_steps)
            x = torch.randn(config.eval_batch_size, 3, config.image_size, config.image_size, device=acc.device)
            with torch.no_grad():
                for t in sched.timesteps:
                    x = sched.step(model(x, t).sample, t, x).prev_sample
            os.makedirs(config.output_dir, exist_ok=True)
            torch.save(x.cpu(), os.path.join(config.output_dir, f"samples_{epoch:04d}.pt"))
        if (epoch + 1) % config.save_model_epochs == 0:
            acc.unwrap_model(model).save_pretrained(config.output_dir)


if __name__ == "__main__":
    train_loop()
