"""A hub of models or data that did not give what was asked for."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import called, said

_HOSTS = (
    r"(?:huggingface\.co|hf\.co|hf-mirror\.com|download\.pytorch\.org|tfhub\.dev|storage\.googleapis\.com|dl\.fbaipublicfiles"
    r"\.com|github\.com|githubusercontent\.com|amazonaws\.com|zenodo\.org|openml\.org|kaggle\.com|modelscope\.cn"
    r"|cs\.toronto\.edu|yann\.lecun\.com|ossci-datasets|figshare\.com|drive\.google\.com|archive\.ics\.uci\.edu)"
)
_TROUBLE = r"(?:[Cc]onnect|[Rr]esol|[Tt]imed? ?out|[Uu]nreachable|Max retries|offline|\b(?:401|403|429|50[0234])\b|refused|reset|[Uu]nable to)"
_TEXT = re.compile(
    rf"LocalEntryNotFoundError|GatedRepoError|RepositoryNotFoundError|OfflineModeIsEnabled|HfHubHTTPError"
    rf"|{_HOSTS}[^\n]*{_TROUBLE}|{_TROUBLE}[^\n]*{_HOSTS}|[Cc]ouldn't (?:connect to|reach) (?:the Hugging Face Hub|'?https)"
    rf"|[Cc]annot (?:reach|access) https?://|outgoing traffic has been disabled|HF_HUB_OFFLINE|TRANSFORMERS_OFFLINE"
    rf"|(?:cannot|Can't) find the requested files in the (?:local cache|disk cache|cached path)|Can't load (?:the )?(?:tokenizer|model|"
    rf"configuration|config|feature extractor|image processor|processor)[^\n]* for '|Too Many Requests for url"
)
_OFFLINE = re.compile(
    r"OfflineMode|[A-Z]_OFFLINE\b|[Oo]ffline mode is (?:enabled|on)|outgoing traffic has been disabled"
)
"""Not any word of the offline mode: transformers tells of it wherever the hub does not answer."""
_NETWORK = re.compile(
    r"URLError|ConnectionError|ConnectTimeout|ReadTimeout|ConnectError|HTTPError|gaierror|MaxRetryError|Name or service not known"
    r"|[Tt]emporary failure in name resolution|RemoteDisconnected|IncompleteRead|Connection reset|ConnectionResetError"
)
_FRAMES = (
    "huggingface_hub",
    "transformers/",
    "datasets/",
    "torch/hub.py",
    "torchvision/datasets",
    "torchaudio/datasets",
    "tensorflow_datasets",
    "sklearn/datasets",
    "timm/",
    "keras/",
    "load_state_dict_from_url",
    "hf_hub_download",
    "snapshot_download",
    "from_pretrained",
    "load_dataset",
    "fetch_openml",
    "fetch_20newsgroups",
    "hub.load",
)


class Failure:
    """A hub of models or data could not be reached, or refused.

    ## What it does
    Recognises connections, limits and refusals of the Hugging Face Hub, torch.hub and the hosts
    that data sets come from.

    ## Known problems
    The texts differ from version to version; one that is not known stays unknown.

    ## Example
    `OSError: We couldn't connect to 'https://huggingface.co' to load the files`

    ## References
    Hugging Face Hub, "Environment variables": HF_HUB_OFFLINE.
    """

    order = 39

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with what kept the hub from answering in `evidence["why"]`."""
        found = said(evidence, _TEXT)
        if found is None:
            network = said(evidence, _NETWORK)
            if network is None or not called(network.error, *_FRAMES):
                return None
            found = network
        why, message, advice = _story(f"{found.error.type if found.error else ''} {found.text}")
        return run.Failure(
            "hub-unreachable", message, {**found.facts, "why": why, "advice": advice}
        )


def _story(text: str) -> tuple[str, str, str]:
    if re.search(r"Gated|\b40[13]\b|Repository ?Not ?Found|RepositoryNotFound|gated repo", text):
        return (
            "refused",
            "the hub refused: the files are gated, private or not there",
            "ask for access on the page of the model, log in by `hf auth login`, or correct the name",
        )
    if re.search(r"\b429\b|Too Many Requests|rate limit", text):
        return (
            "limited",
            "the hub asks for fewer requests",
            "wait a while, or log in for a higher limit",
        )
    if _OFFLINE.search(text):
        return (
            "offline",
            "the files are not on this machine, and going online is switched off",
            "fetch them once with HF_HUB_OFFLINE unset",
        )
    return (
        "unreachable",
        "the hub of models or data could not be reached",
        "look at the network; files that are here already can be used with HF_HUB_OFFLINE=1",
    )
