"""The language server, driven by a client over standard input and output."""

import asyncio
import sys

from lsprotocol import types
from pygls.lsp.client import LanguageClient

BAD = """\
import torch

optimizer = torch.optim.SGD(parameters, 0.1)
for x in loader:
    model(x, "🧪").sum().backward()
    "🧪"; optimizer.step()
"""


async def conversation(path):
    client = LanguageClient("test", "1")
    told = asyncio.Queue()
    client.feature("textDocument/publishDiagnostics")(lambda params: told.put_nowait(params))
    await client.start_io(sys.executable, "-m", "labhand", "lsp")
    folder, uri = path.parent.as_uri(), path.as_uri()
    await client.initialize_async(
        types.InitializeParams(capabilities=types.ClientCapabilities(), root_uri=folder)
    )
    client.initialized(types.InitializedParams())
    document = types.TextDocumentItem(uri=uri, language_id="python", version=1, text=BAD)
    client.text_document_did_open(types.DidOpenTextDocumentParams(document))
    first = await asyncio.wait_for(told.get(), 60)
    name = types.TextDocumentIdentifier(uri)
    there = first.diagnostics[0].range
    actions = await client.text_document_code_action_async(
        types.CodeActionParams(name, there, types.CodeActionContext(first.diagnostics))
    )
    page = await client.text_document_hover_async(types.HoverParams(name, there.start))
    nothing = await client.text_document_hover_async(types.HoverParams(name, types.Position(0, 0)))
    (change,) = actions[0].edit.changes[uri]
    client.text_document_did_change(
        types.DidChangeTextDocumentParams(
            types.VersionedTextDocumentIdentifier(version=2, uri=uri),
            [types.TextDocumentContentChangePartial(text=change.new_text, range=change.range)],
        )
    )
    second = await asyncio.wait_for(told.get(), 60)
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()
    return first.diagnostics, actions, page, nothing, second.diagnostics


def test_an_editor_gets_findings_fixes_and_pages(lab):
    lab.script("pyproject.toml", "")
    path = lab.script("train.py", "nothing = 'of this is read: the editor has another text'\n")
    found, actions, page, nothing, after = asyncio.run(conversation(path))
    (finding,) = found
    assert finding.code == "grad-zero-missing" and finding.source == "labhand"
    # an editor counts in units of UTF-16, in which the test tube takes two
    assert (finding.range.start.line, finding.range.start.character) == (5, 10)
    assert "line 5: gradients are added here" in finding.message
    (action,) = actions
    assert action.title == "Insert `optimizer.zero_grad()` (changes results)"
    assert "## Why is this bad" in page.contents.value and nothing is None
    assert not after
