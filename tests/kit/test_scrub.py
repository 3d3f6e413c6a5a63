"""Secrets never reach the disk, and ordinary output is not mangled."""

import random
import string
import uuid

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labhand.kit.scrub import (
    WINDOW,
    Scrubber,
    Stream,
    scrub,
    scrub_arguments,
    scrub_bytes,
    scrub_tree,
)

ALNUM = string.ascii_letters + string.digits
DIGITS_LOWER = string.ascii_lowercase + string.digits
URLSAFE = ALNUM + "_-"
HEX = "0123456789abcdef"
_random = random.Random(20261102)


def made(alphabet: str, length: int) -> str:
    """A secret's body: upper, lower and digit in it wherever the alphabet has them."""
    while True:
        body = "".join(_random.choices(alphabet, k=length))
        wanted = [g for g in (string.ascii_uppercase, string.ascii_lowercase, string.digits)]
        if all(set(g).isdisjoint(alphabet) or set(g) & set(body) for g in wanted):
            return body


def planted() -> dict[str, tuple[str, str]]:
    """A line of output and the secret in it, for each kind; no literal secret stands here."""
    alnum, urlsafe, hexes = (
        (lambda n: made(ALNUM, n)),
        (lambda n: made(URLSAFE, n)),
        (lambda n: made(HEX, n)),
    )
    b64 = made(ALNUM, 40) + "/+" + made(ALNUM, 44) + "=="
    shaped = {
        "aws": "AK" + "IA" + made(string.ascii_uppercase + string.digits, 16),
        "github": "gh" + "p_" + alnum(36),
        "github-fine": "github_" + "pat_" + alnum(60),
        "gitlab": "gl" + "pat-" + alnum(20),
        "gitlab-runner": "GR" + "1348941" + alnum(20),
        "slack": "xo" + "xb-" + made(string.digits, 12) + "-" + made(DIGITS_LOWER, 24),
        "slack-hook": "https://hooks.sl" + f"ack.com/services/T{alnum(9)}/B{alnum(9)}/{alnum(24)}",
        "discord": "M" + urlsafe(23) + "." + urlsafe(6) + "." + urlsafe(27),
        "jwt": "ey" + "JhbGciOiJIUzI1NiJ9" + "." + "eyJzdWIiOiIxMjM0In0" + "." + urlsafe(43),
        "mailchimp": hexes(31) + "f" + "-us" + "12",
        "npm": "npm" + "_" + alnum(36),
        "openai": "sk" + "-" + alnum(20) + "T3Blbk" + "FJ" + alnum(20),
        "openai-project": "sk" + "-proj-" + urlsafe(40) + alnum(20) + "T3Blbk" + "FJ" + alnum(20),
        "anthropic": "sk" + "-ant-api03-" + urlsafe(93),
        "openrouter": "sk" + "-or-v1-" + hexes(64),
        "pypi": "py" + "pi-AgEIcHlwaS5vcmc" + urlsafe(90),
        "sendgrid": "S" + "G." + urlsafe(22) + "." + urlsafe(43),
        "square": "sq" + "0csp-" + alnum(43),
        "stripe": "sk" + "_live_" + alnum(24),
        "telegram": made("123456789", 9) + ":" + "AA" + urlsafe(33),
        "twilio": "S" + "K" + hexes(32),
        "huggingface": "h" + "f_" + alnum(34),
        "wandb-local": "local" + "-" + hexes(40),
        "google": "AI" + "za" + urlsafe(35),
        "replicate": "r" + "8_" + alnum(37),
        "databricks": "da" + "pi" + hexes(32),
        "artifactory": "AK" + "C" + alnum(60),
        "softlayer-url": "https://api.soft" + "layer.com/soap/v3/" + made(DIGITS_LOWER, 64),
    }
    lines = {kind: (f"using {secret} now", secret) for kind, secret in shaped.items()}

    def put(kind: str, template: str, secret: str) -> None:
        lines[kind] = (template.replace("@@", secret), secret)

    put("aws-secret", "aws_secret_access_key = '@@'", made(ALNUM + "+", 40))
    put("azure", "DefaultEndpointsProtocol=https;AccountKey=@@;EndpointSuffix=x", b64)
    put("basic-auth", "cloning https://mia:@@@git.example.org/x.git", alnum(12))
    put("database", "postgresql://trainer:@@@db:5432/runs", "p4ss-w0rd!")
    put("redis", "redis://:@@@cache:6379/0", alnum(16))
    put("cloudant", "cloudant_password = @@", hexes(64))
    put("ibm", "ibm_cloud_api_key: @@", urlsafe(44))
    put("ibm-cos", "cos_hmac_secret_access_key='@@'", hexes(48))
    put("softlayer", "softlayer_api_key=@@", made(DIGITS_LOWER, 64))
    put(
        "npm-registry",
        "//registry.npmjs.org/:_authToken=@@",
        str(uuid.UUID(int=_random.getrandbits(128))),
    )
    put("wandb", "wandb: Paste an API key from your profile and hit enter: @@", hexes(40))
    put("wandb-login", "$ wandb login @@", hexes(40))
    put("comet", "COMET_API_KEY=@@", alnum(25))
    put("neptune", "api token @@", "ey" + "JhcGlfYWRkcmVzcyI6" + alnum(80))
    put("json", '{"user": "mia", "api_key": "@@"}', alnum(16))
    put("escaped-json", '"{\\"client_secret\\": \\"@@\\"}"', alnum(16))
    put("header", "{'Authorization': 'Bearer @@'}", alnum(30))
    put("plain-header", "Authorization: Bearer @@", alnum(30))
    put("query", "GET /v1?api_key=@@&page=2", alnum(20))
    put("quoted-words", 'password = "@@"', "open-sesame")
    put("coloured", "\x1b[33mapi_key\x1b[0m=\x1b[32m'@@'\x1b[0m", alnum(20))
    put("coloured-token", "\x1b[1;32m@@\x1b[0m", "h" + "f_" + alnum(34))
    return lines


PLANTED = planted()

ORDINARY = """\
step    120 | loss 3.4121 | lr 3.0e-04 | grad norm 0.613 | tokens/sec 120,345 | 2026-11-02 10:11:12
{'loss': 0.4121, 'grad_norm': 1.25, 'learning_rate': 4.9e-05, 'epoch': 0.32, 'num_tokens': 81920}
commit 9fceb02d0ae598e95dc970b74767f19372d61af8 (HEAD -> main)
wandb: Run data is saved locally in /home/mia/wandb/run-20261102_101112-3kx9f2la
wandb: syncing run proud-sunset-12 at commit 9fceb02d0ae598e95dc970b74767f19372d61af8
saved model-7f3a9c1e5b2d4f6a8c0e1b3d5f7a9c2e.safetensors sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
run 6ba7b810-9dad-11d1-80b4-00c04fd430c8 of 6BA7B811-9DAD-11D1-80B4-00C04FD430C8
token_type_ids attention_mask max_tokens: 512 pad_token=<pad> eos_token: "<|endoftext|>" unk_token='[UNK]'
GenerationConfig(max_new_tokens=512, pad_token_id=50256, bos_token_id=1, use_auth_token=True)
key=loss value=0.3 cache key: 5d41402abc4b2a76b9719d911017c592 sort_key=val/accuracy
api_key: None, password=None, secret: required, token=True, HF_TOKEN is not set, api_key=args.api_key
login(user, password=password) raise ValueError("api_key must be given") secret=os.environ["SECRET"]
tensor([[ 0.1231, -1.2312, 12345678901234567890.0], [1.0000e+00, nan, inf]], device='cuda:0', grad_fn=<AddmmBackward0>)
iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAAAABJRU5ErkJggg==
Epoch 3:  45%|████▌     | 450/1000 [00:12<00:15, 36.45it/s, loss=0.412, v_num=3, key=12]
Epoch 1/5 469/469 ━━━━━━━━━━━━━━━━━━━━ 4s 8ms/step - accuracy: 0.8781 - loss: 0.4212
========================= 12 passed in 0.31s ----------------------------------------
/data/experiments/run_2026-11-02/CheckPoint_EpochStep_00000123_final.pt model.layers.0.self_attn.k_proj.weight
INFO:distributed.trainer.checkpoint_manager:Saved to s3://bucket/task-distributed-training-v2-2026-11-02/ckpt
http://localhost:6006/?darkMode=true#timeseries tcp://10.0.0.1:29500 rdzv https://mia@example.org/x
MASTER_ADDR=10.12.3.4 PWD=/home/mia/project OLDPWD=/home/mia 20241105:23:59 12345678:some words
author: Mia; secret santa: nobody; keywords: deep learning; passed: 12; passes=3; monkey=banana9
state_dict key=encoder.layer.10.attention.output.dense.weight missing keys: ['classifier.weight']
"""


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_secret_is_gone_and_the_rest_of_the_line_stays(kind: str) -> None:
    line, secret = PLANTED[kind]
    masked = scrub(f"before\n{line}\nafter\n")
    assert secret not in masked
    assert secret[6:] not in masked
    assert "[secret:" in masked
    assert masked.startswith("before\n" + line.split(secret)[0][:4])
    assert masked.endswith("\nafter\n")


def test_what_detect_secrets_finds_in_planted_output_is_gone() -> None:
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    entropy_or_address = ("Entropy", "Public IP", "Secret Keyword")
    plugins = [
        plugin()
        for kind, plugin in get_mapping_from_secret_type_to_class().items()
        if not any(word in kind for word in entropy_or_address)
    ]
    text = "".join(line + "\n" for line, _ in PLANTED.values())
    key = (
        "-----BEGIN RSA PRI"
        + "VATE KEY-----\n"
        + made(ALNUM, 64)
        + "\n-----END RSA PRI"
        + "VATE KEY-----\n"
    )
    text += key

    def flagged(output: str) -> dict[str, set[str]]:
        found = {
            plugin.secret_type: {
                s for line in output.splitlines() for s in plugin.analyze_string(line)
            }
            for plugin in plugins
        }
        return {kind: secrets for kind, secrets in found.items() if secrets}

    before = flagged(text)
    assert len(before) == len(plugins), set(p.secret_type for p in plugins) - set(before)
    assert flagged(scrub(text)) == {}


def test_the_mask_names_the_kind() -> None:
    for kind in ("aws", "github", "gitlab", "slack", "huggingface", "anthropic", "jwt", "google"):
        line, _ = PLANTED[kind]
        assert scrub(line) == f"using [secret:{kind}] now"


@pytest.mark.parametrize("line", ORDINARY.splitlines())
def test_ordinary_output_comes_back_as_it_was(line: str) -> None:
    assert scrub(line) is line
    assert scrub_bytes(line.encode()) == line.encode()


def test_a_private_key_over_several_lines_is_masked_whole() -> None:
    body = "\n".join(made(ALNUM + "+/", 64) for _ in range(25))
    for name in ("RSA PRIVATE", "OPENSSH PRIVATE", "PRIVATE", "EC PRIVATE"):
        key = f"-----BEGIN {name} " + f"KEY-----\n{body}\nabc=\n-----END {name} KEY-----"
        assert scrub(f"a\n{key}\nb\n") == "a\n[secret:private-key]\n\nb\n"
        assert scrub(key.replace("\n", "\\n") + " b") == "[secret:private-key] b"
        windows = scrub(f"a\r\n{key}\r\nb\r\n".replace("\n", "\r\n"))
        assert body[:20] not in windows and windows.endswith("b\r\r\n")
    cut = "-----BEGIN PRIVATE " + f"KEY-----\n{body}\nTraceback (most recent call last):\n"
    assert scrub(cut) == "[secret:private-key]\nTraceback (most recent call last):\n"


def test_values_of_secret_variables_are_masked_wherever_they_turn_up() -> None:
    scrubber = Scrubber(
        {
            "MY_SERVICE_KEY": "zebra-7781-quince",
            "DB_PASSWORD": "postgres",
            "SORT_KEY": "/data/some/where1",
            "N_TOKEN": "1234567890",
            "HOME_OF": "not-secret-at-all-1",
        }
    )
    said = "sent zebra-7781-quince to postgres at /data/some/where1 1234567890 not-secret-at-all-1"
    assert scrubber.text(said) == said.replace("zebra-7781-quince", "[secret:MY_SERVICE_KEY]")
    assert scrubber.arguments(["x", "--who", "zebra-7781-quince"])[2] == "[secret:MY_SERVICE_KEY]"
    assert scrubber.tree({"a": ["zebra-7781-quince"]}) == {"a": ["[secret:MY_SERVICE_KEY]"]}


def test_arguments() -> None:
    assert (
        scrub_arguments(
            "train.py --api-key hunter2 --token=abc --lr 1e-3 wandb.api_key=xyz12345 --pad-token <pad> "
            "--max-tokens 512 --use-token --password --verbose --auth_token None key=loss "
            "--pooling-token cls --url https://mia:s3cr3t@host/x --token-file t.txt data.token=abcdef".split()
        )
        == (
            "train.py --api-key [secret:argument] --token=[secret:argument] --lr 1e-3 "
            "wandb.api_key=[secret:argument] --pad-token <pad> --max-tokens 512 --use-token --password "
            "--verbose --auth_token None key=loss --pooling-token cls --url https://mia:[secret:url-password]@host/x "
            "--token-file t.txt data.token=[secret:argument]"
        ).split()
    )
    _, secret = PLANTED["huggingface"]
    assert secret not in scrub_arguments(["bash", "-c", f"HF_TOKEN={secret} python train.py"])[2]


def test_a_secret_argument_is_masked_where_the_script_prints_it() -> None:
    command = [
        "train.py",
        "--token",
        "s3cr3t-99x",
        "wandb.api_key=plum-4471-x",
        "--lr",
        "0.00012345",
    ]
    scrubber = Scrubber({}, command)
    assert scrubber.text(f"argv {command}") == (
        "argv ['train.py', '--token', '[secret:argument]', 'wandb.api_key=[secret:argument]', "
        "'--lr', '0.00012345']"
    )


def test_a_tree_of_settings() -> None:
    tree = {
        "lr": 1e-3,
        "wandb": {"apiKey": "abc", "entity": "mia", "token": None},
        "secrets": {"a": ["pear"], "n": 3},
        "pad_token": "<pad>",
        "pooling_token": "cls",
        "sort_key": "loss",
        "max_tokens": 512,
        "token": True,
        "urls": ("postgresql://a:b4dc0ffee@h/x",),
        3: "x",
    }
    assert scrub_tree(tree) == {
        "lr": 1e-3,
        "wandb": {"apiKey": "[secret:setting]", "entity": "mia", "token": None},
        "secrets": {"a": ["[secret:setting]"], "n": "[secret:setting]"},
        "pad_token": "<pad>",
        "pooling_token": "cls",
        "sort_key": "loss",
        "max_tokens": 512,
        "token": True,
        "urls": ["postgresql://a:[secret:url-password]@h/x"],
        3: "x",
    }


PIECES = st.one_of(
    st.sampled_from([line for line, _ in PLANTED.values()]),
    st.sampled_from([secret for _, secret in PLANTED.values()]),
    st.sampled_from(ORDINARY.splitlines()),
    st.sampled_from(["\n", "\r", "\r\n", " ", "=", ": ", '"', "password", "api_key=", "\x1b[0m"]),
    st.sampled_from(["-----BEGIN PRIVATE " + "KEY-----", "-----END PRIVATE " + "KEY-----", "QUJD"]),
    st.integers(1, 3 * WINDOW).map(lambda n: "x" * n),
    st.integers(1, WINDOW).map(lambda n: "lo rem" * n),
    st.text(max_size=20),
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 1 << 30), max_size=30))
def test_chunks_cut_anywhere_give_the_same_as_the_whole(text: str, cuts: list[int]) -> None:
    data = text.encode("utf-8", "surrogatepass")
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    stream = Stream(Scrubber())
    told = [stream.feed(data[a:b]) for a, b in zip([0, *places], [*places, len(data)], strict=True)]
    assert b"".join([*told, stream.flush()]) == scrub_bytes(data)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
@example(
    "https://hooks.slack.com/services/TI8HB5F4su/BbRbnY2p6V/A0ZENR7vygVyGB9j4r0tfMlh"
    + "-----BEGIN PRIVATE KEY-----"
    + "lo rem" * 1348
)
@example(
    "ghp_JZYTmuPh65Qb2W6IYYJO9ZqF5YNEQFtm9KzGsoftlayer_api_key="
    + "gkf1smazvsug16595t4v" * 4
    + "x" * 8071
)
def test_scrubbing_twice_changes_nothing_more(text: str) -> None:
    once = scrub(text)
    assert scrub(once) == once


@given(st.binary(max_size=300))
def test_bytes_that_hold_no_candidate_come_back_unchanged(data: bytes) -> None:
    assert scrub_bytes(data) == data


def test_a_secret_byte_by_byte_and_across_the_cut_of_a_long_line() -> None:
    _, secret = PLANTED["github"]
    for before in (0, WINDOW - 1024 - 20, WINDOW - 20, WINDOW, 3 * WINDOW - 30):
        line = ("lorem " * (before // 6 + 1))[:before] + " " + secret + " ipsum " * 3000
        stream = Stream(Scrubber())
        out = b"".join(stream.feed(bytes([byte])) for byte in line.encode()) + stream.flush()
        assert out.decode() == line.replace(secret, "[secret:github]")


def test_an_unfinished_line_is_held_back_only_so_far() -> None:
    stream = Stream(Scrubber())
    assert stream.feed(b"loss 0.3") == b""
    assert stream.feed(b"\rloss 0.2\rlo") == b"loss 0.3\rloss 0.2\r"
    told = stream.feed(b"y" * 5 * WINDOW)
    assert len(told) >= 4 * WINDOW
    assert told + stream.flush() == b"lo" + b"y" * 5 * WINDOW


def test_a_line_of_base64_takes_no_longer_than_its_length_asks() -> None:
    """A word of a megabyte holds hundreds of heads of tokens; each shape looks at it once."""
    picture = "".join(_random.choices(ALNUM + "+/", k=1_000_000))
    assert scrub(picture) is picture
