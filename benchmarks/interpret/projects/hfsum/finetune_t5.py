from dataclasses import dataclass, field
from typing import Optional

from datasets import load_dataset
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    HfArgumentParser,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    set_seed,
)


@dataclass
class ModelArguments:
    model_name_or_path: str = field(default="t5-small", metadata={"help": "checkpoint to start from"})
    use_lora: bool = field(default=False, metadata={"help": "train low-rank adapters only"})
    lora_r: int = field(default=8)
    lora_alpha: int = field(default=16)


@dataclass
class DataArguments:
    dataset_name: str = field(default="xsum")
    max_source_length: int = field(default=512)
    max_target_length: int = field(default=64)
    max_train_samples: Optional[int] = field(default=None)
    prefix: str = field(default="summarize: ")
    num_beams: int = field(default=4, metadata={"help": "beams when generating"})


def main():
    parser = HfArgumentParser((ModelArguments, DataArguments, Seq2SeqTrainingArguments))
    model_args, data_args, training_args = parser.parse_args_into_dataclasses()
    set_seed(training_args.seed)
    raw = load_dataset(data_args.dataset_name)
    tokenizer = AutoTokenizer.from_pretrained(model_args.model_name_or_path)
    model = AutoModelForSeq2SeqLM.from_pretrained(model_args.model_name_or_path)

    def prepare(batch):
        inputs = tokenizer([data_args.prefix + d for d in batch["document"]], max_length=data_args.max_source_length, truncation=True)
        inputs["labels"] = tokenizer(text_target=batch["summary"], max_length=data_args.max_target_length, truncation=True)["input_ids"]
        return inputs

    train = raw["train"]
    if data_args.max_train_samples:
        train = train.select(range(data_args.max_train_samples))
    train = train.map(prepare, batched=True)
    trainer = Seq2SeqTrainer(model=model, args=training_args, train_dataset=train, eval_dataset=raw["validation"].map(prepare, batched=True), data_collator=DataCollatorForSeq2Seq(tokenizer, model))
    trainer.train()
    print(trainer.evaluate(num_beams=data_args.num_beams))


if __name__ == "__main__":
    main()
