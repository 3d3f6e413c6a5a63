"""`labhand lsp`: findings in an editor, by the language server protocol."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labhand.core.errors import UsageError

if TYPE_CHECKING:
    from labhand.core.finding import Finding


@click.command(epilog="Example: labhand lsp")
def lsp() -> None:
    """Serve an editor on standard input and output.

    It tells the findings of open Python files while they are edited, offers their fixes, and shows a
    rule's page on hover. The editor starts it; needs `pip install 'labhand[lsp]'`.
    """
    try:
        from pygls.lsp.server import LanguageServer
    except ImportError as error:
        raise UsageError(
            "`labhand lsp` needs the package pygls; `pip install 'labhand[lsp]'` brings it"
        ) from error
    from labhand import __version__

    server = LanguageServer("labhand", __version__)
    editor = Editor(server)
    answers = {
        "didOpen": editor.tell,
        "didChange": editor.tell,
        "didSave": editor.tell,
        "didClose": editor.close,
        "codeAction": editor.actions,
        "hover": editor.hover,
    }
    for asked, answer in answers.items():
        # pygls writes attributes on what it calls, which a bound method refuses
        server.feature(f"textDocument/{asked}")(lambda params, answer=answer: answer(params))
    server.start_io()


class Editor:
    """What an editor asks, answered. `server` is pygls's, which holds the open documents."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.findings: dict[str, list[Finding]] = {}

    def tell(self, params: Any) -> None:
        """Checks an open document as it stands and publishes its findings."""
        from labhand.core.errors import LabhandError

        uri = params.text_document.uri
        try:
            self.findings[uri] = self._look(self.server.workspace.get_text_document(uri))
        except LabhandError as error:  # such as settings that are half written
            self.findings[uri] = []
            self._log(str(error))
        self._publish(uri)

    def close(self, params: Any) -> None:
        """Forgets a document and takes its findings back."""
        self.findings[params.text_document.uri] = []
        self._publish(params.text_document.uri)
        del self.findings[params.text_document.uri]

    def actions(self, params: Any) -> list[Any]:
        """The fixes of the findings in a range."""
        from lsprotocol import types

        from labhand.check.patches import edits

        uri, found = params.text_document.uri, list[Any]()
        for finding, there in self._at(uri, params.range.start.line, params.range.end.line):
            if finding.fix is None:
                continue
            changes = [
                types.TextEdit(
                    range=types.Range(
                        start=types.Position(line=start, character=0),
                        end=types.Position(line=start + len(old), character=0),
                    ),
                    new_text="".join(new),
                )
                for start, old, new in edits(finding.fix.patch)
            ]
            science = "" if finding.fix.safety == "neutral" else " (changes results)"
            found.append(
                types.CodeAction(
                    title=f"{finding.fix.summary}{science}",
                    kind=types.CodeActionKind.QuickFix,
                    diagnostics=[there],
                    is_preferred=finding.fix.safety == "neutral",
                    edit=types.WorkspaceEdit(changes={uri: changes}),
                )
            )
        return found

    def hover(self, params: Any) -> Any:
        """The pages of the rules that found something on a line; None where none did."""
        from lsprotocol import types

        from labhand.core import registry
        from labhand.kit import cases

        line = params.position.line
        names = {f.rule for f, _ in self._at(params.text_document.uri, line, line)}
        pages = [
            f"# {e.name}\n\n{cases.documentation(e)}"
            for e in registry.extensions("rule", self._home(params.text_document.uri))
            if e.name in names
        ]
        kind = types.MarkupKind.Markdown
        return types.Hover(types.MarkupContent(kind, "\n\n".join(pages))) if pages else None

    def _look(self, document: Any) -> "list[Finding]":
        from labhand.check import check_text
        from labhand.core.store import Store, project_root
        from labhand.kit import configuration

        path = Path(document.path)
        if path.suffix != ".py":
            return []
        root = project_root(path.parent)
        settings = configuration.read(root)
        return check_text(
            path,
            document.source,
            root=root,
            home=Store.at(root).home,
            select=settings.select,
            ignore=settings.ignore,
            per_file=settings.per_file_ignores,
        ).findings

    def _home(self, uri: str) -> Path:
        from labhand.core.store import Store

        path: str = self.server.workspace.get_text_document(uri).path
        return Store.at(Path(path).parent).home

    def _at(self, uri: str, first: int, last: int) -> "list[tuple[Finding, Any]]":
        """The findings on lines from 0, each with what was published of it."""
        told = [(f, self._diagnostic(uri, f)) for f in self.findings.get(uri, [])]
        return [(f, d) for f, d in told if d.range.start.line <= last and first <= d.range.end.line]

    def _publish(self, uri: str) -> None:
        from lsprotocol import types

        told = [self._diagnostic(uri, f) for f in self.findings[uri]]
        self.server.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri=uri, diagnostics=told)
        )

    def _diagnostic(self, uri: str, finding: "Finding") -> Any:
        from lsprotocol import types

        gravity = {
            "error": types.DiagnosticSeverity.Error,
            "warning": types.DiagnosticSeverity.Warning,
            "note": types.DiagnosticSeverity.Information,
        }
        chain = "".join(f"\n- line {r.where.line}: {r.message}" for r in finding.related)
        return types.Diagnostic(
            range=self._range(uri, finding),
            message=f"{finding.message}. {finding.advice[:1].upper()}{finding.advice[1:]}.{chain}",
            severity=gravity[finding.severity],
            code=finding.rule,
            source="labhand",
        )

    def _range(self, uri: str, finding: "Finding") -> Any:
        """The place of a finding in the units that the editor counts columns in."""
        from lsprotocol import types

        where, document = finding.where, self.server.workspace.get_text_document(uri)
        assert isinstance(where.line, int) and isinstance(where.column, int)
        last = where.end_line if isinstance(where.end_line, int) else where.line
        end = where.end_column - 1 if isinstance(where.end_column, int) else where.column
        there = types.Range(
            start=types.Position(line=where.line - 1, character=where.column - 1),
            end=types.Position(line=last - 1, character=end),
        )
        return document.position_codec.range_to_client_units(document.lines, there)

    def _log(self, message: str) -> None:
        from lsprotocol import types

        self.server.window_log_message(
            types.LogMessageParams(type=types.MessageType.Warning, message=f"labhand: {message}")
        )
